//! The settings as they are written. Every setting has a default here, so this file is also the
//! list of what there is.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// All settings. An empty string means "not set".
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
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
    pub(super) stop: Stop,
}

/// Where the events come from.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Kafka {
    pub(super) bootstrap_servers: String,
    pub(super) client_id: String,
    pub(super) group_id: String,
    pub(super) auto_offset_reset: String,
    pub(super) topics: Vec<String>,
    pub(super) topic_prefix: String,
    pub(super) security_protocol: String,
    pub(super) sasl_mechanism: String,
    pub(super) sasl_username: String,
    pub(super) sasl_password: String,
    pub(super) sasl_password_file: String,
    pub(super) tls_ca: String,
    pub(super) tls_cert: String,
    pub(super) tls_key: String,
    pub(super) revoke_timeout: String,
    pub(super) properties: BTreeMap<String, String>,
}

/// Where the rows go.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct MySql {
    pub(super) host: String,
    pub(super) port: i64,
    pub(super) socket: String,
    pub(super) user: String,
    pub(super) password: String,
    pub(super) password_file: String,
    pub(super) database: String,
    pub(super) tls_mode: String,
    pub(super) tls_ca: String,
    pub(super) tls_cert: String,
    pub(super) tls_key: String,
    pub(super) connect_timeout: String,
}

/// When a batch is sealed: whichever comes first.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Batch {
    pub(super) rows: i64,
    pub(super) bytes: String,
    pub(super) age: String,
}

/// How batches are written.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Flush {
    pub(super) writers: i64,
    pub(super) statement_rows: i64,
    pub(super) statement_bytes: String,
    pub(super) statement_timeout: String,
    pub(super) retry_first: String,
    pub(super) retry_longest: String,
}

/// The bound on memory.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Memory {
    pub(super) limit: String,
}

/// Mapping files of the user's own.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Mapping {
    pub(super) directory: String,
}

/// What is kept of faulty messages.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct DeadLetters {
    pub(super) payload_bytes: String,
}

/// The HTTP port for metrics and health.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Http {
    pub(super) address: String,
}

/// Logs.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Log {
    pub(super) format: String,
    pub(super) filter: String,
}

/// Stopping.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Stop {
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
        Self { rows: 10_000, bytes: "8MiB".into(), age: "200ms".into() }
    }
}

impl Default for Flush {
    fn default() -> Self {
        Self {
            writers: 2,
            statement_rows: 2_000,
            statement_bytes: "1MiB".into(),
            statement_timeout: "5m".into(),
            retry_first: "100ms".into(),
            retry_longest: "10s".into(),
        }
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self { limit: "192MiB".into() }
    }
}

impl Default for DeadLetters {
    fn default() -> Self {
        Self { payload_bytes: "1MiB".into() }
    }
}

impl Default for Http {
    fn default() -> Self {
        Self { address: "127.0.0.1:9464".into() }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { format: "auto".into(), filter: "info".into() }
    }
}

impl Default for Stop {
    fn default() -> Self {
        Self { timeout: "30s".into() }
    }
}
