//! `run --until-end`: exit code 0 means that everything that was there at the start is durable.

use super::{assert_loaded, impatient_group, messages, of_topic};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use sqlx::Connection;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use testkit::instance::PAUSED;
use testkit::kafka::{Group, create_topic, delete_messages, delete_topic};
use testkit::{Forwarder, Instance, Server, World, fold, free_port, until};

/// The end of a run that must not succeed; gives its last line.
#[track_caller]
fn fails(instance: Instance) -> String {
    let (status, log) = instance.end();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(!log.contains("\"done\""), "it says that all is done:\n{log}");
    log
}

/// A run that has read something and cannot write it: the writers are behind, reading is paused, and
/// the messages that librdkafka had ready are fetched again later.
async fn paused(world: &mut World) -> (Instance, sqlx::MySqlConnection) {
    world.set("batch.rows", 100).set("kafka.properties.fetch.wait.max.ms", 500);
    let locked = world.lock("user_events").await;
    let instance = Instance::until_end(world);
    instance.says(PAUSED).await;
    (instance, locked)
}

#[tokio::test]
async fn a_pause_at_the_wrong_moment() {
    let Some(mut world) = World::migrated(Server::MariaDb, 1).await else { return };
    let messages = messages(6_000);
    world.produce(messages.clone()).await;
    let (instance, locked) = paused(&mut world).await;
    // Long enough for several of librdkafka's statistics.
    tokio::time::sleep(Duration::from_secs(5)).await;
    locked.close().await.unwrap();
    instance.finish();
    assert_loaded("after a pause", &world, &messages).await;
    world.end().await;
}

#[tokio::test]
async fn records_deleted_during_the_run() {
    let Some(mut world) = World::migrated(Server::MariaDb, 1).await else { return };
    let messages = messages(6_000);
    world.produce(messages.clone()).await;
    let (instance, locked) = paused(&mut world).await;
    let users = i64::try_from(of_topic("user", &messages).count()).unwrap();
    delete_messages(&world, "user", users - 10).await;
    locked.close().await.unwrap();
    let log = fails(instance);
    let user = world.topic("user/0");
    assert!(log.lines().last().unwrap().contains("deleted before they were read"), "{log}");
    assert!(log.lines().last().unwrap().contains(&user), "{log}");
    world.end().await;
}

#[tokio::test]
async fn a_topic_deleted_during_the_run() {
    let Some(mut world) = World::migrated(Server::MariaDb, 1).await else { return };
    let messages = messages(6_000);
    world.produce(messages.clone()).await;
    let (instance, locked) = paused(&mut world).await;
    delete_topic(&world, "user").await;
    locked.close().await.unwrap();
    let log = fails(instance);
    let last = log.lines().last().unwrap();
    assert!(last.contains("the topic was deleted") && last.contains("user/0"), "{log}");
    let rows = world.rows("orders").await.len();
    let expected = fold::of(of_topic("order", &messages), world.server).tables;
    assert_eq!(rows, expected["orders"].len(), "the other topics are loaded");
    world.end().await;
}

#[tokio::test]
async fn a_topic_created_anew_with_fewer_messages() {
    let Some(mut world) = World::migrated(Server::MariaDb, 1).await else { return };
    let messages = messages(6_000);
    world.produce(messages.clone()).await;
    let (instance, locked) = paused(&mut world).await;
    delete_topic(&world, "user").await;
    create_topic(&world, "user", 1, &[]).await;
    let few: Vec<_> = of_topic("user", &messages).take(5).cloned().collect();
    world.produce(few).await;
    locked.close().await.unwrap();
    let log = fails(instance);
    assert!(log.lines().last().unwrap().contains("user/0"), "{log}");
    world.end().await;
}

/// A leader that lost records, or a restored cluster, leaves the group's offset beyond the end.
#[tokio::test]
async fn a_committed_offset_beyond_the_end() {
    let Some(world) = World::migrated(Server::MariaDb, 1).await else { return };
    let messages = messages(20);
    world.produce(messages.clone()).await;
    Group::new(&world).commit("user", 1_000);
    Instance::until_end(&world).finish();
    assert_loaded("an offset beyond the end", &world, &messages).await;
    world.end().await;
}

/// A group that begins at the end would skip what is there.
#[tokio::test]
async fn a_new_group_that_begins_at_the_end() {
    let Some(mut world) = World::migrated(Server::MariaDb, 1).await else { return };
    world.produce(messages(20)).await;
    world.set("kafka.auto_offset_reset", "latest");
    let log = fails(Instance::until_end(&world));
    let last = log.lines().last().unwrap();
    assert!(last.contains("skip all 20 messages") && last.contains("earliest"), "{log}");
    world.end().await;
}

/// An old consumer with librdkafka's default assignors has the group.
#[tokio::test]
async fn a_group_with_another_assignor() {
    let Some(world) = World::migrated(Server::MariaDb, 1).await else { return };
    world.produce(messages(20)).await;
    let other: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &world.kafka)
        .set("group.id", world.group_id())
        .set("partition.assignment.strategy", "range,roundrobin")
        .set("enable.auto.commit", "false")
        .create()
        .unwrap();
    other.subscribe(&[&world.topic("user")]).unwrap();
    let (other, is_over) = (Arc::new(other), Arc::new(AtomicBool::new(false)));
    let (polled, over) = (Arc::clone(&other), Arc::clone(&is_over));
    let polling = std::thread::spawn(move || {
        while !over.load(Ordering::Relaxed) {
            let _ = polled.poll(Duration::from_millis(20));
        }
    });
    let has_partitions = || other.assignment().unwrap().count() > 0;
    until(|| "the other consumer".to_owned(), async || has_partitions()).await;
    let log = fails(Instance::until_end(&world));
    let last = log.lines().last().unwrap();
    assert!(last.contains("different partition assignor"), "{log}");
    is_over.store(true, Ordering::Relaxed);
    polling.join().unwrap();
    world.end().await;
}

/// A member that takes part in the group, has the partition, and never commits.
#[tokio::test]
async fn another_member_that_commits_nothing() {
    let Some(world) = World::migrated(Server::MariaDb, 1).await else { return };
    let messages = messages(20);
    world.produce(messages.clone()).await;
    let other: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &world.kafka)
        .set("group.id", world.group_id())
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set("enable.auto.commit", "false")
        .create()
        .unwrap();
    other.subscribe(&[&world.topic("user")]).unwrap();
    let polled = || {
        let _ = other.poll(Duration::from_millis(20));
        other.assignment().unwrap().count() > 0
    };
    until(|| "the other member".to_owned(), async || polled()).await;
    let instance = Instance::until_end(&world);
    let said = || {
        let _ = polled();
        instance.log().contains("waiting for other members of the group")
    };
    until(|| instance.log(), async || said()).await;
    drop(other);
    instance.finish();
    assert_loaded("after the other member left", &world, &messages).await;
    world.end().await;
}

#[tokio::test]
async fn stopped_before_the_end() {
    let Some(mut world) = World::migrated(Server::MariaDb, 1).await else { return };
    let messages = messages(6_000);
    world.produce(messages.clone()).await;
    impatient_group(&mut world);
    let (instance, locked) = paused(&mut world).await;
    instance.signal("TERM");
    locked.close().await.unwrap();
    let log = fails(instance);
    assert!(log.contains("stopped before"), "{log}");
    world.load();
    assert_loaded("the rest, later", &world, &messages).await;
    world.end().await;
}

#[tokio::test]
async fn a_broker_that_comes_later() {
    let Some(mut world) = World::migrated(Server::MariaDb, 1).await else { return };
    let messages = messages(200);
    world.produce(messages.clone()).await;
    let port = free_port();
    world.set("kafka.bootstrap_servers", format!("127.0.0.1:{port}"));
    let instance = Instance::until_end(&world);
    instance.says("Kafka is not ready; retrying").await;
    let _forwarder = Forwarder::at(port, &world.kafka);
    instance.finish();
    assert_loaded("after a broker came", &world, &messages).await;
    world.end().await;
}

#[tokio::test]
async fn a_broker_that_does_not_come() {
    let Some(mut world) = World::migrated(Server::MariaDb, 1).await else { return };
    world.set("kafka.bootstrap_servers", format!("127.0.0.1:{}", free_port()));
    world.set("start.timeout", "2s");
    let log = fails(Instance::until_end(&world));
    assert!(log.lines().last().unwrap().contains("Kafka is not ready after"), "{log}");
    let log = fails(Instance::start(&world));
    assert!(log.lines().last().unwrap().contains("Kafka is not ready after"), "{log}");
    world.end().await;
}
