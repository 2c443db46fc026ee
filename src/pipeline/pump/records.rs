//! How the database's own rows keep up with what is durable, and what happens when it has gone back.
//!
//! Every batch carries its rows along. A transaction of its own is for what no batch carries: where a
//! partition begins, ranges of skips alone, the last ranges before a stop or a rebalance; and for a look
//! at a database that nothing is written to. It waits for no writer.

use super::{Phase, Port, Pump};
use crate::consume::PartitionFacts;
use crate::flush::{NotWritten, WentBack};
use crate::ledger::Ledger;
use crate::offsets::{AssignmentId, Offsets, TopicPartition};
use crate::pipeline::begin::{self, Begin, NoBegin, Surprise};
use crate::pipeline::timers::Timer;
use crate::pipeline::{Now, PipelineError};
use std::time::Duration;
use tracing::{error, warn};

/// How long what is durable may wait for a batch to carry it.
const RECORD_AFTER: Duration = Duration::from_secs(1);
/// How often to look at a database that nothing is written to.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// The pause before a partition is sought again: librdkafka cannot while it is still starting it.
const SEEK_AGAIN: Duration = Duration::from_millis(100);

impl Pump {
    /// What the database is known to hold.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.setup.ledger
    }

    /// Has the database record what is durable, if that cannot wait any longer or a look is due.
    pub(super) fn record(&mut self, now: Now, port: &mut impl Port) {
        if self.is_recording {
            return;
        }
        if self.partitions.has_unrecorded() {
            self.timers.set_if_unset(Timer::Record, now.at + RECORD_AFTER);
        } else {
            self.timers.clear(Timer::Record);
        }
        if self.partitions.len() > 0 {
            self.timers.set_if_unset(Timer::Look, now.at + LOOK_EVERY);
        }
        let is_due = self.partitions.has_new()
            || self.timers.is_over(Timer::Record, now.at)
            || self.timers.is_over(Timer::Look, now.at)
            || self.is_last_chance();
        if is_due {
            self.is_recording = true;
            self.timers.clear(Timer::Record);
            self.timers.clear(Timer::Look);
            port.record();
        }
    }

    /// The database has recorded what was asked of it, or it went back.
    ///
    /// # Errors
    /// If it cannot record, however often we try.
    pub fn recorded(
        &mut self,
        result: Result<Vec<(AssignmentId, i64)>, NotWritten>,
    ) -> Result<(), PipelineError> {
        self.is_recording = false;
        match result {
            Ok(recorded) => self.partitions.recorded(&recorded),
            Err(NotWritten::Refused(refused)) => return Err(refused.into()),
            Err(NotWritten::WentBack(WentBack(instance))) => self.went_back(&instance),
        }
        Ok(())
    }

    /// Whether nothing but a record is missing until partitions are given up, or we stop.
    fn is_last_chance(&self) -> bool {
        match &self.phase {
            Phase::Working => false,
            Phase::GivingUp { .. } => {
                self.revoked_are_flushed() && self.partitions.has_unrecorded()
            }
            Phase::Stopping => self.batches.under_way() == 0 && self.partitions.has_unrecorded(),
        }
    }

    /// The database lacks what it had acknowledged to this instance of the ledger, so nothing counts that
    /// we believed to be durable. All partitions begin again, at what the database still holds.
    pub fn went_back(&mut self, instance: &str) {
        if self.setup.ledger.instance() != instance {
            // Another writer has noticed before.
            return;
        }
        error!(
            partitions = self.partitions.len(),
            "flush: the database went back in time: it lacks transactions that it had acknowledged (a failover to a server without them, or a restored backup); reading again what it does not hold"
        );
        self.metrics.went_back.increment(1);
        self.partitions.start_over();
        self.batches.open.clear();
        self.opened = None;
        self.timers.clear(Timer::BatchAge);
        self.timers.clear(Timer::SeekAgain);
        self.again.clear();
        if let Some(end) = &mut self.until_end {
            end.started_over();
            if !self.is_asked_to_stop {
                // It was stopping because the end seemed to be reached.
                self.timers.clear(Timer::Stop);
                self.timers.clear(Timer::Explain);
                if matches!(self.phase, Phase::Stopping) {
                    self.phase = Phase::Working;
                }
            }
        }
    }

    /// How many members of the group have partitions and do not write to this database.
    pub(in crate::pipeline) fn strangers(&self, members: usize) {
        self.metrics.strangers.set(members as f64);
    }

    /// Whether partitions begin again, because the database or their messages went back.
    #[must_use]
    pub fn is_starting_over(&self) -> bool {
        !self.partitions.starting_over().is_empty()
    }

    /// The partitions that begin again. Ask Kafka and the database about them, and tell
    /// [`Self::begin_again`].
    #[must_use]
    pub fn starting_over(&self) -> Vec<TopicPartition> {
        let is_known =
            |name: &&TopicPartition| self.again.iter().any(|begin| begin.partition == **name);
        let left = self.partitions.starting_over().keys().filter(|name| !is_known(name));
        left.cloned().collect()
    }

    /// Where partitions begin again; see [`Self::assigned`].
    ///
    /// # Errors
    /// As [`Self::assigned`].
    pub fn begin_again(&mut self, facts: &[PartitionFacts], asked: &str) -> Result<(), NoBegin> {
        if self.setup.ledger.instance() != asked {
            return Ok(());
        }
        let reset = self.setup.config.kafka.reset;
        let starting_over = self.partitions.starting_over();
        // Others were revoked meanwhile.
        let ours = facts.iter().filter(|facts| starting_over.contains_key(&facts.partition));
        let begins = ours.map(|facts| Ok(self.partitions.begin_again(begin::begin(facts, reset)?)));
        self.again = begins.collect::<Result<_, _>>()?;
        Ok(())
    }

    /// Seeks the partitions whose new beginning is known.
    pub(super) fn seek(&mut self, now: Now, port: &mut impl Port) {
        self.timers.clear(Timer::SeekAgain);
        let again = std::mem::take(&mut self.again);
        // Those that were revoked meanwhile do not matter any more.
        let ours = again.into_iter().filter_map(|begin| {
            let durable = *self.partitions.starting_over().get(&begin.partition)?;
            Some((begin, durable))
        });
        let ours: Vec<_> = ours.collect();
        let begins: Offsets =
            ours.iter().map(|(begin, _)| (begin.partition.clone(), begin.offset)).collect();
        if begins.is_empty() {
            return;
        }
        if !port.seek(&begins) {
            self.again = ours.into_iter().map(|(begin, _)| begin).collect();
            self.timers.set(Timer::SeekAgain, now.at + SEEK_AGAIN);
            return;
        }
        for (begin, durable) in ours {
            warn!(
                partition = %begin.partition,
                from = durable,
                to = begin.offset,
                messages = (durable - begin.offset).max(0),
                "consume: reading again from an earlier offset"
            );
            self.partitions.assign(&begin, now.micros / 1000);
            // That line has said it.
            let is_else = |surprise: &Surprise| !matches!(surprise, Surprise::Ahead { .. });
            let surprises = begin.surprises.iter().copied().filter(is_else).collect();
            self.say(&Begin { surprises, ..begin });
        }
    }
}
