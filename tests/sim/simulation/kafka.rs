//! What Kafka does: it hands out messages, and takes offsets, or does not.

use super::{Event, FAULTS_END, Plant, Simulation};
use crate::group::{Change, Member};
use crate::laws::is_durable;
use sluicegate::consume::PartitionFacts;
use sluicegate::offsets::{Offsets, TopicPartition};
use sluicegate::pipeline::Message;

/// Messages that an instance is given at most before it is asked what is next.
const MESSAGES_AT_ONCE: usize = 4;

impl Simulation<'_> {
    /// An instance learns of a rebalance.
    pub(super) fn tell(&mut self, member: Member, change: Change) -> Result<(), String> {
        let facts: Vec<PartitionFacts> = match &change {
            Change::Assign(partitions) => partitions.iter().map(|one| self.facts(one)).collect(),
            Change::Revoke { .. } => Vec::new(),
        };
        let Some(instance) = self.instances.get_mut(&member) else { return Ok(()) };
        match change {
            Change::Assign(_) => {
                instance.pump.assigned(&facts).map_err(|error| error.to_string())?;
            }
            Change::Revoke { partitions, lost } => instance.pump.revoked(partitions, lost),
        }
        self.wake(member);
        Ok(())
    }

    /// What Kafka says of a partition when it is assigned.
    fn facts(&self, partition: &TopicPartition) -> PartitionFacts {
        let committed = &self.group.committed;
        PartitionFacts {
            partition: partition.clone(),
            committed: committed.get(partition).copied(),
            first: 0,
            end: i64::try_from(self.log[partition].len()).unwrap(),
            group_knows_topic: committed.keys().any(|known| known.topic == partition.topic),
        }
    }

    pub(super) fn answers(&mut self, member: Member, begins: Offsets) {
        let change = self.group.answered(member);
        let instance = self.instances.get_mut(&member).unwrap();
        if self.group.is_up_to_date(member) {
            instance.generation = self.group.generation(member);
        }
        let positions = &mut instance.positions;
        match change {
            None => {}
            Some(Change::Assign(_)) => positions.extend(begins),
            Some(Change::Revoke { partitions, .. }) => {
                positions.retain(|partition, _| !partitions.contains(partition));
            }
        }
    }

    /// Hands the instance a message, if there is one.
    pub(super) fn fetch(&mut self, member: Member) -> bool {
        let now = self.now();
        let instance = self.instances.get_mut(&member).unwrap();
        if instance.is_paused {
            return false;
        }
        let has_more = |(partition, position): &(&TopicPartition, &i64)| {
            usize::try_from(**position).unwrap() < self.log[*partition].len()
        };
        let ready: Vec<TopicPartition> = instance
            .positions
            .iter()
            .filter(has_more)
            .map(|(partition, _)| partition.clone())
            .collect();
        if ready.is_empty() {
            return false;
        }
        let partition = &ready[self.chance.below(ready.len())];
        let position = instance.positions.get_mut(partition).unwrap();
        // As librdkafka does, it hands out several while there is room.
        for _ in 0..=self.chance.below(MESSAGES_AT_ONCE) {
            let Some(logged) = self.log[partition].get(usize::try_from(*position).unwrap()) else {
                break;
            };
            if is_durable(&self.database, partition, *position, logged) {
                self.summary.redone += 1;
            }
            let message = Message {
                topic: &partition.topic,
                partition: partition.partition,
                offset: *position,
                key: None,
                payload: Some(&logged.payload),
                timestamp_ms: Some(now.micros / 1000),
            };
            *position += 1;
            if !instance.pump.message(&message, now) {
                break;
            }
        }
        true
    }

    pub(super) fn commits(
        &mut self,
        member: Member,
        generation: u32,
        offsets: Offsets,
    ) -> Result<(), String> {
        let is_calm = self.elapsed > FAULTS_END;
        let fails = !is_calm && self.chance.once_in(8);
        // Kafka may have taken what it does not answer for.
        let mut is_taken = !fails || self.chance.once_in(2);
        is_taken &= generation == self.group.generation(member);
        is_taken &= offsets.iter().all(|(partition, _)| self.group.is_owner(member, partition));
        if is_taken {
            for (partition, offset) in &offsets {
                let offset = offset + i64::from(self.plant == Some(Plant::OffByOne));
                self.check_commit(partition, offset)?;
                self.group.committed.insert(partition.clone(), offset);
            }
        }
        self.summary.failed_offset_commits += u32::from(fails || !is_taken);
        let heard = self.chance.milliseconds(1..30);
        self.at(heard, Event::Answer(member, offsets, is_taken && !fails));
        Ok(())
    }

    /// The second law: everything before a committed offset is durable.
    pub(super) fn check_commit(
        &self,
        partition: &TopicPartition,
        offset: i64,
    ) -> Result<(), String> {
        let end = i64::try_from(self.log[partition].len()).unwrap();
        if offset > end {
            return Err(format!("{offset} of {partition} is committed, its end is {end}"));
        }
        let before = (0..offset).zip(&self.log[partition]);
        let mut missing =
            before.filter(|(at, logged)| !is_durable(&self.database, partition, *at, logged));
        match missing.next() {
            Some((at, _)) => Err(format!(
                "{at} of {partition} is committed and not durable (committed {offset})"
            )),
            None => Ok(()),
        }
    }
}
