//! The types of columns: how a mapping file writes them, what they hold, and what they are in SQL.

use std::str::FromStr;

/// The servers' limits.
const VARCHAR_CHARS_MAX: usize = 16_383;
const CHAR_CHARS_MAX: usize = 255;
const VARBINARY_BYTES_MAX: usize = 65_532;
const DECIMAL_DIGITS_MAX: u8 = 65;
const DECIMAL_SCALE_MAX: u8 = 30;
const FRACTION_DIGITS_MAX: u8 = 6;

/// The types of columns, with the limits that flatten checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnType {
    /// `VARCHAR(50)` in `ascii_bin`, for ids from the contract's envelope and those that are made.
    Id,
    /// `VARCHAR(n)` in `utf8mb4_bin`, for keys and ids of any text; n in characters.
    Key(usize),
    /// `CHAR(n)`, n in characters.
    Char(usize),
    /// `VARCHAR(n)`, n in characters.
    Varchar(usize),
    /// `TEXT`: up to 65,535 bytes.
    Text,
    /// `MEDIUMTEXT`: up to 16,777,215 bytes.
    MediumText,
    /// `VARBINARY(n)`, n in bytes.
    Varbinary(usize),
    /// `BLOB`: up to 65,535 bytes.
    Blob,
    Enum(Vec<String>),
    Int(IntType),
    /// `DECIMAL(digits, scale)`, exact.
    Decimal {
        digits: u8,
        scale: u8,
    },
    Double,
    Boolean,
    /// `DATE`, from 1000 to 9999.
    Date,
    /// `DATETIME(n)`, UTC, n digits of a second.
    DateTime(u8),
    Json,
}

/// A whole number of so many bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IntType {
    pub size: IntSize,
    pub is_unsigned: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntSize {
    Tiny,
    Small,
    Medium,
    Int,
    Big,
}

/// How a batch keeps the values of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storage {
    /// As 64-bit integers.
    Number,
    /// As text, which a statement quotes.
    Text,
    /// As SQL, which a statement takes as it is.
    Literal,
}

impl IntType {
    pub const BIGINT: Self = Self { size: IntSize::Big, is_unsigned: false };

    /// The least and the greatest value.
    #[must_use]
    pub const fn range(self) -> (i128, i128) {
        let bits = match self.size {
            IntSize::Tiny => 8,
            IntSize::Small => 16,
            IntSize::Medium => 24,
            IntSize::Int => 32,
            IntSize::Big => 64,
        };
        match self.is_unsigned {
            true => (0, (1 << bits) - 1),
            false => (-(1 << (bits - 1)), (1 << (bits - 1)) - 1),
        }
    }

    /// Reads `bigint`, `int unsigned`, as a mapping file and a server write them.
    #[must_use]
    pub fn read(name: &str) -> Option<Self> {
        let (name, is_unsigned) = match name.strip_suffix("unsigned") {
            Some(name) => (name.trim_end(), true),
            None => (name, false),
        };
        let size = match name {
            "tinyint" => IntSize::Tiny,
            "smallint" => IntSize::Small,
            "mediumint" => IntSize::Medium,
            "int" => IntSize::Int,
            "bigint" => IntSize::Big,
            _ => return None,
        };
        Some(Self { size, is_unsigned })
    }

    /// The type in SQL.
    #[must_use]
    pub fn sql(self) -> String {
        let name = match self.size {
            IntSize::Tiny => "TINYINT",
            IntSize::Small => "SMALLINT",
            IntSize::Medium => "MEDIUMINT",
            IntSize::Int => "INT",
            IntSize::Big => "BIGINT",
        };
        format!("{name}{}", if self.is_unsigned { " UNSIGNED" } else { "" })
    }
}

impl ColumnType {
    pub const TEXT_BYTES_MAX: usize = 65_535;
    pub const MEDIUM_TEXT_BYTES_MAX: usize = 16_777_215;
    /// What the contract's counts and cents are.
    pub const BIGINT: Self = Self::Int(IntType::BIGINT);
    /// What the contract's times are.
    pub const DATETIME: Self = Self::DateTime(6);

    /// How a batch keeps values, given the range of whole ones: `i64::MIN` means NULL there.
    #[must_use]
    pub fn storage(&self, (least, greatest): (i128, i128)) -> Storage {
        match self {
            Self::Int(_) => {
                let is_small = least > i128::from(i64::MIN) && greatest <= i128::from(i64::MAX);
                if is_small { Storage::Number } else { Storage::Literal }
            }
            Self::Boolean | Self::Date | Self::DateTime(_) => Storage::Number,
            Self::Decimal { .. } | Self::Double | Self::Varbinary(_) | Self::Blob => {
                Storage::Literal
            }
            Self::Id
            | Self::Key(_)
            | Self::Char(_)
            | Self::Varchar(_)
            | Self::Text
            | Self::MediumText
            | Self::Enum(_)
            | Self::Json => Storage::Text,
        }
    }

    /// Whether it holds any text, so that `''` is an honest value for "not yet".
    #[must_use]
    pub const fn is_text(&self) -> bool {
        matches!(
            self,
            Self::Id
                | Self::Key(_)
                | Self::Char(_)
                | Self::Varchar(_)
                | Self::Text
                | Self::MediumText
        )
    }

    /// Whether its values are compared byte by byte.
    #[must_use]
    pub const fn is_binary(&self) -> bool {
        matches!(self, Self::Id | Self::Key(_))
    }

    /// The most bytes of a text; `None` if it is bound otherwise.
    #[must_use]
    pub const fn bytes_max(&self) -> Option<usize> {
        match self {
            Self::Text | Self::Blob => Some(Self::TEXT_BYTES_MAX),
            Self::MediumText => Some(Self::MEDIUM_TEXT_BYTES_MAX),
            Self::Varbinary(bytes) => Some(*bytes),
            _ => None,
        }
    }

    /// The most characters of a text; `None` if it is bound otherwise.
    #[must_use]
    pub const fn chars_max(&self) -> Option<usize> {
        match self {
            Self::Char(chars) | Self::Varchar(chars) | Self::Key(chars) => Some(*chars),
            _ => None,
        }
    }

    /// The type in SQL, as in `ALTER TABLE`.
    #[must_use]
    pub fn sql(&self) -> String {
        match self {
            Self::Id => "VARCHAR(50) CHARACTER SET ascii COLLATE ascii_bin".to_owned(),
            Self::Key(chars) => {
                format!("VARCHAR({chars}) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
            }
            Self::Char(chars) => format!("CHAR({chars})"),
            Self::Varchar(chars) => format!("VARCHAR({chars})"),
            Self::Text => "TEXT".to_owned(),
            Self::MediumText => "MEDIUMTEXT".to_owned(),
            Self::Varbinary(bytes) => format!("VARBINARY({bytes})"),
            Self::Blob => "BLOB".to_owned(),
            Self::Enum(values) => format!("ENUM('{}')", values.join("', '")),
            Self::Int(int) => int.sql(),
            Self::Decimal { digits, scale } => format!("DECIMAL({digits},{scale})"),
            Self::Double => "DOUBLE".to_owned(),
            Self::Boolean => "BOOLEAN".to_owned(),
            Self::Date => "DATE".to_owned(),
            Self::DateTime(0) => "DATETIME".to_owned(),
            Self::DateTime(digits) => format!("DATETIME({digits})"),
            Self::Json => "JSON".to_owned(),
        }
    }
}

impl FromStr for ColumnType {
    type Err = String;

    /// Reads a type in the mapping's syntax: `varchar(200)`, `enum(a, b)`, `bigint unsigned`, …
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if let Some(int) = IntType::read(text) {
            return Ok(Self::Int(int));
        }
        let (name, arguments) = match text.split_once('(') {
            Some((name, rest)) => {
                (name.trim(), Some(rest.strip_suffix(')').ok_or_else(|| unknown(text))?.trim()))
            }
            None => (text, None),
        };
        let length = |longest: usize, unit: &str| {
            let length = arguments.and_then(|length| length.parse().ok());
            length
                .filter(|length| (1..=longest).contains(length))
                .ok_or_else(|| format!("{text:?}: {name} takes a length of 1 to {longest} {unit}"))
        };
        match (name, arguments) {
            ("char", _) => Ok(Self::Char(length(CHAR_CHARS_MAX, "characters")?)),
            ("varchar", _) => Ok(Self::Varchar(length(VARCHAR_CHARS_MAX, "characters")?)),
            ("varbinary", _) => Ok(Self::Varbinary(length(VARBINARY_BYTES_MAX, "bytes")?)),
            ("enum", values) => enum_of(text, values.unwrap_or_default()),
            ("decimal", arguments) => decimal_of(text, arguments.unwrap_or_default()),
            ("datetime", arguments) => datetime_of(text, arguments.unwrap_or_default()),
            ("text", None) => Ok(Self::Text),
            ("mediumtext", None) => Ok(Self::MediumText),
            ("blob", None) => Ok(Self::Blob),
            ("double", None) => Ok(Self::Double),
            ("boolean", None) => Ok(Self::Boolean),
            ("date", None) => Ok(Self::Date),
            ("json", None) => Ok(Self::Json),
            _ => Err(unknown(text)),
        }
    }
}

fn unknown(text: &str) -> String {
    format!(
        "unknown type {text:?}; use char(N), varchar(N), text, mediumtext, varbinary(N), blob, enum(a, b, …), tinyint, smallint, int, bigint (with `unsigned` if you like), decimal(P,S), double, boolean, date, datetime(0 to 6), json"
    )
}

fn enum_of(text: &str, values: &str) -> Result<ColumnType, String> {
    let values: Vec<String> = values.split(',').map(|value| value.trim().to_owned()).collect();
    let is_word = |value: &String| {
        !value.is_empty() && value.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
    };
    if !values.iter().all(is_word) {
        return Err(format!("{text:?}: enum takes words, separated by commas"));
    }
    // The server ignores their case.
    let is_again = |(at, value): (usize, &String)| {
        values[..at].iter().any(|earlier| earlier.eq_ignore_ascii_case(value))
    };
    match values.iter().enumerate().find(|&entry| is_again(entry)) {
        Some((_, value)) => {
            Err(format!("{text:?}: {value} comes twice; the server ignores the case"))
        }
        None => Ok(ColumnType::Enum(values)),
    }
}

fn decimal_of(text: &str, arguments: &str) -> Result<ColumnType, String> {
    let (digits, scale) = arguments.split_once(',').unwrap_or((arguments, "0"));
    let in_range = |digits: u8, scale: u8| {
        (1..=DECIMAL_DIGITS_MAX).contains(&digits) && scale <= digits.min(DECIMAL_SCALE_MAX)
    };
    match (digits.trim().parse(), scale.trim().parse()) {
        (Ok(digits), Ok(scale)) if in_range(digits, scale) => {
            Ok(ColumnType::Decimal { digits, scale })
        }
        _ => Err(format!(
            "{text:?}: decimal takes the digits in all, 1 to {DECIMAL_DIGITS_MAX}, and those after the point, at most {DECIMAL_SCALE_MAX}: decimal(12,2)"
        )),
    }
}

fn datetime_of(text: &str, arguments: &str) -> Result<ColumnType, String> {
    let digits = if arguments.is_empty() { Ok(0) } else { arguments.parse() };
    match digits {
        Ok(digits @ 0..=FRACTION_DIGITS_MAX) => Ok(ColumnType::DateTime(digits)),
        _ => Err(format!(
            "{text:?}: datetime takes the digits of a second, 0 to {FRACTION_DIGITS_MAX}: datetime(6)"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read() {
        use ColumnType::{Char, Date, DateTime, Decimal, Enum, Int, Varbinary, Varchar};
        let big = IntType { size: IntSize::Big, is_unsigned: true };
        for (text, ty, sql) in [
            ("varchar(200)", Varchar(200), "VARCHAR(200)"),
            ("char(2)", Char(2), "CHAR(2)"),
            ("enum(a, b_c)", Enum(vec!["a".into(), "b_c".into()]), "ENUM('a', 'b_c')"),
            ("datetime(6)", DateTime(6), "DATETIME(6)"),
            ("datetime", DateTime(0), "DATETIME"),
            ("bigint", ColumnType::BIGINT, "BIGINT"),
            ("bigint unsigned", Int(big), "BIGINT UNSIGNED"),
            ("decimal(12, 2)", Decimal { digits: 12, scale: 2 }, "DECIMAL(12,2)"),
            ("decimal(9)", Decimal { digits: 9, scale: 0 }, "DECIMAL(9,0)"),
            ("varbinary(16)", Varbinary(16), "VARBINARY(16)"),
            ("date", Date, "DATE"),
        ] {
            assert_eq!(text.parse(), Ok(ty.clone()), "{text}");
            assert_eq!(ty.sql(), sql);
        }
        for wrong in [
            "varchar",
            "varchar(0)",
            "varchar(20000)",
            "integer",
            "enum()",
            "enum(a'b)",
            "datetime(7)",
            "text(3)",
            "decimal(2,3)",
            "decimal(66,0)",
            "decimal",
            "json unsigned",
            "char(256)",
        ] {
            assert!(wrong.parse::<ColumnType>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn whole_numbers_have_their_ranges() {
        let range = |name: &str| IntType::read(name).unwrap().range();
        assert_eq!(range("tinyint"), (-128, 127));
        assert_eq!(range("int unsigned"), (0, 4_294_967_295));
        assert_eq!(range("bigint"), (i128::from(i64::MIN), i128::from(i64::MAX)));
        assert_eq!(range("bigint unsigned"), (0, i128::from(u64::MAX)));
    }

    #[test]
    fn the_least_bigint_is_no_null() {
        let storage = |name: &str| {
            let int = IntType::read(name).unwrap();
            ColumnType::Int(int).storage(int.range())
        };
        assert_eq!(storage("bigint"), Storage::Literal);
        assert_eq!(storage("bigint unsigned"), Storage::Literal);
        assert_eq!(storage("int unsigned"), Storage::Number);
        let not_negative = (0, i128::from(i64::MAX));
        assert_eq!(ColumnType::BIGINT.storage(not_negative), Storage::Number);
    }
}
