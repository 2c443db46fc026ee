//! What every test with real servers needs: a database and topics of its own, the binary under
//! test, and a way to read tables as values.

// Each test binary uses a part of it.
#![allow(dead_code, unreachable_pub)]

pub mod servers;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use serde_json::Value;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, Row as _};
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::str::FromStr;
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// How long anything may take that should take a moment.
pub const DEADLINE: Duration = Duration::from_secs(120);

/// How long an answer over HTTP may take.
const HTTP_TIMEOUT: Duration = Duration::from_secs(1);

/// Columns by name.
pub type Row = BTreeMap<String, Value>;

/// A port of this machine that nobody has at present. It is below the ephemeral range: a client that
/// retries a dead port inside it can end up connected to itself, and keep it.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    loop {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        // Each test process begins elsewhere.
        let port =
            10_000 + (std::process::id() as u16).wrapping_mul(37).wrapping_add(step) % 10_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// An answer over HTTP, head and body, as plain as it gets.
pub fn get(port: u16, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(HTTP_TIMEOUT))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut page = String::new();
    stream.read_to_string(&mut page)?;
    Ok(page)
}

/// A kind of database server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    MySql,
    MariaDb,
}

impl Server {
    pub const ALL: [Self; 2] = [Self::MySql, Self::MariaDb];

    pub fn name(self) -> &'static str {
        match self {
            Self::MySql => "mysql",
            Self::MariaDb => "mariadb",
        }
    }

    /// How deep its JSON column nests.
    pub fn json_depth(self) -> usize {
        match self {
            Self::MySql => 100,
            Self::MariaDb => 31,
        }
    }
}

/// The address in `SLUICEGATE_TEST_<NAME>`, or `None` if the run goes without this server and
/// says so itself.
fn address(name: &str) -> Option<String> {
    let variable = format!("SLUICEGATE_TEST_{}", name.to_uppercase());
    if let Ok(address) = std::env::var(&variable) {
        return Some(address);
    }
    let left_out = std::env::var("SLUICEGATE_TEST_LEFT_OUT").unwrap_or_default();
    assert!(
        left_out.split_whitespace().any(|left_out| left_out == name),
        "{variable} is not set: run `make test`, or `tests/servers/with -- cargo test`"
    );
    eprintln!("LEFT OUT: this run has no {name}");
    None
}

/// A name that no other test has.
pub fn unique(what: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{what}_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A database and topics of a test's own, and the binary that moves from one to the other.
pub struct World {
    pub server: Server,
    pub url: String,
    pub kafka: String,
    pub database: String,
    /// What the names of the test's topics begin with.
    pub prefix: String,
    pub settings: Vec<(String, String)>,
}

impl World {
    /// `None` if this run goes without a server that is needed.
    pub async fn new(server: Server) -> Option<Self> {
        let (url, kafka) = (address(server.name())?, address("kafka")?);
        let world = Self {
            server,
            url,
            kafka,
            database: unique("sluicegate_test"),
            prefix: format!("{}.", unique("t")),
            settings: Vec::new(),
        };
        Some(world)
    }

    pub fn set(&mut self, key: &str, value: impl std::fmt::Display) -> &mut Self {
        self.settings.push((key.to_owned(), value.to_string()));
        self
    }

    /// A connection to the server, without a database.
    pub async fn admin(&self) -> MySqlConnection {
        let options = MySqlConnectOptions::from_str(&self.url).unwrap().disable_statement_logging();
        options.connect().await.unwrap()
    }

    /// A connection to the test's database.
    pub async fn connect(&self) -> MySqlConnection {
        let options = MySqlConnectOptions::from_str(&self.url).unwrap().disable_statement_logging();
        options
            .database(&self.database)
            .timezone(Some("+00:00".to_owned()))
            .connect()
            .await
            .unwrap()
    }

    /// The test's database as the product's own library reaches it.
    pub fn product_server(&self) -> sluicegate::mysql::Server {
        use sluicegate::mysql::{Server, Tls};
        let url = url_parts(&self.url);
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
            lock_wait_timeout: Duration::from_secs(5),
        }
    }

    pub async fn create_topics(&self, topics: &[&str], partitions: i32) {
        let mut config = rdkafka::ClientConfig::new();
        config.set("bootstrap.servers", &self.kafka);
        let admin: AdminClient<DefaultClientContext> = config.create().unwrap();
        let names: Vec<String> =
            topics.iter().map(|topic| format!("{}{topic}", self.prefix)).collect();
        let topics: Vec<NewTopic<'_>> = names
            .iter()
            .map(|name| NewTopic::new(name, partitions, TopicReplication::Fixed(1)))
            .collect();
        let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(30)));
        for created in admin.create_topics(&topics, &options).await.unwrap() {
            created.unwrap();
        }
    }

    /// Sends messages to the test's topics and waits until Kafka has them.
    pub async fn produce(&self, messages: Vec<loadgen::Message>) {
        self.send(messages, None).await.unwrap();
    }

    /// Sends messages at a steady rate in the background.
    pub fn stream(&self, messages: Vec<loadgen::Message>, per_second: f64) -> JoinHandle<()> {
        self.send(messages, Some(per_second))
    }

    fn send(&self, messages: Vec<loadgen::Message>, per_second: Option<f64>) -> JoinHandle<()> {
        let target = loadgen::kafka::Target {
            bootstrap_servers: self.kafka.clone(),
            topic_prefix: self.prefix.clone(),
            ..loadgen::kafka::Target::default()
        };
        tokio::task::spawn_blocking(move || {
            loadgen::kafka::produce(&target, messages, per_second, |_| {}).unwrap();
        })
    }

    /// The binary with the test's settings.
    pub fn command(&self) -> Command {
        let url = url_parts(&self.url);
        let mut command = Command::new(env!("CARGO_BIN_EXE_sluicegate"));
        command
            .current_dir(std::env::temp_dir())
            .env("KAFKA_BOOTSTRAP_SERVERS", &self.kafka)
            .env("KAFKA_GROUP_ID", format!("group-{}", self.database))
            .env("MYSQL_HOST", &url.host)
            .env("MYSQL_PORT", &url.port)
            .env("MYSQL_USER", &url.user)
            .env("MYSQL_PASSWORD", &url.password)
            .env("MYSQL_DATABASE", &self.database)
            .env("RUST_BACKTRACE", "0")
            .args(["--set", "http.address=off"])
            .args(["--set", &format!("kafka.topic_prefix={}", self.prefix)])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        for (key, value) in &self.settings {
            command.args(["--set", &format!("{key}={value}")]);
        }
        command
    }

    /// Runs the binary to its end.
    pub fn execute(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).output().unwrap()
    }

    /// Runs the binary, which must succeed; gives what it printed.
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

    /// Makes the consumer group start again from the first offset.
    pub fn new_group(&mut self) {
        self.set("kafka.group_id", unique("group"));
    }

    /// Every row of a table as values, without `id` and `created_at`, in no order.
    pub async fn rows(&self, table: &str) -> Vec<Row> {
        rows(&mut self.connect().await, table).await
    }

    /// Drops the database.
    pub async fn end(self) {
        let mut admin = self.admin().await;
        let drop = format!("DROP DATABASE IF EXISTS `{}`", self.database);
        admin.execute(AssertSqlSafe(drop)).await.unwrap();
        admin.close().await.unwrap();
    }
}

/// What an address says.
pub struct UrlParts {
    pub host: String,
    pub port: String,
    pub user: String,
    pub password: String,
}

/// `mysql://user:password@host:port`
pub fn url_parts(url: &str) -> UrlParts {
    let rest = url.strip_prefix("mysql://").unwrap();
    let (account, address) = rest.split_once('@').unwrap();
    let (user, password) = account.split_once(':').unwrap_or((account, ""));
    let (host, port) = address.split_once(':').unwrap_or((address, "3306"));
    let own = str::to_owned;
    UrlParts { host: own(host), port: own(port), user: own(user), password: own(password) }
}

/// Every row of a table as values: numbers as numbers, JSON as parsed, everything else as text.
pub async fn rows(connection: &mut MySqlConnection, table: &str) -> Vec<Row> {
    let columns = sqlx::query(
        "SELECT CAST(COLUMN_NAME AS CHAR), CAST(DATA_TYPE AS CHAR) FROM information_schema.COLUMNS \
         WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION",
    )
    .bind(table)
    .fetch_all(&mut *connection)
    .await
    .unwrap();
    let columns: Vec<(String, String)> =
        columns.iter().map(|row| (row.get(0), row.get::<String, _>(1).to_lowercase())).collect();
    assert!(!columns.is_empty(), "there is no table {table}");
    let kept: Vec<&(String, String)> =
        columns.iter().filter(|(name, _)| !["id", "created_at"].contains(&name.as_str())).collect();
    // Bytes need not be text.
    let as_text = |(name, ty): &&(String, String)| match ty.as_str() {
        "varbinary" | "mediumblob" => format!("`{name}`"),
        _ => format!("CAST(`{name}` AS CHAR)"),
    };
    let list: Vec<String> = kept.iter().map(as_text).collect();
    let select = format!("SELECT {} FROM `{table}`", list.join(", "));
    let rows = connection.fetch_all(AssertSqlSafe(select)).await.unwrap();
    rows.iter()
        .map(|row| {
            let values = kept.iter().enumerate().map(|(index, (name, ty))| {
                let bytes: Option<Vec<u8>> = row.get_unchecked(index);
                let text = bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
                (name.clone(), text.map_or(Value::Null, |text| value(name, ty, text)))
            });
            values.collect()
        })
        .collect()
}

fn value(name: &str, ty: &str, text: String) -> Value {
    match ty {
        "bigint" | "int" | "tinyint" => Value::from(text.parse::<i64>().unwrap()),
        // MariaDB's JSON is LONGTEXT.
        "json" | "longtext" => {
            serde_json::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"))
        }
        _ => Value::from(text),
    }
}

/// Waits until `condition` gives something.
#[track_caller]
pub fn wait_for<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < deadline, "{what}: not after {DEADLINE:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Sends a signal to a process.
pub fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args(["-s", name, &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

/// Rows in an order that does not depend on the database, and without columns that `like` lacks.
pub fn comparable(rows: &[Row], like: &[Row]) -> Vec<String> {
    let columns: Option<Vec<&String>> = like.first().map(|row| row.keys().collect());
    let mut texts: Vec<String> = rows
        .iter()
        .map(|row| {
            let kept = row
                .iter()
                .filter(|(name, _)| columns.as_ref().is_none_or(|columns| columns.contains(name)));
            let kept: BTreeMap<&String, &Value> = kept.collect();
            serde_json::to_string(&kept).unwrap()
        })
        .collect();
    texts.sort_unstable();
    texts
}

/// Compares a table with what it should hold.
#[track_caller]
pub fn assert_table(context: &str, table: &str, found: &[Row], expected: &[Row]) {
    let (found, expected) = (comparable(found, expected), comparable(expected, expected));
    if found == expected {
        return;
    }
    let lacks: Vec<&String> = expected.iter().filter(|row| !found.contains(row)).take(3).collect();
    let extra: Vec<&String> = found.iter().filter(|row| !expected.contains(row)).take(3).collect();
    panic!(
        "{context}: {table} has {} rows, expected {}; the first that\nare missing: {lacks:#?}\nshould not be: {extra:#?}",
        found.len(),
        expected.len()
    );
}
