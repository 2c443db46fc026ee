//! The reference fold is itself checked here: by hand-made cases for each rule, by shuffling, and against the samples
//! of the event contract where these are at hand.
#![allow(
    clippy::disallowed_methods,
    reason = "tests take time and find their servers in variables"
)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod contract;
mod convergence;
mod declared;
mod documents;
mod rows;
mod timestamps;
mod verdicts;

use serde_json::Value;
use testkit::fold::{self, Expected, Input, Row, fold};

const MYSQL: usize = 100;
const MARIADB: usize = 31;

/// An event as a test writes it: type, event id, time of day on one day, entity id, `data`.
type Written = (&'static str, &'static str, &'static str, &'static str, &'static str);

/// The message of a written event, with the topic it belongs to.
fn message(event: Written) -> (&'static str, String) {
    let (event_type, event_id, time, entity_id, data) = event;
    let topic = event_type.split('.').next().unwrap();
    let envelope = format!(
        r#"{{"event_type":"{event_type}","event_id":"{event_id}","timestamp":"2025-01-06T{time}Z","entity_id":"{entity_id}","data":{data}}}"#
    );
    (topic, envelope)
}

fn fold_written(events: &[Written]) -> Expected {
    let messages: Vec<_> = events.iter().copied().map(message).collect();
    fold_messages(&messages)
}

fn fold_messages(messages: &[(&str, String)]) -> Expected {
    let input = |(topic, value): &'_ (_, String)| (*topic, value.clone().into_bytes());
    let bytes: Vec<_> = messages.iter().map(input).collect();
    fold(bytes.iter().map(|(topic, value)| Input { topic, value: Some(value) }), MYSQL)
}

/// Parses what a test expects; with the reference's own parser, so that doubles are the nearest ones.
fn value(text: &str) -> Value {
    fold::json::parse(text.as_bytes()).unwrap()
}

/// A row of the columns named in `like` only.
fn only_columns_of(like: &Row, row: &Row) -> Row {
    let named = row.iter().filter(|(name, _)| like.contains_key(*name));
    named.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn row(value: &Value) -> Row {
    value.as_object().unwrap().iter().map(|(name, value)| (name.clone(), value.clone())).collect()
}
