//! `sluicegate dead-letters`: count, list, show, replay, purge.

use super::{inspect_now, mapping, run, table};
use crate::buffer::Batch;
use crate::config::Config;
use crate::datetime::{self, Micros};
use crate::dead_letter::store::{self, Counted, Filter, Stored};
use crate::flatten::Flattener;
use crate::flush::connect::close;
use crate::flush::{Writer, shown};
use crate::mapping::{Mapping, TableKind};
use crate::metrics::{FlushMetrics, Health};
use crate::pipeline::Stop;
use crate::reject::Code;
use anyhow::{Context, anyhow, bail};
use clap::{Args, Subcommand};
use comfy_table::{ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Executor};
use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::sync::Arc;
use tracing::warn;

/// Letters that are replayed in one transaction.
const REPLAY_LETTERS: u32 = 500;

/// What to do with dead letters.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Count them by topic and reason
    Count {
        /// Which ones
        #[command(flatten)]
        which: Which,
        /// JSON lines instead of a table
        #[arg(long)]
        json: bool,
    },
    /// List them, without their payload
    List {
        /// Which ones
        #[command(flatten)]
        which: Which,
        /// At most so many, the newest
        #[arg(long, default_value_t = 100)]
        limit: u32,
        /// JSON lines instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Show one with its redacted payload
    Show {
        /// Its number, as `list` shows it
        id: u64,
        /// One JSON object; a payload that is no text comes as hexadecimal digits
        #[arg(long)]
        json: bool,
    },
    /// Read the kept payloads again with the present mapping, load what is good now, and mark it
    ///
    /// Secrets were removed before a letter was kept: a column that is filled from one, such as
    /// suppliers.tax_id, stays NULL.
    Replay {
        /// Which ones
        #[command(flatten)]
        which: Which,
        /// A JSON object instead of text
        #[arg(long)]
        json: bool,
    },
    /// Delete letters that have been replayed
    Purge {
        /// Which ones
        #[command(flatten)]
        which: Which,
        /// Delete those that have not been replayed as well: with an ID, --topic, --reason, --since
        /// or --until, or else with --yes
        #[arg(long)]
        unreplayed: bool,
        /// All of them, indeed
        #[arg(long)]
        yes: bool,
    },
}

/// Which letters.
#[derive(Debug, Args)]
pub struct Which {
    /// With these numbers, as `list` shows them [default: all]
    #[arg(value_name = "ID")]
    ids: Vec<u64>,
    /// Of this Kafka topic
    #[arg(long)]
    topic: Option<String>,
    /// With this error code, such as `value_too_long`
    #[arg(long, value_name = "CODE")]
    reason: Option<String>,
    /// Not before: a time (2025-01-06T08:00:00Z) or an age (2h, 7days)
    #[arg(long, value_name = "TIME|AGE", value_parser = time_or_age)]
    since: Option<Micros>,
    /// Before: a time or an age
    #[arg(long, value_name = "TIME|AGE", value_parser = time_or_age)]
    until: Option<Micros>,
}

impl Which {
    fn is_all(&self) -> bool {
        self.ids.is_empty()
            && [&self.topic, &self.reason].iter().all(|one| one.is_none())
            && [self.since, self.until].iter().all(Option::is_none)
    }

    fn filter(self, replayed: Option<bool>) -> Filter {
        let Self { ids, topic, reason, since, until } = self;
        Filter { ids, topic, reason, since, until, replayed, after: 0 }
    }
}

fn time_or_age(text: &str) -> anyhow::Result<Micros> {
    if let Ok(age) = humantime::parse_duration(text) {
        let now = jiff::Timestamp::now().as_microsecond();
        return Ok(now - i64::try_from(age.as_micros())?);
    }
    datetime::parse(text).map_err(|error| anyhow!("it {error}, and is no age such as 2h"))
}

/// Does what `command` says.
///
/// # Errors
/// When the server cannot be reached, or there is no such letter.
pub async fn execute(command: Command, config: &Config) -> anyhow::Result<()> {
    let server = &config.server;
    let connected = server.connect().await.map_err(|error| anyhow!(shown(&error)));
    let mut connection = connected.with_context(|| format!("MySQL {}", server.address()))?;
    let done = match command {
        Command::Count { which, json } => {
            let counts = store::counts(&mut connection, &which.filter(None)).await;
            print_counts(&counts.map_err(said)?, json)
        }
        Command::List { which, limit, json } => {
            let filter = which.filter(None);
            let letters = store::newest(&mut connection, &filter, limit).await.map_err(said)?;
            let all = store::count(&mut connection, &filter).await.map_err(said)?;
            print_list(&letters, json)?;
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
        Command::Show { id, json } => {
            let filter = Filter { after: id.saturating_sub(1), ..Filter::default() };
            let letters = store::list(&mut connection, &filter, true, 1).await.map_err(said)?;
            match letters.as_slice() {
                [letter] if letter.id == id => print_letter(letter, json),
                _ => {
                    bail!("there is no dead letter {id}; `sluicegate dead-letters list` shows them")
                }
            }
        }
        Command::Replay { which, json } => {
            let outcome = replay(&mut connection, config, which.filter(Some(false))).await?;
            print_outcome(&outcome, json)?;
            if outcome.interrupted {
                bail!("interrupted; the same command goes on with the rest");
            }
            Ok(())
        }
        Command::Purge { which, unreplayed, yes } => {
            if unreplayed && !yes && which.is_all() {
                bail!(
                    "--unreplayed alone would delete every letter, and with it what was never loaded; say which (an ID, --until 90days, --topic, --reason), or --yes"
                );
            }
            let filter = which.filter((!unreplayed).then_some(true));
            let purged = store::purge(&mut connection, &filter).await.map_err(said)?;
            say(&format!("{purged} dead letters deleted"))?;
            if purged == 0 && !unreplayed {
                let _ = writeln!(
                    std::io::stderr(),
                    "those that have not been replayed stay; see --unreplayed"
                );
            }
            Ok(())
        }
    };
    close(connection).await;
    done
}

// Taken by value to be named where errors are mapped.
#[expect(clippy::needless_pass_by_value)]
fn said(error: sqlx::Error) -> anyhow::Error {
    anyhow!(shown(&error))
}

/// What became of the letters of a replay.
#[derive(Debug, Default, serde::Serialize)]
pub struct Outcome {
    /// Loaded and marked.
    pub loaded: usize,
    /// Marked, because the event was in its log table already.
    pub already_loaded: usize,
    /// Still faulty, by code.
    pub still_faulty: BTreeMap<String, usize>,
    /// Not tried: only the beginning of the message was kept.
    pub cut: usize,
    /// Ctrl-C came before the last of them.
    pub interrupted: bool,
}

/// Replays the letters that `filter` selects.
///
/// # Errors
/// When the server cannot be reached, or its schema does not fit the mapping.
pub async fn replay(
    connection: &mut MySqlConnection,
    config: &Config,
    mut filter: Filter,
) -> anyhow::Result<Outcome> {
    let mapping = Arc::new(mapping(config)?);
    let fit = inspect_now(config, &mapping).await?;
    let health = Arc::new(Health::default());
    let config = Arc::new(config.clone());
    let setup = run::setup(Arc::clone(&config), Arc::clone(&mapping), &fit, false, health);
    let mut replay = Replay {
        flattener: Flattener::new(Arc::clone(&mapping), fit.facts.json_limits()),
        writer: Writer::new(
            0,
            Arc::new(config.server.clone()),
            setup.plan,
            config.flush.backoff,
            FlushMetrics::new(setup.health),
        ),
        batch: Batch::new(&mapping),
        probe: Batch::new(&mapping),
        config,
        mapping,
        outcome: Outcome::default(),
    };
    let bar = progress_bar(store::count(connection, &filter).await.map_err(said)?);
    let stop = stop_on_ctrl_c();
    while !stop.is_requested() {
        let letters =
            store::list(connection, &filter, false, REPLAY_LETTERS).await.map_err(said)?;
        let Some(last) = letters.last() else { return Ok(replay.outcome) };
        filter.after = last.id;
        replay.group(connection, &letters).await?;
        bar.inc(letters.len() as u64);
    }
    let left = store::list(connection, &filter, false, 1).await.map_err(said)?;
    replay.outcome.interrupted = !left.is_empty();
    Ok(replay.outcome)
}

/// On a terminal only; it goes when it is dropped.
fn progress_bar(letters: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:32} {human_pos} of {human_len} dead letters");
    ProgressBar::new(letters)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        .with_finish(ProgressFinish::AndClear)
}

/// The first Ctrl-C lets the present group of letters be written and marked.
fn stop_on_ctrl_c() -> Stop {
    let stop = Stop::default();
    let request = stop.clone();
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            if request.is_requested() {
                std::process::exit(1);
            }
            warn!("Ctrl-C: what was begun is written and marked first; once more ends it at once");
            request.request();
        }
    });
    stop
}

struct Replay {
    config: Arc<Config>,
    mapping: Arc<Mapping>,
    flattener: Flattener,
    writer: Writer,
    batch: Batch,
    probe: Batch,
    outcome: Outcome,
}

impl Replay {
    async fn group(
        &mut self,
        connection: &mut MySqlConnection,
        letters: &[Stored],
    ) -> anyhow::Result<()> {
        // To be written, and found to be there already.
        let (mut valid, mut loaded) = (Vec::new(), Vec::new());
        for letter in letters {
            if letter.payload_cut {
                self.outcome.cut += 1;
                continue;
            }
            let payload = store::payload(connection, letter.id).await.map_err(said)?;
            let topic = self.config.kafka.mapped_name(&letter.topic);
            self.probe.clear();
            match self.flattener.load(topic, &payload, &mut self.probe) {
                Err(faulty) => self.is_still_faulty(faulty.reject.code),
                Ok(_) if self.is_loaded(connection).await.map_err(said)? => {
                    // The whole event is there, its secrets included: writing it again from a
                    // redacted payload would lose them.
                    loaded.push(letter.id);
                }
                Ok(_) => {
                    let again = self.flattener.load(topic, &payload, &mut self.batch);
                    debug_assert!(again.is_ok(), "the same payload, the same verdict");
                    valid.push(letter);
                }
            }
            if self.batch.bytes() >= self.config.batch.bytes {
                self.write(connection, std::mem::take(&mut valid)).await?;
            }
        }
        self.write(connection, valid).await?;
        self.outcome.already_loaded += loaded.len();
        store::mark_replayed(connection, &loaded).await.map_err(said)
    }

    /// Writes the batch, which holds these letters' rows. If the server refuses some of them, each
    /// is tried alone.
    async fn write(
        &mut self,
        connection: &mut MySqlConnection,
        letters: Vec<&Stored>,
    ) -> anyhow::Result<()> {
        let written = self.writer.flush(&self.batch).await;
        self.batch.clear();
        let mut done: Vec<u64> = Vec::new();
        match written {
            Ok(_) => done.extend(letters.iter().map(|letter| letter.id)),
            Err(refused) if refused.rows.is_empty() => return Err(refused.into()),
            Err(_) => {
                for letter in letters {
                    let payload = store::payload(connection, letter.id).await.map_err(said)?;
                    let topic = self.config.kafka.mapped_name(&letter.topic);
                    if self.flattener.load(topic, &payload, &mut self.batch).is_ok() {
                        match self.writer.flush(&self.batch).await {
                            Ok(_) => done.push(letter.id),
                            Err(refused) if refused.rows.is_empty() => return Err(refused.into()),
                            Err(_) => self.is_still_faulty(Code::ServerRefused),
                        }
                    }
                    self.batch.clear();
                }
            }
        }
        self.outcome.loaded += done.len();
        store::mark_replayed(connection, &done).await.map_err(said)
    }

    fn is_still_faulty(&mut self, code: Code) {
        *self.outcome.still_faulty.entry(code.to_string()).or_default() += 1;
    }

    /// Whether the event in `probe` has a row in its log table.
    async fn is_loaded(&self, connection: &mut MySqlConnection) -> Result<bool, sqlx::Error> {
        for (id, table) in self.mapping.tables.iter().enumerate() {
            let rows = self.probe.rows(id);
            if table.kind != TableKind::Log || rows.is_empty() {
                continue;
            }
            let at = rows.column(table.event_timestamp()).number(0);
            let at: String = datetime::format(at).map(char::from).iter().collect();
            let event_id = rows.column(table.event_id()).text(0).unwrap_or_default();
            let (at_name, id_name) = (
                &table.columns[table.event_timestamp()].name,
                &table.columns[table.event_id()].name,
            );
            let select =
                format!("SELECT 1 FROM `{}` WHERE `{at_name}` = ? AND `{id_name}` = ?", table.name);
            let query = sqlx::query(AssertSqlSafe(select)).bind(at).bind(event_id);
            if connection.fetch_optional(query).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn print_list(letters: &[Stored], json: bool) -> anyhow::Result<()> {
    if json {
        return say_json_lines(letters);
    }
    if letters.is_empty() {
        return say("no dead letters");
    }
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_HORIZONTAL_ONLY)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(["id", "where, when (UTC)", "reason, event", "what is wrong"]);
    for letter in letters {
        let Stored { topic, partition, offset, .. } = letter;
        let mut place =
            format!("{topic}/{partition} offset {offset}\n{}", to_seconds(&letter.dead_at));
        if let Some(replayed_at) = &letter.replayed_at {
            place = format!("{place}\nreplayed {}", to_seconds(replayed_at));
        }
        let event = letter.event_type.clone().unwrap_or_default();
        table.add_row([
            letter.id.to_string(),
            place,
            format!("{}\n{}", letter.error_code, for_terminal(event)),
            for_terminal(letter.error_text.clone()),
        ]);
    }
    say(&table.to_string())
}

fn print_counts(counts: &[Counted], json: bool) -> anyhow::Result<()> {
    if json {
        return say_json_lines(counts);
    }
    if counts.is_empty() {
        return say("no dead letters");
    }
    let mut table = table(&["topic", "reason", "letters", "unreplayed", "last (UTC)"], 2..4);
    for count in counts {
        table.add_row([
            count.topic.clone(),
            count.error_code.clone(),
            count.letters.to_string(),
            count.unreplayed.to_string(),
            count.last_dead_at.chars().take(16).collect(),
        ]);
    }
    say(&table.to_string())
}

/// A time as the server writes it, without its microseconds.
fn to_seconds(time: &str) -> String {
    time.chars().take(19).collect()
}

fn print_letter(letter: &Stored, json: bool) -> anyhow::Result<()> {
    let payload = match std::str::from_utf8(&letter.payload) {
        Ok(text) => text.to_owned(),
        Err(_) => letter.payload.iter().map(|byte| format!("{byte:02x}")).collect(),
    };
    let mut value = serde_json::to_value(letter)?;
    if json {
        value["payload"] = payload.into();
        return say(&value.to_string());
    }
    for (name, value) in value.as_object().into_iter().flatten() {
        let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        say(&format!("{name:<14} {}", for_terminal(shown)))?;
    }
    say(&format!("\n{}", for_terminal(payload)))
}

/// Keys and payloads are anybody's text, and a terminal obeys control characters.
fn for_terminal(text: String) -> String {
    if std::io::stdout().is_terminal() { without_controls(&text) } else { text }
}

fn without_controls(text: &str) -> String {
    let shown = |c: char| match c {
        '\n' | '\t' => c.to_string(),
        c if c.is_control() => c.escape_default().to_string(),
        c => c.to_string(),
    };
    text.chars().map(shown).collect()
}

fn print_outcome(outcome: &Outcome, json: bool) -> anyhow::Result<()> {
    if json {
        return say(&serde_json::to_string(outcome)?);
    }
    say(&format!("{} loaded and marked", outcome.loaded))?;
    say(&format!("{} marked that had been loaded already", outcome.already_loaded))?;
    for (code, count) in &outcome.still_faulty {
        say(&format!("{count} still faulty: {code}"))?;
    }
    if outcome.cut > 0 {
        say(&format!(
            "{} not tried: only their beginning was kept (dead_letters.payload_bytes)",
            outcome.cut
        ))?;
    }
    Ok(())
}

fn say_json_lines(all: &[impl serde::Serialize]) -> anyhow::Result<()> {
    all.iter().try_for_each(|one| say(&serde_json::to_string(one)?))
}

fn say(text: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{text}").context("writing to standard output")
}
