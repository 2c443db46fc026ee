//! A server that takes longer than a group waits for its members.

use crate::group::Group;
use crate::instance::{ASSIGNED, Instance, PAUSED};
use crate::support::Server;
use crate::{assert_tables, lock, migrated};
use loadgen::{Generator, Message, Plan};
use sqlx::Connection;
use std::time::Duration;

const POLL_INTERVAL: Duration = Duration::from_secs(2);

async fn check(server: Server) {
    let Some(mut world) = migrated(server, 2).await else { return };
    world
        .set("batch.rows", 100)
        .set("kafka.properties.session.timeout.ms", 1_500)
        .set("kafka.properties.heartbeat.interval.ms", 300)
        .set("kafka.properties.max.poll.interval.ms", POLL_INTERVAL.as_millis());
    let locked = lock(&world, "user_events").await;
    let messages: Vec<Message> =
        Generator::new(Plan { events: 4_000, ..Plan::default() }).collect();
    world.produce(messages.clone()).await;
    let instance = Instance::started(&world, PAUSED).await;
    // What is waited for is that nothing happens.
    tokio::time::sleep(3 * POLL_INTERVAL).await;
    let log = instance.log();
    locked.close().await.unwrap();
    Group::new(&world).is_done().await;
    let whole = instance.leave();
    for log in [&log, &whole] {
        assert_eq!(log.matches(ASSIGNED).count(), 1, "{log}");
        assert!(!log.contains("rebalance: revoked") && !log.contains("rebalance: lost"), "{log}");
        assert!(!log.contains("max.poll.interval.ms"), "{log}");
    }
    assert!(!log.contains("consume: resumed"), "paused all the while:\n{log}");
    assert!(whole.contains("consume: resumed"), "{whole}");
    assert_tables("a slow server", &world, &messages).await;
    world.end().await;
}

#[tokio::test]
async fn mysql() {
    check(Server::MySql).await;
}

#[tokio::test]
async fn mariadb() {
    check(Server::MariaDb).await;
}
