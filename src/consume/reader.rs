//! A client outside the group.

use super::queries::{Beginnings, beginnings, bounds_of_topics};
use crate::offsets::TopicPartition;
use rdkafka::consumer::BaseConsumer;
use rdkafka::error::KafkaResult;

/// A client outside the group; see [`super::Consumer::reader`].
pub struct Reader(pub(super) BaseConsumer);

impl Reader {
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
}
