//! Every second message is bad: the good ones load all the same, and memory stays bounded.

use super::memory::assert_bounded;
use super::{assert_loaded, messages};
use loadgen::{Generator, Message, Plan};
use std::collections::{BTreeMap, BTreeSet};
use testkit::fold::{self, Verdict};
use testkit::instance::done;
use testkit::kafka::Group;
use testkit::{Instance, Server, World};

testkit::on_both_servers!(every_second_message_is_bad);

const EVENTS: u64 = 8_000;

/// Loads messages; gives how many a second.
async fn load(world: &World, messages: &[Message], what: &str) -> u64 {
    world.produce(messages.to_vec()).await;
    let log = world.load();
    assert_eq!(done(&log, "messages"), messages.len() as u64, "{what}");
    done(&log, "messages_per_second")
}

async fn every_second_message_is_bad(server: Server) {
    let good = messages(2 * EVENTS);
    let Some(world) = World::migrated(server, 1).await else { return };
    let good_rate = load(&world, &good, "good events only").await;
    world.end().await;

    let Some(world) = World::migrated(server, 1).await else { return };
    let mixed: Vec<Message> =
        Generator::new(Plan { events: EVENTS, poison: 1.0, ..Plan::default() }).collect();
    let mixed_rate = load(&world, &mixed, "every second one bad").await;
    eprintln!(
        "{}: {good_rate} messages/s when all are good, {mixed_rate} when every second one is bad",
        server.name()
    );
    assert_dead(&world, &mixed).await;
    assert_loaded("a flood of bad messages", &world, &mixed).await;
    world.end().await;

    let Some(world) = World::migrated(server, 1).await else { return };
    world.produce(mixed).await;
    let instance = Instance::start(&world);
    Group::new(&world).is_done().await;
    assert_bounded(&format!("{}, a flood of bad messages", server.name()), &instance);
    instance.stop();
    world.end().await;
}

/// Dead are those that the reference calls so, and no others. Each topic has one partition, where
/// offsets count the messages as they were sent.
async fn assert_dead(world: &World, messages: &[Message]) {
    let verdicts = fold::of(messages, world.server).verdicts;
    let mut next: BTreeMap<&str, i64> = BTreeMap::new();
    let mut expected = BTreeSet::new();
    for (message, verdict) in messages.iter().zip(verdicts) {
        let offset = next.entry(&message.topic).or_default();
        if verdict == Verdict::Dead {
            expected.insert((world.topic(&message.topic), *offset));
        }
        *offset += 1;
    }
    let letters = world.rows("dead_letters").await;
    let found: BTreeSet<(String, i64)> = letters
        .iter()
        .map(|row| {
            (row["topic"].as_str().unwrap().to_owned(), row["kafka_offset"].as_i64().unwrap())
        })
        .collect();
    assert_eq!(letters.len(), found.len(), "no message is dead twice");
    let wrong: Vec<_> = expected.symmetric_difference(&found).take(5).collect();
    assert!(wrong.is_empty(), "{}: wrong verdicts at {wrong:?}", world.server.name());
}
