//! The reference fold for mapping files of one's own: from a file and a list of messages to the tables they must
//! give, and to what becomes of each message.
//!
//! Takes: a valid mapping file with `[envelope]`, and messages in any order, with any duplicates. Gives: the rows of
//! its tables as the servers print them, and an [`Outcome`] per message. Holds true: the rows are a function of the
//! *set* of valid events. Fails: only where the file is invalid, which it does not check.
//!
//! Like the fold of the contract it is slow and plain, shares no code with the product, and applies no event to a row:
//!
//! ```text
//! [envelope] type = "op", id = "n", time = "at"      a row = the newest whole row, by (time, id)
//! 12:00 {"op": "c", "n": "1", "city": "Rome"}        and of each changing column
//! 12:00 {"op": "d", "n": "2", "city": "Bern"}   =>   the newest value, by (time, is a change, id)
//!       of which "d" deletes                         {"city": "Bern", "deleted": "1", "event_id": "2", …}
//! ```
//!
//! A reader checks it against docs/mapping.md: [`file`](mod@file) has the keys of a file, [`patterns`] the event types, [`event`]
//! what an event writes, `facts` the envelope and the names with `$`, [`types`] the types and conversions.

pub mod content;
pub mod event;
mod facts;
pub mod file;
pub mod json;
pub mod moment;
pub mod number;
pub mod patterns;
pub mod types;

use event::{Event, Faults, OfEntity, Row, Written};
use file::{Entity, File};
use json::{Json, Kind, keys};
use std::collections::{BTreeMap, BTreeSet};
use types::Type;

/// Most elements of an array of events.
const ELEMENTS_MAX: usize = 10_000;

/// One Kafka message.
#[derive(Clone, Debug)]
pub struct Message {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    pub timestamp_ms: Option<i64>,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Vec<u8>)>,
}

/// What must become of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its events: whether each has rows, or is ignored. None of a tombstone that the file does not know.
    Events(Vec<bool>),
    /// To the dead letters, with one of these codes.
    Dead(Faults),
}

/// The tables that a list of messages must give.
#[derive(Debug)]
pub struct Expected {
    pub tables: BTreeMap<String, Vec<Row>>,
    /// One per message, in the order of the messages.
    pub outcomes: Vec<Outcome>,
}

impl Outcome {
    pub fn is_dead(&self) -> bool {
        matches!(self, Self::Dead(_))
    }
}

impl Message {
    /// The last header of this name.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        let found = self.headers.iter().rev().find(|(header, _)| header == name);
        found.map(|(_, value)| value.as_slice())
    }

    /// The key as far as it may be stored.
    pub fn kept_key(&self, file: &File) -> Option<Vec<u8>> {
        self.key.as_ref().map(|key| content::kept_key(key, file))
    }
}

/// Folds messages into tables. `depth`: how deep JSON may be nested, 100 for MySQL, 31 for MariaDB.
pub fn fold<'m>(
    file: &File,
    messages: impl IntoIterator<Item = &'m Message>,
    depth: usize,
) -> Expected {
    let (mut events, mut outcomes) = (Vec::new(), Vec::new());
    for message in messages {
        outcomes.push(match read(file, message, depth) {
            Ok(written) => {
                let has_rows = written.iter().map(Option::is_some).collect();
                events.extend(written.into_iter().flatten());
                Outcome::Events(has_rows)
            }
            Err(faults) => Outcome::Dead(faults),
        });
    }
    Expected { tables: tables(file, &events), outcomes }
}

/// The events of a message, all of them valid; nothing for one that is ignored.
fn read(file: &File, message: &Message, depth: usize) -> Result<Vec<Option<Written>>, Faults> {
    if message.value.is_none() && !file.knows_tombstones() {
        return Ok(Vec::new());
    }
    let fault = |code| Faults::from([code]);
    let key_paths: Vec<&str> =
        file.places().filter_map(|place| place.strip_prefix("$key.")).collect();
    let key = match &message.key {
        Some(key) if !key_paths.is_empty() => {
            let parsed = Json::parse(key, &file.redact);
            Some(parsed.ok_or_else(|| fault("json_invalid"))?)
        }
        _ => None,
    };
    let document = match &message.value {
        None => Json::null(),
        Some(value) => Json::parse(value, &file.redact).ok_or_else(|| fault("json_invalid"))?,
    };
    let is_in_the_way = |key: &Json| key_paths.iter().any(|path| key.follow(&keys(path)).is_err());
    if key.as_ref().is_some_and(is_in_the_way) {
        return Err(fault(types::VALUE_TYPE));
    }
    let parts = match &file.envelope.each {
        Some(each) if message.value.is_some() => parts(&document, each)?,
        _ => vec![(0, &document)],
    };
    let event =
        |(element, whole)| Event { file, message, key: key.as_ref(), whole, element, depth }.read();
    parts.into_iter().map(event).collect()
}

/// The elements of the array whose elements are events, numbered from 1; or the object there, as 0.
fn parts<'j>(document: &'j Json, each: &str) -> Result<Vec<(usize, &'j Json)>, Faults> {
    let path = if each == "$message" { Vec::new() } else { keys(each) };
    let fault = |code| Err(Faults::from([code]));
    match document.follow(&path).ok().flatten() {
        None => fault("envelope_field_missing"),
        Some(Json { kind: Kind::Null, .. }) if each != "$message" => {
            fault("envelope_field_missing")
        }
        Some(Json { kind: Kind::Array(elements), .. }) if elements.len() > ELEMENTS_MAX => {
            fault("event_too_large")
        }
        Some(Json { kind: Kind::Array(elements), .. }) => Ok((1..).zip(elements).collect()),
        Some(object @ Json { kind: Kind::Object(_), .. }) => Ok(vec![(0, object)]),
        Some(_) => fault("envelope_field_type"),
    }
}

fn tables(file: &File, events: &[Written]) -> BTreeMap<String, Vec<Row>> {
    let mut tables = BTreeMap::new();
    for (number, log) in file.logs.iter().enumerate() {
        // One row an event: of equal ones any.
        let mut rows: BTreeMap<(&str, &str), Row> = BTreeMap::new();
        for event in events {
            for (_, row) in event.logs.iter().filter(|(at, _)| *at == number) {
                rows.insert((&event.time, &event.id), with_event(row.clone(), event));
            }
        }
        tables.insert(log.table.clone(), rows.into_values().collect());
    }
    for (number, entity) in file.entities.iter().enumerate() {
        let mut by_key: BTreeMap<&str, Vec<(&Written, &OfEntity)>> = BTreeMap::new();
        for event in events {
            for (_, part) in event.entities.iter().filter(|(at, _)| *at == number) {
                by_key.entry(&part.key).or_default().push((event, part));
            }
        }
        let rows = by_key.iter().map(|(key, events)| entity_row(entity, key, events));
        tables.insert(entity.table.clone(), rows.collect());
        for (at, lines) in entity.lines.iter().enumerate() {
            // Lines that only an older creation has are gone.
            let rows = by_key.values().filter_map(|events| newest_creation(events));
            let rows = rows.flat_map(|(event, creation)| {
                creation.lines[at].iter().map(move |row| with_event(row.clone(), event))
            });
            tables.insert(lines.table.clone(), rows.collect());
        }
    }
    tables
}

fn with_event(mut row: Row, event: &Written) -> Row {
    row.insert("event_id".to_owned(), Some(event.id.clone()));
    row.insert("event_timestamp".to_owned(), Some(event.time.clone()));
    row
}

/// Of two whole rows the one with the greater (time, id) counts.
fn newest_creation<'e>(
    events: &[(&'e Written, &'e OfEntity)],
) -> Option<(&'e Written, &'e OfEntity)> {
    let creations = events.iter().copied().filter(|(_, part)| part.is_creation);
    creations.max_by_key(|(event, _)| (&event.time, &event.id))
}

fn entity_row(entity: &Entity, key: &str, events: &[(&Written, &OfEntity)]) -> Row {
    let creation = newest_creation(events);
    let mut row = Row::from([(entity.key.name.clone(), Some(key.to_owned()))]);
    row.insert("event_id".to_owned(), creation.map(|(event, _)| event.id.clone()));
    row.insert("event_timestamp".to_owned(), creation.map(|(event, _)| event.time.clone()));
    let created = |name: &str| creation.and_then(|(_, part)| part.row[name].clone());
    for column in &entity.columns {
        // A required text is empty until its creation comes.
        let is_text = matches!(column.ty, Type::Char(_) | Type::Varchar(_) | Type::Text(_));
        let empty = (creation.is_none() && column.is_required && is_text).then(String::new);
        row.insert(column.name.clone(), created(&column.name).or(empty));
    }
    if let Some((name, _)) = &entity.deleted {
        row.insert(name.clone(), created(name));
    }
    for changing in &entity.changing {
        let name = &changing.name;
        let setting = events.iter().filter(|(_, part)| part.row.contains_key(name));
        // A whole row ranks before a change of the same time.
        let newest =
            setting.max_by_key(|(event, part)| (&event.time, !part.is_creation, &event.id));
        let change = newest.filter(|(_, part)| !part.is_creation);
        row.insert(name.clone(), newest.and_then(|(_, part)| part.row[name].clone()));
        let (at, by) = (format!("{name}_changed_at"), format!("{name}_changed_by"));
        row.insert(at, change.map(|(event, _)| event.time.clone()));
        row.insert(by, change.map(|(event, _)| event.id.clone()));
    }
    row
}

/// Compares a table with what it must hold, whatever the order.
#[track_caller]
pub fn assert_rows(context: &str, table: &str, found: &[Row], expected: &[Row]) {
    let texts = |rows: &[Row]| {
        let mut texts: Vec<String> = rows.iter().map(|row| format!("{row:?}")).collect();
        texts.sort_unstable();
        texts
    };
    let (found, expected) = (texts(found), texts(expected));
    let (in_table, in_fold): (BTreeSet<_>, BTreeSet<_>) =
        (found.iter().collect(), expected.iter().collect());
    let lacks: Vec<_> = in_fold.difference(&in_table).take(2).collect();
    let extra: Vec<_> = in_table.difference(&in_fold).take(2).collect();
    assert!(found == expected, "{context}{table} lacks {lacks:#?}\nand has {extra:#?}");
}
