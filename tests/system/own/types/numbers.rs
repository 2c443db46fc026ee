//! Whole numbers, decimals, doubles, booleans.

use super::{Case, bad, null, ok};

pub(super) const COLUMNS: &[(&str, &str)] = &[
    ("tiny", "type = 'tinyint'"),
    ("utiny", "type = 'tinyint unsigned'"),
    ("small", "type = 'smallint'"),
    ("usmall", "type = 'smallint unsigned'"),
    ("medium", "type = 'mediumint'"),
    ("umedium", "type = 'mediumint unsigned'"),
    ("plain", "type = 'int'"),
    ("uplain", "type = 'int unsigned'"),
    ("big", "type = 'bigint'"),
    ("ubig", "type = 'bigint unsigned'"),
    ("bound", "type = 'int', min = -5, max = 5"),
    ("digits", "type = 'bigint unsigned', convert = 'number'"),
    ("elements", "type = 'smallint', convert = 'length', max = 3"),
    ("money", "type = 'decimal(5,2)'"),
    ("huge", "type = 'decimal(65,30)'"),
    ("whole", "type = 'decimal(65)'"),
    ("share", "type = 'decimal(4,3)', min = -0.5, max = 1"),
    ("price", "type = 'decimal(5,2)', convert = 'number'"),
    ("float", "type = 'double'"),
    ("floated", "type = 'double', convert = 'number'"),
    ("ratio", "type = 'double', min = 0, max = 1"),
    ("flag", "type = 'boolean'"),
    ("absent", "type = 'int', null = ['-', '']"),
];

const RANGE: &str = "value_out_of_range";
const TYPE: &str = "value_type";

pub(super) fn cases() -> Vec<Case> {
    [whole(), decimals(), doubles(), booleans()].into_iter().flatten().collect()
}

fn whole() -> Vec<Case> {
    let mut cases = Vec::new();
    for (signed, unsigned, bits) in [
        ("tiny", "utiny", 8),
        ("small", "usmall", 16),
        ("medium", "umedium", 24),
        ("plain", "uplain", 32),
        ("big", "ubig", 64),
    ] {
        let half = 1_i128 << (bits - 1);
        for (column, least, greatest) in [(signed, -half, half - 1), (unsigned, 0, 2 * half - 1)] {
            let limit = format!("is not a whole number from {least} to {greatest}");
            for fits in [least, greatest, 0, 1] {
                cases.push(ok(column, fits.to_string(), fits.to_string()));
            }
            for beyond in [least - 1, greatest + 1] {
                cases.push(bad(column, beyond.to_string(), RANGE, limit.clone()));
            }
            cases.push(ok(column, "1e1", "10"));
            cases.push(ok(column, "120e-1", "12"));
            cases.push(ok(column, "1.0", "1"));
            cases.push(ok(column, "-0", "0"));
            cases.push(ok(column, "-0.0", "0"));
            cases.push(bad(column, "1.5", RANGE, limit.clone()));
            cases.push(bad(column, "1e-1", RANGE, limit.clone()));
            cases.push(bad(column, "1e300", RANGE, limit));
            cases.push(bad(column, "\"1\"", TYPE, "is a string, not a whole number"));
            cases.push(bad(column, "true", TYPE, "is a boolean, not a whole number"));
            cases.push(null(column, "null"));
        }
    }
    // No float holds these.
    cases.push(ok("big", "9007199254740993", "9007199254740993"));
    cases.push(ok("ubig", "9223372036854775809", "9223372036854775809"));
    cases.push(ok("ubig", "1844674407370955161.5e1", "18446744073709551615"));
    let limit = "is not a whole number from -5 to 5";
    cases.extend([ok("bound", "-5", "-5"), ok("bound", "5", "5")]);
    cases.extend([bad("bound", "-6", RANGE, limit), bad("bound", "6", RANGE, limit)]);
    cases.extend([
        ok("digits", "\"18446744073709551615\"", "18446744073709551615"),
        ok("digits", "\"1e3\"", "1000"),
        bad("digits", "\"18446744073709551616\"", RANGE, "from 0 to 18446744073709551615"),
        bad("digits", "\"4x\"", TYPE, "is a string that is not a number"),
        bad("digits", "\" 4\"", TYPE, "is a string that is not a number"),
        bad("digits", "\"\"", TYPE, "is a string that is not a number"),
        bad("digits", "42", TYPE, "is a number, not digits in a string"),
        ok("elements", "[]", "0"),
        ok("elements", "[1, [2, 3], null]", "3"),
        bad("elements", "[1, 2, 3, 4]", RANGE, "from -32768 to 3"),
        bad("elements", "\"abc\"", TYPE, "is a string, not an array"),
        bad("elements", "{}", TYPE, "is an object, not an array"),
        null("absent", "\"-\""),
        null("absent", "\"\""),
        ok("absent", "7", "7"),
        bad("absent", "\"--\"", TYPE, "is a string, not a whole number"),
    ]);
    cases
}

fn decimals() -> Vec<Case> {
    let (before, after) = ("12345678901234567890123456789012345", "123456789012345678901234567890");
    let widest = format!("{before}.{after}");
    let nines = "9".repeat(65);
    let coarse = "has more than 3 digits before the point";
    let fine = "has more than 2 digits after the point, and is not rounded";
    let mut cases = vec![
        ok("huge", widest.clone(), widest.clone()),
        ok("huge", format!("\"-{widest}\""), format!("-{widest}")),
        ok("huge", "1e-30", format!("0.{}1", "0".repeat(29))),
        ok("huge", "\"1E+34\"", format!("1{}.{}", "0".repeat(34), "0".repeat(30))),
        bad("huge", format!("1{before}"), RANGE, "has more than 35 digits before the point"),
        bad("huge", format!("0.{after}1"), RANGE, "has more than 30 digits after the point"),
        bad("huge", "1e-31", RANGE, "has more than 30 digits after the point"),
        bad("huge", "1e35", RANGE, "has more than 35 digits before the point"),
        ok("whole", nines.clone(), nines.clone()),
        ok("whole", format!("\"-{nines}\""), format!("-{nines}")),
        bad("whole", format!("{nines}0"), RANGE, "has more than 65 digits before the point"),
        bad("whole", "0.5", RANGE, "has more than 0 digits after the point"),
        ok("share", "-0.5", "-0.500"),
        ok("share", "1.000", "1.000"),
        bad("share", "-0.501", RANGE, "is less than -0.5"),
        bad("share", "1.001", RANGE, "is more than 1"),
        ok("price", "\"1.25\"", "1.25"),
        bad("price", "1.25", TYPE, "is a number, not digits in a string"),
    ];
    for (json, shown) in [
        ("999.99", "999.99"),
        ("-999.99", "-999.99"),
        ("9.9999e2", "999.99"),
        ("1.5000", "1.50"),
        ("0e300", "0.00"),
        ("-0.00", "0.00"),
        ("\"0.10\"", "0.10"),
        ("\".5\"", "0.50"),
        ("\"007\"", "7.00"),
        ("\"1E2\"", "100.00"),
    ] {
        cases.push(ok("money", json, shown));
    }
    for json in ["1000", "\"1000.00\"", "1e3", "-1e300"] {
        cases.push(bad("money", json, RANGE, coarse));
    }
    for json in ["0.001", "\"999.999\"", "1e-3"] {
        cases.push(bad("money", json, RANGE, fine));
    }
    for json in
        ["\"NaN\"", "\"\"", "\" 1\"", "\"1,5\"", "\"1 EUR\"", "\"Infinity\"", "\"0x10\"", "\"+1\""]
    {
        cases.push(bad("money", json, TYPE, "is a string that is not a number"));
    }
    cases.push(bad("money", "true", TYPE, "is a boolean, not a number, or a text of one"));
    cases
}

fn doubles() -> Vec<Case> {
    let mut cases = Vec::new();
    for (json, shown) in [
        ("1.7976931348623157e308", "1.7976931348623157e308"),
        ("-1.7976931348623157e308", "-1.7976931348623157e308"),
        ("2.2250738585072014e-308", "2.2250738585072014e-308"),
        ("0.1", "0.1"),
        ("0.30000000000000004", "0.30000000000000004"),
        ("-0.0", "0"),
        ("1e-400", "0"),
        ("18446744073709551615", "1.8446744073709552e19"),
        ("9007199254740992", "9.007199254740992e15"),
    ] {
        cases.push(ok("float", json, shown));
    }
    let text = "is a string, not a number";
    cases.extend([
        bad("float", "\"1.5\"", TYPE, text),
        bad("float", "\"NaN\"", TYPE, text),
        bad("float", "1e400", "json_invalid", "InvalidNumber"),
        bad("float", "true", TYPE, "is a boolean, not a number"),
        ok("floated", "\"1.5\"", "1.5"),
        ok("floated", "\"-0\"", "0"),
        ok("floated", "\"1e-400\"", "0"),
        bad("floated", "\"1e400\"", RANGE, "is larger than a double"),
        bad("floated", "\"NaN\"", TYPE, "is a string that is not a number"),
        bad("floated", "\"inf\"", TYPE, "is a string that is not a number"),
        ok("ratio", "1.0", "1"),
        bad("ratio", "1.0000000000000002", RANGE, "is more than 1"),
        bad("ratio", "-5e-324", RANGE, "is less than 0"),
    ]);
    cases
}

fn booleans() -> Vec<Case> {
    let mut cases = Vec::new();
    for (json, shown) in [
        ("true", "1"),
        ("false", "0"),
        ("1", "1"),
        ("0", "0"),
        ("1.0", "1"),
        ("-0.0", "0"),
        ("1e0", "1"),
    ] {
        cases.push(ok("flag", json, shown));
    }
    for (json, found) in [
        ("2", "a number"),
        ("-1", "a number"),
        ("0.5", "a number"),
        ("\"true\"", "a string"),
        ("[]", "an array"),
    ] {
        cases.push(bad("flag", json, TYPE, format!("is {found}, not true, false, 0 or 1")));
    }
    cases
}
