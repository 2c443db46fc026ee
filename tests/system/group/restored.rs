//! A database that is put back to what a backup held: what it lacks is read from Kafka again, and what Kafka no longer has is
//! named.

use super::{assert_loaded, messages, of_topic, until_loaded, users};
use testkit::kafka::delete_messages;
use testkit::{Backup, Instance, Server, World, until};

testkit::on_both_servers!(restored_backup, retention_was_shorter);

const HALF: usize = 400;

async fn backup(world: &World) -> Backup {
    Backup::take(&mut world.connect().await, &world.database).await
}

async fn restore(world: &World, backup: Backup) {
    backup.restore(&mut world.connect().await).await;
}

/// The lines of a log that hold a text, parsed.
fn lines(log: &str, text: &str) -> Vec<serde_json::Value> {
    let lines = log.lines().filter(|line| line.contains(text));
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

async fn restored_backup(server: Server) {
    let Some(world) = World::migrated(server, 1).await else { return };
    let messages = messages(2 * HALF as u64);
    let (first, second) = messages.split_at(HALF);
    world.produce(first.to_vec()).await;
    world.load();
    let backup = backup(&world).await;
    world.produce(second.to_vec()).await;
    world.load();
    restore(&world, backup).await;
    let log = world.load();
    assert_loaded("after a restored backup", &world, &messages).await;
    let warned = lines(&log, "ahead of what this database holds");
    for topic in loadgen::TOPICS {
        let (partition, ahead) = (world.topic(topic) + "/0", of_topic(topic, second).count());
        let says = |line: &serde_json::Value| {
            let text = line.to_string();
            text.contains(&partition) && text.contains(&ahead.to_string())
        };
        assert!(warned.iter().any(says), "{partition} is {ahead} ahead:\n{log}");
    }
    assert!(warned.iter().all(|line| line["level"] == "WARN"), "{warned:?}");
    let log = world.load();
    assert!(!log.contains("ahead of what this database holds"), "it is said once:\n{log}");
    world.end().await;
}

/// The backup is older than what Kafka keeps.
async fn retention_was_shorter(server: Server) {
    let Some(mut world) = World::migrated(server, 1).await else { return };
    let messages = users(2 * HALF);
    let left_from = HALF + 150;
    world.produce(messages[..HALF].to_vec()).await;
    world.load();
    let backup = backup(&world).await;
    world.produce(messages[HALF..].to_vec()).await;
    world.load();
    restore(&world, backup).await;
    delete_messages(&world, "user", left_from as i64).await;
    world.serve_http();
    let instance = Instance::started(&world, "deleted before they were read").await;
    let left = messages[..HALF].iter().chain(&messages[left_from..]);
    until_loaded("what Kafka still had", &world, &instance, left).await;
    let topic = world.topic("user");
    let lost = format!("sluicegate_consume_lost_messages_total{{topic=\"{topic}\"}}");
    let is_counted = || instance.metrics().is_some_and(|page| page.value(&lost) == Some(150.0));
    until(|| format!("{:?}", instance.metrics()), async || is_counted()).await;
    let log = instance.stop();
    let told = &lines(&log, "deleted before they were read")[0];
    assert_eq!(told["level"], "ERROR", "{told}");
    let (fields, number) = (&told["fields"], |field: &str| told["fields"][field].as_u64());
    assert_eq!(fields["partition"], format!("{topic}/0"), "{told}");
    let range = (Some(HALF as u64), Some(left_from as u64 - 1), Some(150));
    assert_eq!((number("from"), number("to"), number("messages")), range, "{told}");
    world.end().await;
}
