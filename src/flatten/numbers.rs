//! Numbers in JSON text, as the server's own parser sees them.

use crate::decode::skip_string;

/// The numbers in a valid JSON value, as they are written.
pub(super) fn all(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < value.len() {
            match value[at] {
                b'"' => at = skip_string(value, at),
                b'-' | b'0'..=b'9' => {
                    let start = at;
                    at += value[at..].iter().take_while(is_of_number).count();
                    return Some(&value[start..at]);
                }
                _ => at += 1,
            }
        }
        None
    })
}

fn is_of_number(byte: &&u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')
}

/// For a number that is zero: the exponent less the digits of the fraction. For any other: 0. RapidJSON,
/// MySQL's parser, compares this with 308 before it looks at the digits.
///
/// ```text
/// 0e308 → 308    0.0e309 → 308    0.00e3 → 1    0e-999 → 0    1e5 → 0
/// ```
pub(super) fn zero_exponent(number: &[u8]) -> usize {
    let at = number.iter().position(|b| matches!(b, b'e' | b'E')).unwrap_or(number.len());
    let (digits, exponent) = number.split_at(at);
    if digits.iter().any(|b| matches!(b, b'1'..=b'9')) {
        return 0;
    }
    let point = digits.iter().position(|&b| b == b'.');
    let fraction = point.map_or(0, |point| digits.len() - point - 1);
    let exponent = match exponent {
        [_, b'+', rest @ ..] => rest,
        [_, b'-', ..] | [] => &[],
        [_, rest @ ..] => rest,
    };
    let add =
        |sum: usize, digit: &u8| sum.saturating_mul(10).saturating_add(usize::from(digit - b'0'));
    exponent.iter().fold(0, add).saturating_sub(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponents_of_zeros() {
        for (number, exponent) in [
            ("0", 0),
            ("0e308", 308),
            ("-0E+309", 309),
            ("0.0e309", 308),
            ("0.000e2", 0),
            ("0e-999", 0),
            ("1e-400", 0),
            ("0.01e400", 0),
            ("0e0000000309", 309),
            ("0e99999999999999999999999", usize::MAX),
        ] {
            assert_eq!(zero_exponent(number.as_bytes()), exponent, "{number}");
        }
    }

    #[test]
    fn numbers_are_found_outside_of_strings() {
        let value = br#"{"0e1": [-1.5e+3, "2\"3", {"x":4}], "y": [[0.0E9]]}"#;
        let found: Vec<&[u8]> = all(value).collect();
        assert_eq!(found, [&b"-1.5e+3"[..], b"4", b"0.0E9"]);
    }
}
