//! Questions to Kafka: a thread asks them, so that the consuming loop never waits for an answer.
//!
//! Takes a [`Question`], gives its [`Answer`] once. Holds true: of each kind at most one question is
//! open. Where the pipeline cannot go on without an answer, the question is repeated until Kafka
//! gives one; [`Asker::trouble`] says meanwhile what is wrong.

use super::context::Context;
use super::{QUERY_TIMEOUT, lock, offsets_of};
use crate::offsets::TopicPartition;
use crate::offsets::{Bounds, OffsetsByPartition};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;
use tracing::warn;

/// The kinds of questions, and so the most that are open.
pub(super) const KINDS: usize = 4;
/// How long Kafka may take to answer a question that is asked again anyway.
const BRIEF_TIMEOUT: Duration = Duration::from_secs(1);
/// The pause before an unanswered question is repeated.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// A new leader may not know yet how far its partition reaches. So an end before the committed offset is
/// believed only when it is still there after so many questions.
const SETTLE_QUESTIONS: u32 = 3;

/// A question to Kafka.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// Where could these partitions begin? Repeated until it is answered.
    Beginnings(Vec<TopicPartition>),
    /// What are their first and next offsets? Without an answer, ask again later.
    Bounds(Vec<TopicPartition>),
    /// What has the group committed? Without an answer, ask again later.
    Committed(Vec<TopicPartition>),
    /// Do their topics exist, and up to where do they reach, open transactions included? Without an
    /// answer, ask again later.
    Ends(Vec<TopicPartition>),
}

/// Kafka's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// To [`Question::Beginnings`].
    Beginnings(Vec<Known>),
    /// To [`Question::Bounds`].
    Bounds(Bounds),
    /// To [`Question::Committed`].
    Committed(OffsetsByPartition),
    /// To [`Question::Ends`].
    Ends {
        /// First and next offsets, open transactions included.
        bounds: Bounds,
        /// Topics that do not exist.
        missing: BTreeSet<Arc<str>>,
    },
}

/// What Kafka knows of a partition when it is assigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The partition.
    pub partition: TopicPartition,
    /// What the group has committed.
    pub committed: Option<i64>,
    /// The first offset that is there.
    pub first: i64,
    /// The offset after the last one that can be read.
    pub end: i64,
    /// Whether the group has committed an offset in any partition of the topic.
    pub group_knows_topic: bool,
}

/// The thread that asks.
pub(super) struct Asker {
    questions: SyncSender<Question>,
    open: Arc<Mutex<BTreeSet<usize>>>,
    trouble: Arc<Mutex<Option<String>>>,
    thread: JoinHandle<()>,
}

impl Asker {
    /// `config` is for a client of its own, which it needs to see what open transactions hide.
    pub(super) fn start(
        consumer: Arc<BaseConsumer<Context>>,
        config: ClientConfig,
        answer: impl Fn(Answer) + Send + 'static,
    ) -> std::io::Result<Self> {
        let (questions, to_ask) = sync_channel::<Question>(KINDS);
        let open = Arc::new(Mutex::new(BTreeSet::new()));
        let trouble = Arc::new(Mutex::new(None));
        let (asked, said) = (Arc::clone(&open), Arc::clone(&trouble));
        let thread = std::thread::Builder::new().name("ask".to_owned()).spawn(move || {
            let mut asking = Asking { consumer, config, uncommitted: None, trouble: said };
            for question in to_ask {
                let kind = kind(&question);
                let found = asking.ask(question);
                lock(&asked).remove(&kind);
                if let Some(found) = found {
                    answer(found);
                }
            }
        })?;
        Ok(Self { questions, open, trouble, thread })
    }

    /// Asks, unless a question of this kind is open or there is nothing to ask.
    pub(super) fn ask(&self, question: Question) {
        let (Question::Beginnings(about)
        | Question::Bounds(about)
        | Question::Committed(about)
        | Question::Ends(about)) = &question;
        if !about.is_empty() && lock(&self.open).insert(kind(&question)) {
            // There is a place for each kind.
            let _ = self.questions.try_send(question);
        }
    }

    /// Why a question that the pipeline cannot go on without is not answered yet.
    pub(super) fn trouble(&self) -> Option<String> {
        lock(&self.trouble).clone()
    }

    pub(super) fn end(self) -> std::thread::Result<()> {
        drop(self.questions);
        self.thread.join()
    }
}

fn kind(question: &Question) -> usize {
    match question {
        Question::Beginnings(_) => 0,
        Question::Bounds(_) => 1,
        Question::Committed(_) => 2,
        Question::Ends(_) => 3,
    }
}

struct Asking {
    consumer: Arc<BaseConsumer<Context>>,
    config: ClientConfig,
    uncommitted: Option<BaseConsumer>,
    trouble: Arc<Mutex<Option<String>>>,
}

impl Asking {
    fn is_closing(&self) -> bool {
        self.consumer.context().closing.load(Ordering::Relaxed)
    }

    fn ask(&mut self, question: Question) -> Option<Answer> {
        if self.is_closing() {
            return None;
        }
        match question {
            Question::Beginnings(partitions) => {
                self.beginnings(&partitions).map(Answer::Beginnings)
            }
            Question::Bounds(partitions) => Some(Answer::Bounds(self.bounds(partitions))),
            Question::Committed(partitions) => {
                let found = committed(&self.consumer, &partitions, QUERY_TIMEOUT);
                self.or_say(found, "what the group has committed").map(Answer::Committed)
            }
            Question::Ends(partitions) => {
                let found = self.ends(&partitions);
                let found = self.or_say(found, "where its partitions end");
                found.map(|(bounds, missing)| Answer::Ends { bounds, missing })
            }
        }
    }

    fn or_say<T>(&self, found: KafkaResult<T>, what: &str) -> Option<T> {
        let said = |error| {
            let text = format!("Kafka does not say {what}: {error}; asking again");
            self.consumer.context().say(text.clone(), &text);
        };
        found.map_err(said).ok()
    }

    /// Asks until Kafka answers.
    fn beginnings(&self, partitions: &[TopicPartition]) -> Option<Vec<Known>> {
        let mut questions = 0;
        while !self.is_closing() {
            questions += 1;
            match known(&self.consumer, partitions) {
                Ok(known) => {
                    *lock(&self.trouble) = None;
                    let is_short = |known: &Known| known.committed.is_some_and(|at| at > known.end);
                    if questions >= SETTLE_QUESTIONS || !known.iter().any(is_short) {
                        return Some(known);
                    }
                }
                Err(error) => {
                    let text = format!("the group's offsets cannot be read: {error}");
                    if lock(&self.trouble).replace(text.clone()).is_none() {
                        warn!(%error, "consume: the group's offsets cannot be read; retrying");
                    }
                }
            }
            std::thread::sleep(ASK_AGAIN);
        }
        None
    }

    fn bounds(&self, partitions: Vec<TopicPartition>) -> Bounds {
        let mut found = Bounds::new();
        for partition in partitions {
            if self.is_closing() {
                break;
            }
            let TopicPartition { topic, partition: number } = &partition;
            if let Ok(bounds) = self.consumer.fetch_watermarks(topic, *number, BRIEF_TIMEOUT) {
                found.insert(partition, bounds);
            }
        }
        found
    }

    fn ends(&mut self, partitions: &[TopicPartition]) -> KafkaResult<(Bounds, BTreeSet<Arc<str>>)> {
        let client = match &mut self.uncommitted {
            Some(client) => client,
            none => none.insert(self.config.create()?),
        };
        let topics: BTreeSet<&Arc<str>> = partitions.iter().map(|one| &one.topic).collect();
        let mut missing = BTreeSet::new();
        for topic in topics {
            if !exists(client, topic, QUERY_TIMEOUT)? {
                missing.insert(Arc::clone(topic));
            }
        }
        let is_there = |one: &&TopicPartition| !missing.contains(&one.topic);
        let there: Vec<TopicPartition> = partitions.iter().filter(is_there).cloned().collect();
        Ok((bounds_of(client, &there)?, missing))
    }
}

/// What Kafka knows of partitions. One whose topic was deleted meanwhile is empty.
fn known(
    consumer: &BaseConsumer<Context>,
    partitions: &[TopicPartition],
) -> KafkaResult<Vec<Known>> {
    let there = match bounds_of(consumer, partitions) {
        Ok(bounds) => bounds,
        Err(error) => {
            let there = those_that_exist(consumer, partitions)?;
            if there.len() == partitions.len() {
                return Err(error);
            }
            bounds_of(consumer, &there)?
        }
    };
    let mut offsets = committed(consumer, partitions, QUERY_TIMEOUT)?;
    let mut topics = BTreeMap::new();
    for TopicPartition { topic, .. } in partitions {
        if !topics.contains_key(topic) {
            topics.insert(Arc::clone(topic), has_committed(consumer, topic, &offsets)?);
        }
    }
    let known = |partition: &TopicPartition| {
        let (first, end) = there.get(partition).copied().unwrap_or_default();
        Known {
            partition: partition.clone(),
            committed: offsets.remove(partition),
            first,
            end,
            group_knows_topic: topics[&partition.topic],
        }
    };
    Ok(partitions.iter().map(known).collect())
}

/// Whether the group has committed an offset in any partition of a topic.
fn has_committed(
    consumer: &BaseConsumer<Context>,
    topic: &Arc<str>,
    offsets: &OffsetsByPartition,
) -> KafkaResult<bool> {
    if offsets.keys().any(|partition| partition.topic == *topic) {
        return Ok(true);
    }
    let all = partitions_of_topic(consumer, topic)?;
    Ok(!all.is_empty() && !committed(consumer, &all, QUERY_TIMEOUT)?.is_empty())
}

fn those_that_exist(
    consumer: &BaseConsumer<Context>,
    partitions: &[TopicPartition],
) -> KafkaResult<Vec<TopicPartition>> {
    let mut there = Vec::new();
    for partition in partitions {
        if exists(consumer, &partition.topic, QUERY_TIMEOUT)? {
            there.push(partition.clone());
        }
    }
    Ok(there)
}

pub(super) fn partitions_of_topic<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topic: &Arc<str>,
) -> KafkaResult<Vec<TopicPartition>> {
    let metadata = consumer.fetch_metadata(Some(topic), QUERY_TIMEOUT)?;
    let found = metadata.topics().iter().flat_map(|found| found.partitions());
    let own = |found: &rdkafka::metadata::MetadataPartition| TopicPartition {
        topic: Arc::clone(topic),
        partition: found.id(),
    };
    Ok(found.map(own).collect())
}

/// Whether a topic exists.
pub(super) fn exists<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topic: &str,
    timeout: Duration,
) -> KafkaResult<bool> {
    let metadata = consumer.fetch_metadata(Some(topic), timeout)?;
    let error = metadata.topics().iter().find_map(|found| found.error());
    match error.map(RDKafkaErrorCode::from) {
        None => Ok(true),
        Some(RDKafkaErrorCode::UnknownTopicOrPartition) => Ok(false),
        Some(error) => Err(KafkaError::MetadataFetch(error)),
    }
}

/// The bounds of every partition of those topics that exist.
pub(super) fn bounds_of_topics<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topics: &[&str],
) -> KafkaResult<Bounds> {
    let mut partitions = Vec::new();
    for topic in topics {
        if exists(consumer, topic, QUERY_TIMEOUT)? {
            partitions.extend(partitions_of_topic(consumer, &Arc::from(*topic))?);
        }
    }
    bounds_of(consumer, &partitions)
}

/// The first and the next offsets of partitions that exist, as far as the client may read.
pub(super) fn bounds_of<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    partitions: &[TopicPartition],
) -> KafkaResult<Bounds> {
    let ends = list_offsets(consumer, partitions, Offset::End)?;
    let firsts = list_offsets(consumer, partitions, Offset::Beginning)?;
    let both = |(partition, first)| {
        let end = *ends.get(&partition)?;
        Some((partition, (first, end)))
    };
    Ok(firsts.into_iter().filter_map(both).collect())
}

/// Kafka's ListOffsets: one request a broker.
fn list_offsets<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    partitions: &[TopicPartition],
    which: Offset,
) -> KafkaResult<OffsetsByPartition> {
    if partitions.is_empty() {
        return Ok(OffsetsByPartition::new());
    }
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for TopicPartition { topic, partition } in partitions {
        list.add_partition_offset(topic, *partition, which)?;
    }
    let found = consumer.offsets_for_times(list, QUERY_TIMEOUT)?;
    found.elements().iter().try_for_each(|element| element.error())?;
    let offsets = offsets_of(found);
    if offsets.len() < partitions.len() {
        return Err(KafkaError::OffsetFetch(RDKafkaErrorCode::NoOffset));
    }
    Ok(offsets)
}

/// The offsets that the group has committed for these partitions.
pub(super) fn committed<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    partitions: &[TopicPartition],
    timeout: Duration,
) -> KafkaResult<OffsetsByPartition> {
    if partitions.is_empty() {
        return Ok(OffsetsByPartition::new());
    }
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for TopicPartition { topic, partition } in partitions {
        list.add_partition(topic, *partition);
    }
    let found = consumer.committed_offsets(list, timeout)?;
    found.elements().iter().try_for_each(|element| element.error())?;
    Ok(offsets_of(found))
}
