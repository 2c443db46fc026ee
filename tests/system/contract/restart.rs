//! Done when: `kill -9` in mid-run and a second run give the tables of one clean run.

use loadgen::{Generator, Plan, TOPICS};
use sqlx::{Executor, Row};
use std::time::{Duration, Instant};
use testkit::{DEADLINE, Instance, Server, World, fold};

testkit::on_both_servers!(killed_in_mid_run);

/// Enough that a kill comes in the middle.
const EVENTS: u64 = 6_000;
const LOOK_AGAIN: Duration = Duration::from_millis(10);

async fn killed_in_mid_run(server: Server) {
    let Some(mut world) = World::new(server) else { return };
    world.create_topics(&TOPICS, 4).await;
    let plan =
        Plan { events: EVENTS, duplicates: 0.1, disorder: 0.1, poison: 0.01, ..Plan::default() };
    let messages: Vec<loadgen::Message> = Generator::new(plan).collect();
    let expected = fold::of(&messages, server).tables;
    world.produce(messages).await;
    world.succeed(&["migrate"]);
    // The group notices a killed member when its session times out; brokers allow no less.
    world.set("batch.rows", 200).set("kafka.properties.session.timeout.ms", 6_000);
    let mut connection = world.connect().await;
    for rows in [1, 1_500, 3_000, 4_500] {
        let mut instance = Instance::until_end(&world);
        wait_for_rows(&mut connection, rows, &mut instance).await;
        // It may have ended by itself by now.
        instance.kill();
    }
    world.load();
    world.assert_tables("after kill -9", &expected).await;
    world.end().await;
}

async fn wait_for_rows(connection: &mut sqlx::MySqlConnection, rows: i64, instance: &mut Instance) {
    let count = "SELECT (SELECT COUNT(*) FROM user_logins) + (SELECT COUNT(*) FROM user_events) + (SELECT COUNT(*) FROM order_events)";
    let deadline = Instant::now() + DEADLINE;
    loop {
        let found: i64 = connection.fetch_one(count).await.unwrap().get(0);
        if found >= rows || instance.has_ended() {
            return;
        }
        assert!(Instant::now() < deadline, "{found} of {rows} rows");
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}
