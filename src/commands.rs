//! The subcommands of the binary: what each does with a checked configuration.

mod arguments;
pub mod check;
pub mod dead_letters;
pub mod demo;
mod interrupt;
pub mod infer;
mod output;
pub mod progress;
pub mod purge;
pub mod run;
pub mod status;
pub mod trial;

pub use crate::mapping::JSON_SCHEMA;
pub use output::counted;

use crate::config::{Config, ConfigError};
use crate::dead_letter;
use crate::flush::NO_PARTITION;
use crate::flush::rehearse::{self, Refusal};
use crate::mapping::{Mapping, MappingError, TableId};
use crate::mysql::Class;
use crate::mysql::without_values;
use crate::mysql::{ServerFacts, close, server_facts};
use crate::schema::{self, LiveSchema, Mismatch, Severity};
use anyhow::Context;
use comfy_table::{CellAlignment, Table, presets};
use sqlx::mysql::MySqlConnection;
use std::fmt::Display;

/// What is wrong with the command line or the configuration.
#[derive(Debug, thiserror::Error)]
#[error("{0:#}")]
pub struct Usage(pub anyhow::Error);

/// The mapping that the configuration asks for.
///
/// # Errors
/// Every fault in the mapping files.
pub fn mapping(config: &Config) -> anyhow::Result<Mapping> {
    load_mapping(config)
        .map_err(|faults| anyhow::anyhow!("the mapping is invalid:\n{}", lines(&faults)))
}

fn load_mapping(config: &Config) -> Result<Mapping, Vec<MappingError>> {
    match &config.mapping_directory {
        Some(directory) => Mapping::with_directory(directory, config.has_built_in_mapping),
        None => Mapping::built_in(),
    }
}

/// All faults of a configuration as one error.
#[must_use]
pub fn config_error(faults: &[ConfigError]) -> anyhow::Error {
    anyhow::anyhow!("the configuration is invalid:\n{}", lines(faults))
}

/// What a server said about itself and its tables, and what does not fit.
#[derive(Debug)]
pub struct Inspected {
    facts: ServerFacts,
    live: LiveSchema,
    key_names: Vec<String>,
    greatest_ids: Vec<Option<u64>>,
    mismatches: Vec<Mismatch>,
    /// The writes that the account has no grant for.
    denied: Vec<String>,
}

/// A server whose schema and grants fit the mapping.
#[derive(Debug)]
pub struct Fit {
    pub facts: ServerFacts,
    /// See [`crate::flush::Plan::key_names`].
    pub key_names: Vec<String>,
    /// See [`crate::flush::Plan::greatest_ids`].
    pub greatest_ids: Vec<Option<u64>>,
    /// What works now, but needs attention.
    pub warnings: Vec<Mismatch>,
    /// The share of AUTO_INCREMENT numbers that each table has left.
    pub room: Vec<(String, f64)>,
}

/// Connects once, reads the server's facts and schema, compares the schema with the mapping, and
/// rehearses the writes.
///
/// # Errors
/// If the server cannot be reached, queried or written to.
pub async fn inspect(config: &Config, mapping: &Mapping) -> Result<Inspected, sqlx::Error> {
    let mut connection = config.server.connect().await?;
    let inspected = inspect_on(&mut connection, config, mapping).await?;
    close(connection).await;
    Ok(inspected)
}

async fn inspect_on(
    connection: &mut MySqlConnection,
    config: &Config,
    mapping: &Mapping,
) -> Result<Inspected, sqlx::Error> {
    let facts = server_facts(connection).await?;
    rehearse::wait_for_no_lock(connection).await?;
    let live = schema::read(connection, mapping).await?;
    let mut mismatches = schema::check(mapping, &live);
    let mut denied = Vec::new();
    let key_names = schema::key_names(mapping, &live);
    if facts.is_supported() {
        // What is known to be wrong needs no rehearsal.
        let is_wrong = |name: &str| {
            mismatches.iter().any(|mismatch| mismatch.is_refused() && mismatch.is_of(name))
        };
        let is_ready = |table: Option<TableId>| !is_wrong(name_of(mapping, table));
        let timeout = config.flush.statement_timeout;
        let refusals =
            rehearse::rehearse(connection, mapping, &key_names, facts.dialect, timeout, is_ready)
                .await?;
        for refusal in refusals {
            match refusal.class {
                Class::Grant => {
                    let table = refused_table(mapping, &refusal);
                    denied.push(format!("{table}, to {}: {}", refusal.step, refusal.text));
                }
                _ => {
                    let refused = refused_rehearsal(mapping, &live, &refusal);
                    // The refusal replaces a warning with the same fix.
                    mismatches.retain(|known| known.fix.is_none() || known.fix != refused.fix);
                    mismatches.push(refused);
                }
            }
        }
    }
    let greatest_ids = schema::greatest_ids(mapping, &live);
    Ok(Inspected { facts, live, key_names, greatest_ids, mismatches, denied })
}

fn name_of(mapping: &Mapping, table: Option<TableId>) -> &str {
    table.map_or(dead_letter::TABLE, |table| &mapping.tables[table].name)
}

fn refused_table<'m>(mapping: &'m Mapping, refusal: &Refusal) -> &'m str {
    refusal.own.unwrap_or_else(|| name_of(mapping, refusal.table))
}

/// If the user's own CHECK or trigger refuses the rehearsed row for its values, that is only a warning:
/// an event's row has other values.
fn refused_rehearsal(mapping: &Mapping, live: &LiveSchema, refusal: &Refusal) -> Mismatch {
    let table = refused_table(mapping, refusal);
    let Refusal { step, number, text, class, .. } = refusal;
    if *class == Class::Contention {
        let problem =
            format!("another session has it locked, so the rehearsal was skipped: {text}");
        return Mismatch::warning(table, problem, None);
    }
    let has_triggers = live.tables.get(table).is_some_and(|table| !table.triggers.is_empty());
    if *class == Class::Data && (refusal.may_be_own_rule() || has_triggers) {
        let rest = if refusal.may_be_own_rule() {
            "events that it refuses become dead letters (server_refused)"
        } else {
            "sluicegate retries events that it refuses in the same way, since it may refuse every row"
        };
        let problem = format!(
            "a CHECK or trigger refuses sluicegate's test row (to {step}, rolled back): {text}; {rest}"
        );
        return Mismatch::warning(table, problem, None);
    }
    let (hint, fix) = match (class, *number) {
        (Class::Data, NO_PARTITION) => (String::new(), schema::partition_fix(table, live)),
        (Class::Data, _) => (
            "; every row is refused, so check the table's defaults, triggers and generated columns"
                .to_owned(),
            None,
        ),
        _ => {
            (format!("; docs/errors.md explains {number}; fix it on the server or the proxy"), None)
        }
    };
    let problem =
        format!("the server refuses sluicegate's test row (to {step}, rolled back): {text}{hint}");
    let severity = Severity::Refused;
    Mismatch { severity, place: table.to_owned(), problem, fix, cost: None, is_growth: false }
}

impl Inspected {
    /// The server, if it fits.
    ///
    /// # Errors
    /// If it is too old; else everything that does not fit.
    pub fn fit(self) -> anyhow::Result<Fit> {
        let Self { facts, live, key_names, greatest_ids, mismatches, denied } = self;
        if !facts.is_supported() {
            anyhow::bail!(too_old(&facts));
        }
        let (refused, warnings): (Vec<_>, Vec<_>) =
            mismatches.into_iter().partition(Mismatch::is_refused);
        if !refused.is_empty() {
            anyhow::bail!("the schema does not fit the mapping:\n{}", lines(&refused));
        }
        if !denied.is_empty() {
            anyhow::bail!(
                "the account may not write to every table (`sluicegate check` prints the GRANT):\n{}",
                lines(&denied)
            );
        }
        let room = live.room_left().collect();
        Ok(Fit { facts, key_names, greatest_ids, warnings, room })
    }
}

/// [`inspect`] for a command that does not retry.
async fn inspect_now(config: &Config, mapping: &Mapping) -> anyhow::Result<Fit> {
    let inspected = inspect(config, mapping).await.map_err(said);
    inspected.with_context(|| format!("MySQL {}", config.server.address()))?.fit()
}

/// Connects, for a command that does not retry.
async fn connect(config: &Config) -> anyhow::Result<MySqlConnection> {
    let connected = config.server.connect().await.map_err(said);
    connected.with_context(|| format!("MySQL {}", config.server.address()))
}

// By value, so that `map_err(said)` can name it.
#[expect(clippy::needless_pass_by_value)]
fn said(error: sqlx::Error) -> anyhow::Error {
    anyhow::anyhow!(without_values(&error))
}

fn too_old(facts: &ServerFacts) -> String {
    format!(
        "{} {} is too old; sluicegate needs MySQL 8.0.20 or MariaDB 10.6",
        facts.dialect.name(),
        facts.version
    )
}

fn lines(faults: &[impl Display]) -> String {
    faults.iter().map(|fault| format!("  {fault}")).collect::<Vec<_>>().join("\n")
}

/// A table without borders; the columns `numbers` are right-aligned.
fn table(head: &[&str], numbers: std::ops::Range<usize>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(head.to_vec());
    for column in numbers {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}
