//! Does the live schema take what the mapping writes?
//!
//! Takes the mapping and what `information_schema` says, gives every [`Mismatch`] at once, each
//! with the statement that would mend it. Holds true: against a schema without mismatches, a row
//! that leaves flatten is not refused, and a key stops exactly the duplicates it is meant to.

use crate::mapping::{ColumnSpec, ColumnType, Mapping, Table, TableKind};
use sqlx::mysql::{MySqlConnection, MySqlRow};
use sqlx::{Executor, Row};
use std::collections::BTreeMap;

/// The tables of the database, by name.
pub type LiveSchema = BTreeMap<String, LiveTable>;

/// A table as `information_schema` describes it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct LiveTable {
    /// Columns by name.
    pub columns: BTreeMap<String, LiveColumn>,
    /// Unique keys: name and columns, the primary key included.
    pub unique_keys: BTreeMap<String, Vec<String>>,
}

/// A column as `information_schema` describes it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct LiveColumn {
    /// `varchar`, `bigint`, …
    pub data_type: String,
    /// `varchar(50)`, `enum('a','b')`, …
    pub column_type: String,
    /// In characters.
    pub length: Option<i64>,
    /// Digits after the second.
    pub precision: Option<i64>,
    /// Character set, for texts.
    pub charset: Option<String>,
    /// Collation, for texts.
    pub collation: Option<String>,
    /// Whether it takes NULL.
    pub nullable: bool,
    /// Whether the server fills it when an `INSERT` does not.
    pub filled: bool,
}

/// Something that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}; mend it with: {mend}")]
pub struct Mismatch {
    /// Table, or table and column.
    pub place: String,
    /// What does not fit.
    pub problem: String,
    /// The statement that mends it.
    pub mend: String,
}

/// Reads the schema of the connection's database.
///
/// # Errors
/// Whatever the driver says.
pub async fn read(connection: &mut MySqlConnection) -> Result<LiveSchema, sqlx::Error> {
    let mut schema = LiveSchema::new();
    let columns = connection
        .fetch_all(
            "SELECT CAST(TABLE_NAME AS CHAR), CAST(COLUMN_NAME AS CHAR), CAST(DATA_TYPE AS CHAR), \
             CAST(COLUMN_TYPE AS CHAR), CAST(CHARACTER_MAXIMUM_LENGTH AS SIGNED), \
             CAST(DATETIME_PRECISION AS SIGNED), CAST(CHARACTER_SET_NAME AS CHAR), \
             CAST(COLLATION_NAME AS CHAR), IS_NULLABLE = 'YES', \
             COLUMN_DEFAULT IS NOT NULL OR EXTRA <> '' \
             FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE()",
        )
        .await?;
    for row in columns {
        let column = LiveColumn {
            data_type: text(&row, 2)?.to_ascii_lowercase(),
            column_type: text(&row, 3)?,
            length: row.try_get(4)?,
            precision: row.try_get(5)?,
            charset: row.try_get(6)?,
            collation: row.try_get(7)?,
            nullable: row.try_get::<i64, _>(8)? == 1,
            filled: row.try_get::<i64, _>(9)? == 1,
        };
        schema.entry(text(&row, 0)?).or_default().columns.insert(text(&row, 1)?, column);
    }
    let keys = connection
        .fetch_all(
            "SELECT CAST(TABLE_NAME AS CHAR), CAST(INDEX_NAME AS CHAR), CAST(COLUMN_NAME AS CHAR) \
             FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() AND NON_UNIQUE = 0 \
             ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX",
        )
        .await?;
    for row in keys {
        let table = schema.entry(text(&row, 0)?).or_default();
        table.unique_keys.entry(text(&row, 1)?).or_default().push(text(&row, 2)?);
    }
    Ok(schema)
}

fn text(row: &MySqlRow, index: usize) -> Result<String, sqlx::Error> {
    Ok(row.try_get::<Option<String>, _>(index)?.unwrap_or_default())
}

/// Everything in `live` that does not take what `mapping` writes.
#[must_use]
pub fn check(mapping: &Mapping, live: &LiveSchema) -> Vec<Mismatch> {
    let mut mismatches = Vec::new();
    for table in &mapping.tables {
        match live.get(&table.name) {
            Some(found) => check_table(table, found, &mut mismatches),
            None => mismatches.push(missing_table(&table.name, &create_table(mapping, table))),
        }
    }
    if !live.contains_key("dead_letters") {
        mismatches.push(missing_table("dead_letters", "sluicegate migrate"));
    }
    mismatches
}

fn missing_table(name: &str, mend: &str) -> Mismatch {
    let problem =
        "there is no such table (`sluicegate migrate` makes the built-in ones)".to_owned();
    Mismatch { place: name.to_owned(), problem, mend: mend.to_owned() }
}

fn check_table(table: &Table, live: &LiveTable, mismatches: &mut Vec<Mismatch>) {
    let mut mismatch = |column: Option<&str>, problem: String, mend: String| {
        let place = column.map_or(table.name.clone(), |column| format!("{}.{column}", table.name));
        let mend = format!("ALTER TABLE `{}` {mend}", table.name);
        mismatches.push(Mismatch { place, problem, mend });
    };
    for spec in &table.columns {
        let name = Some(spec.name.as_str());
        match live.columns.get(&spec.name) {
            None => mismatch(
                name,
                "there is no such column".to_owned(),
                format!("ADD COLUMN {}", definition(table, spec)),
            ),
            Some(found) => {
                for problem in problems(table, spec, found) {
                    mismatch(name, problem, format!("MODIFY COLUMN {}", definition(table, spec)));
                }
            }
        }
    }
    for (name, column) in &live.columns {
        let written = table.columns.iter().any(|spec| spec.name == *name);
        if !written && !column.nullable && !column.filled {
            mismatch(
                Some(name),
                "is not mapped, takes no NULL and has no default".to_owned(),
                format!("MODIFY COLUMN `{name}` {} NULL", column.column_type),
            );
        }
    }
    let (wanted_name, wanted) = unique_key(table);
    let by_name = matches!(table.kind, TableKind::Lines { .. });
    let fits = |(name, columns): (&String, &Vec<String>)| {
        *columns == wanted && (!by_name || *name == wanted_name)
    };
    if !live.unique_keys.iter().any(fits) {
        mismatch(
            None,
            format!("there is no unique key {wanted_name} over ({})", wanted.join(", ")),
            format!("ADD UNIQUE KEY `{wanted_name}` ({})", quoted(&wanted)),
        );
    }
    for (name, columns) in &live.unique_keys {
        if name != "PRIMARY" && *columns != wanted {
            mismatch(
                None,
                format!(
                    "the unique key {name} would make rows of different events overwrite each other"
                ),
                format!("DROP INDEX `{name}`"),
            );
        }
    }
}

/// The key that makes writing a row again harmless.
fn unique_key(table: &Table) -> (String, Vec<String>) {
    let columns = match table.kind {
        TableKind::Entity { .. } => vec![Table::KEY],
        TableKind::Lines { .. } => vec![Table::KEY, Table::LINE],
        TableKind::Log => vec![table.event_timestamp(), table.event_id()],
    };
    let names = columns.into_iter().map(|column| table.columns[column].name.clone()).collect();
    (format!("uq_{}", table.name), names)
}

fn problems(table: &Table, spec: &ColumnSpec, live: &LiveColumn) -> Vec<String> {
    let mut problems = Vec::new();
    let ty = live.column_type.as_str();
    if !fits(&spec.ty, live) {
        problems.push(format!("is {ty}, which does not hold every {}", spec.ty.sql()));
    }
    if live.charset.as_deref().is_some_and(|charset| {
        spec.ty != ColumnType::Id && charset != "utf8mb4" && charset != "binary"
    }) {
        problems.push(format!(
            "is in character set {}, not utf8mb4",
            live.charset.as_deref().unwrap_or("")
        ));
    }
    let binary = |collation: &str| collation.ends_with("_bin") || collation == "binary";
    if spec.ty == ColumnType::Id && !live.collation.as_deref().is_none_or(binary) {
        problems.push("compares ids without case; it needs a binary collation".to_owned());
    }
    let stays_null = !spec.required
        && !matches!(table.kind, TableKind::Lines { .. } if spec.name == table.columns[Table::LINE].name);
    if stays_null && !live.nullable {
        problems.push("takes no NULL, but the value may be absent".to_owned());
    }
    problems
}

fn fits(ty: &ColumnType, live: &LiveColumn) -> bool {
    let (data_type, length) = (live.data_type.as_str(), live.length.unwrap_or(0));
    let chars = |needed: usize| {
        // A utf8mb4 character has up to four bytes, and the length of a TEXT counts bytes.
        let needed = i64::try_from(needed).unwrap_or(i64::MAX);
        match data_type {
            "varchar" | "char" => length >= needed,
            "tinytext" | "text" | "mediumtext" | "longtext" => length >= needed.saturating_mul(4),
            _ => false,
        }
    };
    match ty {
        ColumnType::Id => chars(crate::decode::ID_CHARS_MAX),
        ColumnType::Varchar(needed) => chars(*needed),
        ColumnType::Text => matches!(data_type, "text" | "mediumtext" | "longtext"),
        ColumnType::Enum(values) if data_type == "enum" => {
            values.iter().all(|value| live.column_type.contains(&format!("'{value}'")))
        }
        ColumnType::Enum(values) => chars(values.iter().map(String::len).max().unwrap_or(0)),
        ColumnType::BigInt => data_type == "bigint",
        ColumnType::Boolean => data_type.ends_with("int"),
        ColumnType::DateTime => data_type == "datetime" && live.precision == Some(6),
        ColumnType::Json => matches!(data_type, "json" | "longtext"),
    }
}

fn definition(table: &Table, spec: &ColumnSpec) -> String {
    let null = match (&table.kind, spec.required) {
        (TableKind::Entity { .. }, true) if spec.name != table.columns[Table::KEY].name => {
            "NOT NULL DEFAULT ''"
        }
        (_, true) => "NOT NULL",
        (_, false) => "NULL",
    };
    format!("`{}` {} {null}", spec.name, spec.ty.sql())
}

fn create_table(mapping: &Mapping, table: &Table) -> String {
    if Mapping::built_in().is_ok_and(|built_in| built_in.table(&table.name).is_some()) {
        return "sluicegate migrate".to_owned();
    }
    debug_assert!(mapping.table(&table.name).is_some());
    let columns: Vec<String> = table.columns.iter().map(|spec| definition(table, spec)).collect();
    let (name, key) = unique_key(table);
    format!(
        "CREATE TABLE `{}` (`id` BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, {}, \
         `created_at` TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, UNIQUE KEY `{name}` ({})) \
         CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci",
        table.name,
        columns.join(", "),
        quoted(&key)
    )
}

fn quoted(columns: &[String]) -> String {
    columns.iter().map(|column| format!("`{column}`")).collect::<Vec<_>>().join(", ")
}
