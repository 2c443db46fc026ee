//! sluicegate as a process: run, and watched while it runs.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use loadgen::metrics::Metrics;
use serde_json::Value;
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};
use tokio::task::{JoinHandle, JoinSet};

use super::process;
use super::scrape::scrape;
use super::server::Address;

/// How often a process is watched.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How long a process may take to end when asked to.
const STOP_WAIT: Duration = Duration::from_secs(60);
/// Lines of a failed process's log that are shown.
const LOG_TAIL: usize = 15;

/// The program and everything it is told, database and group excepted.
#[derive(Clone, Debug)]
pub(super) struct Sluicegate {
    pub(super) path: PathBuf,
    pub(super) server: Address,
    pub(super) kafka: String,
    /// What differs from its defaults.
    pub(super) settings: Vec<(String, String)>,
}

/// What it works on.
#[derive(Clone, Debug)]
pub(super) struct Work {
    pub(super) database: String,
    pub(super) topic_prefix: String,
    pub(super) group: String,
}

/// A process that runs.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    pid: u32,
    started: Instant,
    http_port: u16,
    log: JoinHandle<std::io::Result<String>>,
}

/// What was seen of processes that have ended.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// From the start of the first to the end of the last.
    pub(super) elapsed: Duration,
    /// The longest of the times they name themselves, without start and end of the process.
    pub(super) own_seconds: f64,
    /// As they say themselves.
    pub(super) messages: u64,
    pub(super) dead_letters: u64,
    /// Of the one that had most.
    pub(super) peak_memory_bytes: Option<u64>,
    /// Up to the last look, so at most a quarter of a second is missing.
    pub(super) cpu_seconds_by_thread: BTreeMap<String, f64>,
    /// The same holds here.
    pub(super) metrics: Metrics,
    /// What was written by table, and when that was read, of one process.
    pub(super) written_over_time: Vec<(Duration, BTreeMap<String, WrittenTo>)>,
}

/// What was written to a table up to some time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct WrittenTo {
    pub(super) rows: f64,
    /// How long the server took for statements.
    pub(super) statement_seconds: f64,
}

impl Sluicegate {
    /// Its version, as `--version` says.
    pub(super) async fn version(&self) -> Result<String> {
        let output = Command::new(&self.path).arg("--version").output().await?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// How many connections write with these settings.
    pub(super) async fn writers(&self) -> Result<u32> {
        let mut command = Command::new(&self.path);
        let output =
            command.current_dir(std::env::temp_dir()).arg("config").args(self.flags()).output();
        let output = output.await.with_context(|| format!("running {}", self.path.display()))?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "sluicegate config: {}", said.trim());
        let config = String::from_utf8_lossy(&output.stdout).into_owned();
        let writers = config.lines().find_map(|line| line.strip_prefix("writers = "));
        let number = writers.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        number.context("`sluicegate config` does not name flush.writers")
    }

    /// Makes the tables.
    pub(super) async fn migrate(&self, work: &Work) -> Result<()> {
        let output = self.command(work, "migrate").output().await?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "sluicegate migrate failed: {}", tail(&said));
        Ok(())
    }

    /// Loads everything that is in the topics.
    pub(super) async fn load(&self, work: &Work, instances: u32) -> Result<Seen> {
        let mut processes = JoinSet::new();
        let started = Instant::now();
        for _ in 0..instances {
            let running = self.start(work, &["--until-end"])?;
            processes.spawn(running.watch(|_| false));
        }
        let mut all = Seen::default();
        while let Some(ended) = processes.join_next().await {
            all.add(ended??);
        }
        all.elapsed = started.elapsed();
        Ok(all)
    }

    /// Starts `run`.
    pub(super) fn start(&self, work: &Work, arguments: &[&str]) -> Result<Running> {
        let http_port = free_port()?;
        let mut command = self.command(work, "run");
        command
            .args(arguments)
            .args(["--set", "log.format=json"])
            .args(["--set", &format!("http.address=127.0.0.1:{http_port}")]);
        let started = Instant::now();
        let mut child =
            command.spawn().with_context(|| format!("cannot run {}", self.path.display()))?;
        let pid = child.id().context("it has no process number")?;
        let mut stderr = child.stderr.take().context("it has no standard error")?;
        let log = tokio::spawn(async move {
            let mut log = String::new();
            stderr.read_to_string(&mut log).await.map(|_| log)
        });
        Ok(Running { child, pid, started, http_port, log })
    }

    fn flags(&self) -> impl Iterator<Item = String> {
        self.settings.iter().flat_map(|(key, value)| ["--set".to_owned(), format!("{key}={value}")])
    }

    fn command(&self, work: &Work, subcommand: &str) -> Command {
        let mut command = Command::new(&self.path);
        command
            .current_dir(std::env::temp_dir())
            .env("KAFKA_BOOTSTRAP_SERVERS", &self.kafka)
            .env("KAFKA_GROUP_ID", &work.group)
            .env("MYSQL_HOST", &self.server.host)
            .env("MYSQL_PORT", &self.server.port)
            .env("MYSQL_USER", &self.server.user)
            .env("MYSQL_PASSWORD", &self.server.password)
            .env("MYSQL_DATABASE", &work.database)
            // Settings before the subcommand would be lost beside settings after it.
            .args([subcommand, "--set", &format!("kafka.topic_prefix={}", work.topic_prefix)])
            .args(self.flags())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }
}

impl Running {
    pub(super) fn started(&self) -> Instant {
        self.started
    }

    /// Looks at it until it ends, or asks it to end when `enough` has been seen.
    pub(super) async fn watch(mut self, enough: impl Fn(&Seen) -> bool) -> Result<Seen> {
        let mut seen = Seen::default();
        let mut looks = tokio::time::interval(LOOK_EVERY);
        loop {
            tokio::select! {
                status = self.child.wait() => {
                    seen.elapsed = self.started.elapsed();
                    let log = self.log.await??;
                    ensure!(status?.success(), "sluicegate failed: {}", tail(&log));
                    seen.read_log(&log)?;
                    return Ok(seen);
                }
                _ = looks.tick() => {
                    self.look(&mut seen).await;
                    if enough(&seen) {
                        return self.stop().await.map(|()| seen);
                    }
                }
            }
        }
    }

    async fn look(&self, seen: &mut Seen) {
        seen.peak_memory_bytes = process::peak_memory_bytes(self.pid).max(seen.peak_memory_bytes);
        for (name, cpu) in process::cpu_seconds_by_thread(self.pid) {
            // At its end a process has fewer threads of a name, and then none.
            let most = seen.cpu_seconds_by_thread.entry(name).or_default();
            *most = most.max(cpu);
        }
        if let Some(metrics) = scrape(self.http_port).await {
            let rows = metrics.by_label("sluicegate_flush_rows_total", "table");
            let name = "sluicegate_flush_statement_duration_seconds_sum";
            let seconds = metrics.by_label(name, "table");
            let written = rows.into_iter().map(|(table, rows)| {
                let statement_seconds = seconds.get(table).copied().unwrap_or_default();
                (table.to_owned(), WrittenTo { rows, statement_seconds })
            });
            seen.written_over_time.push((self.started.elapsed(), written.collect()));
            seen.metrics = metrics;
        }
    }

    /// Asks it to end, and waits.
    pub(super) async fn stop(mut self) -> Result<()> {
        Command::new("kill").args(["-s", "TERM", &self.pid.to_string()]).status().await?;
        let Ok(status) = tokio::time::timeout(STOP_WAIT, self.child.wait()).await else {
            bail!("sluicegate still runs {STOP_WAIT:?} after SIGTERM");
        };
        let log = self.log.await??;
        ensure!(status?.success(), "sluicegate failed: {}", tail(&log));
        Ok(())
    }
}

impl Seen {
    /// The line that a run ends with.
    fn read_log(&mut self, log: &str) -> Result<()> {
        let lines = log.lines().rev().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let fields = lines.into_iter().map(|line| line["fields"].clone());
        let done = fields.into_iter().find(|fields| fields["message"] == "done");
        let done = done.with_context(|| format!("sluicegate did not say done: {}", tail(log)))?;
        self.messages = done["messages"].as_u64().unwrap_or_default();
        self.dead_letters = done["dead_letters"].as_u64().unwrap_or_default();
        let seconds = done["seconds"].as_str().and_then(|seconds| seconds.parse().ok());
        self.own_seconds = seconds.unwrap_or_default();
        Ok(())
    }

    fn add(&mut self, other: Self) {
        self.own_seconds = self.own_seconds.max(other.own_seconds);
        self.messages += other.messages;
        self.dead_letters += other.dead_letters;
        self.peak_memory_bytes = self.peak_memory_bytes.max(other.peak_memory_bytes);
        for (name, cpu) in other.cpu_seconds_by_thread {
            *self.cpu_seconds_by_thread.entry(name).or_default() += cpu;
        }
        self.metrics.add(&other.metrics);
    }
}

/// Free now; another program may take it before it is used.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.trim_end().lines().collect();
    lines[lines.len().saturating_sub(LOG_TAIL)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_done_line_is_read() {
        let log = r#"{"fields":{"message":"starting"}}
{"fields":{"message":"done","messages":12,"rows":15,"dead_letters":1,"seconds":"0.2"}}
"#;
        let mut seen = Seen::default();
        seen.read_log(log).unwrap();
        assert_eq!((seen.messages, seen.dead_letters, seen.own_seconds), (12, 1, 0.2));
        assert!(seen.read_log("error: no server\n").is_err());
    }

    #[test]
    fn a_tail_is_the_end() {
        let log: String = (0..20).map(|number| format!("{number}\n")).collect();
        assert!(tail(&log).starts_with("5\n") && tail(&log).ends_with("\n19"));
        assert_eq!(tail("one"), "one");
    }
}
