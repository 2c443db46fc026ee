//! Writers, whose transactions fail before, in and after their commit.

use super::{ERRORS, Event, FAULTS_END, Outcome, Plant, Simulation};
use crate::database::Transaction;
use crate::group::Member;
use crate::inputs::WRITERS;
use crate::instance::{Job, records_of};
use crate::laws::place;
use sluicegate::buffer::Batch;
use sluicegate::flush::{WentBack, Written};
use sluicegate::ledger::Ledger;
use sluicegate::mysql::Class;
use sluicegate::pipeline::{Flushed, SealedBatch};
use std::sync::Arc;

impl Simulation<'_> {
    pub(super) fn give_work(&mut self, member: Member) {
        for writer in 0..WRITERS {
            let instance = self.instances.get_mut(&member).unwrap();
            if instance.writers[writer].is_some() {
                continue;
            }
            let Some(sealed) = instance.waiting.pop_front() else { return };
            instance.writers[writer] = Some(Job { sealed: Some(sealed), attempt: 0 });
            let took = self.chance.milliseconds(1..120);
            self.at(took, Event::AttemptEnds(member, writer));
        }
    }

    /// What no batch carries is recorded beside the writers, one transaction at a time.
    pub(super) fn give_keeper_work(&mut self, member: Member) -> Result<(), String> {
        let keeper = &mut self.instances.get_mut(&member).unwrap().writers[WRITERS];
        if keeper.replace(Job::default()).is_some() {
            return Err("it is to record twice at a time".to_owned());
        }
        let took = self.chance.milliseconds(1..120);
        self.at(took, Event::AttemptEnds(member, WRITERS));
        Ok(())
    }

    pub(super) fn attempt_ends(&mut self, member: Member, writer: usize) -> Result<(), String> {
        let Some(instance) = self.instances.get_mut(&member) else { return Ok(()) };
        let Some(mut job) = instance.writers[writer].take() else { return Ok(()) };
        let is_calm = self.elapsed > FAULTS_END;
        let fails = self.database.is_down || (!is_calm && self.chance.once_in(6));
        if !fails {
            let outcome = if self.plant == Some(Plant::CommitBeforeFlush) && self.chance.once_in(4)
            {
                // The transaction is committed after the answer, if at all.
                Outcome::Pretended
            } else {
                let ledger = Arc::clone(&self.instances[&member].ledger);
                self.transact(&ledger, writer, job.batch())
            };
            self.check_records()?;
            self.hand_back(member, writer, job, outcome);
            return Ok(());
        }
        self.summary.failed_attempts += 1;
        if !self.database.is_down && self.chance.once_in(3) {
            // It was committed, and the answer got lost.
            self.summary.unheard_commits += 1;
            let ledger = Arc::clone(&self.instances[&member].ledger);
            drop(self.transact(&ledger, writer, job.batch()));
            self.check_records()?;
        }
        assert_ne!(
            Class::of(*self.chance.pick(&ERRORS)),
            Class::Data,
            "an outage is not the data's fault"
        );
        match self.plant {
            Some(Plant::DropOnOutage) => {
                self.hand_back(member, writer, job, Outcome::Pretended);
                return Ok(());
            }
            Some(Plant::BlameOutage) => {
                let mut letters = Transaction::default();
                if let Some(SealedBatch { batch, sources, .. }) = &job.sealed {
                    for (range, source) in batch.ranges().iter().zip(sources) {
                        let places = (range.from..range.next).zip(source.iter().cycle());
                        let places =
                            places.map(|(offset, source)| place(&source.partition, offset));
                        letters.dead_letters.extend(places);
                    }
                }
                let ledger = &self.instances[&member].ledger;
                let (commit, records) = (ledger.draw(writer), records_of(ledger, job.batch()));
                self.database.commit(letters.with_books(&commit, &records));
                let outcome = Outcome::Committed(commit, records);
                self.hand_back(member, writer, job, outcome);
                return Ok(());
            }
            _ => {}
        }
        job.attempt += 1;
        let pause = self.inputs.config.flush.backoff.pause(job.attempt, self.chance.draw());
        self.instances.get_mut(&member).unwrap().writers[writer] = Some(job);
        let took = self.chance.milliseconds(1..120);
        self.at(pause + took, Event::AttemptEnds(member, writer));
        Ok(())
    }

    fn hand_back(&mut self, member: Member, writer: usize, job: Job, outcome: Outcome) {
        self.instances.get_mut(&member).unwrap().writers[writer] = Some(job);
        let heard = self.chance.milliseconds(0..20);
        self.at(heard, Event::Hears(member, writer, outcome));
    }

    /// One transaction, as the product's writer makes it: it commits only if the database still has what
    /// was acknowledged, and says how far partitions are.
    pub(super) fn transact(
        &mut self,
        ledger: &Ledger,
        writer: usize,
        batch: Option<&Batch>,
    ) -> Outcome {
        let commit = ledger.draw(writer);
        let found = self.database.state.commits(&commit.instance);
        if !commit.is_all_there(&found) && self.plant != Some(Plant::LookAway) {
            return Outcome::WentBack(commit.instance);
        }
        let mut records = records_of(ledger, batch);
        if self.plant == Some(Plant::RecordTooMuch) {
            for record in &mut records {
                let ranges = batch.into_iter().flat_map(Batch::ranges);
                let own = ranges.filter(|one| one.assignment == record.assignment);
                record.next = own.map(|range| range.next).fold(record.next, i64::max);
            }
        }
        let rows = batch.map(|batch| Transaction::of(&self.inputs.mapping, batch));
        let rows = rows.unwrap_or_default();
        self.database.commit(rows.with_books(&commit, &records));
        Outcome::Committed(commit, records)
    }

    pub(super) fn hears(
        &mut self,
        member: Member,
        writer: usize,
        outcome: Outcome,
    ) -> Result<(), String> {
        let now = self.now();
        let Some(instance) = self.instances.get_mut(&member) else { return Ok(()) };
        let Some(job) = instance.writers[writer].take() else { return Ok(()) };
        let result = match outcome {
            Outcome::Committed(commit, records) => {
                let counts = instance.ledger.acknowledge(&commit, &records);
                let recorded = records.iter().map(|record| (record.assignment, record.next));
                let recorded = if counts { recorded.collect() } else { Vec::new() };
                Ok(Written { recorded, ..Written::default() })
            }
            Outcome::Pretended => {
                let records = records_of(&instance.ledger, job.batch());
                let recorded = records.iter().map(|record| (record.assignment, record.next));
                Ok(Written { recorded: recorded.collect(), ..Written::default() })
            }
            Outcome::WentBack(found) => {
                self.summary.noticed_back += 1;
                Err(WentBack(found).into())
            }
        };
        let told = match job.sealed {
            None => instance.pump.recorded(result.map(|written| written.recorded)),
            Some(SealedBatch { batch, sealed_at, .. }) => {
                instance.pump.flushed(Flushed { batch, result, sealed_at }, now)
            }
        };
        told.map_err(|error| error.to_string())?;
        self.give_work(member);
        self.wake(member);
        Ok(())
    }
}
