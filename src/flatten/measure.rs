//! How much memory an event's rows will take, measured before any is allocated.
//!
//! Only large events are measured: there is always room for one more small event, whatever it holds.
//! We reserve exactly what we measure, so that a column grows by what it needs and does not double.

use super::EventInput;
use super::limits::{MessageLimits, rows_too_large};
use super::walk::ABSENT;
use crate::buffer::{Batch, CELL_BYTES};
use crate::mapping::{Cell, EventPlan, Source, TableId};
use crate::reject::Reject;
use simd_json::Node;

/// Messages with at least this many bytes or lines are measured.
const MESSAGE_BYTES: usize = 16 * 1024;
const LINES: usize = 128;

/// A column's share of an event.
struct Share {
    table: TableId,
    column: usize,
    rows: usize,
    /// Of text.
    bytes: usize,
}

/// Makes room for the rows of a large event.
///
/// # Errors
/// If they take more memory than an event may; then nothing has been allocated.
pub(super) fn make_room(
    event: &EventInput<'_, '_>,
    plan: &EventPlan,
    message_limits: MessageLimits,
    batch: &mut Batch,
) -> Result<(), Reject> {
    let lines: usize = event.found.lines.iter().map(|elements| elements.count).sum();
    if event.document.source.len() < MESSAGE_BYTES && lines < LINES {
        return Ok(());
    }
    let bytes: usize = shares(event, plan).map(|share| share.rows * CELL_BYTES + share.bytes).sum();
    if bytes > message_limits.rows {
        return Err(rows_too_large(bytes, message_limits.rows));
    }
    for Share { table, column, rows, bytes } in shares(event, plan) {
        batch.rows_mut(table).reserve(column, rows, bytes);
    }
    Ok(())
}

fn shares<'e>(
    event: &'e EventInput<'_, '_>,
    plan: &'e EventPlan,
) -> impl Iterator<Item = Share> + 'e {
    let row_shares = plan.rows.iter().flat_map(move |row| {
        row.cells.iter().enumerate().map(move |(column, cell)| {
            let bytes = text_bytes(event, cell, &event.found.slots);
            Share { table: row.table, column, rows: 1, bytes }
        })
    });
    let line_shares =
        plan.lines.iter().zip(&event.found.lines).flat_map(move |(lines, elements)| {
            lines.cells.iter().enumerate().map(move |(column, cell)| {
                let slots = |line: usize| &elements.slots[line * lines.slots..][..lines.slots];
                let rows = elements.count;
                let bytes = (0..rows).map(|line| text_bytes(event, cell, slots(line))).sum();
                Share { table: lines.table, column, rows, bytes }
            })
        });
    row_shares.chain(line_shares)
}

/// Bytes of text of a cell, or a few more: a time comes as text, but is kept as a number.
fn text_bytes(event: &EventInput<'_, '_>, cell: &Cell, slots: &[u32]) -> usize {
    match &cell.source {
        Source::Null | Source::EventTimestamp | Source::LineNumber | Source::Length(..) => 0,
        Source::Constant(value) => value.len(),
        Source::EntityId => event.envelope.entity_id.len(),
        Source::EventId => event.envelope.event_id.len(),
        Source::EventType => event.envelope.event_type.len(),
        Source::Data => {
            let cuts: usize = event.found.cuts.iter().map(|(start, end)| end - start).sum();
            (event.envelope.data_end - event.envelope.data_start).saturating_sub(cuts)
        }
        Source::Slots(places) => {
            let text = |slot: usize| match event.document.tape[slots[slot] as usize] {
                Node::String(text) if slots[slot] != ABSENT => Some(text.len()),
                _ => None,
            };
            let first = places.iter().find_map(|(slot, _)| text(*slot));
            first.or(cell.default.as_ref().map(String::len)).unwrap_or(0)
        }
    }
}
