//! Mapping files of a user's own: where events of any type go, and what is a fault of the file.

use sqlx::{AssertSqlSafe, Executor};
use std::path::Path;
use testkit::kafka::Group;
use testkit::world::said;
use testkit::{Instance, Row, Server, World, wait_for};

testkit::on_both_servers!(
    ignored_events_are_counted_and_committed,
    any_topic_into_a_table_named_new,
    huge_zeros_are_dead_letters_of_ours
);

/// Names and texts of mapping files.
type Files<'f> = &'f [(&'f str, &'f str)];

/// Loads `files` from a directory of its own into `tables`, made as `ddl` says.
async fn world_with(
    server: Server,
    directory: &Path,
    files: Files<'_>,
    tables: &[&str],
) -> Option<World> {
    let mut world = World::new(server)?;
    for (name, text) in files {
        std::fs::write(directory.join(name), text).unwrap();
    }
    world.succeed(&["migrate"]);
    world.set("mapping.directory", directory.display());
    let mut connection = world.connect().await;
    for table in tables {
        connection.execute(AssertSqlSafe(*table)).await.unwrap();
    }
    Some(world)
}

/// The columns that every table has, around `columns`.
fn table(name: &str, key: &str, columns: &str, unique: &str) -> String {
    let null = if unique.contains("event_id") { "NOT NULL" } else { "NULL" };
    format!(
        "CREATE TABLE `{name}` (id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, \
         `{key}` VARCHAR(50) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, {columns} \
         event_id VARCHAR(50) CHARACTER SET ascii COLLATE ascii_bin {null}, event_timestamp DATETIME(6) {null}, \
         created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, UNIQUE KEY `uq_{name}` ({unique})) \
         CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci"
    )
}

fn event(topic: &str, action: &str, number: usize, data: &str) -> loadgen::Message {
    let value = format!(
        r#"{{"event_type":"{topic}.{action}","event_id":"e{number}","timestamp":"2025-01-06T08:00:0{number}Z","entity_id":"x1","data":{data}}}"#
    );
    loadgen::Message {
        topic: topic.to_owned().into(),
        key: Some(b"x1".to_vec()),
        value: Some(value.into_bytes()),
        kind: loadgen::Kind::Valid,
    }
}

/// Tickets are kept, beats are not; a view that changes nothing is ignored as well.
const TICKET: &str = r#"
topic = "ticket"
key = "ticket_id"
ignore = ["*", "ticket.beat"]
[entity]
table = "tickets"
created_by = "ticket.opened"
columns = [{ name = "title", type = "varchar(50)", from = "title" }]
[[entity.changing]]
name = "status"
type = "varchar(50)"
from = "status"
on = [{ event = "ticket.viewed", from = "status", if_present = true }]
"#;

async fn ignored_events_are_counted_and_committed(server: Server) {
    let directory = tempfile::tempdir().unwrap();
    let columns = "title VARCHAR(50) NULL, status VARCHAR(50) NULL, status_changed_at DATETIME(6) NULL, \
         status_changed_by VARCHAR(50) CHARACTER SET ascii COLLATE ascii_bin NULL,";
    let tickets = table("tickets", "ticket_id", columns, "ticket_id");
    let files = [("ticket.toml", TICKET)];
    let Some(mut world) = world_with(server, directory.path(), &files, &[&tickets]).await else {
        return;
    };
    world.create_topics(&["ticket"], 1).await;
    world.set("kafka.topics", "ticket");
    // Nothing but ignored events: their offsets are committed all the same.
    let ignored = ["beat", "beat", "unheard_of"];
    let first = ignored.iter().enumerate().map(|(n, action)| event("ticket", action, n, "{}"));
    let first =
        first.chain([event("ticket", "viewed", 4, r#"{"status":null}"#)]).collect::<Vec<_>>();
    world.produce(first).await;
    let log = world.load();
    assert_eq!(Group::new(&world).committed("ticket"), 4, "{log}");
    assert_eq!(world.rows("tickets").await, [] as [Row; 0], "{log}");
    // Among others, they are skipped.
    let second = vec![
        event("ticket", "opened", 5, r#"{"title":"t","status":"new"}"#),
        event("ticket", "beat", 6, "{}"),
        event("ticket", "viewed", 7, r#"{"status":"seen"}"#),
        event("ticket", "Beat", 8, "{}"),
    ];
    world.produce(second).await;
    let log = world.load();
    assert_eq!(Group::new(&world).committed("ticket"), 8, "{log}");
    let rows = world.rows("tickets").await;
    assert_eq!((rows.len(), &rows[0]["status"]), (1, &"seen".into()), "{log}");
    let letters = world.rows("dead_letters").await;
    assert_eq!((letters.len(), &letters[0]["error_code"]), (1, &"event_type_invalid".into()));
    world.end().await;
}

/// How many there were is a metric by topic.
#[tokio::test]
async fn ignored_events_have_a_metric() {
    let directory = tempfile::tempdir().unwrap();
    let file = "topic = 'ping'\nkey = 'ping_id'\nignore = ['*', 'ping.sent']";
    let files = [("ping.toml", file)];
    let Some(mut world) = world_with(Server::MariaDb, directory.path(), &files, &[]).await else {
        return;
    };
    world.create_topics(&["ping"], 1).await;
    world.set("kafka.topics", "ping").serve_http();
    world.produce(vec![event("ping", "sent", 1, "{}"), event("ping", "lost", 2, "{}")]).await;
    let instance = Instance::start(&world);
    let ignored = format!("sluicegate_decode_ignored_total{{topic=\"{}\"}}", world.topic("ping"));
    let metrics = wait_for("the metric", || {
        instance.metrics().filter(|metrics| metrics.value(&ignored) == Some(2.0))
    });
    for event_type in ["ping.sent", "other"] {
        let labels = format!("{{topic=\"ping\",event_type=\"{event_type}\"}}");
        let series = format!("sluicegate_decode_events_total{labels}");
        assert_eq!(metrics.value(&series), Some(1.0), "{metrics:?}");
    }
    instance.kill();
    world.end().await;
}

/// `check` and `run` name every fault of every file, and nothing is consumed.
#[tokio::test]
async fn faults_of_mapping_files_are_listed_by_check_and_run() {
    let only_names = "topic = 'ticket'\nkey = 'ticket_id'\n";
    let secret = "topic = 'card'\nkey = 'card_id'\nignore = ['*']\nredact = ['payment', 'audit']\n[entity]\ntable = 'cards'\ncreated_by = 'card.made'\ncolumns = []\n[[entity.changing]]\nname = 'number'\ntype = 'text'\nfrom = 'Payment.number'\non = [{ event = 'card.used', from = 'payment.number' }]\n[[entity.lines]]\ntable = 'card_uses'\neach = 'audit.uses'\nnumber = 'n'\ncolumns = [{ name = 'sku', type = 'text', from = 'items[0].sku' }]\n";
    let nothing = "event types that this file does not name would go nowhere";
    let cases: [(Files<'_>, &[&str]); 5] = [
        (&[("ticket.toml", only_names)], &["ticket.toml:1: ticket: ", nothing]),
        (
            &[("one.toml", TICKET), ("two.toml", TICKET)],
            &["two.toml:2: ticket: ", "one.toml already maps this topic"],
        ),
        (&[("ticket.tml", TICKET)], &["ticket.tml", "does not end in .toml", "no mapping file"]),
        (
            &[("card.toml", secret)],
            &[
                "card.toml:12: Payment.number: leads through a redacted key",
                "card.toml:13: payment.number: leads through a redacted key",
                "card.toml:16: audit.uses: leads through a redacted key",
                "card.toml:18: sku: \"items[0].sku\" points into an array",
            ],
        ),
        (
            &[("a.toml", "topic = 7\nkee = 'x'"), ("b.toml", only_names)],
            &[
                "a.toml:1: topic: expected a string",
                "a.toml:2: kee: unknown key",
                "did you mean key?",
                "b.toml:1: ticket",
            ],
        ),
    ];
    for (files, expected) in cases {
        let directory = tempfile::tempdir().unwrap();
        let world = world_with(Server::MariaDb, directory.path(), files, &[]).await;
        let Some(world) = world else { return };
        for command in [&["check"][..], &["run", "--until-end"]] {
            let output = world.execute(command);
            let said = said(&output);
            assert_eq!(output.status.code(), Some(1), "{command:?}: {said}");
            for expected in expected {
                assert!(said.contains(expected), "{command:?}: {said}\nshould contain {expected}");
            }
        }
        world.end().await;
    }
}

/// A topic with a dot, a dash and capitals, and an entity table by the name of the row that MySQL's
/// statement compares with.
async fn any_topic_into_a_table_named_new(server: Server) {
    let topic = "shop.Orders-v2";
    let directory = tempfile::tempdir().unwrap();
    let file = TICKET
        .replace("ticket.", &format!("{topic}."))
        .replace("\"ticket\"", &format!("{topic:?}"));
    let file = file
        .replace("\"tickets\"", "\"new\"")
        .replace("ignore = [\"*\", \"shop.Orders-v2.beat\"]", "");
    let file = format!(
        "{file}\n[[log]]\ntable = \"new_events\"\nevents = [\"*\"]\ncolumns = [{{ name = \"event_type\", type = \"varchar(100)\", from = \"$event_type\" }}]"
    );
    let columns = "title VARCHAR(50) NULL, status VARCHAR(50) NULL, status_changed_at DATETIME(6) NULL, \
         status_changed_by VARCHAR(50) CHARACTER SET ascii COLLATE ascii_bin NULL,";
    let tables = [
        table("new", "ticket_id", columns, "ticket_id"),
        table(
            "new_events",
            "ticket_id",
            "event_type VARCHAR(100) NOT NULL,",
            "event_timestamp, event_id",
        ),
    ];
    let tables = [tables[0].as_str(), &tables[1]];
    let files = [("shop.toml", file.as_str())];
    let Some(mut world) = world_with(server, directory.path(), &files, &tables).await else {
        return;
    };
    world.create_topics(&[topic], 1).await;
    world.set("kafka.topics", topic).set("batch.rows", 1);
    world
        .produce(vec![
            event(topic, "viewed", 2, r#"{"status":"seen"}"#),
            event(topic, "opened", 1, r#"{"title":"t","status":"fresh"}"#),
            loadgen::Message { topic: topic.into(), ..event("shop.orders", "opened", 3, "{}") },
        ])
        .await;
    let log = world.load();
    let rows = world.rows("new").await;
    assert_eq!(rows.len(), 1, "{log}");
    assert_eq!((&rows[0]["title"], &rows[0]["status"]), (&"t".into(), &"seen".into()), "{log}");
    let mut types: Vec<Row> = world.rows("new_events").await;
    types.sort_by_key(|row| row["event_id"].to_string());
    assert_eq!(types[0]["event_type"], format!("{topic}.opened"));
    let letters = world.rows("dead_letters").await;
    assert_eq!((letters.len(), &letters[0]["error_code"]), (1, &"event_type_invalid".into()));
    world.end().await;
}

/// A zero that MySQL's JSON column refuses is a dead letter from the start, not a batch that the
/// server refuses.
async fn huge_zeros_are_dead_letters_of_ours(server: Server) {
    let Some(world) = World::new(server) else { return };
    world.create_topics(&["user"], 1).await;
    let noted = |number, data: &str| event("user", "noted", number, data);
    let messages = vec![
        noted(1, r#"{"a":0e999}"#),
        noted(2, r#"{"a":[0.0e400]}"#),
        noted(3, r#"{"a":0e308}"#),
        noted(4, r#"{"a":1e400}"#),
        noted(5, r#"{"a":[5],"a":0.0}"#),
    ];
    world.produce(messages).await;
    let log = world.load();
    let is_mysql = server == Server::MySql;
    let mut codes: Vec<String> = world
        .rows("dead_letters")
        .await
        .iter()
        .map(|row| row["error_code"].as_str().unwrap().to_owned())
        .collect();
    codes.sort();
    let expected: &[&str] =
        if is_mysql { &["json_invalid", "json_limit", "json_limit"] } else { &["json_invalid"] };
    assert_eq!(codes, expected, "{log}");
    assert_eq!(world.rows("user_events").await.len(), 5 - codes.len(), "{log}");
    assert!(!log.contains("server refuses"), "{log}");
    world.end().await;
}
