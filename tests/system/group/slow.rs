//! A server that takes longer than a group waits for its members.

use super::{assert_loaded, messages};
use sqlx::Connection;
use std::time::Duration;
use testkit::instance::{ASSIGNED, PAUSED};
use testkit::kafka::Group;
use testkit::{Instance, Server, World};

testkit::on_both_servers!(a_server_slower_than_the_group_waits);

const POLL_INTERVAL: Duration = Duration::from_secs(2);

async fn a_server_slower_than_the_group_waits(server: Server) {
    let Some(mut world) = World::migrated(server, 2).await else { return };
    world
        .set("batch.rows", 100)
        .set("kafka.properties.session.timeout.ms", 1_500)
        .set("kafka.properties.heartbeat.interval.ms", 300)
        .set("kafka.properties.max.poll.interval.ms", POLL_INTERVAL.as_millis());
    let locked = world.lock("user_events").await;
    let messages = messages(4_000);
    world.produce(messages.clone()).await;
    let instance = Instance::started(&world, PAUSED).await;
    // Time enough for something to happen; nothing must.
    tokio::time::sleep(3 * POLL_INTERVAL).await;
    let log = instance.log();
    locked.close().await.unwrap();
    Group::new(&world).is_done().await;
    let whole = instance.stop();
    for log in [&log, &whole] {
        assert_eq!(log.matches(ASSIGNED).count(), 1, "{log}");
        assert!(!log.contains("rebalance: revoked") && !log.contains("rebalance: lost"), "{log}");
        assert!(!log.contains("max.poll.interval.ms"), "{log}");
    }
    assert!(!log.contains("consume: resumed"), "paused all the while:\n{log}");
    assert!(whole.contains("consume: resumed"), "{whole}");
    assert_loaded("a slow server", &world, &messages).await;
    world.end().await;
}
