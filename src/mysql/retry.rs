//! What to do about an error: one table, and the pauses between attempts.
//!
//! Every class but [`Class::Data`] is waited out, for as long as it takes; the class says what to
//! tell whom. Only two things stop the process with a message: while it runs, a value that the
//! server refuses and that cannot be blamed on an event; at its start, a login that is refused or
//! tables that do not fit the mapping, because then a person is there to fix it.
//! docs/errors.md tells users the same.

mod table;

use super::errors::{Unfit, number_of};
use std::time::Duration;

pub use table::{Sender, TABLE};

/// What an error of the server means for the batch that met it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// The connection is gone, or the server does not take any: reconnect.
    Connection,
    /// Another transaction was in the way.
    Contention,
    /// The server cannot write now: read-only, full, short of something, locked, broken.
    Outage,
    /// The account may not do it, or may not log in (any more).
    Grant,
    /// The tables are not what the mapping says (any more).
    Schema,
    /// The server refuses a value: the row is at fault, and so is the mapping that let it pass.
    Data,
    /// Anything else. It is tried again as well, and said loudly: no event is lost because this
    /// table lacks a line.
    Unknown,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 7] = [
        Self::Connection,
        Self::Contention,
        Self::Outage,
        Self::Grant,
        Self::Schema,
        Self::Data,
        Self::Unknown,
    ];

    /// The line of an error number, if the table has one.
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
            // `Protocol` is what is left of an answer that was cut off, or a proxy's own.
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

/// Whether smaller transactions may help, and whether the number says nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TooLarge {
    /// `max_binlog_cache_size`, `max_binlog_stmt_cache_size`, a limit of the cluster.
    Surely,
    /// What Galera (1180) and group replication (3100) say of it they say of other troubles, too;
    /// and locks that have no room (1206) are those of this transaction or of others.
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

/// Pauses between attempts: they double from `first` to `longest`, and each is shortened by a
/// random part of up to a half, so that writers that failed together do not come back together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The first pause.
    pub first: Duration,
    /// The longest pause.
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
