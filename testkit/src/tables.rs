//! What tables hold, as values, and how they are compared.

use crate::fold::Row;
use serde_json::Value;
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Executor, Row as _};
use std::collections::BTreeMap;

/// Columns that the server fills in; no test compares them.
const NOT_COMPARED: [&str; 2] = ["id", "created_at"];

/// Every row of a table, without `id` and `created_at`, in no order: numbers as numbers, JSON as
/// parsed, everything else as text.
pub async fn rows(connection: &mut MySqlConnection, table: &str) -> Vec<Row> {
    let columns = sqlx::query(
        "SELECT CAST(COLUMN_NAME AS CHAR), CAST(DATA_TYPE AS CHAR) FROM information_schema.COLUMNS \
         WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION",
    )
    .bind(table)
    .fetch_all(&mut *connection)
    .await
    .unwrap();
    assert!(!columns.is_empty(), "there is no table {table}");
    let columns: Vec<(String, String)> = columns
        .iter()
        .map(|row| (row.get(0), row.get::<String, _>(1).to_lowercase()))
        .filter(|(name, _): &(String, String)| !NOT_COMPARED.contains(&name.as_str()))
        .collect();
    // Bytes need not be text.
    let as_text = |(name, ty): &(String, String)| match ty.as_str() {
        "varbinary" | "mediumblob" => format!("`{name}`"),
        _ => format!("CAST(`{name}` AS CHAR)"),
    };
    let list: Vec<String> = columns.iter().map(as_text).collect();
    let select = format!("SELECT {} FROM `{table}`", list.join(", "));
    let rows = connection.fetch_all(AssertSqlSafe(select)).await.unwrap();
    rows.iter()
        .map(|row| {
            let values = columns.iter().enumerate().map(|(index, (name, ty))| {
                let bytes: Option<Vec<u8>> = row.get_unchecked(index);
                let text = bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
                (name.clone(), text.map_or(Value::Null, |text| value(name, ty, text)))
            });
            values.collect()
        })
        .collect()
}

fn value(name: &str, ty: &str, text: String) -> Value {
    match ty {
        "bigint" | "int" | "smallint" | "tinyint" => match text.parse::<i64>() {
            Ok(number) => Value::from(number),
            Err(_) => Value::from(text.parse::<u64>().unwrap()),
        },
        // MariaDB's JSON is LONGTEXT.
        "json" | "longtext" => {
            serde_json::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"))
        }
        _ => Value::from(text),
    }
}

/// How many rows a table has.
pub async fn count(connection: &mut MySqlConnection, table: &str) -> i64 {
    let select = format!("SELECT COUNT(*) FROM `{table}`");
    connection.fetch_one(AssertSqlSafe(select)).await.unwrap().get(0)
}

/// Compares a table with what it should hold, whatever the order. Columns that no expected row has
/// are not compared.
#[track_caller]
pub fn assert_table(context: &str, table: &str, found: &[Row], expected: &[Row]) {
    let (found, expected) = (comparable(found, expected), comparable(expected, expected));
    if found == expected {
        return;
    }
    let lacks: Vec<&String> = expected.iter().filter(|row| !found.contains(row)).take(3).collect();
    let extra: Vec<&String> = found.iter().filter(|row| !expected.contains(row)).take(3).collect();
    panic!(
        "{context}: {table} has {} rows, expected {}; the first that\nare missing: {lacks:#?}\nshould not be: {extra:#?}",
        found.len(),
        expected.len()
    );
}

/// Rows in an order that does not depend on the database, and without columns that `like` lacks.
fn comparable(rows: &[Row], like: &[Row]) -> Vec<String> {
    let columns: Option<Vec<&String>> = like.first().map(|row| row.keys().collect());
    let is_kept = |name: &String| columns.as_ref().is_none_or(|columns| columns.contains(&name));
    let text = |row: &Row| {
        let kept: BTreeMap<&String, &Value> =
            row.iter().filter(|(name, _)| is_kept(name)).collect();
        serde_json::to_string(&kept).unwrap()
    };
    let mut texts: Vec<String> = rows.iter().map(text).collect();
    texts.sort_unstable();
    texts
}
