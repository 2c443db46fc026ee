//! The subcommands of the binary: what each does with a checked configuration.

pub mod check;
pub mod dead_letters;
pub mod demo;
pub mod run;
pub mod status;

use crate::config::{Config, ConfigError};
use crate::flush::connect::{Server, ServerFacts, close, server_facts};
use crate::flush::shown;
use crate::mapping::{Mapping, MappingError};
use crate::schema::{self, Mismatch};
use anyhow::Context;
use comfy_table::{CellAlignment, Table, presets};
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
    mismatches: Vec<Mismatch>,
}

/// Connects once, asks the server what it is, and compares its schema with the mapping.
///
/// # Errors
/// When the server cannot be reached or asked.
pub async fn inspect(server: &Server, mapping: &Mapping) -> Result<Inspected, sqlx::Error> {
    let mut connection = server.connect().await?;
    let facts = server_facts(&mut connection).await?;
    let live = schema::read(&mut connection).await?;
    close(connection).await;
    Ok(Inspected { facts, mismatches: schema::check(mapping, &live) })
}

impl Inspected {
    /// What the server is, if rows can be written to it.
    ///
    /// # Errors
    /// When it is too old, or with everything that does not fit.
    pub fn fit(self) -> anyhow::Result<ServerFacts> {
        let Self { facts, mismatches } = self;
        if !facts.is_supported() {
            anyhow::bail!(too_old(&facts));
        }
        if !mismatches.is_empty() {
            anyhow::bail!(
                "the schema does not take what the mapping writes:\n{}",
                lines(&mismatches)
            );
        }
        Ok(facts)
    }
}

/// The same for a command that does not wait for the server.
async fn inspect_now(server: &Server, mapping: &Mapping) -> anyhow::Result<ServerFacts> {
    let inspected = inspect(server, mapping).await.map_err(|error| anyhow::anyhow!(shown(&error)));
    inspected.with_context(|| format!("MySQL {}", server.address()))?.fit()
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
