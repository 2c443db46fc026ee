//! The session that statements need, whatever the server's defaults are.
//!
//! Takes the variables as the server shows them, gives the `SET` for those that differ. Holds true:
//! every session variable of MySQL 9.7 and MariaDB 10.11 has a decision in [`VARIABLES`] (a test
//! compares it with both servers), and we do not set what is right already, so that the account
//! needs no privilege for it. Absent: IO.
//!
//! Each statement is a plain list of literals, which proxies understand. One that they cannot read
//! they refuse, or stop sharing the connection.

mod variables;

use std::collections::BTreeMap;
use std::time::Duration;

pub use variables::VARIABLES;

/// What we do about a session variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It can change what statements mean or whether they run, so it must have this value, as the
    /// server shows it. If the account may not set it, we do not use the session.
    Pinned(&'static str),
    /// Like `Pinned`, but any of these will do; if it has none, we set the first.
    OneOf(&'static [&'static str]),
    /// Like `Pinned`, for a number that may be larger.
    AtLeast(u64),
    /// `flush.lock_wait_timeout`.
    LockWait,
    /// A limit that the server's operator set, not ours to lift. A statement that exceeds it fails
    /// with an error of class outage or connection, and is retried.
    Limit,
    /// It changes neither what our statements mean nor whether they run.
    Harmless,
}

/// Run first, because these could cut short or refuse [`LOOK`], or make it begin a transaction, which
/// would keep the settings it began with. Every account may set them.
pub const BEFORE_LOOKING: &str =
    "SET SESSION autocommit = 1, sql_select_limit = 18446744073709551615, sql_big_selects = 1";

/// Lifts the server's statement timeout, which can be too short even for [`LOOK`]. Each server knows
/// one of these and refuses the other.
pub const LIFT_TIME_LIMIT: [&str; 2] =
    ["SET SESSION max_statement_time = 0", "SET SESSION max_execution_time = 0"];

/// Whether the answer to [`LOOK`] is complete. A server may cut off one that takes too long without
/// an error; rows come in the order of names, so the last ones are missing then.
#[must_use]
pub fn is_whole(shown: &BTreeMap<String, String>) -> bool {
    ["autocommit", "unique_checks", "version"].iter().all(|name| shown.contains_key(*name))
}

/// Shows all variables of the session, `version` among them. Not just those we need: MariaDB finds a
/// list of names by a plan that `optimizer_switch` can lead astray.
pub const LOOK: &str = "SHOW SESSION VARIABLES";

/// A variable that has to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub name: &'static str,
    /// The value it must have, as a literal.
    pub wanted: String,
    pub found: String,
}

impl Change {
    fn assignment(&self) -> String {
        format!("{} = {}", self.name, self.wanted)
    }

    /// The statement that sets this one alone.
    #[must_use]
    pub fn statement(&self) -> String {
        format!("SET SESSION {}", self.assignment())
    }
}

/// What has to change, given the names and values that [`LOOK`] shows. Variables that the server does
/// not have are skipped.
#[must_use]
pub fn changes(shown: &BTreeMap<String, String>, lock_wait: Duration) -> Vec<Change> {
    let has_binlog = shown.get("log_bin").is_none_or(|value| value != "OFF");
    let lock_wait = lock_wait.as_secs().max(1).to_string();
    let change = |&(name, decision): &(&'static str, Decision)| {
        let found = shown.get(name)?;
        // Without a binlog, its format does not matter.
        if name == "binlog_format" && !has_binlog {
            return None;
        }
        let is_one_of = |values: &[&str]| values.iter().any(|v| v.eq_ignore_ascii_case(found));
        let (is_right, wanted) = match decision {
            Decision::Pinned(value) => (is_one_of(&[value]), literal(value)),
            Decision::OneOf(values) => (is_one_of(values), literal(values[0])),
            Decision::AtLeast(least) => {
                (found.parse().is_ok_and(|found: u64| found >= least), least.to_string())
            }
            Decision::LockWait => (is_one_of(&[&lock_wait]), lock_wait.clone()),
            Decision::Limit | Decision::Harmless => return None,
        };
        (!is_right).then(|| Change { name, wanted, found: found.clone() })
    };
    VARIABLES.iter().filter_map(change).collect()
}

/// One statement for all changes; `None` if there are none.
#[must_use]
pub fn set(changes: &[Change]) -> Option<String> {
    let list: Vec<String> = changes.iter().map(Change::assignment).collect();
    (!list.is_empty()).then(|| format!("SET SESSION {}", list.join(", ")))
}

fn literal(value: &str) -> String {
    let is_bare = value == "DEFAULT" || value.parse::<f64>().is_ok();
    if is_bare { value.to_owned() } else { format!("'{value}'") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(values: &[(&str, &str)]) -> BTreeMap<String, String> {
        values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_is_right_already_is_not_set() {
        let five = Duration::from_secs(5);
        let right = shown(&[
            ("autocommit", "ON"),
            ("binlog_format", "MIXED"),
            ("sql_safe_updates", "OFF"),
            ("lock_wait_timeout", "5"),
            ("version", "9.7.0"),
        ]);
        assert_eq!(set(&changes(&right, five)), None);
        let wrong = shown(&[("autocommit", "OFF"), ("lock_wait_timeout", "31536000")]);
        assert_eq!(
            set(&changes(&wrong, five)).unwrap(),
            "SET SESSION autocommit = 'ON', lock_wait_timeout = 5"
        );
    }

    #[test]
    fn the_format_of_a_binlog_matters_where_there_is_one() {
        let statement = [("binlog_format", "STATEMENT"), ("log_bin", "ON")];
        let found = changes(&shown(&statement), Duration::from_secs(5));
        assert_eq!(found[0].statement(), "SET SESSION binlog_format = 'ROW'");
        let without = shown(&[("binlog_format", "STATEMENT"), ("log_bin", "OFF")]);
        assert_eq!(changes(&without, Duration::from_secs(5)), []);
    }

    #[test]
    fn every_variable_is_decided_once() {
        for pair in VARIABLES.windows(2) {
            assert!(pair[0].0 < pair[1].0, "{} before {}", pair[0].0, pair[1].0);
        }
    }

    /// Proxies read lists of names and literals; expressions end their sharing of connections.
    #[test]
    fn statements_are_plain() {
        let all: BTreeMap<String, String> =
            VARIABLES.iter().map(|(name, _)| ((*name).to_owned(), "other".to_owned())).collect();
        let statement = set(&changes(&all, Duration::from_secs(5))).unwrap();
        assert!(!statement.contains(['@', '(', ';']), "{statement}");
    }
}
