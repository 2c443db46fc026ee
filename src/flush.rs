//! Sealed batch → one transaction.
//!
//! Takes a [`Batch`](crate::buffer::Batch), gives the rows to MySQL or MariaDB, and says when they
//! are durable. Holds true: tables come in a fixed order and rows in the order of their keys; a
//! batch is committed whole or not at all, and writing it again changes nothing. Fails, for the
//! caller, only when a person is needed: everything else is tried again. Absent: offsets are not
//! looked at, JSON is just text.

pub mod bisect;
mod cause;
pub mod connect;
mod execute;
mod merge;
mod parts;
pub mod rehearse;
pub mod retry;
pub mod session;
pub mod statement;
mod unfit;
mod words;
mod writer;

pub use cause::shown;
pub use execute::{LastId, NO_PARTITION, Plan, RefusedRow, Written};
pub use unfit::Unfit;
pub use writer::{Refused, Writer};

/// The variety of SQL that the server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// MySQL 8.0.20 and newer: `INSERT … AS new`, since `VALUES()` is deprecated there.
    MySql,
    /// MariaDB 10.6 and newer: `VALUES()`, since it has no row alias.
    MariaDb,
}

impl Dialect {
    /// The value that an `INSERT` would have given to `column`, within `ON DUPLICATE KEY UPDATE`.
    pub(crate) fn incoming(self, column: &str) -> String {
        match self {
            Self::MySql => format!("{}.`{column}`", merge::INCOMING),
            Self::MariaDb => format!("VALUES(`{column}`)"),
        }
    }

    /// As people call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MySql => "MySQL",
            Self::MariaDb => "MariaDB",
        }
    }
}
