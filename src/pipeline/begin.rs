//! Where an assigned partition begins.
//!
//! Takes what Kafka and the database know of a partition and `kafka.auto_offset_reset`, gives the offset to
//! read from: the smaller of Kafka's and the database's. Holds true: nothing is skipped that the database
//! does not say it holds; a first position is chosen once, since it is recorded before the first message is
//! read; a partition that is younger than the group, because it was added, or its topic was created or
//! recreated since, is read from its first offset. Fails if the setting is `error`. Absent: IO.
//!
//! ```text
//!             database   Kafka   partition holds   begins
//! usual         120       120     [100, 200)        120
//! went back     110       120     [100, 200)        110   the database lacks 10 that it had
//! replay        120       110     [100, 200)        110   an operator moved the group back
//! retention      40        40     [100, 200)        100   60 messages are gone
//! truncated     900       900     [100, 200)        100   deleted and recreated, or a leader lost records
//! skipped       205       205     [100, 200)        205   an operator skipped an open transaction
//! recreated  another id   120     [100, 200)        100
//! other         none      120     [100, 200)        100 or 120: auto_offset_reset; 100 if a database has
//!                                                   recorded the 120
//! new           none     none     [100, 200)        100 or 200: auto_offset_reset; 100 if it is younger than
//!                                                   the group
//! ```

use crate::config::OffsetReset;
use crate::consume::PartitionFacts;
use crate::ledger::{Held, HeldByTopic};
use crate::offsets::TopicPartition;
use std::sync::Arc;

/// Where a partition begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Begin {
    pub(super) partition: TopicPartition,
    pub(super) topic_id: Arc<str>,
    /// The offset to read from.
    pub(super) offset: i64,
    /// The group's offset in Kafka.
    pub(super) committed: Option<i64>,
    /// What the database said.
    pub(super) rows: HeldByTopic,
    pub(super) surprises: Vec<Surprise>,
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
    /// The partition ends before the offset that was to be read next.
    Truncated { next: i64, end: i64 },
    /// The topic has another id than the one that the database knows.
    Recreated,
    /// Kafka's offset is ahead of what the database holds.
    Ahead { kafka: i64, held: i64 },
    /// The group has an offset, but the database says nothing of the partition.
    Unknown { kafka: i64 },
}

impl Surprise {
    /// By how much Kafka's offset is ahead of the database, if it is.
    const fn ahead(self, begin: i64) -> Option<i64> {
        match self {
            Self::Ahead { kafka, held } => Some(kafka - held),
            Self::Unknown { kafka } => Some(kafka - begin),
            Self::Deleted { .. } | Self::Truncated { .. } | Self::Recreated => None,
        }
    }
}

impl Begin {
    /// By how much Kafka's offset is ahead of the database, if it is.
    pub(super) fn ahead(&self) -> Option<i64> {
        self.surprises.iter().find_map(|surprise| surprise.ahead(self.offset))
    }
}

/// No offset to begin from, and `kafka.auto_offset_reset` is `error`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoBegin {
    /// The group is new to the topic.
    #[error(
        "the group has no committed offset for {0}, and kafka.auto_offset_reset is \"error\"; choose one with `sluicegate progress set` (`--to-earliest`, `--to-latest`), or set kafka.auto_offset_reset to \"earliest\" or \"latest\""
    )]
    Uncommitted(TopicPartition),
    /// Nothing says that this database holds what the group has committed.
    #[error(
        "the group has committed the offset {committed} for {partition}, but this database says nothing of the partition, and kafka.auto_offset_reset is \"error\"; if it holds everything before that offset, run `sluicegate progress skip-to-kafka`; if not, `sluicegate progress set`"
    )]
    Unknown { partition: TopicPartition, committed: i64 },
    /// Kafka does not have the offset (any more).
    #[error(
        "the offset {committed} for {partition} is out of range: the partition holds {first} to before {end}, and kafka.auto_offset_reset is \"error\"; move it with `sluicegate progress set`, or set kafka.auto_offset_reset to \"earliest\""
    )]
    OutOfRange { partition: TopicPartition, committed: i64, first: i64, end: i64 },
}

/// Finds where a partition begins.
///
/// # Errors
/// See [`NoBegin`].
pub(super) fn begin(facts: &PartitionFacts, reset: OffsetReset) -> Result<Begin, NoBegin> {
    let PartitionFacts { partition, committed, first, end, .. } = facts;
    let (first, end, mut surprises) = (*first, *end, Vec::new());
    let at = |offset, surprises| Begin {
        partition: partition.clone(),
        topic_id: Arc::clone(&facts.topic_id),
        offset,
        committed: *committed,
        rows: facts.rows.clone(),
        surprises,
    };
    let next = match (facts.held(), *committed) {
        (Held::OfOtherTopic, _) => return Ok(at(first, vec![Surprise::Recreated])),
        (Held::Before(held), Some(kafka)) => {
            if kafka > held {
                surprises.push(Surprise::Ahead { kafka, held });
            }
            held.min(kafka)
        }
        (Held::Before(held), None) => held,
        (Held::Nothing, Some(kafka))
            if kafka > first
                && (reset == OffsetReset::Earliest
                    || reset == OffsetReset::Latest && facts.was_recorded) =>
        {
            surprises.push(Surprise::Unknown { kafka });
            first
        }
        (Held::Nothing, Some(committed)) if reset == OffsetReset::Error => {
            return Err(NoBegin::Unknown { partition: partition.clone(), committed });
        }
        (Held::Nothing, Some(kafka)) => kafka,
        (Held::Nothing, None) => match reset {
            _ if is_younger(facts) => first,
            OffsetReset::Earliest => first,
            OffsetReset::Latest => end,
            OffsetReset::Error => return Err(NoBegin::Uncommitted(partition.clone())),
        },
    };
    if (first..=facts.written).contains(&next) {
        return Ok(at(next, surprises));
    }
    if reset == OffsetReset::Error {
        let partition = partition.clone();
        return Err(NoBegin::OutOfRange { partition, committed: next, first, end });
    }
    surprises.push(match next < first {
        true => Surprise::Deleted { from: next, first },
        false => Surprise::Truncated { next, end: facts.written },
    });
    Ok(at(first, surprises))
}

/// Whether a partition came after the group had first seen its topic, or after it had missed it.
fn is_younger(facts: &PartitionFacts) -> bool {
    facts.seen.is_some_and(|seen| i64::from(facts.partition.partition) >= seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(held: Held, committed: Option<i64>) -> PartitionFacts {
        let row = match held {
            Held::Nothing => None,
            Held::Before(next) => Some((Arc::from("id"), next)),
            Held::OfOtherTopic => Some((Arc::from("old"), 150)),
        };
        PartitionFacts {
            partition: TopicPartition { topic: "order".into(), partition: 3 },
            topic_id: Arc::from("id"),
            committed,
            was_recorded: false,
            first: 100,
            end: 200,
            written: 205,
            seen: None,
            rows: row.into_iter().collect(),
        }
    }

    #[test]
    fn the_worked_example() {
        use OffsetReset::{Earliest, Error, Latest};
        let check = |held, committed, reset, expected: Option<(i64, bool)>| {
            let found = begin(&facts(held, committed), reset).ok();
            let found = found.map(|begin| (begin.offset, !begin.surprises.is_empty()));
            assert_eq!(found, expected, "{held:?} {committed:?} {reset:?}");
        };
        for reset in [Earliest, Latest, Error] {
            check(Held::Before(120), Some(120), reset, Some((120, false)));
            check(Held::Before(110), Some(120), reset, Some((110, true)));
            check(Held::Before(120), Some(110), reset, Some((110, false)));
            check(Held::Before(120), None, reset, Some((120, false)));
            check(Held::Before(200), Some(200), reset, Some((200, false)));
            check(Held::OfOtherTopic, Some(120), reset, Some((100, true)));
        }
        check(Held::Before(40), Some(40), Earliest, Some((100, true)));
        check(Held::Before(40), Some(40), Latest, Some((100, true)));
        check(Held::Before(900), Some(900), Latest, Some((100, true)));
        check(Held::Before(205), Some(205), Earliest, Some((205, false)));
        check(Held::Nothing, Some(120), Earliest, Some((100, true)));
        check(Held::Nothing, Some(40), Earliest, Some((100, true)));
        check(Held::Nothing, Some(120), Latest, Some((120, false)));
        check(Held::Nothing, None, Earliest, Some((100, false)));
        check(Held::Nothing, None, Latest, Some((200, false)));
        check(Held::Nothing, None, Error, None);
        check(Held::Nothing, Some(120), Error, None);
        check(Held::Before(40), Some(40), Error, None);
        check(Held::Before(900), Some(900), Error, None);
    }

    #[test]
    fn what_is_newer_than_the_start_begins_at_its_first_offset() {
        let facts = facts(Held::Nothing, None);
        for reset in [OffsetReset::Earliest, OffsetReset::Latest, OffsetReset::Error] {
            let created = PartitionFacts { seen: Some(0), ..facts.clone() };
            assert_eq!(begin(&created, reset).unwrap().offset, 100);
            let grown = PartitionFacts { seen: Some(3), ..facts.clone() };
            assert_eq!(begin(&grown, reset).unwrap().offset, 100, "it has partitions 0 to 2 only");
        }
    }

    #[test]
    fn what_a_group_has_seen_is_as_the_setting_says() {
        // Another instance may have been faster with its partitions of the topic.
        let facts = PartitionFacts { seen: Some(4), ..facts(Held::Nothing, None) };
        assert_eq!(begin(&facts, OffsetReset::Latest).unwrap().offset, 200);
        assert!(begin(&facts, OffsetReset::Error).is_err());
    }

    #[test]
    fn what_another_database_has_recorded_this_one_may_lack() {
        let facts = PartitionFacts { was_recorded: true, ..facts(Held::Nothing, Some(120)) };
        for reset in [OffsetReset::Earliest, OffsetReset::Latest] {
            let Begin { offset, surprises, .. } = begin(&facts, reset).unwrap();
            assert_eq!((offset, surprises), (100, vec![Surprise::Unknown { kafka: 120 }]));
        }
        assert!(begin(&facts, OffsetReset::Error).is_err());
    }

    #[test]
    fn by_how_much_kafka_is_ahead() {
        let ahead = |held, committed| {
            let begin = begin(&facts(held, committed), OffsetReset::Earliest).unwrap();
            begin.ahead()
        };
        assert_eq!(ahead(Held::Before(110), Some(120)), Some(10));
        assert_eq!(ahead(Held::Before(40), Some(120)), Some(80), "though 60 of them are gone");
        assert_eq!(ahead(Held::Nothing, Some(120)), Some(20));
        assert_eq!(ahead(Held::Before(120), Some(110)), None);
    }

    #[test]
    fn errors_name_the_partition() {
        let text = |held, committed| {
            begin(&facts(held, committed), OffsetReset::Error).unwrap_err().to_string()
        };
        assert!(text(Held::Nothing, None).contains("order/3"));
        let unknown = text(Held::Nothing, Some(120));
        assert!(unknown.contains("order/3") && unknown.contains("120"), "{unknown}");
        let out = text(Held::Before(40), None);
        assert!(out.contains("order/3") && out.contains("40") && out.contains("100"), "{out}");
    }
}
