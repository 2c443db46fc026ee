//! Single questions to Kafka. Each waits for the answer, at most [`QUERY_TIMEOUT`] or the timeout that
//! it is given.

use super::{QUERY_TIMEOUT, identity};
use crate::ledger::{Held, HeldByTopic, Topic};
use crate::offsets::{Bounds, Offsets, TopicPartition};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::topic_partition_list::TopicPartitionListElem;
use rdkafka::{Offset, TopicPartitionList};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// What Kafka keeps beside an offset that a database had recorded before it was committed.
const RECORDED: &str = "recorded by sluicegate";

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
    /// The offset after the last one that was written, open transactions included, as far as it matters.
    pub written: i64,
    /// Whether a database had recorded that offset when it was committed.
    pub was_recorded: bool,
    /// How many partitions of the topic are not younger than the group: not Kafka's to know.
    pub seen: Option<i64>,
    /// Kafka's id of the topic; empty if it tells none.
    pub topic_id: Arc<str>,
    /// What the database says: not Kafka's to know, so whoever has asked the database fills it in.
    pub rows: HeldByTopic,
}

impl PartitionFacts {
    /// What the database holds of the topic as it is now.
    #[must_use]
    pub fn held(&self) -> Held {
        Held::of(&self.rows, &self.topic_id)
    }
}

/// What a group has committed.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Committed {
    pub offsets: Offsets,
    /// Those that a database had recorded before they were committed.
    pub recorded: BTreeSet<TopicPartition>,
}

impl Committed {
    /// What a database may adopt that has never recorded anything. If another one has recorded these offsets,
    /// this one has been put back to before that, or is another.
    #[must_use]
    pub fn adoptable(self) -> Offsets {
        if self.recorded.is_empty() { self.offsets } else { Offsets::new() }
    }
}

/// What Kafka knows when partitions are assigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beginnings {
    pub facts: Vec<PartitionFacts>,
    /// What the group has committed in all topics that it reads.
    pub group: Committed,
    /// All topics that the group reads, those that do not exist included.
    pub topics: BTreeMap<Arc<str>, Topic>,
    pub cluster_id: Arc<str>,
}

/// What Kafka knows about partitions, of a group that reads these topics. A partition whose topic has been
/// deleted meanwhile counts as empty.
pub(super) fn beginnings<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    partitions: &[TopicPartition],
    topics: &[String],
) -> KafkaResult<Beginnings> {
    let names: Vec<&str> = topics.iter().map(String::as_str).collect();
    // First: if a topic is recreated meanwhile, its old id with new bounds is noticed the next time.
    let topic_ids = identity::topic_ids(consumer, &names)?;
    let mut all: BTreeSet<TopicPartition> = partitions.iter().cloned().collect();
    let mut found: BTreeMap<Arc<str>, Topic> =
        topics.iter().map(|topic| (Arc::from(topic.as_str()), Topic::default())).collect();
    for (topic, id) in &topic_ids {
        let its = partitions_of_topic(consumer, topic)?;
        let partitions = i64::try_from(its.len()).unwrap_or(i64::MAX);
        let its_topic = Topic { id: Arc::clone(id), partitions, is_known: false };
        found.insert(Arc::clone(topic), its_topic);
        all.extend(its);
    }
    let all: Vec<TopicPartition> = all.into_iter().collect();
    let group = committed(consumer, &all, QUERY_TIMEOUT)?;
    for known in group.offsets.keys() {
        if let Some(topic) = found.get_mut(&known.topic) {
            topic.is_known = true;
        }
    }
    // Last, because another instance may commit meanwhile: with an older end, its offsets could seem to
    // lie beyond the end.
    let bounds = match bounds_of(consumer, partitions) {
        Ok(bounds) => bounds,
        Err(error) => {
            let there = those_that_exist(consumer, partitions)?;
            if there.len() == partitions.len() {
                return Err(error);
            }
            bounds_of(consumer, &there)?
        }
    };
    let facts = |partition: &TopicPartition| {
        let (first, end) = bounds.get(partition).copied().unwrap_or_default();
        PartitionFacts {
            partition: partition.clone(),
            committed: group.offsets.get(partition).copied(),
            was_recorded: group.recorded.contains(partition),
            first,
            end,
            written: end,
            seen: None,
            topic_id: topic_ids.get(&partition.topic).cloned().unwrap_or_default(),
            rows: HeldByTopic::new(),
        }
    };
    let facts = partitions.iter().map(facts).collect();
    let cluster_id = identity::cluster_id(consumer)?;
    Ok(Beginnings { facts, group, topics: found, cluster_id })
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
) -> KafkaResult<Committed> {
    if partitions.is_empty() {
        return Ok(Committed::default());
    }
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for TopicPartition { topic, partition } in partitions {
        list.add_partition(topic, *partition);
    }
    let found = consumer.committed_offsets(list, timeout)?;
    let elements = found.elements();
    elements.iter().try_for_each(TopicPartitionListElem::error)?;
    let recorded = elements.iter().filter(|element| element.metadata() == RECORDED);
    let recorded = recorded.map(partition_of).collect();
    Ok(Committed { recorded, offsets: offsets_of(found) })
}

/// Commits offsets that the database has recorded, and says so beside them.
pub(super) fn commit<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    offsets: &Offsets,
) -> KafkaResult<()> {
    let list = list_of(offsets)?;
    for mut element in list.elements() {
        element.set_metadata(RECORDED);
    }
    consumer.commit(&list, CommitMode::Sync)
}

fn partition_of(element: &TopicPartitionListElem<'_>) -> TopicPartition {
    TopicPartition { topic: element.topic().into(), partition: element.partition() }
}

pub(super) fn partitions_of(list: &TopicPartitionList) -> Vec<TopicPartition> {
    list.elements().iter().map(partition_of).collect()
}

/// The partitions of a list that have an offset.
// By value, because that is how librdkafka's calls return lists.
#[expect(clippy::needless_pass_by_value)]
pub(super) fn offsets_of(list: TopicPartitionList) -> Offsets {
    let offset = |element: &TopicPartitionListElem<'_>| match element.offset() {
        Offset::Offset(offset) => Some((partition_of(element), offset)),
        _ => None,
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
