//! Done when: `kill -9` in mid-run and a second run give the tables of one clean run.

use crate::support::{DEADLINE, Server, World, assert_table, wait_for};
use crate::{input, reference};
use loadgen::{Generator, Plan, TOPICS};
use sqlx::{Executor, Row};
use std::io::{BufRead, BufReader};
use std::process::Child;
use std::time::{Duration, Instant};

/// Enough that a kill comes in the middle.
const EVENTS: u64 = 6_000;
const LOOK_AGAIN: Duration = Duration::from_millis(10);

async fn check(server: Server) {
    let Some(mut world) = World::new(server).await else { return };
    world.create_topics(&TOPICS, 4).await;
    let plan =
        Plan { events: EVENTS, duplicates: 0.1, disorder: 0.1, poison: 0.01, ..Plan::default() };
    let messages: Vec<loadgen::Message> = Generator::new(plan).collect();
    let expected = reference::fold(messages.iter().map(input), server.json_depth()).tables;
    world.produce(messages).await;
    world.succeed(&["migrate"]);
    // The group notices a killed member when its session times out; brokers allow no less.
    world.set("batch.rows", 200).set("kafka.properties.session.timeout.ms", 6_000);
    let mut connection = world.connect().await;
    for rows in [1, 1_500, 3_000, 4_500] {
        let mut child = world.command().args(["run", "--until-end"]).spawn().unwrap();
        // Somebody has to read the log, or the pipe fills.
        let log = BufReader::new(child.stderr.take().unwrap());
        let reader = std::thread::spawn(move || log.lines().map_while(Result::ok).count());
        wait_for_rows(&mut connection, rows, &mut child).await;
        // It may have ended by itself by now.
        child.kill().unwrap();
        wait_for("the end of the killed process", || child.try_wait().unwrap());
        reader.join().unwrap();
    }
    world.load();
    for (table, expected) in &expected {
        let context = format!("{} after kill -9", server.name());
        assert_table(&context, table, &world.rows(table).await, expected);
    }
    world.end().await;
}

async fn wait_for_rows(connection: &mut sqlx::MySqlConnection, rows: i64, child: &mut Child) {
    let count = "SELECT (SELECT COUNT(*) FROM user_logins) + (SELECT COUNT(*) FROM user_events) + (SELECT COUNT(*) FROM order_events)";
    let deadline = Instant::now() + DEADLINE;
    loop {
        let found: i64 = connection.fetch_one(count).await.unwrap().get(0);
        if found >= rows || child.try_wait().unwrap().is_some() {
            return;
        }
        assert!(Instant::now() < deadline, "{found} of {rows} rows");
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

#[tokio::test]
async fn mysql() {
    check(Server::MySql).await;
}

#[tokio::test]
async fn mariadb() {
    check(Server::MariaDb).await;
}
