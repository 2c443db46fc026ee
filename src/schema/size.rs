//! The servers' limits on the size of a row and a key.

use super::live::{LiveColumn, LiveTable};
use crate::mapping::ColumnType;

/// A row, with pointers for texts that are stored apart.
pub(super) const ROW_BYTES_MAX: i64 = 65_535;
pub(super) const KEY_BYTES_MAX: i64 = 3_072;
/// Left free for NULL flags and small differences between servers.
const RESERVE: i64 = 256;

/// Bytes of a utf8mb4 character.
const CHAR_BYTES: i64 = 4;
/// A pointer to a text that is stored apart.
const POINTER: i64 = 12;

pub(super) fn fits_row(bytes: i64) -> bool {
    bytes + RESERVE <= ROW_BYTES_MAX
}

/// The most bytes that a live column takes in a row.
pub(super) fn live_bytes(column: &LiveColumn) -> i64 {
    match column.data_type.as_str() {
        "varchar" | "varbinary" => column.octets.unwrap_or(0) + 2,
        "char" | "binary" => column.octets.unwrap_or(0),
        _ if is_apart(column) => POINTER,
        "decimal" => column.digits.map_or(32, |(digits, _)| digits / 2 + 2),
        // Numbers, times, ENUM, SET, UUID.
        _ => 16,
    }
}

fn is_apart(column: &LiveColumn) -> bool {
    let ty = column.data_type.as_str();
    ty.ends_with("text") || ty.ends_with("blob") || ty == "json"
}

/// The most bytes that a table's columns take.
pub(super) fn row_bytes(live: &LiveTable) -> i64 {
    live.columns.values().map(live_bytes).sum()
}

/// The most bytes that a column of this type takes.
pub(super) fn new_bytes(ty: &ColumnType) -> i64 {
    match ty {
        ColumnType::Id => 52,
        ColumnType::Varchar(chars) | ColumnType::Key(chars) => {
            i64::try_from(*chars).unwrap_or(i64::MAX / 8) * CHAR_BYTES + 2
        }
        ColumnType::Char(chars) => i64::try_from(*chars).unwrap_or(i64::MAX / 8) * CHAR_BYTES,
        ColumnType::Varbinary(bytes) => i64::try_from(*bytes).unwrap_or(i64::MAX / 8) + 2,
        ColumnType::Text | ColumnType::MediumText | ColumnType::Blob | ColumnType::Json => POINTER,
        ColumnType::Decimal { digits, .. } => i64::from(*digits) / 2 + 2,
        ColumnType::Enum(_)
        | ColumnType::Int(_)
        | ColumnType::Double
        | ColumnType::Boolean
        | ColumnType::Date
        | ColumnType::DateTime(_) => 16,
    }
}

/// Bytes of a key over whole columns; `None` if one of them cannot have such a key. Columns that do
/// not exist yet are ids.
pub(super) fn key_bytes(columns: &[&str], live: &LiveTable) -> Option<i64> {
    let bytes = |name: &&str| match live.columns.get(*name) {
        None => Some(new_bytes(&ColumnType::Id)),
        Some(column) if is_apart(column) => None,
        Some(column) => Some(live_bytes(column)),
    };
    columns.iter().map(bytes).sum()
}
