//! What we know about the server: where it is, how to connect, which server it is, and what its
//! errors mean. Every stage may use this. Absent: tables, batches, offsets.

mod connect;
mod dialect;
mod errors;
mod nodelay;
pub mod retry;
mod server;
pub mod session;

pub use connect::{close, server_facts};
pub use dialect::{Dialect, JsonLimits, ServerFacts};
pub(crate) use errors::{Late, named};
pub use errors::{Unfit, number_of, without_values};
pub(crate) use retry::TooLarge;
pub use retry::{Backoff, Class};
pub use server::{Server, Tls};
