//! sluicegate moves JSON domain events from Kafka into MySQL tables.
//!
//! ```text
//!  Kafka ─▶ consume ─▶ decode ─▶ flatten ─▶ buffer ─▶ flush ─▶ MySQL
//!              ▲                                        │
//!              └──────────────── commit ◀───────────────┘
//! ```
//!
//! The modules come in the order of the data, in four groups. `pipeline` drives the stages below it;
//! none of them knows of it. docs/architecture.md follows an event's bytes through them.

// What a person calls.

// The subcommands: run, check, demo, status, dead-letters.
pub mod commands;
// The HTTP port: status page, `/metrics`, probes.
pub mod http;
// What a running instance says about itself.
pub mod status;

// What moves the data.

// The pump, which decides without IO, and the threads and tasks that do what it says.
pub mod pipeline;
// Kafka → messages; offsets → Kafka.
pub mod consume;
// Bytes → tape and envelope.
pub mod decode;
// Tape and plan → columns.
pub mod flatten;
// Columns by table, folded; sealed as a batch.
pub mod buffer;
// Sealed batch → one transaction.
pub mod flush;
// Durable ranges → the watermark of a partition.
pub mod commit;

// What is known before the first message.

// As typed → ready to use.
pub mod config;
// TOML files → tables and the plan of each event.
pub mod mapping;
pub mod message;
// Tables of the live server: read, compared, and what would fix them.
pub mod schema;
// The migrations that come with the program.
pub mod migrate;

// Ground that every room may stand on.

// The server: connect, session, dialect, errors, retry classes.
pub mod mysql;
// Names of secrets, and what keeps them out of everything.
pub mod redact;
// A faulty message, kept with the verdict on it.
pub mod dead_letter;
// The verdict: a stable code and a sentence.
pub mod reject;
// Partitions and offsets.
pub mod offsets;
// What is known to be in the database, and the rows that say so there.
pub mod ledger;
// Times in microseconds.
pub mod datetime;
pub mod exact;
pub mod literal;
// The only place that reads the clocks.
pub mod clock;
// Whether the process can do its work.
pub mod health;
// The catalogue of metrics.
pub mod metrics;
