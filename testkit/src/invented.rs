//! Mapping files that chance makes, and messages for them.
//!
//! ```text
//! chance ─▶ mapping file ─▶ messages, most of which fit it
//! ```
//!
//! Holds true: a file is valid, and what its events write does not depend on what the product leaves undefined:
//! of one id there is one event.

mod columns;
mod document;
mod mapping;
mod messages;
mod values;

use crate::Chance;

pub use mapping::mapping;
pub use messages::messages;

/// Event types; a file with an envelope takes any text for one.
const EVENT_TYPES: [&str; 6] = ["row.new", "row.new.late", "row.old", "gone", "x", "ß.1"];
/// What several of them begin with.
const BEGINNINGS: [&str; 4] = ["row.*", "row.new*", "*", "ß*"];
/// A key that some files redact.
const REDACTED: &str = "pin";

fn one_of<'l>(chance: &mut Chance, list: &[&'l str]) -> &'l str {
    list[chance.below(list.len())]
}
