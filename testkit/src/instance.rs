//! A running `sluicegate`: its process, its log, its HTTP port.

use crate::net::{self, Answer};
use crate::{DEADLINE, Metrics, World, until, wait_for};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

pub const ASSIGNED: &str = "rebalance: assigned";
pub const JOINING: &str = "joining the group";
pub const PAUSED: &str = "consume: paused";

const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// One process of the program under test. It is killed when it is dropped, so that a failing test
/// leaves nothing behind.
#[derive(Debug)]
pub struct Instance {
    child: Child,
    port: Option<u16>,
    log: PathBuf,
    /// Where its part of the log begins.
    log_from: usize,
    /// Removed with its owner; `None` where the log is to stay.
    directory: Option<tempfile::TempDir>,
}

impl Instance {
    /// `run` with the world's settings.
    pub fn start(world: &World) -> Self {
        Self::run(world, &[])
    }

    /// `run --until-end`.
    pub fn until_end(world: &World) -> Self {
        Self::run(world, &["--until-end"])
    }

    /// `run` with more arguments.
    pub fn run(world: &World, arguments: &[&str]) -> Self {
        Self::spawn(world.command().arg("run").args(arguments), world.http_port())
    }

    /// `run`, once it has said `text`.
    pub async fn started(world: &World, text: &str) -> Self {
        let instance = Self::start(world);
        instance.says(text).await;
        instance
    }

    /// `run` of a world that serves HTTP, once it is ready.
    pub fn ready(world: &World) -> Self {
        let mut instance = Self::start(world);
        instance.becomes_ready();
        instance
    }

    /// A command that runs the program, and serves HTTP at this port.
    pub fn spawn(command: &mut Command, port: Option<u16>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut instance = Self::spawn_with_log(command, port, &directory.path().join("log"));
        instance.directory = Some(directory);
        instance
    }

    /// The same with a log that stays: what earlier processes said is before it.
    pub fn spawn_with_log(command: &mut Command, port: Option<u16>, log: &Path) -> Self {
        let log_from = std::fs::metadata(log).map_or(0, |metadata| metadata.len() as usize);
        let file = File::options().create(true).append(true).open(log).unwrap();
        let child = command.stdout(Stdio::null()).stderr(file).spawn().unwrap();
        Self { child, port, log: log.to_owned(), log_from, directory: None }
    }

    /// What it has said so far.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(&self.log).unwrap();
        String::from_utf8_lossy(&bytes[self.log_from..]).into_owned()
    }

    /// Waits until the log holds `text`.
    pub async fn says(&self, text: &str) {
        self.says_times(text, 1).await;
    }

    /// Waits until it has said `text` so often.
    pub async fn says_times(&self, text: &str, times: usize) {
        let what = || format!("{text:?} {times} times in\n{}", self.log());
        until(what, async || self.log().matches(text).count() >= times).await;
    }

    /// The port that it serves HTTP at.
    #[track_caller]
    pub fn port(&self) -> u16 {
        self.port.expect("its world serves HTTP")
    }

    /// A page; `None` without an answer.
    #[track_caller]
    pub fn get(&self, path: &str) -> Option<Answer> {
        net::get(self.port(), path).ok()
    }

    /// What `/metrics` says; `None` without an answer.
    #[track_caller]
    pub fn metrics(&self) -> Option<Metrics> {
        net::metrics(self.port())
    }

    #[track_caller]
    pub fn is_ready(&self) -> bool {
        net::is_ready(self.port())
    }

    /// Waits until it is ready.
    #[track_caller]
    pub fn becomes_ready(&mut self) {
        wait_for("an instance to be ready", || {
            assert!(!self.has_ended(), "it ended:\n{}", self.log());
            self.is_ready().then_some(())
        });
    }

    /// The most memory it ever had, in bytes.
    pub fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
    }

    pub fn signal(&self, name: &str) {
        signal(&self.child, name);
    }

    /// How it ended, if it has.
    pub fn status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    pub fn has_ended(&mut self) -> bool {
        self.status().is_some()
    }

    /// Waits for its end; gives how it ended and all it said.
    #[track_caller]
    pub fn end(mut self) -> (ExitStatus, String) {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = self.status() {
                return (status, self.log());
            }
            assert!(Instant::now() < deadline, "no end after {DEADLINE:?}:\n{}", self.log());
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    /// Waits for its end, which must be a good one; gives the log.
    #[track_caller]
    pub fn finish(self) -> String {
        let (status, log) = self.end();
        assert!(status.success(), "{status}\n{log}");
        log
    }

    /// SIGTERM, which must succeed; gives the log.
    #[track_caller]
    pub fn stop(self) -> String {
        self.signal("TERM");
        self.finish()
    }

    /// SIGKILL, unless it has ended; gives the log.
    pub fn kill(mut self) -> String {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.log()
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // It has ended, or the test has failed already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal to a process.
pub fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args(["-s", name, &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

/// A number of the line that a run says last.
pub fn done(log: &str, field: &str) -> u64 {
    let done = log.lines().rfind(|line| line.contains("\"done\"")).unwrap();
    let line: serde_json::Value = serde_json::from_str(done).unwrap();
    let value = &line["fields"][field];
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).unwrap()
}
