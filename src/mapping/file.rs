//! A mapping file as it is written: TOML with the places of its values, nothing resolved yet.

use super::report::Report;
use super::tree::{Keys, text, wrong_type};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// In a log table's `events` and in `ignore`: every event of the topic that nothing else names.
pub(super) const ANY: &str = "*";

/// The key of a fault in the text itself.
pub(super) const NOT_TOML: &str = "TOML";

/// One file: one Kafka topic, one kind of entity.
#[derive(Debug)]
pub(super) struct DomainFile {
    /// Kafka topic, and the first part of its event types.
    pub(super) topic: Spanned<String>,
    /// Column that holds the envelope's `entity_id` in every table of this file.
    pub(super) key: Spanned<String>,
    /// Further keys that are dropped, at any depth, before anything is stored.
    pub(super) redact: Vec<Spanned<String>>,
    /// Event types, or `"*"`: what no table takes of them is counted and skipped.
    pub(super) ignore: Vec<Spanned<String>>,
    pub(super) entity: Option<EntityEntry>,
    pub(super) log: Vec<LogEntry>,
}

/// The table with one row an entity.
#[derive(Debug)]
pub(super) struct EntityEntry {
    pub(super) table: Spanned<String>,
    /// Event type that gives the creation part.
    pub(super) created_by: Spanned<String>,
    pub(super) columns: Vec<ColumnEntry>,
    pub(super) changing: Vec<ChangingEntry>,
    pub(super) lines: Vec<LinesEntry>,
}

/// A column that later events change.
#[derive(Debug)]
pub(super) struct ChangingEntry {
    pub(super) name: Spanned<String>,
    pub(super) ty: Spanned<String>,
    /// Path in the creation event.
    pub(super) from: Spanned<String>,
    pub(super) on: Vec<ChangeEntry>,
}

/// What an event does to a changing column.
#[derive(Debug)]
pub(super) struct ChangeEntry {
    pub(super) event: Spanned<String>,
    /// A constant …
    pub(super) value: Option<Spanned<String>>,
    /// … or a path.
    pub(super) from: Option<Spanned<String>>,
    /// Taken where the path gives null.
    pub(super) default: Option<Spanned<String>>,
    /// Where the path gives null the event changes nothing.
    pub(super) if_present: bool,
}

/// A table with a row for each element of an array of the creation event.
#[derive(Debug)]
pub(super) struct LinesEntry {
    pub(super) table: Spanned<String>,
    /// Path of the array.
    pub(super) each: Spanned<String>,
    /// Column that numbers the elements from 1.
    pub(super) number: Spanned<String>,
    pub(super) columns: Vec<ColumnEntry>,
}

/// A table with a row for each event.
#[derive(Debug)]
pub(super) struct LogEntry {
    pub(super) table: Spanned<String>,
    /// Event types, or `["*"]`: every event of the topic that no other log table names.
    pub(super) events: Vec<Spanned<String>>,
    pub(super) columns: Vec<ColumnEntry>,
}

/// A column and its source.
#[derive(Debug)]
pub(super) struct ColumnEntry {
    pub(super) name: Spanned<String>,
    pub(super) ty: Spanned<String>,
    /// Paths in `data`: the first that is not null. `$event_type` and `$data` name the envelope's.
    /// None: the column has no source and stays NULL.
    pub(super) from: Vec<Spanned<String>>,
    /// Other paths for some event types.
    pub(super) from_on: Vec<(Spanned<String>, Vec<Spanned<String>>)>,
    /// Constants for some event types.
    pub(super) value_on: Vec<(Spanned<String>, Spanned<String>)>,
    /// A named conversion; `length` is the number of elements of an array.
    pub(super) convert: Option<Spanned<String>>,
    pub(super) required: bool,
    /// A path leads to a key that is redacted everywhere else, and this column keeps it.
    pub(super) keep_secret: bool,
}

impl DomainFile {
    /// Reads a file; what cannot be read is reported and left out.
    pub(super) fn read(text: &str, report: &mut Report<'_>) -> Option<Self> {
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            let at = error.span().map_or(0, |span| span.start);
            report.fault_at(at, NOT_TOML, error.message());
        }
        let mut keys = Keys::new(table.get_ref(), 0..0, "a mapping file", report);
        let topic = keys.required("topic");
        let key = keys.required("key");
        let redact = keys.texts("redact");
        let ignore = keys.texts("ignore");
        let entity = keys.one("entity", "[entity]", EntityEntry::read);
        let log = keys.each("log", "[[log]]", LogEntry::read);
        keys.end();
        Some(Self { topic: topic?, key: key?, redact, ignore, entity, log })
    }
}

impl EntityEntry {
    fn read(keys: &mut Keys<'_, '_, '_>) -> Option<Self> {
        let (table, created_by) = (keys.required("table"), keys.required("created_by"));
        let columns = columns(keys);
        let changing = keys.each("changing", "[[entity.changing]]", ChangingEntry::read);
        let lines = keys.each("lines", "[[entity.lines]]", LinesEntry::read);
        Some(Self { table: table?, created_by: created_by?, columns, changing, lines })
    }
}

impl ChangingEntry {
    fn read(keys: &mut Keys<'_, '_, '_>) -> Option<Self> {
        let (name, ty) = (keys.required("name"), keys.required("type"));
        let from = keys.required("from");
        if keys.get("on").is_none() {
            keys.missing("on");
        }
        let on = keys.each("on", "an element of on", ChangeEntry::read);
        Some(Self { name: name?, ty: ty?, from: from?, on })
    }
}

impl ChangeEntry {
    fn read(keys: &mut Keys<'_, '_, '_>) -> Option<Self> {
        let event = keys.required("event");
        let (value, from) = (keys.text("value"), keys.text("from"));
        let (default, if_present) = (keys.text("default"), keys.flag("if_present"));
        Some(Self { event: event?, value, from, default, if_present })
    }
}

impl LinesEntry {
    fn read(keys: &mut Keys<'_, '_, '_>) -> Option<Self> {
        let (table, each) = (keys.required("table"), keys.required("each"));
        let number = keys.required("number");
        let columns = columns(keys);
        Some(Self { table: table?, each: each?, number: number?, columns })
    }
}

impl LogEntry {
    fn read(keys: &mut Keys<'_, '_, '_>) -> Option<Self> {
        let table = keys.required("table");
        if keys.get("events").is_none() {
            keys.missing("events");
        }
        let events = keys.texts("events");
        let columns = columns(keys);
        Some(Self { table: table?, events, columns })
    }
}

fn columns(keys: &mut Keys<'_, '_, '_>) -> Vec<ColumnEntry> {
    if keys.get("columns").is_none() {
        keys.missing("columns");
    }
    keys.each("columns", "a column", ColumnEntry::read)
}

impl ColumnEntry {
    fn read(keys: &mut Keys<'_, '_, '_>) -> Option<Self> {
        let (name, ty) = (keys.required("name"), keys.required("type"));
        let from = keys.get("from").map(|value| paths(value, "from", keys.report));
        let from_on = keys.entries("from_on");
        let from_on = from_on.into_iter().map(|(event, value)| {
            let paths = paths(value, "from_on", keys.report);
            (event, paths)
        });
        let from_on = from_on.collect();
        let value_on = keys.entries("value_on");
        let value_on = value_on
            .into_iter()
            .filter_map(|(event, value)| Some((event, text(value, "value_on", keys.report)?)));
        let value_on = value_on.collect();
        let convert = keys.text("convert");
        let (required, keep_secret) = (keys.flag("required"), keys.flag("keep_secret"));
        let from = from.unwrap_or_default();
        Some(Self { name: name?, ty: ty?, from, from_on, value_on, convert, required, keep_secret })
    }

    /// Every path of the column, whatever the event.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Spanned<String>> {
        self.from.iter().chain(self.from_on.iter().flat_map(|(_, paths)| paths))
    }

    /// Whether one of its sources is the envelope's, which is always there.
    pub(super) fn is_of_envelope(&self) -> bool {
        self.from.iter().any(|path| path.get_ref().starts_with('$'))
    }
}

/// One path or several.
fn paths(value: &Spanned<DeValue<'_>>, key: &str, report: &mut Report<'_>) -> Vec<Spanned<String>> {
    match value.get_ref() {
        DeValue::Array(list) if list.is_empty() => {
            report.fault_at(value.span().start, key, "is empty; give a path, or leave it out");
            Vec::new()
        }
        DeValue::Array(list) => list.iter().filter_map(|path| text(path, key, report)).collect(),
        DeValue::String(_) => text(value, key, report).into_iter().collect(),
        _ => {
            wrong_type(value, key, "a path or a list of paths", report);
            Vec::new()
        }
    }
}
