//! What the pipeline counts: handles taken at start, counted per batch.

use crate::buffer::{Batch, Sample, Sealed};
use crate::config::Config;
use crate::datetime::Micros;
use crate::flush::{Written, WrittenMetrics};
use crate::mapping::Mapping;
use crate::metrics::catalog;
use crate::offsets::TopicPartition;
use crate::reject::Code;
use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use rustc_hash::FxBuildHasher;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

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
    written: WrittenMetrics,
    folded: Counter,
    sealed: HashMap<Sealed, Counter>,
    batch_rows: Histogram,
    batch_bytes: Histogram,
    batch_age: Histogram,
    event_latency: Histogram,
    kafka_latency: Histogram,
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
        let topics = config.kafka.subscription(&mapping.topic_names());
        Self {
            topics: topics.iter().map(|topic| (topic.clone(), TopicMetrics::new(topic))).collect(),
            events: mapping.labels.iter().map(event).collect(),
            written: WrittenMetrics::new(mapping, &topics),
            folded: counter!("sluicegate_buffer_folded_rows_total"),
            sealed: Sealed::ALL.into_iter().map(sealed).collect(),
            batch_rows: histogram!("sluicegate_buffer_batch_rows"),
            batch_bytes: histogram!("sluicegate_buffer_batch_bytes"),
            batch_age: histogram!("sluicegate_buffer_batch_age_seconds"),
            event_latency: histogram!("sluicegate_end_to_end_latency_seconds"),
            kafka_latency: histogram!("sluicegate_kafka_to_durable_latency_seconds"),
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
        self.written.flushed(written, took);
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
