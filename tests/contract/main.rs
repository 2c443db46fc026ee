//! The contract, from Kafka bytes to rows of real servers.

#![allow(
    clippy::disallowed_methods,
    reason = "tests take time and find their servers in variables"
)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, missing_docs)]

#[path = "../support/reference.rs"]
mod reference;
#[path = "../support/mod.rs"]
mod support;

mod commands;
mod config;
mod connections;
mod hostile;
mod http;
mod letters;
mod mapping;
mod migrations;
mod poison;
mod refused;
mod restart;
mod samples;
mod schema;
mod secrets;
mod session;
mod status;
mod stop;
mod transactions;

use loadgen::{Generator, Mix, Plan};
use std::collections::BTreeMap;
use std::path::PathBuf;
use support::{Row, Server};

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

/// The rows that the samples must give: from a file beside them, or else from the reference fold.
fn expected(server: Server) -> BTreeMap<String, Vec<Row>> {
    if let Ok(text) = std::fs::read_to_string(events("samples.expected.json")) {
        return serde_json::from_str(&text).unwrap();
    }
    let messages = messages("samples.jsonl");
    reference::fold(messages.iter().map(input), server.json_depth()).tables
}

/// Whole lives of entities, with messages that are late, that come twice, and that are faulty.
fn lifecycles(events: u64) -> Vec<loadgen::Message> {
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

fn input(message: &loadgen::Message) -> reference::Input<'_> {
    reference::Input { topic: &message.topic, value: message.value.as_deref() }
}
