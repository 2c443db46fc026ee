//! Who is to blame for what the server refuses: the schema, a table that refuses every row, or a row.

use super::super::cause::Cause;
use super::super::rehearse::{Rehearsal, is_own_rule};
use super::{RefusedRow, Transaction, within};
use crate::buffer::Rows;
use crate::datetime;
use crate::dead_letter;
use crate::mapping::{Table, TableId};
use crate::mysql::Class;
use crate::schema::{self, LiveSchema};
use std::sync::Arc;

/// The error of a row that no partition takes.
pub const NO_PARTITION: u16 = 1526;

impl Transaction<'_, '_> {
    /// A value was refused. Fails if no row is to blame for it: the schema is not (or no longer) the
    /// one that we validated values for, or the table refuses a row of our own just the same.
    /// Otherwise returns the schema.
    pub(super) async fn acquit(
        &mut self,
        table: Option<TableId>,
        number: u16,
    ) -> Result<LiveSchema, Cause> {
        let live = self.read_schema(table).await?;
        if is_own_rule(number) {
            return Ok(live);
        }
        let mapping = &self.session.plan.mapping;
        let text = Rehearsal::new(mapping).write(mapping, &self.session.plan.statements, table);
        self.simple("SAVEPOINT rehearsal").await?;
        match self.execute(&Arc::new(text), table).await {
            Err(cause) if cause.class == Class::Data && cause.number == number => {
                let name = table.map_or(dead_letter::TABLE, |id| &mapping.tables[id].name);
                Err(Cause::own(table, Class::Schema, refuses_all(name, number, &live)))
            }
            Err(cause) if cause.class != Class::Data => Err(cause),
            // Our own row is accepted, or refused for another reason.
            _ => {
                self.simple("ROLLBACK TO SAVEPOINT rehearsal").await?;
                Ok(live)
            }
        }
    }

    /// Explains a cause of class schema in our own words, if the schema itself shows what is wrong.
    pub(super) async fn explain(&mut self, table: Option<TableId>, cause: Cause) -> Cause {
        if cause.class != Class::Schema {
            return cause;
        }
        match self.read_schema(table).await {
            Err(own) if own.class == Class::Schema => own,
            _ => cause,
        }
    }

    /// Reads the schema; fails if it does not (or no longer) accept what the mapping writes.
    async fn read_schema(&mut self, table: Option<TableId>) -> Result<LiveSchema, Cause> {
        let mapping = &self.session.plan.mapping;
        let read = within(
            self.session.plan.timeout,
            |_| (),
            schema::read(self.session.connection, mapping),
        );
        let live = read.await.map_err(|error| Cause::of(table, &error))?;
        let mismatches = schema::refused(mapping, &live);
        let Some(first) = mismatches.first() else { return Ok(live) };
        let text = match mismatches.len() {
            1 => first.to_string(),
            more => format!("{first} (and {} more, see `sluicegate check`)", more - 1),
        };
        Err(Cause::own(table, Class::Schema, text))
    }
}

/// Says that no row of this table is to blame for an error.
fn refuses_all(table: &str, number: u16, live: &LiveSchema) -> String {
    match schema::partition_fix(table, live).filter(|_| number == NO_PARTITION) {
        Some(fix) => format!(
            "table {table} has no partition for the current time (error {number}); add one: {fix}"
        ),
        None => format!(
            "table {table} refuses every row, even one of sluicegate's own (error {number}), so no event is to blame; check its triggers and column defaults"
        ),
    }
}

/// A refused row, with what a person needs to know about it.
pub(super) fn refused_row(
    (id, table): (TableId, &Table),
    rows: &Rows,
    row: usize,
    cause: Cause,
    live: &LiveSchema,
) -> RefusedRow {
    let Cause { number, what, .. } = cause;
    if number != NO_PARTITION {
        return RefusedRow { table: id, row, number, what, fix: None };
    }
    let at = datetime::format(rows.column(table.event_timestamp()).number(row));
    let what = Some(at.into_iter().map(char::from).collect());
    RefusedRow { table: id, row, number, what, fix: schema::partition_fix(&table.name, live) }
}
