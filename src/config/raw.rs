//! The settings as they are written. Every setting has a default here, so this file is also the
//! list of what there is; [`ranges`](super::ranges) says what each takes. They hold secrets, so they have no `Debug`.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// All settings. An empty string means "not set".
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawConfig {
    /// Where the events come from.
    pub(super) kafka: Kafka,
    /// Where the rows go.
    pub(super) mysql: MySql,
    /// When a batch is sealed.
    pub(super) batch: Batch,
    /// How batches are written.
    pub(super) flush: Flush,
    /// The bound on memory.
    pub(super) memory: Memory,
    /// Mapping files of the user's own.
    pub(super) mapping: Mapping,
    /// What is kept of faulty messages.
    pub(super) dead_letters: DeadLetters,
    /// The port for metrics and health.
    pub(super) http: Http,
    /// Logs.
    pub(super) log: Log,
    /// Stopping.
    pub(super) start: Start,
    pub(super) stop: Stop,
}

/// Where the events come from.
#[derive(Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Kafka {
    /// Brokers, `HOST:PORT`, separated by commas.
    pub(super) bootstrap_servers: String,
    /// Name in the brokers' logs and quotas.
    pub(super) client_id: String,
    /// Consumer group; its committed offsets say where to go on.
    pub(super) group_id: String,
    /// Where to start without a committed offset, or when it is out of range: `earliest`, `latest`, or
    /// `error`, which stops.
    pub(super) auto_offset_reset: String,
    /// Topics to consume; empty means those of the mapping.
    pub(super) topics: Vec<String>,
    /// What the names of all topics begin with in Kafka, such as `prod.`.
    pub(super) topic_prefix: String,
    /// `plaintext`, `ssl`, `sasl_plaintext` or `sasl_ssl`.
    pub(super) security_protocol: String,
    /// `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`.
    pub(super) sasl_mechanism: String,
    /// SASL account.
    pub(super) sasl_username: String,
    /// Its password.
    pub(super) sasl_password: String,
    /// A file that holds it.
    pub(super) sasl_password_file: String,
    /// Certificate authority, PEM file.
    pub(super) tls_ca: String,
    /// Client certificate, PEM file.
    pub(super) tls_cert: String,
    /// Its key, PEM file.
    pub(super) tls_key: String,
    /// How long a rebalance may wait for the flush of the partitions that are given up.
    pub(super) revoke_timeout: String,
    /// Any property of librdkafka, over everything above; an empty one removes what sluicegate sets.
    pub(super) properties: BTreeMap<String, String>,
}

/// Where the rows go.
#[derive(Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct MySql {
    /// Host name or address.
    pub(super) host: String,
    /// TCP port.
    pub(super) port: i64,
    /// Unix socket, instead of TCP.
    pub(super) socket: String,
    /// Account.
    pub(super) user: String,
    /// Its password.
    pub(super) password: String,
    /// A file that holds it.
    pub(super) password_file: String,
    /// Database (schema) of the tables.
    pub(super) database: String,
    /// `disabled`, `preferred`, `required`, `verify-ca` or `verify-identity`.
    pub(super) tls_mode: String,
    /// Certificate authority, PEM file.
    pub(super) tls_ca: String,
    /// Client certificate, PEM file.
    pub(super) tls_cert: String,
    /// Its key, PEM file.
    pub(super) tls_key: String,
    /// How long to wait for a connection.
    pub(super) connect_timeout: String,
}

/// When a batch is sealed: whichever comes first.
#[derive(Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Batch {
    /// Rows, dead letters included.
    pub(super) rows: i64,
    /// Bytes of memory; `memory.limit` may lower it.
    pub(super) bytes: String,
    /// Time since its first message.
    pub(super) age: String,
}

/// How batches are written.
#[derive(Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Flush {
    /// Connections that write at the same time.
    pub(super) writers: i64,
    /// Rows in one statement.
    pub(super) statement_rows: i64,
    /// Bytes of one statement's text; the server's `max_allowed_packet` may lower it.
    pub(super) statement_bytes: String,
    /// How long a statement may take before its connection is given up.
    pub(super) statement_timeout: String,
    /// How long a statement may wait for another transaction's lock, 1s to 1h; then it is tried again.
    pub(super) lock_wait_timeout: String,
    /// Pause after the first failed attempt; it doubles.
    pub(super) retry_first: String,
    /// Longest pause between attempts.
    pub(super) retry_longest: String,
}

/// The bound on memory.
#[derive(Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Memory {
    /// Bytes of memory for everything.
    pub(super) limit: String,
}

/// Mapping files of the user's own.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Mapping {
    /// Directory with `*.toml` mappings that replace or extend the built-in ones.
    pub(super) directory: String,
}

/// What is kept of faulty messages.
#[derive(Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct DeadLetters {
    /// Bytes of a faulty message that are kept, up to 16,777,215; `memory.limit` may lower it.
    pub(super) payload_bytes: String,
}

/// The HTTP port for metrics and health.
#[derive(Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Http {
    /// `ADDRESS:PORT` for status, metrics and health, or `off`.
    pub(super) address: String,
    /// Names of this instance's host under which a browser may open the status page, beside
    /// `localhost` and any IP address.
    pub(super) hosts: Vec<String>,
}

/// Logs.
#[derive(Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Log {
    /// `text`, `json`, or `auto`: text on a terminal, JSON elsewhere.
    pub(super) format: String,
    /// What is logged, such as `info,sluicegate=debug`.
    pub(super) filter: String,
}

/// Starting.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Start {
    /// How long the start may wait for MySQL and Kafka, or `off`: as long as it takes.
    pub(super) timeout: String,
}

/// Stopping.
#[derive(Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Stop {
    /// How long stopping may take.
    pub(super) timeout: String,
}

impl Default for Kafka {
    fn default() -> Self {
        Self {
            bootstrap_servers: "localhost:9092".into(),
            client_id: "sluicegate".into(),
            group_id: "mysql-analytics-service".into(),
            auto_offset_reset: "earliest".into(),
            topics: Vec::new(),
            topic_prefix: String::new(),
            security_protocol: "plaintext".into(),
            sasl_mechanism: String::new(),
            sasl_username: String::new(),
            sasl_password: String::new(),
            sasl_password_file: String::new(),
            tls_ca: String::new(),
            tls_cert: String::new(),
            tls_key: String::new(),
            revoke_timeout: "30s".into(),
            properties: BTreeMap::new(),
        }
    }
}

impl Default for MySql {
    fn default() -> Self {
        Self {
            host: "localhost".into(),
            port: 3306,
            socket: String::new(),
            user: "root".into(),
            password: String::new(),
            password_file: String::new(),
            database: "analytics".into(),
            tls_mode: "preferred".into(),
            tls_ca: String::new(),
            tls_cert: String::new(),
            tls_key: String::new(),
            connect_timeout: "10s".into(),
        }
    }
}

impl Default for Batch {
    fn default() -> Self {
        Self { rows: 10_000, bytes: "9MiB".into(), age: "150ms".into() }
    }
}

impl Default for Flush {
    fn default() -> Self {
        Self {
            writers: 2,
            statement_rows: 500,
            statement_bytes: "256KiB".into(),
            statement_timeout: "5m".into(),
            lock_wait_timeout: "5s".into(),
            retry_first: "100ms".into(),
            retry_longest: "10s".into(),
        }
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self { limit: "256MiB".into() }
    }
}

impl Default for DeadLetters {
    fn default() -> Self {
        Self { payload_bytes: "1MiB".into() }
    }
}

impl Default for Http {
    fn default() -> Self {
        Self { address: "127.0.0.1:9464".into(), hosts: Vec::new() }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { format: "auto".into(), filter: "info".into() }
    }
}

impl Default for Start {
    fn default() -> Self {
        Self { timeout: "off".into() }
    }
}

impl Default for Stop {
    fn default() -> Self {
        Self { timeout: "30s".into() }
    }
}
