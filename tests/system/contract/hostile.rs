//! A server or a proxy whose messages quote statements and values, as Vitess does for any error:
//! nothing of them is ever shown, whatever the number.

use loadgen::{Kind, Message};
use sluicegate::mysql::retry::TABLE;
use sluicegate::mysql::without_values;
use sqlx::{Connection as _, Executor};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use testkit::servers::Url;
use testkit::{Instance, Server, World, free_port, wait_for};

testkit::on_both_servers!(no_number_lets_a_message_through, no_flush_lets_a_message_through);

/// What must not come out, and what surrounds it.
const SECRET: &str = "maria@example.org";
const STATE: &str = "LEAK1";

fn message(number: u16) -> String {
    // As the servers say it where we look for a name, and as Vitess says it everywhere.
    let own = match number {
        1048 => format!("Column '{SECRET}' cannot be null"),
        1406 => format!("Data too long for column '{SECRET}' at row 1"),
        3819 => format!("Check constraint '{SECRET}' is violated."),
        4025 => format!("CONSTRAINT `{SECRET}` failed for `shop`.`users`"),
        _ => format!("target: shop.-80.primary: vttablet: {SECRET}"),
    };
    format!(
        "{own} (errno {number}) Sql: \"insert into users values ('{SECRET}')\", BindVars: {{v1: '{SECRET}'}}"
    )
}

/// Which statements are answered with which error.
#[derive(Clone, Default)]
struct Plan(Arc<Mutex<Option<(&'static str, u16)>>>);

impl Plan {
    fn set(&self, beginning: &'static str, number: u16) {
        *self.0.lock().unwrap() = Some((beginning, number));
    }

    fn number(&self, statement: &[u8]) -> Option<u16> {
        let (beginning, number) = (*self.0.lock().unwrap())?;
        statement.starts_with(beginning.as_bytes()).then_some(number)
    }
}

/// Passes everything on but the statements of the plan. It speaks no TLS, so that it can read.
fn start(server: &str, plan: &Plan) -> u16 {
    let url = Url::parse(server);
    let address = format!("{}:{}", url.host, url.port);
    let port = free_port();
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let plan = plan.clone();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (Ok(client), Ok(server)) = (client, TcpStream::connect(&address)) else { continue };
            let plan = plan.clone();
            let (mut from, mut to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut from, &mut to);
                let _ = to.shutdown(Shutdown::Both);
            });
            std::thread::spawn(move || {
                let _ = pass_on(&client, &server, &plan);
                let _ = server.shutdown(Shutdown::Both);
            });
        }
    });
    port
}

/// Reads the client's packets: three bytes of length, a number, and for a statement a 3 first.
fn pass_on(mut client: &TcpStream, mut server: &TcpStream, plan: &Plan) -> std::io::Result<()> {
    let mut head = [0; 4];
    loop {
        client.read_exact(&mut head)?;
        let length = usize::from(head[0]) | usize::from(head[1]) << 8 | usize::from(head[2]) << 16;
        let mut body = vec![0; length];
        client.read_exact(&mut body)?;
        let is_statement = head[3] == 0 && body.first() == Some(&3);
        match plan.number(&body[1.min(length)..]).filter(|_| is_statement) {
            Some(number) => client.write_all(&error(number))?,
            None => {
                server.write_all(&head)?;
                server.write_all(&body)?;
            }
        }
    }
}

fn error(number: u16) -> Vec<u8> {
    let mut body = vec![0xFF];
    body.extend(number.to_le_bytes());
    body.extend(format!("#{STATE}{}", message(number)).into_bytes());
    let mut packet = u32::try_from(body.len()).unwrap().to_le_bytes()[..3].to_vec();
    packet.push(1);
    packet.extend(body);
    packet
}

#[track_caller]
fn assert_silent(context: &str, said: &str) {
    for part in
        [SECRET, "maria", "example.org", STATE, "BindVars", "Sql:", "vttablet", "insert into"]
    {
        assert!(!said.contains(part), "{context}: {part:?} in {said}");
    }
}

async fn no_number_lets_a_message_through(server: Server) {
    let Some(world) = World::new(server) else { return };
    world.product_server().create_database().await.unwrap();
    let plan = Plan::default();
    let mut product = world.product_server();
    product.port = start(&world.url, &plan);
    product.tls.mode = sqlx::mysql::MySqlSslMode::Disabled;
    let mut connection = product.connect().await.unwrap();
    let all = TABLE.iter().map(|line| line.0).chain((1..10_000).step_by(7)).chain([u16::MAX]);
    for number in all {
        plan.set("DO 1", number);
        let error = connection.execute("DO 1").await.unwrap_err();
        let said = without_values(&error);
        assert!(said.contains(&format!("error {number} ")), "{said}");
        assert_silent(server.name(), &said);
    }
    connection.close().await.unwrap();
    world.end().await;
}

/// Every subcommand that talks to the server, at each kind of statement.
#[tokio::test(flavor = "multi_thread")]
async fn no_subcommand_lets_a_message_through() {
    let Some(mut world) = World::new(Server::MySql) else { return };
    world.create_topics(&["user"], 1).await;
    world.succeed(&["migrate"]);
    let plan = Plan::default();
    let port = start(&world.url, &plan);
    world.set("mysql.tls_mode", "disabled").set("mysql.port", port);
    world.set("mysql.host", "127.0.0.1");
    for (beginning, number) in [
        ("SET SESSION autocommit", 1142),
        ("SET SESSION c", 1227),
        ("SHOW SESSION", 4711),
        ("SELECT version, checksum", 1143),
        ("SELECT CAST(TABLE_NAME", 4711),
        ("SELECT", 1105),
        ("EXPLAIN", 1142),
        ("INSERT", 1146),
    ] {
        for command in [
            ["migrate"].as_slice(),
            &["check"],
            &["dead-letters", "list"],
            &["dead-letters", "count"],
            &["run", "--until-end", "--no-migrate"],
        ] {
            // What is waited out does not end.
            if command[0] == "run" && beginning == "INSERT" {
                continue;
            }
            plan.set(beginning, number);
            let output = world.execute(command);
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8_lossy(&said);
            assert_silent(&format!("{command:?} at {beginning}"), &said);
        }
    }
    world.end().await;
}

/// Log, `/readyz`, `/status` and `/metrics` of an instance whose flush fails.
async fn no_flush_lets_a_message_through(server: Server) {
    let Some(mut world) = World::new(server) else { return };
    world.create_topics(&["user"], 1).await;
    let plan = Plan::default();
    let port = start(&world.url, &plan);
    world.set("mysql.tls_mode", "disabled").set("mysql.host", "127.0.0.1");
    world.set("mysql.port", port).set("flush.retry_longest", "100ms");
    world.serve_http();
    let instance = Instance::start(&world);
    let is_ready = |wanted: bool| {
        let page = instance.get("/readyz")?;
        (page.is_ok() == wanted).then_some(page)
    };
    wait_for("readiness", || is_ready(true));
    let mut pages = Vec::new();
    for (offset, number) in [1205, 1290, 1142, 1054, 4711, 1406].into_iter().enumerate() {
        plan.set("INSERT INTO `user_logins`", number);
        let login = format!(
            r#"{{"event_type":"user.login","event_id":"e{offset}","timestamp":"2025-01-06T08:00:00Z","entity_id":"u1","data":{{"ip_address":"127.0.0.1"}}}}"#
        );
        world
            .produce(vec![Message {
                topic: "user".into(),
                key: None,
                value: Some(login.into_bytes()),
                kind: Kind::Valid,
            }])
            .await;
        if number == 1406 {
            // The event becomes a dead letter.
            wait_for("a dead letter", || {
                let page = instance.get("/metrics")?;
                page.body().contains("server_refused").then_some(())
            });
        } else {
            pages.push(wait_for("no readiness", || is_ready(false)));
        }
        pages.extend(["/status", "/metrics", "/"].map(|path| instance.get(path).unwrap()));
        plan.set("no statement", 0);
        wait_for("readiness again", || is_ready(true));
    }
    instance.signal("TERM");
    let (_, log) = instance.end();
    assert_silent(server.name(), &log);
    for page in pages {
        assert_silent(server.name(), &page.text);
    }
    for letter in world.rows("dead_letters").await {
        assert_silent(server.name(), &letter["error_text"].to_string());
    }
    world.end().await;
}
