//! Does the live schema take what the mapping writes?
//!
//! Takes the mapping and what `information_schema` says, gives every [`Mismatch`] at once, each
//! with the statement that would fix it. Holds true: against a schema without refused mismatches, a
//! row that leaves flatten is not refused, and a key stops exactly the duplicates it is meant to.
//! A fix never narrows a column, and keeps its comment, default and collation. Fails only in
//! [`read()`], which asks the server; the rest is pure.

mod columns;
mod ddl;
mod ids;
mod keys;
mod letters;
mod live;
mod partitions;
mod read;
mod size;
mod table;

use crate::dead_letter;
use crate::mapping::{Mapping, Table, TableKind};
use crate::mysql::Dialect;
use std::fmt;

pub use ids::{ROOM_LEAST, share_left};
pub use live::{
    ForeignKey, KeyPart, LiveColumn, LiveIds, LiveKey, LiveSchema, LiveServer, LiveTable,
    Partitions,
};
pub use read::read;

/// What a mismatch means for a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// A row would be lost, changed or blamed wrongly, or writing would stop.
    Refused,
    /// It works now. A person should know.
    Warning,
}

/// Something that does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// Whether it stops a start.
    pub severity: Severity,
    /// Table, or table and column, or the server.
    pub place: String,
    /// What does not fit.
    pub problem: String,
    /// The statement that fixes it, or what to do where no statement does; `None` where nothing
    /// needs to be done.
    pub fix: Option<String>,
}

impl Mismatch {
    /// Stops a start.
    pub fn refused(
        place: impl Into<String>,
        problem: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        let (place, problem, fix) = (place.into(), problem.into(), Some(fix.into()));
        Self { severity: Severity::Refused, place, problem, fix }
    }

    /// Is only said.
    pub fn warning(
        place: impl Into<String>,
        problem: impl Into<String>,
        fix: Option<String>,
    ) -> Self {
        Self { severity: Severity::Warning, place: place.into(), problem: problem.into(), fix }
    }

    /// Whether it is about a table, or about one of its columns.
    #[must_use]
    pub fn is_of(&self, table: &str) -> bool {
        let rest = self.place.strip_prefix(table);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }

    /// Whether it stops a start.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.severity == Severity::Refused
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)?;
        match &self.fix {
            Some(fix) => write!(f, "; fix it with: {fix}"),
            None => Ok(()),
        }
    }
}

/// A table that is written to, as far as its checks have something in common.
struct Wanted<'m> {
    name: &'m str,
    /// The columns that statements name.
    columns: Vec<&'m str>,
    /// The columns of the key that makes writing a row again harmless.
    key: Vec<&'m str>,
    /// The mapped table; none for dead letters.
    table: Option<&'m Table>,
}

impl<'m> Wanted<'m> {
    fn of(table: &'m Table) -> Self {
        let key = match table.kind {
            TableKind::Entity { .. } => vec![Table::KEY],
            TableKind::Lines { .. } => vec![Table::KEY, Table::LINE],
            TableKind::Log => vec![table.event_timestamp(), table.event_id()],
        };
        let name = |column: usize| table.columns[column].name.as_str();
        Self {
            name: &table.name,
            columns: (0..table.columns.len()).map(name).collect(),
            key: key.into_iter().map(name).collect(),
            table: Some(table),
        }
    }

    fn dead_letters() -> Self {
        let columns = dead_letter::COLUMNS.to_vec();
        Self { name: dead_letter::TABLE, columns, key: dead_letter::KEY.to_vec(), table: None }
    }

    /// The name that the key has in a new table.
    fn key_name(&self) -> String {
        format!("uq_{}", self.name)
    }

    fn is_lines(&self) -> bool {
        self.table.is_some_and(|table| matches!(table.kind, TableKind::Lines { .. }))
    }

    /// Whether statements look rows up by the key and name it: those about lines, and about the
    /// entities that own them.
    fn is_key_named(&self) -> bool {
        self.table.is_some_and(|table| match &table.kind {
            TableKind::Lines { .. } => true,
            TableKind::Entity { children, .. } => !children.is_empty(),
            TableKind::Log => false,
        })
    }
}

/// Everything in `live` that does not take what `mapping` writes, what stops a start first.
#[must_use]
pub fn check(mapping: &Mapping, live: &LiveSchema) -> Vec<Mismatch> {
    let mut mismatches = Vec::new();
    for table in &mapping.tables {
        match live.tables.get(&table.name) {
            Some(found) => {
                table::check(&Wanted::of(table), found, &live.server, &mut mismatches);
            }
            None => mismatches.push(missing(&table.name, create(table))),
        }
    }
    match live.tables.get(dead_letter::TABLE) {
        Some(found) => {
            table::check(&Wanted::dead_letters(), found, &live.server, &mut mismatches);
        }
        None => mismatches.push(missing(dead_letter::TABLE, MIGRATE.to_owned())),
    }
    mismatches.sort_by_key(|mismatch| mismatch.severity);
    mismatches
}

/// What [`check`] finds that stops a start.
#[must_use]
pub fn refused(mapping: &Mapping, live: &LiveSchema) -> Vec<Mismatch> {
    let mut mismatches = check(mapping, live);
    mismatches.retain(Mismatch::is_refused);
    mismatches
}

/// The greatest id that each table of the mapping can give a row, where the server numbers rows.
#[must_use]
pub fn greatest_ids(mapping: &Mapping, live: &LiveSchema) -> Vec<Option<u64>> {
    let ids = |table: &Table| Some(live.tables.get(&table.name)?.ids.as_ref()?.greatest);
    mapping.tables.iter().map(ids).collect()
}

/// The statement that adds a partition for the rows that no other takes, where a table can have one.
#[must_use]
pub fn partition_fix(table: &str, live: &LiveSchema) -> Option<String> {
    partitions::last_partition(table, live.tables.get(table)?.partitions.as_ref())
}

impl LiveSchema {
    /// The share of its AUTO_INCREMENT numbers that each table has left.
    pub fn room_left(&self) -> impl Iterator<Item = (String, f64)> {
        let share = |(name, table): (&String, &LiveTable)| {
            Some((name.clone(), table.ids.as_ref()?.share_left()))
        };
        self.tables.iter().filter_map(share)
    }
}

const MIGRATE: &str = "sluicegate migrate";

fn missing(name: &str, fix: String) -> Mismatch {
    Mismatch::refused(
        name,
        "there is no such table (`sluicegate migrate` creates the built-in ones)",
        fix,
    )
}

fn create(table: &Table) -> String {
    let is_built_in =
        Mapping::built_in().is_ok_and(|built_in| built_in.table(&table.name).is_some());
    if is_built_in { MIGRATE.to_owned() } else { ddl::create_table(&Wanted::of(table), table) }
}

/// A name as statements quote it.
fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

fn quoted_list<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    names.into_iter().map(quoted).collect::<Vec<_>>().join(", ")
}

impl Dialect {
    /// The last moment that a TIMESTAMP holds, in seconds since 1970; MariaDB has extended it in 11.5.
    fn timestamp_ends(self, version: &str) -> i64 {
        let mut parts = version.trim_start_matches("5.5.5-").split(['.', '-']);
        let mut part = || parts.next().and_then(|part| part.parse().ok()).unwrap_or(0_u32);
        match self {
            Self::MariaDb if (part(), part()) >= (11, 5) => i64::from(u32::MAX),
            _ => i64::from(i32::MAX),
        }
    }
}

#[cfg(test)]
mod tests;
