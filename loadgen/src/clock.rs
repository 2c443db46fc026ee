//! Event time: microseconds since 1970, always rising, and its ISO 8601 text.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

use crate::rng::Rng;

pub(crate) const SECOND_US: i64 = 1_000_000;
pub(crate) const DAY_US: i64 = 86_400 * SECOND_US;

/// Seconds from 1970 to the year 2100, the last start that a 32-bit id prefix takes with room to run.
const START_MAX: i64 = 4_102_444_800;

#[derive(Clone, Debug)]
pub(crate) struct Clock {
    now_us: i64,
    gap_us_mean: u32,
}

impl Clock {
    pub(crate) fn new(start: i64, gap_us_mean: u32) -> Self {
        Self {
            now_us: start.clamp(0, START_MAX) * SECOND_US,
            gap_us_mean: gap_us_mean.clamp(1, u32::MAX / 2),
        }
    }

    pub(crate) fn now_us(&self) -> i64 {
        self.now_us
    }

    pub(crate) fn set(&mut self, now_us: i64) {
        self.now_us = now_us;
    }

    /// The next event's time. One in 300 falls on a whole second, which Python prints without a fraction.
    pub(crate) fn advance(&mut self, rng: &mut Rng) -> i64 {
        self.now_us += i64::from(rng.between(1, 2 * self.gap_us_mean - 1));
        if rng.one_in(300) {
            self.now_us += SECOND_US - self.now_us.rem_euclid(SECOND_US);
        }
        self.now_us
    }
}

/// `2025-01-06T08:00:00.123456`, without the fraction on a whole second, as Python's `isoformat` does.
pub(crate) fn write_iso(out: &mut Vec<u8>, time_us: i64) {
    let time = utc(time_us);
    let fraction = time_us.rem_euclid(SECOND_US) as u32;
    let mut text = *b"0000-00-00T00:00:00.000000";
    digits(&mut text[..4], u32::from(time.year().unsigned_abs()));
    digits(&mut text[5..7], u32::from(time.month().unsigned_abs()));
    digits(&mut text[8..10], u32::from(time.day().unsigned_abs()));
    digits(&mut text[11..13], u32::from(time.hour().unsigned_abs()));
    digits(&mut text[14..16], u32::from(time.minute().unsigned_abs()));
    digits(&mut text[17..19], u32::from(time.second().unsigned_abs()));
    digits(&mut text[20..], fraction);
    out.extend_from_slice(if fraction == 0 { &text[..19] } else { &text });
}

/// `20250106`, as order numbers hold it.
pub(crate) fn compact_date(time_us: i64) -> u32 {
    let date = utc(time_us).date();
    let [month, day] = [date.month(), date.day()].map(|part| u32::from(part.unsigned_abs()));
    u32::from(date.year().unsigned_abs()) * 10_000 + month * 100 + day
}

/// A clock's time is one of jiff's: it begins by 2100, and birthdays lie in years of four digits.
fn utc(time_us: i64) -> DateTime {
    Offset::UTC.to_datetime(Timestamp::from_microsecond(time_us).unwrap_or_default())
}

fn digits(out: &mut [u8], mut number: u32) {
    for digit in out.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Stream;

    fn iso(time_us: i64) -> String {
        let mut out = Vec::new();
        write_iso(&mut out, time_us);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn prints_as_python_does() {
        for (time_us, expected) in [
            (0, "1970-01-01T00:00:00"),
            (1_736_150_400_000_001, "2025-01-06T08:00:00.000001"),
            (1_709_251_199_500_000, "2024-02-29T23:59:59.500000"),
            (4_102_444_800_000_000, "2100-01-01T00:00:00"),
            (-1_983_571_200_000_000, "1907-02-23T00:00:00"),
        ] {
            assert_eq!(iso(time_us), expected);
        }
        assert_eq!(compact_date(1_736_150_400_000_001), 20_250_106);
    }

    #[test]
    fn always_rises_and_sometimes_strikes_the_second() {
        let mut rng = Rng::new(1, Stream::Events);
        let mut clock = Clock::new(1_736_150_400, 20_000);
        let mut whole = 0;
        for _ in 0..10_000 {
            let before = clock.now_us();
            assert!(clock.advance(&mut rng) > before);
            whole += u32::from(clock.now_us() % SECOND_US == 0);
        }
        assert!((10..80).contains(&whole), "{whole}");
    }
}
