//! sluicegate moves JSON domain events from Kafka into MySQL tables.
//!
//! The modules in the order in which data flows:
//!
//! ```text
//! Kafka ─▶ consume ─▶ decode ─▶ flatten ─▶ buffer ─▶ flush ─▶ MySQL
//! ```

pub mod datetime;
pub mod decode;
pub mod mapping;
pub mod reject;
