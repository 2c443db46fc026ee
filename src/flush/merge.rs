//! `ON DUPLICATE KEY UPDATE`: the folding rule in SQL.
//!
//! The clause does between batches what [`crate::buffer`] does within one; a property test compares
//! both with one reference. Two facts about its evaluation matter: assignments run from left to
//! right, and each sees what those before it assigned. So whatever a later condition needs of the
//! *old* row must not be overwritten yet; conversely, a later condition may use what an earlier one
//! decided:
//!
//! 0. The guard is first: if the existing row has the incoming row's key, it sets a column of the key to
//!    itself. If it does not, the incoming row met another key of the table (a PRIMARY KEY whose numbers
//!    have run out, a unique key added a moment ago), and the existing row would take a stranger's
//!    values; so the guard sets the column to NULL, which the server refuses.
//! 1. Changing columns come first, while `event_id` and `event_timestamp` are the old creation's.
//!    Within one, the value is first, then `_changed_by`, then `_changed_at`: at the third, the
//!    new id is already in place, which only matters if the times are equal, and then there is
//!    nothing to assign.
//! 2. `event_id` is assigned under the full condition, `event_timestamp` right after it.
//! 3. From then on "the incoming creation won" is the same as "the row's `event_id` and
//!    `event_timestamp` are the incoming ones", and that is the condition of all other columns.

use crate::mapping::{Changing, Table, TableKind};
use crate::mysql::Dialect;

/// The alias of the incoming row. It contains a space because no mapped table does, and a table of the
/// same name would be an error (1066).
pub(super) const INCOMING: &str = "`new row`";

/// The whole clause, from ` AS` or ` ON` on.
pub(super) fn on_duplicate(table: &Table, dialect: Dialect) -> String {
    let row = Row { table, dialect };
    match &table.kind {
        // The row exists already, and nothing in it changes.
        TableKind::Log => row.clause(&[row.guard(&[table.event_id(), table.event_timestamp()])]),
        TableKind::Entity { changing, .. } => {
            let mut assignments = vec![row.guard(&[Table::KEY])];
            assignments.extend(changing.iter().flat_map(|changing| row.change(changing)));
            assignments.extend(row.creation());
            row.clause(&assignments)
        }
        TableKind::Lines { .. } => {
            let mut assignments = vec![row.guard(&[Table::KEY, Table::LINE])];
            assignments.extend(row.creation());
            row.clause(&assignments)
        }
    }
}

/// An assignment that changes nothing if the existing row has the incoming row's `key`, and that the
/// server refuses otherwise. The key's first column is NOT NULL; the schema check makes sure of it.
pub(super) fn guard(table: &str, key: &[&str], dialect: Dialect) -> String {
    let same = |column: &&str| format!("`{table}`.`{column}` = {}", incoming(dialect, column));
    let same: Vec<String> = key.iter().map(same).collect();
    let first = key[0];
    format!("`{first}` = IF({}, `{table}`.`{first}`, NULL)", same.join(" AND "))
}

struct Row<'t> {
    table: &'t Table,
    dialect: Dialect,
}

impl Row<'_> {
    fn guard(&self, key: &[usize]) -> String {
        let name = |&column: &usize| self.table.columns[column].name.as_str();
        guard(&self.table.name, &key.iter().map(name).collect::<Vec<_>>(), self.dialect)
    }

    fn clause(&self, assignments: &[String]) -> String {
        let alias = match self.dialect {
            Dialect::MySql => format!(" AS {INCOMING}"),
            Dialect::MariaDb => String::new(),
        };
        format!("{alias} ON DUPLICATE KEY UPDATE {}", assignments.join(", "))
    }

    fn current(&self, column: usize) -> String {
        format!("`{}`.`{}`", self.table.name, self.table.columns[column].name)
    }

    fn incoming(&self, column: usize) -> String {
        incoming(self.dialect, &self.table.columns[column].name)
    }

    fn assign(&self, column: usize, condition: &str) -> String {
        let (new, old) = (self.incoming(column), self.current(column));
        format!("`{}` = IF({condition}, {new}, {old})", self.table.columns[column].name)
    }

    /// The assignments of a changing column and its version.
    fn change(&self, changing: &Changing) -> [String; 3] {
        let (at, by) = (self.table.event_timestamp(), self.table.event_id());
        let version = |value: &dyn Fn(usize) -> String| {
            (
                format!("COALESCE({}, {})", value(changing.at), value(at)),
                format!("({} IS NOT NULL)", value(changing.at)),
                format!("COALESCE({}, {})", value(changing.by), value(by)),
            )
        };
        let (new_at, new_rank, new_by) = version(&|column| self.incoming(column));
        let (old_at, old_rank, old_by) = version(&|column| self.current(column));
        let newer = format!(
            "{new_at} IS NOT NULL AND ({old_at} IS NULL OR {new_at} > {old_at} OR ({new_at} = {old_at} \
             AND ({new_rank} > {old_rank} OR ({new_rank} = {old_rank} AND {new_by} > {old_by}))))"
        );
        [changing.value, changing.by, changing.at].map(|column| self.assign(column, &newer))
    }

    /// The assignments of the creation part.
    fn creation(&self) -> Vec<String> {
        let (at, by) = (self.table.event_timestamp(), self.table.event_id());
        let (new_at, old_at) = (self.incoming(at), self.current(at));
        let (new_by, old_by) = (self.incoming(by), self.current(by));
        let newer = format!(
            "{new_at} IS NOT NULL AND ({old_at} IS NULL OR {new_at} > {old_at} OR ({new_at} = {old_at} \
             AND {new_by} > {old_by}))"
        );
        let later = format!("{old_by} = {new_by} AND ({old_at} IS NULL OR {new_at} > {old_at})");
        let won = format!("{old_by} = {new_by} AND {old_at} = {new_at}");
        let is_line = matches!(self.table.kind, TableKind::Lines { .. });
        let parts = (0..self.table.columns.len()).filter(|&column| {
            self.table.is_creation(column) && !(is_line && column == Table::LINE)
        });
        let mut assignments = vec![self.assign(by, &newer), self.assign(at, &later)];
        assignments.extend(parts.map(|column| self.assign(column, &won)));
        assignments
    }
}

/// The incoming row's value of `column`, within `ON DUPLICATE KEY UPDATE`.
pub(super) fn incoming(dialect: Dialect, column: &str) -> String {
    match dialect {
        Dialect::MySql => format!("{INCOMING}.`{column}`"),
        Dialect::MariaDb => format!("VALUES(`{column}`)"),
    }
}
