//! Done when: no secret is found by a byte search through everything the process leaves behind.

use loadgen::{Generator, Plan, SECRET_MARKERS, TAX_ID_MARKER, TOPICS};
use serde_json::Value;
use sqlx::{Executor, Row as _};
use std::time::{Duration, Instant};
use testkit::{DEADLINE, Instance, Row, Server, World};

testkit::on_both_servers!(broken_messages_show_no_secret, no_secret_is_left_behind);

const LOOK_AGAIN: Duration = Duration::from_millis(20);

async fn no_secret_is_left_behind(server: Server) {
    let Some(mut world) = World::new(server) else { return };
    world.create_topics(&TOPICS, 2).await;
    let plan = Plan { events: 5_000, poison: 0.2, ..Plan::default() };
    let messages: Vec<loadgen::Message> = Generator::new(plan).collect();
    let total = messages.len();
    let found = |bytes: &[u8]| markers().filter(|marker| contains(bytes, marker)).count();
    assert!(messages.iter().filter_map(|m| m.value.as_deref()).any(|value| found(value) > 0));
    world.produce(messages).await;
    world.set("log.filter", "trace").serve_http();
    let mut instance = Instance::start(&world);
    let deadline = Instant::now() + DEADLINE;
    let (metrics, status) = loop {
        let read = instance.metrics();
        let consumed = read.map_or(0.0, |read| read.sum("sluicegate_consume_messages_total"));
        let pages = (instance.get("/metrics"), instance.get("/status"));
        if let (Some(metrics), Some(status)) = pages
            && consumed == total as f64
            && instance.is_ready()
            // With dead letters in it, or it would prove nothing.
            && status.body().contains("dead-letters list --topic")
        {
            break (metrics.text, status.text);
        }
        if instance.has_ended() || Instant::now() > deadline {
            let ready = instance.get("/readyz");
            let log = instance.kill();
            let tail = &log[log.len() - log.len().min(4_000)..];
            panic!("{consumed} of {total} consumed, ready {ready:?}\n{tail}");
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    };
    assert_eq!(leaks(instance.stop().as_bytes()), [""; 0], "in the log");
    assert_eq!(leaks(metrics.as_bytes()), [""; 0], "in the metrics");
    assert_eq!(leaks(status.as_bytes()), [""; 0], "in the status");
    let mut connection = world.connect().await;
    let tables = connection
        .fetch_all("SELECT CAST(TABLE_NAME AS CHAR) FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()")
        .await
        .unwrap();
    assert_eq!(tables.len(), 23);
    for table in tables {
        let table: String = table.get(0);
        if table.starts_with('_') {
            continue;
        }
        let mut rows = world.rows(&table).await;
        assert!(!rows.is_empty(), "{table} is empty, so it proves nothing");
        if table == "suppliers" {
            // The contract keeps this one.
            assert!(
                rows.iter()
                    .any(|row| row["tax_id"].as_str().is_some_and(|id| id.contains(TAX_ID_MARKER)))
            );
            rows.iter_mut().for_each(|row| drop(row.insert("tax_id".to_owned(), Value::Null)));
        }
        let dump = serde_json::to_vec(&rows).unwrap();
        assert_eq!(leaks(&dump), [""; 0], "in {table}");
    }
    world.end().await;
}

fn markers() -> impl Iterator<Item = &'static str> {
    SECRET_MARKERS.iter().copied().chain([TAX_ID_MARKER])
}

fn leaks(bytes: &[u8]) -> Vec<&'static str> {
    markers().filter(|marker| contains(bytes, marker)).collect()
}

fn contains(bytes: &[u8], marker: &str) -> bool {
    bytes.windows(marker.len()).any(|window| window == marker.as_bytes())
}

/// However a message is broken, and whatever language it is in, its letter shows no secret, and
/// neither does its key.
async fn broken_messages_show_no_secret(server: Server) {
    const SECRET: &str = "S3CR3TVALUE";
    let Some(world) = World::new(server) else { return };
    world.create_topics(&["user"], 1).await;
    let utf_16: Vec<u8> = format!("{{\"password\": \"{SECRET}\"}}")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let aligned =
        format!("{{\"event_id\": \"e1\", \"password\"{}: \"{SECRET}\",}}", " ".repeat(40));
    let texts = [
        aligned.as_str(),
        r#"{"password" /* why */ : "S3CR3TVALUE"}"#,
        "{\"to\u{212A}en\": \"S3CR3TVALUE\",}",
        "{\"pa\u{17F}\u{17F}word\": \"S3CR3TVALUE\",}",
        r#"{"accessToken": "S3CR3TVALUE",}"#,
        r#"{"payment": {"card": "1"}, "number": "S3CR3TVALUE"}}"#,
        "password%3DS3CR3TVALUE",
        "<password>S3CR3TVALUE</password>",
        "password: S3CR3TVALUE",
        r#""password: S3CR3TVALUE""#,
    ];
    let mut values: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    values.push(utf_16);
    let messages: Vec<loadgen::Message> = values
        .into_iter()
        .map(|value| loadgen::Message {
            topic: "user".into(),
            key: Some(format!("api-key:{SECRET}").into_bytes()),
            value: Some(value),
            kind: loadgen::Kind::Valid,
        })
        .collect();
    let total = messages.len();
    world.produce(messages).await;
    let log = world.load();
    assert!(!log.contains(SECRET), "{log}");
    let letters = world.rows("dead_letters").await;
    assert_eq!(letters.len(), total);
    for letter in &letters {
        // UTF-16 has a NUL between two letters.
        let text = serde_json::to_string(letter).unwrap().replace("\\u0000", "");
        assert!(!text.contains(SECRET), "{text}");
        assert_eq!(letter["event_id"], Value::Null, "nothing is believed of it");
    }
    let is_first = |letter: &&Row| letter["kafka_offset"] == 0;
    let first = letters.iter().find(is_first).unwrap()["payload"].as_str().unwrap();
    assert!(first.starts_with(r#"{"event_id": "e1", "password" "#), "{first}");
    assert!(first.ends_with(": *************,*"), "{first}");
    world.end().await;
}
