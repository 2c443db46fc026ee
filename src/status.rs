//! What a running instance is doing, for people: the JSON behind `GET /`, `GET /status` and
//! `sluicegate status`.
//!
//! Takes what `/metrics` says every two seconds, the health and the last warnings, and gives rates
//! over the last minute and ten minutes of history. Holds true: what it says is what Prometheus
//! sees, since it is read from there. docs/status.md tells what each field means.

mod limit;
mod reading;
mod recent;
mod summary;
mod types;

use crate::clock;
use crate::config::Config;
use crate::health::Health;
use metrics::gauge;
use metrics_exporter_prometheus::PrometheusHandle;
use reading::{Interval, Reading};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use summary::{counts, database, dead_letters, flush, lag, whole};

pub use recent::{Line, Recent};
pub use types::{
    BatchStats, DeadLetterStats, FlushStats, Latency, Limit, Memory, Status, TableStats,
    Throughput, TopicLag,
};

/// How often the metrics are read.
pub const EVERY: Duration = Duration::from_secs(2);
/// What rates and means are taken over.
const WINDOW: usize = 30;
/// What limits it is judged by this many: few enough to tell soon that something changed, enough
/// not to take a moment for a trend.
const RECENT: usize = 10;
/// Ten minutes.
const HISTORY: usize = 300;

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
            group: config.kafka.group_id.clone(),
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
        let mut ticks = tokio::time::interval(EVERY);
        loop {
            ticks.tick().await;
            self.read();
        }
    }

    fn read(&self) {
        let reading = Reading::parse(&self.metrics(), clock::now());
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = seen.readings.back() {
            let interval = Interval { from: last, to: &reading };
            let (messages, rows) = (
                interval.rate("sluicegate_consume_messages_total"),
                interval.rate("sluicegate_flush_rows_total"),
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
            let interval = Interval { from: seen.readings.get(from).unwrap_or(&now), to: &now };
            let after = seen.readings.iter().skip(from + 1).chain([&now]);
            let busy = after.map(|reading| reading.sum("sluicegate_flush_writers_busy"));
            let (count, sum) =
                busy.fold((0.0, 0.0), |(count, sum), busy| (count + 1.0, sum + busy));
            (interval, flush(interval, sum / count))
        };
        let (interval, flush) = since(WINDOW + 1);
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
                messages_per_second: interval.rate("sluicegate_consume_messages_total"),
                bytes_per_second: interval.rate("sluicegate_consume_bytes_total"),
                rows_per_second: interval.rate("sluicegate_flush_rows_total"),
                messages: whole(now.sum("sluicegate_consume_messages_total")),
                rows: whole(now.sum("sluicegate_flush_rows_total")),
                folded: whole(now.sum("sluicegate_buffer_folded_rows_total")),
                history_seconds: EVERY.as_secs(),
                messages_history: seen.messages.iter().copied().collect(),
                rows_history: seen.rows.iter().copied().collect(),
            },
            latency: Latency {
                event_p50: interval.quantile("sluicegate_end_to_end_latency_seconds", 0.5),
                event_p99: interval.quantile("sluicegate_end_to_end_latency_seconds", 0.99),
                kafka_p50: interval.quantile("sluicegate_kafka_to_durable_latency_seconds", 0.5),
                kafka_p99: interval.quantile("sluicegate_kafka_to_durable_latency_seconds", 0.99),
            },
            batches: BatchStats {
                per_second: interval.rate("sluicegate_buffer_batches_total"),
                rows: interval.mean("sluicegate_buffer_batch_rows"),
                bytes: interval.mean("sluicegate_buffer_batch_bytes"),
                age_seconds: interval.mean("sluicegate_buffer_batch_age_seconds"),
                sealed_by: counts(
                    interval.growth_by("sluicegate_buffer_batches_total", "sealed_by"),
                ),
            },
            memory: Memory {
                buffers: whole(now.sum("sluicegate_buffer_bytes")),
                buffers_limit: whole(now.sum("sluicegate_buffer_limit_bytes")),
                resident: whole(now.sum("process_resident_memory_bytes")),
                limit: whole(now.sum("sluicegate_memory_limit_bytes")),
            },
            database: database(&now),
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
