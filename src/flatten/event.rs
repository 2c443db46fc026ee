//! An event whose values have been found → rows.

use super::cells::{self, Destination, Origin};
use super::cuts;
use super::limits::MessageLimits;
use super::measure;
use super::values::Value;
use super::walk::{ABSENT, Found};
use crate::buffer::{Batch, Rows};
use crate::decode::{Document, Envelope};
use crate::mapping::{
    Cell, ColumnType, Constant, EventPlan, LinesPlan, Place, Role, Root, RowPlan, Source, Table,
    TableId,
};
use crate::message::Message;
use crate::mysql::JsonLimits;
use crate::redact::Secrets;
use crate::reject::{Code, Reject};
use simd_json::{Node, StaticNode};

/// A part of a message: where it is on the tape and in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) at: usize,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// An event whose values have been found.
pub(super) struct EventInput<'e> {
    pub(super) document: &'e Document<'e>,
    pub(super) message: &'e Message<'e>,
    pub(super) topic: &'e str,
    pub(super) envelope: &'e Envelope<'e>,
    /// The message, or the element of it that is the event.
    pub(super) part: Part,
    /// The message's key, if it is JSON and something of it is wanted.
    pub(super) key: Option<(&'e Document<'e>, &'e [u32])>,
    /// Places in the message that the mapping wants beside `data`.
    pub(super) facts: &'e [u32],
    pub(super) found: &'e Found,
    pub(super) secrets: &'e Secrets,
    pub(super) json_limits: JsonLimits,
    /// How much memory JSON in a string may take.
    pub(super) decode_bytes: usize,
}

/// Where the cells of a row go, and where its values were found.
struct To<'p> {
    table: &'p Table,
    slots: &'p [u32],
    line: usize,
}

impl EventInput<'_> {
    /// Appends the event's rows, notes in `undo` how long each table was before, and adds to `measured` what
    /// they take. What it has appended when it fails is the caller's to take back.
    pub(super) fn append(
        &self,
        plan: &EventPlan,
        tables: &[Table],
        limits: MessageLimits,
        (undo, measured): (&mut Vec<(TableId, usize)>, &mut usize),
        batch: &mut Batch,
    ) -> Result<usize, Reject> {
        measure::make_room(self, plan, tables, limits, measured, batch)?;
        let mut appended = 0;
        let mut note = |table: TableId, batch: &Batch| {
            if !undo.iter().any(|(noted, _)| *noted == table) {
                undo.push((table, batch.rows(table).len()));
            }
        };
        for row in &plan.rows {
            if !self.changes_something(row, &tables[row.table]) {
                continue;
            }
            note(row.table, batch);
            self.append_row(row, &tables[row.table], batch.rows_mut(row.table))?;
            appended += 1;
        }
        for (index, lines) in plan.lines.iter().enumerate() {
            note(lines.table, batch);
            let rows = batch.rows_mut(lines.table);
            self.append_lines(index, lines, &tables[lines.table], rows)?;
        }
        Ok(appended)
    }

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
                // A change takes its value from `data` or is a constant; the mapping's check has made sure of it.
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
        let is_change = matches!(row.role, Role::Change(_));
        let may_leave = is_change && row.cells.iter().any(|cell| cell.if_present);
        let to = To { table, slots: &self.found.slots, line: 0 };
        for (column, cell) in row.cells.iter().enumerate() {
            if may_leave && unchanged(column) {
                rows.push_null(column);
            } else {
                self.append_cell(cell, column, &to, rows)?;
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
            let to = To { table, slots, line: line + 1 };
            for (column, cell) in plan.cells.iter().enumerate() {
                self.append_cell(cell, column, &to, rows).map_err(|reject| Reject {
                    text: format!("{} (line {} of data.{})", reject.text, line + 1, plan.path),
                    ..reject
                })?;
            }
            rows.end_row();
        }
        Ok(())
    }

    fn append_cell(
        &self,
        cell: &Cell,
        column: usize,
        to: &To<'_>,
        rows: &mut Rows,
    ) -> Result<(), Reject> {
        match &cell.source {
            Source::Null => rows.push_null(column),
            Source::Constant(value) => push_constant(column, value, rows),
            Source::EntityId => rows.push_text(column, Some(self.envelope.entity_id)),
            Source::EventId => rows.push_text(column, Some(self.envelope.event_id)),
            Source::EventType => rows.push_text(column, Some(self.envelope.event_type)),
            Source::EventTimestamp => rows.push_number(column, self.envelope.timestamp),
            Source::LineNumber => {
                rows.push_number(column, i64::try_from(to.line).unwrap_or(i64::MAX));
            }
            Source::Data => return self.append_data(cell, column, to.table, rows),
            Source::Key(key) => {
                let to = &To { slots: &self.found.slots, ..*to };
                return self.append_cell(key, column, to, rows);
            }
            Source::Slots(places) => self.append_in_data(places, cell, column, to, rows)?,
            Source::Places(places) => self.append_first(places, cell, column, to, rows)?,
        }
        Ok(())
    }

    /// Appends the first of several values in `data` that is not null.
    fn append_in_data(
        &self,
        places: &[(usize, String)],
        cell: &Cell,
        column: usize,
        &To { table, slots, .. }: &To<'_>,
        rows: &mut Rows,
    ) -> Result<(), Reject> {
        let ty = &table.columns[column].ty;
        let in_data = |path| Destination { table, column, cell, origin: Origin::Data(path) };
        for (slot, path) in places {
            let at = slots[*slot];
            match (self.document.tape[at as usize], ty) {
                // Most values are this, and no text has more characters than bytes.
                (Node::String(text), ColumnType::Varchar(max))
                    if at != ABSENT && text.len() <= *max && cell.is_plain() =>
                {
                    rows.push_text(column, Some(text));
                    return Ok(());
                }
                (_, ColumnType::Json) => {
                    if self.push_json(in_data(path), at, rows)? {
                        return Ok(());
                    }
                }
                _ => {
                    if in_data(path).push(self.document, at, rows)? {
                        return Ok(());
                    }
                }
            }
        }
        append_absent(in_data(&places[0].1), rows)
    }

    /// Appends the first of several values that is not null.
    fn append_first(
        &self,
        places: &[Place],
        cell: &Cell,
        column: usize,
        &To { table, slots, .. }: &To<'_>,
        rows: &mut Rows,
    ) -> Result<(), Reject> {
        let at = |place| Destination { table, column, cell, origin: Origin::Place(place) };
        let is_json = at(&places[0]).is_json();
        for place in places {
            let is_there = match place {
                // As most keys are.
                Place::At(Root::Message, slot, _) if !is_json => {
                    at(place).push(self.document, self.facts[*slot], rows)?
                }
                place => match self.value(place, slots) {
                    None => false,
                    Some(Ok(value)) => self.push_value(at(place), value, rows)?,
                    Some(Err(problem)) => return Err(Reject::new(Code::ValueType, problem)),
                },
            };
            if is_there {
                return Ok(());
            }
        }
        append_absent(at(&places[0]), rows)
    }

    fn push_value(
        &self,
        to: Destination<'_>,
        value: Value<'_>,
        rows: &mut Rows,
    ) -> Result<bool, Reject> {
        let is_json = to.is_json();
        match value {
            Value::Node(document, at) if is_json => self.push_json_of(to, document, at, rows),
            Value::Part(part) => {
                self.push_part(to.column, part, rows)?;
                Ok(true)
            }
            Value::Text(text) if is_json => self.push_json_text(to, text, rows),
            value => to.push_value(value, rows),
        }
    }

    /// The text of `data` as it arrived, less the secrets.
    fn append_data(
        &self,
        cell: &Cell,
        column: usize,
        table: &Table,
        rows: &mut Rows,
    ) -> Result<(), Reject> {
        if self.document.tape[self.envelope.data] == Node::Static(StaticNode::Null) {
            let origin = Origin::Place(&Place::WholeData);
            return append_absent(Destination { table, column, cell, origin }, rows);
        }
        let Part { start, end, .. } = self.data();
        // simd-json has checked that the whole message is UTF-8.
        let source = std::str::from_utf8(&self.document.source[start..end]).unwrap_or_default();
        rows.push_parts(column, cuts::pieces(source, start, &self.found.cuts));
        Ok(())
    }

    /// The text of `data`, which is the event itself or a member of something in it.
    pub(super) fn data(&self) -> Part {
        let at = self.envelope.data;
        if at == self.part.at {
            return self.part;
        }
        let (start, end) = self.document.value_range(at);
        Part { at, start, end }
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
