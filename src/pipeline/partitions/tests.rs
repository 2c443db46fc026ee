use super::*;
use crate::ledger::HeldByTopic;
use proptest::prelude::*;

fn name(partition: i32) -> TopicPartition {
    TopicPartition { topic: "user".into(), partition }
}

fn range(assignment: AssignmentId, from: i64, next: i64) -> OffsetRange {
    OffsetRange { assignment, from, next, messages: 1, last_ms: None }
}

fn partitions() -> Partitions {
    Partitions::new(Arc::new(Ledger::new(1, 0)))
}

/// The database records what is durable, and what is handed over then.
fn handed_over(partitions: &mut Partitions) -> Vec<(i32, i64)> {
    let records = partitions.ledger.all_records();
    let commit = partitions.ledger.draw(0);
    partitions.ledger.acknowledge(&commit, &records);
    let recorded: Vec<_> = records.iter().map(|record| (record.assignment, record.next)).collect();
    partitions.recorded(&recorded);
    let offsets = partitions.hand_over().into_iter();
    offsets.map(|(name, offset)| (name.partition, offset)).collect()
}

fn begin(partition: i32, offset: i64, committed: Option<i64>) -> Begin {
    Begin {
        partition: name(partition),
        topic_id: "id".into(),
        offset,
        committed,
        rows: HeldByTopic::new(),
        surprises: Vec::new(),
    }
}

fn assign(
    partitions: &mut Partitions,
    partition: i32,
    offset: i64,
    committed: Option<i64>,
) -> AssignmentId {
    partitions.assign(&begin(partition, offset, committed), 0)
}

#[test]
fn a_lost_partition_that_lands_late_commits_nothing() {
    let mut partitions = partitions();
    let before = assign(&mut partitions, 0, 0, Some(0));
    let late = [range(before, 0, 5)];
    partitions.sealed(&late);
    partitions.revoke(&name(0));
    let after = assign(&mut partitions, 0, 0, Some(0));
    assert_ne!(before, after, "its batch is still under way");
    assert!(partitions.by_id(before).is_none(), "its messages are another instance's");
    partitions.flushed(&late);
    assert_eq!(handed_over(&mut partitions), []);
    assert_ne!(assign(&mut partitions, 1, 0, Some(0)), before);
}

/// Offsets that were on their way when Kafka was asked may have overtaken its answer.
#[test]
fn what_begins_again_is_committed_whatever_kafka_had() {
    let mut partitions = partitions();
    assign(&mut partitions, 0, 30, Some(30));
    assert_eq!(handed_over(&mut partitions), [], "Kafka has it");
    partitions.start_over();
    assign(&mut partitions, 0, 30, Some(30));
    assert_eq!(handed_over(&mut partitions), [(0, 30)]);
}

#[test]
fn a_batch_that_is_sealed_after_its_partition_was_lost_commits_nothing() {
    let mut partitions = partitions();
    let lost = assign(&mut partitions, 0, 0, Some(0));
    partitions.revoke(&name(0));
    let other = assign(&mut partitions, 1, 0, Some(0));
    let open = [range(lost, 900, 1_000)];
    partitions.sealed(&open);
    partitions.flushed(&open);
    assert_eq!(handed_over(&mut partitions), []);
    assert!(partitions.is(other, "user", 1));
}

#[test]
fn a_partition_that_comes_back_between_cover_and_seal_commits_nothing_old() {
    let mut partitions = partitions();
    let before = assign(&mut partitions, 0, 0, Some(0));
    partitions.revoke(&name(0));
    let after = assign(&mut partitions, 0, 0, Some(0));
    let both = [range(before, 900, 1_000), range(after, 500, 600)];
    partitions.sealed(&both);
    partitions.flushed(&both);
    assert_eq!(handed_over(&mut partitions), [(0, 600)]);
}

#[test]
fn commits_are_handed_over_once_unless_they_fail() {
    let mut partitions = partitions();
    let ranges = [range(assign(&mut partitions, 3, 7, Some(7)), 7, 9)];
    partitions.sealed(&ranges);
    assert_eq!(handed_over(&mut partitions), []);
    assert!(!partitions.get(&name(3)).unwrap().is_flushed());
    partitions.flushed(&ranges);
    assert_eq!(handed_over(&mut partitions), [(3, 9)]);
    assert_eq!(handed_over(&mut partitions), []);
    partitions.commit_failed([name(3)].iter());
    assert_eq!(handed_over(&mut partitions), [(3, 9)]);
}

#[test]
fn where_a_partition_begins_is_committed_at_once() {
    let mut partitions = partitions();
    assign(&mut partitions, 0, 12, None);
    assign(&mut partitions, 1, 400, Some(300));
    assign(&mut partitions, 2, 5, Some(5));
    assert_eq!(handed_over(&mut partitions), [(0, 12), (1, 400)]);
}

#[test]
fn gaps_are_noticed() {
    let mut partitions = partitions();
    let id = assign(&mut partitions, 0, 10, Some(10));
    let partition = partitions.by_id_mut(id).unwrap();
    let mut check = |offset, arrival| assert_eq!(partition.arrive(offset), arrival);
    check(10, Arrival::InOrder);
    check(13, Arrival::Gap { from: 11 });
    check(14, Arrival::InOrder);
}

/// Its messages may be of another topic: what it records and buries would not be true.
#[test]
fn a_partition_that_went_back_begins_alone_again() {
    let mut partitions = partitions();
    let back = assign(&mut partitions, 0, 0, Some(0));
    let other = assign(&mut partitions, 1, 0, Some(0));
    let both = [range(back, 0, 5), range(other, 0, 7)];
    partitions.sealed(&both);
    partitions.start_over_alone(back, 2);
    partitions.flushed(&both);
    assert_eq!(partitions.starting_over(), &Offsets::from([(name(0), 0)]));
    assert_eq!(handed_over(&mut partitions), [(1, 7)]);
    assert!(partitions.contains(&name(0)), "it is still assigned");
    let at = |offset| partitions.begin_again(begin(0, offset, None)).offset;
    assert_eq!((at(5), at(1)), (2, 1), "what came back is read, whatever the database holds");
}

/// Markers at the end of a partition are not messages, but their offsets are committed.
#[test]
fn the_end_is_reached_only_when_all_before_it_is_durable() {
    let mut partitions = partitions();
    let id = assign(&mut partitions, 0, 0, Some(0));
    let ranges = [range(id, 0, 1)];
    let advance = |partitions: &mut Partitions, offset| {
        partitions.advance(&name(0), offset);
        handed_over(partitions)
    };
    partitions.by_id_mut(id).unwrap().arrive(0);
    assert_eq!(advance(&mut partitions, 2), [], "the message is in the open batch");
    partitions.sealed(&ranges);
    assert_eq!(advance(&mut partitions, 2), [], "it is under way");
    partitions.flushed(&ranges);
    assert_eq!(advance(&mut partitions, 2), [(0, 2)]);
    assert_eq!(advance(&mut partitions, 1), []);
    assert_eq!(partitions.by_id(id).unwrap().next(), 2);
}

proptest! {
    /// Whatever the order in which ranges land, the watermark is the end of the longest durable prefix.
    #[test]
    fn the_watermark_is_the_durable_prefix(
        (lengths, order) in prop::collection::vec(1..5_i64, 1..12).prop_flat_map(|lengths| {
            let order: Vec<usize> = (0..lengths.len()).collect();
            (Just(lengths), Just(order).prop_shuffle())
        })
    ) {
        let mut watermark = Watermark::default();
        let mut ranges = Vec::new();
        let mut from = 100;
        for length in lengths {
            ranges.push(range(0, from, from + length));
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
