//! Strict JSON: what is a document, and what it holds.

use serde_json::{Value, json};

use testkit::fold::json::{NESTING_MAX, parse};

#[test]
fn documents_are_what_serde_json_takes_them_for() {
    for text in [
        "null",
        " \t\r\n[ true , false ] ",
        "{}",
        "[]",
        r#"{"a" : {"b" : [ ]} , "" : "" }"#,
        r#"{"a": 1, "b": 2, "a": 3}"#,
        r#""\"\\\/\b\f\n\r\t\u0000\u00e9\u00C9""#,
        r#""\ud83d\ude00 😀 \u20ac""#,
        "\"\u{7f}\u{2028}\u{feff}\u{fffe}\"",
        "[0, 1, -1, 10, 9223372036854775807, -9223372036854775808, 18446744073709551615]",
        "[0.0, -0.0, 1.5, 0.1, 1e3, 1E+3, 1e-3, 12.0, 1.25e2, 1e308, 1e-400]",
        "[18446744073709551616, -9223372036854775809, 1000000000000000000000000000000]",
    ] {
        assert_eq!(
            parse(text.as_bytes()),
            Ok(serde_json::from_str::<Value>(text).unwrap()),
            "{text}"
        );
    }
}

#[test]
fn what_serde_json_refuses_is_no_document() {
    for text in [
        "",
        " ",
        "hello",
        "nul",
        "True",
        "{",
        "[",
        "]",
        "[1,]",
        "[,1]",
        "[1 2]",
        r#"{"a":1,}"#,
        r#"{"a" 1}"#,
        r#"{"a":}"#,
        r#"{"a"}"#,
        r#"{a:1}"#,
        r#"{1:1}"#,
        r#"{'a':1}"#,
        "{} {}",
        "{}x",
        "{}\0",
        "\u{feff}{}",
        "\u{a0}{}",
        "\u{c}{}",
        "// comment\n{}",
        "NaN",
        "Infinity",
        "-Infinity",
        "[1e400]",
        "[-1e400]",
        "01",
        "-",
        "-01",
        "+1",
        ".5",
        "1.",
        "1.e3",
        "1e",
        "1e+",
        "1e5.0",
        "1-1",
        "0x10",
        "\"",
        "\"\n\"",
        "\"\0\"",
        "\"\u{1f}\"",
        r#""\x41""#,
        r#""\u12"#,
        r#""\u12""#,
        r#""\u12g4""#,
        r#""\u+123""#,
        r#""\ud800""#,
        r#""\ud800x""#,
        r#""\ud800\n""#,
        r#""\ud800\ud800""#,
        r#""\ud800\u0041""#,
        r#""\udc00""#,
        r#""\udc00\ud800""#,
    ] {
        assert!(serde_json::from_str::<Value>(text).is_err(), "serde_json takes {text:?}");
        assert!(parse(text.as_bytes()).is_err(), "{text:?}");
    }
    let huge = format!("[1{}]", "0".repeat(400));
    assert!(parse(huge.as_bytes()).is_err(), "an integer past the doubles");
    for bytes in [&b"\"\xff\""[..], b"\"\xc0\x80\"", b"\"\xed\xa0\x80\"", b"\xff\xfe{\0}\0"] {
        assert!(parse(bytes).is_err(), "{bytes:?}");
    }
}

#[test]
fn doubles_are_the_nearest_and_the_last_duplicate_counts() {
    for (text, expected) in [
        (
            "[0.30000000000000004, 2.2250738585072014e-308]",
            json!([0.300_000_000_000_000_04, f64::MIN_POSITIVE]),
        ),
        ("[-0]", json!([0])),
        (r#"{"a": [1], "A": 2, "a": null}"#, json!({"a": null, "A": 2})),
        (r#"{"a": {"b": 1}, "\u0061": {"c": 2}}"#, json!({"a": {"c": 2}})),
    ] {
        assert_eq!(parse(text.as_bytes()), Ok(expected), "{text}");
    }
}

#[test]
fn nesting_ends_at_its_limit() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse(nested(NESTING_MAX).as_bytes()).is_ok());
    assert!(parse(nested(NESTING_MAX + 1).as_bytes()).is_err());
    assert!(parse("[{\"a\":".repeat(1_000_000).as_bytes()).is_err(), "and not by a full stack");
}
