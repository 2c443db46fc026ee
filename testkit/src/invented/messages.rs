//! Messages for a mapping file, most of which fit it.

use super::document::{NUMBER, Node};
use super::values::{self, STRANGE, fitting};
use super::{EVENT_TYPES, one_of};
use crate::Chance;
use crate::fold::declared::Message;
use crate::fold::declared::file::{Column, File, Key, Lines, Rules, Source};
use crate::fold::declared::patterns::{Route, TOMBSTONE};
use crate::fold::declared::types::Type;

/// Keys of Kafka's that are texts.
const KEYS: [&str; 5] = ["k1", "k2", "K1", "Zürich", "a b"];

/// So many messages or more, at their places in Kafka: of three partitions, and some of them twice.
pub fn messages(chance: &mut Chance, file: &File, count: usize) -> Vec<Message> {
    let mut messages = Vec::new();
    for number in 0..count {
        let mut maker = Maker::new(chance, file, number);
        let message = maker.message();
        messages.push(message);
    }
    for _ in 0..count / 4 {
        // The same message again, read twice or sent twice.
        let again = chance.pick(&messages).clone();
        let offset = if is_sent_twice(file) { messages.len() as i64 } else { again.offset };
        messages.push(Message { offset, ..again });
    }
    messages
}

/// Not where rows would depend on which of the two places counts.
fn is_sent_twice(file: &File) -> bool {
    let is_place = |place: &str| ["$offset", "$partition", "$kafka_timestamp"].contains(&place);
    file.envelope.id.is("$position") || !file.places().any(is_place)
}

struct Maker<'c> {
    chance: &'c mut Chance,
    file: &'c File,
    number: usize,
    topic: String,
    headers: Vec<(String, Vec<u8>)>,
    key: Node,
    is_tombstone: bool,
}

/// An event in the making: the message or its element, and its data, which may be the same.
struct Parts {
    event_type: String,
    whole: Node,
    data: Node,
}

impl<'c> Maker<'c> {
    fn new(chance: &'c mut Chance, file: &'c File, number: usize) -> Self {
        let topic = chance.pick(&file.topics).clone();
        // Two without a value have the same content, so nothing else may tell them apart.
        let is_beside = |place: &str| {
            place.starts_with("$header.") || ["$offset", "$partition", "$topic"].contains(&place)
        };
        let may_be_empty = !file.envelope.id.is("$content") || !file.places().any(is_beside);
        let is_tombstone = may_be_empty && chance.once_in(8);
        Self { chance, file, number, topic, headers: Vec::new(), key: Node::empty(), is_tombstone }
    }

    fn message(&mut self) -> Message {
        let events = match (&self.file.envelope.each, self.chance.below(4)) {
            (None, _) | (Some(_), 0) => 1,
            (Some(_), count) => count,
        };
        let elements: Vec<Node> = (0..events).map(|element| self.event(element)).collect();
        let mut written: Vec<String> = Vec::new();
        for mut element in elements {
            if self.chance.once_in(12) {
                let strange = STRANGE[self.number % STRANGE.len()];
                element.spoil(self.chance, strange, self.file.envelope.id.is("$content"));
            }
            let mut text = String::new();
            element.write(self.chance, &mut text);
            written.push(text);
        }
        let is_list = self.file.envelope.each.is_some() && (events > 1 || self.chance.once_in(2));
        let value = if is_list { format!("[{}]", written.join(",")) } else { written.remove(0) };
        let value = match self.file.envelope.each.as_deref() {
            None | Some("$message") => value,
            Some(path) => {
                let mut message = Node::empty();
                message.put(path, Node::Written(value));
                let mut text = String::new();
                message.write(self.chance, &mut text);
                text
            }
        };
        self.message_of(value)
    }

    fn message_of(&mut self, value: String) -> Message {
        let mut value = value.into_bytes();
        if self.chance.once_in(40) {
            let at = self.chance.below(value.len());
            value[at] = *self.chance.pick(b"\"\\{}[]:,-.0e\xff");
        }
        let key = self.message_key();
        let millis = 1_772_352_000_000 + self.chance.below(3) as i64 * 500;
        Message {
            topic: self.topic.clone(),
            partition: self.chance.below(3) as i32,
            // One that no other message has, in whatever partition.
            offset: self.number as i64,
            timestamp_ms: (!self.chance.once_in(15)).then_some(millis),
            key,
            value: (!self.is_tombstone).then_some(value),
            headers: std::mem::take(&mut self.headers),
        }
    }

    fn message_key(&mut self) -> Option<Vec<u8>> {
        let has_paths = self.file.places().any(|place| place.starts_with("$key."));
        let is_text = self.file.places().any(|place| place == "$key");
        if has_paths {
            let mut text = String::new();
            self.key.write(self.chance, &mut text);
            return match self.chance.below(20) {
                0 => None,
                1 => Some(b"plain".to_vec()),
                2 => Some(b"7".to_vec()),
                _ => Some(text.into_bytes()),
            };
        }
        // What is masked in an id says less than the key.
        let keys = if is_text { &KEYS[..] } else { &KEYS[..3] };
        match self.chance.below(10) {
            0 => None,
            1 => Some(br#"{"id":1,"token":"x"}"#.to_vec()),
            _ => Some(self.chance.pick(keys).as_bytes().to_vec()),
        }
    }

    fn event(&mut self, element: usize) -> Node {
        let event_type = if self.is_tombstone { TOMBSTONE.to_owned() } else { self.event_type() };
        let mut parts = Parts { event_type, whole: Node::empty(), data: Node::empty() };
        // So that no two messages have the same content.
        let number = self.number * 10 + element;
        parts.whole.put(NUMBER, Node::Written(number.to_string()));
        self.facts(&mut parts, number);
        let route = Route::of(self.file, &parts.event_type);
        for (entity, _) in &route.creations {
            let entity = &self.file.entities[*entity];
            self.key_of(&entity.key, &mut parts);
            self.columns(&entity.columns, &mut parts);
            for changing in &entity.changing {
                self.value((&changing.ty, &changing.rules), &changing.from, &mut parts);
            }
            entity.lines.iter().for_each(|lines| self.lines(lines, &mut parts));
        }
        for entity in &route.changes {
            let entity = &self.file.entities[*entity];
            self.key_of(&entity.key, &mut parts);
            for changing in &entity.changing {
                let change = changing.on.get(&parts.event_type);
                if let Some(from) = change.and_then(|change| change.from.as_ref()) {
                    self.value((&changing.ty, &changing.rules), from, &mut parts);
                }
            }
        }
        for log in &route.logs {
            let log = &self.file.logs[*log];
            self.key_of(&log.key, &mut parts);
            self.columns(&log.columns, &mut parts);
        }
        self.joined(parts)
    }

    /// The data in its place in the message.
    fn joined(&mut self, Parts { mut whole, data, .. }: Parts) -> Node {
        match self.chance.pick(&self.file.envelope.data).as_str() {
            "$message" => whole.merge(data),
            path => whole.put(path, data),
        }
        whole
    }

    /// One that the source of types can give.
    fn event_type(&mut self) -> String {
        let source = &self.file.envelope.event_type;
        let event_type = match &source.value {
            Some(value) => value.clone(),
            None if source.is("$topic") => self.topic.clone(),
            None if self.chance.once_in(20) => "unheard.of".to_owned(),
            None => (*self.chance.pick(&EVENT_TYPES)).to_owned(),
        };
        match source.join.len() {
            0 => event_type,
            // As many parts as are joined.
            _ if event_type.contains('.') => event_type,
            _ => "row.new".to_owned(),
        }
    }

    fn facts(&mut self, parts: &mut Parts, number: usize) {
        let envelope = &self.file.envelope;
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        if !self.is_tombstone {
            match envelope.event_type.join.as_slice() {
                [] => {
                    let text = quoted(&parts.event_type);
                    self.fact(&envelope.event_type, text, parts);
                }
                [first, rest @ ..] => {
                    let (kind, act) = parts.event_type.split_once('.').unwrap();
                    let (kind, act) = (quoted(kind), quoted(act));
                    self.put(first, kind, parts);
                    rest.iter().for_each(|part| self.put(part, act.clone(), parts));
                }
            }
        }
        let is_number = envelope.id.rules.convert.is_some() && self.chance.once_in(2);
        let id = if is_number { number.to_string() } else { quoted(&format!("i{number}")) };
        self.fact(&envelope.id, id, parts);
        let time = match envelope.time.rules.convert.as_deref() {
            None => quoted(&values::time(self.chance)),
            Some(unit) => values::since_1970(self.chance, unit),
        };
        self.fact(&envelope.time, time, parts);
    }

    /// Puts a fact where its source finds it.
    fn fact(&mut self, source: &Source, value: String, parts: &mut Parts) {
        if let [_, ..] = source.from.as_slice() {
            let place = self.chance.pick(&source.from).clone();
            self.put(&place, value, parts);
        }
    }

    fn key_of(&mut self, key: &Key, parts: &mut Parts) {
        let place = self.chance.pick(&key.source.from).clone();
        let value = match &key.ty {
            Type::Key(_) if key.source.rules.convert.is_none() => {
                let text = one_of(self.chance, &["\"k1\"", "\"k2\"", "\"K1\""]);
                text.to_owned()
            }
            Type::Key(_) => one_of(self.chance, &["7", "8", "\"k1\""]).to_string(),
            _ if key.source.rules.convert.is_some() => {
                one_of(self.chance, &["\"7\"", "\"8\""]).to_string()
            }
            _ => one_of(self.chance, &["7", "8", "7.0"]).to_string(),
        };
        if key.is_of_envelope {
            self.put(&place, value, parts);
        } else {
            self.put_in_data(&place, value, parts);
        }
    }

    fn columns(&mut self, columns: &[Column], parts: &mut Parts) {
        for column in columns {
            let from = column.from_on.get(&parts.event_type).unwrap_or(&column.from);
            if from.is_empty() || !column.is_required && self.chance.once_in(6) {
                continue;
            }
            let place = self.chance.pick(from).clone();
            self.value((&column.ty, &column.rules), &place, parts);
        }
    }

    fn value(&mut self, (ty, rules): (&Type, &Rules), place: &str, parts: &mut Parts) {
        let value = fitting(self.chance, ty, rules);
        self.put_in_data(place, value, parts);
    }

    fn lines(&mut self, lines: &Lines, parts: &mut Parts) {
        let mut rows = Vec::new();
        for _ in 0..self.chance.below(4) {
            let mut line =
                Parts { whole: Node::empty(), data: Node::empty(), event_type: String::new() };
            self.columns(&lines.columns, &mut line);
            parts.whole.merge(line.whole);
            let mut text = String::new();
            line.data.write(self.chance, &mut text);
            rows.push(text);
        }
        parts.data.put(&lines.each, Node::Written(format!("[{}]", rows.join(","))));
    }

    fn put_in_data(&mut self, place: &str, value: String, parts: &mut Parts) {
        if place.starts_with('$') {
            self.put(place, value, parts);
        } else {
            parts.data.put(place, Node::Written(value));
        }
    }

    /// Puts a value where a place is; of plain paths that is in the message.
    fn put(&mut self, place: &str, value: String, parts: &mut Parts) {
        if let Some(path) = place.strip_prefix("$message.") {
            parts.whole.put(path, Node::Written(value));
        } else if let Some(path) = place.strip_prefix("$key.") {
            self.key.put(path, Node::Written(value));
        } else if let Some(name) = place.strip_prefix("$header.") {
            let text = serde_json::from_str::<String>(&value).unwrap_or(value);
            if !self.headers.iter().any(|(known, _)| known == name) {
                self.headers.push((name.to_owned(), text.into_bytes()));
            }
        } else if !place.starts_with('$') {
            parts.whole.put(place, Node::Written(value));
        }
    }
}
