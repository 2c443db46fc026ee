//! What a running instance is doing, for people: the JSON behind `GET /`, `GET /status` and
//! `sluicegate status`.
//!
//! Takes what `/metrics` says every two seconds, the health and the last warnings, and gives rates
//! over the last minute and ten minutes of history. Holds true: what it says is what Prometheus
//! sees, since it is read from there. docs/status.md tells what each field means.

mod limit;
mod reading;
mod recent;

use crate::clock;
use crate::config::Config;
use crate::health::Health;
use metrics::gauge;
use metrics_exporter_prometheus::PrometheusHandle;
use reading::{Reading, Span};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

pub use recent::{Line, Recent};

/// How often the metrics are read.
pub const EVERY: Duration = Duration::from_secs(2);
/// What rates and means are taken over.
const WINDOW: usize = 30;
/// What limits it is judged by this many: few enough to tell soon that something changed, enough
/// not to take a moment for a trend.
const RECENT: usize = 10;
/// Ten minutes.
const HISTORY: usize = 300;
/// Tables that are listed, the busiest first.
const TABLES: usize = 8;

/// What an instance is doing.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Status {
    /// Of the program.
    pub version: String,
    /// The consumer group.
    pub group: String,
    /// Host, port and database.
    pub mysql: String,
    /// When this was said, UTC.
    pub at: String,
    /// Since the process started.
    pub uptime_seconds: u64,
    /// What it waits for; none if it is at work.
    pub waits_for: Option<String>,
    /// What limits the throughput at present, and what to look at.
    pub limit: Limit,
    /// How much comes in and goes out.
    pub throughput: Throughput,
    /// What waits, by topic.
    pub lag: Vec<Lag>,
    /// How long it takes.
    pub latency: Latency,
    /// What batches are like.
    pub batches: Batches,
    /// Where the writers' time goes.
    pub flush: Flush,
    /// Bytes.
    pub memory: Memory,
    /// What could not be loaded since the start.
    pub dead_letters: Vec<DeadLetters>,
    /// The last warnings and errors, the newest first.
    pub log: Vec<Line>,
}

/// What limits the throughput.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// `outage`, `partition`, `data`, `mysql`, `sluicegate`, `transaction`, `unknown` or `nothing`.
    pub by: String,
    /// A sentence for people.
    pub text: String,
}

/// How much comes in and goes out.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Throughput {
    /// Messages taken from Kafka a second.
    pub messages_per_second: f64,
    /// Bytes of their values.
    pub bytes_per_second: f64,
    /// Row writes that are durable.
    pub rows_per_second: f64,
    /// Messages since the start.
    pub messages: u64,
    /// Row writes since the start.
    pub rows: u64,
    /// Row writes that folding saved since the start.
    pub folded: u64,
    /// What is between two values of the history.
    pub history_seconds: u64,
    /// Messages a second, the oldest first.
    pub messages_history: Vec<f64>,
    /// Row writes a second, the oldest first.
    pub rows_history: Vec<f64>,
}

/// What waits in a topic.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Lag {
    /// Topic.
    pub topic: String,
    /// Messages that are not committed yet.
    pub messages: u64,
    /// Age of the last durable message of the partition that is furthest behind.
    pub seconds: f64,
    /// Partitions that this instance has.
    pub partitions: usize,
    /// The partition with most of them.
    pub hottest: u32,
    /// How many those are.
    pub hottest_messages: u64,
}

/// Seconds until an event's row was durable; none if nothing came in the last minute.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Latency {
    /// From the event's own time, median.
    pub event_p50: Option<f64>,
    /// 99th percentile.
    pub event_p99: Option<f64>,
    /// From the message's time in Kafka, median.
    pub kafka_p50: Option<f64>,
    /// 99th percentile.
    pub kafka_p99: Option<f64>,
}

/// What the batches of the last minute were like.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Batches {
    /// Sealed a second.
    pub per_second: f64,
    /// Rows, mean.
    pub rows: Option<f64>,
    /// Bytes, mean.
    pub bytes: Option<f64>,
    /// Seconds from the first message until it was sealed, mean.
    pub age_seconds: Option<f64>,
    /// How many were sealed by rows, bytes, age or drain.
    pub sealed_by: BTreeMap<String, u64>,
}

/// Where the writers' time went in the last minute.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Flush {
    /// Connections that write.
    pub writers: u64,
    /// Those that are busy now.
    pub busy: u64,
    /// The share of the last minute in which they were, as far as it was looked at.
    pub busy_share: f64,
    /// Batches handed over and not yet durable.
    pub in_flight: u64,
    /// Whether reading is paused because of them.
    pub paused: bool,
    /// Seconds from sealed to durable, mean.
    pub seconds: Option<f64>,
    /// Of the COMMIT alone.
    pub commit_seconds: Option<f64>,
    /// The tables that took most time.
    pub tables: Vec<Table>,
    /// Failed attempts that were repeated in the last minute, by class.
    pub retries: BTreeMap<String, u64>,
}

/// What a table took in the last minute.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Table {
    /// Its name.
    pub table: String,
    /// Row writes a second.
    pub rows_per_second: f64,
    /// Seconds of a writer that went to it each second.
    pub busy: f64,
}

/// Bytes.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Memory {
    /// Values in batches.
    pub buffers: u64,
    /// The most that those may be.
    pub buffers_limit: u64,
    /// Resident.
    pub resident: u64,
    /// The setting `memory.limit`.
    pub limit: u64,
}

/// Dead letters of a topic for a reason.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeadLetters {
    /// Topic.
    pub topic: String,
    /// The code of the verdict.
    pub reason: String,
    /// How many since the start.
    pub count: u64,
    /// The command that shows them.
    pub command: String,
}

/// Reads the metrics now and then, and answers from what it has read.
pub struct Board {
    metrics: PrometheusHandle,
    process: metrics_process::Collector,
    health: Arc<Health>,
    recent: Recent,
    group: String,
    mysql: String,
    started: Instant,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    readings: VecDeque<Reading>,
    messages: VecDeque<f64>,
    rows: VecDeque<f64>,
}

impl Board {
    /// A board that has read nothing yet.
    #[must_use]
    pub fn new(
        metrics: PrometheusHandle,
        config: &Config,
        health: Arc<Health>,
        recent: Recent,
    ) -> Self {
        let process = metrics_process::Collector::default();
        process.describe();
        Self {
            metrics,
            process,
            health,
            recent,
            group: config.kafka.group_id().to_owned(),
            mysql: config.server.address(),
            started: clock::now(),
            seen: Mutex::default(),
        }
    }

    /// What Prometheus is told.
    #[must_use]
    pub fn metrics(&self) -> String {
        self.process.collect();
        gauge!("sluicegate_ready").set(f64::from(u8::from(self.health.ready().is_ok())));
        self.metrics.render()
    }

    /// Whether the instance is at work, else what it waits for.
    ///
    /// # Errors
    /// With what it waits for.
    pub fn ready(&self) -> Result<(), String> {
        self.health.ready()
    }

    /// Reads the metrics, for ever.
    pub async fn watch(self: Arc<Self>) {
        let mut looks = tokio::time::interval(EVERY);
        loop {
            looks.tick().await;
            self.look();
        }
    }

    fn look(&self) {
        let reading = Reading::parse(&self.metrics(), clock::now());
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = seen.readings.back() {
            let span = Span { from: last, to: &reading };
            let (messages, rows) = (
                span.rate("sluicegate_consume_messages_total"),
                span.rate("sluicegate_flush_rows_total"),
            );
            push(&mut seen.messages, messages, HISTORY);
            push(&mut seen.rows, rows, HISTORY);
        }
        push(&mut seen.readings, reading, WINDOW + 1);
    }

    /// What the instance is doing.
    #[must_use]
    pub fn status(&self) -> Status {
        let now = Reading::parse(&self.metrics(), clock::now());
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let since = |readings: usize| {
            let from = seen.readings.len().saturating_sub(readings);
            let span = Span { from: seen.readings.get(from).unwrap_or(&now), to: &now };
            let after = seen.readings.iter().skip(from + 1).chain([&now]);
            let busy = after.map(|reading| reading.sum("sluicegate_flush_writers_busy"));
            let (count, sum) =
                busy.fold((0.0, 0.0), |(count, sum), busy| (count + 1.0, sum + busy));
            (span, flush(span, sum / count))
        };
        let (span, flush) = since(WINDOW + 1);
        let (recent, recent_flush) = since(RECENT + 1);
        let waits_for = self.health.ready().err();
        let lag = lag(&now);
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            group: self.group.clone(),
            mysql: self.mysql.clone(),
            at: recent::now(),
            uptime_seconds: self.started.elapsed().as_secs(),
            limit: limit::limit(recent, waits_for.as_deref(), &lag, &recent_flush),
            throughput: Throughput {
                messages_per_second: span.rate("sluicegate_consume_messages_total"),
                bytes_per_second: span.rate("sluicegate_consume_bytes_total"),
                rows_per_second: span.rate("sluicegate_flush_rows_total"),
                messages: whole(now.sum("sluicegate_consume_messages_total")),
                rows: whole(now.sum("sluicegate_flush_rows_total")),
                folded: whole(now.sum("sluicegate_buffer_folded_rows_total")),
                history_seconds: EVERY.as_secs(),
                messages_history: seen.messages.iter().copied().collect(),
                rows_history: seen.rows.iter().copied().collect(),
            },
            latency: Latency {
                event_p50: span.quantile("sluicegate_end_to_end_latency_seconds", 0.5),
                event_p99: span.quantile("sluicegate_end_to_end_latency_seconds", 0.99),
                kafka_p50: span.quantile("sluicegate_kafka_to_durable_latency_seconds", 0.5),
                kafka_p99: span.quantile("sluicegate_kafka_to_durable_latency_seconds", 0.99),
            },
            batches: Batches {
                per_second: span.rate("sluicegate_buffer_batches_total"),
                rows: span.mean("sluicegate_buffer_batch_rows"),
                bytes: span.mean("sluicegate_buffer_batch_bytes"),
                age_seconds: span.mean("sluicegate_buffer_batch_age_seconds"),
                sealed_by: counts(span.growth_by("sluicegate_buffer_batches_total", "sealed_by")),
            },
            memory: Memory {
                buffers: whole(now.sum("sluicegate_buffer_bytes")),
                buffers_limit: whole(now.sum("sluicegate_buffer_limit_bytes")),
                resident: whole(now.sum("process_resident_memory_bytes")),
                limit: whole(now.sum("sluicegate_memory_limit_bytes")),
            },
            dead_letters: dead_letters(&now),
            log: self.recent.lines(),
            waits_for,
            flush,
            lag,
        }
    }
}

fn push<T>(queue: &mut VecDeque<T>, value: T, most: usize) {
    if queue.len() == most {
        queue.pop_front();
    }
    queue.push_back(value);
}

/// Counts are whole and not negative.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn whole(value: f64) -> u64 {
    value.max(0.0) as u64
}

fn counts(by: BTreeMap<String, f64>) -> BTreeMap<String, u64> {
    by.into_iter().map(|(key, value)| (key, whole(value))).collect()
}

fn lag(now: &Reading) -> Vec<Lag> {
    let labels = ["topic", "partition"];
    let seconds = now.by("sluicegate_consume_lag_seconds", labels);
    let assigned = now.by("sluicegate_consume_assigned", labels);
    let mut topics: BTreeMap<String, Lag> = BTreeMap::new();
    for (key, messages) in now.by("sluicegate_consume_lag_messages", labels) {
        // Those that it has had are somebody else's.
        if assigned.get(&key) != Some(&1.0) {
            continue;
        }
        let behind = seconds.get(&key).copied().unwrap_or_default();
        let [topic, partition] = key;
        let lag = topics.entry(topic.clone()).or_insert(Lag {
            topic,
            messages: 0,
            seconds: 0.0,
            partitions: 0,
            hottest: 0,
            hottest_messages: 0,
        });
        let messages = whole(messages);
        lag.messages += messages;
        lag.seconds = lag.seconds.max(behind);
        lag.partitions += 1;
        if messages >= lag.hottest_messages {
            lag.hottest = partition.parse().unwrap_or_default();
            lag.hottest_messages = messages;
        }
    }
    topics.into_values().collect()
}

fn flush(span: Span<'_>, busy_mean: f64) -> Flush {
    let now = span.to;
    let writers = now.sum("sluicegate_flush_writers");
    let rows = span.growth_by("sluicegate_flush_rows_total", "table");
    let seconds = span.growth_by("sluicegate_flush_statement_duration_seconds_sum", "table");
    let each_second = |value: f64| value / span.seconds().max(1e-9);
    let mut tables: Vec<Table> = rows
        .into_iter()
        .map(|(table, rows)| Table {
            rows_per_second: each_second(rows),
            busy: each_second(seconds.get(&table).copied().unwrap_or_default()),
            table,
        })
        .collect();
    tables.sort_by(|a, b| b.busy.total_cmp(&a.busy));
    tables.truncate(TABLES);
    Flush {
        writers: whole(writers),
        busy: whole(now.sum("sluicegate_flush_writers_busy")),
        busy_share: busy_mean / writers.max(1.0),
        in_flight: whole(now.sum("sluicegate_flush_batches_in_flight")),
        paused: now.sum("sluicegate_consume_paused") > 0.0,
        seconds: span.mean("sluicegate_flush_duration_seconds"),
        commit_seconds: span.mean("sluicegate_flush_commit_duration_seconds"),
        tables,
        retries: counts(span.growth_by("sluicegate_flush_retries_total", "class")),
    }
}

fn dead_letters(now: &Reading) -> Vec<DeadLetters> {
    let by = now.by("sluicegate_flush_dead_letters_total", ["topic", "reason"]);
    let mut letters: Vec<DeadLetters> = by
        .into_iter()
        .map(|([topic, reason], count)| DeadLetters {
            command: format!("sluicegate dead-letters list --topic {topic} --reason {reason}"),
            topic,
            reason,
            count: whole(count),
        })
        .collect();
    letters.sort_by_key(|letters| std::cmp::Reverse(letters.count));
    letters
}
