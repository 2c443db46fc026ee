//! How much memory one message may take.

use crate::reject::{Code, Reject};

/// How much memory one message may take, in bytes. A message that needs more becomes a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageLimits {
    /// For reading it.
    pub decode: usize,
    /// For its rows.
    pub rows: usize,
}

impl MessageLimits {
    /// No limits.
    pub const NONE: Self = Self { decode: usize::MAX, rows: usize::MAX };
}

/// The verdict on an event whose rows take more memory than one message may.
#[cold]
pub(super) fn rows_too_large(bytes: usize, max: usize) -> Reject {
    Reject::new(
        Code::EventTooLarge,
        format!(
            "the event's rows take at least {bytes} bytes of memory, more than the {max} allowed (a batch's share of memory.limit); raise memory.limit, then replay"
        ),
    )
}
