//! The rows of a batch as values, and how they differ from those that must come out.

use crate::buffer::{Batch, NULL, Rows};
use crate::datetime;
use crate::mapping::{ColumnSpec, ColumnType, Mapping, Storage, Table, TableKind};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Column → value.
pub(super) type Row = Map<String, Value>;

/// The rows of each table that has some, as the tables would hold them.
pub(super) fn tables(mapping: &Mapping, batch: &Batch) -> BTreeMap<String, Vec<Row>> {
    let mut tables = BTreeMap::new();
    for (id, table) in mapping.tables.iter().enumerate() {
        let rows = batch.rows(id);
        let mut order = Vec::new();
        rows.sorted(table, &mut order);
        let order = order.into_iter().map(|row| row as usize);
        let kept = order.filter(|row| is_current(mapping, batch, table, rows, *row));
        let found: Vec<Row> = kept.map(|row| values(table, rows, row)).collect();
        if !found.is_empty() {
            tables.insert(table.name.clone(), found);
        }
    }
    tables
}

/// Whether a row stays: the server deletes lines of an older creation of their entity.
fn is_current(mapping: &Mapping, batch: &Batch, table: &Table, rows: &Rows, row: usize) -> bool {
    let TableKind::Lines { parent } = table.kind else { return true };
    let (owner, owners) = (&mapping.tables[parent], batch.rows(parent));
    let key = rows.column(Table::KEY).text(row);
    let version = |table: &Table, rows: &Rows, row: usize| {
        let at = rows.column(table.event_timestamp()).number(row);
        (at, rows.column(table.event_id()).text(row).map(str::to_owned))
    };
    let own = version(table, rows, row);
    (0..owners.len())
        .any(|at| owners.column(Table::KEY).text(at) == key && version(owner, owners, at) == own)
}

fn values(table: &Table, rows: &Rows, row: usize) -> Row {
    let value = |(column, spec): (usize, &ColumnSpec)| {
        let value = match spec.storage {
            Storage::Number => number(spec, rows.column(column).number(row)),
            Storage::Text | Storage::Literal => {
                rows.column(column).text(row).map_or(Value::Null, |text| read(spec, text))
            }
        };
        (spec.name.clone(), value)
    };
    table.columns.iter().enumerate().map(value).collect()
}

fn number(spec: &ColumnSpec, number: i64) -> Value {
    match spec.ty {
        _ if number == NULL => Value::Null,
        ColumnType::DateTime(digits) => {
            let text: String = datetime::format(number).map(char::from).iter().collect();
            let shown = if digits == 0 { 19 } else { 20 + usize::from(digits) };
            text[..shown].into()
        }
        ColumnType::Date => {
            datetime::format_date(number).map(char::from).iter().collect::<String>().into()
        }
        _ => number.into(),
    }
}

fn read(spec: &ColumnSpec, text: &str) -> Value {
    match spec.ty {
        ColumnType::Json | ColumnType::Int(_) | ColumnType::Double => {
            serde_json::from_str(text).unwrap_or_else(|_| text.into())
        }
        ColumnType::Decimal { scale, .. } => {
            let fraction = text.split_once('.').map_or(0, |(_, digits)| digits.len());
            let missing = usize::from(scale).saturating_sub(fraction);
            let point = if fraction == 0 && missing > 0 { "." } else { "" };
            format!("{text}{point}{}", "0".repeat(missing)).into()
        }
        _ => text.into(),
    }
}

/// What is missing or too much, a sentence each.
pub(super) fn differences(
    found: &BTreeMap<String, Vec<Row>>,
    expected: &BTreeMap<String, Value>,
) -> Vec<String> {
    let mut differences = Vec::new();
    for (table, expected) in expected {
        let rows = found.get(table).map_or(&[][..], Vec::as_slice);
        match expected {
            Value::Array(expected) => compare(table, rows, expected, &mut differences),
            count if count.as_u64() == Some(rows.len() as u64) => {}
            count => differences.push(format!("{table} has {} rows, not {count}", rows.len())),
        }
    }
    differences
}

fn compare(table: &str, rows: &[Row], expected: &[Value], differences: &mut Vec<String>) {
    let mut left: Vec<&Row> = rows.iter().collect();
    for wanted in expected {
        let Some(columns) = wanted.as_object() else {
            differences.push(format!("{table}: {wanted} is not a row"));
            continue;
        };
        let is_it = |row: &&Row| {
            columns
                .iter()
                .all(|(name, value)| row.get(name).is_some_and(|found| is_same(found, value)))
        };
        match left.iter().position(is_it) {
            Some(at) => drop(left.remove(at)),
            None => differences.push(format!("{table} lacks {wanted}")),
        }
    }
    let extra = left.iter().map(|row| format!("{table} has {}", Value::from((*row).clone())));
    differences.extend(extra);
}

/// A number may be written as a text, as decimals are, and a boolean as 0 or 1.
fn is_same(found: &Value, expected: &Value) -> bool {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Bool(value) => u8::from(*value).to_string(),
        other => other.to_string(),
    };
    let (a, b) = (text(found), text(expected));
    let is_fraction = |text: &str| text.contains(['.', 'e', 'E']);
    let both_texts = found.is_string() && expected.is_string();
    let is_near = || {
        // Whole numbers are compared digit by digit.
        let numbers = (a.parse::<f64>(), b.parse::<f64>());
        (is_fraction(&a) || is_fraction(&b)) && matches!(numbers, (Ok(a), Ok(b)) if a == b)
    };
    found == expected || a == b || !both_texts && is_near()
}
