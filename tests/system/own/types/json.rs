//! JSON columns: any value as it arrived, less its secrets.

use super::{Case, Expected, bad, case, null, quoted};

pub(super) const COLUMNS: &[(&str, &str)] =
    &[("json", "type = 'json'"), ("parsed", "type = 'json', convert = 'parse'")];

pub(super) fn cases() -> Vec<Case> {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let mut cases = Vec::new();
    for (arrived, kept) in [
        ("true", "true"),
        ("1.50", "1.50"),
        ("-0.0", "-0.0"),
        ("18446744073709551615", "18446744073709551615"),
        ("12345678901234567890123.5", "12345678901234567890123.5"),
        ("1e308", "1e308"),
        (r#""é\u00e9\n\"\/""#, r#""é\u00e9\n\"\/""#),
        ("[ 1, {\"b\": [] , \"a\":null} ]", "[ 1, {\"b\": [] , \"a\":null} ]"),
        (r#"{"a": 1, "a": 2}"#, r#"{"a": 1, "a": 2}"#),
        (r#"{"password": "x", "b": 1}"#, r#"{"b": 1}"#),
        (r#"{"b": {"api_key": [1], "c": 2}, "token": 3}"#, r#"{"b": {"c": 2}}"#),
    ] {
        for (column, json) in [("json", arrived.to_owned()), ("parsed", quoted(arrived))] {
            let expected = Expected::Json(kept.to_owned());
            cases.push(Case { expected, ..case(column, json) });
        }
    }
    let deep = nested(20);
    cases.push(Case { expected: Expected::Json(deep.clone()), ..case("json", deep) });
    cases.push(null("json", "null"));
    cases.push(null("parsed", "null"));
    // Deeper than either server takes.
    cases.push(bad("json", nested(101), "json_limit", "nested"));
    cases.push(bad("parsed", quoted(&nested(101)), "json_limit", "nested"));
    for text in ["{a}", "", "1 2", "[1,]", "NaN", "{\"a\":1"] {
        cases.push(bad("parsed", quoted(text), "value_type", "is a string that is not JSON"));
    }
    cases.push(bad("parsed", "5", "value_type", "is a number, not JSON in a string"));
    cases.push(bad("parsed", "{}", "value_type", "is an object, not JSON in a string"));
    cases
}
