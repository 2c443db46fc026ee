//! Sealed batch → one transaction.
//!
//! Takes a [`Batch`](crate::buffer::Batch), writes its rows to MySQL or MariaDB, and says when they
//! are durable. Holds true: tables are written in a fixed order and rows in the order of their keys;
//! a batch is committed whole or not at all, and writing it again changes nothing. Fails only when a
//! person is needed: everything else is retried. Absent: offsets; JSON is just text.

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

pub use execute::{Holdings, LastId, NO_PARTITION, Offered, Plan, RefusedRow, Written};
pub(crate) use metrics::WrittenMetrics;
pub use metrics::{WriterMetrics, room_left};
pub use writer::{NotWritten, Refused, WentBack, Writer};
