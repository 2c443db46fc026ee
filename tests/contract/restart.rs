//! Done when: `kill -9` in mid-run and a second run give the tables of one clean run.

use crate::support::{Server, World, assert_table, signal, wait_for};
use loadgen::{Generator, Plan, TOPICS};
use sqlx::{Executor, Row};
use std::io::{BufRead, BufReader};

/// Enough that a kill comes in the middle.
const EVENTS: u64 = 20_000;

async fn check(server: Server) {
    let Some(clean) = World::new(server).await else { return };
    clean.create_topics(&TOPICS, 4).await;
    let plan =
        Plan { events: EVENTS, duplicates: 0.1, disorder: 0.1, poison: 0.01, ..Plan::default() };
    clean.produce(Generator::new(plan).collect()).await;
    clean.load();
    let Some(mut killed) = World::new(server).await else { return };
    killed.prefix.clone_from(&clean.prefix);
    killed.set("batch.rows", 500);
    for rows_before_kill in [1_i64, 4_000, 9_000] {
        let mut child = killed.command().args(["run", "--until-end"]).spawn().unwrap();
        // Somebody has to read the log, or the pipe fills.
        let log = BufReader::new(child.stderr.take().unwrap());
        let reader = std::thread::spawn(move || log.lines().map_while(Result::ok).count());
        let mut connection = None;
        loop {
            if connection.is_none() && killed_exists(&killed).await {
                connection = Some(killed.connect().await);
            }
            let rows = match &mut connection {
                Some(connection) => count(connection).await,
                None => 0,
            };
            if rows >= rows_before_kill || child.try_wait().unwrap().is_some() {
                break;
            }
        }
        signal(&child, "KILL");
        wait_for("the end of the killed process", || child.try_wait().unwrap());
        reader.join().unwrap();
    }
    killed.load();
    let mut tables = 0;
    for (table, _) in clean_tables(&clean).await {
        let context = format!("{} after kill -9", server.name());
        assert_table(&context, &table, &killed.rows(&table).await, &clean.rows(&table).await);
        tables += 1;
    }
    assert_eq!(tables, 18);
    clean.end().await;
    killed.end().await;
}

async fn killed_exists(world: &World) -> bool {
    let exists = sqlx::query("SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME = 'dead_letters'")
        .bind(&world.database);
    world.admin().await.fetch_optional(exists).await.unwrap().is_some()
}

async fn count(connection: &mut sqlx::MySqlConnection) -> i64 {
    let sql = "SELECT (SELECT COUNT(*) FROM user_logins) + (SELECT COUNT(*) FROM user_events) + (SELECT COUNT(*) FROM order_events)";
    connection.fetch_one(sql).await.unwrap().get(0)
}

async fn clean_tables(world: &World) -> Vec<(String, ())> {
    let rows = world.connect().await.fetch_all("SELECT CAST(TABLE_NAME AS CHAR) FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME NOT IN ('dead_letters', '_sqlx_migrations')").await.unwrap();
    rows.iter().map(|row| (row.get(0), ())).collect()
}

#[tokio::test]
async fn mysql() {
    check(Server::MySql).await;
}

#[tokio::test]
async fn mariadb() {
    check(Server::MariaDb).await;
}
