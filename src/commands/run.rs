//! `sluicegate run` and `sluicegate migrate`.

use super::{Fit, Inspected, inspect, mapping};
use crate::clock;
use crate::config::{self, Config};
use crate::flush::Plan;
use crate::flush::statement::Statements;
use crate::flush::{WriterMetrics, room_left};
use crate::health::{Health, Trouble};
use crate::http;
use crate::ledger::Ledger;
use crate::mapping::Mapping;
use crate::migrate;
pub use crate::migrate::Applied;
use crate::mysql::Class;
use crate::mysql::without_values;
use crate::pipeline::PipelineMetrics;
use crate::pipeline::{self, Progress, Setup, Stop};
use crate::status::{Board, Recent};
use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use metrics_exporter_prometheus::PrometheusHandle;
use std::hash::{BuildHasher, RandomState};
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, warn};

/// A schema that does not fit is looked at again after this: where tables are being put back, some are missing
/// for a moment.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// A signal this soon after the first counts as the same one.
const SECOND_SIGNAL: Duration = Duration::from_secs(1);

const PREPARING: &str =
    "cannot prepare the tables (`sluicegate check` lists everything that is missing)";

/// Logged when the start retries.
pub const MYSQL_NOT_READY: &str = "MySQL is not ready; retrying";

/// How often the progress bar moves.
const PROGRESS_EVERY: Duration = Duration::from_millis(200);

#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Stop once everything that was in the topics at the start is durable.
    pub until_end: bool,
    /// Refuse to start if migrations are pending.
    pub no_migrate: bool,
}

/// Applies pending migrations, and makes and grows the tables of the mapping.
///
/// # Errors
/// If the mapping is invalid, the server cannot be reached or a migration fails.
pub async fn migrate(config: &Config) -> anyhow::Result<Applied> {
    let (mapping, address) = (super::mapping(config)?, config.server.address());
    migrate::migrate(&config.server, &mapping).await.with_context(|| format!("migrating {address}"))
}

/// The SQL that [`migrate()`] would run, statement by statement.
///
/// # Errors
/// If the mapping is invalid, or the server cannot be reached.
pub async fn preview(config: &Config) -> anyhow::Result<Vec<String>> {
    let (mapping, address) = (super::mapping(config)?, config.server.address());
    let preview = migrate::preview(&config.server, &mapping).await;
    preview.with_context(|| format!("looking at {address}"))
}

/// Consumes until told to stop.
///
/// # Errors
/// If it cannot start, cannot continue, or cannot stop in time.
pub async fn run(
    config: Config,
    options: Options,
    exporter: PrometheusHandle,
    recent: Recent,
) -> anyhow::Result<()> {
    let config = Arc::new(config);
    let mapping = Arc::new(mapping(&config)?);
    let health = Arc::new(Health::default());
    info!(
        version = env!("CARGO_PKG_VERSION"),
        mysql = config.server.address(),
        writers = config.flush.writers,
        "starting"
    );
    health.set_trouble(Trouble::Start, Some("checking the tables".to_owned()));
    // Registered now, so that /metrics has them while MySQL is not ready; the pipeline shares them.
    drop(PipelineMetrics::new(&mapping, &config));
    drop(WriterMetrics::new(Arc::clone(&health)));
    if let Some(config::Http { address, hosts }) = config.http.clone() {
        let listener = http::bind(address).await.with_context(|| {
            format!("cannot listen on http.address {address}; choose another or \"off\"")
        })?;
        info!(%address, "http: listening; / is the status page");
        let board = Board::new(exporter, &config, Arc::clone(&health), recent);
        tokio::spawn(http::serve(listener, Arc::new(board), hosts));
    }
    let stop = Stop::default();
    stop_on_signals(stop.clone(), config.stop_timeout).context("cannot catch signals")?;
    let fit = tokio::select! {
        prepared = prepare(&config, &mapping, options, &health) => prepared?,
        () = stop.requested() => return Ok(()),
    };
    info!(
        server = fit.facts.dialect.name(),
        version = fit.facts.version,
        max_allowed_packet = fit.facts.max_allowed_packet,
        "schema fits the mapping"
    );
    for warning in &fit.warnings {
        warn!("schema: {warning}");
    }
    for (table, share) in &fit.room {
        room_left(table, *share);
    }
    let setup = setup(config, mapping, &fit, options.until_end, health);
    let progress = Arc::clone(&setup.progress);
    let started = clock::now();
    let bar = options.until_end.then(|| tokio::spawn(show_progress(Arc::clone(&progress))));
    let result = pipeline::run(setup, stop).await;
    if let Some(bar) = bar {
        bar.abort();
    }
    report(&progress, started.elapsed(), if result.is_ok() { "done" } else { "failed" });
    result.context("sluicegate had to stop")
}

/// Logs how much became durable.
fn report(progress: &Progress, took: Duration, outcome: &str) {
    let (messages, rows) =
        (progress.messages.load(Ordering::Relaxed), progress.rows.load(Ordering::Relaxed));
    let seconds = took.as_secs_f64();
    info!(
        messages,
        rows,
        dead_letters = progress.dead_letters.load(Ordering::Relaxed),
        seconds = format!("{seconds:.1}"),
        messages_per_second = format!("{:.0}", messages as f64 / seconds),
        rows_per_second = format!("{:.0}", rows as f64 / seconds),
        "{outcome}"
    );
}

/// Puts together what a pipeline needs.
#[must_use]
pub fn setup(
    config: Arc<Config>,
    mapping: Arc<Mapping>,
    fit: &Fit,
    until_end: bool,
    health: Arc<Health>,
) -> Setup {
    let plan = Plan {
        statements: Statements::new(&mapping, fit.facts.dialect),
        key_names: fit.key_names.clone(),
        greatest_ids: fit.greatest_ids.clone(),
        limits: config.flush.statement,
        timeout: config.flush.statement_timeout,
        mapping: Arc::clone(&mapping),
    };
    Setup {
        plan: Arc::new(plan),
        json_limits: fit.facts.json_limits(),
        until_end,
        health,
        ledger: Arc::new(ledger(&config)),
        progress: Arc::new(Progress::default()),
        config,
        mapping,
    }
}

/// An empty ledger for a pipeline's writers and its keeper.
fn ledger(config: &Config) -> Ledger {
    Ledger::new(config.flush.writers + 1, RandomState::new().hash_one(std::process::id()))
}

/// Migrates, and compares mapping and schema. Retries while the server is not ready.
async fn prepare(
    config: &Config,
    mapping: &Mapping,
    options: Options,
    health: &Health,
) -> anyhow::Result<Fit> {
    let (mut attempt, started) = (1, clock::now());
    let mut was_unfit = false;
    loop {
        let error = match try_to_prepare(config, mapping, options).await {
            Ok(inspected) => match inspected.fit() {
                Err(_) if !was_unfit => {
                    was_unfit = true;
                    tokio::time::sleep(LOOK_AGAIN).await;
                    continue;
                }
                fit => {
                    health.set_trouble(Trouble::Start, None);
                    return fit;
                }
            },
            Err(
                migrate::Error::Server(error)
                | migrate::Error::Migration { error, .. }
                | migrate::Error::Table { error, .. },
            ) if is_retried(&error) => error,
            Err(error) => return Err(error).context(PREPARING),
        };
        let pause = config.flush.backoff.pause(attempt, RandomState::new().hash_one(attempt));
        let cause = without_values(&error);
        let waited = started.elapsed();
        if config.start_timeout.is_some_and(|limit| waited >= limit) {
            anyhow::bail!("MySQL is not ready after {waited:.0?} (start.timeout): {cause}");
        }
        warn!(attempt, error = cause, ?pause, "{MYSQL_NOT_READY}");
        health.set_trouble(Trouble::Start, Some(cause));
        tokio::time::sleep(pause).await;
        attempt += 1;
    }
}

async fn try_to_prepare(
    config: &Config,
    mapping: &Mapping,
    options: Options,
) -> Result<Inspected, migrate::Error> {
    if options.no_migrate {
        migrate::refuse_pending(&config.server, mapping).await?;
    } else {
        migrate::migrate(&config.server, mapping).await?;
    }
    Ok(inspect(config, mapping).await?)
}

/// Whether the start retries. A missing grant or table is not an outage here but a setup that is not
/// done, so it is reported at once.
fn is_retried(error: &sqlx::Error) -> bool {
    matches!(Class::of_error(error), Class::Connection | Class::Contention | Class::Outage)
}

fn stop_on_signals(stop: Stop, timeout: Duration) -> std::io::Result<()> {
    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::spawn(async move {
        let signal = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        info!(
            "{signal}: stopping; writing and committing what is in flight, for at most {timeout:?}; a second signal exits at once"
        );
        stop.request();
        let first = clock::now();
        // Some supervisors signal the process, and then its whole group.
        while first.elapsed() < SECOND_SIGNAL {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        }
        warn!("second signal: exiting now; uncommitted messages will be loaded again");
        std::process::exit(1);
    });
    Ok(())
}

/// A progress bar on a terminal, nothing elsewhere.
pub async fn show_progress(progress: Arc<Progress>) {
    if !std::io::stderr().is_terminal() {
        return;
    }
    let bar = ProgressBar::no_length();
    let style = "{bar:32} {human_pos} of {human_len} messages  {per_sec}  {msg}  {eta} left";
    bar.set_style(
        ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    let mut interval = tokio::time::interval(PROGRESS_EVERY);
    loop {
        interval.tick().await;
        bar.set_length(progress.expected.load(Ordering::Relaxed));
        bar.set_position(progress.messages.load(Ordering::Relaxed));
        bar.set_message(format!("{} rows", progress.rows.load(Ordering::Relaxed)));
    }
}
