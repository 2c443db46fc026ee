//! Compares the live schema with the mapping.
//!
//! Takes the mapping and what `information_schema` says, gives every [`Mismatch`] at once, each
//! with the statement that would fix it. Holds true: without refused mismatches the server takes every
//! row that leaves flatten, and a key catches exactly the duplicates it should. A fix never narrows a
//! column, and keeps its comment, default and collation. Fails only in [`read()`], which queries the
//! server; the rest is pure.

mod columns;
mod ddl;
mod ids;
mod keys;
mod letters;
mod live;
mod online;
mod partitions;
mod read;
mod size;
mod table;
mod views;
mod wider;

use crate::dead_letter;
use crate::ledger;
use crate::mapping::{Mapping, Table, TableKind};
use crate::mysql::Dialect;
use std::fmt;

pub use ids::{ROOM_LEAST, share_left};
pub use live::{
    ForeignKey, KeyPart, LiveColumn, LiveIds, LiveKey, LiveSchema, LiveServer, LiveTable, LiveView,
    Partitions,
};
pub use read::read;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Stops a start: a row would be lost, changed or blamed wrongly, or writing would stop.
    Refused,
    /// Works now, but needs attention.
    Warning,
}

/// A point in which the schema does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    pub severity: Severity,
    /// The table, `table.column`, or the server.
    pub place: String,
    pub problem: String,
    /// The statement that fixes it, or what to do where no statement would; `None` if there is nothing
    /// to do.
    pub fix: Option<String>,
    /// What the fix does to a large table, and what waits meanwhile.
    pub cost: Option<String>,
    /// Whether the fix is SQL that cannot lose anything, so that `sluicegate migrate` runs it.
    pub is_growth: bool,
}

impl Mismatch {
    pub fn refused(
        place: impl Into<String>,
        problem: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        let (place, problem, fix) = (place.into(), problem.into(), Some(fix.into()));
        Self { severity: Severity::Refused, place, problem, fix, cost: None, is_growth: false }
    }

    /// The same, whose fix cannot lose anything.
    #[must_use]
    fn growing(self, is_growth: bool) -> Self {
        Self { is_growth, ..self }
    }

    #[must_use]
    fn costing(self, cost: Option<String>) -> Self {
        Self { cost, ..self }
    }

    pub fn warning(
        place: impl Into<String>,
        problem: impl Into<String>,
        fix: Option<String>,
    ) -> Self {
        let (place, problem) = (place.into(), problem.into());
        Self { severity: Severity::Warning, place, problem, fix, cost: None, is_growth: false }
    }

    /// Whether it is about this table or one of its columns.
    #[must_use]
    pub fn is_of(&self, table: &str) -> bool {
        let rest = self.place.strip_prefix(table);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }

    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.severity == Severity::Refused
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)?;
        if let Some(cost) = &self.cost {
            write!(f, "; {cost}")?;
        }
        match &self.fix {
            Some(fix) => write!(f, "; fix it with: {fix}"),
            None => Ok(()),
        }
    }
}

/// What the checks need to know of a table that is written to, a mapped one or `dead_letters`.
struct Wanted<'m> {
    name: &'m str,
    /// The columns that statements name.
    columns: Vec<&'m str>,
    /// The columns of the key that makes it harmless to write a row again.
    key: Vec<&'m str>,
    /// `None` for dead letters and sluicegate's own tables.
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

    fn progress() -> Self {
        let key = vec!["cluster_id", "group_id", "topic", "kafka_partition", "topic_id", "writer"];
        let columns = key.iter().copied().chain(["next_offset", "recorded_at"]).collect();
        Self { name: ledger::PROGRESS, columns, key, table: None }
    }

    fn writers() -> Self {
        let columns = vec![
            "cluster_id",
            "group_id",
            "instance",
            "writer",
            "commits",
            "member_id",
            "client_id",
            "host",
            "started_at",
            "committed_at",
        ];
        Self { name: ledger::WRITERS, columns, key: vec!["instance", "writer"], table: None }
    }

    fn topics() -> Self {
        let key = vec!["cluster_id", "group_id", "topic", "topic_id"];
        let columns = key.iter().copied().chain(["partitions", "seen_at"]).collect();
        Self { name: ledger::TOPICS, columns, key, table: None }
    }

    /// The key's name in a new table.
    fn key_name(&self) -> String {
        format!("uq_{}", self.name)
    }

    fn is_lines(&self) -> bool {
        self.table.is_some_and(|table| matches!(table.kind, TableKind::Lines { .. }))
    }
}

/// Everything in `live` that does not fit `mapping`; what stops a start comes first.
#[must_use]
pub fn check(mapping: &Mapping, live: &LiveSchema) -> Vec<Mismatch> {
    let mut mismatches = Vec::new();
    for table in &mapping.tables {
        match live.tables.get(&table.name) {
            Some(found) => {
                table::check(&Wanted::of(table), found, &live.server, &mut mismatches);
            }
            None => mismatches.push(missing_mapped(mapping, table)),
        }
    }
    match live.tables.get(dead_letter::TABLE) {
        Some(found) => {
            table::check(&Wanted::dead_letters(), found, &live.server, &mut mismatches);
        }
        None => mismatches.push(missing(dead_letter::TABLE, MIGRATE.to_owned())),
    }
    for own in [Wanted::progress(), Wanted::writers(), Wanted::topics()] {
        match live.tables.get(own.name) {
            Some(found) => table::check_own(&own, found, &live.server, &mut mismatches),
            None => mismatches.push(missing(own.name, MIGRATE.to_owned())),
        }
    }
    mismatches.extend(views::check(mapping, live, &mismatches));
    mismatches.sort_by_key(|mismatch| mismatch.severity);
    mismatches
}

/// The part of [`check`] that stops a start.
#[must_use]
pub fn refused(mapping: &Mapping, live: &LiveSchema) -> Vec<Mismatch> {
    let mut mismatches = check(mapping, live);
    mismatches.retain(Mismatch::is_refused);
    mismatches
}

/// Per table of the mapping, the greatest id that fits, where the server numbers rows.
#[must_use]
pub fn greatest_ids(mapping: &Mapping, live: &LiveSchema) -> Vec<Option<u64>> {
    let ids = |table: &Table| Some(live.tables.get(&table.name)?.ids.as_ref()?.greatest);
    mapping.tables.iter().map(ids).collect()
}

/// The name of the key that makes it harmless to write a row of this table again.
#[must_use]
pub fn key_name(table: &Table, live: &LiveSchema) -> Option<String> {
    let (name, _) = keys::serving(&Wanted::of(table), live.tables.get(&table.name)?)?;
    Some(name.to_owned())
}

/// The same per table of the mapping; where there is none, the name that it will have.
#[must_use]
pub fn key_names(mapping: &Mapping, live: &LiveSchema) -> Vec<String> {
    let name = |table: &Table| key_name(table, live).unwrap_or_else(|| table.key_name());
    mapping.tables.iter().map(name).collect()
}

/// The statement that adds a partition for rows that fit no other, if the table can have one.
#[must_use]
pub fn partition_fix(table: &str, live: &LiveSchema) -> Option<String> {
    partitions::last_partition(table, live.tables.get(table)?.partitions.as_ref())
}

impl LiveSchema {
    /// The share of AUTO_INCREMENT numbers that each table has left.
    pub fn room_left(&self) -> impl Iterator<Item = (String, f64)> {
        let share = |(name, table): (&String, &LiveTable)| {
            Some((name.clone(), table.ids.as_ref()?.share_left()))
        };
        self.tables.iter().filter_map(share)
    }
}

const MIGRATE: &str = "sluicegate migrate";

fn missing(name: &str, fix: String) -> Mismatch {
    Mismatch::refused(name, "the table does not exist (`sluicegate migrate` creates it)", fix)
}

/// The tables that the SQL files of the migrations make as they are mapped. A test holds that they compile.
fn made_by_files(mapping: &Mapping) -> Vec<Table> {
    let built_in = mapping.has_built_in.then(Mapping::built_in);
    built_in.and_then(Result::ok).map(|built_in| built_in.tables).unwrap_or_default()
}

fn missing_mapped(mapping: &Mapping, table: &Table) -> Mismatch {
    match made_by_files(mapping).contains(table) {
        true => missing(&table.name, MIGRATE.to_owned()),
        false => missing(&table.name, ddl::create_table(&Wanted::of(table), table)).growing(true),
    }
}

/// A statement that makes or grows a table, and loses nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Growth {
    pub sql: String,
    /// See [`Mismatch::cost`].
    pub cost: Option<String>,
}

/// The statements that make and grow the tables of the mapping that no SQL file of the migrations makes as they
/// are mapped, in this order. None of them can lose anything.
#[must_use]
pub fn growth(mapping: &Mapping, live: &LiveSchema) -> Vec<Growth> {
    let by_files = made_by_files(mapping);
    let is_own = |mismatch: &Mismatch| {
        let mut own = mapping.tables.iter().filter(|table| !by_files.contains(table));
        own.any(|table| mismatch.is_of(&table.name) || table.living_view() == Some(&mismatch.place))
    };
    let mismatches = check(mapping, live).into_iter();
    let growing = mismatches.filter(|mismatch| mismatch.is_growth && is_own(mismatch));
    let growth = |Mismatch { fix, cost, .. }| Some(Growth { sql: fix?, cost });
    growing.filter_map(growth).collect()
}

fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

fn quoted_list<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    names.into_iter().map(quoted).collect::<Vec<_>>().join(", ")
}

impl Dialect {
    /// The last second that fits a TIMESTAMP, since 1970; MariaDB 11.5 extended the range.
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
