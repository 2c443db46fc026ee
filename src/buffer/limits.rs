//! When a batch is full.

use std::time::Duration;

/// All limits of a batch. The first one reached seals it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Rows, dead letters included.
    pub rows: usize,
    /// Bytes of memory that rows and dead letters take.
    pub bytes: usize,
    /// Time since its first message.
    pub age: Duration,
}

/// What sealed a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SealReason {
    Rows,
    Bytes,
    /// Its first message had waited long enough.
    Age,
    /// Partitions were revoked, or the process stops.
    Drain,
}

impl SealReason {
    pub const ALL: [Self; 4] = [Self::Rows, Self::Bytes, Self::Age, Self::Drain];

    /// As a metric label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rows => "rows",
            Self::Bytes => "bytes",
            Self::Age => "age",
            Self::Drain => "drain",
        }
    }
}

impl Limits {
    /// Whether a batch of this size and age is full, and by what.
    #[must_use]
    pub fn reached(&self, rows: usize, bytes: usize, age: Duration) -> Option<SealReason> {
        if rows >= self.rows {
            Some(SealReason::Rows)
        } else if bytes >= self.bytes {
            Some(SealReason::Bytes)
        } else if age >= self.age {
            Some(SealReason::Age)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whichever_comes_first() {
        let limits = Limits { rows: 10, bytes: 100, age: Duration::from_millis(5) };
        let age = Duration::from_millis;
        assert_eq!(limits.reached(9, 99, age(4)), None);
        assert_eq!(limits.reached(10, 0, age(0)), Some(SealReason::Rows));
        assert_eq!(limits.reached(0, 100, age(0)), Some(SealReason::Bytes));
        assert_eq!(limits.reached(0, 0, age(5)), Some(SealReason::Age));
    }
}
