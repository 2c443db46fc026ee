//! Positions and moves on standard output, for people and as JSON lines.

use super::args::Target;
use super::moves::Move;
use super::positions::{Earlier, Position};
use super::store::{Group, Recorded};
use crate::commands::output::{say, say_json_lines, to_seconds};
use crate::commands::table;
use crate::consume::Member;
use crate::ledger::Held;
use crate::offsets::grouped;
use serde::Serialize;

/// Stands for a number that there is not.
const NONE: &str = "–";

/// A partition as a JSON line. Scripts read it: a field keeps its name and meaning.
#[derive(Debug, Serialize)]
struct Line<'l> {
    topic: &'l str,
    partition: i32,
    topic_id: &'l str,
    /// `present`, `recreated` or `deleted`, of the topic that the rows are of.
    state: &'static str,
    held: Option<i64>,
    committed: Option<i64>,
    first: Option<i64>,
    end: Option<i64>,
    left: Option<i64>,
    ahead: Option<i64>,
    recorded_at: Option<&'l str>,
}

impl<'l> From<&'l Position> for Line<'l> {
    fn from(position: &'l Position) -> Self {
        Self {
            topic: &position.partition.topic,
            partition: position.partition.partition,
            topic_id: &position.topic_id,
            state: "present",
            held: position.held.next(),
            committed: position.committed,
            first: Some(position.first),
            end: Some(position.end),
            left: position.left(),
            ahead: position.ahead(),
            recorded_at: position.recorded_at.as_deref(),
        }
    }
}

impl<'l> From<&'l Earlier> for Line<'l> {
    fn from(Earlier { recorded, is_recreated }: &'l Earlier) -> Self {
        let Recorded { partition, topic_id, next_offset, recorded_at } = recorded;
        Self {
            topic: &partition.topic,
            partition: partition.partition,
            topic_id,
            state: if *is_recreated { "recreated" } else { "deleted" },
            held: Some(*next_offset),
            committed: None,
            first: None,
            end: None,
            left: None,
            ahead: None,
            recorded_at: Some(recorded_at),
        }
    }
}

pub(super) fn print_list(
    positions: &[Position],
    earlier: &[Earlier],
    json: bool,
) -> anyhow::Result<()> {
    let lines = positions.iter().map(Line::from).chain(earlier.iter().map(Line::from));
    let lines: Vec<Line<'_>> = lines.collect();
    if json {
        return say_json_lines(&lines);
    }
    let head = [
        "partition",
        "in database",
        "in Kafka",
        "first",
        "end",
        "left",
        "Kafka ahead",
        "recorded (UTC)",
        "",
    ];
    let mut table = table(&head, 1..7);
    for line in &lines {
        let note = match line.state {
            "recreated" => format!("of an earlier topic {}, id {}", line.topic, line.topic_id),
            "deleted" => "Kafka has no such topic".to_owned(),
            _ if line.left.is_some_and(|left| left < 0) => {
                "beyond the end: the topic was recreated".to_owned()
            }
            _ => String::new(),
        };
        let ahead = line.ahead.filter(|ahead| *ahead > 0);
        table.add_row([
            format!("{}/{}", line.topic, line.partition),
            number(line.held),
            number(line.committed),
            number(line.first),
            number(line.end),
            number(line.left),
            ahead.map_or_else(String::new, |ahead| ahead.to_string()),
            line.recorded_at.map_or_else(|| NONE.to_owned(), to_seconds),
            note,
        ]);
    }
    say(&table.to_string())
}

fn number(value: Option<i64>) -> String {
    value.map_or_else(|| NONE.to_owned(), |value| value.to_string())
}

pub(super) fn print_moves(moves: &[Move]) -> anyhow::Result<()> {
    let mut table = table(&["partition", "in database", "in Kafka", "to", "messages"], 1..4);
    for one in moves {
        let position = &one.position;
        table.add_row([
            position.partition.to_string(),
            number(position.held.next()),
            number(position.committed),
            one.to.to_string(),
            effect(one),
        ]);
    }
    say(&table.to_string())
}

fn effect(one: &Move) -> String {
    match one.from {
        Some(from) if from > one.to => format!("{} to be read again", from - one.to),
        Some(from) if from < one.to => format!("{} skipped", one.skipped()),
        _ => NONE.to_owned(),
    }
}

/// Said of a partition that `set --to-group` leaves as it is.
pub(super) fn nothing_recorded(position: &Position, target: &Target) -> anyhow::Result<()> {
    let Target::Group(group) = target else { return Ok(()) };
    let partition = &position.partition;
    say(&format!("{partition} stays as it is: this database holds nothing of it for group {group}"))
}

pub(super) fn question(moves: &[Move]) -> String {
    let skipped: i64 = moves.iter().map(Move::skipped).sum();
    format!(
        "Skip {} in {}? This database has no record of them, and will not load them.",
        counted(skipped, "message"),
        partitions(moves.len())
    )
}

pub(super) fn partitions(count: usize) -> String {
    counted(i64::try_from(count).unwrap_or(i64::MAX), "partition")
}

fn counted(count: i64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
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

/// Where Kafka's offsets are ahead of this database, and what a start makes of it.
pub(super) fn warnings(positions: &[Position], adopts: bool) -> Vec<String> {
    let unknown = positions.iter().filter(|one| one.held == Held::Nothing);
    let unknown: Vec<&Position> = unknown.filter(|one| one.committed.is_some()).collect();
    if adopts && !unknown.is_empty() {
        return vec![format!(
            "this database has not recorded yet how far it is; the next start takes Kafka's offsets for {}, this once",
            partitions(unknown.len())
        )];
    }
    let warning = |one: &Position| {
        let partition = &one.partition;
        match (one.ahead(), one.held, one.committed) {
            (Some(ahead @ 1..), ..) => Some(format!(
                "Kafka's offset of {partition} is {} ahead of what this database holds; a run reads from the database's. To skip messages on purpose: sluicegate progress skip-to-kafka",
                grouped(ahead)
            )),
            (_, Held::Nothing, Some(kafka)) if kafka > one.first => {
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
        }
    };
    let mut warnings: Vec<String> = positions.iter().filter_map(warning).collect();
    if warnings.len() > WARNINGS_MAX {
        let more = warnings.len() - WARNINGS_MAX;
        warnings.truncate(WARNINGS_MAX);
        warnings.push(format!("and {more} more: sluicegate progress list"));
    }
    warnings
}
