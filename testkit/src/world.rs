//! A world of a test's own: a database and topics that no other test has, on the run's servers, and the
//! settings under which `sluicegate` moves from one to the other.

use crate::servers::{self, Server, Url, unique};
use crate::tables::{self, assert_table};
use crate::{DEADLINE, Row, kafka, net};
use loadgen::Message;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::str::FromStr;
use std::time::Duration;
use tokio::task::JoinHandle;

/// How long the product's own connections wait for a lock.
const LOCK_WAIT: Duration = Duration::from_secs(5);

/// The program under test: where cargo says, or beside a test that is run without it.
pub fn program() -> PathBuf {
    let built = std::env::var_os("CARGO_BIN_EXE_sluicegate").map(PathBuf::from);
    built.unwrap_or_else(|| {
        let test = std::env::current_exe().unwrap();
        test.parent().and_then(Path::parent).unwrap().join("sluicegate")
    })
}

/// A database and topics of a test's own. The database is made by the program, as in production, and dropped by
/// [`World::end`].
#[derive(Debug)]
pub struct World {
    pub server: Server,
    /// Where the database server is, and the account.
    pub url: String,
    /// Where the broker is.
    pub kafka: String,
    pub database: String,
    /// What the names of the test's topics begin with.
    pub prefix: String,
    /// Settings that differ from the defaults; the later one wins.
    pub settings: Vec<(String, String)>,
    http: Option<u16>,
}

impl World {
    /// `None` if this run goes without a server that is needed.
    pub fn new(server: Server) -> Option<Self> {
        Some(Self {
            server,
            url: servers::address(server.name())?,
            kafka: servers::address("kafka")?,
            database: unique("sluicegate_test"),
            prefix: format!("{}.", unique("t")),
            settings: Vec::new(),
            http: None,
        })
    }

    /// With empty tables, and the seven topics, empty too.
    pub async fn migrated(server: Server, partitions: i32) -> Option<Self> {
        let world = Self::new(server)?;
        world.create_topics(&loadgen::TOPICS, partitions).await;
        world.succeed(&["migrate"]);
        Some(world)
    }

    pub fn set(&mut self, key: &str, value: impl Display) -> &mut Self {
        self.settings.push((key.to_owned(), value.to_string()));
        self
    }

    /// Has an instance serve HTTP; gives the port. Without it there is none.
    pub fn serve_http(&mut self) -> u16 {
        let port = net::free_port();
        self.http = Some(port);
        port
    }

    pub fn http_port(&self) -> Option<u16> {
        self.http
    }

    /// What Kafka calls one of the test's topics.
    pub fn topic(&self, topic: &str) -> String {
        format!("{}{topic}", self.prefix)
    }

    pub fn group_id(&self) -> String {
        format!("group-{}", self.database)
    }

    /// A connection to the server, without a database.
    pub async fn admin(&self) -> MySqlConnection {
        self.options().connect().await.unwrap()
    }

    /// A connection to the test's database.
    pub async fn connect(&self) -> MySqlConnection {
        let options = self.options().database(&self.database).timezone(Some("+00:00".to_owned()));
        options.connect().await.unwrap()
    }

    /// The server and the account, for connections of another kind.
    pub fn options(&self) -> MySqlConnectOptions {
        MySqlConnectOptions::from_str(&self.url).unwrap().disable_statement_logging()
    }

    /// Makes the tables of the built-in mapping by the product's own library. Gives how many SQL files were applied.
    pub async fn migrate_built_in(&self) -> usize {
        let mapping = sluicegate::mapping::Mapping::built_in().unwrap();
        sluicegate::migrate::migrate(&self.product_server(), &mapping).await.unwrap().files
    }

    /// The test's database as the product's own library reaches it.
    pub fn product_server(&self) -> sluicegate::mysql::Server {
        use sluicegate::mysql::{Server, Tls};
        let url = Url::parse(&self.url);
        Server {
            host: url.host,
            port: url.port.parse().unwrap(),
            socket: None,
            user: url.user,
            password: Some(url.password),
            database: self.database.clone(),
            tls: Tls {
                mode: sqlx::mysql::MySqlSslMode::Preferred,
                ca: None,
                cert: None,
                key: None,
            },
            connect_timeout: DEADLINE,
            lock_wait_timeout: LOCK_WAIT,
        }
    }

    /// Executes statements in the test's database, one after the other.
    pub async fn execute_sql(&self, statements: impl IntoIterator<Item = &str>) {
        let mut connection = self.connect().await;
        for statement in statements {
            let done = connection.execute(AssertSqlSafe(statement)).await;
            done.unwrap_or_else(|error| panic!("{}: {statement}: {error}", self.server.name()));
        }
    }

    /// Lets no other session write to a table until the connection is closed.
    pub async fn lock(&self, table: &str) -> MySqlConnection {
        let mut connection = self.connect().await;
        let lock = format!("LOCK TABLES {table} WRITE");
        connection.execute(AssertSqlSafe(lock)).await.unwrap();
        connection
    }

    pub async fn create_topics(&self, topics: &[&str], partitions: i32) {
        let names: Vec<String> = topics.iter().map(|topic| self.topic(topic)).collect();
        kafka::create_topics(&self.kafka, &names, partitions).await;
    }

    /// Sends messages to the test's topics and waits until Kafka has them.
    pub async fn produce(&self, messages: impl IntoIterator<Item = Message> + Send + 'static) {
        self.send(messages, None).await.unwrap();
    }

    /// Sends messages at a steady rate in the background.
    pub fn stream(&self, messages: Vec<Message>, per_second: f64) -> JoinHandle<()> {
        self.send(messages, Some(per_second))
    }

    fn send(
        &self,
        messages: impl IntoIterator<Item = Message> + Send + 'static,
        per_second: Option<f64>,
    ) -> JoinHandle<()> {
        let target = loadgen::kafka::Target {
            bootstrap_servers: self.kafka.clone(),
            topic_prefix: self.prefix.clone(),
            ..loadgen::kafka::Target::default()
        };
        tokio::task::spawn_blocking(move || {
            loadgen::kafka::produce(&target, messages, per_second, |_| {}).unwrap();
        })
    }

    /// The program with the test's settings.
    pub fn command(&self) -> Command {
        let url = Url::parse(&self.url);
        let http = self.http.map_or("off".to_owned(), |port| format!("127.0.0.1:{port}"));
        let mut command = Command::new(program());
        command
            .current_dir(std::env::temp_dir())
            .env("KAFKA_BOOTSTRAP_SERVERS", &self.kafka)
            .env("KAFKA_GROUP_ID", self.group_id())
            .env("MYSQL_HOST", &url.host)
            .env("MYSQL_PORT", &url.port)
            .env("MYSQL_USER", &url.user)
            .env("MYSQL_PASSWORD", &url.password)
            .env("MYSQL_DATABASE", &self.database)
            .env("RUST_BACKTRACE", "0")
            .args(["--set", &format!("http.address={http}")])
            .args(["--set", &format!("kafka.topic_prefix={}", self.prefix)])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        for (key, value) in &self.settings {
            command.args(["--set", &format!("{key}={value}")]);
        }
        command
    }

    /// Runs the program to its end.
    pub fn execute(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).output().unwrap()
    }

    /// Runs the program, which must succeed; gives what it printed.
    #[track_caller]
    pub fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.execute(arguments);
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {}\n{log}", output.status);
        String::from_utf8(output.stdout).unwrap()
    }

    /// Loads everything that is in the topics; gives the log.
    #[track_caller]
    pub fn load(&self) -> String {
        let output = self.execute(&["run", "--until-end"]);
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "run --until-end: {}\n{log}", output.status);
        log
    }

    /// Every row of a table as values, without `id` and `created_at`, in no order.
    pub async fn rows(&self, table: &str) -> Vec<Row> {
        tables::rows(&mut self.connect().await, table).await
    }

    /// How many rows a table has.
    pub async fn count(&self, table: &str) -> i64 {
        tables::count(&mut self.connect().await, table).await
    }

    /// In words, the tables that have fewer rows than they must.
    pub async fn lacks(&self, sizes: &BTreeMap<String, i64>) -> Vec<String> {
        let mut connection = self.connect().await;
        let mut lacks = Vec::new();
        for (table, size) in sizes {
            let count = tables::count(&mut connection, table).await;
            if count < *size {
                lacks.push(format!("{table} has {count} rows of {size}"));
            }
        }
        lacks
    }

    /// Every one of these tables holds these rows and no others.
    pub async fn assert_tables(&self, context: &str, expected: &BTreeMap<String, Vec<Row>>) {
        let context = format!("{}: {context}", self.server.name());
        let mut connection = self.connect().await;
        for (table, expected) in expected {
            assert_table(&context, table, &tables::rows(&mut connection, table).await, expected);
        }
    }

    /// Drops the database.
    pub async fn end(self) {
        let mut admin = self.admin().await;
        let drop = format!("DROP DATABASE IF EXISTS `{}`", self.database);
        admin.execute(AssertSqlSafe(drop)).await.unwrap();
        admin.close().await.unwrap();
    }
}

/// All that a program said.
pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&*output.stdout, &*output.stderr].concat()).into_owned()
}
