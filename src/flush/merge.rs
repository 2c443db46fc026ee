//! `ON DUPLICATE KEY UPDATE`: the folding rule, said in SQL.
//!
//! The clause does between batches what [`crate::buffer`] does within one; a property test holds
//! both against one reference. Two facts about its evaluation matter: assignments run from left to
//! right, and each sees what those before it assigned. So whatever a later condition asks about
//! the *old* row must still be there, and conversely a later condition may ask what an earlier one
//! decided:
//!
//! 0. The guard is first: it asks whether the row that is there has the incoming row's key at all, and
//!    then sets a column of the key to itself. A row that met another key of the table (a PRIMARY KEY
//!    whose numbers have run out, a unique key that was added a moment ago) would otherwise take the
//!    values of a stranger; the guard sets the column to NULL instead, which the server refuses.
//! 1. Changing columns come first, while `event_id` and `event_timestamp` are the old creation's.
//!    Within one, the value is first, then `_changed_by`, then `_changed_at`: at the third, the
//!    new id is already in place, which only matters if the times are equal, and then there is
//!    nothing to assign.
//! 2. `event_id` is assigned under the full condition, `event_timestamp` right after it.
//! 3. From then on "the incoming creation won" is the same as "the row's `event_id` and
//!    `event_timestamp` are the incoming ones", and that is all the other columns ask.

use crate::mapping::{Changing, Table, TableKind};
use crate::mysql::Dialect;

/// The name of the row that could not be inserted: with a blank in it, since no mapped table has one,
/// and a table of the same name would be an error (1066).
pub(super) const INCOMING: &str = "`new row`";

/// The whole clause, from ` AS` or ` ON` on.
pub(super) fn on_duplicate(table: &Table, dialect: Dialect) -> String {
    let row = Row { table, dialect };
    match &table.kind {
        // The row is there already, and nothing of it changes.
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

/// The assignment that changes nothing if the row that is there has the incoming row's `key`, and that
/// the server refuses otherwise. The key's first column takes no NULL; the schema check sees to that.
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
        let version = |of: &dyn Fn(usize) -> String| {
            (
                format!("COALESCE({}, {})", of(changing.at), of(at)),
                format!("({} IS NOT NULL)", of(changing.at)),
                format!("COALESCE({}, {})", of(changing.by), of(by)),
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

/// The value that an `INSERT` would have given to `column`, within `ON DUPLICATE KEY UPDATE`.
pub(super) fn incoming(dialect: Dialect, column: &str) -> String {
    match dialect {
        Dialect::MySql => format!("{INCOMING}.`{column}`"),
        Dialect::MariaDb => format!("VALUES(`{column}`)"),
    }
}
