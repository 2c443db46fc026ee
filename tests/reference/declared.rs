//! Mapping files of any shape against the reference fold: both give the same rows, and say the same of
//! each message.

mod rows;

use serde_json::Value;
use sluicegate::buffer::Batch;
use sluicegate::flatten::{Flattener, Loaded};
use sluicegate::mapping::Mapping;
use sluicegate::mysql::JsonLimits;
use sluicegate::reject::Reject;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use testkit::fold::declared::event::Row;
use testkit::fold::declared::file::File;
use testkit::fold::declared::json::{Json, Kind};
use testkit::fold::declared::types::Type;
use testkit::fold::declared::{Expected, Message, Outcome, assert_rows, fold};
use testkit::fuzz::declared::{headers, of_kafka};
use testkit::{Chance, environment, invented};

/// How many mapping files; `SLUICEGATE_PROPERTY_CASES` says otherwise.
const CASES: u64 = 800;
/// `SLUICEGATE_PROPERTY_SEED` says otherwise: the seed of the first file.
const SEED: u64 = 1;
const MESSAGES: usize = 40;

/// What the cases were about.
#[derive(Debug, Default)]
struct Seen {
    messages: usize,
    rows: usize,
    codes: BTreeMap<&'static str, usize>,
}

#[test]
fn any_mapping_gives_the_rows_of_the_fold() {
    let first = environment::number("SLUICEGATE_PROPERTY_SEED").unwrap_or(SEED);
    let cases = environment::number("SLUICEGATE_PROPERTY_CASES").unwrap_or(CASES);
    let mut seen = Seen::default();
    for seed in first..first + cases {
        case(seed, &mut seen);
    }
    let faulty: usize = seen.codes.values().sum();
    // Otherwise the generators say little.
    let is_varied = seen.rows > 10_000 && seen.codes.len() > 12 && faulty * 2 < seen.messages;
    assert!(cases < CASES || is_varied, "{seen:?}");
}

fn case(seed: u64, seen: &mut Seen) {
    let mut chance = Chance::new(seed);
    let text = invented::mapping(&mut chance, "");
    let context = format!("SLUICEGATE_PROPERTY_SEED={seed}\n{text}");
    let mapping = Mapping::compile([("invented.toml", text.as_str())]);
    let mapping = mapping.map(Arc::new).unwrap_or_else(|faults| panic!("{context}{faults:#?}"));
    let file = File::read(&text);
    let mut messages = invented::messages(&mut chance, &file, MESSAGES);
    chance.shuffle(&mut messages);
    let limits = *chance.pick(&[JsonLimits::MYSQL, JsonLimits::MARIADB]);
    let expected = fold(&file, &messages, limits.depth);
    let batch = load(&context, &mapping, limits, &messages, &expected);
    let found = rows::of_batch(&mapping, &batch, &file);
    for (table, expected) in &expected.tables {
        assert_rows(&context, table, &found[table], expected);
        seen.rows += expected.len();
    }
    seen.messages += messages.len();
    for outcome in &expected.outcomes {
        if let Outcome::Dead(codes) = outcome {
            *seen.codes.entry(codes.first().unwrap()).or_default() += 1;
        }
    }
}

/// Loads all messages into one batch, and holds what becomes of each against the fold.
fn load(
    context: &str,
    mapping: &Arc<Mapping>,
    limits: JsonLimits,
    messages: &[Message],
    expected: &Expected,
) -> Batch {
    let mut flattener = Flattener::new(Arc::clone(mapping), limits);
    let mut batch = Batch::new(mapping);
    for (message, outcome) in messages.iter().zip(&expected.outcomes) {
        let headers = headers(message);
        let loaded = flattener.load(&of_kafka(message, &headers), &message.topic, &mut batch);
        let loaded = loaded.map(<[Loaded]>::to_vec).map_err(|faulty| faulty.reject);
        assert_outcome(context, message, &loaded, outcome);
    }
    batch
}

#[track_caller]
fn assert_outcome(
    context: &str,
    message: &Message,
    loaded: &Result<Vec<Loaded>, Reject>,
    outcome: &Outcome,
) {
    let is_same = match (loaded, outcome) {
        (Ok(events), Outcome::Events(has_rows)) => {
            events.iter().map(|event| !event.is_ignored).eq(has_rows.iter().copied())
        }
        (Err(reject), Outcome::Dead(codes)) => codes.contains(reject.code.as_str()),
        _ => false,
    };
    let text = |bytes: &Option<Vec<u8>>| {
        bytes.as_ref().map_or("none".into(), |bytes| String::from_utf8_lossy(bytes).into_owned())
    };
    assert!(
        is_same,
        "{context}{loaded:?} is not {outcome:?}\nof {} key {} value {}\n{:?}",
        message.topic,
        text(&message.key),
        text(&message.value),
        message.headers,
    );
}

/// The mapping files and messages in `tests/own-events`, and the values that must come out.
#[test]
fn the_pairs_give_their_rows() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/own-events");
    let text = |path: &Path| std::fs::read_to_string(path).unwrap();
    let expected = super::value(&text(&directory.join("expected.json")));
    let mut compared = 0;
    for name in ["cdc", "cloud", "hooks", "prices", "sensors", "web"] {
        let file = File::read(&text(&directory.join(format!("mappings/{name}.toml"))));
        let messages = text(&directory.join(format!("messages/{name}.jsonl")));
        let messages: Vec<Message> =
            (0..).zip(messages.lines()).map(|(offset, line)| message_of(line, offset)).collect();
        let found = fold(&file, &messages, JsonLimits::MARIADB.depth);
        assert!(!found.outcomes.iter().any(Outcome::is_dead), "{name}: {:?}", found.outcomes);
        for (table, types) in file.tables() {
            let Some(expected) = expected.get(table) else { continue };
            let rows = &found.tables[table];
            if let Some(count) = expected.as_u64() {
                assert_eq!(rows.len() as u64, count, "{table}");
                continue;
            }
            for wanted in expected.as_array().unwrap() {
                let wanted = wanted.as_object().unwrap();
                let print = |(name, value): (&String, &Value)| {
                    (name.clone(), printed(&types[name.as_str()], value))
                };
                let wanted: Vec<_> = wanted.iter().map(print).collect();
                let is_it = |row: &&Row| wanted.iter().all(|(name, value)| row[name] == *value);
                assert!(rows.iter().any(|row| is_it(&row)), "{table}: {wanted:?} in {rows:#?}");
                compared += 1;
            }
        }
    }
    assert!(compared > 10, "{compared}");
}

fn printed(ty: &Type, value: &Value) -> Option<String> {
    match (value, ty) {
        (Value::Null, _) => None,
        (Value::String(text), ty) if *ty != Type::Json => Some(text.clone()),
        (value, ty) => Some(ty.printed(&value.to_string())),
    }
}

/// A line as `sluicegate try` takes it.
fn message_of(line: &str, offset: i64) -> Message {
    let json = Json::parse(line.as_bytes(), &[]).unwrap();
    let Kind::Object(members) = json.kind else { panic!("{line}") };
    let text = |name: &str| match &members.get(name)?.kind {
        Kind::Text(text) => Some(text.clone()),
        _ => None,
    };
    let headers = match members.get("headers").map(|headers| &headers.kind) {
        Some(Kind::Object(headers)) => {
            let header = |(name, value): (&String, &Json)| match &value.kind {
                Kind::Text(text) => (name.clone(), text.clone().into_bytes()),
                other => panic!("{other:?}"),
            };
            headers.iter().map(header).collect()
        }
        _ => Vec::new(),
    };
    let value = members.get("value").filter(|value| !value.is_null());
    Message {
        topic: text("topic").unwrap(),
        partition: 0,
        offset,
        timestamp_ms: Some(offset),
        key: text("key").map(String::into_bytes),
        value: value.map(|value| value.kept.clone().into_bytes()),
        headers,
    }
}
