//! What Kafka does: it hands out messages, and takes offsets, or does not.

use super::{Event, FAULTS_END, Plant, Purpose, Simulation};
use crate::database::Transaction;
use crate::group::{Change, Member};
use crate::inputs::WRITERS;
use crate::laws::is_durable;
use sluicegate::consume::PartitionFacts;
use sluicegate::offsets::{Offsets, TopicPartition};
use sluicegate::pipeline::Message;
use std::sync::Arc;

/// Messages that an instance is given at most before it is asked what is next.
const MESSAGES_AT_ONCE: usize = 4;

impl Simulation<'_> {
    /// Passes on what an instance was told of the group, in this order.
    pub(super) fn pass_on(&mut self, member: Member) -> Result<(), String> {
        let Some(instance) = self.instances.get_mut(&member) else { return Ok(()) };
        while let Some(Change::Revoke { partitions, lost }) =
            instance.coming.pop_front_if(|change| matches!(change, Change::Revoke { .. }))
        {
            instance.pump.revoked(partitions, lost);
        }
        let asks = !instance.coming.is_empty() || !instance.pump.starting_over().is_empty();
        if asks && !instance.is_asking {
            instance.is_asking = true;
            let asked = self.chance.milliseconds(0..20);
            self.at(asked, Event::Asks(member));
        }
        Ok(())
    }

    /// Kafka and the database say where partitions begin, or the database is away.
    pub(super) fn asks(&mut self, member: Member) -> Result<(), String> {
        let Some(instance) = self.instances.get(&member) else { return Ok(()) };
        let (purpose, partitions) = match instance.coming.front() {
            Some(Change::Assign(partitions)) => (Purpose::Assigned, partitions.clone()),
            _ => (Purpose::Again, instance.pump.starting_over()),
        };
        let ledger = Arc::clone(&instance.ledger);
        let again = self.chance.milliseconds(10..200);
        if self.database.is_down {
            self.at(again, Event::Asks(member));
            return Ok(());
        }
        // What it says is sealed by a commit of its own.
        let commit = ledger.draw(WRITERS);
        let found = self.database.state.commits(&commit.instance);
        if !commit.is_all_there(&found) && self.plant != Some(Plant::LookAway) {
            self.summary.noticed_back += 1;
            let instance = self.instances.get_mut(&member).unwrap();
            instance.pump.went_back(&commit.instance);
            self.at(again, Event::Asks(member));
            return Ok(());
        }
        let facts = partitions.iter().map(|one| self.facts(one)).collect();
        self.database.commit(Transaction::default().with_books(&commit, &[]));
        ledger.acknowledge(&commit, &[]);
        let heard = self.chance.milliseconds(1..30);
        self.at(heard, Event::Answers(member, purpose, facts, commit.instance));
        Ok(())
    }

    pub(super) fn answered(
        &mut self,
        member: Member,
        purpose: Purpose,
        (facts, asked): (&[PartitionFacts], &str),
    ) -> Result<(), String> {
        let Some(instance) = self.instances.get_mut(&member) else { return Ok(()) };
        instance.is_asking = false;
        let begun = match purpose {
            Purpose::Assigned => {
                instance.coming.pop_front();
                instance.pump.assigned(facts, asked)
            }
            Purpose::Again => instance.pump.begin_again(facts, asked),
        };
        begun.map_err(|error| error.to_string())?;
        self.pass_on(member)?;
        self.wake(member);
        Ok(())
    }

    /// What Kafka and the database say of a partition.
    fn facts(&self, partition: &TopicPartition) -> PartitionFacts {
        let committed = &self.group.committed;
        PartitionFacts {
            partition: partition.clone(),
            committed: committed.get(partition).copied(),
            was_recorded: true,
            first: 0,
            end: i64::try_from(self.log[partition].len()).unwrap(),
            written: i64::try_from(self.log[partition].len()).unwrap(),
            seen: Some(3),
            topic_id: "id".into(),
            rows: self
                .database
                .state
                .held(partition)
                .map(|next| ("id".into(), next))
                .into_iter()
                .collect(),
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

    /// The instance reads partitions that it has from other offsets.
    pub(super) fn seeks(&mut self, member: Member, begins: Offsets) {
        self.summary.seeks += 1;
        let positions = &mut self.instances.get_mut(&member).unwrap().positions;
        for (partition, offset) in begins {
            // It may have lost the partition and not have been told yet.
            let Some(position) = positions.get_mut(&partition) else { continue };
            *position = match self.plant {
                // Not quite: only another message shows that some are missing.
                Some(Plant::ForgetOpenBatch) => offset.max(*position - 1),
                _ => offset,
            };
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
            if is_durable(&self.database.state, partition, *position, logged) {
                self.summary.redone += 1;
            }
            let message = Message {
                topic: &partition.topic,
                partition: partition.partition,
                offset: *position,
                key: None,
                payload: Some(&logged.payload),
                timestamp_ms: Some(now.micros / 1000),
                headers: sluicegate::message::Headers::None,
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

    /// The second law: everything before a committed offset is durable, or was when the database had not
    /// yet forgotten it.
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
            before.filter(|(at, logged)| !is_durable(&self.database.ever, partition, *at, logged));
        if let Some((at, _)) = missing.next() {
            return Err(format!(
                "{at} of {partition} is committed and not durable (committed {offset})"
            ));
        }
        // A member that was thrown out may still record, late, where it once began.
        let is_plain = self.database.times_back == 0 && self.summary.expulsions == 0;
        let held = self.database.state.held(partition).unwrap_or(0);
        if is_plain && held < offset {
            return Err(format!("{offset} of {partition} is committed, and recorded only {held}"));
        }
        Ok(())
    }
}
