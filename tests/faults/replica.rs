//! A replica of the database server of a test's own, and the failover to it: the primary dies as in a power cut, the
//! replica is promoted, and the address that sluicegate knows leads to it from then on.
//!
//! What the primary has committed and the replica has not received is lost: with asynchronous replication that is the
//! usual case, here it is as much as the test wants. Semi-synchronous replication loses nothing that was acknowledged.

use crate::own_servers::{Servers, start_database, tell};
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlRow};
use sqlx::{AssertSqlSafe, Column as _, ConnectOptions, Executor, Row as _};
use std::path::Path;
use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use testkit::{OwnServer, Server, servers, until};

/// How long a replica may take to apply all that a run has written so far.
const CATCH_UP: Duration = Duration::from_secs(900);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replication {
    Asynchronous,
    /// A commit is acknowledged once the replica has received it.
    SemiSynchronous,
}

/// A server that follows the one that takes writes.
pub struct Replica {
    server: OwnServer,
    kind: Server,
}

/// Arguments for a primary and for a replica, which may become one, in this directory. Each call gives another server id.
pub fn arguments(server: Server, directory: &Path) -> Vec<String> {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let id = format!("--server-id={}", NEXT.fetch_add(1, Ordering::Relaxed));
    // On a full disk MariaDB's binlog ends in the middle of an event, and no replica can follow any more: it is on another.
    let log = format!("--log-bin={}/mariadb/binlog", directory.display());
    let arguments: &[&str] = match server {
        Server::MySql => &[
            "--gtid-mode=ON",
            "--enforce-gtid-consistency=ON",
            "--plugin-load-add=semisync_source.so",
            "--plugin-load-add=semisync_replica.so",
        ],
        Server::MariaDb => &[&log, "--log-slave-updates", "--binlog-format=ROW"],
    };
    arguments.iter().map(|argument| (*argument).to_owned()).chain([id]).collect()
}

impl Servers {
    /// Starts a replica, and waits until it has everything that the primary had at that time.
    pub async fn replica(&self, replication: Replication) -> Replica {
        let (kind, primary) = (self.kind(), self.database());
        let directory = servers::directory("replica");
        let arguments = arguments(kind, &directory);
        let server = start_database(kind, &directory, self.has_disk, &arguments).await;
        let replica = Replica { server, kind };
        if replication == Replication::SemiSynchronous {
            let (source, follower) = semi_synchronous(kind);
            execute(&primary, source).await;
            execute(&replica.server, follower).await;
        }
        replica.follow(&primary).await;
        if replication == Replication::SemiSynchronous {
            let what = || "a replica that acknowledges commits".to_owned();
            until(what, async || acknowledging(&primary).await == 1).await;
        }
        replica
    }

    /// The primary dies without a word, the replica is promoted with what it has received, and the address leads to it.
    pub async fn fail_over(&self, replica: Replica) {
        tell(&self.database(), "kill").await;
        replica.promote().await;
        self.switch_to(replica.server);
    }
}

impl Replica {
    async fn follow(&self, primary: &OwnServer) {
        let port = primary.port;
        let follow = match self.kind {
            Server::MySql => format!(
                "CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT={port}, SOURCE_USER='sluicegate', \
                 SOURCE_PASSWORD='sluicegate', SOURCE_AUTO_POSITION=1, GET_SOURCE_PUBLIC_KEY=1"
            ),
            Server::MariaDb => format!(
                "CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={port}, MASTER_USER='sluicegate', \
                 MASTER_PASSWORD='sluicegate', MASTER_USE_GTID=slave_pos"
            ),
        };
        let read_only = match self.kind {
            Server::MySql => "SET GLOBAL super_read_only = ON",
            Server::MariaDb => "SET GLOBAL read_only = ON",
        };
        execute(&self.server, &[&follow, read_only, "START REPLICA"]).await;
        let written = match self.kind {
            Server::MySql => "SELECT CAST(@@gtid_executed AS CHAR)",
            Server::MariaDb => "SELECT CAST(@@gtid_binlog_pos AS CHAR)",
        };
        let written = connect(primary).await.fetch_one(written).await.unwrap().get(0);
        self.has_applied(written).await;
    }

    /// From now on it lacks what the primary commits.
    pub async fn stop_receiving(&self) {
        execute(&self.server, &["STOP REPLICA IO_THREAD"]).await;
    }

    /// What its tables hold, as a person would look at them.
    pub async fn count(&self, database: &str, table: &str) -> i64 {
        count(&self.server, database, table).await
    }

    async fn promote(&self) {
        self.stop_receiving().await;
        self.has_applied(received(&self.status().await)).await;
        let promote = ["STOP REPLICA", "RESET REPLICA ALL", "SET GLOBAL read_only = OFF"];
        execute(&self.server, &promote).await;
    }

    async fn status(&self) -> MySqlRow {
        connect(&self.server).await.fetch_one("SHOW REPLICA STATUS").await.unwrap()
    }

    /// Waits until these transactions are in its tables.
    async fn has_applied(&self, transactions: String) {
        let wait = match self.kind {
            Server::MySql => "SELECT WAIT_FOR_EXECUTED_GTID_SET(?, ?)",
            Server::MariaDb => "SELECT MASTER_GTID_WAIT(?, ?)",
        };
        let mut connection = connect(&self.server).await;
        let waited = sqlx::query_scalar(wait).bind(&transactions).bind(CATCH_UP.as_secs());
        let result: Option<i64> = waited.fetch_one(&mut connection).await.unwrap();
        let errors = errors(&self.status().await);
        assert_eq!(result, Some(0), "a replica that has applied {transactions}: {errors:?}");
    }
}

/// How many rows a server's table has.
pub async fn count(server: &OwnServer, database: &str, table: &str) -> i64 {
    let count = format!("SELECT COUNT(*) FROM `{database}`.`{table}`");
    connect(server).await.fetch_one(AssertSqlSafe(count)).await.unwrap().get(0)
}

/// Statements for the primary and for the replica, before the latter connects. A commit waits for the replica, not for a
/// timeout.
fn semi_synchronous(server: Server) -> (&'static [&'static str], &'static [&'static str]) {
    match server {
        Server::MySql => (
            &[
                "SET GLOBAL rpl_semi_sync_source_timeout = 600000",
                "SET GLOBAL rpl_semi_sync_source_enabled = ON",
            ],
            &["SET GLOBAL rpl_semi_sync_replica_enabled = ON"],
        ),
        Server::MariaDb => (
            &[
                "SET GLOBAL rpl_semi_sync_master_timeout = 600000",
                "SET GLOBAL rpl_semi_sync_master_wait_point = AFTER_SYNC",
                "SET GLOBAL rpl_semi_sync_master_enabled = ON",
            ],
            &["SET GLOBAL rpl_semi_sync_slave_enabled = ON"],
        ),
    }
}

/// Replicas that acknowledge commits of this primary.
async fn acknowledging(primary: &OwnServer) -> u32 {
    let status = "SHOW GLOBAL STATUS LIKE 'rpl_semi_sync_%_clients'";
    let rows = connect(primary).await.fetch_all(status).await.unwrap();
    rows.iter().map(|row| row.get::<String, _>(1).parse::<u32>().unwrap()).sum()
}

/// The transactions that a replica has received.
fn received(status: &MySqlRow) -> String {
    let is_received = |name: &str| ["Retrieved_Gtid_Set", "Gtid_IO_Pos"].contains(&name);
    let column = status.columns().iter().find(|column| is_received(column.name()));
    status.get(column.expect("a replica's status").ordinal())
}

/// What went wrong with it.
fn errors(status: &MySqlRow) -> Vec<String> {
    let is_error = |name: &str| name.starts_with("Last_") && name.ends_with("_Error");
    let columns = status.columns().iter().filter(|column| is_error(column.name()));
    let errors = columns.map(|column| status.get::<String, _>(column.ordinal()));
    errors.filter(|error| !error.is_empty()).collect()
}

async fn connect(server: &OwnServer) -> MySqlConnection {
    let options = MySqlConnectOptions::from_str(&server.url()).unwrap();
    options.disable_statement_logging().connect().await.unwrap()
}

async fn execute(server: &OwnServer, statements: &[&str]) {
    let mut connection = connect(server).await;
    for statement in statements {
        let done = connection.execute(AssertSqlSafe(*statement)).await;
        assert!(done.is_ok(), "{statement}: {done:?}");
    }
}
