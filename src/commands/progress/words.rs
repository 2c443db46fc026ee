//! What people are told about positions and moves.

use super::moves::Move;
use super::positions::{Position, Unrecorded};
use super::store::Group;
use crate::commands::output::counted;
use crate::consume::Member;
use crate::ledger::Held;
use crate::offsets::{TopicPartition, grouped};

/// Partitions that are named in a list, at most.
const NAMED_MAX: usize = 5;

/// What is unusual about a partition; empty if nothing is.
pub(super) fn remark(position: &Position, unrecorded: Unrecorded) -> String {
    let first = position.first;
    match (position.held, position.committed) {
        (Held::Before(_), _) if position.is_beyond_end() => {
            "beyond the end: the topic was recreated".to_owned()
        }
        (Held::Before(_), _) => gone_in_all(position.gone()),
        (Held::OfOtherTopic, _) => format!("the topic was recreated; a run reads from {first}"),
        (Held::Nothing, Some(kafka)) => match position.start_by(kafka, unrecorded) {
            Some(start) => format!("no record; a run reads from {start}"),
            None => "no record; a run stops (kafka.auto_offset_reset)".to_owned(),
        },
        (Held::Nothing, None) => String::new(),
    }
}

/// What Kafka has and this database lacks.
pub(super) fn behind(behind: &[&Position]) -> String {
    let of_one =
        |one: &&Position| format!("{} of {}", grouped(one.end - one.lacks_from()), one.partition);
    let mut all: Vec<String> = behind.iter().take(NAMED_MAX).map(of_one).collect();
    if behind.len() > NAMED_MAX {
        all.push("more".to_owned());
    }
    format!(
        "Kafka has messages that this database does not hold yet: {}; let sluicegate load them first (`sluicegate progress list` shows how far it is)",
        all.join(", ")
    )
}

/// How many messages are gone; empty if none is.
pub(super) fn gone_in_all(messages: i64) -> String {
    if messages > 0 { format!("{messages} gone") } else { String::new() }
}

/// What Kafka no longer has of a partition: from this offset, to before the other.
fn gone(partition: &TopicPartition, (from, first): (i64, i64)) -> String {
    match first - from {
        1 => format!(
            "1 message of {partition} (offset {from}) is no longer in Kafka, so it will be missing from this database"
        ),
        messages => format!(
            "{} messages of {partition} (offsets {from} to {}) are no longer in Kafka, so they will be missing from this database",
            grouped(messages),
            first - 1
        ),
    }
}

pub(super) fn gone_of_move(one: &Move) -> Option<String> {
    one.gone().map(|range| gone(&one.position.partition, range))
}

/// Numbers of messages, and what happens to them; none if nothing does.
pub(super) fn effects(one: &Move, is_certain: bool) -> Vec<(String, String)> {
    let gone = one.gone().map_or(0, |(from, first)| first - from);
    let skipped = if is_certain { "skipped" } else { "would be skipped" };
    let all = [
        (one.skipped(), skipped),
        (one.again(), "to be read again"),
        (one.not_again(), "not read again"),
        (gone, "gone"),
    ];
    let some = all.into_iter().filter(|(messages, _)| *messages > 0);
    some.map(|(messages, what)| (messages.to_string(), what.to_owned())).collect()
}

/// Said of a partition that `set --to-group` leaves as it is.
pub(super) fn nothing_recorded(partition: &TopicPartition, group: &str) -> String {
    format!("{partition} stays as it is: this database holds nothing of it for group {group}")
}

pub(super) fn question(messages: i64, of_partitions: usize) -> String {
    let (messages, partitions) = (counted(messages, "message"), partitions(of_partitions));
    format!("Skip {messages} in {partitions}? This database would never load them.")
}

pub(super) fn refusal(messages: i64, of_partitions: usize) -> String {
    let (messages, partitions) = (counted(messages, "message"), partitions(of_partitions));
    format!(
        "this would skip {messages} in {partitions}, which this database would never load; nothing was changed. Add --yes"
    )
}

/// The commands that undo moves; of many, that the printed list says where partitions were.
pub(super) fn undo(moves: &[Move]) -> Vec<String> {
    let changed: Vec<&Move> = moves.iter().filter(|one| one.from() != one.to).collect();
    if changed.len() > NAMED_MAX {
        return vec![
            "to undo this later, keep this list: `from` is where each partition was".to_owned(),
        ];
    }
    let line = |one: &&Move| {
        let partition = &one.position.partition;
        format!("to undo: sluicegate progress set {partition} --to-offset {}", one.from())
    };
    changed.iter().map(line).collect()
}

pub(super) fn partitions(count: usize) -> String {
    counted(count, "partition")
}

pub(super) fn members(group: &str, members: &[Member]) -> String {
    let named = members.iter().map(|member| format!("{} on {}", member.client_id, member.host));
    format!(
        "group {group} has members, which would overwrite this: {}; stop them first (one that was killed leaves after its session timeout)",
        named.collect::<Vec<_>>().join(", ")
    )
}

/// Whose rows there are besides our own.
pub(super) fn other_groups(others: &[Group], own: &Group) -> String {
    format!("this database also has rows of {}", names(others, own))
}

pub(super) fn no_such_group(name: &str, others: &[Group], own: &Group) -> String {
    let problem = format!("this database holds nothing of these partitions for group {name}");
    if others.is_empty() {
        format!("{problem}, and has no rows of any other group")
    } else {
        format!("{problem}; it has rows of {}", names(others, own))
    }
}

fn names(groups: &[Group], own: &Group) -> String {
    let name = |group: &Group| {
        let Group { cluster_id, group_id } = group;
        if *cluster_id == own.cluster_id {
            format!("group {group_id}")
        } else {
            format!("group {group_id} in Kafka cluster {cluster_id}")
        }
    };
    groups.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// Warnings that `check` lists, at most.
const WARNINGS_MAX: usize = 20;

/// What Kafka no longer has, and where its offsets are ahead of this database, with what a start makes
/// of it.
pub(super) fn warnings(positions: &[Position], adopts: bool) -> Vec<String> {
    let unknown = positions.iter().filter(|one| one.held == Held::Nothing);
    let unknown: Vec<&Position> = unknown.filter(|one| one.committed.is_some()).collect();
    if adopts && !unknown.is_empty() {
        return vec![format!(
            "this database has not recorded yet how far it is; the next start takes Kafka's offsets for {}, this once",
            partitions(unknown.len())
        )];
    }
    let mut warnings: Vec<String> = positions.iter().flat_map(warnings_of).collect();
    if warnings.len() > WARNINGS_MAX {
        let more = warnings.len() - WARNINGS_MAX;
        warnings.truncate(WARNINGS_MAX);
        warnings.push(format!("and {more} more: sluicegate progress list"));
    }
    warnings
}

fn warnings_of(one: &Position) -> Vec<String> {
    let Position { partition, first, .. } = one;
    let lost = one.held.next().filter(|held| held < first).map(|held| (held, *first));
    let lost = lost.map(|range| gone(partition, range));
    let warning = match (one.ahead(), one.held, one.committed) {
        (Some(ahead @ 1..), _, Some(kafka)) if kafka > *first => {
            let start = if lost.is_some() { "the first that Kafka has" } else { "the database's" };
            Some(format!(
                "Kafka's offset of {partition} is {} ahead of what this database holds; a run reads from {start}. To skip messages on purpose: sluicegate progress skip-to-kafka",
                grouped(ahead)
            ))
        }
        (_, Held::Nothing, Some(kafka)) if kafka > *first => {
            let latest = match one.was_recorded {
                true => "",
                false => ", with kafka.auto_offset_reset = \"latest\" from Kafka's",
            };
            Some(format!(
                "Kafka's offset of {partition} is {}, and this database says nothing of the partition; a run reads from its first offset{latest}. Is it another database than the group's, or put back to before an upgrade?",
                grouped(kafka)
            ))
        }
        (_, Held::OfOtherTopic, _) => Some(format!(
            "the topic of {partition} was deleted and recreated; a run reads from its first offset"
        )),
        _ => None,
    };
    lost.into_iter().chain(warning).collect()
}
