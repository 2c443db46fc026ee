//! How each kind of fault is brought about, and how it is undone.

use crate::chance::Chance;
use crate::fault::Fault;
use crate::feed::Feed;
use crate::instance::Instance;
use crate::site::{ACCOUNT, GRANTS, Site};
use crate::stage::until;
use crate::support::{DEADLINE, Server, unique};
use loadgen::{Kind, Message, TOPICS};
use rdkafka::admin::{
    AdminOptions, AlterConfig, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::{Offset, TopicPartitionList};
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Connection, Executor, Row as _};
use std::collections::BTreeMap;
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::task::JoinHandle;

/// Partitions of a new topic.
const PARTITIONS: i32 = 4;
/// Session variables take their value from the global ones when a session begins.
const TIMEOUT_SECONDS: i64 = 1;
const PACKET_LOWERED: i64 = 1024 * 1024;
/// Copies in partition 0; some are deleted before they are read, the rest is not.
const ECHOES: (usize, usize) = (40, 10);
/// Events in a transaction.
const PHANTOMS: u32 = 30;
/// Of BIGINT UNSIGNED, the last numbers.
const IDS_LEFT_FROM: u64 = u64::MAX - 20;
const COMMITTED_OFFSETS: &str = "__consumer_offsets";
/// Above what the generator writes into `user_logins.role`, and below what the column takes.
const ROLE_WIDTHS: std::ops::Range<usize> = 10..48;

fn abort(producer: &BaseProducer) {
    producer.abort_transaction(DEADLINE).unwrap();
}

/// All that faults happen to.
pub struct Ground {
    pub site: Arc<Site>,
    pub instances: Arc<Vec<Instance>>,
    pub feed: Feed,
    /// Topics that exist, and their partitions.
    topics: Mutex<BTreeMap<&'static str, i32>>,
    /// Held while instances must neither begin nor end.
    steady: Arc<Mutex<()>>,
    widths: Mutex<std::ops::Range<usize>>,
    /// Whether to save a minute here and there.
    pub is_short: bool,
}

/// What is needed to undo a fault.
pub struct Injected {
    fault: Fault,
    /// Connections that hold locks.
    held: Vec<MySqlConnection>,
    /// A task that goes on until told to stop.
    task: Option<(Arc<AtomicBool>, JoinHandle<()>)>,
    /// Kept while instances must neither begin nor end.
    steady: Option<OwnedMutexGuard<()>>,
    /// A producer whose transaction is open.
    transaction: Option<BaseProducer>,
    /// A variable of the server.
    lowered: Option<Lowered>,
    /// The number of an instance.
    instance: usize,
    /// How an instance ended that was told to.
    pub ended: Option<Result<ExitStatus, String>>,
}

/// A global variable with another value, in which new sessions begin.
struct Lowered {
    variable: &'static str,
    before: i64,
    /// From before, so that the value does not hold for it.
    admin: MySqlConnection,
}

impl Lowered {
    async fn to(site: &Site, variable: &'static str, value: i64) -> Self {
        let mut admin = site.admin().await;
        let select = format!("SELECT CAST(@@GLOBAL.{variable} AS SIGNED)");
        let before = admin.fetch_one(AssertSqlSafe(select)).await.unwrap().get(0);
        let mut lowered = Self { variable, before, admin };
        lowered.set(site, value).await;
        lowered
    }

    /// Every connection of sluicegate begins anew with the value.
    async fn set(&mut self, site: &Site, value: i64) {
        let set = format!("SET GLOBAL {} = {value}", self.variable);
        self.admin.execute(AssertSqlSafe(set)).await.unwrap();
        site.kill_connections_by(&mut self.admin).await;
    }

    async fn undo(mut self, site: &Site) {
        self.set(site, self.before).await;
        let _ = self.admin.close().await;
    }
}

impl Ground {
    pub fn new(site: Arc<Site>, instances: Arc<Vec<Instance>>, feed: Feed, is_short: bool) -> Self {
        Self {
            is_short,
            site,
            instances,
            feed,
            topics: Mutex::default(),
            steady: Arc::default(),
            widths: Mutex::new(ROLE_WIDTHS),
        }
    }

    /// Names of the topics that exist, as Kafka knows them.
    pub async fn topic_names(&self) -> Vec<String> {
        let topics = self.topics.lock().await;
        topics.keys().map(|topic| self.topic_name(topic)).collect()
    }

    fn topic_name(&self, topic: &str) -> String {
        format!("{}{topic}", self.site.world.prefix)
    }

    /// Creates a topic; its events are sent from now on, and those that were held back first.
    pub async fn create_topic(&self, topic: &'static str) {
        let name = self.topic_name(topic);
        let new = NewTopic::new(&name, PARTITIONS, TopicReplication::Fixed(1));
        let options = AdminOptions::new();
        let created = self.site.kafka_admin().create_topics([&new], &options).await.unwrap();
        assert!(created.iter().all(Result::is_ok), "{created:?}");
        self.topics.lock().await.insert(topic, PARTITIONS);
        self.feed.partitions(topic, PARTITIONS);
    }

    /// The topics that do not exist yet.
    pub async fn missing_topics(&self) -> Vec<&'static str> {
        let topics = self.topics.lock().await;
        TOPICS.into_iter().filter(|topic| !topics.contains_key(topic)).collect()
    }

    /// Whether this fault can be brought about here and now.
    pub async fn allows(&self, fault: Fault) -> bool {
        match fault {
            Fault::DiskFull => self.site.has_disk,
            Fault::TopicCreatedLate => !self.missing_topics().await.is_empty(),
            _ => true,
        }
    }

    /// Lets it happen.
    pub async fn inject(&self, fault: Fault, chance: &mut Chance) -> Injected {
        let site = &self.site;
        let mut injected = Injected {
            fault,
            held: Vec::new(),
            task: None,
            steady: None,
            transaction: None,
            lowered: None,
            instance: 0,
            ended: None,
        };
        match fault {
            Fault::ServerKilled => site.server(site.server.name(), "kill").await,
            Fault::ServerStopped => site.server(site.server.name(), "stop").await,
            Fault::ServerFrozen => site.signal(site.server.name(), "STOP"),
            Fault::ServerReadOnly => {
                site.sql(match site.server {
                    Server::MySql => "SET GLOBAL super_read_only = ON",
                    Server::MariaDb => "SET GLOBAL read_only = ON",
                })
                .await;
            }
            Fault::ConnectionsKilled => {
                injected.repeat(site, |site| async move {
                    site.kill_connections().await;
                });
            }
            Fault::IdleTimeout => {
                self.feed.pause();
                injected.lowered = Some(Lowered::to(site, "wait_timeout", TIMEOUT_SECONDS).await);
            }
            Fault::Deadlock => injected.repeat(site, opposite_order),
            Fault::LockWaitTimeout => {
                let locks =
                    ["START TRANSACTION", "SELECT community_id FROM communities FOR UPDATE"];
                injected.hold(site, &locks).await;
            }
            Fault::TableLocked => injected.hold(site, &["LOCK TABLES user_events WRITE"]).await,
            Fault::GlobalReadLock => injected.hold(site, &["FLUSH TABLES WITH READ LOCK"]).await,
            Fault::PacketLowered => {
                injected.lowered =
                    Some(Lowered::to(site, "max_allowed_packet", PACKET_LOWERED).await);
            }
            Fault::DiskFull => site.disk_is_full(true).await,
            Fault::GrantRevoked => {
                // An instance that lacks the grant when it starts says so and ends.
                injected.steady = Some(Arc::clone(&self.steady).lock_owned().await);
                let database = &site.world.database;
                site.sql(&format!("REVOKE INSERT ON `{database}`.* FROM {ACCOUNT}")).await;
                // A session keeps the privileges for the database that it has chosen.
                site.kill_connections().await;
            }
            Fault::ColumnMissing => {
                // An instance that finds such a table when it starts says so and ends.
                injected.steady = Some(Arc::clone(&self.steady).lock_owned().await);
                site.sql("ALTER TABLE user_logins RENAME COLUMN ip_address TO address").await;
            }
            Fault::ColumnNarrower => {
                injected.steady = Some(Arc::clone(&self.steady).lock_owned().await);
                self.narrow().await;
            }
            Fault::IdsRunOut => {
                // An instance that finds such a table when it starts says so and ends.
                injected.steady = Some(Arc::clone(&self.steady).lock_owned().await);
                site.sql(&format!("ALTER TABLE user_logins AUTO_INCREMENT = {IDS_LEFT_FROM}"))
                    .await;
            }
            Fault::BrokerKilled => site.server("kafka", "kill").await,
            Fault::BrokerFrozen => site.signal("kafka", "STOP"),
            Fault::PartitionsAdded => self.add_partition(chance).await,
            Fault::TopicCreatedLate => {
                let missing = self.missing_topics().await;
                self.create_topic(missing[chance.index(missing.len())]).await;
            }
            Fault::OffsetsOutOfRange => self.delete_unread().await,
            Fault::CommitsFailing => self.limit_offsets("1").await,
            Fault::TransactionAborted => {
                tokio::task::block_in_place(|| abort(&self.transaction()));
            }
            Fault::TransactionOpen => {
                injected.transaction = Some(tokio::task::block_in_place(|| self.transaction()));
            }
            Fault::InstanceKilled => {
                let _steady = self.steady.lock().await;
                injected.instance = self.any_instance(chance);
                self.instances[injected.instance].kill();
            }
            Fault::InstanceStopped => {
                let _steady = self.steady.lock().await;
                injected.instance = self.any_instance(chance);
                let instance = &self.instances[injected.instance];
                injected.ended = Some(instance.terminate(DEADLINE).await);
            }
            Fault::InstanceAdded => {
                let _steady = self.steady.lock().await;
                self.last_instance().start(&site.world);
                self.last_instance().has_begun().await;
            }
        }
        injected
    }

    /// Undoes it.
    pub async fn heal(&self, injected: &mut Injected) {
        let site = &self.site;
        for held in std::mem::take(&mut injected.held) {
            let _ = held.close().await;
        }
        if let Some((stop, task)) = injected.task.take() {
            stop.store(true, Ordering::Relaxed);
            task.await.unwrap();
        }
        match injected.fault {
            Fault::ServerKilled | Fault::ServerStopped => {
                site.server(site.server.name(), "start").await;
            }
            Fault::ServerFrozen => site.signal(site.server.name(), "CONT"),
            Fault::ServerReadOnly => site.sql("SET GLOBAL read_only = OFF").await,
            Fault::IdleTimeout | Fault::PacketLowered => {
                if injected.fault == Fault::IdleTimeout {
                    self.feed.resume();
                }
                if let Some(lowered) = injected.lowered.take() {
                    lowered.undo(site).await;
                }
            }
            Fault::DiskFull => {
                site.disk_is_full(false).await;
                if self.is_short {
                    // MySQL looks only once a minute whether its log can be written again.
                    site.server(site.server.name(), "kill").await;
                }
                // A server may also have given up.
                site.server(site.server.name(), "start").await;
            }
            Fault::GrantRevoked => {
                let database = &site.world.database;
                site.sql(&format!("GRANT {GRANTS} ON `{database}`.* TO {ACCOUNT}")).await;
            }
            Fault::ColumnMissing => {
                site.sql("ALTER TABLE user_logins RENAME COLUMN address TO ip_address").await;
            }
            Fault::ColumnNarrower => {
                site.sql("ALTER TABLE user_logins MODIFY role VARCHAR(50) NULL").await;
            }
            Fault::IdsRunOut => {
                // Numbered anew, from 1 on.
                site.sql("ALTER TABLE user_logins DROP PRIMARY KEY, DROP COLUMN id, ADD COLUMN id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY FIRST").await;
            }
            Fault::BrokerKilled => site.server("kafka", "start").await,
            Fault::BrokerFrozen => site.signal("kafka", "CONT"),
            Fault::TransactionOpen => {
                let transaction = injected.transaction.take();
                tokio::task::block_in_place(|| transaction.iter().for_each(abort));
            }
            Fault::CommitsFailing => self.limit_offsets("1048588").await,
            Fault::InstanceKilled | Fault::InstanceStopped => {
                let _steady = self.steady.lock().await;
                let instance = &self.instances[injected.instance];
                instance.start(&site.world);
                instance.has_begun().await;
            }
            Fault::InstanceAdded => {
                let _steady = self.steady.lock().await;
                injected.ended = Some(self.last_instance().terminate(DEADLINE).await);
            }
            Fault::ConnectionsKilled
            | Fault::Deadlock
            | Fault::LockWaitTimeout
            | Fault::TableLocked
            | Fault::GlobalReadLock
            | Fault::PartitionsAdded
            | Fault::TopicCreatedLate
            | Fault::OffsetsOutOfRange
            | Fault::TransactionAborted => {}
        }
        injected.steady = None;
    }

    /// The last one of the instances is the guest, who joins and leaves.
    fn last_instance(&self) -> &Instance {
        self.instances.last().expect("there are instances")
    }

    fn any_instance(&self, chance: &mut Chance) -> usize {
        chance.index(self.instances.len() - 1)
    }

    /// Makes a column too narrow for an event that comes next. What is in the table fits: the
    /// values that this makes longer and longer come from here alone.
    async fn narrow(&self) {
        let width = self.widths.lock().await.next().expect("more widths");
        self.site.sql(&format!("ALTER TABLE user_logins MODIFY role VARCHAR({width}) NULL")).await;
        let id = format!("{width:024x}");
        let role = "r".repeat(width + 1);
        let value = format!(
            r#"{{"event_type":"user.login","event_id":"wide-{width}","timestamp":"2025-01-06T08:00:00Z","entity_id":"{id}","data":{{"role":"{role}"}}}}"#
        );
        self.feed.send(Message {
            topic: "user".into(),
            key: Some(id.into_bytes()),
            value: Some(value.into_bytes()),
            kind: Kind::Valid,
        });
    }

    /// Events in an open transaction that must never be loaded.
    fn transaction(&self) -> BaseProducer {
        let mut config = self.site.kafka_config();
        config.set("transactional.id", unique("chaos"));
        let producer: BaseProducer = config.create().unwrap();
        producer.init_transactions(DEADLINE).unwrap();
        producer.begin_transaction().unwrap();
        let topic = self.topic_name("user");
        for number in 0..PHANTOMS {
            let value = format!(
                r#"{{"event_type":"user.login","event_id":"{}","timestamp":"2025-01-06T08:00:00Z","entity_id":"phantom-{number}","data":{{}}}}"#,
                unique("phantom")
            );
            let record = BaseRecord::to(&topic).key("phantom").payload(&value).partition(0);
            producer.send(record).map_err(|(error, _)| error).unwrap();
        }
        producer.flush(DEADLINE).unwrap();
        producer
    }

    async fn add_partition(&self, chance: &mut Chance) {
        let mut topics = self.topics.lock().await;
        let index = chance.index(topics.len());
        let (topic, count) = topics.iter_mut().nth(index).expect("there is a topic");
        let name = self.topic_name(topic);
        let new = NewPartitions::new(&name, *count as usize + 1);
        let added = self.site.kafka_admin().create_partitions([&new], &AdminOptions::new()).await;
        assert!(added.as_ref().is_ok_and(|added| added.iter().all(Result::is_ok)), "{added:?}");
        *count += 1;
        self.feed.partitions(topic, *count);
    }

    /// Deletes copies from partition 0 while nobody reads.
    async fn delete_unread(&self) {
        let name = self.topic_name("user");
        let echo = |count| tokio::task::block_in_place(|| self.feed.echo("user", count));
        // A reader without an offset begins behind what is deleted, and misses nothing.
        until("an offset of partition 0", async || {
            let has_committed = tokio::task::block_in_place(|| self.site.has_committed(&name, 0));
            if !has_committed {
                echo(ECHOES.1);
            }
            has_committed
        })
        .await;
        let _steady = self.steady.lock().await;
        self.instances.iter().for_each(|instance| instance.signal("STOP"));
        // The broker may answer one more fetch with all that is there, but not two.
        for _ in 0..2 {
            echo(ECHOES.0);
            self.delete_records(&name).await;
        }
        echo(ECHOES.1);
        self.instances.iter().for_each(|instance| instance.signal("CONT"));
    }

    /// Deletes all that partition 0 has.
    async fn delete_records(&self, topic: &str) {
        let mut end = TopicPartitionList::new();
        end.add_partition_offset(topic, 0, Offset::End).unwrap();
        let deleted = self.site.kafka_admin().delete_records(&end, &AdminOptions::new()).await;
        let is_done = |list: &TopicPartitionList| list.elements()[0].error().is_ok();
        assert!(deleted.as_ref().is_ok_and(is_done), "{deleted:?}");
    }

    /// Limits what may be written into the topic of the groups' offsets.
    async fn limit_offsets(&self, bytes: &str) {
        let config = AlterConfig::new(ResourceSpecifier::Topic(COMMITTED_OFFSETS))
            // All that is not named falls back to its default.
            .set("cleanup.policy", "compact")
            .set("max.message.bytes", bytes);
        let altered = self.site.kafka_admin().alter_configs([&config], &AdminOptions::new()).await;
        assert!(altered.as_ref().is_ok_and(|list| list.iter().all(Result::is_ok)), "{altered:?}");
    }
}

impl Injected {
    /// Opens a connection and keeps it, with the locks that these statements take.
    async fn hold(&mut self, site: &Site, statements: &[&'static str]) {
        let mut connection = site.admin().await;
        for statement in statements {
            connection.execute(*statement).await.unwrap();
        }
        self.held.push(connection);
    }

    /// Does it again and again until it is healed.
    fn repeat<F>(&mut self, site: &Arc<Site>, once: impl Fn(Arc<Site>) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send,
    {
        let site = Arc::clone(site);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let task = async move {
            while !stopped.load(Ordering::Relaxed) {
                once(Arc::clone(&site)).await;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        self.task = Some((stop, tokio::spawn(task)));
    }
}

/// A transaction that locks what sluicegate locks, the other way round: communities, which a batch
/// writes last, then users, greatest id first. It has written so much that the server prefers to
/// roll back the other one.
async fn opposite_order(site: Arc<Site>) {
    let mut connection = site.admin().await;
    let weight = "INSERT INTO heavy WITH RECURSIVE numbers (n) AS \
                  (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 1000) SELECT n FROM numbers";
    for statement in [
        "CREATE TABLE IF NOT EXISTS heavy (n BIGINT)",
        "SET SESSION innodb_lock_wait_timeout = 1",
        "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
        "START TRANSACTION",
        weight,
        "SELECT community_id FROM communities FOR UPDATE",
        // The batches that come meanwhile lock their users and wait for a community.
        "DO SLEEP(0.3)",
        "SELECT user_id FROM users ORDER BY user_id DESC FOR UPDATE",
        "ROLLBACK",
    ] {
        // It may be this one that is rolled back.
        if connection.execute(AssertSqlSafe(statement)).await.is_err() {
            break;
        }
    }
    let _ = connection.close().await;
}
