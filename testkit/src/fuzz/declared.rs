//! What holds for any mapping file, and for any messages that come to it.

use super::statements;
use crate::Chance;
use crate::fold::declared::Message;
use crate::fold::declared::file::File;
use crate::invented;
use rdkafka::message::{Header, OwnedHeaders};
use sluicegate::buffer::Batch;
use sluicegate::flatten::Flattener;
use sluicegate::mapping::{BUILT_IN, Mapping};
use sluicegate::message::{self, Headers};
use sluicegate::mysql::{Dialect, JsonLimits};
use std::sync::Arc;

/// Files of people, and one that has much of what a file may have.
const FILES: [&str; 8] = [
    BUILT_IN[0].1,
    BUILT_IN[1].1,
    include_str!("../../../tests/own-events/mappings/cdc.toml"),
    include_str!("../../../tests/own-events/mappings/cloud.toml"),
    include_str!("../../../tests/own-events/mappings/hooks.toml"),
    include_str!("../../../tests/own-events/mappings/prices.toml"),
    include_str!("../../../tests/own-events/mappings/sensors.toml"),
    include_str!("../../../tests/own-events/mappings/web.toml"),
];

/// What a file is made of, to be put where it does not belong.
const PIECES: [&str; 60] = [
    "''",
    "[]",
    "{}",
    "0",
    "-1",
    "1.5",
    "true",
    "'a'",
    "'*'",
    "'a*'",
    "'$tombstone'",
    "'$message'",
    "'$data'",
    "'$key'",
    "'$key.id'",
    "'$header.H'",
    "'$event_type'",
    "'$event_id'",
    "'$timestamp'",
    "'$offset'",
    "'$partition'",
    "'$kafka_timestamp'",
    "'$topic'",
    "'$content'",
    "'$position'",
    "'a.b'",
    "'a.\"b.c\"'",
    "'token'",
    "'a[0]'",
    "['a', 'b']",
    "{ value = 'x' }",
    "{ join = ['a', 'b'] }",
    "{ from = 'a', convert = 'text' }",
    "{ from = [] }",
    "{ name = 'k', from = 'k' }",
    "{ name = 'k', type = 'int' }",
    "{ a = 'b' }",
    "'int'",
    "'decimal(5,2)'",
    "'json'",
    "'text'",
    "'varchar(999999)'",
    "'enum(a, a)'",
    "'datetime(9)'",
    "'boolean'",
    "'length'",
    "'parse'",
    "'hex'",
    "'days'",
    "'number'",
    "\n[entity]\n",
    "\n[[entity]]\n",
    "\n[[entity.lines]]\n",
    "\n[[entity.changing]]\n",
    "\n[[log]]\n",
    "\n[envelope]\n",
    "\ncolumns = []\n",
    ", required = true",
    ", min = 300",
    "999999999999999999999",
];

/// Any bytes as a mapping file: as they are, as choices among the pieces of which files are made, or as
/// changes to a real one. A file compiles, or has faults of which each names its line.
pub fn mapping(bytes: &[u8]) {
    let text = written(bytes);
    if let Err(faults) = Mapping::compile([("fuzz.toml", text.as_str())]) {
        let lines = text.split('\n').count();
        assert!(!faults.is_empty());
        for fault in faults {
            assert!((1..=lines).contains(&fault.line), "{fault}\n{text}");
        }
    }
}

/// Any bytes as choices of a mapping file and of messages for it, which are spoilt further: each is loaded,
/// is skipped as the mapping says, or leaves no trace but its verdict.
pub fn declared(bytes: &[u8]) {
    let (choices, spoilt) = bytes.split_at(bytes.len() / 2);
    let text = written(choices);
    let Ok(mapping) = Mapping::compile([("fuzz.toml", text.as_str())]).map(Arc::new) else {
        return;
    };
    let mut chance = Chance::of_bytes(spoilt);
    let mut flattener = Flattener::new(Arc::clone(&mapping), JsonLimits::MARIADB);
    let mut batch = Batch::new(&mapping);
    let mut before = statements(&mapping, &batch, Dialect::MariaDb);
    for mut message in messages(&mut chance, &text, &mapping) {
        spoil(&mut chance, &mut message);
        let headers = headers(&message);
        let loaded = flattener.load(&of_kafka(&message, &headers), &message.topic, &mut batch);
        let loaded = loaded.map(|events| events.iter().all(|event| event.is_ignored));
        let after = statements(&mapping, &batch, Dialect::MariaDb);
        match loaded {
            Ok(false) => {}
            Ok(true) => assert_eq!(before, after, "{text}"),
            Err(faulty) => assert_eq!(before, after, "{text}{:?}", faulty.reject),
        }
        before = after;
    }
}

/// Those that fit a file, or bare ones for a file that only looks like one.
fn messages(chance: &mut Chance, text: &str, mapping: &Mapping) -> Vec<Message> {
    if chance.once_in(2) || !text.contains("[envelope]") {
        let topic = mapping.topic_names().first().map_or("t", |topic| topic);
        let mut made = Vec::new();
        for offset in 0..2 {
            let mut document = String::new();
            for _ in 0..chance.below(40) {
                document += JSON[chance.below(JSON.len())];
            }
            made.push(Message {
                topic: topic.to_owned(),
                partition: 0,
                offset,
                timestamp_ms: Some(offset),
                key: chance.once_in(2).then(|| b"{\"id\":1}".to_vec()),
                value: Some(document.into_bytes()),
                headers: Vec::new(),
            });
        }
        return made;
    }
    invented::messages(chance, &File::read(text), 2)
}

/// What messages are made of.
const JSON: [&str; 24] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"type\"",
    "\"id\"",
    "\"at\"",
    "\"k\"",
    "\"d\"",
    "\"o\"",
    "\"f1\"",
    "\"token\"",
    "null",
    "true",
    "1",
    "-0.5e3",
    "\"x\"",
    "\"2026-01-02T03:04:05Z\"",
    "\"row.new\"",
    "\"gone\"",
    "{\"a\":1}",
    "[{}]",
];

fn spoil(chance: &mut Chance, message: &mut Message) {
    let parts = [message.value.as_mut(), message.key.as_mut()];
    for bytes in parts.into_iter().flatten() {
        if !bytes.is_empty() && chance.once_in(4) {
            let at = chance.below(bytes.len());
            bytes[at] = chance.draw().to_le_bytes()[0];
        }
    }
}

/// A mapping file of these choices.
fn written(bytes: &[u8]) -> String {
    let Some((way, rest)) = bytes.split_first() else { return String::new() };
    let mut chance = Chance::of_bytes(rest);
    let mut text = match way % 4 {
        0 => return String::from_utf8_lossy(rest).into_owned(),
        1 => return invented::mapping(&mut chance, ""),
        2 => invented::mapping(&mut chance, ""),
        _ => FILES[chance.below(FILES.len())].to_owned(),
    };
    for _ in 0..=chance.below(4) {
        replace(&mut chance, &mut text);
    }
    text
}

/// Puts a piece, or a part of the file itself, in the place of a part of it.
fn replace(chance: &mut Chance, text: &mut String) {
    // Parts begin and end where something does in a mapping file.
    let ends = |text: &str| -> Vec<usize> {
        let is_end = |letter: char| letter.is_whitespace() || "'\"[]{}=,.".contains(letter);
        text.match_indices(is_end).map(|(at, _)| at).collect()
    };
    let ends = ends(text);
    if ends.is_empty() {
        return;
    }
    let part = |chance: &mut Chance, longest: usize| {
        let first = chance.below(ends.len());
        let last = (first + chance.below(longest)).min(ends.len() - 1);
        ends[first]..ends[last]
    };
    let new = match chance.below(3) {
        0 => text[part(chance, 30)].to_owned(),
        _ => (*chance.pick(&PIECES)).to_owned(),
    };
    text.replace_range(part(chance, 6), &new);
}

/// The headers of a message as Kafka's client keeps them.
pub fn headers(message: &Message) -> OwnedHeaders {
    message.headers.iter().fold(OwnedHeaders::new(), |headers, (key, value)| {
        headers.insert(Header { key, value: Some(value) })
    })
}

/// A message as the program takes it.
pub fn of_kafka<'m>(message: &'m Message, headers: &'m OwnedHeaders) -> message::Message<'m> {
    message::Message {
        topic: &message.topic,
        partition: message.partition,
        offset: message.offset,
        key: message.key.as_deref(),
        payload: message.value.as_deref(),
        timestamp_ms: message.timestamp_ms,
        headers: Headers::Kept(headers),
    }
}
