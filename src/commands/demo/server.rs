//! The demo's own MySQL or MariaDB: found on this machine, started in a temporary directory.

use crate::clock;
use anyhow::{Context, bail};
use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

const START_TIMEOUT: Duration = Duration::from_secs(60);
/// After this it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Searched after `PATH`, which does not have the system directories in every account.
const SYSTEM_DIRECTORIES: [&str; 4] =
    ["/usr/sbin", "/usr/local/sbin", "/usr/libexec", "/usr/local/mysql/bin"];

const NONE_FOUND: &str = "no MySQL or MariaDB server found on this machine. Ways to get one:
  make demo                                          install MariaDB and run the demo
  sudo apt-get install mariadb-server                then run this again
  MYSQL_HOST=… MYSQL_USER=… MYSQL_PASSWORD=… sluicegate demo     use your own server";

/// A running server. Dropping it stops it and removes its data, unless [`Self::keep`] was called.
#[derive(Debug)]
pub(super) struct PrivateServer {
    child: Option<Child>,
    directory: Option<TempDir>,
    kept: PathBuf,
    /// `mysqld` or `mariadbd`.
    pub(super) program: PathBuf,
    /// On 127.0.0.1.
    pub(super) port: u16,
}

impl PrivateServer {
    /// Finds a server program, initialises a data directory, and starts it.
    pub(super) fn start() -> anyhow::Result<Self> {
        let Some(program) = ["mariadbd", "mysqld"].into_iter().find_map(find) else {
            bail!(NONE_FOUND);
        };
        let directory = tempfile::Builder::new()
            .prefix("sluicegate-demo-")
            .tempdir()
            .context("cannot create a temporary directory for the server")?;
        let data = directory.path().join("data");
        initialize(&program, &data, directory.path())?;
        let port = free_port().context("cannot find a free TCP port")?;
        let mut child = Command::new(&program)
            .args(common_arguments(&data))
            .arg(format!("--socket={}", directory.path().join("s").display()))
            .arg(format!("--pid-file={}", directory.path().join("pid").display()))
            .arg(format!("--port={port}"))
            .arg("--bind-address=127.0.0.1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log_file(directory.path())?)
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        let deadline = clock::now() + START_TIMEOUT;
        while !directory.path().join("s").exists() {
            if let Some(status) = child.try_wait()? {
                bail!(
                    "{} exited with {status}: {}",
                    program.display(),
                    last_lines(directory.path())
                );
            }
            if clock::now() > deadline {
                child.kill()?;
                bail!(
                    "{} did not start within {START_TIMEOUT:?}: {}",
                    program.display(),
                    last_lines(directory.path())
                );
            }
            std::thread::sleep(LOOK_AGAIN);
        }
        let kept = directory.path().to_owned();
        Ok(Self { child: Some(child), directory: Some(directory), kept, program, port })
    }

    /// Keeps the server running; returns its directory and process id.
    pub(super) fn keep(mut self) -> (PathBuf, u32) {
        let pid = self.child.take().map_or(0, |child| child.id());
        if let Some(directory) = self.directory.take() {
            self.kept = directory.keep();
        }
        (self.kept.clone(), pid)
    }
}

impl Drop for PrivateServer {
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        // SIGTERM lets it shut down cleanly. The standard library can only send SIGKILL.
        let _ = Command::new("sh").args(["-c", &format!("kill {}", child.id())]).status();
        let deadline = clock::now() + STOP_TIMEOUT;
        while clock::now() < deadline && matches!(child.try_wait(), Ok(None)) {
            std::thread::sleep(LOOK_AGAIN);
        }
        let _ = child.kill();
        let _ = child.wait();
    }
}

fn find(program: &str) -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "where programs are; not a setting")]
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories = std::env::split_paths(&path).chain(SYSTEM_DIRECTORIES.map(PathBuf::from));
    directories.map(|directory| directory.join(program)).find(|candidate| candidate.is_file())
}

fn initialize(program: &Path, data: &Path, directory: &Path) -> anyhow::Result<()> {
    let is_mariadb = program.ends_with("mariadbd");
    let mut command = if is_mariadb {
        let install = find("mariadb-install-db").context("mariadb-install-db is not installed")?;
        let mut command = Command::new(install);
        command.args([
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            "--skip-name-resolve",
        ]);
        command
    } else {
        Command::new(program)
    };
    // --no-defaults has to come first.
    let [no_defaults, rest @ ..] = common_arguments(data);
    let mut arguments = vec![no_defaults];
    arguments.extend(rest);
    let mut ordered = Command::new(command.get_program());
    ordered.args(&arguments[..1]).args(command.get_args()).args(&arguments[1..]);
    if !is_mariadb {
        ordered.arg("--initialize-insecure");
    }
    command = ordered;
    let status = command
        .stdin(Stdio::null())
        .stdout(log_file(directory)?)
        .stderr(log_file(directory)?)
        .status()
        .with_context(|| format!("initialising a data directory with {}", program.display()))?;
    if !status.success() {
        bail!("cannot initialise the data directory: {}", last_lines(directory));
    }
    Ok(())
}

/// With the user, because a server refuses to run as root unless told to.
fn common_arguments(data: &Path) -> [String; 3] {
    let id = Command::new("id").arg("-un").output().ok();
    let user = id.and_then(|output| String::from_utf8(output.stdout).ok());
    let user = user.map_or_else(|| "root".to_owned(), |user| user.trim().to_owned());
    ["--no-defaults".to_owned(), format!("--datadir={}", data.display()), format!("--user={user}")]
}

fn free_port() -> std::io::Result<u16> {
    TcpListener::bind("127.0.0.1:0")?.local_addr().map(|address| address.port())
}

fn log_file(directory: &Path) -> anyhow::Result<File> {
    File::options()
        .create(true)
        .append(true)
        .open(directory.join("server.log"))
        .context("cannot open the server's log file")
}

fn last_lines(directory: &Path) -> String {
    let log = std::fs::read_to_string(directory.join("server.log")).unwrap_or_default();
    let lines: Vec<&str> = log.lines().rev().take(5).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}
