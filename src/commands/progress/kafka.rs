//! Questions to Kafka, from outside the group.

use super::positions::Present;
use crate::commands::check::is_unreachable;
use crate::config;
use crate::consume::{Member, Reader};
use crate::datetime::Micros;
use crate::offsets::{Offsets, TopicPartition};
use anyhow::{Context, anyhow};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use std::sync::Arc;

const MICROS_PER_MILLI: i64 = 1_000;

pub(super) struct Kafka {
    reader: Arc<Reader>,
    bootstrap_servers: String,
}

impl Kafka {
    pub(super) fn new(kafka: &config::Kafka) -> anyhow::Result<Self> {
        let reader = Reader::new(&kafka.properties()).context("check the [kafka] section")?;
        let bootstrap_servers = kafka.bootstrap_servers.clone();
        Ok(Self { reader: Arc::new(reader), bootstrap_servers })
    }

    /// What its cluster is called; empty if the broker does not tell.
    pub(super) async fn cluster_id(&self) -> anyhow::Result<String> {
        self.ask(|reader| Ok(reader.cluster_id()?.to_string())).await
    }

    pub(super) async fn present(&self, topics: Vec<String>) -> anyhow::Result<Present> {
        self.ask(move |reader| {
            let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
            let (bounds, committed) = reader.present(&topics)?;
            Ok(Present { bounds, committed, ids: reader.topic_ids(&topics)? })
        })
        .await
    }

    /// The first message at or after a time; where there is none, the end.
    pub(super) async fn offsets_at(
        &self,
        partitions: Vec<TopicPartition>,
        time: Micros,
    ) -> anyhow::Result<Offsets> {
        let time_ms = time.div_euclid(MICROS_PER_MILLI);
        self.ask(move |reader| reader.offsets_at(&partitions, time_ms)).await
    }

    pub(super) async fn members(&self, group_id: String) -> anyhow::Result<Vec<Member>> {
        self.ask(move |reader| reader.members(&group_id)).await
    }

    /// Commits offsets; refused while the group has members.
    pub(super) async fn commit(&self, offsets: Offsets) -> anyhow::Result<()> {
        self.ask(move |reader| reader.commit(&offsets)).await
    }

    /// Waits for the answer on a thread of its own, since librdkafka blocks.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Reader) -> KafkaResult<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        let reader = Arc::clone(&self.reader);
        let answer = tokio::task::spawn_blocking(move || question(&reader)).await?;
        answer.map_err(|error| anyhow!(self.explained(&error)))
    }

    fn explained(&self, error: &KafkaError) -> String {
        use RDKafkaErrorCode::{
            GroupAuthorizationFailed, TopicAuthorizationFailed, UnknownMemberId,
        };
        let hint = match error.rdkafka_error_code() {
            _ if is_unreachable(error) => {
                return format!(
                    "no answer from Kafka at {}: {error}; check kafka.bootstrap_servers, kafka.security_protocol, and the network",
                    self.bootstrap_servers
                );
            }
            Some(UnknownMemberId) => "; an instance has just joined the group: stop it first",
            Some(GroupAuthorizationFailed) => "; grant READ on the group",
            Some(TopicAuthorizationFailed) => "; grant READ and DESCRIBE on the topics",
            _ => "",
        };
        format!("Kafka: {error}{hint}")
    }
}
