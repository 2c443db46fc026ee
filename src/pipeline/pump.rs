//! The consuming thread: poll, decode, flatten, buffer, seal, commit.

use super::state::State;
use super::until_end::UntilEnd;
use super::{Flushed, POLL_IDLE, PipelineError, Sealed, Setup, Stop};
use crate::buffer;
use crate::commit::TopicPartition;
use crate::consume::{Consumer, Rebalance, partitions_of};
use crate::metrics::{PipelineMetrics, set_lag};
use rdkafka::error::KafkaResult;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::Sender;
use tracing::{info, warn};

/// How long the writers may be behind before consumption is paused.
const PAUSE_AFTER: Duration = Duration::from_secs(1);
/// How often statistics are looked at and failed commits are repeated.
const TICK: Duration = Duration::from_secs(1);

pub(super) struct Pump {
    consumer: Consumer,
    state: State,
    stop: Stop,
    until_end: Option<UntilEnd>,
    paused: bool,
    blocked_since: Option<Instant>,
    ticked: Instant,
    /// Partitions whose last commit failed.
    failed_commits: Vec<TopicPartition>,
}

impl Pump {
    pub(super) fn new(
        setup: Setup,
        consumer: Consumer,
        metrics: PipelineMetrics,
        sealed: Sender<Sealed>,
        flushed: Receiver<Flushed>,
        stop: Stop,
    ) -> Self {
        let state = State::new(setup, metrics, sealed, flushed);
        Self {
            consumer,
            state,
            stop,
            until_end: None,
            paused: false,
            blocked_since: None,
            ticked: Instant::now(),
            failed_commits: Vec::new(),
        }
    }

    /// Works until told to stop, then finishes what is under way and leaves the group.
    pub(super) fn run(mut self) -> Result<(), PipelineError> {
        let worked = self.start().and_then(|()| self.work());
        let finished = match worked {
            Ok(()) => self.finish(),
            // What is under way may be what failed. Its offsets are not committed.
            Err(error) => Err(error),
        };
        info!("leaving the group");
        self.consumer.close();
        finished
    }

    fn start(&mut self) -> Result<(), PipelineError> {
        let config = &self.state.setup.config.kafka;
        let topics = config.subscription(&self.state.setup.mapping.topic_names());
        let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
        if self.state.setup.until_end {
            let bounds = self.consumer.offset_bounds(&topics)?;
            let exists =
                |topic: &&&str| bounds.keys().any(|partition| *partition.topic == ***topic);
            for topic in topics.iter().filter(|topic| !exists(topic)) {
                warn!(topic, "the topic does not exist; there is nothing to process in it");
            }
            if bounds.is_empty() {
                return Err(PipelineError::Kafka(format!(
                    "none of the topics {} exists; check kafka.topics and kafka.topic_prefix",
                    topics.join(", ")
                )));
            }
            let partitions: Vec<TopicPartition> = bounds.keys().cloned().collect();
            let committed = self.consumer.committed(&partitions)?;
            let left = |(key, (first, end)): (&TopicPartition, &(i64, i64))| {
                end - committed.get(key).copied().unwrap_or(*first).clamp(*first, *end)
            };
            let expected: i64 = bounds.iter().map(left).sum();
            let expected = u64::try_from(expected).unwrap_or(0);
            self.state.setup.progress.expected.store(expected, Ordering::Relaxed);
            info!(
                messages = expected,
                partitions = bounds.len(),
                "processing until the present end"
            );
            self.until_end = Some(UntilEnd::new(&bounds, &committed));
        }
        info!(
            topics = topics.join(","),
            group = config.properties["group.id"],
            "joining the group"
        );
        self.consumer.subscribe(&topics)?;
        Ok(())
    }

    fn work(&mut self) -> Result<(), PipelineError> {
        while !self.stop.is_requested() {
            self.state.take_flushed()?;
            self.commit();
            while let Some(rebalance) = self.consumer.next_rebalance() {
                self.rebalance(&rebalance)?;
            }
            if self.ticked.elapsed() >= TICK {
                self.ticked = Instant::now();
                self.tick();
            }
            if self.until_end.as_ref().is_some_and(UntilEnd::is_reached) {
                let sealed = self.state.open.is_empty() || self.state.seal(buffer::Sealed::Drain);
                if sealed && self.state.in_flight == 0 {
                    return Ok(());
                }
                // However long the server takes: nobody asked to stop.
                self.wait_for_a_writer()?;
                continue;
            }
            if let Some(reason) = self.state.due()
                && !self.state.seal(reason)
            {
                self.wait_for_a_writer()?;
                continue;
            }
            self.go_on()?;
            if let Some(message) = self.consumer.poll(self.state.patience())? {
                self.state.take(&message, self.until_end.as_mut());
            }
        }
        Ok(())
    }

    /// Every batch is under way. Nothing is read any more; if that takes long, the partitions are
    /// paused, so that the consumer can be polled and stays in its group.
    fn wait_for_a_writer(&mut self) -> Result<(), PipelineError> {
        self.state.wait_flushed(POLL_IDLE)?;
        let since = *self.blocked_since.get_or_insert_with(Instant::now);
        if since.elapsed() < PAUSE_AFTER {
            return Ok(());
        }
        if !self.paused {
            info!("consume: paused, the writers are behind");
            self.consumer.set_paused(true)?;
            self.paused = true;
            self.state.metrics.paused.set(1.0);
        }
        // Paused partitions hand out nothing, but one that was assigned this moment may.
        if let Some(message) = self.consumer.poll(Duration::ZERO)? {
            self.state.take(&message, self.until_end.as_mut());
        }
        Ok(())
    }

    fn go_on(&mut self) -> Result<(), PipelineError> {
        self.blocked_since = None;
        if self.paused {
            info!("consume: goes on");
            self.consumer.set_paused(false)?;
            self.paused = false;
            self.state.metrics.paused.set(0.0);
        }
        Ok(())
    }

    /// Hands the watermarks that moved to Kafka, one commit after the other.
    fn commit(&mut self) {
        if let Some((offsets, result)) = self.consumer.commit_answer(Duration::ZERO) {
            self.committed(offsets, result);
        }
        if self.consumer.commit_is_open() {
            return;
        }
        let commits = self.state.assignment.take_commits();
        if !commits.is_empty() {
            self.state.metrics.commits.increment(1);
            self.consumer.commit(commits);
        }
    }

    /// What failed is committed again at the next tick.
    fn committed(&mut self, offsets: Vec<(TopicPartition, i64)>, result: KafkaResult<()>) {
        if let Err(error) = result {
            self.state.metrics.commit_failures.increment(1);
            warn!(%error, "commit: Kafka did not take the offsets; they will be committed again");
            self.failed_commits.extend(offsets.into_iter().map(|(partition, _)| partition));
        }
    }

    /// Commits and waits until Kafka has everything, repeating what fails; tells whether it has.
    fn commit_all(&mut self, deadline: Instant) -> bool {
        loop {
            self.commit();
            let left = deadline.saturating_duration_since(Instant::now());
            if self.consumer.commit_is_open() {
                let Some((offsets, result)) = self.consumer.commit_answer(left) else {
                    return false;
                };
                self.committed(offsets, result);
            } else if self.failed_commits.is_empty() {
                // Nothing is under way, and nothing was left to hand over.
                return true;
            }
            if !self.failed_commits.is_empty() {
                if left.is_zero() {
                    return false;
                }
                std::thread::park_timeout(POLL_IDLE.min(left));
                let failed = std::mem::take(&mut self.failed_commits);
                self.state.assignment.commit_failed(failed.iter());
            }
        }
    }

    fn tick(&mut self) {
        let failed = std::mem::take(&mut self.failed_commits);
        self.state.assignment.commit_failed(failed.iter());
        if let Some(statistics) = self.consumer.take_statistics() {
            for (topic, found) in &statistics.topics {
                let known =
                    found.partitions.values().filter(|partition| partition.consumer_lag >= 0);
                for partition in
                    known.filter(|p| self.state.assignment.slot(topic, p.partition).is_some())
                {
                    set_lag(topic, partition.partition, partition.consumer_lag);
                }
            }
            if let Some(end) = &mut self.until_end {
                let assignment = &self.state.assignment;
                end.statistics(&statistics, |p| assignment.slot(&p.topic, p.partition).is_some());
            }
        }
        self.ask_about_others();
        let bytes = self.state.open.bytes() + self.state.in_flight_bytes;
        self.state.metrics.buffered_bytes.set(bytes as f64);
    }

    /// With `--until-end`: whether other instances have done the partitions that are not ours.
    fn ask_about_others(&mut self) {
        let Some(end) = &mut self.until_end else { return };
        let ours =
            |p: &&TopicPartition| self.state.assignment.slot(&p.topic, p.partition).is_some();
        let others: Vec<TopicPartition> = end.pending().filter(|p| !ours(p)).cloned().collect();
        if others.is_empty() {
            return;
        }
        // Without an answer it is asked again at the next tick.
        if let Ok(committed) = self.consumer.committed(&others) {
            end.committed(&committed);
        }
    }

    fn rebalance(&mut self, rebalance: &Rebalance) -> Result<(), PipelineError> {
        self.state.metrics.rebalances.increment(1);
        if let Some(end) = &mut self.until_end {
            end.rebalanced();
        }
        match rebalance {
            Rebalance::Assign(list) => {
                let partitions = partitions_of(list);
                info!(partitions = shown(&partitions), "rebalance: assigned");
                for partition in partitions {
                    self.state.assignment.assign(partition);
                }
                self.consumer.answer(rebalance);
                self.state.setup.health.set_assigned(true);
                if self.paused {
                    self.consumer.set_paused(true)?;
                }
            }
            Rebalance::Revoke { partitions: list, lost } => {
                let partitions = partitions_of(list);
                info!(partitions = shown(&partitions), lost, "rebalance: revoked");
                if !lost {
                    let timeout = self.state.setup.config.kafka.revoke_timeout;
                    let deadline = Instant::now() + timeout;
                    let drained = self.drain(&partitions, deadline)?;
                    if !drained || !self.commit_all(deadline) {
                        warn!(
                            ?timeout,
                            "rebalance: given up before everything was flushed and committed; the next owner does the rest again"
                        );
                    }
                }
                for partition in &partitions {
                    self.state.assignment.revoke(partition);
                    if let Some(end) = &mut self.until_end {
                        end.given_up(partition);
                    }
                }
                for partition in &partitions {
                    set_lag(&partition.topic, partition.partition, 0);
                }
                let some_left = self.state.assignment.partitions().next().is_some();
                self.state.setup.health.set_assigned(some_left);
                self.consumer.answer(rebalance);
            }
        }
        Ok(())
    }

    /// Seals what is open and waits until everything of these partitions is durable.
    fn drain(
        &mut self,
        partitions: &[TopicPartition],
        deadline: Instant,
    ) -> Result<bool, PipelineError> {
        loop {
            let sealed = self.state.open.is_empty() || self.state.seal(buffer::Sealed::Drain);
            let idle = |partition| self.state.assignment.is_idle(partition);
            if sealed && partitions.iter().all(idle) {
                return Ok(true);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            self.state.wait_flushed(left.min(POLL_IDLE))?;
        }
    }

    fn finish(&mut self) -> Result<(), PipelineError> {
        let timeout = self.state.setup.config.stop_timeout;
        let deadline = Instant::now() + timeout;
        info!(
            batches = self.state.in_flight,
            messages = self.state.open.messages(),
            "stopping: flushing what is under way"
        );
        let partitions: Vec<TopicPartition> = self.state.assignment.partitions().cloned().collect();
        let drained = self.drain(&partitions, deadline)?;
        let committed = self.commit_all(deadline);
        if drained && committed { Ok(()) } else { Err(PipelineError::Deadline(timeout)) }
    }
}

fn shown(partitions: &[TopicPartition]) -> String {
    partitions.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}
