//! SIGTERM: what was read is flushed and committed, and the process ends in time.

use crate::support::{Server, World, assert_table, signal, wait_for};
use crate::{input, reference};
use loadgen::{Generator, Plan, TOPICS};
use sqlx::{Executor, Row};
use std::io::Read;

#[tokio::test]
async fn sigterm_in_mid_run_leaves_nothing_to_redo() {
    for server in Server::ALL {
        let Some(mut world) = World::new(server).await else { continue };
        world.create_topics(&TOPICS, 2).await;
        let messages: Vec<loadgen::Message> =
            Generator::new(Plan { events: 8_000, ..Plan::default() }).collect();
        let expected = reference::fold(messages.iter().map(input), server.json_depth()).tables;
        world.produce(messages).await;
        world.succeed(&["migrate"]);
        // Small batches that stay open: what is in them at the end is lost if it is not flushed.
        world.set("batch.rows", 300).set("batch.age", "1h");
        let mut connection = world.connect().await;
        let mut child = world.command().arg("run").spawn().unwrap();
        let mut log = child.stderr.take().unwrap();
        let reader = std::thread::spawn(move || {
            let mut text = String::new();
            log.read_to_string(&mut text).unwrap();
            text
        });
        loop {
            let rows: i64 =
                connection.fetch_one("SELECT COUNT(*) FROM user_events").await.unwrap().get(0);
            if rows > 100 {
                break;
            }
            tokio::task::yield_now().await;
        }
        signal(&child, "TERM");
        let status = wait_for("the end after SIGTERM", || child.try_wait().unwrap());
        let log = reader.join().unwrap();
        assert!(status.success(), "{log}");
        assert!(log.contains("leaving the group"), "{log}");
        // Every row that is there now belongs to a committed offset: the rest adds up exactly.
        let first = consumed(&log);
        let second = consumed(&world.load());
        assert_eq!(first + second, 8_000, "no message was done twice");
        for (table, expected) in &expected {
            assert_table(server.name(), table, &world.rows(table).await, expected);
        }
        world.end().await;
    }
}

/// The number of messages in the line that a run says last.
fn consumed(log: &str) -> u64 {
    let done = log.lines().rfind(|line| line.contains("\"done\"")).unwrap();
    let line: serde_json::Value = serde_json::from_str(done).unwrap();
    line["fields"]["messages"].as_u64().unwrap()
}
