//! Which offsets were left out because their records had been deleted.
//!
//! Takes the gaps in the offsets of messages, and the first offset of each partition. Gives the ranges
//! that retention (or an operator) deleted before they were read. Other gaps are normal: transaction
//! markers, and what compaction removed. Absent: IO.
//!
//! ```text
//! came 0 … 99, 400     gap [100, 400)
//! first offset 0       nothing was deleted: compacted, or an aborted transaction
//! first offset 400     300 offsets were deleted before they were read
//! ```

use crate::offsets::TopicPartition;
use std::ops::Range;

/// Offsets that were deleted before they were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lost {
    pub(super) partition: TopicPartition,
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

/// How often to compare a gap with the first offset: the first statistics and Kafka's first answer may
/// be older than the gap.
const LOOKS: u32 = 3;
/// How many gaps to tell apart; any more are merged into the last one.
const GAPS_MAX: usize = 256;

/// The gaps of a partition that are not explained yet.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    gaps: Vec<Gap>,
    /// From the next expected message to the first offset left, if that lies beyond it.
    overtaken: Option<Gap>,
}

#[derive(Debug, Clone, Copy)]
struct Gap {
    from: i64,
    next: i64,
    looks: u32,
}

impl Gaps {
    /// The offsets from `from` to before `next` did not come.
    pub(super) fn note(&mut self, from: i64, next: i64) {
        if self.gaps.len() < GAPS_MAX {
            self.gaps.push(Gap { from, next, looks: 0 });
        } else if let Some(last) = self.gaps.last_mut() {
            *last = Gap { next, looks: 0, ..*last };
        }
    }

    /// The first offset of the partition is now `first`. Returns what was deleted of its gaps.
    pub(super) fn held_against(&mut self, first: i64) -> Vec<Range<i64>> {
        let (deleted, others): (Vec<Gap>, Vec<Gap>) =
            self.gaps.iter().partition(|gap| gap.from < first);
        let looked = others.into_iter().map(|gap| Gap { looks: gap.looks + 1, ..gap });
        self.gaps = looked.filter(|gap| gap.looks < LOOKS).collect();
        deleted.into_iter().map(|gap| gap.from..gap.next.min(first)).collect()
    }

    /// No message of the partition waits in librdkafka, and its first offset lies beyond the next expected
    /// one. Returns what was deleted, once that is certain.
    pub(super) fn overtaken(&mut self, next: i64, first: i64) -> Option<Range<i64>> {
        let looks = match self.overtaken {
            Some(gap) if gap.from == next => gap.looks + 1,
            _ => 0,
        };
        let is_sure = looks >= LOOKS;
        self.overtaken = (!is_sure).then_some(Gap { from: next, next: first, looks });
        is_sure.then_some(next..first)
    }

    /// Whether every gap is explained.
    pub(super) fn are_explained(&self) -> bool {
        self.gaps.is_empty()
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
        gaps.note(100, 400);
        assert_eq!(gaps.held_against(0), [], "statistics from before");
        assert_eq!(gaps.held_against(400), vec![100..400]);
        let lost = Lost { partition: partition(), from: 100, next: 400 };
        assert_eq!(lost.to_string(), "user/0, offsets 100 to 399 (300 messages at most)");
        assert_eq!(gaps.held_against(500), [], "said once");
    }

    #[test]
    fn markers_and_compaction_are_no_loss() {
        let mut gaps = Gaps::default();
        for marker in 0..1_000 {
            gaps.note(marker * 10, marker * 10 + 1);
        }
        for _ in 0..LOOKS {
            assert_eq!(gaps.held_against(0), []);
        }
        assert_eq!(gaps.held_against(9_000), [], "explained before");
    }

    /// If no message is left, none can show the gap.
    #[test]
    fn everything_was_deleted() {
        let mut gaps = Gaps::default();
        for _ in 0..LOOKS {
            assert_eq!(gaps.overtaken(100, 400), None);
        }
        assert_eq!(gaps.overtaken(100, 400), Some(100..400));
    }

    #[test]
    fn what_is_deleted_within_a_gap_counts() {
        let mut gaps = Gaps::default();
        gaps.note(100, 400);
        assert_eq!(gaps.held_against(250), vec![100..250]);
    }
}
