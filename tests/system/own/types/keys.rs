//! Keys, what is required, and what other event types say.

use super::{Case, Column, Expected, bad, ok, quoted};

pub(super) const COLUMNS: [Column; 8] = [
    ("counted", "ubig", "type = 'bigint unsigned', from = 'ubig'"),
    ("signed", "big", "type = 'bigint', from = 'big'"),
    ("named", "three", "type = 'varchar(9)', from = 'three'"),
    ("choices", "must", "type = 'int', from = ['must', 'other'], required = true, null = ['-']"),
    ("choices", "chosen", "type = 'int', from = 'must', from_on = { 'choices.b' = 'b' }"),
    ("choices", "said", "type = 'enum(x, y)', from = 'said', value_on = { 'choices.b' = 'y' }"),
    ("choices", "always", "type = 'decimal(40,1)', value = '12345678901234567890123.5'"),
    ("choices", "kind", "type = 'varchar(100)', from = '$event_type'"),
];

/// Table, key, and the type of the events that create.
pub(super) const ENTITIES: [(&str, &str, &str); 3] = [
    ("counted", "{ name = 'key_ubig', from = 'ubig', type = 'bigint unsigned' }", "counted"),
    ("signed", "{ name = 'key_big', from = 'big', type = 'bigint' }", "signed"),
    ("named", "{ name = 'key_three', from = 'three', type = 'varchar(3)' }", "named"),
];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for number in ["0", "9223372036854775808", "18446744073709551615"] {
        cases.push(ok("ubig", number, number).of("counted"));
    }
    for number in ["-9223372036854775808", "-1", "9223372036854775807"] {
        cases.push(ok("big", number, number).of("signed"));
    }
    for text in ["𝄞𝄞𝄞", "a", "A", " a", "ä", "a\u{308}"] {
        cases.push(ok("three", quoted(text), text).of("named"));
    }
    let missing = "value_missing";
    cases.push(ok("must", "7", "7").of("choices"));
    cases.push(with(r#""must": null, "other": 8"#, "must", Some("8"), "choices"));
    cases.push(with(r#""must": "-", "other": 9"#, "must", Some("9"), "choices"));
    cases.push(bad("must", "null", missing, "").of("choices"));
    cases.push(bad("must", "\"-\"", missing, "").of("choices"));
    for (column, plain, on_b) in [
        ("chosen", Some("1"), Some("2")),
        ("said", Some("x"), Some("y")),
        ("always", Some("12345678901234567890123.5"), Some("12345678901234567890123.5")),
        ("kind", Some("choices"), Some("choices.b")),
    ] {
        let members = r#""must": 1, "b": 2, "said": "x""#;
        cases.push(with(members, column, plain, "choices"));
        cases.push(with(members, column, on_b, "choices.b"));
    }
    cases
}

fn with(
    members: &str,
    column: &'static str,
    shown: Option<&str>,
    event: &'static str,
) -> Case {
    let expected = Expected::Value(shown.map(str::to_owned));
    Case { event, column, members: members.to_owned(), expected }
}
