//! `sluicegate dead-letters`: count, list, show, replay, purge.

mod address;
mod args;
mod print;
mod replay;
mod store;

use crate::config::Config;

use crate::mysql::close;
use crate::mysql::without_values;
use anyhow::{Context, anyhow, bail};
use sqlx::mysql::MySqlConnection;
use std::collections::BTreeMap;
use std::io::Write;

use store::{Filter, Stored};

pub use args::{Command, Reference, Which};
pub use replay::{Outcome, replay};

/// Letters of one number that are shown: more than a few are not looked at one by one.
const SHOWN_MAX: u32 = 20;

/// Does what `command` says.
///
/// # Errors
/// When the server cannot be reached, or there is no such letter.
pub async fn execute(command: Command, config: &Config) -> anyhow::Result<()> {
    let server = &config.server;
    let connected = server.connect().await.map_err(|error| anyhow!(without_values(&error)));
    let mut connection = connected.with_context(|| format!("MySQL {}", server.address()))?;
    let done = match command {
        Command::Count { which, json } => {
            let counts = store::counts(&mut connection, &which.filter(None)).await;
            print::print_counts(&counts.map_err(said)?, json)
        }
        Command::List { which, limit, json } => {
            list(&mut connection, &which.filter(None), limit, json).await
        }
        Command::Show { letter, json } => show(&mut connection, letter, json).await,
        Command::Replay { which, json } => {
            let outcome = replay(&mut connection, config, which.filter(Some(false))).await?;
            print::print_outcome(&outcome, json)?;
            if outcome.interrupted {
                bail!("interrupted; run the same command again for the rest");
            }
            Ok(())
        }
        Command::Purge { which, unreplayed, yes } => {
            if unreplayed && !yes && which.is_all() {
                bail!(
                    "--unreplayed alone would delete every letter, and with it what was never loaded; say which (an address, --until 90days, --topic, --reason), or --yes"
                );
            }
            let filter = which.filter((!unreplayed).then_some(true));
            purge(&mut connection, &filter, unreplayed).await
        }
    };
    close(connection).await;
    done
}

async fn list(
    connection: &mut MySqlConnection,
    filter: &Filter,
    limit: u32,
    json: bool,
) -> anyhow::Result<()> {
    let letters = store::newest(connection, filter, limit).await.map_err(said)?;
    let all = store::count(connection, filter).await.map_err(said)?;
    print::print_list(&letters, json)?;
    if all > letters.len() as u64 {
        let shown = letters.len();
        // JSON lines stay JSON lines.
        let _ = writeln!(
            std::io::stderr(),
            "the newest {shown} of {all}; --limit shows more, `dead-letters count` how many of which reason"
        );
    }
    Ok(())
}

async fn show(
    connection: &mut MySqlConnection,
    letter: Reference,
    json: bool,
) -> anyhow::Result<()> {
    let filter = args::with(Filter::default(), [letter]);
    let letters = store::list(connection, &filter, true, SHOWN_MAX).await.map_err(said)?;
    if letters.is_empty() {
        bail!("there is no such dead letter; `sluicegate dead-letters list` shows them");
    }
    for (index, letter) in letters.iter().enumerate() {
        if index > 0 && !json {
            print::say("\n")?;
        }
        print::print_letter(letter, json)?;
    }
    if letters.len() > 1 {
        let _ = writeln!(
            std::io::stderr(),
            "{} letters have this number; only the address is unique",
            letters.len()
        );
    }
    Ok(())
}

async fn purge(
    connection: &mut MySqlConnection,
    filter: &Filter,
    unreplayed: bool,
) -> anyhow::Result<()> {
    refuse_shared_ids(connection, filter).await?;
    let purged = store::purge(connection, filter).await.map_err(said)?;
    print::say(&format!("{purged} dead letters deleted"))?;
    if purged == 0 && !unreplayed {
        let _ =
            writeln!(std::io::stderr(), "those that have not been replayed stay; see --unreplayed");
    }
    Ok(())
}

/// What is deleted does not come back, so a number has to mean one letter.
async fn refuse_shared_ids(
    connection: &mut MySqlConnection,
    filter: &Filter,
) -> anyhow::Result<()> {
    if filter.ids.is_empty() {
        return Ok(());
    }
    let by_id = Filter { addresses: Vec::new(), ..filter.clone() };
    let letters = store::list(connection, &by_id, false, u32::MAX).await.map_err(said)?;
    let mut of_id: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for Stored { id, address, .. } in &letters {
        of_id.entry(*id).or_default().push(address.to_string());
    }
    match of_id.iter().find(|(_, addresses)| addresses.len() > 1) {
        Some((id, addresses)) => bail!(
            "{} letters have the number {id}: {}; name them by address",
            addresses.len(),
            addresses.join(", ")
        ),
        None => Ok(()),
    }
}

// Taken by value to be named where errors are mapped.
#[expect(clippy::needless_pass_by_value)]
fn said(error: sqlx::Error) -> anyhow::Error {
    anyhow!(without_values(&error))
}
