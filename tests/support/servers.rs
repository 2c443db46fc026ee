//! Servers of a test's own, started by the scripts in `tests/servers`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/servers");

/// A directory of this run's for a test's servers: whatever happens, they end with the run.
pub fn directory(what: &str) -> PathBuf {
    let run = std::env::var("SLUICEGATE_TEST_DIR")
        .expect("SLUICEGATE_TEST_DIR is not set: run `make test` or `tests/servers/with`");
    PathBuf::from(run).join(super::unique(what))
}

/// Gets what the run's own servers do not bring; false if the run goes without it.
pub fn install(name: &str) -> bool {
    let output = Command::new(format!("{SCRIPTS}/install")).arg(name).output().unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() || std::env::var_os("CI").is_none(), "install {name}: {log}");
    if !output.status.success() {
        eprintln!("LEFT OUT: this run has no {name}: {log}");
    }
    output.status.success()
}

/// `VERB DIRECTORY` of a server's script.
pub fn command(name: &str, verb: &str, directory: &Path) -> Command {
    let mut command = Command::new(format!("{SCRIPTS}/{name}"));
    command.arg(verb).arg(directory).stdin(Stdio::null());
    command
}

/// Runs a command that must succeed; gives what it printed.
pub async fn succeed(mut command: Command) -> String {
    let shown = format!("{command:?}");
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let said = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (said(&output.stdout), said(&output.stderr));
    assert!(output.status.success(), "{shown}: {stdout}{stderr}");
    stdout
}

/// The port in what a started server printed.
pub fn port(report: &str) -> u16 {
    let port = report.lines().find_map(|line| line.strip_prefix("port="));
    port.expect("a started server tells its port").parse().unwrap()
}

/// A server that ends with its owner.
pub struct Own {
    pub port: u16,
    pub directory: PathBuf,
    name: &'static str,
}

impl Own {
    /// Starts what `start` gives with more arguments or variables.
    pub async fn start(
        name: &'static str,
        directory: &Path,
        start: impl FnOnce(&mut Command),
    ) -> Self {
        let directory = directory.join(name);
        let mut command = command(name, "start", &directory);
        start(&mut command);
        let port = port(&succeed(command).await);
        Self { port, directory, name }
    }

    /// Runs one of the server's own tools.
    pub fn tool(&self, verb: &str) -> Command {
        command(self.name, verb, &self.directory)
    }

    /// The text of a shell script that runs a tool with the script's own arguments.
    pub fn script(&self, verb: &str, tool: &str) -> String {
        format!("exec {SCRIPTS}/{} {verb} {} {tool} \"$@\"\n", self.name, self.directory.display())
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let _ = command(self.name, "kill", &self.directory).output();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
