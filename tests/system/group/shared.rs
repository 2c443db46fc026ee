//! A group that another program is a member of, too: what that one reads is not in this database, whatever it commits.

use super::identity::reader;
use super::{assert_loaded, messages};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use std::time::Duration;
use testkit::kafka::Group;
use testkit::{Instance, Server, World, until};

testkit::on_both_servers!(another_member_that_commits, another_database_was_first,);

const MESSAGES: u64 = 100;
const OTHER: &str = "old-loader";
const TURN: Duration = Duration::from_millis(20);

/// A member of the group that is no sluicegate.
struct Member(BaseConsumer);

impl Member {
    /// Joins, once it has partitions.
    async fn joined(world: &World) -> Self {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &world.kafka)
            .set("group.id", world.group_id())
            .set("client.id", OTHER)
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("auto.offset.reset", "earliest")
            .set("enable.auto.commit", "false")
            .create()
            .unwrap();
        let topics = loadgen::TOPICS.map(|topic| world.topic(topic));
        consumer.subscribe(&topics.each_ref().map(String::as_str)).unwrap();
        let member = Self(consumer);
        let has_partitions = || {
            member.poll();
            member.0.assignment().unwrap().count() > 0
        };
        until(|| "the other member".to_owned(), async || has_partitions()).await;
        member
    }

    /// Takes part in the group; tells whether a message came.
    fn poll(&self) -> bool {
        self.0.poll(TURN).is_some_and(|message| message.is_ok())
    }

    /// Reads and commits whatever there is for it; tells whether there was anything.
    fn read(&self) -> bool {
        let has_read = self.poll();
        if has_read {
            self.0.commit_consumer_state(CommitMode::Sync).unwrap();
        }
        has_read
    }

    /// Reads and commits all that the group lacks.
    async fn read_all(&self, world: &World) {
        let group = Group::new(world);
        until(
            || format!("{:?}", group.offsets()),
            async || {
                while self.read() {}
                let (end, committed) = group.offsets();
                end == committed
            },
        )
        .await;
    }
}

/// Kafka's offsets are at the end, this database lacks everything: it is not done, and says who has the partitions.
async fn another_member_that_commits(server: Server) {
    let Some(mut world) = World::migrated(server, 1).await else { return };
    world.set("kafka.client_id", "this-loader");
    let messages = messages(MESSAGES);
    world.produce(messages.clone()).await;
    let other = Member::joined(&world).await;
    other.read_all(&world).await;
    // As in the clone of a database to which that member writes.
    let reader = reader(&world);
    let member = reader.members(&world.group_id()).unwrap().remove(0);
    let cloned = format!(
        "INSERT INTO sluicegate_writers (cluster_id, group_id, instance, writer, commits, member_id, client_id, host, started_at, committed_at) \
         SELECT '{}', '{}', '0123456789abcdef', 0, 7, '{}', 'x', 'x', UTC_TIMESTAMP(6), UTC_TIMESTAMP(6) - INTERVAL 1 HOUR",
        reader.cluster_id().unwrap(),
        world.group_id(),
        member.id
    );
    world.execute_sql([cloned.as_str()]).await;
    let mut instance = Instance::until_end(&world);
    let names_it = || {
        other.read();
        let log = instance.log();
        log.lines().any(|line| line.contains(OTHER) && line.contains("127.0.0.1"))
    };
    let what = || format!("a word about {OTHER}\n{}", instance.log());
    until(what, async || names_it()).await;
    assert!(!instance.has_ended(), "this database lacks what the other member has read");
    drop(other);
    instance.finish();
    assert_loaded("after the other member left", &world, &messages).await;
    world.end().await;
}

/// What a group has committed for another database says nothing about this one.
async fn another_database_was_first(server: Server) {
    let Some(world) = World::migrated(server, 1).await else { return };
    let messages = messages(MESSAGES);
    world.produce(messages.clone()).await;
    Member::joined(&world).await.read_all(&world).await;
    world.load();
    assert_loaded("a second database", &world, &messages).await;
    world.end().await;
}
