//! The settings as they are written, each with its default beside it, so this file is also the
//! list of what there is; [`ranges`](super::ranges) says what each takes. They hold secrets, so they have no `Debug`.

use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;
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
    /// Starting.
    pub(super) start: Start,
    /// Stopping.
    pub(super) stop: Stop,
}

/// Where the events come from.
#[derive(Clone, SmartDefault, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Kafka {
    /// Brokers, `HOST:PORT`, separated by commas.
    #[default = "localhost:9092"]
    pub(super) bootstrap_servers: String,
    /// Name in the brokers' logs and quotas.
    #[default = "sluicegate"]
    pub(super) client_id: String,
    /// Consumer group; its committed offsets say where to go on.
    #[default = "mysql-analytics-service"]
    pub(super) group_id: String,
    /// Where to start without a committed offset, or when it is out of range: `earliest`, `latest`, or
    /// `error`, which stops.
    #[default = "earliest"]
    pub(super) auto_offset_reset: String,
    /// Topics to consume; empty means those of the mapping.
    pub(super) topics: Vec<String>,
    /// What the names of all topics begin with in Kafka, such as `prod.`.
    pub(super) topic_prefix: String,
    /// `plaintext`, `ssl`, `sasl_plaintext` or `sasl_ssl`.
    #[default = "plaintext"]
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
    #[default = "30s"]
    pub(super) revoke_timeout: String,
    /// Any property of librdkafka, over everything above; an empty one removes what sluicegate sets.
    pub(super) properties: BTreeMap<String, String>,
}

/// Where the rows go.
#[derive(Clone, SmartDefault, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct MySql {
    /// Host name or address.
    #[default = "localhost"]
    pub(super) host: String,
    /// TCP port.
    #[default(3306)]
    pub(super) port: i64,
    /// Unix socket, instead of TCP.
    pub(super) socket: String,
    /// Account.
    #[default = "root"]
    pub(super) user: String,
    /// Its password.
    pub(super) password: String,
    /// A file that holds it.
    pub(super) password_file: String,
    /// Database (schema) of the tables.
    #[default = "analytics"]
    pub(super) database: String,
    /// `disabled`, `preferred`, `required`, `verify-ca` or `verify-identity`.
    #[default = "preferred"]
    pub(super) tls_mode: String,
    /// Certificate authority, PEM file.
    pub(super) tls_ca: String,
    /// Client certificate, PEM file.
    pub(super) tls_cert: String,
    /// Its key, PEM file.
    pub(super) tls_key: String,
    /// How long to wait for a connection.
    #[default = "10s"]
    pub(super) connect_timeout: String,
}

/// When a batch is sealed: whichever comes first.
#[derive(Clone, SmartDefault, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Batch {
    /// Rows, dead letters included.
    #[default(10_000)]
    pub(super) rows: i64,
    /// Bytes of memory; `memory.limit` may lower it.
    #[default = "9MiB"]
    pub(super) bytes: String,
    /// Time since its first message.
    #[default = "150ms"]
    pub(super) age: String,
}

/// How batches are written.
#[derive(Clone, SmartDefault, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Flush {
    /// Connections that write at the same time.
    #[default(2)]
    pub(super) writers: i64,
    /// Rows in one statement.
    #[default(500)]
    pub(super) statement_rows: i64,
    /// Bytes of one statement's text; the server's `max_allowed_packet` may lower it.
    #[default = "256KiB"]
    pub(super) statement_bytes: String,
    /// How long a statement may take before its connection is given up.
    #[default = "5m"]
    pub(super) statement_timeout: String,
    /// How long a statement may wait for another transaction's lock, 1s to 1h; then it is tried again.
    #[default = "5s"]
    pub(super) lock_wait_timeout: String,
    /// Pause after the first failed attempt; it doubles.
    #[default = "100ms"]
    pub(super) retry_first: String,
    /// Longest pause between attempts.
    #[default = "10s"]
    pub(super) retry_longest: String,
}

/// The bound on memory.
#[derive(Clone, SmartDefault, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Memory {
    /// Bytes of memory for everything.
    #[default = "256MiB"]
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
#[derive(Clone, SmartDefault, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct DeadLetters {
    /// Bytes of a faulty message that are kept, up to 16,777,215; `memory.limit` may lower it.
    #[default = "1MiB"]
    pub(super) payload_bytes: String,
}

/// The HTTP port for metrics and health.
#[derive(Clone, SmartDefault, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Http {
    /// `ADDRESS:PORT` for status, metrics and health, or `off`.
    #[default = "127.0.0.1:9464"]
    pub(super) address: String,
    /// Names of this instance's host under which a browser may open the status page, beside
    /// `localhost` and any IP address.
    pub(super) hosts: Vec<String>,
}

/// Logs.
#[derive(Clone, SmartDefault, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Log {
    /// `text`, `json`, or `auto`: text on a terminal, JSON elsewhere.
    #[default = "auto"]
    pub(super) format: String,
    /// What is logged, such as `info,sluicegate=debug`.
    #[default = "info"]
    pub(super) filter: String,
}

/// Starting.
#[derive(Debug, Clone, SmartDefault, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Start {
    /// How long the start may wait for MySQL and Kafka, or `off`: as long as it takes.
    #[default = "off"]
    pub(super) timeout: String,
}

/// Stopping.
#[derive(Clone, SmartDefault, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Stop {
    /// How long stopping may take.
    #[default = "30s"]
    pub(super) timeout: String,
}
