//! What changes the past: a database that goes back in time, and a topic that begins anew. Not both at once: a database that
//! goes back needs the messages that it loses.

use super::{Injected, Injector};
use crate::own_events;
use crate::own_servers::Servers;
use rdkafka::admin::AdminOptions;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use sqlx::Row as _;
use sqlx::mysql::MySqlRow;
use std::collections::BTreeMap;
use std::time::Duration;
use testkit::{Chance, until};
use tokio::task::block_in_place;

/// They stay: one's first partition has copies alone, others its phantoms; the other's ids would come again.
const NOT_RECREATED: [&str; 2] = ["user", own_events::ID_IS_PLACE];
const ANSWER_WAIT: Duration = Duration::from_secs(5);

impl Injected {
    /// The database is what it was when this began.
    pub(super) async fn go_back(&mut self, servers: &Servers) {
        if let Some(backup) = self.backup.take() {
            backup.restore(&mut servers.admin().await).await;
        }
        if let Some(replica) = self.replica.take() {
            servers.fail_over(replica).await;
        }
        self.history = None;
    }
}

impl Injector {
    /// Deletes a topic whose messages are all in the database, and creates it again.
    pub(super) async fn recreate_topic(&self, chance: &mut Chance) {
        let _history = self.history.lock().await;
        let topics = self.topics.lock().await.clone();
        let others: Vec<_> =
            topics.into_iter().filter(|(name, _)| !NOT_RECREATED.contains(name)).collect();
        let (topic, partitions) = *chance.pick(&others);
        block_in_place(|| self.feed.rest());
        let name = self.servers.world.topic(topic);
        let ends = block_in_place(|| self.ends(&name, partitions));
        let what = || format!("{name} is in the database, up to {ends:?}");
        until(what, async || self.holds(&name, &ends).await).await;
        let admin = self.servers.kafka_admin();
        let deleted = admin.delete_topics(&[&name], &AdminOptions::new()).await.unwrap();
        assert!(deleted.iter().all(Result::is_ok), "{deleted:?}");
        let what = || format!("{name}, created anew");
        until(what, async || self.has_created(topic, partitions).await).await;
        self.feed.resume();
    }

    /// The offsets after the last message of a topic's partitions.
    fn ends(&self, topic: &str, partitions: i32) -> BTreeMap<i32, i64> {
        let consumer: BaseConsumer = self.servers.kafka_config().create().unwrap();
        let end = |partition| {
            let (_, end) = consumer.fetch_watermarks(topic, partition, ANSWER_WAIT).unwrap();
            (partition, end)
        };
        (0..partitions).map(end).collect()
    }

    /// Whether the database says that it has all of these. Kafka's offsets may be ahead of one that has just gone back.
    /// Remembers under which ids it knows the topic.
    async fn holds(&self, topic: &str, ends: &BTreeMap<i32, i64>) -> bool {
        let Some(rows) = self.progress(topic).await else { return false };
        let mut old = self.old_topics.lock().await;
        let (mut held, mut ids) = (BTreeMap::new(), Vec::new());
        for row in rows {
            let (id, partition, next): (String, i32, i64) = (row.get(0), row.get(1), row.get(2));
            if !old.contains(&id) {
                held.insert(partition, next.max(held.get(&partition).copied().unwrap_or_default()));
                ids.push(id);
            }
        }
        let holds_all = ends.iter().all(|(partition, end)| {
            *end == 0 || held.get(partition).is_some_and(|next| next >= end)
        });
        if holds_all {
            old.extend(ids);
        }
        holds_all
    }

    /// What the database says of a topic; `None` if it does not answer.
    async fn progress(&self, topic: &str) -> Option<Vec<MySqlRow>> {
        let select = "SELECT CAST(topic_id AS CHAR), kafka_partition, next_offset \
                      FROM sluicegate_progress WHERE topic = ?";
        let asked = async {
            let mut connection = self.servers.try_admin().await?;
            sqlx::query(select).bind(topic).fetch_all(&mut connection).await
        };
        tokio::time::timeout(ANSWER_WAIT, asked).await.ok()?.ok()
    }
}
