//! What the pump holds: the open batch, the free ones, and the watermarks.

use super::intake::{Intake, Message, Taken};
use super::metrics::{PipelineMetrics, Tally};
use super::until_end::UntilEnd;
use super::{Flushed, Now, POLL_BUSY, POLL_IDLE, PipelineError, Port, Sealed, Setup};
use crate::buffer::{self, Batch, Sample};
use crate::commit::{Arrival, Assignment};
use crate::flatten::Loaded;
use crate::offsets::{OffsetRange, Slot, TopicPartition};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Counts for whoever watches a run.
#[derive(Debug, Default)]
pub struct Progress {
    /// Messages that are durable.
    pub messages: AtomicU64,
    /// Rows that were written.
    pub rows: AtomicU64,
    /// Dead letters among them.
    pub dead_letters: AtomicU64,
    /// Messages that were there at the start and are not committed; only with `--until-end`.
    pub expected: AtomicU64,
}

pub(super) struct State {
    pub(super) setup: Setup,
    pub(super) assignment: Assignment,
    pub(super) metrics: PipelineMetrics,
    pub(super) open: Batch,
    pub(super) in_flight: usize,
    in_flight_bytes: usize,
    intake: Intake,
    tally: Tally,
    opened: Option<Instant>,
    free: Vec<Batch>,
    last_slot: Slot,
}

impl State {
    pub(super) fn new(setup: Setup, metrics: PipelineMetrics) -> Self {
        let batches = setup.config.flush.batches();
        Self {
            intake: Intake::new(&setup),
            assignment: Assignment::default(),
            metrics,
            tally: Tally::new(&setup.mapping),
            open: Batch::new(&setup.mapping),
            opened: None,
            free: (1..batches).map(|_| Batch::new(&setup.mapping)).collect(),
            in_flight: 0,
            in_flight_bytes: 0,
            last_slot: 0,
            setup,
        }
    }

    /// Appends a message to the open batch: as rows, as a dead letter, or as a counted skip. Tells how
    /// its offset goes with the one before.
    pub(super) fn take(
        &mut self,
        message: &Message<'_>,
        now: Now,
        until_end: Option<&mut UntilEnd>,
    ) -> Arrival {
        let Message { topic, partition, offset, timestamp_ms, .. } = *message;
        if !self.assignment.is_slot(self.last_slot, topic, partition) {
            // A message of a partition that was given up meanwhile: its next owner has it.
            let Some(slot) = self.assignment.slot(topic, partition) else {
                return Arrival::InOrder;
            };
            self.last_slot = slot;
        }
        let slot = self.last_slot;
        let Some((owner, arrival)) = self.assignment.arrive(slot, offset) else {
            return Arrival::InOrder;
        };
        let topic = &owner.topic;
        self.tally.message(topic, message.payload.map_or(0, <[u8]>::len));
        match self.intake.take(topic, message, now.micros, &mut self.open) {
            Taken::Skipped => self.tally.skipped(topic),
            Taken::Ignored(label) => self.tally.ignored(topic, label),
            Taken::Event(Loaded { label, timestamp, .. }) => {
                self.tally.event(label);
                self.open.note_event(Sample { event: timestamp, kafka_ms: timestamp_ms });
            }
            Taken::Rejected(code) => self.tally.rejected(topic, code),
        }
        if let Some(end) = until_end {
            end.consumed(owner, offset);
        }
        self.open.cover(slot, offset, timestamp_ms);
        self.opened.get_or_insert(now.at);
        arrival
    }

    /// Whether the open batch is to be sealed, and why. Old age alone is no reason while every
    /// writer is busy: it would only wait for one. Meanwhile it grows, and costs less a row.
    pub(super) fn due(&self, now: Now) -> Option<buffer::Sealed> {
        let age = now.at.saturating_duration_since(self.opened?);
        let reason =
            self.setup.config.batch.reached(self.open.row_count(), self.open.bytes(), age)?;
        (reason != buffer::Sealed::Age || self.has_idle_writer()).then_some(reason)
    }

    /// How long to wait for the next message.
    pub(super) fn patience(&self, now: Now) -> Duration {
        let idle = if self.in_flight > 0 { POLL_BUSY } else { POLL_IDLE };
        let age = self.setup.config.batch.age;
        let left = |opened: Instant| age.saturating_sub(now.at.saturating_duration_since(opened));
        match self.opened {
            Some(opened) if self.has_idle_writer() => left(opened).min(idle),
            _ => idle,
        }
    }

    fn has_idle_writer(&self) -> bool {
        self.in_flight < self.setup.config.flush.writers
    }

    /// Hands the open batch to the writers, unless all batches are under way.
    pub(super) fn seal(&mut self, reason: buffer::Sealed, now: Now, port: &mut impl Port) -> bool {
        let rows = self.open.row_count();
        if rows > 0 && self.free.is_empty() {
            return false;
        }
        let opened = self.opened.take().unwrap_or(now.at);
        let age = now.at.saturating_duration_since(opened);
        self.metrics.sealed(reason, &self.open, age, &mut self.tally);
        self.assignment.begin(self.open.ranges());
        if rows == 0 {
            // Nothing but tombstones and ignored events: there is nothing to wait for.
            self.assignment.finish(self.open.ranges());
            self.open.clear();
            return true;
        }
        let Some(fresh) = self.free.pop() else { return false };
        let batch = std::mem::replace(&mut self.open, fresh);
        self.in_flight += 1;
        self.in_flight_bytes += batch.bytes();
        self.metrics.batches_in_flight.set(self.in_flight as f64);
        let partition = |range: &OffsetRange| self.assignment.partition(range.slot);
        let partitions = batch.ranges().iter().map(|range| partition(range).cloned()).collect();
        port.write(Sealed { batch, partitions, sealed_at: now.at });
        true
    }

    /// Seals what is open, if anything is; tells whether nothing is open any more.
    pub(super) fn seal_open(&mut self, now: Now, port: &mut impl Port) -> bool {
        self.open.is_empty() || self.seal(buffer::Sealed::Drain, now, port)
    }

    /// Takes back a batch from a writer.
    pub(super) fn flushed(&mut self, flushed: Flushed, now: Now) -> Result<(), PipelineError> {
        let Flushed { mut batch, result, sealed_at } = flushed;
        let written = result?;
        self.metrics.flushed(&written, now.at.saturating_duration_since(sealed_at));
        self.metrics.latencies(batch.samples(), now.micros);
        self.assignment.finish(batch.ranges());
        let progress = &self.setup.progress;
        progress.messages.fetch_add(batch.messages() as u64, Ordering::Relaxed);
        let rows: usize = written.tables.iter().map(|(_, rows, _)| rows).sum();
        progress.rows.fetch_add(rows as u64, Ordering::Relaxed);
        progress.dead_letters.fetch_add(written.dead_letters.len() as u64, Ordering::Relaxed);
        self.in_flight -= 1;
        self.in_flight_bytes -= batch.bytes();
        self.metrics.batches_in_flight.set(self.in_flight as f64);
        batch.clear();
        // As much as one batch takes while it grows, see `config::check`.
        batch.shrink(2 * self.setup.config.batch.bytes);
        self.free.push(batch);
        Ok(())
    }

    /// Bytes of values in the batches that are filled or flushed.
    pub(super) fn buffered_bytes(&self) -> usize {
        self.open.bytes() + self.in_flight_bytes
    }

    /// Whether this instance has the partition.
    pub(super) fn owns(&self, partition: &TopicPartition) -> bool {
        self.assignment.slot(&partition.topic, partition.partition).is_some()
    }
}
