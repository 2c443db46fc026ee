//! Checks the columns of mapped tables.

use super::live::{LiveColumn, LiveTable};
use super::online::{self, Algorithm};
use super::{Mismatch, Wanted, ddl, quoted, size};
use crate::mapping::{ColumnSpec, ColumnType, IntSize, IntType, Table};
use crate::mysql::Dialect;

/// Bytes of a utf8mb4 character.
const CHAR_BYTES: i64 = 4;
/// Largest TEXT, in bytes.
const TEXT_BYTES: i64 = 65_535;
/// Most digits of a DECIMAL.
const DECIMAL_DIGITS: i64 = 65;

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
fn int_of(live: &LiveColumn) -> Option<IntType> {
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

fn as_i64(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The longest value of a text type, in characters.
fn chars_of(ty: &ColumnType) -> i64 {
    let chars = match ty {
        ColumnType::Id => crate::decode::ID_CHARS_MAX,
        ColumnType::Key(chars) | ColumnType::Char(chars) | ColumnType::Varchar(chars) => *chars,
        ColumnType::Enum(values) => values.iter().map(String::len).max().unwrap_or(0),
        _ => 0,
    };
    as_i64(chars)
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
