//! Faults by chance: instances that die, stop or are thrown out, a database that goes away.

use super::{Event, FAULTS_END, Simulation};
use crate::group::Member;
use std::time::Duration;

impl Simulation<'_> {
    pub(super) fn fault(&mut self) {
        if self.elapsed > FAULTS_END {
            self.database.is_down = false;
            return;
        }
        let members: Vec<Member> = self.instances.keys().copied().collect();
        let anyone = (!members.is_empty()).then(|| *self.chance.pick(&members));
        match (self.chance.below(7), anyone) {
            (0, Some(member)) => self.crash(member),
            (1, Some(member)) => self.stop(member),
            (2, Some(member)) if !self.instances[&member].is_stopping => {
                self.summary.expulsions += 1;
                self.group.expel(member);
            }
            (3, _) if members.len() < 4 => self.start(),
            (4, _) => {
                self.database.is_down = true;
                let back = self.chance.milliseconds(50..8_000);
                self.at(back, Event::DatabaseBack);
            }
            (5, _) => {
                self.summary.times_back += 1;
                let all = self.database.transactions();
                let last = self.chance.below(6);
                let by = if self.chance.once_in(4) { self.chance.below(all + 1) } else { last };
                self.database.go_back(by);
            }
            (_, None) => self.start(),
            _ => {}
        }
        let next = self.chance.milliseconds(50..2_000);
        self.at(next, Event::Fault);
    }

    /// `kill -9`: a transaction whose commit is on its way may still land.
    pub(super) fn crash(&mut self, member: Member) {
        self.summary.crashes += 1;
        let instance = self.instances.remove(&member).unwrap();
        for (writer, job) in instance.writers.iter().enumerate() {
            let Some(job) = job else { continue };
            if self.chance.once_in(3) && !self.database.is_down {
                self.summary.late_landings += 1;
                // What it finds does not matter any more.
                drop(self.transact(&instance.ledger, writer, job.batch()));
            }
        }
        self.at(Duration::from_secs(2), Event::Forgotten(member));
        let again = self.chance.milliseconds(100..3_000);
        self.at(again, Event::Starts);
    }

    pub(super) fn ended(&mut self, member: Member, in_time: bool) -> Result<(), String> {
        let instance = self.instances.remove(&member).unwrap();
        if in_time {
            self.summary.polite_stops += 1;
            if let Err(trouble) = instance.health.ready()
                && trouble.contains("not committed")
            {
                return Err(format!("after a polite stop it still says: {trouble}"));
            }
            // Nothing is left to redo of what it has read, unless the database has forgotten it.
            let positions = instance.positions.iter();
            let counts = !instance.pump.is_starting_over();
            for (partition, position) in positions.filter(|_| counts) {
                let committed = self.group.committed.get(partition).copied().unwrap_or(0);
                if committed < *position && self.group.is_owner(member, partition) {
                    return Err(format!(
                        "{partition}: read up to {position}, committed {committed} after a polite stop"
                    ));
                }
            }
        } else {
            self.summary.late_stops += 1;
        }
        self.group.leave(instance.member);
        if self.elapsed < FAULTS_END {
            let again = self.chance.milliseconds(100..3_000);
            self.at(again, Event::Starts);
        }
        Ok(())
    }
}
