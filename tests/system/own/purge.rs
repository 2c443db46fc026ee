//! `purge` removes what was deleted long ago, and nothing else.

use super::pairs::{Line, send};
use serde_json::{Value, json};
use sluicegate::clock;
use std::collections::BTreeMap;
use testkit::instance::ASSIGNED;
use testkit::world::said;
use testkit::{Chance, Instance, Server, World, until};

testkit::on_both_servers!(
    only_what_was_deleted_long_ago_goes,
    nothing_goes_before_everything_is_read,
    a_purge_is_killed_and_run_again,
    a_running_instance_loses_nothing
);

const MAPPING: &str = r#"
topic = "things"
key = { name = "thing", type = "KEY" }
[envelope]
type = "op"
id = "lsn"
time = { from = "at", convert = "micros" }
key = "key"
data = "row"
[entity]
table = "things_now"
created_by = ["c", "u", "d"]
deleted = { name = "gone", on = "d", living_view = "living_things" }
columns = [{ name = "value", type = "int", from = "value" }]
[[entity.changing]]
name = "note"
type = "varchar(20)"
from = "note"
on = [{ event = "note", from = "note" }]
[[entity.lines]]
table = "thing_parts"
each = "parts"
number = "part"
columns = [{ name = "name", type = "varchar(20)", from = "name" }]
"#;

const DAY: i64 = 24 * 3600 * 1_000_000;
const PURGE: [&str; 5] = ["purge", "--deleted", "--older-than", "30days", "--yes"];

struct Place {
    world: World,
    _directory: tempfile::TempDir,
    now: i64,
}

impl Place {
    async fn new(server: Server, key: &str) -> Option<Self> {
        let mut world = World::new(server)?;
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("things.toml"), MAPPING.replace("KEY", key)).unwrap();
        world.set("mapping.built_in", false);
        world.set("mapping.directory", directory.path().display());
        world.create_topics(&["things"], 2).await;
        Some(Self { world, _directory: directory, now: clock::unix_micros() })
    }

    /// An event so many days ago.
    fn event(&self, op: &str, key: &Value, days: i64, number: usize, row: &Value) -> Line {
        let at = self.now - days * DAY + i64::try_from(number).unwrap();
        let event =
            json!({"op": op, "lsn": format!("{number:020}"), "at": at, "key": key, "row": row});
        Line {
            topic: "things".to_owned(),
            key: Some(key.to_string()),
            value: Some(event.to_string()),
            headers: BTreeMap::new(),
        }
    }

    /// Keys and values, in order.
    async fn things(&self) -> Vec<(String, Value)> {
        let rows = self.world.rows("things_now").await;
        let mut things: Vec<_> =
            rows.iter().map(|row| (plain(&row["thing"]), row["value"].clone())).collect();
        things.sort_by_key(|(key, _)| key.clone());
        things
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn row(value: usize, parts: &[&str]) -> Value {
    let parts: Vec<Value> = parts.iter().map(|name| json!({"name": name})).collect();
    json!({"value": value, "note": null, "parts": parts})
}

async fn only_what_was_deleted_long_ago_goes(server: Server) {
    // Texts that need an escape, and numbers that no double holds.
    let texts =
        ["o'ld\\", "young", "living", "revived", "noted", "never made"].map(|key| json!(key));
    let numbers = (0..6).map(|number| json!(u64::MAX - number)).collect::<Vec<_>>();
    for (ty, keys) in [("varchar(40)", texts.to_vec()), ("bigint unsigned", numbers)] {
        let Some(place) = Place::new(server, ty).await else { return };
        let [old, young, living, revived, noted, unmade] = keys.as_slice() else { unreachable!() };
        let event = |op, key, days, number, row| place.event(op, key, days, number, row);
        let events = vec![
            event("c", old, 60, 1, &row(1, &["a", "b"])),
            event("d", old, 50, 2, &row(2, &["c"])),
            event("d", young, 29, 3, &row(3, &["d"])),
            event("c", living, 60, 4, &row(4, &["e", "f"])),
            event("d", revived, 50, 5, &row(5, &[])),
            event("u", revived, 40, 6, &row(6, &["g"])),
            event("d", noted, 50, 7, &row(7, &[])),
            event("note", noted, 2, 8, &json!({"note": "x"})),
            event("note", unmade, 50, 9, &json!({"note": "y"})),
        ];
        send(&place.world, events).await;
        place.world.load();
        // As a table that was there before may have it.
        let renamed = "ALTER TABLE thing_parts RENAME INDEX uq_thing_parts TO mine";
        place.world.execute_sql([renamed]).await;
        let before = place.world.rows("things_now").await;

        let usage = |arguments: &[&str], code: i32, text: &str| {
            let output = place.world.execute(arguments);
            let said = said(&output);
            assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
            assert!(said.contains(text), "{arguments:?}: {said}");
        };
        usage(&["purge", "--deleted", "--older-than", "23h"], 2, "less than a day");
        usage(&["purge", "--older-than", "30days"], 2, "--deleted");
        usage(&[&PURGE[..], &["--table", "thing_parts"]].concat(), 2, "these have it: things_now");
        usage(&PURGE[..4], 1, "1 deleted row and 1 line of them would be removed");
        assert_eq!(place.world.rows("things_now").await.len(), before.len());
        let counts = |arguments: &[&str]| -> Value {
            let printed = place.world.succeed(&[&PURGE[..], &["--json"], arguments].concat());
            serde_json::from_str(&printed).unwrap()
        };
        let of = |rows: u64, dry_run: bool| json!({"table": "things_now", "rows": rows, "lines": rows, "left": 0, "dry_run": dry_run});
        assert_eq!(counts(&["--dry-run"]), of(1, true));
        assert_eq!(counts(&["--table", "things_now"]), of(1, false));
        assert_eq!(counts(&[]), of(0, false));

        let mut left: Vec<_> = before.clone();
        left.retain(|row| row["thing"] != *old);
        let parts = place.world.rows("thing_parts").await;
        let mut parts: Vec<&str> = parts.iter().map(|row| row["name"].as_str().unwrap()).collect();
        parts.sort_unstable();
        assert_eq!(parts, ["d", "e", "f", "g"]);
        place.world.assert_tables("purged", &[("things_now".to_owned(), left)].into()).await;

        // Read again, the deleted row comes back as a deleted one.
        place.world.succeed(&["progress", "set", "--all", "--to-earliest"]);
        place.world.load();
        place.world.assert_tables("read again", &[("things_now".to_owned(), before)].into()).await;
        assert_eq!(counts(&[]), of(1, false));
        place.world.end().await;
    }
}

async fn nothing_goes_before_everything_is_read(server: Server) {
    let Some(place) = Place::new(server, "varchar(40)").await else { return };
    let key = json!("k");
    send(&place.world, vec![place.event("d", &key, 50, 2, &row(2, &[]))]).await;
    place.world.load();
    // Older than the delete, and not read yet.
    send(&place.world, vec![place.event("c", &key, 60, 1, &row(1, &[]))]).await;
    let output = place.world.execute(&PURGE);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("1 of ") && said.contains("does not hold yet"), "{said}");
    assert_eq!(place.world.count("things_now").await, 1);
    // A running instance reads it while the purge waits.
    let instance = Instance::started(&place.world, ASSIGNED).await;
    place.world.succeed(&PURGE);
    assert_eq!(place.world.count("things_now").await, 0);
    instance.stop();
    place.world.end().await;
}

/// A table with a key of its own and no AUTO_INCREMENT, with more rows than are read at once.
async fn a_purge_is_killed_and_run_again(server: Server) {
    const ROWS: i64 = 30_000;
    let Some(place) = Place::new(server, "varchar(40)").await else { return };
    place.world.product_server().create_database().await.unwrap();
    let digits = "(SELECT 0 AS d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 \
                  UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)";
    let fill = format!(
        "INSERT INTO things_now (thing, value, gone, event_id, event_timestamp) \
         SELECT CONCAT('key-', n), n, n MOD 2, LPAD(n, 20, '0'), '2024-01-01' FROM \
         (SELECT a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 * f.d AS n \
          FROM {digits} AS a, {digits} AS b, {digits} AS c, {digits} AS e, {digits} AS f) AS numbers \
         WHERE n < {ROWS}"
    );
    place
        .world
        .execute_sql([
            "CREATE TABLE things_now (thing VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL PRIMARY KEY, \
             value INT NULL, gone BOOLEAN NULL, note VARCHAR(20) NULL, note_changed_at DATETIME(6) NULL, \
             note_changed_by VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL, \
             event_id VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL, event_timestamp DATETIME(6) NULL, \
             UNIQUE KEY uq_things_now (thing))",
            &fill,
        ])
        .await;
    place.world.succeed(&["migrate"]);
    let mut small = place.world.command();
    small.args(PURGE).args(["--batch-rows", "20"]);
    let purge = Instance::spawn(&mut small, None);
    until(
        || "the purge has begun".to_owned(),
        || async { place.world.count("things_now").await < ROWS },
    )
    .await;
    purge.kill();
    let left = place.world.count("things_now").await;
    assert!(left > ROWS / 2, "it was killed in between: {left}");
    let printed = place.world.succeed(&[&PURGE[..], &["--json"]].concat());
    let counts: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(counts["rows"], left - ROWS / 2);
    let things = place.things().await;
    assert_eq!(things.len() as i64, ROWS / 2);
    assert!(
        things.iter().all(|(_, value)| value.as_i64().unwrap() % 2 == 0),
        "a living row is gone"
    );
    place.world.end().await;
}

/// It deletes and revives the very rows that are being purged.
async fn a_running_instance_loses_nothing(server: Server) {
    const KEYS: usize = 3_000;
    let Some(place) = Place::new(server, "varchar(40)").await else { return };
    let key = |number: usize| json!(format!("key-{number}"));
    let deleted = (0..KEYS).map(|n| place.event("d", &key(n), 50, n, &row(n, &["old"])));
    send(&place.world, deleted.collect()).await;
    place.world.load();

    let mut chance = Chance::new(2);
    let mut expected = BTreeMap::new();
    let mut events = Vec::new();
    for number in KEYS..3 * KEYS {
        let (of, op) = (chance.below(KEYS), ["c", "d"][chance.below(2)]);
        events.push(place.event(op, &key(of), 1, number, &row(number, &["new"])));
        expected.insert(plain(&key(of)), (json!(number), json!(i64::from(op == "d"))));
    }
    let instance = Instance::start(&place.world);
    let mut few = place.world.command();
    few.args(PURGE).args(["--batch-rows", "3", "--force", "--json"]);
    let purge = Instance::spawn(&mut few, None);
    for some in events.chunks(100) {
        send(&place.world, some.to_vec()).await;
    }
    let log = purge.finish();
    assert!(!log.contains("error"), "{log}");
    instance.stop();
    place.world.load();
    // What was in use when it was its turn.
    place.world.succeed(&PURGE);
    let rows = place.world.rows("things_now").await;
    let found: BTreeMap<_, _> = rows
        .iter()
        .map(|row| (plain(&row["thing"]), (row["value"].clone(), row["gone"].clone())))
        .collect();
    assert!(found == expected, "{} rows, not {}", found.len(), expected.len());
    let parts = place.world.rows("thing_parts").await;
    assert!(parts.iter().all(|part| part["name"] == "new"), "lines of purged rows stay");
    assert_eq!(parts.len(), expected.len());
    place.world.end().await;
}
