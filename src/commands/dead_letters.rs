//! `sluicegate dead-letters`: count, list, show, replay, purge.

mod address;
mod args;
mod print;
mod replay;
mod store;

use super::output::say;
use super::{connect, said};
use crate::config::Config;
use crate::mysql::close;
use anyhow::bail;
use sqlx::mysql::MySqlConnection;
use std::io::Write;
use store::Filter;

pub use args::{Command, Reference, Which};
pub use replay::{Outcome, replay};

/// `show` prints at most this many letters of one id or address.
const SHOWN_MAX: u32 = 20;
/// Why letters may have the same address.
const OF_SEVERAL_TOPICS: &str = "the topic was recreated, or there is one in another cluster";

/// Runs the command.
///
/// # Errors
/// If the server cannot be reached, or has no such letter.
pub async fn execute(command: Command, config: &Config) -> anyhow::Result<()> {
    let mut connection = connect(config).await?;
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
                    "--unreplayed alone would delete every letter, including messages that were never loaded; say which ones (an address, --until 90days, --topic, --reason), or add --yes"
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
            "showing the newest {shown} of {all}; --limit shows more, `dead-letters count` groups them by reason"
        );
    }
    Ok(())
}

async fn show(
    connection: &mut MySqlConnection,
    letter: Reference,
    json: bool,
) -> anyhow::Result<()> {
    let shared = match &letter {
        Reference::Id(_) => "id; their addresses differ".to_owned(),
        Reference::Address(_) => format!("address ({OF_SEVERAL_TOPICS}); their ids differ"),
    };
    let filter = args::with(Filter::default(), [letter]);
    let letters = store::list(connection, &filter, true, SHOWN_MAX).await.map_err(said)?;
    if letters.is_empty() {
        bail!("no such dead letter; `sluicegate dead-letters list` shows all");
    }
    for (index, letter) in letters.iter().enumerate() {
        if index > 0 && !json {
            say("\n")?;
        }
        print::print_letter(letter, json)?;
    }
    if letters.len() > 1 {
        let _ = writeln!(std::io::stderr(), "{} letters have this {shared}", letters.len());
    }
    Ok(())
}

async fn purge(
    connection: &mut MySqlConnection,
    filter: &Filter,
    unreplayed: bool,
) -> anyhow::Result<()> {
    refuse_shared(connection, filter).await?;
    let purged = store::purge(connection, filter).await.map_err(said)?;
    say(&format!("{purged} dead letters deleted"))?;
    if purged == 0 && !unreplayed {
        let _ = writeln!(
            std::io::stderr(),
            "letters that were not replayed are kept; --unreplayed deletes them, too"
        );
    }
    Ok(())
}

/// A delete is final, so an id or an address has to mean one letter.
async fn refuse_shared(connection: &mut MySqlConnection, filter: &Filter) -> anyhow::Result<()> {
    if filter.ids.is_empty() && filter.addresses.is_empty() {
        return Ok(());
    }
    let letters = store::list(connection, filter, false, u32::MAX).await.map_err(said)?;
    for id in &filter.ids {
        let with_it = letters.iter().filter(|letter| letter.id == *id);
        let addresses: Vec<String> = with_it.map(|it| it.name.address.to_string()).collect();
        if addresses.len() > 1 {
            bail!(
                "{} letters have the id {id}: {}; give their addresses instead",
                addresses.len(),
                addresses.join(", ")
            );
        }
    }
    for address in &filter.addresses {
        let with_it = letters.iter().filter(|letter| letter.name.address == *address);
        let ids: Vec<String> = with_it.map(|it| it.id.to_string()).collect();
        if ids.len() > 1 {
            bail!(
                "{} letters have the address {address} ({OF_SEVERAL_TOPICS}): {}; give their ids instead",
                ids.len(),
                ids.join(", ")
            );
        }
    }
    Ok(())
}
