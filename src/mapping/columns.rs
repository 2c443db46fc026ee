//! Checks a column's entry in a mapping file.

use super::constants;
use super::convert::Convert;
use super::file::{ChangingEntry, ColumnEntry, Values};
use super::report::Report;
use super::table::{Bound, ColumnSpec};
use super::types::ColumnType;
use crate::decode::{self, EVENT_TYPE_CHARS_MAX};
use crate::redact::Secrets;
use toml::Spanned;

/// What a column's check needs to know of its file.
#[derive(Clone, Copy)]
pub(super) struct Rules<'f> {
    pub(super) secrets: &'f Secrets,
    pub(super) topic: &'f str,
}

pub(super) fn check_event_type(report: &mut Report<'_>, event: &Spanned<String>, topic: &str) {
    if !decode::is_event_type_of(event.get_ref(), topic) {
        let problem = format!(
            "is not an event type of this topic; expected {topic}.<action> with an action of a-z, 0-9 and _, at most {EVENT_TYPE_CHARS_MAX} characters in total"
        );
        report.fault(event, &problem);
    }
}

/// Checks the sources of a column.
pub(super) fn check(
    report: &mut Report<'_>,
    entry: &ColumnEntry,
    spec: &ColumnSpec,
    rules: Rules<'_>,
) {
    let events = entry.from_on.iter().map(|(event, _)| event);
    for event in events.chain(entry.value_on.iter().map(|(event, _)| event)) {
        check_event_type(report, event, rules.topic);
    }
    for constant in entry.value_on.iter().map(|(_, constant)| constant).chain(&entry.value) {
        check_constant(report, constant, spec);
    }
    for path in entry.paths() {
        check_type(report, &entry.name, path, &spec.ty);
        if !path.get_ref().starts_with('$') {
            check_path(report, &entry.name, path);
        }
        if is_secret(path, rules.secrets) && !entry.keep_secret {
            let problem = format!(
                "{} leads through a redacted key; set `keep_secret = true` to keep it",
                path.get_ref()
            );
            report.fault_at(path.span().start, entry.name.get_ref(), &problem);
        }
    }
    for paths in entry.from_on.iter().map(|(_, paths)| paths).chain([&entry.from]) {
        let of_envelope = |path: &&Spanned<String>| path.get_ref().starts_with('$');
        if let (Some(path), 2..) = (paths.iter().find(of_envelope), paths.len()) {
            report.fault(path, "always has a value, so a path after it would never count; give it alone, not in a list");
        }
    }
    check_keeping(report, entry, &spec.ty, rules);
    check_values(report, &entry.values, &spec.ty);
    if let (Some(value), false) = (&entry.value, entry.from.is_empty()) {
        report.fault(value, "is a constant for all events, so `from` would never count; remove one of the two");
    }
    let has_source = entry.paths().next().is_some()
        || !entry.value_on.is_empty()
        || entry.value.is_some();
    if entry.required && !has_source {
        report.fault(
            &entry.name,
            "is required but has no source; give `from`, `value` or `value_on`, or remove `required`",
        );
    }
}

fn check_keeping(
    report: &mut Report<'_>,
    entry: &ColumnEntry,
    ty: &ColumnType,
    rules: Rules<'_>,
) {
    if !entry.keep_secret {
        return;
    }
    if *ty == ColumnType::Json {
        report.fault(&entry.name, "is json, which cannot keep a secret: it may hold others; keep single values of it");
    }
    if !entry.paths().any(|path| is_secret(path, rules.secrets)) {
        report.fault(
            &entry.name,
            "none of its paths leads through a redacted key; remove keep_secret",
        );
    }
}

/// Checks the conversion and the limits of a column's values.
fn check_values(report: &mut Report<'_>, values: &Values, ty: &ColumnType) {
    if let Some(entry) = &values.convert {
        match entry.get_ref().parse::<Convert>() {
            Err(problem) => report.fault(entry, &problem),
            Ok(convert) if !convert.gives(ty) => {
                report.fault(entry, &format!("needs {}", convert.target()));
            }
            Ok(_) => {}
        }
    }
    let is_number =
        matches!(ty, ColumnType::Int(_) | ColumnType::Decimal { .. } | ColumnType::Double);
    for bound in values.min.iter().chain(&values.max) {
        if !is_number {
            report.fault(bound, "is a limit, which only columns of numbers have");
        } else if Bound::read(bound.get_ref()).is_none() {
            report.fault(bound, "is not a number");
        }
    }
    let bound = |bound: &Option<Spanned<String>>| Bound::read(bound.as_ref()?.get_ref());
    if let (Some(min), Some(max), Some(at)) = (bound(&values.min), bound(&values.max), &values.max)
        && min.value() > max.value()
    {
        report.fault(at, "is smaller than `min`, so no value would fit");
    }
}

/// Checks a column that later events may change.
pub(super) fn check_changing(
    report: &mut Report<'_>,
    entry: &ChangingEntry,
    spec: &ColumnSpec,
    rules: Rules<'_>,
) {
    check_place(report, &entry.from, rules);
    check_values(report, &entry.values, &spec.ty);
    let mut seen: Vec<&str> = Vec::new();
    for change in &entry.on {
        check_event_type(report, &change.event, rules.topic);
        if seen.contains(&change.event.get_ref().as_str()) {
            report.fault(&change.event, "comes twice in `on`; remove one of the two");
        }
        seen.push(change.event.get_ref());
        if change.value.is_some() == change.from.is_some() {
            report.fault(&change.event, "give either `value` or `from`");
        }
        if change.default.is_some() && (change.if_present || change.from.is_none()) {
            report.fault(&change.event, "`default` needs `from`, and excludes `if_present`");
        }
        if change.if_present && change.from.is_none() {
            report.fault(&change.event, "`if_present` needs `from`");
        }
        if let Some(path) = &change.from {
            check_place(report, path, rules);
        }
        for constant in change.value.iter().chain(&change.default) {
            check_constant(report, constant, spec);
        }
    }
}

/// Checks the path of a changing column or of an array with lines. Neither may keep a secret.
pub(super) fn check_place(report: &mut Report<'_>, path: &Spanned<String>, rules: Rules<'_>) {
    if path.get_ref().starts_with('$') {
        report.fault(path, "is not a path in `data` such as \"a.b\"");
        return;
    }
    check_path(report, path, path);
    if is_secret(path, rules.secrets) {
        report.fault(
            path,
            "leads through a redacted key; only a column of [entity] or [[log]] may keep one, with `keep_secret = true`",
        );
    }
}

fn is_secret(path: &Spanned<String>, secrets: &Secrets) -> bool {
    path.get_ref().split('.').any(|key| secrets.contains(key))
}

/// Reports a path that could never match: its column would always be NULL.
fn check_path(report: &mut Report<'_>, at: &Spanned<String>, path: &Spanned<String>) {
    let text = path.get_ref().as_str();
    let problem = if text.contains(['[', ']', '*']) {
        format!(
            "{text:?} points into an array, which a path cannot; `[[entity.lines]]` with `each` writes a row per element, and `convert = \"length\"` counts them"
        )
    } else if text.contains(['"', '\'', '\\']) || text.starts_with('/') {
        format!("{text:?} is not a dotted path; write plain keys, such as \"a.b\"")
    } else if text.split('.').any(str::is_empty) {
        format!("{text:?} is not a dotted path such as \"a.b\"")
    } else {
        return;
    };
    report.fault_at(path.span().start, at.get_ref(), &problem);
}

fn check_type(
    report: &mut Report<'_>,
    name: &Spanned<String>,
    path: &Spanned<String>,
    ty: &ColumnType,
) {
    let problem = match path.get_ref().as_str() {
        "$event_type" if matches!(ty, ColumnType::Varchar(chars) if *chars >= 100) => return,
        "$event_type" => "$event_type needs varchar(100)".to_owned(),
        "$data" if *ty == ColumnType::Json => return,
        "$data" => "$data needs a json column".to_owned(),
        text if text.starts_with('$') => format!("{text} is unknown; use $event_type or $data"),
        _ => return,
    };
    report.fault_at(path.span().start, name.get_ref(), &problem);
}

fn check_constant(report: &mut Report<'_>, constant: &Spanned<String>, spec: &ColumnSpec) {
    if let Err(problem) = constants::read(constant.get_ref(), spec) {
        report.fault(constant, &problem);
    }
}
