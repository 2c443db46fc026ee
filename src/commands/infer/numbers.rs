//! What numbers were like, without the numbers.

use crate::exact::Exact;
use crate::mapping::Convert;

/// Units of times since 1970, with how many of them a second has.
pub(super) const UNITS: [(Convert, i128); 4] = [
    (Convert::Seconds, 1),
    (Convert::Millis, 1_000),
    (Convert::Micros, 1_000_000),
    (Convert::Nanos, 1_000_000_000),
];
/// The years 2000 to 2099, in seconds: what is taken for a time lies between.
const TIMES: std::ops::Range<i128> = 946_684_800..4_102_444_800;
/// A double keeps any number of so many digits.
const DOUBLE_DIGITS: i64 = 15;

#[derive(Debug, Default)]
pub(super) struct Numbers {
    pub(super) count: usize,
    /// Those that are written with a point or an exponent.
    pub(super) fractions: usize,
    /// The most digits before and after the point.
    pub(super) whole_digits: i64,
    pub(super) scale: i64,
    pub(super) least: i128,
    pub(super) greatest: i128,
    /// Those that are 0 or 1.
    pub(super) bits: usize,
    /// Those that a double would change.
    pub(super) rounded: usize,
    /// Those that a double or an integer of 128 bits does not hold.
    pub(super) endless: usize,
    /// How many could be times, by unit.
    times: [usize; UNITS.len()],
}

impl Numbers {
    pub(super) fn note(&mut self, text: &str) {
        let Some(number) = Exact::read(text) else { return };
        self.count += 1;
        let (whole, mut scale) = number.size();
        if text.contains(['.', 'e', 'E']) {
            self.fractions += 1;
            // 12.50 has two digits after the point.
            let written = text.split_once('.').filter(|_| !text.contains(['e', 'E']));
            let digits = written.and_then(|(_, digits)| i64::try_from(digits.len()).ok());
            scale = scale.max(digits.unwrap_or(0));
        }
        self.whole_digits = self.whole_digits.max(whole);
        self.scale = self.scale.max(scale);
        let double: f64 = text.parse().unwrap_or(f64::INFINITY);
        let floor = number.scaled(0).filter(|_| double.is_finite());
        let Some(floor) = floor else {
            self.endless += 1;
            return;
        };
        if whole + scale > DOUBLE_DIGITS {
            let kept = format!("{double:e}");
            self.rounded += usize::from(Exact::read(&kept).is_none_or(|kept| kept != number));
        }
        self.least = self.least.min(floor);
        self.greatest = self.greatest.max(floor);
        self.bits += usize::from(matches!(number.whole(), Some(0 | 1)));
        for (times, (_, unit)) in self.times.iter_mut().zip(UNITS) {
            *times += usize::from(TIMES.contains(&floor.div_euclid(unit)));
        }
    }

    /// These and others.
    pub(super) fn with(&self, other: &Self) -> Self {
        let mut times = self.times;
        times.iter_mut().zip(other.times).for_each(|(times, more)| *times += more);
        Self {
            count: self.count + other.count,
            fractions: self.fractions + other.fractions,
            whole_digits: self.whole_digits.max(other.whole_digits),
            scale: self.scale.max(other.scale),
            least: self.least.min(other.least),
            greatest: self.greatest.max(other.greatest),
            bits: self.bits + other.bits,
            rounded: self.rounded + other.rounded,
            endless: self.endless + other.endless,
            times,
        }
    }

    /// The unit, if all of them are times of one.
    pub(super) fn unit(&self) -> Option<Convert> {
        let all = self.times.iter().zip(UNITS).find(|(times, _)| **times == self.count);
        all.filter(|_| self.count > 0).map(|(_, (unit, _))| unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(texts: &[&str]) -> Numbers {
        let mut numbers = Numbers::default();
        texts.iter().for_each(|text| numbers.note(text));
        numbers
    }

    #[test]
    fn times_have_a_unit_by_their_size() {
        assert_eq!(of(&["1764230400", "1764230401.5"]).unit(), Some(Convert::Seconds));
        assert_eq!(of(&["1764230400123"]).unit(), Some(Convert::Millis));
        assert_eq!(of(&["1700000000123456"]).unit(), Some(Convert::Micros));
        assert_eq!(of(&["1700000000123456789"]).unit(), Some(Convert::Nanos));
        assert_eq!(of(&["1764230400", "7"]).unit(), None);
        assert_eq!(of(&[]).unit(), None);
    }

    #[test]
    fn digits_are_counted_as_written() {
        let numbers = of(&["12.50", "-3.125", "7"]);
        assert_eq!((numbers.whole_digits, numbers.scale, numbers.fractions), (2, 3, 2));
        assert_eq!((numbers.least, numbers.greatest), (-4, 12));
        assert_eq!(of(&["0.1", "0.30000000000000004"]).rounded, 0, "a double wrote it");
        assert_eq!(of(&["0.1234567890123456789"]).rounded, 1);
        assert_eq!(of(&["1e400"]).endless, 1);
    }
}
