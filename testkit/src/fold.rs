//! The reference fold: from a list of Kafka messages to the tables they must give.
//!
//! Takes: messages in any order, with any duplicates. Gives: every row of the 18 tables, and a verdict per message.
//! Holds true: the result is a function of the *set* of valid events, so neither order nor duplicates matter.
//! Fails: never; a message that breaks the contract gets [`Verdict::Dead`], and [`why_dead`] says why.
//!
//! It is slow and plain on purpose and shares no code with the product: where the two differ, one of them is wrong.
//! No event is ever *applied* to a row. Each row is a maximum over the events of its entity:
//!
//! ```text
//! 12:00 email_verified {"status": "active"}   e2      the creation part:  newest creation event       = e1, 12:00
//! 12:00 registered     {"status": "pending"}  e1  =>  users.status:       newest of (time, kind, id)  = e2, as a creation
//! 11:00 account_locked {}                     e9      ranks before any other event of the same time => "active"
//! ```
//!
//! Ids are compared byte by byte: `A` and `a` are two entities, and `A` is the smaller event id.

mod column;
pub mod declared;
mod event;
pub mod json;
mod logs;
pub mod schema;
pub mod time;

use std::collections::BTreeMap;

use loadgen::Message;
use serde_json::{Value, json};

use crate::Server;
use event::Event;
use schema::Entity;

/// One Kafka message.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    pub topic: &'a str,
    pub value: Option<&'a [u8]>,
}

/// What must become of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// In the tables, also if it is a duplicate of another message.
    Loaded,
    /// A tombstone: counted, nothing else.
    Skipped,
    /// To the dead letters.
    Dead,
}

/// Column name → value. Timestamps are `YYYY-MM-DD HH:MM:SS.ffffff` in UTC, booleans 0 or 1.
///
/// A changing column `X` comes with `X_changed_at` and `X_changed_by`: time and id of the event that gave the present
/// value, both null when that event is a creation event or when there is none. `order_items` rows carry `event_id` and
/// `event_timestamp` of the order.created event they come from.
pub type Row = BTreeMap<String, Value>;

/// The tables that a list of messages must give.
#[derive(Debug, PartialEq)]
pub struct Expected {
    /// All 18 tables; entity rows by entity id, order lines by (order_id, line_no), log rows by (time, event id).
    pub tables: BTreeMap<String, Vec<Row>>,
    /// One per message, in the order of the messages.
    pub verdicts: Vec<Verdict>,
}

impl Expected {
    /// How many rows each table must have, dead letters included.
    pub fn sizes(&self) -> BTreeMap<String, i64> {
        let size = |rows: &[Row]| i64::try_from(rows.len()).unwrap_or(i64::MAX);
        let mut sizes: BTreeMap<String, i64> =
            self.tables.iter().map(|(table, rows)| (table.clone(), size(rows))).collect();
        let dead = self.verdicts.iter().filter(|verdict| **verdict == Verdict::Dead);
        sizes.insert("dead_letters".to_owned(), dead.map(|_| 1).sum());
        sizes
    }
}

impl<'m> From<&'m Message> for Input<'m> {
    fn from(message: &'m Message) -> Self {
        Self { topic: &message.topic, value: message.value.as_deref() }
    }
}

/// What a server must hold after these messages.
pub fn of<'m>(messages: impl IntoIterator<Item = &'m Message>, server: Server) -> Expected {
    fold(messages.into_iter().map(Input::from), server.json_depth())
}

/// Folds messages into tables. `json_depth`: 100 for MySQL, 31 for MariaDB.
pub fn fold<'a>(messages: impl IntoIterator<Item = Input<'a>>, json_depth: usize) -> Expected {
    let mut events = BTreeMap::new();
    let mut verdicts = Vec::new();
    for message in messages {
        let verdict = match message.value.map(|value| event::read(message.topic, value, json_depth))
        {
            None => Verdict::Skipped,
            Some(Err(_)) => Verdict::Dead,
            Some(Ok(event)) => {
                events.insert(event.identity(), event);
                Verdict::Loaded
            }
        };
        verdicts.push(verdict);
    }
    let events: Vec<Event> = events.into_values().collect();
    Expected { tables: tables(&events), verdicts }
}

/// Why a message must go to the dead letters; nothing if it must not.
pub fn why_dead(message: Input<'_>, json_depth: usize) -> Option<String> {
    event::read(message.topic, message.value?, json_depth).err()
}

fn tables(events: &[Event]) -> BTreeMap<String, Vec<Row>> {
    let mut tables: BTreeMap<String, Vec<Row>> =
        schema::TABLES.iter().map(|name| ((*name).to_owned(), Vec::new())).collect();
    for entity in &schema::ENTITIES {
        for (id, events) in by_entity(entity, events) {
            tables
                .entry(entity.table.to_owned())
                .or_default()
                .extend(entity_row(entity, id, &events));
            if let Some(creation) = newest_creation(&events) {
                tables.entry("order_items".to_owned()).or_default().extend(order_lines(creation));
            }
        }
    }
    for (table, rows) in log_rows(events) {
        tables.entry(table.to_owned()).or_default().extend(rows);
    }
    tables
}

fn by_entity<'e>(entity: &Entity, events: &'e [Event]) -> BTreeMap<&'e str, Vec<&'e Event>> {
    let mut groups: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
    for event in events.iter().filter(|event| event.topic == entity.topic) {
        groups.entry(&event.entity_id).or_default().push(event);
    }
    groups
}

/// Of two creation events the one with the greater (timestamp, event id) gives the creation part.
fn newest_creation<'e>(events: &[&'e Event]) -> Option<&'e Event> {
    let creations = events.iter().copied().filter(|event| event.is_creation);
    creations.max_by_key(|event| (&event.timestamp, &event.event_id))
}

/// The newest event that sets a column; a creation event ranks before the others with its timestamp.
fn newest_setting<'e>(events: &[&'e Event], column: &str) -> Option<&'e Event> {
    let setting = events.iter().copied().filter(|event| event.sets.contains_key(column));
    setting.max_by_key(|event| (&event.timestamp, !event.is_creation, &event.event_id))
}

/// The row of one entity; none if its events were only logged.
fn entity_row(entity: &Entity, id: &str, events: &[&Event]) -> Option<Row> {
    if events.iter().all(|event| event.sets.is_empty()) {
        return None;
    }
    let creation = newest_creation(events);
    let mut row = Row::new();
    row.insert(entity.key.to_owned(), json!(id));
    row.insert("event_id".to_owned(), json!(creation.map(|event| &event.event_id)));
    row.insert("event_timestamp".to_owned(), json!(creation.map(|event| &event.timestamp)));
    for column in entity.columns {
        let created = creation.and_then(|event| event.sets.get(column.name));
        let value = created.cloned().unwrap_or_else(|| column.without_creation());
        row.insert(column.name.to_owned(), value);
    }
    for column in entity.changing {
        let setting = newest_setting(events, column);
        let change = setting.filter(|event| !event.is_creation);
        if let Some(value) = setting.and_then(|event| event.sets.get(*column)) {
            row.insert((*column).to_owned(), value.clone());
        }
        row.insert(format!("{column}_changed_at"), json!(change.map(|event| &event.timestamp)));
        row.insert(format!("{column}_changed_by"), json!(change.map(|event| &event.event_id)));
    }
    Some(row)
}

/// The lines of an order's newest creation event: lines that only an older one has are gone.
fn order_lines(creation: &Event) -> impl Iterator<Item = Row> {
    creation.lines.iter().zip(1_u64..).map(|(line, line_no)| {
        let mut row = line.clone();
        row.insert("order_id".to_owned(), json!(creation.entity_id));
        row.insert("line_no".to_owned(), json!(line_no));
        row.insert("event_id".to_owned(), json!(creation.event_id));
        row.insert("event_timestamp".to_owned(), json!(creation.timestamp));
        row
    })
}

/// The rows of the log tables: one per (timestamp, event id) and table, in that order.
///
/// Different events that share both are outside the contract, which says that an event id names one message. Of those
/// the greatest by [`Event::identity`] is kept, so that even then the order of messages does not matter.
fn log_rows(events: &[Event]) -> BTreeMap<&'static str, Vec<Row>> {
    let mut logs: BTreeMap<&str, BTreeMap<(&str, &str), &Row>> = BTreeMap::new();
    for event in events {
        let version = (event.timestamp.as_str(), event.event_id.as_str());
        logs.entry(event.log_table).or_default().insert(version, &event.log_row);
    }
    let rows = |log: BTreeMap<_, &Row>| log.into_values().cloned().collect();
    logs.into_iter().map(|(table, log)| (table, rows(log))).collect()
}
