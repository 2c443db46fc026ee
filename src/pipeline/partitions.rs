//! The partitions that this instance has: one record each.
//!
//! Takes the messages that come, the batches that are sealed and durable, and what Kafka says. Gives the
//! offsets to commit, the lag, and the offsets that were left out. Holds true: assignment numbers are
//! never reused, so a batch that lands after its partition was revoked, and perhaps assigned again,
//! moves no watermark; what is handed over to be committed is in the database's own rows. Absent: IO, the
//! clock.

use super::begin::Begin;
use super::lag::LagTracker;
use super::losses::Gaps;
use super::metrics::{PartitionMetrics, PartitionState};
use crate::commit::Watermark;
use crate::ledger::Ledger;
use crate::offsets::{AssignmentId, OffsetRange, Offsets, Origin, Source, TopicPartition};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// A partition for as long as it is assigned.
#[derive(Debug)]
pub(super) struct Partition {
    pub(super) name: TopicPartition,
    /// Which topic of its name it is of.
    pub(super) origin: Origin,
    pub(super) lag: LagTracker,
    pub(super) gaps: Gaps,
    /// What Kafka has acknowledged as committed.
    pub(super) acknowledged: Option<i64>,
    watermark: Watermark,
    /// What the database says of itself: it has everything before this offset.
    recorded: Option<i64>,
    /// The offset that we expect next.
    next: i64,
    /// Kafka's offset, if it was ahead of the database when the partition began.
    ahead_until: Option<i64>,
    /// Whether messages have come that no sealed batch covers yet.
    is_open: bool,
    /// The last offset that was handed over to be committed.
    handed_over: Option<i64>,
    metrics: Option<PartitionMetrics>,
}

/// How the offset of a message follows the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    /// It is the next one.
    InOrder,
    /// The offsets from this one on were left out: markers of transactions, compacted records, or
    /// records that were deleted before they were read.
    Gap { from: i64 },
    /// It came before: the partition was truncated, or its topic deleted and recreated.
    Back { expected: i64 },
}

impl Partition {
    fn new(begin: &Begin, origin: Origin, now_ms: i64) -> Self {
        let mut watermark = Watermark::default();
        watermark.advance(begin.offset);
        Self {
            name: begin.partition.clone(),
            origin,
            lag: LagTracker::new(begin.offset, now_ms),
            gaps: Gaps::default(),
            acknowledged: begin.committed,
            watermark,
            recorded: None,
            next: begin.offset,
            ahead_until: begin.ahead().and(begin.committed),
            is_open: false,
            handed_over: begin.committed,
            metrics: None,
        }
    }

    pub(super) fn source(&self) -> Source {
        Source { partition: self.name.clone(), origin: self.origin.clone() }
    }

    fn is(&self, topic: &str, partition: i32) -> bool {
        self.name.partition == partition && *self.name.topic == *topic
    }

    /// A message came; not one from before [`Self::next`].
    pub(super) fn arrive(&mut self, offset: i64) -> Arrival {
        let expected = std::mem::replace(&mut self.next, offset + 1);
        self.is_open = true;
        if offset > expected { Arrival::Gap { from: expected } } else { Arrival::InOrder }
    }

    /// The offset that we expect next.
    pub(super) fn next(&self) -> i64 {
        self.next
    }

    /// There is no message left to read before `offset`. Counts only if all messages that came are
    /// durable; returns whether it does.
    fn advance(&mut self, offset: i64) -> bool {
        let counts = !self.is_open && self.is_flushed() && offset > self.next;
        if counts {
            self.next = offset;
            self.watermark.advance(offset);
        }
        counts
    }

    /// Whether everything that was sealed is durable.
    pub(super) fn is_flushed(&self) -> bool {
        self.watermark.is_idle()
    }

    /// What the database has recorded, if it has not been handed over to be committed yet.
    fn uncommitted(&self) -> Option<i64> {
        self.recorded.filter(|recorded| self.handed_over != Some(*recorded))
    }

    /// Whether the database has not recorded everything that is durable.
    fn is_unrecorded(&self) -> bool {
        self.recorded < self.watermark.durable()
    }

    /// Whether the database has not recorded where the partition begins.
    fn is_new(&self) -> bool {
        self.recorded.is_none()
    }

    /// How many messages are left of those that the database lacked when the partition began; once 0, `None`.
    pub(super) fn left_to_read_again(&mut self) -> Option<i64> {
        let until = self.ahead_until?;
        let left = (until - self.watermark.durable().unwrap_or(until)).max(0);
        if left == 0 {
            self.ahead_until = None;
        }
        Some(left)
    }

    /// Updates the partition's gauges.
    pub(super) fn report(&mut self, now_ms: i64) {
        let durable = self.watermark.durable();
        let all_committed = !self.is_open
            && self.is_flushed()
            && (durable.is_none() || self.acknowledged == durable);
        let lag =
            self.lag.lag(self.acknowledged, all_committed, self.watermark.durable_ms(), now_ms);
        // Unknown is not 0.
        let Some(messages) = lag.messages else { return };
        self.set_metrics(&PartitionState {
            is_assigned: true,
            lag: messages,
            lag_seconds: lag.seconds,
            unreadable: lag.unreadable,
            durable,
            committed: self.acknowledged,
        });
    }

    /// From now on its next owner reports how far it is.
    fn report_as_given_up(&mut self) {
        self.set_metrics(&PartitionState::default());
    }

    fn set_metrics(&mut self, state: &PartitionState) {
        let name = &self.name;
        self.metrics.get_or_insert_with(|| PartitionMetrics::new(name)).set(state);
    }
}

/// The assigned partitions, by name and by the number of their assignment.
#[derive(Debug)]
pub(super) struct Partitions {
    by_id: BTreeMap<AssignmentId, Partition>,
    ids: HashMap<TopicPartition, AssignmentId>,
    next_id: AssignmentId,
    /// Those that begin again, at an offset that is not known yet; and the offset before which we thought
    /// that everything was durable.
    starting_over: Offsets,
    /// Of those that begin again because their messages went back: to which offset. What the database holds
    /// may be of messages that a leader has lost.
    returned_to: Offsets,
    ledger: Arc<Ledger>,
}

impl Partitions {
    pub(super) fn new(ledger: Arc<Ledger>) -> Self {
        Self {
            by_id: BTreeMap::new(),
            ids: HashMap::new(),
            next_id: 0,
            starting_over: Offsets::new(),
            returned_to: Offsets::new(),
            ledger,
        }
    }

    /// A partition is assigned, or begins again. If Kafka's offset is not where we read from, that gets
    /// committed.
    pub(super) fn assign(&mut self, begin: &Begin, now_ms: i64) -> AssignmentId {
        let id = self.next_id;
        self.next_id += 1;
        let name = begin.partition.clone();
        let starts_over = self.starting_over.remove(&name).is_some();
        self.returned_to.remove(&name);
        let cluster_id = self.ledger.identity().map(|identity| identity.cluster_id);
        let cluster_id = cluster_id.unwrap_or_default();
        let origin = Origin { cluster_id, topic_id: Arc::clone(&begin.topic_id) };
        let mut partition = Partition::new(begin, origin, now_ms);
        if starts_over {
            // Offsets from before may still have been on their way when Kafka was asked.
            partition.handed_over = None;
        }
        let topic = (Arc::clone(&begin.topic_id), begin.rows.clone());
        self.ledger.open(id, name.clone(), topic, partition.watermark.clone());
        self.ids.insert(name, id);
        self.by_id.insert(id, partition);
        id
    }

    /// A partition is assigned, but it is not known any more where it begins.
    pub(super) fn assign_later(&mut self, begin: &Begin) {
        self.starting_over.insert(begin.partition.clone(), begin.offset);
    }

    /// The database went back in time: every partition begins again, once we know where. What is under way
    /// may still land, to no effect.
    pub(super) fn start_over(&mut self) {
        for (_, partition) in std::mem::take(&mut self.by_id) {
            let durable = partition.watermark.durable().unwrap_or(partition.next);
            self.starting_over.insert(partition.name, durable);
        }
        self.ids.clear();
        self.returned_to.clear();
        self.ledger.restart();
    }

    /// The same for one partition, because its messages went back to this offset.
    pub(super) fn start_over_alone(&mut self, id: AssignmentId, offset: i64) {
        let Some(partition) = self.by_id.remove(&id) else { return };
        self.ids.remove(&partition.name);
        self.ledger.close(id);
        let durable = partition.watermark.durable().unwrap_or(partition.next);
        self.returned_to.insert(partition.name.clone(), offset);
        self.starting_over.insert(partition.name, durable);
    }

    /// Where a partition begins again: not after the offset to which its messages went back.
    pub(super) fn begin_again(&self, begin: Begin) -> Begin {
        let returned_to = self.returned_to.get(&begin.partition);
        let offset = returned_to.map_or(begin.offset, |offset| begin.offset.min(*offset));
        Begin { offset, ..begin }
    }

    /// We leave the group: its other members report how far each partition is, or we do when we are back.
    pub(super) fn leave(&mut self) {
        self.by_id.values_mut().for_each(Partition::report_as_given_up);
    }

    /// The partitions that begin again, and up to where everything seemed durable.
    pub(super) fn starting_over(&self) -> &Offsets {
        &self.starting_over
    }

    /// A partition is revoked. What is under way may still land, to no effect.
    pub(super) fn revoke(&mut self, name: &TopicPartition) {
        self.starting_over.remove(name);
        self.returned_to.remove(name);
        let Some(id) = self.ids.remove(name) else { return };
        self.ledger.close(id);
        if let Some(mut partition) = self.by_id.remove(&id) {
            partition.report_as_given_up();
        }
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len() + self.starting_over.len()
    }

    /// Searches the assignment of a partition. Messages come in runs, so asking [`Self::is`] about the
    /// last one first saves the search.
    pub(super) fn id(&self, topic: &str, partition: i32) -> Option<AssignmentId> {
        self.by_id.iter().find(|(_, record)| record.is(topic, partition)).map(|(id, _)| *id)
    }

    pub(super) fn is(&self, id: AssignmentId, topic: &str, partition: i32) -> bool {
        self.by_id.get(&id).is_some_and(|record| record.is(topic, partition))
    }

    pub(super) fn contains(&self, name: &TopicPartition) -> bool {
        self.ids.contains_key(name) || self.starting_over.contains_key(name)
    }

    pub(super) fn by_id(&self, id: AssignmentId) -> Option<&Partition> {
        self.by_id.get(&id)
    }

    pub(super) fn by_id_mut(&mut self, id: AssignmentId) -> Option<&mut Partition> {
        self.by_id.get_mut(&id)
    }

    pub(super) fn get(&self, name: &TopicPartition) -> Option<&Partition> {
        self.by_id.get(self.ids.get(name)?)
    }

    pub(super) fn get_mut(&mut self, name: &TopicPartition) -> Option<&mut Partition> {
        self.by_id.get_mut(self.ids.get(name)?)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Partition> {
        self.by_id.values()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Partition> {
        self.by_id.values_mut()
    }

    /// A batch with these ranges was sealed.
    pub(super) fn sealed(&mut self, ranges: &[OffsetRange]) {
        for range in ranges {
            if let Some(partition) = self.by_id.get_mut(&range.assignment) {
                partition.is_open = false;
                partition.watermark.begin(*range);
                self.ledger.update(range.assignment, &partition.watermark);
            }
        }
    }

    /// A batch with these ranges is durable.
    pub(super) fn flushed(&mut self, ranges: &[OffsetRange]) {
        for range in ranges {
            if let Some(partition) = self.by_id.get_mut(&range.assignment) {
                partition.watermark.finish(*range);
                self.ledger.update(range.assignment, &partition.watermark);
            }
        }
    }

    /// The database says how far it is.
    pub(super) fn recorded(&mut self, recorded: &[(AssignmentId, i64)]) {
        for (id, next) in recorded {
            if let Some(partition) = self.by_id.get_mut(id) {
                partition.recorded = partition.recorded.max(Some(*next));
            }
        }
    }

    /// Whether the database has not recorded something that is durable.
    pub(super) fn has_unrecorded(&self) -> bool {
        self.by_id.values().any(Partition::is_unrecorded)
    }

    /// Whether the database has not recorded where some partition begins.
    pub(super) fn has_new(&self) -> bool {
        self.by_id.values().any(Partition::is_new)
    }

    /// There is no message left to read before these offsets; see [`Partition::advance`].
    pub(super) fn advance(&mut self, name: &TopicPartition, offset: i64) {
        let Some(id) = self.ids.get(name) else { return };
        if let Some(partition) = self.by_id.get_mut(id)
            && partition.advance(offset)
        {
            self.ledger.update(*id, &partition.watermark);
        }
    }

    /// Hands over what the database has recorded since the last time, to be committed.
    pub(super) fn hand_over(&mut self) -> Offsets {
        let mut offsets = Offsets::new();
        for partition in self.by_id.values_mut() {
            if let Some(offset) = partition.uncommitted() {
                partition.handed_over = Some(offset);
                offsets.insert(partition.name.clone(), offset);
            }
        }
        offsets
    }

    /// Whether the database has recorded more since the last time.
    pub(super) fn has_uncommitted(&self) -> bool {
        self.by_id.values().any(|partition| partition.uncommitted().is_some())
    }

    /// A commit failed: hand over the offsets of these partitions again.
    pub(super) fn commit_failed<'p>(&mut self, names: impl Iterator<Item = &'p TopicPartition>) {
        for name in names {
            if let Some(partition) = self.get_mut(name) {
                partition.handed_over = None;
            }
        }
    }
}

#[cfg(test)]
mod tests;
