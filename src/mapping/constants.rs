//! Constants of a mapping file → values as a batch keeps them.

use super::plan::Constant;
use super::table::ColumnSpec;
use super::types::{ColumnType, Storage};
use crate::datetime;
use crate::exact::{Exact, write_double};

/// Reads a constant for a column.
///
/// # Errors
/// Why the column does not take it.
pub(super) fn read(text: &str, spec: &ColumnSpec) -> Result<Constant, String> {
    let not = |what: &str| format!("is not {what}, which the {} column takes", spec.ty.sql());
    match &spec.ty {
        ColumnType::Int(_) => {
            let number = Exact::read(text).and_then(|number| number.whole());
            let (least, greatest) = spec.range;
            let number = number.filter(|number| (least..=greatest).contains(number));
            let number =
                number.ok_or_else(|| not(&format!("a whole number from {least} to {greatest}")))?;
            Ok(match (spec.storage, i64::try_from(number)) {
                (Storage::Number, Ok(number)) => Constant::Number(number),
                _ => Constant::Text(number.to_string()),
            })
        }
        ColumnType::Boolean => match text {
            "true" | "1" => Ok(Constant::Number(1)),
            "false" | "0" => Ok(Constant::Number(0)),
            _ => Err(not("true or false")),
        },
        ColumnType::Decimal { digits, scale } => {
            let number = Exact::read(text).filter(|number| number.check(*digits, *scale).is_ok());
            let number = number.ok_or_else(|| not("a number that fits"))?;
            let mut text = String::new();
            number.write(&mut text);
            Ok(Constant::Text(text))
        }
        ColumnType::Double => {
            let number = text.parse().ok().filter(|number: &f64| number.is_finite());
            let mut text = String::new();
            write_double(number.ok_or_else(|| not("a number"))?, &mut text);
            Ok(Constant::Text(text))
        }
        ColumnType::Date => match datetime::parse_date(text) {
            Ok(days) => Ok(Constant::Number(days)),
            Err(error) => Err(error.to_string()),
        },
        ColumnType::DateTime(digits) => match datetime::parse(text) {
            Ok(micros) => Ok(Constant::Number(datetime::cut(micros, *digits))),
            Err(error) => Err(error.to_string()),
        },
        ColumnType::Enum(values) if !values.iter().any(|value| value == text) => {
            Err(format!("is not one of the column's values: {}", values.join(", ")))
        }
        ColumnType::Json => match serde_json::from_str::<serde::de::IgnoredAny>(text) {
            Ok(_) => Ok(Constant::Text(text.to_owned())),
            Err(_) => Err(not("JSON")),
        },
        ColumnType::Varbinary(_) | ColumnType::Blob => {
            Err("is a constant, which a column of bytes does not take".to_owned())
        }
        ty => {
            if ty.chars_max().is_some_and(|longest| text.chars().count() > longest) {
                return Err(format!("is longer than the column's {}", ty.sql()));
            }
            match ty.bytes_max() {
                Some(longest) if text.len() > longest => {
                    Err(format!("is longer than the {longest} bytes of the column"))
                }
                _ => Ok(Constant::Text(text.to_owned())),
            }
        }
    }
}
