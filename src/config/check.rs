//! Text → durations, sizes, addresses; and what follows from several settings together.

use super::layers::{ConfigError, Origin};
use super::raw::RawConfig;
use super::{Config, Flush, Kafka, Log};
use crate::buffer::Limits;
use crate::flush::connect::{Server, Tls};
use crate::flush::retry::Backoff;
use crate::flush::statement::StatementLimits;
use sqlx::mysql::MySqlSslMode;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
use toml::Value;

const MIB: usize = 1024 * 1024;
/// What the process takes before it reads a message: code, threads, librdkafka's own state.
const BASE_BYTES: usize = 32 * MIB;
/// A vector that grows holds up to twice what is in it.
const GROWTH: usize = 2;
/// A statement's text exists as text, as the driver's packet, and as that packet's growth.
const STATEMENT_COPIES: usize = 3;
/// Messages that librdkafka holds ready: a few batches. Each costs about 300 bytes beside its own.
const QUEUED_MESSAGES: usize = 30_000;
/// When librdkafka finds its queue full, it fetches no more for so long. By default that is a
/// second, in which the queue runs empty: then it is the queue's size that limits the throughput.
const FETCH_AGAIN_MS: usize = 10;
/// The broker answers a fetch when there is so much for it, or after so long. By default it answers
/// each message of a steady trickle alone, which costs it and us most of the time that they have.
const FETCH_BYTES: usize = 64 * 1024;
const FETCH_WAIT_MS: usize = 20;
/// An instance hears with its heartbeat that the group is dealt out anew, and meanwhile nobody reads
/// what it has given up. By default that is every three seconds.
const HEARTBEAT_MS: usize = 500;
/// Below this a batch is not worth its commit.
const BATCH_BYTES_MIN: usize = 256 * 1024;

pub(super) struct Check<'c> {
    all: &'c BTreeMap<String, (Value, Origin)>,
    faults: Vec<ConfigError>,
}

impl<'c> Check<'c> {
    pub(super) fn new(
        all: &'c BTreeMap<String, (Value, Origin)>,
        faults: Vec<ConfigError>,
    ) -> Self {
        Self { all, faults }
    }

    pub(super) fn into_faults(self) -> Vec<ConfigError> {
        self.faults
    }

    fn fault(&mut self, key: &str, problem: String) {
        let origin = self.all.get(key).map_or(Origin::Default, |(_, origin)| origin.clone());
        self.faults.push(ConfigError { key: key.to_owned(), origin, problem });
    }

    /// The checked settings; meaningless unless there are no faults.
    pub(super) fn config(&mut self, raw: &RawConfig) -> Config {
        let flush = self.flush(raw);
        let mut batch = Limits {
            rows: self.whole("batch.rows", raw.batch.rows, 1, 1_000_000),
            bytes: self.bytes("batch.bytes", &raw.batch.bytes, 1),
            age: self.duration("batch.age", &raw.batch.age),
        };
        let limit = self.bytes("memory.limit", &raw.memory.limit, 1);
        let queue = limit / 4;
        let statements = flush.writers * STATEMENT_COPIES * flush.statement.bytes;
        let batches = limit.saturating_sub(BASE_BYTES + queue + statements);
        let room = batches / (flush.batches() * GROWTH);
        if room < BATCH_BYTES_MIN.min(batch.bytes) {
            let least = BASE_BYTES + statements + flush.batches() * GROWTH * BATCH_BYTES_MIN;
            self.fault(
                "memory.limit",
                format!(
                    "leaves no room for {} batches beside {} writers' statements; give at least {} MiB or lower flush.writers or flush.statement_bytes",
                    flush.batches(),
                    flush.writers,
                    (least * 4 / 3).div_ceil(MIB)
                ),
            );
        }
        batch.bytes = batch.bytes.min(room.max(1));
        Config {
            kafka: self.kafka(raw, queue),
            server: self.server(raw),
            batch,
            flush,
            mapping_directory: path(&raw.mapping.directory),
            memory_limit: limit,
            dead_letter_payload_bytes: self
                .bytes("dead_letters.payload_bytes", &raw.dead_letters.payload_bytes, 0)
                .min(batch.bytes),
            http: self.http(&raw.http.address),
            log: self.log(raw),
            stop_timeout: self.duration("stop.timeout", &raw.stop.timeout),
        }
    }

    fn flush(&mut self, raw: &RawConfig) -> Flush {
        let flush = &raw.flush;
        Flush {
            writers: self.whole("flush.writers", flush.writers, 1, 64),
            statement: StatementLimits {
                rows: self.whole("flush.statement_rows", flush.statement_rows, 1, 100_000),
                bytes: self.bytes("flush.statement_bytes", &flush.statement_bytes, 1024),
            },
            statement_timeout: self.duration("flush.statement_timeout", &flush.statement_timeout),
            backoff: Backoff {
                first: self.duration("flush.retry_first", &flush.retry_first),
                longest: self.duration("flush.retry_longest", &flush.retry_longest),
            },
        }
    }

    fn kafka(&mut self, raw: &RawConfig, queue_bytes: usize) -> Kafka {
        let kafka = &raw.kafka;
        let password =
            self.secret("kafka.sasl_password", &kafka.sasl_password, &kafka.sasl_password_file);
        self.one_of(
            "kafka.auto_offset_reset",
            &kafka.auto_offset_reset,
            &["earliest", "latest", "error"],
        );
        self.one_of(
            "kafka.security_protocol",
            &kafka.security_protocol,
            &["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"],
        );
        if kafka.security_protocol.starts_with("sasl") {
            self.not_empty("kafka.sasl_mechanism", &kafka.sasl_mechanism);
        }
        self.not_empty("kafka.bootstrap_servers", &kafka.bootstrap_servers);
        self.not_empty("kafka.group_id", &kafka.group_id);
        // A quarter of the share waits in the queue. The rest is for a response on its way, which
        // grows several times when it is decompressed, and for more than one broker.
        let fetch = (queue_bytes / 12).clamp(MIB, 50 * MIB);
        let mut properties: BTreeMap<String, String> = [
            ("bootstrap.servers", kafka.bootstrap_servers.clone()),
            ("client.id", kafka.client_id.clone()),
            ("group.id", kafka.group_id.clone()),
            ("auto.offset.reset", kafka.auto_offset_reset.clone()),
            ("security.protocol", kafka.security_protocol.clone()),
            ("sasl.mechanism", kafka.sasl_mechanism.clone()),
            ("sasl.username", kafka.sasl_username.clone()),
            ("sasl.password", password.unwrap_or_default()),
            ("ssl.ca.location", kafka.tls_ca.clone()),
            ("ssl.certificate.location", kafka.tls_cert.clone()),
            ("ssl.key.location", kafka.tls_key.clone()),
            ("partition.assignment.strategy", "cooperative-sticky".to_owned()),
            ("queued.max.messages.kbytes", (queue_bytes / 4 / 1024).max(1024).to_string()),
            ("queued.min.messages", QUEUED_MESSAGES.to_string()),
            ("fetch.queue.backoff.ms", FETCH_AGAIN_MS.to_string()),
            ("fetch.max.bytes", fetch.to_string()),
            ("fetch.min.bytes", FETCH_BYTES.to_string()),
            ("fetch.wait.max.ms", FETCH_WAIT_MS.to_string()),
            ("statistics.interval.ms", "1000".to_owned()),
            // A killed instance blocks its partitions until then.
            ("session.timeout.ms", "10000".to_owned()),
            ("heartbeat.interval.ms", HEARTBEAT_MS.to_string()),
        ]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
        for (name, value) in &kafka.properties {
            if ["enable.auto.commit", "enable.auto.offset.store"].contains(&name.as_str()) {
                self.fault(
                    &format!("kafka.properties.{name}"),
                    "offsets are committed after the flush and never otherwise; remove it"
                        .to_owned(),
                );
            }
            // An empty value takes one of ours away: some do not go with each other.
            if value.is_empty() {
                properties.remove(name);
            } else {
                properties.insert(name.clone(), value.clone());
            }
        }
        Kafka {
            properties,
            topics: kafka.topics.clone(),
            topic_prefix: kafka.topic_prefix.clone(),
            revoke_timeout: self.duration("kafka.revoke_timeout", &kafka.revoke_timeout),
        }
    }

    fn server(&mut self, raw: &RawConfig) -> Server {
        let mysql = &raw.mysql;
        let password = self.secret("mysql.password", &mysql.password, &mysql.password_file);
        self.not_empty("mysql.database", &mysql.database);
        self.not_empty("mysql.user", &mysql.user);
        let modes = [
            ("disabled", MySqlSslMode::Disabled),
            ("preferred", MySqlSslMode::Preferred),
            ("required", MySqlSslMode::Required),
            ("verify-ca", MySqlSslMode::VerifyCa),
            ("verify-identity", MySqlSslMode::VerifyIdentity),
        ];
        self.one_of("mysql.tls_mode", &mysql.tls_mode, &modes.map(|(name, _)| name));
        let mode = modes.iter().find(|(name, _)| *name == mysql.tls_mode);
        if mysql.tls_cert.is_empty() != mysql.tls_key.is_empty() {
            self.fault("mysql.tls_cert", "tls_cert and tls_key go together".to_owned());
        }
        for (key, file) in [
            ("mysql.tls_ca", &mysql.tls_ca),
            ("mysql.tls_cert", &mysql.tls_cert),
            ("mysql.tls_key", &mysql.tls_key),
        ] {
            if let Some(error) = path(file).and_then(|path| std::fs::metadata(path).err()) {
                self.fault(key, format!("cannot be read: {error}"));
            }
        }
        Server {
            host: mysql.host.clone(),
            port: u16::try_from(self.whole("mysql.port", mysql.port, 1, 65_535)).unwrap_or(0),
            socket: path(&mysql.socket),
            user: mysql.user.clone(),
            password,
            database: mysql.database.clone(),
            tls: Tls {
                mode: mode.map_or(MySqlSslMode::Preferred, |(_, mode)| *mode),
                ca: path(&mysql.tls_ca),
                cert: path(&mysql.tls_cert),
                key: path(&mysql.tls_key),
            },
            connect_timeout: self.duration("mysql.connect_timeout", &mysql.connect_timeout),
            lock_wait_timeout: self.lock_wait(&raw.flush.lock_wait_timeout),
        }
    }

    /// The servers count in whole seconds.
    fn lock_wait(&mut self, text: &str) -> Duration {
        const LONGEST: Duration = Duration::from_secs(3600);
        match humantime::parse_duration(text) {
            Ok(wait) if wait.subsec_nanos() == 0 && !wait.is_zero() && wait <= LONGEST => wait,
            _ => {
                let range = "must be whole seconds from \"1s\" to \"1h\"".to_owned();
                self.fault("flush.lock_wait_timeout", range);
                LONGEST
            }
        }
    }

    fn log(&mut self, raw: &RawConfig) -> Log {
        use std::io::IsTerminal;
        self.one_of("log.format", &raw.log.format, &["auto", "text", "json"]);
        if let Err(error) = raw.log.filter.parse::<tracing_subscriber::EnvFilter>() {
            self.fault("log.filter", format!("{error}; for example \"info,sluicegate=debug\""));
        }
        let json = match raw.log.format.as_str() {
            "json" => true,
            "auto" => !std::io::stderr().is_terminal(),
            _ => false,
        };
        Log { json, filter: raw.log.filter.clone() }
    }

    fn http(&mut self, address: &str) -> Option<std::net::SocketAddr> {
        if ["", "off"].contains(&address) {
            return None;
        }
        match address.parse() {
            Ok(address) => Some(address),
            Err(_) => {
                self.fault(
                    "http.address",
                    "give ADDRESS:PORT such as \"127.0.0.1:9464\", or \"off\"".to_owned(),
                );
                None
            }
        }
    }

    /// A secret, given directly or in a file.
    fn secret(&mut self, key: &str, value: &str, file: &str) -> Option<String> {
        match (value, file) {
            ("", "") => None,
            (value, "") => Some(value.to_owned()),
            (_, file) if !value.is_empty() => {
                self.fault(key, format!("is given as well as {file}; remove one of the two"));
                None
            }
            (_, file) => match std::fs::read_to_string(file) {
                // Editors and `echo` end a file with a line end that is not part of the secret.
                Ok(text) => Some(text.trim_end_matches(['\n', '\r']).to_owned()),
                Err(error) => {
                    self.fault(&format!("{key}_file"), format!("{file} cannot be read: {error}"));
                    None
                }
            },
        }
    }

    fn whole(&mut self, key: &str, value: i64, least: i64, most: i64) -> usize {
        if !(least..=most).contains(&value) {
            self.fault(key, format!("must be a whole number from {least} to {most}"));
        }
        usize::try_from(value.clamp(least, most)).unwrap_or(0)
    }

    fn bytes(&mut self, key: &str, text: &str, least: usize) -> usize {
        match text.parse::<bytesize::ByteSize>() {
            Ok(size) if size.0 >= least as u64 => usize::try_from(size.0).unwrap_or(usize::MAX),
            Ok(_) => {
                self.fault(key, format!("must be at least {least} bytes"));
                least
            }
            Err(_) => {
                self.fault(key, "is no size such as \"8MiB\" or \"500kB\"".to_owned());
                least
            }
        }
    }

    fn duration(&mut self, key: &str, text: &str) -> Duration {
        humantime::parse_duration(text).unwrap_or_else(|_| {
            self.fault(key, "is no duration such as \"200ms\", \"5s\" or \"2m\"".to_owned());
            Duration::ZERO
        })
    }

    fn one_of(&mut self, key: &str, value: &str, allowed: &[&str]) {
        if !allowed.contains(&value) {
            self.fault(key, format!("must be one of {}", allowed.join(", ")));
        }
    }

    fn not_empty(&mut self, key: &str, value: &str) {
        if value.is_empty() {
            self.fault(key, "must not be empty".to_owned());
        }
    }
}

fn path(text: &str) -> Option<PathBuf> {
    (!text.is_empty()).then(|| PathBuf::from(text))
}
