//! A batch: the rows of some events, and the offsets those events came from.

use super::rows::Rows;
use crate::datetime::Micros;
use crate::dead_letter::DeadLetter;
use crate::mapping::{Mapping, Table, TableId};
use crate::offsets::{AssignmentId, OffsetRange};
use std::collections::BTreeSet;

/// When an event of the batch happened. We keep one in 16, for the latencies that we know once the
/// batch is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// The event's own time.
    pub event: Micros,
    /// When the producer or the broker stamped its message, in milliseconds since 1970.
    pub kafka_ms: Option<i64>,
}

/// See [`Sample`].
const SAMPLE_EVERY: usize = 16;

/// Rows by table, dead letters, and the offset ranges they cover.
#[derive(Debug)]
pub struct Batch {
    tables: Vec<Rows>,
    /// Faulty messages among those that the ranges cover.
    pub dead_letters: Vec<DeadLetter>,
    ranges: Vec<OffsetRange>,
    dead_letter_bytes: usize,
    messages: usize,
    folded: usize,
    events: usize,
    samples: Vec<Sample>,
}

impl Batch {
    /// An empty batch for the tables of `mapping`.
    #[must_use]
    pub fn new(mapping: &Mapping) -> Self {
        Self {
            tables: mapping.tables.iter().map(Rows::new).collect(),
            dead_letters: Vec::new(),
            ranges: Vec::new(),
            dead_letter_bytes: 0,
            messages: 0,
            folded: 0,
            events: 0,
            samples: Vec::new(),
        }
    }

    #[must_use]
    pub fn rows(&self, table: TableId) -> &Rows {
        &self.tables[table]
    }

    /// The rows of a table, to append to.
    pub fn rows_mut(&mut self, table: TableId) -> &mut Rows {
        &mut self.tables[table]
    }

    /// Folds the rows of an entity's table from `first` on; see [`Rows::fold_since`].
    ///
    /// # Panics
    /// As [`Rows::fold_since`].
    pub fn fold_since(&mut self, id: TableId, table: &Table, first: usize) {
        let rows = &mut self.tables[id];
        let before = rows.len();
        rows.fold_since(table, first);
        self.folded += before - rows.len();
    }

    /// A copy without these rows and without offsets, for messages that cannot be read again.
    #[must_use]
    pub fn without(&self, mapping: &Mapping, rows: &BTreeSet<(TableId, usize)>) -> Self {
        let mut copy = Self::new(mapping);
        for (table, from) in self.tables.iter().enumerate() {
            for row in (0..from.len()).filter(|&row| !rows.contains(&(table, row))) {
                copy.tables[table].push_row(from, row);
            }
        }
        copy.dead_letters.clone_from(&self.dead_letters);
        copy
    }

    pub fn push_dead_letter(&mut self, letter: DeadLetter) {
        self.dead_letter_bytes += letter.bytes();
        self.dead_letters.push(letter);
    }

    /// Notes that the message at `offset` of an assigned partition is in this batch, as rows, as a dead
    /// letter or as a counted skip. Messages of a partition come in order.
    pub fn cover(&mut self, assignment: AssignmentId, offset: i64, timestamp_ms: Option<i64>) {
        self.messages += 1;
        let next = offset + 1;
        match self.ranges.iter_mut().rev().find(|range| range.assignment == assignment) {
            Some(range) if offset >= range.next => {
                let messages = range.messages + 1;
                *range = OffsetRange { next, messages, last_ms: timestamp_ms, ..*range };
            }
            // The first of its partition, or the partition was truncated and starts over.
            _ => self.ranges.push(OffsetRange {
                assignment,
                from: offset,
                next,
                messages: 1,
                last_ms: timestamp_ms,
            }),
        }
    }

    /// Notes when an event of this batch happened.
    pub fn note_event(&mut self, sample: Sample) {
        if self.events.is_multiple_of(SAMPLE_EVERY) {
            self.samples.push(sample);
        }
        self.events += 1;
    }

    /// The times of some of its events, the first among them.
    #[must_use]
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }

    /// The offset ranges, usually one a partition.
    #[must_use]
    pub fn ranges(&self) -> &[OffsetRange] {
        &self.ranges
    }

    /// Number of messages that the ranges cover.
    #[must_use]
    pub fn messages(&self) -> usize {
        self.messages
    }

    /// Number of rows that folding saved.
    #[must_use]
    pub fn folded(&self) -> usize {
        self.folded
    }

    /// Number of rows to write, dead letters included.
    #[must_use]
    pub fn row_count(&self) -> usize {
        self.tables.iter().map(Rows::len).sum::<usize>() + self.dead_letters.len()
    }

    /// Bytes of memory that the rows and dead letters take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.tables.iter().map(Rows::bytes).sum::<usize>() + self.dead_letter_bytes
    }

    /// Bytes of memory that the batch keeps.
    #[must_use]
    pub fn capacity_bytes(&self) -> usize {
        self.tables.iter().map(Rows::capacity_bytes).sum::<usize>() + self.dead_letter_bytes
    }

    /// Frees memory if an empty batch keeps more than `bytes`. Batches differ: one is all orders, the
    /// next all products, and each would leave other columns large.
    pub fn shrink(&mut self, bytes: usize) {
        debug_assert!(self.is_empty(), "only an empty batch frees memory");
        if self.capacity_bytes() > bytes {
            self.tables.iter_mut().for_each(Rows::shrink);
        }
    }

    /// Whether the batch covers no message.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.messages == 0
    }

    /// Forgets everything but keeps the memory.
    pub fn clear(&mut self) {
        self.tables.iter_mut().for_each(Rows::clear);
        self.dead_letters.clear();
        self.ranges.clear();
        self.dead_letter_bytes = 0;
        self.messages = 0;
        self.folded = 0;
        self.events = 0;
        self.samples.clear();
    }
}
