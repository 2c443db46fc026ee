//! Where an assigned partition begins.
//!
//! Takes what Kafka knows of a partition and `kafka.auto_offset_reset`, gives the offset to read from.
//! Holds true: a first position is chosen once, since it is committed before the first message is; a
//! partition that appears in a topic that the group knows already is read from its first offset, because
//! its messages are newer than the group's start. Fails if the setting is `error`. Absent: IO.
//!
//! ```text
//!           committed   partition holds   begins
//! usual         120       [100, 200)       120
//! retention      40       [100, 200)       100   60 messages are gone
//! truncated     900       [100, 200)       100   deleted and recreated, or a leader lost records
//! new           none      [100, 200)       100 or 200: auto_offset_reset, or the first offset if the
//!                                          group knows the topic
//! ```

use crate::config::OffsetReset;
use crate::consume::PartitionFacts;
use crate::offsets::TopicPartition;

/// Where a partition begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Begin {
    pub(super) partition: TopicPartition,
    /// The offset to read from.
    pub(super) offset: i64,
    /// The group's offset in Kafka.
    pub(super) committed: Option<i64>,
    pub(super) surprise: Option<Surprise>,
}

/// Why a partition does not begin where the group had been.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Surprise {
    /// Messages from `from` on were deleted before they were read.
    Deleted {
        from: i64,
        /// The first offset that is left.
        first: i64,
    },
    /// The partition ends before the committed offset.
    Truncated { committed: i64, end: i64 },
}

/// No offset to begin from, and `kafka.auto_offset_reset` is `error`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoBegin {
    /// The group is new to the topic.
    #[error(
        "the group has no committed offset for {0}, and kafka.auto_offset_reset is \"error\"; commit one with kafka-consumer-groups --reset-offsets, or set kafka.auto_offset_reset to \"earliest\" or \"latest\""
    )]
    Uncommitted(TopicPartition),
    /// Kafka does not have the committed offset (any more).
    #[error(
        "the group's offset {committed} for {partition} is out of range: the partition holds {first} to before {end}, and kafka.auto_offset_reset is \"error\"; reset the offset with kafka-consumer-groups, or set kafka.auto_offset_reset to \"earliest\""
    )]
    OutOfRange { partition: TopicPartition, committed: i64, first: i64, end: i64 },
}

/// Finds where a partition begins.
///
/// # Errors
/// See [`NoBegin`].
pub(super) fn begin(facts: &PartitionFacts, reset: OffsetReset) -> Result<Begin, NoBegin> {
    let PartitionFacts { partition, committed, first, end, group_knows_topic } = facts.clone();
    let at = |partition, offset, surprise| Begin { partition, offset, committed, surprise };
    match committed {
        None if group_knows_topic || reset == OffsetReset::Earliest => {
            Ok(at(partition, first, None))
        }
        None if reset == OffsetReset::Latest => Ok(at(partition, end, None)),
        None => Err(NoBegin::Uncommitted(partition)),
        Some(committed) if (first..=end).contains(&committed) => Ok(at(partition, committed, None)),
        Some(committed) if reset == OffsetReset::Error => {
            Err(NoBegin::OutOfRange { partition, committed, first, end })
        }
        Some(committed) if committed < first => {
            let surprise = Surprise::Deleted { from: committed, first };
            Ok(at(partition, first, Some(surprise)))
        }
        Some(committed) => Ok(at(partition, first, Some(Surprise::Truncated { committed, end }))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(committed: Option<i64>, group_knows_topic: bool) -> PartitionFacts {
        let partition = TopicPartition { topic: "order".into(), partition: 3 };
        PartitionFacts { partition, committed, first: 100, end: 200, group_knows_topic }
    }

    #[test]
    fn the_worked_example() {
        let check = |committed, knows, reset, expected: Option<(i64, bool)>| {
            let found = begin(&facts(committed, knows), reset).ok();
            let found = found.map(|begin| (begin.offset, begin.surprise.is_some()));
            assert_eq!(found, expected, "{committed:?} {knows} {reset:?}");
        };
        for reset in [OffsetReset::Earliest, OffsetReset::Latest, OffsetReset::Error] {
            check(Some(120), true, reset, Some((120, false)));
            check(Some(200), true, reset, Some((200, false)));
            check(None, true, reset, Some((100, false)));
        }
        check(Some(40), true, OffsetReset::Earliest, Some((100, true)));
        check(Some(40), true, OffsetReset::Latest, Some((100, true)));
        check(Some(900), true, OffsetReset::Latest, Some((100, true)));
        check(None, false, OffsetReset::Earliest, Some((100, false)));
        check(None, false, OffsetReset::Latest, Some((200, false)));
        check(None, false, OffsetReset::Error, None);
        check(Some(40), true, OffsetReset::Error, None);
        check(Some(900), true, OffsetReset::Error, None);
    }

    #[test]
    fn errors_name_the_partition() {
        let uncommitted = begin(&facts(None, false), OffsetReset::Error).unwrap_err().to_string();
        assert!(uncommitted.contains("order/3"), "{uncommitted}");
        let out = begin(&facts(Some(40), true), OffsetReset::Error).unwrap_err().to_string();
        assert!(out.contains("order/3") && out.contains("40") && out.contains("100"), "{out}");
    }
}
