//! Checks a table as a whole.

use super::columns;
use super::ddl;
use super::live::{LiveServer, LiveTable};
use super::online::Algorithm;
use super::{Mismatch, Wanted, ids, keys, letters, partitions, quoted};

/// How long before the end of TIMESTAMP the warning starts, in seconds.
const YEAR: i64 = 365 * 24 * 3600;

pub(super) fn check(
    wanted: &Wanted<'_>,
    live: &LiveTable,
    server: &LiveServer,
    mismatches: &mut Vec<Mismatch>,
) {
    if live.is_view {
        mismatches.push(is_view(wanted));
        return;
    }
    mismatches.extend(engine(wanted, live));
    mismatches.extend(foreign_keys(wanted, live));
    // In the order in which the fixes work: drop a key, change its columns, add a key.
    mismatches.extend(keys::harmful(wanted, live));
    match wanted.table {
        Some(table) => columns::mapped(table, live, server.dialect, mismatches),
        None => letters::check(live, mismatches),
    }
    columns::unmapped(wanted, live, server.dialect, mismatches);
    mismatches.extend(keys::needed(wanted, live, server.dialect));
    mismatches.extend(ids::check(wanted.name, live));
    mismatches.extend(partitions::check(wanted.name, live.partitions.as_ref()));
    mismatches.extend(timestamps(wanted, live, server));
    mismatches.extend(own_rules(wanted, live));
}

/// The same for a table of sluicegate's own, whose columns only migrations make.
pub(super) fn check_own(
    wanted: &Wanted<'_>,
    live: &LiveTable,
    server: &LiveServer,
    mismatches: &mut Vec<Mismatch>,
) {
    if live.is_view {
        mismatches.push(is_view(wanted));
        return;
    }
    mismatches.extend(engine(wanted, live));
    mismatches.extend(foreign_keys(wanted, live));
    mismatches.extend(keys::harmful(wanted, live));
    let lacks = |column: &&&str| !live.columns.contains_key(**column);
    mismatches.extend(wanted.columns.iter().filter(lacks).map(|column| {
        Mismatch::refused(
            format!("{}.{column}", wanted.name),
            "the column does not exist",
            "creating the table as its migration does",
        )
    }));
    columns::unmapped(wanted, live, server.dialect, mismatches);
    mismatches.extend(keys::needed(wanted, live, server.dialect));
    mismatches.extend(own_rules(wanted, live));
}

fn is_view(wanted: &Wanted<'_>) -> Mismatch {
    Mismatch::refused(
        wanted.name,
        "is a view; only a table's own unique key can tell whether a row exists",
        "mapping the table behind it",
    )
}

fn engine(wanted: &Wanted<'_>, live: &LiveTable) -> Option<Mismatch> {
    (!live.is_transactional).then(|| {
        Mismatch::refused(
            wanted.name,
            format!(
                "its engine {} has no transactions, so a failed batch would leave rows behind",
                live.engine
            ),
            format!("ALTER TABLE {} ENGINE = InnoDB", quoted(wanted.name)),
        )
        .costing(Algorithm::Copy.cost(live))
    })
}

/// Events come in any order, so the row that a foreign key requires may arrive later. A foreign key to
/// a table whose rows are never deleted does no harm here.
fn foreign_keys(wanted: &Wanted<'_>, live: &LiveTable) -> Vec<Mismatch> {
    let drop =
        |key: &str, table: &str| format!("ALTER TABLE {table} DROP FOREIGN KEY {}", quoted(key));
    let mismatch = |key: &super::ForeignKey| {
        let other = key.other.split('.').map(quoted).collect::<Vec<_>>().join(".");
        if key.is_from {
            let problem = format!(
                "its foreign key {} to {} refuses rows whose other row arrives later",
                key.name, key.other
            );
            Mismatch::refused(wanted.name, problem, drop(&key.name, &quoted(wanted.name)))
        } else if wanted.is_lines() {
            let problem = format!(
                "the foreign key {} of {} blocks the deletion of stale lines, or deletes rows of that table with them",
                key.name, key.other
            );
            Mismatch::refused(wanted.name, problem, drop(&key.name, &other))
        } else {
            let problem = format!(
                "the foreign key {} of {} refers to it: a row there can only be written after its row here",
                key.name, key.other
            );
            Mismatch::warning(wanted.name, problem, None)
        }
    };
    live.foreign_keys.iter().map(mismatch).collect()
}

/// Reports columns that the server fills with its own time, in a type that ends in 2038.
fn timestamps(wanted: &Wanted<'_>, live: &LiveTable, server: &LiveServer) -> Vec<Mismatch> {
    if server.now < server.timestamp_ends - YEAR {
        return Vec::new();
    }
    let own_time = |column: &super::LiveColumn| {
        let is_now = |sql: &String| sql.to_ascii_lowercase().contains("current_timestamp");
        column.data_type == "timestamp"
            && (column.default.as_ref().is_some_and(is_now)
                || column.on_update.as_ref().is_some_and(is_now))
    };
    let ending = live.columns.iter().filter(|(_, column)| own_time(column));
    ending
        .map(|(name, column)| {
            let precision = column.precision.filter(|&digits| digits > 0);
            let ty =
                precision.map_or("DATETIME".to_owned(), |digits| format!("DATETIME({digits})"));
            let fix = format!(
                "ALTER TABLE {} MODIFY COLUMN {}",
                quoted(wanted.name),
                ddl::changed(name, column, &ty, None, column.nullable)
            );
            let place = format!("{}.{name}", wanted.name);
            if server.now > server.timestamp_ends {
                let problem = "is a TIMESTAMP, whose range has ended: no row can be written";
                Mismatch::refused(place, problem, fix)
            } else {
                let problem =
                    "is a TIMESTAMP, whose range ends within a year; then no row can be written";
                Mismatch::warning(place, problem, Some(fix))
            }
        })
        .collect()
}

/// Warns of rules that the mapping does not know. They may be intended.
fn own_rules(wanted: &Wanted<'_>, live: &LiveTable) -> Vec<Mismatch> {
    [("CHECK constraints", &live.checks), ("triggers", &live.triggers)]
        .into_iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(what, names)| {
            let names = names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            let problem = format!(
                "has {what} that the mapping does not know ({names}); an event that one of them refuses becomes a dead letter (server_refused)"
            );
            Mismatch::warning(wanted.name, problem, None)
        })
        .collect()
}
