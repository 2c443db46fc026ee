//! Names of topics, tables and columns that Kafka, the server and the statements accept.

use super::Mapping;
use super::report::Report;
use super::table::{ColumnSpec, Table, TableId};
use crate::decode::EVENT_TYPE_CHARS_MAX;
use toml::Spanned;

/// The servers' limit.
const IDENTIFIER_CHARS_MAX: usize = 64;
/// Prefix of a table's unique key, whose name has to fit as well.
pub(super) const UNIQUE_KEY_PREFIX: &str = "uq_";
/// sluicegate's own tables, besides those that begin with [`OWN_PREFIX`].
const OWN_TABLES: [&str; 2] = ["dead_letters", "_sqlx_migrations"];
const OWN_PREFIX: &str = "sluicegate_";
/// Columns of every table of the contract that the server fills.
const SERVER_COLUMNS: [&str; 2] = ["id", "created_at"];
/// Names that InnoDB reserves.
const INNODB_COLUMNS: [&str; 4] = ["DB_ROW_ID", "DB_TRX_ID", "DB_ROLL_PTR", "FTS_DOC_ID"];

/// Longest name of a topic, in characters.
const TOPIC_CHARS_MAX: usize = 249;

/// Checks a topic's name, which in the contract's envelope is also the first part of its event types.
pub(super) fn check_topic(report: &mut Report<'_>, topic: &Spanned<String>, is_contract: bool) {
    let name = topic.get_ref();
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    if name.is_empty() || [".", ".."].contains(&name.as_str()) || !name.bytes().all(legal) {
        report.fault(topic, "is not a Kafka topic name; use letters, digits, '.', '_' and '-'");
    }
    if !is_contract {
        if name.len() > TOPIC_CHARS_MAX {
            report.fault(
                topic,
                &format!("is too long: a topic has at most {TOPIC_CHARS_MAX} characters"),
            );
        }
        return;
    }
    // Leaves room for a dot and an action of one letter.
    let longest = EVENT_TYPE_CHARS_MAX - 2;
    if name.len() > longest {
        let problem = format!(
            "is too long: an event type, <topic>.<action>, has at most {EVENT_TYPE_CHARS_MAX} characters, so a topic has at most {longest}"
        );
        report.fault(topic, &problem);
    }
}

/// Checks a table's name against the `tables` so far, and the names of its columns. The server
/// ignores the case of column names, and on some systems of table names.
pub(super) fn check_table(
    report: &mut Report<'_>,
    name: &Spanned<String>,
    columns: &[ColumnSpec],
    tables: &[Table],
    is_contract: bool,
) {
    let table = name.get_ref();
    check_free(report, name, tables);
    check_word(report, name, table, IDENTIFIER_CHARS_MAX - UNIQUE_KEY_PREFIX.len());
    let mut seen: Vec<String> = Vec::new();
    for column in columns.iter().map(|column| column.name.as_str()) {
        check_word(report, name, column, IDENTIFIER_CHARS_MAX);
        let is = |reserved: &str| reserved.eq_ignore_ascii_case(column);
        if is_contract && SERVER_COLUMNS.into_iter().any(is) {
            report.fault(name, &format!("column {column} is reserved: the server fills it"));
        } else if INNODB_COLUMNS.into_iter().any(is) {
            report.fault(name, &format!("column {column} is reserved: InnoDB uses it"));
        }
        let folded = column.to_ascii_lowercase();
        if seen.contains(&folded) {
            report.fault(
                name,
                &format!("column {column} comes twice; the server ignores the case of names"),
            );
        }
        seen.push(folded);
    }
}

/// Checks the name of the view of the living rows of the table `own` against all `tables` so far and their
/// views. To a server tables and views are of one kind.
pub(super) fn check_view(
    report: &mut Report<'_>,
    name: &Spanned<String>,
    own: TableId,
    tables: &[Table],
) {
    let (before, from) = tables.split_at(own);
    check_free(report, name, before);
    if from.iter().any(|table| table.name.eq_ignore_ascii_case(name.get_ref())) {
        report.fault(name, "is the table itself; give its view of living rows another name");
    }
    check_word(report, name, name.get_ref(), IDENTIFIER_CHARS_MAX);
}

/// Whether a table or a view may have this name.
fn check_free(report: &mut Report<'_>, name: &Spanned<String>, tables: &[Table]) {
    let is_it = |other: &&str| other.eq_ignore_ascii_case(name.get_ref());
    if let Some(other) = tables.iter().map(|table| table.name.as_str()).find(is_it) {
        let is_built_in = Mapping::built_in().is_ok_and(|built_in| built_in.table(other).is_some());
        let hint = match is_built_in {
            true => "; if that is a built-in one, `mapping.built_in = false` leaves those out",
            false => "",
        };
        report.fault(name, &format!("another table already has this name: {other}{hint}"));
    }
    if let Some(other) = tables.iter().filter_map(Table::living_view).find(is_it) {
        report.fault(name, &format!("a view of living rows already has this name: {other}"));
    }
    let is_prefixed = name.get_ref().to_ascii_lowercase().starts_with(OWN_PREFIX);
    if OWN_TABLES.iter().any(is_it) || is_prefixed {
        report.fault(
            name,
            "is reserved for sluicegate's own tables (dead_letters, _sqlx_migrations, sluicegate_…); choose another name",
        );
    }
}

fn check_word(report: &mut Report<'_>, at: &Spanned<String>, word: &str, longest: usize) {
    if word.is_empty() || !word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        report.fault(at, &format!("{word:?} is not a name; use letters, digits and _"));
    }
    if word.len() > longest {
        report.fault(at, &format!("{word:?} is too long; use at most {longest} characters"));
    }
}

#[cfg(test)]
mod tests {
    use crate::mapping::Mapping;

    /// The faults of two entities of one file, `people` with this view and then `others`.
    fn faults(view: &str, others: &str) -> Vec<String> {
        let entity = |table: &str, more: &str| {
            format!("[[entity]]\ntable = '{table}'\ncreated_by = 'c'\ncolumns = []\n{more}")
        };
        let head = "topic = 'a'\nkey = 'k'\n[envelope]\ntype = 't'\nid = 'i'\ntime = 'at'\nkey = 'k'\ndata = 'd'\n";
        let deleted = format!("deleted = {{ name = 'gone', on = 'd', living_view = '{view}' }}\n");
        let log = "[[log]]\ntable = 'Logged'\nevents = ['*']\ncolumns = []\n";
        let text = format!("{head}{}{}{log}", entity("people", &deleted), entity(others, ""));
        let compiled = Mapping::compile([("a.toml", text.as_str())]);
        compiled.err().unwrap_or_default().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_view_shares_its_name_with_nothing() {
        assert_eq!(faults("living", "things"), [""; 0]);
        for (view, others, line, fault) in [
            ("people", "things", 13, "is the table itself"),
            ("logged", "things", 13, "another table already has this name: Logged"),
            ("Things", "things", 15, "a view of living rows already has this name: Things"),
            ("dead_letters", "things", 13, "is reserved for sluicegate's own tables"),
            ("a b", "things", 13, "is not a name"),
            (&"x".repeat(65), "things", 13, "use at most 64 characters"),
        ] {
            let found = faults(view, others);
            assert_eq!(found.len(), 1, "{found:#?}");
            let place = format!("a.toml:{line}: ");
            assert!(found[0].starts_with(&place) && found[0].contains(fault), "{found:#?}");
        }
    }
}
