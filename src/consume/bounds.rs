//! Asks Kafka about the bounds of partitions and the offsets of the group, on a thread of its own, so
//! that the consuming loop never waits for an answer.
//!
//! Takes a [`Question`], gives its [`Answer`] once. Holds true: at most one question of each kind is
//! open. If the pipeline cannot continue without the answer, the question is repeated until Kafka
//! answers; [`BoundsFetcher::trouble`] says meanwhile what is wrong.

use super::context::Context;
use super::identity::topic_ids;
use super::members::{Member, members};
use super::queries::{Beginnings, PartitionFacts, beginnings, bounds_of, exists};
use super::{QUERY_TIMEOUT, lock};
use crate::offsets::{Bounds, TopicPartition};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;
use tracing::warn;

/// How many kinds of questions there are, and so how many can be open.
pub(super) const KINDS: usize = 5;
/// How long Kafka may take to answer a question that we ask again anyway.
const BRIEF_TIMEOUT: Duration = Duration::from_secs(1);
/// The pause before an unanswered question is repeated.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// A new leader may not know the end of its partition yet. So we believe an end before the committed
/// offset only after asking this often.
const SETTLE_QUESTIONS: u32 = 3;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// Where could these partitions begin? Repeated until Kafka answers.
    Beginnings {
        partitions: Vec<TopicPartition>,
        /// All topics of the group.
        topics: Vec<String>,
    },
    /// What are their first and next offsets? If no answer comes, ask again later.
    Bounds(Vec<TopicPartition>),
    /// Who is in this group? If no answer comes, ask again later.
    Members(String),
    /// What are the ids of these topics now? If no answer comes, ask again later.
    TopicIds(Vec<Arc<str>>),
    /// Do their topics exist, and where do they end, open transactions included? If no answer comes,
    /// ask again later.
    Ends(Vec<TopicPartition>),
}

/// The answer to the [`Question`] of the same name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Beginnings(Beginnings),
    Bounds(Bounds),
    Members(Vec<Member>),
    /// By topic, for those that exist.
    TopicIds(BTreeMap<Arc<str>, Arc<str>>),
    Ends {
        /// First and next offsets, open transactions included.
        bounds: Bounds,
        /// Topics that do not exist.
        missing: BTreeSet<Arc<str>>,
    },
}

/// The thread that asks.
pub(super) struct BoundsFetcher {
    questions: SyncSender<Question>,
    open: Arc<Mutex<BTreeSet<usize>>>,
    trouble: Arc<Mutex<Option<String>>>,
    thread: JoinHandle<()>,
}

impl BoundsFetcher {
    /// `config` is for a second client, which sees what open transactions hide.
    pub(super) fn start(
        consumer: Arc<BaseConsumer<Context>>,
        config: ClientConfig,
        answer: impl Fn(Answer) + Send + 'static,
    ) -> std::io::Result<Self> {
        let (questions, to_ask) = sync_channel::<Question>(KINDS);
        let open = Arc::new(Mutex::new(BTreeSet::new()));
        let trouble = Arc::new(Mutex::new(None));
        let (asked, said) = (Arc::clone(&open), Arc::clone(&trouble));
        let thread = std::thread::Builder::new().name("bounds".to_owned()).spawn(move || {
            let mut asking = Worker { consumer, config, uncommitted: None, trouble: said };
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
        let is_empty = match &question {
            Question::Bounds(partitions) | Question::Ends(partitions) => partitions.is_empty(),
            Question::TopicIds(topics) => topics.is_empty(),
            Question::Beginnings { .. } | Question::Members(_) => false,
        };
        if !is_empty && lock(&self.open).insert(kind(&question)) {
            // The channel has room for each kind.
            let _ = self.questions.try_send(question);
        }
    }

    /// Why Kafka has not answered a question yet that the pipeline cannot continue without.
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
        Question::Beginnings { .. } => 0,
        Question::Bounds(_) => 1,
        Question::Ends(_) => 2,
        Question::TopicIds(_) => 3,
        Question::Members(_) => 4,
    }
}

struct Worker {
    consumer: Arc<BaseConsumer<Context>>,
    config: ClientConfig,
    uncommitted: Option<BaseConsumer>,
    trouble: Arc<Mutex<Option<String>>>,
}

impl Worker {
    fn is_closing(&self) -> bool {
        self.consumer.context().closing.load(Ordering::Relaxed)
    }

    fn ask(&mut self, question: Question) -> Option<Answer> {
        if self.is_closing() {
            return None;
        }
        match question {
            Question::Beginnings { partitions, topics } => {
                self.beginnings(&partitions, &topics).map(Answer::Beginnings)
            }
            Question::Bounds(partitions) => Some(Answer::Bounds(self.bounds(partitions))),
            Question::Members(group) => {
                let found = match members(&self.consumer, &group) {
                    // The demo's broker cannot tell.
                    Err(KafkaError::GroupListFetch(RDKafkaErrorCode::UnsupportedFeature)) => {
                        return None;
                    }
                    found => found,
                };
                self.or_say(found, "the members of the group").map(Answer::Members)
            }
            Question::TopicIds(topics) => {
                let topics: Vec<&str> = topics.iter().map(|topic| &**topic).collect();
                let found = topic_ids(&self.consumer, &topics);
                self.or_say(found, "the ids of topics").map(Answer::TopicIds)
            }
            Question::Ends(partitions) => {
                let found = self.ends(&partitions);
                let found = self.or_say(found, "the ends of partitions");
                found.map(|(bounds, missing)| Answer::Ends { bounds, missing })
            }
        }
    }

    fn or_say<T>(&self, found: KafkaResult<T>, what: &str) -> Option<T> {
        let said = |error| {
            let text = format!("cannot read {what}: {error}; retrying");
            self.consumer.context().say(text.clone(), &text);
        };
        found.map_err(said).ok()
    }

    /// Asks until Kafka answers.
    fn beginnings(
        &mut self,
        partitions: &[TopicPartition],
        topics: &[String],
    ) -> Option<Beginnings> {
        let mut questions = 0;
        while !self.is_closing() {
            questions += 1;
            match self.try_beginnings(partitions, topics) {
                Ok(found) => {
                    *lock(&self.trouble) = None;
                    let is_short = |facts: &PartitionFacts| {
                        facts.committed.is_some_and(|at| at > facts.written)
                    };
                    if questions >= SETTLE_QUESTIONS || !found.facts.iter().any(is_short) {
                        return Some(found);
                    }
                }
                Err(error) => {
                    let text = format!("cannot read the group's offsets: {error}");
                    if lock(&self.trouble).replace(text.clone()).is_none() {
                        warn!(%error, "consume: cannot read the group's offsets; retrying");
                    }
                }
            }
            std::thread::sleep(ASK_AGAIN);
        }
        None
    }

    /// An operator may have skipped an open transaction: then the group's offset is after the last message
    /// that can be read, and not beyond what was written.
    fn try_beginnings(
        &mut self,
        partitions: &[TopicPartition],
        topics: &[String],
    ) -> KafkaResult<Beginnings> {
        let mut found = beginnings(&self.consumer, partitions, topics)?;
        let is_short =
            |facts: &&mut PartitionFacts| facts.committed.is_some_and(|at| at > facts.end);
        let short: Vec<&mut PartitionFacts> = found.facts.iter_mut().filter(is_short).collect();
        if !short.is_empty() {
            let names: Vec<_> = short.iter().map(|facts| facts.partition.clone()).collect();
            let bounds = bounds_of(self.uncommitted()?, &names)?;
            for facts in short {
                facts.written = bounds.get(&facts.partition).map_or(facts.end, |(_, end)| *end);
            }
        }
        Ok(found)
    }

    /// A client that sees what open transactions hide.
    fn uncommitted(&mut self) -> KafkaResult<&BaseConsumer> {
        match &mut self.uncommitted {
            Some(client) => Ok(client),
            none => Ok(none.insert(self.config.create()?)),
        }
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
        let client = self.uncommitted()?;
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
