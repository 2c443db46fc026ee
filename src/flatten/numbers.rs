//! Numbers in JSON text, as the server's own parser sees them.

use crate::datetime::{self, Micros};
use crate::decode::skip_string;
use crate::exact::Exact;
use crate::literal;
use crate::mapping::Convert;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// With or without padding at the end.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Why a number is not a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NumberFault {
    /// A part of a day.
    Fraction,
    /// Before the year 1000 or after 9999.
    Range,
}

/// A time since 1970, in the conversion's unit, in microseconds. Digits after those are cut, as a text's are: before
/// 1970 that gives the microsecond before.
pub(super) fn micros(convert: Convert, number: &Exact<'_>) -> Result<Micros, NumberFault> {
    let micros = match convert.power() {
        Some(power) => number.scaled(power).and_then(|micros| Micros::try_from(micros).ok()),
        None => {
            let days = number.whole().ok_or(NumberFault::Fraction)?;
            i64::try_from(days).ok().and_then(datetime::start_of)
        }
    };
    micros.filter(|micros| datetime::is_storable(*micros)).ok_or(NumberFault::Range)
}

/// Whether a number is written with digits alone.
pub(super) fn is_whole(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

pub(super) fn hex_literal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len() + 3);
    literal::push_hex(&mut text, bytes);
    text
}

pub(super) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

pub(super) fn from_base64(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text).ok()
}

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
    fn times_since_1970() {
        let micros = |convert, text: &str| micros(convert, &Exact::read(text).unwrap());
        assert_eq!(micros(Convert::Seconds, "1764230400.120"), Ok(1_764_230_400_120_000));
        assert_eq!(micros(Convert::Seconds, "1.7642304e9"), Ok(1_764_230_400_000_000));
        assert_eq!(micros(Convert::Millis, "-1"), Ok(-1000));
        assert_eq!(micros(Convert::Nanos, "1764230400123456789"), Ok(1_764_230_400_123_456));
        assert_eq!(micros(Convert::Nanos, "-1"), Ok(-1));
        assert_eq!(micros(Convert::Days, "7305"), Ok(631_152_000_000_000));
        assert_eq!(micros(Convert::Days, "1.5"), Err(NumberFault::Fraction));
        for far in ["1e30", "-1e12", "253402300800"] {
            assert_eq!(micros(Convert::Seconds, far), Err(NumberFault::Range), "{far}");
        }
    }

    #[test]
    fn bytes_are_read() {
        assert_eq!(from_hex("00fFa0"), Some(vec![0, 255, 160]));
        assert_eq!((from_hex("0"), from_hex("0g"), from_hex("")), (None, None, Some(Vec::new())));
        assert_eq!(from_base64("AP+g"), Some(vec![0, 255, 160]));
        assert_eq!(from_base64("AP8="), from_base64("AP8"));
        assert_eq!(from_base64("A*"), None);
        assert_eq!(hex_literal(&[0, 255]), "x'00FF'");
    }

    #[test]
    fn numbers_are_found_outside_of_strings() {
        let value = br#"{"0e1": [-1.5e+3, "2\"3", {"x":4}], "y": [[0.0E9]]}"#;
        let found: Vec<&[u8]> = all(value).collect();
        assert_eq!(found, [&b"-1.5e+3"[..], b"4", b"0.0E9"]);
    }
}
