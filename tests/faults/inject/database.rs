//! What happens to the database server and its tables.

use super::Injector;
use crate::fault::Fault;
use crate::own_servers::{ACCOUNT, GRANTS, Servers, tell};
use loadgen::{Kind, Message};
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Connection, Executor, Row as _};
use std::ops::Range;
use std::sync::Arc;
use testkit::Server;

const TIMEOUT_SECONDS: i64 = 1;
const PACKET_LOWERED: i64 = 1024 * 1024;
/// Of BIGINT UNSIGNED, the last numbers.
const IDS_LEFT_FROM: u64 = u64::MAX - 20;
/// Above what the generator writes into `user_logins.role`, and below what the column takes.
pub(super) const ROLE_WIDTHS: Range<usize> = 10..48;
pub(super) const LOCK_COMMUNITIES: [&str; 2] =
    ["START TRANSACTION", "SELECT community_id FROM communities FOR UPDATE"];

/// A global variable with another value, in which new sessions begin.
pub(super) struct Lowered {
    variable: &'static str,
    before: i64,
    /// From before, so that the value does not hold for it.
    admin: MySqlConnection,
}

impl Lowered {
    pub(super) async fn wait_timeout(servers: &Servers) -> Self {
        Self::to(servers, "wait_timeout", TIMEOUT_SECONDS).await
    }

    pub(super) async fn max_allowed_packet(servers: &Servers) -> Self {
        Self::to(servers, "max_allowed_packet", PACKET_LOWERED).await
    }

    async fn to(servers: &Servers, variable: &'static str, value: i64) -> Self {
        let mut admin = servers.admin().await;
        let select = format!("SELECT CAST(@@GLOBAL.{variable} AS SIGNED)");
        let before = admin.fetch_one(AssertSqlSafe(select)).await.unwrap().get(0);
        let mut lowered = Self { variable, before, admin };
        lowered.set(servers, value).await;
        lowered
    }

    /// Every connection of sluicegate begins anew with the value: a session takes its own from the
    /// global one when it begins.
    async fn set(&mut self, servers: &Servers, value: i64) {
        let set = format!("SET GLOBAL {} = {value}", self.variable);
        self.admin.execute(AssertSqlSafe(set)).await.unwrap();
        servers.kill_connections_by(&mut self.admin).await;
    }

    pub(super) async fn undo(mut self, servers: &Servers) {
        self.set(servers, self.before).await;
        let _ = self.admin.close().await;
    }
}

impl Injector {
    pub(super) async fn make_read_only(&self) {
        let variable = match self.servers.kind() {
            Server::MySql => "super_read_only",
            Server::MariaDb => "read_only",
        };
        self.servers.sql(&format!("SET GLOBAL {variable} = ON")).await;
    }

    /// Makes the disk as large again as it was.
    pub(super) async fn give_room(&self) {
        let servers = &self.servers;
        servers.disk_is_full(false).await;
        if self.is_short {
            // MySQL looks only once a minute whether its log can be written again.
            tell(&servers.database(), "kill").await;
        }
        // A server may also have given up.
        tell(&servers.database(), "start").await;
    }

    /// Takes from sluicegate what it needs of its tables.
    pub(super) async fn spoil_tables(&self, fault: Fault) {
        let servers = &self.servers;
        match fault {
            Fault::GrantRevoked => {
                let database = &servers.world.database;
                servers.sql(&format!("REVOKE INSERT ON `{database}`.* FROM {ACCOUNT}")).await;
                // A session keeps the privileges for the database that it has chosen.
                servers.kill_connections().await;
            }
            Fault::ColumnMissing => {
                servers.sql("ALTER TABLE user_logins RENAME COLUMN ip_address TO address").await;
            }
            Fault::ColumnNarrower => self.narrow().await,
            _ => {
                let set = format!("ALTER TABLE user_logins AUTO_INCREMENT = {IDS_LEFT_FROM}");
                servers.sql(&set).await;
            }
        }
    }

    /// Gives it back.
    pub(super) async fn repair_tables(&self, fault: Fault) {
        let servers = &self.servers;
        match fault {
            Fault::GrantRevoked => {
                let database = &servers.world.database;
                servers.sql(&format!("GRANT {GRANTS} ON `{database}`.* TO {ACCOUNT}")).await;
            }
            Fault::ColumnMissing => {
                servers.sql("ALTER TABLE user_logins RENAME COLUMN address TO ip_address").await;
            }
            Fault::ColumnNarrower => {
                servers.sql("ALTER TABLE user_logins MODIFY role VARCHAR(50) NULL").await;
            }
            _ => {
                // Numbered anew, from 1 on.
                servers.sql("ALTER TABLE user_logins DROP PRIMARY KEY, DROP COLUMN id, ADD COLUMN id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY FIRST").await;
            }
        }
    }

    /// Makes a column too narrow for an event that comes next. What is in the table fits: the
    /// values that this makes longer and longer come from here alone.
    async fn narrow(&self) {
        let width = self.widths.lock().await.next().expect("more widths");
        let narrow = format!("ALTER TABLE user_logins MODIFY role VARCHAR({width}) NULL");
        self.servers.sql(&narrow).await;
        let id = format!("{width:024x}");
        let role = "r".repeat(width + 1);
        let value = format!(
            r#"{{"event_type":"user.login","event_id":"wide-{width}","timestamp":"2025-01-06T08:00:00Z","entity_id":"{id}","data":{{"role":"{role}"}}}}"#
        );
        self.feed.send(Message {
            topic: "user".into(),
            key: Some(id.into_bytes()),
            value: Some(value.into_bytes()),
            kind: Kind::Valid,
        });
    }
}

/// A transaction that locks what sluicegate locks, the other way round: communities, which a batch
/// writes last, then users, greatest id first. It has written so much that the server prefers to
/// roll back the other one.
pub(super) async fn opposite_order(servers: Arc<Servers>) {
    let mut connection = servers.admin().await;
    let weight = "INSERT INTO heavy WITH RECURSIVE numbers (n) AS \
                  (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 1000) SELECT n FROM numbers";
    for statement in [
        "CREATE TABLE IF NOT EXISTS heavy (n BIGINT)",
        "SET SESSION innodb_lock_wait_timeout = 1",
        "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
        "START TRANSACTION",
        weight,
        "SELECT community_id FROM communities FOR UPDATE",
        // The batches that come meanwhile lock their users and wait for a community.
        "DO SLEEP(0.3)",
        "SELECT user_id FROM users ORDER BY user_id DESC FOR UPDATE",
        "ROLLBACK",
    ] {
        // It may be this one that is rolled back.
        if connection.execute(AssertSqlSafe(statement)).await.is_err() {
            break;
        }
    }
    let _ = connection.close().await;
}
