//! A mapping file as typed: TOML with the positions of its values, nothing resolved yet.

use super::report::Report;
use super::source::{EnvelopeEntry, KeyEntry, SourceEntry, one_or_more};
use super::todo;
use super::tree::{Keys, scalar, text, wrong_type};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The key of a syntax error.
pub(super) const NOT_TOML: &str = "TOML";

/// One file: the events of a Kafka topic, or of several that fill the same tables.
#[derive(Debug)]
pub(super) struct DomainFile {
    /// Without `[envelope]` there is one, which is also the first part of its event types.
    pub(super) topics: Vec<Spanned<String>>,
    /// The column of the entity's key in every table of this file that has no other.
    pub(super) key: Option<KeyEntry>,
    /// `None`: the envelope of the platform's contract.
    pub(super) envelope: Option<EnvelopeEntry>,
    /// Further keys to drop, at any depth, before anything is stored.
    pub(super) redact: Vec<Spanned<String>>,
    /// Event types, or `"*"`. Their events are counted and skipped unless a table takes them.
    pub(super) ignore: Vec<Spanned<String>>,
    pub(super) entities: Vec<EntityEntry>,
    pub(super) log: Vec<LogEntry>,
}

/// A table with one row per entity.
#[derive(Debug)]
pub(super) struct EntityEntry {
    pub(super) table: Spanned<String>,
    pub(super) key: Option<KeyEntry>,
    /// The event types that fill the creation part; see [`Pattern`](super::patterns::Pattern).
    pub(super) created_by: Vec<Spanned<String>>,
    pub(super) deleted: Option<DeletedEntry>,
    pub(super) columns: Vec<ColumnEntry>,
    pub(super) changing: Vec<ChangingEntry>,
    pub(super) lines: Vec<LinesEntry>,
}

/// The column that says whether an entity is deleted.
#[derive(Debug)]
pub(super) struct DeletedEntry {
    pub(super) name: Spanned<String>,
    /// The event types that delete.
    pub(super) on: Vec<Spanned<String>>,
    /// The name of a view of the rows that are not deleted.
    pub(super) living_view: Option<Spanned<String>>,
}

/// A column that later events may change.
#[derive(Debug)]
pub(super) struct ChangingEntry {
    pub(super) name: Spanned<String>,
    pub(super) ty: Spanned<String>,
    /// The path in the creation event.
    pub(super) from: Spanned<String>,
    pub(super) values: Values,
    pub(super) on: Vec<ChangeEntry>,
}

/// How values are read, and which a column takes.
#[derive(Debug, Default)]
pub(super) struct Values {
    pub(super) convert: Option<Spanned<String>>,
    /// Texts that mean null.
    pub(super) null: Vec<Spanned<String>>,
    pub(super) min: Option<Spanned<String>>,
    pub(super) max: Option<Spanned<String>>,
}

/// What an event does to a changing column.
#[derive(Debug)]
pub(super) struct ChangeEntry {
    pub(super) event: Spanned<String>,
    /// A constant …
    pub(super) value: Option<Spanned<String>>,
    /// … or a path.
    pub(super) from: Option<Spanned<String>>,
    /// Replaces null.
    pub(super) default: Option<Spanned<String>>,
    /// Null changes nothing.
    pub(super) if_present: bool,
}

/// A table with one row per element of an array in the creation event.
#[derive(Debug)]
pub(super) struct LinesEntry {
    pub(super) table: Spanned<String>,
    /// The path of the array.
    pub(super) each: Spanned<String>,
    /// The column that numbers the elements from 1.
    pub(super) number: Spanned<String>,
    pub(super) columns: Vec<ColumnEntry>,
}

/// A table with one row per event.
#[derive(Debug)]
pub(super) struct LogEntry {
    pub(super) table: Spanned<String>,
    pub(super) key: Option<KeyEntry>,
    /// Event types, or `["*"]`: every event of the topic that no other log table names.
    pub(super) events: Vec<Spanned<String>>,
    pub(super) columns: Vec<ColumnEntry>,
}

#[derive(Debug)]
pub(super) struct ColumnEntry {
    pub(super) name: Spanned<String>,
    pub(super) ty: Spanned<String>,
    /// Paths in `data`, of which the first that is not null counts; or `$event_type` or `$data`, from
    /// the envelope. Empty: the column stays NULL.
    pub(super) from: Vec<Spanned<String>>,
    /// Replaces `from` for some event types.
    pub(super) from_on: Vec<(Spanned<String>, Vec<Spanned<String>>)>,
    /// A constant for all event types.
    pub(super) value: Option<Spanned<String>>,
    /// Constants for some event types.
    pub(super) value_on: Vec<(Spanned<String>, Spanned<String>)>,
    pub(super) values: Values,
    pub(super) required: bool,
    /// This column keeps a key that is redacted everywhere else.
    pub(super) keep_secret: bool,
}

impl DomainFile {
    /// Reads a file. Reports what it cannot read, and leaves it out.
    pub(super) fn read(text: &str, report: &mut Report<'_>) -> Option<Self> {
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            let at = error.span().map_or(0, |span| span.start);
            report.fault_at(at, NOT_TOML, error.message());
        }
        todo::report_all(table.get_ref(), report);
        let mut keys = Keys::new(table.get_ref(), 0..0, "a mapping file", report);
        let topics = topics(&mut keys);
        let mut key = KeyEntry::read(&mut keys);
        let redact = keys.texts("redact");
        let ignore = keys.texts("ignore");
        let envelope = keys.one("envelope", "[envelope]", EnvelopeEntry::read);
        if key.is_none() && envelope.is_none() {
            keys.missing("key");
            key = Some(KeyEntry::unread());
        }
        let entities = entities(&mut keys);
        let log = keys.each("log", "[[log]]", LogEntry::read);
        keys.end();
        (!topics.is_empty()).then_some(Self {
            topics,
            key,
            envelope,
            redact,
            ignore,
            entities,
            log,
        })
    }
}

impl DomainFile {
    /// Every place that a fact, a key or a column takes its value from.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Spanned<String>> {
        let facts = self.envelope.iter().flat_map(EnvelopeEntry::sources);
        let own = self.entities.iter().map(|entity| &entity.key);
        let keys = own.chain(self.log.iter().map(|log| &log.key)).flatten().chain(&self.key);
        let sources = facts.chain(keys.filter_map(|key| key.source.as_ref()));
        let of_entities = self.entities.iter().flat_map(|entity| {
            entity.columns.iter().chain(entity.lines.iter().flat_map(|lines| &lines.columns))
        });
        let columns = of_entities.chain(self.log.iter().flat_map(|log| &log.columns));
        sources.flat_map(SourceEntry::paths).chain(columns.flat_map(ColumnEntry::paths))
    }
}

/// `topic`, or `topics`.
fn topics(keys: &mut Keys<'_, '_, '_>) -> Vec<Spanned<String>> {
    let (one, several) = (keys.get("topic").is_some(), keys.texts("topics"));
    match (one, several.as_slice()) {
        (true, [first, ..]) => {
            keys.report
                .fault(first, "is in `topics`, but there is `topic` as well; keep one of the two");
        }
        (false, []) => keys.missing("topic"),
        _ => {}
    }
    keys.text("topic").into_iter().chain(several).collect()
}

/// `[entity]`, or `[[entity]]` as often as there are kinds.
fn entities(keys: &mut Keys<'_, '_, '_>) -> Vec<EntityEntry> {
    match keys.get("entity") {
        Some(value) if value.get_ref().is_array() => {
            keys.each("entity", "[[entity]]", EntityEntry::read)
        }
        _ => keys.one("entity", "[entity]", EntityEntry::read).into_iter().collect(),
    }
}

impl EntityEntry {
    fn read(keys: &mut Keys<'_, '_, '_>) -> Option<Self> {
        let (table, key) = (keys.required("table"), KeyEntry::read(keys));
        if keys.get("created_by").is_none() {
            keys.missing("created_by");
        }
        let created_by = one_or_more(keys, "created_by");
        let deleted = keys.one("deleted", "deleted", DeletedEntry::read);
        let columns = columns(keys);
        let changing = keys.each("changing", "[[entity.changing]]", ChangingEntry::read);
        let lines = keys.each("lines", "[[entity.lines]]", LinesEntry::read);
        Some(Self { table: table?, key, created_by, deleted, columns, changing, lines })
    }
}

impl DeletedEntry {
    fn read(keys: &mut Keys<'_, '_, '_>) -> Option<Self> {
        let name = keys.required("name");
        if keys.get("on").is_none() {
            keys.missing("on");
        }
        let (on, living_view) = (one_or_more(keys, "on"), keys.text("living_view"));
        Some(Self { name: name?, on, living_view })
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
        let values = Values::read(keys);
        Some(Self { name: name?, ty: ty?, from: from?, values, on })
    }
}

impl Values {
    fn read(keys: &mut Keys<'_, '_, '_>) -> Self {
        let (min, max) = (keys.scalar("min"), keys.scalar("max"));
        Self { min, max, ..Self::read_conversion(keys) }
    }

    /// Without limits.
    pub(super) fn read_conversion(keys: &mut Keys<'_, '_, '_>) -> Self {
        Self { convert: keys.text("convert"), null: keys.texts("null"), min: None, max: None }
    }
}

impl ChangeEntry {
    fn read(keys: &mut Keys<'_, '_, '_>) -> Option<Self> {
        let event = keys.required("event");
        let (value, from) = (keys.scalar("value"), keys.text("from"));
        let (default, if_present) = (keys.scalar("default"), keys.flag("if_present"));
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
        let (table, key) = (keys.required("table"), KeyEntry::read(keys));
        if keys.get("events").is_none() {
            keys.missing("events");
        }
        let events = keys.texts("events");
        let columns = columns(keys);
        Some(Self { table: table?, key, events, columns })
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
            .filter_map(|(event, value)| Some((event, scalar(value, "value_on", keys.report)?)));
        let value_on = value_on.collect();
        let value = keys.scalar("value");
        let values = Values::read(keys);
        let (required, keep_secret) = (keys.flag("required"), keys.flag("keep_secret"));
        let from = from.unwrap_or_default();
        Some(Self {
            name: name?,
            ty: ty?,
            from,
            from_on,
            value,
            value_on,
            values,
            required,
            keep_secret,
        })
    }

    /// The paths for all events.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Spanned<String>> {
        self.from.iter().chain(self.from_on.iter().flat_map(|(_, paths)| paths))
    }
}

/// One path or several.
pub(super) fn paths(
    value: &Spanned<DeValue<'_>>,
    key: &str,
    report: &mut Report<'_>,
) -> Vec<Spanned<String>> {
    match value.get_ref() {
        DeValue::Array(list) if list.is_empty() => {
            report.fault_at(value.span().start, key, "is empty; give a path, or remove it");
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
