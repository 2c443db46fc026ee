//! Reads the newest messages of a topic, outside of any group: nothing is joined or committed.

use super::queries::{bounds_of_topics, exists};
use super::reader::{all_properties, outside_the_group};
use super::{QUERY_TIMEOUT, TopicPartition};
use crate::clock;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use rdkafka::{Message as _, Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long reading may take.
const READ_WITHIN: Duration = Duration::from_secs(30);
const POLL_TIMEOUT: Duration = Duration::from_millis(200);
/// How much is kept of values and keys.
const BYTES_MAX: usize = 32 * 1024 * 1024;

/// What was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sampled {
    pub partitions: usize,
    /// Whether it ended before the ends of the partitions.
    pub is_cut: bool,
}

/// Gives the newest messages of a topic to `take`, an equal share of each partition as far as there is one. `None`
/// if there is no such topic.
///
/// # Errors
/// If Kafka does not answer, or librdkafka does not accept the properties.
pub fn sample(
    properties: &BTreeMap<String, String>,
    topic: &str,
    messages: u32,
    mut take: impl FnMut(&BorrowedMessage<'_>),
) -> KafkaResult<Option<Sampled>> {
    let mut config = outside_the_group(all_properties(properties));
    config.set("enable.partition.eof", "true").set("auto.offset.reset", "earliest");
    let consumer: BaseConsumer = config.create()?;
    if !exists(&consumer, topic, QUERY_TIMEOUT)? {
        return Ok(None);
    }
    let bounds = bounds_of_topics(&consumer, &[topic])?;
    let held: Vec<i64> = bounds.values().map(|(first, end)| end - first).collect();
    let shares = shares(&held, i64::from(messages));
    let mut list = TopicPartitionList::new();
    let mut left: BTreeMap<TopicPartition, i64> = BTreeMap::new();
    for ((partition, (_, end)), share) in
        bounds.iter().zip(&shares).filter(|(_, share)| **share > 0)
    {
        let from = Offset::Offset(end - share);
        list.add_partition_offset(&partition.topic, partition.partition, from)?;
        left.insert(partition.clone(), *end);
    }
    consumer.assign(&list)?;
    let (start, mut bytes, mut trouble) = (clock::now(), 0, None);
    while !left.is_empty() && start.elapsed() < READ_WITHIN && bytes < BYTES_MAX {
        match consumer.poll(POLL_TIMEOUT) {
            None => {}
            Some(Ok(message)) => {
                let partition =
                    TopicPartition { topic: topic.into(), partition: message.partition() };
                let Some(end) = left.get(&partition).copied() else { continue };
                if message.offset() < end {
                    bytes += message.payload_len() + message.key_len();
                    take(&message);
                }
                if message.offset() + 1 >= end {
                    left.remove(&partition);
                }
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                left.remove(&TopicPartition { topic: topic.into(), partition });
            }
            Some(Err(error)) if may_pass(&error) => trouble = Some(error),
            Some(Err(error)) => return Err(error),
        }
    }
    match trouble {
        Some(error) if bytes == 0 && !left.is_empty() => Err(error),
        _ => Ok(Some(Sampled { partitions: bounds.len(), is_cut: !left.is_empty() })),
    }
}

/// A broker may be gone for a moment.
fn may_pass(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{AllBrokersDown, BrokerTransportFailure, OperationTimedOut, Resolve};
    let code = error.rdkafka_error_code();
    code.is_some_and(|code| {
        [AllBrokersDown, BrokerTransportFailure, OperationTimedOut, Resolve].contains(&code)
    })
}

/// How many messages to read of each partition, given how many it has: what one lacks, others give.
///
/// ```text
/// has 1, 100, 100; wanted 21 → 1, 10, 10
/// ```
fn shares(held: &[i64], wanted: i64) -> Vec<i64> {
    let mut order: Vec<usize> = (0..held.len()).collect();
    order.sort_by_key(|at| held[*at]);
    let (mut shares, mut left) = (vec![0; held.len()], wanted);
    for (done, at) in order.iter().enumerate() {
        let partitions = i64::try_from(held.len() - done).unwrap_or(i64::MAX);
        // Rounded up, so that fewer messages than partitions are still some.
        let share = (left + partitions - 1) / partitions;
        shares[*at] = held[*at].clamp(0, share);
        left -= shares[*at];
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_share_alike() {
        assert_eq!(shares(&[1, 100, 100], 21), [1, 10, 10]);
        assert_eq!(shares(&[100, 0, 3], 10), [7, 0, 3]);
        assert_eq!(shares(&[5, 5], 100), [5, 5]);
        assert_eq!(shares(&[], 10), [0; 0]);
        assert_eq!(shares(&[9, 9, 9], 2).iter().sum::<i64>(), 2);
    }
}
