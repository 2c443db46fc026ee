//! The producer: made-up events at a steady rate, until told to stop; most of the contract's topics, some of
//! [one's own](own_events).
//!
//! Holds true: what was sent is known from the plan and a number, since the generator gives the
//! same messages again; nothing of it is kept. Partition 0 of a topic gets copies of events alone,
//! so that what is deleted there is lost nowhere.

use crate::own_events::{self, Sent};
use loadgen::{Generator, Kind, Message, Plan};
use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use rdkafka::{ClientContext, Message as _};
use sluicegate::consume::bootstrap_again;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use testkit::DEADLINE;

/// Messages of the plan for each step of one's own topics.
const OWN_EVERY: u64 = 4;
/// How often the producer is reminded of its bootstrap servers.
const REMIND: Duration = Duration::from_secs(3);

/// What a producer thread can be told.
enum Order {
    /// The topic has this many partitions now. If it had none before, its events were held back
    /// and are sent at once.
    Partitions(String, i32),
    Pause,
    /// The same; tells when Kafka has everything.
    Rest(Sender<()>),
    Resume,
    /// One more message, beyond the plan.
    Send(Message),
    /// Copies of so many events that were sent to this topic, into its partition 0; tells when Kafka has them.
    Echo(String, usize, Sender<()>),
}

/// Keeps what Kafka did not take, and why.
#[derive(Clone, Default)]
struct Deliveries(Arc<Mutex<Vec<String>>>);

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, message)) = result {
            let what = format!("{} {}: {error}", message.topic(), message.partition());
            self.0.lock().unwrap().push(what);
        }
    }
}

/// A running producer.
pub struct Feed {
    orders: Sender<Order>,
    thread: JoinHandle<Fed>,
}

/// What was sent.
pub struct Fed {
    pub plan: Plan,
    /// So many messages of the plan.
    pub messages: u64,
    /// And so many steps of one's own topics.
    pub own_steps: u64,
    /// And these.
    pub extras: Vec<Message>,
    /// What Kafka did not take, and why.
    pub undelivered: Vec<String>,
}

impl Fed {
    /// All messages of a topic, once more.
    pub fn of<'f>(&'f self, topic: &'f str) -> impl Iterator<Item = Sent> + 'f {
        let is_own = own_events::TOPICS.contains(&topic);
        let (messages, steps) = if is_own { (0, self.own_steps) } else { (self.messages, 0) };
        let planned = Generator::new(self.plan.clone()).take(messages as usize);
        let own = (0..steps).flat_map(|step| own_events::step(self.plan.seed, step));
        let all = planned.chain(self.extras.iter().cloned()).map(Sent::from).chain(own);
        all.filter(move |sent| sent.message.topic == topic)
    }
}

impl Feed {
    /// Starts; `plan` has no end. Events of topics whose partitions are not known are held back.
    pub fn start(mut config: ClientConfig, prefix: &str, plan: Plan, rate: f64) -> Self {
        config
            .set("enable.idempotence", "true")
            .set("linger.ms", "20")
            // It waits for a broker that is away.
            .set("message.timeout.ms", "0")
            .set("topic.metadata.refresh.interval.ms", "1000");
        let (orders, inbox) = channel();
        let deliveries = Deliveries::default();
        let worker = Worker {
            producer: config.create_with_context(deliveries.clone()).unwrap(),
            deliveries,
            bootstrap_servers: config.get("bootstrap.servers").unwrap().to_owned(),
            prefix: prefix.to_owned(),
            partitions: BTreeMap::new(),
            generator: Generator::new(plan.clone()),
            fed: Fed {
                plan,
                messages: 0,
                own_steps: 0,
                extras: Vec::new(),
                undelivered: Vec::new(),
            },
            between: Duration::from_secs_f64(1.0 / rate),
            config,
        };
        let thread = std::thread::spawn(move || worker.run(&inbox));
        Self { orders, thread }
    }

    fn order(&self, order: Order) {
        self.orders.send(order).unwrap();
    }

    pub fn partitions(&self, topic: &str, count: i32) {
        self.order(Order::Partitions(topic.to_owned(), count));
    }

    pub fn pause(&self) {
        self.order(Order::Pause);
    }

    /// Pauses, and waits until Kafka has everything.
    pub fn rest(&self) {
        let (done, is_done) = channel();
        self.order(Order::Rest(done));
        is_done.recv().unwrap();
    }

    pub fn resume(&self) {
        self.order(Order::Resume);
    }

    pub fn send(&self, message: Message) {
        self.order(Order::Send(message));
    }

    /// Waits until Kafka has the copies.
    pub fn echo(&self, topic: &str, count: usize) {
        let (done, is_done) = channel();
        self.order(Order::Echo(topic.to_owned(), count, done));
        is_done.recv().unwrap();
    }

    /// Ends it, once Kafka has everything.
    pub fn stop(self) -> Fed {
        drop(self.orders);
        self.thread.join().unwrap()
    }
}

struct Worker {
    config: ClientConfig,
    producer: BaseProducer<Deliveries>,
    deliveries: Deliveries,
    bootstrap_servers: String,
    prefix: String,
    partitions: BTreeMap<String, i32>,
    generator: Generator,
    fed: Fed,
    between: Duration,
}

impl Worker {
    fn run(mut self, orders: &Receiver<Order>) -> Fed {
        let (mut paused, mut has_rested) = (false, false);
        let (mut due, mut reminded) = (Instant::now(), Instant::now());
        loop {
            match orders.try_recv() {
                Ok(Order::Pause) => paused = true,
                Ok(Order::Rest(done)) => {
                    (paused, has_rested) = (true, true);
                    self.flush();
                    done.send(()).unwrap();
                }
                Ok(Order::Resume) => {
                    if std::mem::take(&mut has_rested) {
                        self.begin_anew();
                    }
                    (paused, due) = (false, Instant::now());
                }
                Ok(Order::Partitions(topic, count)) => self.grow(&topic, count),
                Ok(Order::Send(message)) => {
                    self.fed.extras.push(message.clone());
                    self.send(&message.into());
                }
                Ok(Order::Echo(topic, count, done)) => {
                    self.echo(&topic, count);
                    self.flush();
                    done.send(()).unwrap();
                }
                Err(TryRecvError::Empty) => {
                    if reminded.elapsed() >= REMIND {
                        reminded = Instant::now();
                        self.remind();
                    }
                    let wait = due.saturating_duration_since(Instant::now());
                    if paused || !wait.is_zero() {
                        self.producer.poll(wait.max(Duration::from_millis(1)));
                        continue;
                    }
                    due += self.between;
                    self.advance();
                }
                Err(TryRecvError::Disconnected) => {
                    self.flush();
                    self.fed.undelivered = self.deliveries.0.lock().unwrap().clone();
                    return self.fed;
                }
            }
        }
    }

    /// Sends the next message of the plan, and what is due of one's own.
    fn advance(&mut self) {
        let message = self.generator.next().expect("a plan without end");
        self.fed.messages += 1;
        self.send(&message.into());
        if self.fed.messages.is_multiple_of(OWN_EVERY) {
            let step = self.fed.own_steps;
            self.fed.own_steps += 1;
            own_events::step(self.fed.plan.seed, step).for_each(|sent| self.send(&sent));
        }
    }

    fn grow(&mut self, topic: &str, count: i32) {
        let before = self.partitions.insert(topic.to_owned(), count);
        if before.is_none() {
            self.fed.of(topic).for_each(|sent| self.send(&sent));
        }
    }

    fn echo(&self, topic: &str, count: usize) {
        let valid = self.fed.of(topic).filter(|sent| sent.message.kind == Kind::Valid);
        valid.take(count).for_each(|sent| self.send_to(&sent, 0));
    }

    fn send(&self, sent: &Sent) {
        let message = &sent.message;
        let Some(&count) = self.partitions.get(&*message.topic) else { return };
        let mut hasher = DefaultHasher::new();
        message.key.hash(&mut hasher);
        let partition = 1 + hasher.finish() % (count as u64 - 1);
        self.send_to(sent, partition as i32);
    }

    fn send_to(&self, Sent { message, headers, .. }: &Sent, partition: i32) {
        let topic = format!("{}{}", self.prefix, message.topic);
        let mut record = BaseRecord::<[u8], [u8]>::to(&topic).partition(partition);
        record.headers = Some(headers.clone());
        record.key = message.key.as_deref();
        record.payload = message.value.as_deref();
        let deadline = Instant::now() + DEADLINE;
        while let Err((error, back)) = self.producer.send(record) {
            // A queue empties when the broker is back, a new partition is known within a second.
            use RDKafkaErrorCode::{QueueFull, UnknownPartition, UnknownTopic};
            let passes = matches!(
                error,
                KafkaError::MessageProduction(QueueFull | UnknownPartition | UnknownTopic)
            );
            assert!(passes && Instant::now() < deadline, "{topic} {partition}: {error}");
            self.producer.poll(Duration::from_millis(50));
            self.remind();
            record = back;
        }
    }

    /// A topic was created anew. A producer that knew the old one counts on from its messages, and Kafka takes
    /// some of what it sends for repetitions.
    fn begin_anew(&mut self) {
        self.flush();
        self.producer = self.config.create_with_context(self.deliveries.clone()).unwrap();
    }

    fn flush(&self) {
        let deadline = Instant::now() + DEADLINE;
        while let Err(error) = self.producer.flush(REMIND) {
            assert!(Instant::now() < deadline, "the last messages: {error}");
            self.remind();
        }
    }

    /// A broker that was frozen may have told its clients that there is none.
    fn remind(&self) {
        bootstrap_again(self.producer.client(), &self.bootstrap_servers);
    }
}
