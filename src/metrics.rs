//! Every metric: declared once, handles taken at start, counted per batch.

pub mod catalog;

use crate::buffer::{Batch, Sample, Sealed};
use crate::config::Config;
use crate::datetime::Micros;
use crate::flush::{LastId, Written};
use crate::mapping::Mapping;
use crate::mysql::Class;
use crate::offsets::TopicPartition;
use crate::reject::Code;
use crate::schema::share_left;
use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use rustc_hash::FxBuildHasher;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

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
    /// The connection to Kafka, and what has to be asked of it before messages can be read.
    Kafka,
    /// The group, which does not take this instance.
    Group,
    /// The commit of offsets.
    Commit,
}

impl Trouble {
    /// What it has trouble with.
    const fn with(self) -> &'static str {
        match self {
            Self::Start | Self::Writer(_) => "MySQL",
            Self::Kafka | Self::Group | Self::Commit => "Kafka",
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
            Err("Kafka: no partitions assigned; is a broker reachable, do the topics exist, are there more instances than partitions?".to_owned())
        }
    }
}

/// Handles of the flush stage.
#[derive(Debug, Clone)]
pub struct FlushMetrics {
    retries: HashMap<Class, Counter>,
    busy: Gauge,
    health: Arc<Health>,
}

impl FlushMetrics {
    /// Takes the handles.
    #[must_use]
    pub fn new(health: Arc<Health>) -> Self {
        let retry = |class: Class| {
            (class, counter!("sluicegate_flush_retries_total", "class" => class.as_str()))
        };
        Self {
            retries: Class::ALL.into_iter().map(retry).collect(),
            busy: gauge!("sluicegate_flush_writers_busy"),
            health,
        }
    }

    /// A writer has a batch, or has none any more.
    pub(crate) fn set_busy(&self, busy: bool) {
        if busy {
            self.busy.increment(1.0);
        } else {
            self.busy.decrement(1.0);
        }
    }

    /// An attempt failed and will be repeated.
    pub(crate) fn retry(&self, writer: usize, class: Class, trouble: String) {
        self.retries[&class].increment(1);
        self.waits(writer, trouble);
    }

    /// A writer waits for the server.
    pub(crate) fn waits(&self, writer: usize, trouble: String) {
        self.health.set_trouble(Trouble::Writer(writer), Some(trouble));
    }

    /// What failed before has worked.
    pub(crate) fn works(&self, writer: usize) {
        self.health.set_trouble(Trouble::Writer(writer), None);
    }

    /// The server refused an event that had passed validation, on account of this table.
    pub(crate) fn refused(&self, table: &str) {
        refused_by(table).increment(1);
    }
}

/// Handles of one topic.
#[derive(Debug)]
struct TopicMetrics {
    messages: Counter,
    bytes: Counter,
    skipped: Counter,
    lost: Counter,
    ignored: Counter,
    rejected: HashMap<Code, Counter>,
}

/// Handles of the pipeline.
#[derive(Debug)]
pub struct PipelineMetrics {
    topics: HashMap<String, TopicMetrics>,
    events: Vec<Counter>,
    tables: Vec<TableMetrics>,
    dead_letters: HashMap<(Arc<str>, Code), Counter>,
    folded: Counter,
    sealed: HashMap<Sealed, Counter>,
    batch_rows: Histogram,
    batch_bytes: Histogram,
    batch_age: Histogram,
    flush_seconds: Histogram,
    commit_seconds: Histogram,
    event_latency: Histogram,
    kafka_latency: Histogram,
    statement_bytes: Counter,
    partitions_by_name: HashMap<TopicPartition, PartitionMetrics>,
    /// Lists of offsets that Kafka took.
    pub commits: Counter,
    /// Commits that failed.
    pub commit_failures: Counter,
    /// Assignments and revocations.
    pub rebalances: Counter,
    /// Partitions that this instance has.
    pub partitions: Gauge,
    /// Bytes of values in batches that are filled or flushed.
    pub buffered_bytes: Gauge,
    /// Batches handed to writers and not yet durable.
    pub batches_in_flight: Gauge,
    /// 1 while consumption is paused because the writers are behind.
    pub paused: Gauge,
}

/// Handles of one table.
#[derive(Debug)]
struct TableMetrics {
    name: String,
    /// The greatest AUTO_INCREMENT number that was told; updates tell those of old rows.
    last_id: u64,
    rows: Counter,
    statements: Counter,
    statement_seconds: Histogram,
}

/// Handles of one partition.
#[derive(Debug)]
struct PartitionMetrics {
    assigned: Gauge,
    lag: Gauge,
    lag_seconds: Gauge,
    unreadable: Gauge,
    durable: Gauge,
    committed: Gauge,
}

/// How far a partition is, as far as it is known.
#[derive(Debug, Default, Clone, Copy)]
pub struct PartitionState {
    /// Whether this instance has it.
    pub is_assigned: bool,
    /// Messages that are not committed yet.
    pub lag: Option<i64>,
    /// How long something has been waiting.
    pub lag_seconds: f64,
    /// Messages that an open transaction hides.
    pub unreadable: i64,
    /// The offset before which everything is durable.
    pub durable: Option<i64>,
    /// The offset that Kafka has.
    pub committed: Option<i64>,
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
    ignored: u64,
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

    /// It was an event of this label that the mapping ignores.
    pub fn ignored(&mut self, topic: &Arc<str>, label: usize) {
        self.event(label);
        self.topic(topic).ignored += 1;
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
    /// Takes the handles, and says what does not change.
    #[must_use]
    pub fn new(mapping: &Mapping, config: &Config) -> Self {
        catalog::describe();
        let revision = option_env!("SLUICEGATE_REVISION").unwrap_or("unknown");
        gauge!("sluicegate_build_info", "version" => env!("CARGO_PKG_VERSION"), "revision" => revision)
            .set(1.0);
        gauge!("sluicegate_flush_writers").set(config.flush.writers as f64);
        gauge!("sluicegate_memory_limit_bytes").set(config.memory_limit as f64);
        gauge!("sluicegate_buffer_limit_bytes")
            .set((config.flush.batches() * config.batch.bytes) as f64);
        let event = |label: &crate::mapping::Label| counter!("sluicegate_decode_events_total", "topic" => label.topic.clone(), "event_type" => label.event_type.clone());
        let sealed = |reason: Sealed| {
            (reason, counter!("sluicegate_buffer_batches_total", "sealed_by" => reason.as_str()))
        };
        // Counters begin at 0: one that began with the first fault would have no increase then.
        let topics = config.kafka.subscription(&mapping.topic_names());
        let mut dead_letters = HashMap::new();
        for topic in &topics {
            let name: Arc<str> = topic.as_str().into();
            let of = |code: Code| ((Arc::clone(&name), code), dead_letters_of(topic, code));
            dead_letters.extend(Code::ALL.map(of));
        }
        Self {
            topics: topics.iter().map(|topic| (topic.clone(), TopicMetrics::new(topic))).collect(),
            events: mapping.labels.iter().map(event).collect(),
            tables: mapping.tables.iter().map(|table| TableMetrics::new(&table.name)).collect(),
            dead_letters,
            folded: counter!("sluicegate_buffer_folded_rows_total"),
            sealed: Sealed::ALL.into_iter().map(sealed).collect(),
            batch_rows: histogram!("sluicegate_buffer_batch_rows"),
            batch_bytes: histogram!("sluicegate_buffer_batch_bytes"),
            batch_age: histogram!("sluicegate_buffer_batch_age_seconds"),
            flush_seconds: histogram!("sluicegate_flush_duration_seconds"),
            commit_seconds: histogram!("sluicegate_flush_commit_duration_seconds"),
            event_latency: histogram!("sluicegate_end_to_end_latency_seconds"),
            kafka_latency: histogram!("sluicegate_kafka_to_durable_latency_seconds"),
            statement_bytes: counter!("sluicegate_flush_statement_bytes_total"),
            partitions_by_name: HashMap::new(),
            commits: counter!("sluicegate_commit_offsets_total"),
            commit_failures: counter!("sluicegate_commit_failures_total"),
            rebalances: counter!("sluicegate_consume_rebalances_total"),
            partitions: gauge!("sluicegate_consume_partitions"),
            buffered_bytes: gauge!("sluicegate_buffer_bytes"),
            batches_in_flight: gauge!("sluicegate_flush_batches_in_flight"),
            paused: gauge!("sluicegate_consume_paused"),
        }
    }

    /// A batch was sealed: passes on what was counted since the last one.
    pub fn sealed(&mut self, reason: Sealed, batch: &Batch, age: Duration, tally: &mut Tally) {
        self.sealed[&reason].increment(1);
        self.batch_rows.record(batch.row_count() as f64);
        self.batch_bytes.record(batch.bytes() as f64);
        self.batch_age.record(age);
        self.folded.increment(batch.folded() as u64);
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
            metrics.ignored.increment(std::mem::take(&mut tally.ignored));
            for (code, count) in tally.rejected.drain() {
                metrics.rejected[&code].increment(count);
            }
        }
    }

    /// A batch is durable.
    pub fn flushed(&mut self, written: &Written, took: Duration) {
        for &(table, rows, statements) in &written.tables {
            self.tables[table].rows.increment(rows as u64);
            self.tables[table].statements.increment(statements as u64);
        }
        for &(table, took) in &written.statements {
            if let Some(table) = table {
                self.tables[table].statement_seconds.record(took);
            }
        }
        for (topic, code) in &written.dead_letters {
            let key = (Arc::clone(topic), *code);
            let counter = self.dead_letters.entry(key);
            counter.or_insert_with(|| dead_letters_of(topic, *code)).increment(1);
        }
        for last in &written.last_ids {
            self.tables[last.table].last_id(last);
        }
        self.statement_bytes.increment(written.bytes as u64);
        self.flush_seconds.record(took);
        self.commit_seconds.record(written.committing);
    }

    /// How long these events took until now, when they are durable. Clocks differ: what seems to
    /// come from the future took no time.
    pub fn latencies(&self, samples: &[Sample], now: Micros) {
        for Sample { event, kafka_ms } in samples {
            self.event_latency.record((now - event).max(0) as f64 / 1e6);
            if let Some(ms) = kafka_ms {
                self.kafka_latency.record((now / 1000 - ms).max(0) as f64 / 1e3);
            }
        }
    }

    /// So many records of a topic were deleted before they were read, at most.
    pub fn lost(&self, topic: &str, messages: i64) {
        if let Some(metrics) = self.topics.get(topic) {
            metrics.lost.increment(u64::try_from(messages).unwrap_or(0));
        }
    }

    /// How far a partition is.
    pub fn partition(&mut self, partition: &TopicPartition, state: &PartitionState) {
        // What nobody knows is not 0.
        if state.lag.is_none() {
            return;
        }
        if !self.partitions_by_name.contains_key(partition) {
            self.partitions_by_name.insert(partition.clone(), PartitionMetrics::new(partition));
        }
        let metrics = &self.partitions_by_name[partition];
        if let Some(lag) = state.lag {
            metrics.lag.set(lag as f64);
        }
        metrics.assigned.set(f64::from(u8::from(state.is_assigned)));
        metrics.lag_seconds.set(state.lag_seconds);
        metrics.unreadable.set(state.unreadable as f64);
        if let Some(durable) = state.durable {
            metrics.durable.set(durable as f64);
        }
        if let Some(committed) = state.committed {
            metrics.committed.set(committed as f64);
        }
    }
}

/// A table's AUTO_INCREMENT has this share of its numbers left.
pub fn room_left(table: &str, share: f64) {
    gauge!("sluicegate_flush_auto_increment_room_ratio", "table" => table.to_owned()).set(share);
}

fn dead_letters_of(topic: &str, code: Code) -> Counter {
    counter!("sluicegate_flush_dead_letters_total", "topic" => topic.to_owned(), "reason" => code.as_str())
}

fn refused_by(table: &str) -> Counter {
    counter!("sluicegate_flush_refused_events_total", "table" => table.to_owned())
}

impl TableMetrics {
    fn new(table: &str) -> Self {
        // To be there before the first is refused.
        drop(refused_by(table));
        let table = table.to_owned();
        Self {
            name: table.clone(),
            last_id: 0,
            rows: counter!("sluicegate_flush_rows_total", "table" => table.clone()),
            statements: counter!("sluicegate_flush_statements_total", "table" => table.clone()),
            statement_seconds: histogram!("sluicegate_flush_statement_duration_seconds", "table" => table),
        }
    }
}

impl TableMetrics {
    fn last_id(&mut self, told: &LastId) {
        if told.last > self.last_id {
            self.last_id = told.last;
            // A number beyond the greatest says that the column was widened meanwhile.
            let greatest = if told.last > told.greatest { u64::MAX } else { told.greatest };
            room_left(&self.name, share_left(greatest, told.last));
        }
    }
}

impl PartitionMetrics {
    fn new(TopicPartition { topic, partition }: &TopicPartition) -> Self {
        let labels = [("topic", topic.to_string()), ("partition", partition.to_string())];
        Self {
            assigned: gauge!("sluicegate_consume_assigned", &labels),
            lag: gauge!("sluicegate_consume_lag_messages", &labels),
            lag_seconds: gauge!("sluicegate_consume_lag_seconds", &labels),
            unreadable: gauge!("sluicegate_consume_unreadable_messages", &labels),
            durable: gauge!("sluicegate_commit_durable_offset", &labels),
            committed: gauge!("sluicegate_commit_committed_offset", &labels),
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
            lost: counter!("sluicegate_consume_lost_messages_total", "topic" => topic.clone()),
            ignored: counter!("sluicegate_decode_ignored_total", "topic" => topic.clone()),
            rejected: Code::ALL.into_iter().map(rejected).collect(),
        }
    }
}
