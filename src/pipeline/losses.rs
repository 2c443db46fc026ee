//! Which offsets were left out because their records had been deleted.
//!
//! Takes the gaps in the offsets of messages, and the first offset of each partition as librdkafka's
//! statistics know it. Gives the ranges that retention (or an operator) deleted before they were read.
//! Gaps of other kinds are usual: markers of transactions, and what compaction removed. Absent: IO.
//!
//! ```text
//! came 0 … 99, 400     gap [100, 400)
//! first offset 0       nothing was deleted: compacted, or an aborted transaction
//! first offset 400     300 offsets were deleted before they were read
//! ```

use crate::offsets::TopicPartition;
use std::collections::HashMap;

/// Offsets that were deleted before they were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lost {
    /// Their partition.
    pub(super) partition: TopicPartition,
    /// The first of them.
    pub(super) from: i64,
    /// The offset after the last one.
    pub(super) next: i64,
}

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { partition, from, next } = self;
        write!(f, "{partition}, offsets {from} to {} ({} messages at most)", next - 1, next - from)
    }
}

/// How often a gap is held against the first offset: the first statistics and the first answer of Kafka's
/// may be from before it.
const LOOKS: u32 = 3;
/// Gaps of a partition that are told apart; beyond, they are taken together.
const GAPS_MAX: usize = 256;

/// The gaps that were not explained yet.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    by_partition: HashMap<TopicPartition, Vec<Gap>>,
    /// Partitions without a message whose first offset lies beyond the next one that should come.
    overtaken: HashMap<TopicPartition, Gap>,
}

#[derive(Debug, Clone, Copy)]
struct Gap {
    from: i64,
    next: i64,
    looks: u32,
}

impl Gaps {
    /// The offsets from `from` to before `next` did not come.
    pub(super) fn note(&mut self, partition: &TopicPartition, from: i64, next: i64) {
        let gap = Gap { from, next, looks: 0 };
        match self.by_partition.get_mut(partition) {
            None => drop(self.by_partition.insert(partition.clone(), vec![gap])),
            Some(gaps) if gaps.len() < GAPS_MAX => gaps.push(gap),
            Some(gaps) => {
                if let Some(last) = gaps.last_mut() {
                    *last = Gap { next, looks: 0, ..*last };
                }
            }
        }
    }

    /// The first offset of a partition is `first` by now: gives what was deleted of its gaps.
    pub(super) fn held_against(&mut self, partition: &TopicPartition, first: i64) -> Vec<Lost> {
        let Some(gaps) = self.by_partition.get_mut(partition) else { return Vec::new() };
        let (deleted, others): (Vec<Gap>, Vec<Gap>) = gaps.iter().partition(|gap| gap.from < first);
        let looked = others.into_iter().map(|gap| Gap { looks: gap.looks + 1, ..gap });
        *gaps = looked.filter(|gap| gap.looks < LOOKS).collect();
        if gaps.is_empty() {
            self.by_partition.remove(partition);
        }
        let lost = |Gap { from, next, .. }| Lost {
            partition: partition.clone(),
            from,
            next: next.min(first),
        };
        deleted.into_iter().map(lost).collect()
    }

    /// Nothing of a partition is waiting to be handed out, and its first offset lies beyond the next
    /// one: gives what was deleted, once that is sure.
    pub(super) fn overtaken(
        &mut self,
        partition: &TopicPartition,
        next: i64,
        first: i64,
    ) -> Option<Lost> {
        let looks = match self.overtaken.get(partition) {
            Some(gap) if gap.from == next => gap.looks + 1,
            _ => 0,
        };
        if looks < LOOKS {
            self.overtaken.insert(partition.clone(), Gap { from: next, next: first, looks });
            return None;
        }
        self.overtaken.remove(partition);
        Some(Lost { partition: partition.clone(), from: next, next: first })
    }

    /// The partitions with gaps that were not explained yet.
    pub(super) fn partitions(&self) -> impl Iterator<Item = &TopicPartition> {
        self.by_partition.keys()
    }

    pub(super) fn forget(&mut self, partition: &TopicPartition) {
        self.by_partition.remove(partition);
        self.overtaken.remove(partition);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition() -> TopicPartition {
        TopicPartition { topic: "user".into(), partition: 0 }
    }

    #[test]
    fn the_worked_example() {
        let mut gaps = Gaps::default();
        gaps.note(&partition(), 100, 400);
        assert_eq!(gaps.held_against(&partition(), 0), [], "statistics from before");
        let lost = gaps.held_against(&partition(), 400);
        assert_eq!(lost, [Lost { partition: partition(), from: 100, next: 400 }]);
        assert_eq!(lost[0].to_string(), "user/0, offsets 100 to 399 (300 messages at most)");
        assert_eq!(gaps.held_against(&partition(), 500), [], "said once");
    }

    #[test]
    fn markers_and_compaction_are_no_loss() {
        let mut gaps = Gaps::default();
        for marker in 0..1_000 {
            gaps.note(&partition(), marker * 10, marker * 10 + 1);
        }
        for _ in 0..LOOKS {
            assert_eq!(gaps.held_against(&partition(), 0), []);
        }
        assert_eq!(gaps.held_against(&partition(), 9_000), [], "explained before");
    }

    /// No message shows it, if none is left.
    #[test]
    fn everything_was_deleted() {
        let mut gaps = Gaps::default();
        for _ in 0..LOOKS {
            assert_eq!(gaps.overtaken(&partition(), 100, 400), None);
        }
        let lost = Lost { partition: partition(), from: 100, next: 400 };
        assert_eq!(gaps.overtaken(&partition(), 100, 400), Some(lost));
    }

    #[test]
    fn what_is_deleted_within_a_gap_counts() {
        let mut gaps = Gaps::default();
        gaps.note(&partition(), 100, 400);
        let lost = Lost { partition: partition(), from: 100, next: 250 };
        assert_eq!(gaps.held_against(&partition(), 250), [lost]);
    }
}
