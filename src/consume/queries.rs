//! Single questions to Kafka. Each waits for the answer, at most [`QUERY_TIMEOUT`] or the timeout that
//! it is given.

use super::QUERY_TIMEOUT;
use crate::offsets::{Bounds, Offsets, TopicPartition};
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// What Kafka knows about a partition when it is assigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionFacts {
    pub partition: TopicPartition,
    /// What the group has committed.
    pub committed: Option<i64>,
    /// The first offset that Kafka still has.
    pub first: i64,
    /// The offset after the last one that can be read.
    pub end: i64,
    /// Whether the group has committed an offset in any partition of the topic.
    pub group_knows_topic: bool,
}

/// What Kafka knows about partitions. One whose topic has been deleted meanwhile counts as empty.
pub(super) fn facts<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    partitions: &[TopicPartition],
) -> KafkaResult<Vec<PartitionFacts>> {
    let there = match bounds_of(consumer, partitions) {
        Ok(bounds) => bounds,
        Err(error) => {
            let there = those_that_exist(consumer, partitions)?;
            if there.len() == partitions.len() {
                return Err(error);
            }
            bounds_of(consumer, &there)?
        }
    };
    let mut offsets = committed(consumer, partitions, QUERY_TIMEOUT)?;
    let mut topics = BTreeMap::new();
    for TopicPartition { topic, .. } in partitions {
        if !topics.contains_key(topic) {
            topics.insert(Arc::clone(topic), has_committed(consumer, topic, &offsets)?);
        }
    }
    let facts = |partition: &TopicPartition| {
        let (first, end) = there.get(partition).copied().unwrap_or_default();
        PartitionFacts {
            partition: partition.clone(),
            committed: offsets.remove(partition),
            first,
            end,
            group_knows_topic: topics[&partition.topic],
        }
    };
    Ok(partitions.iter().map(facts).collect())
}

/// Whether the group has committed an offset in any partition of a topic.
fn has_committed<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topic: &Arc<str>,
    offsets: &Offsets,
) -> KafkaResult<bool> {
    if offsets.keys().any(|partition| partition.topic == *topic) {
        return Ok(true);
    }
    let all = partitions_of_topic(consumer, topic)?;
    Ok(!all.is_empty() && !committed(consumer, &all, QUERY_TIMEOUT)?.is_empty())
}

fn those_that_exist<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    partitions: &[TopicPartition],
) -> KafkaResult<Vec<TopicPartition>> {
    let mut there = Vec::new();
    for partition in partitions {
        if exists(consumer, &partition.topic, QUERY_TIMEOUT)? {
            there.push(partition.clone());
        }
    }
    Ok(there)
}

pub(super) fn partitions_of_topic<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topic: &Arc<str>,
) -> KafkaResult<Vec<TopicPartition>> {
    let metadata = consumer.fetch_metadata(Some(topic), QUERY_TIMEOUT)?;
    let found = metadata.topics().iter().flat_map(|found| found.partitions());
    let own = |found: &rdkafka::metadata::MetadataPartition| TopicPartition {
        topic: Arc::clone(topic),
        partition: found.id(),
    };
    Ok(found.map(own).collect())
}

pub(super) fn exists<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topic: &str,
    timeout: Duration,
) -> KafkaResult<bool> {
    let metadata = consumer.fetch_metadata(Some(topic), timeout)?;
    let error = metadata.topics().iter().find_map(|found| found.error());
    match error.map(RDKafkaErrorCode::from) {
        None => Ok(true),
        Some(RDKafkaErrorCode::UnknownTopicOrPartition) => Ok(false),
        Some(error) => Err(KafkaError::MetadataFetch(error)),
    }
}

/// The bounds of every partition of those of these topics that exist.
pub(super) fn bounds_of_topics<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topics: &[&str],
) -> KafkaResult<Bounds> {
    let mut partitions = Vec::new();
    for topic in topics {
        if exists(consumer, topic, QUERY_TIMEOUT)? {
            partitions.extend(partitions_of_topic(consumer, &Arc::from(*topic))?);
        }
    }
    bounds_of(consumer, &partitions)
}

/// The first and the next offsets of partitions that exist, as far as the client may read.
pub(super) fn bounds_of<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    partitions: &[TopicPartition],
) -> KafkaResult<Bounds> {
    let ends = list_offsets(consumer, partitions, Offset::End)?;
    let firsts = list_offsets(consumer, partitions, Offset::Beginning)?;
    let both = |(partition, first)| {
        let end = *ends.get(&partition)?;
        Some((partition, (first, end)))
    };
    Ok(firsts.into_iter().filter_map(both).collect())
}

/// The first offset of each partition whose message is as young as this, in milliseconds since 1970. If
/// none is, the partition's end.
pub(super) fn offsets_at<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    partitions: &[TopicPartition],
    time_ms: i64,
) -> KafkaResult<Offsets> {
    // First, because messages may come meanwhile: with a younger end, they would be skipped.
    let mut offsets = list_offsets(consumer, partitions, Offset::End)?;
    // Negative ones have other meanings.
    let time = Offset::Offset(time_ms.max(0));
    offsets.extend(ask_offsets(consumer, partitions, time)?);
    Ok(offsets)
}

/// The first or the next offset of partitions that exist.
fn list_offsets<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    partitions: &[TopicPartition],
    which: Offset,
) -> KafkaResult<Offsets> {
    let offsets = ask_offsets(consumer, partitions, which)?;
    if offsets.len() < partitions.len() {
        return Err(KafkaError::OffsetFetch(RDKafkaErrorCode::NoOffset));
    }
    Ok(offsets)
}

/// Kafka's ListOffsets: one request a broker. Leaves out partitions that have no such offset.
fn ask_offsets<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    partitions: &[TopicPartition],
    which: Offset,
) -> KafkaResult<Offsets> {
    if partitions.is_empty() {
        return Ok(Offsets::new());
    }
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for TopicPartition { topic, partition } in partitions {
        list.add_partition_offset(topic, *partition, which)?;
    }
    let found = consumer.offsets_for_times(list, QUERY_TIMEOUT)?;
    found.elements().iter().try_for_each(|element| element.error())?;
    Ok(offsets_of(found))
}

/// The offsets that the group has committed for these partitions.
pub(super) fn committed<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    partitions: &[TopicPartition],
    timeout: Duration,
) -> KafkaResult<Offsets> {
    if partitions.is_empty() {
        return Ok(Offsets::new());
    }
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for TopicPartition { topic, partition } in partitions {
        list.add_partition(topic, *partition);
    }
    let found = consumer.committed_offsets(list, timeout)?;
    found.elements().iter().try_for_each(|element| element.error())?;
    Ok(offsets_of(found))
}

pub(super) fn partitions_of(list: &TopicPartitionList) -> Vec<TopicPartition> {
    let partition = |element: rdkafka::topic_partition_list::TopicPartitionListElem<'_>| {
        TopicPartition { topic: element.topic().into(), partition: element.partition() }
    };
    list.elements().into_iter().map(partition).collect()
}

/// The partitions of a list that have an offset.
// By value, because that is how librdkafka's calls return lists.
#[expect(clippy::needless_pass_by_value)]
pub(super) fn offsets_of(list: TopicPartitionList) -> Offsets {
    let offset = |element: &rdkafka::topic_partition_list::TopicPartitionListElem<'_>| {
        let partition =
            TopicPartition { topic: element.topic().into(), partition: element.partition() };
        match element.offset() {
            Offset::Offset(offset) => Some((partition, offset)),
            _ => None,
        }
    };
    list.elements().iter().filter_map(offset).collect()
}

/// A list of librdkafka's of these offsets.
pub(super) fn list_of(offsets: &Offsets) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::with_capacity(offsets.len());
    for (TopicPartition { topic, partition }, offset) in offsets {
        list.add_partition_offset(topic, *partition, Offset::Offset(*offset))?;
    }
    Ok(list)
}
