//! Unique keys: the one that is needed, and those under which rows of different events collide.

use super::live::{KeyPart, LiveKey, LiveTable};
use super::{Mismatch, Severity, Wanted, quoted, quoted_list, size};
use crate::mysql::Dialect;

/// The name of the key that makes it harmless to write a row again.
pub(super) fn serving<'l>(wanted: &Wanted<'_>, live: &'l LiveTable) -> Option<&'l str> {
    let found = live.unique_keys.iter().find(|(name, key)| serves(wanted, name, key));
    found.map(|(name, _)| name.as_str())
}

/// Checks for the key that makes it harmless to write a row again.
pub(super) fn needed(wanted: &Wanted<'_>, live: &LiveTable, dialect: Dialect) -> Option<Mismatch> {
    match live.unique_keys.iter().find(|(name, key)| serves(wanted, name, key)) {
        Some((name, key)) => hidden(wanted, name, key, dialect),
        None => Some(missing(wanted, live)),
    }
}

/// Reports keys under which rows of different events collide.
pub(super) fn harmful(wanted: &Wanted<'_>, live: &LiveTable) -> Vec<Mismatch> {
    let keys = live.unique_keys.iter().filter(|(_, key)| !is_harmless(wanted, live, key));
    keys.map(|(name, key)| colliding(wanted, live, name, key)).collect()
}

/// Whether a key is the needed one: whole columns in this order, and this name if statements use it.
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
                "its unique key {name} is hidden from the optimizer, so each lookup would read the whole table"
            ),
            format!("ALTER TABLE {table} ALTER INDEX {} {shown}", quoted(name)),
        )
    })
}

fn missing(wanted: &Wanted<'_>, live: &LiveTable) -> Mismatch {
    let (name, columns) = (wanted.key_name(), wanted.key.join(", "));
    let add =
        format!("ADD UNIQUE KEY {} ({})", quoted(&name), quoted_list(wanted.key.iter().copied()));
    // Another key of this name has to go.
    let drop = match live.unique_keys.contains_key(&name) {
        true => format!("DROP INDEX {}, ", quoted(&name)),
        false => String::new(),
    };
    let problem =
        format!("has no unique key {name} over the whole columns ({columns}), in this order");
    let mut is_growth = false;
    let fix = match size::key_bytes(&wanted.key, live) {
        Some(bytes) if bytes <= size::KEY_BYTES_MAX => {
            is_growth = drop.is_empty();
            format!("ALTER TABLE {} {drop}{add}", quoted(wanted.name))
        }
        Some(bytes) => format!(
            "shorter columns first: ids have at most 50 ASCII characters, and a key over these columns takes {bytes} bytes of {} allowed",
            size::KEY_BYTES_MAX
        ),
        None => "VARCHAR columns first: ids have at most 50 characters, and a key cannot cover a whole TEXT".to_owned(),
    };
    Mismatch::refused(wanted.name, problem, fix).growing(is_growth)
}

/// Whether two events can never collide under a key: it includes the whole needed key, or a number or
/// UUID that the server gives each row.
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

fn colliding(wanted: &Wanted<'_>, live: &LiveTable, name: &str, key: &LiveKey) -> Mismatch {
    let is_partial = key.parts.iter().any(|part| !matches!(part, KeyPart::Column(_)));
    let over = key.parts.iter().map(|part| match part {
        KeyPart::Column(column) => column.clone(),
        KeyPart::Prefix(column, length) => format!("{column}({length})"),
        KeyPart::Expression => "an expression".to_owned(),
    });
    let over = over.collect::<Vec<_>>().join(", ");
    let why = if is_partial { "compares only part of the values and lets" } else { "lets" };
    let problem = format!(
        "the unique key {name} over ({over}) {why} rows of different events collide: one would overwrite the other"
    );
    let drop = match name {
        // The table needs another primary key: the server numbers the rows.
        "PRIMARY" if live.columns.contains_key("id") => "DROP PRIMARY KEY".to_owned(),
        "PRIMARY" => "DROP PRIMARY KEY, ADD COLUMN `id` BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY FIRST".to_owned(),
        _ => format!("DROP INDEX {}", quoted(name)),
    };
    // `missing` drops a key that has the needed one's name.
    let fix =
        (name != wanted.key_name()).then(|| format!("ALTER TABLE {} {drop}", quoted(wanted.name)));
    Mismatch {
        severity: Severity::Refused,
        place: wanted.name.to_owned(),
        problem,
        fix,
        is_growth: false,
    }
}
