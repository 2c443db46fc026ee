//! Three topics of one's own beside the contract's: change data capture, a flat log, batches of readings.
//!
//! Takes a seed and the number of a step, gives the messages of that step, always the same ones; in the end, gives the
//! rows of all of them. Holds true: every step has an event of its own, and one step in ten tells an earlier one again. The rows
//! follow from what was meant, not from the messages: no message is read here.

mod readings;
mod stock;
mod visits;

use crate::own_servers::Servers;
use loadgen::{Kind, Message};
use rdkafka::message::{Header, OwnedHeaders};
use testkit::{Chance, Row};

/// The mapping files.
pub const MAPPINGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faults/own_events");
pub const TOPICS: [&str; 3] = [stock::TOPIC, visits::TOPIC, readings::TOPIC];
/// Its ids come from where its messages are in Kafka, which a topic created anew gives again.
pub const ID_IS_PLACE: &str = stock::TOPIC;
/// In each message, the number of its event.
const NUMBER: &str = "Number";
/// One step in so many tells an earlier event again; one event in so many is faulty.
const AGAIN: usize = 10;
const FAULTY: usize = 50;
/// So far back is an event that is told again, at most.
const BACK: u64 = 1_000;

/// A message, and what it has besides a key and a value.
#[derive(Debug, Clone)]
pub struct Sent {
    pub message: Message,
    pub headers: OwnedHeaders,
    /// The element that its dead letter names: its number, and how many there are.
    pub element: Option<(usize, usize)>,
}

impl From<Message> for Sent {
    fn from(message: Message) -> Self {
        Self { message, headers: OwnedHeaders::new(), element: None }
    }
}

/// A table as it must be in the end.
pub struct Table {
    pub name: &'static str,
    /// What makes a row unique.
    pub keys: &'static [&'static str],
    pub rows: Vec<Row>,
}

/// The messages of a step.
pub fn step(seed: u64, step: u64) -> impl Iterator<Item = Sent> {
    let mut chance = Chance::new(seed ^ (step << 24));
    let again = chance.once_in(AGAIN).then(|| step - chance.draw() % BACK.min(step + 1));
    std::iter::once(step).chain(again).flat_map(move |number| match topic_of(number) {
        stock::TOPIC => stock::Change::of(seed, number).messages(),
        visits::TOPIC => vec![visits::Visit::of(seed, number).message(step)],
        _ => vec![readings::Batch::of(seed, number).message()],
    })
}

/// The tables of a topic after so many steps.
pub fn tables(servers: &Servers, topic: &str, seed: u64, steps: u64) -> Vec<Table> {
    let numbers = (0..steps).filter(|number| topic_of(*number) == topic);
    match topic {
        stock::TOPIC => stock::tables(servers, seed),
        visits::TOPIC => visits::tables(numbers.map(|number| visits::Visit::of(seed, number))),
        _ => readings::tables(numbers.map(|number| readings::Batch::of(seed, number))),
    }
}

fn topic_of(number: u64) -> &'static str {
    TOPICS[(number % TOPICS.len() as u64) as usize]
}

/// The chance of one event.
fn chance(seed: u64, number: u64) -> Chance {
    Chance::new(seed.rotate_left(32) ^ number)
}

fn sent(
    topic: &'static str,
    number: u64,
    key: &str,
    value: Option<String>,
    is_faulty: bool,
) -> Sent {
    let kind = if is_faulty { Kind::Poison("of one's own") } else { Kind::Valid };
    let (key, value) = (Some(key.as_bytes().to_vec()), value.map(String::into_bytes));
    let number = number.to_string();
    let headers = OwnedHeaders::new().insert(Header { key: NUMBER, value: Some(&number) });
    Sent { message: Message { topic: topic.into(), key, value, kind }, headers, element: None }
}

/// Milliseconds since 1970 of 2026-01-01.
const DAY_MS: u64 = 1_767_225_600_000;

/// A millisecond of that day as the tables have it.
fn on_that_day(ms: u64) -> String {
    let second = ms / 1_000;
    let (hour, minute) = (second / 3_600, second / 60 % 60);
    format!("2026-01-01 {hour:02}:{minute:02}:{:02}.{:03}000", second % 60, ms % 1_000)
}
