//! Servers that answer but that we cannot use with this account.

use crate::mysql::session::Change;
use std::time::Duration;

/// Why we cannot use a connection. Waiting does not help; a person has to change something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// The session has a value that would make statements mean something else or fail.
    #[error(
        "the session variable {name} is {found} but must be {wanted}, and this account may not set it (error {number}); run SET GLOBAL {name} = {wanted} on the server, or GRANT SESSION_VARIABLES_ADMIN (MySQL) or BINLOG ADMIN (MariaDB) to the account"
    )]
    Variable {
        name: &'static str,
        wanted: String,
        found: String,
        /// The server's error number.
        number: u16,
    },
    /// The server does not show the session's variables, so we cannot tell which to set.
    #[error(
        "the server did not show its session variables; make SHOW SESSION VARIABLES work through any proxy between sluicegate and the server"
    )]
    Hidden,
    /// The driver lacks the account's authentication plugin.
    #[error(
        "the account uses the authentication plugin {0}, which sluicegate does not support; change it with ALTER USER … IDENTIFIED WITH caching_sha2_password (MySQL) or IDENTIFIED VIA mysql_native_password (MariaDB)"
    )]
    Plugin(String),
}

impl Unfit {
    /// The server refuses this change.
    pub(in crate::mysql) fn variable(change: Change, number: u16) -> Self {
        let Change { name, wanted, found } = change;
        Self::Variable { name, wanted, found: plain(&found), number }
    }

    /// The plugin that a driver's error names, if any.
    pub(in crate::mysql) fn plugin(error: &sqlx::Error) -> Option<Self> {
        let sqlx::Error::Protocol(text) = error else { return None };
        if text.contains("mysql_cleartext_plugin disabled") {
            return Some(Self::Plugin("mysql_clear_password".to_owned()));
        }
        let (_, plugin) = text.split_once("unknown authentication plugin: ")?;
        Some(Self::Plugin(plain(plugin)))
    }
}

impl From<Unfit> for sqlx::Error {
    fn from(unfit: Unfit) -> Self {
        Self::Configuration(Box::new(unfit))
    }
}

/// A timeout of our own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Late {
    #[error("no connection within {0:?} (mysql.connect_timeout)")]
    Connection(Duration),
    #[error("no answer within {0:?} (flush.statement_timeout)")]
    Statement(Duration),
}

impl From<Late> for sqlx::Error {
    fn from(late: Late) -> Self {
        Self::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, late))
    }
}

/// A name or a setting's value from the other side, cut where a character does not belong in one. So
/// it never shows a whole text, whatever the other side sends.
fn plain(text: &str) -> String {
    const LENGTH_MAX: usize = 200;
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || "_-+:.,".contains(*c);
    let plain: String = text.chars().take_while(is_plain).take(LENGTH_MAX).collect();
    if plain.is_empty() { "something else".to_owned() } else { plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plugins_that_the_driver_lacks_are_named() {
        for (text, plugin) in [
            ("unknown authentication plugin: client_ed25519", Some("client_ed25519")),
            ("mysql_cleartext_plugin disabled", Some("mysql_clear_password")),
            ("unknown authentication plugin: x'; Sql: insert", Some("x")),
            ("Packet empty", None),
        ] {
            let found = Unfit::plugin(&sqlx::Error::Protocol(text.to_owned()));
            assert_eq!(found, plugin.map(|name| Unfit::Plugin(name.to_owned())), "{text}");
        }
    }
}
