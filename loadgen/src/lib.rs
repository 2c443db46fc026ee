//! Realistic domain events for sluicegate: seven topics, every event type of the contract, as large and as odd as the
//! real ones, the same bytes for the same seed.
//!
//! ```
//! use loadgen::{Generator, Kind, Plan};
//!
//! let plan = Plan { seed: 7, events: 1_000, duplicates: 0.2, poison: 0.01, ..Plan::default() };
//! let valid = Generator::new(plan).filter(|message| matches!(message.kind, Kind::Valid)).count();
//! assert_eq!(valid, 1_000);
//! ```
//!
//! The modules, in the order in which an event comes about:
//!
//! * `rng` – the one source of chance, its algorithm written down for ever; `ids`, `clock`.
//! * `text` – words, names and oddities in a dozen scripts; `json` – writes what Python's `json.dumps` writes.
//! * `scribe` – chance, time and text in one hand: what every entity is written with.
//! * `entities` – one module per topic: the documents and their lifecycles, and the stock of those alive; `pool`.
//! * `mix` – which event comes next; `world` – makes it happen, or what has to happen first.
//! * `disorder` – late and repeated messages; `poison` – bad ones.
//! * [`Generator`] – the plan carried out, an iterator of [`Message`].
//! * [`jsonl`] – messages to lines of text and back; [`kafka`] – messages to a broker.
//! * [`metrics`] – what a running sluicegate says about itself.

mod clock;
mod disorder;
mod entities;
mod generator;
mod ids;
mod json;
pub mod jsonl;
pub mod kafka;
mod message;
pub mod metrics;
mod mix;
mod poison;
mod pool;
mod rng;
mod scribe;
mod secret;
mod text;
mod world;

pub use generator::{Generator, Plan};
pub use jsonl::{read_jsonl, write_jsonl};
pub use message::{Kind, Message, TOPICS};
pub use mix::{Mix, UnknownMix};
pub use poison::kinds as poison_kinds;
pub use rng::{Rng, Stream, shuffle};
pub use secret::{SECRET_MARKERS, TAX_ID_MARKER};
