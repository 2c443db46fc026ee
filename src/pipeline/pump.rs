//! The consuming thread: poll, decode, flatten, buffer, seal, commit.

use super::until_end::UntilEnd;
use super::{Flushed, PipelineError, Sealed, Setup, Stop};
use crate::buffer::{self, Batch};
use crate::commit::{Assignment, TopicPartition};
use crate::consume::{Consumer, Rebalance, partitions_of};
use crate::dead_letter::{DeadLetter, Origin};
use crate::flatten::Flattener;
use crate::metrics::{PipelineMetrics, Tally, set_lag};
use rdkafka::Message;
use rdkafka::error::KafkaResult;
use rdkafka::message::BorrowedMessage;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc::Sender;
use tracing::{info, warn};

/// Longest wait for a message while nothing else is due.
const POLL_IDLE: Duration = Duration::from_millis(100);
/// The same while writers are busy: their batches are committed when the wait is over.
const POLL_BUSY: Duration = Duration::from_millis(5);
/// How long the writers may be behind before consumption is paused.
const PAUSE_AFTER: Duration = Duration::from_secs(1);
/// How often statistics are looked at and failed commits are repeated.
const TICK: Duration = Duration::from_secs(1);

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

/// Everything but the consumer, whose messages are borrowed from it.
struct State {
    setup: Setup,
    flattener: Flattener,
    assignment: Assignment,
    metrics: PipelineMetrics,
    tally: Tally,
    open: Batch,
    opened: Option<Instant>,
    /// Kafka's timestamp of the oldest message in the open batch, in milliseconds since 1970.
    oldest_ms: Option<i64>,
    free: Vec<Batch>,
    in_flight: usize,
    in_flight_bytes: usize,
    last_slot: buffer::Slot,
    sealed: Sender<Sealed>,
    flushed: Receiver<Flushed>,
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
        let batches = setup.config.flush.batches();
        let state = State {
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
        };
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

impl State {
    /// Appends a message to the open batch: as rows, as a dead letter, or as a counted skip.
    fn take(&mut self, message: &BorrowedMessage<'_>, until_end: Option<&mut UntilEnd>) {
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
    fn due(&self) -> Option<buffer::Sealed> {
        let age = self.opened?.elapsed();
        self.setup.config.batch.reached(self.open.row_count(), self.open.bytes(), age)
    }

    /// How long to wait for the next message.
    fn patience(&self) -> Duration {
        let idle = if self.in_flight > 0 { POLL_BUSY } else { POLL_IDLE };
        let age = self.setup.config.batch.age;
        self.opened.map_or(idle, |opened| age.saturating_sub(opened.elapsed()).min(idle))
    }

    /// Hands the open batch to the writers, unless all batches are under way.
    fn seal(&mut self, reason: buffer::Sealed) -> bool {
        let rows = self.open.row_count();
        if rows > 0 && self.free.is_empty() {
            return false;
        }
        self.metrics.sealed(reason, rows, self.open.folded(), &mut self.tally);
        self.assignment.begin(self.open.ranges());
        self.opened = None;
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
        let sealed = Sealed { batch, sealed_at: Instant::now(), oldest_ms: self.oldest_ms.take() };
        let sent = self.sealed.try_send(sealed);
        debug_assert!(sent.is_ok(), "there is room for every batch, and writers outlive the pump");
        true
    }

    /// Takes back the batches that are durable by now.
    fn take_flushed(&mut self) -> Result<(), PipelineError> {
        while let Ok(flushed) = self.flushed.try_recv() {
            self.finished(flushed)?;
        }
        Ok(())
    }

    /// The same, waiting for the first one.
    fn wait_flushed(&mut self, timeout: Duration) -> Result<(), PipelineError> {
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

fn shown(partitions: &[TopicPartition]) -> String {
    partitions.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}
