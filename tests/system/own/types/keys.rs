//! Keys, what is required, and what other event types say.

use super::{Case, Column, Expected, bad, ok, quoted};

pub(super) const COLUMNS: [Column; 8] = [
    ("counted", "ubig", "type = 'bigint unsigned', from = 'ubig'"),
    ("signed", "big", "type = 'bigint', from = 'big'"),
    ("named", "three", "type = 'varchar(9)', from = 'three'"),
    ("choices", "must", "type = 'int', from = ['must', 'other'], required = true, null = ['-']"),
    ("choices", "chosen", "type = 'int', from = 'a', from_on = { 'choices.b' = 'b' }"),
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

const RANGE: &str = "value_out_of_range";
const NAME: &str = "entity_id_invalid";

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
    for (member, event, column, json, code, limit) in [
        (
            "ubig",
            "counted",
            "key_ubig",
            "18446744073709551616",
            RANGE,
            "from 0 to 18446744073709551615",
        ),
        ("ubig", "counted", "key_ubig", "-1", RANGE, "from 0 to 18446744073709551615"),
        ("ubig", "counted", "key_ubig", "1.5", RANGE, "from 0 to 18446744073709551615"),
        ("ubig", "counted", "key_ubig", "\"1\"", "value_type", "is a string, not a whole number"),
        ("ubig", "counted", "key_ubig", "null", missing, "is missing or null"),
        ("three", "named", "key_three", "\"𝄞𝄞𝄞𝄞\"", NAME, "has 4 characters; it may have 3"),
        ("three", "named", "key_three", "\"\"", NAME, "is empty"),
        ("three", "named", "key_three", "\"a \"", NAME, "ends with a blank"),
        ("three", "named", "key_three", "\"a\\u0000\"", NAME, "has a control character"),
        ("three", "named", "key_three", "5", "value_type", "is a number, not a string"),
    ] {
        let members = format!("\"{member}\": {json}");
        let expected = Expected::Refused { code, limit: limit.to_owned() };
        cases.push(Case { event, column, members, expected });
    }
    cases.push(ok("must", "7", "7").of("choices"));
    cases.push(with(r#""must": null, "other": 8"#, "must", Some("8"), "choices"));
    cases.push(with(r#""must": "-", "other": 9"#, "must", Some("9"), "choices"));
    cases.push(bad("must", "null", missing, "is missing or null, but required").of("choices"));
    cases.push(bad("must", "\"-\"", missing, "is missing or null, but required").of("choices"));
    for (column, plain, on_b) in [
        ("chosen", Some("1"), Some("2")),
        ("said", Some("x"), Some("y")),
        ("always", Some("12345678901234567890123.5"), Some("12345678901234567890123.5")),
        ("kind", Some("choices"), Some("choices.b")),
    ] {
        let members = r#""must": 1, "a": 1, "b": 2, "said": "x""#;
        cases.push(with(members, column, plain, "choices"));
        cases.push(with(members, column, on_b, "choices.b"));
    }
    cases
}

fn with(members: &str, column: &'static str, shown: Option<&str>, event: &'static str) -> Case {
    let expected = Expected::Value(shown.map(str::to_owned));
    Case { event, column, members: members.to_owned(), expected }
}
