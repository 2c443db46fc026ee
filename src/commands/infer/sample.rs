//! Messages → events, and what is known of them before an envelope is: where they are, their keys, headers.

use super::json;
use super::seen::{Collector, Seen};
use super::words;
use crate::commands::trial::Line;
use rdkafka::message::Headers as _;
use rustc_hash::FxHashSet;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// The path that stands for the whole message.
pub(super) const MESSAGE: &str = "$message";

/// One event, and its message.
pub(super) struct Event<'l> {
    pub(super) value: &'l RawValue,
    pub(super) line: &'l Line,
}

pub(super) struct Sample<'l> {
    /// Sorted.
    pub(super) topics: Vec<&'l str>,
    pub(super) messages: usize,
    pub(super) tombstones: usize,
    /// Messages that are JSON.
    pub(super) readable: usize,
    /// Messages that are not JSON, or neither objects nor arrays of objects.
    pub(super) not_objects: usize,
    /// The array whose elements are events: a path, or [`MESSAGE`].
    pub(super) each: Option<String>,
    pub(super) events: Vec<Event<'l>>,
    /// How many messages with events differ from each other.
    pub(super) different: usize,
    pub(super) keys: Keys,
    /// By name.
    pub(super) headers: BTreeMap<String, Seen>,
}

/// What the messages' keys were like.
#[derive(Default)]
pub(super) struct Keys {
    /// As texts.
    pub(super) texts: Seen,
    /// Of the keys that are objects, their members.
    pub(super) members: Seen,
}

impl<'l> Sample<'l> {
    pub(super) fn of(lines: &'l [Line], collector: &mut Collector) -> Self {
        let mut topics: Vec<&str> = lines.iter().map(|line| line.topic.as_str()).collect();
        topics.sort_unstable();
        topics.dedup();
        let mut sample = Self {
            topics,
            messages: lines.len(),
            tombstones: 0,
            readable: 0,
            not_objects: 0,
            each: None,
            events: Vec::new(),
            different: 0,
            keys: Keys::default(),
            headers: BTreeMap::new(),
        };
        let mut values = Vec::new();
        for line in lines {
            sample.keys.note(line, collector);
            match line.value.as_deref().map(json::read) {
                None => sample.tombstones += 1,
                Some(None) => sample.not_objects += 1,
                Some(Some(value)) => {
                    values.push((value, line));
                    note_headers(&mut sample.headers, line, collector);
                }
            }
        }
        sample.readable = values.len();
        sample.each = each(&values, collector);
        for (value, line) in values {
            let events = elements(value, sample.each.as_deref());
            sample.not_objects += usize::from(!events.iter().all(|value| is_object(value)));
            let objects = events.into_iter().filter(|value| is_object(value));
            sample.events.extend(objects.map(|value| Event { value, line }));
        }
        let mut texts: FxHashSet<&str> = FxHashSet::default();
        texts.extend(sample.events.iter().map(|event| event.value.get()));
        sample.different = texts.len();
        sample
    }
}

impl Keys {
    fn note(&mut self, line: &Line, collector: &mut Collector) {
        let Some(key) = &line.key else { return };
        let text = serde_json::value::to_raw_value(key);
        if let Ok(text) = text {
            collector.note(&mut self.texts, &text, None);
        }
        if let Some(object) = object_of(key) {
            collector.note(&mut self.members, object, None);
        }
    }

    /// The path of the only value of keys that are objects, such as `id` of `{"id":7}`.
    pub(super) fn only_member(&self) -> Option<Vec<String>> {
        if self.members.objects == 0 || self.members.objects < self.texts.count {
            return None;
        }
        let mut path = Vec::new();
        let mut seen = &self.members;
        // Kafka Connect's wrapper: {"schema":…,"payload":{"id":7}}, or a payload that is the value.
        if seen.member("schema").is_some()
            && let Some(payload) = seen.member("payload")
        {
            path.push("payload".to_owned());
            if !payload.is_object() {
                return (payload.is_name() && payload.values() == self.texts.count).then_some(path);
            }
            seen = payload;
        }
        let primary: Vec<(&str, &Seen)> =
            seen.members().filter(|(name, _)| name.starts_with("pk.")).collect();
        let all: Vec<(&str, &Seen)> = seen.members().collect();
        let [(name, only)] = (if primary.is_empty() { all } else { primary })[..] else {
            return None;
        };
        path.push(name.to_owned());
        (only.is_name() && only.values() == self.texts.count).then_some(path)
    }
}

fn object_of(key: &str) -> Option<&RawValue> {
    json::read(key).filter(|value| is_object(value))
}

fn is_object(value: &RawValue) -> bool {
    value.get().starts_with('{')
}

fn note_headers(headers: &mut BTreeMap<String, Seen>, line: &Line, collector: &mut Collector) {
    for header in line.headers.iter() {
        let text = header.value.and_then(|value| std::str::from_utf8(value).ok());
        let raw = text.and_then(|text| serde_json::value::to_raw_value(text).ok());
        if let Some(raw) = raw.filter(|_| !collector.is_secret_header(header.key)) {
            let seen = headers.entry(header.key.to_owned()).or_default();
            collector.note(seen, &raw, line.key.as_deref());
        }
    }
}

/// The array whose elements are events, if there is one: the message itself, or the only member that may hold
/// events with a time, of messages without one.
fn each(values: &[(&RawValue, &Line)], collector: &mut Collector) -> Option<String> {
    if values.iter().any(|(value, _)| value.get().starts_with('[')) {
        return Some(MESSAGE.to_owned());
    }
    let mut root = Seen::default();
    values.iter().for_each(|(value, _)| collector.note(&mut root, value, None));
    let has_time =
        |seen: &Seen| seen.members().any(|(name, seen)| super::guess::time(seen, name).is_some());
    let mut batches = root.members().filter(|(_, seen)| seen.batches > 0);
    let (name, seen) = batches.next()?;
    let is_alone = batches.next().is_none()
        && seen.count == root.objects
        && seen.batches + seen.objects == seen.values();
    if !is_alone || has_time(&root) {
        return None;
    }
    let name = name.to_owned();
    let mut elements = Seen::default();
    for (value, _) in values {
        for element in self::elements(value, Some(&words::path(std::slice::from_ref(&name)))) {
            collector.note(&mut elements, element, None);
        }
    }
    has_time(&elements).then(|| words::path(&[name]))
}

/// The events of a message.
fn elements<'l>(value: &'l RawValue, each: Option<&str>) -> Vec<&'l RawValue> {
    let array = match each {
        None => return vec![value],
        Some(MESSAGE) => Some(value),
        Some(path) => json::members(value)
            .into_iter()
            .find(|(name, _)| words::path(std::slice::from_ref(name)) == path)
            .map(|(_, value)| value),
    };
    match array.map(json::shape) {
        Some(json::Shape::Array(elements)) => elements,
        _ => array.into_iter().collect(),
    }
}

/// The text with which values are compared to find the key among them.
pub(super) fn key_text(line: &Line, member: Option<&[String]>) -> Option<String> {
    let key = line.key.as_deref()?;
    match member {
        None => Some(key.to_owned()),
        Some(path) => json::name(json::at(object_of(key)?, path)?),
    }
}
