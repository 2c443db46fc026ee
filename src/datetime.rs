//! Times of events: ISO 8601 text → microseconds since 1970 (UTC) → `DATETIME(6)` text.
//!
//! Takes the timestamps that producers write by contract, gives an `i64`. Holds true: what `parse`
//! accepts lies between the years 1000 and 9999 in UTC, the range that MySQL documents for
//! `DATETIME`. Fails with a [`DateTimeError`] that says which part is wrong, never what it was.

/// Microseconds since 1970-01-01T00:00:00 UTC.
pub type Micros = i64;

/// Length of `YYYY-MM-DD HH:MM:SS.ffffff`.
pub const TEXT_LEN: usize = 26;
/// Length of `YYYY-MM-DD`.
const DATE_LEN: usize = 10;

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;
/// 1000-01-01T00:00:00, the first `DATETIME` that MySQL supports.
const FIRST: Micros = -30_610_224_000 * MICROS_PER_SECOND;
/// 9999-12-31T23:59:59.999999, the last one.
const LAST: Micros = 253_402_300_799 * MICROS_PER_SECOND + 999_999;

/// Whether `DATETIME` can hold a time.
#[must_use]
pub fn is_storable(micros: Micros) -> bool {
    (FIRST..=LAST).contains(&micros)
}

/// Why a text is not a time that can be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DateTimeError {
    #[error("is not ISO 8601 (YYYY-MM-DDTHH:MM:SS, up to 9 fraction digits, Z or ±HH:MM)")]
    Shape,
    #[error("is not a date (YYYY-MM-DD)")]
    DateShape,
    /// A field is out of its range, such as February 30 or second 60.
    #[error("names a day or a time of day that does not exist")]
    NoSuchTime,
    #[error("lies outside the years 1000 to 9999 (UTC)")]
    Year,
}

/// Reads `2025-01-06T10:00:00.123456789+02:00` and its variants.
///
/// The separator is `T` or a space; the offset `Z`, `±HH:MM`, `±HHMM`, `±HH` or none, which means
/// UTC; fraction digits after the sixth are cut.
///
/// # Errors
/// If the text has another shape, names no real time, or lies outside the years 1000 to 9999.
pub fn parse(text: &str) -> Result<Micros, DateTimeError> {
    use DateTimeError::{NoSuchTime, Shape, Year};
    let b = text.as_bytes();
    if b.len() < 19
        || b[4] != b'-'
        || b[7] != b'-'
        || !matches!(b[10], b'T' | b' ')
        || b[13] != b':'
        || b[16] != b':'
    {
        return Err(Shape);
    }
    let number = |at: usize, len: usize| digits(&b[at..at + len]).ok_or(Shape);
    let (year, month, day) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
    let (hour, minute, second) = (number(11, 2)?, number(14, 2)?, number(17, 2)?);
    let (fraction, rest) = fraction(&b[19..]).ok_or(Shape)?;
    let offset = offset_seconds(rest)?;
    if year == 0 {
        return Err(Year);
    }
    if !(1..=12).contains(&month)
        || day < 1
        || day > days_in_month(year, month)
        || hour > 23
        || minute > 59
        || second > 59
    {
        return Err(NoSuchTime);
    }
    let seconds =
        days_from_civil(year, month, day) * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second
            - offset;
    let micros = seconds * MICROS_PER_SECOND + fraction;
    if is_storable(micros) { Ok(micros) } else { Err(Year) }
}

/// The text that `DATETIME(6)` takes: `YYYY-MM-DD HH:MM:SS.ffffff`.
#[must_use]
pub fn format(micros: Micros) -> [u8; TEXT_LEN] {
    let seconds = micros.div_euclid(MICROS_PER_SECOND);
    let fraction = micros.rem_euclid(MICROS_PER_SECOND);
    let (year, month, day) = civil_from_days(seconds.div_euclid(SECONDS_PER_DAY));
    let of_day = seconds.rem_euclid(SECONDS_PER_DAY);
    let mut text = *b"0000-00-00 00:00:00.000000";
    put(&mut text[0..4], year);
    put(&mut text[5..7], month);
    put(&mut text[8..10], day);
    put(&mut text[11..13], of_day / 3600);
    put(&mut text[14..16], of_day / 60 % 60);
    put(&mut text[17..19], of_day % 60);
    put(&mut text[20..26], fraction);
    text
}

/// Reads `2025-01-06` as days since 1970.
///
/// # Errors
/// If the text has another shape, names no real day, or one outside the years 1000 to 9999.
pub fn parse_date(text: &str) -> Result<i64, DateTimeError> {
    let b = text.as_bytes();
    if b.len() != 10 || b[4] != b'-' || b[7] != b'-' {
        return Err(DateTimeError::DateShape);
    }
    let number = |at: usize, len: usize| digits(&b[at..at + len]).ok_or(DateTimeError::DateShape);
    let (year, month, day) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
    if !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
        return Err(DateTimeError::NoSuchTime);
    }
    let days = days_from_civil(year, month, day);
    if is_storable_date(days) { Ok(days) } else { Err(DateTimeError::Year) }
}

/// Whether `DATE` can hold a day, counted from 1970.
#[must_use]
pub fn is_storable_date(days: i64) -> bool {
    days.checked_mul(SECONDS_PER_DAY * MICROS_PER_SECOND).is_some_and(is_storable)
}

/// The text that `DATE` takes, of days since 1970: `YYYY-MM-DD`.
#[must_use]
pub fn format_date(days: i64) -> [u8; DATE_LEN] {
    let (year, month, day) = civil_from_days(days);
    let mut text = *b"0000-00-00";
    put(&mut text[0..4], year);
    put(&mut text[5..7], month);
    put(&mut text[8..10], day);
    text
}

/// The day of a time.
#[must_use]
pub const fn day_of(micros: Micros) -> i64 {
    micros.div_euclid(SECONDS_PER_DAY * MICROS_PER_SECOND)
}

/// When a day begins; `None` if it is too far away.
#[must_use]
pub const fn start_of(days: i64) -> Option<Micros> {
    days.checked_mul(SECONDS_PER_DAY * MICROS_PER_SECOND)
}

/// A time without the digits of its second after the first ones.
#[must_use]
pub const fn cut(micros: Micros, digits: u8) -> Micros {
    let unit = 10_i64.pow(6_u32.saturating_sub(digits as u32));
    micros - micros.rem_euclid(unit)
}

/// Writes the last digits of a part of a time, all of which are below a million.
fn put(field: &mut [u8], value: i64) {
    let mut value = u32::try_from(value).unwrap_or(0);
    for digit in field.iter_mut().rev() {
        // `value % 10` lies in 0..=9.
        *digit = b'0' + u8::try_from(value % 10).unwrap_or(0);
        value /= 10;
    }
}

fn digits(bytes: &[u8]) -> Option<i64> {
    bytes
        .iter()
        .try_fold(0_i64, |value, &b| b.is_ascii_digit().then(|| value * 10 + i64::from(b - b'0')))
}

/// Reads `.123456789` (or nothing) and returns the microseconds and the rest.
fn fraction(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let Some(rest) = bytes.strip_prefix(b".") else {
        return Some((0, bytes));
    };
    let len = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    if !(1..=9).contains(&len) {
        return None;
    }
    let kept = len.min(6);
    let scale = 10_i64.pow(6 - u32::try_from(kept).ok()?);
    Some((digits(&rest[..kept])? * scale, &rest[len..]))
}

fn offset_seconds(bytes: &[u8]) -> Result<i64, DateTimeError> {
    let (sign, hours, minutes) = match bytes {
        [] | [b'Z'] => return Ok(0),
        [s @ (b'+' | b'-'), h1, h2] => (s, [*h1, *h2], *b"00"),
        [s @ (b'+' | b'-'), h1, h2, b':', m1, m2] | [s @ (b'+' | b'-'), h1, h2, m1, m2] => {
            (s, [*h1, *h2], [*m1, *m2])
        }
        _ => return Err(DateTimeError::Shape),
    };
    let hours = digits(&hours).ok_or(DateTimeError::Shape)?;
    let minutes = digits(&minutes).ok_or(DateTimeError::Shape)?;
    if hours > 23 || minutes > 59 {
        return Err(DateTimeError::NoSuchTime);
    }
    let seconds = hours * 3600 + minutes * 60;
    Ok(if *sign == b'-' { -seconds } else { seconds })
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a proleptic Gregorian date. The year is counted from March, so that
/// the leap day is its last day (Hinnant, "chrono-compatible low-level date algorithms").
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The inverse of [`days_from_civil`].
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, DateTimeError>) {
        let got = parse(text).map(|micros| String::from_utf8(format(micros).to_vec()).unwrap());
        assert_eq!(got, expected.map(str::to_owned), "{text}");
    }

    #[test]
    fn accepted_shapes() {
        check("2025-01-06T08:00:00", Ok("2025-01-06 08:00:00.000000"));
        check("2025-01-06 08:00:00Z", Ok("2025-01-06 08:00:00.000000"));
        check("2025-01-06T10:00:00+02:00", Ok("2025-01-06 08:00:00.000000"));
        check("2025-01-06T05:30:00-0230", Ok("2025-01-06 08:00:00.000000"));
        check("2025-01-06T10:00:00+02", Ok("2025-01-06 08:00:00.000000"));
        check("2025-01-06T08:00:00.1", Ok("2025-01-06 08:00:00.100000"));
        check("2025-01-06T08:00:00.123456999Z", Ok("2025-01-06 08:00:00.123456"));
        check("2024-02-29T23:59:59Z", Ok("2024-02-29 23:59:59.000000"));
        check("1000-01-01T00:00:00Z", Ok("1000-01-01 00:00:00.000000"));
        check("9999-12-31T23:59:59.999999+00:00", Ok("9999-12-31 23:59:59.999999"));
    }

    #[test]
    fn refused() {
        use DateTimeError::{NoSuchTime, Shape, Year};
        check("", Err(Shape));
        check("2025-01-06", Err(Shape));
        check("2025-01-06T08:00", Err(Shape));
        check("06/01/2025 08:00", Err(Shape));
        check("-2025-01-06T00:00:00+00:00", Err(Shape));
        check("2025-01-06t08:00:00", Err(Shape));
        check("2025-01-06T08:00:00.1234567890Z", Err(Shape));
        check("2025-01-06T08:00:00z", Err(Shape));
        check("2025-01-06T08:00:00.Z", Err(Shape));
        check("2025-01-06T08:00:00+2:00", Err(Shape));
        check("٢٠٢٥-01-06T08:00:00+00:00", Err(Shape));
        check("2025-13-01T00:00:00+00:00", Err(NoSuchTime));
        check("2025-02-29T00:00:00Z", Err(NoSuchTime));
        check("1900-02-29T00:00:00Z", Err(NoSuchTime));
        check("2025-01-06T24:00:00+00:00", Err(NoSuchTime));
        check("2025-01-06T23:59:60Z", Err(NoSuchTime));
        check("2025-01-06T23:59:59+24:00", Err(NoSuchTime));
        check("0000-01-01T00:00:00+00:00", Err(Year));
        check("0999-12-31T23:59:59Z", Err(Year));
        check("9999-12-31T23:59:59.999999-12:00", Err(Year));
        check("1000-01-01T00:00:00+00:01", Err(Year));
    }

    proptest! {
        #[test]
        fn format_and_parse_are_inverse(micros in FIRST..=LAST) {
            let text = String::from_utf8(format(micros).to_vec()).unwrap();
            prop_assert_eq!(parse(&text), Ok(micros));
        }

        #[test]
        fn agrees_with_jiff(micros in FIRST..=LAST - SECONDS_PER_DAY * MICROS_PER_SECOND) {
            let timestamp = jiff::Timestamp::from_microsecond(micros).unwrap();
            prop_assert_eq!(parse(&format!("{timestamp:.6}")), Ok(micros));
        }

        #[test]
        fn any_text_gives_a_storable_time_or_an_error(text in "\\PC{0,40}") {
            if let Ok(micros) = parse(&text) {
                prop_assert!((FIRST..=LAST).contains(&micros));
            }
        }
    }
}
