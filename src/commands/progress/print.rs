//! Positions and moves on standard output, for people and as JSON lines.

use super::args::How;
use super::moves::Move;
use super::positions::{Earlier, Position, Unrecorded};
use super::store::Recorded;
use super::words;
use crate::commands::output::{in_rfc_3339, say, say_json_lines, to_seconds};
use crate::commands::table;
use serde::Serialize;
use std::io::Write;

/// Stands for a number that there is not.
const NONE: &str = "–";

/// A partition as a JSON line. Scripts read it: a field keeps its name and meaning.
#[derive(Debug, Serialize)]
pub(super) struct Line<'l> {
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
    /// What this database lacks and Kafka no longer has.
    gone: i64,
    /// RFC 3339, in UTC.
    recorded_at: Option<String>,
    #[serde(skip)]
    remark: String,
}

impl<'l> Line<'l> {
    fn of(position: &'l Position, unrecorded: Unrecorded) -> Self {
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
            gone: position.gone(),
            recorded_at: position.recorded_at.as_deref().map(in_rfc_3339),
            remark: words::remark(position, unrecorded),
        }
    }

    fn of_earlier(Earlier { recorded, is_recreated }: &'l Earlier) -> Self {
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
            gone: 0,
            recorded_at: Some(in_rfc_3339(recorded_at)),
            remark: match is_recreated {
                true => format!("of an earlier topic {}, id {topic_id}", partition.topic),
                false => "Kafka has no such topic".to_owned(),
            },
        }
    }
}

pub(super) fn lines<'l>(
    positions: &'l [Position],
    earlier: &'l [Earlier],
    unrecorded: Unrecorded,
) -> Vec<Line<'l>> {
    let present = positions.iter().map(|position| Line::of(position, unrecorded));
    present.chain(earlier.iter().map(Line::of_earlier)).collect()
}

pub(super) fn print_list(lines: &[Line<'_>], json: bool) -> anyhow::Result<()> {
    if json {
        return say_json_lines(lines);
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
        "remark",
    ];
    let mut table = table(&head, 1..7);
    for line in lines {
        table.add_row([
            format!("{}/{}", line.topic, line.partition),
            number(line.held),
            number(line.committed),
            number(line.first),
            number(line.end),
            number(line.left),
            number(line.ahead),
            line.recorded_at.as_deref().map_or_else(|| NONE.to_owned(), for_people),
            line.remark.clone(),
        ]);
    }
    let sum = |of: fn(&Line<'_>) -> Option<i64>| lines.iter().filter_map(of).sum::<i64>();
    let mut total = [const { String::new() }; 9];
    total[0] = "total".to_owned();
    total[5] = sum(|line| line.left).to_string();
    total[6] = sum(|line| line.ahead).to_string();
    total[8] = words::gone_in_all(sum(|line| Some(line.gone)));
    table.add_row(total);
    say(&table.to_string())
}

fn number(value: Option<i64>) -> String {
    value.map_or_else(|| NONE.to_owned(), |value| value.to_string())
}

/// A time in RFC 3339 as a column of UTC shows it.
fn for_people(time: &str) -> String {
    to_seconds(time).replacen('T', " ", 1)
}

/// Says something to people: JSON lines stay JSON lines.
pub(super) fn tell(how: How, text: &str) -> anyhow::Result<()> {
    if how.json {
        let _ = writeln!(std::io::stderr(), "{text}");
        return Ok(());
    }
    say(text)
}

/// What moves mean for each partition. `is_certain`: they are made without a question.
pub(super) fn print_moves(moves: &[Move], is_certain: bool) -> anyhow::Result<()> {
    let head = ["partition", "in database", "in Kafka", "from", "to", "messages", ""];
    let mut table = table(&head, 1..6);
    // The number and its words read as one.
    for (column, padding) in [(5, (1, 0)), (6, (1, 1))] {
        if let Some(column) = table.column_mut(column) {
            column.set_padding(padding);
        }
    }
    for one in moves {
        let Move { position, to, .. } = one;
        let mut effects = words::effects(one, is_certain).into_iter();
        let (messages, effect) = effects.next().unwrap_or((NONE.to_owned(), String::new()));
        let others = effects.map(|(messages, effect)| format!(", {messages} {effect}"));
        table.add_row([
            position.partition.to_string(),
            number(position.held.next()),
            number(position.committed),
            one.from().to_string(),
            to.to_string(),
            messages,
            effect + &others.collect::<String>(),
        ]);
    }
    say(&table.to_string())
}

/// A move as a JSON line. Scripts read it: a field keeps its name and meaning.
#[derive(Debug, Serialize)]
struct MoveLine<'l> {
    topic: &'l str,
    partition: i32,
    from: i64,
    to: i64,
    skipped: i64,
    again: i64,
    gone: i64,
    dry_run: bool,
}

impl<'l> MoveLine<'l> {
    fn of(one: &'l Move, dry_run: bool) -> Self {
        let partition = &one.position.partition;
        Self {
            topic: &partition.topic,
            partition: partition.partition,
            from: one.from(),
            to: one.to,
            skipped: one.skipped(),
            again: one.again(),
            gone: one.gone().map_or(0, |(from, first)| first - from),
            dry_run,
        }
    }
}

/// Prints moves if JSON was asked for.
pub(super) fn print_json(moves: &[Move], how: How) -> anyhow::Result<()> {
    if !how.json {
        return Ok(());
    }
    let lines: Vec<_> = moves.iter().map(|one| MoveLine::of(one, how.dry_run)).collect();
    say_json_lines(&lines)
}
