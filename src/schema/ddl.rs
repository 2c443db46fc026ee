//! Column definitions: new ones from the mapping, changed ones from the live column.

use super::live::LiveColumn;
use super::{Wanted, quoted, quoted_list, size};
use crate::mapping::size::apart;
use crate::mapping::{ColumnSpec, ColumnType, Table, TableKind};

/// Character set and collation of suggested tables: the newest that every supported server has.
const COLLATION: (&str, &str) = ("utf8mb4", "utf8mb4_unicode_520_ci");

/// Whether a column must be able to hold NULL.
///
/// If a later event of an entity comes first, its row lacks what only the creation gives. A required
/// text is `''` until then; other types have no such value for "not yet".
pub(super) fn takes_null(table: &Table, spec: &ColumnSpec) -> bool {
    if is_key(table, spec) {
        return false;
    }
    match table.kind {
        TableKind::Entity { .. } => !spec.is_empty_when_absent(),
        TableKind::Lines { .. } | TableKind::Log => !spec.required,
    }
}

/// Whether a column is part of the key that makes it harmless to write a row again.
pub(super) fn is_key(table: &Table, spec: &ColumnSpec) -> bool {
    Wanted::of(table).key.contains(&spec.name.as_str())
}

/// A new column as SQL. A text that does not fit the row gets a type that is stored apart.
pub(super) fn new(table: &Table, spec: &ColumnSpec, row_bytes: i64) -> String {
    let is_wide = !size::fits_row(row_bytes + size::new_bytes(&spec.ty));
    let apart = apart(&spec.ty).filter(|_| is_wide);
    let ty = apart.as_ref().unwrap_or(&spec.ty).sql();
    let null = if takes_null(table, spec) {
        "NULL"
    } else if matches!(table.kind, TableKind::Entity { .. })
        && !is_key(table, spec)
        && (ty.starts_with("VARCHAR") || ty.starts_with("CHAR"))
    {
        "NOT NULL DEFAULT ''"
    } else {
        "NOT NULL"
    };
    format!("{} {ty} {null}", quoted(&spec.name))
}

/// A new table as SQL. The widest texts are stored apart if they do not all fit a row.
pub(super) fn create_table(wanted: &Wanted<'_>, table: &Table) -> String {
    let bytes = |spec: &ColumnSpec| size::new_bytes(&spec.ty);
    let mut narrow_first: Vec<&ColumnSpec> = table.columns.iter().collect();
    narrow_first.sort_by_key(|spec| bytes(spec));
    let columns = table.columns.iter().map(|spec| {
        // The narrower columns have taken their room already.
        let before = narrow_first.iter().take_while(|other| !std::ptr::eq(**other, spec));
        new(table, spec, before.map(|spec| bytes(spec)).sum())
    });
    let mut columns: Vec<String> = columns.collect();
    // The mapping may have columns of these names.
    let has = |name: &str| wanted.columns.iter().any(|column| column.eq_ignore_ascii_case(name));
    if !has("id") {
        columns.insert(0, "`id` BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY".to_owned());
    }
    if !has("created_at") {
        columns.push("`created_at` DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP".to_owned());
    }
    format!(
        "CREATE TABLE {} ({}, UNIQUE KEY {} ({})) ENGINE = InnoDB CHARACTER SET {} COLLATE {}",
        quoted(wanted.name),
        columns.join(", "),
        quoted(&wanted.key_name()),
        quoted_list(wanted.key.iter().copied()),
        COLLATION.0,
        COLLATION.1,
    )
}

/// A live column as SQL with this type, collation and nullability; all else as it is.
pub(super) fn changed(
    name: &str,
    live: &LiveColumn,
    ty: &str,
    collation: Option<&(String, String)>,
    nullable: bool,
) -> String {
    let mut text = format!("{} {ty}", quoted(name));
    if let Some((charset, collation)) = collation {
        text += &format!(" CHARACTER SET {charset} COLLATE {collation}");
    }
    text += if nullable { " NULL" } else { " NOT NULL" };
    match &live.default {
        // MySQL allows a TEXT only an expression as a default.
        Some(default) if ty.ends_with("TEXT") && !default.starts_with('(') => {
            text += &format!(" DEFAULT ({default})");
        }
        Some(default) => text += &format!(" DEFAULT {}", now_as_precise_as(ty, default)),
        None => {}
    }
    if let Some(now) = &live.on_update {
        text += &format!(" ON UPDATE {}", now_as_precise_as(ty, now));
    }
    if live.is_invisible {
        text += " INVISIBLE";
    }
    if live.is_auto_increment {
        text += " AUTO_INCREMENT";
    }
    if !live.comment.is_empty() {
        text += &format!(" COMMENT {}", literal(&live.comment));
    }
    if let Some(check) = &live.check {
        text += &format!(" CHECK ({check})");
    }
    text
}

/// MySQL needs CURRENT_TIMESTAMP to have as many digits as its column (error 1067).
fn now_as_precise_as(ty: &str, sql: &str) -> String {
    let digits = ty.find('(').filter(|_| ty.to_ascii_uppercase().starts_with("DATETIME"));
    match (sql.to_ascii_lowercase().starts_with("current_timestamp"), digits) {
        (true, Some(at)) => format!("CURRENT_TIMESTAMP{}", &ty[at..]),
        _ => sql.to_owned(),
    }
}

/// A string literal, for a session with backslash escapes.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// The collation that a text column needs, as close as possible to the one that it has.
pub(super) fn collation(ty: &ColumnType, live: &LiveColumn) -> Option<(String, String)> {
    let (charset, collation) = live.collation.clone()?;
    if *ty == ColumnType::Id {
        let is_binary = collation.ends_with("_bin");
        let binary = format!("{charset}_bin");
        return Some((charset, if is_binary { collation } else { binary }));
    }
    if charset == "utf8mb4" && (!ty.is_binary() || collation.ends_with("_bin")) {
        return Some((charset, collation));
    }
    if ty.is_binary() {
        return Some((COLLATION.0.to_owned(), "utf8mb4_bin".to_owned()));
    }
    let own = |collation: &str| (COLLATION.0.to_owned(), collation.to_owned());
    // The same collation in the larger character set, if it exists.
    let narrow = ["utf8mb3_", "utf8_"].iter().find_map(|narrow| collation.strip_prefix(narrow));
    Some(match narrow {
        Some(rest) => own(&format!("utf8mb4_{rest}")),
        None if collation.ends_with("_bin") => own("utf8mb4_bin"),
        None => own(COLLATION.1),
    })
}
