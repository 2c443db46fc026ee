//! The named conversions of a value. Nothing is converted without being told to.

use super::types::ColumnType;
use std::str::FromStr;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Convert {
    /// Seconds since 1970, with or without a fraction, to a time.
    Seconds,
    Millis,
    Micros,
    Nanos,
    /// Days since 1970 to a date or a time.
    Days,
    /// Digits in a text to a number.
    Number,
    /// A whole number or a boolean as text.
    Text,
    /// JSON in a text to JSON.
    Parse,
    /// Bytes that are written in base64.
    Base64,
    /// Bytes that are written in hexadecimal digits.
    Hex,
    /// The number of elements of an array.
    Length,
}

impl Convert {
    pub const ALL: [Self; 11] = [
        Self::Seconds,
        Self::Millis,
        Self::Micros,
        Self::Nanos,
        Self::Days,
        Self::Number,
        Self::Text,
        Self::Parse,
        Self::Base64,
        Self::Hex,
        Self::Length,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Seconds => "seconds",
            Self::Millis => "millis",
            Self::Micros => "micros",
            Self::Nanos => "nanos",
            Self::Days => "days",
            Self::Number => "number",
            Self::Text => "text",
            Self::Parse => "parse",
            Self::Base64 => "base64",
            Self::Hex => "hex",
            Self::Length => "length",
        }
    }

    /// Whether what it gives fits a column of this type.
    #[must_use]
    pub const fn gives(self, ty: &ColumnType) -> bool {
        use ColumnType::{Blob, Date, DateTime, Decimal, Double, Int, Json, Varbinary};
        match self {
            Self::Seconds | Self::Millis | Self::Micros | Self::Nanos | Self::Days => {
                matches!(ty, Date | DateTime(_))
            }
            Self::Number => matches!(ty, Int(_) | Decimal { .. } | Double),
            Self::Text => ty.is_text(),
            Self::Parse => matches!(ty, Json),
            Self::Base64 | Self::Hex => matches!(ty, Varbinary(_) | Blob),
            Self::Length => matches!(ty, Int(_)),
        }
    }

    /// What it is for, as in an error.
    #[must_use]
    pub const fn target(self) -> &'static str {
        match self {
            Self::Seconds | Self::Millis | Self::Micros | Self::Nanos | Self::Days => {
                "a date or datetime column"
            }
            Self::Number => "a column of numbers",
            Self::Text => "a text column",
            Self::Parse => "a json column",
            Self::Base64 | Self::Hex => "a varbinary or blob column",
            Self::Length => "a column of whole numbers",
        }
    }

    /// For a time since 1970: the power of ten that makes microseconds of its unit.
    #[must_use]
    pub const fn power(self) -> Option<i64> {
        match self {
            Self::Seconds => Some(6),
            Self::Millis => Some(3),
            Self::Micros => Some(0),
            Self::Nanos => Some(-3),
            _ => None,
        }
    }
}

impl FromStr for Convert {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|convert| convert.as_str() == text);
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::as_str).join(", ");
            format!("is not a conversion; there are {names}")
        })
    }
}
