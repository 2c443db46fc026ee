//! Messages to a Kafka broker.
//!
//! * takes: any messages, a rate;
//! * gives: how many the broker has confirmed, all of them or an error;
//! * holds true: one entity, one partition (by key); in order and once per partition, as far as the producer can see to
//!   it (idempotence); memory is bounded by the producer's queue, so sending waits while it is full;
//! * fails: with the first message that the broker would not take, or when no broker answers.

use std::borrow::Cow;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message as _;
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext};
use rdkafka::{ClientContext, metadata::Metadata};

use crate::message::{Message, TOPICS};

/// How long a broker may take to answer the first question.
const ANSWER_WAIT: Duration = Duration::from_secs(15);

/// How long the last messages may take. A message gives up by itself long before (`delivery.timeout.ms`).
const FLUSH_WAIT: Duration = Duration::from_secs(600);

/// A sleep between messages is no shorter; those that are due after it go together.
const SLEEP_MIN: Duration = Duration::from_millis(1);

/// Nor longer: deliveries want to be heard of.
const SLEEP_MAX: Duration = Duration::from_millis(100);

/// Deliveries are checked, and progress is told, once in so many messages.
const CHECK_EVERY: u64 = 256;

/// Where to, and with what properties of librdkafka beyond this crate's own.
#[derive(Clone, Debug, Default)]
pub struct Target {
    /// `host:port`, several with commas between.
    pub bootstrap_servers: String,
    /// What the names of all topics begin with, such as `test.`; mostly empty.
    pub topic_prefix: String,
    /// Properties of librdkafka; they win over this crate's.
    pub properties: Vec<(String, String)>,
}

impl Target {
    /// The name of a topic at this broker.
    fn topic<'t>(&self, topic: &'t str) -> Cow<'t, str> {
        match self.topic_prefix.as_str() {
            "" => Cow::Borrowed(topic),
            prefix => Cow::Owned(format!("{prefix}{topic}")),
        }
    }
}

/// What the broker has confirmed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Produced {
    /// Messages.
    pub messages: u64,
    /// Bytes of keys and values.
    pub bytes: u64,
    /// From the first message to the last confirmation.
    pub elapsed: Duration,
}

/// Why not all messages arrived.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// librdkafka does not take these properties.
    #[error("the Kafka properties are wrong: {0}")]
    Properties(KafkaError),
    /// No broker answered.
    #[error("no broker answers at {servers}: {reason}")]
    Unreachable {
        /// Where.
        servers: String,
        /// librdkafka's reason.
        reason: KafkaError,
    },
    /// librdkafka would not even queue a message.
    #[error("cannot send to topic {topic}: {reason}")]
    Send {
        /// Where to.
        topic: String,
        /// librdkafka's reason.
        reason: KafkaError,
    },
    /// The broker refused messages, or did not confirm them in time.
    #[error("{failed} messages were not delivered, {delivered} were; the first: {first}")]
    Delivery {
        /// How many failed.
        failed: u64,
        /// How many arrived.
        delivered: u64,
        /// Topic and reason of the first that failed.
        first: String,
    },
    /// The broker did not confirm everything before the wait was over.
    #[error("gave up waiting for the last deliveries: {0}")]
    Flush(KafkaError),
    /// A topic could not be deleted.
    #[error("cannot delete topic {topic}: {reason}")]
    DeleteTopic {
        /// Which.
        topic: String,
        /// The broker's reason.
        reason: String,
    },
    /// A topic could not be made.
    #[error("cannot create topic {topic}: {reason}")]
    CreateTopic {
        /// Which.
        topic: String,
        /// The broker's reason.
        reason: String,
    },
}

/// Sends `messages` and waits until the broker has all of them. Blocks; keys decide the partitions as they do for Java
/// producers (`murmur2_random`).
///
/// `rate` is in messages per second; `None` is as fast as the broker takes them. `on_progress` hears how many were sent
/// so far, now and then and at the end.
///
/// # Errors
///
/// See [`Error`]. Messages sent before the error may have arrived.
pub fn produce(
    target: &Target,
    messages: impl IntoIterator<Item = Message>,
    rate: Option<f64>,
    mut on_progress: impl FnMut(u64),
) -> Result<Produced, Error> {
    let producer = producer(target)?;
    let started = Instant::now();
    let mut pace = Pace { rate, started, next_check: 0 };
    let mut sent = 0;
    for message in messages {
        pace.wait(&producer, sent);
        send(&producer, &target.topic(&message.topic), &message)?;
        sent += 1;
        if pace.is_check_due(sent) {
            producer.poll(Duration::ZERO);
            producer.context().fail_if_any()?;
            on_progress(sent);
        }
    }
    producer.flush(FLUSH_WAIT).map_err(Error::Flush)?;
    producer.context().fail_if_any()?;
    on_progress(sent);
    let deliveries = producer.context();
    Ok(Produced {
        messages: deliveries.delivered.load(Ordering::Relaxed),
        bytes: deliveries.bytes.load(Ordering::Relaxed),
        elapsed: started.elapsed(),
    })
}

/// Creates those of the seven topics that are missing, with the broker's default replication. Needs a real broker:
/// librdkafka's mock cluster makes topics by itself.
///
/// # Errors
///
/// When no broker answers or one of the topics is refused.
pub fn create_topics(target: &Target, partitions: i32) -> Result<(), Error> {
    let admin: AdminClient<DefaultClientContext> =
        config(target).create().map_err(Error::Properties)?;
    let metadata = admin
        .inner()
        .fetch_metadata(None, ANSWER_WAIT)
        .map_err(|reason| unreachable_at(target, reason))?;
    let topics = TOPICS.map(|topic| target.topic(topic));
    let missing: Vec<_> = topics
        .iter()
        .filter(|topic| !exists(&metadata, topic))
        .map(|topic| NewTopic::new(topic, partitions, TopicReplication::Fixed(-1)))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let options = AdminOptions::new().operation_timeout(Some(ANSWER_WAIT));
    let results = futures_executor::block_on(admin.create_topics(&missing, &options))
        .map_err(|reason| unreachable_at(target, reason))?;
    for result in results {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, code)) => {
                return Err(Error::CreateTopic { topic, reason: code.to_string() });
            }
        }
    }
    Ok(())
}

/// Deletes the seven topics, as far as they exist.
///
/// # Errors
///
/// When no broker answers or refuses.
pub fn delete_topics(target: &Target) -> Result<(), Error> {
    let admin: AdminClient<DefaultClientContext> =
        config(target).create().map_err(Error::Properties)?;
    let topics = TOPICS.map(|topic| target.topic(topic));
    let names: Vec<&str> = topics.iter().map(AsRef::as_ref).collect();
    let options = AdminOptions::new().operation_timeout(Some(ANSWER_WAIT));
    let results = futures_executor::block_on(admin.delete_topics(&names, &options))
        .map_err(|reason| unreachable_at(target, reason))?;
    for result in results {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::UnknownTopicOrPartition)) => {}
            Err((topic, code)) => {
                return Err(Error::DeleteTopic { topic, reason: code.to_string() });
            }
        }
    }
    Ok(())
}

fn exists(metadata: &Metadata, topic: &str) -> bool {
    metadata.topics().iter().any(|known| known.name() == topic && known.error().is_none())
}

fn unreachable_at(target: &Target, reason: KafkaError) -> Error {
    Error::Unreachable { servers: target.bootstrap_servers.clone(), reason }
}

fn config(target: &Target) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &target.bootstrap_servers).set("client.id", "loadgen");
    for (name, value) in &target.properties {
        config.set(name, value);
    }
    config
}

/// A producer whose brokers have answered.
fn producer(target: &Target) -> Result<BaseProducer<Deliveries>, Error> {
    let mut config = config(target);
    for (name, value) in [
        ("enable.idempotence", "true"),
        ("partitioner", "murmur2_random"),
        ("compression.type", "lz4"),
        ("linger.ms", "20"),
        ("queue.buffering.max.kbytes", "65536"),
        ("delivery.timeout.ms", "60000"),
    ] {
        if config.get(name).is_none() {
            config.set(name, value);
        }
    }
    let producer: BaseProducer<Deliveries> =
        config.create_with_context(Deliveries::default()).map_err(Error::Properties)?;
    producer
        .client()
        .fetch_metadata(None, ANSWER_WAIT)
        .map_err(|reason| unreachable_at(target, reason))?;
    Ok(producer)
}

/// Queues one message, waiting while the queue is full.
fn send(producer: &BaseProducer<Deliveries>, topic: &str, message: &Message) -> Result<(), Error> {
    let mut record = BaseRecord::<[u8], [u8]>::to(topic);
    record.key = message.key.as_deref();
    record.payload = message.value.as_deref();
    loop {
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                producer.poll(Duration::from_millis(50));
                producer.context().fail_if_any()?;
                record = back;
            }
            Err((reason, _)) => {
                return Err(Error::Send { topic: topic.to_owned(), reason });
            }
        }
    }
}

/// When the next message may go, and when to look at deliveries.
struct Pace {
    rate: Option<f64>,
    started: Instant,
    next_check: u64,
}

impl Pace {
    /// Waits until message number `sent` (from 0) is due, and takes deliveries meanwhile.
    fn wait(&self, producer: &BaseProducer<Deliveries>, sent: u64) {
        let Some(rate) = self.rate.filter(|rate| *rate > 0.0) else {
            return;
        };
        let due = self.started + Duration::from_secs_f64(sent as f64 / rate);
        while let Some(left) =
            due.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
        {
            // Not the producer's own wait: its last millisecond is a loop that never sleeps.
            std::thread::sleep(left.clamp(SLEEP_MIN, SLEEP_MAX));
            producer.poll(Duration::ZERO);
        }
    }

    /// With a low rate, every tenth of a second's messages; else every so many.
    fn is_check_due(&mut self, sent: u64) -> bool {
        if sent < self.next_check {
            return false;
        }
        let step =
            self.rate.map_or(CHECK_EVERY, |rate| ((rate / 10.0) as u64).clamp(1, CHECK_EVERY));
        self.next_check = sent + step;
        true
    }
}

fn reason(topic: &str, error: &KafkaError) -> String {
    use RDKafkaErrorCode::{UnknownTopic, UnknownTopicOrPartition};
    match error.rdkafka_error_code() {
        Some(UnknownTopic | UnknownTopicOrPartition) => {
            format!("topic {topic} does not exist, and the broker does not create topics by itself")
        }
        _ => format!("topic {topic}: {error}"),
    }
}

/// Counts what the broker confirmed and what it refused.
#[derive(Debug, Default)]
struct Deliveries {
    delivered: AtomicU64,
    bytes: AtomicU64,
    failed: AtomicU64,
    first_failure: Mutex<Option<String>>,
}

impl Deliveries {
    fn fail_if_any(&self) -> Result<(), Error> {
        let failed = self.failed.load(Ordering::Relaxed);
        if failed == 0 {
            return Ok(());
        }
        let first =
            self.first_failure.lock().map_or(None, |first| first.clone()).unwrap_or_default();
        Err(Error::Delivery { failed, delivered: self.delivered.load(Ordering::Relaxed), first })
    }
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            Ok(message) => {
                let size = message.key_len() + message.payload_len();
                self.delivered.fetch_add(1, Ordering::Relaxed);
                self.bytes.fetch_add(size as u64, Ordering::Relaxed);
            }
            Err((error, message)) => {
                self.failed.fetch_add(1, Ordering::Relaxed);
                if let Ok(mut first) = self.first_failure.lock() {
                    first.get_or_insert_with(|| reason(message.topic(), error));
                }
            }
        }
    }
}
