//! What was at a path → a column that takes it, with headroom.
//!
//! Numbers with a fraction: those whose name speaks of money, and those that a double would change, become
//! `decimal`, which is exact and refuses more digits than it has. All others become `double`, which takes
//! whatever a sensor sends next.

use super::numbers::Numbers;
use super::seen::{NULLS, Seen};
use super::words;
use crate::mapping::Convert;

/// Texts are given four times the room that was seen, rounded up to one of these.
const VARCHAR_SIZES: [usize; 5] = [100, 255, 500, 1000, 2000];
/// Texts of one length, such as codes of currencies, may be shorter.
const FIXED_SIZES: [usize; 2] = [20, 50];
const HEADROOM: usize = 4;
/// A quarter of what `text` holds.
const TEXT_BYTES: usize = 16_383;
/// Whole numbers below this are `int`, which has room for 2,000 times as much.
const INT_MAX: i128 = 1_000_000;
/// Whole numbers below this are `bigint`, which has room for nine times as much.
const BIGINT_MAX: i128 = 1_000_000_000_000_000_000;
const DECIMAL_DIGITS_MAX: i64 = 65;
const DECIMAL_SCALE_MAX: i64 = 30;

/// A column's type, and how its values are read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Guess {
    pub(super) ty: String,
    pub(super) convert: Option<Convert>,
    pub(super) nulls: Vec<&'static str>,
    /// What else it may be.
    pub(super) hint: Option<String>,
}

impl Guess {
    fn of(ty: impl Into<String>) -> Self {
        Self { ty: ty.into(), ..Self::default() }
    }

    fn converted(self, convert: Convert) -> Self {
        Self { convert: Some(convert), ..self }
    }

    fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

/// The column for what was at a path.
///
/// # Errors
/// Why there is none.
pub(super) fn column(seen: &Seen, name: &str) -> Result<Guess, &'static str> {
    let values = seen.values();
    let Seen { booleans, numbers, texts, .. } = seen;
    if values == 0 {
        return Err("null in every event, so its type is not known");
    }
    if numbers.endless > 0 {
        return Err("numbers that no column holds");
    }
    if *booleans == values {
        return Ok(Guess::of("boolean"));
    }
    if let Some(time) = time(seen, name) {
        return Ok(time);
    }
    if numbers.count == values {
        return Ok(number(seen, name));
    }
    if texts.count == values {
        return Ok(text(seen, name));
    }
    let is_scalar = numbers.count + texts.count + booleans == values;
    let both = numbers.with(&texts.numbers);
    if both.count == values
        && both.fractions > 0
        && let Some(exact) = decimal(&both)
    {
        return Ok(Guess::of(exact).hint("numbers, some of them in texts"));
    }
    if is_scalar && numbers.fractions == 0 {
        return Ok(text_type(seen, name).converted(Convert::Text).hint("numbers and texts"));
    }
    if seen.batches > 0 && seen.batches == values {
        return Ok(Guess::of("json").hint("[[entity.lines]] would write a row for each element"));
    }
    Ok(Guess::of("json"))
}

/// A column of times, if all values are some: texts by their form, numbers by their name and size.
pub(super) fn time(seen: &Seen, name: &str) -> Option<Guess> {
    let (values, texts) = (seen.values(), &seen.texts);
    if values == 0 {
        return None;
    }
    if texts.times == values {
        return Some(Guess::of("datetime(6)"));
    }
    if texts.dates == values {
        return Some(Guess::of("date"));
    }
    if !words::is_time(name) {
        return None;
    }
    let unit = [&seen.numbers, &texts.numbers].into_iter().find(|numbers| numbers.count == values);
    Some(Guess::of("datetime(6)").converted(unit?.unit()?))
}

fn number(seen: &Seen, name: &str) -> Guess {
    let numbers = &seen.numbers;
    if numbers.fractions == 0 {
        let guess = Guess::of(whole(numbers));
        if numbers.bits == numbers.count && seen.distinct() == 2 {
            return guess.hint("or boolean: 0 and 1 alone");
        }
        return match numbers.unit() {
            Some(unit) => guess.hint(format!(
                "or a time: type = \"datetime(6)\", convert = \"{}\"",
                unit.as_str()
            )),
            None => guess,
        };
    }
    match decimal(numbers) {
        Some(exact) if words::is_money(name) || numbers.rounded > 0 => {
            Guess::of(exact).hint("exact; or double")
        }
        Some(exact) => Guess::of("double").hint(format!("or {exact}, which is exact")),
        None => Guess::of("double"),
    }
}

/// A type for whole numbers.
pub(super) fn whole(numbers: &Numbers) -> String {
    let fits = |max: i128| numbers.greatest < max && numbers.least > -max;
    if fits(INT_MAX) {
        "int".to_owned()
    } else if fits(BIGINT_MAX) {
        "bigint".to_owned()
    } else if numbers.least >= 0 && numbers.greatest <= i128::from(u64::MAX) {
        "bigint unsigned".to_owned()
    } else {
        decimal(numbers).unwrap_or_else(|| "double".to_owned())
    }
}

/// A decimal that holds every digit that was seen, and more.
fn decimal(numbers: &Numbers) -> Option<String> {
    let scale = match numbers.scale {
        0 => 0,
        1..=2 => 2,
        3..=4 => 4,
        5..=6 => 6,
        scale => (scale + 2).min(DECIMAL_SCALE_MAX),
    };
    let whole = (numbers.whole_digits + 4).max(10).min(DECIMAL_DIGITS_MAX - scale);
    let fits = numbers.scale <= scale && numbers.whole_digits <= whole;
    fits.then(|| format!("decimal({},{scale})", whole + scale))
}

fn text(seen: &Seen, name: &str) -> Guess {
    let texts = &seen.texts;
    let plain = text_type(seen, name);
    let nulls: usize = texts.nulls.iter().sum();
    let numbers = &texts.numbers;
    if numbers.count == 0 || numbers.count + nulls < texts.count {
        return plain;
    }
    let used = NULLS.iter().zip(texts.nulls).filter(|(_, count)| *count > 0);
    let nulls: Vec<&str> = used.map(|(null, _)| *null).collect();
    let is_version = words::snake(name).contains("version");
    match decimal(numbers) {
        // A code may be written in digits as well.
        Some(_) if numbers.fractions == 0 && nulls.is_empty() => {
            plain.hint(format!("or numbers: type = \"{}\", convert = \"number\"", whole(numbers)))
        }
        Some(exact) if numbers.fractions > 0 && !is_version => {
            Guess { nulls, ..Guess::of(exact) }.hint("numbers in texts")
        }
        _ => plain,
    }
}

fn text_type(seen: &Seen, name: &str) -> Guess {
    let texts = &seen.texts;
    let digits = usize::try_from(seen.numbers.whole_digits + 1).unwrap_or(0);
    let chars = texts.chars_max.max(digits) * HEADROOM;
    let fixed = FIXED_SIZES.into_iter().filter(|_| texts.is_fixed && seen.numbers.count == 0);
    let size = fixed.chain(VARCHAR_SIZES).find(|size| chars <= *size);
    match size.filter(|_| !words::is_long(name)) {
        Some(size) => Guess::of(format!("varchar({size})")),
        None if texts.bytes_max <= TEXT_BYTES => Guess::of("text"),
        None => Guess::of("mediumtext"),
    }
}
