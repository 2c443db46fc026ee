//! The subcommands of the binary: what each does with a checked configuration.

pub mod check;
pub mod dead_letters;
pub mod demo;
pub mod run;

use crate::config::{Config, ConfigError};
use crate::flush::connect::{Server, ServerFacts, close, server_facts};
use crate::flush::shown;
use crate::mapping::{Mapping, MappingError};
use crate::schema::{self, Mismatch};
use anyhow::Context;
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

/// Connects once, asks the server what it is, and compares its schema with the mapping.
///
/// # Errors
/// When the server cannot be reached or asked.
pub async fn inspect(
    server: &Server,
    mapping: &Mapping,
) -> anyhow::Result<(ServerFacts, Vec<Mismatch>)> {
    let asked = async {
        let mut connection = server.connect().await?;
        let facts = server_facts(&mut connection).await?;
        let live = schema::read(&mut connection).await?;
        close(connection).await;
        Ok::<_, sqlx::Error>((facts, live))
    };
    let (facts, live) = asked
        .await
        .map_err(|error| anyhow::anyhow!(shown(&error)))
        .with_context(|| format!("MySQL {}", server.address()))?;
    if !facts.is_supported() {
        anyhow::bail!(too_old(&facts));
    }
    Ok((facts, schema::check(mapping, &live)))
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
