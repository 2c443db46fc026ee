//! The types of columns: which values each takes, and how the servers print them.

use super::file::Rules;
use super::json::{Json, Kind};
use super::moment;
use super::number::{Number, compare};
use std::cmp::Ordering;

/// Why a message is faulty: the code of its dead letter.
pub type Fault = &'static str;

pub const VALUE_TYPE: Fault = "value_type";
const OUT_OF_RANGE: Fault = "value_out_of_range";
const TOO_LONG: Fault = "value_too_long";
const TIMESTAMP: Fault = "value_timestamp";

/// The type of a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Type {
    /// With the least and the greatest value.
    Int(i128, i128),
    Decimal(usize, usize),
    Double,
    Boolean,
    Date,
    DateTime(usize),
    Char(usize),
    Varchar(usize),
    /// A key of text.
    Key(usize),
    /// With the most bytes.
    Text(usize),
    Bytes(usize),
    Enum(Vec<String>),
    Json,
}

/// A value of a message, or one from beside it.
#[derive(Clone, Debug)]
pub enum Found<'j> {
    Json(&'j Json),
    /// All of the message or of its data.
    Whole(&'j Json),
    Text(String),
    Number(String),
    Time(String),
}

/// What JSON may be and may hold.
#[derive(Clone, Copy)]
pub struct Limits<'f> {
    /// How deep a server's JSON column may be nested.
    pub depth: usize,
    /// The secrets of the file.
    pub redact: &'f [String],
}

impl Type {
    /// `varchar(20)`, `bigint unsigned`, …
    pub fn parse(text: &str) -> Self {
        let (name, arguments) = text.trim_end_matches(')').split_once('(').unwrap_or((text, ""));
        let list: Vec<&str> = arguments.split(',').map(str::trim).collect();
        let number = |at: usize| list.get(at).map_or(0, |text| text.parse().unwrap_or(0));
        let bits = |bits: u32| match text.ends_with("unsigned") {
            true => Self::Int(0, (1 << bits) - 1),
            false => Self::Int(-(1 << (bits - 1)), (1 << (bits - 1)) - 1),
        };
        match name.split(' ').next().unwrap_or_default() {
            "tinyint" => bits(8),
            "smallint" => bits(16),
            "mediumint" => bits(24),
            "int" => bits(32),
            "bigint" => bits(64),
            "decimal" => Self::Decimal(number(0), number(1)),
            "double" => Self::Double,
            "boolean" => Self::Boolean,
            "date" => Self::Date,
            "datetime" => Self::DateTime(number(0)),
            "char" => Self::Char(number(0)),
            "varchar" => Self::Varchar(number(0)),
            "text" => Self::Text(65_535),
            "mediumtext" => Self::Text(16_777_215),
            "varbinary" => Self::Bytes(number(0)),
            "blob" => Self::Bytes(65_535),
            "enum" => Self::Enum(list.iter().map(|&word| word.to_owned()).collect()),
            "json" => Self::Json,
            other => panic!("{other} is not a type"),
        }
    }

    /// The one text for all ways in which a server or a statement writes a value.
    pub fn printed(&self, text: &str) -> String {
        match self {
            Self::Decimal(digits, scale) => {
                let number = Number::parse(text).and_then(|number| number.decimal(*digits, *scale));
                number.unwrap_or_else(|| panic!("{text} in {self:?}"))
            }
            Self::Double => text.parse().map(double_text).unwrap_or_else(|_| panic!("{text}")),
            Self::DateTime(digits) => moment::cut(text, *digits),
            Self::Json => json_text(text),
            _ => text.to_owned(),
        }
    }

    /// A constant of the mapping.
    pub fn constant(&self, text: &str) -> String {
        let (as_text, as_number) = (Found::Text(text.to_owned()), Found::Number(text.to_owned()));
        let value = match self {
            Self::Boolean => {
                return if ["true", "1"].contains(&text) { "1" } else { "0" }.to_owned();
            }
            Self::Json => return json_text(text),
            Self::Int(..) | Self::Decimal(..) | Self::Double => self.plain(&as_number),
            _ => self.plain(&as_text),
        };
        value.unwrap_or_else(|fault| panic!("{text} in {self:?}: {fault}"))
    }

    /// What the column holds of a value; nothing if that means null.
    pub fn store(
        &self,
        found: &Found<'_>,
        rules: &Rules,
        limits: Limits<'_>,
    ) -> Result<Option<String>, Fault> {
        if means_null(found, &rules.null) {
            return Ok(None);
        }
        let value = match (self, &rules.convert) {
            (Self::Json, convert) => self.json(found, convert.as_deref(), limits)?,
            (_, None) => self.plain(found)?,
            (_, Some(convert)) => self.converted(found, convert)?,
        };
        self.check_bounds(&value, rules)?;
        Ok(Some(value))
    }

    fn plain(&self, found: &Found<'_>) -> Result<String, Fault> {
        match (self, found) {
            (Self::Date, Found::Time(time)) => return Ok(moment::day(time)),
            (Self::DateTime(digits), Found::Time(time)) => return Ok(moment::cut(time, *digits)),
            _ => {}
        }
        if let (Self::Int(..) | Self::Decimal(..) | Self::Double, Some(token)) =
            (self, token(found))
        {
            return self.number(token);
        }
        if matches!(self, Self::Boolean) {
            return boolean(found).map(|value| u8::from(value).to_string());
        }
        let text = text(found).ok_or(VALUE_TYPE)?;
        match self {
            Self::Decimal(..) => self.number(text),
            Self::Date => moment::day_of_text(text).ok_or(TIMESTAMP),
            Self::DateTime(digits) => {
                moment::of_text(text).map(|time| moment::cut(&time, *digits)).ok_or(TIMESTAMP)
            }
            Self::Bytes(_) => self.bytes(text.as_bytes()),
            _ => self.text(text),
        }
    }

    fn converted(&self, found: &Found<'_>, convert: &str) -> Result<String, Fault> {
        if let Found::Time(_) = found {
            return self.plain(found);
        }
        match convert {
            "text" => match found {
                Found::Json(Json { kind: Kind::Bool(value), .. }) => self.text(&value.to_string()),
                _ => match token(found) {
                    Some(token) if is_digits(token) => self.text(token),
                    Some(_) => Err(VALUE_TYPE),
                    None => self.text(text(found).ok_or(VALUE_TYPE)?),
                },
            },
            "length" => match found {
                Found::Json(Json { kind: Kind::Array(elements), .. }) => {
                    self.number(&elements.len().to_string())
                }
                _ => Err(VALUE_TYPE),
            },
            "number" => self.number(text(found).ok_or(VALUE_TYPE)?),
            "hex" => self.bytes(&of_hex(text(found).ok_or(VALUE_TYPE)?).ok_or(VALUE_TYPE)?),
            "base64" => self.bytes(&of_base64(text(found).ok_or(VALUE_TYPE)?).ok_or(VALUE_TYPE)?),
            unit => {
                let number =
                    token(found).or(text(found)).and_then(Number::parse).ok_or(VALUE_TYPE)?;
                let time = moment::since_1970(unit, &number).ok_or(TIMESTAMP)?;
                self.plain(&Found::Time(time))
            }
        }
    }

    /// A number from its text.
    fn number(&self, token: &str) -> Result<String, Fault> {
        let number = Number::parse(token).ok_or(VALUE_TYPE)?;
        match self {
            Self::Int(least, greatest) => match number.whole() {
                Some(whole) if (*least..=*greatest).contains(&whole) => Ok(whole.to_string()),
                _ => Err(OUT_OF_RANGE),
            },
            Self::Decimal(digits, scale) => number.decimal(*digits, *scale).ok_or(OUT_OF_RANGE),
            _ => {
                let value: f64 = token.parse().map_err(|_| VALUE_TYPE)?;
                if value.is_finite() { Ok(double_text(value)) } else { Err(OUT_OF_RANGE) }
            }
        }
    }

    fn check_bounds(&self, value: &str, rules: &Rules) -> Result<(), Fault> {
        let Some(number) = Number::parse(value) else { return Ok(()) };
        let is = |bound: &Option<String>, order: Ordering| {
            let bound = bound.as_deref().and_then(Number::parse);
            bound.is_some_and(|bound| compare(&number, &bound) == order)
        };
        match is(&rules.min, Ordering::Less) || is(&rules.max, Ordering::Greater) {
            true => Err(OUT_OF_RANGE),
            false => Ok(()),
        }
    }

    fn text(&self, text: &str) -> Result<String, Fault> {
        let chars = text.chars().count();
        let fault = match self {
            Self::Char(max) | Self::Varchar(max) if chars > *max => Some(TOO_LONG),
            // Such a column drops it.
            Self::Char(_) if text.ends_with(' ') => Some(OUT_OF_RANGE),
            Self::Text(max) if text.len() > *max => Some(TOO_LONG),
            Self::Enum(words) if !words.iter().any(|word| word == text) => {
                Some("value_not_in_enum")
            }
            Self::Key(max) if !is_name(text, *max) => Some("entity_id_invalid"),
            Self::Char(_) | Self::Varchar(_) | Self::Text(_) | Self::Enum(_) | Self::Key(_) => None,
            _ => Some(VALUE_TYPE),
        };
        fault.map_or_else(|| Ok(text.to_owned()), Err)
    }

    /// In hexadecimal digits.
    fn bytes(&self, bytes: &[u8]) -> Result<String, Fault> {
        let Self::Bytes(max) = self else { return Err(VALUE_TYPE) };
        let digits = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
        if bytes.len() > *max { Err(TOO_LONG) } else { Ok(digits) }
    }

    fn json(
        &self,
        found: &Found<'_>,
        convert: Option<&str>,
        limits: Limits<'_>,
    ) -> Result<String, Fault> {
        let parsed;
        let json = match found {
            Found::Json(json) if convert.is_none() => json,
            Found::Whole(json) => json,
            found => {
                let text = text(found).ok_or(VALUE_TYPE)?;
                parsed = Json::parse(text.as_bytes(), limits.redact).ok_or(VALUE_TYPE)?;
                &parsed
            }
        };
        if json.depth() > limits.depth { Err("json_limit") } else { Ok(json_text(&json.kept)) }
    }
}

/// A key or an id: texts that are equal byte by byte if and only if the servers say so.
pub fn is_name(text: &str, chars_max: usize) -> bool {
    (1..=chars_max).contains(&text.chars().count())
        && !text.ends_with(' ')
        && !text.chars().any(char::is_control)
}

/// Whether a value is null, or a text that means it.
pub fn means_null(found: &Found<'_>, nulls: &[String]) -> bool {
    match found {
        Found::Json(json) | Found::Whole(json) if json.is_null() => true,
        found => text(found).is_some_and(|text| nulls.iter().any(|null| null == text)),
    }
}

pub fn text<'f>(found: &'f Found<'_>) -> Option<&'f str> {
    match found {
        Found::Text(text) | Found::Json(Json { kind: Kind::Text(text), .. }) => Some(text),
        _ => None,
    }
}

/// How a number is written.
pub fn token<'f>(found: &'f Found<'_>) -> Option<&'f str> {
    match found {
        Found::Number(token) | Found::Json(Json { kind: Kind::Number(token), .. }) => Some(token),
        _ => None,
    }
}

/// Whether a number is written with digits alone.
pub fn is_digits(token: &str) -> bool {
    token.strip_prefix('-').unwrap_or(token).bytes().all(|digit| digit.is_ascii_digit())
}

fn boolean(found: &Found<'_>) -> Result<bool, Fault> {
    if let Found::Json(Json { kind: Kind::Bool(value), .. }) = found {
        return Ok(*value);
    }
    match token(found).and_then(Number::parse).and_then(|number| number.whole()) {
        Some(0) => Ok(false),
        Some(1) => Ok(true),
        _ => Err(VALUE_TYPE),
    }
}

/// One text for all ways to write a double; zero has no sign.
pub fn double_text(value: f64) -> String {
    format!("{:e}", if value == 0.0 { 0.0 } else { value })
}

/// One text for all ways to write JSON.
pub fn json_text(text: &str) -> String {
    let value = super::super::json::parse(text.as_bytes());
    sorted(value.unwrap_or_else(|error| panic!("{text}: {error}"))).to_string()
}

/// With the keys in order, whatever a map of serde_json does, and one text for all ways to write a double.
fn sorted(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::Object(members) => {
            let members: std::collections::BTreeMap<String, Value> =
                members.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            Value::Object(members.into_iter().collect())
        }
        Value::Array(elements) => elements.into_iter().map(sorted).collect(),
        Value::Number(number) if number.is_f64() => {
            Value::String(double_text(number.as_f64().unwrap_or(0.0)))
        }
        other => other,
    }
}

fn of_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = text.chars().map(|digit| digit.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(digits.chunks(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect())
}

/// With all, some or none of the `=` at its end.
fn of_base64(text: &str) -> Option<Vec<u8>> {
    const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let letters = text.trim_end_matches('=');
    let values: Option<Vec<u32>> =
        letters.chars().map(|letter| LETTERS.find(letter).map(|at| at as u32)).collect();
    let values = values?;
    let padding = text.len() - letters.len();
    let room = [0, 0, 2, 1][values.len() % 4];
    if values.len() % 4 == 1 || padding > room {
        return None;
    }
    let bits: String = values.iter().map(|value| format!("{value:06b}")).collect();
    let (bytes, rest) = bits.split_at(bits.len() / 8 * 8);
    let byte = |at: usize| u8::from_str_radix(&bytes[at..at + 8], 2).unwrap();
    rest.bytes().all(|bit| bit == b'0').then(|| (0..bytes.len()).step_by(8).map(byte).collect())
}
