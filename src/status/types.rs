//! The fields of the status, as docs/status.md tells of them.

use super::recent::Line;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What an instance is doing.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Status {
    pub version: String,
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
    pub lag: Vec<TopicLag>,
    /// How long it takes.
    pub latency: Latency,
    /// What batches are like.
    pub batches: BatchStats,
    /// Where the writers' time goes.
    pub flush: FlushStats,
    /// What the database had forgotten, or never had.
    pub database: DatabaseStats,
    /// Bytes.
    pub memory: Memory,
    /// What could not be loaded since the start.
    pub dead_letters: Vec<DeadLetterStats>,
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

/// What the database had forgotten, or never had, since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseStats {
    /// How often it lacked what it had acknowledged.
    pub went_back: u64,
    /// How many messages are left to read again because it lacked them, by topic.
    pub kafka_ahead: BTreeMap<String, u64>,
    /// Members of the group that do not write to it.
    pub foreign_members: u64,
    /// All that as a sentence for people; none if there is nothing to say.
    pub text: Option<String>,
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
pub struct TopicLag {
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
    /// Events and messages without a value that were skipped on purpose since the start.
    pub ignored: u64,
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
pub struct BatchStats {
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
pub struct FlushStats {
    /// Connections that write.
    pub writers: u64,
    /// Those that are busy now.
    pub busy: u64,
    /// The share of the last minute in which they were, as far as it was looked at.
    pub busy_share: f64,
    /// BatchStats handed over and not yet durable.
    pub in_flight: u64,
    /// Whether reading is paused because of them.
    pub paused: bool,
    /// Seconds from sealed to durable, mean.
    pub seconds: Option<f64>,
    /// Of the COMMIT alone.
    pub commit_seconds: Option<f64>,
    /// The tables that took most time.
    pub tables: Vec<TableStats>,
    /// Failed attempts that were repeated in the last minute, by class.
    pub retries: BTreeMap<String, u64>,
}

/// What a table took in the last minute.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TableStats {
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
pub struct DeadLetterStats {
    pub topic: String,
    /// The code of the verdict.
    pub reason: String,
    /// How many since the start.
    pub count: u64,
    /// The command that shows them.
    pub command: String,
}
