//! Topics that are made, grow and go, and the offsets of a world's consumer group.

use crate::{World, until, until_within};
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use std::time::Duration;

/// How long it may take to load what a test has produced; the full form of a backlog is large.
const LOADED_WITHIN: Duration = Duration::from_secs(1_800);
const ANSWER_WAIT: Duration = Duration::from_secs(30);

/// The consumer group of a world's instances, seen from outside: this is no member of it.
pub struct Group {
    consumer: BaseConsumer,
    prefix: String,
}

impl Group {
    pub fn new(world: &World) -> Self {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &world.kafka).set("group.id", world.group_id());
        Self { consumer: config.create().unwrap(), prefix: world.prefix.clone() }
    }

    /// Messages in the topics, and those of them up to the committed offsets.
    pub fn offsets(&self) -> (i64, i64) {
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

    /// The committed offset of a topic's first partition.
    pub fn committed(&self, topic: &str) -> i64 {
        let mut list = TopicPartitionList::new();
        list.add_partition(&format!("{}{topic}", self.prefix), 0);
        let committed = self.consumer.committed_offsets(list, ANSWER_WAIT).unwrap();
        committed.elements()[0].offset().to_raw().unwrap()
    }

    /// Commits an offset of a topic's first partition.
    pub fn commit(&self, topic: &str, offset: i64) {
        let topic = format!("{}{topic}", self.prefix);
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&topic, 0, Offset::Offset(offset)).unwrap();
        self.consumer.commit(&list, CommitMode::Sync).unwrap();
    }

    /// Waits until everything that was produced is committed.
    pub async fn is_done(&self) {
        let what = || format!("(messages, committed): {:?}", self.offsets());
        until_within(LOADED_WITHIN, what, async || {
            let (end, committed) = self.offsets();
            end == committed
        })
        .await;
    }
}

fn admin(bootstrap_servers: &str) -> AdminClient<DefaultClientContext> {
    ClientConfig::new().set("bootstrap.servers", bootstrap_servers).create().unwrap()
}

fn options() -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(ANSWER_WAIT))
}

/// Makes topics of these names at a broker.
pub async fn create_topics(bootstrap_servers: &str, names: &[String], partitions: i32) {
    let new = |name| NewTopic::new(name, partitions, TopicReplication::Fixed(1));
    let topics: Vec<NewTopic<'_>> = names.iter().map(|name| new(name)).collect();
    for created in admin(bootstrap_servers).create_topics(&topics, &options()).await.unwrap() {
        created.unwrap();
    }
}

/// Makes a topic with settings of its own.
pub async fn create_topic(world: &World, topic: &str, partitions: i32, settings: &[(&str, &str)]) {
    let name = world.topic(topic);
    let new = NewTopic::new(&name, partitions, TopicReplication::Fixed(1));
    let new = settings.iter().fold(new, |new, (key, value)| new.set(key, value));
    let what = || format!("topic {name}");
    // Its namesake may be on its way out.
    until(what, async || {
        let created = admin(&world.kafka).create_topics([&new], &options()).await.unwrap();
        created.iter().all(Result::is_ok)
    })
    .await;
}

pub async fn delete_topic(world: &World, topic: &str) {
    let name = world.topic(topic);
    for result in admin(&world.kafka).delete_topics(&[&name], &options()).await.unwrap() {
        result.unwrap();
    }
}

/// Gives a topic more partitions.
pub async fn add_partitions(world: &World, topic: &str, count: usize) {
    let name = world.topic(topic);
    let more = NewPartitions::new(&name, count);
    for result in admin(&world.kafka).create_partitions([&more], &options()).await.unwrap() {
        result.unwrap();
    }
}

/// Deletes the messages of a topic's first partition that come before `offset`.
pub async fn delete_messages(world: &World, topic: &str, offset: i64) {
    let mut before = TopicPartitionList::new();
    before.add_partition_offset(&world.topic(topic), 0, Offset::Offset(offset)).unwrap();
    let deleted = admin(&world.kafka).delete_records(&before, &options()).await.unwrap();
    for partition in deleted.elements() {
        partition.error().unwrap();
    }
}
