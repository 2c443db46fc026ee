//! Messages as lines of text, and back again.
//!
//! A line is `{"topic": …, "key": …, "value": …}`, where `value` stands as the event's own bytes, so nothing changes on
//! the way. What JSON cannot hold unchanged stands in `raw` (text) or `raw_b64` (bytes) instead. `"value": null` is a
//! tombstone; a missing key or `"key": null` is no key. Bad messages also say `why`, and are expected to be dead
//! letters (`"expect": "dlq"`); a reader ignores these and any other field.

use std::borrow::Cow;
use std::io::{self, BufRead, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::message::{Kind, Message, TOPICS};

/// Why a line could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The input itself failed.
    #[error("line {line}: {reason}")]
    Io {
        /// Which line, from 1.
        line: u64,
        /// What the system says.
        reason: io::Error,
    },
    /// The line is not a message. What it holds is not repeated here: it may be secret.
    #[error("line {line} is not a message: {problem}")]
    Line {
        /// Which line, from 1.
        line: u64,
        /// What is wrong with it.
        problem: String,
    },
}

/// Writes one line.
///
/// # Errors
///
/// When writing fails, or when the key is not UTF-8.
pub fn write_jsonl(out: &mut impl Write, message: &Message) -> io::Result<()> {
    write!(out, "{{\"topic\": ")?;
    serde_json::to_writer(&mut *out, &message.topic)?;
    if let Some(key) = &message.key {
        let key = std::str::from_utf8(key).map_err(io::Error::other)?;
        write!(out, ", \"key\": ")?;
        serde_json::to_writer(&mut *out, key)?;
    }
    write_value(out, message)?;
    if let Kind::Poison(why) = message.kind {
        write!(out, ", \"why\": ")?;
        serde_json::to_writer(&mut *out, why)?;
        write!(out, ", \"expect\": \"dlq\"")?;
    }
    out.write_all(b"}\n")
}

fn write_value(out: &mut impl Write, message: &Message) -> io::Result<()> {
    let Some(value) = &message.value else {
        return write!(out, ", \"value\": null");
    };
    if stands_as_it_is(message.kind, value) {
        write!(out, ", \"value\": ")?;
        return out.write_all(value);
    }
    if let Ok(text) = std::str::from_utf8(value) {
        write!(out, ", \"raw\": ")?;
        return Ok(serde_json::to_writer(&mut *out, text)?);
    }
    write!(out, ", \"raw_b64\": \"{}\"", BASE64.encode(value))
}

/// Whether `value` may stand in a line as it is: one object on one line, that any JSON reader takes. Generated valid
/// events are that by construction and are not checked.
fn stands_as_it_is(kind: Kind, value: &[u8]) -> bool {
    match kind {
        Kind::Valid | Kind::Late | Kind::Duplicate => true,
        Kind::Poison(_) | Kind::Replayed => {
            value.starts_with(b"{")
                && value.ends_with(b"}")
                && !value.contains(&b'\n')
                && serde_json::from_slice::<Value>(value).is_ok()
        }
    }
}

/// Reads lines, skipping empty ones. Each message is [`Kind::Replayed`].
pub fn read_jsonl(reader: impl BufRead) -> impl Iterator<Item = Result<Message, Error>> {
    (1..).zip(reader.split(b'\n')).filter_map(|(line, read)| match read {
        Err(reason) => Some(Err(Error::Io { line, reason })),
        Ok(text) if text.trim_ascii().is_empty() => None,
        Ok(text) => Some(message(&text).map_err(|problem| Error::Line { line, problem })),
    })
}

#[derive(Deserialize)]
struct Line<'a> {
    topic: Cow<'a, str>,
    key: Option<String>,
    #[serde(borrow, default, deserialize_with = "as_it_stands")]
    value: Option<&'a RawValue>,
    raw: Option<String>,
    raw_b64: Option<String>,
}

/// Tells `null` from nothing at all.
fn as_it_stands<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<&'de RawValue>, D::Error> {
    Deserialize::deserialize(deserializer).map(Some)
}

fn message(text: &[u8]) -> Result<Message, String> {
    let line: Line<'_> = serde_json::from_slice(text).map_err(|error| without_payload(&error))?;
    let value = match (line.value, line.raw, line.raw_b64) {
        (Some(value), None, None) => {
            (value.get() != "null").then(|| value.get().as_bytes().to_vec())
        }
        (None, Some(raw), None) => Some(raw.into_bytes()),
        (None, None, Some(raw)) => {
            Some(BASE64.decode(raw).map_err(|error| format!("raw_b64: {error}"))?)
        }
        (None, None, None) => return Err("none of value, raw and raw_b64".to_owned()),
        _ => return Err("more than one of value, raw and raw_b64".to_owned()),
    };
    let topic = match TOPICS.iter().find(|topic| **topic == line.topic) {
        Some(topic) => Cow::Borrowed(*topic),
        None => Cow::Owned(line.topic.into_owned()),
    };
    Ok(Message { topic, key: line.key.map(String::into_bytes), value, kind: Kind::Replayed })
}

/// serde's messages can quote values; the category and the column cannot.
fn without_payload(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        serde_json::error::Category::Data => "a field is missing or of the wrong type",
        _ => "not JSON",
    };
    format!("{what} (column {})", error.column())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn read(line: &str) -> Result<Message, String> {
        read_jsonl(line.as_bytes()).next().map_or_else(
            || Err("nothing".to_owned()),
            |read| read.map_err(|error| error.to_string()),
        )
    }

    #[test]
    fn reads_every_form_of_value() {
        let check = |line: &str, key: Option<&str>, value: Option<&[u8]>| {
            let message = read(line);
            let expected = Message {
                topic: "user".into(),
                key: key.map(|key| key.as_bytes().to_vec()),
                value: value.map(<[u8]>::to_vec),
                kind: Kind::Replayed,
            };
            assert_eq!(message, Ok(expected), "{line}");
        };
        check(
            r#"{"topic":"user","key":"k","value": {"b": 1,  "a":"\u00e9"} }"#,
            Some("k"),
            Some(br#"{"b": 1,  "a":"\u00e9"}"#),
        );
        check(r#"{"topic":"user","value":null}"#, None, None);
        check(
            r#"{"topic":"user","key":null,"raw":"","why":"empty","expect":"dlq"}"#,
            None,
            Some(b""),
        );
        check(r#"{"topic":"user","raw":"null"}"#, None, Some(b"null"));
        check(r#"{"topic":"user","raw_b64":"wIA="}"#, None, Some(b"\xc0\x80"));
    }

    #[test]
    fn says_which_line_is_bad_and_why_but_not_what_it_holds() {
        for (line, problem) in [
            ("{\"topic\":\"user\"}", "line 1 is not a message: none of value, raw and raw_b64"),
            (
                "{\"topic\":\"user\",\"raw\":\"\",\"value\":1}",
                "line 1 is not a message: more than one of value, raw and raw_b64",
            ),
            (
                "{\"value\":1}",
                "line 1 is not a message: a field is missing or of the wrong type (column 11)",
            ),
            (
                "{\"topic\":\"user\",\"value\":s3cret}",
                "line 1 is not a message: not JSON (column 25)",
            ),
        ] {
            assert_eq!(read(line).err().as_deref(), Some(problem), "{line}");
        }
        let lines = "\n\n{\"topic\":\"user\",\"value\":{}}\nx\n";
        let read: Vec<_> = read_jsonl(lines.as_bytes()).collect();
        assert!(matches!(read[..], [Ok(_), Err(Error::Line { line: 4, .. })]));
    }
}
