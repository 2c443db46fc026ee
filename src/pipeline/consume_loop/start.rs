//! What happens before joining the group.

use super::ConsumeLoop;
use super::inquiries::{Purpose, fill_in, held, say_adopted};
use crate::clock;
use crate::consume::{Beginnings, PartitionFacts};
use crate::flush::{Holdings, NotWritten, Offered};
use crate::health::Trouble;
use crate::ledger::Held;
use crate::offsets::Bounds;
use crate::pipeline::keeper::Recall;
use crate::pipeline::until_end::UntilEnd;
use crate::pipeline::{PipelineError, Reply, begin};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tracing::{info, warn};

/// The pause before asking Kafka again.
const ASK_AGAIN: Duration = Duration::from_secs(1);

impl ConsumeLoop {
    pub(super) fn start(&mut self) -> Result<(), PipelineError> {
        if self.setup.until_end {
            self.find_end()?;
        }
        // Nothing may be assigned to us for long: what the group has seen of its topics is noted all the same.
        self.inquire(Purpose::Members, Vec::new());
        // Who leaves while joining stays a member until its session ends.
        if self.setup.until_end && self.pump.pending().is_empty() {
            return Ok(());
        }
        let topics: Vec<&str> = self.topics.iter().map(String::as_str).collect();
        let group = &self.setup.config.kafka.group_id;
        info!(topics = topics.join(","), group, "joining the group");
        self.link.consumer.subscribe(&topics)?;
        Ok(())
    }

    /// Finds what is left up to the present end, and makes the pump stop there.
    fn find_end(&mut self) -> Result<(), PipelineError> {
        let stopped = || PipelineError::Incomplete(vec!["stopped before it began".to_owned()]);
        let mut present = self.present()?.ok_or_else(stopped)?;
        self.identify(present.cluster_id);
        let partitions: Vec<_> =
            present.facts.iter().map(|facts| facts.partition.clone()).collect();
        let offsets = present.group.adoptable();
        let ids = present.topics.iter().filter(|(_, topic)| topic.partitions > 0);
        let ids = ids.map(|(name, topic)| (Arc::clone(name), Arc::clone(&topic.id))).collect();
        let offered = Offered { offsets, topics: present.topics };
        let recall = Recall { partitions: partitions.clone(), offered };
        let holdings = self.recall_now(&recall)?.ok_or_else(stopped)?;
        say_adopted(&holdings);
        fill_in(&mut present.facts, &holdings);
        let bounds: Bounds = present
            .facts
            .iter()
            .map(|facts| (facts.partition.clone(), (facts.first, facts.end)))
            .collect();
        let expected = self.left(&present.facts)?;
        self.setup.progress.expected.store(expected, Ordering::Relaxed);
        info!(messages = expected, partitions = bounds.len(), "processing up to the current end");
        let held = held(&partitions, &holdings, &ids);
        self.pump.stop_at_end(UntilEnd::new(&bounds, &held));
        Ok(())
    }

    /// What Kafka has now. Asks until it answers; `None` if a stop is requested meanwhile.
    fn present(&self) -> Result<Option<Beginnings>, PipelineError> {
        let reader = self.link.consumer.reader()?;
        let present = loop {
            if self.stop.is_requested() {
                return Ok(None);
            }
            match reader.beginnings(&self.topics) {
                Ok(present) => break present,
                Err(error) if is_denied(&error) => return Err(error.into()),
                Err(error) => self.wait_for_kafka(&error)?,
            }
        };
        self.setup.health.set_trouble(Trouble::Kafka, None);
        for topic in &self.topics {
            if present.topics.get(topic.as_str()).is_none_or(|topic| topic.partitions == 0) {
                warn!(topic, "the topic does not exist; nothing to process");
            }
        }
        if present.facts.is_empty() {
            return Err(PipelineError::Kafka(format!(
                "none of the topics {} exists; check kafka.topics and kafka.topic_prefix",
                self.topics.join(", ")
            )));
        }
        Ok(Some(present))
    }

    /// What the database holds. Waits for the answer; `None` if a stop is requested meanwhile.
    fn recall_now(&self, recall: &Recall) -> Result<Option<Holdings>, PipelineError> {
        // Nothing else has been asked yet, so every reply is the answer.
        self.link.recall(recall.clone());
        while !self.stop.is_requested() {
            match self.replies.recv_timeout(ASK_AGAIN / 10) {
                Ok(Reply::Recalled(Ok(holdings))) => return Ok(Some(holdings)),
                Ok(Reply::Recalled(Err(NotWritten::Refused(refused)))) => {
                    return Err(refused.into());
                }
                Ok(Reply::Recalled(Err(NotWritten::WentBack(_)))) => {
                    self.setup.ledger.restart();
                    self.link.recall(recall.clone());
                }
                Ok(_) | Err(_) => {}
            }
        }
        Ok(None)
    }

    /// How many messages are left to read.
    ///
    /// # Errors
    /// If the group would begin at the end: the run would skip every message and report success.
    fn left(&self, facts: &[PartitionFacts]) -> Result<u64, PipelineError> {
        let (mut left, mut skipped) = (0, 0);
        for facts in facts {
            let is_new = facts.committed.is_none() && facts.held() == Held::Nothing;
            match begin::begin(facts, self.setup.config.kafka.reset) {
                Ok(begin) => {
                    left += facts.end - begin.offset;
                    skipped += if is_new { begin.offset - facts.first } else { 0 };
                }
                Err(error) if is_new => return Err(error.into()),
                // Said when the partition is assigned, if it is.
                Err(_) => left += facts.end - facts.first,
            }
        }
        if skipped == 0 {
            return Ok(u64::try_from(left).unwrap_or(0));
        }
        let group = &self.setup.config.kafka.group_id;
        Err(PipelineError::Kafka(format!(
            "the group {group} has no committed offsets and kafka.auto_offset_reset is \"latest\", so --until-end would skip all {skipped} messages; set kafka.auto_offset_reset to \"earliest\""
        )))
    }

    /// Says that Kafka is not ready, and waits a moment.
    fn wait_for_kafka(&self, error: &KafkaError) -> Result<(), PipelineError> {
        let waited = self.started.elapsed();
        if self.setup.config.start_timeout.is_some_and(|limit| waited >= limit) {
            return Err(PipelineError::NotReady(waited, error.to_string()));
        }
        warn!(%error, "Kafka is not ready; retrying");
        self.setup.health.set_trouble(Trouble::Kafka, Some(format!("not ready: {error}")));
        let until = clock::now() + ASK_AGAIN;
        while clock::now() < until && !self.stop.is_requested() {
            std::thread::sleep(ASK_AGAIN / 10);
        }
        Ok(())
    }
}

/// Whether waiting does not help.
fn is_denied(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{
        ClusterAuthorizationFailed, GroupAuthorizationFailed, InvalidGroupId, InvalidTopic,
        SaslAuthenticationFailed, TopicAuthorizationFailed,
    };
    matches!(
        error.rdkafka_error_code(),
        Some(
            ClusterAuthorizationFailed
                | GroupAuthorizationFailed
                | InvalidGroupId
                | InvalidTopic
                | SaslAuthenticationFailed
                | TopicAuthorizationFailed
        )
    )
}
