//! Which offset of a partition is safe to commit.
//!
//! Takes the offset ranges of batches, as they are sealed and as they become durable. Gives the
//! watermark: the offset up to which everything is durable. Holds true: a range that is not
//! finished keeps the watermark before it, however many later ones are. Absent: IO, the clock.
//!
//! ```text
//! sealed     [0..10) [10..25) [25..30)
//! finished            x                 nothing to commit: [0..10) is still under way
//! finished    x       x                 commit 25
//! finished    x       x        x        commit 30
//! ```

use crate::offsets::{OffsetRange, Slot, TopicPartition};
use std::collections::{BTreeMap, HashMap, VecDeque};

/// The ranges of one partition that are under way, in the order in which they were sealed.
#[derive(Debug, Default)]
pub struct Watermark {
    ranges: VecDeque<(OffsetRange, bool)>,
    durable: Option<i64>,
    durable_ms: Option<i64>,
}

impl Watermark {
    /// A sealed batch covers this range.
    pub fn begin(&mut self, range: OffsetRange) {
        self.ranges.push_back((range, false));
    }

    /// A range is durable.
    ///
    /// # Panics
    /// When the range has not begun or is finished already.
    pub fn finish(&mut self, range: OffsetRange) {
        let entry = self.ranges.iter_mut().find(|(begun, done)| *begun == range && !done);
        let Some((_, done)) = entry else { panic!("{range:?} is not under way") };
        *done = true;
        while let Some((OffsetRange { next, last_ms, .. }, true)) = self.ranges.front() {
            self.durable = Some(*next);
            self.durable_ms = *last_ms;
            self.ranges.pop_front();
        }
    }

    /// Everything before `offset` is durable, or holds no message.
    ///
    /// # Panics
    /// When a range is under way, which would have to be durable first.
    pub fn advance(&mut self, offset: i64) {
        assert!(self.is_idle(), "ranges are under way");
        self.durable = Some(offset);
    }

    /// The offset after the last one before which everything is durable; `None` as long as nothing
    /// is.
    #[must_use]
    pub fn durable(&self) -> Option<i64> {
        self.durable
    }

    /// Kafka's timestamp of the last durable message, in milliseconds since 1970.
    #[must_use]
    pub fn durable_ms(&self) -> Option<i64> {
        self.durable_ms
    }

    /// Whether nothing is under way.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.ranges.is_empty()
    }
}

/// A partition as long as it is assigned, and afterwards as long as its ranges are under way.
#[derive(Debug)]
struct Assigned {
    partition: TopicPartition,
    watermark: Watermark,
    /// The offset of the message that should come next.
    next: i64,
    /// Whether messages have come that no sealed batch covers yet.
    is_open: bool,
    /// The offset that was handed to Kafka last.
    handed_over: Option<i64>,
    revoked: bool,
}

/// How the offset of a message goes with the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// It is the next one.
    InOrder,
    /// The offsets from this one on were left out: markers of transactions, compacted records, or
    /// records that were deleted before they were read.
    Gap {
        /// The first offset that did not come.
        from: i64,
    },
    /// It comes again: the partition was truncated, or its topic deleted and created anew.
    Back {
        /// The offset that should have come.
        expected: i64,
    },
}

impl Assigned {
    /// Whether this is the present assignment of a partition.
    fn is(&self, topic: &str, partition: i32) -> bool {
        !self.revoked && self.partition.partition == partition && *self.partition.topic == *topic
    }
}

/// The assigned partitions, by the slot number that batches know them by. Each assignment gets a
/// number of its own, and no number is used twice. So a batch that is sealed or lands after its
/// partition was taken away, perhaps given back, moves nobody's watermark.
#[derive(Debug, Default)]
pub struct Assignment {
    slots: BTreeMap<Slot, Assigned>,
    by_partition: HashMap<TopicPartition, Slot>,
    next: Slot,
}

impl Assignment {
    /// A partition is assigned, of which Kafka has the offset `committed`, and which is read from
    /// `begin` on. If these differ, `begin` is to be committed.
    pub fn assign(
        &mut self,
        partition: TopicPartition,
        begin: i64,
        committed: Option<i64>,
    ) -> Slot {
        let mut watermark = Watermark::default();
        watermark.advance(begin);
        let assigned = Assigned {
            partition: partition.clone(),
            watermark,
            next: begin,
            is_open: false,
            handed_over: committed,
            revoked: false,
        };
        let slot = self.next;
        self.next += 1;
        self.slots.insert(slot, assigned);
        self.by_partition.insert(partition, slot);
        slot
    }

    /// A partition is taken away. What is under way may still finish, to no effect.
    pub fn revoke(&mut self, partition: &TopicPartition) {
        let Some(slot) = self.by_partition.remove(partition) else { return };
        if let Some(assigned) = self.slots.get_mut(&slot) {
            assigned.revoked = true;
        }
        self.release(slot);
    }

    /// The slot of an assigned partition.
    #[must_use]
    pub fn slot(&self, topic: &str, partition: i32) -> Option<Slot> {
        let is_it = |(_, assigned): &(&Slot, &Assigned)| assigned.is(topic, partition);
        self.slots.iter().find(is_it).map(|(slot, _)| *slot)
    }

    /// Whether a slot is this partition's. Messages come in runs, so asking this first saves the
    /// search.
    #[must_use]
    pub fn is_slot(&self, slot: Slot, topic: &str, partition: i32) -> bool {
        self.slots.get(&slot).is_some_and(|assigned| assigned.is(topic, partition))
    }

    /// A message of an assigned partition came: which partition it is, and how it goes with the one
    /// before. `None` if the partition was taken away meanwhile.
    pub fn arrive(&mut self, slot: Slot, offset: i64) -> Option<(&TopicPartition, Arrival)> {
        let assigned = self.slots.get_mut(&slot).filter(|assigned| !assigned.revoked)?;
        let expected = std::mem::replace(&mut assigned.next, offset + 1);
        assigned.is_open = true;
        let arrival = match offset.cmp(&expected) {
            std::cmp::Ordering::Equal => Arrival::InOrder,
            std::cmp::Ordering::Greater => Arrival::Gap { from: expected },
            std::cmp::Ordering::Less => Arrival::Back { expected },
        };
        Some((&assigned.partition, arrival))
    }

    /// The offset of the message that should come next in an assigned partition.
    #[must_use]
    pub fn next(&self, partition: &TopicPartition) -> Option<i64> {
        let slot = self.by_partition.get(partition)?;
        self.slots.get(slot).map(|assigned| assigned.next)
    }

    /// Nothing is left to read of a partition before `offset`: what may come there is no message.
    /// Counts only when all messages that came are durable.
    pub fn advance(&mut self, partition: &TopicPartition, offset: i64) {
        let slot = self.by_partition.get(partition);
        let Some(assigned) = slot.and_then(|slot| self.slots.get_mut(slot)) else { return };
        let all_durable = !assigned.is_open && assigned.watermark.is_idle();
        if all_durable && offset > assigned.next {
            assigned.next = offset;
            assigned.watermark.advance(offset);
        }
    }

    /// The partition of a slot, unless it was taken away.
    #[must_use]
    pub fn partition(&self, slot: Slot) -> Option<&TopicPartition> {
        let assigned = self.slots.get(&slot).filter(|assigned| !assigned.revoked);
        assigned.map(|assigned| &assigned.partition)
    }

    /// Every assigned partition.
    pub fn partitions(&self) -> impl Iterator<Item = &TopicPartition> {
        self.by_partition.keys()
    }

    /// A batch with these ranges was sealed.
    pub fn begin(&mut self, ranges: &[OffsetRange]) {
        for range in ranges {
            if let Some(assigned) = self.slots.get_mut(&range.slot) {
                assigned.is_open = false;
                assigned.watermark.begin(*range);
            }
        }
    }

    /// A batch with these ranges is durable.
    pub fn finish(&mut self, ranges: &[OffsetRange]) {
        for range in ranges {
            if let Some(assigned) = self.slots.get_mut(&range.slot) {
                assigned.watermark.finish(*range);
            }
            self.release(range.slot);
        }
    }

    fn release(&mut self, slot: Slot) {
        let done = |assigned: &Assigned| assigned.revoked && assigned.watermark.is_idle();
        if self.slots.get(&slot).is_some_and(done) {
            self.slots.remove(&slot);
        }
    }

    /// Whether everything of a partition that was sealed is durable.
    #[must_use]
    pub fn is_idle(&self, partition: &TopicPartition) -> bool {
        let slot = self.by_partition.get(partition);
        slot.and_then(|slot| self.slots.get(slot))
            .is_none_or(|assigned| assigned.watermark.is_idle())
    }

    /// The watermark of an assigned partition.
    #[must_use]
    pub fn durable(&self, partition: &TopicPartition) -> Option<i64> {
        let slot = self.by_partition.get(partition)?;
        self.slots.get(slot)?.watermark.durable()
    }

    /// Every assigned partition with its watermark.
    pub fn watermarks(&self) -> impl Iterator<Item = (&TopicPartition, &Watermark)> {
        self.by_partition.iter().filter_map(|(partition, slot)| {
            self.slots.get(slot).map(|assigned| (partition, &assigned.watermark))
        })
    }

    /// The watermarks that have moved since they were taken last, to be committed.
    pub fn take_commits(&mut self) -> Vec<(TopicPartition, i64)> {
        let mut commits = Vec::new();
        for assigned in self.slots.values_mut().filter(|assigned| !assigned.revoked) {
            let durable = assigned.watermark.durable();
            if let Some(offset) = durable
                && assigned.handed_over != durable
            {
                assigned.handed_over = durable;
                commits.push((assigned.partition.clone(), offset));
            }
        }
        commits
    }

    /// Whether a watermark has moved since it was taken last.
    #[must_use]
    pub fn has_commits(&self) -> bool {
        let moved = |assigned: &Assigned| {
            let durable = assigned.watermark.durable();
            !assigned.revoked && durable.is_some() && assigned.handed_over != durable
        };
        self.slots.values().any(moved)
    }

    /// A commit failed: the watermarks of these partitions are to be committed again.
    pub fn commit_failed<'p>(&mut self, partitions: impl Iterator<Item = &'p TopicPartition>) {
        for partition in partitions {
            let slot = self.by_partition.get(partition);
            if let Some(assigned) = slot.and_then(|slot| self.slots.get_mut(slot)) {
                assigned.handed_over = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn partition(number: i32) -> TopicPartition {
        TopicPartition { topic: "user".into(), partition: number }
    }

    #[test]
    fn the_worked_example() {
        let mut watermark = Watermark::default();
        let range =
            |from, next| OffsetRange { slot: 0, from, next, messages: 1, last_ms: Some(next) };
        let [a, b, c] = [range(0, 10), range(10, 25), range(25, 30)];
        [a, b, c].into_iter().for_each(|range| watermark.begin(range));
        watermark.finish(b);
        assert_eq!(watermark.durable(), None);
        watermark.finish(a);
        assert_eq!(watermark.durable(), Some(25));
        watermark.finish(c);
        assert_eq!((watermark.durable(), watermark.is_idle()), (Some(30), true));
        assert_eq!(watermark.durable_ms(), Some(30));
    }

    #[test]
    fn a_lost_partition_that_lands_late_commits_nothing() {
        let mut assignment = Assignment::default();
        let slot = assignment.assign(partition(0), 0, Some(0));
        let late = [OffsetRange { slot, from: 0, next: 5, messages: 1, last_ms: None }];
        assignment.begin(&late);
        assignment.revoke(&partition(0));
        let again = assignment.assign(partition(0), 0, Some(0));
        assert_ne!(slot, again, "the slot is still under way");
        assert!(assignment.partition(slot).is_none(), "its messages are somebody else's");
        assignment.finish(&late);
        assert_eq!(assignment.take_commits(), []);
        assert_ne!(assignment.assign(partition(1), 0, Some(0)), slot);
        assert!(assignment.partition(slot).is_none(), "nothing of it is under way any more");
    }

    #[test]
    fn a_batch_that_is_sealed_after_its_partition_was_lost_commits_nothing() {
        let mut assignment = Assignment::default();
        let lost = assignment.assign(partition(0), 0, Some(0));
        assignment.revoke(&partition(0));
        let other = assignment.assign(partition(1), 0, Some(0));
        let open = [OffsetRange { slot: lost, from: 900, next: 1_000, messages: 1, last_ms: None }];
        assignment.begin(&open);
        assignment.finish(&open);
        assert_eq!(assignment.take_commits(), []);
        assert_eq!(assignment.durable(&partition(1)), Some(0));
        assert!(assignment.is_slot(other, "user", 1));
    }

    #[test]
    fn a_partition_that_comes_back_between_cover_and_seal_commits_nothing_old() {
        let mut assignment = Assignment::default();
        let before = assignment.assign(partition(0), 0, Some(0));
        assignment.revoke(&partition(0));
        let after = assignment.assign(partition(0), 0, Some(0));
        let both = [
            OffsetRange { slot: before, from: 900, next: 1_000, messages: 1, last_ms: None },
            OffsetRange { slot: after, from: 500, next: 600, messages: 1, last_ms: None },
        ];
        assignment.begin(&both);
        assignment.finish(&both);
        assert_eq!(assignment.take_commits(), [(partition(0), 600)]);
    }

    #[test]
    fn commits_are_taken_once_unless_they_fail() {
        let mut assignment = Assignment::default();
        let slot = assignment.assign(partition(3), 7, Some(7));
        let range = [OffsetRange { slot, from: 7, next: 9, messages: 1, last_ms: None }];
        assignment.begin(&range);
        assert_eq!(assignment.take_commits(), []);
        assert!(!assignment.is_idle(&partition(3)));
        assignment.finish(&range);
        assert_eq!(assignment.take_commits(), [(partition(3), 9)]);
        assert_eq!(assignment.take_commits(), []);
        assignment.commit_failed([partition(3)].iter());
        assert_eq!(assignment.take_commits(), [(partition(3), 9)]);
    }

    #[test]
    fn where_a_partition_begins_is_committed_at_once() {
        let mut assignment = Assignment::default();
        assignment.assign(partition(0), 12, None);
        assignment.assign(partition(1), 400, Some(300));
        assignment.assign(partition(2), 5, Some(5));
        let commits: BTreeMap<_, _> = assignment.take_commits().into_iter().collect();
        assert_eq!(commits, BTreeMap::from([(partition(0), 12), (partition(1), 400)]));
    }

    #[test]
    fn gaps_and_returns_are_noticed() {
        let mut assignment = Assignment::default();
        let slot = assignment.assign(partition(0), 10, Some(10));
        let mut arrive = |offset| assignment.arrive(slot, offset).map(|(_, arrival)| arrival);
        assert_eq!(arrive(10), Some(Arrival::InOrder));
        assert_eq!(arrive(13), Some(Arrival::Gap { from: 11 }));
        assert_eq!(arrive(14), Some(Arrival::InOrder));
        assert_eq!(arrive(0), Some(Arrival::Back { expected: 15 }));
        assert_eq!(arrive(1), Some(Arrival::InOrder));
        assignment.revoke(&partition(0));
        assert_eq!(assignment.arrive(slot, 2), None);
    }

    /// Markers at the end of a partition are no messages, but their offsets are committed.
    #[test]
    fn the_end_is_reached_only_when_all_before_it_is_durable() {
        let mut assignment = Assignment::default();
        let slot = assignment.assign(partition(0), 0, Some(0));
        assert!(assignment.arrive(slot, 0).is_some());
        assignment.advance(&partition(0), 2);
        assert_eq!(assignment.take_commits(), [], "the message is in the open batch");
        let range = [OffsetRange { slot, from: 0, next: 1, messages: 1, last_ms: None }];
        assignment.begin(&range);
        assignment.advance(&partition(0), 2);
        assert_eq!(assignment.take_commits(), [], "it is under way");
        assignment.finish(&range);
        assignment.advance(&partition(0), 2);
        assert_eq!(assignment.take_commits(), [(partition(0), 2)]);
        assignment.advance(&partition(0), 1);
        assert_eq!((assignment.next(&partition(0)), assignment.take_commits()), (Some(2), vec![]));
    }

    proptest! {
        /// Whatever the order in which ranges finish, the watermark is the end of the longest
        /// finished prefix.
        #[test]
        fn the_watermark_is_the_finished_prefix(
            (lengths, order) in prop::collection::vec(1..5_i64, 1..12).prop_flat_map(|lengths| {
                let order: Vec<usize> = (0..lengths.len()).collect();
                (Just(lengths), Just(order).prop_shuffle())
            })
        ) {
            let mut watermark = Watermark::default();
            let mut ranges = Vec::new();
            let mut from = 100;
            for length in lengths {
                ranges.push(OffsetRange { slot: 0, from, next: from + length, messages: 1, last_ms: None });
                watermark.begin(ranges[ranges.len() - 1]);
                from += length;
            }
            let mut finished = vec![false; ranges.len()];
            for index in order {
                watermark.finish(ranges[index]);
                finished[index] = true;
                let prefix = finished.iter().take_while(|done| **done).count();
                prop_assert_eq!(watermark.durable(), prefix.checked_sub(1).map(|last| ranges[last].next));
            }
        }
    }
}
