//! Where partitions begin: first Kafka is asked, then the database.
//!
//! Kafka is asked one thing at a time, and so is the database. Neither is waited for: the loop goes on,
//! and the pump is told once both have answered.

use super::ConsumeLoop;
use crate::config::host_name;
use crate::consume::{Beginnings, PartitionFacts, Question, Rebalance};
use crate::flush::{Holdings, NotWritten, Offered, WentBack};
use crate::ledger::{Held, Identity};
use crate::offsets::{Offsets, TopicPartition, grouped};
use crate::pipeline::PipelineError;
use crate::pipeline::keeper::Recall;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use tracing::warn;

/// Longest text that the database keeps of who we are.
const TEXT_CHARS_MAX: usize = 255;

/// Why partitions are asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// They were assigned.
    Assigned,
    /// They begin again.
    Again,
    /// Other instances have them, and we wait until they are done.
    Others,
    /// None: who writes to the database, and what has the group seen of its topics?
    Members,
}

/// What has been asked and not answered.
#[derive(Debug, Default)]
pub(super) struct Inquiries {
    /// Kafka was asked about partitions for this.
    kafka: Option<Purpose>,
    /// What the database was asked, or will be; the first question is open.
    database: VecDeque<(Purpose, Vec<PartitionFacts>, Recall)>,
    /// As far as Kafka has told.
    topic_ids: BTreeMap<Arc<str>, Arc<str>>,
}

impl Inquiries {
    pub(super) fn are_open(&self) -> bool {
        self.kafka.is_some() || !self.database.is_empty()
    }

    /// Kafka has told which topics exist, and their ids. Returns those that have another one now.
    fn told(&mut self, ids: &BTreeMap<Arc<str>, Arc<str>>) -> Vec<Arc<str>> {
        let is_recreated = |(topic, id): &(&Arc<str>, &Arc<str>)| {
            let known = self.topic_ids.get(*topic).filter(|known| !known.is_empty());
            !id.is_empty() && known.is_some_and(|known| known != *id)
        };
        let recreated = ids.iter().filter(is_recreated).map(|(topic, _)| Arc::clone(topic));
        let recreated = recreated.collect();
        self.topic_ids.extend(ids.clone());
        recreated
    }

    fn has(&self, purpose: Purpose) -> bool {
        self.kafka == Some(purpose) || self.database.iter().any(|(of, ..)| *of == purpose)
    }
}

impl ConsumeLoop {
    /// Tells the pump of rebalances, in their order. An assignment waits until we know where its partitions
    /// begin.
    pub(super) fn take_rebalances(&mut self) -> Result<(), PipelineError> {
        while let Some(rebalance) = self.link.consumer.next_rebalance() {
            self.coming.push_back(rebalance);
        }
        while let Some(rebalance) = self.coming.pop_front() {
            match rebalance {
                Rebalance::Revoke { partitions, lost } => self.pump.revoked(partitions, lost),
                Rebalance::Assign(partitions) if partitions.is_empty() => {
                    self.pump.assigned(&[], "")?;
                }
                Rebalance::Assign(partitions) => {
                    if !self.inquiries.has(Purpose::Assigned) {
                        self.inquire(Purpose::Assigned, partitions.clone());
                    }
                    // Later ones wait until Kafka and the database have answered.
                    self.coming.push_front(Rebalance::Assign(partitions));
                    break;
                }
            }
        }
        let starting_over = self.pump.starting_over();
        if !starting_over.is_empty() && !self.inquiries.has(Purpose::Again) {
            self.inquire(Purpose::Again, starting_over);
        }
        Ok(())
    }

    pub(super) fn inquire(&mut self, purpose: Purpose, partitions: Vec<TopicPartition>) {
        if self.inquiries.kafka.is_none() {
            self.inquiries.kafka = Some(purpose);
            let topics = self.topics.clone();
            self.link.consumer.ask(Question::Beginnings { partitions, topics });
        }
    }

    /// Kafka has answered.
    pub(super) fn beginnings(&mut self, beginnings: Beginnings) {
        let Beginnings { facts, group, topics, cluster_id } = beginnings;
        let Some(purpose) = self.inquiries.kafka.take() else { return };
        self.identify(cluster_id);
        let there = topics.iter().filter(|(_, topic)| topic.partitions > 0);
        let ids = there.map(|(name, topic)| (Arc::clone(name), Arc::clone(&topic.id))).collect();
        self.topic_ids(&ids);
        let partitions = facts.iter().map(|facts| facts.partition.clone()).collect();
        let offered = Offered { offsets: group.adoptable(), topics };
        self.recall(purpose, facts, Recall { partitions, offered });
    }

    /// Kafka has told the ids of topics. librdkafka may not be able to read one that was recreated: it takes what it is
    /// told of its leaders for outdated, since those of the earlier topic had greater epochs.
    pub(super) fn topic_ids(&mut self, ids: &BTreeMap<Arc<str>, Arc<str>>) {
        for topic in self.inquiries.told(ids) {
            if self.setup.until_end {
                self.pump.recreated(&topic);
            } else {
                warn!(
                    topic = &*topic,
                    "consume: the topic was deleted and recreated (its id is another one); leaving the group and joining it again, to read it from its first offset"
                );
                self.joins_again = true;
            }
        }
    }

    /// Asks the database how far other instances are, unless it has been asked already.
    pub(super) fn ask_about_others(&mut self) {
        let partitions = self.pump.left_to_others();
        if !partitions.is_empty() && !self.inquiries.has(Purpose::Others) {
            let recall = Recall { partitions, offered: Offered::default() };
            self.recall(Purpose::Others, Vec::new(), recall);
        }
    }

    /// Asks the database who writes to it, unless it has been asked already.
    pub(super) fn recall_members(&mut self, recall: Recall) {
        if !self.inquiries.has(Purpose::Members) {
            self.recall(Purpose::Members, Vec::new(), recall);
        }
    }

    fn recall(&mut self, purpose: Purpose, facts: Vec<PartitionFacts>, recall: Recall) {
        self.inquiries.database.push_back((purpose, facts, recall));
        if self.inquiries.database.len() == 1 {
            self.send_recall();
        }
    }

    fn send_recall(&self) {
        if let Some((_, _, recall)) = self.inquiries.database.front() {
            self.link.recall(recall.clone());
        }
    }

    /// The database has answered.
    pub(super) fn recalled(
        &mut self,
        answer: Result<Holdings, NotWritten>,
    ) -> Result<(), PipelineError> {
        let holdings = match answer {
            Ok(holdings) => holdings,
            Err(NotWritten::Refused(refused)) => return Err(refused.into()),
            Err(NotWritten::WentBack(WentBack(instance))) => {
                self.pump.went_back(&instance);
                self.send_recall();
                return Ok(());
            }
        };
        say_adopted(&holdings);
        let Some((purpose, mut facts, recall)) = self.inquiries.database.pop_front() else {
            return Ok(());
        };
        self.send_recall();
        fill_in(&mut facts, &holdings);
        match purpose {
            Purpose::Assigned => {
                self.coming.pop_front();
                self.pump.assigned(&facts, &holdings.instance)?;
            }
            Purpose::Again => self.pump.begin_again(&facts, &holdings.instance)?,
            Purpose::Members => self.known_members(&holdings.members),
            Purpose::Others => {
                self.pump.done_by_others(&held(
                    &recall.partitions,
                    &holdings,
                    &self.inquiries.topic_ids,
                ));
            }
        }
        Ok(())
    }

    /// Tells the ledger who we are.
    pub(super) fn identify(&self, cluster_id: Arc<str>) {
        let config = &self.setup.config.kafka;
        let client_id = config.properties().remove("client.id").unwrap_or_default();
        self.setup.ledger.set_identity(Identity {
            cluster_id,
            group_id: config.group_id.as_str().into(),
            member_id: shortened(&self.link.consumer.member_id()),
            client_id: shortened(&client_id),
            host: shortened(&host_name()),
        });
    }
}

/// Puts what the database says into what Kafka says.
pub(super) fn fill_in(facts: &mut [PartitionFacts], holdings: &Holdings) {
    for facts in facts {
        facts.seen = holdings.seen.get(&facts.partition.topic).copied();
        if let Some(rows) = holdings.partitions.get(&facts.partition) {
            facts.rows.clone_from(rows);
        }
    }
}

/// What the database holds of partitions, as offsets.
pub(super) fn held(
    partitions: &[TopicPartition],
    holdings: &Holdings,
    topic_ids: &BTreeMap<Arc<str>, Arc<str>>,
) -> Offsets {
    let next = |partition: &TopicPartition| {
        let topic_id = topic_ids.get(&partition.topic).map_or("", |id| id);
        let rows = holdings.partitions.get(partition)?;
        Some((partition.clone(), Held::of(rows, topic_id).next()?))
    };
    partitions.iter().filter_map(next).collect()
}

pub(super) fn say_adopted(holdings: &Holdings) {
    if holdings.adopted > 0 {
        warn!(
            partitions = holdings.adopted,
            "consume: this database had not recorded yet how far it is; taking Kafka's offsets for {} partitions, this once",
            grouped(i64::try_from(holdings.adopted).unwrap_or(i64::MAX))
        );
    }
}

fn shortened(text: &str) -> Arc<str> {
    text.chars().take(TEXT_CHARS_MAX).collect::<String>().into()
}
