//! Everything that goes wrong in production, done on purpose: one kind of fault at a time under
//! load, and all of them at once in the chaos run.

#![allow(
    clippy::disallowed_methods,
    reason = "tests take time and find their servers in variables"
)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    missing_docs,
    unreachable_pub
)]

#[path = "../support/reference.rs"]
mod reference;
#[path = "../support/mod.rs"]
mod support;

mod broker;
mod chance;
mod chaos;
mod compare;
mod fault;
mod feed;
mod inject;
mod instance;
mod instances;
mod report;
mod server;
mod site;
mod stage;
mod watch;
