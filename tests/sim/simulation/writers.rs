//! Writers, whose transactions fail before, in and after their commit.

use super::{ERRORS, Event, FAULTS_END, Plant, Simulation};
use crate::group::Member;
use crate::inputs::WRITERS;
use crate::instance::Job;
use crate::laws::place;
use sluicegate::flush::Written;
use sluicegate::mysql::Class;
use sluicegate::pipeline::{Flushed, SealedBatch};

impl Simulation<'_> {
    pub(super) fn give_work(&mut self, member: Member) {
        for writer in 0..WRITERS {
            let instance = self.instances.get_mut(&member).unwrap();
            if instance.writers[writer].is_some() {
                continue;
            }
            let Some(sealed) = instance.waiting.pop_front() else { return };
            instance.writers[writer] = Some(Job { sealed, attempt: 0 });
            let took = self.chance.milliseconds(1..120);
            self.at(took, Event::AttemptEnds(member, writer));
        }
    }

    pub(super) fn attempt_ends(&mut self, member: Member, writer: usize) {
        let Some(instance) = self.instances.get_mut(&member) else { return };
        let Some(job) = &mut instance.writers[writer] else { return };
        let is_calm = self.elapsed > FAULTS_END;
        let fails = self.database.is_down || (!is_calm && self.chance.once_in(6));
        let heard = self.chance.milliseconds(0..20);
        if !fails {
            if self.plant == Some(Plant::CommitBeforeFlush) && self.chance.once_in(4) {
                // The transaction is committed after the answer, if at all.
            } else {
                self.database.commit(&self.inputs.mapping, &job.sealed.batch);
            }
            self.at(heard, Event::Hears(member, writer));
            return;
        }
        self.summary.failed_attempts += 1;
        if !self.database.is_down && self.chance.once_in(3) {
            // It was committed, and the answer got lost.
            self.summary.unheard_commits += 1;
            self.database.commit(&self.inputs.mapping, &job.sealed.batch);
        }
        assert_ne!(
            Class::of(*self.chance.pick(&ERRORS)),
            Class::Data,
            "an outage is not the data's fault"
        );
        match self.plant {
            Some(Plant::DropOnOutage) => return self.at(heard, Event::Hears(member, writer)),
            Some(Plant::BlameOutage) => {
                let SealedBatch { batch, sources, .. } = &job.sealed;
                for (range, source) in batch.ranges().iter().zip(sources) {
                    let places = (range.from..range.next).zip(source.iter().cycle());
                    let letters = places.map(|(offset, source)| place(&source.partition, offset));
                    self.database.dead_letters.extend(letters);
                }
                return self.at(heard, Event::Hears(member, writer));
            }
            _ => {}
        }
        job.attempt += 1;
        let pause = self.inputs.config.flush.backoff.pause(job.attempt, self.chance.draw());
        let took = self.chance.milliseconds(1..120);
        self.at(pause + took, Event::AttemptEnds(member, writer));
    }

    pub(super) fn hears(&mut self, member: Member, writer: usize) -> Result<(), String> {
        let now = self.now();
        let Some(instance) = self.instances.get_mut(&member) else { return Ok(()) };
        let Some(Job { sealed, .. }) = instance.writers[writer].take() else { return Ok(()) };
        let flushed = Flushed {
            batch: sealed.batch,
            result: Ok(Written::default()),
            sealed_at: sealed.sealed_at,
        };
        instance.pump.flushed(flushed, now).map_err(|error| error.to_string())?;
        self.give_work(member);
        self.wake(member);
        Ok(())
    }
}
