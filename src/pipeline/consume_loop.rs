//! The consuming thread: tells the pump what Kafka and the writers say, and does what it asks for.

mod inquiries;
mod start;
mod strangers;

use super::keeper::{Recall, Task};
use super::pump::{Next, Port, Pump};
use super::until_end::Waits;
use super::{Now, PipelineError, Reply, SealedBatch, Setup, Stop};
use crate::clock;
use crate::consume::{Answer, Consumer, KafkaReply, Question, Rebalance};
use crate::health::Trouble;
use crate::message::Message;
use crate::offsets::Offsets;
use inquiries::Inquiries;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::collections::VecDeque;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};
use strangers::{Strangers, TICKS_TO_MEMBERS};
use tokio::sync::mpsc::Sender;
use tracing::{info, warn};

/// Longest wait for a message, and so until we notice a request to stop.
const POLL_IDLE: Duration = Duration::from_millis(100);
/// Longest wait while a reply is due: librdkafka waits for messages, not for replies.
const POLL_BUSY: Duration = Duration::from_millis(5);
/// How often to take statistics.
const TICK: Duration = Duration::from_secs(1);
/// After how many ticks to ask Kafka for the ends of partitions, if needed.
const TICKS_TO_BOUNDS: u32 = 3;
/// With an end to reach: how often to compare positions with it, and to ask Kafka what other instances
/// have done.
const CHECK_END: Duration = Duration::from_millis(250);
/// With an end to reach: how long to wait for the same thing before saying so, and again.
const SAY_WAITS: Duration = Duration::from_secs(10);
/// How many messages to take before doing anything else: less than a millisecond of work, unless they
/// are large.
const MESSAGES_AT_ONCE: usize = 64;

pub(super) struct ConsumeLoop {
    setup: Setup,
    /// The topics to read, by their names in Kafka.
    topics: Vec<String>,
    pump: Pump,
    link: Link,
    replies: Receiver<Reply>,
    stop: Stop,
    started: Instant,
    ticked: Instant,
    ticks: u32,
    checked_end: Instant,
    /// What we wait for, and since when, or when we last said so.
    waits: (Waits, Instant),
    /// Rebalances that the pump does not know of yet. The first is an assignment, and we have asked
    /// Kafka where its partitions begin.
    coming: VecDeque<Rebalance>,
    inquiries: Inquiries,
    strangers: Strangers,
    /// We stop only to begin again with another client.
    joins_again: bool,
}

/// How a consume loop ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    Done,
    /// Another one is to take over.
    ToJoinAgain,
}

/// The pump's way to Kafka, to the writers and to the keeper.
struct Link {
    consumer: Consumer,
    sealed: Sender<SealedBatch>,
    tasks: Sender<Task>,
}

impl Link {
    /// One at a time.
    fn recall(&self, recall: Recall) {
        self.keep(Task::Recall(recall));
    }

    fn keep(&self, task: Task) {
        let sent = self.tasks.try_send(task);
        debug_assert!(sent.is_ok(), "there is room for one of each kind");
    }
}

impl Port for Link {
    fn write(&mut self, batch: SealedBatch) {
        let sent = self.sealed.try_send(batch);
        debug_assert!(sent.is_ok(), "there is room for every batch, and writers outlive the pump");
    }

    fn record(&mut self) {
        self.keep(Task::Record);
    }

    fn commit(&mut self, offsets: Offsets) {
        self.consumer.commit(offsets);
    }

    fn begin(&mut self, begins: Offsets) {
        if let Err(error) = self.consumer.begin(&begins) {
            warn!(%error, "consume: librdkafka did not accept an offset to begin from");
        }
    }

    fn give_up(&mut self) {
        self.consumer.give_up();
    }

    fn seek(&mut self, begins: &Offsets) -> bool {
        let done = self.consumer.seek(begins);
        if let Err(error) = &done {
            info!(%error, "consume: cannot begin again yet; retrying");
        }
        done.is_ok()
    }

    fn set_paused(&mut self, paused: bool) -> bool {
        let done = self.consumer.set_paused(paused);
        if let Err(error) = &done {
            warn!(%error, paused, "consume: cannot pause or resume; retrying");
        }
        done.is_ok()
    }
}

impl ConsumeLoop {
    pub(super) fn new(
        setup: Setup,
        consumer: Consumer,
        (sealed, tasks): (Sender<SealedBatch>, Sender<Task>),
        replies: Receiver<Reply>,
        stop: Stop,
    ) -> Self {
        let now = clock::now();
        Self {
            topics: setup.config.kafka.subscription(&setup.mapping.topic_names()),
            pump: Pump::new(setup.clone()),
            link: Link { consumer, sealed, tasks },
            replies,
            stop,
            started: now,
            ticked: now,
            ticks: 0,
            checked_end: now,
            waits: (Waits::default(), now),
            coming: VecDeque::new(),
            inquiries: Inquiries::default(),
            strangers: Strangers::default(),
            joins_again: false,
            setup,
        }
    }

    /// Works until the pump is done, then leaves the group.
    pub(super) fn run(mut self) -> Result<Ended, PipelineError> {
        let worked = self.start().and_then(|()| self.work());
        info!("leaving the group");
        self.link.consumer.close();
        match worked {
            Ok(_) if self.joins_again && !self.stop.is_requested() => {
                self.pump.leave();
                Ok(Ended::ToJoinAgain)
            }
            Ok(true) => match self.pump.left_out() {
                Some(left_out) => Err(PipelineError::Incomplete(left_out)),
                None => Ok(Ended::Done),
            },
            Ok(false) => Err(PipelineError::Deadline(self.setup.config.stop_timeout)),
            // What failed may still be under way. Its offsets are not committed.
            Err(error) => Err(error),
        }
    }

    /// Returns whether everything was done in time.
    fn work(&mut self) -> Result<bool, PipelineError> {
        loop {
            if self.stop.is_requested() || self.joins_again {
                self.pump.stop(Now::read());
            }
            while let Ok(reply) = self.replies.try_recv() {
                self.replied(reply)?;
            }
            self.take_rebalances()?;
            if self.ticked.elapsed() >= TICK {
                self.ticked = clock::now();
                self.tick()?;
            }
            if self.checked_end.elapsed() >= CHECK_END {
                self.checked_end = clock::now();
                self.check_end();
            }
            if self.pump.is_draining() {
                self.pump.positions(&self.link.consumer.positions());
            }
            match self.pump.step(Now::read(), &mut self.link) {
                Next::Poll(timeout) => self.poll(timeout.min(self.patience()))?,
                Next::Wait(timeout) => {
                    if let Ok(reply) = self.replies.recv_timeout(timeout.min(POLL_IDLE)) {
                        self.replied(reply)?;
                    }
                    if self.pump.is_paused() {
                        // Returns no message, but keeps us in the group.
                        self.poll(Duration::ZERO)?;
                    }
                }
                Next::Done(in_time) => return Ok(in_time),
            }
        }
    }

    /// How long librdkafka may wait for a message.
    fn patience(&self) -> Duration {
        if self.pump.awaits_reply() || self.inquiries.are_open() { POLL_BUSY } else { POLL_IDLE }
    }

    /// Whether the end is reached, if there is one, and whether nothing is left out.
    fn check_end(&mut self) {
        self.say_waits();
        if self.setup.until_end {
            self.pump.positions(&self.link.consumer.positions());
            self.ask_about_others();
        }
        self.link.consumer.ask(Question::Bounds(self.pump.unexplained()));
    }

    /// Says what a run with an end is waiting for.
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
                    do_not_write_here = self.strangers_in_words(),
                    "until the end: waiting for other members of the group to load the end of their partitions or give them up; stop those that do not write to this database"
                );
            }
            if !waits.hidden.is_empty() {
                warn!(
                    partitions = waits.hidden,
                    "until the end: waiting for an open transaction, because no consumer can read past its start; find and abort it with kafka-transactions.sh"
                );
            }
        }
    }

    fn replied(&mut self, reply: Reply) -> Result<(), PipelineError> {
        match reply {
            Reply::Flushed(flushed) => self.pump.flushed(*flushed, Now::read())?,
            Reply::Kafka(KafkaReply::Commit(outcome)) => {
                self.pump.committed(outcome, Now::read());
            }
            Reply::Kafka(KafkaReply::Answer(answer)) => self.answered(answer),
            Reply::Recalled(answer) => self.recalled(answer)?,
            Reply::Recorded(result) => self.pump.recorded(result)?,
        }
        Ok(())
    }

    fn answered(&mut self, answer: Answer) {
        match answer {
            Answer::Beginnings(beginnings) => self.beginnings(beginnings),
            Answer::Bounds(bounds) => self.pump.bounds(&bounds),
            Answer::Members(members) => self.members(members),
            Answer::TopicIds(ids) => self.topic_ids(&ids),
            Answer::Ends { bounds, missing } => self.pump.present_ends(&bounds, &missing),
        }
    }

    /// Takes a message and those that wait behind it, so that we check clocks, channels and watermarks
    /// once for all of them.
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

    fn tick(&mut self) -> Result<(), PipelineError> {
        let consumer = &self.link.consumer;
        if let Some(statistics) = consumer.take_statistics() {
            self.pump.statistics(&statistics);
        }
        self.pump.positions(&consumer.positions());
        // Nobody would answer.
        if !consumer.is_cut_off() {
            self.ask_kafka();
        }
        self.ticks = self.ticks.wrapping_add(1);
        self.pump.report(Now::read());
        self.check_kafka()
    }

    /// Asks what may have changed; some of it seldom.
    fn ask_kafka(&self) {
        let consumer = &self.link.consumer;
        if self.ticks.is_multiple_of(TICKS_TO_BOUNDS) {
            consumer.ask(Question::Bounds(self.pump.unknown_bounds()));
            consumer.ask(Question::Ends(self.pump.pending()));
            self.ask_topic_ids();
        }
        if self.ticks.is_multiple_of(TICKS_TO_MEMBERS) {
            self.ask_about_members();
        }
    }

    /// Topics may be created, or deleted and recreated.
    fn ask_topic_ids(&self) {
        let topics = self.topics.iter().map(|topic| topic.as_str().into()).collect();
        self.link.consumer.ask(Question::TopicIds(topics));
    }

    /// Whether we reach Kafka, and the group accepts this instance.
    fn check_kafka(&self) -> Result<(), PipelineError> {
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
            let group = &self.setup.config.kafka.group_id;
            let text = refusal(group, code);
            if self.setup.until_end {
                return Err(PipelineError::Kafka(text));
            }
            health.set_trouble(Trouble::Group, Some(text));
        }
        Ok(())
    }

    /// Why librdkafka cannot continue, with the details that it leaves out.
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
                "a record batch fails its checksum (check.crcs), and librdkafka would skip it; repair the partition, or move the group past it with `sluicegate progress set TOPIC/PARTITION --to-offset N`".to_owned(),
            ),
            _ => error.into(),
        }
    }
}

/// Why the group does not accept this instance, and what to do.
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
    format!("the group {group} does not accept this instance ({code:?}): {what}")
}
