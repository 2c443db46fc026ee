//! Where partitions are to continue, and what that means for them.

use super::positions::Position;
use crate::ledger::Held;
use crate::offsets::Offsets;

/// A partition that is to continue at `to`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Move {
    pub(super) position: Position,
    pub(super) to: i64,
    /// The first message that this database lacks and Kafka still has.
    lacks_from: i64,
}

impl Move {
    fn new(position: &Position, to: i64) -> Self {
        Self { position: position.clone(), to, lacks_from: position.lacks_from() }
    }

    /// Where it would continue otherwise; if this database says nothing, its first message.
    pub(super) fn from(&self) -> i64 {
        self.position.start().unwrap_or(self.position.first)
    }

    /// How many messages that Kafka has this database will never hold because of it.
    pub(super) fn skipped(&self) -> i64 {
        (self.to - self.lacks_from).max(0)
    }

    /// How many messages are read because of it that would not be read otherwise.
    pub(super) fn again(&self) -> i64 {
        (self.from() - self.to.max(self.position.first)).max(0)
    }

    /// How many messages would be read again otherwise, though this database holds them.
    pub(super) fn not_again(&self) -> i64 {
        (self.to.min(self.lacks_from) - self.from()).max(0)
    }

    /// What Kafka no longer has: the messages from the first to before the second offset.
    pub(super) fn gone(&self) -> Option<(i64, i64)> {
        let Position { held, first, .. } = &self.position;
        let next = if self.to < *first { Some(self.to) } else { held.next() };
        next.filter(|next| next < first).map(|next| (next, *first))
    }
}

/// Messages that would be skipped, and of how many partitions.
pub(super) fn skipped(moves: &[Move]) -> (i64, usize) {
    let skipped: Vec<i64> = moves.iter().map(Move::skipped).filter(|one| *one > 0).collect();
    (skipped.iter().sum(), skipped.len())
}

/// Moves partitions to these offsets, those without one not at all; or says why some are impossible.
///
/// `is_held`: this database holds everything before these offsets, for another group. So nothing is
/// skipped, and an offset may lie before the first one that Kafka has.
pub(super) fn to(
    positions: &[Position],
    wanted: &Offsets,
    is_held: bool,
) -> Result<Vec<Move>, Vec<String>> {
    all(positions.iter().filter_map(|position| {
        let to = *wanted.get(&position.partition)?;
        let Position { partition, first, end, .. } = position;
        let is_possible = to <= *end && (to >= *first || is_held);
        Some(if is_possible {
            let one = Move::new(position, to);
            let lacks_from = if is_held { one.lacks_from.max(to) } else { one.lacks_from };
            Ok(Move { lacks_from, ..one })
        } else {
            Err(format!("{partition}: {to} is out of range; Kafka has {first} to {end}"))
        })
    }))
}

/// Moves partitions to Kafka's offsets where those are ahead of this database, or it says nothing.
pub(super) fn to_kafka(positions: &[Position]) -> Result<Vec<Move>, Vec<String>> {
    all(positions.iter().filter_map(|position| {
        let Position { partition, held, end, .. } = position;
        let to = position.committed?;
        match *held {
            Held::Before(held) if held >= to => return None,
            Held::Before(_) | Held::Nothing => {}
            Held::OfOtherTopic => {
                return Some(Err(format!(
                    "{partition}: the topic was recreated, so Kafka's offset {to} may be of the earlier one; use `sluicegate progress set {partition} --to-earliest`"
                )));
            }
        }
        Some(if to <= *end {
            Ok(Move::new(position, to))
        } else {
            Err(format!(
                "{partition}: Kafka's offset {to} is beyond the end, {end}, so the topic was recreated; use `sluicegate progress set {partition} --to-earliest`"
            ))
        })
    }))
}

/// All moves, or else all faults.
fn all(moves: impl Iterator<Item = Result<Move, String>>) -> Result<Vec<Move>, Vec<String>> {
    let (moves, faults): (Vec<_>, Vec<_>) = moves.partition(Result::is_ok);
    if faults.is_empty() {
        Ok(moves.into_iter().flatten().collect())
    } else {
        Err(faults.into_iter().filter_map(Result::err).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::offsets::TopicPartition;

    fn position(number: i32, held: Option<i64>, committed: Option<i64>) -> Position {
        Position {
            partition: TopicPartition { topic: "order".into(), partition: number },
            topic_id: "id".into(),
            held: held.map_or(Held::Nothing, Held::Before),
            recorded_at: None,
            committed,
            was_recorded: false,
            first: 10,
            end: 100,
        }
    }

    /// From where, to where, how many skipped, again and not again.
    fn shown(moves: &[Move]) -> Vec<[i64; 5]> {
        let of = |one: &Move| [one.from(), one.to, one.skipped(), one.again(), one.not_again()];
        moves.iter().map(of).collect()
    }

    #[test]
    fn a_move_says_what_it_skips() {
        let positions = [
            position(0, Some(40), Some(50)),
            position(1, Some(40), Some(30)),
            position(2, None, Some(30)),
            position(3, Some(90), None),
            position(4, Some(90), Some(20)),
            position(5, Some(60), Some(60)),
            // Beyond the end.
            position(6, Some(120), Some(120)),
            position(7, Some(90), None),
        ];
        // Nothing is wanted of the last.
        let wanted = positions[..7].iter().map(|one| (one.partition.clone(), 60)).collect();
        let moves = to(&positions, &wanted, false).unwrap();
        assert_eq!(
            shown(&moves),
            [
                [40, 60, 20, 0, 0],
                [30, 60, 20, 0, 10],
                [10, 60, 50, 0, 0],
                [90, 60, 0, 30, 0],
                [20, 60, 0, 0, 40],
                [60, 60, 0, 0, 0],
                [10, 60, 50, 0, 0],
            ]
        );
        assert_eq!(skipped(&moves), (140, 4));
        let for_another_group = to(&positions[2..3], &wanted, true).unwrap();
        assert_eq!(shown(&for_another_group), [[10, 60, 0, 0, 50]]);
    }

    #[test]
    fn what_kafka_no_longer_has_is_not_skipped() {
        for (held, to, gone, skipped) in [
            (Some(4), 10, Some((4, 10)), 0),
            (Some(4), 13, Some((4, 10)), 3),
            (Some(4), 6, Some((6, 10)), 0),
            (None, 6, Some((6, 10)), 0),
            (None, 13, None, 3),
            (Some(10), 10, None, 0),
        ] {
            let one = Move::new(&position(0, held, None), to);
            assert_eq!(
                (one.gone(), one.skipped(), one.again()),
                (gone, skipped, 0),
                "{held:?} {to}"
            );
        }
    }

    #[test]
    fn only_what_kafka_has_is_possible() {
        let check = |offset: i64, is_held: bool| {
            let position = position(0, Some(40), None);
            let wanted = [(position.partition.clone(), offset)].into();
            to(&[position], &wanted, is_held).map(|moves| moves[0].to)
        };
        let out =
            |offset| Err(vec![format!("order/0: {offset} is out of range; Kafka has 10 to 100")]);
        assert_eq!(check(10, false), Ok(10));
        assert_eq!(check(100, false), Ok(100));
        assert_eq!(check(9, false), out(9));
        assert_eq!(check(9, true), Ok(9));
        assert_eq!(check(101, true), out(101));
    }

    #[test]
    fn what_kafka_is_ahead_of_is_skipped() {
        let positions = [
            position(0, Some(40), Some(50)),
            position(1, Some(40), Some(40)),
            position(2, Some(40), None),
            position(3, None, Some(30)),
            position(4, None, None),
            // Kafka has deleted what lies between.
            position(5, Some(2), Some(10)),
        ];
        let moves = shown(&to_kafka(&positions).unwrap());
        assert_eq!(moves, [[40, 50, 10, 0, 0], [10, 30, 20, 0, 0], [10, 10, 0, 0, 0]]);
        let faults = to_kafka(&[position(0, Some(1), Some(101))]).unwrap_err();
        assert!(faults[0].contains("101 is beyond the end, 100"), "{faults:?}");
        assert!(faults[0].contains("progress set order/0 --to-earliest"), "{faults:?}");
        let recreated = Position { held: Held::OfOtherTopic, ..position(0, None, Some(50)) };
        let faults = to_kafka(&[recreated]).unwrap_err();
        assert!(faults[0].contains("50 may be of the earlier one"), "{faults:?}");
    }
}
