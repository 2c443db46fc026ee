//! Committed offsets whose messages Kafka has deleted.

use crate::group::{Group, delete_messages};
use crate::instance::Instance;
use crate::support::{Server, World};
use crate::{assert_tables, migrated};
use loadgen::{Generator, Message, Plan};

/// What is committed when the messages go, the first offset that is left, and the end.
const COMMITTED: usize = 300;
const FIRST_LEFT: usize = 400;
const END: usize = 600;

/// A topic whose messages between the committed offset and a later one are gone, and all messages
/// it ever had.
async fn gap() -> Option<(World, Vec<Message>)> {
    let world = migrated(Server::MariaDb, 1).await?;
    let messages: Vec<Message> = Generator::new(Plan { events: 4_000, ..Plan::default() })
        .filter(|message| message.topic == "user")
        .take(END)
        .collect();
    assert_eq!(messages.len(), END);
    world.produce(messages[..COMMITTED].to_vec()).await;
    world.load();
    world.produce(messages[COMMITTED..].to_vec()).await;
    delete_messages(&world, "user", i64::try_from(FIRST_LEFT).unwrap()).await;
    Some((world, messages))
}

#[tokio::test]
async fn earliest_goes_on_and_says_so() {
    let Some((world, messages)) = gap().await else { return };
    let instance = Instance::start(&world);
    Group::new(&world).is_done().await;
    let log = instance.leave();
    let reset = format!("{}user [0]: offset reset (at offset {COMMITTED} ", world.prefix);
    let told = log.lines().find(|line| line.contains("\"WARN\"") && line.contains(&reset));
    assert!(told.is_some(), "topic, partition and offset:\n{log}");
    let left = [&messages[..COMMITTED], &messages[FIRST_LEFT..]].concat();
    assert_tables("what Kafka still had", &world, &left).await;
    world.end().await;
}

#[tokio::test]
async fn error_stops() {
    let Some((mut world, messages)) = gap().await else { return };
    world.set("kafka.auto_offset_reset", "error");
    let (status, log) = Instance::start(&world).end();
    assert_eq!(status.code(), Some(1), "{log}");
    let last = log.lines().last().unwrap();
    assert!(last.to_lowercase().contains("offset"), "it ends with the reason:\n{log}");
    let left = &messages[..COMMITTED];
    assert_tables("what was committed before", &world, left).await;
    world.end().await;
}
