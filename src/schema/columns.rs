//! Checks the columns of mapped tables.

use super::live::{LiveColumn, LiveTable};
use super::online::{self, Algorithm};
use super::wider::wider;
use super::{Mismatch, Wanted, ddl, quoted, size};
use crate::mapping::{ColumnSpec, ColumnType, IntType, Table};
use crate::mysql::Dialect;

/// Bytes of a utf8mb4 character.
pub(super) const CHAR_BYTES: i64 = 4;
/// Largest TEXT, in bytes.
pub(super) const TEXT_BYTES: i64 = 65_535;

/// Reports columns that nothing fills.
pub(super) fn unmapped(
    wanted: &Wanted<'_>,
    live: &LiveTable,
    dialect: Dialect,
    mismatches: &mut Vec<Mismatch>,
) {
    for (name, column) in &live.columns {
        let is_filled = column.nullable
            || column.default.is_some()
            || column.is_auto_increment
            || column.is_generated;
        if !is_filled && !wanted.columns.contains(&name.as_str()) {
            let changed =
                ddl::changed(name, column, &column.column_type, column.collation.as_ref(), true);
            let algorithm = online::of_change(dialect, column, &column.column_type, true, true);
            let mismatch = Mismatch::refused(
                format!("{}.{name}", wanted.name),
                "is not mapped, is NOT NULL and has no default",
                format!("ALTER TABLE {} MODIFY COLUMN {changed}", quoted(wanted.name)),
            );
            mismatches.push(mismatch.costing(algorithm.cost(live)));
        }
    }
}

pub(super) fn mapped(
    table: &Table,
    live: &LiveTable,
    dialect: Dialect,
    mismatches: &mut Vec<Mismatch>,
) {
    // The row's size after the fixes so far.
    let mut row_bytes = size::row_bytes(live);
    for spec in &table.columns {
        let (problem, (change, algorithm), is_growth) = match live.columns.get(&spec.name) {
            None => {
                let added = format!("ADD COLUMN {}", ddl::new(table, spec, row_bytes));
                row_bytes += size::new_bytes(&spec.ty);
                let takes_null = ddl::takes_null(table, spec);
                let problem = match takes_null {
                    true => "the column does not exist",
                    false => {
                        "the column does not exist, and the rows that are there have no value for it"
                    }
                };
                (problem.to_owned(), (added, Algorithm::Instant), takes_null)
            }
            Some(found) => {
                let problems = problems(table, spec, found);
                if problems.is_empty() {
                    continue;
                }
                let is_growth = only_grows(table, spec, found);
                let fix = fix(table, spec, found, dialect, &mut row_bytes);
                (problems.join(", and "), fix, is_growth)
            }
        };
        let mismatch = Mismatch::refused(
            format!("{}.{}", table.name, spec.name),
            problem,
            format!("ALTER TABLE {} {change}", quoted(&table.name)),
        );
        mismatches.push(mismatch.growing(is_growth).costing(algorithm.cost(live)));
    }
}

fn problems(table: &Table, spec: &ColumnSpec, live: &LiveColumn) -> Vec<String> {
    let mut problems = Vec::new();
    let ty = live.column_type.as_str();
    if live.is_generated {
        problems.push("is GENERATED, so the server refuses values for it".to_owned());
    }
    if !holds(spec, live) {
        problems.push(format!("is {ty}, which cannot hold every {}", spec.ty.sql()));
    }
    if let Some((charset, collation)) = &live.collation {
        if spec.ty.is_binary() && !collation.ends_with("_bin") {
            problems.push(format!(
                "compares ids by {collation}, under which different ones can be equal; it needs a binary collation"
            ));
        }
        if spec.ty != ColumnType::Id && charset != "utf8mb4" {
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

/// Whether the column's fix holds every value of before, as it was: a wider type of the same kind, or NULL
/// as well.
fn only_grows(table: &Table, spec: &ColumnSpec, live: &LiveColumn) -> bool {
    let is_of_kind = holds(spec, live) || is_of_kind(&spec.ty, &live.data_type);
    let is_widened = wider_for(spec, live, 0).is_some() && !live.is_generated;
    let keeps_collation = ddl::collation(&spec.ty, live) == live.collation;
    let narrows_null = ddl::is_key(table, spec) && live.nullable;
    is_of_kind && is_widened && keeps_collation && !narrows_null
}

/// Whether a wider type of a column is of the same kind: another one may show its values differently.
fn is_of_kind(ty: &ColumnType, data_type: &str) -> bool {
    match ty {
        ColumnType::Id
        | ColumnType::Key(_)
        | ColumnType::Char(_)
        | ColumnType::Varchar(_)
        | ColumnType::Text
        | ColumnType::MediumText => {
            matches!(data_type, "varchar" | "char" | "tinytext" | "text" | "mediumtext")
        }
        ColumnType::Int(_) | ColumnType::Decimal { .. } => {
            data_type == "decimal" || IntType::read(data_type).is_some()
        }
        ColumnType::Enum(_) => data_type == "enum",
        ColumnType::Varbinary(_) | ColumnType::Blob => {
            matches!(data_type, "varbinary" | "tinyblob" | "blob" | "mediumblob")
        }
        ColumnType::DateTime(_) => data_type == "datetime",
        ColumnType::Double | ColumnType::Boolean | ColumnType::Date | ColumnType::Json => false,
    }
}

/// The clause that makes a column fit, and keeps its values and its other attributes.
fn fix(
    table: &Table,
    spec: &ColumnSpec,
    live: &LiveColumn,
    dialect: Dialect,
    row_bytes: &mut i64,
) -> (String, Algorithm) {
    let nullable = if ddl::is_key(table, spec) {
        false
    } else {
        live.nullable || ddl::takes_null(table, spec)
    };
    let others = *row_bytes - size::live_bytes(live);
    match wider_for(spec, live, others).filter(|_| !live.is_generated) {
        Some(ty) => {
            if !holds(spec, live) {
                *row_bytes = others + size::new_bytes(&spec.ty).min(size::ROW_BYTES_MAX);
            }
            let collation = ddl::collation(&spec.ty, live);
            let keeps_collation = collation == live.collation;
            let algorithm = online::of_change(dialect, live, &ty, keeps_collation, nullable);
            let changed = ddl::changed(&spec.name, live, &ty, collation.as_ref(), nullable);
            (format!("MODIFY COLUMN {changed}"), algorithm)
        }
        // Its values are of another kind, so it stays, renamed, beside a new column.
        None => {
            *row_bytes += size::new_bytes(&spec.ty);
            let change = format!(
                "RENAME COLUMN {} TO {}, ADD COLUMN {}",
                quoted(&spec.name),
                quoted(&format!("{}_before", spec.name)),
                ddl::new(table, spec, others)
            );
            (change, Algorithm::Instant)
        }
    }
}

/// Whether a live column holds every value that a column of the mapping takes.
fn holds(spec: &ColumnSpec, live: &LiveColumn) -> bool {
    match spec.ty {
        ColumnType::Int(_) => holds_range(spec.range, live),
        _ => fits(&spec.ty, live),
    }
}

fn wider_for(spec: &ColumnSpec, live: &LiveColumn, others: i64) -> Option<String> {
    if holds(spec, live) { Some(live.column_type.clone()) } else { wider(&spec.ty, live, others) }
}

/// The type of a live column of whole numbers.
pub(super) fn int_of(live: &LiveColumn) -> Option<IntType> {
    let size = IntType::read(&live.data_type)?;
    // As in `bigint(20) unsigned zerofill`.
    Some(IntType { is_unsigned: live.column_type.contains("unsigned"), ..size })
}

fn holds_range((least, greatest): (i128, i128), live: &LiveColumn) -> bool {
    if let Some(int) = int_of(live) {
        let (from, to) = int.range();
        return from <= least && greatest <= to;
    }
    let digits_of = |number: i128| i64::try_from(number.unsigned_abs().to_string().len());
    let is_unsigned = live.column_type.contains("unsigned");
    live.data_type == "decimal"
        && (least >= 0 || !is_unsigned)
        && live.digits.is_some_and(|(digits, scale)| {
            [least, greatest]
                .into_iter()
                .all(|number| digits_of(number).is_ok_and(|n| n <= digits - scale))
        })
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
        ColumnType::Id
        | ColumnType::Key(_)
        | ColumnType::Char(_)
        | ColumnType::Varchar(_)
        | ColumnType::Enum(_) => chars(chars_of(ty)),
        ColumnType::Text => matches!(data_type, "text" | "mediumtext" | "longtext"),
        ColumnType::MediumText => matches!(data_type, "mediumtext" | "longtext"),
        ColumnType::Varbinary(bytes) => match data_type {
            "blob" | "mediumblob" | "longblob" => length >= as_i64(*bytes),
            _ => data_type == "varbinary" && length >= as_i64(*bytes),
        },
        ColumnType::Blob => matches!(data_type, "blob" | "mediumblob" | "longblob"),
        ColumnType::Int(int) => holds_range(int.range(), live),
        ColumnType::Decimal { digits, scale } => {
            let (digits, scale) = (i64::from(*digits), i64::from(*scale));
            data_type == "decimal"
                && !live.column_type.contains("unsigned")
                && live.digits.is_some_and(|(live_digits, live_scale)| {
                    live_scale >= scale && live_digits - live_scale >= digits - scale
                })
        }
        ColumnType::Double => data_type == "double" && !live.column_type.contains("unsigned"),
        ColumnType::Boolean => data_type.ends_with("int"),
        ColumnType::Date => data_type == "date",
        ColumnType::DateTime(digits) => {
            data_type == "datetime" && live.precision.unwrap_or(0) >= i64::from(*digits)
        }
        ColumnType::Json => matches!(data_type, "json" | "longtext"),
    }
}

pub(super) fn as_i64(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The longest value of a text type, in characters.
pub(super) fn chars_of(ty: &ColumnType) -> i64 {
    let chars = match ty {
        ColumnType::Id => crate::decode::ID_CHARS_MAX,
        ColumnType::Key(chars) | ColumnType::Char(chars) | ColumnType::Varchar(chars) => *chars,
        ColumnType::Enum(values) => values.iter().map(String::len).max().unwrap_or(0),
        _ => 0,
    };
    as_i64(chars)
}

pub(super) fn missing_values<'v>(
    values: &'v [String],
    live: &LiveColumn,
) -> impl Iterator<Item = &'v String> {
    values.iter().filter(|value| !live.column_type.contains(&format!("'{value}'")))
}
