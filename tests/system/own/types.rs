//! Every type and conversion of docs/mapping.md, at its limits and one beyond, on real servers.
//!
//! A case is an event with one value; all cases go through one load. What fits must be in the table exactly;
//! what does not must be a dead letter that names code, path, column and limit.

mod json;
mod keys;
mod numbers;
mod texts;
mod times;

use super::pairs::{Line, send};
use sqlx::{AssertSqlSafe, Executor as _, Row as _};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use testkit::{Server, World};

testkit::on_both_servers!(every_type_at_its_limits);

/// A column: its table, its name, and the rest of its entry in the mapping.
type Column = (&'static str, &'static str, &'static str);

/// An event and what must become of it.
struct Case {
    /// Also the name of its table, less what follows a dot.
    event: &'static str,
    column: &'static str,
    /// The event's members besides id, time and type.
    members: String,
    expected: Expected,
}

enum Expected {
    /// As the server shows it: bytes in hexadecimal digits; `None` for NULL.
    Value(Option<String>),
    /// The same JSON; on MariaDB, which keeps the text, this very text.
    Json(String),
    Refused {
        code: &'static str,
        limit: String,
    },
}

/// A value that fits.
fn ok(column: &'static str, json: impl Into<String>, shown: impl Into<String>) -> Case {
    let expected = Expected::Value(Some(shown.into()));
    Case { expected, ..case(column, json) }
}

/// A value that means null.
fn null(column: &'static str, json: &str) -> Case {
    Case { expected: Expected::Value(None), ..case(column, json) }
}

/// A value that is refused.
fn bad(
    column: &'static str,
    json: impl Into<String>,
    code: &'static str,
    limit: impl Into<String>,
) -> Case {
    Case { expected: Expected::Refused { code, limit: limit.into() }, ..case(column, json) }
}

fn case(column: &'static str, json: impl Into<String>) -> Case {
    let members = format!("{}: {}", quoted(column), json.into());
    Case { event: "cases", column, members, expected: Expected::Value(None) }
}

impl Case {
    fn of(self, event: &'static str) -> Self {
        Self { event, ..self }
    }

    fn table(&self) -> &'static str {
        self.event.split('.').next().unwrap()
    }
}

/// A text as JSON.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn columns() -> Vec<Column> {
    let plain = [numbers::COLUMNS, times::COLUMNS, texts::COLUMNS, json::COLUMNS].concat();
    let plain = plain.into_iter().map(|(name, rest)| ("cases", name, rest));
    plain.chain(keys::COLUMNS).collect()
}

fn cases() -> Vec<Case> {
    [numbers::cases(), times::cases(), texts::cases(), json::cases(), keys::cases()]
        .into_iter()
        .flatten()
        .collect()
}

fn mapping(columns: &[Column]) -> String {
    let list = |table: &str| {
        let of_table = columns.iter().filter(|(of, ..)| *of == table);
        let entries = of_table.map(|(_, name, rest)| {
            let from = if rest.contains("from =") || rest.contains("value =") {
                String::new()
            } else {
                format!("from = '{name}', ")
            };
            format!("  {{ name = '{name}', {from}{rest} }},\n")
        });
        format!("columns = [\n{}]\n", entries.collect::<String>())
    };
    let mut text = String::from(
        "topic = 'types'\nkey = 'number'\n[envelope]\ntype = 'type'\nid = { from = 'id', convert = 'text' }\n\
         time = 'at'\nkey = { from = 'id', convert = 'text' }\ndata = '$message'\n",
    );
    for (table, key, created_by) in keys::ENTITIES {
        let columns = list(table);
        let _ = write!(
            text,
            "[[entity]]\ntable = '{table}'\nkey = {key}\ncreated_by = '{created_by}'\n{columns}"
        );
    }
    for table in ["cases", "choices"] {
        let columns = list(table);
        let _ = write!(
            text,
            "[[log]]\ntable = '{table}'\nevents = ['{table}', '{table}.*']\n{columns}"
        );
    }
    text
}

/// Ids that no signed number holds.
fn id(index: usize) -> u64 {
    u64::MAX - index as u64
}

async fn every_type_at_its_limits(server: Server) {
    let Some(mut world) = World::new(server) else { return };
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("types.toml"), mapping(&columns())).unwrap();
    world.set("mapping.built_in", false);
    world.set("mapping.directory", directory.path().display());
    world.create_topics(&["types"], 1).await;
    let cases = cases();
    let line = |(index, case): (usize, &Case)| Line {
        topic: "types".to_owned(),
        key: None,
        value: Some(format!(
            r#"{{"id": {}, "at": "2026-01-02T03:04:05Z", "type": "{}", {}}}"#,
            id(index),
            case.event,
            case.members
        )),
        headers: BTreeMap::new(),
    };
    send(&world, cases.iter().enumerate().map(line).collect()).await;
    world.load();
    let letters = letters(&world).await;
    let mut shown = BTreeMap::new();
    for (table, column, _) in columns() {
        shown.insert((table, column), values(&world, table, column).await);
    }
    let mut faults = Vec::new();
    for (index, case) in cases.iter().enumerate() {
        let of_column = shown.get(&(case.table(), case.column));
        let found = of_column.and_then(|values| values.get(&id(index).to_string()));
        let letter = letters.get(&(index as i64));
        if let Some(fault) = compare(case, found, letter, server) {
            let members: String = case.members.chars().take(200).collect();
            faults.push(format!("{members}: {fault}"));
        }
    }
    assert!(faults.is_empty(), "{} of {}:\n{}", faults.len(), cases.len(), faults.join("\n"));
    world.end().await;
}

/// What is wrong, if anything.
fn compare(
    case: &Case,
    found: Option<&Option<String>>,
    letter: Option<&(String, String)>,
    server: Server,
) -> Option<String> {
    let is_right = match (&case.expected, found, letter) {
        (Expected::Value(expected), Some(found), None) => found == expected,
        (Expected::Json(expected), Some(Some(found)), None) => match server {
            Server::MariaDb => found == expected,
            Server::MySql => parsed(found) == parsed(expected),
        },
        (Expected::Refused { code, limit }, None, Some((found, text))) => {
            let column = format!("(column {}.{})", case.table(), case.column);
            // These are about the message.
            let is_whole =
                *code == "json_invalid" || (*code == "json_limit" && case.column == "json");
            let names_place = is_whole
                || (text.contains(&column) && text.starts_with(&format!("data.{}", path(case))));
            found == code && text.contains(limit.as_str()) && names_place
        }
        _ => false,
    };
    (!is_right).then(|| format!("{found:?} {letter:?}"))
}

/// What the column is from.
fn path(case: &Case) -> &str {
    case.members.split('"').nth(1).unwrap()
}

fn parsed(json: &str) -> serde_json::Value {
    serde_json::from_str(json).unwrap()
}

/// Code and text of each dead letter, by offset.
async fn letters(world: &World) -> BTreeMap<i64, (String, String)> {
    let letters = world.rows("dead_letters").await;
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    letters
        .iter()
        .map(|letter| {
            let offset = letter["kafka_offset"].as_i64().unwrap();
            (offset, (text(&letter["error_code"]), text(&letter["error_text"])))
        })
        .collect()
}

/// The values of a column as the server shows them, by the event's id.
async fn values(world: &World, table: &str, column: &str) -> BTreeMap<String, Option<String>> {
    let mut connection = world.connect().await;
    let is_bytes = column.starts_with("bytes") || column.starts_with("blob");
    let value = if is_bytes { format!("HEX(`{column}`)") } else { format!("`{column}`") };
    let select = format!(
        "SELECT CAST(event_id AS CHAR), CAST({value} AS CHAR) FROM {table} WHERE event_id IS NOT NULL"
    );
    let rows = connection.fetch_all(AssertSqlSafe(select)).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}
