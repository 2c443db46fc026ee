//! What to do about an error: one table, and the pauses between attempts.
//!
//! Every class but [`Class::Data`] is retried for as long as it takes; the class says what to tell
//! the operator. Only two things stop the process with a message. While it runs: a refused value
//! that no event is to blame for. At the start: a refused login or tables that do not fit the
//! mapping, because then a person is there to fix them. docs/errors.md tells users the same.

mod table;

use super::errors::{Unfit, number_of};
use std::time::Duration;

pub use table::{Sender, TABLE};

/// What an error means for the batch that met it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// The connection is gone, or the server accepts none: reconnect.
    Connection,
    /// Another transaction was in the way.
    Contention,
    /// The server cannot write now: read-only, full, out of a resource, locked, broken.
    Outage,
    /// The account may not do this, or may not log in (any more).
    Grant,
    /// The tables do not match the mapping (any more).
    Schema,
    /// The server refuses a value: the row is at fault, and so is the mapping that let it pass.
    Data,
    /// Anything else. Retried as well, and logged loudly: no event is lost because the table lacks
    /// a line.
    Unknown,
}

impl Class {
    pub const ALL: [Self; 7] = [
        Self::Connection,
        Self::Contention,
        Self::Outage,
        Self::Grant,
        Self::Schema,
        Self::Data,
        Self::Unknown,
    ];

    /// The table's line for an error number.
    fn line(number: u16) -> Option<&'static (u16, &'static str, Sender, Self)> {
        let found = TABLE.binary_search_by_key(&number, |(number, ..)| *number);
        found.ok().map(|index| &TABLE[index])
    }

    /// What the server's manual calls an error number of the table.
    #[must_use]
    pub fn name_of(number: u16) -> Option<&'static str> {
        Self::line(number).map(|line| line.1)
    }

    /// As a metric label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Contention => "contention",
            Self::Outage => "outage",
            Self::Grant => "grant",
            Self::Schema => "schema",
            Self::Data => "data",
            Self::Unknown => "unknown",
        }
    }

    /// The class of an error number; see [`TABLE`].
    #[must_use]
    pub fn of(number: u16) -> Self {
        Self::line(number).map_or(Self::Unknown, |line| line.3)
    }

    /// The class of an error of the driver.
    #[must_use]
    pub fn of_error(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(_) => Self::of(number_of(error)),
            sqlx::Error::Configuration(error) if error.is::<Unfit>() => Self::Grant,
            // `Protocol`: the answer was cut off, or a proxy made it up.
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::BeginFailed
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Connection,
            _ => Self::Unknown,
        }
    }
}

/// Whether an error number says that the transaction was too large.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TooLarge {
    /// `max_binlog_cache_size`, `max_binlog_stmt_cache_size`, a limit of the cluster.
    Surely,
    /// Galera (1180) and group replication (3100) use these numbers for other troubles, too, and the
    /// locks that ran out of room (1206) may be those of other transactions.
    Perhaps,
    No,
}

impl TooLarge {
    pub(crate) const fn of(number: u16) -> Self {
        match number {
            1197 | 1705 | 3231 => Self::Surely,
            1180 | 1206 | 3100 => Self::Perhaps,
            _ => Self::No,
        }
    }
}

/// Pauses between attempts: they double from `first` to `longest`, and each is shortened at random
/// by up to half, so that writers that failed together do not retry together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    pub first: Duration,
    pub longest: Duration,
}

impl Backoff {
    /// The pause after attempt `attempt` (from 1) failed; `random` is any number.
    #[must_use]
    pub fn pause(&self, attempt: u32, random: u64) -> Duration {
        let doubled = self.first.saturating_mul(1 << attempt.saturating_sub(1).min(20));
        let pause = doubled.min(self.longest);
        // 0 to 1023 of 2048.
        let part = u32::try_from(random % 1024).unwrap_or(0);
        pause - pause / 2048 * part
    }
}

#[cfg(test)]
mod tests;
