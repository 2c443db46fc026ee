//! The only place that reads the clocks; `clippy.toml` bans it elsewhere.
//!
//! Gives the time for durations and the time for people. What decides by time is told the time, so
//! that a test can decide what it is.
#![expect(clippy::disallowed_methods, reason = "this is the place")]

use crate::datetime::Micros;
use std::time::Instant;

/// For durations: it never goes back.
#[must_use]
pub fn now() -> Instant {
    Instant::now()
}

/// For people and rows: the calendar, in microseconds since 1970 (UTC). The machine may set it back.
#[must_use]
pub fn unix_micros() -> Micros {
    jiff::Timestamp::now().as_microsecond()
}
