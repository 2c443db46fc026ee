//! What keeps secrets out of tables, dead letters and logs: their names, a quick filter for keys, and
//! masks for messages that cannot be parsed. Absent: IO.

mod key_filter;
mod mask;
mod secrets;

pub use key_filter::KeyFilter;
pub use mask::{mask, mask_key};
pub use secrets::{SECRET_KEYS, Secrets};
