//! Deletes are whole rows: right whatever the order, at equal times, and twice.

use super::pairs::{Line, send};
use serde_json::json;
use std::collections::BTreeMap;
use testkit::{Chance, Server, World};

testkit::on_both_servers!(deleted_is_what_the_newest_says);

const OPERATIONS: usize = 2_000;
const KEYS: usize = 200;

/// The source numbers its operations and stamps whole seconds, so many times are equal.
const MAPPING: &str = r#"
topic = "rows"
key = "row_key"
[envelope]
type = "op"
id = "lsn"
time = { from = "at", convert = "seconds" }
key = "key"
data = "row"
[entity]
table = "rows_now"
created_by = ["c", "u", "d"]
deleted = { name = "deleted", on = "d" }
columns = [{ name = "value", type = "int", from = "value" }]
"#;

async fn deleted_is_what_the_newest_says(server: Server) {
    let Some(mut world) = World::new(server) else { return };
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("rows.toml"), MAPPING).unwrap();
    world.set("mapping.built_in", false);
    world.set("mapping.directory", directory.path().display());
    world.set("batch.rows", 100);
    world.create_topics(&["rows"], 3).await;
    let mut chance = Chance::new(1);
    let mut newest = BTreeMap::new();
    let mut lines = Vec::new();
    for number in 0..OPERATIONS {
        let key = format!("key-{}", chance.below(KEYS));
        let op = ["c", "u", "d"][chance.below(3)];
        // The log of the source is in order; its seconds are, too.
        let at = 1_700_000_000 + number / 100;
        let value = json!({"op": op, "lsn": format!("{number:020}"), "at": at, "key": key, "row": {"value": number}});
        newest.insert(key.clone(), (number, i64::from(op == "d")));
        let line = Line {
            topic: "rows".to_owned(),
            // So that operations of a row are in any partition.
            key: None,
            value: Some(value.to_string()),
            headers: BTreeMap::new(),
        };
        if chance.below(3) == 0 {
            lines.push(line.clone());
        }
        lines.push(line);
    }
    for last in (1..lines.len()).rev() {
        lines.swap(last, chance.below(last + 1));
    }
    send(&world, lines).await;
    world.load();
    let mut wrong = 0;
    let rows = world.rows("rows_now").await;
    for row in &rows {
        let (number, deleted) = newest[row["row_key"].as_str().unwrap()];
        wrong += usize::from(row["value"] != number || row["deleted"] != deleted);
    }
    assert_eq!((rows.len(), wrong), (newest.len(), 0));
    world.end().await;
}
