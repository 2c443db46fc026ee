//! A database that an earlier version has filled: it recorded nothing, and committed offsets without a note.

use super::{assert_loaded, messages};
use loadgen::Message;
use testkit::kafka::Group;
use testkit::{Backup, Server, World};

testkit::on_both_servers!(
    an_upgrade_takes_kafkas_offsets_once,
    a_backup_from_before_an_upgrade,
    a_backup_from_before_an_upgrade_with_latest,
    an_older_backup_beside_newer_rows,
    dropped_tables_are_created_again,
);

const HALF: usize = 200;
const ADOPTED: &str = "taking Kafka's offsets for 7 partitions, this once";

/// A database that has loaded the first half of these messages.
async fn half_loaded(server: Server) -> Option<(World, Vec<Message>)> {
    let world = World::migrated(server, 1).await?;
    let messages = messages(2 * HALF as u64);
    world.produce(messages[..HALF].to_vec()).await;
    world.load();
    Some((world, messages))
}

/// Leaves the database and the group as an earlier version would have.
async fn as_before_the_upgrade(world: &World) {
    let group = Group::new(world);
    for topic in loadgen::TOPICS {
        group.commit(topic, group.committed(topic));
    }
    world.execute_sql(["DELETE FROM sluicegate_progress", "DELETE FROM sluicegate_writers"]).await;
}

async fn an_upgrade_takes_kafkas_offsets_once(server: Server) {
    let Some((world, messages)) = half_loaded(server).await else { return };
    as_before_the_upgrade(&world).await;
    assert!(world.succeed(&["check"]).contains("the next start takes Kafka's offsets for 7"));
    world.produce(messages[HALF..].to_vec()).await;
    let log = world.load();
    assert!(log.contains(ADOPTED), "{log}");
    let only_the_new = format!("\"messages\":{HALF},");
    assert!(log.contains(&only_the_new), "nothing is read twice:\n{log}");
    assert_loaded("after an upgrade", &world, &messages).await;
    let log = world.load();
    assert!(!log.contains("taking Kafka's offsets"), "it is said once:\n{log}");
    world.end().await;
}

async fn a_backup_from_before_an_upgrade(server: Server) {
    put_back_to_before_an_upgrade(server, "earliest").await;
}

async fn a_backup_from_before_an_upgrade_with_latest(server: Server) {
    put_back_to_before_an_upgrade(server, "latest").await;
}

/// A database has recorded these offsets, and this one knows nothing of them, so this is not an upgrade.
async fn put_back_to_before_an_upgrade(server: Server, reset: &str) {
    let Some((mut world, messages)) = half_loaded(server).await else { return };
    as_before_the_upgrade(&world).await;
    let backup = Backup::take(&mut world.connect().await, &world.database).await;
    world.produce(messages[HALF..].to_vec()).await;
    assert!(world.load().contains(ADOPTED));
    backup.restore(&mut world.connect().await).await;
    world.set("kafka.auto_offset_reset", reset);
    let check = world.succeed(&["check"]);
    assert!(
        check.contains("says nothing of the partition; a run reads from its first offset. Is it")
    );
    let log = world.load();
    assert!(log.contains("put back to before an upgrade?"), "{log}");
    assert_loaded("after a backup from before an upgrade", &world, &messages).await;
    world.end().await;
}

/// The backup has none of sluicegate's own tables, and restoring it removes none: they say more than it holds.
async fn an_older_backup_beside_newer_rows(server: Server) {
    let Some((world, messages)) = half_loaded(server).await else { return };
    let backup = Backup::take(&mut world.connect().await, &world.database).await;
    let own = backup.without(&["sluicegate_progress", "sluicegate_writers", "sluicegate_topics"]);
    world.produce(messages[HALF..].to_vec()).await;
    world.load();
    own.restore(&mut world.connect().await).await;
    world.execute_sql(["DELETE FROM _sqlx_migrations WHERE version > 8"]).await;
    let log = world.load();
    assert!(log.contains("an older backup was restored over it"), "{log}");
    assert_loaded("after an older backup beside newer rows", &world, &messages).await;
    world.end().await;
}

async fn dropped_tables_are_created_again(server: Server) {
    let Some((world, messages)) = half_loaded(server).await else { return };
    world.execute_sql(["DROP TABLE sluicegate_progress"]).await;
    world.succeed(&["migrate"]);
    assert_eq!(world.count("sluicegate_progress").await, 0);
    world.load();
    assert_loaded("after a table was dropped", &world, &messages[..HALF]).await;
    world.end().await;
}
