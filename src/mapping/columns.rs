//! What can be wrong with a column's entry in a mapping file.

use super::file::ColumnEntry;
use super::table::ColumnType;
use super::{MappingError, Secrets};
use toml::Spanned;

/// Collects the faults of one file.
pub(super) struct Report<'a> {
    file: &'a str,
    text: &'a str,
    faults: &'a mut Vec<MappingError>,
}

impl<'a> Report<'a> {
    pub(super) fn new(file: &'a str, text: &'a str, faults: &'a mut Vec<MappingError>) -> Self {
        Self { file, text, faults }
    }

    /// A fault in the value `at`.
    pub(super) fn fault(&mut self, at: &Spanned<String>, problem: &str) {
        self.fault_at(at.span().start, at.get_ref(), problem);
    }

    pub(super) fn fault_at(&mut self, byte: usize, key: &str, problem: &str) {
        let line = self.text.as_bytes()[..byte.min(self.text.len())]
            .iter()
            .filter(|&&b| b == b'\n')
            .count();
        self.faults.push(MappingError {
            file: self.file.to_owned(),
            line: line + 1,
            key: key.to_owned(),
            problem: problem.to_owned(),
        });
    }

    /// Checks an event type of `topic`.
    pub(super) fn event_type(&mut self, event: &Spanned<String>, topic: &str) {
        if event.get_ref().strip_prefix(topic).is_none_or(|rest| !rest.starts_with('.')) {
            self.fault(
                event,
                &format!("is no event type of this topic; expected {topic}.<action>"),
            );
        }
    }
}

/// Checks the source of a column.
pub(super) fn check(
    report: &mut Report<'_>,
    entry: &ColumnEntry,
    ty: &ColumnType,
    secrets: &Secrets,
    topic: &str,
) {
    for event in entry.from_on.keys().chain(entry.value_on.keys()) {
        report.event_type(event, topic);
    }
    for constant in entry.value_on.values() {
        check_constant(report, constant, ty);
    }
    let paths = entry.from.iter().flat_map(|from| from.get_ref().as_slice());
    let paths: Vec<&String> =
        paths.chain(entry.from_on.values().flat_map(|paths| paths.as_slice())).collect();
    for path in &paths {
        check_path(report, &entry.name, path, ty);
        let secret = path.split('.').any(|key| secrets.contains(key));
        if secret && !entry.keep_secret {
            report.fault(
                &entry.name,
                &format!(
                    "{path} leads through a redacted key; `keep_secret = true` if it must be kept"
                ),
            );
        }
    }
    match entry.convert.as_ref() {
        Some(convert) if convert.get_ref() != "length" => {
            report.fault(convert, "is no conversion; there is `length`");
        }
        Some(convert) if *ty != ColumnType::BigInt || paths.len() != 1 => {
            report.fault(convert, "takes one path and a bigint column");
        }
        _ => {}
    }
    if entry.required && paths.is_empty() && entry.value_on.is_empty() {
        report.fault(&entry.name, "is required but has no source");
    }
}

fn check_path(report: &mut Report<'_>, name: &Spanned<String>, path: &str, ty: &ColumnType) {
    match path {
        "$event_type" if matches!(ty, ColumnType::Varchar(chars) if *chars >= 100) => {}
        "$event_type" => report.fault(name, "$event_type needs varchar(100)"),
        "$data" if *ty == ColumnType::Json => {}
        "$data" => report.fault(name, "$data needs a json column"),
        _ if *ty == ColumnType::Json => report.fault(name, "a json column takes $data only"),
        _ if path.starts_with('$') => {
            report.fault(name, &format!("{path}: there is $event_type and $data"));
        }
        _ if path.split('.').any(str::is_empty) => {
            report.fault(name, &format!("{path:?} is no dotted path such as \"a.b\""));
        }
        _ => {}
    }
}

/// Checks that a constant fits its column.
pub(super) fn check_constant(report: &mut Report<'_>, constant: &Spanned<String>, ty: &ColumnType) {
    let value = constant.get_ref();
    match ty {
        ColumnType::Enum(values) if !values.contains(value) => {
            report.fault(
                constant,
                &format!("is not among the column's values: {}", values.join(", ")),
            );
        }
        ColumnType::Varchar(chars) if value.chars().count() > *chars => {
            report.fault(constant, &format!("is longer than the column's {chars} characters"));
        }
        ColumnType::Enum(_) | ColumnType::Varchar(_) | ColumnType::Text => {}
        _ => report.fault(constant, "constants go into varchar, text and enum columns only"),
    }
}
