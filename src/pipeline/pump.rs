//! What is to be done next: the pipeline's logic, without IO and without a clock.
//!
//! Takes what happened (a message came, a batch is durable, Kafka answered, partitions change
//! hands, somebody wants it to stop) and the time, and tells a [`Port`] what to do about it. Holds
//! true: offsets are handed to Kafka only when everything before them is durable; a partition is
//! given up only when nothing of it is under way, or the time for that is over; there are never
//! more batches than configured. Absent: threads, channels, waiting. So a simulation can drive it
//! through thousands of crashes a minute, and does (`tests/sim`).
//!
//! ```text
//! Working ── partitions revoked ──▶ GivingUp ── drained, or too late ──▶ Working
//! Working ── stop, end reached ───▶ Stopping ── drained, or too late ──▶ done
//! ```

use super::intake::Message;
use super::lag::Lags;
use super::state::State;
use super::until_end::UntilEnd;
use super::{Flushed, Now, OffsetsByPartition, POLL_IDLE, PipelineError, Sealed, Setup};
use crate::commit::TopicPartition;
use crate::metrics::{PartitionState, PipelineMetrics, Trouble};
use rdkafka::statistics::Statistics;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};
use tracing::{info, warn};

/// How long the writers may be behind before consumption is paused.
const PAUSE_AFTER: Duration = Duration::from_secs(1);
/// The pause before a failed commit is repeated.
const COMMIT_AGAIN: Duration = Duration::from_secs(1);

/// Offsets by partition.
pub type Offsets = Vec<(TopicPartition, i64)>;

/// What the pump tells others to do. None of it blocks.
pub trait Port {
    /// Write this batch; [`Pump::flushed`] is told when it is durable.
    fn write(&mut self, sealed: Sealed);
    /// Commit these offsets; [`Pump::committed`] is told the answer. There is one commit at a time.
    fn commit(&mut self, offsets: Offsets);
    /// Answer the earliest rebalance that is not answered yet.
    fn answer_rebalance(&mut self);
    /// Stop fetching, or go on; tells whether that worked.
    fn set_paused(&mut self, paused: bool) -> bool;
}

/// Partitions change hands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rebalance {
    /// These are given to this instance.
    Assign(Vec<TopicPartition>),
    /// These are to be given up. If they are lost, they belong to somebody else already.
    Revoke {
        /// The partitions.
        partitions: Vec<TopicPartition>,
        /// Whether it is too late to commit anything.
        lost: bool,
    },
}

/// What the pump waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// A message, for this long.
    Poll(Duration),
    /// A writer or an answer, for this long. No message can be taken.
    Wait(Duration),
    /// Nothing: the work is over. `false` if something was still under way at the deadline.
    Done(bool),
}

#[derive(Debug)]
enum Phase {
    Working,
    GivingUp { partitions: Vec<TopicPartition>, deadline: Instant },
    Stopping { deadline: Instant },
}

/// The state of the pipeline.
pub struct Pump {
    state: State,
    phase: Phase,
    rebalances: VecDeque<Rebalance>,
    until_end: Option<UntilEnd>,
    stop_by: Option<Instant>,
    paused: bool,
    blocked_since: Option<Instant>,
    commit_is_open: bool,
    /// Whether `/readyz` says that offsets are not committed.
    commit_in_trouble: bool,
    /// Partitions whose last commit failed, and when.
    failed_commits: Vec<TopicPartition>,
    failed_at: Option<Instant>,
    lags: Lags,
    /// What Kafka has taken.
    committed: HashMap<TopicPartition, i64>,
}

impl Pump {
    /// A pump that has no partitions yet.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        let metrics = PipelineMetrics::new(&setup.mapping, &setup.config);
        let begins = setup.config.kafka.properties.get("auto.offset.reset");
        let lags = Lags::new(begins.is_some_and(|begins| begins == "latest"));
        Self {
            state: State::new(setup, metrics),
            phase: Phase::Working,
            rebalances: VecDeque::new(),
            until_end: None,
            stop_by: None,
            paused: false,
            blocked_since: None,
            commit_is_open: false,
            commit_in_trouble: false,
            failed_commits: Vec::new(),
            failed_at: None,
            lags,
            committed: HashMap::new(),
        }
    }

    /// Makes it stop by itself when everything before these ends is durable.
    pub(super) fn stop_at_end(&mut self, end: UntilEnd) {
        self.until_end = Some(end);
    }

    /// Somebody wants it to stop. What is under way is finished, if that takes no longer than
    /// `stop.timeout`.
    pub fn stop(&mut self, now: Now) {
        if self.stop_by.is_none() {
            info!(
                batches = self.state.in_flight,
                messages = self.state.open.messages(),
                "stopping: flushing what is under way"
            );
            self.stop_by = Some(now.at + self.state.setup.config.stop_timeout);
        }
    }

    /// A message came. Tells whether there is room for another one before the next [`Self::step`].
    pub fn message(&mut self, message: &Message<'_>, now: Now) -> bool {
        self.state.take(message, now, self.until_end.as_mut());
        self.state.due(now).is_none()
    }

    /// A writer is done with a batch.
    ///
    /// # Errors
    /// When the batch cannot be written however long one waits.
    pub fn flushed(&mut self, flushed: Flushed, now: Now) -> Result<(), PipelineError> {
        self.state.flushed(flushed, now)
    }

    /// Partitions change hands; it is answered through [`Port::answer_rebalance`] when everything
    /// that is to be done before is done.
    pub fn rebalance(&mut self, rebalance: Rebalance) {
        self.rebalances.push_back(rebalance);
    }

    /// Kafka has answered a commit, with what was wrong if it failed. What failed is repeated.
    pub fn committed(&mut self, offsets: Offsets, failure: Option<&str>, now: Now) {
        self.commit_is_open = false;
        let health = &self.state.setup.health;
        let Some(error) = failure else {
            if std::mem::take(&mut self.commit_in_trouble) {
                health.set_trouble(Trouble::Commit, None);
            }
            self.committed.extend(offsets);
            self.state.metrics.commits.increment(1);
            return;
        };
        self.commit_in_trouble = true;
        self.state.metrics.commit_failures.increment(1);
        warn!(error, "commit: Kafka did not take the offsets; they will be committed again");
        health.set_trouble(Trouble::Commit, Some(format!("offsets are not committed: {error}")));
        self.failed_commits.extend(offsets.into_iter().map(|(partition, _)| partition));
        self.failed_at = Some(now.at);
    }

    /// librdkafka's view of things.
    pub(super) fn statistics(&mut self, statistics: &Statistics) {
        for (topic, found) in &statistics.topics {
            for found in found.partitions.values() {
                let partition =
                    TopicPartition { topic: topic.as_str().into(), partition: found.partition };
                self.lags.statistics(&partition, found);
            }
        }
        if let Some(end) = &mut self.until_end {
            end.statistics(statistics, |partition| self.state.owns(partition));
        }
    }

    /// The partitions whose first and next offsets librdkafka does not tell, or not any more.
    pub(super) fn unknown_bounds(&self) -> Vec<TopicPartition> {
        self.lags.to_ask(self.paused)
    }

    /// Kafka's own word on partitions.
    pub(super) fn bounds(&mut self, bounds: &BTreeMap<TopicPartition, (i64, i64)>) {
        for (partition, bounds) in bounds {
            self.lags.bounds(partition, *bounds);
        }
    }

    /// With an end to reach: the partitions that other instances have to do, or may have done.
    pub(super) fn left_to_others(&self) -> Vec<TopicPartition> {
        let ends = self.until_end.iter();
        ends.flat_map(|end| end.to_ask(|partition| self.state.owns(partition))).cloned().collect()
    }

    /// The group has committed these offsets, by whichever instance.
    pub(super) fn done_by_others(&mut self, committed: &OffsetsByPartition) {
        if let Some(end) = &mut self.until_end {
            end.committed(committed);
        }
    }

    /// Brings gauges up to date.
    pub(super) fn report(&mut self, now: Now) {
        let buffered = self.state.buffered_bytes();
        let State { metrics, assignment, open, .. } = &mut self.state;
        metrics.buffered_bytes.set(buffered as f64);
        let open = open.ranges().iter();
        let open: HashSet<&TopicPartition> =
            open.filter_map(|range| assignment.partition(range.slot)).collect();
        for (partition, watermark) in assignment.watermarks() {
            let committed = self.committed.get(partition).copied();
            let now_ms = now.micros / 1000;
            let all_committed = watermark.is_idle()
                && !open.contains(partition)
                && watermark.durable().is_none_or(|durable| committed == Some(durable));
            let lag =
                self.lags.lag(partition, committed, all_committed, watermark.durable_ms(), now_ms);
            metrics.partition(
                partition,
                &PartitionState {
                    is_assigned: true,
                    lag: lag.messages,
                    lag_seconds: lag.seconds,
                    durable: watermark.durable(),
                    committed,
                },
            );
        }
    }

    /// Whether consumption is paused, so that polling keeps the membership and brings nothing.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// Does what is due, and tells what to wait for.
    pub fn step(&mut self, now: Now, port: &mut impl Port) -> Next {
        loop {
            self.commit(now, port);
            match &self.phase {
                Phase::Working => {
                    if let Some(deadline) = self.stop_by {
                        self.phase = Phase::Stopping { deadline };
                    } else if let Some(rebalance) = self.rebalances.pop_front() {
                        self.begin(rebalance, now, port);
                    } else if self.until_end.as_ref().is_some_and(UntilEnd::is_reached) {
                        // However long the server takes: nobody asked to stop.
                        if !self.state.seal_open(now, port) || self.state.in_flight > 0 {
                            return self.wait_for_a_writer(now, port);
                        }
                        self.stop(now);
                    } else {
                        return self.work(now, port);
                    }
                }
                Phase::GivingUp { partitions, deadline } => {
                    let deadline = self.stop_by.map_or(*deadline, |stop| stop.min(*deadline));
                    let sealed = self.state.seal_open(now, port);
                    let idle = |partition| self.state.assignment.is_idle(partition);
                    let drained = sealed && partitions.iter().all(idle);
                    if !(drained && self.commits_are_settled() || now.at >= deadline) {
                        return Next::Wait(POLL_IDLE.min(deadline - now.at));
                    }
                    self.give_up(port);
                }
                Phase::Stopping { deadline } => {
                    let deadline = *deadline;
                    let drained = self.state.seal_open(now, port) && self.state.in_flight == 0;
                    let done = drained && self.commits_are_settled();
                    if done || now.at >= deadline {
                        return Next::Done(done);
                    }
                    return Next::Wait(POLL_IDLE.min(deadline - now.at));
                }
            }
        }
    }

    /// Fills the open batch, and hands it over when it is due.
    fn work(&mut self, now: Now, port: &mut impl Port) -> Next {
        if let Some(reason) = self.state.due(now)
            && !self.state.seal(reason, now, port)
        {
            return self.wait_for_a_writer(now, port);
        }
        self.blocked_since = None;
        if self.paused && port.set_paused(false) {
            info!("consume: goes on");
            self.paused = false;
            self.state.metrics.paused.set(0.0);
        }
        Next::Poll(self.state.patience(now))
    }

    /// Every batch is under way. Nothing is read any more; if that takes long, the partitions are
    /// paused, so that the consumer can be polled and stays in its group.
    fn wait_for_a_writer(&mut self, now: Now, port: &mut impl Port) -> Next {
        let since = *self.blocked_since.get_or_insert(now.at);
        if !self.paused && now.at.saturating_duration_since(since) >= PAUSE_AFTER {
            self.paused = port.set_paused(true);
            if self.paused {
                info!("consume: paused, the writers are behind");
                self.state.metrics.paused.set(1.0);
            }
        }
        Next::Wait(POLL_IDLE)
    }

    /// Hands the watermarks that moved to Kafka, one commit after the other.
    fn commit(&mut self, now: Now, port: &mut impl Port) {
        if self.commit_is_open {
            return;
        }
        if let Some(failed_at) = self.failed_at {
            // There is less time when somebody waits for it.
            let is_working = matches!(self.phase, Phase::Working);
            let pause = if is_working { COMMIT_AGAIN } else { POLL_IDLE };
            if now.at.saturating_duration_since(failed_at) < pause {
                return;
            }
            self.failed_at = None;
            let failed = std::mem::take(&mut self.failed_commits);
            self.state.assignment.commit_failed(failed.iter());
        }
        let commits = self.state.assignment.take_commits();
        if !commits.is_empty() {
            self.commit_is_open = true;
            port.commit(commits);
        } else if std::mem::take(&mut self.commit_in_trouble) {
            // What could not be committed is somebody else's by now.
            self.state.setup.health.set_trouble(Trouble::Commit, None);
        }
    }

    /// Whether Kafka has every offset that could be handed over.
    fn commits_are_settled(&self) -> bool {
        !self.commit_is_open && self.failed_at.is_none() && !self.state.assignment.has_commits()
    }

    fn begin(&mut self, rebalance: Rebalance, now: Now, port: &mut impl Port) {
        let (Rebalance::Assign(partitions) | Rebalance::Revoke { partitions, .. }) = &rebalance;
        if !partitions.is_empty() {
            self.state.metrics.rebalances.increment(1);
        }
        if let Some(end) = &mut self.until_end {
            end.rebalanced();
        }
        match rebalance {
            Rebalance::Assign(partitions) => {
                info!(partitions = shown(&partitions), "rebalance: assigned");
                for partition in partitions {
                    if let Some(end) = &mut self.until_end {
                        end.inherited(&partition);
                    }
                    self.lags.assigned(partition.clone(), now.micros / 1000);
                    self.state.assignment.assign(partition);
                }
                self.count_partitions();
                port.answer_rebalance();
                self.state.setup.health.set_assigned(true);
                if self.paused {
                    self.paused = port.set_paused(true);
                }
            }
            Rebalance::Revoke { partitions, lost: true } => {
                warn!(
                    partitions = shown(&partitions),
                    "rebalance: lost, their next owner has them"
                );
                self.release(&partitions, port);
            }
            Rebalance::Revoke { partitions, lost: false } => {
                info!(partitions = shown(&partitions), "rebalance: revoked");
                let deadline = now.at + self.state.setup.config.kafka.revoke_timeout;
                self.phase = Phase::GivingUp { partitions, deadline };
            }
        }
    }

    /// The time for giving up is over, or everything is done.
    fn give_up(&mut self, port: &mut impl Port) {
        let phase = std::mem::replace(&mut self.phase, Phase::Working);
        let Phase::GivingUp { partitions, .. } = phase else { return };
        let is_left = |partition: &&TopicPartition| !self.state.assignment.is_idle(partition);
        let left: Vec<TopicPartition> = partitions.iter().filter(is_left).cloned().collect();
        if !left.is_empty() || !self.commits_are_settled() {
            warn!(
                not_flushed = shown(&left),
                "rebalance: given up before everything was flushed and committed (kafka.revoke_timeout); the next owner does the rest again"
            );
        }
        self.release(&partitions, port);
    }

    /// From now on these partitions are somebody else's.
    fn release(&mut self, partitions: &[TopicPartition], port: &mut impl Port) {
        for partition in partitions {
            self.state.assignment.revoke(partition);
            if let Some(end) = &mut self.until_end {
                end.given_up(partition);
            }
            self.lags.revoked(partition);
            self.committed.remove(partition);
            // From now on its next owner says how far it is.
            let caught_up = PartitionState { lag: Some(0), ..PartitionState::default() };
            self.state.metrics.partition(partition, &caught_up);
        }
        let some_left = self.count_partitions() > 0;
        self.state.setup.health.set_assigned(some_left);
        port.answer_rebalance();
    }

    fn count_partitions(&self) -> usize {
        let partitions = self.state.assignment.partitions().count();
        self.state.metrics.partitions.set(partitions as f64);
        partitions
    }
}

fn shown(partitions: &[TopicPartition]) -> String {
    partitions.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}
