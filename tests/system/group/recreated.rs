//! A topic that is deleted and created again under its name, with more messages than before: offsets mean other messages
//! now. All of them are loaded, and it is said.

use super::{assert_loaded, until_loaded, users};
use loadgen::{Kind, Message};
use testkit::instance::ASSIGNED;
use testkit::kafka::{Group, create_topic, delete_topic};
use testkit::{Instance, Server, World};

testkit::on_both_servers!(while_stopped, while_it_runs);

const OLD: usize = 100;
const NEW: usize = 150;
/// Faulty messages at the first offsets of each.
const BAD: usize = 3;
const SAID: &str = "recreated";

/// What comes first, and what comes after the topic was created anew.
fn old_and_new() -> (Vec<Message>, Vec<Message>) {
    let bad = |what: &str| (0..BAD).map(|_| bad(what)).collect::<Vec<_>>();
    let users = users(OLD + NEW);
    ([bad("old"), users[..OLD].to_vec()].concat(), [bad("new"), users[OLD..].to_vec()].concat())
}

fn bad(what: &str) -> Message {
    Message {
        topic: "user".into(),
        key: Some(what.as_bytes().to_vec()),
        value: Some(b"no JSON".to_vec()),
        kind: Kind::Poison("not JSON"),
    }
}

async fn create_anew(world: &World, messages: &[Message]) {
    delete_topic(world, "user").await;
    create_topic(world, "user", 1, &[]).await;
    world.produce(messages.to_vec()).await;
}

/// Letters of the old messages are kept, although new ones have their offsets.
async fn assert_letters(world: &World) {
    let letters = world.rows("dead_letters").await;
    let of = |key: &str| letters.iter().filter(|row| row["message_key"] == key).count();
    assert_eq!((of("old"), of("new")), (BAD, BAD), "{letters:?}");
}

async fn while_stopped(server: Server) {
    let Some(world) = World::migrated(server, 1).await else { return };
    let (old, new) = old_and_new();
    world.produce(old.clone()).await;
    world.load();
    create_anew(&world, &new).await;
    let log = world.load();
    assert_loaded("a topic created anew", &world, old.iter().chain(&new)).await;
    assert_letters(&world).await;
    assert!(log.contains(SAID), "{log}");
    let log = world.load();
    assert!(!log.contains(SAID), "it is said once:\n{log}");
    world.end().await;
}

async fn while_it_runs(server: Server) {
    let Some(mut world) = World::migrated(server, 1).await else { return };
    world.set("kafka.properties.topic.metadata.refresh.interval.ms", 300);
    let (old, new) = old_and_new();
    world.produce(old.clone()).await;
    let instance = Instance::started(&world, ASSIGNED).await;
    Group::new(&world).is_done().await;
    create_anew(&world, &new).await;
    let both = old.iter().chain(&new);
    until_loaded("a topic created anew meanwhile", &world, &instance, both).await;
    assert_letters(&world).await;
    let log = instance.stop();
    assert!(log.contains(SAID), "{log}");
    world.end().await;
}
