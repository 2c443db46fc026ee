//! Which tables an event goes to, by its type.

use super::file::File;

/// The type of a message without a value.
pub const TOMBSTONE: &str = "$tombstone";

/// The tables that take an event, by their numbers in the file.
#[derive(Debug, Default)]
pub struct Route {
    /// Entities of which it is a whole row, and whether it deletes them.
    pub creations: Vec<(usize, bool)>,
    /// Entities that it may change.
    pub changes: Vec<usize>,
    pub logs: Vec<usize>,
    pub is_ignored: bool,
}

/// How close the closest of these patterns is to an event type: `*` less than `invoice.*`, that less than
/// `invoice.paid.*`, and all of them less than the name itself. A tombstone is only itself.
pub fn closeness(event_type: &str, patterns: &[String]) -> Option<usize> {
    let fits = |pattern: &String| match pattern.strip_suffix('*') {
        _ if pattern == event_type => Some(usize::MAX),
        Some(beginning) if event_type != TOMBSTONE && event_type.starts_with(beginning) => {
            Some(beginning.len())
        }
        _ => None,
    };
    patterns.iter().filter_map(fits).max()
}

impl Route {
    pub fn of(file: &File, event_type: &str) -> Self {
        let ignored = closeness(event_type, &file.ignore);
        let takes = |closeness: Option<usize>| closeness.is_some() && closeness > ignored;
        let mut route = Self { is_ignored: ignored.is_some(), ..Self::default() };
        for (number, entity) in file.entities.iter().enumerate() {
            let created = closeness(event_type, &entity.created_by);
            let deleted = entity.deleted.as_ref().and_then(|(_, on)| closeness(event_type, on));
            let whole = created.max(deleted);
            let changes =
                entity.changing.iter().any(|changing| changing.on.contains_key(event_type));
            // A change is named, which is closer than a beginning.
            if takes(whole) && (whole == Some(usize::MAX) || !changes) {
                route.creations.push((number, deleted == whole));
            } else if changes {
                route.changes.push(number);
            }
        }
        let logs = || file.log_closeness(event_type);
        let is_named = logs().any(|closeness| closeness > Some(0));
        for (number, closeness) in logs().enumerate() {
            // "*" is every type that no other log table names.
            if takes(closeness) && (closeness > Some(0) || !is_named) {
                route.logs.push(number);
            }
        }
        route
    }

    pub fn is_empty(&self) -> bool {
        self.creations.is_empty() && self.changes.is_empty() && self.logs.is_empty()
    }
}

impl File {
    fn log_closeness(&self, event_type: &str) -> impl Iterator<Item = Option<usize>> {
        self.logs.iter().map(move |log| closeness(event_type, &log.events))
    }

    /// Whether the mapping has anything to say of messages without a value.
    pub fn knows_tombstones(&self) -> bool {
        let route = Route::of(self, TOMBSTONE);
        route.is_ignored || !route.is_empty()
    }
}
