//! Times and days as the texts that the servers print.

use super::super::time;
use super::number::Number;

const MICROS_A_DAY: i128 = 86_400_000_000;

/// `2025-01-06T00:30:00.5+02:00` → `2025-01-05 22:30:00.500000`.
pub fn of_text(text: &str) -> Option<String> {
    time::to_utc(text)
}

/// `2025-01-06`, if there is such a day from 1000 to 9999.
pub fn day_of_text(text: &str) -> Option<String> {
    let time = time::to_utc(&format!("{text}T00:00:00"))?;
    (text.len() == 10).then(|| day(&time))
}

/// A number of these units since 1970; digits below a microsecond are left out.
pub fn since_1970(unit: &str, number: &Number) -> Option<String> {
    let micros = match unit {
        "seconds" => number.scaled(6)?,
        "millis" => number.scaled(3)?,
        "micros" => number.scaled(0)?,
        "nanos" => number.scaled(-3)?,
        "days" => number.whole()?.checked_mul(MICROS_A_DAY)?,
        _ => return None,
    };
    of_micros(micros)
}

/// Microseconds since 1970.
pub fn of_micros(micros: i128) -> Option<String> {
    let (mut days, micros) = (micros.div_euclid(MICROS_A_DAY), micros.rem_euclid(MICROS_A_DAY));
    // More than there are from 1970 to 9999, or to 1000.
    if days.abs() > 3_000_000 {
        return None;
    }
    let mut year = 1970;
    while days < 0 {
        year -= 1;
        days += days_of(year);
    }
    while days >= days_of(year) {
        days -= days_of(year);
        year += 1;
    }
    let mut month = 1;
    while days >= i128::from(time::days_of(year, month)) {
        days -= i128::from(time::days_of(year, month));
        month += 1;
    }
    let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let day = days + 1;
    (1000..=9999).contains(&year).then(|| {
        format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{fraction:06}")
    })
}

fn days_of(year: i32) -> i128 {
    337 + i128::from(time::days_of(year, 2))
}

/// The day of a time.
pub fn day(time: &str) -> String {
    time[..10].to_owned()
}

/// A time with so many digits of a second.
pub fn cut(time: &str, digits: usize) -> String {
    let length = if digits == 0 { 19 } else { 20 + digits };
    time[..length].to_owned()
}
