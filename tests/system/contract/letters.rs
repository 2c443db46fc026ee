//! Dead letters are known by their address: numbers may repeat where databases were joined. And by where
//! their topic came from: addresses repeat where it was recreated.

use serde_json::Value;
use sluicegate::dead_letter::{DeadLetter, adopt};
use sluicegate::flush::statement::{StatementLimits, Statements};
use sluicegate::mapping::Mapping;
use sluicegate::mysql::server_facts;
use sluicegate::offsets::Origin;
use sluicegate::reject::{Code, Reject};
use sqlx::{AssertSqlSafe, Executor as _};
use std::collections::BTreeMap;
use std::sync::Arc;
use testkit::world::said;
use testkit::{Server, World};

testkit::on_both_servers!(
    addresses_where_ids_repeat,
    letters_of_a_recreated_topic,
    letters_without_an_origin_get_one
);

const LETTERS: usize = 1_200;

/// Two topics of logins that a mapping with a narrow column makes dead letters, and half of the
/// numbers given twice, as by two shards.
async fn world_with_shared_ids(server: Server) -> Option<World> {
    let mut world = World::new(server)?;
    world.create_topics(&["user", "supplier"], 1).await;
    let directory = tempfile::tempdir().unwrap();
    let (wide, narrow) = ("type = \"varchar(64)\"", "type = \"varchar(3)\"");
    for (domain, text) in [
        ("user", include_str!("../../../src/domains/user.toml")),
        ("supplier", include_str!("../../../src/domains/supplier.toml")),
    ] {
        assert!(text.contains(wide), "{domain}");
        std::fs::write(directory.path().join(format!("{domain}.toml")), text.replace(wide, narrow))
            .unwrap();
    }
    let login = |topic: &str, n: usize| {
        loadgen::Message {
        topic: topic.to_owned().into(),
        key: None,
        value: Some(
            format!(
                r#"{{"event_type":"{topic}.login","event_id":"{topic}{n}","timestamp":"2025-01-06T08:00:00Z","entity_id":"x1","data":{{"ip_address":"127.0.0.1"}}}}"#
            )
            .into_bytes(),
        ),
        kind: loadgen::Kind::Valid,
    }
    };
    let half = LETTERS / 2;
    let logins = (0..half).flat_map(move |n| [login("user", n), login("supplier", n)]);
    world.produce(logins).await;
    world.set("mapping.directory", directory.path().display());
    world.load();
    world.settings.clear();
    let mut connection = world.connect().await;
    // It still gives numbers, and no longer unique ones.
    connection
        .execute("ALTER TABLE dead_letters DROP PRIMARY KEY, ADD KEY ix_id (id)")
        .await
        .unwrap();
    connection.execute("UPDATE dead_letters SET id = 1 + kafka_offset").await.unwrap();
    Some(world)
}

fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

async fn addresses_where_ids_repeat(server: Server) {
    let Some(world) = world_with_shared_ids(server).await else { return };
    let address = |topic: &str, offset: usize| format!("{}{topic}/0/{offset}", world.prefix);
    let (user, supplier) = (address("user", 16), address("supplier", 16));

    // `show` shows both of an id, and one of an address.
    let both = world.execute(&["dead-letters", "show", "17", "--json"]);
    let shown = json_lines(&String::from_utf8_lossy(&both.stdout));
    assert_eq!(shown.len(), 2, "{}", said(&both));
    assert_eq!(
        (&shown[0]["address"], &shown[1]["address"]),
        (&supplier.as_str().into(), &user.as_str().into())
    );
    assert!(said(&both).contains("2 letters have this id"), "{}", said(&both));
    let one = json_lines(&world.succeed(&["dead-letters", "show", &user, "--json"]));
    assert!(one.len() == 1 && one[0]["payload"].as_str().unwrap().contains("user16"), "{one:?}");
    assert_eq!((&one[0]["partition"], &one[0]["offset"]), (&0.into(), &16.into()));
    let text = world.succeed(&["dead-letters", "show", &user]);
    assert!(text.contains(&format!("address        {user}")), "{text}");

    // `list` shows each letter once, the newest last, under its address.
    let all = ["dead-letters", "list", "--json", "--limit", "5000"];
    let listed = json_lines(&world.succeed(&all));
    let mut order: Vec<(String, String, i64)> = Vec::new();
    for letter in &listed {
        let text = |name: &str| letter[name].as_str().unwrap().to_owned();
        order.push((text("dead_at"), text("topic"), letter["offset"].as_i64().unwrap()));
    }
    assert_eq!(order.len(), LETTERS);
    assert!(order.is_sorted_by(|a, b| a < b), "by time, then by address, each once");
    assert!(world.succeed(&["dead-letters", "list", &user]).contains(&user));

    // What is deleted does not come back, so an id of two letters deletes neither.
    let purge = world.execute(&["dead-letters", "purge", "--unreplayed", "17"]);
    assert_eq!(purge.status.code(), Some(1));
    assert!(
        said(&purge).contains(&format!("{supplier}, {user}; give their addresses instead")),
        "{}",
        said(&purge)
    );
    assert!(world.succeed(&["dead-letters", "purge", "--unreplayed", &user]).starts_with("1 "));
    assert_eq!(world.execute(&["dead-letters", "show", &user]).status.code(), Some(1));
    world.succeed(&["dead-letters", "show", &supplier]);

    // A replay by address marks that one alone.
    let replay = |arguments: &[&str]| -> Value {
        let all = [&["dead-letters", "replay", "--json"], arguments].concat();
        serde_json::from_str(&world.succeed(&all)).unwrap()
    };
    assert_eq!(replay(&[&address("user", 1)])["loaded"], 1);
    let of_two = json_lines(&world.succeed(&["dead-letters", "list", "2", "--json"]));
    let marked = |topic: &str| {
        let is_it = |letter: &&Value| letter["address"] == address(topic, 1).as_str();
        !of_two.iter().find(is_it).unwrap()["replayed_at"].is_null()
    };
    assert!(marked("user") && !marked("supplier"), "{of_two:?}");

    // More than one page: none is left out, none comes twice.
    let outcome = replay(&[]);
    assert_eq!(
        (&outcome["loaded"], &outcome["already_loaded"]),
        (&(LETTERS - 2).into(), &0.into())
    );
    assert_eq!(replay(&[])["loaded"], 0);
    assert_eq!(world.rows("user_logins").await.len(), LETTERS / 2 - 1);
    assert_eq!(world.rows("supplier_logins").await.len(), LETTERS / 2);
    assert!(world.succeed(&["dead-letters", "purge"]).starts_with(&format!("{} ", LETTERS - 1)));
    world.end().await;
}

/// What is not an address is wrong usage, and never a question to the server.
#[tokio::test]
async fn what_is_not_an_address() {
    let Some(world) = World::new(Server::MySql) else { return };
    for arguments in [
        ["show", "order"],
        ["show", "order/3"],
        ["replay", "order/3/x"],
        ["purge", "-1"],
        ["list", "--topic=ü"],
    ] {
        let output = world.execute(&[&["dead-letters"], &arguments[..]].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", said(&output));
    }
    world.end().await;
}

fn origin(cluster_id: &str, topic_id: &str) -> Origin {
    Origin { cluster_id: cluster_id.into(), topic_id: topic_id.into() }
}

/// A login that a narrower column has made a dead letter.
fn login(offset: i64, origin: &Origin, event_id: &str) -> DeadLetter {
    let payload = format!(
        r#"{{"event_type":"user.login","event_id":"{event_id}","timestamp":"2025-01-06T08:00:00Z","entity_id":"x1","data":{{}}}}"#
    );
    DeadLetter {
        topic: "user".into(),
        partition: 0,
        offset,
        origin: origin.clone(),
        headers: std::collections::BTreeMap::new(),
        key: None,
        payload_bytes: payload.len(),
        payload: payload.into_bytes(),
        payload_cut: false,
        event_type: None,
        event_id: None,
        reject: Reject::new(Code::ValueTooLong, "too long"),
        kafka_timestamp: None,
        dead_at: 0,
    }
}

/// Writes letters as a batch does.
async fn write(world: &World, letters: &[DeadLetter]) {
    const LIMITS: StatementLimits = StatementLimits { rows: 1_000, bytes: 1 << 20 };
    let mut connection = world.connect().await;
    let dialect = server_facts(&mut connection).await.unwrap().dialect;
    let statements = Statements::new(&Mapping::built_in().unwrap(), dialect);
    let (mut from, mut text) = (0, String::new());
    while from < letters.len() {
        from = statements.dead_letters(letters, from, LIMITS, &mut text);
        connection.execute(AssertSqlSafe(text.as_str())).await.unwrap();
    }
}

async fn letters_of_a_recreated_topic(server: Server) {
    let Some(world) = World::new(server) else { return };
    world.succeed(&["migrate"]);
    let (first, second) =
        (origin("c", "AAAAAAAAAAAAAAAAAAAAAQ"), origin("c", "AAAAAAAAAAAAAAAAAAAAAg"));
    let elsewhere = origin("d", "AAAAAAAAAAAAAAAAAAAAAQ");
    let letters: Vec<DeadLetter> = [("a", &first), ("b", &second), ("c", &elsewhere)]
        .into_iter()
        .flat_map(|(event, from)| (0..3).map(move |at| login(at, from, &format!("{event}{at}"))))
        .collect();
    for _ in 0..2 {
        write(&world, &letters).await;
        assert_eq!(world.count("dead_letters").await, 9, "none is overwritten, none comes twice");
    }

    let address = "user/0/1";
    let listed = json_lines(&world.succeed(&["dead-letters", "list", address, "--json"]));
    let ids: Vec<&Value> = listed.iter().map(|letter| &letter["topic_id"]).collect();
    assert_eq!(ids, [&*first.topic_id, &*first.topic_id, &*second.topic_id]);
    let table = world.succeed(&["dead-letters", "list"]);
    assert!(table.contains(&format!("topic id {}", second.topic_id)), "{table}");
    let shown = world.execute(&["dead-letters", "show", address]);
    assert!(said(&shown).contains("3 letters have this address"), "{}", said(&shown));
    assert!(said(&shown).contains("cluster_id     d"), "{}", said(&shown));

    // What is deleted does not come back, so an address of several letters deletes none.
    let purge = world.execute(&["dead-letters", "purge", "--unreplayed", address]);
    assert_eq!(purge.status.code(), Some(1), "{}", said(&purge));
    let numbers: Vec<String> = listed.iter().map(|letter| letter["id"].to_string()).collect();
    let named = format!("{}; give their ids instead", numbers.join(", "));
    assert!(said(&purge).contains(&named), "{}", said(&purge));
    assert_eq!(world.count("dead_letters").await, 9);

    // A replay loads them all, and marks each.
    let outcome = world.succeed(&["dead-letters", "replay", address, "--json"]);
    assert!(outcome.contains(r#""loaded":3,"#), "{outcome}");
    let mut loaded: Vec<String> = Vec::new();
    for row in world.rows("user_logins").await {
        loaded.push(row["event_id"].as_str().unwrap().to_owned());
    }
    loaded.sort_unstable();
    assert_eq!(loaded, ["a1", "b1", "c1"]);
    assert!(world.succeed(&["dead-letters", "purge", &numbers[0]]).starts_with("1 "));
    let rest = world.succeed(&["dead-letters", "replay", "--json"]);
    assert!(rest.contains(r#""loaded":6,"already_loaded":0"#), "{rest}");
    world.end().await;
}

/// After an upgrade: a message that is read again finds its letter.
async fn letters_without_an_origin_get_one(server: Server) {
    /// More than one statement takes.
    const LETTERS: i64 = 5_500;
    let Some(world) = World::new(server) else { return };
    world.succeed(&["migrate"]);
    let unknown = Origin::default();
    let known = origin("c", "AAAAAAAAAAAAAAAAAAAAAQ");
    let of = |from: &Origin| -> Vec<DeadLetter> {
        (0..LETTERS).map(|at| login(at, from, &format!("e{at}"))).collect()
    };
    let mut other = login(0, &unknown, "other");
    other.topic = "order".into();
    write(&world, &of(&unknown)).await;
    write(&world, &[other, login(3, &known, "e3")]).await;
    let topic_ids = BTreeMap::from([(Arc::from("user"), Arc::clone(&known.topic_id))]);
    let mut connection = world.connect().await;
    let adopted = adopt(&mut connection, &known.cluster_id, &topic_ids).await.unwrap();
    assert_eq!(adopted, LETTERS as u64 - 1, "one has its origin already");
    assert_eq!(adopt(&mut connection, &known.cluster_id, &topic_ids).await.unwrap(), 0);
    write(&world, &of(&known)).await;
    assert_eq!(world.count("dead_letters").await, LETTERS + 2, "none has a second letter");
    let no_ids = BTreeMap::from([(Arc::from("order"), Arc::from(""))]);
    assert_eq!(adopt(&mut connection, &"".into(), &no_ids).await.unwrap(), 0);
    world.end().await;
}
