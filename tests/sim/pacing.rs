//! When a batch is handed over, step by step.

use crate::inputs::{BATCH_ROWS, Inputs, WRITERS};
use crate::instance::{Asked, Read, records_of};
use sluicegate::consume::{CommitOutcome, PartitionFacts};
use sluicegate::flush::Written;
use sluicegate::offsets::TopicPartition;
use sluicegate::pipeline::pump::{Next, Pump};
use sluicegate::pipeline::{Flushed, Message, Now, SealedBatch};
use std::time::Duration;

/// Longer than `batch.age` of these tests.
const AGE: Duration = Duration::from_millis(400);

/// How often a pump looks at a database that nothing is written to.
const LOOK: Duration = Duration::from_secs(5);

/// A pump whose writers and whose time the test has in its hands.
struct Driver {
    pump: Pump,
    asked: Asked,
    now: Now,
    offset: i64,
}

/// What Kafka and the database say of the partition: up to where it is written, and held.
fn facts(end: i64, held: i64) -> PartitionFacts {
    PartitionFacts {
        partition: TopicPartition { topic: "user".into(), partition: 0 },
        committed: Some(held),
        was_recorded: true,
        first: 0,
        end,
        written: end,
        seen: Some(1),
        topic_id: "id".into(),
        rows: [("id".into(), held)].into(),
    }
}

impl Driver {
    fn new() -> Self {
        let mut pump = Pump::new(Inputs::new().setup(0));
        let instance = pump.ledger().instance();
        pump.assigned(&[facts(0, 0)], &instance).unwrap();
        let mut driver = Self { pump, asked: Asked::default(), now: Now::read(), offset: 0 };
        driver.step();
        // Where the partition begins is recorded at once.
        driver.keeper_is_done();
        driver.step();
        driver
    }

    /// A faulty message: a row of the batch all the same.
    fn message(&mut self) {
        self.message_at(self.offset);
        self.offset += 1;
    }

    fn message_at(&mut self, offset: i64) {
        let message = Message {
            topic: "user",
            partition: 0,
            offset,
            key: None,
            payload: Some(b"{}"),
            timestamp_ms: None,
            headers: sluicegate::message::Headers::None,
        };
        self.pump.message(&message, self.now);
    }

    fn step(&mut self) -> Next {
        self.pump.step(self.now, &mut self.asked)
    }

    fn wait(&mut self, time: Duration) -> Next {
        self.now.at += time;
        self.step()
    }

    fn commit_fails(&mut self) {
        let failed = self.asked.commits.remove(0);
        let outcome = CommitOutcome { failed, ..CommitOutcome::default() };
        self.pump.committed(outcome, self.now);
    }

    fn keeper_is_done(&mut self) {
        assert!(std::mem::take(&mut self.asked.records));
        let ledger = self.pump.ledger();
        let (commit, records) = (ledger.draw(WRITERS), records_of(ledger, None));
        ledger.acknowledge(&commit, &records);
        let recorded = records.iter().map(|record| (record.assignment, record.next)).collect();
        self.pump.recorded(Ok(recorded)).unwrap();
    }

    fn writer_is_done(&mut self) {
        let SealedBatch { batch, sealed_at, .. } = self.asked.writes.remove(0);
        let ledger = self.pump.ledger();
        let (commit, records) = (ledger.draw(0), records_of(ledger, Some(&batch)));
        ledger.acknowledge(&commit, &records);
        let recorded = records.iter().map(|record| (record.assignment, record.next)).collect();
        let result = Ok(Written { recorded, ..Written::default() });
        let flushed = Flushed { batch, result, sealed_at };
        self.pump.flushed(flushed, self.now).unwrap();
    }
}

#[test]
fn an_old_batch_grows_while_all_writers_are_busy() {
    let mut driver = Driver::new();
    for busy in 1..=2 {
        driver.message();
        driver.wait(AGE);
        assert_eq!(driver.asked.writes.len(), busy, "an old batch goes to an idle writer");
    }
    driver.message();
    let next = driver.wait(AGE);
    assert_eq!(driver.asked.writes.len(), 2, "it would only wait for a writer");
    assert!(matches!(next, Next::Poll(pause) if !pause.is_zero()), "no busy loop: {next:?}");
    driver.message();
    driver.writer_is_done();
    driver.step();
    assert_eq!(driver.asked.writes.len(), 2);
    assert_eq!(driver.asked.writes[1].batch.messages(), 2);
}

#[test]
fn a_full_batch_is_handed_over_although_all_writers_are_busy() {
    let mut driver = Driver::new();
    for _ in 0..2 {
        driver.message();
        driver.wait(AGE);
    }
    while driver.asked.writes.len() == 2 {
        driver.message();
        driver.step();
    }
    assert_eq!(driver.asked.writes[2].batch.row_count(), BATCH_ROWS);
}

/// Nothing waits for a poll to time out: the driver is told when it is needed next.
#[test]
fn the_next_deadline_is_told_exactly() {
    let age = Inputs::new().config.batch.age;
    let part = age / 4;
    let mut driver = Driver::new();
    assert_eq!(driver.step(), Next::Poll(LOOK), "only a look at the database");
    driver.message();
    assert_eq!(driver.step(), Next::Poll(age));
    assert_eq!(driver.wait(part), Next::Poll(age - part));
    driver.message();
    assert_eq!(driver.step(), Next::Poll(age - part), "the first message counts");
    driver.wait(age - part);
    assert_eq!(driver.asked.writes.len(), 1, "sealed by age");
}

#[test]
fn a_failed_commit_is_repeated_after_its_pause_and_sooner_when_a_stop_waits() {
    let mut driver = Driver::new();
    driver.message();
    driver.wait(AGE);
    driver.writer_is_done();
    driver.step();
    assert_eq!(driver.asked.commits.len(), 1);
    driver.commit_fails();
    let Next::Poll(pause) = driver.step() else { panic!("it is working") };
    assert_eq!(driver.wait(pause - Duration::from_millis(1)), Next::Poll(Duration::from_millis(1)));
    assert!(driver.asked.commits.is_empty());
    driver.wait(Duration::from_millis(1));
    assert_eq!(driver.asked.commits.len(), 1, "on time");
    driver.commit_fails();
    driver.pump.stop(driver.now);
    let Next::Wait(sooner) = driver.step() else { panic!("it is stopping") };
    assert!(!sooner.is_zero() && sooner < pause, "{sooner:?}");
    driver.wait(sooner);
    assert_eq!(driver.asked.commits.len(), 1);
}

/// The time to pause passes while the writers are still busy, and the driver does not spin.
#[test]
fn draining_behind_busy_writers_is_no_busy_loop() {
    let mut driver = Driver::new();
    let mut next = driver.step();
    while !matches!(next, Next::Wait(_)) {
        driver.message();
        next = driver.step();
    }
    driver.pump.stop(driver.now);
    driver.step();
    let next = driver.wait(Duration::from_secs(2));
    assert!(matches!(next, Next::Wait(wait) if !wait.is_zero()), "{next:?}");
}

/// Kafka takes nothing any more of an instance that it has thrown out, so there is nothing to wait for.
#[test]
fn a_stop_does_not_wait_for_a_group_that_has_thrown_it_out() {
    let mut driver = Driver::new();
    driver.message();
    driver.wait(AGE);
    driver.writer_is_done();
    driver.step();
    driver.pump.stop(driver.now);
    assert!(matches!(driver.step(), Next::Wait(_)), "the commit is on its way");
    let failed = driver.asked.commits.remove(0);
    let outcome = CommitOutcome { failed, is_thrown_out: true, ..CommitOutcome::default() };
    driver.pump.committed(outcome, driver.now);
    assert_eq!(driver.step(), Next::Done(true));
}

/// A leader has lost records, and others have taken their offsets: those that the database holds are not all
/// that is before its offset.
#[test]
fn messages_that_come_back_are_read_from_there() {
    let mut driver = Driver::new();
    (0..5).for_each(|_| driver.message());
    driver.wait(AGE);
    driver.writer_is_done();
    driver.step();
    driver.message_at(2);
    driver.step();
    assert!(driver.pump.is_starting_over());
    let instance = driver.pump.ledger().instance();
    driver.pump.begin_again(&[facts(9, 5)], &instance).unwrap();
    driver.step();
    let Some(Read::From(begins)) = driver.asked.reads.pop() else { panic!("it is sought") };
    assert_eq!(begins.into_values().collect::<Vec<_>>(), [2]);
    driver.message_at(2);
    driver.wait(AGE);
    assert_eq!(driver.asked.writes.len(), 1, "and loaded");
}
