//! One process: a pump, its writers, and what it has fetched.

use crate::group::{Change, Member};
use sluicegate::buffer::Batch;
use sluicegate::health::Health;
use sluicegate::ledger::{Ledger, Record};
use sluicegate::offsets::Offsets;
use sluicegate::offsets::TopicPartition;
use sluicegate::pipeline::pump::{Port, Pump};
use sluicegate::pipeline::{SealedBatch, Setup};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

pub(crate) struct Instance {
    pub(crate) member: Member,
    /// Of its membership: what an earlier one sent is not taken.
    pub(crate) generation: u32,
    pub(crate) pump: Pump,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) asked: Asked,
    pub(crate) health: Arc<Health>,
    /// The next offset to fetch of each partition.
    pub(crate) positions: BTreeMap<TopicPartition, i64>,
    pub(crate) waiting: VecDeque<SealedBatch>,
    /// The last one has no batches: it records what no batch carries.
    pub(crate) writers: Vec<Option<Job>>,
    /// What it was told of the group and has not passed on: an assignment waits until Kafka and the
    /// database have said where its partitions begin.
    pub(crate) coming: VecDeque<Change>,
    /// Whether both have been asked and have not answered.
    pub(crate) is_asking: bool,
    pub(crate) is_paused: bool,
    pub(crate) is_stopping: bool,
    /// When it looks around next.
    pub(crate) wakes: Duration,
}

/// The rows that a transaction with this batch writes, or one without a batch.
pub(crate) fn records_of(ledger: &Ledger, batch: Option<&Batch>) -> Vec<Record> {
    batch.map_or_else(|| ledger.all_records(), |batch| ledger.records(batch.ranges()))
}

/// What a writer has to do.
#[derive(Default)]
pub(crate) struct Job {
    /// `None`: it only records.
    pub(crate) sealed: Option<SealedBatch>,
    pub(crate) attempt: u32,
}

impl Job {
    pub(crate) fn batch(&self) -> Option<&Batch> {
        self.sealed.as_ref().map(|sealed| &sealed.batch)
    }
}

/// What changes where an instance reads, in this order.
pub(crate) enum Read {
    /// The answer to a rebalance.
    Answer(Offsets),
    From(Offsets),
}

/// What a pump asks for, kept until its step is over.
#[derive(Default)]
pub(crate) struct Asked {
    pub(crate) writes: Vec<SealedBatch>,
    pub(crate) records: bool,
    pub(crate) commits: Vec<Offsets>,
    pub(crate) reads: Vec<Read>,
    pub(crate) pause: Option<bool>,
}

impl Port for Asked {
    fn write(&mut self, batch: SealedBatch) {
        self.writes.push(batch);
    }

    fn record(&mut self) {
        assert!(!self.records, "one at a time");
        self.records = true;
    }

    fn commit(&mut self, offsets: Offsets) {
        self.commits.push(offsets);
    }

    fn begin(&mut self, begins: Offsets) {
        self.reads.push(Read::Answer(begins));
    }

    fn give_up(&mut self) {
        self.reads.push(Read::Answer(Offsets::new()));
    }

    fn seek(&mut self, begins: &Offsets) -> bool {
        self.reads.push(Read::From(begins.clone()));
        true
    }

    fn set_paused(&mut self, paused: bool) -> bool {
        self.pause = Some(paused);
        true
    }
}

impl Instance {
    pub(crate) fn new(member: Member, setup: Setup, writers: usize, wakes: Duration) -> Self {
        Self {
            member,
            generation: 0,
            health: Arc::clone(&setup.health),
            ledger: Arc::clone(&setup.ledger),
            pump: Pump::new(setup),
            asked: Asked::default(),
            positions: BTreeMap::new(),
            waiting: VecDeque::new(),
            writers: (0..=writers).map(|_| None).collect(),
            coming: VecDeque::new(),
            is_asking: false,
            is_paused: false,
            is_stopping: false,
            wakes,
        }
    }

    /// Batches that were sealed and have not come back.
    pub(crate) fn under_way(&self) -> usize {
        self.waiting.len() + self.writers.iter().flatten().filter_map(Job::batch).count()
    }
}
