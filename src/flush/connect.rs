//! A connection that is fit for flushing: session settings, TLS, TCP_NODELAY.

use super::retry::{Class, number_of};
use super::unfit::{Late, Unfit};
use super::{Dialect, session};
use crate::flatten::JsonLimits;
use sqlx::error::DatabaseError;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlRow, MySqlSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, Row};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// How long a goodbye may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// `ER_STATEMENT_TIMEOUT` of MariaDB, `ER_QUERY_TIMEOUT` of MySQL.
const TIME_IS_UP: [u16; 2] = [1969, 3024];
/// SQLSTATE of a login that the server denies.
const ACCESS_DENIED: &str = "28000";

/// Where the server is and how to get in.
#[derive(Clone)]
pub struct Server {
    /// Host name or address; not used with a socket.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Unix socket, instead of TCP.
    pub socket: Option<PathBuf>,
    /// Account.
    pub user: String,
    /// Its password.
    pub password: Option<String>,
    /// Database (schema) that holds the tables.
    pub database: String,
    /// TLS.
    pub tls: Tls,
    /// How long to wait for a connection.
    pub connect_timeout: Duration,
    /// How long a statement may wait for another transaction's lock, in whole seconds.
    pub lock_wait_timeout: Duration,
}

/// TLS towards the server.
#[derive(Debug, Clone)]
pub struct Tls {
    /// Whether to use it, and what to verify.
    pub mode: MySqlSslMode,
    /// Certificate authority, PEM.
    pub ca: Option<PathBuf>,
    /// Client certificate, PEM.
    pub cert: Option<PathBuf>,
    /// Its key, PEM.
    pub key: Option<PathBuf>,
}

/// What the server said about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerFacts {
    /// MySQL or MariaDB.
    pub dialect: Dialect,
    /// `VERSION()`.
    pub version: String,
    /// `max_allowed_packet` in bytes.
    pub max_allowed_packet: usize,
}

impl ServerFacts {
    fn new(version: String, max_allowed_packet: usize) -> Self {
        let dialect = if version.contains("MariaDB") { Dialect::MariaDb } else { Dialect::MySql };
        Self { dialect, version, max_allowed_packet }
    }

    /// Whether the server is new enough: MySQL knows the row alias since 8.0.20, MariaDB is
    /// supported from 10.6 on.
    #[must_use]
    pub fn is_supported(&self) -> bool {
        let least: [u32; 3] = match self.dialect {
            Dialect::MySql => [8, 0, 20],
            Dialect::MariaDb => [10, 6, 0],
        };
        // Some servers say 5.5.5- before their version, for old replicas.
        let version = self.version.trim_start_matches("5.5.5-");
        let digits = |part: &str| {
            let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
            part[..end].parse().unwrap_or(0)
        };
        let mut found = version.split('.').map(digits).chain(std::iter::repeat(0));
        [0; 3].map(|_| found.next().unwrap_or(0)) >= least
    }

    /// What its JSON column takes.
    #[must_use]
    pub fn json_limits(&self) -> JsonLimits {
        match self.dialect {
            Dialect::MySql => JsonLimits::MYSQL,
            Dialect::MariaDb => JsonLimits::MARIADB,
        }
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("address", &self.address()).finish_non_exhaustive()
    }
}

impl Server {
    /// As it is shown to people: no password.
    #[must_use]
    pub fn address(&self) -> String {
        match &self.socket {
            Some(socket) => {
                format!("{}@{} database {}", self.user, socket.display(), self.database)
            }
            None => format!("{}@{}:{} database {}", self.user, self.host, self.port, self.database),
        }
    }

    fn options(&self, with_database: bool) -> MySqlConnectOptions {
        // As MySQL's own clients do: a Unix socket cannot be listened in on.
        let tls = match self.tls.mode {
            MySqlSslMode::Preferred if self.socket.is_some() => MySqlSslMode::Disabled,
            mode => mode,
        };
        let mut options = MySqlConnectOptions::new()
            .host(&self.host)
            .port(self.port)
            .username(&self.user)
            .charset("utf8mb4")
            .ssl_mode(tls)
            // The session is set up by statements of our own.
            .pipes_as_concat(false)
            .no_engine_substitution(false)
            .timezone(None)
            .set_names(false)
            .statement_cache_capacity(0)
            // The driver would log slow statements with their text: that is payload.
            .disable_statement_logging();
        if let Some(password) = &self.password {
            options = options.password(password);
        }
        if let Some(socket) = &self.socket {
            options = options.socket(socket);
        }
        if let Some(ca) = &self.tls.ca {
            options = options.ssl_ca(ca);
        }
        if let (Some(cert), Some(key)) = (&self.tls.cert, &self.tls.key) {
            options = options.ssl_client_cert(cert).ssl_client_key(key);
        }
        if with_database { options.database(&self.database) } else { options }
    }

    /// Opens a connection and sets up its session.
    ///
    /// # Errors
    /// Whatever the driver says, or `Io(TimedOut)` after [`Self::connect_timeout`].
    pub async fn connect(&self) -> Result<MySqlConnection, sqlx::Error> {
        self.connect_and_ask().await.map(|(connection, _)| connection)
    }

    /// The same, with what the server said about itself meanwhile.
    ///
    /// # Errors
    /// As [`Self::connect`].
    pub async fn connect_and_ask(&self) -> Result<(MySqlConnection, ServerFacts), sqlx::Error> {
        self.connect_with(true).await
    }

    /// The same without choosing the database, which may not exist yet.
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

    /// Whether a denied login may only be one that the server has not cached yet. For an account
    /// with `caching_sha2_password` the server then wants the password itself, over a Unix socket
    /// in clear; sqlx 0.9 encrypts it, and is denied.
    fn is_uncached_login(&self, error: &sqlx::Error) -> bool {
        let denied = error.as_database_error().and_then(DatabaseError::code);
        self.socket.is_some()
            && matches!(self.tls.mode, MySqlSslMode::Preferred)
            && denied.is_some_and(|state| state == ACCESS_DENIED)
    }

    /// Logs in over TLS, where sqlx sends the password as the server wants it; then it is cached.
    async fn cache_login(&self) -> Result<(), sqlx::Error> {
        close(self.options(false).ssl_mode(MySqlSslMode::Required).connect().await?).await;
        Ok(())
    }

    /// Creates the database if it does not exist.
    ///
    /// # Errors
    /// Whatever the driver says.
    pub async fn create_database(&self) -> Result<(), sqlx::Error> {
        let mut connection = self.connect_without_database().await?;
        let name = self.database.replace('`', "``");
        let create = format!("CREATE DATABASE IF NOT EXISTS `{name}` CHARACTER SET utf8mb4");
        connection.execute(AssertSqlSafe(create)).await?;
        close(connection).await;
        Ok(())
    }
}

/// Sets up the session in two statements and a look in between, and gives what the server is.
async fn set_up(
    connection: &mut MySqlConnection,
    lock_wait: Duration,
) -> Result<ServerFacts, sqlx::Error> {
    connection.execute(session::BEFORE_LOOKING).await?;
    let mut shown = look(connection).await?;
    if !session::is_whole(&shown) {
        for lift in session::LIFT_TIME_LIMIT {
            // The server has one of the two.
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

/// What the session has; nothing if the server's limit on time ended the look.
async fn look(connection: &mut MySqlConnection) -> Result<BTreeMap<String, String>, sqlx::Error> {
    let rows = match connection.fetch_all(session::LOOK).await {
        Err(error) if TIME_IS_UP.contains(&number_of(&error)) => Vec::new(),
        looked => looked?,
    };
    let text = |row: &MySqlRow, column| -> Result<String, sqlx::Error> {
        // The session's character sets are not ours yet.
        let bytes: Vec<u8> = row.try_get_unchecked(column)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    rows.iter().map(|row| Ok((text(row, 0)?.to_ascii_lowercase(), text(row, 1)?))).collect()
}

/// Finds the variable that the server refuses to set.
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

/// Says goodbye. That the server hangs up before it has heard all of it (as it does over TLS) or
/// does not answer within a moment changes nothing.
pub async fn close(connection: MySqlConnection) {
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, connection.close()).await;
}

/// Asks the server what it is.
///
/// # Errors
/// Whatever the driver says.
pub async fn server_facts(connection: &mut MySqlConnection) -> Result<ServerFacts, sqlx::Error> {
    let row = connection
        .fetch_one("SELECT CAST(VERSION() AS CHAR), CAST(@@max_allowed_packet AS SIGNED)")
        .await?;
    let version: String = row.try_get(0)?;
    let max_allowed_packet: i64 = row.try_get(1)?;
    Ok(ServerFacts::new(version, usize::try_from(max_allowed_packet).unwrap_or(usize::MAX)))
}

/// TCP_NODELAY for a driver that does not set it.
///
/// sqlx 0.9 leaves Nagle's algorithm on and has no way to hand it a socket or to get at the one it
/// opened. Over TLS, where a statement goes out in several writes, each statement then waits about
/// 40 ms for a delayed ACK. So after connecting, every TCP socket of this process whose peer is
/// the server's port gets the option: it is idempotent, and on any other socket that happens to
/// match it does no harm.
mod nodelay {
    use socket2::{SockRef, TcpKeepalive};
    use std::os::fd::{BorrowedFd, RawFd};
    use std::time::Duration;

    /// A peer that vanished without a word is noticed after about a minute and a half.
    fn keepalive() -> TcpKeepalive {
        TcpKeepalive::new()
            .with_time(Duration::from_secs(60))
            .with_interval(Duration::from_secs(10))
    }

    pub(super) fn set_on_connections_to(port: u16) {
        // Linux and macOS list a process's descriptors here.
        let Ok(entries) = std::fs::read_dir("/dev/fd") else { return };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let descriptors: Vec<RawFd> = names.filter_map(|name| name.parse().ok()).collect();
        for descriptor in descriptors {
            // SAFETY: the descriptor is only borrowed for three system calls, which report an
            // error if it has been closed meanwhile. If it has been reused, it is some other
            // socket of this process, and the port decides whether it is touched.
            #[allow(unsafe_code)]
            let borrowed = unsafe { BorrowedFd::borrow_raw(descriptor) };
            let socket = SockRef::from(&borrowed);
            let is_peer = socket
                .peer_addr()
                .ok()
                .and_then(|peer| peer.as_socket())
                .is_some_and(|peer| peer.port() == port);
            if is_peer {
                // Without them the connection still works, only slower.
                let _ = socket.set_tcp_nodelay(true);
                let _ = socket.set_tcp_keepalive(&keepalive());
            }
        }
    }

    #[cfg(test)]
    mod tests {
        use std::net::{TcpListener, TcpStream};

        #[test]
        fn connections_to_the_port_are_found() {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let stream = TcpStream::connect(address).unwrap();
            assert!(!stream.nodelay().unwrap());
            super::set_on_connections_to(address.port());
            assert!(stream.nodelay().unwrap());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_servers_are_not_supported() {
        for (dialect, version, supported) in [
            (Dialect::MySql, "9.7.4-2", true),
            (Dialect::MySql, "8.4.0", true),
            (Dialect::MySql, "8.0.20", true),
            (Dialect::MySql, "8.0.19-log", false),
            (Dialect::MySql, "5.7.44", false),
            (Dialect::MariaDb, "10.11.18-MariaDB-0+deb12u1", true),
            (Dialect::MariaDb, "5.5.5-10.6.1-MariaDB", true),
            (Dialect::MariaDb, "10.5.29-MariaDB", false),
        ] {
            let version = version.to_owned();
            let facts = ServerFacts { dialect, version, max_allowed_packet: 0 };
            assert_eq!(facts.is_supported(), supported, "{facts:?}");
        }
    }
}
