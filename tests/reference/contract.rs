//! The samples that come with the event contract: its events must give its rows, its bad messages its verdicts.
//!
//! They are read from the directory that `SLUICEGATE_CONTRACT_DIR` names; without it there is nothing to check.

use std::path::PathBuf;

use serde_json::Value;

use crate::{MARIADB, MYSQL, only_columns_of, row, value};
use testkit::fold::{Input, Row, Verdict, fold, schema, why_dead};

fn read(file: &str) -> Option<String> {
    let directory = PathBuf::from(std::env::var_os("SLUICEGATE_CONTRACT_DIR")?);
    Some(std::fs::read_to_string(directory.join(file)).unwrap())
}

/// A line's topic and message.
fn message(line: &Value) -> (&str, Vec<u8>) {
    let bytes = match (&line["raw"], &line["raw_b64"]) {
        (Value::String(raw), _) => raw.clone().into_bytes(),
        (_, Value::String(base64)) => decode_base64(base64),
        _ => line["value"].to_string().into_bytes(),
    };
    (line["topic"].as_str().unwrap(), bytes)
}

fn decode_base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |byte| DIGITS.iter().position(|digit| *digit == byte).unwrap();
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0, 0);
    for byte in text.trim_end_matches('=').bytes() {
        bits = (bits << 6 | digit(byte)) & 0xffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).unwrap());
        }
    }
    bytes
}

#[test]
fn base64_is_decoded() {
    assert_eq!(decode_base64("//57AA=="), [0xff, 0xfe, b'{', 0]);
    assert_eq!(decode_base64("eyJl"), b"{\"e");
}

/// Puts the rows of either side into one order.
fn sorted(mut rows: Vec<Row>) -> Vec<Row> {
    let key = |row: &Row| {
        let place = ["order_id", "line_no", "event_timestamp", "event_id"];
        place.map(|name| row.get(name).map(ToString::to_string))
    };
    rows.sort_by_key(key);
    rows
}

#[test]
fn the_samples_give_their_rows() {
    let Some(samples) = read("samples.jsonl") else { return };
    let expected = value(&read("samples.expected.json").unwrap());
    let samples: Vec<Value> = samples.lines().map(value).collect();
    let messages: Vec<_> = samples.iter().map(message).collect();
    for depth in [MYSQL, MARIADB] {
        let inputs = messages.iter().map(|(topic, bytes)| Input { topic, value: Some(bytes) });
        for input in inputs.clone() {
            assert_eq!(why_dead(input, depth), None);
        }
        let actual = fold(inputs, depth);
        assert_eq!(actual.verdicts, vec![Verdict::Loaded; samples.len()]);
        assert_eq!(expected.as_object().unwrap().len(), schema::TABLES.len());
        for table in schema::TABLES {
            let expected: Vec<Row> = expected[table].as_array().unwrap().iter().map(row).collect();
            check_columns(table, &actual.tables[table][0], &expected[0]);
            let like = &expected[0];
            let actual =
                actual.tables[table].iter().map(|row| only_columns_of(like, row)).collect();
            assert_eq!(sorted(actual), sorted(expected), "{table}");
        }
    }
}

/// Besides the columns that the contract shows there are only those that versions are kept in.
fn check_columns(table: &str, actual: &Row, expected: &Row) {
    for name in actual.keys().filter(|name| !expected.contains_key(*name)) {
        let is_version = name.ends_with("_changed_at") || name.ends_with("_changed_by");
        let is_of_line = table == "order_items" && name.starts_with("event_");
        assert!(is_version || is_of_line, "{table}.{name}");
    }
}

#[test]
fn bad_messages_get_their_verdicts() {
    let Some(poison) = read("poison.jsonl") else { return };
    for line in poison.lines().map(value) {
        let (topic, bytes) = message(&line);
        let input = Input { topic, value: Some(&bytes) };
        for depth in [MYSQL, MARIADB] {
            let reason = why_dead(input, depth);
            let expected = fold([input], depth);
            let why = &line["why"];
            match line["expect"].as_str().unwrap() {
                "dlq" => assert!(reason.is_some(), "{why} on {depth}"),
                "ok" | "log" => assert_eq!(reason, None, "{why} on {depth}"),
                "either" => {}
                other => panic!("{other}: no such verdict"),
            }
            let verdict = if reason.is_some() { Verdict::Dead } else { Verdict::Loaded };
            assert_eq!(expected.verdicts, [verdict], "{why} on {depth}");
            let rows = |table: &&&str| !expected.tables[**table].is_empty();
            let tables: Vec<_> = schema::TABLES.iter().filter(rows).collect();
            match line["expect"].as_str().unwrap() {
                "dlq" => assert!(tables.is_empty(), "{why} on {depth}"),
                "log" => assert_eq!(tables, [&format!("{topic}_events")], "{why} on {depth}"),
                _ => assert_eq!(tables.is_empty(), verdict == Verdict::Dead, "{why} on {depth}"),
            }
        }
    }
}
