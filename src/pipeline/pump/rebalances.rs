//! How partitions change hands.

use super::{Change, Phase, Port, Pump};
use crate::consume::PartitionFacts;
use crate::health::Trouble;
use crate::offsets::{Offsets, TopicPartition, grouped};
use crate::pipeline::begin::{self, Begin, NoBegin, Surprise};
use crate::pipeline::losses::Lost;
use crate::pipeline::partitions::Partition;
use crate::pipeline::timers::Timer;
use crate::pipeline::{Now, joined};
use tracing::{error, info, warn};

impl Pump {
    /// This instance gets partitions. The pump answers through [`Port::begin`] once everything before is
    /// done. `asked` is the instance of the ledger in whose time the database was asked: what it said
    /// before it went back does not count.
    ///
    /// # Errors
    /// If there is no offset to begin from and `kafka.auto_offset_reset` is `error`.
    pub fn assigned(&mut self, facts: &[PartitionFacts], asked: &str) -> Result<(), NoBegin> {
        let reset = self.setup.config.kafka.reset;
        let begins = facts.iter().map(|facts| begin::begin(facts, reset));
        let begins = begins.collect::<Result<_, _>>()?;
        self.changes.push_back(Change::Assigned { begins, asked: asked.to_owned() });
        Ok(())
    }

    /// This instance has to give up partitions; if they are `lost`, other instances have them already.
    /// The pump answers through [`Port::give_up`] once everything before is done.
    pub fn revoked(&mut self, partitions: Vec<TopicPartition>, lost: bool) {
        self.changes.push_back(Change::Revoked { partitions, lost });
    }

    pub(super) fn change(&mut self, change: Change, now: Now, port: &mut impl Port) {
        let count = match &change {
            Change::Assigned { begins, .. } => begins.len(),
            Change::Revoked { partitions, .. } => partitions.len(),
        };
        if count > 0 {
            self.metrics.rebalances.increment(1);
        }
        if let Some(end) = &mut self.until_end {
            end.interrupted();
        }
        match change {
            Change::Assigned { begins, asked } => self.begin(begins, &asked, now, port),
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
    fn begin(&mut self, begins: Vec<Begin>, asked: &str, now: Now, port: &mut impl Port) {
        let counts = self.setup.ledger.instance() == asked;
        info!(
            partitions = joined(begins.iter().map(|begin| &begin.partition)),
            "rebalance: assigned"
        );
        for begin in &begins {
            self.deleted.remove(&begin.partition.topic);
            if counts {
                self.partitions.assign(begin, now.micros / 1000);
                self.say(begin);
            } else {
                self.partitions.assign_later(begin);
            }
        }
        say_ahead(&begins);
        self.count_partitions();
        port.begin(begins.into_iter().map(|begin| (begin.partition, begin.offset)).collect());
        self.setup.health.set_assigned(true);
        self.setup.health.set_trouble(Trouble::Group, None);
        if self.paused {
            self.paused = port.set_paused(true);
        }
    }

    /// Says what is unusual about where a partition begins.
    pub(super) fn say(&mut self, begin: &Begin) {
        let Begin { partition, offset, surprises, .. } = begin;
        if let Some(end) = &mut self.until_end {
            end.held(&Offsets::from([(partition.clone(), *offset)]));
        }
        self.metrics.kafka_ahead(partition, begin.ahead().unwrap_or(0));
        for surprise in surprises {
            match *surprise {
                Surprise::Deleted { from, first } => {
                    self.lost(&Lost { partition: partition.clone(), from, next: first });
                }
                Surprise::Truncated { next, end } => error!(
                    %partition,
                    next,
                    end,
                    "consume: the partition ends before the offset to read next: its topic was deleted and recreated, or a leader lost records; reading from its first offset"
                ),
                Surprise::Recreated => {
                    error!(
                        %partition,
                        from = offset,
                        "consume: the topic was deleted and recreated (its id is another one); reading from its first offset"
                    );
                    self.metrics.recreated(&partition.topic);
                }
                Surprise::Ahead { kafka, held } => warn!(
                    kafka,
                    held,
                    "consume: Kafka's offset of {partition} is {} ahead of what this database holds; reading from the database's",
                    grouped(kafka - held)
                ),
                Surprise::Unknown { kafka } => warn!(
                    kafka,
                    from = offset,
                    "consume: Kafka's offset of {partition} is {} ahead of what this database holds, which says nothing of the partition; reading from its first offset. Is it another database than the group's, or put back to before an upgrade?",
                    grouped(kafka - offset)
                ),
            }
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
            // Its next owner reports that.
            self.metrics.kafka_ahead(partition, 0);
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

/// What the lines about single partitions come to.
fn say_ahead(begins: &[Begin]) {
    let ahead: Vec<i64> = begins.iter().filter_map(Begin::ahead).collect();
    if !ahead.is_empty() {
        warn!(
            partitions = ahead.len(),
            messages = ahead.iter().sum::<i64>(),
            "consume: reading again what this database does not hold: it was restored or replaced, has failed over, or Kafka's offsets were moved. Nothing is to be done, unless you did mean to skip messages: sluicegate progress skip-to-kafka"
        );
    }
}
