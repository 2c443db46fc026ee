//! How partitions change hands.

use super::{Change, Phase, Port, Pump};
use crate::consume::PartitionFacts;
use crate::health::Trouble;
use crate::offsets::TopicPartition;
use crate::pipeline::begin::{self, Begin, NoBegin, Surprise};
use crate::pipeline::losses::Lost;
use crate::pipeline::partitions::Partition;
use crate::pipeline::timers::Timer;
use crate::pipeline::{Now, joined};
use tracing::{error, info, warn};

impl Pump {
    /// This instance gets partitions. The pump answers through [`Port::begin`] once everything before is
    /// done.
    ///
    /// # Errors
    /// If there is no offset to begin from and `kafka.auto_offset_reset` is `error`.
    pub fn assigned(&mut self, facts: &[PartitionFacts]) -> Result<(), NoBegin> {
        let reset = self.setup.config.kafka.reset;
        let begins = facts.iter().map(|facts| begin::begin(facts, reset));
        self.changes.push_back(Change::Assigned(begins.collect::<Result<_, _>>()?));
        Ok(())
    }

    /// This instance has to give up partitions; if they are `lost`, other instances have them already.
    /// The pump answers through [`Port::give_up`] once everything before is done.
    pub fn revoked(&mut self, partitions: Vec<TopicPartition>, lost: bool) {
        self.changes.push_back(Change::Revoked { partitions, lost });
    }

    pub(super) fn change(&mut self, change: Change, now: Now, port: &mut impl Port) {
        let count = match &change {
            Change::Assigned(begins) => begins.len(),
            Change::Revoked { partitions, .. } => partitions.len(),
        };
        if count > 0 {
            self.metrics.rebalances.increment(1);
        }
        if let Some(end) = &mut self.until_end {
            end.interrupted();
        }
        match change {
            Change::Assigned(begins) => self.begin(begins, now, port),
            Change::Revoked { partitions, lost: true } => {
                warn!(
                    partitions = joined(&partitions),
                    "rebalance: lost; other instances have them already"
                );
                self.release(&partitions, port);
            }
            Change::Revoked { partitions, lost: false } => {
                info!(partitions = joined(&partitions), "rebalance: revoked");
                self.timers.set(Timer::GiveUp, now.at + self.setup.config.kafka.revoke_timeout);
                self.enter(Phase::GivingUp { partitions }, now);
            }
        }
    }

    /// From now on these partitions are ours.
    fn begin(&mut self, begins: Vec<Begin>, now: Now, port: &mut impl Port) {
        info!(
            partitions = joined(begins.iter().map(|begin| &begin.partition)),
            "rebalance: assigned"
        );
        for Begin { partition, offset, committed, surprise } in &begins {
            if let Some(end) = &mut self.until_end {
                end.inherited(partition);
            }
            self.deleted.remove(&partition.topic);
            self.partitions.assign(partition.clone(), *offset, *committed, now.micros / 1000);
            self.say(partition, *surprise);
        }
        self.count_partitions();
        port.begin(begins.into_iter().map(|begin| (begin.partition, begin.offset)).collect());
        self.setup.health.set_assigned(true);
        self.setup.health.set_trouble(Trouble::Group, None);
        if self.paused {
            self.paused = port.set_paused(true);
        }
    }

    fn say(&mut self, partition: &TopicPartition, surprise: Option<Surprise>) {
        match surprise {
            None => {}
            Some(Surprise::Deleted { from, first }) => {
                self.lost(&Lost { partition: partition.clone(), from, next: first });
            }
            Some(Surprise::Truncated { committed, end }) => error!(
                %partition,
                committed,
                end,
                "consume: the partition ends before the group's offset: its topic was deleted and recreated, or a leader lost records; reading from its first offset"
            ),
        }
    }

    fn revoked_partitions(&self) -> &[TopicPartition] {
        match &self.phase {
            Phase::GivingUp { partitions } => partitions,
            Phase::Working | Phase::Stopping => &[],
        }
    }

    fn is_flushed(&self, name: &TopicPartition) -> bool {
        self.partitions.get(name).is_none_or(Partition::is_flushed)
    }

    pub(super) fn revoked_are_flushed(&self) -> bool {
        self.revoked_partitions().iter().all(|name| self.is_flushed(name))
    }

    /// Everything is done, or the time for it is over.
    pub(super) fn give_up(&mut self, port: &mut impl Port) {
        let is_left = |name: &&TopicPartition| !self.is_flushed(name);
        let left: Vec<&TopicPartition> = self.revoked_partitions().iter().filter(is_left).collect();
        if !left.is_empty() || !self.commits_are_settled() {
            warn!(
                not_flushed = joined(left),
                "rebalance: given up before everything was flushed and committed (kafka.revoke_timeout); the next owner loads the rest again"
            );
        }
        self.timers.clear(Timer::GiveUp);
        if let Phase::GivingUp { partitions } = std::mem::replace(&mut self.phase, Phase::Working) {
            self.release(&partitions, port);
        }
    }

    /// From now on these partitions belong to other instances.
    fn release(&mut self, partitions: &[TopicPartition], port: &mut impl Port) {
        for partition in partitions {
            self.partitions.revoke(partition);
            if let Some(end) = &mut self.until_end {
                end.given_up(partition);
            }
        }
        self.count_partitions();
        self.setup.health.set_assigned(self.partitions.len() > 0);
        port.give_up();
    }

    fn count_partitions(&self) {
        self.metrics.partitions.set(self.partitions.len() as f64);
    }
}
