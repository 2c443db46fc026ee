//! Decimal numbers exactly as they are written.
//!
//! Takes the text of a number, JSON's or one in a string, and gives its value without passing through a
//! float. Holds true: nothing is rounded; what does not fit is refused. Absent: allocation, except for
//! numbers with an exponent.

use std::cmp::Ordering;
use std::fmt::Write as _;

/// Exponents beyond this are no values that anybody stores, and would not fit a machine's integers.
const EXPONENT_MAX: i64 = 1_000_000;

/// A number as written: its digits and where the point is.
#[derive(Debug, Clone, Copy)]
pub struct Exact<'t> {
    text: &'t str,
    is_negative: bool,
    whole: &'t [u8],
    fraction: &'t [u8],
    exponent: i64,
    /// The digits that count, as a range of `whole` and `fraction` together: without zeros before and
    /// after. Empty for zero.
    from: usize,
    to: usize,
}

/// Why a number does not fit a decimal column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoFit {
    /// Too many digits before the point.
    TooLarge,
    /// Too many digits after the point: they would have to be rounded.
    TooFine,
}

impl<'t> Exact<'t> {
    pub const ZERO: Self = Self {
        text: "0",
        is_negative: false,
        whole: b"0",
        fraction: b"",
        exponent: 0,
        from: 1,
        to: 1,
    };

    /// Reads a number: digits, a point, an exponent, a minus. `None` if the text is anything else.
    #[must_use]
    pub fn read(text: &'t str) -> Option<Self> {
        let (is_negative, rest) = match text.as_bytes() {
            [b'-', rest @ ..] => (true, rest),
            rest => (false, rest),
        };
        let digits = |bytes: &'t [u8]| -> (&'t [u8], &'t [u8]) {
            bytes.split_at(bytes.iter().take_while(|byte| byte.is_ascii_digit()).count())
        };
        let (whole, rest) = digits(rest);
        let (fraction, rest) = match rest {
            [b'.', rest @ ..] => digits(rest),
            rest => (&rest[..0], rest),
        };
        let exponent = match rest {
            [] => 0,
            [b'e' | b'E', rest @ ..] => read_exponent(rest)?,
            _ => return None,
        };
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let number = Self { text, is_negative, whole, fraction, exponent, from: 0, to: 0 };
        let count = whole.len() + fraction.len();
        let is_zero = |at: &usize| number.digit(*at) == b'0';
        let from = (0..count).take_while(is_zero).count();
        let to = count - (from..count).rev().take_while(is_zero).count();
        Some(Self { from, to, ..number })
    }

    fn digit(&self, at: usize) -> u8 {
        match at.checked_sub(self.whole.len()) {
            None => self.whole[at],
            Some(at) => self.fraction[at],
        }
    }

    fn significant(&self) -> impl Iterator<Item = u8> + '_ {
        (self.from..self.to).map(|at| self.digit(at))
    }

    #[must_use]
    pub const fn is_zero(&self) -> bool {
        self.from == self.to
    }

    /// How many digits come before the point, beginning with the first that counts; negative: so many
    /// zeros follow the point first.
    fn point(&self) -> i64 {
        let from = i64::try_from(self.from).unwrap_or(i64::MAX);
        i64::try_from(self.whole.len()).unwrap_or(i64::MAX) - from + self.exponent
    }

    fn count(&self) -> i64 {
        i64::try_from(self.to - self.from).unwrap_or(i64::MAX)
    }

    /// Whether `DECIMAL(digits, scale)` holds it without rounding.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, digits: u8, scale: u8) -> Result<(), NoFit> {
        if self.is_zero() {
            return Ok(());
        }
        if self.point() > i64::from(digits - scale) {
            return Err(NoFit::TooLarge);
        }
        if self.count() - self.point() > i64::from(scale) {
            return Err(NoFit::TooFine);
        }
        Ok(())
    }

    /// Its value, if it is whole and not too large.
    #[must_use]
    pub fn whole(&self) -> Option<i128> {
        if self.is_zero() {
            return Some(0);
        }
        if self.count() > self.point() {
            return None;
        }
        self.scaled(0)
    }

    /// Its value times 10^`power`, down to the next whole number; `None` if it is too large.
    #[must_use]
    pub fn scaled(&self, power: i64) -> Option<i128> {
        if self.is_zero() {
            return Some(0);
        }
        let wanted = self.point() + power;
        let mut value = 0_i128;
        for at in 0..wanted.max(0) {
            let digit = usize::try_from(at).ok().map(|at| self.from + at);
            let digit = digit.filter(|at| *at < self.to).map_or(b'0', |at| self.digit(at));
            value = value.checked_mul(10)?.checked_add(i128::from(digit - b'0'))?;
        }
        let is_cut = wanted < self.count();
        Some(if self.is_negative { -value - i128::from(is_cut) } else { value })
    }

    /// As SQL takes it: digits, and a point if need be. Only for numbers that some `DECIMAL` holds.
    pub fn write(&self, text: &mut String) {
        if self.is_zero() {
            text.push('0');
            return;
        }
        if self.is_negative {
            text.push('-');
        }
        let (count, point) = (self.count(), self.point());
        if point <= 0 {
            text.push_str("0.");
        }
        (point..0).for_each(|_| text.push('0'));
        for (at, index) in (0..).zip(self.from..self.to) {
            if at == point && at > 0 {
                text.push('.');
            }
            text.push(char::from(self.digit(index)));
        }
        (count..point).for_each(|_| text.push('0'));
    }

    /// The text itself, if SQL takes it as it is.
    #[must_use]
    pub fn plain(&self) -> Option<&'t str> {
        let is_minus_zero = self.is_zero() && self.is_negative;
        let is_plain = self.text.len() <= 65
            && !self.whole.is_empty()
            && !self.text.ends_with('.')
            && !self.text.contains(['e', 'E'])
            && !is_minus_zero;
        is_plain.then_some(self.text)
    }
}

fn read_exponent(bytes: &[u8]) -> Option<i64> {
    let (is_negative, digits) = match bytes {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let add = |sum: i64, digit: &u8| (sum * 10 + i64::from(digit - b'0')).min(EXPONENT_MAX);
    let exponent = digits.iter().fold(0, add);
    Some(if is_negative { -exponent } else { exponent })
}

impl PartialEq for Exact<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Exact<'_> {}

impl PartialOrd for Exact<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Exact<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let sign = |number: &Self| match (number.is_zero(), number.is_negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        };
        let of_sign = sign(self).cmp(&sign(other));
        if of_sign != Ordering::Equal || self.is_zero() {
            return of_sign;
        }
        let by_digits = || self.significant().cmp(other.significant());
        let size = self.point().cmp(&other.point()).then_with(by_digits);
        if self.is_negative { size.reverse() } else { size }
    }
}

/// A double as SQL takes it: approximate, and with all its digits.
pub fn write_double(value: f64, text: &mut String) {
    // Zero has a sign in JSON, and none in the tables.
    let value = if value == 0.0 { 0.0 } else { value };
    // Writing to a String cannot fail.
    let _ = write!(text, "{value:e}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(text: &str) -> String {
        let mut written = String::new();
        Exact::read(text).unwrap().write(&mut written);
        written
    }

    #[test]
    fn numbers_are_written_plainly() {
        for (text, expected) in [
            ("0", "0"),
            ("-0.00", "0"),
            ("12.50", "12.5"),
            ("-3.25", "-3.25"),
            ("1e3", "1000"),
            ("1.5E+2", "150"),
            ("15e-1", "1.5"),
            ("0.00012", "0.00012"),
            ("123e-5", "0.00123"),
            ("007", "7"),
            (".5", "0.5"),
            ("5.", "5"),
        ] {
            assert_eq!(written(text), expected, "{text}");
        }
        for no_number in ["", "-", ".", "1e", "+1", "1 ", "0x1", "1.2.3", "NaN", "e5", "1e+"] {
            assert!(Exact::read(no_number).is_none(), "{no_number}");
        }
    }

    #[test]
    fn what_a_decimal_holds() {
        let check = |text: &str| Exact::read(text).unwrap().check(5, 2);
        for fits in ["999.99", "-999.99", "0.01", "1e2", "100.00", "99900e-2", "0e999999999"] {
            assert_eq!(check(fits), Ok(()), "{fits}");
        }
        for large in ["1000", "1e3", "-1000.00", "1e999999999"] {
            assert_eq!(check(large), Err(NoFit::TooLarge), "{large}");
        }
        for fine in ["0.001", "1e-3", "999.999", "1e-999999999"] {
            assert_eq!(check(fine), Err(NoFit::TooFine), "{fine}");
        }
    }

    #[test]
    fn whole_numbers_and_scaled_ones() {
        let whole = |text: &str| Exact::read(text).unwrap().whole();
        assert_eq!(whole("18446744073709551615"), Some(i128::from(u64::MAX)));
        assert_eq!(whole("-9223372036854775808"), Some(i128::from(i64::MIN)));
        assert_eq!((whole("1.0"), whole("1e3"), whole("1.5")), (Some(1), Some(1000), None));
        assert_eq!(whole("1e999999999"), None);
        let scaled = |text: &str, power| Exact::read(text).unwrap().scaled(power);
        assert_eq!(scaled("1764230400.120", 6), Some(1_764_230_400_120_000));
        assert_eq!(scaled("1764230400123456789", -3), Some(1_764_230_400_123_456));
        assert_eq!(scaled("-1.5", 3), Some(-1500));
        assert_eq!(
            (scaled("-1.5", 0), scaled("-0.01", 1), scaled("1.5", 0)),
            (Some(-2), Some(-1), Some(1))
        );
        assert_eq!((scaled("0.0000001", 6), scaled("0", 6)), (Some(0), Some(0)));
    }

    #[test]
    fn what_can_be_taken_as_it_is() {
        let plain = |text: &'static str| Exact::read(text).unwrap().plain();
        assert_eq!((plain("12.50"), plain("-3")), (Some("12.50"), Some("-3")));
        assert_eq!((plain("1e3"), plain(".5"), plain("5."), plain("-0")), (None, None, None, None));
    }

    #[test]
    fn doubles_keep_all_their_digits() {
        let written = |value| {
            let mut text = String::new();
            write_double(value, &mut text);
            text
        };
        assert_eq!(written(21.4), "2.14e1");
        assert_eq!(written(-0.0), "0e0");
        assert_eq!(written(5e-324), "5e-324");
    }

    proptest! {
        #[test]
        fn agrees_with_integers(a in any::<i32>(), b in any::<i32>(), scale in 0..6_u32) {
            let text = |value: i32| format!("{value}e-{scale}");
            let (one, other) = (text(a), text(b));
            let (one, other) = (Exact::read(&one).unwrap(), Exact::read(&other).unwrap());
            prop_assert_eq!(one.cmp(&other), a.cmp(&b));
            prop_assert_eq!(one.scaled(i64::from(scale)), Some(i128::from(a)));
            let mut plain = String::new();
            one.write(&mut plain);
            prop_assert_eq!(Exact::read(&plain).unwrap(), one);
        }
    }
}
