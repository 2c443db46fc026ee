//! `[envelope]` → where the facts of an event are.

use super::columns::check_order;
use super::compile::Domain;
use super::convert::Convert;
use super::declared::{Declared, Each, Envelope, IdSource, TypeSource};
use super::file::DomainFile;
use super::paths::{self, PathSet};
use super::patterns::{Selector, TOMBSTONE};
use super::places;
use super::plan::{Cell, Place, Root, Source};
use super::plans::{created_by, with_values};
use super::report::Report;
use super::source::{EnvelopeEntry, SourceEntry};
use super::specs::is_name;
use super::types::ColumnType;
use crate::decode::EVENT_TYPE_CHARS_MAX;
use crate::redact::Secrets;
use toml::Spanned;

pub(super) const CONTENT: &str = "$content";
pub(super) const POSITION: &str = "$position";
const MESSAGE: &str = "$message";

/// What an id may come from, as an error explains it.
pub(super) const IDS: &str = "an event needs an id, or what is delivered twice is stored twice. Name a field that has one; or \"$content\", a hash of key and message: the same message is the same event; or \"$position\", the place in Kafka: two equal messages are two events";

/// Checks `[envelope]` and what follows from it.
pub(super) fn check(domain: &mut Domain<'_>) {
    let file = domain.file;
    let (secrets, report) = (domain.secrets, &mut domain.report);
    let Some(envelope) = &file.envelope else {
        check_contract(file, report);
        return;
    };
    if let Some(each) = &envelope.each
        && each.get_ref() != MESSAGE
    {
        check_paths(report, secrets, [each], is_in_message, "a path in the message, or $message");
    }
    check_source(report, secrets, &envelope.event_type, is_text, "a text");
    check_text(report, &envelope.event_type);
    if let Some(value) = &envelope.event_type.value {
        check_type(report, value);
    }
    check_id(report, secrets, envelope);
    check_time(report, secrets, envelope);
    let key = envelope.key.iter();
    let own = file.entities.iter().map(|entity| &entity.key);
    let keys = own.chain(file.log.iter().map(|log| &log.key)).flatten().chain(&file.key);
    for source in key.chain(keys.filter_map(|key| key.source.as_ref())) {
        check_source(report, secrets, source, is_text_or_path, "a text or a whole number");
        if source.value.is_some() || !source.join.is_empty() {
            report.fault(
                &source.at,
                "is a path or a list of paths: a constant is the same for every entity, and joined texts may be equal for two",
            );
        }
    }
    check_keys(report, file, envelope);
    let data = |place: &Place| is_in_message(place) || *place == Place::WholeMessage;
    check_paths(report, secrets, &envelope.data, data, "a path in the message, or $message");
    check_order(report, &envelope.data, |place| *place == Place::WholeMessage);
    check_tombstones(report, file, envelope);
}

/// A file without `[envelope]` has the contract's: one topic, one kind of entity, a key.
fn check_contract(file: &DomainFile, report: &mut Report<'_>) {
    for topic in file.topics.iter().skip(1) {
        report.fault(topic, "is a second topic, which needs [envelope]: in the contract's, the topic is part of the event types");
    }
    for entity in file.entities.iter().skip(1) {
        report.fault(&entity.table, "is a second kind of entity, which needs [envelope]: in the contract's there is one entity_id");
    }
}

fn check_id(report: &mut Report<'_>, secrets: &Secrets, envelope: &EnvelopeEntry) {
    let id = &envelope.id;
    if let Some(value) = &id.value {
        report.fault(value, &format!("is the same for every event; {IDS}"));
    }
    if is_name(id, CONTENT) || is_name(id, POSITION) {
        return;
    }
    let is_id = |place: &Place| is_text(place) && *place != Place::Topic;
    check_source(report, secrets, id, is_id, "a text or a whole number of the event's own");
    check_text(report, id);
    if !id.join.is_empty() {
        report.fault(&id.at, "cannot be joined; name one field");
    }
}

/// Types and ids are texts.
fn check_text(report: &mut Report<'_>, source: &SourceEntry) {
    if let Some(convert) = &source.values.convert
        && convert.get_ref().parse().is_ok_and(|known: Convert| known != Convert::Text)
    {
        report.fault(convert, "does not give a text; use `text`, or nothing");
    }
}

fn check_time(report: &mut Report<'_>, secrets: &Secrets, envelope: &EnvelopeEntry) {
    let time = &envelope.time;
    let is_time = |place: &Place| {
        matches!(place, Place::At(..) | Place::Header(_) | Place::KafkaTimestamp | Place::KeyText)
    };
    check_source(report, secrets, time, is_time, "a time");
    if time.value.is_some() || !time.join.is_empty() {
        report.fault(&time.at, "is a path or a list of paths, with `convert` for a number");
    }
    if let Some(convert) = &time.values.convert
        && let Ok(known) = convert.get_ref().parse::<Convert>()
        && !known.gives(&ColumnType::DATETIME)
    {
        report.fault(convert, "gives no time; use seconds, millis, micros, nanos or days");
    }
}

fn check_source(
    report: &mut Report<'_>,
    secrets: &Secrets,
    source: &SourceEntry,
    allows: impl Fn(&Place) -> bool,
    wanted: &str,
) {
    check_paths(report, secrets, source.paths(), allows, wanted);
    check_order(report, &source.from, Place::is_always_there);
    if let Some(convert) = &source.values.convert
        && let Err(problem) = convert.get_ref().parse::<Convert>()
    {
        report.fault(convert, &problem);
    }
}

fn check_paths<'p>(
    report: &mut Report<'_>,
    secrets: &Secrets,
    paths: impl IntoIterator<Item = &'p Spanned<String>>,
    allows: impl Fn(&Place) -> bool,
    wanted: &str,
) {
    for path in paths {
        match places::read(path.get_ref(), Root::Message) {
            Err(problem) => report.fault(path, &problem),
            Ok(place) if !allows(&place) => report.fault(path, &format!("is not {wanted}")),
            Ok(place) if is_secret(&place, secrets) => {
                report.fault(
                    path,
                    "leads through a redacted key, which leaves no trace in ids, keys and times",
                );
            }
            Ok(_) => {}
        }
    }
}

/// Whether a path leads through a key that is redacted.
pub(super) fn is_secret(place: &Place, secrets: &Secrets) -> bool {
    match place {
        Place::At(_, _, path) => {
            paths::keys(path).unwrap_or_default().into_iter().any(|key| secrets.contains(key))
        }
        Place::Header(name) => secrets.are_named_in(name),
        _ => false,
    }
}

fn is_in_message(place: &Place) -> bool {
    matches!(place, Place::At(Root::Message, ..))
}

fn is_text(place: &Place) -> bool {
    matches!(place, Place::At(..) | Place::Header(_) | Place::Topic | Place::KeyText)
}

fn is_text_or_path(place: &Place) -> bool {
    is_text(place) || matches!(place, Place::Partition)
}

fn check_type(report: &mut Report<'_>, event_type: &Spanned<String>) {
    let text = event_type.get_ref();
    if text.is_empty() || text.chars().count() > EVENT_TYPE_CHARS_MAX {
        let problem =
            format!("is not an event type; one has 1 to {EVENT_TYPE_CHARS_MAX} characters");
        report.fault(event_type, &problem);
    }
}

/// Every table needs to know where its key comes from.
fn check_keys(report: &mut Report<'_>, file: &DomainFile, envelope: &EnvelopeEntry) {
    let entities = file.entities.iter().map(|entity| (&entity.table, &entity.key));
    let tables = entities.chain(file.log.iter().map(|log| (&log.table, &log.key)));
    for (table, own) in tables {
        let entry = own.as_ref().or(file.key.as_ref());
        if envelope.key.is_none() && entry.is_some_and(|entry| entry.source.is_none()) {
            report.fault(table, "has a key without a source; give `key` to [envelope], or `from` to the key: key = { name = \"sku\", from = \"sku\" }");
        }
    }
}

/// A message without a value has nothing but its key, its headers and its place.
fn check_tombstones(report: &mut Report<'_>, file: &DomainFile, envelope: &EnvelopeEntry) {
    let takes =
        |entity: &&super::file::EntityEntry| created_by(entity, Selector::Tombstone).is_some();
    let entities: Vec<_> = file.entities.iter().filter(takes).collect();
    let logs: Vec<_> =
        file.log.iter().filter(|log| Selector::Tombstone.best(&log.events).is_some()).collect();
    if entities.is_empty() && logs.is_empty() {
        return;
    }
    if !is_name(&envelope.id, CONTENT)
        && !is_name(&envelope.id, POSITION)
        && is_of_value(&envelope.id)
    {
        report.fault(
            &envelope.id.at,
            &format!("is in the message, but {TOMBSTONE} has none; use \"$position\""),
        );
    }
    if is_of_value(&envelope.time) {
        report.fault(
            &envelope.time.at,
            &format!(
                "is in the message, but {TOMBSTONE} has none; add \"$kafka_timestamp\" to the list"
            ),
        );
    }
    let own = entities.iter().map(|entity| &entity.key).chain(logs.iter().map(|log| &log.key));
    for key in own {
        let entry = key.as_ref().or(file.key.as_ref());
        let source = entry.and_then(|entry| entry.source.as_ref()).or(envelope.key.as_ref());
        if let Some(source) = source.filter(|source| is_of_value(source)) {
            report.fault(
                &source.at,
                &format!(
                    "is in the message, but {TOMBSTONE} has none; use \"$key\", or a path of it"
                ),
            );
        }
    }
    for column in
        entities.iter().flat_map(|entity| &entity.columns).filter(|column| column.required)
    {
        report.fault(
            &column.name,
            &format!("is required, but {TOMBSTONE} has no value for it; remove `required`"),
        );
    }
}

/// Whether a source has no place outside of the message's value.
fn is_of_value(source: &SourceEntry) -> bool {
    let is_in = |path: &&Spanned<String>| {
        matches!(places::read(path.get_ref(), Root::Message), Ok(Place::At(Root::Message, ..)))
    };
    source.paths().next().is_some() && source.paths().all(|path| is_in(&path))
}

/// The cell of a source: its value as a text, a number or a time, whatever its column is.
pub(super) fn cell(source: &SourceEntry, root: Root) -> Cell {
    let read = |path: &Spanned<String>| places::read(path.get_ref(), root).ok();
    let places: Vec<Place> = source.from.iter().filter_map(read).collect();
    with_values(Cell::of(Source::Places(places)), &source.values)
}

/// The plan of the envelope; faults have been reported.
pub(super) fn compile(file: &DomainFile) -> Envelope {
    let Some(entry) = &file.envelope else { return Envelope::Contract };
    let read = |path: &Spanned<String>| places::read(path.get_ref(), Root::Message).ok();
    let fact = |source: &SourceEntry| Cell { required: true, ..cell(source, Root::Message) };
    let event_type = match (&entry.event_type.value, entry.event_type.join.as_slice()) {
        (Some(value), _) => TypeSource::Constant(value.get_ref().clone()),
        (None, []) => TypeSource::Value(fact(&entry.event_type)),
        (None, parts) => TypeSource::Join(
            parts
                .iter()
                .filter_map(read)
                .map(|place| {
                    let cell = Cell { required: true, ..Cell::of(Source::Places(vec![place])) };
                    with_values(cell, &entry.event_type.values)
                })
                .collect(),
        ),
    };
    let id = if is_name(&entry.id, CONTENT) {
        IdSource::Content
    } else if is_name(&entry.id, POSITION) {
        IdSource::Position { has_topic: file.topics.len() > 1 }
    } else {
        IdSource::Value(fact(&entry.id))
    };
    let data: Vec<Place> = entry.data.iter().filter_map(read).collect();
    Envelope::Declared(Box::new(Declared {
        each: entry.each.as_ref().map(each),
        event_type,
        id,
        time: fact(&entry.time),
        data,
    }))
}

fn each(path: &Spanned<String>) -> Each {
    if path.get_ref() == MESSAGE {
        return Each::Message;
    }
    let path = match places::read(path.get_ref(), Root::Message) {
        Ok(Place::At(_, _, path)) => path,
        _ => String::new(),
    };
    let mut set = PathSet::at(Root::Message);
    set.add(&path);
    Each::Path(Box::new(set.build().into_tree()), path)
}

#[cfg(test)]
mod tests;
