//! Everything that goes wrong in production, done on purpose: one kind of fault at a time under
//! load, and all of them at once in the chaos run.

#![allow(
    clippy::disallowed_methods,
    reason = "tests take time and find their servers in variables"
)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, unreachable_pub)]

mod broker;
mod chaos;
mod compare;
mod failover;
mod fault;
mod feed;
mod inject;
mod instances;
mod own_events;
mod own_servers;
mod replica;
mod report;
mod run;
mod server;
mod service;
mod watch;
