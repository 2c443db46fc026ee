//! The contract, from Kafka bytes to rows of real servers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, missing_docs)]

#[path = "../support/mod.rs"]
mod support;

mod commands;
mod poison;
mod restart;
mod samples;
mod secrets;

use std::path::PathBuf;

/// Where the events are: our own, or those in `SLUICEGATE_CONTRACT_DIR`.
fn events(file: &str) -> PathBuf {
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/contract/events");
    let directory = std::env::var("SLUICEGATE_CONTRACT_DIR").unwrap_or_else(|_| own.to_owned());
    PathBuf::from(directory).join(file)
}

/// The messages of a JSONL file in our `tests/contract/events` or its like.
fn messages(file: &str) -> Vec<loadgen::Message> {
    let path = events(file);
    let file = std::fs::File::open(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    loadgen::read_jsonl(std::io::BufReader::new(file)).map(Result::unwrap).collect()
}
