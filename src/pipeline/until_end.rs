//! When everything that was there at the start has been done.

use crate::commit::TopicPartition;
use rdkafka::statistics::Statistics;
use std::collections::{BTreeMap, BTreeSet};

/// The end offsets at the start, and which partitions have been consumed up to them.
#[derive(Debug)]
pub(super) struct UntilEnd {
    ends: BTreeMap<TopicPartition, i64>,
    pending: BTreeSet<TopicPartition>,
    /// Came to us since the group was last asked what it has committed: their owner before may have
    /// done them.
    inherited: BTreeSet<TopicPartition>,
    /// Statistics that may still speak of the assignment before.
    stale_statistics: u32,
}

/// Statistics come once a second, and one may be under way while partitions change hands.
const STALE_STATISTICS: u32 = 2;

impl UntilEnd {
    /// From the first and next offsets of every partition. Empty ones are done already, and so are
    /// those that the group has committed up to the end.
    pub(super) fn new(
        bounds: &BTreeMap<TopicPartition, (i64, i64)>,
        committed: &BTreeMap<TopicPartition, i64>,
    ) -> Self {
        let with_messages = bounds.iter().filter(|(_, (first, end))| first < end);
        let ends: BTreeMap<_, _> =
            with_messages.map(|(key, (_, end))| (key.clone(), *end)).collect();
        let mut this = Self {
            pending: ends.keys().cloned().collect(),
            ends,
            inherited: BTreeSet::new(),
            stale_statistics: 0,
        };
        this.committed(committed);
        this
    }

    /// A partition is ours from now on.
    pub(super) fn inherited(&mut self, partition: &TopicPartition) {
        if self.pending.contains(partition) {
            self.inherited.insert(partition.clone());
        }
    }

    /// A partition goes to another instance: done is what that one commits.
    pub(super) fn given_up(&mut self, partition: &TopicPartition) {
        if self.ends.contains_key(partition) {
            self.pending.insert(partition.clone());
        }
    }

    /// The message at `offset` has been consumed.
    pub(super) fn consumed(&mut self, partition: &TopicPartition, offset: i64) {
        if self.ends.get(partition).is_some_and(|end| offset + 1 >= *end) {
            self.pending.remove(partition);
        }
    }

    /// The group has committed these offsets, by whichever instance.
    pub(super) fn committed(&mut self, committed: &BTreeMap<TopicPartition, i64>) {
        self.pending.retain(|key| committed.get(key).is_none_or(|offset| *offset < self.ends[key]));
        self.inherited.clear();
    }

    /// librdkafka has read up to the end without handing out a message: what is left are
    /// transaction markers or compacted records.
    pub(super) fn statistics(
        &mut self,
        statistics: &Statistics,
        is_ours: impl Fn(&TopicPartition) -> bool,
    ) {
        if self.stale_statistics > 0 {
            self.stale_statistics -= 1;
            return;
        }
        self.pending.retain(|key @ TopicPartition { topic, partition }| {
            if !is_ours(key) {
                return true;
            }
            let end = self.ends[key];
            let found =
                statistics.topics.get(&**topic).and_then(|topic| topic.partitions.get(partition));
            !found.is_some_and(|found| {
                found.fetchq_cnt == 0 && found.eof_offset >= end && found.next_offset >= end
            })
        });
    }

    /// Partitions were assigned or revoked.
    pub(super) fn rebalanced(&mut self) {
        self.stale_statistics = STALE_STATISTICS;
    }

    /// Partitions of which the group's offsets say more than the messages that come.
    pub(super) fn to_ask(
        &self,
        is_ours: impl Fn(&TopicPartition) -> bool,
    ) -> impl Iterator<Item = &TopicPartition> {
        let pending = self.pending.iter();
        pending.filter(move |key| !is_ours(key) || self.inherited.contains(*key))
    }

    /// Whether every message that was there at the start has been consumed.
    pub(super) fn is_reached(&self) -> bool {
        self.pending.is_empty()
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
    fn another_instance_may_do_it() {
        let bounds = BTreeMap::from([(partition(0), (0, 10))]);
        let mut end = UntilEnd::new(&bounds, &BTreeMap::new());
        end.committed(&BTreeMap::from([(partition(0), 9)]));
        assert!(!end.is_reached());
        end.committed(&BTreeMap::from([(partition(0), 10)]));
        assert!(end.is_reached());
    }

    /// No message and, for seconds, no statistics would tell.
    #[test]
    fn another_instance_may_have_done_it_before_it_came_to_us() {
        let bounds = BTreeMap::from([(partition(0), (0, 10)), (partition(1), (0, 10))]);
        let mut end = UntilEnd::new(&bounds, &BTreeMap::new());
        let is_ours = |_: &TopicPartition| true;
        assert_eq!(end.to_ask(is_ours).count(), 0, "messages will tell");
        end.inherited(&partition(0));
        assert_eq!(end.to_ask(is_ours).collect::<Vec<_>>(), [&partition(0)]);
        end.committed(&BTreeMap::from([(partition(0), 10)]));
        assert_eq!(end.to_ask(is_ours).count(), 0, "what is left is for us to do");
        assert!(!end.is_reached());
        end.consumed(&partition(1), 9);
        assert!(end.is_reached());
    }
}
