//! Unique keys: the one that is needed, and those that let rows of different events meet.

use super::live::{KeyPart, LiveKey, LiveTable};
use super::{Mismatch, Severity, Wanted, quoted, quoted_list, size};
use crate::mysql::Dialect;

/// The key that makes writing a row again harmless.
pub(super) fn needed(wanted: &Wanted<'_>, live: &LiveTable, dialect: Dialect) -> Option<Mismatch> {
    match live.unique_keys.iter().find(|(name, key)| serves(wanted, name, key)) {
        Some((name, key)) => hidden(wanted, name, key, dialect),
        None => Some(missing(wanted, live)),
    }
}

/// Keys that let rows of different events meet.
pub(super) fn harmful(wanted: &Wanted<'_>, live: &LiveTable) -> Vec<Mismatch> {
    let keys = live.unique_keys.iter().filter(|(_, key)| !is_harmless(wanted, live, key));
    keys.map(|(name, key)| meeting(wanted, live, name, key)).collect()
}

/// Whether a key is the one that is needed: whole columns in this order, and by this name where
/// statements name it.
fn serves(wanted: &Wanted<'_>, name: &str, key: &LiveKey) -> bool {
    let is_part =
        |(part, column): (&KeyPart, &&str)| matches!(part, KeyPart::Column(name) if name == column);
    key.is_tree
        && key.parts.len() == wanted.key.len()
        && key.parts.iter().zip(&wanted.key).all(is_part)
        && (!wanted.is_key_named() || name == wanted.key_name())
}

fn hidden(wanted: &Wanted<'_>, name: &str, key: &LiveKey, dialect: Dialect) -> Option<Mismatch> {
    (!key.is_visible).then(|| {
        let shown = match dialect {
            Dialect::MySql => "VISIBLE",
            Dialect::MariaDb => "NOT IGNORED",
        };
        let table = quoted(wanted.name);
        Mismatch::refused(
            wanted.name,
            format!(
                "its unique key {name} is hidden from look-ups, so each would read the whole table"
            ),
            format!("ALTER TABLE {table} ALTER INDEX {} {shown}", quoted(name)),
        )
    })
}

fn missing(wanted: &Wanted<'_>, live: &LiveTable) -> Mismatch {
    let (name, columns) = (wanted.key_name(), wanted.key.join(", "));
    let add =
        format!("ADD UNIQUE KEY {} ({})", quoted(&name), quoted_list(wanted.key.iter().copied()));
    // A key by this name that is not the needed one has to make room.
    let drop = match live.unique_keys.contains_key(&name) {
        true => format!("DROP INDEX {}, ", quoted(&name)),
        false => String::new(),
    };
    let problem =
        format!("there is no unique key {name} over whole columns ({columns}) in this order");
    let fix = match size::key_bytes(&wanted.key, live) {
        Some(bytes) if bytes <= size::KEY_BYTES_MAX => {
            format!("ALTER TABLE {} {drop}{add}", quoted(wanted.name))
        }
        Some(bytes) => format!(
            "shorter columns first: ids have at most 50 characters of ASCII, and a key over these takes {bytes} bytes where {} are allowed",
            size::KEY_BYTES_MAX
        ),
        None => "VARCHAR columns first: ids have at most 50 characters, and a key over a whole TEXT cannot be made".to_owned(),
    };
    Mismatch::refused(wanted.name, problem, fix)
}

/// Whether two different events cannot meet in a key: it holds all of the needed one, or a number or
/// a UUID that the server gives to each row.
fn is_harmless(wanted: &Wanted<'_>, live: &LiveTable, key: &LiveKey) -> bool {
    let whole: Vec<&str> = key
        .parts
        .iter()
        .filter_map(|part| match part {
            KeyPart::Column(name) => Some(name.as_str()),
            KeyPart::Prefix(..) | KeyPart::Expression => None,
        })
        .collect();
    let is_given = |name: &&str| {
        live.columns.get(*name).is_some_and(|column| {
            let uuid = |sql: &String| sql.to_ascii_lowercase().contains("uuid");
            column.is_auto_increment || column.default.as_ref().is_some_and(uuid)
        })
    };
    wanted.key.iter().all(|column| whole.contains(column)) || whole.iter().any(is_given)
}

fn meeting(wanted: &Wanted<'_>, live: &LiveTable, name: &str, key: &LiveKey) -> Mismatch {
    let is_partial = key.parts.iter().any(|part| !matches!(part, KeyPart::Column(_)));
    let over = key.parts.iter().map(|part| match part {
        KeyPart::Column(column) => column.clone(),
        KeyPart::Prefix(column, length) => format!("{column}({length})"),
        KeyPart::Expression => "an expression".to_owned(),
    });
    let over = over.collect::<Vec<_>>().join(", ");
    let why = if is_partial { ", which is only a part of it," } else { "" };
    let problem = format!(
        "the unique key {name} over ({over}){why} lets rows of different events meet: one would overwrite the other"
    );
    let drop = match name {
        // A table whose key goes needs another, and the server can number the rows.
        "PRIMARY" if live.columns.contains_key("id") => "DROP PRIMARY KEY".to_owned(),
        "PRIMARY" => "DROP PRIMARY KEY, ADD COLUMN `id` BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY FIRST".to_owned(),
        _ => format!("DROP INDEX {}", quoted(name)),
    };
    // A key by the needed one's name goes when that one is added.
    let fix =
        (name != wanted.key_name()).then(|| format!("ALTER TABLE {} {drop}", quoted(wanted.name)));
    Mismatch { severity: Severity::Refused, place: wanted.name.to_owned(), problem, fix }
}
