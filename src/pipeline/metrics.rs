//! What the pipeline counts: handles taken at start, counted per batch.

mod messages;
mod partition;

use crate::buffer::{Batch, Sample, SealReason};
use crate::config::Config;
use crate::datetime::Micros;
use crate::flush::{Written, WrittenMetrics};
use crate::mapping::Mapping;
use crate::metrics::catalog;
use crate::offsets::TopicPartition;
use messages::MessageMetrics;
use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use std::collections::HashMap;
use std::time::Duration;

pub(super) use messages::Tally;
pub(super) use partition::{PartitionMetrics, PartitionState};

/// Metrics of the pipeline.
#[derive(Debug)]
pub struct PipelineMetrics {
    messages: MessageMetrics,
    written: WrittenMetrics,
    folded: Counter,
    sealed: HashMap<SealReason, Counter>,
    batch_rows: Histogram,
    batch_bytes: Histogram,
    batch_age: Histogram,
    event_latency: Histogram,
    kafka_latency: Histogram,
    /// How often the database had lost what it had acknowledged.
    pub went_back: Counter,
    pub commits: Counter,
    pub commit_failures: Counter,
    /// Assignments and revocations.
    pub rebalances: Counter,
    pub partitions: Gauge,
    /// Members of the group that do not write to this database.
    pub strangers: Gauge,
    /// Bytes of values in batches that are filled or flushed.
    pub buffered_bytes: Gauge,
    /// Batches handed to writers and not yet durable.
    pub batches_in_flight: Gauge,
    /// 1 while consumption is paused because the writers are behind.
    pub paused: Gauge,
}

impl PipelineMetrics {
    /// Registers the metrics, and sets those that never change.
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
        let sealed = |reason: SealReason| {
            (reason, counter!("sluicegate_buffer_batches_total", "sealed_by" => reason.as_str()))
        };
        let topics = config.kafka.subscription(&mapping.topic_names());
        Self {
            messages: MessageMetrics::new(mapping, &topics),
            written: WrittenMetrics::new(mapping, &topics),
            folded: counter!("sluicegate_buffer_folded_rows_total"),
            sealed: SealReason::ALL.into_iter().map(sealed).collect(),
            batch_rows: histogram!("sluicegate_buffer_batch_rows"),
            batch_bytes: histogram!("sluicegate_buffer_batch_bytes"),
            batch_age: histogram!("sluicegate_buffer_batch_age_seconds"),
            event_latency: histogram!("sluicegate_end_to_end_latency_seconds"),
            kafka_latency: histogram!("sluicegate_kafka_to_durable_latency_seconds"),
            went_back: counter!("sluicegate_flush_database_went_back_total"),
            commits: counter!("sluicegate_commit_offsets_total"),
            commit_failures: counter!("sluicegate_commit_failures_total"),
            rebalances: counter!("sluicegate_consume_rebalances_total"),
            partitions: gauge!("sluicegate_consume_partitions"),
            strangers: gauge!("sluicegate_consume_foreign_members"),
            buffered_bytes: gauge!("sluicegate_buffer_bytes"),
            batches_in_flight: gauge!("sluicegate_flush_batches_in_flight"),
            paused: gauge!("sluicegate_consume_paused"),
        }
    }

    /// A batch was sealed: adds what was counted since the last one.
    pub(super) fn sealed(
        &mut self,
        reason: SealReason,
        batch: &Batch,
        age: Duration,
        tally: &mut Tally,
    ) {
        self.sealed[&reason].increment(1);
        self.batch_rows.record(batch.row_count() as f64);
        self.batch_bytes.record(batch.bytes() as f64);
        self.batch_age.record(age);
        self.folded.increment(batch.folded() as u64);
        self.messages.add(tally);
    }

    /// A batch is durable.
    pub fn flushed(&mut self, written: &Written, took: Duration) {
        self.written.flushed(written, took);
    }

    /// How long these events took to become durable, which they are now. Clocks differ: an event from
    /// the future took no time.
    pub fn latencies(&self, samples: &[Sample], now: Micros) {
        for Sample { event, kafka_ms } in samples {
            self.event_latency.record((now - event).max(0) as f64 / 1e6);
            if let Some(ms) = kafka_ms {
                self.kafka_latency.record((now / 1000 - ms).max(0) as f64 / 1e3);
            }
        }
    }

    /// By how many messages Kafka's offset was ahead of the database when a partition began.
    pub(super) fn kafka_ahead(
        &self,
        TopicPartition { topic, partition }: &TopicPartition,
        messages: i64,
    ) {
        let labels = [("topic", topic.to_string()), ("partition", partition.to_string())];
        gauge!("sluicegate_consume_kafka_ahead_messages", &labels).set(messages as f64);
    }

    /// A topic was deleted and recreated.
    pub(super) fn recreated(&self, topic: &str) {
        counter!("sluicegate_consume_recreated_partitions_total", "topic" => topic.to_owned())
            .increment(1);
    }

    /// At most this many records of a topic were deleted before they were read.
    pub fn lost(&self, topic: &str, messages: i64) {
        self.messages.lost(topic, messages);
    }
}
