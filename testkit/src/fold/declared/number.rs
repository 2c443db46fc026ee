//! Numbers as digits, never as floats.

use std::cmp::Ordering;

/// `digits × 10^exponent`, the first and the last digit not 0; without digits it is zero.
#[derive(Clone, Debug)]
pub struct Number {
    is_negative: bool,
    digits: String,
    exponent: i64,
}

/// A number with a larger exponent is beyond all limits, whatever it is.
const EXPONENT_MAX: i64 = 1_000_000;

impl Number {
    /// `-12.50e3`, also `.5`, `5.` and `007`; nothing if the text is anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent_of(exponent)?),
            None => (text, 0),
        };
        let is_negative = mantissa.starts_with('-');
        let mantissa = mantissa.strip_prefix('-').unwrap_or(mantissa);
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        let exponent = exponent - fraction.len() as i64;
        let shorter = digits.trim_end_matches('0');
        let exponent = exponent + (digits.len() - shorter.len()) as i64;
        let digits = shorter.trim_start_matches('0').to_owned();
        Some(Self { is_negative: is_negative && !digits.is_empty(), digits, exponent })
    }

    fn is_zero(&self) -> bool {
        self.digits.is_empty()
    }

    /// How many digits come before the point.
    fn point(&self) -> i64 {
        self.digits.len() as i64 + self.exponent
    }

    /// Its value if it is whole and of at most 38 digits.
    pub fn whole(&self) -> Option<i128> {
        match () {
            () if self.is_zero() => Some(0),
            () if self.exponent < 0 || self.point() > 38 => None,
            () => {
                let zeros = "0".repeat(self.exponent as usize);
                let value: i128 = format!("{}{zeros}", self.digits).parse().ok()?;
                Some(if self.is_negative { -value } else { value })
            }
        }
    }

    /// Its value times a power of ten, down to the next whole number, if that has at most 38 digits.
    pub fn scaled(&self, power: i64) -> Option<i128> {
        let moved = Self { exponent: self.exponent + power, ..self.clone() };
        if moved.is_zero() || moved.exponent >= 0 {
            return moved.whole();
        }
        let kept = usize::try_from(moved.point()).unwrap_or(0);
        let digits = moved.digits.get(..kept).unwrap_or(&moved.digits);
        let value: i128 = if kept == 0 { 0 } else { digits.parse().ok()? };
        Some(if moved.is_negative { -value - 1 } else { value })
    }

    /// As `DECIMAL(digits, scale)` prints it; nothing if it would have to be rounded or cut.
    pub fn decimal(&self, digits: usize, scale: usize) -> Option<String> {
        let (mut whole, mut fraction) = (String::new(), String::new());
        if !self.is_zero() {
            if self.point() > (digits - scale) as i64 || -self.exponent > scale as i64 {
                return None;
            }
            let zeros = "0".repeat(self.exponent.max(0) as usize);
            let all = format!("{}{zeros}", self.digits);
            let leading = "0".repeat((-self.point()).max(0) as usize);
            let split = self.point().max(0) as usize;
            whole = all[..split].to_owned();
            fraction = format!("{leading}{}", &all[split..]);
        }
        let sign = if self.is_negative { "-" } else { "" };
        let whole = if whole.is_empty() { "0" } else { &whole };
        let point = if scale > 0 { "." } else { "" };
        Some(format!("{sign}{whole}{point}{fraction:0<scale$}"))
    }
}

fn exponent_of(text: &str) -> Option<i64> {
    let is_negative = text.starts_with('-');
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let value = digits.parse().unwrap_or(EXPONENT_MAX).min(EXPONENT_MAX);
    Some(if is_negative { -value } else { value })
}

/// Compares two numbers.
pub fn compare(one: &Number, other: &Number) -> Ordering {
    let sign = |number: &Number| match (number.is_zero(), number.is_negative) {
        (true, _) => 0,
        (false, true) => -1,
        (false, false) => 1,
    };
    let size = || one.point().cmp(&other.point()).then_with(|| one.digits.cmp(&other.digits));
    match sign(one).cmp(&sign(other)) {
        Ordering::Equal if one.is_zero() => Ordering::Equal,
        Ordering::Equal if one.is_negative => size().reverse(),
        Ordering::Equal => size(),
        different => different,
    }
}
