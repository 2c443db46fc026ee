//! Dead letters are known by their address: numbers may repeat where databases were joined.

use serde_json::Value;
use sqlx::Executor as _;
use testkit::world::said;
use testkit::{Server, World};

testkit::on_both_servers!(addresses_where_ids_repeat);

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
