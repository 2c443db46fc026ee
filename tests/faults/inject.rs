//! How each kind of fault is brought about, and how it is undone.

mod broker;
mod database;
mod history;

use crate::fault::Fault;
use crate::feed::Feed;
use crate::own_events;
use crate::own_servers::{Servers, tell};
use crate::replica::{Replica, Replication};
use crate::service::Service;
use database::Lowered;
use rdkafka::producer::BaseProducer;
use sqlx::mysql::MySqlConnection;
use sqlx::{Connection, Executor};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use testkit::{Backup, Chance, DEADLINE};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::task::JoinHandle;

/// The contract's, and one's own.
pub const TOPICS: [&str; 10] = {
    let ([a, b, c, d, e, f, g], [h, i, j]) = (loadgen::TOPICS, own_events::TOPICS);
    [a, b, c, d, e, f, g, h, i, j]
};
const REPEAT: Duration = Duration::from_millis(50);

/// Brings faults about, and undoes them: it has a hand on the servers, on the instances and on the
/// producer.
pub struct Injector {
    pub servers: Arc<Servers>,
    /// The last one is the guest, who joins and leaves.
    pub services: Arc<Vec<Service>>,
    pub feed: Feed,
    /// Topics that exist, and their partitions.
    topics: Mutex<BTreeMap<&'static str, i32>>,
    /// Held while instances must neither begin nor end.
    steady: Arc<Mutex<()>>,
    /// Held while the database is about to go back in time, or what it needs then is about to go.
    history: Arc<Mutex<()>>,
    /// Kafka's ids of topics that are gone.
    old_topics: Mutex<BTreeSet<String>>,
    widths: Mutex<Range<usize>>,
    /// Whether to save a minute here and there.
    is_short: bool,
}

/// What is needed to undo a fault.
pub struct Injected {
    fault: Fault,
    /// Connections that hold locks.
    held: Vec<MySqlConnection>,
    /// A task that repeats something until told to stop.
    task: Option<(Arc<AtomicBool>, JoinHandle<()>)>,
    /// Kept while instances must neither begin nor end.
    steady: Option<OwnedMutexGuard<()>>,
    /// A producer whose transaction is open.
    transaction: Option<BaseProducer>,
    lowered: Option<Lowered>,
    /// What the database goes back to, one way or the other, and the right to let it.
    backup: Option<Backup>,
    replica: Option<Replica>,
    history: Option<OwnedMutexGuard<()>>,
    /// The number of an instance.
    service: usize,
    /// How an instance ended that was told to.
    pub ended: Option<Result<ExitStatus, String>>,
}

impl Injector {
    pub fn new(
        servers: Arc<Servers>,
        services: Arc<Vec<Service>>,
        feed: Feed,
        is_short: bool,
    ) -> Self {
        Self {
            is_short,
            servers,
            services,
            feed,
            topics: Mutex::default(),
            steady: Arc::default(),
            history: Arc::default(),
            old_topics: Mutex::default(),
            widths: Mutex::new(database::ROLE_WIDTHS),
        }
    }

    /// Names of the topics that exist, as Kafka knows them.
    pub async fn topic_names(&self) -> Vec<String> {
        let topics = self.topics.lock().await;
        topics.keys().map(|topic| self.servers.world.topic(topic)).collect()
    }

    /// The topics that do not exist yet.
    pub async fn missing_topics(&self) -> Vec<&'static str> {
        let topics = self.topics.lock().await;
        TOPICS.into_iter().filter(|topic| !topics.contains_key(topic)).collect()
    }

    /// Whether this fault can be brought about here and now.
    pub async fn allows(&self, fault: Fault) -> bool {
        match fault {
            Fault::DiskFull => self.servers.has_disk,
            Fault::TopicCreatedLate => !self.missing_topics().await.is_empty(),
            _ => true,
        }
    }

    /// Lets it happen.
    pub async fn inject(&self, fault: Fault, chance: &mut Chance) -> Injected {
        let servers = &self.servers;
        let mut injected = Injected::new(fault);
        match fault {
            Fault::ServerKilled => tell(&servers.database(), "kill").await,
            Fault::ServerStopped => tell(&servers.database(), "stop").await,
            Fault::ServerFrozen => servers.database().signal("STOP"),
            Fault::ServerReadOnly => self.make_read_only().await,
            Fault::ConnectionsKilled => {
                injected.repeat(servers, |servers| async move { servers.kill_connections().await });
            }
            Fault::IdleTimeout => {
                self.feed.pause();
                injected.lowered = Some(Lowered::wait_timeout(servers).await);
            }
            Fault::Deadlock => injected.repeat(servers, database::opposite_order),
            Fault::LockWaitTimeout => injected.hold(servers, &database::LOCK_COMMUNITIES).await,
            Fault::TableLocked => injected.hold(servers, &["LOCK TABLES user_events WRITE"]).await,
            Fault::GlobalReadLock => injected.hold(servers, &["FLUSH TABLES WITH READ LOCK"]).await,
            Fault::PacketLowered => {
                injected.lowered = Some(Lowered::max_allowed_packet(servers).await);
            }
            Fault::DiskFull => servers.disk_is_full(true).await,
            // An instance that finds such tables, or lacks the grant, when it starts says so and ends.
            Fault::GrantRevoked
            | Fault::ColumnMissing
            | Fault::ColumnNarrower
            | Fault::IdsRunOut => {
                injected.steady = Some(Arc::clone(&self.steady).lock_owned().await);
                self.spoil_tables(fault).await;
            }
            Fault::Restored => {
                injected.history = Some(Arc::clone(&self.history).lock_owned().await);
                let database = &servers.world.database;
                injected.backup = Some(Backup::take(&mut servers.admin().await, database).await);
            }
            Fault::FailoverThatLost => {
                injected.history = Some(Arc::clone(&self.history).lock_owned().await);
                let replica = servers.replica(Replication::Asynchronous).await;
                replica.stop_receiving().await;
                injected.replica = Some(replica);
            }
            Fault::BrokerKilled => tell(servers.broker(), "kill").await,
            Fault::BrokerFrozen => servers.broker().signal("STOP"),
            Fault::PartitionsAdded => self.add_partition(chance).await,
            Fault::TopicCreatedLate => {
                let missing = self.missing_topics().await;
                let topic: &&str = chance.pick(&missing);
                self.create_topic(topic).await;
            }
            Fault::TopicRecreated => self.recreate_topic(chance).await,
            Fault::OffsetsOutOfRange => self.delete_unread().await,
            Fault::CommitsFailing => self.limit_offsets("1").await,
            Fault::TransactionAborted => self.abort_transaction(),
            Fault::TransactionOpen => injected.transaction = Some(self.open_transaction()),
            Fault::InstanceKilled | Fault::InstanceStopped => {
                self.end_one(&mut injected, chance).await;
            }
            Fault::InstanceAdded => {
                let _steady = self.steady.lock().await;
                self.guest().start(&servers.world);
                self.guest().has_begun().await;
            }
        }
        injected
    }

    /// Undoes it.
    pub async fn heal(&self, injected: &mut Injected) {
        let servers = &self.servers;
        injected.let_go().await;
        match injected.fault {
            Fault::ServerKilled | Fault::ServerStopped => tell(&servers.database(), "start").await,
            Fault::ServerFrozen => servers.database().signal("CONT"),
            Fault::ServerReadOnly => servers.sql("SET GLOBAL read_only = OFF").await,
            Fault::IdleTimeout => {
                self.feed.resume();
                injected.undo_lowered(servers).await;
            }
            Fault::PacketLowered => injected.undo_lowered(servers).await,
            Fault::DiskFull => self.give_room().await,
            Fault::GrantRevoked
            | Fault::ColumnMissing
            | Fault::ColumnNarrower
            | Fault::IdsRunOut => self.repair_tables(injected.fault).await,
            Fault::Restored | Fault::FailoverThatLost => injected.go_back(servers).await,
            Fault::BrokerKilled => tell(servers.broker(), "start").await,
            Fault::BrokerFrozen => servers.broker().signal("CONT"),
            Fault::TransactionOpen => {
                injected.transaction.take().as_ref().into_iter().for_each(broker::abort);
            }
            Fault::CommitsFailing => self.limit_offsets("1048588").await,
            Fault::InstanceKilled | Fault::InstanceStopped => {
                let _steady = self.steady.lock().await;
                let service = &self.services[injected.service];
                service.start(&servers.world);
                service.has_begun().await;
            }
            Fault::InstanceAdded => {
                let _steady = self.steady.lock().await;
                injected.ended = Some(self.guest().terminate(DEADLINE).await);
            }
            Fault::ConnectionsKilled
            | Fault::Deadlock
            | Fault::LockWaitTimeout
            | Fault::TableLocked
            | Fault::GlobalReadLock
            | Fault::PartitionsAdded
            | Fault::TopicCreatedLate
            | Fault::TopicRecreated
            | Fault::OffsetsOutOfRange
            | Fault::TransactionAborted => {}
        }
        injected.steady = None;
    }

    fn guest(&self) -> &Service {
        self.services.last().expect("there are instances")
    }

    /// Kills or stops one of the instances that are no guest.
    async fn end_one(&self, injected: &mut Injected, chance: &mut Chance) {
        let _steady = self.steady.lock().await;
        injected.service = chance.below(self.services.len() - 1);
        let service = &self.services[injected.service];
        if injected.fault == Fault::InstanceKilled {
            service.kill();
        } else {
            injected.ended = Some(service.terminate(DEADLINE).await);
        }
    }
}

impl Injected {
    fn new(fault: Fault) -> Self {
        Self {
            fault,
            held: Vec::new(),
            task: None,
            steady: None,
            transaction: None,
            lowered: None,
            backup: None,
            replica: None,
            history: None,
            service: 0,
            ended: None,
        }
    }

    /// Opens a connection and keeps it, with the locks that these statements take.
    async fn hold(&mut self, servers: &Servers, statements: &[&'static str]) {
        let mut connection = servers.admin().await;
        for statement in statements {
            connection.execute(*statement).await.unwrap();
        }
        self.held.push(connection);
    }

    /// Does it again and again until it is healed.
    fn repeat<F>(
        &mut self,
        servers: &Arc<Servers>,
        once: impl Fn(Arc<Servers>) -> F + Send + 'static,
    ) where
        F: Future<Output = ()> + Send,
    {
        let servers = Arc::clone(servers);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let task = async move {
            while !stopped.load(Ordering::Relaxed) {
                once(Arc::clone(&servers)).await;
                tokio::time::sleep(REPEAT).await;
            }
        };
        self.task = Some((stop, tokio::spawn(task)));
    }

    /// Closes the connections that hold locks, and ends what is done again and again.
    async fn let_go(&mut self) {
        for held in std::mem::take(&mut self.held) {
            let _ = held.close().await;
        }
        if let Some((stop, task)) = self.task.take() {
            stop.store(true, Ordering::Relaxed);
            task.await.unwrap();
        }
    }

    async fn undo_lowered(&mut self, servers: &Servers) {
        if let Some(lowered) = self.lowered.take() {
            lowered.undo(servers).await;
        }
    }
}
