//! A consumer group and its committed offsets, as far as members notice: partitions are taken from
//! one and given to another, cooperatively, or at once from one that is silent.

use sluicegate::offsets::TopicPartition;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Number of an incarnation of an instance.
pub(crate) type Member = usize;

/// Partitions change hands.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    Assign(Vec<TopicPartition>),
    Revoke { partitions: Vec<TopicPartition>, lost: bool },
}

/// A change that a member was told and has not answered.
struct Told {
    change: Change,
    /// Whether the answer still matters: a member that was thrown out is not asked any more.
    counts: bool,
}

#[derive(Default)]
pub(crate) struct Group {
    members: BTreeSet<Member>,
    owners: BTreeMap<TopicPartition, Option<Member>>,
    /// Partitions on their way to or from their owner.
    moving: BTreeSet<TopicPartition>,
    told: BTreeMap<Member, VecDeque<Told>>,
    /// How often each member was thrown out: what it sent before is not taken any more.
    generations: BTreeMap<Member, u32>,
    pub(crate) committed: BTreeMap<TopicPartition, i64>,
    /// Told to members since `take_news` was last called.
    news: Vec<(Member, Change)>,
}

impl Group {
    pub(crate) fn new(partitions: impl Iterator<Item = TopicPartition>) -> Self {
        Self { owners: partitions.map(|partition| (partition, None)).collect(), ..Self::default() }
    }

    pub(crate) fn join(&mut self, member: Member) {
        self.members.insert(member);
        self.balance();
    }

    /// A member says goodbye, or its session is over.
    pub(crate) fn leave(&mut self, member: Member) {
        self.members.remove(&member);
        self.told.remove(&member);
        self.free(member);
        self.balance();
    }

    /// A member is thrown out, notices, and comes back.
    pub(crate) fn expel(&mut self, member: Member) {
        let mut lost: Vec<TopicPartition> = self.owned(member);
        for told in self.told.entry(member).or_default() {
            told.counts = false;
            if let Change::Assign(partitions) = &told.change {
                lost.extend(partitions.iter().cloned());
            }
        }
        *self.generations.entry(member).or_default() += 1;
        self.free(member);
        self.tell(member, Change::Revoke { partitions: lost, lost: true }, false);
        self.members.remove(&member);
        self.balance();
        self.join(member);
    }

    fn free(&mut self, member: Member) {
        for (partition, owner) in &mut self.owners {
            if *owner == Some(member) {
                *owner = None;
                self.moving.remove(partition);
            }
        }
    }

    fn tell(&mut self, member: Member, change: Change, counts: bool) {
        self.news.push((member, change.clone()));
        self.told.entry(member).or_default().push_back(Told { change, counts });
    }

    pub(crate) fn take_news(&mut self) -> Vec<(Member, Change)> {
        std::mem::take(&mut self.news)
    }

    /// A member answers the first change that it was told. Gives the change, if it still counts.
    pub(crate) fn answered(&mut self, member: Member) -> Option<Change> {
        let told = self.told.get_mut(&member).and_then(VecDeque::pop_front)?;
        match &told.change {
            _ if !told.counts => return None,
            Change::Assign(partitions) => {
                self.moving.retain(|partition| !partitions.contains(partition));
            }
            Change::Revoke { partitions, .. } => {
                self.moving.retain(|partition| !partitions.contains(partition));
                self.owners.extend(partitions.iter().map(|partition| (partition.clone(), None)));
                self.balance();
            }
        }
        Some(told.change)
    }

    pub(crate) fn owned(&self, member: Member) -> Vec<TopicPartition> {
        let is_owned = |(_, owner): &(&TopicPartition, &Option<Member>)| **owner == Some(member);
        self.owners.iter().filter(is_owned).map(|(partition, _)| partition.clone()).collect()
    }

    /// How often it was thrown out.
    pub(crate) fn generation(&self, member: Member) -> u32 {
        self.generations.get(&member).copied().unwrap_or_default()
    }

    /// Whether a member has answered everything from before it was thrown out: only then it joins anew.
    pub(crate) fn is_up_to_date(&self, member: Member) -> bool {
        self.told.get(&member).is_none_or(|told| told.iter().all(|told| told.counts))
    }

    /// Whether a member may commit and fetch.
    pub(crate) fn is_owner(&self, member: Member, partition: &TopicPartition) -> bool {
        self.owners.get(partition) == Some(&Some(member))
    }

    /// Gives free partitions to those who have the fewest, and takes from those who have too many.
    fn balance(&mut self) {
        if self.members.is_empty() {
            return;
        }
        let mut given: BTreeMap<Member, Vec<TopicPartition>> = BTreeMap::new();
        let free: Vec<TopicPartition> = self
            .owners
            .iter()
            .filter(|(_, owner)| owner.is_none())
            .map(|(partition, _)| partition.clone())
            .collect();
        for partition in free {
            let least = *self.members.iter().min_by_key(|m| self.owned(**m).len()).unwrap();
            self.owners.insert(partition.clone(), Some(least));
            self.moving.insert(partition.clone());
            given.entry(least).or_default().push(partition);
        }
        for (member, partitions) in given {
            self.tell(member, Change::Assign(partitions), true);
        }
        let most = self.owners.len().div_ceil(self.members.len());
        for member in self.members.clone() {
            let owned = self.owned(member);
            let settled = owned.iter().filter(|partition| !self.moving.contains(partition));
            let surplus = owned.len().saturating_sub(most);
            let taken: Vec<TopicPartition> = settled.take(surplus).cloned().collect();
            if !taken.is_empty() {
                self.moving.extend(taken.iter().cloned());
                self.tell(member, Change::Revoke { partitions: taken, lost: false }, true);
            }
        }
    }
}
