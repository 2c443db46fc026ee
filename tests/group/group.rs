//! What Kafka knows of a test's topics and of the group's offsets.

use crate::instance::until;
use crate::support::{DEADLINE, World};
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use std::time::Duration;

/// How long it may take to load what a test has produced; the full form of a backlog is large.
const LOADED_WITHIN: Duration = Duration::from_secs(1_800);
const ANSWER_WAIT: Duration = Duration::from_secs(30);

/// Asks, but is no member.
pub(crate) struct Group {
    consumer: BaseConsumer,
    prefix: String,
}

impl Group {
    pub(crate) fn new(world: &World) -> Self {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &world.kafka)
            .set("group.id", format!("group-{}", world.database));
        Self { consumer: config.create().unwrap(), prefix: world.prefix.clone() }
    }

    /// Messages in the topics, and those of them up to the committed offsets.
    pub(crate) fn offsets(&self) -> (i64, i64) {
        let metadata = self.consumer.fetch_metadata(None, ANSWER_WAIT).unwrap();
        let mut list = TopicPartitionList::new();
        for topic in metadata.topics().iter().filter(|t| t.name().starts_with(&self.prefix)) {
            for partition in topic.partitions() {
                list.add_partition(topic.name(), partition.id());
            }
        }
        let committed = self.consumer.committed_offsets(list, ANSWER_WAIT).unwrap();
        let mut sum = (0, 0);
        for partition in committed.elements() {
            let (_, end) = self
                .consumer
                .fetch_watermarks(partition.topic(), partition.partition(), ANSWER_WAIT)
                .unwrap();
            sum.0 += end;
            if let Offset::Offset(offset) = partition.offset() {
                sum.1 += offset;
            }
        }
        sum
    }

    /// Waits until everything that was produced is committed.
    pub(crate) async fn is_done(&self) {
        let what = || format!("(messages, committed): {:?}", self.offsets());
        until(LOADED_WITHIN, what, async || {
            let (end, committed) = self.offsets();
            end == committed
        })
        .await;
    }
}

fn admin(world: &World) -> AdminClient<DefaultClientContext> {
    ClientConfig::new().set("bootstrap.servers", &world.kafka).create().unwrap()
}

fn options() -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(ANSWER_WAIT))
}

/// Gives a topic more partitions.
pub(crate) async fn add_partitions(world: &World, topic: &str, count: usize) {
    let name = format!("{}{topic}", world.prefix);
    let more = NewPartitions::new(&name, count);
    for result in admin(world).create_partitions([&more], &options()).await.unwrap() {
        result.unwrap();
    }
}

/// Creates a topic with settings of its own.
pub(crate) async fn create_topic(
    world: &World,
    topic: &str,
    partitions: i32,
    settings: &[(&str, &str)],
) {
    let name = format!("{}{topic}", world.prefix);
    let new = NewTopic::new(&name, partitions, TopicReplication::Fixed(1));
    let new = settings.iter().fold(new, |new, (key, value)| new.set(key, value));
    // Its namesake may be on its way out.
    until(
        DEADLINE,
        || format!("topic {name}"),
        async || {
            let created = admin(world).create_topics([&new], &options()).await.unwrap();
            created.iter().all(Result::is_ok)
        },
    )
    .await;
}

/// Deletes a topic.
pub(crate) async fn delete_topic(world: &World, topic: &str) {
    let name = format!("{}{topic}", world.prefix);
    for result in admin(world).delete_topics(&[&name], &options()).await.unwrap() {
        result.unwrap();
    }
}

/// Commits an offset of a topic's first partition for the world's group.
pub(crate) fn commit(world: &World, topic: &str, offset: i64) {
    let Group { consumer, prefix } = Group::new(world);
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&format!("{prefix}{topic}"), 0, Offset::Offset(offset)).unwrap();
    consumer.commit(&list, CommitMode::Sync).unwrap();
}

/// Deletes the messages of a topic's first partition that come before `offset`.
pub(crate) async fn delete_messages(world: &World, topic: &str, offset: i64) {
    let name = format!("{}{topic}", world.prefix);
    let mut before = TopicPartitionList::new();
    before.add_partition_offset(&name, 0, Offset::Offset(offset)).unwrap();
    let deleted = admin(world).delete_records(&before, &options()).await.unwrap();
    for partition in deleted.elements() {
        partition.error().unwrap();
    }
}
