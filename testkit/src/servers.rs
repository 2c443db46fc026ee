//! The servers of a run, which all tests share, and servers of a test's own. All of them are started by
//! the scripts in `tests/servers`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/servers");

/// A kind of database server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    MySql,
    MariaDb,
}

impl Server {
    pub fn name(self) -> &'static str {
        match self {
            Self::MySql => "mysql",
            Self::MariaDb => "mariadb",
        }
    }

    /// How deep its JSON column nests.
    pub fn json_depth(self) -> usize {
        match self {
            Self::MySql => 100,
            Self::MariaDb => 31,
        }
    }
}

/// The address in `SLUICEGATE_TEST_<NAME>`, or `None` if the run goes without this server and
/// says so itself.
pub fn address(name: &str) -> Option<String> {
    let variable = format!("SLUICEGATE_TEST_{}", name.to_uppercase());
    if let Ok(address) = std::env::var(&variable) {
        return Some(address);
    }
    let left_out = std::env::var("SLUICEGATE_TEST_LEFT_OUT").unwrap_or_default();
    assert!(
        left_out.split_whitespace().any(|left_out| left_out == name),
        "{variable} is not set: run `make test`, or `tests/servers/with -- cargo test`"
    );
    eprintln!("LEFT OUT: this run has no {name}");
    None
}

/// What an address says.
#[derive(Debug, Clone)]
pub struct Url {
    pub host: String,
    pub port: String,
    pub user: String,
    pub password: String,
}

impl Url {
    /// `mysql://user:password@host:port`
    pub fn parse(url: &str) -> Self {
        let rest = url.strip_prefix("mysql://").unwrap();
        let (account, address) = rest.split_once('@').unwrap();
        let (user, password) = account.split_once(':').unwrap_or((account, ""));
        let (host, port) = address.split_once(':').unwrap_or((address, "3306"));
        let own = str::to_owned;
        Self { host: own(host), port: own(port), user: own(user), password: own(password) }
    }
}

/// A name that no other test has.
pub fn unique(what: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{what}_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The directory of one of the run's own servers; none when the run was told to use another.
pub fn directory_of(name: &str) -> Option<PathBuf> {
    let run = std::env::var_os("SLUICEGATE_TEST_DIR")?;
    Some(PathBuf::from(run).join(name)).filter(|directory| directory.exists())
}

/// A shell command for a verb of one of the run's own servers; none as in [`directory_of`].
pub fn script_of(name: &str, verb: &str) -> Option<String> {
    let directory = directory_of(name)?;
    Some(format!("exec {SCRIPTS}/{name} {verb} {} \"$@\"\n", directory.display()))
}

/// A directory of this run's for a test's servers: whatever happens, they end with the run.
pub fn directory(what: &str) -> PathBuf {
    let run = std::env::var("SLUICEGATE_TEST_DIR")
        .expect("SLUICEGATE_TEST_DIR is not set: run `make test` or `tests/servers/with`");
    PathBuf::from(run).join(unique(what))
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

/// A server of a test's own: it ends with its owner.
#[derive(Debug)]
pub struct OwnServer {
    pub port: u16,
    pub directory: PathBuf,
    name: &'static str,
    /// What it was started with, and is started with again.
    arguments: Vec<OsString>,
}

impl OwnServer {
    /// Starts it in `directory`, with the arguments and variables that `more` adds.
    pub async fn start(
        name: &'static str,
        directory: &Path,
        more: impl FnOnce(&mut Command),
    ) -> Self {
        let directory = directory.join(name);
        let mut command = command(name, "start", &directory);
        let given = command.get_args().count();
        more(&mut command);
        let arguments = command.get_args().skip(given).map(OsString::from).collect();
        let report = succeed(command).await;
        let port = report.lines().find_map(|line| line.strip_prefix("port="));
        let port = port.expect("a started server tells its port").parse().unwrap();
        Self { port, directory, name, arguments }
    }

    /// `mysql://…` of a database server, with every privilege.
    pub fn url(&self) -> String {
        format!("mysql://sluicegate:sluicegate@{}", self.address())
    }

    /// `HOST:PORT`
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// `VERB DIRECTORY` of its script: a tool of its own, or what stops and starts it.
    pub fn command(&self, verb: &str) -> Command {
        let mut command = command(self.name, verb, &self.directory);
        if verb == "start" {
            command.args(&self.arguments);
        }
        command
    }

    /// The text of a shell script that runs a tool with the script's own arguments.
    pub fn script(&self, verb: &str, tool: &str) -> String {
        format!("exec {SCRIPTS}/{} {verb} {} {tool} \"$@\"\n", self.name, self.directory.display())
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: &str) {
        let pid = std::fs::read_to_string(self.directory.join("pid")).unwrap();
        let status = Command::new("kill").args(["-s", signal, pid.trim()]).status().unwrap();
        assert!(status.success(), "kill -s {signal} {}", self.name);
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        let _ = command(self.name, "kill", &self.directory).output();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
