//! This instance as a member of the group.

use super::bounds::{BoundsFetcher, Question};
use super::committer::Committer;
use super::context::{Context, Notice, answer};
use super::identity;
use super::queries::{bounds_of_topics, committed, list_of, offsets_of};
use super::reader::{all_properties, outside_the_group};
use super::{KafkaReply, QUERY_TIMEOUT, Reader, Rebalance, bootstrap_again, lock};
use crate::clock;
use crate::offsets::{Bounds, Offsets, TopicPartition};
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::BorrowedMessage;
use rdkafka::statistics::Statistics;
use rdkafka::types::RDKafkaErrorCode;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};
use tracing::{error, warn};

/// How long no broker may be connected before that is trouble.
const ALONE: Duration = Duration::from_secs(3);
/// What librdkafka says of a broker that is only a name for another one, such as the group's coordinator.
const LOGICAL: &str = "logical";
/// How long librdkafka may take to begin again; it needs no broker for that.
const SEEK_TIMEOUT: Duration = Duration::from_secs(2);

/// How long librdkafka may take to leave the group and end.
const CLOSE_WITHIN: Duration = Duration::from_secs(15);

pub struct Consumer {
    inner: Arc<BaseConsumer<Context>>,
    committer: Committer,
    fetcher: BoundsFetcher,
    /// Rebalances that were taken but not answered yet.
    unanswered: RefCell<VecDeque<Notice>>,
    uncommitted: ClientConfig,
    bootstrap_servers: String,
    /// Since when no broker has been connected.
    alone_since: Cell<Option<Instant>>,
    was_connected: Cell<bool>,
    refused: Cell<Option<RDKafkaErrorCode>>,
}

impl Consumer {
    /// Does not join the group yet; see [`Self::subscribe`]. Kafka's replies go to `reply`, at most
    /// [`super::REPLIES_MAX`] before one of them is taken.
    ///
    /// # Errors
    /// If librdkafka does not know a property or its value.
    pub fn new(
        properties: &BTreeMap<String, String>,
        reply: impl Fn(KafkaReply) + Clone + Send + 'static,
    ) -> KafkaResult<Self> {
        let mut config = all_properties(properties);
        // The pipeline chooses first positions. librdkafka only uses this when records are deleted
        // while it reads: it must not skip those that are left, whatever new groups do.
        if properties.get("auto.offset.reset").is_none_or(|reset| reset != "error") {
            config.set("auto.offset.reset", "earliest");
        }
        let uncommitted = outside_the_group(config.clone());
        config.set_log_level(RDKafkaLogLevel::Info);
        let inner: Arc<BaseConsumer<Context>> =
            Arc::new(config.create_with_context(Context::default())?);
        let failed = |error: std::io::Error| KafkaError::ClientCreation(error.to_string());
        let answered = reply.clone();
        let fetcher =
            BoundsFetcher::start(Arc::clone(&inner), uncommitted.clone(), move |answer| {
                answered(KafkaReply::Answer(answer));
            });
        let committer = Committer::start(Arc::clone(&inner), move |outcome| {
            reply(KafkaReply::Commit(outcome));
        });
        let bootstrap_servers = properties.get("bootstrap.servers").cloned().unwrap_or_default();
        Ok(Self {
            inner,
            committer: committer.map_err(failed)?,
            fetcher: fetcher.map_err(failed)?,
            unanswered: RefCell::default(),
            uncommitted,
            bootstrap_servers,
            alone_since: Cell::new(None),
            was_connected: Cell::new(false),
            refused: Cell::new(None),
        })
    }

    /// Joins the group.
    ///
    /// # Errors
    /// If librdkafka does not accept the subscription.
    pub fn subscribe(&self, topics: &[&str]) -> KafkaResult<()> {
        self.inner.subscribe(topics)
    }

    /// The next message, or `None` after `timeout` or if something else happened.
    ///
    /// # Errors
    /// Only when the client cannot continue: it is fenced, its offset is out of range under
    /// `auto.offset.reset=error`, or a record batch fails its checksum, which librdkafka would skip.
    pub fn poll(&self, timeout: Duration) -> KafkaResult<Option<BorrowedMessage<'_>>> {
        use RDKafkaErrorCode::{AutoOffsetReset, BadMessage};
        match self.inner.poll(timeout) {
            None => Ok(None),
            Some(Ok(message)) => Ok(Some(message)),
            Some(Err(
                error @ (KafkaError::MessageConsumptionFatal(_)
                | KafkaError::MessageConsumption(AutoOffsetReset | BadMessage)),
            )) => Err(error),
            Some(Err(error)) => {
                let text = error.to_string();
                self.inner.context().say(text.clone(), &text);
                self.refused.set(error.rdkafka_error_code().filter(refuses_member));
                Ok(None)
            }
        }
    }

    /// Why the group did not accept this instance. Returned once.
    pub fn take_refusal(&self) -> Option<RDKafkaErrorCode> {
        self.refused.take()
    }

    /// The next rebalance. Answer each of them, in this order: an assignment with [`Self::begin`], a
    /// revocation with [`Self::give_up`].
    pub fn next_rebalance(&self) -> Option<Rebalance> {
        let next = lock(&self.inner.context().rebalances).pop_front()?;
        let told = next.told();
        self.unanswered.borrow_mut().push_back(next);
        Some(told)
    }

    /// Answers the earliest unanswered rebalance, an assignment: from now on we read its partitions,
    /// from these offsets.
    ///
    /// # Errors
    /// If librdkafka does not accept an offset.
    pub fn begin(&self, begins: &Offsets) -> KafkaResult<()> {
        self.unanswered.borrow_mut().pop_front();
        answer(&self.inner, &Notice::Assign(list_of(begins)?));
        Ok(())
    }

    /// Answers the earliest unanswered rebalance, a revocation.
    pub fn give_up(&self) {
        if let Some(rebalance) = self.unanswered.borrow_mut().pop_front() {
            answer(&self.inner, &rebalance);
        }
    }

    /// Reads assigned partitions from these offsets on. No message that was read before comes after.
    ///
    /// # Errors
    /// If librdkafka cannot (yet) for some partition.
    pub fn seek(&self, begins: &Offsets) -> KafkaResult<()> {
        let sought = self.inner.seek_partitions(list_of(begins)?, SEEK_TIMEOUT)?;
        sought.elements().iter().try_for_each(|element| element.error())
    }

    /// Hands offsets to Kafka, which answers once. One commit at a time.
    pub fn commit(&self, offsets: Offsets) {
        self.committer.commit(offsets);
    }

    /// Asks Kafka, unless a question of this kind is open or it names no partition.
    pub fn ask(&self, question: Question) {
        self.fetcher.ask(question);
    }

    /// Why Kafka has not answered a question yet that the pipeline cannot continue without.
    pub fn trouble(&self) -> Option<String> {
        self.fetcher.trouble()
    }

    /// The offset after the last one handed out of each assigned partition, transaction markers
    /// included. Leaves out partitions that have handed out nothing.
    pub fn positions(&self) -> Offsets {
        self.inner.position().map(offsets_of).unwrap_or_default()
    }

    /// The latest statistics. Returned once.
    pub fn take_statistics(&self) -> Option<Statistics> {
        let statistics = lock(&self.inner.context().statistics).take()?;
        let is_alone = !statistics.brokers.values().any(|broker| broker.state == "UP");
        if !is_alone {
            self.was_connected.set(true);
        }
        let since = self.alone_since.get().filter(|_| is_alone);
        self.alone_since.set(if is_alone { since.or_else(|| Some(clock::now())) } else { None });
        // Not oftener than needed: librdkafka keeps each of these lists.
        if statistics.brokers.values().all(|broker| broker.source == LOGICAL) {
            bootstrap_again(self.inner.client(), &self.bootstrap_servers);
        }
        Some(statistics)
    }

    /// Whether a broker has ever been connected.
    pub fn was_connected(&self) -> bool {
        self.was_connected.get()
    }

    /// Whether no broker has been connected for a while.
    pub fn is_alone(&self) -> bool {
        self.alone_since.get().is_some_and(|since| since.elapsed() >= ALONE)
    }

    /// Whether no broker has been connected at the last look.
    pub fn is_cut_off(&self) -> bool {
        self.alone_since.get().is_some()
    }

    /// Stops or resumes fetching of everything assigned. A paused consumer must still be polled, and
    /// stays in its group.
    ///
    /// # Errors
    /// If librdkafka does not know a partition.
    pub fn set_paused(&self, paused: bool) -> KafkaResult<()> {
        let assigned = self.inner.assignment()?;
        if paused { self.inner.pause(&assigned) } else { self.inner.resume(&assigned) }
    }

    /// The first and the next offset of every partition of these topics. Leaves out topics that do not
    /// exist.
    ///
    /// # Errors
    /// If Kafka does not answer.
    pub fn offset_bounds(&self, topics: &[&str]) -> KafkaResult<Bounds> {
        bounds_of_topics(&self.inner, topics)
    }

    /// A client outside the group, which sees what open transactions hide.
    ///
    /// # Errors
    /// If librdkafka does not accept the properties.
    pub fn reader(&self) -> KafkaResult<Reader> {
        Ok(Reader(self.uncommitted.create()?))
    }

    /// What the group calls this instance; "" before it has joined.
    pub fn member_id(&self) -> Arc<str> {
        identity::member_id(&self.inner)
    }

    /// The offsets that the group has committed for these partitions.
    ///
    /// # Errors
    /// If Kafka does not answer.
    pub fn committed(&self, partitions: &[TopicPartition]) -> KafkaResult<Offsets> {
        Ok(committed(&self.inner, partitions, QUERY_TIMEOUT)?.offsets)
    }

    /// Leaves the group; commit everything before. If Kafka has not answered the last commit, or librdkafka
    /// does not come to an end, Kafka is not told: it notices when the session times out.
    pub fn close(self) {
        self.inner.context().closing.store(true, Ordering::Relaxed);
        // Answer what has no answer yet. Where an assignment begins does not matter any more: we read
        // nothing of it.
        while self.next_rebalance().is_some() {}
        for rebalance in self.unanswered.borrow_mut().drain(..) {
            answer(&self.inner, &rebalance);
        }
        let Self { inner, committer, fetcher, .. } = self;
        match committer.end() {
            None => {
                warn!("commit: Kafka does not answer; leaving the group without notice");
                return;
            }
            Some(Err(_)) => error!("commit: the commit thread ended unexpectedly"),
            Some(Ok(())) => {}
        }
        let (done, is_done) = sync_channel(1);
        let closing = std::thread::Builder::new().name("close".to_owned()).spawn(move || {
            if fetcher.end().is_err() {
                error!("consume: the bounds thread ended unexpectedly");
            }
            drop(inner);
            // Fails only if nobody is waiting any longer.
            let _ = done.send(());
        });
        if closing.is_ok() && is_done.recv_timeout(CLOSE_WITHIN) == Err(RecvTimeoutError::Timeout) {
            warn!("consume: librdkafka does not end; leaving the group without waiting for it");
        }
    }
}

/// Whether an error means that the group does not accept this instance.
fn refuses_member(code: &RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode::{
        GroupAuthorizationFailed, GroupMaxSizeReached, InconsistentGroupProtocol, InvalidGroupId,
        InvalidSessionTimeout,
    };
    matches!(
        code,
        InconsistentGroupProtocol
            | GroupAuthorizationFailed
            | GroupMaxSizeReached
            | InvalidGroupId
            | InvalidSessionTimeout
    )
}
