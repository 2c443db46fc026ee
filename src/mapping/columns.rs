//! Checks a column's entry in a mapping file.

use super::constants;
use super::convert::Convert;
use super::envelope::is_secret;
use super::file::{ChangingEntry, ColumnEntry, EntityEntry, Values};
use super::patterns::{ANY, Selector, TOMBSTONE};
use super::places;
use super::plan::{Place, Root};
use super::plans::events_of_column;
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
    /// The topic, if the file has the contract's envelope.
    pub(super) contract: Option<&'f str>,
}

/// Checks an event type.
pub(super) fn check_event_type(report: &mut Report<'_>, event: &Spanned<String>, rules: Rules<'_>) {
    let text = event.get_ref();
    match rules.contract {
        Some(topic) if decode::is_event_type_of(text, topic) => {}
        Some(topic) => {
            let problem = format!(
                "is not an event type of this topic; expected {topic}.<action> with an action of a-z, 0-9 and _, at most {EVENT_TYPE_CHARS_MAX} characters in total"
            );
            report.fault(event, &problem);
        }
        None if text.is_empty() || text.chars().count() > EVENT_TYPE_CHARS_MAX => {
            let problem =
                format!("is not an event type; one has 1 to {EVENT_TYPE_CHARS_MAX} characters");
            report.fault(event, &problem);
        }
        None if text.ends_with(ANY) => {
            report.fault(event, "stands for several event types; name each of them here");
        }
        None => {}
    }
}

/// Checks an event type, or what stands for several.
pub(super) fn check_pattern(report: &mut Report<'_>, event: &Spanned<String>, rules: Rules<'_>) {
    match Selector::of(event.get_ref()) {
        Selector::Other => {}
        Selector::Prefix(_) | Selector::Tombstone if rules.contract.is_none() => {}
        _ => check_event_type(report, event, rules),
    }
}

/// Checks an entity and its lines against each other.
pub(super) fn check_entity(report: &mut Report<'_>, entry: &EntityEntry, rules: Rules<'_>) {
    for event in &entry.created_by {
        if event.get_ref() == ANY && rules.contract.is_some() {
            report.fault(event, "creates with every event, which needs [envelope]");
        }
        check_pattern(report, event, rules);
    }
    for event in entry.deleted.iter().flat_map(|deleted| &deleted.on) {
        check_pattern(report, event, rules);
    }
    // Files of before may have such columns, which hold NULL until then.
    if rules.contract.is_none() {
        check_required(report, entry);
    }
    for lines in &entry.lines {
        check_place(report, &lines.each, rules);
        let each = lines.each.get_ref();
        let values = entry.columns.iter().flat_map(ColumnEntry::paths);
        let values = values.chain(entry.lines.iter().map(|lines| &lines.each));
        for path in values.chain(entry.changing.iter().map(|changing| &changing.from)) {
            if path.get_ref().strip_prefix(each.as_str()).is_some_and(|rest| rest.starts_with('.'))
            {
                let problem = format!(
                    "leads into the array {each}, whose elements are lines; make it a column of [[entity.lines]]"
                );
                report.fault(path, &problem);
            }
        }
        for event in lines.columns.iter().flat_map(events_of_column) {
            report.fault(event, "only the creation event has lines; use `from`");
        }
    }
}

/// A change may come before the creation. A required text is empty until then; other types have no such
/// value that would not be a lie.
fn check_required(report: &mut Report<'_>, entry: &EntityEntry) {
    if entry.changing.is_empty() {
        return;
    }
    for column in entry.columns.iter().filter(|column| column.required) {
        if column.ty.get_ref().parse().is_ok_and(|ty: ColumnType| !ty.is_text()) {
            let problem = format!(
                "is required, but a change may come before the creation, and {} has no empty value for \"not yet\"; remove `required`",
                column.ty.get_ref()
            );
            report.fault(&column.name, &problem);
        }
    }
}

/// Checks the sources of a column.
pub(super) fn check(
    report: &mut Report<'_>,
    entry: &ColumnEntry,
    spec: &ColumnSpec,
    rules: Rules<'_>,
) {
    let is_tombstone = |event: &Spanned<String>| event.get_ref() == TOMBSTONE;
    for event in events_of_column(entry) {
        if rules.contract.is_some() || !is_tombstone(event) {
            check_event_type(report, event, rules);
        }
    }
    for constant in entry.value_on.iter().map(|(_, constant)| constant).chain(&entry.value) {
        check_constant(report, constant, spec);
    }
    for path in entry.paths() {
        let problem = match places::read(path.get_ref(), Root::Data) {
            Err(problem) if path.get_ref().starts_with('$') => {
                Some(format!("{} {problem}", path.get_ref()))
            }
            Err(problem) => Some(problem),
            Ok(place) if is_secret(&place, rules.secrets) && !entry.keep_secret => {
                let path = path.get_ref();
                Some(format!(
                    "{path} leads through a redacted key; set `keep_secret = true` to keep it"
                ))
            }
            Ok(place) => wrong_type(&place, spec, &entry.values),
        };
        if let Some(problem) = problem {
            report.fault_at(path.span().start, entry.name.get_ref(), &problem);
        }
    }
    for paths in entry.from_on.iter().map(|(_, paths)| paths).chain([&entry.from]) {
        check_order(report, paths, Place::is_always_there);
    }
    check_keeping(report, entry, &spec.ty, rules);
    check_values(report, &entry.values, &spec.ty);
    if let (Some(value), false) = (&entry.value, entry.from.is_empty()) {
        report.fault(
            value,
            "is a constant for all events, so `from` would never count; remove one of the two",
        );
    }
    let has_source =
        entry.paths().next().is_some() || !entry.value_on.is_empty() || entry.value.is_some();
    if entry.required && !has_source {
        report.fault(
            &entry.name,
            "is required but has no source; give `from`, `value` or `value_on`, or remove `required`",
        );
    }
}

/// Checks that no path comes after one that always has a value.
pub(super) fn check_order(
    report: &mut Report<'_>,
    paths: &[Spanned<String>],
    is_always_there: impl Fn(&Place) -> bool,
) {
    let is_there = |path: &Spanned<String>| {
        places::read(path.get_ref(), Root::Data).is_ok_and(|place| is_always_there(&place))
    };
    if let Some(at) = paths.iter().position(is_there).filter(|at| at + 1 < paths.len()) {
        report.fault(
            &paths[at],
            "always has a value, so a path after it would never count; make it the last one",
        );
    }
}

fn check_keeping(report: &mut Report<'_>, entry: &ColumnEntry, ty: &ColumnType, rules: Rules<'_>) {
    if !entry.keep_secret {
        return;
    }
    if *ty == ColumnType::Json {
        report.fault(
            &entry.name,
            "is json, which cannot keep a secret: it may hold others; keep single values of it",
        );
    }
    let is_kept = |path: &Spanned<String>| {
        places::read(path.get_ref(), Root::Data).is_ok_and(|place| is_secret(&place, rules.secrets))
    };
    if !entry.paths().any(is_kept) {
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
        } else {
            match (Bound::read(bound.get_ref()), ty) {
                (None, _) => report.fault(bound, "is not a number"),
                (Some(number), ColumnType::Int(_)) if number.value().whole().is_none() => {
                    report.fault(bound, "is not a whole number, as the column's values are");
                }
                _ => {}
            }
        }
    }
    let bound = |bound: &Option<Spanned<String>>| Bound::read(bound.as_ref()?.get_ref());
    if let (Some(min), Some(max), Some(at)) = (bound(&values.min), bound(&values.max), &values.max)
        && min.value() > max.value()
    {
        report.fault(at, "is smaller than `min`, so no value would fit");
    } else if let (ColumnType::Int(int), Some(at)) =
        (ty, values.min.as_ref().or(values.max.as_ref()))
    {
        let (least, greatest) = int.range();
        let whole = |entry: &Option<Spanned<String>>| bound(entry)?.value().whole();
        if whole(&values.min).is_some_and(|min| min > greatest)
            || whole(&values.max).is_some_and(|max| max < least)
        {
            report.fault(at, &format!("leaves no value of a column of {least} to {greatest}"));
        }
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
        check_event_type(report, &change.event, rules);
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
    match places::read(path.get_ref(), Root::Data) {
        Err(problem) => report.fault(path, &problem),
        Ok(place) if is_secret(&place, rules.secrets) => report.fault(
            path,
            "leads through a redacted key; only a column of [entity] or [[log]] may keep one, with `keep_secret = true`",
        ),
        Ok(Place::At(Root::Data, ..)) => {}
        Ok(_) => report.fault(path, "is not a path in `data` such as \"a.b\""),
    }
}

/// Why a column cannot hold what is at a place, whatever the message.
fn wrong_type(place: &Place, spec: &ColumnSpec, values: &Values) -> Option<String> {
    let ty = &spec.ty;
    let parses = values.convert.as_ref().is_some_and(|convert| convert.get_ref() == "parse");
    let needs = |what: &str| Some(format!("{place} needs {what}"));
    match place {
        Place::At(..) => None,
        Place::WholeData | Place::WholeMessage if *ty == ColumnType::Json => None,
        Place::WholeData | Place::WholeMessage => needs("a json column"),
        Place::Timestamp | Place::KafkaTimestamp => {
            let is_time = matches!(ty, ColumnType::Date | ColumnType::DateTime(_));
            if is_time { None } else { needs("a date or datetime column") }
        }
        Place::Partition | Place::Offset => {
            let is_number = matches!(ty, ColumnType::Int(_) | ColumnType::Decimal { .. });
            if is_number { None } else { needs("a column of whole numbers") }
        }
        Place::EventType | Place::EventId | Place::Topic => {
            if ty.is_text() {
                None
            } else {
                needs("a text column")
            }
        }
        // Texts, which the named conversions turn into all else.
        Place::KeyText | Place::Header(_) if *ty == ColumnType::Json && !parses => {
            needs("`convert = \"parse\"` in a json column")
        }
        Place::KeyText | Place::Header(_) => None,
    }
}

fn check_constant(report: &mut Report<'_>, constant: &Spanned<String>, spec: &ColumnSpec) {
    if let Err(problem) = constants::read(constant.get_ref(), spec) {
        report.fault(constant, &problem);
    }
}
