//! A client outside the group.

use super::queries::{Beginnings, Committed, beginnings, bounds_of_topics, committed, offsets_at};
use super::{Member, QUERY_TIMEOUT, identity, members, queries};
use crate::offsets::{Bounds, Offsets, TopicPartition};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::BaseConsumer;
use rdkafka::error::KafkaResult;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A client outside the group, which sees what open transactions hide.
pub struct Reader(pub(super) BaseConsumer);

impl Reader {
    /// A client of its own; see also [`super::Consumer::reader`].
    ///
    /// # Errors
    /// If librdkafka does not know a property or its value.
    pub fn new(properties: &BTreeMap<String, String>) -> KafkaResult<Self> {
        Ok(Self(outside_the_group(all_properties(properties)).create()?))
    }

    /// The first and the next offset of every partition of these topics, open transactions included,
    /// and what the group has committed in them. Leaves out topics that do not exist.
    ///
    /// # Errors
    /// If Kafka does not answer.
    pub fn present(&self, topics: &[&str]) -> KafkaResult<(Bounds, Committed)> {
        let partitions: Vec<TopicPartition> =
            bounds_of_topics(&self.0, topics)?.into_keys().collect();
        let committed = committed(&self.0, &partitions, QUERY_TIMEOUT)?;
        // Last, because another instance may commit meanwhile: with an older end, its offsets could
        // seem to lie beyond the end.
        let bounds = bounds_of_topics(&self.0, topics)?;
        Ok((bounds, committed))
    }

    /// What Kafka knows of every partition of these topics, open transactions included. Leaves out topics
    /// that do not exist.
    ///
    /// # Errors
    /// If Kafka does not answer.
    pub fn beginnings(&self, topics: &[String]) -> KafkaResult<Beginnings> {
        let names: Vec<&str> = topics.iter().map(String::as_str).collect();
        let bounds = bounds_of_topics(&self.0, &names)?;
        let partitions: Vec<TopicPartition> = bounds.into_keys().collect();
        beginnings(&self.0, &partitions, topics)
    }

    /// The first offset of each partition whose message is as young as this, in milliseconds since 1970.
    /// If none is, the partition's end.
    ///
    /// # Errors
    /// If Kafka does not answer, or a partition does not exist.
    pub fn offsets_at(&self, partitions: &[TopicPartition], time_ms: i64) -> KafkaResult<Offsets> {
        offsets_at(&self.0, partitions, time_ms)
    }

    /// The id that Kafka gave its cluster; "" if the broker has none.
    ///
    /// # Errors
    /// If Kafka does not answer.
    pub fn cluster_id(&self) -> KafkaResult<Arc<str>> {
        identity::cluster_id(&self.0)
    }

    /// The ids of topics, as Kafka prints them: a recreated topic has another one.
    /// Leaves out topics that do not exist, or are so new that this broker has not heard of them. "" if
    /// the broker gives no ids, as before Kafka 2.8.
    ///
    /// # Errors
    /// If Kafka does not answer, or this account may not describe a topic.
    pub fn topic_ids(&self, topics: &[&str]) -> KafkaResult<BTreeMap<Arc<str>, Arc<str>>> {
        identity::topic_ids(&self.0, topics)
    }

    /// The members of a group; of one that does not exist, none.
    ///
    /// # Errors
    /// If Kafka does not answer.
    pub fn members(&self, group: &str) -> KafkaResult<Vec<Member>> {
        members::members(&self.0, group)
    }

    /// Commits offsets for the group, earlier or later than those it has. The database has recorded them.
    ///
    /// # Errors
    /// With `UnknownMemberId` while the group has members: Kafka takes offsets of a client outside only
    /// for a group without any. Otherwise if Kafka does not answer or a topic does not exist.
    pub fn commit(&self, offsets: &Offsets) -> KafkaResult<()> {
        if offsets.is_empty() {
            return Ok(());
        }
        queries::commit(&self.0, offsets)
    }
}

/// The configuration of a client that stores and commits no offsets by itself.
pub(super) fn all_properties(properties: &BTreeMap<String, String>) -> ClientConfig {
    let mut config = ClientConfig::new();
    for (name, value) in properties {
        config.set(name, value);
    }
    config.set("enable.auto.commit", "false").set("enable.auto.offset.store", "false");
    config
}

/// Turns a member's configuration into one of a client that never joins, and sees what open transactions
/// hide.
pub(super) fn outside_the_group(mut config: ClientConfig) -> ClientConfig {
    config.set("isolation.level", "read_uncommitted").remove("group.instance.id");
    config.remove("statistics.interval.ms");
    config
}
