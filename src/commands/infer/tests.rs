//! Any messages: no panic, a file that is TOML and compiles once its TODOs are answered, and no value in it.

use super::{Line, infer, trial};
use crate::buffer::Batch;
use crate::flatten::Flattener;
use crate::mapping::Mapping;
use crate::mysql::JsonLimits;
use proptest::prelude::*;
use rdkafka::message::OwnedHeaders;
use serde_json::{Value, json};
use std::sync::Arc;
use testkit::choices::first_of_each;

fn line(key: Option<&str>, value: Option<String>) -> Line {
    Line {
        topic: "things".to_owned(),
        key: key.map(str::to_owned),
        value,
        headers: OwnedHeaders::new(),
        timestamp_ms: None,
    }
}

fn of(values: &[Value]) -> String {
    let lines: Vec<Line> = values.iter().map(|value| line(None, Some(value.to_string()))).collect();
    infer(&lines).unwrap()
}

/// The mapping, once a user has chosen.
fn compiled(text: &str) -> Mapping {
    let chosen = first_of_each(text);
    Mapping::compile([("inferred.toml", chosen.as_str())])
        .unwrap_or_else(|faults| panic!("{faults:#?}\n{text}"))
}

/// Loads messages; gives how many rows they make.
fn load(text: &str, lines: &[Line]) -> usize {
    let mapping = Arc::new(compiled(text));
    let mut flattener = Flattener::new(Arc::clone(&mapping), JsonLimits::MARIADB);
    let mut batch = Batch::new(&mapping);
    for (line, offset) in lines.iter().zip(0..) {
        let loaded = flattener.load(&line.message(offset), &line.topic, &mut batch);
        loaded.unwrap_or_else(|faulty| panic!("{}\n{text}", faulty.reject.text));
    }
    (0..mapping.tables.len()).map(|table| batch.rows(table).len()).sum()
}

#[track_caller]
fn assert_has(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.lines().any(|found| found.trim() == *line), "{line}\n{text}");
    }
}

#[test]
fn types_have_headroom() {
    let row = |n: i64, due: &str| {
        json!({
            "n": n, "big": 9_000_000_000_000_000_000_u64, "price": 12.5, "temp": 21.4, "due": due,
            "currency": "EUR", "zip": "08001", "on": true, "tags": ["a"], "lines": [{"a": 1}],
            "born": "1990-05-06", "seen_at": 1_764_230_400_123_i64, "url": "https://example.org", "none": null,
            "address": {"city": "Bern", "geo": {"lat": 1.5}}
        })
    };
    let text = of(&[row(1, "12.50"), row(7, "-")]);
    assert_has(
        &text,
        &[
            r#"time = { from = "seen_at", convert = "millis" } # in all"#,
            r#"{ name = "n", type = "int", from = "n" }, # in all"#,
            r#"{ name = "big", type = "bigint unsigned", from = "big" }, # in all"#,
            r#"{ name = "price", type = "decimal(12,2)", from = "price" }, # in all; exact; or double"#,
            r#"{ name = "temp", type = "double", from = "temp" }, # in all; or decimal(12,2), which is exact"#,
            r#"{ name = "due", type = "decimal(12,2)", from = "due", null = ["-"] }, # in all; numbers in texts"#,
            r#"{ name = "currency", type = "varchar(20)", from = "currency" }, # in all"#,
            r#"{ name = "zip", type = "varchar(20)", from = "zip" }, # in all"#,
            r#"{ name = "on", type = "boolean", from = "on" }, # in all"#,
            r#"{ name = "tags", type = "json", from = "tags" }, # in all"#,
            r#"{ name = "born", type = "date", from = "born" }, # in all"#,
            r#"{ name = "url", type = "text", from = "url" }, # in all"#,
            r#"{ name = "address_geo_lat", type = "double", from = "address.geo.lat" }, # in all; or decimal(12,2), which is exact"#,
            r#"# Left out: "none": in all, null in 2; null in every event, so its type is not known"#,
        ],
    );
}

#[test]
fn credentials_are_left_out() {
    let text =
        of(&[json!({"id": 1, "password": "hunter22", "newPassword": "x", "tokens_used": 5})]);
    assert_has(
        &text,
        &[
            r#"redact = ["newPassword"] # they look like credentials; remove those that are not"#,
            r##"# Credentials, dropped from every message: "password""##,
            r#"{ name = "tokens_used", type = "int", from = "tokens_used" }, # in all"#,
        ],
    );
    assert!(!text.contains("hunter22") && !text.contains("new_password"), "{text}");
}

#[test]
fn keys_that_are_data_are_not_told() {
    let users: serde_json::Map<String, Value> =
        (0..40).map(|n| (format!("user_{}", char::from(b'a' + n % 26)), json!(n))).collect();
    let by_mail = json!({"ada@example.org": 1});
    let values: Vec<Value> = (0..20)
        .map(|n: usize| {
            let one: serde_json::Map<String, Value> = users.clone().into_iter().skip(n).take(1).collect();
            json!({"at": "2026-01-01T00:00:00Z", "scores": one, "mails": by_mail, "by_day": {"2026-01-02": 1}})
        })
        .collect();
    let text = of(&values);
    assert_has(
        &text,
        &[
            r#"{ name = "scores", type = "json", from = "scores" }, # in all"#,
            r#"{ name = "mails", type = "json", from = "mails" }, # in all"#,
            r#"{ name = "by_day", type = "json", from = "by_day" }, # in all"#,
        ],
    );
    assert!(!text.contains("user_") && !text.contains("example.org"), "{text}");
}

#[test]
fn what_is_no_event_is_counted() {
    let lines = [
        line(None, Some("{\"a\": 1}".to_owned())),
        line(None, Some("not JSON".to_owned())),
        line(None, Some("7".to_owned())),
        line(None, None),
    ];
    assert_has(
        &infer(&lines).unwrap(),
        &[
            "# Neither JSON objects nor arrays of them, so dead letters: 2.",
            "# Tombstones, which are messages without a value: 1.",
        ],
    );
    let error = infer(&lines[1..]).unwrap_err().to_string();
    assert!(error.contains("none of 3 messages is an event"), "{error}");
}

#[test]
fn odd_keys_are_quoted() {
    let value = json!({"service.name": "a", "$data": 1, "it's": 2, "größe": 3, "a b": 4, "[0]": 5, "x/y": 6});
    let lines = [line(Some("k"), Some(value.to_string()))];
    let text = infer(&lines).unwrap();
    assert_eq!(load(&text, &lines), 1);
    assert_has(&text, &[r#"{ name = "data_2", type = "int", from = "\"$data\"" }, # in all"#]);
}

#[test]
fn many_paths_keep_within_a_row() {
    let all: serde_json::Map<String, Value> =
        (0..250).map(|n| (format!("f{n}"), json!(true))).collect();
    let text = of(&[json!(all)]);
    assert_has(&text, &[r#"{ name = "data", type = "json", from = "$data" }, # all of it"#]);
    compiled(&text);
}

#[test]
fn the_samples_load() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/own-events/messages");
    for entry in std::fs::read_dir(directory).unwrap() {
        let lines = trial::read(&entry.unwrap().path(), None).unwrap();
        assert!(load(&infer(&lines).unwrap(), &lines) > 0);
    }
}

/// Marks what may not be printed.
const MARK: &str = "Zq";

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..10_i64).prop_map(Value::from),
        (100_000..i64::MAX).prop_map(Value::from),
        (1_700_000_000_000..1_800_000_000_000_i64).prop_map(Value::from),
        (12_345.0..1e9).prop_map(Value::from),
        "[ -~é\u{7f}\n'\"\\\\]{0,40}".prop_map(|text| json!(format!("{MARK}{text}"))),
        "[1-9][0-9]{6,9}\\.[0-9]{1,4}".prop_map(Value::from),
        Just(json!("2031-12-13T04:05:06.789Z")),
        Just(json!("2031-12-13")),
        Just(json!("")),
        Just(json!("-")),
    ]
}

const MEMBERS: [&str; 19] = [
    "id",
    "type",
    "data",
    "payload",
    "time",
    "updated_at",
    "price",
    "op",
    "before",
    "after",
    "source",
    "ts_ms",
    "table",
    "database",
    "ts",
    "password",
    "accessToken",
    "items",
    "object",
];

fn member() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(&MEMBERS[..]).prop_map(str::to_owned),
        1 => "[a-zA-Y _.$/'\"\\\\\\[\\]é\u{7f}\n-]{0,12}",
    ]
}

fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            4 => prop::collection::vec((member(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn key() -> impl Strategy<Value = Option<String>> {
    prop_oneof![
        Just(None),
        "[a-z0-9 ]{0,9}".prop_map(|text| Some(format!("{MARK}{text}"))),
        (member(), scalar()).prop_map(|(name, value)| Some(json!({ name: value }).to_string())),
    ]
}

fn message() -> impl Strategy<Value = Line> {
    let value = prop_oneof![
        8 => value().prop_map(|value| Some(value.to_string())),
        1 => Just(None),
        1 => Just(Some("no JSON".to_owned())),
    ];
    (key(), value).prop_map(|(key, value)| line(key.as_deref(), value))
}

/// Numbers of five digits and more, texts with the mark, and times.
fn values_in(text: &str) -> Vec<&str> {
    let is_number = |word: &&str| word.len() > 4 && word.bytes().all(|b| b.is_ascii_digit());
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    words.filter(|word| word.contains(MARK) || is_number(word) || *word == "2031").collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_messages(lines in prop::collection::vec(message(), 1..12)) {
        if let Ok(text) = infer(&lines) {
            prop_assert!(text.parse::<toml::Table>().is_ok(), "{}", text);
            prop_assert!(values_in(&text).is_empty(), "{:?}\n{}", values_in(&text), text);
            compiled(&text);
        }
    }

    /// Where nothing is in doubt but what a user has chosen, the file loads what it was made from.
    #[test]
    fn any_objects_load(
        objects in prop::collection::vec(prop::collection::vec((member(), value()), 0..8), 1..8),
        keys in prop::collection::vec("[a-z0-9]{1,9}", 8),
    ) {
        let lines: Vec<Line> = objects
            .into_iter()
            .zip(&keys)
            .map(|(members, key)| {
                let value = Value::Object(members.into_iter().collect());
                line(Some(key), Some(value.to_string()))
            })
            .collect();
        load(&infer(&lines).unwrap(), &lines);
    }
}

/// Kafka Connect writes the schema beside each row and each key.
#[test]
fn the_schema_around_a_row_is_left_out() {
    let key = |id: u32| json!({"schema": {"type": "int32"}, "payload": id}).to_string();
    let row = |id: u32| {
        let fields = json!([{"field": "id", "type": "int32"}]);
        let payload = json!({"id": id, "price": "12.50"});
        json!({"schema": {"type": "struct", "fields": fields}, "payload": payload}).to_string()
    };
    let lines = [
        line(Some(&key(5)), Some(row(5))),
        line(Some(&key(6)), Some(row(6))),
        line(Some(&key(5)), None),
    ];
    let text = infer(&lines).unwrap();
    assert_has(
        &text,
        &[
            r#"key = "$key.payload" # in all keys"#,
            r#"data = "payload""#,
            r#"{ name = "price", type = "decimal(12,2)", from = "price" }, # in all; numbers in texts"#,
        ],
    );
    assert!(!text.contains("schema"), "{text}");
    assert_eq!(load(&text, &lines), 2);
}
