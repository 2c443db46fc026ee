//! Opens connections that are ready for flushing: logged in, session set up, server version known.

use super::dialect::ServerFacts;
use super::errors::{Late, Unfit, number_of};
use super::retry::Class;
use super::server::Server;
use super::{nodelay, session};
use sqlx::error::DatabaseError;
use sqlx::mysql::{MySqlConnection, MySqlRow, MySqlSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, Row};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long closing a connection may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// `ER_STATEMENT_TIMEOUT` of MariaDB, `ER_QUERY_TIMEOUT` of MySQL.
const TIME_IS_UP: [u16; 2] = [1969, 3024];
/// SQLSTATE of a denied login.
const ACCESS_DENIED: &str = "28000";

impl Server {
    /// Opens a connection and sets up its session.
    ///
    /// # Errors
    /// The driver's errors, and `Io(TimedOut)` after [`Self::connect_timeout`].
    pub async fn connect(&self) -> Result<MySqlConnection, sqlx::Error> {
        self.connect_and_ask().await.map(|(connection, _)| connection)
    }

    /// Like [`Self::connect`], and returns what the server said about itself.
    ///
    /// # Errors
    /// As [`Self::connect`].
    pub async fn connect_and_ask(&self) -> Result<(MySqlConnection, ServerFacts), sqlx::Error> {
        self.connect_with(true).await
    }

    /// Like [`Self::connect`], without choosing the database, which may not exist yet.
    ///
    /// # Errors
    /// As [`Self::connect`].
    pub async fn connect_without_database(&self) -> Result<MySqlConnection, sqlx::Error> {
        self.connect_with(false).await.map(|(connection, _)| connection)
    }

    async fn connect_with(
        &self,
        with_database: bool,
    ) -> Result<(MySqlConnection, ServerFacts), sqlx::Error> {
        let connect = async {
            let mut connection = self.log_in(with_database).await?;
            if self.socket.is_none() {
                nodelay::set_on_connections_to(self.port);
            }
            let facts = set_up(&mut connection, self.lock_wait_timeout).await?;
            Ok((connection, facts))
        };
        let connected = tokio::time::timeout(self.connect_timeout, connect).await;
        connected.unwrap_or_else(|_| Err(Late::Connection(self.connect_timeout).into()))
    }

    async fn log_in(&self, with_database: bool) -> Result<MySqlConnection, sqlx::Error> {
        let connected = match self.options(with_database).connect().await {
            Err(error) if self.is_uncached_login(&error) => {
                self.cache_login().await?;
                self.options(with_database).connect().await
            }
            connected => connected,
        };
        connected.map_err(|error| Unfit::plugin(&error).map_or(error, Into::into))
    }

    /// Whether the server may have denied the login only because it has not cached it yet. For an
    /// account with `caching_sha2_password` it then asks for the password itself, in the clear over
    /// a Unix socket; sqlx 0.9 encrypts it and is denied.
    fn is_uncached_login(&self, error: &sqlx::Error) -> bool {
        let denied = error.as_database_error().and_then(DatabaseError::code);
        self.socket.is_some()
            && matches!(self.tls.mode, MySqlSslMode::Preferred)
            && denied.is_some_and(|state| state == ACCESS_DENIED)
    }

    /// Logs in over TLS, where sqlx sends the password as the server expects it. The server then
    /// caches the login.
    async fn cache_login(&self) -> Result<(), sqlx::Error> {
        close(self.options(false).ssl_mode(MySqlSslMode::Required).connect().await?).await;
        Ok(())
    }

    /// Creates the database if it does not exist.
    ///
    /// # Errors
    /// The driver's.
    pub async fn create_database(&self) -> Result<(), sqlx::Error> {
        let mut connection = self.connect_without_database().await?;
        connection.execute(AssertSqlSafe(self.create_database_text())).await?;
        close(connection).await;
        Ok(())
    }

    /// The statement that creates the database.
    #[must_use]
    pub fn create_database_text(&self) -> String {
        let name = self.database.replace('`', "``");
        format!("CREATE DATABASE IF NOT EXISTS `{name}` CHARACTER SET utf8mb4")
    }
}

/// Sets up the session: one statement, a look at the variables, and one more statement for those
/// that must change. Returns what the server is.
async fn set_up(
    connection: &mut MySqlConnection,
    lock_wait: Duration,
) -> Result<ServerFacts, sqlx::Error> {
    connection.execute(session::BEFORE_LOOKING).await?;
    let mut shown = look(connection).await?;
    if !session::is_whole(&shown) {
        for lift in session::LIFT_TIME_LIMIT {
            // Each server knows only one of the two.
            let _ = connection.execute(lift).await;
        }
        shown = look(connection).await?;
    }
    if !session::is_whole(&shown) {
        return Err(Unfit::Hidden.into());
    }
    let changes = session::changes(&shown, lock_wait);
    if let Some(set) = session::set(&changes)
        && let Err(error) = connection.execute(AssertSqlSafe(set)).await
    {
        if passes(&error) {
            return Err(error);
        }
        set_each(connection, changes).await?;
    }
    let version = shown.remove("version").unwrap_or_default();
    let packet = shown.get("max_allowed_packet").and_then(|bytes| bytes.parse().ok());
    Ok(ServerFacts::new(version, packet.unwrap_or(usize::MAX)))
}

/// The session's variables; none if the server's statement timeout ended the query.
async fn look(connection: &mut MySqlConnection) -> Result<BTreeMap<String, String>, sqlx::Error> {
    let rows = match connection.fetch_all(session::LOOK).await {
        Err(error) if TIME_IS_UP.contains(&number_of(&error)) => Vec::new(),
        looked => looked?,
    };
    let text = |row: &MySqlRow, column| -> Result<String, sqlx::Error> {
        // The session does not use our character sets yet.
        let bytes: Vec<u8> = row.try_get_unchecked(column)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    rows.iter().map(|row| Ok((text(row, 0)?.to_ascii_lowercase(), text(row, 1)?))).collect()
}

/// Sets one variable at a time, to find the one that the server refuses.
async fn set_each(
    connection: &mut MySqlConnection,
    changes: Vec<session::Change>,
) -> Result<(), sqlx::Error> {
    for change in changes {
        match connection.execute(AssertSqlSafe(change.statement())).await {
            Ok(_) => {}
            Err(error) if passes(&error) => return Err(error),
            Err(error) => return Err(Unfit::variable(change, number_of(&error)).into()),
        }
    }
    Ok(())
}

/// Whether an error has nothing to do with the statement.
fn passes(error: &sqlx::Error) -> bool {
    matches!(Class::of_error(error), Class::Connection | Class::Contention | Class::Outage)
}

/// Closes a connection politely. It does not matter if the server hangs up first (over TLS it does)
/// or does not answer in time.
pub async fn close(connection: MySqlConnection) {
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, connection.close()).await;
}

/// Asks the server what it is.
///
/// # Errors
/// The driver's.
pub async fn server_facts(connection: &mut MySqlConnection) -> Result<ServerFacts, sqlx::Error> {
    let row = connection
        .fetch_one("SELECT CAST(VERSION() AS CHAR), CAST(@@max_allowed_packet AS SIGNED)")
        .await?;
    let version: String = row.try_get(0)?;
    let max_allowed_packet: i64 = row.try_get(1)?;
    Ok(ServerFacts::new(version, usize::try_from(max_allowed_packet).unwrap_or(usize::MAX)))
}
