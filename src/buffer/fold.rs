//! Many changes of one entity in a batch become one row.
//!
//! The database applies the same rule between batches, so it does not matter where two events of an
//! entity meet. A row is a set of events folded together, and folding two rows is commutative,
//! associative and idempotent:
//!
//! * the creation part comes from the creation event with the greatest `(timestamp, event_id)`;
//! * a changing column comes from the event with the greatest `(timestamp, rank, event_id)` among
//!   those that set it, where a creation has rank 0 and every other event rank 1.
//!
//! A row has no column for the rank. As long as a changing column has the creation's value, its
//! `_changed_at` and `_changed_by` are NULL and its version is the row's creation. That is enough: a
//! creation that gives the newest value is also the newest creation, the one that the row's
//! `event_id` names.
//!
//! ```text
//! created 10:00 (pending)                 status pending, changed NULL   created 10:00
//! changed 10:05 to active     folds to    status active,  changed 10:05  created 10:00
//! created 10:02 (draft)       folds to    status active,  changed 10:05  created 10:02
//! created 10:09 (draft)       folds to    status draft,   changed NULL   created 10:09
//! ```

use super::column::NULL;
use super::rows::Rows;
use crate::mapping::{Changing, Table};

/// `(timestamp, rank, event_id)`: which event set a value. `None` sorts first: not set at all.
type Version<'r> = Option<(i64, bool, &'r str)>;

impl Rows {
    /// Folds each row from `first` on into the earlier row of the same entity, if there is one.
    ///
    /// # Panics
    /// If this is not an entity's table.
    pub fn fold_since(&mut self, table: &Table, first: usize) {
        let mut kept = first;
        for row in first..self.len() {
            if row != kept {
                self.copy_row(row, kept);
            }
            match self.earlier_row_of_key(kept) {
                Some(earlier) => self.fold(table, kept, earlier),
                None => kept += 1,
            }
        }
        self.truncate(kept);
    }

    /// Folds row `last` into row `row`.
    fn fold(&mut self, table: &Table, last: usize, row: usize) {
        // A changing column's version may be the creation, so these come before the creation part.
        for changing in table.changing() {
            if self.version(table, changing, last) > self.version(table, changing, row) {
                for column in [changing.value, changing.at, changing.by] {
                    self.copy(column, last, row);
                }
            }
        }
        if self.creation(table, last) > self.creation(table, row) {
            for column in 0..table.columns.len() {
                if table.is_creation(column) || column >= table.event_id() {
                    self.copy(column, last, row);
                }
            }
        }
    }

    fn creation(&self, table: &Table, row: usize) -> Version<'_> {
        self.event(table.event_timestamp(), table.event_id(), row).map(|(at, by)| (at, false, by))
    }

    fn version(&self, table: &Table, changing: &Changing, row: usize) -> Version<'_> {
        match self.event(changing.at, changing.by, row) {
            Some((at, by)) => Some((at, true, by)),
            None => self.creation(table, row),
        }
    }

    fn event(&self, at: usize, by: usize, row: usize) -> Option<(i64, &str)> {
        match self.column(at).number(row) {
            NULL => None,
            timestamp => Some((timestamp, self.column(by).text(row).unwrap_or_default())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::Mapping;
    use proptest::prelude::*;

    /// An event of a post: what it sets, when, and its id.
    #[derive(Debug, Clone)]
    enum PostEvent {
        Created(i64, u8, u8),
        Status(i64, u8, u8),
        Global(i64, u8, u8),
    }

    fn posts() -> Table {
        let mapping = Mapping::built_in().unwrap();
        mapping.tables[mapping.table("posts").unwrap()].clone()
    }

    fn push(rows: &mut Rows, table: &Table, event: &PostEvent) {
        let [status, global] = table.changing() else { panic!("posts have two changing columns") };
        let (at, id, value) = match event {
            PostEvent::Created(at, id, value)
            | PostEvent::Status(at, id, value)
            | PostEvent::Global(at, id, value) => (*at, format!("e{id}"), format!("v{value}")),
        };
        let set = match event {
            PostEvent::Created(..) => vec![
                (status.value, Some(value.as_str())),
                (global.value, Some(&value)),
                (table.event_id(), Some(&id)),
                (2, Some(&value)),
            ],
            PostEvent::Status(..) => {
                vec![(status.value, Some(value.as_str())), (status.by, Some(&id))]
            }
            PostEvent::Global(..) => {
                vec![(global.value, Some(value.as_str())), (global.by, Some(&id))]
            }
        };
        let timed = match event {
            PostEvent::Created(..) => table.event_timestamp(),
            PostEvent::Status(..) => status.at,
            PostEvent::Global(..) => global.at,
        };
        for column in 0..table.columns.len() {
            if column == Table::KEY {
                rows.push_text(column, Some("p"));
            } else if column == timed {
                rows.push_number(column, at);
            } else if let Some((_, value)) = set.iter().find(|(set, _)| *set == column) {
                rows.push_text(column, *value);
            } else {
                rows.push_null(column);
            }
        }
        rows.end_row();
        rows.fold_since(table, rows.len() - 1);
    }

    fn folded(table: &Table, events: &[PostEvent]) -> String {
        let mut rows = Rows::new(table);
        events.iter().for_each(|event| push(&mut rows, table, event));
        assert_eq!(rows.len(), 1);
        let cell = |column: usize| {
            if table.columns[column].storage == crate::mapping::Storage::Number {
                rows.column(column).number(0).to_string()
            } else {
                format!("{:?}", rows.column(column).text(0))
            }
        };
        (0..table.columns.len()).map(cell).collect::<Vec<_>>().join(" ")
    }

    /// The same rule, written as a sentence over the set of events.
    fn reference(table: &Table, events: &[PostEvent]) -> String {
        let version = |event: &PostEvent| match event {
            PostEvent::Created(at, id, _) => (*at, false, *id),
            PostEvent::Status(at, id, _) | PostEvent::Global(at, id, _) => (*at, true, *id),
        };
        let created = events
            .iter()
            .filter(|e| matches!(e, PostEvent::Created(..)))
            .max_by_key(|e| version(e));
        let newest = |matches: fn(&PostEvent) -> bool| {
            events.iter().filter(|e| matches(e)).max_by_key(|e| version(e)).cloned()
        };
        let status = newest(|e| !matches!(e, PostEvent::Global(..)));
        let global = newest(|e| !matches!(e, PostEvent::Status(..)));
        let events: Vec<PostEvent> =
            created.cloned().into_iter().chain(status).chain(global).collect();
        folded(table, &events)
    }

    fn events() -> impl Strategy<Value = Vec<PostEvent>> {
        // An event id names one event, so the value follows from kind, time and id.
        let event = (0..3_u8, 0..4_i64, 0..3_u8).prop_map(|(kind, at, id)| {
            let value = kind * 50 + u8::try_from(at).unwrap() * 10 + id;
            match kind {
                0 => PostEvent::Created(at, id, value),
                1 => PostEvent::Status(at, id, value),
                _ => PostEvent::Global(at, id, value),
            }
        });
        prop::collection::vec(event, 1..8)
    }

    proptest! {
        #[test]
        fn order_and_duplicates_do_not_show(
            (events, shuffled) in events().prop_flat_map(|events| {
                let twice: Vec<PostEvent> = events.iter().chain(&events).cloned().collect();
                (Just(events), Just(twice).prop_shuffle())
            })
        ) {
            let table = posts();
            prop_assert_eq!(folded(&table, &events), folded(&table, &shuffled));
            prop_assert_eq!(folded(&table, &events), reference(&table, &events));
        }
    }

    #[test]
    fn a_creation_ranks_before_other_events_of_its_time() {
        let table = posts();
        let created = PostEvent::Created(1, 9, 1);
        let changed = PostEvent::Status(1, 0, 2);
        let row = folded(&table, &[changed.clone(), created.clone()]);
        assert_eq!(row, folded(&table, &[created, changed]));
        assert!(row.contains("\"v2\""), "{row}");
    }
}
