//! What Kafka and this database say of each partition, side by side.

use super::store::Recorded;
use crate::config::OffsetReset;
use crate::consume::Committed;
use crate::ledger::{Held, HeldByTopic};
use crate::offsets::{Bounds, Offsets, TopicPartition};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What Kafka says of the configured topics. Topics that do not exist are left out.
#[derive(Debug, Default)]
pub(super) struct Present {
    pub(super) bounds: Bounds,
    pub(super) committed: Committed,
    /// Ids of topics; empty where the broker does not tell.
    pub(super) ids: BTreeMap<Arc<str>, Arc<str>>,
}

/// What decides where an instance continues if this database says nothing of a partition.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unrecorded {
    pub(super) reset: OffsetReset,
    /// Whether the next start takes Kafka's offsets, this once.
    pub(super) adopts: bool,
}

/// A partition that Kafka has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) partition: TopicPartition,
    /// Empty: the broker does not tell.
    pub(super) topic_id: Arc<str>,
    pub(super) held: Held,
    /// When that was recorded, as the server writes a time.
    pub(super) recorded_at: Option<String>,
    /// What the group has committed in Kafka.
    pub(super) committed: Option<i64>,
    /// Whether a database had recorded that before it was committed.
    pub(super) was_recorded: bool,
    pub(super) first: i64,
    pub(super) end: i64,
}

/// What this database holds of a partition that Kafka has no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Earlier {
    pub(super) recorded: Recorded,
    /// Whether Kafka has another topic of this name.
    pub(super) is_recreated: bool,
}

impl Position {
    /// The first message that this database lacks and Kafka still has: the end if there is none.
    pub(super) fn lacks_from(&self) -> i64 {
        let held = self.held.next().filter(|_| !self.is_beyond_end());
        held.map_or(self.first, |held| held.max(self.first))
    }

    /// How many messages this database lacks and Kafka still has, if it says how far it is.
    pub(super) fn left(&self) -> Option<i64> {
        self.held.next().map(|_| self.end - self.lacks_from())
    }

    /// How many messages this database lacks and Kafka no longer has.
    pub(super) fn gone(&self) -> i64 {
        self.held.next().map_or(0, |held| (self.first - held).max(0))
    }

    /// It holds more than there is, so the topic was recreated and the broker does not tell topics apart
    /// by an id.
    pub(super) fn is_beyond_end(&self) -> bool {
        self.held.next().is_some_and(|held| held > self.end)
    }

    /// By how much Kafka's offset is ahead of this database, what is gone included.
    pub(super) fn ahead(&self) -> Option<i64> {
        Some((self.committed? - self.held.next()?).max(0))
    }

    /// Where an instance continues. `None`: this database says nothing, so the settings decide.
    pub(super) fn start(&self) -> Option<i64> {
        let next = match self.held {
            Held::Nothing => return None,
            Held::OfOtherTopic => self.first,
            Held::Before(held) => self.committed.map_or(held, |committed| committed.min(held)),
        };
        Some(self.in_range(next))
    }

    /// Where an instance continues by Kafka's offset, as this database says nothing. `None`: it stops.
    pub(super) fn start_by(&self, kafka: i64, unrecorded: Unrecorded) -> Option<i64> {
        match unrecorded {
            Unrecorded { adopts: true, .. } => Some(self.in_range(kafka)),
            Unrecorded { reset: OffsetReset::Earliest, .. } => Some(self.first),
            Unrecorded { reset: OffsetReset::Latest, .. } if self.was_recorded => Some(self.first),
            Unrecorded { reset: OffsetReset::Latest, .. } => Some(self.in_range(kafka)),
            Unrecorded { reset: OffsetReset::Error, .. } => None,
        }
    }

    /// An offset that Kafka has, or else the first that it has.
    fn in_range(&self, offset: i64) -> i64 {
        if (self.first..=self.end).contains(&offset) { offset } else { self.first }
    }
}

/// All partitions that Kafka has, and those that only rows speak of.
pub(super) fn side_by_side(
    present: &Present,
    recorded: &[Recorded],
    configured: &[String],
) -> (Vec<Position>, Vec<Earlier>) {
    let unknown = Arc::from("");
    let position = |(partition, (first, end)): (&TopicPartition, &(i64, i64))| {
        let topic_id = Arc::clone(present.ids.get(&partition.topic).unwrap_or(&unknown));
        let held = held(partition, &topic_id, recorded);
        Position {
            partition: partition.clone(),
            held,
            recorded_at: recorded_at(partition, held, recorded),
            topic_id,
            committed: present.committed.offsets.get(partition).copied(),
            was_recorded: present.committed.recorded.contains(partition),
            first: *first,
            end: *end,
        }
    };
    let positions: Vec<Position> = present.bounds.iter().map(position).collect();
    let topics: BTreeSet<&Arc<str>> = present.bounds.keys().map(|one| &one.topic).collect();
    let is_present = |one: &Recorded| {
        let id = present.ids.get(&one.partition.topic).filter(|id| !id.is_empty());
        let is_same = one.topic_id.is_empty() || id.is_none_or(|id| *id == one.topic_id);
        is_same && present.bounds.contains_key(&one.partition)
    };
    let is_configured =
        |one: &&Recorded| configured.iter().any(|topic| **topic == *one.partition.topic);
    let earlier = |one: &Recorded| Earlier {
        recorded: one.clone(),
        is_recreated: topics.contains(&one.partition.topic),
    };
    let others = recorded.iter().filter(is_configured).filter(|one| !is_present(one));
    (positions, others.map(earlier).collect())
}

fn held(partition: &TopicPartition, topic_id: &str, recorded: &[Recorded]) -> Held {
    let own = recorded.iter().filter(|one| one.partition == *partition);
    let rows: HeldByTopic = own.map(|one| (Arc::clone(&one.topic_id), one.next_offset)).collect();
    Held::of(&rows, topic_id)
}

fn recorded_at(partition: &TopicPartition, held: Held, recorded: &[Recorded]) -> Option<String> {
    let next = held.next()?;
    let is_it = |one: &&Recorded| one.partition == *partition && one.next_offset == next;
    recorded.iter().filter(is_it).map(|one| one.recorded_at.clone()).max()
}

/// What the rows of another group say of these partitions.
pub(super) fn held_in(positions: &[Position], recorded: &[Recorded]) -> Offsets {
    let offset = |one: &Position| {
        let next = held(&one.partition, &one.topic_id, recorded).next()?;
        Some((one.partition.clone(), next))
    };
    positions.iter().filter_map(offset).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(topic: &str, partition: i32) -> TopicPartition {
        TopicPartition { topic: topic.into(), partition }
    }

    /// What rows say: topic, partition, topic id, next offset.
    fn recorded(rows: &[(&str, i32, &str, i64)]) -> Vec<Recorded> {
        let row = |&(topic, number, id, next_offset): &(&str, i32, &str, i64)| Recorded {
            partition: partition(topic, number),
            topic_id: id.into(),
            next_offset,
            recorded_at: format!("2026-11-20 00:00:00.{next_offset:06}"),
        };
        rows.iter().map(row).collect()
    }

    /// Kafka has two partitions of `order`, which has the id `new`, and one of `user`, without an id.
    fn present() -> Present {
        Present {
            bounds: [
                (partition("order", 0), (0, 100)),
                (partition("order", 1), (20, 60)),
                (partition("user", 0), (0, 5)),
            ]
            .into(),
            committed: Committed {
                offsets: [(partition("order", 0), 90)].into(),
                ..Committed::default()
            },
            ids: [("order".into(), "new".into()), ("user".into(), "".into())].into(),
        }
    }

    fn places(rows: &[(&str, i32, &str, i64)]) -> (Vec<Option<i64>>, Vec<(String, bool)>) {
        let configured = ["order", "user", "post"].map(str::to_owned);
        let (positions, earlier) = side_by_side(&present(), &recorded(rows), &configured);
        let held = positions.iter().map(|one| one.held.next()).collect();
        let name = |one: &Earlier| (one.recorded.partition.to_string(), one.is_recreated);
        (held, earlier.iter().map(name).collect())
    }

    #[test]
    fn rows_of_the_present_topic_count() {
        let rows = [("order", 0, "new", 40), ("order", 0, "old", 700), ("order", 0, "", 50)];
        let recreated = vec![("order/0".to_owned(), true)];
        assert_eq!(places(&rows), (vec![Some(40), None, None], recreated.clone()));
        assert_eq!(places(&rows[1..2]), (vec![None; 3], recreated));
        let without_id = [("order", 1, "", 50), ("user", 0, "", 3)];
        assert_eq!(places(&without_id), (vec![None, Some(50), Some(3)], vec![]));
    }

    #[test]
    fn rows_of_what_kafka_does_not_have_are_earlier_ones() {
        let rows = [("order", 2, "new", 9), ("post", 0, "gone", 8), ("elsewhere", 0, "x", 7)];
        let earlier = vec![("order/2".to_owned(), true), ("post/0".to_owned(), false)];
        assert_eq!(places(&rows), (vec![None; 3], earlier));
    }

    fn position(held: Held, committed: Option<i64>) -> Position {
        Position {
            partition: partition("order", 0),
            topic_id: "new".into(),
            held,
            recorded_at: None,
            committed,
            was_recorded: false,
            first: 10,
            end: 100,
        }
    }

    #[test]
    fn both_places_are_compared() {
        use Held::{Before, Nothing, OfOtherTopic};
        for (held, committed, left, gone, ahead, start) in [
            (Before(40), Some(90), Some(60), 0, Some(50), Some(40)),
            (Before(90), Some(40), Some(10), 0, Some(0), Some(40)),
            (Before(90), None, Some(10), 0, None, Some(90)),
            // Kafka has deleted those before 10, and the topic was recreated.
            (Before(5), Some(5), Some(90), 5, Some(0), Some(10)),
            (Before(5), Some(90), Some(90), 5, Some(85), Some(10)),
            (Before(120), Some(120), Some(90), 0, Some(0), Some(10)),
            (OfOtherTopic, Some(90), None, 0, None, Some(10)),
            (Nothing, Some(90), None, 0, None, None),
        ] {
            let position = position(held, committed);
            let found = (position.left(), position.gone(), position.ahead(), position.start());
            assert_eq!(found, (left, gone, ahead, start), "{held:?} {committed:?}");
        }
    }

    #[test]
    fn without_a_record_settings_decide() {
        use OffsetReset::{Earliest, Error, Latest};
        for (reset, adopts, was_recorded, kafka, start) in [
            (Earliest, false, false, 40, Some(10)),
            (Latest, false, false, 40, Some(40)),
            (Latest, false, false, 4, Some(10)),
            (Latest, false, true, 40, Some(10)),
            (Error, false, false, 40, None),
            (Earliest, true, false, 40, Some(40)),
            (Error, true, false, 400, Some(10)),
        ] {
            let position = Position { was_recorded, ..position(Held::Nothing, Some(kafka)) };
            let found = position.start_by(kafka, Unrecorded { reset, adopts });
            assert_eq!(found, start, "{reset:?} {adopts} {was_recorded} {kafka}");
        }
    }

    #[test]
    fn another_group_may_hold_some() {
        let (positions, _) = side_by_side(&present(), &[], &["order".to_owned()]);
        let rows = recorded(&[("order", 0, "new", 40), ("order", 1, "old", 50)]);
        assert_eq!(held_in(&positions, &rows), [(partition("order", 0), 40)].into());
    }
}
