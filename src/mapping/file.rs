//! A mapping file as it is written: TOML with the places of its values, nothing resolved yet.

use serde::Deserialize;
use std::collections::BTreeMap;
use toml::Spanned;

/// One file: one Kafka topic, one kind of entity.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DomainFile {
    /// Kafka topic, and the first part of its event types.
    pub(super) topic: Spanned<String>,
    /// Column that holds the envelope's `entity_id` in every table of this file.
    pub(super) key: Spanned<String>,
    /// Further keys that are dropped, at any depth, before anything is stored.
    #[serde(default)]
    pub(super) redact: Vec<Spanned<String>>,
    pub(super) entity: Option<EntityEntry>,
    #[serde(default)]
    pub(super) log: Vec<LogEntry>,
}

/// The table with one row an entity.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EntityEntry {
    pub(super) table: Spanned<String>,
    /// Event type that gives the creation part.
    pub(super) created_by: Spanned<String>,
    pub(super) columns: Vec<ColumnEntry>,
    #[serde(default)]
    pub(super) changing: Vec<ChangingEntry>,
    #[serde(default)]
    pub(super) lines: Vec<LinesEntry>,
}

/// A column that later events change.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangingEntry {
    pub(super) name: Spanned<String>,
    #[serde(rename = "type")]
    pub(super) ty: Spanned<String>,
    /// Path in the creation event.
    pub(super) from: Spanned<String>,
    pub(super) on: Vec<ChangeEntry>,
}

/// What an event does to a changing column.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeEntry {
    pub(super) event: Spanned<String>,
    /// A constant …
    pub(super) value: Option<Spanned<String>>,
    /// … or a path.
    pub(super) from: Option<Spanned<String>>,
    /// Taken where the path gives null.
    pub(super) default: Option<Spanned<String>>,
    /// Where the path gives null the event changes nothing.
    #[serde(default)]
    pub(super) if_present: bool,
}

/// A table with a row for each element of an array of the creation event.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LinesEntry {
    pub(super) table: Spanned<String>,
    /// Path of the array.
    pub(super) each: Spanned<String>,
    /// Column that numbers the elements from 1.
    pub(super) number: Spanned<String>,
    pub(super) columns: Vec<ColumnEntry>,
}

/// A table with a row for each event.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LogEntry {
    pub(super) table: Spanned<String>,
    /// Event types, or `["*"]`: every event of the topic that no other log table names.
    pub(super) events: Vec<Spanned<String>>,
    pub(super) columns: Vec<ColumnEntry>,
}

/// A column and its source.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ColumnEntry {
    pub(super) name: Spanned<String>,
    #[serde(rename = "type")]
    pub(super) ty: Spanned<String>,
    /// Path in `data`, or several: the first that is not null. `$event_type` and `$data` name the
    /// envelope's. Absent: the column has no source and stays NULL.
    pub(super) from: Option<Spanned<Paths>>,
    /// Other paths for some event types.
    #[serde(default)]
    pub(super) from_on: BTreeMap<Spanned<String>, Paths>,
    /// Constants for some event types.
    #[serde(default)]
    pub(super) value_on: BTreeMap<Spanned<String>, Spanned<String>>,
    /// A named conversion; `length` is the number of elements of an array.
    pub(super) convert: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) required: bool,
    /// The path leads to a key that is redacted everywhere else, and this column keeps it.
    #[serde(default)]
    pub(super) keep_secret: bool,
}

/// One path or several.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Paths {
    One(String),
    FirstOf(Vec<String>),
}

impl Paths {
    pub(super) fn as_slice(&self) -> &[String] {
        match self {
            Self::One(path) => std::slice::from_ref(path),
            Self::FirstOf(paths) => paths,
        }
    }
}
