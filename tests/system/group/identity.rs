//! What Kafka calls itself, its topics and the members of a group, as the product's own client outside
//! the group reads it.

use super::users;
use rdkafka::types::RDKafkaErrorCode;
use sluicegate::consume::{Member, Reader};
use sluicegate::offsets::{Offsets, TopicPartition};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use testkit::instance::ASSIGNED;
use testkit::kafka::{Group, create_topic, delete_topic};
use testkit::{Instance, Server, World, servers, until};

pub(super) fn reader(world: &World) -> Reader {
    let properties = [("bootstrap.servers", world.kafka.clone()), ("group.id", world.group_id())];
    let properties: BTreeMap<String, String> =
        properties.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Reader::new(&properties).unwrap()
}

fn partition(world: &World, topic: &str, partition: i32) -> TopicPartition {
    TopicPartition { topic: world.topic(topic).into(), partition }
}

/// What one of Kafka's own tools prints; `None` if the broker is not this run's own.
async fn tool(arguments: &[&str]) -> Option<String> {
    let mut command = servers::command("kafka", "tool", &servers::directory_of("kafka")?);
    command.args(arguments);
    Some(servers::succeed(command).await)
}

#[tokio::test]
async fn a_recreated_topic_has_another_id() {
    let Some(world) = World::new(Server::MariaDb) else { return };
    world.create_topics(&["user", "order"], 2).await;
    let (user, order, none) = (world.topic("user"), world.topic("order"), world.topic("none"));
    let ids = |topics: &[&str]| reader(&world).topic_ids(topics).unwrap();
    // A broker learns of a new topic a moment later.
    let both = || ids(&[&user, &order, &none, &user]);
    until(|| format!("{:?}", both()), async || both().len() == 2).await;
    let first = both();
    let names: Vec<&str> = first.keys().map(|name| &**name).collect();
    assert_eq!(names, [&*order, &*user], "only those that exist, and each once");
    assert!(first.values().all(|id| id.len() == 22), "{first:?}");
    assert_eq!(ids(&[&order, &user]), first, "another client reads the same");
    assert_eq!(ids(&[]), BTreeMap::new());
    let describe = ["org.apache.kafka.tools.TopicCommand", "--describe", "--topic", &user];
    if let Some(described) = tool(&describe).await {
        assert!(described.contains(&format!("TopicId: {}\t", first[&*user])), "{described}");
    }
    delete_topic(&world, "user").await;
    until(|| format!("{:?}", ids(&[&user])), async || ids(&[&user]).is_empty()).await;
    create_topic(&world, "user", 2, &[]).await;
    until(|| format!("{:?}", both()), async || both().len() == 2).await;
    let second = both();
    assert_ne!(second[&*user], first[&*user]);
    assert_eq!(second[&*order], first[&*order]);
}

#[tokio::test]
async fn the_cluster_has_an_id() {
    let Some(world) = World::new(Server::MariaDb) else { return };
    let reader = reader(&world);
    let id = reader.cluster_id().unwrap();
    assert!(!id.is_empty());
    assert_eq!(reader.cluster_id().unwrap(), id);
    let cluster = ["org.apache.kafka.tools.ClusterTool", "cluster-id", "--bootstrap-server"];
    if let Some(told) = tool(&[&cluster[..], &[&world.kafka]].concat()).await {
        assert!(told.contains(&format!("Cluster ID: {id}\n")), "{told}");
    }
}

#[test]
fn no_broker_is_an_error_and_no_empty_id() {
    let nowhere = format!("127.0.0.1:{}", testkit::free_port());
    let properties = [("bootstrap.servers", &*nowhere), ("group.id", "none")];
    let properties = properties.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let reader = Reader::new(&BTreeMap::from(properties)).unwrap();
    std::thread::scope(|scope| {
        let questions = [
            scope.spawn(|| reader.cluster_id().err()),
            scope.spawn(|| reader.topic_ids(&["user"]).err()),
            scope.spawn(|| reader.members("none").err()),
        ];
        for (at, question) in questions.into_iter().enumerate() {
            assert!(question.join().unwrap().is_some(), "question {at}");
        }
    });
}

/// It shows each member with what it reads, and Kafka takes offsets from outside only once there is none.
#[tokio::test]
async fn members_of_a_group() {
    let Some(world) = World::migrated(Server::MariaDb, 2).await else { return };
    let reader = reader(&world);
    let group = world.group_id();
    assert_eq!(reader.members(&group).unwrap(), [], "no such group yet");
    world.produce(users(20)).await;
    let instance = Instance::started(&world, ASSIGNED).await;
    Group::new(&world).is_done().await;
    let members = reader.members(&group).unwrap();
    let [Member { id, client_id, host, partitions }] = &members[..] else { panic!("{members:?}") };
    assert!(id.starts_with(&**client_id) && !client_id.is_empty(), "{members:?}");
    assert_eq!(&**host, "127.0.0.1");
    let mut expected: Vec<TopicPartition> = loadgen::TOPICS
        .iter()
        .flat_map(|topic| (0..2).map(|at| partition(&world, topic, at)))
        .collect();
    expected.sort();
    let mut partitions = partitions.clone();
    partitions.sort();
    assert_eq!(partitions, expected);
    let offsets = Offsets::from([(partition(&world, "user", 0), 0)]);
    let refused = reader.commit(&offsets).unwrap_err();
    assert_eq!(refused.rdkafka_error_code(), Some(RDKafkaErrorCode::UnknownMemberId));
    instance.stop();
    assert_eq!(reader.members(&group).unwrap(), []);
    let user = world.topic("user");
    let (bounds, before) = reader.present(&[&user]).unwrap();
    let ends: Offsets = bounds.into_iter().map(|(at, (_, end))| (at, end)).collect();
    assert_eq!(before.offsets.values().sum::<i64>(), ends.values().sum::<i64>());
    reader.commit(&offsets).unwrap();
    let (_, after) = reader.present(&[&user]).unwrap();
    assert_eq!(after.offsets[&partition(&world, "user", 0)], 0);
    assert_eq!(after.recorded, after.offsets.keys().cloned().collect(), "it says so beside each");
    world.end().await;
}

#[tokio::test]
async fn offsets_at_a_time() {
    let Some(world) = World::new(Server::MariaDb) else { return };
    world.create_topics(&["user"], 1).await;
    let now_ms = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
    let users = users(20);
    world.produce(users[..12].to_vec()).await;
    let between = now_ms() + 1;
    until(|| "the next millisecond".to_owned(), async || now_ms() > between).await;
    world.produce(users[12..].to_vec()).await;
    let reader = reader(&world);
    let user = partition(&world, "user", 0);
    for (time_ms, expected) in [(-1, 0), (0, 0), (between, 12), (now_ms() + 60_000, 20)] {
        let found = reader.offsets_at(std::slice::from_ref(&user), time_ms).unwrap();
        assert_eq!(found, Offsets::from([(user.clone(), expected)]), "at {time_ms}");
    }
    assert_eq!(reader.offsets_at(&[], 0).unwrap(), Offsets::new());
    let gone = TopicPartition { topic: Arc::from("none"), partition: 0 };
    assert!(reader.offsets_at(&[gone], 0).is_err());
}
