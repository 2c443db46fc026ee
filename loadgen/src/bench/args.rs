//! The arguments of `loadgen bench`, with their help.

use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand, ValueEnum};
use loadgen::{Mix, Plan};
use serde::Serialize;

/// What to measure, and where.
#[derive(Args, Clone, Debug, Serialize)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    #[serde(skip)]
    pub(super) command: Option<BenchCommand>,
    /// Events to load
    #[arg(long, default_value_t = 500_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) events: u64,
    /// Partitions of each topic
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(i32).range(1..))]
    pub(super) partitions: i32,
    /// Rounds of sluicegate, LOAD DATA with one stream, and with a stream a writer; 0 leaves them out
    #[arg(long, default_value_t = 3)]
    pub(super) rounds: u32,
    /// Which event types, and how often
    #[arg(long, value_enum, default_value_t)]
    #[serde(serialize_with = "displayed")]
    pub(super) mix: Mix,
    /// Where chance begins
    #[arg(long, default_value_t = Plan::default().seed)]
    pub(super) seed: u64,
    /// Share of events that come twice, 0 to 1
    #[arg(long, default_value_t = 0.0, value_name = "SHARE", value_parser = crate::values::share)]
    pub(super) duplicates: f64,
    /// Share of events that come late, 0 to 1
    #[arg(long, default_value_t = 0.0, value_name = "SHARE", value_parser = crate::values::share)]
    pub(super) late: f64,
    /// Which server
    #[arg(long, value_enum, default_value_t)]
    pub(super) server: Kind,
    /// TLS to the server, for sluicegate and LOAD DATA alike; without it, neither has any
    #[arg(long)]
    pub(super) tls: bool,
    /// Connections that write: flush.writers, and the streams of LOAD DATA [default: sluicegate's]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(super) writers: Option<u32>,
    /// Processes in one consumer group
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(super) instances: u32,
    /// Then measure latency at so many events a second; "half" is half of what the rounds reached
    #[arg(long, value_name = "R", num_args = 0..=1, default_missing_value = "half")]
    #[serde(serialize_with = "shown")]
    pub(super) rate: Option<Rate>,
    /// How long to send at that rate
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) rate_seconds: u32,
    /// Then write so many million rows with a buffer pool of 128 MB, and compare the last million with the first
    #[arg(long, value_name = "MILLIONS", value_parser = clap::value_parser!(u32).range(2..))]
    pub(super) growth: Option<u32>,
    /// How long the server may take to be at rest before each measurement; longer is not waited
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    #[serde(skip)]
    pub(super) rest_seconds: u64,
    /// A setting for sluicegate; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = crate::values::property)]
    pub(super) settings: Vec<(String, String)>,
    /// Keep the result, for `bench compare`
    #[arg(long, value_name = "FILE")]
    #[serde(skip)]
    pub(super) json: Option<PathBuf>,
    /// The program to measure [default: the one beside this]
    #[arg(long, value_name = "PATH")]
    #[serde(skip)]
    pub(super) sluicegate: Option<PathBuf>,
    /// Kafka: host:port
    #[arg(long, env = "SLUICEGATE_TEST_KAFKA", value_name = "HOST:PORT")]
    #[serde(skip)]
    pub(super) bootstrap_servers: Option<String>,
    /// mysql://user:password@host:port, nothing escaped [default: SLUICEGATE_TEST_MYSQL or SLUICEGATE_TEST_MARIADB]
    #[arg(long, value_name = "URL")]
    #[serde(skip)]
    pub(super) url: Option<String>,
    /// The server's command-line client, with arguments [default: tests/servers/… if there, else mysql or mariadb]
    #[arg(long, value_name = "COMMAND")]
    #[serde(skip)]
    pub(super) client: Option<String>,
}

#[derive(Clone, Debug, Subcommand)]
pub(super) enum BenchCommand {
    /// Two results of --json side by side
    Compare {
        /// The one that counts as 1
        before: PathBuf,
        /// The other
        after: PathBuf,
    },
}

/// A kind of database server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    /// MySQL
    #[default]
    #[value(name = "mysql")]
    MySql,
    /// MariaDB
    #[value(name = "mariadb")]
    MariaDb,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::MySql => "mysql",
            Self::MariaDb => "mariadb",
        }
    }
}

/// How many events a second latency is measured at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Rate {
    HalfOfPeak,
    PerSecond(f64),
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "half" {
            Ok(Self::HalfOfPeak)
        } else {
            crate::values::rate(text).map(Self::PerSecond)
        }
    }
}

impl BenchArgs {
    pub(super) fn url(&self) -> Result<String> {
        let variable = format!("SLUICEGATE_TEST_{}", self.server.name().to_uppercase());
        self.url.clone().map_or_else(
            || {
                std::env::var(&variable).with_context(|| {
                    format!("which server? Give --url, or set {variable}; `make bench` starts one")
                })
            },
            Ok,
        )
    }

    pub(super) fn kafka(&self) -> Result<String> {
        self.bootstrap_servers.clone().context(
            "which Kafka? Give --bootstrap-servers, or set SLUICEGATE_TEST_KAFKA; `make bench` starts one",
        )
    }

    /// An absolute path: sluicegate is run in a directory without a configuration file.
    pub(super) fn sluicegate(&self) -> Result<PathBuf> {
        let path = match &self.sluicegate {
            Some(path) => path.clone(),
            None => std::env::current_exe()?.with_file_name("sluicegate"),
        };
        path.canonicalize().with_context(|| {
            format!(
                "there is no {}; build it with `cargo build --release`, or give --sluicegate",
                path.display()
            )
        })
    }

    /// Program and first arguments. In this repository, with servers of its test scripts, their client.
    pub(super) fn client(&self) -> Vec<String> {
        let name = self.server.name();
        let script = format!("tests/servers/{name}");
        match (&self.client, std::env::var("SLUICEGATE_TEST_DIR")) {
            (Some(client), _) => client.split_whitespace().map(str::to_owned).collect(),
            (None, Ok(dir)) if PathBuf::from(&script).exists() => {
                vec![script, "sql".to_owned(), format!("{dir}/{name}")]
            }
            _ => vec![name.to_owned()],
        }
    }

    pub(super) fn plan(&self) -> Plan {
        Plan {
            seed: self.seed,
            events: self.events,
            mix: self.mix,
            duplicates: self.duplicates,
            disorder: self.late,
            ..Plan::default()
        }
    }

    /// The settings of sluicegate that differ from its defaults.
    pub(super) fn settings(&self) -> Vec<(String, String)> {
        let tls = if self.tls { "required" } else { "disabled" };
        let mut settings = vec![("mysql.tls_mode".to_owned(), tls.to_owned())];
        settings.extend(self.writers.map(|count| ("flush.writers".to_owned(), count.to_string())));
        settings.extend(self.settings.iter().cloned());
        settings
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn displayed<S: serde::Serializer>(mix: &Mix, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(mix)
}

fn shown<S: serde::Serializer>(rate: &Option<Rate>, serializer: S) -> Result<S::Ok, S::Error> {
    match rate {
        None => serializer.serialize_none(),
        Some(Rate::HalfOfPeak) => serializer.serialize_str("half"),
        Some(Rate::PerSecond(rate)) => serializer.serialize_f64(*rate),
    }
}
