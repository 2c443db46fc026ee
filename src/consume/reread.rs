//! Reads messages a second time, outside the group.

use super::queries::{exists, offsets_of};
use super::{QUERY_TIMEOUT, bootstrap_again};
use crate::offsets::TopicPartition;
use rdkafka::Message as _;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::OwnedMessage;
use rdkafka::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use tracing::warn;

/// Why messages cannot be read a second time.
#[derive(Debug, thiserror::Error)]
pub enum RereadError {
    #[error("Kafka no longer has {missing} of {wanted} messages (retention, compaction or a deleted topic): {partition}, offsets {from} to {}", .next - 1)]
    Gone {
        partition: TopicPartition,
        from: i64,
        next: i64,
        /// How many messages the range held.
        wanted: usize,
        /// How many of them did not come back.
        missing: usize,
    },
    /// librdkafka does not accept the properties.
    #[error("{0}")]
    Kafka(#[from] KafkaError),
}

/// A range of messages to read again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub partition: TopicPartition,
    pub from: i64,
    /// The offset after the last one.
    pub next: i64,
    /// How many messages came: fewer than offsets where markers or compaction left gaps.
    pub messages: usize,
}

impl Wanted {
    fn gone(&self, missing: usize) -> RereadError {
        let Self { partition, from, next, messages } = self.clone();
        RereadError::Gone { partition, from, next, wanted: messages, missing }
    }
}

/// Reads ranges of offsets a second time. Waits for Kafka for as long as it takes.
///
/// # Errors
/// If messages are gone, or librdkafka does not accept the properties.
pub fn reread(
    properties: &BTreeMap<String, String>,
    ranges: &[Wanted],
) -> Result<Vec<OwnedMessage>, RereadError> {
    let mut config = ClientConfig::new();
    for (name, value) in properties.iter().filter(|(name, _)| *name != "group.instance.id") {
        config.set(name, value);
    }
    config.set("enable.auto.commit", "false").set("auto.offset.reset", "error");
    let consumer: BaseConsumer = config.create()?;
    let mut list = TopicPartitionList::with_capacity(ranges.len());
    let mut left = BTreeMap::new();
    for wanted in ranges {
        let TopicPartition { topic, partition } = &wanted.partition;
        list.add_partition_offset(topic, *partition, Offset::Offset(wanted.from))?;
        if left.insert(wanted.partition.clone(), (wanted, 0)).is_some() {
            // The partition was truncated between two of its ranges: the first one is gone.
            return Err(wanted.gone(wanted.messages));
        }
    }
    consumer.assign(&list)?;
    let mut messages = Vec::new();
    while !left.is_empty() {
        match consumer.poll(QUERY_TIMEOUT) {
            None => {
                warn!("consume: no answer from Kafka while reading messages again; retrying");
                bootstrap_again(consumer.client(), &properties["bootstrap.servers"]);
                if let Some((wanted, found)) = ended(&consumer, &left) {
                    return Err(wanted.gone(wanted.messages - found));
                }
            }
            Some(Ok(message)) => {
                let partition = TopicPartition {
                    topic: message.topic().into(),
                    partition: message.partition(),
                };
                let Some((wanted, found)) = left.get_mut(&partition) else { continue };
                let (wanted, offset) = (*wanted, message.offset());
                if offset < wanted.next {
                    *found += 1;
                    messages.push(message.detach());
                }
                if offset + 1 >= wanted.next {
                    if *found < wanted.messages {
                        return Err(wanted.gone(wanted.messages - *found));
                    }
                    left.remove(&partition);
                    let mut done = TopicPartitionList::new();
                    done.add_partition(&partition.topic, partition.partition);
                    consumer.pause(&done)?;
                }
            }
            Some(Err(KafkaError::MessageConsumption(RDKafkaErrorCode::AutoOffsetReset))) => {
                // librdkafka does not say which partition.
                let (wanted, found) = left.values().next().copied().unwrap_or((&ranges[0], 0));
                return Err(wanted.gone(wanted.messages - found));
            }
            Some(Err(error)) => {
                warn!(%error, "consume: error while reading messages again; retrying");
            }
        }
    }
    Ok(messages)
}

/// A range that will never be complete: its topic was deleted, or only markers are left before its end.
fn ended<'w>(
    consumer: &BaseConsumer,
    left: &BTreeMap<TopicPartition, (&'w Wanted, usize)>,
) -> Option<(&'w Wanted, usize)> {
    let positions = consumer.position().map(offsets_of).unwrap_or_default();
    let is_over = |(partition, (wanted, _)): &(&TopicPartition, &(&Wanted, usize))| {
        positions.get(*partition).is_some_and(|position| *position >= wanted.next)
            || exists(consumer, &partition.topic, QUERY_TIMEOUT).is_ok_and(|exists| !exists)
    };
    left.iter().find(is_over).map(|(_, found)| *found)
}
