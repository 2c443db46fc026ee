//! The consuming thread: gives the pump what Kafka and the writers say, and does what it asks for.

use super::intake::Message;
use super::pump::{Next, Offsets, Port, Pump, Rebalance};
use super::until_end::UntilEnd;
use super::{Event, Now, OffsetsByPartition, PipelineError, Sealed, Setup, Stop};
use crate::commit::TopicPartition;
use crate::consume::{self, Consumer, partitions_of};
use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::Sender;
use tracing::{info, warn};

/// How often statistics are looked at.
const TICK: Duration = Duration::from_secs(1);
/// Kafka is asked for the ends of partitions once in so many ticks, where that is needed.
const TICKS_TO_BOUNDS: u32 = 3;
/// With an end to reach: how often Kafka is asked what other instances have done.
const ASK_OTHERS: Duration = Duration::from_millis(250);
/// Messages that are taken before the loop looks for anything else: less than a millisecond of
/// work, unless they are large.
const MESSAGES_AT_ONCE: usize = 64;

pub(super) struct Drive {
    pump: Pump,
    link: Link,
    events: Receiver<Event>,
    stop: Stop,
    ticked: Instant,
    ticks: u32,
    asked_others: Instant,
}

/// The pump's way to Kafka and to the writers.
struct Link {
    consumer: Consumer,
    sealed: Sender<Sealed>,
    /// Rebalances that the pump knows of and has not answered.
    unanswered: VecDeque<consume::Rebalance>,
}

impl Port for Link {
    fn write(&mut self, sealed: Sealed) {
        let sent = self.sealed.try_send(sealed);
        debug_assert!(sent.is_ok(), "there is room for every batch, and writers outlive the pump");
    }

    fn commit(&mut self, offsets: Offsets) {
        self.consumer.commit(offsets);
    }

    fn answer_rebalance(&mut self) {
        if let Some(rebalance) = self.unanswered.pop_front() {
            self.consumer.answer(&rebalance);
        }
    }

    fn set_paused(&mut self, paused: bool) -> bool {
        let done = self.consumer.set_paused(paused);
        if let Err(error) = &done {
            warn!(%error, paused, "consume: could not be paused or go on; it is tried again");
        }
        done.is_ok()
    }
}

impl Drive {
    pub(super) fn new(
        setup: Setup,
        consumer: Consumer,
        sealed: Sender<Sealed>,
        events: Receiver<Event>,
        stop: Stop,
    ) -> Self {
        Self {
            pump: Pump::new(setup),
            link: Link { consumer, sealed, unanswered: VecDeque::new() },
            events,
            stop,
            ticked: Instant::now(),
            ticks: 0,
            asked_others: Instant::now(),
        }
    }

    /// Works until the pump is done, then leaves the group.
    pub(super) fn run(mut self, setup: &Setup) -> Result<(), PipelineError> {
        let worked = self.start(setup).and_then(|()| self.work());
        info!("leaving the group");
        // A rebalance that nobody answered any more is answered by leaving.
        while !self.link.unanswered.is_empty() {
            self.link.answer_rebalance();
        }
        self.link.consumer.close();
        match worked {
            Ok(true) => Ok(()),
            Ok(false) => Err(PipelineError::Deadline(setup.config.stop_timeout)),
            // What is under way may be what failed. Its offsets are not committed.
            Err(error) => Err(error),
        }
    }

    fn start(&mut self, setup: &Setup) -> Result<(), PipelineError> {
        let config = &setup.config.kafka;
        let topics = config.subscription(&setup.mapping.topic_names());
        let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
        if setup.until_end {
            let (bounds, committed) = self.present_end(&topics)?;
            let left = |(key, (first, end)): (&TopicPartition, &(i64, i64))| {
                end - committed.get(key).copied().unwrap_or(*first).clamp(*first, *end)
            };
            let expected: i64 = bounds.iter().map(left).sum();
            let expected = u64::try_from(expected).unwrap_or(0);
            setup.progress.expected.store(expected, Ordering::Relaxed);
            info!(
                messages = expected,
                partitions = bounds.len(),
                "processing until the present end"
            );
            self.pump.stop_at_end(UntilEnd::new(&bounds, &committed));
        }
        info!(topics = topics.join(","), group = config.group_id(), "joining the group");
        self.link.consumer.subscribe(&topics)?;
        Ok(())
    }

    /// The first and next offsets of all partitions, and those that the group has committed.
    fn present_end(
        &self,
        topics: &[&str],
    ) -> Result<(consume::Bounds, OffsetsByPartition), PipelineError> {
        let bounds = self.link.consumer.offset_bounds(topics)?;
        let exists = |topic: &&&str| bounds.keys().any(|partition| *partition.topic == ***topic);
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
        let committed = self.link.consumer.committed(&partitions)?;
        Ok((bounds, committed))
    }

    /// Tells whether everything was done in time.
    fn work(&mut self) -> Result<bool, PipelineError> {
        loop {
            if self.stop.is_requested() {
                self.pump.stop(Now::read());
            }
            while let Ok(event) = self.events.try_recv() {
                self.happened(event)?;
            }
            self.take_rebalances();
            if self.ticked.elapsed() >= TICK {
                self.ticked = Instant::now();
                self.tick();
            }
            if self.asked_others.elapsed() >= ASK_OTHERS {
                self.asked_others = Instant::now();
                self.ask_others();
            }
            match self.pump.step(Now::read(), &mut self.link) {
                Next::Poll(timeout) => self.poll(timeout)?,
                Next::Wait(timeout) => {
                    if let Ok(event) = self.events.recv_timeout(timeout) {
                        self.happened(event)?;
                    }
                    if self.pump.is_paused() {
                        // It hands nothing out, and stays in its group.
                        self.poll(Duration::ZERO)?;
                    }
                }
                Next::Done(in_time) => return Ok(in_time),
            }
        }
    }

    fn happened(&mut self, event: Event) -> Result<(), PipelineError> {
        match event {
            Event::Flushed(flushed) => self.pump.flushed(*flushed, Now::read())?,
            Event::Committed(offsets, result) => {
                let failure = result.err().map(|error| error.to_string());
                self.pump.committed(offsets, failure.as_deref(), Now::read());
            }
        }
        Ok(())
    }

    /// Takes a message, and those that wait behind it: clocks, channels and watermarks are looked
    /// at once for all of them.
    fn poll(&mut self, timeout: Duration) -> Result<(), PipelineError> {
        let Some(first) = self.link.consumer.poll(timeout)? else { return Ok(()) };
        let now = Now::read();
        let mut has_room = self.pump.message(&Message::of(&first), now);
        for _ in 1..MESSAGES_AT_ONCE {
            if !has_room {
                break;
            }
            let Some(next) = self.link.consumer.poll(Duration::ZERO)? else { break };
            has_room = self.pump.message(&Message::of(&next), now);
        }
        Ok(())
    }

    fn take_rebalances(&mut self) {
        while let Some(rebalance) = self.link.consumer.next_rebalance() {
            self.pump.rebalance(match &rebalance {
                consume::Rebalance::Assign(list) => Rebalance::Assign(partitions_of(list)),
                consume::Rebalance::Revoke { partitions, lost } => {
                    Rebalance::Revoke { partitions: partitions_of(partitions), lost: *lost }
                }
            });
            self.link.unanswered.push_back(rebalance);
        }
    }

    fn tick(&mut self) {
        if let Some(statistics) = self.link.consumer.take_statistics() {
            self.pump.statistics(&statistics);
        }
        self.pump.bounds(&self.link.consumer.take_bounds());
        if self.ticks.is_multiple_of(TICKS_TO_BOUNDS) {
            self.link.consumer.ask_bounds(self.pump.unknown_bounds());
        }
        self.ticks = self.ticks.wrapping_add(1);
        self.pump.report(Now::read());
    }

    fn ask_others(&mut self) {
        let others = self.pump.left_to_others();
        if !others.is_empty() {
            // Without an answer it is asked again soon.
            match self.link.consumer.committed(&others) {
                Ok(committed) => self.pump.done_by_others(&committed),
                Err(error) => warn!(%error, "consume: Kafka does not say what is committed"),
            }
        }
    }
}
