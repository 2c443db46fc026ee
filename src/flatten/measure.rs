//! How much memory an event's rows will take, measured before any is allocated.
//!
//! Only large messages are measured, and arrays of events: there is always room for one more small event,
//! whatever it holds.
//! We reserve exactly what we measure, so that a column grows by what it needs and does not double.

use super::event::EventInput;
use super::limits::{MessageLimits, rows_too_large};
use super::values::Value;
use super::walk::ABSENT;
use crate::buffer::{Batch, CELL_BYTES};
use crate::decode::Document;
use crate::mapping::{
    Cell, ColumnSpec, ColumnType, Constant, EventPlan, Source, Storage, Table, TableId,
};
use crate::reject::Reject;
use simd_json::{Node, StaticNode};

/// Messages with at least this many bytes or lines are measured.
const MESSAGE_BYTES: usize = 16 * 1024;
const LINES: usize = 128;
/// Of the text of a number, at most.
const NUMBER_BYTES: usize = 32;
/// `x''`.
const HEX_OVERHEAD: usize = 3;

/// A column's share of an event.
struct Share {
    table: TableId,
    column: usize,
    rows: usize,
    /// Of text.
    bytes: usize,
}

/// Makes room for the rows of a large event. `measured` is what the message's events before it take; all of
/// them together may take as much as one.
///
/// # Errors
/// If they take more memory than a message may; then nothing has been allocated.
pub(super) fn make_room(
    event: &EventInput<'_>,
    plan: &EventPlan,
    tables: &[Table],
    message_limits: MessageLimits,
    measured: &mut usize,
    batch: &mut Batch,
) -> Result<(), Reject> {
    let lines: usize = event.found.lines.iter().map(|elements| elements.count).sum();
    let message = event.document.source.len() + event.message.key.map_or(0, <[u8]>::len);
    // An element of an array is small, but there may be many, and each may have what is beside the message.
    let is_element = event.part.at > 0;
    if message < MESSAGE_BYTES && lines < LINES && !is_element {
        return Ok(());
    }
    let bytes = |share: Share| share.rows * CELL_BYTES + share.bytes;
    *measured += shares(event, plan, tables).map(bytes).sum::<usize>();
    if *measured > message_limits.rows {
        return Err(rows_too_large(*measured, message_limits.rows));
    }
    if is_element {
        // Room for exactly one more, ten thousand times, would be a copy of all of it each time.
        return Ok(());
    }
    for Share { table, column, rows, bytes } in shares(event, plan, tables) {
        batch.rows_mut(table).reserve(column, rows, bytes);
    }
    Ok(())
}

fn shares<'e>(
    event: &'e EventInput<'_>,
    plan: &'e EventPlan,
    tables: &'e [Table],
) -> impl Iterator<Item = Share> + 'e {
    let row_shares = plan.rows.iter().flat_map(move |row| {
        let specs = &tables[row.table].columns;
        row.cells.iter().zip(specs).enumerate().map(move |(column, cell)| {
            let bytes = text_bytes(event, cell, &event.found.slots);
            Share { table: row.table, column, rows: 1, bytes }
        })
    });
    let line_shares =
        plan.lines.iter().zip(&event.found.lines).flat_map(move |(lines, elements)| {
            let specs = &tables[lines.table].columns;
            lines.cells.iter().zip(specs).enumerate().map(move |(column, cell)| {
                let slots = |line: usize| &elements.slots[line * lines.slots..][..lines.slots];
                let rows = elements.count;
                let bytes = (0..rows).map(|line| text_bytes(event, cell, slots(line))).sum();
                Share { table: lines.table, column, rows, bytes }
            })
        });
    row_shares.chain(line_shares)
}

/// Bytes of text of a cell, or a few more.
fn text_bytes(event: &EventInput<'_>, (cell, spec): (&Cell, &ColumnSpec), slots: &[u32]) -> usize {
    match &cell.source {
        Source::Null | Source::EventTimestamp | Source::LineNumber => 0,
        Source::Constant(value) => constant_bytes(value),
        Source::EntityId => event.envelope.entity_id.len(),
        Source::EventId => event.envelope.event_id.len(),
        Source::EventType => event.envelope.event_type.len(),
        Source::Data => {
            let cuts: usize = event.found.cuts.iter().map(|(start, end)| end - start).sum();
            let data = event.data();
            (data.end - data.start).saturating_sub(cuts)
        }
        Source::Key(key) => text_bytes(event, (key, spec), &event.found.slots),
        Source::Places(places) => {
            let bytes = |value| match value {
                Ok(Value::Node(document, at)) => value_bytes(document, at, spec),
                Ok(Value::Part(part)) => Some(part.end - part.start),
                Ok(Value::Text(text)) => Some(HEX_OVERHEAD + 2 * text.len()),
                Ok(Value::Number(_) | Value::Time(_)) => Some(NUMBER_BYTES),
                Err(_) => None,
            };
            places.iter().find_map(|place| bytes(event.value(place, slots)?)).unwrap_or(0)
        }
        Source::Slots(places) => {
            let found = |slot: usize| match slots[slot] {
                ABSENT => None,
                at => value_bytes(event.document, at as usize, spec),
            };
            let first = places.iter().find_map(|(slot, _)| found(*slot));
            first.or(cell.default.as_ref().map(constant_bytes)).unwrap_or(0)
        }
    }
}

fn constant_bytes(constant: &Constant) -> usize {
    match constant {
        Constant::Text(text) => text.len(),
        Constant::Number(_) => 0,
    }
}

/// `None` for null.
fn value_bytes(document: &Document<'_>, at: usize, spec: &ColumnSpec) -> Option<usize> {
    let bytes = match (&document.tape[at], &spec.ty) {
        (Node::Static(StaticNode::Null), _) => return None,
        (_, ColumnType::Json) => {
            let (start, end) = document.value_range(at);
            end - start
        }
        (Node::String(text), ColumnType::Varbinary(_) | ColumnType::Blob) => {
            HEX_OVERHEAD + 2 * text.len()
        }
        (Node::String(text), _) => text.len(),
        (Node::Static(_), _) => NUMBER_BYTES,
        (Node::Object { .. } | Node::Array { .. }, _) => 0,
    };
    Some(if spec.storage == Storage::Number { 0 } else { bytes })
}
