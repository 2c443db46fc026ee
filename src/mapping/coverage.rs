//! Every event goes into a table, or is skipped because the mapping says so.

use super::columns::{Rules, check_pattern};
use super::file::{DomainFile, EntityEntry, LinesEntry};
use super::paths::canonical;
use super::patterns::{ANY, Selector};
use super::plans::{created_by, events_of_column, selectors};
use super::report::Report;
use toml::Spanned;

/// Checks that every event type of the topic goes somewhere, and that no table takes an ignored one.
pub(super) fn check(file: &DomainFile, report: &mut Report<'_>, rules: Rules<'_>) {
    let logs_any = file.log.iter().flat_map(|log| &log.events).any(is_any);
    for event in &file.ignore {
        match user_of(file, event.get_ref()) {
            Some(user) => {
                let problem = format!("is ignored, but {user} takes it; remove one of the two");
                report.fault(event, &problem);
            }
            None if is_any(event) => {}
            None => check_pattern(report, event, rules),
        }
    }
    // With an envelope of its own, an event of another type becomes a dead letter.
    if rules.contract.is_some() && !logs_any && !file.ignore.iter().any(is_any) {
        report.fault(
            &file.topics[0],
            "event types that this file does not name would go nowhere; add a [[log]] with events = [\"*\"] to keep them, or ignore = [\"*\"] to count and skip them",
        );
    }
}

/// Checks that no event has an array of which two tables take the elements.
pub(super) fn check_lines(file: &DomainFile, report: &mut Report<'_>) {
    let lines = || {
        file.entities
            .iter()
            .flat_map(|entity| entity.lines.iter().map(move |lines| (entity, lines)))
    };
    let selectors: Vec<_> = selectors(file).into_iter().chain([Selector::Other]).collect();
    for (at, (entity, entry)) in lines().enumerate() {
        let path = |entry: &LinesEntry| canonical(entry.each.get_ref());
        let shares = |(other, earlier): &(&EntityEntry, &LinesEntry)| {
            let both = |selector: &Selector<'_>| {
                created_by(entity, *selector).and(created_by(other, *selector)).is_some()
            };
            path(earlier) == path(entry) && selectors.iter().any(both)
        };
        if let Some((_, earlier)) = lines().take(at).find(shares) {
            let problem = format!(
                "is an array whose elements go to {} already, and an event has one table for them",
                earlier.table.get_ref()
            );
            report.fault(&entry.each, &problem);
        }
    }
}

/// Checks that what a column takes for an event type alone is of one that its table takes.
pub(super) fn check_sources(file: &DomainFile, report: &mut Report<'_>) {
    for entity in &file.entities {
        for event in entity.columns.iter().flat_map(events_of_column) {
            let is_taken = created_by(entity, Selector::of(event.get_ref())).is_some();
            check_source(report, event, is_taken, &entity.table);
        }
    }
    for log in &file.log {
        for event in log.columns.iter().flat_map(events_of_column) {
            let is_taken = Selector::of(event.get_ref()).best(&log.events).is_some();
            check_source(report, event, is_taken, &log.table);
        }
    }
}

fn check_source(
    report: &mut Report<'_>,
    event: &Spanned<String>,
    is_taken: bool,
    table: &Spanned<String>,
) {
    if !is_taken {
        let problem = format!("is not an event type that {} takes", table.get_ref());
        report.fault(event, &problem);
    }
}

/// The table that names this type, or these types, and takes every event of it. A change `if_present` does
/// not: the events that it leaves out may be ignored.
fn user_of<'f>(file: &'f DomainFile, event: &str) -> Option<&'f str> {
    let is_it = |name: &Spanned<String>| name.get_ref() == event;
    let log = file.log.iter().find(|log| log.events.iter().any(is_it)).map(|log| &log.table);
    let entity = file.entities.iter().find(|entity| {
        let changes = entity.changing.iter().flat_map(|changing| &changing.on);
        let mut changes = changes.filter(|change| !change.if_present);

        let creates = entity.created_by.iter().any(is_it)
            || entity.deleted.iter().flat_map(|deleted| &deleted.on).any(is_it);

        creates || changes.any(|change| is_it(&change.event))
    });
    log.or(entity.map(|entity| &entity.table)).map(|table| table.get_ref().as_str())
}

fn is_any(event: &Spanned<String>) -> bool {
    event.get_ref() == ANY
}
