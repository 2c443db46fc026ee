//! What the consuming thread holds: the open batch, the free ones, and the watermarks.

use super::until_end::UntilEnd;
use super::{Flushed, POLL_BUSY, POLL_IDLE, PipelineError, Sealed, Setup};
use crate::buffer::{self, Batch};
use crate::commit::Assignment;
use crate::dead_letter::{DeadLetter, Origin};
use crate::flatten::Flattener;
use crate::metrics::{PipelineMetrics, Tally};
use rdkafka::Message;
use rdkafka::message::BorrowedMessage;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc::Sender;

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

/// Everything but the consumer, whose messages are borrowed from it.
pub(super) struct State {
    pub(super) setup: Setup,
    pub(super) flattener: Flattener,
    pub(super) assignment: Assignment,
    pub(super) metrics: PipelineMetrics,
    pub(super) tally: Tally,
    pub(super) open: Batch,
    pub(super) opened: Option<Instant>,
    /// Kafka's timestamp of the oldest message in the open batch, in milliseconds since 1970.
    pub(super) oldest_ms: Option<i64>,
    pub(super) free: Vec<Batch>,
    pub(super) in_flight: usize,
    pub(super) in_flight_bytes: usize,
    pub(super) last_slot: buffer::Slot,
    pub(super) sealed: Sender<Sealed>,
    pub(super) flushed: Receiver<Flushed>,
}

impl State {
    pub(super) fn new(
        setup: Setup,
        metrics: PipelineMetrics,
        sealed: Sender<Sealed>,
        flushed: Receiver<Flushed>,
    ) -> Self {
        let batches = setup.config.flush.batches();
        Self {
            flattener: Flattener::new(Arc::clone(&setup.mapping), setup.json_limits),
            assignment: Assignment::default(),
            metrics,
            tally: Tally::new(&setup.mapping),
            open: Batch::new(&setup.mapping),
            opened: None,
            oldest_ms: None,
            free: (1..batches).map(|_| Batch::new(&setup.mapping)).collect(),
            in_flight: 0,
            in_flight_bytes: 0,
            last_slot: 0,
            sealed,
            flushed,
            setup,
        }
    }

    /// Appends a message to the open batch: as rows, as a dead letter, or as a counted skip.
    pub(super) fn take(&mut self, message: &BorrowedMessage<'_>, until_end: Option<&mut UntilEnd>) {
        let (topic, partition, offset) = (message.topic(), message.partition(), message.offset());
        if !self.assignment.is_slot(self.last_slot, topic, partition) {
            // A message of a partition that was given up meanwhile: its next owner has it.
            let Some(slot) = self.assignment.slot(topic, partition) else { return };
            self.last_slot = slot;
        }
        let slot = self.last_slot;
        let Some(owner) = self.assignment.partition(slot) else { return };
        let topic = &owner.topic;
        let mapped_name = self.setup.config.kafka.mapped_name(topic);
        let bytes = message.payload_len();
        self.tally.message(topic, bytes);
        let timestamp_ms = message.timestamp().to_millis();
        match message.payload() {
            None => self.tally.skipped(topic),
            Some(payload) => match self.flattener.load(mapped_name, payload, &mut self.open) {
                Ok(loaded) => self.tally.event(loaded.label),
                Err(faulty) => {
                    self.tally.rejected(topic, faulty.reject.code);
                    let origin = Origin {
                        topic: Arc::clone(topic),
                        partition,
                        offset,
                        key: message.key(),
                        bytes,
                        timestamp_ms,
                    };
                    let setup = &self.setup;
                    self.open.push_dead_letter(DeadLetter::new(
                        origin,
                        *faulty,
                        &setup.mapping.secrets,
                        setup.config.dead_letter_payload_bytes,
                        now_micros(),
                    ));
                }
            },
        }
        if let Some(end) = until_end {
            end.consumed(owner, offset);
        }
        self.open.cover(slot, offset);
        self.opened.get_or_insert_with(Instant::now);
        self.oldest_ms = match (self.oldest_ms, timestamp_ms) {
            (Some(oldest), Some(this)) => Some(oldest.min(this)),
            (oldest, this) => oldest.or(this),
        };
    }

    /// Whether the open batch is to be sealed, and why.
    pub(super) fn due(&self) -> Option<buffer::Sealed> {
        let age = self.opened?.elapsed();
        self.setup.config.batch.reached(self.open.row_count(), self.open.bytes(), age)
    }

    /// How long to wait for the next message.
    pub(super) fn patience(&self) -> Duration {
        let idle = if self.in_flight > 0 { POLL_BUSY } else { POLL_IDLE };
        let age = self.setup.config.batch.age;
        self.opened.map_or(idle, |opened| age.saturating_sub(opened.elapsed()).min(idle))
    }

    /// Hands the open batch to the writers, unless all batches are under way.
    pub(super) fn seal(&mut self, reason: buffer::Sealed) -> bool {
        let rows = self.open.row_count();
        if rows > 0 && self.free.is_empty() {
            return false;
        }
        self.metrics.sealed(reason, rows, self.open.folded(), &mut self.tally);
        self.assignment.begin(self.open.ranges());
        self.opened = None;
        let oldest_ms = self.oldest_ms.take();
        if rows == 0 {
            // Nothing but tombstones: there is nothing to wait for.
            self.assignment.finish(self.open.ranges());
            self.open.clear();
            return true;
        }
        let Some(fresh) = self.free.pop() else { return false };
        let batch = std::mem::replace(&mut self.open, fresh);
        self.in_flight += 1;
        self.in_flight_bytes += batch.bytes();
        self.metrics.batches_in_flight.set(self.in_flight as f64);
        let sealed = Sealed { batch, sealed_at: Instant::now(), oldest_ms };
        let sent = self.sealed.try_send(sealed);
        debug_assert!(sent.is_ok(), "there is room for every batch, and writers outlive the pump");
        true
    }

    /// Takes back the batches that are durable by now.
    pub(super) fn take_flushed(&mut self) -> Result<(), PipelineError> {
        while let Ok(flushed) = self.flushed.try_recv() {
            self.finished(flushed)?;
        }
        Ok(())
    }

    /// The same, waiting for the first one.
    pub(super) fn wait_flushed(&mut self, timeout: Duration) -> Result<(), PipelineError> {
        if let Ok(flushed) = self.flushed.recv_timeout(timeout) {
            self.finished(flushed)?;
        }
        self.take_flushed()
    }

    fn finished(&mut self, flushed: Flushed) -> Result<(), PipelineError> {
        let Flushed { mut batch, result, took, oldest_ms } = flushed;
        let written = result?;
        let age = oldest_ms.map(|ms| now_micros() / 1000 - ms);
        let age = age.and_then(|ms| u64::try_from(ms).ok()).map(Duration::from_millis);
        self.metrics.flushed(&written, took, age);
        self.assignment.finish(batch.ranges());
        let progress = &self.setup.progress;
        progress.messages.fetch_add(batch.messages() as u64, Ordering::Relaxed);
        let rows: usize = written.tables.iter().map(|(_, rows, _)| rows).sum();
        progress.rows.fetch_add(rows as u64, Ordering::Relaxed);
        progress.dead_letters.fetch_add(written.dead_letters as u64, Ordering::Relaxed);
        self.in_flight -= 1;
        self.in_flight_bytes -= batch.bytes();
        self.metrics.batches_in_flight.set(self.in_flight as f64);
        batch.clear();
        // As much as one batch takes while it grows, see `config::check`.
        batch.shrink(2 * self.setup.config.batch.bytes);
        self.free.push(batch);
        Ok(())
    }
}

fn now_micros() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
