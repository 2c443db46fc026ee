//! Raw configuration → checked configuration. The only reader of the environment.
//!
//! Takes defaults, one TOML file, the environment and flags; later ones win. Gives a [`Config`] in
//! which durations are [`Duration`]s and sizes are bytes. Fails with every [`ConfigError`] at once:
//! origin, key, and how to fix it. Holds true: nothing in here shows a secret.

mod check;
mod host;
mod kafka;
mod layers;
mod properties;
mod ranges;
mod raw;
mod secret;

use crate::buffer::Limits;
use crate::flatten::MessageLimits;
use crate::flush::statement::StatementLimits;
use crate::mysql::Backoff;
use crate::mysql::Server;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use toml::Value;

pub use host::host_name;
pub use layers::{ConfigError, Origin};

/// The file that is read if it exists and --config names no other.
pub const DEFAULT_FILE: &str = "sluicegate.toml";

/// The checked settings.
#[derive(Debug, Clone)]
pub struct Config {
    pub kafka: Kafka,
    pub server: Server,
    pub batch: Limits,
    pub flush: Flush,
    /// Whether the built-in topics are mapped.
    pub has_built_in_mapping: bool,
    pub mapping_directory: Option<PathBuf>,
    /// For the whole process, in bytes.
    pub memory_limit: usize,
    /// Memory for one message.
    pub message_limits: MessageLimits,
    /// How much of a faulty message a dead letter keeps, in bytes.
    pub dead_letter_payload_bytes: usize,
    /// Where status, metrics and health are served; `None` if `off`.
    pub http: Option<Http>,
    pub log: Log,
    /// How long the start may wait for MySQL and Kafka; `None`: without limit.
    pub start_timeout: Option<Duration>,
    pub stop_timeout: Duration,
}

/// Where a group without a committed offset begins: `kafka.auto_offset_reset`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffsetReset {
    /// The first offset that the broker still has.
    Earliest,
    /// The end of the partition.
    Latest,
    /// Nowhere: the run stops with an error.
    Error,
}

impl OffsetReset {
    /// Its name in librdkafka.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Earliest => "earliest",
            Self::Latest => "latest",
            Self::Error => "error",
        }
    }

    /// Takes each of librdkafka's names.
    fn named(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "earliest" | "smallest" | "beginning" => Some(Self::Earliest),
            "latest" | "largest" | "end" => Some(Self::Latest),
            "error" => Some(Self::Error),
            _ => None,
        }
    }
}

#[derive(Clone)]
pub struct Kafka {
    /// The brokers to start from, `HOST:PORT`, separated by commas.
    pub bootstrap_servers: String,
    pub group_id: String,
    pub reset: OffsetReset,
    /// librdkafka's other properties, both derived and the user's own.
    pub(crate) passed_on: BTreeMap<String, String>,
    /// Topics to subscribe to; empty: those of the mapping.
    pub topics: Vec<String>,
    /// Prefix of all topics' names in Kafka, but not in the mapping and in event types.
    pub topic_prefix: String,
    /// How long a rebalance may wait until the revoked partitions are flushed.
    pub revoke_timeout: Duration,
}

#[derive(Debug, Clone, Copy)]
pub struct Flush {
    /// Connections, each with a batch of its own.
    pub writers: usize,
    /// Limits of one statement; the server's packet limit may be lower.
    pub statement: StatementLimits,
    /// A statement that takes longer costs its connection.
    pub statement_timeout: Duration,
    pub backoff: Backoff,
}

#[derive(Debug, Clone)]
pub struct Http {
    pub address: SocketAddr,
    /// Names of its host, besides `localhost` and IP addresses.
    pub hosts: Vec<String>,
}

#[derive(Debug, Clone)]
pub struct Log {
    /// JSON lines instead of text.
    pub json: bool,
    /// In the syntax of `tracing_subscriber::EnvFilter`.
    pub filter: String,
}

impl Kafka {
    #[must_use]
    pub fn properties(&self) -> BTreeMap<String, String> {
        let mut properties = self.passed_on.clone();
        for (name, value) in [
            ("bootstrap.servers", self.bootstrap_servers.as_str()),
            ("group.id", &self.group_id),
            ("auto.offset.reset", self.reset.as_str()),
        ] {
            properties.insert(name.to_owned(), value.to_owned());
        }
        properties
    }

    /// The topics to subscribe to, as Kafka names them; `mapped` are the mapping's.
    #[must_use]
    pub fn subscription(&self, mapped: &[&str]) -> Vec<String> {
        let own = self.topics.iter().map(String::as_str);
        let names: Vec<&str> = if self.topics.is_empty() { mapped.to_vec() } else { own.collect() };
        names.into_iter().map(|name| format!("{}{name}", self.topic_prefix)).collect()
    }

    /// A Kafka topic's name in the mapping.
    #[must_use]
    pub fn mapped_name<'t>(&self, topic: &'t str) -> &'t str {
        topic.strip_prefix(self.topic_prefix.as_str()).unwrap_or(topic)
    }
}

impl Flush {
    /// Batches in memory: one that fills, one that waits, one per writer.
    #[must_use]
    pub fn batches(&self) -> usize {
        self.writers + 2
    }
}

impl std::fmt::Debug for Kafka {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Properties may hold passwords.
        f.debug_struct("Kafka").field("topics", &self.topics).finish_non_exhaustive()
    }
}

/// Where settings come from besides the defaults. No `Debug`: it holds secrets.
#[derive(Default)]
pub struct Sources {
    /// The file that `--config` names; else [`DEFAULT_FILE`], if it exists.
    pub file: Option<PathBuf>,
    pub environment: Vec<(String, String)>,
    /// `--set KEY=VALUE` and other flags: flag, key, value.
    pub flags: Vec<(String, String, String)>,
}

/// Every setting with its value and origin, for printing. No `Debug`: it holds secrets.
pub struct Effective(BTreeMap<String, (Value, Origin)>);

impl Sources {
    /// The process's environment, with this file and these flags.
    #[must_use]
    pub fn of_process(file: Option<PathBuf>, flags: Vec<(String, String, String)>) -> Self {
        // A variable that is not text cannot be one of ours.
        let text = |s: std::ffi::OsString| s.into_string().ok();
        #[expect(clippy::disallowed_methods, reason = "here they become settings")]
        let environment =
            std::env::vars_os().filter_map(|(name, value)| Some((text(name)?, text(value)?)));
        Self { file, environment: environment.collect(), flags }
    }

    /// Reads and checks everything.
    ///
    /// # Errors
    /// Every fault found; the effective settings come with them, as far as they could be read.
    pub fn load(&self) -> (Result<Config, Vec<ConfigError>>, Effective) {
        let mut layers = layers::Layers::default();
        match &self.file {
            Some(file) => layers.file(file),
            None if PathBuf::from(DEFAULT_FILE).exists() => layers.file(DEFAULT_FILE.as_ref()),
            None => {}
        }
        layers.environment(&self.environment);
        for (flag, key, value) in &self.flags {
            layers.set_text(key.clone(), value, Origin::Flag(flag.clone()));
        }
        let (raw, all) = layers.merged();
        let mut check = check::Check::new(&all, layers.faults);
        let config = check.config(&raw);
        let faults = check.into_faults();
        let config = if faults.is_empty() { Ok(config) } else { Err(faults) };
        (config, Effective(all))
    }
}

impl Effective {
    /// Whether a setting was given a value.
    #[must_use]
    pub fn is_set(&self, key: &str) -> bool {
        self.0.get(key).is_some_and(|(_, origin)| *origin != Origin::Default)
    }

    /// The settings as TOML, one per line with its origin; secrets masked.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        let mut section = "";
        let mut lines = Vec::new();
        // By section: TOML allows each section once.
        let mut settings: Vec<_> =
            self.0.iter().map(|(key, set)| (section_of(key), key, set)).collect();
        settings.sort_unstable_by_key(|(section, key, _)| (*section, *key));
        for (its_section, key, (value, origin)) in settings {
            if its_section != section {
                lines.push((format!("\n[{its_section}]"), String::new()));
                section = its_section;
            }
            let name = &key[section.len() + 1..];
            let name = if name.contains('.') { format!("{name:?}") } else { name.to_owned() };
            let is_secret =
                secret::is_secret(key) || value.as_str().is_some_and(secret::holds_login);
            if is_secret && value.as_str() != Some("") {
                // A comment, so that the output is a valid file.
                lines.push((format!("# {name} = \"***\""), format!("# not shown; {origin}")));
            } else {
                let range = ranges::range(key).map_or(String::new(), |range| format!("; {range}"));
                lines.push((format!("{name} = {value}"), format!("# {origin}{range}")));
            }
        }
        for (line, comment) in lines {
            let line = if comment.is_empty() { line } else { format!("{line:<48} {comment}") };
            text.push_str(&line);
            text.push('\n');
        }
        text.trim_start().to_owned()
    }
}

fn section_of(key: &str) -> &str {
    match key.strip_prefix(properties::PROPERTIES) {
        Some(rest) if rest.starts_with('.') => properties::PROPERTIES,
        _ => key.split('.').next().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests;
