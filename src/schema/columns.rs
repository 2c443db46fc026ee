//! Checks the columns of mapped tables.

use super::live::{LiveColumn, LiveTable};
use super::{Mismatch, Wanted, ddl, quoted, size};
use crate::mapping::{ColumnSpec, ColumnType, Table};

/// Bytes of a utf8mb4 character.
const CHAR_BYTES: i64 = 4;
/// Largest TEXT, in bytes.
const TEXT_BYTES: i64 = 65_535;

/// Reports columns that nothing fills.
pub(super) fn unmapped(wanted: &Wanted<'_>, live: &LiveTable, mismatches: &mut Vec<Mismatch>) {
    for (name, column) in &live.columns {
        let is_filled = column.nullable
            || column.default.is_some()
            || column.is_auto_increment
            || column.is_generated;
        if !is_filled && !wanted.columns.contains(&name.as_str()) {
            let changed =
                ddl::changed(name, column, &column.column_type, column.collation.as_ref(), true);
            mismatches.push(Mismatch::refused(
                format!("{}.{name}", wanted.name),
                "is not mapped, is NOT NULL and has no default",
                format!("ALTER TABLE {} MODIFY COLUMN {changed}", quoted(wanted.name)),
            ));
        }
    }
}

pub(super) fn mapped(table: &Table, live: &LiveTable, mismatches: &mut Vec<Mismatch>) {
    // The row's size after the fixes so far.
    let mut row_bytes = size::row_bytes(live);
    for spec in &table.columns {
        let (problem, change) = match live.columns.get(&spec.name) {
            None => {
                let added = format!("ADD COLUMN {}", ddl::new(table, spec, row_bytes));
                row_bytes += size::new_bytes(&spec.ty);
                ("the column does not exist".to_owned(), added)
            }
            Some(found) => {
                let problems = problems(table, spec, found);
                if problems.is_empty() {
                    continue;
                }
                (problems.join(", and "), fix(table, spec, found, &mut row_bytes))
            }
        };
        mismatches.push(Mismatch::refused(
            format!("{}.{}", table.name, spec.name),
            problem,
            format!("ALTER TABLE {} {change}", quoted(&table.name)),
        ));
    }
}

fn problems(table: &Table, spec: &ColumnSpec, live: &LiveColumn) -> Vec<String> {
    let mut problems = Vec::new();
    let ty = live.column_type.as_str();
    if live.is_generated {
        problems.push("is GENERATED, so the server refuses values for it".to_owned());
    }
    if !fits(&spec.ty, live) {
        problems.push(format!("is {ty}, which cannot hold every {}", spec.ty.sql()));
    }
    if let Some((charset, collation)) = &live.collation {
        if spec.ty == ColumnType::Id && !collation.ends_with("_bin") {
            problems.push(format!(
                "compares ids by {collation}, under which different ones can be equal; it needs a binary collation"
            ));
        } else if spec.ty != ColumnType::Id && charset != "utf8mb4" {
            problems.push(format!("is in character set {charset}, not utf8mb4"));
        }
    }
    if ddl::takes_null(table, spec) && !live.nullable {
        problems.push("is NOT NULL, but the value may be absent".to_owned());
    }
    if ddl::is_key(table, spec) && live.nullable {
        problems.push("allows NULL, but is part of the key".to_owned());
    }
    problems
}

/// The clause that makes a column fit, and keeps its values and its other attributes.
fn fix(table: &Table, spec: &ColumnSpec, live: &LiveColumn, row_bytes: &mut i64) -> String {
    let nullable = if ddl::is_key(table, spec) {
        false
    } else {
        live.nullable || ddl::takes_null(table, spec)
    };
    let others = *row_bytes - size::live_bytes(live);
    match wider(&spec.ty, live, others).filter(|_| !live.is_generated) {
        Some(ty) => {
            if !fits(&spec.ty, live) {
                *row_bytes = others + size::new_bytes(&spec.ty).min(size::ROW_BYTES_MAX);
            }
            let collation = ddl::collation(&spec.ty, live);
            format!(
                "MODIFY COLUMN {}",
                ddl::changed(&spec.name, live, &ty, collation.as_ref(), nullable)
            )
        }
        // Its values are of another kind, so it stays, renamed, beside a new column.
        None => {
            *row_bytes += size::new_bytes(&spec.ty);
            format!(
                "RENAME COLUMN {} TO {}, ADD COLUMN {}",
                quoted(&spec.name),
                quoted(&format!("{}_before", spec.name)),
                ddl::new(table, spec, others)
            )
        }
    }
}

/// Whether a live column holds every value of a type.
pub(super) fn fits(ty: &ColumnType, live: &LiveColumn) -> bool {
    let (data_type, length) = (live.data_type.as_str(), live.length.unwrap_or(0));
    let chars = |needed: i64| match data_type {
        "varchar" | "char" => length >= needed,
        // A TEXT's length is in bytes.
        "tinytext" | "text" | "mediumtext" | "longtext" => {
            length >= needed.saturating_mul(CHAR_BYTES)
        }
        _ => false,
    };
    match ty {
        ColumnType::Enum(values) if data_type == "enum" => {
            missing_values(values, live).next().is_none()
        }
        ColumnType::Id | ColumnType::Varchar(_) | ColumnType::Enum(_) => chars(chars_of(ty)),
        ColumnType::Text => matches!(data_type, "text" | "mediumtext" | "longtext"),
        ColumnType::BigInt => {
            data_type == "bigint"
                || data_type == "decimal"
                    && live.digits.is_some_and(|(digits, scale)| digits - scale >= 19)
        }
        ColumnType::Boolean => data_type.ends_with("int"),
        ColumnType::DateTime => data_type == "datetime" && live.precision == Some(6),
        ColumnType::Json => matches!(data_type, "json" | "longtext"),
    }
}

/// The longest value of a text type, in characters.
fn chars_of(ty: &ColumnType) -> i64 {
    let chars = match ty {
        ColumnType::Id => crate::decode::ID_CHARS_MAX,
        ColumnType::Varchar(chars) => *chars,
        ColumnType::Enum(values) => values.iter().map(String::len).max().unwrap_or(0),
        _ => 0,
    };
    i64::try_from(chars).unwrap_or(i64::MAX)
}

fn missing_values<'v>(values: &'v [String], live: &LiveColumn) -> impl Iterator<Item = &'v String> {
    values.iter().filter(|value| !live.column_type.contains(&format!("'{value}'")))
}

/// A type that holds the column's present values and every value of `ty`; `None` if no type does.
/// `others` are the bytes of the row's other columns.
pub(super) fn wider(ty: &ColumnType, live: &LiveColumn, others: i64) -> Option<String> {
    if fits(ty, live) {
        return Some(live.column_type.clone());
    }
    let data_type = live.data_type.as_str();
    match ty {
        ColumnType::Enum(values) if data_type == "enum" => {
            let missing = missing_values(values, live).map(|value| format!(",'{value}'"));
            let missing: String = missing.collect();
            Some(format!("{}{missing})", live.column_type.strip_suffix(')')?))
        }
        ColumnType::Id | ColumnType::Varchar(_) | ColumnType::Enum(_) => {
            wider_text(chars_of(ty), live, others)
        }
        ColumnType::Text => match data_type {
            "varchar" | "char" | "tinytext" | "enum" | "set" => {
                let is_small = live.length.unwrap_or(0).saturating_mul(CHAR_BYTES) <= TEXT_BYTES;
                Some(if is_small { "TEXT" } else { "MEDIUMTEXT" }.to_owned())
            }
            _ => None,
        },
        ColumnType::BigInt => match data_type {
            "tinyint" | "smallint" | "mediumint" | "int" => Some("BIGINT".to_owned()),
            "decimal" => live.digits.map(|(_, scale)| format!("DECIMAL({},{scale})", 19 + scale)),
            _ => None,
        },
        ColumnType::DateTime => {
            matches!(data_type, "datetime" | "timestamp" | "date").then(|| ty.sql())
        }
        ColumnType::Json => {
            let is_text =
                matches!(data_type, "varchar" | "char" | "tinytext" | "text" | "mediumtext");
            is_text.then(|| "LONGTEXT".to_owned())
        }
        ColumnType::Boolean => None,
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
