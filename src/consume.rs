//! Kafka → messages, in the order of each partition.
//!
//! Takes the subscription, gives messages and rebalances, and hands watermarks back to Kafka.
//! Holds true: offsets are committed only when told to; a rebalance is not answered before the
//! pipeline has seen it. Fails with what librdkafka reports as fatal; everything else it mends by
//! itself and is only said. Absent: sqlx, JSON.

use crate::commit::TopicPartition;
use rdkafka::Message as _;
use rdkafka::client::{Client, ClientContext};
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{
    BaseConsumer, CommitMode, Consumer as _, ConsumerContext, RebalanceProtocol,
};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{BorrowedMessage, OwnedMessage};
use rdkafka::statistics::Statistics;
use rdkafka::types::{RDKafkaErrorCode, RDKafkaRespErr};
use rdkafka::{Offset, TopicPartitionList};
use std::cell::Cell;
use std::collections::{BTreeMap, VecDeque};
use std::ffi::CString;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tracing::{debug, error, info, warn};

/// How long Kafka may take to answer a question that nobody waits for.
const BOUNDS_TIMEOUT: Duration = Duration::from_secs(1);

/// How long Kafka may take to answer a question about topics and offsets.
const QUERY_TIMEOUT: Duration = Duration::from_secs(10);

/// The first and the next offset of partitions.
pub type Bounds = BTreeMap<TopicPartition, (i64, i64)>;

/// Messages cannot be read a second time.
#[derive(Debug, thiserror::Error)]
pub enum RereadError {
    /// Retention or compaction has removed them meanwhile.
    #[error("Kafka has removed them meanwhile (retention)")]
    Gone,
    /// librdkafka does not take the properties.
    #[error("{0}")]
    Kafka(#[from] KafkaError),
}

/// What happened in the group.
#[derive(Debug)]
pub enum Rebalance {
    /// These partitions are given to this instance.
    Assign(TopicPartitionList),
    /// These are to be given up, as soon as [`Consumer::answer`] says so. With `lost` they
    /// belong to somebody else already.
    Revoke {
        /// The partitions.
        partitions: TopicPartitionList,
        /// Whether it is too late to commit anything.
        lost: bool,
    },
}

/// How long no broker may be connected before the bootstrap servers are asked again.
const FORGOTTEN: Duration = Duration::from_secs(3);

/// A group member.
pub struct Consumer {
    inner: Arc<BaseConsumer<Context>>,
    committer: Committer,
    surveyor: Surveyor,
    bootstrap_servers: String,
    /// Since when no broker is connected.
    alone_since: Cell<Option<Instant>>,
}

/// Offsets to commit, or that could not be.
pub type Offsets = Vec<(TopicPartition, i64)>;

/// A thread that commits, one list at a time. librdkafka's asynchronous commit does not say what
/// became of it unless a callback is set, which rdkafka 0.39 does not do; and its synchronous one
/// waits for as long as it takes.
struct Committer {
    lists: SyncSender<Offsets>,
    thread: JoinHandle<()>,
    /// Whether a commit is under way.
    is_busy: Arc<AtomicBool>,
}

impl Committer {
    fn start(
        consumer: Arc<BaseConsumer<Context>>,
        answer: impl Fn(Offsets, KafkaResult<()>) + Send + 'static,
    ) -> std::io::Result<Self> {
        let (lists, to_commit) = sync_channel::<Offsets>(1);
        let is_busy = Arc::new(AtomicBool::new(false));
        let busy = Arc::clone(&is_busy);
        let thread = std::thread::Builder::new().name("commit".to_owned()).spawn(move || {
            for offsets in to_commit {
                let result = commit(&consumer, &offsets);
                busy.store(false, Ordering::Release);
                answer(offsets, result);
            }
        })?;
        Ok(Self { lists, thread, is_busy })
    }
}

/// A thread that asks Kafka for first and next offsets, while others have better things to do than
/// to wait for it.
struct Surveyor {
    questions: SyncSender<Vec<TopicPartition>>,
    found: Arc<Mutex<Bounds>>,
    thread: JoinHandle<()>,
}

impl Surveyor {
    fn start(consumer: Arc<BaseConsumer<Context>>) -> std::io::Result<Self> {
        let (questions, to_ask) = sync_channel::<Vec<TopicPartition>>(1);
        let found = Arc::new(Mutex::new(Bounds::new()));
        let answers = Arc::clone(&found);
        let thread = std::thread::Builder::new().name("bounds".to_owned()).spawn(move || {
            for partition in to_ask.into_iter().flatten() {
                if consumer.context().closing.load(Ordering::Relaxed) {
                    return;
                }
                let TopicPartition { topic, partition: number } = &partition;
                // Without an answer it is asked again later.
                if let Ok(bounds) = consumer.fetch_watermarks(topic, *number, BOUNDS_TIMEOUT) {
                    lock(&answers).insert(partition, bounds);
                }
            }
        })?;
        Ok(Self { questions, found, thread })
    }
}

fn commit(consumer: &BaseConsumer<Context>, offsets: &Offsets) -> KafkaResult<()> {
    let mut list = TopicPartitionList::with_capacity(offsets.len());
    for (TopicPartition { topic, partition }, offset) in offsets {
        list.add_partition_offset(topic, *partition, Offset::Offset(*offset))?;
    }
    consumer.commit(&list, CommitMode::Sync)
}

/// What librdkafka tells us on the side.
#[derive(Default)]
struct Context {
    rebalances: Mutex<VecDeque<Rebalance>>,
    closing: AtomicBool,
    statistics: Mutex<Option<Statistics>>,
    /// When each error was last said. While a broker is away, librdkafka tells it many times a
    /// second.
    said: Mutex<BTreeMap<String, Instant>>,
}

/// An error is not said again so soon.
const SAID_EVERY: Duration = Duration::from_secs(10);
/// So many different ones are remembered.
const SAID_MAX: usize = 100;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, fac: &str, message: &str) {
        use RDKafkaLogLevel::{Alert, Critical, Debug, Emerg, Error, Info, Notice, Warning};
        match level {
            // librdkafka reconnects by itself, so even its errors mend themselves.
            Emerg | Alert | Critical | Error | Warning => {
                warn!(target: "librdkafka", fac, "{message}");
            }
            Notice | Info => info!(target: "librdkafka", fac, "{message}"),
            Debug => debug!(target: "librdkafka", fac, "{message}"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        use RDKafkaErrorCode::{AllBrokersDown, BrokerTransportFailure};
        // The reasons of these two have counters and times in them.
        let away = [Some(AllBrokersDown), Some(BrokerTransportFailure)];
        let is_away = away.contains(&error.rdkafka_error_code());
        let kind = if is_away { error.to_string() } else { format!("{error}: {reason}") };
        let (mut said, now) = (lock(&self.said), Instant::now());
        if said.len() > SAID_MAX {
            said.clear();
        }
        if said.get(&kind).is_none_or(|last| now - *last >= SAID_EVERY) {
            said.insert(kind, now);
            warn!(target: "librdkafka", "{error}: {reason}");
        }
    }

    fn stats(&self, statistics: Statistics) {
        *lock(&self.statistics) = Some(statistics);
    }
}

impl ConsumerContext for Context {
    /// Only notes the rebalance: librdkafka waits until it is answered by `assign` or `unassign`,
    /// and by then everything of a revoked partition is durable and committed.
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        error: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        let rebalance = if error == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            Rebalance::Assign(partitions.clone())
        } else {
            Rebalance::Revoke { partitions: partitions.clone(), lost: consumer.assignment_lost() }
        };
        if self.closing.load(Ordering::Relaxed) {
            // Drained and committed before; nothing is left to wait for.
            answer(consumer, &rebalance);
        } else {
            lock(&self.rebalances).push_back(rebalance);
        }
    }
}

fn answer(consumer: &BaseConsumer<Context>, rebalance: &Rebalance) {
    let cooperative = matches!(consumer.rebalance_protocol(), RebalanceProtocol::Cooperative);
    let answered = match rebalance {
        Rebalance::Assign(partitions) if cooperative => consumer.incremental_assign(partitions),
        Rebalance::Assign(partitions) => consumer.assign(partitions),
        Rebalance::Revoke { partitions, .. } if cooperative => {
            consumer.incremental_unassign(partitions)
        }
        Rebalance::Revoke { .. } => consumer.unassign(),
    };
    if let Err(error) = answered {
        error!(%error, "consume: the rebalance could not be answered");
    }
}

/// The partitions of a list.
pub fn partitions_of(list: &TopicPartitionList) -> Vec<TopicPartition> {
    let partition = |element: rdkafka::topic_partition_list::TopicPartitionListElem<'_>| {
        TopicPartition { topic: element.topic().into(), partition: element.partition() }
    };
    list.elements().into_iter().map(partition).collect()
}

impl Consumer {
    /// Joins no group yet; see [`Self::subscribe`]. Kafka's answers to commits go to `answer`.
    ///
    /// # Errors
    /// When librdkafka does not know a property or its value.
    pub fn new(
        properties: &BTreeMap<String, String>,
        answer: impl Fn(Offsets, KafkaResult<()>) + Send + 'static,
    ) -> KafkaResult<Self> {
        let mut config = ClientConfig::new();
        for (name, value) in properties {
            config.set(name, value);
        }
        config.set("enable.auto.commit", "false");
        config.set("enable.auto.offset.store", "false");
        config.set_log_level(RDKafkaLogLevel::Info);
        let inner: Arc<BaseConsumer<Context>> =
            Arc::new(config.create_with_context(Context::default())?);
        let surveyor = Surveyor::start(Arc::clone(&inner))
            .map_err(|error| KafkaError::ClientCreation(error.to_string()))?;
        let committer = Committer::start(Arc::clone(&inner), answer)
            .map_err(|error| KafkaError::ClientCreation(error.to_string()))?;
        let bootstrap_servers = properties.get("bootstrap.servers").cloned().unwrap_or_default();
        Ok(Self { inner, committer, surveyor, bootstrap_servers, alone_since: Cell::new(None) })
    }

    /// Joins the group.
    ///
    /// # Errors
    /// When librdkafka cannot take the subscription.
    pub fn subscribe(&self, topics: &[&str]) -> KafkaResult<()> {
        self.inner.subscribe(topics)
    }

    /// The next message, or `None` after `timeout` or when something else happened.
    ///
    /// # Errors
    /// Only when the client cannot go on.
    pub fn poll(&self, timeout: Duration) -> KafkaResult<Option<BorrowedMessage<'_>>> {
        match self.inner.poll(timeout) {
            None => Ok(None),
            Some(Ok(message)) => Ok(Some(message)),
            Some(Err(error @ KafkaError::MessageConsumptionFatal(_))) => Err(error),
            // `auto.offset.reset = error`: consumption of that partition has stopped for good.
            Some(Err(
                error @ KafkaError::MessageConsumption(RDKafkaErrorCode::AutoOffsetReset),
            )) => Err(error),
            Some(Err(error)) => {
                // It was said when librdkafka told it, with its reason.
                debug!(%error, "consume: Kafka reports a problem; it is tried again");
                Ok(None)
            }
        }
    }

    /// The next rebalance that was not answered yet.
    pub fn next_rebalance(&self) -> Option<Rebalance> {
        lock(&self.inner.context().rebalances).pop_front()
    }

    /// Answers a rebalance: from now on the partitions are consumed, or given up.
    pub fn answer(&self, rebalance: &Rebalance) {
        answer(&self.inner, rebalance);
    }

    /// Hands offsets to Kafka, which answers once. One commit at a time.
    pub fn commit(&self, offsets: Offsets) {
        self.committer.is_busy.store(true, Ordering::Release);
        // The thread lives as long as this does, and its channel is empty.
        let sent = self.committer.lists.try_send(offsets);
        debug_assert!(sent.is_ok(), "one commit at a time");
    }

    /// Asks Kafka for the first and the next offset of partitions, unless the last question is still
    /// open. [`Self::take_bounds`] gives the answers.
    pub fn ask_bounds(&self, partitions: Vec<TopicPartition>) {
        if !partitions.is_empty() {
            let _ = self.surveyor.questions.try_send(partitions);
        }
    }

    /// What Kafka has answered, once.
    pub fn take_bounds(&self) -> Bounds {
        std::mem::take(&mut *lock(&self.surveyor.found))
    }

    /// The latest statistics, once.
    pub fn take_statistics(&self) -> Option<Statistics> {
        let statistics = lock(&self.inner.context().statistics).take()?;
        let is_alone = !statistics.brokers.values().any(|broker| broker.state == "UP");
        let since = self.alone_since.get().filter(|_| is_alone);
        self.alone_since.set(if is_alone { since.or_else(|| Some(Instant::now())) } else { None });
        if since.is_some_and(|since| since.elapsed() >= FORGOTTEN) {
            self.alone_since.set(Some(Instant::now()));
            bootstrap_again(self.inner.client(), &self.bootstrap_servers);
        }
        Some(statistics)
    }

    /// Stops or goes on with fetching of everything that is assigned. A paused consumer still has
    /// to be polled, and stays in its group.
    ///
    /// # Errors
    /// When librdkafka does not know a partition.
    pub fn set_paused(&self, paused: bool) -> KafkaResult<()> {
        let assigned = self.inner.assignment()?;
        if paused { self.inner.pause(&assigned) } else { self.inner.resume(&assigned) }
    }

    /// The first and the next offset of every partition of these topics; none of a topic that does
    /// not exist.
    ///
    /// # Errors
    /// When Kafka does not answer.
    pub fn offset_bounds(&self, topics: &[&str]) -> KafkaResult<Bounds> {
        let mut bounds = Bounds::new();
        for topic in topics {
            let metadata = self.inner.fetch_metadata(Some(topic), QUERY_TIMEOUT)?;
            for found in metadata.topics() {
                match found.error().map(RDKafkaErrorCode::from) {
                    None => {}
                    Some(RDKafkaErrorCode::UnknownTopicOrPartition) => continue,
                    Some(error) => return Err(KafkaError::MetadataFetch(error)),
                }
                for partition in found.partitions() {
                    let offsets =
                        self.inner.fetch_watermarks(topic, partition.id(), QUERY_TIMEOUT)?;
                    let key = TopicPartition { topic: (*topic).into(), partition: partition.id() };
                    bounds.insert(key, offsets);
                }
            }
        }
        Ok(bounds)
    }

    /// The offsets that the group has committed for these partitions.
    ///
    /// # Errors
    /// When Kafka does not answer.
    pub fn committed(
        &self,
        partitions: &[TopicPartition],
    ) -> KafkaResult<BTreeMap<TopicPartition, i64>> {
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for TopicPartition { topic, partition } in partitions {
            list.add_partition(topic, *partition);
        }
        let committed = self.inner.committed_offsets(list, QUERY_TIMEOUT)?;
        let offset =
            |element: &rdkafka::topic_partition_list::TopicPartitionListElem<'_>| match element
                .offset()
            {
                Offset::Offset(offset) => Some(offset),
                _ => None,
            };
        let elements = committed.elements();
        let known = elements.iter().filter_map(|element| {
            let key =
                TopicPartition { topic: element.topic().into(), partition: element.partition() };
            Some((key, offset(element)?))
        });
        Ok(known.collect())
    }

    /// Leaves the group. Whatever is to be committed must have been. If Kafka has not answered the
    /// last commit, it does not hear a goodbye either, and notices when the session times out.
    pub fn close(self) {
        self.inner.context().closing.store(true, Ordering::Relaxed);
        // A rebalance that came in the last moment is answered by leaving.
        while let Some(rebalance) = self.next_rebalance() {
            self.answer(&rebalance);
        }
        let Self { inner, committer: Committer { lists, thread, is_busy }, surveyor, .. } = self;
        if is_busy.load(Ordering::Acquire) {
            warn!("commit: Kafka does not answer; leaving without a goodbye");
            return;
        }
        drop(lists);
        if thread.join().is_err() {
            error!("commit: the committing thread had ended unexpectedly");
        }
        drop(surveyor.questions);
        if surveyor.thread.join().is_err() {
            error!("consume: the thread that asks for offsets had ended unexpectedly");
        }
        drop(inner);
    }
}

/// Reminds a client of its bootstrap servers; those that it knows stay as they are.
///
/// A cluster whose brokers are all fenced for a moment (one that was frozen or cut off, say) lists
/// none of them. librdkafka 2.10 to 2.13 then forgets every broker it has learned, takes that for a
/// successful bootstrap, and never connects again.
pub fn bootstrap_again<C: ClientContext>(client: &Client<C>, servers: &str) {
    let Ok(servers) = CString::new(servers) else { return };
    // SAFETY: the client lives longer than this call, and the text is copied.
    #[allow(unsafe_code)]
    unsafe {
        rdkafka::bindings::rd_kafka_brokers_add(client.native_ptr(), servers.as_ptr());
    }
}

/// Reads one range of offsets of each partition (the first, and the one after the last) a second
/// time, beside the group. Waits for as long as Kafka does not answer.
///
/// # Errors
/// When the messages are gone, or the properties are not librdkafka's.
pub fn reread(
    properties: &BTreeMap<String, String>,
    ranges: &[(TopicPartition, i64, i64)],
) -> Result<Vec<OwnedMessage>, RereadError> {
    let mut config = ClientConfig::new();
    for (name, value) in properties.iter().filter(|(name, _)| *name != "group.instance.id") {
        config.set(name, value);
    }
    config.set("enable.auto.commit", "false").set("auto.offset.reset", "error");
    let consumer: BaseConsumer = config.create()?;
    let mut list = TopicPartitionList::with_capacity(ranges.len());
    let mut left = BTreeMap::new();
    for (partition, from, next) in ranges {
        list.add_partition_offset(&partition.topic, partition.partition, Offset::Offset(*from))?;
        if left.insert(partition.clone(), *next).is_some() {
            // The partition was truncated between two of its ranges: the first is no more.
            return Err(RereadError::Gone);
        }
    }
    consumer.assign(&list)?;
    let mut messages = Vec::new();
    while !left.is_empty() {
        match consumer.poll(QUERY_TIMEOUT) {
            None => {
                warn!("consume: waiting for Kafka to send messages a second time");
                bootstrap_again(consumer.client(), &properties["bootstrap.servers"]);
            }
            Some(Ok(message)) => {
                let partition = TopicPartition {
                    topic: message.topic().into(),
                    partition: message.partition(),
                };
                let Some(&next) = left.get(&partition) else { continue };
                let offset = message.offset();
                if offset < next {
                    messages.push(message.detach());
                }
                if offset + 1 >= next {
                    left.remove(&partition);
                    let mut done = TopicPartitionList::new();
                    done.add_partition(&partition.topic, partition.partition);
                    consumer.pause(&done)?;
                }
            }
            Some(Err(KafkaError::MessageConsumption(RDKafkaErrorCode::AutoOffsetReset))) => {
                return Err(RereadError::Gone);
            }
            Some(Err(error)) => {
                warn!(%error, "consume: Kafka reports a problem; it is tried again");
            }
        }
    }
    Ok(messages)
}
