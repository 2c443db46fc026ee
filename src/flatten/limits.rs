//! What a message may be: for the server's JSON column, and for the memory that there is.

use crate::reject::{Code, Reject};

/// What the database's JSON column takes; it depends on the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JsonLimits {
    /// Nested arrays and objects, the document itself included.
    pub depth: usize,
    /// Length of a key in bytes.
    pub key_bytes: usize,
    /// Exponent of a zero, less the digits of its fraction: `0.0e400` is a zero that is refused.
    pub zero_exponent: usize,
}

impl JsonLimits {
    /// MySQL: error 3157 beyond 100 levels, 3151 beyond 65,535 bytes in a key, 3140 beyond 308 in the
    /// exponent of a zero. Other numbers that it refuses are not finite.
    pub const MYSQL: Self = Self { depth: 100, key_bytes: 65_535, zero_exponent: 308 };
    /// MariaDB: `json_valid` is false (error 4025) beyond 31 levels; keys and numbers are just
    /// text.
    pub const MARIADB: Self = Self { depth: 31, ..Self::NONE };
    /// Nothing is refused: for redaction alone.
    pub(crate) const NONE: Self =
        Self { depth: usize::MAX, key_bytes: usize::MAX, zero_exponent: usize::MAX };
}

/// The memory that there is for one message, in bytes. A message that needs more becomes a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// For reading it.
    pub decode: usize,
    /// For its rows.
    pub rows: usize,
}

impl Bounds {
    /// Whatever it takes.
    pub const NONE: Self = Self { decode: usize::MAX, rows: usize::MAX };
}

/// The verdict on an event whose rows take more memory than there is for one.
#[cold]
pub(super) fn rows_too_large(bytes: usize, max: usize) -> Reject {
    Reject::new(
        Code::EventTooLarge,
        format!(
            "the event's rows take at least {bytes} bytes of memory, and there is room for {max} (a batch's share of memory.limit); raise memory.limit, then replay"
        ),
    )
}
