//! Columns → statement text.
//!
//! Takes the rows of a table and gives `INSERT … ON DUPLICATE KEY UPDATE` statements that respect
//! the limits of rows and bytes. Holds true: every value is a literal that the server reads back
//! as it was, given a session in utf8mb4 with backslash escapes (which [`crate::mysql`] sets).
//! Cannot fail. Absent: IO, JSON.

pub mod progress;
mod stale;

use super::merge;
use crate::buffer::{Column, NULL, Rows};
use crate::datetime;
use crate::dead_letter::{self, DeadLetter};
use crate::ledger::{Identity, Record};
use crate::literal::{push_hex, push_text};
use crate::mapping::{ColumnSpec, ColumnType, Mapping, Storage, Table, TableId};
use crate::mysql::Dialect;

pub use stale::StaleLines;

/// Room for the protocol's header in a packet.
pub(super) const PACKET_OVERHEAD: usize = 64;

/// Limits of one statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatementLimits {
    pub rows: usize,
    /// Bytes of text; a single row may exceed it.
    pub bytes: usize,
}

impl StatementLimits {
    /// These limits, lowered to the server's `max_allowed_packet`.
    #[must_use]
    pub fn within_packet(self, max_allowed_packet: usize) -> Self {
        Self { bytes: self.bytes.min(max_allowed_packet.saturating_sub(PACKET_OVERHEAD)), ..self }
    }
}

/// The constant text of the statements of every table.
#[derive(Debug)]
pub struct Statements {
    tables: Vec<Upsert>,
    dead_letters: Upsert,
    progress: Upsert,
}

/// An `INSERT` without its rows.
#[derive(Debug)]
struct Upsert {
    head: String,
    tail: String,
}

impl Statements {
    /// The statements for the tables of `mapping` on a server that speaks `dialect`.
    #[must_use]
    pub fn new(mapping: &Mapping, dialect: Dialect) -> Self {
        let upsert = |table: &Table| {
            let columns: Vec<String> =
                table.columns.iter().map(|column| format!("`{}`", column.name)).collect();
            Upsert {
                head: format!("INSERT INTO `{}` ({}) VALUES ", table.name, columns.join(", ")),
                tail: merge::on_duplicate(table, dialect),
            }
        };
        Self {
            tables: mapping.tables.iter().map(upsert).collect(),
            dead_letters: dead_letter_upsert(dialect),
            progress: progress::upsert(dialect),
        }
    }

    /// Writes the statement for the rows `order[from..]` of a table to `text`, as many as the limits
    /// allow. Returns the index after the last one.
    pub fn upsert(
        &self,
        (id, table): (TableId, &Table),
        rows: &Rows,
        order: &[u32],
        from: usize,
        limits: StatementLimits,
        text: &mut String,
    ) -> usize {
        let Upsert { head, tail } = &self.tables[id];
        write_statement(head, tail, from, order.len(), limits, text, |index, text| {
            let row = order[index] as usize;
            for (column, spec) in table.columns.iter().enumerate() {
                text.push_str(if column == 0 { "(" } else { "," });
                push_value(text, rows.column(column), spec, row);
            }
            text.push(')');
        })
    }

    /// Like [`Self::upsert`], for dead letters.
    pub fn dead_letters(
        &self,
        letters: &[DeadLetter],
        from: usize,
        limits: StatementLimits,
        text: &mut String,
    ) -> usize {
        let Upsert { head, tail } = &self.dead_letters;
        write_statement(head, tail, from, letters.len(), limits, text, |index, text| {
            push_dead_letter(text, &letters[index]);
        })
    }

    /// Like [`Self::upsert`], for progress rows.
    pub fn progress(
        &self,
        identity: &Identity,
        writer: usize,
        records: (&[Record], usize),
        limits: StatementLimits,
        text: &mut String,
    ) -> usize {
        progress::write(&self.progress, identity, writer, records, limits, text)
    }
}

/// Writes `head`, rows and `tail`. A row that would exceed the byte limit is taken back, unless it is
/// the first.
fn write_statement(
    head: &str,
    tail: &str,
    from: usize,
    end: usize,
    limits: StatementLimits,
    text: &mut String,
    mut push_row: impl FnMut(usize, &mut String),
) -> usize {
    text.clear();
    text.push_str(head);
    let mut next = from;
    while next < end && next - from < limits.rows {
        let before = text.len();
        if next > from {
            text.push(',');
        }
        push_row(next, text);
        if next > from && text.len() + tail.len() > limits.bytes {
            text.truncate(before);
            break;
        }
        next += 1;
    }
    text.push_str(tail);
    next
}

fn push_value(text: &mut String, column: &Column, spec: &ColumnSpec, row: usize) {
    match column {
        Column::Text(values) => match values.get(row) {
            Some(value) if spec.storage == Storage::Literal => text.push_str(value),
            Some(value) => push_text(text, value),
            // Only an entity without its creation lacks a required value.
            None if spec.is_empty_when_absent() => text.push_str("''"),
            None => text.push_str("NULL"),
        },
        Column::Number(values) => match values[row] {
            NULL => text.push_str("NULL"),
            value if matches!(spec.ty, ColumnType::DateTime(_)) => push_time(text, value),
            value if spec.ty == ColumnType::Date => push_date(text, value),
            value => text.push_str(itoa::Buffer::new().format(value)),
        },
    }
}

fn push_time(text: &mut String, micros: datetime::Micros) {
    text.push('\'');
    // The text is ASCII.
    text.extend(datetime::format(micros).map(char::from));
    text.push('\'');
}

fn push_date(text: &mut String, days: i64) {
    text.push('\'');
    // The text is ASCII.
    text.extend(datetime::format_date(days).map(char::from));
    text.push('\'');
}

/// Overwrites a dead letter that exists already. A redelivery brings the same message and keeps the
/// times of the first one. Another message at the same offset of the same topic means that a leader
/// lost records, or that the topic was recreated and the broker tells no ids: only the newer message
/// can still be fixed.
fn dead_letter_upsert(dialect: Dialect) -> Upsert {
    let old = |column: &str| format!("`dead_letters`.`{column}`");
    let new = |column: &str| merge::incoming(dialect, column);
    let same = format!("{} = {}", old("payload"), new("payload"));
    let mut assignments = vec![
        merge::guard(dead_letter::TABLE, &dead_letter::KEY, dialect),
        format!("`replayed_at` = IF({same}, {}, NULL)", old("replayed_at")),
        format!("`dead_at` = IF({same}, {}, {})", old("dead_at"), new("dead_at")),
    ];
    let rest = dead_letter::COLUMNS.iter().filter(|column| {
        !dead_letter::KEY.contains(column) && !["payload", "dead_at"].contains(column)
    });
    assignments.extend(rest.chain(&["payload"]).map(|c| format!("`{c}` = {}", new(c))));
    let alias = match dialect {
        Dialect::MySql => format!(" AS {}", merge::INCOMING),
        Dialect::MariaDb => String::new(),
    };
    let columns = dead_letter::COLUMNS.map(|column| format!("`{column}`")).join(", ");
    Upsert {
        head: format!("INSERT INTO `dead_letters` ({columns}) VALUES "),
        tail: format!("{alias} ON DUPLICATE KEY UPDATE {}", assignments.join(", ")),
    }
}

fn push_dead_letter(text: &mut String, letter: &DeadLetter) {
    let mut number = itoa::Buffer::new();
    text.push('(');
    push_text(text, &letter.topic);
    text.push(',');
    text.push_str(number.format(letter.partition));
    text.push(',');
    text.push_str(number.format(letter.offset));
    text.push(',');
    push_text(text, &letter.origin.topic_id);
    text.push(',');
    push_text(text, &letter.origin.cluster_id);
    text.push(',');
    push_optional(text, letter.key.as_deref(), push_hex);
    text.push(',');
    push_optional(text, letter.headers_text().as_deref(), push_text);
    text.push(',');
    push_hex(text, &letter.payload);
    text.push(',');
    text.push_str(number.format(letter.payload_bytes));
    text.push_str(if letter.payload_cut { ",1," } else { ",0," });
    push_optional(text, letter.event_type.as_deref(), push_text);
    text.push(',');
    push_optional(text, letter.event_id.as_deref(), push_text);
    text.push(',');
    push_text(text, letter.reject.code.as_str());
    text.push(',');
    push_text(text, &letter.reject.text);
    text.push(',');
    push_optional(text, letter.kafka_timestamp, push_time);
    text.push(',');
    push_time(text, letter.dead_at);
    text.push(')');
}

fn push_optional<T>(text: &mut String, value: Option<T>, push: impl FnOnce(&mut String, T)) {
    match value {
        Some(value) => push(text, value),
        None => text.push_str("NULL"),
    }
}

#[cfg(test)]
mod tests;
