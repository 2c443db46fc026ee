//! The settings as typed, each with its default: this file is the list of all settings.
//! [`ranges`](super::ranges) has the values that each allows. No `Debug`: they hold secrets.

use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;
use std::collections::BTreeMap;

/// All settings. An empty string means "not set".
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawConfig {
    pub(super) kafka: Kafka,
    pub(super) mysql: MySql,
    pub(super) batch: Batch,
    pub(super) flush: Flush,
    pub(super) memory: Memory,
    pub(super) mapping: Mapping,
    pub(super) dead_letters: DeadLetters,
    pub(super) http: Http,
    pub(super) log: Log,
    pub(super) start: Start,
    pub(super) stop: Stop,
}

#[derive(Clone, SmartDefault, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Kafka {
    /// Brokers, `HOST:PORT`, separated by commas.
    #[default = "localhost:9092"]
    pub(super) bootstrap_servers: String,
    /// Shown in the brokers' logs, and used for quotas.
    #[default = "sluicegate"]
    pub(super) client_id: String,
    /// Consumer group, at most 255 characters; its committed offsets say where to resume.
    #[default = "mysql-analytics-service"]
    pub(super) group_id: String,
    /// Where to start without a committed offset, or when it is out of range: `earliest`, `latest`, or
    /// `error`, which stops.
    #[default = "earliest"]
    pub(super) auto_offset_reset: String,
    /// Topics to consume; empty: those of the mapping.
    pub(super) topics: Vec<String>,
    /// Prefix of all topics' names in Kafka, such as `prod.`.
    pub(super) topic_prefix: String,
    /// `plaintext`, `ssl`, `sasl_plaintext` or `sasl_ssl`.
    #[default = "plaintext"]
    pub(super) security_protocol: String,
    /// `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`.
    pub(super) sasl_mechanism: String,
    pub(super) sasl_username: String,
    pub(super) sasl_password: String,
    /// A file that holds the password.
    pub(super) sasl_password_file: String,
    /// Certificate authority, PEM file.
    pub(super) tls_ca: String,
    /// Client certificate, PEM file.
    pub(super) tls_cert: String,
    /// Private key, PEM file.
    pub(super) tls_key: String,
    /// How long a rebalance may wait until the revoked partitions are flushed.
    #[default = "30s"]
    pub(super) revoke_timeout: String,
    /// Any property of librdkafka; wins over everything above. An empty one removes what sluicegate sets.
    pub(super) properties: BTreeMap<String, String>,
}

#[derive(Clone, SmartDefault, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct MySql {
    /// Host name or address.
    #[default = "localhost"]
    pub(super) host: String,
    #[default(3306)]
    pub(super) port: i64,
    /// Unix socket, instead of TCP.
    pub(super) socket: String,
    #[default = "root"]
    pub(super) user: String,
    pub(super) password: String,
    /// A file that holds the password.
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
    /// Private key, PEM file.
    pub(super) tls_key: String,
    /// How long to wait for a connection.
    #[default = "10s"]
    pub(super) connect_timeout: String,
}

/// A batch is sealed at the first of these limits.
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

#[derive(Clone, SmartDefault, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Flush {
    /// Connections that write in parallel.
    #[default(2)]
    pub(super) writers: i64,
    /// Rows in one statement.
    #[default(500)]
    pub(super) statement_rows: i64,
    /// Bytes of one statement's text; the server's `max_allowed_packet` may lower it.
    #[default = "256KiB"]
    pub(super) statement_bytes: String,
    /// A statement that takes longer costs its connection.
    #[default = "5m"]
    pub(super) statement_timeout: String,
    /// How long a statement may wait for another transaction's lock; then it is retried.
    #[default = "5s"]
    pub(super) lock_wait_timeout: String,
    /// Pause after the first failed attempt; doubles with each.
    #[default = "100ms"]
    pub(super) retry_first: String,
    /// The longest pause.
    #[default = "10s"]
    pub(super) retry_longest: String,
}

#[derive(Clone, SmartDefault, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Memory {
    /// Bytes of memory for everything.
    #[default = "256MiB"]
    pub(super) limit: String,
}

#[derive(Clone, SmartDefault, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Mapping {
    /// Whether the seven built-in topics are mapped.
    #[default = true]
    pub(super) built_in: bool,
    /// Directory with `*.toml` files that replace or extend the built-in mapping.
    pub(super) directory: String,
}

#[derive(Clone, SmartDefault, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct DeadLetters {
    /// Bytes kept of a faulty message; `memory.limit` may lower it.
    #[default = "1MiB"]
    pub(super) payload_bytes: String,
}

#[derive(Clone, SmartDefault, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Http {
    /// `ADDRESS:PORT` for status, metrics and health, or `off`.
    #[default = "127.0.0.1:9464"]
    pub(super) address: String,
    /// Host names under which a browser may open the status page, besides `localhost` and any IP
    /// address.
    pub(super) hosts: Vec<String>,
}

#[derive(Clone, SmartDefault, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Log {
    /// `text`, `json`, or `auto`: text on a terminal, JSON elsewhere.
    #[default = "auto"]
    pub(super) format: String,
    /// What to log, such as `info,sluicegate=debug`.
    #[default = "info"]
    pub(super) filter: String,
}

#[derive(Debug, Clone, SmartDefault, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Start {
    /// How long the start may wait for MySQL and Kafka, or `off`: without limit.
    #[default = "off"]
    pub(super) timeout: String,
}

#[derive(Clone, SmartDefault, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Stop {
    /// How long stopping may take, to write and commit what is in flight.
    #[default = "30s"]
    pub(super) timeout: String,
}
