//! Servers of a test's own, to be broken: MySQL or MariaDB, and a broker where that is to break.

use crate::{own_events, replica};
use rdkafka::admin::AdminClient;
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};
use std::path::Path;
use std::process::{Command, Output};
use std::str::FromStr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use testkit::{DEADLINE, Forwarder, OwnServer, Server, World, servers};
use tokio::sync::{Semaphore, SemaphorePermit};

/// The account under which sluicegate works: it may do what it has to, and nothing else.
pub const ACCOUNT: &str = "loader";
pub const GRANTS: &str = "SELECT, INSERT, UPDATE, DELETE";
/// Shorter waits than in production, so that each of them ends several times within a test.
const SETTINGS: [(&str, &str); 12] = [
    ("batch.age", "100ms"),
    ("flush.retry_first", "50ms"),
    ("flush.retry_longest", "1s"),
    ("flush.statement_timeout", "3s"),
    ("flush.lock_wait_timeout", "1s"),
    ("mysql.connect_timeout", "2s"),
    ("stop.timeout", "20s"),
    ("kafka.revoke_timeout", "5s"),
    // Brokers allow no less.
    ("kafka.properties.session.timeout.ms", "6000"),
    ("kafka.properties.heartbeat.interval.ms", "1000"),
    // New topics and partitions are found when the client asks for them.
    ("kafka.properties.topic.metadata.refresh.interval.ms", "1000"),
    ("kafka.properties.reconnect.backoff.max.ms", "1000"),
];
/// Enough for a long run; a tmpfs takes memory only for what is in it.
const DISK: &str = "8G";
const KAFKA_WAIT: Duration = Duration::from_secs(10);

/// How long the group waits for a member to poll; a frozen server must not make it wait longer.
pub const POLL_INTERVAL_MAX: Duration = Duration::from_secs(8);

/// What a test wants besides a database server of its own.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wants {
    /// A broker of its own.
    pub broker: bool,
    /// Data on a disk of its own that can be filled.
    pub disk: bool,
    /// A database server that replicas can follow, behind an address that can lead to one of them.
    pub replicas: bool,
}

/// Servers of a test's own, and the world on them in which sluicegate works.
pub struct Servers {
    pub world: World,
    /// The one that takes writes.
    database: Mutex<Arc<OwnServer>>,
    broker: Option<OwnServer>,
    /// Where the address leads that sluicegate knows, if not to the database server itself.
    forwarder: Option<Forwarder>,
    /// Whether the database server's data is on a disk of its own.
    pub has_disk: bool,
    /// Given back when the servers have stopped.
    _turn: SemaphorePermit<'static>,
}

/// Tests with servers of their own that run at a time: more would make each other late.
static TURNS: Semaphore = Semaphore::const_new(2);

impl Servers {
    /// Starts what is wanted, with a database and an account for sluicegate; `None` if this run
    /// goes without a server that is needed.
    pub async fn start(server: Server, wants: Wants) -> Option<Self> {
        // The run's own server is not touched; asking for it tells whether the run has one.
        let mut world = World::new(server)?;
        let turn = TURNS.acquire().await.unwrap();
        let directory = servers::directory("faults");
        let has_disk = wants.disk && can_mount();
        let arguments =
            if wants.replicas { replica::arguments(server, &directory) } else { Vec::new() };
        let database = start_database(server, &directory, has_disk, &arguments).await;
        let forwarder = wants.replicas.then(|| Forwarder::to(&database.address()));
        let mut broker = None;
        if wants.broker {
            let started = OwnServer::start("kafka", &directory, |_| {}).await;
            world.kafka = started.address();
            broker = Some(started);
        }
        world.set("mapping.directory", own_events::MAPPINGS);
        for (setting, value) in SETTINGS {
            world.set(setting, value);
        }
        world.set("kafka.properties.max.poll.interval.ms", POLL_INTERVAL_MAX.as_millis());
        let database = Mutex::new(Arc::new(database));
        let mut servers = Self { world, database, broker, forwarder, has_disk, _turn: turn };
        servers.prepare().await;
        Some(servers)
    }

    /// Makes the tables with every privilege, and the account with few.
    async fn prepare(&mut self) {
        self.world.url = self.database().url();
        self.world.succeed(&["migrate"]);
        let database = &self.world.database;
        self.sql(&format!("CREATE USER {ACCOUNT} IDENTIFIED BY '{ACCOUNT}'")).await;
        self.sql(&format!("GRANT {GRANTS} ON `{database}`.* TO {ACCOUNT}")).await;
        let port = self.forwarder.as_ref().map_or(self.database().port, |forwarder| forwarder.port);
        self.world.url = format!("mysql://{ACCOUNT}:{ACCOUNT}@127.0.0.1:{port}");
    }

    /// The database server that takes writes.
    pub fn database(&self) -> Arc<OwnServer> {
        Arc::clone(&self.database.lock().unwrap())
    }

    /// Lets another server take the writes: the address leads there.
    pub fn switch_to(&self, database: OwnServer) {
        let forwarder = self.forwarder.as_ref().expect("an address that can lead elsewhere");
        forwarder.switch(&database.address());
        *self.database.lock().unwrap() = Arc::new(database);
    }

    /// The kind of the database server.
    pub fn kind(&self) -> Server {
        self.world.server
    }

    /// The broker, where the test wants one of its own.
    pub fn broker(&self) -> &OwnServer {
        self.broker.as_ref().expect("a broker of the test's own")
    }

    /// Copies what the servers said into this directory.
    pub fn keep_logs(&self, directory: &Path) {
        let database = self.database();
        for server in self.broker.iter().chain([&*database]) {
            let name = server.directory.file_name().unwrap().display();
            let log = directory.join(format!("{name}.log"));
            std::fs::copy(server.directory.join("log"), log).unwrap();
        }
    }

    /// A connection with every privilege.
    pub async fn admin(&self) -> MySqlConnection {
        self.try_admin().await.unwrap()
    }

    /// The same for a server that may be away.
    pub async fn try_admin(&self) -> Result<MySqlConnection, sqlx::Error> {
        let options = MySqlConnectOptions::from_str(&self.database().url())?;
        options.database(&self.world.database).disable_statement_logging().connect().await
    }

    /// Runs a statement with every privilege.
    #[track_caller]
    pub fn sql(&self, statement: &str) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            let mut admin = self.admin().await;
            let done = admin.execute(AssertSqlSafe(statement)).await;
            assert!(done.is_ok(), "{caller}: {statement}: {done:?}");
            // It may be a server that hangs up at once.
            let _ = admin.close().await;
        }
    }

    /// The connections of sluicegate's account.
    pub async fn connections(&self) -> Vec<i64> {
        self.connections_by(&mut self.admin().await).await
    }

    async fn connections_by(&self, admin: &mut MySqlConnection) -> Vec<i64> {
        let select = match self.kind() {
            // MySQL's other list fails on statements with emoji in them.
            Server::MySql => {
                "SELECT CAST(PROCESSLIST_ID AS SIGNED) FROM performance_schema.threads \
                 WHERE PROCESSLIST_USER = ?"
            }
            Server::MariaDb => {
                "SELECT CAST(ID AS SIGNED) FROM information_schema.PROCESSLIST WHERE USER = ?"
            }
        };
        sqlx::query_scalar(select).bind(ACCOUNT).fetch_all(admin).await.unwrap()
    }

    /// Ends every one of them.
    pub async fn kill_connections(&self) {
        self.kill_connections_by(&mut self.admin().await).await;
    }

    /// Ends every one of them, by a session that is there already.
    pub async fn kill_connections_by(&self, admin: &mut MySqlConnection) {
        for id in self.connections_by(admin).await {
            // It may have gone by itself.
            let _ = admin.execute(AssertSqlSafe(format!("KILL {id}"))).await;
        }
    }

    /// Leaves nothing free on the database server's disk, or makes it as large again as it was.
    pub async fn disk_is_full(&self, full: bool) {
        let mut command = self.database().command("disk");
        command.arg(if full { "full" } else { DISK });
        servers::succeed(command).await;
    }

    pub fn kafka_config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.world.kafka);
        // Looking around does not have to tell about every broken connection.
        config.set("log_level", "2");
        config
    }

    pub fn kafka_admin(&self) -> AdminClient<DefaultClientContext> {
        self.kafka_config().create().unwrap()
    }

    /// A consumer of sluicegate's group that joins nothing.
    fn group(&self) -> Option<BaseConsumer> {
        let mut config = self.kafka_config();
        config.set("group.id", self.world.group_id());
        config.create().ok()
    }

    /// Whether the group has committed an offset of a partition.
    pub fn has_committed(&self, topic: &str, partition: i32) -> bool {
        let mut list = TopicPartitionList::new();
        list.add_partition(topic, partition);
        let committed = self.group().map(|group| group.committed_offsets(list, KAFKA_WAIT));
        committed.is_some_and(|offsets| {
            offsets.is_ok_and(|list| matches!(list.elements()[0].offset(), Offset::Offset(_)))
        })
    }

    /// Messages of the group's topics that no offset is committed for; `None` without an answer.
    pub fn lag(&self, topics: &[String]) -> Option<i64> {
        let consumer = self.group()?;
        let mut list = TopicPartitionList::new();
        let mut bounds = Vec::new();
        for topic in topics {
            let metadata = consumer.fetch_metadata(Some(topic), KAFKA_WAIT).ok()?;
            for partition in metadata.topics().first()?.partitions() {
                let range = consumer.fetch_watermarks(topic, partition.id(), KAFKA_WAIT).ok()?;
                list.add_partition(topic, partition.id());
                bounds.push(range);
            }
        }
        let committed = consumer.committed_offsets(list, KAFKA_WAIT).ok()?;
        let offsets = committed.elements();
        let left = offsets.iter().zip(bounds).map(|(element, (first, end))| {
            let done = match element.offset() {
                Offset::Offset(offset) => offset.max(first),
                _ => first,
            };
            // The offset of a topic that was deleted may be beyond the end of its namesake.
            (end - done).max(0)
        });
        Some(left.sum())
    }

    /// Waits until the group has committed everything that is in these topics.
    pub async fn until_consumed(&self, topics: &[String]) -> Result<(), String> {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let lag = tokio::task::block_in_place(|| self.lag(topics));
            if lag == Some(0) {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(format!("after {DEADLINE:?}, this many are not committed: {lag:?}"));
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }
}

/// Starts a database server, with a disk of its own if that is possible here and wanted.
pub async fn start_database(
    server: Server,
    directory: &Path,
    has_disk: bool,
    arguments: &[String],
) -> OwnServer {
    OwnServer::start(server.name(), directory, |command| {
        command.args(arguments);
        if has_disk {
            command.env("SLUICEGATE_SERVER_DISK", DISK);
        }
    })
    .await
}

/// Kills, stops or starts a server.
pub async fn tell(server: &OwnServer, verb: &str) {
    servers::succeed(server.command(verb)).await;
}

/// Whether this machine lets us mount a disk for one process.
fn can_mount() -> bool {
    let mount = ["--mount", "mount", "-t", "tmpfs", "tmpfs", "/tmp"];
    let as_root = Command::new("unshare").args(mount).output();
    let as_other =
        || Command::new("unshare").args(["--user", "--map-root-user"]).args(mount).output();
    let works =
        |output: std::io::Result<Output>| output.is_ok_and(|output| output.status.success());
    works(as_root) || works(as_other())
}
