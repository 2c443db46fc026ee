//! Kafka → messages, in the order of each partition.
//!
//! Takes the subscription, gives messages and rebalances, and hands watermarks back to Kafka.
//! Holds true: offsets are committed only when told to; a rebalance is not answered before the
//! pipeline has seen it; a partition is read from where the pipeline says. Fails with what nothing but a
//! person can fix; everything else is retried and logged. Absent: sqlx, JSON.

mod asker;
mod committer;
mod context;
mod reread;

use crate::clock;
use crate::offsets::{Bounds, Offsets, OffsetsByPartition, TopicPartition};
use asker::Asker;
use committer::Committer;
use context::{Context, answer};
use rdkafka::client::{Client, ClientContext};
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::BorrowedMessage;
use rdkafka::statistics::Statistics;
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::ffi::CString;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tracing::{error, warn};

pub use asker::{Answer, Known, Question};
pub use committer::Committed;
pub use reread::{RereadError, Wanted, reread};

/// How long Kafka may take to answer a question about topics and offsets.
const QUERY_TIMEOUT: Duration = Duration::from_secs(10);

/// What happened in the group.
#[derive(Debug)]
pub enum Rebalance {
    /// These partitions are given to this instance.
    Assign(TopicPartitionList),
    /// These are to be given up, as soon as [`Consumer::answer`] says so. With `lost` another
    /// instance has them already.
    Revoke {
        /// The partitions.
        partitions: TopicPartitionList,
        /// Whether it is too late to commit anything.
        lost: bool,
    },
}

/// What Kafka has answered.
#[derive(Debug)]
pub enum Heard {
    /// To a commit.
    Committed(Committed),
    /// To a question.
    Answer(Answer),
}

/// How many answers may come before one of them is taken.
pub const ANSWERS_MAX: usize = 1 + asker::KINDS;

/// A client beside the group; see [`Consumer::reader`].
pub struct Reader(BaseConsumer);

impl Reader {
    /// The first and the next offset of every partition of these topics, open transactions included,
    /// and what the group has committed in them; nothing of a topic that does not exist.
    ///
    /// # Errors
    /// When Kafka does not answer.
    pub fn present(&self, topics: &[&str]) -> KafkaResult<(Bounds, OffsetsByPartition)> {
        let partitions: Vec<TopicPartition> =
            asker::bounds_of_topics(&self.0, topics)?.into_keys().collect();
        let committed = asker::committed(&self.0, &partitions, QUERY_TIMEOUT)?;
        // Last: another instance may commit meanwhile, and only what is beyond a later end is beyond all.
        let bounds = asker::bounds_of_topics(&self.0, topics)?;
        Ok((bounds, committed))
    }
}

/// How long no broker may be connected before the bootstrap servers are asked again.
const FORGOTTEN: Duration = Duration::from_secs(3);

/// A group member.
pub struct Consumer {
    inner: Arc<BaseConsumer<Context>>,
    committer: Committer,
    asker: Asker,
    uncommitted: ClientConfig,
    bootstrap_servers: String,
    /// Since when no broker is connected.
    alone_since: Cell<Option<Instant>>,
    was_connected: Cell<bool>,
    refused: Cell<Option<RDKafkaErrorCode>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The partitions of a list.
pub fn partitions_of(list: &TopicPartitionList) -> Vec<TopicPartition> {
    let partition = |element: rdkafka::topic_partition_list::TopicPartitionListElem<'_>| {
        TopicPartition { topic: element.topic().into(), partition: element.partition() }
    };
    list.elements().into_iter().map(partition).collect()
}

/// The partitions of a list that have an offset.
// Taken by value because librdkafka hands lists over.
#[expect(clippy::needless_pass_by_value)]
fn offsets_of(list: TopicPartitionList) -> OffsetsByPartition {
    let offset = |element: &rdkafka::topic_partition_list::TopicPartitionListElem<'_>| {
        let partition =
            TopicPartition { topic: element.topic().into(), partition: element.partition() };
        match element.offset() {
            Offset::Offset(offset) => Some((partition, offset)),
            _ => None,
        }
    };
    list.elements().iter().filter_map(offset).collect()
}

impl Consumer {
    /// Joins no group yet; see [`Self::subscribe`]. Kafka's answers go to `heard`, at most
    /// [`ANSWERS_MAX`] before one of them is taken.
    ///
    /// # Errors
    /// When librdkafka does not know a property or its value.
    pub fn new(
        properties: &BTreeMap<String, String>,
        heard: impl Fn(Heard) + Clone + Send + 'static,
    ) -> KafkaResult<Self> {
        let mut config = ClientConfig::new();
        for (name, value) in properties {
            config.set(name, value);
        }
        config.set("enable.auto.commit", "false");
        config.set("enable.auto.offset.store", "false");
        // First positions are the pipeline's. What librdkafka has to know is what to do when records are
        // deleted under it: what is left of them must not be skipped, whatever new groups do.
        if properties.get("auto.offset.reset").is_none_or(|reset| reset != "error") {
            config.set("auto.offset.reset", "earliest");
        }
        let mut uncommitted = config.clone();
        uncommitted.set("isolation.level", "read_uncommitted").remove("group.instance.id");
        uncommitted.remove("statistics.interval.ms");
        config.set_log_level(RDKafkaLogLevel::Info);
        let inner: Arc<BaseConsumer<Context>> =
            Arc::new(config.create_with_context(Context::default())?);
        let failed = |error: std::io::Error| KafkaError::ClientCreation(error.to_string());
        let tell = heard.clone();
        let asker = Asker::start(Arc::clone(&inner), uncommitted.clone(), move |answer| {
            tell(Heard::Answer(answer));
        });
        let committer = Committer::start(Arc::clone(&inner), move |committed| {
            heard(Heard::Committed(committed));
        });
        let bootstrap_servers = properties.get("bootstrap.servers").cloned().unwrap_or_default();
        Ok(Self {
            inner,
            committer: committer.map_err(failed)?,
            asker: asker.map_err(failed)?,
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
    /// When librdkafka cannot take the subscription.
    pub fn subscribe(&self, topics: &[&str]) -> KafkaResult<()> {
        self.inner.subscribe(topics)
    }

    /// The next message, or `None` after `timeout` or when something else happened.
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

    /// Why the group did not take this instance as a member, once.
    pub fn take_refusal(&self) -> Option<RDKafkaErrorCode> {
        self.refused.take()
    }

    /// The next rebalance that was not taken yet.
    pub fn next_rebalance(&self) -> Option<Rebalance> {
        lock(&self.inner.context().rebalances).pop_front()
    }

    /// Answers an assignment: from now on its partitions are consumed, from these offsets.
    ///
    /// # Errors
    /// When an offset is none that librdkafka takes.
    pub fn begin(&self, begins: &[(TopicPartition, i64)]) -> KafkaResult<()> {
        let mut list = TopicPartitionList::with_capacity(begins.len());
        for (TopicPartition { topic, partition }, offset) in begins {
            list.add_partition_offset(topic, *partition, Offset::Offset(*offset))?;
        }
        answer(&self.inner, &Rebalance::Assign(list));
        Ok(())
    }

    /// Answers a rebalance as it came. An assignment that is answered so begins anywhere, which only
    /// does when the group is left right after.
    pub fn answer(&self, rebalance: &Rebalance) {
        answer(&self.inner, rebalance);
    }

    /// Hands offsets to Kafka, which answers once. One commit at a time.
    pub fn commit(&self, offsets: Offsets) {
        self.committer.commit(offsets);
    }

    /// Asks Kafka, unless a question of this kind is open or about nothing.
    pub fn ask(&self, question: Question) {
        self.asker.ask(question);
    }

    /// Why a question that the pipeline cannot continue without is not answered yet.
    pub fn trouble(&self) -> Option<String> {
        self.asker.trouble()
    }

    /// Up to where each assigned partition was handed out, markers of transactions included; none of a
    /// partition of which nothing was.
    pub fn positions(&self) -> OffsetsByPartition {
        self.inner.position().map(offsets_of).unwrap_or_default()
    }

    /// The latest statistics, once.
    pub fn take_statistics(&self) -> Option<Statistics> {
        let statistics = lock(&self.inner.context().statistics).take()?;
        let is_alone = !statistics.brokers.values().any(|broker| broker.state == "UP");
        if !is_alone {
            self.was_connected.set(true);
        }
        let since = self.alone_since.get().filter(|_| is_alone);
        self.alone_since.set(if is_alone { since.or_else(|| Some(clock::now())) } else { None });
        if since.is_some_and(|since| since.elapsed() >= FORGOTTEN) {
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
        self.alone_since.get().is_some_and(|since| since.elapsed() >= FORGOTTEN)
    }

    /// Stops or resumes fetching of everything that is assigned. A paused consumer still has to be
    /// polled, and stays in its group.
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
        asker::bounds_of_topics(&self.inner, topics)
    }

    /// A client beside the group, which sees what open transactions hide.
    ///
    /// # Errors
    /// When librdkafka does not take the properties.
    pub fn reader(&self) -> KafkaResult<Reader> {
        Ok(Reader(self.uncommitted.create()?))
    }

    /// The offsets that the group has committed for these partitions.
    ///
    /// # Errors
    /// When Kafka does not answer.
    pub fn committed(&self, partitions: &[TopicPartition]) -> KafkaResult<OffsetsByPartition> {
        asker::committed(&self.inner, partitions, QUERY_TIMEOUT)
    }

    /// Leaves the group. Whatever is to be committed must have been. If Kafka has not answered the
    /// last commit, it does not hear a goodbye either, and notices when the session times out.
    pub fn close(self) {
        self.inner.context().closing.store(true, Ordering::Relaxed);
        // A rebalance that came in the last moment is answered by leaving.
        while let Some(rebalance) = self.next_rebalance() {
            self.answer(&rebalance);
        }
        let Self { inner, committer, asker, .. } = self;
        match committer.end() {
            None => {
                warn!("commit: Kafka does not answer; leaving without a goodbye");
                return;
            }
            Some(Err(_)) => error!("commit: the committing thread ended unexpectedly"),
            Some(Ok(())) => {}
        }
        if asker.end().is_err() {
            error!("consume: the asking thread ended unexpectedly");
        }
        drop(inner);
    }
}

/// Whether an error means that the group does not take this member as it is.
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
