//! Instances as a service manager keeps them: each is started and ended many times, under one name, with one
//! log and one port.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};
use testkit::instance::JOINING;
use testkit::net::Answer;
use testkit::{DEADLINE, Instance, Metrics, World, free_port, net};

const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// One instance over all its lives.
pub struct Service {
    pub name: String,
    pub log: PathBuf,
    port: u16,
    process: Mutex<Option<Process>>,
}

/// One of its lives.
struct Process {
    instance: Instance,
    /// Tells it from the earlier ones.
    number: u64,
}

impl Service {
    /// Not started yet; its log will be in `directory`.
    pub fn new(name: &str, directory: &Path) -> Self {
        let log = directory.join(format!("{name}.log"));
        Self { name: name.to_owned(), log, port: free_port(), process: Mutex::new(None) }
    }

    fn process(&self) -> MutexGuard<'_, Option<Process>> {
        self.process.lock().unwrap()
    }

    pub fn start(&self, world: &World) {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let mut command = world.command();
        command
            .args(["--set", &format!("http.address=127.0.0.1:{}", self.port)])
            .args(["--set", &format!("kafka.client_id={}", self.name)])
            .args(["--log-json", "run", "--no-migrate"]);
        let instance = Instance::spawn_with_log(&mut command, Some(self.port), &self.log);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let before = self.process().replace(Process { instance, number });
        assert!(before.is_none(), "{} runs already", self.name);
    }

    /// Which of its lives this is, while it runs.
    pub fn number(&self) -> Option<u64> {
        self.process().as_ref().map(|process| process.number)
    }

    /// Waits until it has checked the tables and joins the group, or ends: both can take as long
    /// as the server is away.
    pub async fn has_begun(&self) {
        let deadline = Instant::now() + DEADLINE;
        let begun = || {
            let process = self.process();
            process.as_ref().is_none_or(|process| process.instance.log().contains(JOINING))
        };
        while !begun() && Instant::now() < deadline {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    pub fn signal(&self, name: &str) {
        if let Some(process) = &*self.process() {
            process.instance.signal(name);
        }
    }

    /// Kills it, unless it does not run.
    pub fn kill(&self) {
        let process = self.process().take();
        if let Some(Process { instance, .. }) = process {
            instance.kill();
        }
    }

    /// Sends SIGTERM and waits for the end.
    pub async fn terminate(&self, patience: Duration) -> Result<ExitStatus, String> {
        let process = self.process().take();
        let Some(Process { mut instance, .. }) = process else {
            return Err(format!("{} does not run", self.name));
        };
        instance.signal("TERM");
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = instance.status() {
                return Ok(status);
            }
            if Instant::now() > deadline {
                instance.kill();
                return Err(format!("{} still ran {patience:?} after SIGTERM", self.name));
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// How it ended, if it did so by itself.
    pub fn ended_by_itself(&self) -> Option<ExitStatus> {
        let mut process = self.process();
        let status = process.as_mut()?.instance.status()?;
        *process = None;
        Some(status)
    }

    /// A page; `None` without an answer.
    pub fn get(&self, path: &str) -> Option<Answer> {
        net::get(self.port, path).ok()
    }

    pub fn is_ready(&self) -> bool {
        net::is_ready(self.port)
    }

    /// What `/metrics` says; `None` without an answer.
    pub fn metrics(&self) -> Option<Metrics> {
        net::metrics(self.port)
    }

    /// A metric, summed over its labels.
    pub fn metric(&self, name: &str) -> Option<u64> {
        self.metrics().map(|metrics| metrics.sum(name) as u64)
    }

    /// All that it said in all its lives.
    pub fn log_text(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}
