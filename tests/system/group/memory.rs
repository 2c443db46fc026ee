//! `memory.limit` holds, with its default: whatever waits in Kafka, however large, behind whatever
//! server. `SLUICEGATE_BACKLOG=2000000` is the full form.

use loadgen::{Generator, Kind, Message, Plan};
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use sqlx::Connection;
use std::time::Duration;
use testkit::instance::{ASSIGNED, PAUSED, done};
use testkit::kafka::Group;
use testkit::{Chance, DEADLINE, Instance, Server, World, environment};

testkit::on_both_servers!(
    behind_a_backlog,
    large_messages,
    compressed_messages,
    messages_that_expand
);

/// The default of `memory.limit`.
pub(crate) const LIMIT: u64 = 256 * MIB;
const MIB: u64 = 1024 * 1024;
/// `SLUICEGATE_BACKLOG` says otherwise.
const BACKLOG: u64 = 60_000;
const LARGE_MESSAGES: usize = 150;

/// The peak is below the default limit.
#[track_caller]
pub(crate) fn assert_bounded(what: &str, instance: &Instance) {
    assert_below(LIMIT, what, instance);
}

/// The peak is below `limit`.
#[track_caller]
fn assert_below(limit: u64, what: &str, instance: &Instance) {
    let peak = instance.peak_memory();
    eprintln!("{what}: {} MiB at most, of {} MiB", peak / MIB, limit / MIB);
    assert!(peak < limit, "{what}: {peak} bytes of memory, of {limit}\n{}", instance.log());
}

fn backlog() -> u64 {
    environment::number("SLUICEGATE_BACKLOG").unwrap_or(BACKLOG)
}

async fn behind_a_backlog(server: Server) {
    let Some(world) = World::migrated(server, 4).await else { return };
    let plan = Plan { events: backlog(), duplicates: 0.02, disorder: 0.05, ..Plan::default() };
    // Made as it is sent: the test need not hold it.
    world.produce(Generator::new(plan)).await;
    let locked = world.lock("user_events").await;
    let instance = Instance::started(&world, PAUSED).await;
    // Time enough for everything that is read ahead.
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_bounded(&format!("{}, a locked table", server.name()), &instance);
    locked.close().await.unwrap();
    Group::new(&world).is_done().await;
    assert_bounded(&format!("{}, {} events", server.name(), backlog()), &instance);
    let log = instance.stop();
    eprintln!("{}: {} messages/s", server.name(), done(&log, "messages_per_second"));
    world.end().await;
}

/// A user's event of about 900 kB, in text that hardly compresses; bad ones have it where a column
/// holds 320 characters.
fn large(number: usize, is_good: bool) -> Message {
    let mut chance = Chance::new(number as u64);
    let letters: Vec<char> = ('a'..='z').collect();
    let text: String = (0..900_000).map(|_| chance.pick(&letters)).collect();
    let (event, field) = if is_good { ("noted", "note") } else { ("login", "email") };
    let value = format!(
        r#"{{"event_type":"user.{event}","event_id":"e{number}","timestamp":"2025-01-06T08:00:00Z","entity_id":"u{number}","data":{{"{field}":"{text}"}}}}"#
    );
    Message {
        topic: "user".into(),
        key: Some(format!("u{number}").into_bytes()),
        value: Some(value.into_bytes()),
        kind: if is_good { Kind::Valid } else { Kind::Poison("an email of 900 kB") },
    }
}

/// Good and bad ones in turn.
async fn large_messages(server: Server) {
    let count = LARGE_MESSAGES;
    let Some(world) = World::migrated(server, 2).await else { return };
    world.produce((0..count).map(|number| large(number, number % 2 == 0))).await;
    let instance = Instance::start(&world);
    Group::new(&world).is_done().await;
    assert_bounded(&format!("{}, {count} messages of 900 kB", server.name()), &instance);
    let log = instance.stop();
    assert_eq!(done(&log, "messages"), count as u64);
    assert_eq!(done(&log, "dead_letters"), count as u64 / 2);
    assert_eq!(world.rows("user_events").await.len(), count.div_ceil(2));
    world.end().await;
}

/// Messages that shrink to a two-hundredth: librdkafka unpacks a response of the broker as a whole.
async fn compressed_messages(server: Server) {
    let codec = match server {
        Server::MySql => "lz4",
        Server::MariaDb => "snappy",
    };
    let Some(world) = World::migrated(server, 2).await else { return };
    let (kafka, topic) = (world.kafka.clone(), world.topic("user"));
    tokio::task::spawn_blocking(move || {
        let producer: BaseProducer = ClientConfig::new()
            .set("bootstrap.servers", &kafka)
            .set("compression.codec", codec)
            .set("linger.ms", "5")
            .create()
            .unwrap();
        for number in 0..600 {
            let value = same_letter(number, 900_000);
            let mut record = BaseRecord::to(&topic).key("").payload(&value);
            record.partition = Some(number % 2);
            while let Err((_, again)) = producer.send(record) {
                producer.poll(Duration::from_millis(10));
                record = again;
            }
        }
        producer.flush(Duration::from_secs(60)).unwrap();
    })
    .await
    .unwrap();
    let instance = Instance::start(&world);
    Group::new(&world).is_done().await;
    assert_bounded(&format!("{}, 600 messages packed by {codec}", server.name()), &instance);
    let log = instance.stop();
    assert_eq!(done(&log, "messages"), 600);
    assert_eq!(world.rows("user_events").await.len(), 600);
    world.end().await;
}

fn same_letter(number: i32, count: usize) -> String {
    let text = "x".repeat(count);
    format!(
        r#"{{"event_type":"user.noted","event_id":"e{number}","timestamp":"2025-01-06T08:00:00Z","entity_id":"u{number}","data":{{"note":"{text}"}}}}"#
    )
}

/// A message of about a megabyte that takes far more memory than that, unless it is refused in time.
fn heavy(topic: &'static str, action: &str, number: usize, data: &str) -> Message {
    let value = format!(
        r#"{{"event_type":"{topic}.{action}","event_id":"{action}{number}","timestamp":"2025-01-06T08:00:00Z","entity_id":"{number:0>50}","data":{data}}}"#
    );
    Message {
        topic: topic.into(),
        key: Some(format!("x{number}").into_bytes()),
        value: Some(value.into_bytes()),
        kind: Kind::Valid,
    }
}

/// `count` times `element`, as the elements of an array.
fn elements(element: &str, count: usize) -> String {
    format!("[{}]", vec![element; count].join(","))
}

/// Messages of each kind that expands; the first of each kind fit, and the others are refused.
fn expanding(limit: u64) -> (Vec<Message>, usize, usize) {
    let order = |items: &str| format!(r#"{{"order_number":"n","items":{items}}}"#);
    let many = |element: &str, count| order(&elements(element, count));
    let noted = |text: &str| format!(r#"{{"note":{text}}}"#);
    let (lines, too_many) = if limit == LIMIT { (40_000, 90_000) } else { (3_000, 10_000) };
    let fitting = [
        // Rows of many cells, and text of which a statement has to escape each byte.
        ("order", "created", many("{}", lines)),
        ("user", "noted", noted(&format!("\"{}\"", "'".repeat(700_000)))),
        ("user", "noted", noted(&elements("\"some text between commas\"", 20_000))),
    ];
    let refused = [
        ("order", "created", many("{}", 330_000)),
        ("order", "created", many("{}", too_many)),
        ("user", "noted", noted(&elements("1", 495_000))),
        ("user", "noted", noted(&elements("{}", 330_000))),
        ("user", "noted", noted(&elements("[\"\"]", 198_000))),
    ];
    let mut messages = Vec::new();
    for number in 0..8 {
        for (topic, action, data) in fitting.iter().chain(&refused) {
            messages.push(heavy(topic, action, 100 * messages.len() + number, data));
        }
    }
    (messages, 8 * fitting.len(), 8 * refused.len())
}

/// As they are: what librdkafka unpacks is another matter.
fn produce_uncompressed(world: &World, messages: Vec<Message>) {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &world.kafka).set("compression.type", "none");
    let producer: BaseProducer = config.create().unwrap();
    for Message { topic, key, value, .. } in messages {
        let (topic, key, value) = (world.topic(&topic), key.unwrap(), value.unwrap());
        producer.send(BaseRecord::to(&topic).key(&key).payload(&value)).unwrap();
    }
    producer.flush(DEADLINE).unwrap();
}

/// One message may hold hundreds of thousands of lines, NULLs or nodes in a megabyte: what there is
/// no room for is said, and never allocated.
async fn messages_that_expand(server: Server) {
    expand(server, LIMIT / 4).await;
}

#[tokio::test]
async fn messages_that_expand_at_the_default() {
    expand(Server::MariaDb, LIMIT).await;
}

async fn expand(server: Server, limit: u64) {
    let Some(mut world) = World::migrated(server, 2).await else { return };
    world.set("memory.limit", format!("{}MiB", limit / MIB));
    let (messages, fitting, refused) = expanding(limit);
    let count = messages.len();
    let instance = Instance::started(&world, ASSIGNED).await;
    assert_below(limit, &format!("{}, nothing yet", server.name()), &instance);
    produce_uncompressed(&world, messages);
    Group::new(&world).is_done().await;
    assert_below(limit, &format!("{}, messages that expand", server.name()), &instance);
    let log = instance.stop();
    assert_eq!(done(&log, "messages"), count as u64);
    let letters = world.rows("dead_letters").await;
    for letter in &letters {
        assert_eq!(letter["error_code"], "event_too_large");
        assert!(letter["error_text"].as_str().unwrap().contains("memory.limit"), "{letter:?}");
    }
    assert_eq!((letters.len(), count - letters.len()), (refused, fitting));
    let logged = world.rows("user_events").await.len() + world.rows("order_events").await.len();
    assert_eq!(logged, fitting);
    world.end().await;
}
