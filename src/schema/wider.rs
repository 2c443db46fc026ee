//! Types that hold what a column has and what it is to take.

use super::columns::{CHAR_BYTES, TEXT_BYTES, as_i64, chars_of, fits, int_of, missing_values};
use super::live::LiveColumn;
use super::size;
use crate::mapping::{ColumnType, IntSize, IntType};

/// Most digits of a DECIMAL.
const DECIMAL_DIGITS: i64 = 65;

/// A type that holds the column's present values and every value of `ty`; `None` if no type does.
/// `others` are the bytes of the row's other columns.
pub(super) fn wider(ty: &ColumnType, live: &LiveColumn, others: i64) -> Option<String> {
    if fits(ty, live) {
        return Some(live.column_type.clone());
    }
    let data_type = live.data_type.as_str();
    match ty {
        ColumnType::Enum(values) if data_type == "enum" => {
            let lower = live.column_type.to_ascii_lowercase();
            let is_alike =
                |value: &String| lower.contains(&format!("'{}'", value.to_ascii_lowercase()));
            // To most collations two words that differ in case are one.
            if missing_values(values, live).any(is_alike) {
                return None;
            }
            let missing = missing_values(values, live).map(|value| format!(",'{value}'"));
            let missing: String = missing.collect();
            Some(format!("{}{missing})", live.column_type.strip_suffix(')')?))
        }
        ColumnType::Id
        | ColumnType::Key(_)
        | ColumnType::Char(_)
        | ColumnType::Varchar(_)
        | ColumnType::Enum(_) => wider_text(chars_of(ty), live, others),
        ColumnType::MediumText => {
            let is_text =
                matches!(data_type, "varchar" | "char" | "tinytext" | "text" | "enum" | "set");
            is_text.then(|| "MEDIUMTEXT".to_owned())
        }
        ColumnType::Varbinary(_) | ColumnType::Blob => wider_bytes(ty, live, others),
        ColumnType::Text => match data_type {
            "varchar" | "char" | "tinytext" | "enum" | "set" => {
                let is_small = live.length.unwrap_or(0).saturating_mul(CHAR_BYTES) <= TEXT_BYTES;
                Some(if is_small { "TEXT" } else { "MEDIUMTEXT" }.to_owned())
            }
            _ => None,
        },
        ColumnType::Int(int) => wider_number(*int, live),
        ColumnType::Decimal { digits, scale } => {
            let (digits, scale) = (i64::from(*digits), i64::from(*scale));
            wider_decimal(digits - scale, scale, live)
        }
        ColumnType::Double => {
            matches!(data_type, "float" | "double").then(|| ColumnType::Double.sql())
        }
        ColumnType::DateTime(digits) => {
            let digits = live.precision.unwrap_or(0).max(i64::from(*digits));
            let is_time = matches!(data_type, "datetime" | "timestamp" | "date");
            is_time.then(|| format!("DATETIME({digits})"))
        }
        ColumnType::Json => {
            let is_text =
                matches!(data_type, "varchar" | "char" | "tinytext" | "text" | "mediumtext");
            is_text.then(|| "LONGTEXT".to_owned())
        }
        ColumnType::Boolean | ColumnType::Date => None,
    }
}

/// The smallest type that holds a column's whole numbers and those of another type.
fn wider_number(int: IntType, live: &LiveColumn) -> Option<String> {
    if let Some(found) = int_of(live) {
        let ((least, greatest), (from, to)) = (int.range(), found.range());
        let both = (least.min(from), greatest.max(to));
        let sizes = [IntSize::Tiny, IntSize::Small, IntSize::Medium, IntSize::Int, IntSize::Big];
        let mut types = sizes
            .into_iter()
            .flat_map(|size| [false, true].map(|is_unsigned| IntType { size, is_unsigned }));
        let fits = |ty: &IntType| ty.range().0 <= both.0 && both.1 <= ty.range().1;
        // Signed and unsigned 64-bit numbers only fit a decimal together.
        return Some(types.find(fits).map_or_else(|| "DECIMAL(20,0)".to_owned(), IntType::sql));
    }
    let (least, greatest) = int.range();
    let digits = least.unsigned_abs().max(greatest.unsigned_abs()).to_string().len();
    wider_decimal(as_i64(digits), 0, live)
}

/// A decimal that holds the column's values and others, if it holds numbers without a fraction that floats.
fn wider_decimal(whole: i64, scale: i64, live: &LiveColumn) -> Option<String> {
    let (live_whole, live_scale) = match int_of(live) {
        Some(int) => (as_i64(int.range().1.to_string().len()), 0),
        None if live.data_type == "decimal" => {
            let (digits, scale) = live.digits?;
            (digits - scale, scale)
        }
        None => return None,
    };
    let scale = scale.max(live_scale);
    let digits = whole.max(live_whole) + scale;
    (digits <= DECIMAL_DIGITS).then(|| format!("DECIMAL({digits},{scale})"))
}

fn wider_bytes(ty: &ColumnType, live: &LiveColumn, others: i64) -> Option<String> {
    let needed = as_i64(ty.bytes_max().unwrap_or(0)).max(live.length.unwrap_or(0));
    match live.data_type.as_str() {
        "varbinary" | "binary"
            if matches!(ty, ColumnType::Varbinary(_)) && size::fits_row(others + needed + 2) =>
        {
            Some(format!("VARBINARY({needed})"))
        }
        "varbinary" | "binary" | "tinyblob" if needed <= TEXT_BYTES => Some("BLOB".to_owned()),
        "varbinary" | "binary" | "tinyblob" | "blob" => Some("MEDIUMBLOB".to_owned()),
        _ => None,
    }
}

fn wider_text(chars: i64, live: &LiveColumn, others: i64) -> Option<String> {
    let longest = chars.max(live.length.unwrap_or(0));
    match live.data_type.as_str() {
        "varchar" | "char" | "enum" | "set"
            if size::fits_row(others + longest * CHAR_BYTES + 2) =>
        {
            Some(format!("VARCHAR({longest})"))
        }
        "varchar" | "char" | "enum" | "set" | "tinytext" if longest * CHAR_BYTES <= TEXT_BYTES => {
            Some("TEXT".to_owned())
        }
        "varchar" | "char" | "tinytext" | "text" => Some("MEDIUMTEXT".to_owned()),
        _ => None,
    }
}
