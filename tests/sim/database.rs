//! A database that holds events and dead letters, and nothing else.

use sluicegate::buffer::Batch;
use sluicegate::mapping::{Mapping, TableKind};
use std::collections::BTreeSet;

/// Topic, partition, offset.
pub(crate) type Place = (String, i32, i64);

#[derive(Default)]
pub(crate) struct Database {
    pub(crate) is_down: bool,
    /// Ids of the events whose rows are durable.
    pub(crate) events: BTreeSet<String>,
    pub(crate) dead_letters: BTreeSet<Place>,
}

impl Database {
    /// Commits the transaction of a batch. Every event has a row in a log table.
    pub(crate) fn commit(&mut self, mapping: &Mapping, batch: &Batch) {
        for (id, table) in mapping.tables.iter().enumerate() {
            if table.kind == TableKind::Log {
                let (rows, column) = (batch.rows(id), table.event_id());
                let ids = (0..rows.len()).map(|row| rows.column(column).text(row).unwrap());
                self.events.extend(ids.map(str::to_owned));
            }
        }
        let place = |letter: &sluicegate::dead_letter::DeadLetter| {
            (letter.topic.to_string(), letter.partition, letter.offset)
        };
        self.dead_letters.extend(batch.dead_letters.iter().map(place));
    }
}
