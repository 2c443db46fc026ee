//! Messages, from when they come until the batch that covers them is durable.

use super::Pump;
use crate::flush::{NotWritten, WentBack};
use crate::message::Message;
use crate::pipeline::partitions::Arrival;
use crate::pipeline::timers::Timer;
use crate::pipeline::{Flushed, Now, PipelineError};
use std::sync::atomic::Ordering;
use tracing::warn;

impl Pump {
    /// A message came. Returns whether there is room for another one before the next [`Self::step`].
    pub fn message(&mut self, message: &Message<'_>, now: Now) -> bool {
        match self.take(message, now) {
            Arrival::InOrder => {}
            arrival => self.out_of_order(message, arrival),
        }
        self.seal_reason(now).is_none()
    }

    /// Appends a message to the open batch: as rows, as a dead letter, or as a counted skip. Returns how
    /// its offset follows the one before.
    fn take(&mut self, message: &Message<'_>, now: Now) -> Arrival {
        let Message { topic, partition, offset, timestamp_ms, .. } = *message;
        if !self.partitions.is(self.last, topic, partition) {
            // A message of a partition that was given up meanwhile: its next owner has it.
            let Some(id) = self.partitions.id(topic, partition) else { return Arrival::InOrder };
            self.last = id;
        }
        let Some(owner) = self.partitions.by_id_mut(self.last) else { return Arrival::InOrder };
        if offset < owner.next() {
            return Arrival::Back { expected: owner.next() };
        }
        let arrival = owner.arrive(offset);
        let (topic, open) = (&owner.name.topic, &mut self.batches.open);
        let taken = self.intake.take(topic, &owner.origin, message, now.micros, open);
        self.tally.message(topic, message.payload.map_or(0, <[u8]>::len));
        self.tally.taken(topic, taken);
        if let Some(end) = &mut self.until_end {
            end.consumed(&owner.name, offset);
        }
        open.cover(self.last, offset, timestamp_ms);
        if self.opened.is_none() {
            self.opened = Some(now.at);
            self.timers.set(Timer::BatchAge, now.at + self.setup.config.batch.age);
        }
        arrival
    }

    #[cold]
    fn out_of_order(&mut self, message: &Message<'_>, arrival: Arrival) {
        let Message { topic, partition, offset, .. } = *message;
        match arrival {
            Arrival::InOrder => {}
            Arrival::Gap { from } => {
                if let Some(partition) = self.partitions.by_id_mut(self.last) {
                    partition.gaps.note(from, offset);
                }
            }
            Arrival::Back { expected } => {
                warn!(
                    partition = %format_args!("{topic}/{partition}"),
                    offset,
                    expected,
                    "consume: the partition went back: its topic was deleted and recreated, or a leader lost records; asking where it begins now"
                );
                // The message may be of another topic than the partition's rows and dead letters.
                self.partitions.start_over_alone(self.last, offset);
            }
        }
    }

    /// A writer is done with a batch.
    ///
    /// # Errors
    /// If the batch cannot be written, however often we try.
    pub fn flushed(&mut self, flushed: Flushed, now: Now) -> Result<(), PipelineError> {
        let Flushed { batch, result, sealed_at } = flushed;
        let written = match result {
            Ok(written) => written,
            Err(NotWritten::Refused(refused)) => return Err(refused.into()),
            Err(NotWritten::WentBack(WentBack(instance))) => {
                // Its messages come again.
                self.batches.take_back(batch);
                self.went_back(&instance);
                return Ok(());
            }
        };
        self.timers.clear(Timer::Look);
        self.partitions.recorded(&written.recorded);
        self.metrics.flushed(&written, now.at.saturating_duration_since(sealed_at));
        self.metrics.latencies(batch.samples(), now.micros);
        self.partitions.flushed(batch.ranges());
        let progress = &self.setup.progress;
        progress.messages.fetch_add(batch.messages() as u64, Ordering::Relaxed);
        let rows: usize = written.tables.iter().map(|(_, rows, _)| rows).sum();
        progress.rows.fetch_add(rows as u64, Ordering::Relaxed);
        progress.dead_letters.fetch_add(written.dead_letters.len() as u64, Ordering::Relaxed);
        self.batches.take_back(batch);
        self.metrics.batches_in_flight.set(self.batches.under_way() as f64);
        Ok(())
    }
}
