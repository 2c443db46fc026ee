//! Instances of the program under test: their processes, their logs, their HTTP port.

use crate::support::{self, DEADLINE, World};
use std::fs::File;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// In the log when an instance has found everything as it should be.
const JOINS: &str = "joining the group";

/// One instance, started and ended many times.
pub struct Instance {
    pub name: String,
    pub log: PathBuf,
    port: u16,
    process: Mutex<Option<Process>>,
}

struct Process {
    child: Child,
    /// Where its part of the log begins.
    log_from: usize,
    /// Tells this process from the instance's earlier ones.
    number: u64,
}

impl Instance {
    /// Not started yet; its log will be in `directory`.
    pub fn new(name: &str, directory: &std::path::Path) -> Self {
        let log = directory.join(format!("{name}.log"));
        Self { name: name.to_owned(), log, port: free_port(), process: Mutex::new(None) }
    }

    fn process(&self) -> MutexGuard<'_, Option<Process>> {
        self.process.lock().unwrap()
    }

    pub fn start(&self, world: &World) {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let log_from = self.log_text().len();
        let log = File::options().create(true).append(true).open(&self.log).unwrap();
        let child = world
            .command()
            .args(["--set", &format!("http.address=127.0.0.1:{}", self.port)])
            .args(["--set", &format!("kafka.client_id={}", self.name)])
            .args(["--log-json", "run", "--no-migrate"])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let before = self.process().replace(Process { child, log_from, number });
        assert!(before.is_none(), "{} runs already", self.name);
    }

    /// Which of the processes runs now.
    pub fn number(&self) -> Option<u64> {
        self.process().as_ref().map(|process| process.number)
    }

    /// Waits until it has looked at the tables and joins the group, or ends: both can take as long
    /// as the server is away.
    pub async fn has_begun(&self) {
        let deadline = Instant::now() + DEADLINE;
        let begun = || {
            let from = self.process().as_ref().map(|process| process.log_from);
            from.is_none_or(|from| self.log_text()[from..].contains(JOINS))
        };
        while !begun() && Instant::now() < deadline {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    pub fn signal(&self, name: &str) {
        if let Some(process) = &*self.process() {
            support::signal(&process.child, name);
        }
    }

    /// Kills it, unless it does not run.
    pub fn kill(&self) {
        let process = self.process().take();
        if let Some(Process { mut child, .. }) = process {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Sends SIGTERM and waits for the end.
    pub async fn terminate(&self, patience: Duration) -> Result<ExitStatus, String> {
        let process = self.process().take();
        let Some(Process { mut child, .. }) = process else {
            return Err(format!("{} does not run", self.name));
        };
        support::signal(&child, "TERM");
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return Ok(status);
            }
            if Instant::now() > deadline {
                child.kill().unwrap();
                child.wait().unwrap();
                return Err(format!("{} still ran {patience:?} after SIGTERM", self.name));
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// How it ended, if it did so by itself.
    pub fn ended_by_itself(&self) -> Option<ExitStatus> {
        let mut process = self.process();
        let status = process.as_mut()?.child.try_wait().unwrap()?;
        *process = None;
        Some(status)
    }

    /// Status and body of a page; `None` if it does not answer.
    pub fn get(&self, path: &str) -> Option<(u16, String)> {
        let answer = support::get(self.port, path).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
    }

    /// A metric, summed over its labels.
    pub fn metric(&self, name: &str) -> Option<u64> {
        let (status, page) = self.get("/metrics")?;
        let sum = || samples(&page, name).into_iter().map(|(_, value)| value).sum::<f64>();
        (status == 200).then(|| sum() as u64)
    }

    pub fn log_text(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The samples of one metric on a page: labels and value.
pub fn samples(page: &str, name: &str) -> Vec<(String, f64)> {
    let sample = |line: &str| {
        let rest = line.strip_prefix(name)?;
        let (labels, value) = rest.rsplit_once(' ')?;
        let is_whole_name = labels.is_empty() || labels.starts_with('{');
        is_whole_name.then(|| Some((labels.to_owned(), value.parse().ok()?)))?
    };
    page.lines().filter_map(sample).collect()
}

/// Below the ports of the servers and of outgoing connections, so that nobody takes it while the
/// instance is down.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = (std::process::id() % 500) as u16 * 16;
    loop {
        let port = 10_000 + (first + NEXT.fetch_add(1, Ordering::Relaxed)) % 10_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
