//! Mapping files, the messages that they are for, and the rows that must come out.
//!
//! `tests/own-events/` has them; `SLUICEGATE_OWN_EVENTS` names another directory of the same layout.

use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use serde_json::Value;
use sluicegate::commands::check::SCHEMA_FITS;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use testkit::{DEADLINE, Instance, Row, Server, World, tables};

testkit::on_both_servers!(
    all_at_once,
    in_batches_of_one_and_of_seven,
    in_any_order_and_twice,
    by_two_instances,
    migrate_makes_the_tables_once
);

/// Says where the pairs are.
const DIRECTORY: &str = "SLUICEGATE_OWN_EVENTS";

/// The message of a line.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) topic: String,
    pub(super) key: Option<String>,
    pub(super) value: Option<String>,
    pub(super) headers: BTreeMap<String, String>,
}

/// Where the pairs are.
pub(super) fn directory() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/own-events");
    std::env::var_os(DIRECTORY).map_or(own, PathBuf::from)
}

struct Pairs {
    directory: PathBuf,
    lines: Vec<Line>,
    /// Topics whose events have their ids from their places: another order gives other ids.
    by_place: BTreeSet<String>,
    expected: BTreeMap<String, Value>,
}

impl Pairs {
    fn read() -> Self {
        let directory = directory();
        let text = |path: &Path| std::fs::read_to_string(path).unwrap();
        let files = |name: &str| {
            let entries = std::fs::read_dir(directory.join(name)).unwrap();
            let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
            files.sort();
            files
        };
        let mut by_place = BTreeSet::new();
        for mapping in files("mappings").iter().map(|path| text(path)) {
            if mapping.contains("\"$position\"") {
                let topic =
                    mapping.lines().find_map(|line| line.strip_prefix("topic = \"")).unwrap();
                by_place.insert(topic.split('"').next().unwrap().to_owned());
            }
        }
        let mut lines = Vec::new();
        for messages in files("messages").iter().map(|path| text(path)) {
            lines.extend(messages.lines().map(Line::read));
        }
        let expected: Value =
            serde_json::from_str(&text(&directory.join("expected.json"))).unwrap();
        Self { lines, by_place, expected: tables_of(expected), directory }
    }

    fn topics(&self) -> Vec<&str> {
        let topics: BTreeSet<&str> = self.lines.iter().map(|line| line.topic.as_str()).collect();
        topics.into_iter().collect()
    }

    /// A world with the mapping files, and no others.
    async fn world(&self, server: Server, partitions: i32) -> Option<World> {
        let mut world = World::new(server)?;
        world.set("mapping.built_in", false);
        world.set("mapping.directory", self.directory.join("mappings").display());
        world.create_topics(&self.topics(), partitions).await;
        Some(world)
    }

    /// The messages of topics in which order and repetition do not count, in any case the others in order.
    fn shuffled_and_doubled(&self) -> Vec<Line> {
        let (in_order, others): (Vec<Line>, Vec<Line>) =
            self.lines.iter().cloned().partition(|line| self.by_place.contains(&line.topic));
        let reversed = others.iter().rev().cloned();
        reversed.chain(in_order).chain(others.iter().cloned()).collect()
    }

    async fn assert(&self, context: &str, world: &World) {
        let mut connection = world.connect().await;
        for (table, expected) in &self.expected {
            let found = tables::rows(&mut connection, table).await;
            match expected {
                Value::Array(expected) => assert_rows(context, table, &found, expected),
                count => assert_eq!(Some(found.len() as u64), count.as_u64(), "{context}: {table}"),
            }
        }
        let letters = tables::rows(&mut connection, "dead_letters").await;
        assert!(letters.is_empty(), "{context}: {letters:#?}");
    }
}

/// Table → rows, or their number. Cases may be around that, with remarks beside the tables.
fn tables_of(expected: Value) -> BTreeMap<String, Value> {
    let is_table = |value: &Value| value.is_array() || value.is_u64();
    let remarks = ["skipped", "ignored", "sample"];
    let Value::Object(members) = expected else { panic!("an object") };
    let mut tables = BTreeMap::new();
    for (name, value) in members {
        match value {
            value if is_table(&value) => drop(tables.insert(name, value)),
            Value::Object(case) => {
                let of_case = case
                    .into_iter()
                    .filter(|(name, value)| is_table(value) && !remarks.contains(&name.as_str()));
                tables.extend(of_case);
            }
            other => panic!("{other}"),
        }
    }
    tables
}

/// As many rows, and each expected one is there with the columns that it names.
#[track_caller]
fn assert_rows(context: &str, table: &str, found: &[Row], expected: &[Value]) {
    let mut left: Vec<&Row> = found.iter().collect();
    // Tables of lines and of logs may have more than are named.
    assert!(left.len() >= expected.len(), "{context}: {table}: {found:#?}");
    for row in expected {
        let columns = row.as_object().unwrap();
        let is_it = |found: &&Row| columns.iter().all(|(name, value)| is_same(&found[name], value));
        let Some(at) = left.iter().position(is_it) else {
            panic!("{context}: {table} has no {row}: {left:#?}");
        };
        left.remove(at);
    }
}

/// Numbers may be texts in a table.
fn is_same(found: &Value, expected: &Value) -> bool {
    match (found, expected) {
        (Value::String(found), Value::Number(number)) => {
            found.parse::<f64>().ok() == number.as_f64()
        }
        (Value::Number(found), Value::String(text)) => found.to_string() == *text,
        (found, expected) => found == expected,
    }
}

impl Line {
    pub(super) fn read(line: &str) -> Self {
        // Not as a value: numbers and the order of keys stay as they are.
        let line: BTreeMap<String, Box<serde_json::value::RawValue>> =
            serde_json::from_str(line).unwrap();
        let text = |name: &str| {
            let value = line.get(name)?.get();
            serde_json::from_str::<Option<String>>(value).unwrap()
        };
        Self {
            topic: text("topic").unwrap(),
            key: text("key"),
            value: Some(line["value"].get().to_owned()).filter(|value| value != "null"),
            headers: line
                .get("headers")
                .map_or_else(BTreeMap::new, |headers| serde_json::from_str(headers.get()).unwrap()),
        }
    }
}

/// Sends messages, each partition in their order.
pub(super) async fn send(world: &World, lines: Vec<Line>) {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &world.kafka).set("partitioner", "murmur2_random");
    let producer: BaseProducer = config.create().unwrap();
    let topics: Vec<String> = lines.iter().map(|line| world.topic(&line.topic)).collect();
    tokio::task::spawn_blocking(move || {
        for (line, topic) in lines.iter().zip(&topics) {
            let headers = line.headers.iter().fold(OwnedHeaders::new(), |headers, (key, value)| {
                headers.insert(Header { key, value: Some(value) })
            });
            let mut record: BaseRecord<'_, str, str> = BaseRecord::to(topic).headers(headers);
            if let Some(key) = &line.key {
                record = record.key(key);
            }
            if let Some(value) = &line.value {
                record = record.payload(value);
            }
            producer.send(record).map_err(|(error, _)| error).unwrap();
        }
        producer.flush(DEADLINE).unwrap();
    })
    .await
    .unwrap();
}

async fn all_at_once(server: Server) {
    let pairs = Pairs::read();
    let Some(mut world) = pairs.world(server, 1).await else { return };
    send(&world, pairs.lines.clone()).await;
    world.load();
    pairs.assert("all at once", &world).await;
    let mut before = BTreeMap::new();
    for table in pairs.expected.keys() {
        before.insert(table.clone(), world.rows(table).await);
    }
    // A new group reads everything again.
    world.set("kafka.group_id", testkit::unique("again"));
    world.set("start.timeout", "60s");
    world.load();
    world.assert_tables("read again", &before).await;
    world.end().await;
}

async fn in_batches_of_one_and_of_seven(server: Server) {
    let pairs = Pairs::read();
    for rows in [1, 7] {
        let Some(mut world) = pairs.world(server, 2).await else { return };
        world.set("batch.rows", rows);
        send(&world, pairs.lines.clone()).await;
        world.load();
        pairs.assert(&format!("batches of {rows}"), &world).await;
        world.end().await;
    }
}

async fn in_any_order_and_twice(server: Server) {
    let pairs = Pairs::read();
    let Some(world) = pairs.world(server, 1).await else { return };
    send(&world, pairs.shuffled_and_doubled()).await;
    world.load();
    pairs.assert("in any order and twice", &world).await;
    world.end().await;
}

async fn by_two_instances(server: Server) {
    let pairs = Pairs::read();
    let Some(world) = pairs.world(server, 3).await else { return };
    send(&world, pairs.lines.clone()).await;
    let both = [Instance::until_end(&world), Instance::until_end(&world)];
    for instance in both {
        instance.finish();
    }
    pairs.assert("two instances", &world).await;
    world.end().await;
}

/// From the mapping alone, and only the first time.
async fn migrate_makes_the_tables_once(server: Server) {
    let pairs = Pairs::read();
    let Some(world) = pairs.world(server, 1).await else { return };
    let sql = world.succeed(&["migrate", "--dry-run"]);
    assert!(sql.contains("CREATE TABLE"), "{sql}");
    let made = world.succeed(&["migrate"]);
    assert!(made.contains("statements made or grew tables of the mapping"), "{made}");
    assert_eq!(world.succeed(&["migrate"]), "0 migrations applied\n");
    assert_eq!(world.succeed(&["migrate", "--dry-run"]), "");
    let mut connection = world.connect().await;
    let tables = sqlx::query_scalar(
        "SELECT CAST(COUNT(*) AS SIGNED) FROM information_schema.TABLES \
         WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME IN ('users', 'orders')",
    );
    let foreign: i64 = tables.fetch_one(&mut connection).await.unwrap();
    assert_eq!(foreign, 0, "no tables of the built-in topics");
    let check = world.succeed(&["check"]);
    assert!(check.contains(SCHEMA_FITS), "{check}");
    world.end().await;
}
