//! Columns: which place of `data` each reads and which values it takes.
//!
//! Takes: a `data` object. Gives: a row's values as they are stored. Holds true: nothing is cut or coerced. Fails: with
//! the column and the reason, on a value that the contract sends to the dead letters.
//!
//! ```text
//! chars("city", 100, "address.city")   {"address": {"city": "Rome"}} => "Rome"   {"address": null} or {} => null
//!                                      {"address": {"city": 7}}      => Err      {"address": "Rome"}     => Err
//! ```

use serde_json::{Value, json};

use super::{Row, time};

/// The bytes a `TEXT` column holds.
const TEXT_BYTES_MAX: usize = 65_535;

/// A column of a table.
#[derive(Clone, Copy)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    kind: Kind,
    /// Where in `data`: `a.b` is a path, of `a|b` the first that is not null counts.
    from: &'static str,
    is_required: bool,
}

#[derive(Clone, Copy)]
enum Kind {
    /// `VARCHAR(n)`, n in characters.
    Chars(usize),
    /// `TEXT`.
    Text,
    /// One of these words, exactly.
    Enum(&'static [&'static str]),
    /// An integer from 0 to 2^63 - 1.
    Count,
    /// A boolean, as 0 or 1.
    Flag,
    /// A `DATETIME(6)`.
    Time,
    /// The number of elements of an array.
    Length,
    /// A column nothing is written to.
    Nothing,
}

impl Column {
    /// The value in a row that no creation event has filled in: R columns are `NOT NULL DEFAULT ''`.
    pub(crate) fn without_creation(&self) -> Value {
        if self.is_required { json!("") } else { Value::Null }
    }

    /// The column's value from `data`; fails if it is not one that the column takes.
    pub(crate) fn read(&self, data: &Value) -> Result<Value, String> {
        let about = |why: String| format!("{}: {why}", self.name);
        let mut found = &Value::Null;
        for path in self.from.split('|') {
            found = follow(path, data).map_err(about)?;
            if !found.is_null() {
                break;
            }
        }
        if found.is_null() {
            return if self.is_required {
                Err(about("missing".to_owned()))
            } else {
                Ok(Value::Null)
            };
        }
        self.kind.convert(found).map_err(about)
    }

    /// The same column marked **R**.
    pub(crate) const fn required(self) -> Self {
        Self { is_required: true, ..self }
    }
}

/// Reads all columns of a row.
pub(crate) fn read(columns: &[Column], data: &Value) -> Result<Row, String> {
    columns.iter().map(|column| Ok((column.name.to_owned(), column.read(data)?))).collect()
}

/// What is at `path`; a missing field equals null, and nothing lies below null. Anything else than an object on the way
/// is of the wrong type.
fn follow<'v>(path: &str, data: &'v Value) -> Result<&'v Value, String> {
    let mut here = data;
    for step in path.split('.') {
        here = match here {
            Value::Object(fields) => fields.get(step).unwrap_or(&Value::Null),
            Value::Null => &Value::Null,
            _ => return Err(format!("no object above {step}")),
        };
    }
    Ok(here)
}

impl Kind {
    /// A value that is not null as the column stores it.
    fn convert(self, value: &Value) -> Result<Value, String> {
        let fits =
            |fits: bool, why: &str| if fits { Ok(value.clone()) } else { Err(why.to_owned()) };
        let string = || value.as_str().ok_or("not a string");
        match self {
            Self::Chars(width) => fits(string()?.chars().count() <= width, "too many characters"),
            Self::Text => fits(string()?.len() <= TEXT_BYTES_MAX, "too many bytes"),
            Self::Enum(words) => fits(words.contains(&string()?), "not one of the words"),
            Self::Time => match time::to_utc(string()?) {
                Some(utc) => Ok(json!(utc)),
                None => Err("not a timestamp".to_owned()),
            },
            Self::Count => Ok(json!(count(value)?)),
            Self::Flag => match value {
                Value::Bool(flag) => Ok(json!(u64::from(*flag))),
                _ => match count(value)? {
                    flag @ (0 | 1) => Ok(json!(flag)),
                    _ => Err("not a boolean".to_owned()),
                },
            },
            Self::Length => match value {
                Value::Array(elements) => Ok(json!(elements.len())),
                _ => Err("not an array".to_owned()),
            },
            Self::Nothing => Ok(Value::Null),
        }
    }
}

/// A whole number from 0 up to but excluding 2^63, which a double may carry, too.
fn count(value: &Value) -> Result<u64, String> {
    const END: f64 = 9_223_372_036_854_775_808.0;
    let Value::Number(number) = value else {
        return Err("not a number".to_owned());
    };
    if let Some(integer) = number.as_u64() {
        let fits = i64::try_from(integer).is_ok();
        return if fits { Ok(integer) } else { Err("too large".to_owned()) };
    }
    match number.as_f64() {
        Some(double) if double.fract() != 0.0 => Err("a fraction".to_owned()),
        Some(double) if (0.0..END).contains(&double) => Ok(double as u64),
        _ => Err("negative or too large".to_owned()),
    }
}

/// A `VARCHAR(width)`.
pub(crate) const fn chars(name: &'static str, width: usize, from: &'static str) -> Column {
    column(name, Kind::Chars(width), from)
}

/// A `TEXT`.
pub(crate) const fn text(name: &'static str, from: &'static str) -> Column {
    column(name, Kind::Text, from)
}

/// A `BIGINT` for counts and cents.
pub(crate) const fn count_of(name: &'static str, from: &'static str) -> Column {
    column(name, Kind::Count, from)
}

/// A `DATETIME(6)`.
pub(crate) const fn moment(name: &'static str, from: &'static str) -> Column {
    column(name, Kind::Time, from)
}

/// A column nothing is written to.
pub(crate) const fn nothing(name: &'static str) -> Column {
    column(name, Kind::Nothing, "")
}

/// An `ENUM`: one of these words, exactly.
pub(crate) const fn words(
    name: &'static str,
    words: &'static [&'static str],
    from: &'static str,
) -> Column {
    column(name, Kind::Enum(words), from)
}

/// A `BOOLEAN`.
pub(crate) const fn flag(name: &'static str, from: &'static str) -> Column {
    column(name, Kind::Flag, from)
}

/// The number of elements of an array.
pub(crate) const fn length(name: &'static str, from: &'static str) -> Column {
    column(name, Kind::Length, from)
}

const fn column(name: &'static str, kind: Kind, from: &'static str) -> Column {
    Column { name, kind, from, is_required: false }
}
