//! Committed offsets whose messages Kafka has deleted.

use super::{assert_loaded, users};
use loadgen::Message;
use testkit::kafka::{Group, add_partitions, delete_messages};
use testkit::{Instance, Server, World};

/// What is committed when the messages go, the first offset that is left, and the end.
const COMMITTED: usize = 300;
const FIRST_LEFT: usize = 400;
const END: usize = 600;

/// A topic whose messages between the committed offset and a later one are gone, and all messages
/// it ever had.
async fn gap() -> Option<(World, Vec<Message>)> {
    let world = World::migrated(Server::MariaDb, 1).await?;
    let messages = users(END);
    world.produce(messages[..COMMITTED].to_vec()).await;
    world.load();
    world.produce(messages[COMMITTED..].to_vec()).await;
    delete_messages(&world, "user", i64::try_from(FIRST_LEFT).unwrap()).await;
    Some((world, messages))
}

#[tokio::test]
async fn earliest_continues_and_says_so() {
    let Some((world, messages)) = gap().await else { return };
    let instance = Instance::start(&world);
    Group::new(&world).is_done().await;
    let log = instance.stop();
    let told = log.lines().find(|line| line.contains("deleted before they were read"));
    let told: serde_json::Value =
        serde_json::from_str(told.unwrap_or_else(|| panic!("{log}"))).unwrap();
    let fields = &told["fields"];
    assert_eq!(told["level"], "ERROR", "{told}");
    assert_eq!(fields["partition"], world.topic("user/0"), "{told}");
    assert_eq!((fields["from"].as_u64(), fields["to"].as_u64()), (Some(300), Some(399)), "{told}");
    let left = messages[..COMMITTED].iter().chain(&messages[FIRST_LEFT..]);
    assert_loaded("what Kafka still had", &world, left).await;
    world.end().await;
}

#[tokio::test]
async fn error_stops() {
    let Some((mut world, messages)) = gap().await else { return };
    world.set("kafka.auto_offset_reset", "error");
    let (status, log) = Instance::start(&world).end();
    assert_eq!(status.code(), Some(1), "{log}");
    let last = log.lines().last().unwrap();
    let reason = format!("offset {COMMITTED} for {}user/0 is out of range", world.prefix);
    assert!(last.contains(&reason), "it ends with topic, partition and offset:\n{log}");
    let left = &messages[..COMMITTED];
    assert_loaded("what was committed before", &world, left).await;
    world.end().await;
}

/// A partition that is added has no committed offset, and its group knows the topic.
#[tokio::test]
async fn error_reads_an_added_partition() {
    let Some(mut world) = World::migrated(Server::MariaDb, 1).await else { return };
    let messages = users(60);
    world.produce(messages[..30].to_vec()).await;
    world.load();
    add_partitions(&world, "user", 3).await;
    world.produce(messages[30..].to_vec()).await;
    world.set("kafka.auto_offset_reset", "error");
    world.load();
    assert_loaded("a partition was added", &world, &messages).await;
    world.end().await;
}

/// What is there before a group's first start is for a person to decide, who has to know where.
#[tokio::test]
async fn error_names_a_partition_that_nothing_was_committed_for() {
    let Some(mut world) = World::migrated(Server::MariaDb, 1).await else { return };
    world.set("kafka.auto_offset_reset", "error");
    let (status, log) = Instance::start(&world).end();
    assert_eq!(status.code(), Some(1), "{log}");
    let last = log.lines().last().unwrap();
    assert!(last.contains("no committed offset for") && last.contains(&world.prefix), "{log}");
    world.end().await;
}
