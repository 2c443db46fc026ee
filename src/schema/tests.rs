//! What the tests' servers cannot show: times far ahead, and other versions. The rest is tested on
//! servers, in `tests/system/contract/schema.rs`.

use super::*;
use std::collections::BTreeMap;

fn server(now: i64) -> LiveServer {
    LiveServer {
        dialect: Dialect::MySql,
        now,
        timestamp_ends: Dialect::MySql.timestamp_ends("9.7.4"),
    }
}

/// A table of dead letters with one more column, which the server fills with its time.
fn stamped(data_type: &str) -> LiveTable {
    let column = |data_type: &str, default: Option<&str>| LiveColumn {
        data_type: data_type.to_owned(),
        column_type: data_type.to_owned(),
        default: default.map(str::to_owned),
        comment: "it's".to_owned(),
        ..LiveColumn::default()
    };
    let mut columns: BTreeMap<String, LiveColumn> =
        dead_letter::COLUMNS.map(|name| (name.to_owned(), column("int", None))).into();
    columns.insert("created_at".to_owned(), column(data_type, Some("CURRENT_TIMESTAMP")));
    let parts = dead_letter::KEY.map(|name| KeyPart::Column(name.to_owned())).to_vec();
    let key = LiveKey { parts, is_visible: true, is_tree: true };
    let unique_keys = BTreeMap::from([("mine".to_owned(), key)]);
    LiveTable { is_transactional: true, columns, unique_keys, ..LiveTable::default() }
}

fn said(table: &LiveTable, server: &LiveServer) -> Vec<Mismatch> {
    let mut mismatches = Vec::new();
    table::check(&Wanted::dead_letters(), table, server, &mut mismatches);
    mismatches.retain(|mismatch| mismatch.is_of("dead_letters.created_at"));
    mismatches
}

#[test]
fn the_end_of_timestamp_is_said_a_year_before_and_refused_when_it_is_there() {
    let end = i64::from(i32::MAX);
    assert_eq!(said(&stamped("timestamp"), &server(end - 400 * 24 * 3600)), []);
    let soon = said(&stamped("timestamp"), &server(end - 24 * 3600));
    assert_eq!((soon.len(), soon[0].severity), (1, Severity::Warning), "{soon:?}");
    assert_eq!(
        soon[0].fix.as_deref(),
        Some(
            "ALTER TABLE `dead_letters` MODIFY COLUMN `created_at` DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP COMMENT 'it''s'"
        )
    );
    let past = said(&stamped("timestamp"), &server(end + 1));
    assert_eq!((past.len(), past[0].severity), (1, Severity::Refused), "{past:?}");
    assert_eq!(said(&stamped("datetime"), &server(end + 1)), []);
}

#[test]
fn mariadb_moved_the_end_of_timestamp_in_11_5() {
    for (dialect, version, year) in [
        (Dialect::MySql, "9.7.4-2", 2038),
        (Dialect::MariaDb, "10.11.18-MariaDB-0+deb12u1", 2038),
        (Dialect::MariaDb, "5.5.5-10.6.1-MariaDB", 2038),
        (Dialect::MariaDb, "11.4.9-MariaDB", 2038),
        (Dialect::MariaDb, "11.5.1-MariaDB", 2106),
        (Dialect::MariaDb, "12.0.2-MariaDB", 2106),
    ] {
        let ends = dialect.timestamp_ends(version);
        assert_eq!(1970 + ends / (365 * 24 * 3600 + 6 * 3600), year, "{version}");
    }
}
