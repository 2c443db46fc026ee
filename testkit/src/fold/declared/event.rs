//! One event of a message: its facts, and what it writes.

use super::Message;
use super::file::{Column, Entity, File, Key, Rules};
use super::json::{Json, Kind, keys};
use super::patterns::{Route, TOMBSTONE};
use super::types::{Fault, Found, Limits, Type, VALUE_TYPE};
use std::collections::{BTreeMap, BTreeSet};

/// Stands for a time that is faulty.
const EPOCH: &str = "1970-01-01 00:00:00.000000";

/// Column → what it prints; nothing for NULL.
pub type Row = BTreeMap<String, Option<String>>;

/// What may be wrong with a message: its dead letter has one of these codes.
pub type Faults = BTreeSet<Fault>;

/// A message, and the part of it that is the event.
pub struct Event<'m> {
    pub file: &'m File,
    pub message: &'m Message,
    /// The key, if it is JSON.
    pub key: Option<&'m Json>,
    /// The message, or an element of it.
    pub whole: &'m Json,
    /// From 1; 0 if it is not an element.
    pub element: usize,
    pub depth: usize,
}

/// The facts of an event, and where its values are.
struct Facts<'m> {
    event_type: String,
    id: String,
    time: String,
    data: &'m Json,
}

/// What an event writes.
#[derive(Debug, Default)]
pub struct Written {
    pub time: String,
    pub id: String,
    /// By the number of the entity.
    pub entities: Vec<(usize, OfEntity)>,
    /// By the number of the log table.
    pub logs: Vec<(usize, Row)>,
}

/// What an event says of an entity.
#[derive(Debug)]
pub struct OfEntity {
    pub key: String,
    pub is_creation: bool,
    /// The columns that it sets; those of a creation are all.
    pub row: Row,
    /// Of a creation: the rows of each table of lines.
    pub lines: Vec<Vec<Row>>,
}

impl<'m> Event<'m> {
    /// Everything that it writes; nothing if it is ignored.
    pub fn read(&self) -> Result<Option<Written>, Faults> {
        let event_type = match &self.message.value {
            None => TOMBSTONE.to_owned(),
            Some(_) => self.event_type().map_err(one)?,
        };
        let route = Route::of(self.file, &event_type);
        if route.is_empty() && route.is_ignored {
            return Ok(None);
        }
        let mut faults = Faults::new();
        if route.is_empty() {
            faults.insert("event_type_unknown");
        }
        let id = keep(self.id(&event_type), &mut faults);
        let time = keep(self.time(), &mut faults);
        let Some(data) = keep(self.data(), &mut faults) else { return Err(faults) };
        if route.is_empty() {
            return Err(faults);
        }
        if data.depth() > self.depth {
            faults.insert("json_limit");
        }
        let (id, time) = (id.unwrap_or_default(), time.unwrap_or_else(|| EPOCH.to_owned()));
        let facts = Facts { event_type, id, time, data };
        let mut written = Written::default();
        for (number, is_deleted) in &route.creations {
            let entity = &self.file.entities[*number];
            written
                .entities
                .push((*number, self.creation(entity, *is_deleted, &facts, &mut faults)));
        }
        for number in &route.changes {
            let change = self.change(&self.file.entities[*number], &facts, &mut faults);
            written.entities.extend(change.map(|change| (*number, change)));
        }
        for number in &route.logs {
            let log = &self.file.logs[*number];
            let mut row = self.columns(&log.columns, data, &facts, &mut faults);
            row.insert(log.key.name.clone(), keep(self.key(&log.key, &facts), &mut faults));
            written.logs.push((*number, row));
        }
        (written.time, written.id) = (facts.time, facts.id);
        let is_empty = written.entities.is_empty() && written.logs.is_empty();
        if faults.is_empty() { Ok((!is_empty).then_some(written)) } else { Err(faults) }
    }

    /// What is at a place of a column; plain paths begin at `root`.
    fn find(
        &self,
        place: &str,
        root: &'m Json,
        facts: &Facts<'m>,
    ) -> Result<Option<Found<'m>>, Fault> {
        let at = |root: &'m Json, path: &str| {
            root.follow(&keys(path)).map(|found| found.map(Found::Json)).map_err(|_| VALUE_TYPE)
        };
        match place {
            "$event_type" => Ok(Some(Found::Text(facts.event_type.clone()))),
            "$event_id" => Ok(Some(Found::Text(facts.id.clone()))),
            "$timestamp" => Ok(Some(Found::Time(facts.time.clone()))),
            "$data" => Ok(Some(Found::Whole(facts.data))),
            "$message" => Ok(Some(Found::Whole(self.whole))),
            _ => match place.strip_prefix("$message.") {
                Some(path) => at(self.whole, path),
                None if place.starts_with('$') => self.beside(place),
                None => at(root, place),
            },
        }
    }

    /// Every path must lead through objects, also that of a place which does not count.
    fn check_paths(&self, from: &[String], root: &Json) -> Result<(), Fault> {
        for place in from {
            let (root, path) = match place.strip_prefix("$message.") {
                Some(path) => (self.whole, path),
                None => (root, place.as_str()),
            };
            if !path.starts_with('$') && root.follow(&keys(path)).is_err() {
                return Err(VALUE_TYPE);
            }
        }
        Ok(())
    }

    /// The first of these places that has a value, as a column takes it.
    fn first(
        &self,
        from: &[String],
        (ty, rules): (&Type, &Rules),
        root: &'m Json,
        facts: &Facts<'m>,
    ) -> Result<Option<String>, Fault> {
        self.check_paths(from, root)?;
        let limits = Limits { depth: self.depth, redact: &self.file.redact };
        for place in from {
            let Some(found) = self.find(place, root, facts)? else { continue };
            if let Some(value) = ty.store(&found, rules, limits)? {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    fn key(&self, key: &Key, facts: &Facts<'m>) -> Result<String, Fault> {
        let column = (&key.ty, &key.source.rules);
        let value = self.first(&key.source.from, column, self.root_of(key, facts), facts)?;
        value.ok_or("value_missing")
    }

    fn root_of(&self, key: &Key, facts: &Facts<'m>) -> &'m Json {
        if key.is_of_envelope { self.whole } else { facts.data }
    }

    fn columns(
        &self,
        columns: &[Column],
        root: &'m Json,
        facts: &Facts<'m>,
        faults: &mut Faults,
    ) -> Row {
        let mut row = Row::new();
        for column in columns {
            let Column { name, ty, rules, value, value_on, from, from_on, .. } = column;
            let event = &facts.event_type;
            let from = from_on.get(event).unwrap_or(from);
            // What is said for the event type counts before what is said for all.
            let general = value.as_ref().filter(|_| !from_on.contains_key(event));
            let stored = match value_on.get(event).or(general) {
                Some(constant) => Ok(Some(ty.constant(constant))),
                None => self.first(from, (ty, rules), root, facts),
            };
            let stored = match stored {
                Ok(None) if column.is_required => Err("value_missing"),
                stored => stored,
            };
            row.insert(name.clone(), keep(stored, faults).flatten());
        }
        row
    }

    fn creation(
        &self,
        entity: &Entity,
        is_deleted: bool,
        facts: &Facts<'m>,
        faults: &mut Faults,
    ) -> OfEntity {
        let key = keep(self.key(&entity.key, facts), faults).unwrap_or_default();
        let mut row = self.columns(&entity.columns, facts.data, facts, faults);
        if let Some((name, _)) = &entity.deleted {
            row.insert(name.clone(), Some(u8::from(is_deleted).to_string()));
        }
        for changing in &entity.changing {
            let from = std::slice::from_ref(&changing.from);
            let column = (&changing.ty, &changing.rules);
            let value = self.first(from, column, facts.data, facts);
            row.insert(changing.name.clone(), keep(value, faults).flatten());
        }
        let mut lines = Vec::new();
        for entry in &entity.lines {
            // Paths beside the array must lead through objects even if it is empty.
            let places = entry.columns.iter().flat_map(Column::places);
            let beside = places.filter(|place| place.starts_with("$message."));
            let beside: Vec<String> = beside.map(str::to_owned).collect();
            keep(self.check_paths(&beside, self.whole), faults);
            let mut rows = Vec::new();
            let array = facts.data.follow(&keys(&entry.each)).map_err(|_| VALUE_TYPE);
            for element in elements(keep(array, faults).flatten(), faults) {
                let mut row = self.columns(&entry.columns, element, facts, faults);
                row.insert(entity.key.name.clone(), Some(key.clone()));
                row.insert(entry.number.clone(), Some((rows.len() + 1).to_string()));
                rows.push(row);
            }
            lines.push(rows);
        }
        OfEntity { key, is_creation: true, row, lines }
    }

    /// What the event changes; nothing if all that it may change stays as it is.
    fn change(&self, entity: &Entity, facts: &Facts<'m>, faults: &mut Faults) -> Option<OfEntity> {
        let mut row = Row::new();
        for changing in &entity.changing {
            let Some(change) = changing.on.get(&facts.event_type) else { continue };
            let column = (&changing.ty, &changing.rules);
            let found = self.first(change.from.as_slice(), column, facts.data, facts);
            if found == Ok(None) && change.if_present {
                continue;
            }
            let found = keep(found, faults).flatten();
            let constant = change.value.as_ref().or(change.default.as_ref());
            let constant = constant.map(|constant| changing.ty.constant(constant));
            row.insert(changing.name.clone(), found.or(constant));
        }
        if row.is_empty() {
            let key = &entity.key;
            keep(self.check_paths(&key.source.from, self.root_of(key, facts)), faults);
            return None;
        }
        let key = keep(self.key(&entity.key, facts), faults).unwrap_or_default();
        Some(OfEntity { key, is_creation: false, row, lines: Vec::new() })
    }
}

/// The elements of an array that become lines, which are objects.
fn elements<'j>(array: Option<&'j Json>, faults: &mut Faults) -> &'j [Json] {
    match array.map(|array| &array.kind) {
        None | Some(Kind::Null) => &[],
        Some(Kind::Array(elements))
            if elements.iter().all(|element| matches!(element.kind, Kind::Object(_))) =>
        {
            elements
        }
        Some(_) => {
            faults.insert(VALUE_TYPE);
            &[]
        }
    }
}

fn one(fault: Fault) -> Faults {
    Faults::from([fault])
}

/// The value, or nothing and one more fault.
fn keep<T>(result: Result<T, Fault>, faults: &mut Faults) -> Option<T> {
    result.map_err(|fault| faults.insert(fault)).ok()
}
