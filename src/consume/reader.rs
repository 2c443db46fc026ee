//! A client outside the group.

use super::QUERY_TIMEOUT;
use super::queries::{bounds_of_topics, committed};
use crate::offsets::{Bounds, Offsets, TopicPartition};
use rdkafka::consumer::BaseConsumer;
use rdkafka::error::KafkaResult;

/// A client outside the group; see [`super::Consumer::reader`].
pub struct Reader(pub(super) BaseConsumer);

impl Reader {
    /// The first and the next offset of every partition of these topics, open transactions included,
    /// and what the group has committed in them. Leaves out topics that do not exist.
    ///
    /// # Errors
    /// If Kafka does not answer.
    pub fn present(&self, topics: &[&str]) -> KafkaResult<(Bounds, Offsets)> {
        let partitions: Vec<TopicPartition> =
            bounds_of_topics(&self.0, topics)?.into_keys().collect();
        let committed = committed(&self.0, &partitions, QUERY_TIMEOUT)?;
        // Last, because another instance may commit meanwhile: with an older end, its offsets could
        // seem to lie beyond the end.
        let bounds = bounds_of_topics(&self.0, topics)?;
        Ok((bounds, committed))
    }
}
