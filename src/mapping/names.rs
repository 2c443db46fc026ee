//! Names of topics, tables and columns: what Kafka, the server and the statements take.

use super::report::Report;
use super::table::{ColumnSpec, Table};
use crate::decode::EVENT_TYPE_CHARS_MAX;
use toml::Spanned;

/// Longest identifier of MySQL and MariaDB.
const IDENTIFIER_CHARS_MAX: usize = 64;
/// What the name of a table's unique key begins with; it has to fit as well.
const UNIQUE_KEY_PREFIX: &str = "uq_";
/// Tables that are sluicegate's own, beside those that begin with [`OWN_PREFIX`].
const OWN_TABLES: [&str; 2] = ["dead_letters", "_sqlx_migrations"];
const OWN_PREFIX: &str = "sluicegate_";
/// Columns that the server fills in every table.
const SERVER_COLUMNS: [&str; 2] = ["id", "created_at"];
/// Names that InnoDB keeps for itself.
const INNODB_COLUMNS: [&str; 4] = ["DB_ROW_ID", "DB_TRX_ID", "DB_ROLL_PTR", "FTS_DOC_ID"];

/// Checks a topic's name, which is also the first part of its event types.
pub(super) fn check_topic(report: &mut Report<'_>, topic: &Spanned<String>) {
    let name = topic.get_ref();
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    if name.is_empty() || [".", ".."].contains(&name.as_str()) || !name.bytes().all(legal) {
        report.fault(topic, "is not the name of a Kafka topic: letters, digits, dots, _ and -");
    }
    // A dot and an action of one letter have to fit behind it.
    let longest = EVENT_TYPE_CHARS_MAX - 2;
    if name.len() > longest {
        let problem = format!(
            "is too long: event types are <topic>.<action> of at most {EVENT_TYPE_CHARS_MAX} characters, so a topic has at most {longest}"
        );
        report.fault(topic, &problem);
    }
}

/// Checks the name of a table that comes after `tables`, and the names of its columns. The server
/// compares names of columns, and on some systems those of tables, without case.
pub(super) fn check_table(
    report: &mut Report<'_>,
    name: &Spanned<String>,
    columns: &[ColumnSpec],
    tables: &[Table],
) {
    let table = name.get_ref();
    if let Some(other) = tables.iter().find(|other| other.name.eq_ignore_ascii_case(table)) {
        report
            .fault(name, &format!("another table is mapped by this name already: {}", other.name));
    }
    let is_own = |own: &str| own.eq_ignore_ascii_case(table);
    if OWN_TABLES.into_iter().any(is_own) || table.to_ascii_lowercase().starts_with(OWN_PREFIX) {
        report.fault(
            name,
            "is a name of sluicegate's own tables (dead_letters, _sqlx_migrations, sluicegate_…); choose another",
        );
    }
    check_word(report, name, table, IDENTIFIER_CHARS_MAX - UNIQUE_KEY_PREFIX.len());
    let mut seen: Vec<String> = Vec::new();
    for column in columns.iter().map(|column| column.name.as_str()) {
        check_word(report, name, column, IDENTIFIER_CHARS_MAX);
        let is = |reserved: &str| reserved.eq_ignore_ascii_case(column);
        if SERVER_COLUMNS.into_iter().any(is) {
            report.fault(name, &format!("column {column} is reserved: the server fills it"));
        } else if INNODB_COLUMNS.into_iter().any(is) {
            report.fault(name, &format!("column {column} is reserved: InnoDB uses it"));
        }
        let folded = column.to_ascii_lowercase();
        if seen.contains(&folded) {
            report.fault(
                name,
                &format!("column {column} comes twice; the server compares names without case"),
            );
        }
        seen.push(folded);
    }
}

fn check_word(report: &mut Report<'_>, at: &Spanned<String>, word: &str, longest: usize) {
    if word.is_empty() || !word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        report.fault(at, &format!("{word:?} is not a name of letters, digits and _"));
    }
    if word.len() > longest {
        report.fault(at, &format!("{word:?} is too long; it may have {longest} characters"));
    }
}
