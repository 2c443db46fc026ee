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

#[cfg(test)]
mod tests {
    use crate::mapping::Mapping;

    /// In every place, with its line, and without the faults that follow from it.
    #[test]
    fn what_is_open_is_the_only_fault_of_its_line() {
        let text = r#"topic = "TODO: t"
key = { name = "TODO: k", type = "TODO: varchar(9) or int" }
[envelope]
type = { join = ["a", "TODO: b"] }
id = 'TODO: "$content" (one), or "$position" (two)'
time = "TODO:"
key = { from = "k", convert = "TODO: text" }
data = ["TODO: data"]
[[log]]
table = "TODO: t"
events = ["TODO: *"]
columns = [
  { name = "TODO: c", type = "TODO: json", from = "a" },
  { name = "d", type = "text", from = "a", null = ["TODO: -"] },
  { name = "TODO", type = "text", value = "TODO" },
]
"#;
        let faults = Mapping::compile([("t.toml", text)]).unwrap_err();
        let found: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert!(faults.iter().all(|fault| fault.key == super::TODO), "{found:#?}");
        let lines: Vec<usize> = faults.iter().map(|fault| fault.line).collect();
        assert_eq!(lines, [1, 2, 2, 4, 5, 6, 7, 8, 10, 11, 13, 13, 14]);
        assert_eq!(
            found[4],
            "t.toml:5: TODO: `id` is still open; choose \"$content\" (one), or \"$position\" (two)"
        );
        assert_eq!(found[5], "t.toml:6: TODO: `time` is still open");
    }
}
