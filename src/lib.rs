//! sluicegate moves JSON domain events from Kafka into MySQL tables.
//!
//! The modules in the order in which data flows:
//!
//! ```text
//! Kafka ─▶ consume ─▶ decode ─▶ flatten ─▶ buffer ─▶ flush ─▶ MySQL
//! ```

pub mod buffer;
pub mod clock;
pub mod commands;
pub mod commit;
pub mod config;
pub mod consume;
pub mod datetime;
pub mod dead_letter;
pub mod decode;
pub mod flatten;
pub mod flush;
pub mod health;
pub mod http;
pub mod mapping;
pub mod metrics;
pub mod migrate;
pub mod mysql;
pub mod offsets;
pub mod pipeline;
pub mod redact;
pub mod reject;
pub mod schema;
pub mod status;
