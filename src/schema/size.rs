//! The servers' limits on the size of a row and a key.

use super::live::{LiveColumn, LiveTable};
use crate::mapping::ColumnType;
use crate::mapping::size::POINTER;

pub(super) use crate::mapping::size::{ROW_BYTES_MAX, bytes as new_bytes, fits_row};

pub(super) const KEY_BYTES_MAX: i64 = 3_072;

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
