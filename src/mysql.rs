//! What is known of the server, for every stage that talks to it or tells of it: where it is, how a
//! connection becomes fit for use, which server it is, what its errors mean. Absent: tables, batches,
//! offsets.

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
