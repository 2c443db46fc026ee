//! Faulty events of any shape: named, kept without their secrets, and loaded once the mapping takes them.

use super::pairs::{Line, send};
use serde_json::json;
use std::collections::BTreeSet;
use testkit::{Server, World};

testkit::on_both_servers!(
    letters_name_the_place_and_are_replayed,
    a_secret_leaves_no_trace_in_an_id,
    a_replay_knows_the_key_and_the_tombstone
);

const MAPPING: &str = r#"
topic = "things"
redact = ["pin"]
[envelope]
each = "$message"
type = "$header.Kind"
id = "$content"
time = ["at", "$kafka_timestamp"]
key = "$key.id"
data = "$message"
[entity]
table = "things"
key = "thing"
created_by = ["made", "$tombstone"]
columns = [{ name = "size", type = "tinyint unsigned", from = "size", max = 9 }, { name = "offset_seen", type = "bigint", from = "$offset" }]
"#;

/// Two events, of which the second is faulty and later.
const ARRAY: &str = r#"[{"at": "2026-01-01T00:00:00Z", "size": 1}, {"at": "2026-01-02T00:00:00Z", "size": 12, "pin": 1234}]"#;

async fn place(server: Server) -> Option<(World, tempfile::TempDir)> {
    let mut world = World::new(server)?;
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("things.toml"), MAPPING).unwrap();
    world.set("mapping.built_in", false);
    world.set("mapping.directory", directory.path().display());
    world.create_topics(&["things"], 1).await;
    Some((world, directory))
}

fn line(kind: &str, key: &str, value: Option<&str>) -> Line {
    Line {
        topic: "things".to_owned(),
        key: Some(key.to_owned()),
        value: value.map(str::to_owned),
        headers: [
            ("Kind".to_owned(), kind.to_owned()),
            ("Authorization".to_owned(), "x".to_owned()),
        ]
        .into(),
    }
}

async fn letters_name_the_place_and_are_replayed(server: Server) {
    let Some((world, directory)) = place(server).await else { return };
    let lines = vec![
        line("made", r#"{"id":"a","token":"t"}"#, Some(ARRAY)),
        line("broken", r#"{"id":"b"}"#, Some(r#"{"size": 3}"#)),
        line("made", r#"{"id":7}"#, Some(r#"{"size": 3}"#)),
        line("made", r#"{"id":""}"#, None),
        line("made", "[", Some("{}")),
    ];
    send(&world, lines).await;
    world.load();
    assert_eq!(world.count("things").await, 0);
    let mut letters = world.rows("dead_letters").await;
    letters.sort_by_key(|letter| letter["kafka_offset"].as_i64());
    let of =
        |index: usize, name: &str| letters[index][name].as_str().unwrap_or_default().to_owned();
    let codes: Vec<String> = (0..letters.len()).map(|index| of(index, "error_code")).collect();
    assert_eq!(
        codes,
        [
            "value_out_of_range",
            "event_type_unknown",
            "value_type",
            "entity_id_invalid",
            "json_invalid"
        ]
    );
    assert_eq!(
        of(0, "error_text"),
        "data.size is not a whole number from 0 to 9 (column things.size) (element 2 of 2)"
    );
    assert_eq!(of(0, "payload"), ARRAY.replace(r#", "pin": 1234"#, ""));
    assert_eq!(
        (of(0, "message_key"), of(0, "message_headers")),
        (r#"{"id":"a"}"#.to_owned(), r#"{"Kind":"made"}"#.to_owned())
    );
    assert_eq!(
        (of(1, "event_type"), of(3, "event_type")),
        ("broken".to_owned(), "$tombstone".to_owned())
    );
    assert!(
        of(2, "error_text").contains("$key.id is a number, not a string"),
        "{}",
        of(2, "error_text")
    );
    assert!(of(4, "error_text").contains("the key of the message"), "{}", of(4, "error_text"));

    let kinder = MAPPING
        .replace("max = 9", "max = 99")
        .replace("\"made\",", "\"made\", \"broken\",")
        .replace("key = \"$key.id\"", "key = { from = \"$key.id\", convert = \"text\" }");
    std::fs::write(directory.path().join("things.toml"), kinder).unwrap();
    let replayed = world.succeed(&["dead-letters", "replay", "--json"]);
    let outcome: serde_json::Value = serde_json::from_str(&replayed).unwrap();
    assert_eq!(outcome["loaded"], 3, "{outcome}");
    let mut things = world.rows("things").await;
    things.sort_by_key(|row| row["thing"].as_str().unwrap().to_owned());
    let seen = things.iter().map(|row| json!([row["thing"], row["size"], row["offset_seen"]]));
    let seen: Vec<_> = seen.collect();
    assert_eq!(json!(seen), json!([["7", 3, 2], ["a", 12, 0], ["b", 3, 1]]));
    world.end().await;
}

async fn a_secret_leaves_no_trace_in_an_id(server: Server) {
    let Some((world, _directory)) = place(server).await else { return };
    let message =
        |pin: &str| format!(r#"{{"at": "2026-01-01T00:00:00Z", "pin": {pin}, "size": 1}}"#);
    let (one, other) = (message("1"), message("\"two\""));
    let mut ids = BTreeSet::new();
    for (value, token) in [(&one, "t1"), (&other, "t2")] {
        let key = format!(r#"{{"id":"a","token":"{token}"}}"#);
        send(&world, vec![line("made", &key, Some(value))]).await;
        world.load();
        let things = world.rows("things").await;
        assert_eq!(things.len(), 1);
        ids.insert(things[0]["event_id"].as_str().unwrap().to_owned());
    }
    assert_eq!(ids.len(), 1, "the other message is the same event: {ids:?}");
    world.end().await;
}

/// A key that is taken as a text is kept as it is, and a message without a value is not an empty one.
async fn a_replay_knows_the_key_and_the_tombstone(server: Server) {
    let mapping = MAPPING
        .replace("key = \"$key.id\"", "key = \"$key\"")
        .replace("each = \"$message\"\n", "")
        .replace("id = \"$content\"", "id = \"$position\"");
    let Some((world, directory)) = place(server).await else { return };
    let file = directory.path().join("things.toml");
    std::fs::write(
        &file,
        mapping.replace("key = \"thing\"", "key = { name = \"thing\", type = \"varchar(2)\" }"),
    )
    .unwrap();
    let lines = vec![line("made", "a b é", Some(r#"{"size": 1}"#)), line("made", "c d ü", None)];
    send(&world, lines).await;
    world.load();
    assert_eq!((world.count("things").await, world.count("dead_letters").await), (0, 2));
    std::fs::write(&file, &mapping).unwrap();
    world.succeed(&["migrate"]);
    world.succeed(&["dead-letters", "replay"]);
    let mut things: Vec<_> =
        world.rows("things").await.iter().map(|row| json!([row["thing"], row["size"]])).collect();
    things.sort_by_key(ToString::to_string);
    assert_eq!(things, [json!(["a b é", 1]), json!(["c d ü", null])]);
    world.end().await;
}
