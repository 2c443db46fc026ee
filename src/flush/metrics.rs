//! What the flush stage counts.

use super::{LastId, Written};
use crate::health::{Health, Trouble};
use crate::mapping::Mapping;
use crate::mysql::Class;
use crate::reject::Code;
use crate::schema::share_left;
use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// Metrics of the writers.
#[derive(Debug, Clone)]
pub struct WriterMetrics {
    retries: HashMap<Class, Counter>,
    busy: Gauge,
    health: Arc<Health>,
}

impl WriterMetrics {
    #[must_use]
    pub fn new(health: Arc<Health>) -> Self {
        let retry = |class: Class| {
            (class, counter!("sluicegate_flush_retries_total", "class" => class.as_str()))
        };
        Self {
            retries: Class::ALL.into_iter().map(retry).collect(),
            busy: gauge!("sluicegate_flush_writers_busy"),
            health,
        }
    }

    /// A writer got a batch, or is done with it.
    pub(crate) fn set_busy(&self, busy: bool) {
        if busy {
            self.busy.increment(1.0);
        } else {
            self.busy.decrement(1.0);
        }
    }

    /// An attempt failed and will be repeated.
    pub(crate) fn retry(&self, writer: usize, class: Class, trouble: String) {
        self.retries[&class].increment(1);
        self.waits(writer, trouble);
    }

    /// A writer is waiting for the server.
    pub(crate) fn waits(&self, writer: usize, trouble: String) {
        self.health.set_trouble(Trouble::Writer(writer), Some(trouble));
    }

    /// What failed before works again.
    pub(crate) fn works(&self, writer: usize) {
        self.health.set_trouble(Trouble::Writer(writer), None);
    }

    /// The server refused an event that had passed validation, on account of this table.
    pub(crate) fn refused(&self, table: &str) {
        refused_by(table).increment(1);
    }
}

/// Metrics of what was written.
#[derive(Debug)]
pub(crate) struct WrittenMetrics {
    tables: Vec<TableMetrics>,
    dead_letters: HashMap<(Arc<str>, Code), Counter>,
    statement_bytes: Counter,
    flush_seconds: Histogram,
    commit_seconds: Histogram,
}

impl WrittenMetrics {
    /// Starts every counter at 0: one that appeared with its first fault would show no increase.
    pub(crate) fn new(mapping: &Mapping, topics: &[String]) -> Self {
        let mut dead_letters = HashMap::new();
        for topic in topics {
            let name: Arc<str> = topic.as_str().into();
            let counter = |code: Code| ((Arc::clone(&name), code), dead_letters_of(topic, code));
            dead_letters.extend(Code::ALL.map(counter));
        }
        Self {
            tables: mapping.tables.iter().map(|table| TableMetrics::new(&table.name)).collect(),
            dead_letters,
            statement_bytes: counter!("sluicegate_flush_statement_bytes_total"),
            flush_seconds: histogram!("sluicegate_flush_duration_seconds"),
            commit_seconds: histogram!("sluicegate_flush_commit_duration_seconds"),
        }
    }

    /// A batch is durable.
    pub(crate) fn flushed(&mut self, written: &Written, took: Duration) {
        for &(table, rows, statements) in &written.tables {
            self.tables[table].rows.increment(rows as u64);
            self.tables[table].statements.increment(statements as u64);
        }
        for &(table, took) in &written.statements {
            if let Some(table) = table {
                self.tables[table].statement_seconds.record(took);
            }
        }
        for (topic, code) in &written.dead_letters {
            let key = (Arc::clone(topic), *code);
            let counter = self.dead_letters.entry(key);
            counter.or_insert_with(|| dead_letters_of(topic, *code)).increment(1);
        }
        for last in &written.last_ids {
            self.tables[last.table].last_id(last);
        }
        self.statement_bytes.increment(written.bytes as u64);
        self.flush_seconds.record(took);
        self.commit_seconds.record(written.committing);
    }
}

/// Metrics of one table.
#[derive(Debug)]
struct TableMetrics {
    name: String,
    /// The greatest AUTO_INCREMENT number reported so far; updates report those of old rows.
    last_id: u64,
    rows: Counter,
    statements: Counter,
    statement_seconds: Histogram,
}

impl TableMetrics {
    fn new(table: &str) -> Self {
        // Shows the counter before the first refusal.
        drop(refused_by(table));
        let table = table.to_owned();
        Self {
            name: table.clone(),
            last_id: 0,
            rows: counter!("sluicegate_flush_rows_total", "table" => table.clone()),
            statements: counter!("sluicegate_flush_statements_total", "table" => table.clone()),
            statement_seconds: histogram!("sluicegate_flush_statement_duration_seconds", "table" => table),
        }
    }

    fn last_id(&mut self, told: &LastId) {
        if told.last > self.last_id {
            self.last_id = told.last;
            // A number beyond the greatest means that the column has been widened since.
            let greatest = if told.last > told.greatest { u64::MAX } else { told.greatest };
            room_left(&self.name, share_left(greatest, told.last));
        }
    }
}

/// This share of a table's AUTO_INCREMENT numbers is left.
pub fn room_left(table: &str, share: f64) {
    gauge!("sluicegate_flush_auto_increment_room_ratio", "table" => table.to_owned()).set(share);
}

fn dead_letters_of(topic: &str, code: Code) -> Counter {
    counter!("sluicegate_flush_dead_letters_total", "topic" => topic.to_owned(), "reason" => code.as_str())
}

fn refused_by(table: &str) -> Counter {
    counter!("sluicegate_flush_refused_events_total", "table" => table.to_owned())
}
