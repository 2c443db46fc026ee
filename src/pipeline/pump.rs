//! Decides what to do next: the pipeline's logic, without IO and without a clock.
//!
//! Takes what happened (a message came, a batch is durable, Kafka replied, partitions change hands, a
//! stop was requested) and the time, and tells a [`Port`] what to do about it. Holds true: offsets are
//! handed over to Kafka only when everything before them is durable; a partition is given up only when
//! nothing of it is under way, or the time for that is over; there are never more batches than
//! configured. Absent: threads, channels, waiting. So a simulation can drive it through thousands of
//! crashes a minute, and does (`tests/sim`).
//!
//! ```text
//! Working ── partitions revoked ──▶ GivingUp ── drained, or too late ──▶ Working
//! Working ── stop, end reached ───▶ Stopping ── drained, or too late ──▶ done
//! ```

mod commits;
mod end;
mod messages;
mod news;
mod rebalances;
mod records;

use super::batches::Batches;
use super::begin::Begin;
use super::intake::Intake;
use super::metrics::{PipelineMetrics, Tally};
use super::partitions::Partitions;
use super::timers::{Timer, Timers};
use super::until_end::UntilEnd;
use super::{Now, SealedBatch, Setup};
use crate::buffer::SealReason;
use crate::offsets::{AssignmentId, OffsetRange, Offsets, TopicPartition};
use commits::Commits;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::info;

/// How long the writers may be behind before consumption is paused.
const PAUSE_AFTER: Duration = Duration::from_secs(1);
/// How long a stop waits to learn why offsets were left out.
const EXPLAIN_WITHIN: Duration = Duration::from_secs(2);

/// What the pump tells others to do. None of it blocks.
pub trait Port {
    /// Write this batch, and tell [`Pump::flushed`] when it is durable.
    fn write(&mut self, batch: SealedBatch);
    /// Record what is durable, look whether the database still has what it acknowledged, and tell
    /// [`Pump::recorded`]. There is one at a time.
    fn record(&mut self);
    /// Commit these offsets, and tell [`Pump::committed`] the outcome. There is one commit at a time.
    fn commit(&mut self, offsets: Offsets);
    /// Answer the earliest unanswered rebalance, an assignment: read its partitions from these offsets.
    fn begin(&mut self, begins: Offsets);
    /// Answer the earliest unanswered rebalance, a revocation.
    fn give_up(&mut self);
    /// Read these partitions, which are assigned, from these offsets on: no message that was read before
    /// may come after. Returns whether that worked for all.
    fn seek(&mut self, begins: &Offsets) -> bool;
    /// Stop fetching, or resume. Returns whether that worked.
    fn set_paused(&mut self, paused: bool) -> bool;
}

/// What to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// A message or any other news. Call [`Pump::step`] after this time at the latest.
    Poll(Duration),
    /// The same, but there is no room for a message.
    Wait(Duration),
    /// Nothing: the work is over. `false` if something was still under way at the deadline.
    Done(bool),
}

/// A rebalance to answer.
#[derive(Debug)]
enum Change {
    Assigned {
        begins: Vec<Begin>,
        /// The instance of the ledger in whose time the database was asked.
        asked: String,
    },
    Revoked {
        partitions: Vec<TopicPartition>,
        lost: bool,
    },
}

#[derive(Debug)]
enum Phase {
    Working,
    GivingUp { partitions: Vec<TopicPartition> },
    Stopping,
}

/// The state of the pipeline. It does nothing by itself. Its driver
///
/// 1. tells it everything that happens, in the order in which it happens: [`Pump::assigned`],
///    [`Pump::revoked`], [`Pump::message`], [`Pump::flushed`], [`Pump::recorded`], [`Pump::committed`],
///    [`Pump::stop`], and from time to time what it knows about partitions ([`Pump::positions`] and others);
/// 2. then calls [`Pump::step`], which does everything that is due through the [`Port`];
/// 3. then waits for what [`Next`] says, no longer than it says, and starts over.
///
/// The driver may call [`Pump::message`] several times between two steps, as long as it returns that
/// there is room. After [`Next::Done`] or an error, it calls nothing more.
pub struct Pump {
    setup: Setup,
    metrics: PipelineMetrics,
    phase: Phase,
    timers: Timers,
    partitions: Partitions,
    batches: Batches,
    intake: Intake,
    tally: Tally,
    /// When the first message of the open batch came.
    opened: Option<Instant>,
    /// The assignment of the last message.
    last: AssignmentId,
    changes: VecDeque<Change>,
    until_end: Option<UntilEnd>,
    paused: bool,
    is_asked_to_stop: bool,
    commits: Commits,
    /// Whether the database is recording what is durable.
    is_recording: bool,
    /// Where partitions begin again.
    again: Vec<Begin>,
    /// Topics already reported as deleted.
    deleted: BTreeSet<Arc<str>>,
}

impl Pump {
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        Self {
            metrics: PipelineMetrics::new(&setup.mapping, &setup.config),
            phase: Phase::Working,
            timers: Timers::default(),
            partitions: Partitions::new(Arc::clone(&setup.ledger)),
            batches: Batches::new(&setup),
            intake: Intake::new(&setup),
            tally: Tally::new(&setup.mapping),
            opened: None,
            last: 0,
            changes: VecDeque::new(),
            until_end: None,
            paused: false,
            is_asked_to_stop: false,
            commits: Commits::default(),
            is_recording: false,
            again: Vec::new(),
            deleted: BTreeSet::new(),
            setup,
        }
    }

    /// Makes the pump stop by itself when everything before this end is durable.
    pub(super) fn stop_at_end(&mut self, end: UntilEnd) {
        self.until_end = Some(end);
    }

    /// A stop was requested. The pump finishes what is under way, within `stop.timeout`.
    pub fn stop(&mut self, now: Now) {
        self.is_asked_to_stop = true;
        self.finish(now);
    }

    fn finish(&mut self, now: Now) {
        if !self.timers.is_set(Timer::Stop) {
            info!(
                batches = self.batches.under_way(),
                messages = self.batches.open.messages(),
                "stopping: flushing what is under way"
            );
            self.timers.set(Timer::Stop, now.at + self.setup.config.stop_timeout);
        }
    }

    /// Whether the pump is finishing what it has, so that it needs [`Self::positions`] now.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        !matches!(self.phase, Phase::Working)
            || self.timers.is_set(Timer::Stop)
            || self.until_end.as_ref().is_some_and(UntilEnd::is_reached)
    }

    /// Whether consumption is paused: polling then returns no messages, but keeps the membership.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// Whether the database or Kafka is about to reply.
    #[must_use]
    pub fn awaits_reply(&self) -> bool {
        self.batches.under_way() > 0 || self.is_recording || self.commits.is_open()
    }

    /// Does what is due, and returns what to wait for.
    pub fn step(&mut self, now: Now, port: &mut impl Port) -> Next {
        loop {
            self.record(now, port);
            self.commit(now, port);
            match &self.phase {
                Phase::Working => {
                    if self.timers.is_set(Timer::Stop) {
                        self.enter(Phase::Stopping, now);
                        self.timers.set(Timer::Explain, now.at + EXPLAIN_WITHIN);
                    } else if let Some(change) = self.changes.pop_front() {
                        self.change(change, now, port);
                    } else if !self.again.is_empty()
                        && !self.timers.is_ahead(Timer::SeekAgain, now.at)
                    {
                        self.seek(now, port);
                    } else if self.until_end.as_ref().is_some_and(UntilEnd::is_reached) {
                        // No deadline here: no stop was requested.
                        if !self.seal_open(now, port) || self.batches.under_way() > 0 {
                            return self.wait_for_a_writer(now, port);
                        }
                        if !self.gaps_are_explained() {
                            return self.wait(now);
                        }
                        self.finish(now);
                    } else {
                        return self.work(now, port);
                    }
                }
                Phase::GivingUp { .. } => {
                    let drained = self.seal_open(now, port) && self.revoked_are_flushed();
                    let too_late = self.timers.is_over(Timer::GiveUp, now.at)
                        || self.timers.is_over(Timer::Stop, now.at);
                    if !(drained && self.commits_are_settled() || too_late) {
                        return self.wait(now);
                    }
                    self.give_up(port);
                }
                Phase::Stopping => {
                    self.timers.expire(Timer::Explain, now.at);
                    let drained = self.seal_open(now, port) && self.batches.under_way() == 0;
                    let explained =
                        self.gaps_are_explained() || !self.timers.is_set(Timer::Explain);
                    let done = drained && self.commits_are_settled() && explained;
                    if done || self.timers.is_over(Timer::Stop, now.at) {
                        return Next::Done(done);
                    }
                    return self.wait(now);
                }
            }
        }
    }

    fn enter(&mut self, phase: Phase, now: Now) {
        self.phase = phase;
        self.hasten_commit(now);
    }

    /// Fills the open batch, and hands it over when it is due.
    fn work(&mut self, now: Now, port: &mut impl Port) -> Next {
        if let Some(reason) = self.seal_reason(now)
            && !self.seal(reason, now, port)
        {
            return self.wait_for_a_writer(now, port);
        }
        self.timers.clear(Timer::Pause);
        if self.paused && port.set_paused(false) {
            info!("consume: resumed");
            self.paused = false;
            self.metrics.paused.set(0.0);
            if let Some(end) = &mut self.until_end {
                end.interrupted();
            }
        }
        // While every writer is busy, age does not seal a batch.
        let timers = match self.batches.has_idle_writer() {
            true => {
                &[Timer::CommitAgain, Timer::Record, Timer::Look, Timer::SeekAgain, Timer::BatchAge]
                    [..]
            }
            false => &[Timer::CommitAgain, Timer::Record, Timer::Look, Timer::SeekAgain],
        };
        Next::Poll(self.timers.until(timers, now.at))
    }

    /// Every batch is under way, so we stop reading. If that takes long, we pause the partitions, so that
    /// we can poll the consumer and stay in the group.
    fn wait_for_a_writer(&mut self, now: Now, port: &mut impl Port) -> Next {
        if !self.paused {
            self.timers.set_if_unset(Timer::Pause, now.at + PAUSE_AFTER);
            if self.timers.expire(Timer::Pause, now.at) {
                self.paused = port.set_paused(true);
                if self.paused {
                    info!("consume: paused; the writers are behind");
                    self.metrics.paused.set(1.0);
                }
            }
        }
        // Only here does anything happen when that timer is due; elsewhere the driver would spin.
        let timers = [Timer::Pause, Timer::CommitAgain, Timer::Record, Timer::Look];
        Next::Wait(self.timers.until(&timers, now.at))
    }

    fn wait(&self, now: Now) -> Next {
        let timers = [
            Timer::CommitAgain,
            Timer::Record,
            Timer::Look,
            Timer::GiveUp,
            Timer::Explain,
            Timer::Stop,
        ];
        Next::Wait(self.timers.until(&timers, now.at))
    }

    /// Whether to seal the open batch, and why. Age alone is not a reason while every writer is busy: the
    /// batch would only wait for one. Meanwhile it grows, and costs less a row.
    fn seal_reason(&self, now: Now) -> Option<SealReason> {
        let age = now.at.saturating_duration_since(self.opened?);
        let open = &self.batches.open;
        let reason = self.setup.config.batch.reached(open.row_count(), open.bytes(), age)?;
        (reason != SealReason::Age || self.batches.has_idle_writer()).then_some(reason)
    }

    /// Hands the open batch to the writers, unless all batches are under way.
    fn seal(&mut self, reason: SealReason, now: Now, port: &mut impl Port) -> bool {
        let rows = self.batches.open.row_count();
        if rows > 0 && !self.batches.has_free() {
            return false;
        }
        let opened = self.opened.take().unwrap_or(now.at);
        self.timers.clear(Timer::BatchAge);
        let (open, age) = (&self.batches.open, now.at.saturating_duration_since(opened));
        self.metrics.sealed(reason, open, age, &mut self.tally);
        self.partitions.sealed(open.ranges());
        if rows == 0 {
            // Only tombstones and ignored events: there is nothing to write.
            self.partitions.flushed(open.ranges());
            self.batches.open.clear();
            return true;
        }
        let Some(batch) = self.batches.hand_over() else { return false };
        self.metrics.batches_in_flight.set(self.batches.under_way() as f64);
        let source = |range: &OffsetRange| {
            self.partitions.by_id(range.assignment).map(|partition| partition.source())
        };
        let sources = batch.ranges().iter().map(source).collect();
        port.write(SealedBatch { batch, sources, sealed_at: now.at });
        true
    }

    /// Seals the open batch unless it is empty. Returns whether nothing is open any more.
    fn seal_open(&mut self, now: Now, port: &mut impl Port) -> bool {
        self.batches.open.is_empty() || self.seal(SealReason::Drain, now, port)
    }
}
