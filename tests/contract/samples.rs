//! Done when: the samples give exactly the expected rows, in any order, with any batch size.

use crate::support::{Server, World, assert_table};
use crate::{expected, messages};
use loadgen::{Message, TOPICS};

/// Loads `messages` with batches of 1, 7 and 10,000 rows, each into a database of its own.
async fn check(order: &str, server: Server, arrange: impl Fn(Vec<Message>) -> Vec<Message>) {
    let expected = expected(server);
    let Some(topics) = World::new(server).await else { return };
    topics.create_topics(&TOPICS, 3).await;
    topics.produce(arrange(messages("samples.jsonl"))).await;
    for batch_rows in [1, 7, 10_000] {
        let Some(mut world) = World::new(server).await else { return };
        world.prefix.clone_from(&topics.prefix);
        world.set("batch.rows", batch_rows);
        let log = world.load();
        let context = format!("{order}, {}, batches of {batch_rows}", server.name());
        assert_eq!(world.rows("dead_letters").await, [], "{context}\n{log}");
        for (table, expected) in &expected {
            assert_table(&context, table, &world.rows(table).await, expected);
        }
        world.end().await;
    }
}

fn reversed(mut messages: Vec<Message>) -> Vec<Message> {
    messages.reverse();
    messages
}

fn shuffled(mut messages: Vec<Message>) -> Vec<Message> {
    loadgen::shuffle(&mut messages, 7);
    messages
}

fn doubled(messages: Vec<Message>) -> Vec<Message> {
    messages.into_iter().flat_map(|message| [message.clone(), message]).collect()
}

macro_rules! orders {
    ($($name:ident: $arrange:expr;)*) => {$(
        mod $name {
            use super::*;

            #[tokio::test]
            async fn mysql() {
                check(stringify!($name), Server::MySql, $arrange).await;
            }

            #[tokio::test]
            async fn mariadb() {
                check(stringify!($name), Server::MariaDb, $arrange).await;
            }
        }
    )*};
}

orders! {
    in_file_order: |messages| messages;
    in_reverse: reversed;
    in_disorder: shuffled;
    every_line_doubled: doubled;
}
