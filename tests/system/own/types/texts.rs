//! Texts, bytes and words.

use super::{Case, bad, null, ok, quoted};

pub(super) const COLUMNS: &[(&str, &str)] = &[
    ("two", "type = 'char(2)'"),
    ("three", "type = 'varchar(3)'"),
    ("long", "type = 'text'"),
    ("longer", "type = 'mediumtext'"),
    ("bytes", "type = 'varbinary(4)'"),
    ("bytes_64", "type = 'varbinary(4)', convert = 'base64'"),
    ("bytes_16", "type = 'varbinary(4)', convert = 'hex'"),
    ("blob", "type = 'blob'"),
    ("blob_64", "type = 'blob', convert = 'base64'"),
    ("word", "type = 'enum(a, b_c, X)'"),
    ("as_text", "type = 'varchar(5)', convert = 'text'"),
    ("no_text", "type = 'varchar(5)', null = ['-', 'n/a']"),
];

/// Of four bytes.
const CLEF: &str = "𝄞";
const LONG: &str = "value_too_long";
const TYPE: &str = "value_type";

pub(super) fn cases() -> Vec<Case> {
    [texts(), bytes(), words()].into_iter().flatten().collect()
}

fn clefs(number: usize) -> String {
    quoted(&CLEF.repeat(number))
}

fn texts() -> Vec<Case> {
    let odd = "'\\\n\t\u{1}\"";
    let mut cases = vec![
        ok("two", clefs(2), CLEF.repeat(2)),
        ok("two", "\"\"", ""),
        ok("two", "\" a\"", " a"),
        bad("two", clefs(3), LONG, "has 3 characters; the column holds 2"),
        bad("two", "\"a \"", "value_out_of_range", "ends with a space, which a char column drops"),
        ok("three", clefs(3), CLEF.repeat(3)),
        ok("three", "\"a  \"", "a  "),
        // Three characters, although one is seen.
        ok("three", quoted("e\u{301}\u{302}"), "e\u{301}\u{302}"),
        bad("three", clefs(4), LONG, "has 4 characters; the column holds 3"),
        bad("three", "\"    \"", LONG, "has 4 characters; the column holds 3"),
        bad("three", "5", TYPE, "is a number, not a string"),
        bad("three", "{}", TYPE, "is an object, not a string"),
        ok("long", quoted(odd), odd),
        ok("long", quoted(&"x".repeat(65_535)), "x".repeat(65_535)),
        bad("long", quoted(&"x".repeat(65_536)), LONG, "has 65536 bytes; the column holds 65535"),
        bad("long", clefs(16_384), LONG, "has 65536 bytes; the column holds 65535"),
        ok("longer", clefs(20_000), CLEF.repeat(20_000)),
        null("no_text", "\"-\""),
        null("no_text", "\"n/a\""),
        ok("no_text", "\"\"", ""),
    ];
    for (json, shown) in [
        ("42", "42"),
        ("-1", "-1"),
        ("true", "true"),
        ("false", "false"),
        ("\"x y\"", "x y"),
        ("99999", "99999"),
    ] {
        cases.push(ok("as_text", json, shown));
    }
    for (json, found) in
        [("4.2", "a number"), ("4.0", "a number"), ("1e3", "a number"), ("[]", "an array")]
    {
        let limit = format!("is {found}, not a whole number, a boolean or a string");
        cases.push(bad("as_text", json, TYPE, limit));
    }
    cases.push(bad("as_text", "123456", LONG, "has 6 characters; the column holds 5"));
    cases
}

fn bytes() -> Vec<Case> {
    let full = "A".repeat(65_535 / 3 * 4);
    let mut cases = vec![
        ok("bytes", "\"abcd\"", "61626364"),
        ok("bytes", clefs(1), "F09D849E"),
        ok("bytes", "\"\"", ""),
        bad("bytes", "\"abcde\"", LONG, "has 5 bytes; the column holds 4"),
        bad("bytes", quoted("ä€x"), LONG, "has 6 bytes; the column holds 4"),
        bad("bytes", "7", TYPE, "is a number, not a string"),
        ok("bytes_64", "\"AAECAw==\"", "00010203"),
        ok("bytes_64", "\"AAECAw\"", "00010203"),
        ok("bytes_64", "\"+/8=\"", "FBFF"),
        ok("bytes_64", "\"\"", ""),
        bad("bytes_64", "\"AAECAwQ=\"", LONG, "has 5 bytes; the column holds 4"),
        ok("bytes_16", "\"00fFa0\"", "00FFA0"),
        ok("bytes_16", "\"\"", ""),
        bad("bytes_16", "\"0001020304\"", LONG, "has 5 bytes; the column holds 4"),
        ok("blob", quoted(&"y".repeat(65_535)), "79".repeat(65_535)),
        bad("blob", quoted(&"y".repeat(65_536)), LONG, "has 65536 bytes; the column holds 65535"),
        ok("blob_64", quoted(&full), "00".repeat(65_535)),
        bad(
            "blob_64",
            quoted(&format!("{full}AA==")),
            LONG,
            "has 65536 bytes; the column holds 65535",
        ),
    ];
    for faulty in ["A", "A*", "AAECAx==", "-_8=", "AA EC", "AA==AA=="] {
        cases.push(bad("bytes_64", quoted(faulty), TYPE, "is not base64"));
    }
    for faulty in ["0", "0g", "0x00", "00 ", "é0"] {
        cases.push(bad("bytes_16", quoted(faulty), TYPE, "is not hex"));
    }
    cases.push(bad("bytes_16", "7", TYPE, "is a number, not a string"));
    cases
}

fn words() -> Vec<Case> {
    let mut cases = Vec::new();
    for word in ["a", "b_c", "X"] {
        cases.push(ok("word", quoted(word), word));
    }
    for word in ["A", "x", "a ", "", "0", "zz"] {
        cases.push(bad("word", quoted(word), "value_not_in_enum", "is not one of a, b_c, X"));
    }
    cases.push(bad("word", "1", TYPE, "is a number, not a string"));
    cases
}
