//! Tape + plan → columns.
//!
//! Takes a decoded event and appends its rows to a batch. Holds true: an event is loaded whole or
//! not at all, and a row that leaves here fits its table. Fails with a [`Reject`] that names
//! field, column and limit. Absent: IO, the clock, SQL.

mod cells;
mod cuts;
mod json;
mod limits;
mod measure;
mod numbers;
mod walk;

use crate::buffer::{Batch, Rows};
use crate::datetime::Micros;
use crate::decode::{self, Decoder, Document, Envelope, Identity};
use crate::mapping::{
    Cell, ColumnType, Constant, EventPlan, LabelId, LinesPlan, Mapping, Role, RowPlan, Source, Table, TableId,
};
use crate::mysql::JsonLimits;
use crate::redact::{Secrets, mask};
use crate::reject::{Code, Reject};
use cells::Destination;
use simd_json::Node;
use std::sync::Arc;
use walk::Found;

pub use limits::MessageLimits;

/// Turns messages into rows of a batch. Its scratch space is reused from message to message.
pub struct Flattener {
    mapping: Arc<Mapping>,
    limits: JsonLimits,
    message_limits: MessageLimits,
    decoder: Decoder,
    found: Found,
    undo: Vec<(TableId, usize)>,
}

/// An event whose rows are in the batch, or that the mapping ignores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loaded {
    /// What to count it as.
    pub label: LabelId,
    pub timestamp: Micros,
    /// It has no rows, because the mapping ignores it.
    pub is_ignored: bool,
}

/// A message that cannot be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faulty {
    pub reject: Reject,
    pub identity: Identity,
    /// The message without its secrets.
    pub payload: Vec<u8>,
}

impl Flattener {
    #[must_use]
    pub fn new(mapping: Arc<Mapping>, limits: JsonLimits) -> Self {
        Self {
            mapping,
            limits,
            message_limits: MessageLimits::NONE,
            decoder: Decoder::default(),
            found: Found::default(),
            undo: Vec::new(),
        }
    }

    /// The same flattener with limits on the memory for one message.
    #[must_use]
    pub fn within(self, message_limits: MessageLimits) -> Self {
        Self { message_limits, decoder: Decoder::within(message_limits.decode), ..self }
    }

    /// Appends the rows of a message of `topic` to `batch`, or leaves the batch as it was.
    ///
    /// # Errors
    /// The verdict on a faulty message, and what its dead letter keeps of it.
    pub fn load(
        &mut self,
        topic: &str,
        message: &[u8],
        batch: &mut Batch,
    ) -> Result<Loaded, Box<Faulty>> {
        let Self { mapping, limits, message_limits, decoder, found, undo } = self;
        let (limits, message_limits) = (*limits, *message_limits);
        let decoded = decoder.decode(message, |document| {
            let load = &mut Load { document, mapping, limits, message_limits, found, undo, batch };
            load_document(load, topic).map_err(|reject| {
                // Only objects and arrays have keys to redact by.
                let payload = match document.tape[0] {
                    Node::Object { .. } | Node::Array { .. } => {
                        cuts::without_secrets(document, &mapping.secrets, found)
                    }
                    _ => mask(document.source, &mapping.secrets),
                };
                Box::new(Faulty { reject, identity: document.identity(), payload })
            })
        });
        if message.len() >= decode::LARGE {
            // Or the small messages that follow would keep all that memory.
            *found = Found::default();
        }
        decoded.unwrap_or_else(|reject| {
            let payload = mask(message, &mapping.secrets);
            Err(Box::new(Faulty { reject, identity: Identity::default(), payload }))
        })
    }

    /// What a dead letter keeps of a valid message that the server refused.
    pub fn refuse(&mut self, message: &[u8], reject: Reject) -> Faulty {
        let Self { mapping, found, decoder, .. } = self;
        let kept = decoder.decode(message, |document| {
            (document.identity(), cuts::without_secrets(document, &mapping.secrets, found))
        });
        let (identity, payload) =
            kept.unwrap_or_else(|_| (Identity::default(), mask(message, &mapping.secrets)));
        Faulty { reject, identity, payload }
    }

    /// What can be read of a message's envelope.
    pub fn identify(&mut self, message: &[u8]) -> Identity {
        self.decoder.decode(message, |document| document.identity()).unwrap_or_default()
    }
}

/// A document on its way into a batch.
struct Load<'l, 'd> {
    document: &'l Document<'d>,
    mapping: &'l Mapping,
    limits: JsonLimits,
    message_limits: MessageLimits,
    found: &'l mut Found,
    undo: &'l mut Vec<(TableId, usize)>,
    batch: &'l mut Batch,
}

fn load_document(load: &mut Load<'_, '_>, topic: &str) -> Result<Loaded, Reject> {
    let topic_plan = load.mapping.topics.get(topic).ok_or_else(|| {
        Reject::new(Code::TopicUnknown, format!("no mapping file covers the topic {topic}"))
    })?;
    let envelope = load.document.envelope(topic)?;
    let plan = topic_plan.events.get(envelope.event_type).unwrap_or(&topic_plan.other);
    let loaded =
        |is_ignored| Loaded { label: plan.label, timestamp: envelope.timestamp, is_ignored };
    if plan.rows.is_empty() {
        return Ok(loaded(true));
    }
    let limits = (load.limits, load.message_limits.rows);
    walk::walk(load.document, envelope.data, plan, &load.mapping.secrets, limits, load.found)?;
    load.undo.clear();
    if let Err(reject) = append(load, plan, &envelope) {
        for &(table, len) in load.undo.iter() {
            load.batch.rows_mut(table).truncate(len);
        }
        return Err(reject);
    }
    // Only now, because folding cannot be undone.
    for row in plan.rows.iter().filter(|row| row.role != Role::Log) {
        if load.undo.iter().any(|&(table, _)| table == row.table) {
            load.batch.fold_last(row.table, &load.mapping.tables[row.table]);
        }
    }
    // A change without values gives no row either; if the mapping does not log it, it is ignored, too.
    Ok(loaded(load.undo.is_empty()))
}

fn append(
    load: &mut Load<'_, '_>,
    plan: &EventPlan,
    envelope: &Envelope<'_>,
) -> Result<(), Reject> {
    let Load { document, mapping, found, undo, batch, limits, message_limits, .. } = load;
    let event = EventInput {
        document,
        envelope,
        found,
        secrets: &mapping.secrets,
        json_limits: *limits,
        decode_bytes: message_limits.decode,
    };
    measure::make_room(&event, plan, &mapping.tables, *message_limits, batch)?;
    for row in &plan.rows {
        if !event.changes_something(row, &mapping.tables[row.table]) {
            continue;
        }
        undo.push((row.table, batch.rows(row.table).len()));
        event.append_row(row, &mapping.tables[row.table], batch.rows_mut(row.table))?;
    }
    for (index, lines) in plan.lines.iter().enumerate() {
        undo.push((lines.table, batch.rows(lines.table).len()));
        let rows = batch.rows_mut(lines.table);
        event.append_lines(index, lines, &mapping.tables[lines.table], rows)?;
    }
    Ok(())
}

/// An event whose values have been found.
struct EventInput<'e, 'd> {
    document: &'e Document<'d>,
    envelope: &'e Envelope<'d>,
    found: &'e Found,
    secrets: &'e Secrets,
    json_limits: JsonLimits,
    /// How much memory JSON in a string may take.
    decode_bytes: usize,
}

impl EventInput<'_, '_> {
    /// Whether to write a row at all: a change whose values are all absent changes nothing.
    fn changes_something(&self, row: &RowPlan, table: &Table) -> bool {
        match &row.role {
            Role::Creation | Role::Log => true,
            Role::Change(changed) => changed
                .iter()
                .any(|&index| !self.leaves_unchanged(&row.cells[table.changing()[index].value])),
        }
    }

    fn leaves_unchanged(&self, cell: &Cell) -> bool {
        let is_null = |at: u32| cells::is_null(self.document, at, cell);
        cell.if_present
            && match &cell.source {
                Source::Slots(places) => {
                    places.iter().all(|(slot, _)| is_null(self.found.slots[*slot]))
                }
                _ => false,
            }
    }

    fn append_row(&self, row: &RowPlan, table: &Table, rows: &mut Rows) -> Result<(), Reject> {
        let unchanged = |column: usize| {
            table.changing().iter().any(|changing| {
                [changing.value, changing.at, changing.by].contains(&column)
                    && self.leaves_unchanged(&row.cells[changing.value])
            })
        };
        let may_leave = row.cells.iter().any(|cell| cell.if_present);
        for (column, cell) in row.cells.iter().enumerate() {
            if may_leave && unchanged(column) {
                rows.push_null(column);
            } else {
                self.append_cell(
                    cell,
                    Place { table, column, slots: &self.found.slots, line: 0 },
                    rows,
                )?;
            }
        }
        rows.end_row();
        Ok(())
    }

    fn append_lines(
        &self,
        index: usize,
        plan: &LinesPlan,
        table: &Table,
        rows: &mut Rows,
    ) -> Result<(), Reject> {
        let elements = &self.found.lines[index];
        for line in 0..elements.count {
            let slots = &elements.slots[line * plan.slots..][..plan.slots];
            for (column, cell) in plan.cells.iter().enumerate() {
                let place = Place { table, column, slots, line: line + 1 };
                self.append_cell(cell, place, rows).map_err(|reject| Reject {
                    text: format!("{} (line {} of data.{})", reject.text, line + 1, plan.path),
                    ..reject
                })?;
            }
            rows.end_row();
        }
        Ok(())
    }

    fn append_cell(&self, cell: &Cell, place: Place<'_>, rows: &mut Rows) -> Result<(), Reject> {
        let Place { table, column, slots, line } = place;
        let to = |path| Destination { table, column, cell, path };
        match &cell.source {
            Source::Null => rows.push_null(column),
            Source::Constant(value) => push_constant(column, value, rows),
            Source::EntityId => rows.push_text(column, Some(self.envelope.entity_id)),
            Source::EventId => rows.push_text(column, Some(self.envelope.event_id)),
            Source::EventType => rows.push_text(column, Some(self.envelope.event_type)),
            Source::EventTimestamp => rows.push_number(column, self.envelope.timestamp),
            Source::LineNumber => rows.push_number(column, i64::try_from(line).unwrap_or(i64::MAX)),
            Source::Data => self.append_data(column, rows),
            Source::Slots(places) => {
                let is_json = table.columns[column].ty == ColumnType::Json;
                for (slot, path) in places {
                    let is_found = match is_json {
                        true => self.push_json(to(path), slots[*slot], rows)?,
                        false => to(path).push(self.document, slots[*slot], rows)?,
                    };
                    if is_found {
                        return Ok(());
                    }
                }
                append_absent(to(&places[0].1), rows)?;
            }
        }
        Ok(())
    }

    /// The text of `data` as it arrived, less the secrets.
    fn append_data(&self, column: usize, rows: &mut Rows) {
        let Envelope { data_start, data_end, .. } = *self.envelope;
        // simd-json has checked that the whole message is UTF-8.
        let source = &self.document.source[data_start..data_end];
        let source = std::str::from_utf8(source).unwrap_or_default();
        rows.push_parts(column, cuts::pieces(source, data_start, &self.found.cuts));
    }
}

fn append_absent(to: Destination<'_>, rows: &mut Rows) -> Result<(), Reject> {
    match &to.cell.default {
        Some(default) => push_constant(to.column, default, rows),
        None if to.cell.required => {
            return Err(to.reject(Code::ValueMissing, "is missing or null, but required"));
        }
        None => rows.push_null(to.column),
    }
    Ok(())
}

fn push_constant(column: usize, constant: &Constant, rows: &mut Rows) {
    match constant {
        Constant::Text(text) => rows.push_text(column, Some(text)),
        Constant::Number(number) => rows.push_number(column, *number),
    }
}

/// Where a cell goes, and where its values were found.
#[derive(Clone, Copy)]
struct Place<'p> {
    table: &'p Table,
    column: usize,
    slots: &'p [u32],
    line: usize,
}
