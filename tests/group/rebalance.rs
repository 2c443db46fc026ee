//! Instances of one group that join, leave and die, and topics that grow.

use crate::group::{Group, add_partitions};
use crate::instance::{ASSIGNED, Instance, done, until};
use crate::support::{DEADLINE, Server, World};
use crate::{assert_tables, impatient_group, migrated};
use loadgen::{Generator, Message, Plan, TOPICS};
use std::time::Duration;

const EVENTS_A_SECOND: f64 = 600.0;
/// Between one change in the group and the next: some rebalances meet, some do not.
const BETWEEN: [u64; 4] = [300, 900, 100, 1_500];

fn messages(seed: u64, events: u64) -> Vec<Message> {
    let plan =
        Plan { seed, events, duplicates: 0.05, disorder: 0.1, poison: 0.01, ..Plan::default() };
    Generator::new(plan).collect()
}

async fn coming_and_going(server: Server) {
    let Some(mut world) = migrated(server, 6).await else { return };
    impatient_group(&mut world);
    world.set("batch.rows", 50);
    let messages = messages(2, 6_000);
    let mut members: Vec<Instance> = (0..3).map(|_| Instance::start(&world)).collect();
    for member in &members {
        member.says(ASSIGNED).await;
    }
    let producing = world.stream(messages.clone(), EVENTS_A_SECOND);
    for (turn, pause) in BETWEEN.iter().cycle().take(12).enumerate() {
        match turn % 4 {
            0 => members.push(Instance::start(&world)),
            1 => {
                members.remove(0).leave();
            }
            2 => members.remove(0).kill(),
            _ => members.push(Instance::start(&world)),
        }
        // The next one to go has to be able to hear that it should.
        members[0].says(ASSIGNED).await;
        tokio::time::sleep(Duration::from_millis(*pause)).await;
    }
    producing.await.unwrap();
    Group::new(&world).is_done().await;
    for mut member in members {
        assert!(!member.has_ended(), "{}", member.log());
        member.leave();
    }
    assert_tables("instances came and went", &world, &messages).await;
    world.end().await;
}

#[tokio::test]
async fn instances_come_and_go_mysql() {
    coming_and_going(Server::MySql).await;
}

#[tokio::test]
async fn instances_come_and_go_mariadb() {
    coming_and_going(Server::MariaDb).await;
}

/// Who leaves politely has committed all it did, and who is given a partition starts there.
async fn nothing_is_done_twice(server: Server) {
    let Some(mut world) = migrated(server, 6).await else { return };
    world.set("batch.rows", 50);
    let messages = messages(3, 4_000);
    let mut members: Vec<Instance> = (0..3).map(|_| Instance::start(&world)).collect();
    for member in &members {
        member.says(ASSIGNED).await;
    }
    let producing = world.stream(messages.clone(), EVENTS_A_SECOND);
    let mut logs = Vec::new();
    for pause in BETWEEN.iter().cycle().take(6) {
        members.push(Instance::started(&world, ASSIGNED).await);
        tokio::time::sleep(Duration::from_millis(*pause)).await;
        logs.push(members.remove(0).leave());
    }
    producing.await.unwrap();
    Group::new(&world).is_done().await;
    logs.extend(members.into_iter().map(Instance::leave));
    let counts: Vec<u64> = logs.iter().map(|log| done(log, "messages")).collect();
    assert_eq!(
        counts.iter().sum::<u64>(),
        messages.len() as u64,
        "{counts:?}\n{}",
        logs.join("\n")
    );
    assert_tables("polite instances", &world, &messages).await;
    world.end().await;
}

#[tokio::test]
async fn polite_leavers_leave_nothing_to_redo_mysql() {
    nothing_is_done_twice(Server::MySql).await;
}

#[tokio::test]
async fn polite_leavers_leave_nothing_to_redo_mariadb() {
    nothing_is_done_twice(Server::MariaDb).await;
}

/// Topics that are missing at the start, and partitions that come later, are found.
#[tokio::test]
async fn topics_appear_and_grow() {
    let Some(mut world) = World::new(Server::MariaDb).await else { return };
    let (early, late) = TOPICS.split_at(2);
    world.create_topics(early, 1).await;
    world.set("kafka.properties.topic.metadata.refresh.interval.ms", 300);
    let messages = messages(4, 2_000);
    let of = |topics: &[&str], messages: &[Message]| -> Vec<Message> {
        messages.iter().filter(|m| topics.contains(&&*m.topic)).cloned().collect()
    };
    let (first, second) = messages.split_at(messages.len() / 2);
    let group = Group::new(&world);
    let instance = Instance::started(&world, ASSIGNED).await;
    world.produce(of(early, first)).await;
    group.is_done().await;
    world.create_topics(late, 1).await;
    world.produce(of(late, first)).await;
    group.is_done().await;
    for topic in TOPICS {
        add_partitions(&world, topic, 4).await;
    }
    // The producer spreads keys over those partitions that it knows.
    world.produce(second.to_vec()).await;
    group.is_done().await;
    until(
        DEADLINE,
        || "all partitions".to_owned(),
        async || {
            let log = instance.log();
            TOPICS.iter().all(|topic| log.contains(&format!("{}{topic}/3", world.prefix)))
        },
    )
    .await;
    instance.leave();
    assert_tables("topics that grow", &world, &messages).await;
    world.end().await;
}
