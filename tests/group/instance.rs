//! A running sluicegate, whose log is read as it comes.

use crate::support::{DEADLINE, World, signal, wait_for};
use std::io::{BufRead, BufReader};
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub(crate) const ASSIGNED: &str = "rebalance: assigned";
pub(crate) const JOINING: &str = "joining the group";
pub(crate) const PAUSED: &str = "consume: paused";

/// Killed when it is dropped, so that a failing test leaves nothing behind.
pub(crate) struct Instance {
    child: Child,
    log: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Instance {
    /// `run` with the world's settings.
    pub(crate) fn start(world: &World) -> Self {
        Self::spawn(world, &["run"])
    }

    /// `run --until-end`.
    pub(crate) fn until_end(world: &World) -> Self {
        Self::spawn(world, &["run", "--until-end"])
    }

    fn spawn(world: &World, arguments: &[&str]) -> Self {
        let mut child = world.command().args(arguments).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let log = Arc::new(Mutex::new(String::new()));
        let sink = Arc::clone(&log);
        let reader = std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let mut log = sink.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        Self { child, log, reader: Some(reader) }
    }

    /// The same, once it has said `text`.
    pub(crate) async fn started(world: &World, text: &str) -> Self {
        let instance = Self::start(world);
        instance.says(text).await;
        instance
    }

    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Waits until the log holds `text`.
    pub(crate) async fn says(&self, text: &str) {
        self.says_times(text, 1).await;
    }

    /// Waits until it has said `text` so often.
    pub(crate) async fn says_times(&self, text: &str, times: usize) {
        let what = || format!("{text:?} {times} times in\n{}", self.log());
        until(DEADLINE, what, async || self.log().matches(text).count() >= times).await;
    }

    pub(crate) fn signal(&self, name: &str) {
        signal(&self.child, name);
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits for the end; gives how it ended and all it said.
    pub(crate) fn end(mut self) -> (ExitStatus, String) {
        let status = wait_for("the end of the process", || self.child.try_wait().unwrap());
        self.reader.take().unwrap().join().unwrap();
        (status, self.log())
    }

    /// SIGTERM, which must succeed; gives the log.
    #[track_caller]
    pub(crate) fn leave(self) -> String {
        self.signal("TERM");
        let (status, log) = self.end();
        assert!(status.success(), "{status}\n{log}");
        log
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.end();
    }

    /// The most memory it ever had, in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // It has ended, or the test has failed already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A number of the line that a run says last.
pub(crate) fn done(log: &str, field: &str) -> u64 {
    let done = log.lines().rfind(|line| line.contains("\"done\"")).unwrap();
    let line: serde_json::Value = serde_json::from_str(done).unwrap();
    let value = &line["fields"][field];
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).unwrap()
}

const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Waits until `condition` holds.
pub(crate) async fn until(
    limit: Duration,
    what: impl Fn() -> String,
    mut condition: impl AsyncFnMut() -> bool,
) {
    let deadline = Instant::now() + limit;
    while !condition().await {
        assert!(Instant::now() < deadline, "not after {limit:?}: {}", what());
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}
