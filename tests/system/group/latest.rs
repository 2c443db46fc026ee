//! `kafka.auto_offset_reset = latest`: the end is found once, at the first start, and is remembered from then on, whatever
//! becomes of the process. What comes later is newer than that start, and is loaded.

use super::{assert_loaded, impatient_group, messages, of_topic, until_loaded, users};
use testkit::instance::ASSIGNED;
use testkit::kafka::{Group, add_partitions, create_topic, delete_topic};
use testkit::{Instance, Server, World, until};

testkit::on_both_servers!(
    stopped_while_idle,
    killed_before_the_first_commit,
    grows_while_it_runs,
    what_is_younger_than_the_group,
);

/// Messages that come while nothing runs.
const MISSED: usize = 5;

/// A group that begins at the end of topics of which some are empty.
async fn world(server: Server) -> Option<World> {
    let mut world = World::migrated(server, 1).await?;
    world.set("kafka.auto_offset_reset", "latest");
    impatient_group(&mut world);
    Some(world)
}

/// Where a group begins at the end, that end is found once.
#[tokio::test]
async fn latest_is_committed_at_once() {
    let Some(mut world) = World::migrated(Server::MariaDb, 2).await else { return };
    let messages = users(40);
    world.produce(messages[..20].to_vec()).await;
    world.set("kafka.auto_offset_reset", "latest");
    let group = Group::new(&world);
    let instance = Instance::started(&world, ASSIGNED).await;
    let what = || "the first positions".to_owned();
    until(what, async || group.offsets() == (20, 20)).await;
    instance.kill();
    world.produce(messages[20..].to_vec()).await;
    impatient_group(&mut world);
    let instance = Instance::start(&world);
    group.is_done().await;
    instance.stop();
    assert_loaded("what came after the first start", &world, &messages[20..]).await;
    world.end().await;
}

/// An empty topic has an end, too.
async fn stopped_while_idle(server: Server) {
    let Some(mut world) = world(server).await else { return };
    world.serve_http();
    Instance::ready(&world).stop();
    let messages = users(MISSED);
    world.produce(messages.clone()).await;
    world.load();
    assert_loaded("what came while it was stopped", &world, &messages).await;
    world.end().await;
}

async fn killed_before_the_first_commit(server: Server) {
    let Some(world) = world(server).await else { return };
    let messages = messages(200);
    let (before, after) = messages.split_at(100);
    let missed: Vec<_> = of_topic("user", after).take(MISSED).cloned().collect();
    world.produce(before.to_vec()).await;
    let instance = Instance::started(&world, ASSIGNED).await;
    let what = || format!("the first positions\n{}", instance.log());
    until(what, async || {
        // One of each topic, which has one partition.
        world.count("sluicegate_progress").await >= loadgen::TOPICS.len() as i64
    })
    .await;
    instance.kill();
    world.produce(missed.clone()).await;
    world.load();
    assert_loaded("what came after it was killed", &world, &missed).await;
    world.end().await;
}

/// What is in a new partition, or in a new topic, is newer than the start of the instance.
async fn grows_while_it_runs(server: Server) {
    let Some(mut world) = World::new(server) else { return };
    world.create_topics(&["user"], 1).await;
    world.succeed(&["migrate"]);
    world.set("kafka.auto_offset_reset", "latest");
    world.set("kafka.properties.topic.metadata.refresh.interval.ms", 300);
    let messages = messages(400);
    let of = |topic: &str| -> Vec<_> { of_topic(topic, &messages).cloned().collect() };
    let instance = Instance::started(&world, ASSIGNED).await;
    add_partitions(&world, "user", 4).await;
    world.produce(of("user")).await;
    world.create_topics(&["order"], 2).await;
    world.produce(of("order")).await;
    let loaded = [of("user"), of("order")].concat();
    until_loaded("partitions and a topic that came later", &world, &instance, &loaded).await;
    instance.stop();
    world.end().await;
}

/// A topic that did not exist at the first start, and one that was created anew with more partitions, while nothing runs.
async fn what_is_younger_than_the_group(server: Server) {
    let Some(mut world) = World::new(server) else { return };
    world.create_topics(&["user"], 1).await;
    world.succeed(&["migrate"]);
    world.set("kafka.auto_offset_reset", "latest");
    impatient_group(&mut world);
    let messages = messages(400);
    let of = |topic: &str| -> Vec<_> { of_topic(topic, &messages).cloned().collect() };
    let instance = Instance::started(&world, ASSIGNED).await;
    // All topics that the mapping names.
    let topics = loadgen::TOPICS.len() as i64;
    let what = || format!("what the group has seen\n{}", instance.log());
    until(what, async || world.count("sluicegate_topics").await == topics).await;
    instance.stop();
    world.create_topics(&["order"], 2).await;
    delete_topic(&world, "user").await;
    create_topic(&world, "user", 3, &[]).await;
    let younger = [of("order"), of("user")].concat();
    world.produce(younger.clone()).await;
    world.load();
    assert_loaded("topics that are younger than the group", &world, &younger).await;
    world.end().await;
}
