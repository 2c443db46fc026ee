//! The subcommands of the binary: what each does with a checked configuration.

pub mod check;
pub mod dead_letters;
pub mod demo;
pub mod run;
pub mod status;

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

/// The mapping that the configuration asks for.
///
/// # Errors
/// With every fault in the mapping files.
pub fn mapping(config: &Config) -> anyhow::Result<Mapping> {
    load_mapping(config)
        .map_err(|faults| anyhow::anyhow!("the mapping has faults:\n{}", lines(&faults)))
}

fn load_mapping(config: &Config) -> Result<Mapping, Vec<MappingError>> {
    match &config.mapping_directory {
        Some(directory) => Mapping::with_directory(directory),
        None => Mapping::built_in(),
    }
}

/// All faults of a configuration as one error.
#[must_use]
pub fn config_error(faults: &[ConfigError]) -> anyhow::Error {
    anyhow::anyhow!("the configuration has faults:\n{}", lines(faults))
}

/// What a server said about itself and its tables.
#[derive(Debug)]
pub struct Inspected {
    facts: ServerFacts,
    live: LiveSchema,
    greatest_ids: Vec<Option<u64>>,
    mismatches: Vec<Mismatch>,
    /// What the account may not do.
    denied: Vec<String>,
}

/// A server that rows can be written to.
#[derive(Debug)]
pub struct Fit {
    /// What the server is.
    pub facts: ServerFacts,
    /// See [`crate::flush::Plan::greatest_ids`].
    pub greatest_ids: Vec<Option<u64>>,
    /// What works now, but a person should know.
    pub warnings: Vec<Mismatch>,
    /// The share of its AUTO_INCREMENT numbers that each table has left.
    pub room: Vec<(String, f64)>,
}

/// Connects once, asks the server what it is, compares its schema with the mapping, and rehearses
/// what will be written.
///
/// # Errors
/// When the server cannot be reached or asked, or cannot write now.
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
    if facts.is_supported() {
        // What is known to be wrong needs no rehearsal.
        let is_wrong = |name: &str| {
            mismatches.iter().any(|mismatch| mismatch.is_refused() && mismatch.is_of(name))
        };
        let is_ready = |table: Option<TableId>| !is_wrong(name_of(mapping, table));
        let timeout = config.flush.statement_timeout;
        let refusals =
            rehearse::rehearse(connection, mapping, facts.dialect, timeout, is_ready).await?;
        for refusal in refusals {
            match refusal.class {
                Class::Grant => {
                    let table = name_of(mapping, refusal.table);
                    denied.push(format!("{table}, to {}: {}", refusal.step, refusal.text));
                }
                _ => {
                    let refused = refused_rehearsal(mapping, &live, &refusal);
                    // What is refused now need not be said as a warning.
                    mismatches.retain(|known| known.fix.is_none() || known.fix != refused.fix);
                    mismatches.push(refused);
                }
            }
        }
    }
    let greatest_ids = schema::greatest_ids(mapping, &live);
    Ok(Inspected { facts, live, greatest_ids, mismatches, denied })
}

fn name_of(mapping: &Mapping, table: Option<TableId>) -> &str {
    table.map_or(dead_letter::TABLE, |table| &mapping.tables[table].name)
}

/// A rehearsed row that a rule of the user's own refuses for its values is only said: an event's row
/// has others.
fn refused_rehearsal(mapping: &Mapping, live: &LiveSchema, refusal: &Refusal) -> Mismatch {
    let table = name_of(mapping, refusal.table);
    let Refusal { step, number, text, class, .. } = refusal;
    if *class == Class::Contention {
        let problem = format!("another session has it locked, so it was not rehearsed: {text}");
        return Mismatch::warning(table, problem, None);
    }
    let has_triggers = live.tables.get(table).is_some_and(|table| !table.triggers.is_empty());
    if *class == Class::Data && (refusal.may_be_own_rule() || has_triggers) {
        let rest = if refusal.may_be_own_rule() {
            "events that it refuses become dead letters (server_refused)"
        } else {
            "events that it refuses in the same way are waited out, since it may refuse every row"
        };
        let problem = format!(
            "a CHECK or trigger refuses a row of sluicegate's own (rolled back, to {step}): {text}; {rest}"
        );
        return Mismatch::warning(table, problem, None);
    }
    let (hint, fix) = match (class, *number) {
        (Class::Data, NO_PARTITION) => (String::new(), schema::partition_fix(table, live)),
        (Class::Data, _) => (
            "; look at the table's defaults, triggers and generated columns, since it refuses every row"
                .to_owned(),
            None,
        ),
        _ => (format!("; see {number} in docs/errors.md, on the server or the proxy"), None),
    };
    let problem =
        format!("a row of sluicegate's own is refused (rolled back, to {step}): {text}{hint}");
    Mismatch { severity: Severity::Refused, place: table.to_owned(), problem, fix }
}

impl Inspected {
    /// What the server is, if rows can be written to it.
    ///
    /// # Errors
    /// When it is too old, or with everything that does not fit.
    pub fn fit(self) -> anyhow::Result<Fit> {
        let Self { facts, live, greatest_ids, mismatches, denied } = self;
        if !facts.is_supported() {
            anyhow::bail!(too_old(&facts));
        }
        let (refused, warnings): (Vec<_>, Vec<_>) =
            mismatches.into_iter().partition(Mismatch::is_refused);
        if !refused.is_empty() {
            anyhow::bail!("the schema does not take what the mapping writes:\n{}", lines(&refused));
        }
        if !denied.is_empty() {
            anyhow::bail!(
                "the account may not write every table (`sluicegate check` names the GRANT):\n{}",
                lines(&denied)
            );
        }
        let room = live.room_left().collect();
        Ok(Fit { facts, greatest_ids, warnings, room })
    }
}

/// The same for a command that does not wait for the server.
async fn inspect_now(config: &Config, mapping: &Mapping) -> anyhow::Result<Fit> {
    let inspected =
        inspect(config, mapping).await.map_err(|error| anyhow::anyhow!(without_values(&error)));
    inspected.with_context(|| format!("MySQL {}", config.server.address()))?.fit()
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

/// A table without lines whose columns `numbers` are right-aligned.
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
