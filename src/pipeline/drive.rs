//! The consuming thread: gives the pump what Kafka and the writers say, and does what it asks for.

use super::begin::{self, Reset};
use super::intake::Message;
use super::pump::{Next, Port, Pump, Rebalance};
use super::until_end::{UntilEnd, Waits};
use super::{Event, Now, PipelineError, Sealed, Setup, Stop};
use crate::clock;
use crate::consume::{self, Answer, Consumer, Heard, Known, Question, partitions_of};
use crate::health::Trouble;
use crate::offsets::{Bounds, Offsets, OffsetsByPartition, TopicPartition};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
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
/// With an end to reach: how often positions are compared with it, and Kafka is asked what other
/// instances have done.
const LOOK_AT_END: Duration = Duration::from_millis(250);
/// With an end to reach: how long it has to wait for the same before it says so, and again.
const SAY_WAITS: Duration = Duration::from_secs(10);
/// The pause before Kafka is asked again at the start.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// Messages that are taken before the loop looks for anything else: less than a millisecond of
/// work, unless they are large.
const MESSAGES_AT_ONCE: usize = 64;

pub(super) struct Drive {
    setup: Setup,
    /// The topics to read, by their names in Kafka.
    topics: Vec<String>,
    pump: Pump,
    link: Link,
    events: Receiver<Event>,
    stop: Stop,
    started: Instant,
    ticked: Instant,
    ticks: u32,
    looked_at_end: Instant,
    /// What is waited for, and since when or when it was last said.
    waits: (Waits, Instant),
    /// Rebalances that the pump does not know of yet: of the first, an assignment, Kafka is asked where
    /// its partitions begin.
    coming: VecDeque<consume::Rebalance>,
    has_asked: bool,
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

    fn begin(&mut self, begins: Vec<(TopicPartition, i64)>) {
        self.unanswered.pop_front();
        if let Err(error) = self.consumer.begin(&begins) {
            warn!(%error, "consume: librdkafka did not take an offset to begin from");
        }
    }

    fn give_up(&mut self) {
        if let Some(rebalance) = self.unanswered.pop_front() {
            self.consumer.answer(&rebalance);
        }
    }

    fn set_paused(&mut self, paused: bool) -> bool {
        let done = self.consumer.set_paused(paused);
        if let Err(error) = &done {
            warn!(%error, paused, "consume: could not pause or resume; retrying");
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
        let now = clock::now();
        Self {
            topics: setup.config.kafka.subscription(&setup.mapping.topic_names()),
            pump: Pump::new(setup.clone()),
            link: Link { consumer, sealed, unanswered: VecDeque::new() },
            events,
            stop,
            started: now,
            ticked: now,
            ticks: 0,
            looked_at_end: now,
            waits: (Waits::default(), now),
            coming: VecDeque::new(),
            has_asked: false,
            setup,
        }
    }

    /// Works until the pump is done, then leaves the group.
    pub(super) fn run(mut self) -> Result<(), PipelineError> {
        let worked = self.start().and_then(|()| self.work());
        info!("leaving the group");
        // A rebalance that was not answered is answered by leaving.
        for rebalance in self.link.unanswered.drain(..).chain(self.coming) {
            self.link.consumer.answer(&rebalance);
        }
        self.link.consumer.close();
        match worked {
            Ok(true) => match self.pump.left_out() {
                Some(left_out) => Err(PipelineError::Incomplete(left_out)),
                None => Ok(()),
            },
            Ok(false) => Err(PipelineError::Deadline(self.setup.config.stop_timeout)),
            // What is under way may be what failed. Its offsets are not committed.
            Err(error) => Err(error),
        }
    }

    fn start(&mut self) -> Result<(), PipelineError> {
        let topics: Vec<&str> = self.topics.iter().map(String::as_str).collect();
        if self.setup.until_end {
            let Some((bounds, committed)) = self.present_end(&topics)? else {
                return Err(PipelineError::Incomplete(vec!["stopped before it began".to_owned()]));
            };
            self.refuse_to_skip(&bounds, &committed)?;
            let left = |(key, (first, end)): (&TopicPartition, &(i64, i64))| {
                let next = committed.get(key).filter(|offset| *offset <= end);
                end - next.copied().unwrap_or(*first).max(*first)
            };
            let expected: i64 = bounds.iter().map(left).sum();
            let expected = u64::try_from(expected).unwrap_or(0);
            self.setup.progress.expected.store(expected, Ordering::Relaxed);
            info!(
                messages = expected,
                partitions = bounds.len(),
                "processing until the present end"
            );
            self.pump.stop_at_end(UntilEnd::new(&bounds, &committed));
        }
        let group = self.setup.config.kafka.group_id();
        info!(topics = topics.join(","), group, "joining the group");
        self.link.consumer.subscribe(&topics)?;
        Ok(())
    }

    /// The first and next offsets of all partitions, and those that the group has committed. Asks until
    /// Kafka answers; `None` if it is to stop meanwhile.
    fn present_end(
        &self,
        topics: &[&str],
    ) -> Result<Option<(Bounds, OffsetsByPartition)>, PipelineError> {
        let reader = self.link.consumer.reader()?;
        let (bounds, committed) = loop {
            if self.stop.is_requested() {
                return Ok(None);
            }
            match reader.present(topics) {
                Ok(present) => break present,
                Err(error) if is_denied(&error) => return Err(error.into()),
                Err(error) => self.wait_for_kafka(&error)?,
            }
        };
        self.setup.health.set_trouble(Trouble::Kafka, None);
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
        Ok(Some((bounds, committed)))
    }

    /// Kafka is not ready: says so, and waits a moment.
    fn wait_for_kafka(&self, error: &KafkaError) -> Result<(), PipelineError> {
        let waited = self.started.elapsed();
        if self.setup.config.start_timeout.is_some_and(|limit| waited >= limit) {
            return Err(PipelineError::NotReady(waited, error.to_string()));
        }
        warn!(%error, "Kafka is not ready; retrying");
        self.setup.health.set_trouble(Trouble::Kafka, Some(format!("not ready: {error}")));
        let until = clock::now() + ASK_AGAIN;
        while clock::now() < until && !self.stop.is_requested() {
            std::thread::sleep(ASK_AGAIN / 10);
        }
        Ok(())
    }

    /// Where a group begins at the end, what is there now would be skipped, and the run would end well.
    fn refuse_to_skip(
        &self,
        bounds: &Bounds,
        committed: &OffsetsByPartition,
    ) -> Result<(), PipelineError> {
        let reset = self.setup.config.kafka.properties.get("auto.offset.reset");
        let reset = Reset::named(reset.map_or("", String::as_str));
        let mut skipped = 0;
        for (partition, &(first, end)) in bounds {
            let known = Known {
                partition: partition.clone(),
                committed: committed.get(partition).copied(),
                first,
                end,
                group_knows_topic: committed.keys().any(|known| known.topic == partition.topic),
            };
            if known.committed.is_none() {
                skipped += begin::begin(&known, reset)?.offset - first;
            }
        }
        if skipped == 0 {
            return Ok(());
        }
        let group = self.setup.config.kafka.group_id();
        Err(PipelineError::Kafka(format!(
            "the group {group} has no committed offsets and kafka.auto_offset_reset is \"latest\", so --until-end would skip the {skipped} messages that are there; set kafka.auto_offset_reset to \"earliest\""
        )))
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
            self.take_rebalances()?;
            if self.ticked.elapsed() >= TICK {
                self.ticked = clock::now();
                self.tick()?;
            }
            if self.looked_at_end.elapsed() >= LOOK_AT_END {
                self.looked_at_end = clock::now();
                self.look_at_end();
            }
            if self.pump.is_draining() {
                self.pump.positions(&self.link.consumer.positions());
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

    /// Whether the end is reached, if there is one, and whether nothing is left out.
    fn look_at_end(&mut self) {
        self.say_waits();
        let consumer = &self.link.consumer;
        if self.setup.until_end {
            self.pump.positions(&consumer.positions());
            consumer.ask(Question::Committed(self.pump.left_to_others()));
        }
        consumer.ask(Question::Bounds(self.pump.unexplained()));
    }

    /// A run that has an end does not wait in silence.
    fn say_waits(&mut self) {
        let now = clock::now();
        let waits = self.pump.waits();
        if waits != self.waits.0 {
            self.waits = (waits, now);
        } else if now.duration_since(self.waits.1) >= SAY_WAITS {
            self.waits.1 = now;
            if !waits.others.is_empty() {
                warn!(
                    partitions = waits.others,
                    "until the end: waiting until other members of the group have committed the end of their partitions, or give them up; if they are not instances of sluicegate, stop them"
                );
            }
            if !waits.hidden.is_empty() {
                warn!(
                    partitions = waits.hidden,
                    "until the end: waiting for the end of an open transaction, past whose start no consumer can read; kafka-transactions.sh can find and abort it"
                );
            }
        }
    }

    fn happened(&mut self, event: Event) -> Result<(), PipelineError> {
        match event {
            Event::Flushed(flushed) => self.pump.flushed(*flushed, Now::read())?,
            Event::Heard(Heard::Committed(committed)) => {
                self.pump.committed(committed, Now::read());
            }
            Event::Heard(Heard::Answer(answer)) => self.answered(answer)?,
        }
        Ok(())
    }

    fn answered(&mut self, answer: Answer) -> Result<(), PipelineError> {
        match answer {
            Answer::Beginnings(known) => {
                self.has_asked = false;
                self.pump.rebalance(Rebalance::Assign(known))?;
                self.link.unanswered.extend(self.coming.pop_front());
            }
            Answer::Bounds(bounds) => self.pump.bounds(&bounds),
            Answer::Committed(committed) => self.pump.done_by_others(&committed),
            Answer::Ends { bounds, missing } => self.pump.present_ends(&bounds, &missing),
        }
        Ok(())
    }

    /// Takes a message, and those that wait behind it: clocks, channels and watermarks are looked
    /// at once for all of them.
    fn poll(&mut self, timeout: Duration) -> Result<(), PipelineError> {
        let first = match self.link.consumer.poll(timeout) {
            Ok(Some(first)) => first,
            Ok(None) => return Ok(()),
            Err(error) => return Err(self.stopped_by(error)),
        };
        let now = Now::read();
        let mut has_room = self.pump.message(&Message::of(&first), now);
        for _ in 1..MESSAGES_AT_ONCE {
            if !has_room {
                break;
            }
            let next = match self.link.consumer.poll(Duration::ZERO) {
                Ok(Some(next)) => next,
                Ok(None) => break,
                Err(error) => return Err(self.stopped_by(error)),
            };
            has_room = self.pump.message(&Message::of(&next), now);
        }
        Ok(())
    }

    fn take_rebalances(&mut self) -> Result<(), PipelineError> {
        while let Some(rebalance) = self.link.consumer.next_rebalance() {
            self.coming.push_back(rebalance);
        }
        while let Some(rebalance) = self.coming.front() {
            let told = match rebalance {
                consume::Rebalance::Assign(list) if list.count() > 0 => {
                    if !self.has_asked {
                        self.has_asked = true;
                        self.link.consumer.ask(Question::Beginnings(partitions_of(list)));
                    }
                    return Ok(());
                }
                consume::Rebalance::Assign(_) => Rebalance::Assign(Vec::new()),
                consume::Rebalance::Revoke { partitions, lost } => {
                    Rebalance::Revoke { partitions: partitions_of(partitions), lost: *lost }
                }
            };
            self.pump.rebalance(told)?;
            self.link.unanswered.extend(self.coming.pop_front());
        }
        Ok(())
    }

    fn tick(&mut self) -> Result<(), PipelineError> {
        let consumer = &self.link.consumer;
        if let Some(statistics) = consumer.take_statistics() {
            self.pump.statistics(&statistics);
        }
        self.pump.positions(&consumer.positions());
        if self.ticks.is_multiple_of(TICKS_TO_BOUNDS) {
            consumer.ask(Question::Bounds(self.pump.unknown_bounds()));
            consumer.ask(Question::Ends(self.pump.pending()));
        }
        self.ticks = self.ticks.wrapping_add(1);
        self.pump.report(Now::read());
        self.look_at_kafka()
    }

    /// Whether Kafka is there, and the group takes this instance.
    fn look_at_kafka(&self) -> Result<(), PipelineError> {
        let (consumer, health) = (&self.link.consumer, &self.setup.health);
        let alone = || consumer.is_alone().then(|| "no broker is connected; retrying".to_owned());
        let trouble = consumer.trouble().or_else(alone);
        let waited = self.started.elapsed();
        if let Some(trouble) = &trouble
            && !consumer.was_connected()
            && self.setup.config.start_timeout.is_some_and(|limit| waited >= limit)
        {
            return Err(PipelineError::NotReady(waited, trouble.clone()));
        }
        health.set_trouble(Trouble::Kafka, trouble);
        if let Some(code) = consumer.take_refusal() {
            let group = self.setup.config.kafka.group_id();
            let text = refusal(group, code);
            if self.setup.until_end {
                return Err(PipelineError::Kafka(text));
            }
            health.set_trouble(Trouble::Group, Some(text));
        }
        Ok(())
    }

    /// What librdkafka says when it cannot continue, with what it leaves out.
    fn stopped_by(&self, error: KafkaError) -> PipelineError {
        let topics: Vec<&str> = self.topics.iter().map(String::as_str).collect();
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::AutoOffsetReset) => {
                let bounds = self.link.consumer.offset_bounds(&topics).unwrap_or_default();
                match self.pump.out_of_range(&bounds) {
                    Some(out_of_range) => out_of_range.into(),
                    None => error.into(),
                }
            }
            Some(RDKafkaErrorCode::BadMessage) => PipelineError::Kafka(
                "a record batch fails its checksum (check.crcs), and librdkafka would skip it; repair the partition, or move the group's offset behind it with kafka-consumer-groups".to_owned(),
            ),
            _ => error.into(),
        }
    }
}

/// Whether waiting does not help.
fn is_denied(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{
        ClusterAuthorizationFailed, GroupAuthorizationFailed, InvalidGroupId, InvalidTopic,
        SaslAuthenticationFailed, TopicAuthorizationFailed,
    };
    matches!(
        error.rdkafka_error_code(),
        Some(
            ClusterAuthorizationFailed
                | GroupAuthorizationFailed
                | InvalidGroupId
                | InvalidTopic
                | SaslAuthenticationFailed
                | TopicAuthorizationFailed
        )
    )
}

/// Why the group does not take this instance, and what to do.
fn refusal(group: &str, code: RDKafkaErrorCode) -> String {
    let what = match code {
        RDKafkaErrorCode::InconsistentGroupProtocol => {
            "another member uses a different partition assignor, or the group is a share or streams group: stop it, or give sluicegate a kafka.group_id of its own"
        }
        RDKafkaErrorCode::GroupAuthorizationFailed => "allow READ on the group",
        RDKafkaErrorCode::GroupMaxSizeReached => "it has as many members as group.max.size allows",
        RDKafkaErrorCode::InvalidSessionTimeout => {
            "session.timeout.ms is outside of what the brokers allow (group.min.session.timeout.ms and group.max.session.timeout.ms)"
        }
        _ => "check kafka.group_id",
    };
    format!("the group {group} does not take this instance ({code:?}): {what}")
}
