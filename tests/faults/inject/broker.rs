//! What happens to Kafka: topics, partitions, records, transactions, commits.

use super::Injector;
use rdkafka::admin::{
    AdminOptions, AlterConfig, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::{Offset, TopicPartitionList};
use testkit::{Chance, DEADLINE, unique, until};
use tokio::task::block_in_place;

/// Partitions of a new topic.
const PARTITIONS: i32 = 4;
/// Copies in partition 0; some are deleted before they are read, the rest is not.
const ECHOES: (usize, usize) = (40, 10);
/// Events in a transaction.
const PHANTOMS: u32 = 30;
const COMMITTED_OFFSETS: &str = "__consumer_offsets";

pub(super) fn abort(transaction: &BaseProducer) {
    block_in_place(|| transaction.abort_transaction(DEADLINE).unwrap());
}

impl Injector {
    /// Creates a topic; its events are sent from now on, and those that were held back first.
    pub async fn create_topic(&self, topic: &'static str) {
        assert!(self.has_created(topic, PARTITIONS).await, "{topic}: the broker creates it");
    }

    /// The same; false if the broker refuses, because its namesake is still there.
    pub(super) async fn has_created(&self, topic: &'static str, partitions: i32) -> bool {
        let name = self.servers.world.topic(topic);
        let new = NewTopic::new(&name, partitions, TopicReplication::Fixed(1));
        let options = AdminOptions::new();
        let created = self.servers.kafka_admin().create_topics([&new], &options).await.unwrap();
        if created.iter().any(Result::is_err) {
            return false;
        }
        self.topics.lock().await.insert(topic, partitions);
        self.feed.partitions(topic, partitions);
        true
    }

    pub(super) fn abort_transaction(&self) {
        abort(&self.open_transaction());
    }

    /// Events in an open transaction that must never be loaded.
    pub(super) fn open_transaction(&self) -> BaseProducer {
        let mut config = self.servers.kafka_config();
        config.set("transactional.id", unique("chaos"));
        let producer: BaseProducer = config.create().unwrap();
        let topic = self.servers.world.topic("user");
        block_in_place(|| {
            producer.init_transactions(DEADLINE).unwrap();
            producer.begin_transaction().unwrap();
            for number in 0..PHANTOMS {
                let value = format!(
                    r#"{{"event_type":"user.login","event_id":"{}","timestamp":"2025-01-06T08:00:00Z","entity_id":"phantom-{number}","data":{{}}}}"#,
                    unique("phantom")
                );
                let record = BaseRecord::to(&topic).key("phantom").payload(&value).partition(0);
                producer.send(record).map_err(|(error, _)| error).unwrap();
            }
            producer.flush(DEADLINE).unwrap();
        });
        producer
    }

    pub(super) async fn add_partition(&self, chance: &mut Chance) {
        let mut topics = self.topics.lock().await;
        let index = chance.below(topics.len());
        let (topic, count) = topics.iter_mut().nth(index).expect("there is a topic");
        let name = self.servers.world.topic(topic);
        let new = NewPartitions::new(&name, *count as usize + 1);
        let admin = self.servers.kafka_admin();
        let added = admin.create_partitions([&new], &AdminOptions::new()).await;
        assert!(added.as_ref().is_ok_and(|added| added.iter().all(Result::is_ok)), "{added:?}");
        *count += 1;
        self.feed.partitions(topic, *count);
    }

    /// Deletes copies from partition 0 while nothing reads them.
    pub(super) async fn delete_unread(&self) {
        let name = self.servers.world.topic("user");
        let echo = |count| block_in_place(|| self.feed.echo("user", count));
        // A reader without an offset begins behind what is deleted, and misses nothing.
        let what = || "an offset of partition 0".to_owned();
        until(what, async || {
            let has_committed = block_in_place(|| self.servers.has_committed(&name, 0));
            if !has_committed {
                echo(ECHOES.1);
            }
            has_committed
        })
        .await;
        let _steady = self.steady.lock().await;
        self.services.iter().for_each(|service| service.signal("STOP"));
        // The broker may answer one more fetch with all that is there, but not two.
        for _ in 0..2 {
            echo(ECHOES.0);
            self.delete_records(&name).await;
        }
        echo(ECHOES.1);
        self.services.iter().for_each(|service| service.signal("CONT"));
    }

    /// Deletes all that partition 0 has.
    async fn delete_records(&self, topic: &str) {
        let mut end = TopicPartitionList::new();
        end.add_partition_offset(topic, 0, Offset::End).unwrap();
        let deleted = self.servers.kafka_admin().delete_records(&end, &AdminOptions::new()).await;
        let is_done = |list: &TopicPartitionList| list.elements()[0].error().is_ok();
        assert!(deleted.as_ref().is_ok_and(is_done), "{deleted:?}");
    }

    /// Limits what may be written into the topic of the groups' offsets.
    pub(super) async fn limit_offsets(&self, bytes: &str) {
        let config = AlterConfig::new(ResourceSpecifier::Topic(COMMITTED_OFFSETS))
            // All that is not named falls back to its default.
            .set("cleanup.policy", "compact")
            .set("max.message.bytes", bytes);
        let admin = self.servers.kafka_admin();
        let altered = admin.alter_configs([&config], &AdminOptions::new()).await;
        assert!(altered.as_ref().is_ok_and(|list| list.iter().all(Result::is_ok)), "{altered:?}");
    }
}
