//! The database server: what it counts, what its tables hold, and when it is at rest.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlRow, MySqlSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, Row as _};

use super::args::Kind;
use super::process;

const REST_POLL: Duration = Duration::from_millis(200);
/// It is at rest when nothing has changed so many times in a row.
const REST_POLLS: u32 = 4;
/// How long the buffer pool may take to change its size.
const RESIZE_WAIT: Duration = Duration::from_secs(60);

/// What the server counts; which of these there are depends on the server.
const COUNTERS: [&str; 8] = [
    "Com_commit",
    "Handler_commit",
    "Innodb_os_log_fsyncs",
    "Innodb_data_fsyncs",
    "Innodb_os_log_written",
    "Innodb_data_written",
    "Binlog_cache_use",
    "Binlog_commits",
];

/// Where the server is.
#[derive(Clone, Debug)]
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: String,
    pub(super) user: String,
    pub(super) password: String,
}

/// A server and a connection to it.
pub(super) struct Server {
    pub(super) kind: Kind,
    pub(super) address: Address,
    pub(super) version: String,
    connection: MySqlConnection,
    /// If the server runs on this machine.
    pid: Option<u32>,
}

/// Columns of a table that are compared and loaded: all but `id` and `created_at`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) columns: Vec<String>,
}

/// What is in a table: rows, and a checksum that does not depend on their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) rows: u64,
    checksum: String,
}

/// Counters at one time: user and system seconds of the server, and what it counts.
#[derive(Clone, Debug)]
pub(super) struct Counted {
    cpu_seconds: Option<f64>,
    counters: BTreeMap<String, f64>,
}

impl Address {
    /// `mysql://user:password@host:port`
    pub(super) fn parse(url: &str) -> Result<Self> {
        let parse = || {
            let (account, address) = url.strip_prefix("mysql://")?.rsplit_once('@')?;
            let (user, password) = account.split_once(':').unwrap_or((account, ""));
            let address = address.trim_end_matches('/');
            let (host, port) = address.rsplit_once(':').unwrap_or((address, "3306"));
            let own = str::to_owned;
            port.parse::<u16>().ok()?;
            Some(Self {
                host: own(host),
                port: own(port),
                user: own(user),
                password: own(password),
            })
        };
        // The URL itself may hold a password: it is not repeated.
        parse().context("the server's URL is not of the form mysql://user:password@host:port")
    }

    /// Without TLS: what the benchmark asks is small and not measured.
    async fn connect(&self) -> Result<MySqlConnection> {
        let options = MySqlConnectOptions::new()
            .host(&self.host)
            .port(self.port.parse()?)
            .username(&self.user)
            .password(&self.password)
            .ssl_mode(MySqlSslMode::Disabled)
            .disable_statement_logging();
        let connected = options.connect().await;
        connected.with_context(|| format!("cannot connect to {}:{}", self.host, self.port))
    }

    fn is_local(&self) -> bool {
        ["localhost", "127.0.0.1", "::1", "[::1]"].contains(&self.host.as_str())
    }
}

impl Server {
    pub(super) async fn connect(kind: Kind, address: Address) -> Result<Self> {
        let mut connection = address.connect().await?;
        let row =
            connection.fetch_one("SELECT VERSION(), @@pid_file, @@datadir, @@local_infile").await?;
        let version = text(&row, 0);
        let is_mariadb = version.contains("MariaDB");
        ensure!(
            is_mariadb == (kind == Kind::MariaDb),
            "the server is {version}: give --server {}",
            if is_mariadb { "mariadb" } else { "mysql" }
        );
        ensure!(text(&row, 3) == "1", "LOAD DATA LOCAL needs the server's local_infile = ON");
        let pid_file = PathBuf::from(text(&row, 2)).join(text(&row, 1));
        let pid = if address.is_local() { pid(&pid_file) } else { None };
        Ok(Self { kind, address, version, connection, pid })
    }

    /// Another connection, to a database.
    pub(super) async fn connect_to(&self, database: &str) -> Result<MySqlConnection> {
        let mut connection = self.address.connect().await?;
        connection.execute(AssertSqlSafe(format!("USE `{database}`"))).await?;
        Ok(connection)
    }

    /// Whether its CPU time can be had: it runs on this machine.
    pub(super) fn is_local(&self) -> bool {
        self.pid.is_some()
    }

    pub(super) async fn counted(&mut self) -> Result<Counted> {
        let names = COUNTERS.map(|name| format!("'{name}'")).join(", ");
        let show = format!("SHOW GLOBAL STATUS WHERE Variable_name IN ({names})");
        let rows = self.connection.fetch_all(AssertSqlSafe(show)).await?;
        let counters = rows
            .iter()
            .map(|row| (text(row, 0), text(row, 1).parse().unwrap_or_default()))
            .collect();
        Ok(Counted { cpu_seconds: self.pid.and_then(process::cpu_seconds), counters })
    }

    /// The tables that sluicegate fills, `dead_letters` excepted.
    pub(super) async fn tables(&mut self, database: &str) -> Result<Vec<Table>> {
        let select = format!(
            "SELECT TABLE_NAME, COLUMN_NAME FROM information_schema.COLUMNS \
             WHERE TABLE_SCHEMA = '{database}' AND TABLE_NAME NOT IN \
             ('_sqlx_migrations', 'dead_letters', 'sluicegate_progress', 'sluicegate_writers', 'sluicegate_topics') \
             AND COLUMN_NAME NOT IN ('id', 'created_at') ORDER BY TABLE_NAME, ORDINAL_POSITION"
        );
        let mut tables: Vec<Table> = Vec::new();
        for row in self.connection.fetch_all(AssertSqlSafe(select)).await? {
            let (name, column) = (text(&row, 0), text(&row, 1));
            match tables.last_mut() {
                Some(last) if last.name == name => last.columns.push(column),
                _ => tables.push(Table { name, columns: vec![column] }),
            }
        }
        Ok(tables)
    }

    pub(super) async fn content(&mut self, database: &str, table: &Table) -> Result<Content> {
        // CONCAT_WS leaves NULL out, so it is made a text that no column holds alone.
        let columns: Vec<String> = table
            .columns
            .iter()
            .map(|name| format!("COALESCE(CAST(`{name}` AS CHAR), '\\\\N')"))
            .collect();
        let select = format!(
            "SELECT COUNT(*), COALESCE(SUM(CRC32(CONCAT_WS('\\t', {}))), 0) FROM `{database}`.`{}`",
            columns.join(", "),
            table.name
        );
        let row = self.connection.fetch_one(AssertSqlSafe(select)).await?;
        Ok(Content { rows: text(&row, 0).parse()?, checksum: text(&row, 1) })
    }

    pub(super) async fn dead_letters(&mut self, database: &str) -> Result<u64> {
        let select = format!("SELECT COUNT(*) FROM `{database}`.dead_letters");
        let row = self.connection.fetch_one(AssertSqlSafe(select)).await?;
        Ok(text(&row, 0).parse()?)
    }

    /// Rows of a table as text, in the order in which they were written: those after `id`, at most `limit`. Each comes
    /// with its id.
    pub(super) async fn rows_after(
        &mut self,
        database: &str,
        table: &Table,
        id: u64,
        limit: u64,
    ) -> Result<Vec<(u64, Vec<Option<Vec<u8>>>)>> {
        let columns: Vec<String> =
            table.columns.iter().map(|name| format!("CAST(`{name}` AS CHAR)")).collect();
        let select = format!(
            "SELECT id, {} FROM `{database}`.`{}` WHERE id > {id} ORDER BY id LIMIT {limit}",
            columns.join(", "),
            table.name
        );
        let rows = self.connection.fetch_all(AssertSqlSafe(select)).await?;
        rows.iter()
            .map(|row| {
                let values = (1..=table.columns.len()).map(|index| bytes(row, index)).collect();
                Ok((text(row, 0).parse()?, values))
            })
            .collect()
    }

    pub(super) async fn drop_database(&mut self, database: &str) -> Result<()> {
        let drop = format!("DROP DATABASE IF EXISTS `{database}`");
        self.connection.execute(AssertSqlSafe(drop)).await?;
        Ok(())
    }

    /// Waits until old row versions are purged and dirty pages are no longer written out; on a server that others use as
    /// well this may never be, and then the wait ends after `longest`.
    pub(super) async fn rest(&mut self, longest: Duration) -> Result<()> {
        let deadline = Instant::now() + longest;
        let (mut last, mut unchanged) = (None, 0);
        while unchanged < REST_POLLS && Instant::now() < deadline {
            tokio::time::sleep(REST_POLL).await;
            let show = "SHOW GLOBAL STATUS WHERE Variable_name IN \
                        ('Innodb_buffer_pool_pages_dirty', 'Innodb_data_written')";
            let status = self.connection.fetch_all(show).await?;
            let history = self
                .connection
                .fetch_all("SELECT `COUNT` FROM information_schema.INNODB_METRICS WHERE NAME = 'trx_rseg_history_len'")
                .await?;
            let now: Vec<String> = status
                .iter()
                .map(|row| text(row, 1))
                .chain(history.iter().map(|row| text(row, 0)))
                .collect();
            unchanged = if last.as_ref() == Some(&now) { unchanged + 1 } else { 0 };
            last = Some(now);
        }
        Ok(())
    }

    pub(super) async fn buffer_pool_bytes(&mut self) -> Result<u64> {
        let row = self.connection.fetch_one("SELECT @@innodb_buffer_pool_size").await?;
        Ok(text(&row, 0).parse()?)
    }

    /// Changes the size of the buffer pool, and waits until it is so.
    pub(super) async fn resize_buffer_pool(&mut self, bytes: u64) -> Result<()> {
        let set = format!("SET GLOBAL innodb_buffer_pool_size = {bytes}");
        self.connection.execute(AssertSqlSafe(set)).await?;
        let deadline = Instant::now() + RESIZE_WAIT;
        loop {
            let row = self
                .connection
                .fetch_one("SHOW GLOBAL STATUS LIKE 'Innodb_buffer_pool_resize_status'")
                .await?;
            let status = text(&row, 1);
            let is_set = self.buffer_pool_bytes().await? == bytes;
            if is_set && (status.is_empty() || status.contains("ompleted")) {
                return Ok(());
            }
            ensure!(
                Instant::now() < deadline,
                "the buffer pool does not get {bytes} bytes: {status}"
            );
            tokio::time::sleep(REST_POLL).await;
        }
    }

    pub(super) async fn close(self) {
        // A server that hangs up first has understood, too.
        let _ = self.connection.close().await;
    }
}

impl Counted {
    /// What came on top since: `cpu_seconds`, if known, and the counters in lower case.
    pub(super) fn since(&self, before: &Self) -> Vec<(String, f64)> {
        let cpu = self.cpu_seconds.zip(before.cpu_seconds).map(|(after, before)| after - before);
        let counters = self.counters.iter().map(|(name, after)| {
            let before = before.counters.get(name).copied().unwrap_or_default();
            (name.to_lowercase(), after - before)
        });
        cpu.map(|cpu| ("cpu_seconds".to_owned(), cpu)).into_iter().chain(counters).collect()
    }
}

fn pid(file: &Path) -> Option<u32> {
    let pid = std::fs::read_to_string(file).ok()?.trim().parse().ok()?;
    process::cpu_seconds(pid).map(|_| pid)
}

fn bytes(row: &MySqlRow, index: usize) -> Option<Vec<u8>> {
    // Of a text result every value is text, whatever its column's type.
    row.get_unchecked(index)
}

pub(super) fn text(row: &MySqlRow, index: usize) -> String {
    String::from_utf8_lossy(&bytes(row, index).unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_urls() {
        let address = Address::parse("mysql://me:a@b:c@db.example:3307").unwrap();
        assert_eq!((address.user.as_str(), address.password.as_str()), ("me", "a@b:c"));
        assert_eq!((address.host.as_str(), address.port.as_str()), ("db.example", "3307"));
        assert_eq!(Address::parse("mysql://me@localhost").unwrap().port, "3306");
        for wrong in ["localhost:3306", "mysql://me:secret@db:port", "mysql://db"] {
            let error = Address::parse(wrong).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
