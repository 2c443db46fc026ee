//! Where partitions are to continue, and what that means for them.

use super::positions::Position;
use crate::ledger::Held;
use crate::offsets::Offsets;

/// A partition that is to continue elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Move {
    pub(super) position: Position,
    /// Where it would continue otherwise; `None`: that depends on the settings of the instance.
    pub(super) from: Option<i64>,
    pub(super) to: i64,
}

impl Move {
    /// How many messages this database will never hold because of it.
    pub(super) fn skipped(&self) -> i64 {
        self.from.map_or(0, |from| (self.to - from).max(0))
    }
}

/// Moves partitions to these offsets, those without one not at all; or says why some are impossible.
///
/// `may_be_deleted`: an offset may lie before the first one that Kafka has.
pub(super) fn to(
    positions: &[Position],
    wanted: &Offsets,
    may_be_deleted: bool,
) -> Result<Vec<Move>, Vec<String>> {
    all(positions.iter().filter_map(|position| {
        let to = *wanted.get(&position.partition)?;
        let Position { partition, first, end, .. } = position;
        let is_possible = to <= *end && (to >= *first || may_be_deleted);
        Some(if is_possible {
            Ok(Move { position: position.clone(), from: position.start(), to })
        } else {
            Err(format!("{partition}: {to} is out of range; Kafka has {first} to {end}"))
        })
    }))
}

/// Moves partitions to Kafka's offsets where those are ahead of this database, or it says nothing.
pub(super) fn to_kafka(positions: &[Position]) -> Result<Vec<Move>, Vec<String>> {
    all(positions.iter().filter_map(|position| {
        let Position { partition, held, first, end, .. } = position;
        let to = position.committed?;
        let from = match *held {
            Held::Before(held) if held >= to => return None,
            Held::Before(held) => held,
            Held::Nothing => *first,
            Held::OfOtherTopic => {
                return Some(Err(format!(
                    "{partition}: the topic was recreated, so Kafka's offset {to} may be of the earlier one; use `sluicegate progress set {partition} --to-earliest`"
                )));
            }
        };
        Some(if to <= *end {
            Ok(Move { position: position.clone(), from: Some(from), to })
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

    /// From where, to where, how many skipped.
    fn shown(moves: &[Move]) -> Vec<(Option<i64>, i64, i64)> {
        moves.iter().map(|one| (one.from, one.to, one.skipped())).collect()
    }

    #[test]
    fn a_move_says_what_it_skips() {
        let positions = [
            position(0, Some(40), Some(50)),
            position(1, Some(40), Some(30)),
            position(2, None, Some(30)),
            position(3, Some(90), None),
            position(4, Some(90), None),
        ];
        // Nothing is wanted of the last.
        let wanted = positions[..4].iter().map(|one| (one.partition.clone(), 60)).collect();
        let moves = shown(&to(&positions, &wanted, false).unwrap());
        assert_eq!(
            moves,
            [(Some(40), 60, 20), (Some(30), 60, 30), (None, 60, 0), (Some(90), 60, 0)]
        );
    }

    #[test]
    fn only_what_kafka_has_is_possible() {
        let check = |offset: i64, may_be_deleted: bool| {
            let position = position(0, Some(40), None);
            let wanted = [(position.partition.clone(), offset)].into();
            to(&[position], &wanted, may_be_deleted).map(|moves| moves[0].to)
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
        assert_eq!(moves, [(Some(40), 50, 10), (Some(10), 30, 20), (Some(2), 10, 8)]);
        let faults = to_kafka(&[position(0, Some(1), Some(101))]).unwrap_err();
        assert!(faults[0].contains("101 is beyond the end, 100"), "{faults:?}");
        assert!(faults[0].contains("progress set order/0 --to-earliest"), "{faults:?}");
        let recreated = Position { held: Held::OfOtherTopic, ..position(0, None, Some(50)) };
        let faults = to_kafka(&[recreated]).unwrap_err();
        assert!(faults[0].contains("50 may be of the earlier one"), "{faults:?}");
    }
}
