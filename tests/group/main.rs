//! Instances of a consumer group that come, go and die, what Kafka does to them, and the bound on
//! their memory.

#![allow(
    clippy::disallowed_methods,
    reason = "tests take time and find their servers in variables"
)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, missing_docs)]

#[path = "../support/reference.rs"]
mod reference;
#[path = "../support/mod.rs"]
mod support;

mod flood;
mod group;
mod instance;
mod kills;
mod memory;
mod offsets;
mod rebalance;
mod slow;
mod stop;
mod topics;
mod transactions;
mod until_end;

use support::{Server, World, assert_table};

fn input(message: &loadgen::Message) -> reference::Input<'_> {
    reference::Input { topic: &message.topic, value: message.value.as_deref() }
}

/// Every table holds what the reference fold gives for these messages.
async fn assert_tables(context: &str, world: &World, messages: &[loadgen::Message]) {
    let expected = reference::fold(messages.iter().map(input), world.server.json_depth()).tables;
    for (table, expected) in &expected {
        let context = format!("{}: {context}", world.server.name());
        assert_table(&context, table, &world.rows(table).await, expected);
    }
}

/// Members that are killed are noticed after a second, not after ten.
fn impatient_group(world: &mut World) {
    world
        .set("kafka.properties.session.timeout.ms", 1_000)
        .set("kafka.properties.heartbeat.interval.ms", 200);
}

/// A world with an empty table of every kind and empty topics.
async fn migrated(server: Server, partitions: i32) -> Option<World> {
    let world = World::new(server).await?;
    world.create_topics(&loadgen::TOPICS, partitions).await;
    world.succeed(&["migrate"]);
    Some(world)
}

/// Lets nobody else write to a table until the connection is closed.
async fn lock(world: &World, table: &str) -> sqlx::MySqlConnection {
    use sqlx::Executor;
    let mut connection = world.connect().await;
    let lock = format!("LOCK TABLES {table} WRITE");
    connection.execute(sqlx::AssertSqlSafe(lock)).await.unwrap();
    connection
}
