//! What happens before joining the group.

use super::ConsumeLoop;
use crate::clock;
use crate::consume::PartitionFacts;
use crate::health::Trouble;
use crate::offsets::{Bounds, Offsets, TopicPartition};
use crate::pipeline::until_end::UntilEnd;
use crate::pipeline::{PipelineError, begin};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::sync::atomic::Ordering;
use std::time::Duration;
use tracing::{info, warn};

/// The pause before asking Kafka again.
const ASK_AGAIN: Duration = Duration::from_secs(1);

impl ConsumeLoop {
    pub(super) fn start(&mut self) -> Result<(), PipelineError> {
        let topics: Vec<&str> = self.topics.iter().map(String::as_str).collect();
        if self.setup.until_end {
            let Some((bounds, committed)) = self.present_end(&topics)? else {
                return Err(PipelineError::Incomplete(vec!["stopped before it began".to_owned()]));
            };
            self.refuse_to_skip(&bounds, &committed)?;
            let left = |(key, (first, end)): (&TopicPartition, &(i64, i64))| {
                let next = committed.get(key).filter(|offset| *offset <= end);
                end - next.copied().unwrap_or(*first).max(*first)
            };
            let expected: i64 = bounds.iter().map(left).sum();
            let expected = u64::try_from(expected).unwrap_or(0);
            self.setup.progress.expected.store(expected, Ordering::Relaxed);
            info!(
                messages = expected,
                partitions = bounds.len(),
                "processing up to the current end"
            );
            self.pump.stop_at_end(UntilEnd::new(&bounds, &committed));
        }
        let group = &self.setup.config.kafka.group_id;
        info!(topics = topics.join(","), group, "joining the group");
        self.link.consumer.subscribe(&topics)?;
        Ok(())
    }

    /// The first and next offsets of all partitions, and those that the group has committed. Asks until
    /// Kafka answers; `None` if a stop is requested meanwhile.
    fn present_end(&self, topics: &[&str]) -> Result<Option<(Bounds, Offsets)>, PipelineError> {
        let reader = self.link.consumer.reader()?;
        let (bounds, committed) = loop {
            if self.stop.is_requested() {
                return Ok(None);
            }
            match reader.present(topics) {
                Ok(present) => break present,
                Err(error) if is_denied(&error) => return Err(error.into()),
                Err(error) => self.wait_for_kafka(&error)?,
            }
        };
        self.setup.health.set_trouble(Trouble::Kafka, None);
        let exists = |topic: &&&str| bounds.keys().any(|partition| *partition.topic == ***topic);
        for topic in topics.iter().filter(|topic| !exists(topic)) {
            warn!(topic, "the topic does not exist; nothing to process");
        }
        if bounds.is_empty() {
            return Err(PipelineError::Kafka(format!(
                "none of the topics {} exists; check kafka.topics and kafka.topic_prefix",
                topics.join(", ")
            )));
        }
        Ok(Some((bounds, committed)))
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

    /// Fails if the group would begin at the end: the run would skip every message and report success.
    fn refuse_to_skip(&self, bounds: &Bounds, committed: &Offsets) -> Result<(), PipelineError> {
        let mut skipped = 0;
        for (partition, &(first, end)) in bounds {
            let facts = PartitionFacts {
                partition: partition.clone(),
                committed: committed.get(partition).copied(),
                first,
                end,
                group_knows_topic: committed.keys().any(|known| known.topic == partition.topic),
            };
            if facts.committed.is_none() {
                skipped += begin::begin(&facts, self.setup.config.kafka.reset)?.offset - first;
            }
        }
        if skipped == 0 {
            return Ok(());
        }
        let group = &self.setup.config.kafka.group_id;
        Err(PipelineError::Kafka(format!(
            "the group {group} has no committed offsets and kafka.auto_offset_reset is \"latest\", so --until-end would skip all {skipped} messages; set kafka.auto_offset_reset to \"earliest\""
        )))
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
