//! `sluicegate status`: what a running instance is doing, on the terminal.

use super::output::say;
use super::table;
use crate::config::Config;
use crate::status::{DeadLetterStats, EVERY, FlushStats, Status, TopicLag};
use anyhow::{Context, bail};
use clap::Args;
use comfy_table::Table;
use console::Term;
use std::fmt::Write as _;
use std::io::IsTerminal;
use std::time::Duration;

const ANSWER_WAIT: Duration = Duration::from_secs(5);
/// Reasons of dead letters that are shown, so that they do not push the rest off the screen.
const LETTERS: usize = 5;
/// Warnings that are shown; the page shows more.
const WARNINGS: usize = 5;

#[derive(Debug, Args)]
pub struct Options {
    /// The instance's address [default: http.address of the configuration]
    #[arg(long, value_name = "http://HOST:PORT")]
    url: Option<String>,
    /// Print once, not every two seconds; the default if the output is not a terminal
    #[arg(long)]
    once: bool,
    /// Print the JSON of GET /status, once
    #[arg(long)]
    json: bool,
}

/// Shows the status, once or until Ctrl-C.
///
/// # Errors
/// If the instance does not answer.
pub fn show(options: &Options, config: &Config) -> anyhow::Result<()> {
    let url = url(options, config)?;
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(ANSWER_WAIT))
        .http_status_as_error(false)
        .proxy(None)
        .build()
        .into();
    let ask = || -> anyhow::Result<String> {
        let answer = agent
            .get(&url)
            .call()
            .and_then(|mut answer| Ok((answer.status(), answer.body_mut().read_to_string()?)));
        let (code, text) = answer.with_context(|| {
            format!(
                "no instance answers at {url}; is it running, and is http.address (or --url) right?"
            )
        })?;
        if !code.is_success() {
            bail!("{url} answered {code}: {}", text.trim());
        }
        Ok(text)
    };
    let read = |text: &str| -> anyhow::Result<Status> {
        serde_json::from_str(text).with_context(|| {
            format!("{url} did not answer with a status; is it sluicegate, of this version?")
        })
    };
    if options.json {
        return say(ask()?.trim_end());
    }
    if options.once || !std::io::stdout().is_terminal() {
        return say(shown(&read(&ask()?)?).trim_end());
    }
    let terminal = Term::stdout();
    let mut status = read(&ask()?)?;
    loop {
        terminal.clear_screen()?;
        terminal.write_line(&shown(&status))?;
        terminal.write_line("\nCtrl-C closes this view; the instance keeps running.")?;
        std::thread::sleep(EVERY);
        status = read(&ask()?)?;
    }
}

fn url(options: &Options, config: &Config) -> anyhow::Result<String> {
    let base = match (&options.url, &config.http) {
        (Some(url), _) if url.starts_with("http://") => url.trim_end_matches('/').to_owned(),
        (Some(url), _) => bail!("--url {url}: give http://HOST:PORT"),
        (None, Some(http)) => format!("http://{}", http.address),
        (None, None) => bail!("http.address is off; give the instance's address with --url"),
    };
    Ok(format!("{base}/status"))
}

fn shown(status: &Status) -> String {
    let Status { throughput, lag, latency, batches, flush, memory, .. } = status;
    let state = status.waits_for.as_ref().map_or("running", |_| "WAITING");
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = writeln!(
        text,
        "sluicegate {} {state}  group {}  {}  up {}\n{}\n",
        status.version,
        status.group,
        status.mysql,
        humantime::format_duration(Duration::from_secs(status.uptime_seconds)),
        status.limit.text
    );
    if let Some(database) = &status.database.text {
        let _ = writeln!(text, "{database}\n");
    }
    let _ = writeln!(
        text,
        "in {:.0} messages/s ({}/s)   out {:.0} rows/s   latency 50 % {}, 99 % {}",
        throughput.messages_per_second,
        bytes(throughput.bytes_per_second),
        throughput.rows_per_second,
        seconds(latency.kafka_p50),
        seconds(latency.kafka_p99)
    );
    let _ = writeln!(
        text,
        "batches {:.1}/s of {} rows, {}   flush {}, COMMIT {}",
        batches.per_second,
        batches.rows.map_or("–".to_owned(), |rows| format!("{rows:.0}")),
        batches.bytes.map_or("–".to_owned(), bytes),
        seconds(flush.seconds),
        seconds(flush.commit_seconds)
    );
    let _ = writeln!(
        text,
        "writers {} of {} busy, {:.0} % of the last minute{}   buffers {} of {}   memory {} of {}\n",
        flush.busy,
        flush.writers,
        100.0 * flush.busy_share,
        if flush.paused { ", reading is paused" } else { "" },
        bytes(memory.buffers as f64),
        bytes(memory.buffers_limit as f64),
        bytes(memory.resident as f64),
        bytes(memory.limit as f64)
    );
    let _ = writeln!(text, "{}\n\n{}", topics(lag), tables(flush));
    if !status.dead_letters.is_empty() {
        let _ = writeln!(text, "\n{}", letters(&status.dead_letters));
    }
    for line in status.log.iter().take(WARNINGS) {
        let times = if line.times > 1 { format!(" ({} times)", line.times) } else { String::new() };
        let _ = write!(text, "\n{} {} {}{times}", line.at, line.level, line.text);
    }
    text
}

fn topics(lag: &[TopicLag]) -> Table {
    let mut topics =
        table(&["topic", "waiting", "behind", "ignored", "partitions", "largest partition"], 1..5);
    for lag in lag {
        topics.add_row([
            lag.topic.clone(),
            lag.messages.to_string(),
            seconds(Some(lag.seconds)),
            lag.ignored.to_string(),
            lag.partitions.to_string(),
            format!("{} ({})", lag.hottest, lag.hottest_messages),
        ]);
    }
    topics
}

fn tables(flush: &FlushStats) -> Table {
    let mut tables = table(&["table", "rows/s", "share of a writer"], 1..3);
    for table in &flush.tables {
        tables.add_row([
            table.table.clone(),
            format!("{:.0}", table.rows_per_second),
            format!("{:.0} %", 100.0 * table.busy),
        ]);
    }
    tables
}

fn letters(counted: &[DeadLetterStats]) -> Table {
    let mut letters = table(&["dead letters", "reason", "count", "command"], 2..3);
    let (first, more) = counted.split_at(counted.len().min(LETTERS));
    for one in first {
        letters.add_row([&one.topic, &one.reason, &one.count.to_string(), &one.command]);
    }
    if !more.is_empty() {
        let count: u64 = more.iter().map(|one| one.count).sum();
        let others = format!("{} others", more.len());
        letters.add_row([&others, "", &count.to_string(), "sluicegate dead-letters list"]);
    }
    letters
}

/// Counts of bytes are whole and not negative.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn bytes(count: f64) -> String {
    bytesize::ByteSize::b(count.max(0.0) as u64).to_string()
}

fn seconds(value: Option<f64>) -> String {
    match value {
        None => "–".to_owned(),
        Some(value) if value < 1.0 => format!("{:.0} ms", value * 1e3),
        Some(value) if value < 120.0 => format!("{value:.1} s"),
        Some(value) => humantime::format_duration(Duration::from_secs(value as u64)).to_string(),
    }
}
