//! The memory that there is for one message.

use crate::reject::{Code, Reject};

/// The memory that there is for one message, in bytes. A message that needs more becomes a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageLimits {
    /// For reading it.
    pub decode: usize,
    /// For its rows.
    pub rows: usize,
}

impl MessageLimits {
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
