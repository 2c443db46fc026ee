//! `dead-letters replay`: loads the kept messages again, with the current mapping.

use super::address::Name;
use super::store::{self, Filter, Stored};
use crate::buffer::Batch;
use crate::commands::{inspect_now, interrupt, mapping, run, said};
use crate::config::Config;
use crate::datetime;
use crate::dead_letter::KEY_BYTES_MAX;
use crate::flatten::Flattener;
use crate::flush::Writer;
use crate::flush::WriterMetrics;
use crate::health::Health;
use crate::mapping::{Mapping, TableKind, TopicPlan};
use crate::reject::Code;
use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Executor};
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::Arc;

/// Letters per transaction.
const REPLAY_LETTERS: u32 = 500;

/// The outcome of a replay, in numbers of letters.
#[derive(Debug, Default, serde::Serialize)]
pub struct Outcome {
    pub loaded: usize,
    /// Only marked: the event was in its log table already.
    pub already_loaded: usize,
    /// Still faulty, by code.
    pub still_faulty: BTreeMap<String, usize>,
    /// Skipped: only the first bytes of the message, or of its key, were kept.
    pub cut: usize,
    /// Ctrl-C came before the last letter.
    pub interrupted: bool,
}

/// Replays the letters that `filter` selects.
///
/// # Errors
/// If the server cannot be reached, or its schema does not fit the mapping.
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
        flattener: Flattener::new(Arc::clone(&mapping), fit.facts.json_limits())
            .within(config.message_limits),
        writer: Writer::new(
            0,
            Arc::new(config.server.clone()),
            setup.plan,
            config.flush.backoff,
            WriterMetrics::new(setup.health),
        ),
        batch: Batch::new(&mapping),
        probe: Batch::new(&mapping),
        config,
        mapping,
        outcome: Outcome::default(),
    };
    let bar = progress_bar(store::count(connection, &filter).await.map_err(said)?);
    let stop = interrupt::stop_on_ctrl_c("finishing the letters in flight");
    while !stop.is_requested() {
        let letters =
            store::list(connection, &filter, false, REPLAY_LETTERS).await.map_err(said)?;
        let Some(last) = letters.last() else { return Ok(replay.outcome) };
        filter.after = Some(last.name.clone());
        replay.group(connection, &letters).await?;
        bar.inc(letters.len() as u64);
    }
    let left = store::list(connection, &filter, false, 1).await.map_err(said)?;
    replay.outcome.interrupted = !left.is_empty();
    Ok(replay.outcome)
}

/// Shown on a terminal only; disappears when dropped.
fn progress_bar(letters: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:32} {human_pos} of {human_len} dead letters");
    ProgressBar::new(letters)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        .with_finish(ProgressFinish::AndClear)
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
        // Letters to write, and letters whose event is in the tables already.
        let (mut valid, mut loaded) = (Vec::new(), Vec::new());
        for letter in letters {
            if letter.payload_cut {
                self.outcome.cut += 1;
                continue;
            }
            let kept = store::kept(connection, &letter.name).await.map_err(said)?;
            let Some(kept) = kept else { continue };
            if self.lacks_key(letter, &kept) {
                self.outcome.cut += 1;
                continue;
            }
            let address = &letter.name.address;
            let (topic, message) =
                (self.config.kafka.mapped_name(&address.topic), kept.message(address));
            self.probe.clear();
            let loaded_now = self.flattener.load(&message, topic, &mut self.probe);
            match loaded_now.map(|_| ()).map_err(|faulty| faulty.reject.code) {
                Err(code) => self.is_still_faulty(code),
                Ok(()) if self.is_loaded(connection).await.map_err(said)? => {
                    // The whole event is there, its secrets included: writing it again from a
                    // redacted payload would lose them.
                    loaded.push(letter.name.clone());
                }
                Ok(()) => {
                    let again = self.flattener.load(&message, topic, &mut self.batch);
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

    /// Writes the batch, which holds these letters' rows. If the server refuses some, tries each letter
    /// alone.
    async fn write(
        &mut self,
        connection: &mut MySqlConnection,
        letters: Vec<&Stored>,
    ) -> anyhow::Result<()> {
        let written = self.writer.flush(&self.batch).await;
        self.batch.clear();
        let mut done: Vec<Name> = Vec::new();
        match written {
            Ok(_) => done.extend(letters.iter().map(|letter| letter.name.clone())),
            Err(error) if error.rows().is_empty() => return Err(error.into()),
            Err(_) => {
                for letter in letters {
                    let kept = store::kept(connection, &letter.name).await.map_err(said)?;
                    let Some(kept) = kept else { continue };
                    let address = &letter.name.address;
                    let topic = self.config.kafka.mapped_name(&address.topic);
                    let message = kept.message(address);
                    if self.flattener.load(&message, topic, &mut self.batch).is_ok() {
                        match self.writer.flush(&self.batch).await {
                            Ok(_) => done.push(letter.name.clone()),
                            Err(error) if error.rows().is_empty() => return Err(error.into()),
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

    /// Whether the mapping needs the message's key, of which perhaps only the beginning was kept.
    fn lacks_key(&self, letter: &Stored, kept: &store::Kept) -> bool {
        let topic = self.config.kafka.mapped_name(&letter.name.address.topic);
        let is_cut = kept.key.as_ref().is_some_and(|key| key.len() >= KEY_BYTES_MAX);
        is_cut && self.mapping.topics.get(topic).is_some_and(TopicPlan::reads_key)
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
