//! Values that a column takes, and values that some column minds.

use super::one_of;
use crate::Chance;
use crate::fold::declared::file::Rules;
use crate::fold::declared::types::Type;

/// Values that one validation or another minds.
pub(super) const STRANGE: [&str; 30] = [
    "null",
    "true",
    "0",
    "-1",
    "-0",
    "-0.0",
    "2",
    "1.5",
    "12.0",
    "1e3",
    "1e300",
    "1e-400",
    "0.99999999999999999999",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551616",
    "-9223372036854775809",
    "[]",
    "{}",
    "[{}]",
    "[null]",
    "[{\"f1\":1},7]",
    "\"12\"",
    "\"12.50\"",
    "\"a \"",
    "\"x\\u0000\"",
    "\"\"",
    "\"1969-12-31T23:59:59.9999999\"",
    "\"0999-12-31T23:59:59Z\"",
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
];

const TEXTS: [&str; 10] =
    ["", "a", "-", "b-c", "7", "ß", "it's \\ \"x\"", "😀%_", "\u{1}\n\t", "a b "];
const DOUBLES: [&str; 7] =
    ["0", "-2.5", "21.4", "0.1", "1e-300", "1.7976931348623157e308", "123456789.125"];
const JSON: [&str; 6] = [
    "{\"a\":[1,2.5,\"x\"]}",
    "[]",
    "null",
    "7",
    "\"t\"",
    "{\"Token\":1,\"b\":{\"pin\":2,\"c\":-0.5e2}}",
];

/// A value that a column takes, as JSON has it.
pub(super) fn fitting(chance: &mut Chance, ty: &Type, rules: &Rules) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    if let Some(null) = rules.null.first().filter(|_| chance.once_in(8)) {
        return quoted(null);
    }
    let plain = match rules.convert.as_deref() {
        Some("length") => return one_of(chance, &["[]", "[1]", "[[],{}]"]).to_string(),
        Some("text") => {
            return one_of(chance, &["7", "-12", "true", "\"a\"", "18446744073709551616"])
                .to_string();
        }
        Some("parse") => return quoted(one_of(chance, &JSON)),
        Some("hex") => return quoted(one_of(chance, &["", "00", "fF"])),
        Some("base64") => return quoted(one_of(chance, &["", "AA==", "/w"])),
        Some(unit) if !matches!(unit, "number") => {
            let number = since_1970(chance, unit);
            return if chance.once_in(3) { quoted(&number) } else { number };
        }
        _ => number(chance, ty, rules),
    };
    match (plain, rules.convert.is_some()) {
        (Some(number), true) => quoted(&number),
        (Some(number), false) => {
            let is_text = matches!(ty, Type::Decimal(..)) && chance.once_in(2);
            if is_text { quoted(&number) } else { number }
        }
        (None, _) => match ty {
            Type::Json => one_of(chance, &JSON).to_string(),
            Type::Boolean => one_of(chance, &["true", "false", "0", "1", "1.0"]).to_string(),
            _ => quoted(&text(chance, ty)),
        },
    }
}

fn number(chance: &mut Chance, ty: &Type, rules: &Rules) -> Option<String> {
    Some(match ty {
        Type::Int(least, greatest) => {
            if rules.min.is_some() || rules.max.is_some() {
                return Some(one_of(chance, &["0", "1", "7", "7.0"]).to_string());
            }
            let list = [*least, *greatest, 0, 1, 100];
            let number = chance.pick(&list).to_string();
            if chance.once_in(6) { format!("{number}.0") } else { number }
        }
        Type::Decimal(digits, scale) => {
            let mut some = |count: usize| -> String {
                (0..count).map(|_| char::from(b'0' + chance.below(10) as u8)).collect()
            };
            let whole = some((digits - scale).min(18));
            let fraction = some(*scale);
            let whole = whole.trim_start_matches('0');
            let whole = if whole.is_empty() { "0" } else { whole };
            let point = if fraction.is_empty() { "" } else { "." };
            format!("{}{whole}{point}{fraction}", one_of(chance, &["", "-"]))
        }
        Type::Double if rules.min.is_some() || rules.max.is_some() => {
            one_of(chance, &["0", "0.5", "6.25"]).to_string()
        }
        Type::Double => one_of(chance, &DOUBLES).to_string(),
        _ => return None,
    })
}

fn text(chance: &mut Chance, ty: &Type) -> String {
    match ty {
        Type::Date => one_of(chance, &["2026-01-02", "1000-01-01", "9999-12-31"]).to_string(),
        Type::DateTime(_) => time(chance),
        Type::Enum(words) => chance.pick(words).clone(),
        Type::Key(_) => one_of(chance, &["k1", "k2", "K1", "ß"]).to_string(),
        Type::Char(max) | Type::Varchar(max) => {
            let text = one_of(chance, &TEXTS);
            let text = if matches!(ty, Type::Char(_)) { text.trim_end() } else { text };
            let long = "é".repeat(*max);
            let text = if chance.once_in(10) { &long } else { text };
            text.chars().take(*max).collect::<String>().trim_end_matches(' ').to_owned()
        }
        Type::Bytes(max) => {
            let text = one_of(chance, &TEXTS);
            if text.len() > *max { String::new() } else { text.to_string() }
        }
        _ => one_of(chance, &TEXTS).to_string(),
    }
}

/// A time with or without an offset; there are few, so that events share them.
pub(super) fn time(chance: &mut Chance) -> String {
    let second = chance.below(4);
    let fraction = one_of(chance, &["", "", ".5", ".1234567"]);
    let offset = one_of(chance, &["", "Z", "Z", "+01:00", "-0230"]);
    format!("2026-03-01{}08:00:0{second}{fraction}{offset}", one_of(chance, &["T", " "]))
}

/// A number of these units since 1970.
pub(super) fn since_1970(chance: &mut Chance, unit: &str) -> String {
    let second = 1_772_352_000 + chance.below(4);
    match unit {
        "seconds" => {
            chance.pick(&[format!("{second}"), format!("{second}.25"), "-1.5".to_owned()]).clone()
        }
        "millis" => chance
            .pick(&[format!("{second}000"), format!("{second}000.5"), "-1".to_owned()])
            .clone(),
        "micros" => chance
            .pick(&[format!("{second}000000"), format!("{second}.5e6"), "-0.5".to_owned()])
            .clone(),
        "nanos" => chance
            .pick(&[format!("{second}000000000"), format!("{second}000000999"), "-1".to_owned()])
            .clone(),
        _ => one_of(chance, &["20513", "0", "-354285", "1e3"]).to_string(),
    }
}
