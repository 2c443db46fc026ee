//! A database that holds events, dead letters and sluicegate's own rows, and that can go back in time.

use sluicegate::buffer::Batch;
use sluicegate::ledger::{Commit, Record};
use sluicegate::mapping::{Mapping, TableKind};
use sluicegate::offsets::TopicPartition;
use std::collections::{BTreeMap, BTreeSet};

/// Topic, partition, offset.
pub(crate) type Place = (String, i32, i64);

#[derive(Default)]
pub(crate) struct Database {
    pub(crate) is_down: bool,
    pub(crate) state: State,
    /// Everything that was committed, in this order.
    history: Vec<Transaction>,
    /// Everything that was ever durable, forgotten or not.
    pub(crate) ever: State,
    /// How often it has gone back.
    pub(crate) times_back: u32,
}

/// What one transaction writes.
#[derive(Clone, Default)]
pub(crate) struct Transaction {
    events: BTreeSet<String>,
    pub(crate) dead_letters: BTreeSet<Place>,
    records: Vec<Record>,
    commit: Option<Commit>,
}

#[derive(Default)]
pub(crate) struct State {
    /// Ids of the events whose rows are durable.
    pub(crate) events: BTreeSet<String>,
    pub(crate) dead_letters: BTreeSet<Place>,
    /// How far each writer says that each partition is.
    progress: BTreeMap<(TopicPartition, usize), i64>,
    /// By instance of the ledger and writer.
    commits: BTreeMap<(String, usize), u64>,
}

impl Transaction {
    /// The rows of a batch. Every event has a row in a log table.
    pub(crate) fn of(mapping: &Mapping, batch: &Batch) -> Self {
        let mut transaction = Self::default();
        for (id, table) in mapping.tables.iter().enumerate() {
            if table.kind == TableKind::Log {
                let (rows, column) = (batch.rows(id), table.event_id());
                let ids = (0..rows.len()).map(|row| rows.column(column).text(row).unwrap());
                transaction.events.extend(ids.map(str::to_owned));
            }
        }
        let place = |letter: &sluicegate::dead_letter::DeadLetter| {
            (letter.topic.to_string(), letter.partition, letter.offset)
        };
        transaction.dead_letters.extend(batch.dead_letters.iter().map(place));
        transaction
    }

    /// The same with the ledger's rows.
    pub(crate) fn with_books(self, commit: &Commit, records: &[Record]) -> Self {
        Self { commit: Some(commit.clone()), records: records.to_vec(), ..self }
    }
}

impl State {
    fn apply(&mut self, transaction: &Transaction) {
        self.events.extend(transaction.events.iter().cloned());
        self.dead_letters.extend(transaction.dead_letters.iter().cloned());
        let Some(Commit { instance, writer, number, .. }) = &transaction.commit else { return };
        self.commits.insert((instance.clone(), *writer), *number);
        for Record { partition, next, replaces, .. } in &transaction.records {
            let replaced = replaces.iter().flat_map(|rows| rows.values()).max();
            if let Some(replaced) = replaced {
                self.progress.retain(|(of, _), next| of != partition || *next > *replaced);
            }
            let row = self.progress.entry((partition.clone(), *writer)).or_insert(*next);
            *row = (*row).max(*next);
        }
    }

    /// What it says of a partition.
    pub(crate) fn held(&self, partition: &TopicPartition) -> Option<i64> {
        let rows = self.progress.iter().filter(|((of, _), _)| of == partition);
        rows.map(|(_, next)| *next).max()
    }

    /// The commits of an instance of the ledger, by writer.
    pub(crate) fn commits(&self, instance: &str) -> BTreeMap<usize, u64> {
        let own = self.commits.iter().filter(|((of, _), _)| of == instance);
        own.map(|((_, writer), number)| (*writer, *number)).collect()
    }
}

impl Database {
    pub(crate) fn commit(&mut self, transaction: Transaction) {
        self.state.apply(&transaction);
        self.ever.apply(&transaction);
        self.history.push(transaction);
    }

    /// Loses its last transactions, as a replica that had not received them.
    pub(crate) fn go_back(&mut self, by: usize) {
        self.history.truncate(self.history.len().saturating_sub(by));
        self.state = State::default();
        self.history.iter().for_each(|transaction| self.state.apply(transaction));
        self.times_back += 1;
    }

    pub(crate) fn transactions(&self) -> usize {
        self.history.len()
    }
}
