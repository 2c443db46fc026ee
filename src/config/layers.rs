//! File, environment and flags → one table of values, each with its origin.

use super::properties::PROPERTIES;
use super::raw::RawConfig;
use super::secret::is_secret;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

/// The prefix of environment variables: `SLUICEGATE__SECTION__KEY`.
const ENV_PREFIX: &str = "SLUICEGATE__";

/// Variables of the service that sluicegate replaces in place.
pub(super) const LEGACY_ENV: [(&str, &str); 9] = [
    ("KAFKA_BOOTSTRAP_SERVERS", "kafka.bootstrap_servers"),
    ("KAFKA_CLIENT_ID", "kafka.client_id"),
    ("KAFKA_AUTO_OFFSET_RESET", "kafka.auto_offset_reset"),
    ("KAFKA_GROUP_ID", "kafka.group_id"),
    ("MYSQL_HOST", "mysql.host"),
    ("MYSQL_PORT", "mysql.port"),
    ("MYSQL_USER", "mysql.user"),
    ("MYSQL_PASSWORD", "mysql.password"),
    ("MYSQL_DATABASE", "mysql.database"),
];

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    Default,
    File(PathBuf, usize),
    Env(String),
    /// The name of the flag.
    Flag(String),
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path, line) => write!(f, "{}:{line}", path.display()),
            Self::Env(name) => write!(f, "environment {name}"),
            Self::Flag(flag) => write!(f, "flag {flag}"),
        }
    }
}

/// A fault in the configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{origin}: {key}: {problem}")]
pub struct ConfigError {
    /// The setting, such as `mysql.port`.
    pub key: String,
    /// Where it is set.
    pub origin: Origin,
    /// What is wrong and how to fix it. Never the value of a secret.
    pub problem: String,
}

/// The values that were set, with their origins, by dotted key.
#[derive(Default)]
pub(super) struct Layers {
    values: BTreeMap<String, (Value, Origin)>,
    pub(super) faults: Vec<ConfigError>,
}

impl Layers {
    pub(super) fn file(&mut self, path: &Path) {
        let origin = |line| Origin::File(path.to_owned(), line);
        let mut fault = |line, key: &str, problem: String| {
            self.faults.push(ConfigError { key: key.to_owned(), origin: origin(line), problem });
        };
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => return fault(0, "file", format!("cannot be read: {error}")),
        };
        let line_of =
            |byte: usize| text.as_bytes()[..byte].iter().filter(|b| **b == b'\n').count() + 1;
        let table = match DeTable::parse(&text) {
            Ok(table) => table,
            Err(error) => {
                let line = error.span().map_or(0, |span| line_of(span.start));
                return fault(line, "TOML", error.message().to_owned());
            }
        };
        let mut entries = Vec::new();
        flatten(table.get_ref(), "", &mut entries);
        for (key, value, at) in entries {
            self.set(key, value, origin(line_of(at)));
        }
    }

    /// Sets what the environment says: the old service's variables first, so that ours win.
    pub(super) fn environment(&mut self, variables: &[(String, String)]) {
        for (name, key) in LEGACY_ENV {
            if let Some((_, value)) = variables.iter().find(|(variable, _)| variable == name) {
                self.set_text(key.to_owned(), value, Origin::Env(name.to_owned()));
            }
        }
        for (name, value) in variables {
            let Some(rest) = name.strip_prefix(ENV_PREFIX) else { continue };
            let mut key = rest.to_ascii_lowercase().replace("__", ".");
            // librdkafka's properties have dots, which a variable's name cannot have.
            if let Some(property) =
                key.strip_prefix(PROPERTIES).and_then(|rest| rest.strip_prefix('.'))
            {
                key = format!("{PROPERTIES}.{}", property.replace('_', "."));
            }
            self.set_text(key, value, Origin::Env(name.clone()));
        }
    }

    /// Sets `key = text`, parsed as the type of the key's default.
    pub(super) fn set_text(&mut self, key: String, text: &str, origin: Origin) {
        let value = match defaults().get(&key) {
            Some(Value::Integer(_)) => text.trim().parse().map(Value::Integer).ok(),
            Some(Value::Boolean(_)) => text.trim().parse().map(Value::Boolean).ok(),
            Some(Value::Array(_)) => {
                let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
                Some(Value::Array(words.map(|word| Value::String(word.to_owned())).collect()))
            }
            _ => None,
        };
        self.set(key, value.unwrap_or_else(|| Value::String(text.to_owned())), origin);
    }

    fn set(&mut self, key: String, value: Value, origin: Origin) {
        let defaults = defaults();
        let is_property = key.starts_with(&format!("{PROPERTIES}."));
        if !is_property && !defaults.contains_key(&key) {
            let problem = match nearest(&key, defaults.keys()) {
                Some(known) => format!("unknown setting; did you mean {known}?"),
                None => "unknown setting; `sluicegate config` lists them all".to_owned(),
            };
            self.faults.push(ConfigError { key, origin, problem });
            return;
        }
        // One by one, so that every wrong value is reported with its origin.
        if let Err(error) = RawConfig::deserialize(nested([(key.as_str(), &value)])) {
            // serde's message quotes the value.
            let problem = match is_secret(&key) {
                true => "must be a quoted string".to_owned(),
                false => error.message().to_owned(),
            };
            self.faults.push(ConfigError { key, origin, problem });
            return;
        }
        self.values.insert(key, (value, origin));
    }

    /// The settings, and every key with its value and origin.
    pub(super) fn merged(&self) -> (RawConfig, BTreeMap<String, (Value, Origin)>) {
        let mut all: BTreeMap<String, (Value, Origin)> =
            defaults().into_iter().map(|(key, value)| (key, (value, Origin::Default))).collect();
        all.extend(self.values.clone());
        let table = nested(all.iter().map(|(key, (value, _))| (key.as_str(), value)));
        // `set` has parsed each value already.
        (RawConfig::deserialize(table).unwrap_or_default(), all)
    }
}

/// The setting with the nearest name: a typo, or the same key in another section.
fn nearest<'k>(key: &str, known: impl Iterator<Item = &'k String>) -> Option<&'k String> {
    let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    known
        .map(|candidate| {
            let whole = strsim::damerau_levenshtein(key, candidate);
            let name = strsim::damerau_levenshtein(&last(key), &last(candidate)) + 1;
            (whole.min(name), candidate)
        })
        .filter(|(distance, _)| *distance <= 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Every setting's default by its dotted key.
pub(super) fn defaults() -> BTreeMap<String, Value> {
    fn collect(table: &Table, prefix: &str, into: &mut BTreeMap<String, Value>) {
        for (name, value) in table {
            let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            match value {
                Value::Table(table) => collect(table, &key, into),
                value => drop(into.insert(key, value.clone())),
            }
        }
    }
    let mut all = BTreeMap::new();
    // Plain structs of strings and numbers always have a TOML form.
    if let Ok(table) = Table::try_from(RawConfig::default()) {
        collect(&table, "", &mut all);
    }
    all
}

/// Dotted keys → nested tables. The keys of librdkafka's properties keep their dots.
fn nested<'v>(values: impl IntoIterator<Item = (&'v str, &'v Value)>) -> Table {
    let mut root = Table::new();
    for (key, value) in values {
        let property = key.strip_prefix(PROPERTIES).and_then(|rest| rest.strip_prefix('.'));
        let parts: Vec<&str> = match property {
            Some(property) => vec!["kafka", "properties", property],
            None => key.split('.').collect(),
        };
        let Some((last, sections)) = parts.split_last() else { continue };
        let mut table = &mut root;
        for section in sections {
            let entry = table.entry(*section).or_insert_with(|| Value::Table(Table::new()));
            let Value::Table(inner) = entry else { unreachable!("sections are tables") };
            table = inner;
        }
        table.insert((*last).to_owned(), value.clone());
    }
    root
}

fn flatten(table: &DeTable<'_>, prefix: &str, entries: &mut Vec<(String, Value, usize)>) {
    for (name, value) in table {
        let name_text = name.get_ref();
        let key =
            if prefix.is_empty() { name_text.to_string() } else { format!("{prefix}.{name_text}") };
        match value.get_ref() {
            // Without quotes a property's name is nested tables, too: ssl.key.password = "…".
            DeValue::Table(inner) => flatten(inner, &key, entries),
            other if key.strip_prefix(PROPERTIES).is_some_and(|rest| rest.starts_with('.')) => {
                entries.push((key, Value::String(scalar(other)), name.span().start));
            }
            other => entries.push((key, owned(other), name.span().start)),
        }
    }
}

/// The text of a property's value: librdkafka takes only text.
fn scalar(value: &DeValue<'_>) -> String {
    match owned(value) {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

fn owned(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| Value::String(number.to_string()), Value::Integer),
        DeValue::Float(number) => {
            number.as_str().parse().map_or_else(|_| Value::String(number.to_string()), Value::Float)
        }
        DeValue::Boolean(value) => Value::Boolean(*value),
        DeValue::Datetime(value) => Value::Datetime(*value),
        DeValue::Array(values) => Value::Array(values.iter().map(|v| owned(v.get_ref())).collect()),
        DeValue::Table(table) => Value::Table(
            table.iter().map(|(k, v)| (k.get_ref().to_string(), owned(v.get_ref()))).collect(),
        ),
    }
}
