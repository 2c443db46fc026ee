//! Done when: the samples give exactly the expected rows, in any order, with any batch size.

use super::{events, messages};
use loadgen::{Message, TOPICS};
use std::collections::BTreeMap;
use testkit::{Row, Server, World, fold};

testkit::on_both_servers!(in_file_order, in_reverse, in_disorder, every_line_doubled);

async fn in_file_order(server: Server) {
    check("in file order", server, messages("samples.jsonl")).await;
}

async fn in_reverse(server: Server) {
    let mut messages = messages("samples.jsonl");
    messages.reverse();
    check("in reverse", server, messages).await;
}

async fn in_disorder(server: Server) {
    let mut messages = messages("samples.jsonl");
    loadgen::shuffle(&mut messages, 7);
    check("in disorder", server, messages).await;
}

async fn every_line_doubled(server: Server) {
    let messages = messages("samples.jsonl").into_iter();
    let doubled = messages.flat_map(|message| [message.clone(), message]).collect();
    check("every line doubled", server, doubled).await;
}

/// Loads `messages` with batches of 1, 7 and 10,000 rows, each into a database of its own.
async fn check(order: &str, server: Server, messages: Vec<Message>) {
    let expected = expected(server);
    let Some(topics) = World::new(server) else { return };
    topics.create_topics(&TOPICS, 3).await;
    topics.produce(messages).await;
    for batch_rows in [1, 7, 10_000] {
        let Some(mut world) = World::new(server) else { return };
        world.prefix.clone_from(&topics.prefix);
        world.set("batch.rows", batch_rows);
        let log = world.load();
        let context = format!("{order}, batches of {batch_rows}");
        assert_eq!(world.rows("dead_letters").await, [], "{context}\n{log}");
        world.assert_tables(&context, &expected).await;
        world.end().await;
    }
}

/// The rows that the samples must give: from a file beside them, or else from the reference fold.
fn expected(server: Server) -> BTreeMap<String, Vec<Row>> {
    if let Ok(text) = std::fs::read_to_string(events("samples.expected.json")) {
        return serde_json::from_str(&text).unwrap();
    }
    fold::of(&messages("samples.jsonl"), server).tables
}
