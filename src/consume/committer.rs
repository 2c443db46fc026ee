//! Offsets → Kafka, one list at a time, each answered once.

use super::context::Context;
use super::{QUERY_TIMEOUT, queries};
use crate::offsets::Offsets;
use rdkafka::consumer::BaseConsumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

/// Kafka's answer to a list of offsets.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct CommitOutcome {
    /// Kafka has these now.
    pub acknowledged: Offsets,
    /// Kafka did not accept these; commit them again.
    pub failed: Offsets,
    /// Their topics do not exist any more, so there is nothing left to commit.
    pub gone: Offsets,
    /// Why some failed.
    pub error: Option<String>,
    /// They failed because this instance is not in the group any more.
    pub is_thrown_out: bool,
}

/// A thread that commits. librdkafka's asynchronous commit reports its outcome only through a callback
/// that rdkafka 0.39 does not set, and its synchronous one blocks for as long as it takes.
pub(super) struct Committer {
    lists: SyncSender<Offsets>,
    thread: JoinHandle<()>,
    /// Whether a commit is under way.
    is_busy: Arc<AtomicBool>,
}

impl Committer {
    pub(super) fn start(
        consumer: Arc<BaseConsumer<Context>>,
        answer: impl Fn(CommitOutcome) + Send + 'static,
    ) -> std::io::Result<Self> {
        let (lists, to_commit) = sync_channel::<Offsets>(1);
        let is_busy = Arc::new(AtomicBool::new(false));
        let busy = Arc::clone(&is_busy);
        let thread = std::thread::Builder::new().name("commit".to_owned()).spawn(move || {
            for offsets in to_commit {
                let outcome = commit(&consumer, offsets);
                busy.store(false, Ordering::Release);
                answer(outcome);
            }
        })?;
        Ok(Self { lists, thread, is_busy })
    }

    /// Hands over a list; the one before must have been answered.
    pub(super) fn commit(&self, offsets: Offsets) {
        self.is_busy.store(true, Ordering::Release);
        // The thread lives as long as this does, and its channel is empty.
        let sent = self.lists.try_send(offsets);
        debug_assert!(sent.is_ok(), "one commit at a time");
    }

    /// Ends the thread; `None` if Kafka has not answered the last commit.
    pub(super) fn end(self) -> Option<std::thread::Result<()>> {
        let Self { lists, thread, is_busy } = self;
        if is_busy.load(Ordering::Acquire) {
            return None;
        }
        drop(lists);
        Some(thread.join())
    }
}

/// Commits a list. Kafka answers partition by partition, but librdkafka's synchronous commit passes on
/// one error for all of them. So after an error about a topic, we commit each topic separately.
fn commit(consumer: &BaseConsumer<Context>, offsets: Offsets) -> CommitOutcome {
    let error = match queries::commit(consumer, &offsets) {
        Ok(()) => return CommitOutcome { acknowledged: offsets, ..CommitOutcome::default() },
        Err(error) => error,
    };
    if !is_about_a_topic(&error) {
        return CommitOutcome {
            failed: offsets,
            is_thrown_out: is_about_the_member(&error),
            error: Some(error.to_string()),
            ..CommitOutcome::default()
        };
    }
    let mut by_topic: BTreeMap<Arc<str>, Offsets> = BTreeMap::new();
    for (partition, offset) in offsets {
        by_topic.entry(Arc::clone(&partition.topic)).or_default().insert(partition, offset);
    }
    let mut outcome = CommitOutcome::default();
    for (topic, offsets) in by_topic {
        match queries::commit(consumer, &offsets) {
            Ok(()) => outcome.acknowledged.extend(offsets),
            Err(error) if is_unknown_topic(&error) && is_gone(consumer, &topic) => {
                outcome.gone.extend(offsets);
            }
            Err(error) => {
                outcome.failed.extend(offsets);
                outcome.error = Some(format!("topic {topic}: {error}"));
            }
        }
    }
    outcome
}

fn is_about_a_topic(error: &KafkaError) -> bool {
    is_unknown_topic(error)
        || error.rdkafka_error_code() == Some(RDKafkaErrorCode::TopicAuthorizationFailed)
}

fn is_about_the_member(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{FencedInstanceId, UnknownMemberId};
    matches!(error.rdkafka_error_code(), Some(UnknownMemberId | FencedInstanceId))
}

fn is_unknown_topic(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::UnknownTopicOrPartition)
}

/// Whether the brokers' metadata agrees that a topic does not exist. A coordinator that has just
/// started may not know a topic yet.
fn is_gone(consumer: &BaseConsumer<Context>, topic: &str) -> bool {
    queries::exists(consumer, topic, QUERY_TIMEOUT).is_ok_and(|exists| !exists)
}
