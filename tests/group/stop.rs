//! SIGTERM when the server does not answer: the process ends in the time it was given.

use crate::instance::{ASSIGNED, Instance, PAUSED};
use crate::support::{Server, World};
use crate::{assert_tables, impatient_group, lock, migrated};
use loadgen::{Generator, Message, Plan};
use sqlx::Connection;
use std::net::TcpListener;
use std::time::{Duration, Instant};

const TIMEOUT: Duration = Duration::from_secs(2);
/// For everything but the waiting itself, on a machine that has other things to do.
const MARGIN: Duration = Duration::from_secs(5);

fn messages() -> Vec<Message> {
    Generator::new(Plan { events: 3_000, ..Plan::default() }).collect()
}

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
    let Some(mut world) = migrated(server, 2).await else { return };
    world.set("batch.rows", 100).set("stop.timeout", "2s");
    impatient_group(&mut world);
    let locked = lock(&world, "user_events").await;
    let messages = messages();
    world.produce(messages.clone()).await;
    let instance = Instance::started(&world, PAUSED).await;
    stops_in_time(instance);
    locked.close().await.unwrap();
    world.load();
    assert_tables("stopped before a locked table", &world, &messages).await;
    world.end().await;
}

#[tokio::test]
async fn locked_table_mysql() {
    locked_table(Server::MySql).await;
}

#[tokio::test]
async fn locked_table_mariadb() {
    locked_table(Server::MariaDb).await;
}

/// A rebalance waits for a flush that does not come, for longer than stopping may take.
async fn drain(server: Server) {
    let Some(mut world) = migrated(server, 2).await else { return };
    impatient_group(&mut world);
    world.set("batch.rows", 100).set("stop.timeout", "2s").set("kafka.revoke_timeout", "60s");
    let locked = lock(&world, "user_events").await;
    let messages = messages();
    world.produce(messages.clone()).await;
    let instance = Instance::started(&world, PAUSED).await;
    let other = Instance::start(&world);
    instance.says("rebalance: revoked").await;
    stops_in_time(instance);
    other.says(ASSIGNED).await;
    locked.close().await.unwrap();
    other.leave();
    world.load();
    assert_tables("stopped in a rebalance", &world, &messages).await;
    world.end().await;
}

#[tokio::test]
async fn locked_table_in_a_rebalance_mysql() {
    drain(Server::MySql).await;
}

#[tokio::test]
async fn locked_table_in_a_rebalance_mariadb() {
    drain(Server::MariaDb).await;
}

/// The server cannot be reached: by then, the pauses between attempts are long.
#[tokio::test]
async fn no_server_at_the_start() {
    let Some(mut world) = World::new(Server::MariaDb).await else { return };
    // Taken and given back: nobody listens there.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    world.set("mysql.host", "127.0.0.1").set("mysql.port", port);
    world.set("flush.retry_first", "1m").set("flush.retry_longest", "1m");
    let instance = Instance::started(&world, "MySQL is not ready; retrying").await;
    ends_promptly(instance);
}

/// The server takes the connection and says nothing.
#[tokio::test]
async fn silent_server_at_the_start() {
    let Some(mut world) = World::new(Server::MariaDb).await else { return };
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
