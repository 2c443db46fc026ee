//! Topics that change underneath: deleted, emptied, compacted.

use super::{assert_loaded, messages, users};
use loadgen::{Kind, Message};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::{Message as _, Offset, TopicPartitionList};
use sqlx::{Connection, Executor};
use std::time::Duration;
use testkit::instance::{ASSIGNED, PAUSED};
use testkit::kafka::{Group, create_topic, delete_messages, delete_topic};
use testkit::tables::assert_table;
use testkit::{Instance, Server, World, fold, until};

testkit::on_both_servers!(compacted);

/// The others are loaded and committed, it is said once, and stopping is polite.
#[tokio::test]
async fn one_of_several_deleted_with_a_commit_pending() {
    let Some(mut world) = World::migrated(Server::MariaDb, 1).await else { return };
    let messages = messages(3_000);
    world.produce(messages.clone()).await;
    world.set("batch.rows", 100).serve_http();
    let locked = world.lock("user_events").await;
    let instance = Instance::started(&world, PAUSED).await;
    delete_topic(&world, "user").await;
    locked.close().await.unwrap();
    instance.says("topic no longer exists").await;
    Group::new(&world).is_done().await;
    let what = || format!("{:?}\n{}", instance.get("/readyz"), instance.log());
    until(what, async || instance.is_ready()).await;
    let log = instance.stop();
    let said = log.matches("topic no longer exists").count();
    assert_eq!(said, 1, "{log}");
    let others = messages.iter().filter(|message| message.topic != "user");
    let expected = fold::of(others, world.server).tables;
    for table in ["orders", "order_items", "posts", "products", "communities"] {
        assert_table("without users", table, &world.rows(table).await, &expected[table]);
    }
    world.end().await;
}

/// No message shows that records are gone if none is left.
#[tokio::test]
async fn emptied_before_it_was_read() {
    let Some(mut world) = World::migrated(Server::MariaDb, 1).await else { return };
    let users = users(300);
    world.produce(users[..100].to_vec()).await;
    world.load();
    world.produce(users[100..300].to_vec()).await;
    delete_messages(&world, "user", 300).await;
    world.serve_http();
    let instance = Instance::started(&world, "deleted before they were read").await;
    let topic = world.topic("user");
    let lost = format!("sluicegate_consume_lost_messages_total{{topic=\"{topic}\"}}");
    let is_counted = || instance.metrics().is_some_and(|page| page.value(&lost) == Some(200.0));
    until(|| format!("{:?}", instance.metrics()), async || is_counted()).await;
    Group::new(&world).is_done().await;
    instance.stop();
    assert_loaded("what came before", &world, &users[..100]).await;
    world.end().await;
}

fn user(key: &str, number: usize, event: &str) -> Message {
    let value = format!(
        r#"{{"event_type":"user.{event}","event_id":"e{number}","timestamp":"2025-01-06T08:00:00Z","entity_id":"u{number}","data":{{}}}}"#
    );
    Message {
        topic: "user".into(),
        key: Some(key.as_bytes().to_vec()),
        value: Some(value.into_bytes()),
        kind: Kind::Valid,
    }
}

/// Offsets of the messages that a topic's first partition still has, up to before `end`.
fn offsets(world: &World, topic: &str, end: i64) -> Vec<i64> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &world.kafka)
        .set("group.id", "none")
        .create()
        .unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&world.topic(topic), 0, Offset::Beginning).unwrap();
    consumer.assign(&list).unwrap();
    let mut found = Vec::new();
    loop {
        let message = consumer.poll(Duration::from_secs(30)).unwrap().unwrap();
        found.push(message.offset());
        if message.offset() + 1 >= end {
            return found;
        }
    }
}

/// The server refuses one event of a batch, and meanwhile compaction has removed others of it from Kafka:
/// they are written from what was read, and the process stops and says so.
async fn compacted(server: Server) {
    let Some(mut world) = World::new(server) else { return };
    let settings = [
        ("cleanup.policy", "compact"),
        ("segment.ms", "50"),
        ("min.cleanable.dirty.ratio", "0.001"),
        ("max.compaction.lag.ms", "100"),
    ];
    create_topic(&world, "user", 1, &settings).await;
    world.set("kafka.topics", "user").set("batch.rows", 10);
    world.succeed(&["migrate"]);
    let refuse = "ALTER TABLE user_events ADD CONSTRAINT chk CHECK (event_id <> 'e5')";
    world.connect().await.execute(refuse).await.unwrap();
    // Of the first ten, all but the one to be refused have a key that comes again.
    let first: Vec<Message> =
        (0..10).map(|n| user(if n == 5 { "other" } else { "same" }, n, "noted")).collect();
    let instance = Instance::started(&world, ASSIGNED).await;
    let locked = world.lock("user_events").await;
    world.produce(first.clone()).await;
    // The batch is at a writer by then, which waits for the lock.
    let waits = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND STATE LIKE 'Waiting for table%'";
    let mut connection = world.connect().await;
    let what = || format!("a writer that waits\n{}", instance.log());
    until(what, async || {
        let count: i64 = sqlx::query_scalar(waits).fetch_one(&mut connection).await.unwrap();
        count > 0
    })
    .await;
    let mut number = 10;
    let what = || format!("compaction: {:?}", offsets(&world, "user", 10));
    until(what, async || {
        // A new segment each time, so that the one before can be cleaned.
        world.produce(vec![user("same", number, "noted")]).await;
        number += 1;
        offsets(&world, "user", 10).iter().filter(|offset| **offset < 10).count() < 4
    })
    .await;
    locked.close().await.unwrap();
    let (status, log) = instance.end();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("Kafka no longer has"), "{log}");
    let ids: Vec<String> = world
        .rows("user_events")
        .await
        .iter()
        .map(|row| row["event_id"].as_str().unwrap().to_owned())
        .collect();
    for id in (0..10).filter(|id| *id != 5).map(|id| format!("e{id}")) {
        assert!(ids.contains(&id), "{id} is lost: {ids:?}\n{log}");
    }
    world.load();
    let letters = world.rows("dead_letters").await;
    assert_eq!(letters.len(), 1, "the refused one has its dead letter after the next start");
    world.end().await;
}
