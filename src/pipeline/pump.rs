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

use super::begin::{self, Begin, NoBegin, Reset, Surprise};
use super::intake::Message;
use super::lag::Lags;
use super::losses::{Gaps, Lost};
use super::metrics::{PartitionState, PipelineMetrics};
use super::state::State;
use super::until_end::{UntilEnd, Waits};
use super::{Flushed, Now, POLL_IDLE, PipelineError, Sealed, Setup};
use crate::commit::Arrival;
use crate::consume::{Committed, Known};
use crate::health::Trouble;
use crate::offsets::TopicPartition;
use crate::offsets::{Bounds, Offsets, OffsetsByPartition};
use rdkafka::statistics::{Partition, Statistics};
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::{error, info, warn};

/// How long the writers may be behind before consumption is paused.
const PAUSE_AFTER: Duration = Duration::from_secs(1);
/// How long a stop waits to learn why offsets were left out.
const EXPLAIN_WITHIN: Duration = Duration::from_secs(2);
/// The pause before a failed commit is repeated.
const COMMIT_AGAIN: Duration = Duration::from_secs(1);

/// What the pump tells others to do. None of it blocks.
pub trait Port {
    /// Write this batch; [`Pump::flushed`] is told when it is durable.
    fn write(&mut self, sealed: Sealed);
    /// Commit these offsets; [`Pump::committed`] is told the answer. There is one commit at a time.
    fn commit(&mut self, offsets: Offsets);
    /// Answer the earliest rebalance that is not answered yet, an assignment: read its partitions from
    /// these offsets.
    fn begin(&mut self, begins: Vec<(TopicPartition, i64)>);
    /// Answer the earliest rebalance that is not answered yet, a revocation.
    fn give_up(&mut self);
    /// Stop fetching, or go on; tells whether that worked.
    fn set_paused(&mut self, paused: bool) -> bool;
}

/// Partitions change hands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rebalance {
    /// These are given to this instance.
    Assign(Vec<Known>),
    /// These are to be given up. If they are lost, another instance has them already.
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

/// A rebalance to be answered.
#[derive(Debug)]
enum Change {
    Assigned(Vec<Begin>),
    Revoked { partitions: Vec<TopicPartition>, lost: bool },
}

#[derive(Debug)]
enum Phase {
    Working,
    GivingUp { partitions: Vec<TopicPartition>, deadline: Instant },
    Stopping { since: Instant, deadline: Instant },
}

/// The state of the pipeline.
pub struct Pump {
    state: State,
    phase: Phase,
    changes: VecDeque<Change>,
    reset: Reset,
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
    /// Topics of which it was said that they were deleted.
    deleted: BTreeSet<Arc<str>>,
    lags: Lags,
    gaps: Gaps,
    /// What Kafka has taken.
    acknowledged: HashMap<TopicPartition, i64>,
}

impl Pump {
    /// A pump that has no partitions yet.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        let metrics = PipelineMetrics::new(&setup.mapping, &setup.config);
        let reset = setup.config.kafka.properties.get("auto.offset.reset");
        let reset = Reset::named(reset.map_or("", String::as_str));
        Self {
            state: State::new(setup, metrics),
            phase: Phase::Working,
            changes: VecDeque::new(),
            reset,
            until_end: None,
            stop_by: None,
            paused: false,
            blocked_since: None,
            commit_is_open: false,
            commit_in_trouble: false,
            failed_commits: Vec::new(),
            failed_at: None,
            deleted: BTreeSet::new(),
            lags: Lags::default(),
            gaps: Gaps::default(),
            acknowledged: HashMap::new(),
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
        match self.state.take(message, now, self.until_end.as_mut()) {
            Arrival::InOrder => {}
            arrival => self.out_of_order(message, arrival),
        }
        self.state.due(now).is_none()
    }

    #[cold]
    fn out_of_order(&mut self, message: &Message<'_>, arrival: Arrival) {
        let Message { topic, partition, offset, .. } = *message;
        let partition = TopicPartition { topic: topic.into(), partition };
        match arrival {
            Arrival::InOrder => {}
            Arrival::Gap { from } => self.gaps.note(&partition, from, offset),
            Arrival::Back { expected } => warn!(
                %partition,
                offset,
                expected,
                "consume: the partition goes back: its topic was deleted and created anew, or a leader lost records; reading from there"
            ),
        }
    }

    /// A writer is done with a batch.
    ///
    /// # Errors
    /// When the batch cannot be written however long one waits.
    pub fn flushed(&mut self, flushed: Flushed, now: Now) -> Result<(), PipelineError> {
        self.state.flushed(flushed, now)
    }

    /// Partitions change hands; it is answered through [`Port::begin`] and [`Port::give_up`] when
    /// everything that is to be done before is done.
    ///
    /// # Errors
    /// When there is no offset to begin from and `kafka.auto_offset_reset` is `error`.
    pub fn rebalance(&mut self, rebalance: Rebalance) -> Result<(), PipelineError> {
        let change = match rebalance {
            Rebalance::Revoke { partitions, lost } => Change::Revoked { partitions, lost },
            Rebalance::Assign(known) => {
                let begins = known.iter().map(|known| begin::begin(known, self.reset));
                Change::Assigned(begins.collect::<Result<_, _>>()?)
            }
        };
        self.changes.push_back(change);
        Ok(())
    }

    /// Kafka has answered a commit. What failed is repeated.
    pub fn committed(&mut self, committed: Committed, now: Now) {
        let Committed { taken, failed, gone, error } = committed;
        self.commit_is_open = false;
        if !taken.is_empty() {
            self.state.metrics.commits.increment(1);
        }
        for (TopicPartition { topic, .. }, _) in &gone {
            if self.deleted.insert(Arc::clone(topic)) {
                warn!(
                    topic = &**topic,
                    "commit: the topic does not exist any more, so its offsets are not committed"
                );
            }
        }
        self.acknowledged.extend(taken.into_iter().chain(gone));
        let health = &self.state.setup.health;
        if failed.is_empty() {
            if std::mem::take(&mut self.commit_in_trouble) {
                health.set_trouble(Trouble::Commit, None);
            }
            return;
        }
        let error = error.unwrap_or_default();
        self.commit_in_trouble = true;
        self.state.metrics.commit_failures.increment(1);
        warn!(error, "commit: Kafka did not take the offsets; retrying");
        health.set_trouble(Trouble::Commit, Some(format!("offsets are not committed: {error}")));
        self.failed_commits.extend(failed.into_iter().map(|(partition, _)| partition));
        self.failed_at = Some(now.at);
    }

    /// librdkafka's view of things.
    pub(super) fn statistics(&mut self, statistics: &Statistics) {
        for (topic, found) in &statistics.topics {
            for found in found.partitions.values() {
                let partition =
                    TopicPartition { topic: topic.as_str().into(), partition: found.partition };
                self.lags.statistics(&partition, found);
                self.find_losses(&partition, found);
            }
        }
        if let Some(end) = &mut self.until_end
            && !self.paused
        {
            end.statistics(statistics, |partition| self.state.owns(partition));
        }
    }

    fn find_losses(&mut self, partition: &TopicPartition, found: &Partition) {
        let first = found.lo_offset;
        let Some(next) = self.state.assignment.next(partition).filter(|_| first >= 0) else {
            return;
        };
        let lost = self.gaps.held_against(partition, first);
        lost.into_iter().for_each(|lost| self.lost(&lost));
        let is_quiet = !self.paused && found.fetchq_cnt == 0 && found.next_offset >= first;
        if first > next
            && is_quiet
            && let Some(lost) = self.gaps.overtaken(partition, next, first)
        {
            self.lost(&lost);
            self.state.assignment.advance(partition, first);
        }
    }

    /// Records were deleted before they were read.
    fn lost(&mut self, lost: &Lost) {
        error!(
            partition = %lost.partition,
            from = lost.from,
            to = lost.next - 1,
            messages = lost.next - lost.from,
            "consume: records were deleted before they were read (retention, or kafka-delete-records); so many messages are lost at most"
        );
        self.state.metrics.lost(&lost.partition.topic, lost.next - lost.from);
        if let Some(end) = &mut self.until_end {
            end.lost(lost);
        }
    }

    /// Up to where each partition was handed out, markers of transactions included. What lies between
    /// the last message and there is committed as well, so that it is not read again.
    pub fn positions(&mut self, positions: &OffsetsByPartition) {
        for (partition, position) in positions {
            self.state.assignment.advance(partition, *position);
            if let Some(end) = &mut self.until_end
                && self.state.owns(partition)
            {
                end.consumed(partition, position - 1);
            }
        }
    }

    /// Whether it is finishing what it has, so that [`Self::positions`] is wanted now.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        !matches!(self.phase, Phase::Working)
            || self.stop_by.is_some()
            || self.until_end.as_ref().is_some_and(UntilEnd::is_reached)
    }

    /// The partitions whose first and next offsets librdkafka does not tell, or not any more.
    pub(super) fn unknown_bounds(&self) -> Vec<TopicPartition> {
        self.lags.to_ask(self.paused)
    }

    /// Kafka's own word on partitions.
    pub(super) fn bounds(&mut self, bounds: &Bounds) {
        for (partition, bounds) in bounds {
            self.lags.bounds(partition, *bounds);
            let lost = self.gaps.held_against(partition, bounds.0);
            lost.into_iter().for_each(|lost| self.lost(&lost));
        }
    }

    /// When it is about to end: the partitions of which offsets did not come, and it is not known why.
    pub(super) fn unexplained(&self) -> Vec<TopicPartition> {
        match self.is_draining() {
            true => self.gaps.partitions().cloned().collect(),
            false => Vec::new(),
        }
    }

    /// Whether no offsets are left out without a known reason, or the time to find one is over.
    fn gaps_are_explained(&self, now: Now, since: Option<Instant>) -> bool {
        self.gaps.partitions().next().is_none()
            || since.is_some_and(|since| now.at.saturating_duration_since(since) >= EXPLAIN_WITHIN)
    }

    /// With an end to reach: the partitions that have not been read up to it.
    pub(super) fn pending(&self) -> Vec<TopicPartition> {
        self.until_end.iter().flat_map(UntilEnd::pending).cloned().collect()
    }

    /// With an end to reach: what there is by now of the partitions that have not been read up to it.
    pub(super) fn present_ends(&mut self, bounds: &Bounds, missing: &BTreeSet<Arc<str>>) {
        if let Some(end) = &mut self.until_end {
            end.present(bounds, missing);
        }
    }

    /// With an end to reach: what was there at the start and was not loaded, if anything.
    pub(super) fn left_out(&mut self) -> Option<Vec<String>> {
        self.until_end.as_mut().map(UntilEnd::take_left_out).filter(|left| !left.is_empty())
    }

    /// Of assigned partitions, the one whose next message is not there any more.
    pub(super) fn out_of_range(&self, bounds: &Bounds) -> Option<NoBegin> {
        bounds.iter().find_map(|(partition, &(first, end))| {
            let committed = self.state.assignment.next(partition)?;
            let partition = partition.clone();
            let error = NoBegin::OutOfRange { partition, committed, first, end };
            (!(first..=end).contains(&committed)).then_some(error)
        })
    }

    /// With an end to reach: the partitions that other instances have to do, or may have done.
    pub(super) fn left_to_others(&self) -> Vec<TopicPartition> {
        let ends = self.until_end.iter();
        ends.flat_map(|end| end.to_ask(|partition| self.state.owns(partition))).cloned().collect()
    }

    /// With an end to reach: what neither reading nor writing brings.
    pub(super) fn waits(&self) -> Waits {
        let (is_ours, is_hidden) =
            (|key: &_| self.state.owns(key), |key: &_| self.lags.is_hidden(key));
        self.until_end.as_ref().map_or_else(Waits::default, |end| end.waits(is_ours, is_hidden))
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
            let committed = self.acknowledged.get(partition).copied();
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
                    unreadable: lag.unreadable,
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
                        self.phase = Phase::Stopping { since: now.at, deadline };
                    } else if let Some(change) = self.changes.pop_front() {
                        self.change(change, now, port);
                    } else if self.until_end.as_ref().is_some_and(UntilEnd::is_reached) {
                        // However long the server takes: nobody asked to stop.
                        if !self.state.seal_open(now, port) || self.state.in_flight > 0 {
                            return self.wait_for_a_writer(now, port);
                        }
                        if !self.gaps_are_explained(now, None) {
                            return Next::Wait(POLL_IDLE);
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
                Phase::Stopping { since, deadline } => {
                    let (since, deadline) = (*since, *deadline);
                    let drained = self.state.seal_open(now, port) && self.state.in_flight == 0;
                    let done = drained
                        && self.commits_are_settled()
                        && self.gaps_are_explained(now, Some(since));
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
            info!("consume: resumed");
            self.paused = false;
            self.state.metrics.paused.set(0.0);
            if let Some(end) = &mut self.until_end {
                end.interrupted();
            }
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
            // What could not be committed is another instance's by now.
            self.state.setup.health.set_trouble(Trouble::Commit, None);
        }
    }

    /// Whether Kafka has every offset that could be handed over.
    fn commits_are_settled(&self) -> bool {
        !self.commit_is_open && self.failed_at.is_none() && !self.state.assignment.has_commits()
    }

    fn change(&mut self, change: Change, now: Now, port: &mut impl Port) {
        let count = match &change {
            Change::Assigned(begins) => begins.len(),
            Change::Revoked { partitions, .. } => partitions.len(),
        };
        if count > 0 {
            self.state.metrics.rebalances.increment(1);
        }
        if let Some(end) = &mut self.until_end {
            end.interrupted();
        }
        match change {
            Change::Assigned(begins) => self.begin(begins, now, port),
            Change::Revoked { partitions, lost: true } => {
                warn!(
                    partitions = shown(&partitions),
                    "rebalance: lost, their next owner has them"
                );
                self.release(&partitions, port);
            }
            Change::Revoked { partitions, lost: false } => {
                info!(partitions = shown(&partitions), "rebalance: revoked");
                let deadline = now.at + self.state.setup.config.kafka.revoke_timeout;
                self.phase = Phase::GivingUp { partitions, deadline };
            }
        }
    }

    /// Partitions are this instance's from now on.
    fn begin(&mut self, begins: Vec<Begin>, now: Now, port: &mut impl Port) {
        let partitions: Vec<TopicPartition> =
            begins.iter().map(|begin| begin.partition.clone()).collect();
        info!(partitions = shown(&partitions), "rebalance: assigned");
        for Begin { partition, offset, committed, surprise } in &begins {
            if let Some(end) = &mut self.until_end {
                end.inherited(partition);
            }
            if let Some(committed) = committed {
                self.acknowledged.insert(partition.clone(), *committed);
            }
            self.deleted.remove(&partition.topic);
            self.lags.assigned(partition.clone(), *offset, now.micros / 1000);
            self.state.assignment.assign(partition.clone(), *offset, *committed);
            self.say(partition, *surprise);
        }
        self.count_partitions();
        let begins = begins.into_iter().map(|begin| (begin.partition, begin.offset));
        port.begin(begins.collect());
        self.state.setup.health.set_assigned(true);
        self.state.setup.health.set_trouble(Trouble::Group, None);
        if self.paused {
            self.paused = port.set_paused(true);
        }
    }

    fn say(&mut self, partition: &TopicPartition, surprise: Option<Surprise>) {
        match surprise {
            None => {}
            Some(Surprise::Deleted { from, first }) => {
                self.lost(&Lost { partition: partition.clone(), from, next: first });
            }
            Some(Surprise::Truncated { committed, end }) => error!(
                %partition,
                committed,
                end,
                "consume: the partition ends before the group's offset: its topic was deleted and created anew, or a leader lost records; reading from its first offset"
            ),
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

    /// From now on these partitions are another instance's.
    fn release(&mut self, partitions: &[TopicPartition], port: &mut impl Port) {
        for partition in partitions {
            self.state.assignment.revoke(partition);
            if let Some(end) = &mut self.until_end {
                end.given_up(partition);
            }
            self.lags.revoked(partition);
            self.gaps.forget(partition);
            self.acknowledged.remove(partition);
            // From now on its next owner says how far it is.
            let caught_up = PartitionState { lag: Some(0), ..PartitionState::default() };
            self.state.metrics.partition(partition, &caught_up);
        }
        let some_left = self.count_partitions() > 0;
        self.state.setup.health.set_assigned(some_left);
        port.give_up();
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
