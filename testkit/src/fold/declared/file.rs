//! A mapping file with `[envelope]`, as docs/mapping.md describes it: read, and nothing checked.

use super::types::Type;
use std::collections::BTreeMap;
use toml::{Table, Value};

/// A mapping file.
#[derive(Debug)]
pub struct File {
    pub topics: Vec<String>,
    pub redact: Vec<String>,
    pub ignore: Vec<String>,
    pub envelope: Envelope,
    pub entities: Vec<Entity>,
    pub logs: Vec<Log>,
}

#[derive(Debug)]
pub struct Envelope {
    pub each: Option<String>,
    pub event_type: Source,
    pub id: Source,
    pub time: Source,
    pub data: Vec<String>,
}

/// Where a fact of an event comes from.
#[derive(Clone, Debug, Default)]
pub struct Source {
    pub from: Vec<String>,
    pub value: Option<String>,
    pub join: Vec<String>,
    pub rules: Rules,
}

/// How a value is read, and which are taken.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    pub convert: Option<String>,
    pub null: Vec<String>,
    pub min: Option<String>,
    pub max: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Key {
    pub name: String,
    pub ty: Type,
    pub source: Source,
    /// Whether its paths begin at the message; if not, at its data.
    pub is_of_envelope: bool,
}

#[derive(Debug)]
pub struct Entity {
    pub table: String,
    pub key: Key,
    pub created_by: Vec<String>,
    /// The column, and the event types that delete.
    pub deleted: Option<(String, Vec<String>)>,
    pub columns: Vec<Column>,
    pub changing: Vec<Changing>,
    pub lines: Vec<Lines>,
}

#[derive(Debug)]
pub struct Log {
    pub table: String,
    pub key: Key,
    pub events: Vec<String>,
    pub columns: Vec<Column>,
}

#[derive(Debug)]
pub struct Column {
    pub name: String,
    pub ty: Type,
    pub from: Vec<String>,
    pub from_on: BTreeMap<String, Vec<String>>,
    pub value: Option<String>,
    pub value_on: BTreeMap<String, String>,
    pub rules: Rules,
    pub is_required: bool,
}

#[derive(Debug)]
pub struct Changing {
    pub name: String,
    pub ty: Type,
    pub from: String,
    pub rules: Rules,
    /// By event type.
    pub on: BTreeMap<String, Change>,
}

#[derive(Debug)]
pub struct Change {
    pub value: Option<String>,
    pub from: Option<String>,
    pub default: Option<String>,
    pub if_present: bool,
}

#[derive(Debug)]
pub struct Lines {
    pub table: String,
    pub each: String,
    pub number: String,
    pub columns: Vec<Column>,
}

/// The key of a file or of a table of it, as it is written.
struct WrittenKey {
    name: String,
    ty: Option<Type>,
    source: Option<Source>,
}

impl File {
    /// Reads a valid file.
    pub fn read(text: &str) -> Self {
        let file: Table = text.parse().unwrap_or_else(|error| panic!("{error}:\n{text}"));
        let envelope = file["envelope"].as_table().unwrap();
        let key = |table: &Table| {
            let written = WrittenKey::read(table).or(WrittenKey::read(&file)).unwrap();
            let is_of_envelope = written.source.is_none();
            let source = written.source.or(envelope.get("key").map(Source::read));
            Key {
                name: written.name,
                ty: written.ty.unwrap_or(Type::Key(255)),
                source: source.unwrap(),
                is_of_envelope,
            }
        };
        let entities = match file.get("entity") {
            Some(Value::Array(entities)) => entities.iter().map(table).collect(),
            entity => entity.into_iter().map(table).collect::<Vec<_>>(),
        };
        Self {
            topics: [texts(&file, "topic"), texts(&file, "topics")].concat(),
            redact: texts(&file, "redact"),
            ignore: texts(&file, "ignore"),
            envelope: Envelope::read(envelope),
            entities: entities.into_iter().map(|entry| Entity::read(entry, key(entry))).collect(),
            logs: list(&file, "log", |entry| Log::read(entry, key(entry))),
        }
    }

    /// The columns of each table and their types.
    pub fn tables(&self) -> BTreeMap<&str, BTreeMap<String, Type>> {
        let of = |key: &Key, columns: &[Column]| {
            let key = [(key.name.clone(), key.ty.clone())];
            let columns = columns.iter().map(|column| (column.name.clone(), column.ty.clone()));
            key.into_iter().chain(columns).collect::<Vec<_>>()
        };
        let mut tables = BTreeMap::new();
        for log in &self.logs {
            tables.insert(&*log.table, of(&log.key, &log.columns));
        }
        for entity in &self.entities {
            let mut columns = of(&entity.key, &entity.columns);
            columns.extend(entity.deleted.iter().map(|(name, _)| (name.clone(), Type::Boolean)));
            for Changing { name, ty, .. } in &entity.changing {
                columns.push((name.clone(), ty.clone()));
                columns.push((format!("{name}_changed_at"), Type::DateTime(6)));
                columns.push((format!("{name}_changed_by"), Type::Varchar(300)));
            }
            tables.insert(&*entity.table, columns);
            for lines in &entity.lines {
                let mut columns = of(&entity.key, &lines.columns);
                columns.push((lines.number.clone(), Type::parse("bigint")));
                tables.insert(&*lines.table, columns);
            }
        }
        let of_event = [("event_id", Type::Varchar(300)), ("event_timestamp", Type::DateTime(6))];
        let all = |columns: Vec<(String, Type)>| {
            let of_event = of_event.iter().map(|(name, ty)| ((*name).to_owned(), ty.clone()));
            columns.into_iter().chain(of_event).collect()
        };
        tables.into_iter().map(|(table, columns)| (table, all(columns))).collect()
    }

    /// All places that some table or fact reads.
    pub fn places(&self) -> impl Iterator<Item = &str> {
        let Envelope { event_type, id, time, .. } = &self.envelope;
        let entities = self.entities.iter().flat_map(|entity| {
            let lines = entity.lines.iter().flat_map(|lines| &lines.columns);
            entity
                .key
                .source
                .places()
                .chain(entity.columns.iter().chain(lines).flat_map(Column::places))
        });
        let logs = self.logs.iter().flat_map(|log| {
            log.key.source.places().chain(log.columns.iter().flat_map(Column::places))
        });
        let facts = [event_type, id, time].into_iter().flat_map(Source::places);
        facts.chain(entities).chain(logs)
    }
}

impl Envelope {
    fn read(table: &Table) -> Self {
        Self {
            each: text(table, "each"),
            event_type: Source::read(&table["type"]),
            id: Source::read(&table["id"]),
            time: Source::read(&table["time"]),
            data: texts(table, "data"),
        }
    }
}

impl Source {
    fn read(value: &Value) -> Self {
        let Value::Table(table) = value else {
            return Self { from: list_of(value), ..Self::default() };
        };
        Self {
            from: texts(table, "from"),
            value: text(table, "value"),
            join: texts(table, "join"),
            rules: Rules::read(table),
        }
    }

    /// Whether it is this name with `$` alone.
    pub fn is(&self, name: &str) -> bool {
        self.from == [name]
    }

    pub fn places(&self) -> impl Iterator<Item = &str> {
        self.from.iter().chain(&self.join).map(String::as_str)
    }
}

impl WrittenKey {
    fn read(table: &Table) -> Option<Self> {
        Some(match table.get("key")? {
            Value::Table(key) => Self {
                name: text(key, "name").unwrap(),
                ty: text(key, "type").map(|ty| match Type::parse(&ty) {
                    Type::Varchar(chars) => Type::Key(chars),
                    number => number,
                }),
                source: key.contains_key("from").then(|| Source::read(&table["key"])),
            },
            name => Self { name: scalar(name), ty: None, source: None },
        })
    }
}

impl Rules {
    fn read(table: &Table) -> Self {
        Self {
            convert: text(table, "convert"),
            null: texts(table, "null"),
            min: text(table, "min"),
            max: text(table, "max"),
        }
    }
}

impl Entity {
    fn read(entry: &Table, key: Key) -> Self {
        let deleted = entry.get("deleted").map(|value| {
            let deleted = table(value);
            (text(deleted, "name").unwrap(), texts(deleted, "on"))
        });
        Self {
            table: text(entry, "table").unwrap(),
            key,
            created_by: texts(entry, "created_by"),
            deleted,
            columns: list(entry, "columns", Column::read),
            changing: list(entry, "changing", Changing::read),
            lines: list(entry, "lines", Lines::read),
        }
    }
}

impl Log {
    fn read(entry: &Table, key: Key) -> Self {
        Self {
            table: text(entry, "table").unwrap(),
            key,
            events: texts(entry, "events"),
            columns: list(entry, "columns", Column::read),
        }
    }
}

impl Column {
    fn read(entry: &Table) -> Self {
        let on = |name: &str| entry.get(name).into_iter().flat_map(table);
        let from = texts(entry, "from");
        // What every event has is never absent.
        let is_there = from.iter().any(|place| {
            ["$event_type", "$event_id", "$timestamp", "$topic", "$partition", "$offset"]
                .contains(&place.as_str())
        });
        Self {
            name: text(entry, "name").unwrap(),
            ty: Type::parse(&text(entry, "type").unwrap()),
            from,
            from_on: on("from_on").map(|(event, from)| (event.clone(), list_of(from))).collect(),
            value: text(entry, "value"),
            value_on: on("value_on").map(|(event, value)| (event.clone(), scalar(value))).collect(),
            rules: Rules::read(entry),
            is_required: flag(entry, "required") || is_there,
        }
    }

    pub fn places(&self) -> impl Iterator<Item = &str> {
        self.from.iter().chain(self.from_on.values().flatten()).map(String::as_str)
    }
}

impl Changing {
    fn read(entry: &Table) -> Self {
        let change = |on: &Table| {
            let change = Change {
                value: text(on, "value"),
                from: text(on, "from"),
                default: text(on, "default"),
                if_present: flag(on, "if_present"),
            };
            (text(on, "event").unwrap(), change)
        };
        Self {
            name: text(entry, "name").unwrap(),
            ty: Type::parse(&text(entry, "type").unwrap()),
            from: text(entry, "from").unwrap(),
            rules: Rules::read(entry),
            on: list(entry, "on", change).into_iter().collect(),
        }
    }
}

impl Lines {
    fn read(entry: &Table) -> Self {
        Self {
            table: text(entry, "table").unwrap(),
            each: text(entry, "each").unwrap(),
            number: text(entry, "number").unwrap(),
            columns: list(entry, "columns", Column::read),
        }
    }
}

fn table(value: &Value) -> &Table {
    value.as_table().unwrap_or_else(|| panic!("{value} is not a table"))
}

fn list<T>(entry: &Table, name: &str, read: impl Fn(&Table) -> T) -> Vec<T> {
    let list = entry.get(name).and_then(Value::as_array);
    list.into_iter().flatten().map(|entry| read(table(entry))).collect()
}

fn text(entry: &Table, name: &str) -> Option<String> {
    entry.get(name).map(scalar)
}

/// A list of texts, or one alone.
fn texts(entry: &Table, name: &str) -> Vec<String> {
    entry.get(name).map(list_of).unwrap_or_default()
}

fn list_of(value: &Value) -> Vec<String> {
    match value {
        Value::Array(list) => list.iter().map(scalar).collect(),
        one => vec![scalar(one)],
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn flag(entry: &Table, name: &str) -> bool {
    entry.get(name).and_then(Value::as_bool).unwrap_or_default()
}
