//! The server refuses events that passed validation: they alone become dead letters, and the rest
//! of their batches loads.

use loadgen::{Generator, Mix, Plan, TOPICS};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Executor};
use std::collections::BTreeSet;
use testkit::fold::{self, Expected, Verdict};
use testkit::{Row, Server, World};

testkit::on_both_servers!(refused_events_alone_are_dead);

/// The event that a column of the `nth` row names which names one. A constraint sees only what a
/// row becomes, so it is the events that win which it can refuse.
fn winner(all: &Expected, table: &str, column: &str, nth: usize) -> String {
    let mut named = all.tables[table].iter().filter_map(|row| row[column].as_str());
    named.nth(nth).unwrap_or_else(|| panic!("{table} has too few rows with {column}")).to_owned()
}

fn is_one_of(message: &loadgen::Message, ids: &BTreeSet<String>) -> bool {
    let event: Option<Value> = serde_json::from_slice(message.value.as_deref().unwrap()).ok();
    event.is_some_and(|event| event["event_id"].as_str().is_some_and(|id| ids.contains(id)))
}

fn replay(world: &World) -> Value {
    let outcome = world.succeed(&["dead-letters", "replay", "--json"]);
    serde_json::from_str(&outcome).unwrap()
}

async fn check(server: Server, batch_rows: usize) {
    let Some(mut world) = World::new(server) else { return };
    world.create_topics(&TOPICS, 2).await;
    world.set("batch.rows", batch_rows).set("batch.age", "10s");
    // Many changes of few entities, so that rows are folded; and every fifth message twice.
    let plan = Plan {
        events: 4_000,
        mix: Mix::Lifecycle,
        duplicates: 0.2,
        disorder: 0.1,
        poison: 0.01,
        ..Plan::default()
    };
    let messages: Vec<loadgen::Message> = Generator::new(plan).collect();
    let all = fold::of(&messages, server);
    let refused = [
        ("user_events", "event_id", 0),
        ("posts", "status_changed_by", 0),
        ("posts", "status_changed_by", 5),
        ("posts", "event_id", 3),
        ("order_items", "event_id", 5),
    ]
    .map(|(table, column, nth)| (table, column, winner(&all, table, column, nth)));
    let ids: BTreeSet<String> = refused.iter().map(|(.., id)| id.clone()).collect();
    let copies = messages.iter().filter(|message| is_one_of(message, &ids)).count();
    assert!(copies >= ids.len());
    let others = messages.iter().filter(|message| !is_one_of(message, &ids));
    let expected = fold::of(others, server);
    let is_dead = |verdict: &&Verdict| **verdict == Verdict::Dead;
    let dead = expected.verdicts.iter().filter(is_dead).count();
    world.produce(messages).await;
    world.succeed(&["migrate"]);
    let mut connection = world.connect().await;
    for (number, (table, column, id)) in refused.iter().enumerate() {
        let constraint = format!(
            "ALTER TABLE {table} ADD CONSTRAINT chk_{number} CHECK ({column} IS NULL OR {column} <> '{id}')"
        );
        connection.execute(AssertSqlSafe(constraint)).await.unwrap();
    }
    let log = world.load();
    let context = format!("with batches of {batch_rows}");
    world.assert_tables(&context, &expected.tables).await;
    let letters = world.rows("dead_letters").await;
    let (blamed, faulty): (Vec<&Row>, Vec<&Row>) =
        letters.iter().partition(|row| row["error_code"] == "server_refused");
    let blamed_ids: BTreeSet<String> =
        blamed.iter().map(|row| row["event_id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(blamed_ids, ids, "{log}");
    assert_eq!(blamed.len(), copies, "every copy has its dead letter");
    assert_eq!(faulty.len(), dead, "the others are those with verdicts of their own");
    let change = blamed.iter().find(|row| row["event_id"] == refused[1].2).unwrap();
    let text = change["error_text"].as_str().unwrap();
    assert!(text.contains("table posts") && text.contains("chk_1"), "{text}");
    assert!(log.contains("the server refuses"), "{log}");

    // The constraints are dropped one by one, and the letters replayed.
    connection.execute("ALTER TABLE user_events DROP CONSTRAINT chk_0").await.unwrap();
    let outcome = replay(&world);
    assert_eq!(outcome["still_faulty"]["server_refused"].as_u64(), Some(blamed.len() as u64 - 1));
    assert!(outcome["loaded"].as_u64() == Some(1), "{outcome}");
    for (number, (table, ..)) in refused.iter().enumerate().skip(1) {
        let drop = format!("ALTER TABLE {table} DROP CONSTRAINT chk_{number}");
        connection.execute(AssertSqlSafe(drop)).await.unwrap();
    }
    replay(&world);
    world.assert_tables("after the replay", &all.tables).await;
    world.end().await;
}

/// In large batches.
async fn refused_events_alone_are_dead(server: Server) {
    check(server, 10_000).await;
}

#[tokio::test]
async fn refused_events_alone_are_dead_in_small_batches() {
    check(Server::MySql, 100).await;
}
