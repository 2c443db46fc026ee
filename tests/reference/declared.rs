//! Mapping files of any shape against the reference fold: both give the same rows, and say the same of
//! each message.

mod rows;

use sluicegate::buffer::Batch;
use sluicegate::flatten::{Flattener, Loaded};
use sluicegate::mapping::Mapping;
use sluicegate::mysql::JsonLimits;
use sluicegate::reject::Reject;
use std::collections::BTreeMap;
use std::sync::Arc;
use testkit::fold::declared::file::File;
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
    println!("{seen:?}");
    // Otherwise the generators say little.
    assert!(
        cases < CASES || seen.rows > 10_000 && seen.codes.len() > 12 && faulty * 2 < seen.messages
    );
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
