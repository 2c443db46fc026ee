//! `sluicegate purge`: removes rows that say that they are deleted, once that is long ago.
//!
//! A removed row no longer refuses what is older than it, so an older event that comes after the purge would
//! bring it back. Two things stand against that: everything that Kafka has is read first, and what is to be
//! removed was deleted longer ago than events come late, which only the operator can know.

mod args;
mod rows;
mod statements;
mod target;
mod words;

use super::output::{say, say_json_lines};
use super::{Usage, connect, interrupt, mapping, progress, said, table};
use crate::clock;
use crate::config::Config;
use crate::datetime::Micros;
use crate::mapping::Mapping;
use crate::mysql::close;
use crate::pipeline::Stop;
use crate::schema;
use anyhow::{Context, anyhow, bail};
use rows::{Counts, Walk};
use sqlx::mysql::MySqlConnection;
use std::io::{IsTerminal, Write};
use target::Target;

pub use args::Options;

/// Runs the command.
///
/// # Errors
/// If the server or Kafka cannot be reached, the tables do not fit, or nothing may be removed yet.
pub async fn execute(options: Options, config: &Config) -> anyhow::Result<()> {
    let before = options.before(clock::unix_micros()).map_err(Usage)?;
    let mapping = mapping(config)?;
    let mut connection = connect(config).await?;
    let done = execute_on(&mut connection, &options, config, &mapping, before).await;
    close(connection).await;
    done
}

async fn execute_on(
    connection: &mut MySqlConnection,
    options: &Options,
    config: &Config,
    mapping: &Mapping,
    before: Micros,
) -> anyhow::Result<()> {
    let live = schema::read(connection, mapping).await.map_err(said)?;
    let targets = target::choose(mapping, &live, &options.table, before)?;
    if !options.force {
        let fills = |name: &&str| {
            let plan = &mapping.topics[*name];
            targets.iter().any(|target| plan.fills(target.table))
        };
        let topics: Vec<&str> = mapping.topic_names().into_iter().filter(fills).collect();
        let topics = config.kafka.subscription(&topics);
        let caught_up = progress::catch_up(connection, config, &topics).await;
        caught_up.context(words::WHY_CAUGHT_UP)?;
    }
    let mut walk = Walk {
        connection,
        // Ctrl-C may end the process while nothing has changed.
        stop: Stop::default(),
        backoff: config.flush.backoff,
        batch_rows: options.batch_rows,
        removes: false,
    };
    if options.dry_run || !options.yes {
        let counts = walk.all(&targets).await?;
        if options.dry_run {
            print(&targets, &counts, options)?;
            return tell(options, "nothing was changed (--dry-run)");
        }
        let total = Counts::sum(&counts);
        if total.rows > 0 {
            confirm(total)?;
        }
    }
    walk.removes = true;
    walk.stop = interrupt::stop_on_ctrl_c("finishing the rows in flight");
    let counts = walk.all(&targets).await?;
    print(&targets, &counts, options)?;
    if walk.stop.is_requested() {
        bail!("interrupted; run the same command again for the rest");
    }
    let left = Counts::sum(&counts).left;
    if left > 0 { tell(options, &words::left(left)) } else { Ok(()) }
}

/// Asks before rows are removed.
fn confirm(total: Counts) -> anyhow::Result<()> {
    let rows = words::rows(total);
    if !std::io::stdin().is_terminal() {
        bail!("{rows} would be removed, for good; add --yes to do that, or --dry-run to look");
    }
    let _ = write!(std::io::stderr(), "{rows} will be removed, for good. Continue? [y/N] ");
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).context("reading the answer")?;
    if !["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str()) {
        bail!("not confirmed; nothing was changed");
    }
    Ok(())
}

/// A table as a JSON line. Scripts read it: a field keeps its name and meaning.
#[derive(serde::Serialize)]
struct Line<'l> {
    table: &'l str,
    rows: u64,
    lines: u64,
    /// Candidates that were in use or came back to life.
    left: u64,
    dry_run: bool,
}

fn print(targets: &[Target<'_>], counts: &[Counts], options: &Options) -> anyhow::Result<()> {
    let lines = targets.iter().zip(counts).map(|(target, counts)| Line {
        table: &target.owner.name,
        rows: counts.rows,
        lines: counts.lines,
        left: counts.left,
        dry_run: options.dry_run,
    });
    if options.json {
        return say_json_lines(&lines.collect::<Vec<_>>());
    }
    let done = if options.dry_run { "would be removed" } else { "removed" };
    let mut shown = table(&["table", "rows", "lines", ""], 1..3);
    for line in lines {
        let numbers = [line.rows, line.lines].map(|number| number.to_string());
        let [rows, of_lines] = numbers;
        shown.add_row([line.table.to_owned(), rows, of_lines, done.to_owned()]);
    }
    say(&shown.to_string())
}

/// Says something to people: JSON lines stay JSON lines.
fn tell(options: &Options, text: &str) -> anyhow::Result<()> {
    if options.json {
        let _ = writeln!(std::io::stderr(), "{text}");
        return Ok(());
    }
    say(text)
}

/// An entity's table of which nothing can be purged.
fn unknown_table(name: &str, known: &[&str]) -> anyhow::Error {
    match known {
        [] => anyhow!(
            "no table of the mapping says whether its rows are deleted; `deleted` in [entity] adds that"
        ),
        _ => anyhow!(
            "{name} is not a table whose mapping has `deleted`; these have it: {}",
            known.join(", ")
        ),
    }
}
