//! Servers that answer but cannot be used with this account, in our words.

use crate::mysql::session::Change;
use std::time::Duration;

/// Why a connection is of no use. Waiting does not help; a person has to change something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// The session has a value that would make statements mean something else or fail.
    #[error(
        "the session variable {name} is {found} and has to be {wanted}, but the server refuses to set it for this account (error {number}); run SET GLOBAL {name} = {wanted} on the server, or GRANT SESSION_VARIABLES_ADMIN (MySQL) or BINLOG ADMIN (MariaDB) to the account"
    )]
    Variable {
        /// Its name.
        name: &'static str,
        /// What it has to be.
        wanted: String,
        /// What it is.
        found: String,
        /// The server's error number.
        number: u16,
    },
    /// The session's variables are not shown, so that they cannot be made ours.
    #[error(
        "the server did not show its session variables; SHOW SESSION VARIABLES has to work through whatever is between sluicegate and the server"
    )]
    Hidden,
    /// The account logs in by a plugin that the driver does not have.
    #[error(
        "the account logs in by the plugin {0}, which sluicegate does not have; give the account one that it has with ALTER USER … IDENTIFIED WITH caching_sha2_password (MySQL) or IDENTIFIED VIA mysql_native_password (MariaDB)"
    )]
    Plugin(String),
}

impl Unfit {
    /// The server refuses this change.
    pub(in crate::mysql) fn variable(change: Change, number: u16) -> Self {
        let Change { name, wanted, found } = change;
        Self::Variable { name, wanted, found: plain(&found), number }
    }

    /// The plugin that a driver's error is about, if it is about one.
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

/// A wait that we ended ourselves.
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

/// What the other side calls a name or a setting's value, cut to what those are made of. It is
/// never a whole text, whatever the other side sends.
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
