//! When everything that existed at the start has been loaded, and what could not be.

use super::joined;
use super::losses::Lost;
use crate::offsets::{Bounds, Offsets, TopicPartition};
use rdkafka::statistics::Statistics;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What existed at the start, and which partitions have been consumed up to that end.
#[derive(Debug)]
pub(super) struct UntilEnd {
    /// First and next offset at the start.
    bounds: Bounds,
    pending: BTreeSet<TopicPartition>,
    /// What the database held beyond the end: these offsets belong to messages that are gone, and the
    /// present ones have not been read.
    outlived: Offsets,
    /// How many statistics in a row said that nothing is left of a partition.
    quiet: BTreeMap<TopicPartition, u32>,
    /// How many answers in a row said that a partition is gone, or ends before its end at the start.
    shortened: BTreeMap<TopicPartition, u32>,
    /// What existed at the start and can no longer be loaded, in words.
    left_out: Vec<String>,
}

/// Partitions that we cannot bring to their end ourselves, as lists for the log. Empty if there are none.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Waits {
    /// Those of other members of the group.
    pub(super) others: String,
    /// Our own, where an open transaction hides the rest.
    pub(super) hidden: String,
}

/// How many statistics in a row must agree that everything was handed out: librdkafka purges its queue
/// when partitions are paused or change hands, and its statistics show that only after a moment.
const QUIET_STATISTICS: u32 = 3;
/// How many answers in a row must agree that a topic is gone: a broker that has just started may not
/// know all topics yet.
const SHORTENED_ANSWERS: u32 = 2;

impl UntilEnd {
    /// Takes the first and next offsets of every partition. Empty ones are done already, and so are
    /// those that the database holds exactly up to the end.
    pub(super) fn new(bounds: &Bounds, held: &Offsets) -> Self {
        let with_messages = bounds.iter().filter(|(_, (first, end))| first < end);
        let bounds: Bounds = with_messages.map(|(key, both)| (key.clone(), *both)).collect();
        let is_outlived = |(key, offset): &(&TopicPartition, &i64)| {
            bounds.get(*key).is_some_and(|(_, end)| *offset > end)
        };
        let outlived = held.iter().filter(is_outlived);
        let mut this = Self {
            pending: bounds.keys().cloned().collect(),
            outlived: outlived.map(|(key, offset)| (key.clone(), *offset)).collect(),
            bounds,
            quiet: BTreeMap::new(),
            shortened: BTreeMap::new(),
            left_out: Vec::new(),
        };
        this.held(held);
        this
    }

    /// The database went back in time: what it held does not count any more.
    pub(super) fn started_over(&mut self) {
        self.pending = self.bounds.keys().cloned().collect();
        self.interrupted();
    }

    /// A partition goes to another instance: from now on only what the database says counts.
    pub(super) fn given_up(&mut self, partition: &TopicPartition) {
        if self.bounds.contains_key(partition) {
            self.pending.insert(partition.clone());
        }
    }

    /// Everything of a partition up to and including `offset` has been consumed.
    pub(super) fn consumed(&mut self, partition: &TopicPartition, offset: i64) {
        if self.bounds.get(partition).is_some_and(|(_, end)| offset + 1 >= *end) {
            self.pending.remove(partition);
        }
    }

    /// The database holds everything before these offsets, through any instance.
    pub(super) fn held(&mut self, held: &Offsets) {
        let (bounds, outlived) = (&self.bounds, &self.outlived);
        let is_left = |key: &TopicPartition| {
            let end = bounds.get(key).map_or(0, |(_, end)| *end);
            let offset = held.get(key).filter(|offset| outlived.get(key) != Some(offset));
            offset.is_none_or(|offset| *offset < end)
        };
        self.pending.retain(is_left);
    }

    /// librdkafka has read up to the end without handing out a message: compaction removed what was left.
    pub(super) fn statistics(
        &mut self,
        statistics: &Statistics,
        is_ours: impl Fn(&TopicPartition) -> bool,
    ) {
        for (partition, (_, end)) in &self.bounds {
            let topic = statistics.topics.get(&*partition.topic);
            let found = topic.and_then(|topic| topic.partitions.get(&partition.partition));
            let is_quiet = is_ours(partition)
                && found.is_some_and(|found| {
                    found.fetchq_cnt == 0 && found.eof_offset >= *end && found.next_offset >= *end
                });
            let times = self.quiet.entry(partition.clone()).or_default();
            *times = if is_quiet { *times + 1 } else { 0 };
            if *times >= QUIET_STATISTICS {
                self.pending.remove(partition);
            }
        }
    }

    /// Partitions changed hands or were paused: librdkafka fetches again what it had in its queue.
    pub(super) fn interrupted(&mut self) {
        self.quiet.clear();
    }

    /// Records were deleted before they were read.
    pub(super) fn lost(&mut self, lost: &Lost) {
        let Some(&(first, end)) = self.bounds.get(&lost.partition) else { return };
        let (from, next) = (lost.from.max(first), lost.next.min(end));
        if from < next {
            let lost = Lost { from, next, ..lost.clone() };
            self.left_out.push(format!("{lost}: deleted before they were read"));
        }
        self.consumed(&lost.partition, lost.next - 1);
    }

    /// What Kafka has now of partitions that were not read up to their end.
    pub(super) fn present(&mut self, bounds: &Bounds, missing: &BTreeSet<Arc<str>>) {
        for partition in self.pending.clone() {
            let (_, end) = self.bounds[&partition];
            let what = match bounds.get(&partition) {
                _ if missing.contains(&partition.topic) => "the topic was deleted",
                Some((_, now)) if *now < end => {
                    "the partition was truncated, or its topic deleted and recreated"
                }
                Some(_) => {
                    self.shortened.remove(&partition);
                    continue;
                }
                None => continue,
            };
            let answers = self.shortened.entry(partition.clone()).or_default();
            *answers += 1;
            if *answers >= SHORTENED_ANSWERS {
                self.leave_out(&partition, what);
            }
        }
    }

    /// A topic was deleted and recreated: its ids differ.
    pub(super) fn recreated(&mut self, topic: &str) {
        for partition in self.pending.clone() {
            if *partition.topic == *topic {
                self.leave_out(&partition, "the topic was deleted and recreated");
            }
        }
    }

    fn leave_out(&mut self, partition: &TopicPartition, what: &str) {
        self.pending.remove(partition);
        if let Some((first, end)) = self.bounds.remove(partition) {
            let last = end - 1;
            self.left_out.push(format!("{partition}, among offsets {first} to {last}: {what}"));
        }
    }

    /// The partitions that were not read up to their end.
    pub(super) fn pending(&self) -> impl Iterator<Item = &TopicPartition> {
        self.pending.iter()
    }

    /// What we wait for and cannot bring about ourselves.
    pub(super) fn waits(
        &self,
        is_ours: impl Fn(&TopicPartition) -> bool,
        is_hidden: impl Fn(&TopicPartition) -> bool,
    ) -> Waits {
        let (ours, others): (Vec<_>, Vec<_>) = self.pending.iter().partition(|key| is_ours(key));
        let hidden = ours.into_iter().filter(|key| is_hidden(key));
        Waits { others: joined(others), hidden: joined(hidden) }
    }

    /// Partitions of other instances, about which only the database tells us.
    pub(super) fn to_ask(
        &self,
        is_ours: impl Fn(&TopicPartition) -> bool,
    ) -> impl Iterator<Item = &TopicPartition> {
        self.pending.iter().filter(move |key| !is_ours(key))
    }

    /// Whether nothing that existed at the start is left to consume.
    pub(super) fn is_reached(&self) -> bool {
        self.pending.is_empty()
    }

    /// What existed at the start and was not loaded: it is gone, or the run was stopped before.
    pub(super) fn take_left_out(&mut self) -> Vec<String> {
        let mut left_out = std::mem::take(&mut self.left_out);
        left_out.extend(self.pending.iter().map(|partition| {
            let end = self.bounds.get(partition).map_or(0, |(_, end)| *end);
            format!("{partition}, up to offset {}: stopped before", end - 1)
        }));
        left_out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(number: i32) -> TopicPartition {
        TopicPartition { topic: "user".into(), partition: number }
    }

    #[test]
    fn empty_and_committed_partitions_are_done() {
        let bounds = BTreeMap::from([
            (partition(0), (0, 0)),
            (partition(1), (5, 5)),
            (partition(2), (0, 10)),
            (partition(3), (0, 10)),
        ]);
        let mut end =
            UntilEnd::new(&bounds, &BTreeMap::from([(partition(2), 10), (partition(3), 9)]));
        assert_eq!(end.to_ask(|_| false).collect::<Vec<_>>(), [&partition(3)]);
        end.consumed(&partition(3), 8);
        assert!(!end.is_reached());
        end.consumed(&partition(3), 9);
        assert!(end.is_reached());
    }

    #[test]
    fn waits_for_others_and_for_transactions_differ() {
        let bounds = (0..4).map(|number| (partition(number), (0, 10))).collect();
        let mut end = UntilEnd::new(&bounds, &BTreeMap::from([(partition(0), 10)]));
        let waits = |end: &UntilEnd| end.waits(|key| key.partition < 3, |key| key.partition != 1);
        let expected = Waits { others: "user/3".to_owned(), hidden: "user/2".to_owned() };
        assert_eq!(waits(&end), expected);
        end.held(&BTreeMap::from([(partition(2), 10), (partition(3), 10)]));
        assert_eq!(waits(&end), Waits::default());
    }

    /// The partition was truncated, or its topic deleted and recreated.
    #[test]
    fn an_offset_beyond_the_end_says_nothing() {
        let bounds = BTreeMap::from([(partition(0), (0, 10))]);
        let held = BTreeMap::from([(partition(0), 90)]);
        let mut end = UntilEnd::new(&bounds, &held);
        assert!(!end.is_reached());
        end.held(&held);
        assert!(!end.is_reached(), "its owner has not begun");
        end.held(&BTreeMap::from([(partition(0), 4)]));
        assert!(!end.is_reached());
        end.held(&BTreeMap::from([(partition(0), 12)]));
        assert!(end.is_reached(), "its owner went on to what came later");
    }

    #[test]
    fn another_instance_may_do_it() {
        let bounds = BTreeMap::from([(partition(0), (0, 10))]);
        let mut end = UntilEnd::new(&bounds, &BTreeMap::new());
        end.held(&BTreeMap::from([(partition(0), 9)]));
        assert!(!end.is_reached());
        end.held(&BTreeMap::from([(partition(0), 10)]));
        assert!(end.is_reached());
        end.started_over();
        assert!(!end.is_reached(), "the database went back");
    }

    /// No message would tell us, and for seconds no statistics either.
    #[test]
    fn another_instance_may_have_done_it_before_it_came_to_us() {
        let bounds = BTreeMap::from([(partition(0), (0, 10)), (partition(1), (0, 10))]);
        let mut end = UntilEnd::new(&bounds, &BTreeMap::new());
        assert_eq!(end.to_ask(|_| true).count(), 0, "messages will tell");
        end.held(&BTreeMap::from([(partition(0), 10)]));
        assert!(!end.is_reached());
        end.consumed(&partition(1), 9);
        assert!(end.is_reached());
    }

    fn statistics(next_offset: i64, queued: i64) -> Statistics {
        let mut statistics = Statistics::default();
        let found = rdkafka::statistics::Partition {
            partition: 0,
            next_offset,
            eof_offset: next_offset,
            fetchq_cnt: queued,
            ..Default::default()
        };
        let topic =
            rdkafka::statistics::Topic { partitions: [(0, found)].into(), ..Default::default() };
        statistics.topics.insert("user".to_owned(), topic);
        statistics
    }

    /// While partitions are paused, the queue is empty and the next offset is still the old one.
    #[test]
    fn an_empty_queue_is_the_end_only_if_it_stays_empty() {
        let bounds = BTreeMap::from([(partition(0), (0, 10))]);
        let mut end = UntilEnd::new(&bounds, &BTreeMap::new());
        let is_ours = |_: &TopicPartition| true;
        end.statistics(&statistics(10, 0), is_ours);
        end.statistics(&statistics(10, 0), is_ours);
        end.interrupted();
        end.statistics(&statistics(10, 0), is_ours);
        end.statistics(&statistics(10, 4), is_ours);
        assert!(!end.is_reached());
        for _ in 0..QUIET_STATISTICS {
            end.statistics(&statistics(10, 0), is_ours);
        }
        assert!(end.is_reached());
    }

    #[test]
    fn what_was_deleted_is_left_out() {
        let bounds = BTreeMap::from([(partition(0), (5, 10)), (partition(1), (0, 10))]);
        let mut end = UntilEnd::new(&bounds, &BTreeMap::new());
        end.lost(&Lost { partition: partition(0), from: 0, next: 5 });
        assert!(end.left_out.is_empty(), "it was not there at the start");
        end.lost(&Lost { partition: partition(0), from: 8, next: 30 });
        end.lost(&Lost { partition: partition(1), from: 12, next: 20 });
        assert!(end.is_reached());
        let left_out = end.take_left_out();
        assert!(left_out.len() == 1 && left_out[0].contains("offsets 8 to 9"), "{left_out:?}");
    }

    #[test]
    fn a_deleted_or_recreated_topic_is_left_out() {
        let other = TopicPartition { topic: "post".into(), partition: 0 };
        let bounds = BTreeMap::from([(partition(0), (0, 10)), (other, (0, 10))]);
        let mut end = UntilEnd::new(&bounds, &BTreeMap::new());
        let missing = BTreeSet::from([Arc::from("post")]);
        let now = BTreeMap::from([(partition(0), (0, 4))]);
        end.present(&now, &missing);
        assert!(!end.is_reached(), "one answer may be too early");
        end.present(&now, &missing);
        assert!(end.is_reached());
        assert_eq!(end.take_left_out().len(), 2);
    }

    #[test]
    fn of_a_topic_with_another_id_what_was_not_read_is_left_out() {
        let bounds = BTreeMap::from([(partition(0), (0, 10)), (partition(1), (0, 10))]);
        let mut end = UntilEnd::new(&bounds, &BTreeMap::from([(partition(0), 10)]));
        end.recreated("post");
        assert!(!end.is_reached());
        end.recreated("user");
        assert!(end.is_reached());
        let left_out = end.take_left_out();
        assert!(left_out.len() == 1 && left_out[0].contains("user/1"), "{left_out:?}");
    }
}
