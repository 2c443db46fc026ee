//! SIGTERM when the server does not answer: the process ends in the time it was given.

use super::{assert_loaded, impatient_group, messages};
use sluicegate::commands::run::MYSQL_NOT_READY;
use sqlx::Connection;
use std::net::TcpListener;
use std::time::{Duration, Instant};
use testkit::instance::{ASSIGNED, PAUSED};
use testkit::{Instance, Server, World, free_port};

testkit::on_both_servers!(locked_table, locked_table_in_a_rebalance);

const EVENTS: u64 = 3_000;
const TIMEOUT: Duration = Duration::from_secs(2);
/// For everything but the waiting itself, on a machine that has other things to do.
const MARGIN: Duration = Duration::from_secs(5);

/// SIGTERM; it must not say that all is well, and say why.
fn stops_in_time(instance: Instance) {
    let asked = Instant::now();
    instance.signal("TERM");
    let (status, log) = instance.end();
    let took = asked.elapsed();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("stopped after 2s (stop.timeout)"), "{log}");
    assert!(took < TIMEOUT + MARGIN, "stopping took {took:?}\n{log}");
}

async fn locked_table(server: Server) {
    let Some(mut world) = World::migrated(server, 2).await else { return };
    world.set("batch.rows", 100).set("stop.timeout", "2s");
    impatient_group(&mut world);
    let locked = world.lock("user_events").await;
    let messages = messages(EVENTS);
    world.produce(messages.clone()).await;
    let instance = Instance::started(&world, PAUSED).await;
    stops_in_time(instance);
    locked.close().await.unwrap();
    world.load();
    assert_loaded("stopped before a locked table", &world, &messages).await;
    world.end().await;
}

/// A rebalance waits for a flush that does not come, for longer than stopping may take.
async fn locked_table_in_a_rebalance(server: Server) {
    let Some(mut world) = World::migrated(server, 2).await else { return };
    impatient_group(&mut world);
    world.set("batch.rows", 100).set("stop.timeout", "2s").set("kafka.revoke_timeout", "60s");
    let locked = world.lock("user_events").await;
    let messages = messages(EVENTS);
    world.produce(messages.clone()).await;
    let instance = Instance::started(&world, PAUSED).await;
    let other = Instance::start(&world);
    instance.says("rebalance: revoked").await;
    stops_in_time(instance);
    other.says(ASSIGNED).await;
    locked.close().await.unwrap();
    other.stop();
    world.load();
    assert_loaded("stopped in a rebalance", &world, &messages).await;
    world.end().await;
}

/// The server cannot be reached: by then, the pauses between attempts are long.
#[tokio::test]
async fn no_server_at_the_start() {
    let Some(mut world) = World::new(Server::MariaDb) else { return };
    world.set("mysql.host", "127.0.0.1").set("mysql.port", free_port());
    world.set("flush.retry_first", "1m").set("flush.retry_longest", "1m");
    let instance = Instance::started(&world, MYSQL_NOT_READY).await;
    ends_promptly(instance);
}

/// The server takes the connection and says nothing.
#[tokio::test]
async fn silent_server_at_the_start() {
    let Some(mut world) = World::new(Server::MariaDb) else { return };
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    world.set("mysql.host", "127.0.0.1").set("mysql.port", silent.local_addr().unwrap().port());
    world.set("mysql.connect_timeout", "1m");
    let instance = Instance::started(&world, "starting").await;
    let (_connection, _) =
        tokio::task::spawn_blocking(move || silent.accept().unwrap()).await.unwrap();
    ends_promptly(instance);
}

fn ends_promptly(instance: Instance) {
    let asked = Instant::now();
    instance.signal("TERM");
    let (_, log) = instance.end();
    assert!(asked.elapsed() < MARGIN, "{:?}\n{log}", asked.elapsed());
}
