//! `sluicegate try`: what a mapping makes of messages in a file, without a server.
//!
//! Prints rows as JSON lines, the verdict on each faulty message, and the mapped paths that no message had.

mod paths;
mod rows;
mod types;

use super::output::{counted, say};
use crate::buffer::Batch;
use crate::config::Config;
use crate::dead_letter;
use crate::flatten::Flattener;
use crate::mapping::Mapping;
use crate::message::{Headers, Message};
use crate::mysql::JsonLimits;
use anyhow::{Context, bail};
use rdkafka::message::{Header, OwnedHeaders};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What `try` is told.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Messages, one a line: {"topic": …, "key": …, "value": …, "headers": {…}, "timestamp": …}, or values alone with --topic
    #[arg(long, value_name = "FILE")]
    pub file: PathBuf,
    /// The topic of a file whose lines are the values of messages and nothing else
    #[arg(long)]
    pub topic: Option<String>,
    /// Rows that must come out: {"table": [{"column": value}, …]}, or a number of rows
    #[arg(long, value_name = "FILE")]
    pub expect: Option<PathBuf>,
}

/// A message of the file.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) topic: String,
    pub(super) key: Option<String>,
    /// `None`: a tombstone.
    pub(super) value: Option<String>,
    pub(super) headers: OwnedHeaders,
    /// When Kafka has it from, in milliseconds since 1970; else each line is a millisecond after the one before.
    pub(super) timestamp_ms: Option<i64>,
}

/// Loads the messages of a file into rows and prints them. Gives what differs from the expected rows.
///
/// # Errors
/// If a file cannot be read, or the mapping is invalid.
pub fn execute(config: &Config, options: &Options) -> anyhow::Result<Vec<String>> {
    let mapping = Arc::new(super::mapping(config).map_err(super::Usage)?);
    let lines = read(&options.file, options.topic.as_deref())?;
    // What the stricter of the two servers takes.
    let mut flattener = Flattener::new(Arc::clone(&mapping), JsonLimits::MARIADB);
    let mut batch = Batch::new(&mapping);
    let mut letters = Vec::new();
    let mut types = types::Types::default();
    for (line, offset) in lines.iter().zip(0_i64..) {
        let message = line.message(offset);
        for identity in flattener.identities(&message, &line.topic) {
            identity.event_type.into_iter().for_each(|ty| types.note(&line.topic, ty));
        }
        let loaded = flattener.load(&message, &line.topic, &mut batch);
        if let Err(faulty) = loaded {
            let crate::flatten::Faulty { reject, identity, .. } = *faulty;
            let mut letter = rows::Row::new();
            letter.insert("line".to_owned(), (offset + 1).into());
            letter.insert("topic".to_owned(), line.topic.as_str().into());
            letter.insert("error_code".to_owned(), reject.code.as_str().into());
            letter.insert("error_text".to_owned(), reject.text.into());
            letter.insert("event_type".to_owned(), identity.event_type.into());
            letter.insert("event_id".to_owned(), identity.event_id.into());
            letters.push(letter);
        }
    }
    let mut tables = rows::tables(&mapping, &batch);
    if !letters.is_empty() {
        tables.insert(dead_letter::TABLE.to_owned(), letters);
    }
    for (table, rows) in &tables {
        for row in rows {
            say(&json!({ "table": table, "row": row }).to_string())?;
        }
    }
    tell(&mapping, &lines, &tables, &types);
    let mut differences = Vec::new();
    if let Some(path) = &options.expect {
        let expected = serde_json::from_str(&text(path)?);
        let expected: BTreeMap<String, Value> =
            expected.with_context(|| format!("{}", path.display()))?;
        differences = rows::differences(&tables, &expected);
        if let Some(letters) = tables.get(dead_letter::TABLE)
            && !expected.contains_key(dead_letter::TABLE)
        {
            differences.push(format!("{} messages are faulty", letters.len()));
        }
    }
    Ok(differences)
}

/// Says on standard error what came of the messages, and what the mapping names in vain.
fn tell(
    mapping: &Mapping,
    lines: &[Line],
    tables: &BTreeMap<String, Vec<rows::Row>>,
    types: &types::Types,
) {
    let mut out = std::io::stderr();
    let _ = writeln!(out, "{}", summary(lines.len(), tables));
    let is_mapped = |line: &Line| mapping.topics.contains_key(&line.topic);
    if let Some(line) = lines.iter().find(|line| !is_mapped(line)) {
        let (topic, topics) = (&line.topic, mapping.topic_names().join(", "));
        let _ = writeln!(
            out,
            "no mapping file covers the topic {topic}; those of mapping.directory and mapping.built_in cover {topics}"
        );
    }
    for missing in types.missing(mapping).into_iter().chain(paths::missing(mapping, lines)) {
        let _ = writeln!(out, "{missing}");
    }
}

/// How many rows came of how many messages.
fn summary(messages: usize, tables: &BTreeMap<String, Vec<rows::Row>>) -> String {
    let of_tables = tables.iter().map(|(table, rows)| format!("{table} {}", rows.len()));
    let of_tables: Vec<String> = of_tables.collect();
    let rows = if of_tables.is_empty() { "none".to_owned() } else { of_tables.join(", ") };
    format!("{}; rows: {rows}", counted(messages, "message"))
}

fn text(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("{}", path.display()))
}

/// The messages of a file; of a `topic` if its lines are values alone.
pub(super) fn read(file: &Path, topic: Option<&str>) -> anyhow::Result<Vec<Line>> {
    let text = text(file)?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(number, line)| match topic {
            Some(topic) => Ok(Line::bare(topic, line)),
            None => Line::read(line).with_context(|| {
                format!(
                    "{}:{}: not a message such as {{\"topic\": …, \"value\": …}}; --topic says that lines are values",
                    file.display(),
                    number + 1
                )
            }),
        })
        .collect()
}

impl Line {
    fn bare(topic: &str, value: &str) -> Self {
        Self {
            topic: topic.to_owned(),
            key: None,
            value: Some(value.to_owned()),
            headers: OwnedHeaders::new(),
            timestamp_ms: None,
        }
    }

    fn read(line: &str) -> anyhow::Result<Self> {
        // Values stay as they are written: their numbers, and the order of their keys.
        let members: BTreeMap<String, Box<RawValue>> = serde_json::from_str(line)?;
        let text = |name: &str| -> anyhow::Result<Option<String>> {
            Ok(members.get(name).map(|raw| serde_json::from_str(raw.get())).transpose()?.flatten())
        };
        let Some(topic) = text("topic")? else { bail!("it has no topic") };
        let Some(value) = members.get("value") else { bail!("it has no value") };
        let headers: BTreeMap<String, String> = match members.get("headers") {
            Some(headers) => serde_json::from_str(headers.get())?,
            None => BTreeMap::new(),
        };
        let add = |kept: OwnedHeaders, (key, value): (&String, &String)| {
            kept.insert(Header { key, value: Some(value) })
        };
        Ok(Self {
            topic,
            key: match members.get("key").map(|key| key.get()) {
                // As it would be in Kafka.
                Some(json) if json.starts_with(['{', '[']) => Some(json.to_owned()),
                _ => text("key").context("key is neither a text nor JSON")?,
            },
            value: Some(value.get().to_owned()).filter(|value| value != "null"),
            headers: headers.iter().fold(OwnedHeaders::new(), add),
            timestamp_ms: members
                .get("timestamp")
                .map(|raw| serde_json::from_str(raw.get()))
                .transpose()
                .context("timestamp is not a number of milliseconds since 1970")?,
        })
    }

    /// As the first partition of the topic would have it.
    pub(super) fn message(&self, offset: i64) -> Message<'_> {
        Message {
            topic: &self.topic,
            partition: 0,
            offset,
            key: self.key.as_deref().map(str::as_bytes),
            payload: self.value.as_deref().map(str::as_bytes),
            timestamp_ms: self.timestamp_ms.or(Some(offset)),
            headers: Headers::Kept(&self.headers),
        }
    }
}
