//! The program on real MySQL, MariaDB and Kafka: the contract, the consumer group, and what holds for any
//! events. One binary, so that it is linked once; `cargo test --test system group::stop` runs a topic of it.

#![allow(
    clippy::disallowed_methods,
    reason = "tests take time and find their servers in variables"
)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

mod contract;
mod group;
mod own;
mod properties;
