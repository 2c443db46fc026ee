//! Text → durations, sizes, addresses; and what follows from several settings together.

use super::layers::{ConfigError, Origin};
use super::ranges::{Range, range};
use super::raw::RawConfig;
use super::{Config, Flush, Http, Log};
use crate::buffer::Limits;
use crate::flush::connect::{Server, Tls};
use crate::flush::retry::Backoff;
use crate::flush::statement::StatementLimits;
use sqlx::mysql::MySqlSslMode;
use std::collections::BTreeMap;
use std::net::SocketAddr;
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
/// Below this a batch is not worth its commit.
const BATCH_BYTES_MIN: usize = 256 * 1024;
/// Longest name of a database.
const DATABASE_CHARS_MAX: usize = 64;

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
        let queue = limit / 4;
        batch.bytes = self.batch_bytes(limit - queue, &flush, batch.bytes);
        Config {
            kafka: self.kafka(&raw.kafka, queue),
            server: self.server(raw),
            batch,
            flush,
            mapping_directory: path(&raw.mapping.directory),
            memory_limit: limit,
            dead_letter_payload_bytes: self
                .bytes("dead_letters.payload_bytes", &raw.dead_letters.payload_bytes)
                .min(batch.bytes),
            http: self.http(raw),
            log: self.log(raw),
            stop_timeout: self.duration("stop.timeout", &raw.stop.timeout),
        }
    }

    /// The bytes of a batch: those wanted, or as many as `memory` has room for.
    fn batch_bytes(&mut self, memory: usize, flush: &Flush, wanted: usize) -> usize {
        let statements = flush.writers * STATEMENT_COPIES * flush.statement.bytes;
        let batches = memory.saturating_sub(BASE_BYTES + statements);
        let room = batches / (flush.batches() * GROWTH);
        if room < BATCH_BYTES_MIN.min(wanted) {
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
        wanted.min(room.max(1))
    }

    fn flush(&mut self, raw: &RawConfig) -> Flush {
        let flush = &raw.flush;
        let backoff = Backoff {
            first: self.duration("flush.retry_first", &flush.retry_first),
            longest: self.duration("flush.retry_longest", &flush.retry_longest),
        };
        if backoff.first > backoff.longest {
            self.fault("flush.retry_first", "must not be above flush.retry_longest".to_owned());
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
        }
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
                let problem =
                    format!("{host:?} is not the name of a host, without scheme and port");
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

    /// A secret, given directly or in a file.
    pub(super) fn secret(&mut self, key: &str, value: &str, file: &str) -> Option<String> {
        match (value, file) {
            ("", "") => None,
            (value, "") => Some(value.to_owned()),
            (value, _) if !value.is_empty() => {
                self.fault(key, format!("is given as well as {key}_file; remove one of the two"));
                None
            }
            (_, file) => match std::fs::read_to_string(file) {
                // Its name is not quoted: it may be the secret, given to the wrong setting.
                // Editors and `echo` end a file with a line end that is not part of the secret.
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

    /// A name: not empty, and nothing in it that cannot be seen.
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
