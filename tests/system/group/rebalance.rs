//! Instances of one group that join, leave and die, and topics that grow.

use super::{assert_loaded, impatient_group};
use loadgen::{Generator, Message, Plan, TOPICS};
use std::time::Duration;
use testkit::instance::{ASSIGNED, done};
use testkit::kafka::{Group, add_partitions};
use testkit::{Instance, Server, World, until};

testkit::on_both_servers!(coming_and_going, nothing_is_done_twice);

const EVENTS_A_SECOND: f64 = 600.0;
/// Between one change in the group and the next: some rebalances meet, some do not.
const BETWEEN: [u64; 4] = [300, 900, 100, 1_500];

fn messages(seed: u64, events: u64) -> Vec<Message> {
    let plan =
        Plan { seed, events, duplicates: 0.05, disorder: 0.1, poison: 0.01, ..Plan::default() };
    Generator::new(plan).collect()
}

async fn coming_and_going(server: Server) {
    let Some(mut world) = World::migrated(server, 6).await else { return };
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
                members.remove(0).stop();
            }
            2 => {
                members.remove(0).kill();
            }
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
        member.stop();
    }
    assert_loaded("instances came and went", &world, &messages).await;
    world.end().await;
}

/// Who leaves politely has committed all it did, and who is given a partition starts there.
async fn nothing_is_done_twice(server: Server) {
    let Some(mut world) = World::migrated(server, 6).await else { return };
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
        logs.push(members.remove(0).stop());
    }
    producing.await.unwrap();
    Group::new(&world).is_done().await;
    logs.extend(members.into_iter().map(Instance::stop));
    let counts: Vec<u64> = logs.iter().map(|log| done(log, "messages")).collect();
    assert_eq!(
        counts.iter().sum::<u64>(),
        messages.len() as u64,
        "{counts:?}\n{}",
        logs.join("\n")
    );
    assert_loaded("polite instances", &world, &messages).await;
    world.end().await;
}

/// Topics that are missing at the start, and partitions that come later, are found.
#[tokio::test]
async fn topics_appear_and_grow() {
    let Some(mut world) = World::new(Server::MariaDb) else { return };
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
    let what = || "all partitions".to_owned();
    until(what, async || {
        let log = instance.log();
        TOPICS.iter().all(|topic| log.contains(&format!("{}/3", world.topic(topic))))
    })
    .await;
    instance.stop();
    assert_loaded("topics that grow", &world, &messages).await;
    world.end().await;
}
