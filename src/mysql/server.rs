//! Where the server is and how to log in.

use sqlx::ConnectOptions;
use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};
use std::path::PathBuf;
use std::time::Duration;

/// Where the server is and how to log in.
#[derive(Clone)]
pub struct Server {
    /// Host name or address; not used with a socket.
    pub host: String,
    pub port: u16,
    /// Unix socket, instead of TCP.
    pub socket: Option<PathBuf>,
    pub user: String,
    pub password: Option<String>,
    /// Database (schema) that holds the tables.
    pub database: String,
    pub tls: Tls,
    pub connect_timeout: Duration,
    /// How long a statement may wait for another transaction's lock, in whole seconds.
    pub lock_wait_timeout: Duration,
}

/// TLS to the server.
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

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("address", &self.address()).finish_non_exhaustive()
    }
}

impl Server {
    /// For logs and errors: without the password.
    #[must_use]
    pub fn address(&self) -> String {
        match &self.socket {
            Some(socket) => {
                format!("{}@{} database {}", self.user, socket.display(), self.database)
            }
            None => format!("{}@{}:{} database {}", self.user, self.host, self.port, self.database),
        }
    }

    pub(super) fn options(&self, with_database: bool) -> MySqlConnectOptions {
        // Like MySQL's own clients: nothing can listen in on a Unix socket.
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
            // Our own statements set up the session.
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
}
