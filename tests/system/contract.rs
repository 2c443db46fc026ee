//! The contract, from Kafka bytes to rows of real servers, and everything that a user sees on the way.

mod commands;
mod config;
mod connections;
mod hostile;
mod http;
mod letters;
mod mapping;
mod migrations;
mod poison;
mod progress;
mod refused;
mod restart;
mod samples;
mod schema;
mod secrets;
mod session;
mod status;
mod stop;
mod transactions;

use loadgen::{Generator, Message, Mix, Plan};
use std::path::PathBuf;

/// Where the events are: our own, or those in `SLUICEGATE_CONTRACT_DIR`.
fn events(file: &str) -> PathBuf {
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/system/contract/events");
    let directory = std::env::var("SLUICEGATE_CONTRACT_DIR").unwrap_or_else(|_| own.to_owned());
    PathBuf::from(directory).join(file)
}

/// The messages of a JSONL file in our `tests/system/contract/events` or its like.
fn messages(file: &str) -> Vec<Message> {
    let path = events(file);
    let file = std::fs::File::open(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    loadgen::read_jsonl(std::io::BufReader::new(file)).map(Result::unwrap).collect()
}

/// Whole lives of entities, with messages that are late, that come twice, and that are faulty.
fn lifecycles(events: u64) -> Vec<Message> {
    let plan = Plan {
        events,
        mix: Mix::Lifecycle,
        poison: 0.02,
        duplicates: 0.05,
        disorder: 0.1,
        ..Plan::default()
    };
    Generator::new(plan).collect()
}
