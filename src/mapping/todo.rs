//! What a mapping file leaves open: texts that begin with `TODO:`, wherever they stand.
//!
//! `sluicegate infer` writes them where it would have to guess. Such a file does not compile, so no guess is
//! run unread.

use super::report::Report;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The key of a fault that says what is open. Other faults of its line only follow from it.
pub(super) const TODO: &str = "TODO";
const MARK: &str = "TODO:";

/// Reports every text of a file that is still to be chosen.
pub(super) fn report_all(table: &DeTable<'_>, report: &mut Report<'_>) {
    for (key, value) in table {
        report_in(key.get_ref(), value, report);
    }
}

fn report_in(key: &str, value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) {
    match value.get_ref() {
        DeValue::String(text) => {
            if let Some(choices) = text.strip_prefix(MARK) {
                let problem = match choices.trim() {
                    "" => format!("`{key}` is still open"),
                    choices => format!("`{key}` is still open; choose {choices}"),
                };
                report.fault_at(value.span().start, TODO, &problem);
            }
        }
        DeValue::Array(values) => values.iter().for_each(|value| report_in(key, value, report)),
        DeValue::Table(table) => report_all(table, report),
        _ => {}
    }
}
