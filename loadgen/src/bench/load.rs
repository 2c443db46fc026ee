//! `LOAD DATA LOCAL INFILE` by the server's own command-line client: the yardstick.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::task::JoinSet;

use super::args::Kind;
use super::server::Address;
use super::tsv::Exported;

/// The client with what it needs to connect.
#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) kind: Kind,
    pub(super) command: Vec<String>,
    pub(super) address: Address,
    pub(super) tls: bool,
}

impl Client {
    /// Loads all rows on one connection, a table after the other, each in one statement and so in one transaction.
    pub(super) async fn load_in_one_stream(
        &self,
        database: &str,
        tables: &[Exported],
    ) -> Result<Duration> {
        self.load(database, vec![script(tables, |table| &table.whole)]).await
    }

    /// Loads all rows on as many connections as there are parts of each table.
    pub(super) async fn load_in_streams(
        &self,
        database: &str,
        tables: &[Exported],
    ) -> Result<Duration> {
        let streams = tables.first().map_or(0, |table| table.parts.len());
        let scripts =
            (0..streams).map(|stream| script(tables, |table| &table.parts[stream])).collect();
        self.load(database, scripts).await
    }

    /// From the start of the first client to the end of the last.
    async fn load(&self, database: &str, scripts: Vec<String>) -> Result<Duration> {
        let started = Instant::now();
        let mut clients = JoinSet::new();
        for script in scripts {
            let command = self.command(database);
            clients.spawn(run(command, script));
        }
        while let Some(ended) = clients.join_next().await {
            ended??;
        }
        Ok(started.elapsed())
    }

    fn command(&self, database: &str) -> Command {
        let Address { host, port, user, password } = &self.address;
        let mut command = Command::new(&self.command[0]);
        command
            .args(&self.command[1..])
            .args([format!("--host={host}"), format!("--port={port}"), format!("--user={user}")])
            .args(["--protocol=TCP", "--local-infile=1", "--default-character-set=utf8mb4"])
            .args(match (self.kind, self.tls) {
                (Kind::MySql, true) => ["--ssl-mode=REQUIRED"].as_slice(),
                (Kind::MySql, false) => &["--ssl-mode=DISABLED"],
                (Kind::MariaDb, true) => &["--ssl"],
                (Kind::MariaDb, false) => &["--skip-ssl"],
            })
            // Without TLS, a password that the server has not cached goes encrypted with the server's key.
            .args(match (self.kind, self.tls) {
                (Kind::MySql, false) => ["--get-server-public-key"].as_slice(),
                _ => &[],
            })
            .arg(format!("--database={database}"))
            .env("MYSQL_PWD", password)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }
}

fn script<'e>(
    tables: &'e [Exported],
    file: impl Fn(&'e Exported) -> &'e std::path::PathBuf,
) -> String {
    let strict = "SET SESSION sql_mode = 'STRICT_ALL_TABLES';\n".to_owned();
    tables.iter().filter(|table| table.rows > 0).fold(strict, |script, exported| {
        let columns: Vec<String> =
            exported.table.columns.iter().map(|name| format!("`{name}`")).collect();
        script
            + &format!(
                "LOAD DATA LOCAL INFILE '{}' INTO TABLE `{}` CHARACTER SET utf8mb4 ({});\n",
                file(exported).display(),
                exported.table.name,
                columns.join(", ")
            )
    })
}

async fn run(mut command: Command, script: String) -> Result<()> {
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    let mut child = command.spawn().with_context(|| {
        format!("cannot run {program}, the server's client for LOAD DATA; give --client")
    })?;
    let mut input = child.stdin.take().context("the client has no standard input")?;
    input.write_all(script.as_bytes()).await?;
    drop(input);
    let output = child.wait_with_output().await?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{program} failed, {}: {}", output.status, said.trim());
    Ok(())
}
