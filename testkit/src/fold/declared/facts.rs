//! Where the facts of an event come from: its type, its id, its time and its data.

use super::Message;
use super::event::Event;
use super::file::{Rules, Source};
use super::json::{Json, Kind, keys};
use super::moment;
use super::number::Number;
use super::types::{Fault, Found, VALUE_TYPE, is_digits, is_name, means_null, text, token};

const MISSING: Fault = "envelope_field_missing";
const WRONG_TYPE: Fault = "envelope_field_type";

impl<'m> Event<'m> {
    pub(super) fn event_type(&self) -> Result<String, Fault> {
        let source = &self.file.envelope.event_type;
        let text = match (&source.value, source.join.as_slice()) {
            (Some(value), _) => value.clone(),
            (None, []) => self.text(&source.from, &source.rules)?,
            (None, parts) => {
                let part = |part: &String| self.text(std::slice::from_ref(part), &source.rules);
                parts.iter().map(part).collect::<Result<Vec<_>, _>>()?.join(".")
            }
        };
        if (1..=100).contains(&text.chars().count()) { Ok(text) } else { Err("event_type_invalid") }
    }

    pub(super) fn id(&self, event_type: &str) -> Result<String, Fault> {
        let source = &self.file.envelope.id;
        let Message { offset, partition, topic, .. } = self.message;
        if source.is("$content") {
            return Ok(super::content::id(self.message, event_type, self.whole, self.file));
        }
        if source.is("$position") {
            let element = match &self.file.envelope.each {
                None => String::new(),
                Some(_) => format!("-{:05}", self.element),
            };
            let topic =
                if self.file.topics.len() > 1 { format!("-{topic}") } else { String::new() };
            return Ok(format!("{offset:020}-{partition}{element}{topic}"));
        }
        let id = self.text(&source.from, &source.rules)?;
        if is_name(&id, 255) { Ok(id) } else { Err("event_id_invalid") }
    }

    pub(super) fn time(&self) -> Result<String, Fault> {
        let Source { from, rules, .. } = &self.file.envelope.time;
        let found = self.fact(from, rules)?;
        let time = match (&found, &rules.convert) {
            (Found::Time(time), _) => Some(time.clone()),
            (found, None) => text(found).and_then(moment::of_text),
            (found, Some(unit)) => {
                let number = token(found).or(text(found)).and_then(Number::parse);
                number.and_then(|number| moment::since_1970(unit, &number))
            }
        };
        time.ok_or("timestamp_invalid")
    }

    /// The first place that is not null.
    pub(super) fn data(&self) -> Result<&'m Json, Fault> {
        let at = |place: &String| match place.as_str() {
            "$message" => Some(self.whole),
            path => {
                let path = path.strip_prefix("$message.").unwrap_or(path);
                let found = self.whole.follow(&keys(path)).ok().flatten();
                found.filter(|found| !found.is_null())
            }
        };
        match self.message.value {
            None => Ok(self.whole),
            Some(_) => self.file.envelope.data.iter().find_map(at).ok_or(MISSING),
        }
    }

    /// A fact that is a text.
    fn text(&self, from: &[String], rules: &Rules) -> Result<String, Fault> {
        let found = self.fact(from, rules)?;
        let is_converted = rules.convert.as_deref() == Some("text");
        match &found {
            Found::Json(Json { kind: Kind::Bool(value), .. }) if is_converted => {
                Ok(value.to_string())
            }
            found => match (text(found), token(found)) {
                (Some(text), _) => Ok(text.to_owned()),
                (None, Some(token)) if is_converted && is_digits(token) => Ok(token.to_owned()),
                _ => Err(WRONG_TYPE),
            },
        }
    }

    /// The first of these places that has a value.
    fn fact(&self, from: &[String], rules: &Rules) -> Result<Found<'m>, Fault> {
        for place in from {
            // What is in the way of a fact leaves it missing.
            let path = place.strip_prefix("$message.").unwrap_or(place);
            let found = match place.as_str() {
                _ if !path.starts_with('$') => {
                    self.whole.follow(&keys(path)).ok().flatten().map(Found::Json)
                }
                name => self.beside(name).map_err(|_| WRONG_TYPE)?,
            };
            if let Some(found) = found.filter(|found| !means_null(found, &rules.null)) {
                return Ok(found);
            }
        }
        Err(MISSING)
    }

    /// What a name with `$` stands for that is not in the message.
    pub(super) fn beside(&self, name: &str) -> Result<Option<Found<'m>>, Fault> {
        let utf8 = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| VALUE_TYPE);
        let text = |bytes: Option<&[u8]>| Ok(bytes.map(utf8).transpose()?.map(Found::Text));
        let message = self.message;
        match name {
            "$topic" => Ok(Some(Found::Text(message.topic.clone()))),
            "$partition" => Ok(Some(Found::Number(message.partition.to_string()))),
            "$offset" => Ok(Some(Found::Number(message.offset.to_string()))),
            "$kafka_timestamp" => {
                let millis = message.timestamp_ms.map(i128::from);
                Ok(millis.and_then(|millis| moment::of_micros(millis * 1000)).map(Found::Time))
            }
            "$key" => text(message.kept_key(self.file).as_deref()),
            _ => match (name.strip_prefix("$key."), name.strip_prefix("$header.")) {
                (Some(path), _) => {
                    let found = self.key.map_or(Ok(None), |key| key.follow(&keys(path)));
                    Ok(found.map_err(|_| VALUE_TYPE)?.map(Found::Json))
                }
                (None, Some(header)) => text(message.header(header)),
                (None, None) => panic!("{name} is unknown"),
            },
        }
    }
}
