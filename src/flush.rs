//! Sealed batch → one transaction.
//!
//! Takes a [`Batch`](crate::buffer::Batch), gives the rows to MySQL or MariaDB, and says when they
//! are durable. Holds true: tables come in a fixed order and rows in the order of their keys; a
//! batch is committed whole or not at all, and writing it again changes nothing. Fails, for the
//! caller, only when a person is needed: everything else is tried again. Absent: offsets are not
//! looked at, JSON is just text.

pub mod bisect;
mod cause;
mod execute;
mod merge;
mod metrics;
mod parts;
pub mod rehearse;
mod slow;
pub mod statement;
mod writer;

pub use execute::{LastId, NO_PARTITION, Plan, RefusedRow, Written};
pub(crate) use metrics::WrittenMetrics;
pub use metrics::{WriterMetrics, room_left};
pub use writer::{Refused, Writer};
