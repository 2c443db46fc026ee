//! Every metric: declared once, handles taken at start, counted per batch.

use crate::buffer::Sealed;
use crate::flush::retry::Class;
use crate::mapping::Mapping;
use crate::reject::Code;
use metrics::{
    Counter, Gauge, Histogram, counter, describe_counter, describe_gauge, describe_histogram,
    gauge, histogram,
};
use rustc_hash::FxBuildHasher;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Buckets of durations, in seconds: from a fast statement to a long outage.
pub const SECONDS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0];
/// Buckets of rows in a batch.
pub const ROWS: [f64; 9] = [1.0, 10.0, 100.0, 500.0, 1000.0, 2500.0, 5000.0, 10_000.0, 25_000.0];

/// Whether the process can do its work, for `/readyz`.
#[derive(Debug, Default)]
pub struct Health {
    assigned: AtomicBool,
    troubles: Mutex<BTreeMap<Trouble, String>>,
}

/// Who waits for something to be over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// The preparation of the tables.
    Start,
    /// A writer.
    Writer(usize),
    /// The commit of offsets.
    Commit,
}

impl Trouble {
    /// What it has trouble with.
    const fn with(self) -> &'static str {
        match self {
            Self::Start | Self::Writer(_) => "MySQL",
            Self::Commit => "Kafka",
        }
    }
}

impl Health {
    /// The group has given this instance its partitions.
    pub fn set_assigned(&self, assigned: bool) {
        self.assigned.store(assigned, Ordering::Relaxed);
    }

    /// Something is being waited out; `None` when it is over.
    pub fn set_trouble(&self, trouble: Trouble, text: Option<String>) {
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        match text {
            Some(text) => drop(troubles.insert(trouble, text)),
            None => drop(troubles.remove(&trouble)),
        }
    }

    /// `Ok` when the process consumes and flushes, else what it waits for.
    ///
    /// # Errors
    /// With what is being waited for.
    pub fn ready(&self) -> Result<(), String> {
        let troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((trouble, text)) = troubles.first_key_value() {
            return Err(format!("{}: {text}", trouble.with()));
        }
        if self.assigned.load(Ordering::Relaxed) {
            Ok(())
        } else {
            Err("Kafka: no partitions assigned yet".to_owned())
        }
    }
}

/// Handles of the flush stage.
#[derive(Debug, Clone)]
pub struct FlushMetrics {
    retries: HashMap<Class, Counter>,
    health: Arc<Health>,
}

impl FlushMetrics {
    /// Takes the handles.
    #[must_use]
    pub fn new(health: Arc<Health>) -> Self {
        let retry = |class: Class| {
            (class, counter!("sluicegate_flush_retries_total", "class" => class.as_str()))
        };
        Self { retries: Class::ALL.into_iter().map(retry).collect(), health }
    }

    /// An attempt failed and will be repeated.
    pub(crate) fn retry(&self, writer: usize, class: Class, trouble: String) {
        self.retries[&class].increment(1);
        self.health.set_trouble(Trouble::Writer(writer), Some(trouble));
    }

    /// What failed before has worked.
    pub(crate) fn works(&self, writer: usize) {
        self.health.set_trouble(Trouble::Writer(writer), None);
    }

    /// The server refused an event that had passed validation, on account of this table.
    pub(crate) fn refused(&self, table: &str) {
        counter!("sluicegate_flush_refused_events_total", "table" => table.to_owned()).increment(1);
    }
}

/// Handles of one topic.
#[derive(Debug)]
struct TopicMetrics {
    messages: Counter,
    bytes: Counter,
    skipped: Counter,
    rejected: HashMap<Code, Counter>,
}

/// Handles of the pipeline.
#[derive(Debug)]
pub struct PipelineMetrics {
    topics: HashMap<String, TopicMetrics>,
    events: Vec<Counter>,
    rows: Vec<Counter>,
    statements: Vec<Counter>,
    dead_letters: Counter,
    folded: Counter,
    sealed: HashMap<Sealed, Counter>,
    batch_rows: Histogram,
    flush_seconds: Histogram,
    commit_seconds: Histogram,
    lag_seconds: Histogram,
    statement_bytes: Counter,
    /// Offsets handed to Kafka.
    pub commits: Counter,
    /// Commits that failed.
    pub commit_failures: Counter,
    /// Assignments and revocations.
    pub rebalances: Counter,
    /// Bytes of values in batches that are filled or flushed.
    pub buffered_bytes: Gauge,
    /// Batches handed to writers and not yet durable.
    pub batches_in_flight: Gauge,
    /// 1 while consumption is paused because the writers are behind.
    pub paused: Gauge,
}

/// Messages of one batch by topic and event type, counted with plain integers until the batch is
/// sealed.
#[derive(Debug)]
pub struct Tally {
    events: Vec<u64>,
    topics: hashbrown::HashMap<String, TopicTally, FxBuildHasher>,
}

#[derive(Debug, Default)]
struct TopicTally {
    messages: u64,
    bytes: u64,
    skipped: u64,
    rejected: HashMap<Code, u64>,
}

impl Tally {
    /// Nothing counted yet.
    #[must_use]
    pub fn new(mapping: &Mapping) -> Self {
        Self { events: vec![0; mapping.labels.len()], topics: hashbrown::HashMap::default() }
    }

    /// A message arrived.
    pub fn message(&mut self, topic: &Arc<str>, bytes: usize) {
        let tally = self.topic(topic);
        tally.messages += 1;
        tally.bytes += bytes as u64;
    }

    /// It was an event of this label.
    pub fn event(&mut self, label: usize) {
        self.events[label] += 1;
    }

    /// It was a tombstone.
    pub fn skipped(&mut self, topic: &Arc<str>) {
        self.topic(topic).skipped += 1;
    }

    /// It was faulty.
    pub fn rejected(&mut self, topic: &Arc<str>, code: Code) {
        *self.topic(topic).rejected.entry(code).or_default() += 1;
    }

    fn topic(&mut self, topic: &Arc<str>) -> &mut TopicTally {
        self.topics.entry_ref(&**topic).or_default()
    }
}

impl PipelineMetrics {
    /// Takes the handles.
    #[must_use]
    pub fn new(mapping: &Mapping) -> Self {
        describe();
        gauge!("sluicegate_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        let table = |name: &'static str| {
            mapping
                .tables
                .iter()
                .map(|table| counter!(name, "table" => table.name.clone()))
                .collect()
        };
        let event = |label: &crate::mapping::Label| counter!("sluicegate_decode_events_total", "topic" => label.topic.clone(), "event_type" => label.event_type.clone());
        let sealed = |reason: Sealed| {
            (reason, counter!("sluicegate_buffer_batches_total", "sealed_by" => reason.as_str()))
        };
        Self {
            topics: HashMap::new(),
            events: mapping.labels.iter().map(event).collect(),
            rows: table("sluicegate_flush_rows_total"),
            statements: table("sluicegate_flush_statements_total"),
            dead_letters: counter!("sluicegate_flush_dead_letters_total"),
            folded: counter!("sluicegate_buffer_folded_rows_total"),
            sealed: Sealed::ALL.into_iter().map(sealed).collect(),
            batch_rows: histogram!("sluicegate_buffer_batch_rows"),
            flush_seconds: histogram!("sluicegate_flush_duration_seconds"),
            commit_seconds: histogram!("sluicegate_flush_commit_duration_seconds"),
            lag_seconds: histogram!("sluicegate_end_to_end_latency_seconds"),
            statement_bytes: counter!("sluicegate_flush_statement_bytes_total"),
            commits: counter!("sluicegate_commit_offsets_total"),
            commit_failures: counter!("sluicegate_commit_failures_total"),
            rebalances: counter!("sluicegate_consume_rebalances_total"),
            buffered_bytes: gauge!("sluicegate_buffer_bytes"),
            batches_in_flight: gauge!("sluicegate_flush_batches_in_flight"),
            paused: gauge!("sluicegate_consume_paused"),
        }
    }

    /// A batch was sealed: passes on what was counted since the last one.
    pub fn sealed(&mut self, reason: Sealed, rows: usize, folded: usize, tally: &mut Tally) {
        self.sealed[&reason].increment(1);
        self.batch_rows.record(rows as f64);
        self.folded.increment(folded as u64);
        for (counter, count) in self.events.iter().zip(&mut tally.events) {
            if *count > 0 {
                counter.increment(std::mem::take(count));
            }
        }
        for (topic, tally) in &mut tally.topics {
            if !self.topics.contains_key(&**topic) {
                self.topics.insert(topic.to_string(), TopicMetrics::new(topic));
            }
            let metrics = &self.topics[&**topic];
            metrics.messages.increment(std::mem::take(&mut tally.messages));
            metrics.bytes.increment(std::mem::take(&mut tally.bytes));
            metrics.skipped.increment(std::mem::take(&mut tally.skipped));
            for (code, count) in tally.rejected.drain() {
                metrics.rejected[&code].increment(count);
            }
        }
    }

    /// A batch is durable.
    pub fn flushed(
        &self,
        written: &crate::flush::Written,
        took: std::time::Duration,
        oldest: Option<std::time::Duration>,
    ) {
        for &(table, rows, statements) in &written.tables {
            self.rows[table].increment(rows as u64);
            self.statements[table].increment(statements as u64);
        }
        self.dead_letters.increment(written.dead_letters as u64);
        self.statement_bytes.increment(written.bytes as u64);
        self.flush_seconds.record(took);
        self.commit_seconds.record(written.committing);
        if let Some(oldest) = oldest {
            self.lag_seconds.record(oldest);
        }
    }
}

impl TopicMetrics {
    fn new(topic: &str) -> Self {
        let topic = topic.to_owned();
        let rejected = |code: Code| {
            (
                code,
                counter!("sluicegate_decode_rejected_total", "topic" => topic.clone(), "reason" => code.as_str()),
            )
        };
        Self {
            messages: counter!("sluicegate_consume_messages_total", "topic" => topic.clone()),
            bytes: counter!("sluicegate_consume_bytes_total", "topic" => topic.clone()),
            skipped: counter!("sluicegate_consume_tombstones_total", "topic" => topic.clone()),
            rejected: Code::ALL.into_iter().map(rejected).collect(),
        }
    }
}

fn describe() {
    describe_gauge!("sluicegate_build_info", "Always 1; the label says which version runs");
    describe_counter!("sluicegate_consume_messages_total", "Messages taken from Kafka");
    describe_counter!("sluicegate_consume_bytes_total", "Bytes of their values");
    describe_counter!("sluicegate_consume_tombstones_total", "Messages without a value, skipped");
    describe_counter!(
        "sluicegate_consume_rebalances_total",
        "Times that partitions were assigned or revoked"
    );
    describe_gauge!("sluicegate_consume_paused", "1 while consumption waits for the writers");
    describe_gauge!(
        "sluicegate_consume_lag_messages",
        "Messages of a partition that are not consumed yet"
    );
    describe_counter!("sluicegate_decode_events_total", "Valid events");
    describe_counter!("sluicegate_decode_rejected_total", "Faulty messages: dead letters");
    describe_counter!("sluicegate_buffer_batches_total", "Sealed batches");
    describe_counter!("sluicegate_buffer_folded_rows_total", "Row writes saved by folding");
    describe_histogram!("sluicegate_buffer_batch_rows", "Rows of a sealed batch");
    describe_gauge!(
        "sluicegate_buffer_bytes",
        "Bytes of values in the batches that are filled or flushed"
    );
    describe_counter!("sluicegate_flush_rows_total", "Rows written");
    describe_counter!("sluicegate_flush_statements_total", "INSERT statements executed");
    describe_counter!("sluicegate_flush_statement_bytes_total", "Bytes of statement text");
    describe_counter!("sluicegate_flush_dead_letters_total", "Dead letters written");
    describe_counter!("sluicegate_flush_retries_total", "Failed attempts that were repeated");
    describe_counter!(
        "sluicegate_flush_refused_events_total",
        "Events that passed validation and that the server refused all the same: dead letters, and a fault of the mapping or of a constraint"
    );
    describe_histogram!(
        "sluicegate_flush_duration_seconds",
        "Time from the hand-over of a batch to its durability"
    );
    describe_histogram!("sluicegate_flush_commit_duration_seconds", "Time of the COMMIT alone");
    describe_gauge!(
        "sluicegate_flush_batches_in_flight",
        "Batches handed to writers and not yet durable"
    );
    describe_counter!("sluicegate_commit_offsets_total", "Offset commits handed to Kafka");
    describe_counter!(
        "sluicegate_commit_failures_total",
        "Offset commits that Kafka refused; they are repeated"
    );
    describe_histogram!(
        "sluicegate_end_to_end_latency_seconds",
        "Age of a batch's oldest message, by its Kafka timestamp, when the batch became durable"
    );
}

/// Sets the lag gauge of a partition.
pub fn set_lag(topic: &str, partition: i32, messages: i64) {
    gauge!("sluicegate_consume_lag_messages", "topic" => topic.to_owned(), "partition" => partition.to_string())
        .set(messages as f64);
}
