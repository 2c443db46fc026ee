//! Text → durations, sizes, addresses; and what several settings decide together.

use super::layers::{ConfigError, Origin};
use super::ranges::{Range, range};
use super::raw::RawConfig;
use super::{Config, Flush, Http, Log};
use crate::buffer::Limits;
use crate::flatten::MessageLimits;
use crate::flush::statement::StatementLimits;
use crate::mysql::Backoff;
use crate::mysql::{Server, Tls};
use sqlx::mysql::MySqlSslMode;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use toml::Value;

const MIB: usize = 1024 * 1024;
/// What the process needs before it reads a message: code, threads, librdkafka's own state.
const BASE_BYTES: usize = 32 * MIB;
/// A growing vector may allocate twice its content. A large event stays within that, since its room
/// is reserved exactly.
const GROWTH: usize = 2;
/// librdkafka gets this part of the limit, a quarter; reading a message a sixteenth.
const QUEUE: usize = 4;
const DECODE: usize = 16;
/// A statement's text exists as text, as the driver's packet, and as that packet's growth.
const STATEMENT_COPIES: usize = 3;
/// Below this a batch is not worth its commit.
const BATCH_BYTES_MIN: usize = 256 * 1024;
/// The servers' limit.
const DATABASE_CHARS_MAX: usize = 64;

/// A statement writes a byte of a payload as two digits.
const HEX: usize = 2;

/// How `memory.limit` is divided, in bytes.
struct Shares {
    /// For librdkafka.
    queue: usize,
    /// For reading a message.
    decode: usize,
    /// For a batch, and for the rows of one event.
    batch: usize,
}

impl Shares {
    /// A row longer than `flush.statement_bytes` is still one statement, and the longest row is an
    /// event that fills a batch. So either statements or batches decide:
    ///
    /// ```text
    /// rest = batches · GROWTH · batch + writers · STATEMENT_COPIES · max(statement, batch)
    /// ```
    fn of(limit: usize, flush: &Flush) -> Self {
        let (queue, decode) = (limit / QUEUE, limit / DECODE);
        let rest = limit.saturating_sub(BASE_BYTES + queue + decode);
        let (batches, copies) = (flush.batches() * GROWTH, flush.writers * STATEMENT_COPIES);
        let statements = copies.saturating_mul(flush.statement.bytes);
        let by_statements = rest.saturating_sub(statements) / batches;
        let by_rows = rest / (batches + copies);
        Self { queue, decode, batch: by_statements.min(by_rows) }
    }

    /// The smallest limit that leaves room for batches.
    fn limit_min(flush: &Flush) -> usize {
        let (batches, copies) = (flush.batches() * GROWTH, flush.writers * STATEMENT_COPIES);
        let statements = copies.saturating_mul(flush.statement.bytes.max(BATCH_BYTES_MIN));
        let least = (BASE_BYTES + batches * BATCH_BYTES_MIN).saturating_add(statements);
        least.saturating_mul(QUEUE * DECODE) / (QUEUE * DECODE - QUEUE - DECODE)
    }
}

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

    pub(super) fn fault(&mut self, key: &str, problem: String) {
        let origin = self.all.get(key).map_or(Origin::Default, |(_, origin)| origin.clone());
        self.faults.push(ConfigError { key: key.to_owned(), origin, problem });
    }

    /// The checked settings; meaningless unless there are no faults.
    pub(super) fn config(&mut self, raw: &RawConfig) -> Config {
        let flush = self.flush(raw);
        let mut batch = Limits {
            rows: self.whole("batch.rows", raw.batch.rows),
            bytes: self.bytes("batch.bytes", &raw.batch.bytes),
            age: self.duration("batch.age", &raw.batch.age),
        };
        let limit = self.bytes("memory.limit", &raw.memory.limit);
        let shares = Shares::of(limit, &flush);
        if shares.batch < BATCH_BYTES_MIN.min(batch.bytes) {
            self.fault(
                "memory.limit",
                format!(
                    "has no room for {} batches and {} writers' statements; raise it to at least {} MiB, or lower flush.writers or flush.statement_bytes",
                    flush.batches(),
                    flush.writers,
                    Shares::limit_min(&flush).div_ceil(MIB)
                ),
            );
        }
        if !raw.mapping.built_in && raw.mapping.directory.is_empty() {
            self.fault(
                "mapping.built_in",
                "is false, which leaves no mapping; set mapping.directory to the directory of your own files".to_owned(),
            );
        }
        batch.bytes = batch.bytes.min(shares.batch.max(1));
        Config {
            kafka: self.kafka(&raw.kafka, shares.queue),
            server: self.server(raw),
            batch,
            flush,
            has_built_in_mapping: raw.mapping.built_in,
            mapping_directory: path(&raw.mapping.directory),
            memory_limit: limit,
            message_limits: MessageLimits { decode: shares.decode, rows: shares.batch },
            dead_letter_payload_bytes: self
                .bytes("dead_letters.payload_bytes", &raw.dead_letters.payload_bytes)
                .min(shares.batch / HEX),
            http: self.http(raw),
            log: self.log(raw),
            start_timeout: match raw.start.timeout.as_str() {
                "off" => None,
                text => Some(self.duration("start.timeout", text)),
            },
            stop_timeout: self.duration("stop.timeout", &raw.stop.timeout),
        }
    }

    fn flush(&mut self, raw: &RawConfig) -> Flush {
        let flush = &raw.flush;
        let backoff = Backoff {
            first: self.duration("flush.retry_first", &flush.retry_first),
            longest: self.duration("flush.retry_longest", &flush.retry_longest),
        };
        if backoff.first > backoff.longest {
            self.fault("flush.retry_first", "must not exceed flush.retry_longest".to_owned());
        }
        Flush {
            writers: self.whole("flush.writers", flush.writers),
            statement: StatementLimits {
                rows: self.whole("flush.statement_rows", flush.statement_rows),
                bytes: self.bytes("flush.statement_bytes", &flush.statement_bytes),
            },
            statement_timeout: self.duration("flush.statement_timeout", &flush.statement_timeout),
            backoff,
        }
    }

    fn server(&mut self, raw: &RawConfig) -> Server {
        let mysql = &raw.mysql;
        let password = self.secret("mysql.password", &mysql.password, &mysql.password_file);
        self.plain_text("mysql.user", &mysql.user);
        self.plain_text("mysql.database", &mysql.database);
        if mysql.database.chars().count() > DATABASE_CHARS_MAX {
            let problem = format!("must have at most {DATABASE_CHARS_MAX} characters");
            self.fault("mysql.database", problem);
        }
        if mysql.socket.is_empty() {
            self.plain_text("mysql.host", &mysql.host);
            // Without the value: a URL may hold a password.
            if mysql.host.contains(['/', '@']) {
                let problem = "is not a host name or address; port, account and database have their own settings";
                self.fault("mysql.host", problem.to_owned());
            }
        }
        let modes = [
            ("disabled", MySqlSslMode::Disabled),
            ("preferred", MySqlSslMode::Preferred),
            ("required", MySqlSslMode::Required),
            ("verify-ca", MySqlSslMode::VerifyCa),
            ("verify-identity", MySqlSslMode::VerifyIdentity),
        ];
        self.one_of("mysql.tls_mode", &mysql.tls_mode);
        let mode = modes.iter().find(|(name, _)| *name == mysql.tls_mode);
        if mysql.tls_cert.is_empty() != mysql.tls_key.is_empty() {
            self.fault(
                "mysql.tls_cert",
                "set both mysql.tls_cert and mysql.tls_key, or neither".to_owned(),
            );
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
            port: u16::try_from(self.whole("mysql.port", mysql.port)).unwrap_or(0),
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

    /// The servers count whole seconds.
    fn lock_wait(&mut self, text: &str) -> Duration {
        const KEY: &str = "flush.lock_wait_timeout";
        let wait = self.duration(KEY, text);
        if wait.subsec_nanos() > 0 {
            self.fault(KEY, "must be whole seconds".to_owned());
        }
        wait
    }

    fn log(&mut self, raw: &RawConfig) -> Log {
        use std::io::IsTerminal;
        self.one_of("log.format", &raw.log.format);
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

    fn http(&mut self, raw: &RawConfig) -> Option<Http> {
        for host in &raw.http.hosts {
            let is_of_host = |c: char| c.is_ascii_alphanumeric() || ['.', '-', '_'].contains(&c);
            if host.is_empty() || !host.chars().all(is_of_host) {
                let problem = format!("{host:?} is not a host name; leave out scheme and port");
                self.fault("http.hosts", problem);
            }
        }
        if ["", "off"].contains(&raw.http.address.as_str()) {
            return None;
        }
        let address =
            raw.http.address.parse().ok().filter(|address: &SocketAddr| address.port() > 0);
        if address.is_none() {
            self.fault(
                "http.address",
                "give ADDRESS:PORT such as \"127.0.0.1:9464\", or \"off\"".to_owned(),
            );
        }
        Some(Http { address: address?, hosts: raw.http.hosts.clone() })
    }

    /// A secret, set directly or in a file.
    pub(super) fn secret(&mut self, key: &str, value: &str, file: &str) -> Option<String> {
        match (value, file) {
            ("", "") => None,
            (value, "") => Some(value.to_owned()),
            (value, _) if !value.is_empty() => {
                self.fault(key, format!("is set, and {key}_file as well; remove one of the two"));
                None
            }
            (_, file) => match std::fs::read_to_string(file) {
                // The file's name is not quoted: it may be the secret, given to the wrong setting.
                // Editors and `echo` add a line end that is not part of the secret.
                Ok(text) => Some(text.trim_end_matches(['\n', '\r']).to_owned()),
                Err(error) => {
                    self.fault(&format!("{key}_file"), format!("the file cannot be read: {error}"));
                    None
                }
            },
        }
    }

    fn whole(&mut self, key: &str, value: i64) -> usize {
        let Some(range @ Range::Whole(least, most)) = range(key) else {
            unreachable!("{key} has a range");
        };
        if !(least..=most).contains(&value) {
            self.fault(key, format!("must be a whole number from {range}"));
        }
        usize::try_from(value.clamp(least, most)).unwrap_or(0)
    }

    fn bytes(&mut self, key: &str, text: &str) -> usize {
        let Some(range @ Range::Bytes(least, most)) = range(key) else {
            unreachable!("{key} has a range");
        };
        let size = text.parse::<bytesize::ByteSize>();
        match &size {
            Ok(size) if (least..=most).contains(&size.0) => {}
            Ok(_) => self.fault(key, format!("must be {range}")),
            Err(_) => {
                self.fault(key, format!("is not a size such as \"8MiB\" or \"500kB\"; {range}"));
            }
        }
        let size = size.map_or(least, |size| size.0.clamp(least, most));
        usize::try_from(size).unwrap_or(usize::MAX)
    }

    pub(super) fn duration(&mut self, key: &str, text: &str) -> Duration {
        let Some(range @ Range::Millis(least, most)) = range(key) else {
            unreachable!("{key} has a range");
        };
        let (least, most) = (Duration::from_millis(least), Duration::from_millis(most));
        let duration = humantime::parse_duration(text);
        match &duration {
            Ok(duration) if (least..=most).contains(duration) => {}
            Ok(_) => self.fault(key, format!("must be {range}")),
            Err(_) => self.fault(
                key,
                format!("is not a duration such as \"200ms\", \"5s\" or \"2m\"; {range}"),
            ),
        }
        duration.map_or(least, |duration| duration.clamp(least, most))
    }

    pub(super) fn one_of(&mut self, key: &str, value: &str) {
        let Some(range @ Range::Words(words)) = range(key) else {
            unreachable!("{key} has a range");
        };
        if !words.contains(&value) {
            self.fault(key, format!("must be one of {range}"));
        }
    }

    pub(super) fn not_empty(&mut self, key: &str, value: &str) {
        if value.trim().is_empty() {
            self.fault(key, "must not be empty".to_owned());
        }
    }

    /// A name: not empty, and without invisible characters.
    pub(super) fn plain_text(&mut self, key: &str, value: &str) {
        self.not_empty(key, value);
        if value.contains(char::is_control) {
            self.fault(key, "must not contain control characters".to_owned());
        }
    }
}

fn path(text: &str) -> Option<PathBuf> {
    (!text.is_empty()).then(|| PathBuf::from(text))
}
