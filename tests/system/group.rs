//! Instances of a consumer group that come, go and die, what Kafka does to them, and the bound on
//! their memory.

mod flood;
mod identity;
mod kills;
mod latest;
mod memory;
mod offsets;
mod rebalance;
mod recreated;
mod restored;
mod shared;
mod slow;
mod stop;
mod topics;
mod transactions;
mod until_end;
mod upgraded;

use loadgen::{Generator, Message, Plan};
use std::cell::RefCell;
use testkit::{Instance, World, fold, until};

/// Every table holds what the reference fold gives for these messages.
async fn assert_loaded<'m>(
    context: &str,
    world: &World,
    messages: impl IntoIterator<Item = &'m Message>,
) {
    world.assert_tables(context, &fold::of(messages, world.server).tables).await;
}

/// The same, once an instance that runs has got there.
async fn until_loaded<'m>(
    context: &str,
    world: &World,
    instance: &Instance,
    messages: impl IntoIterator<Item = &'m Message>,
) {
    let expected = fold::of(messages, world.server);
    let (sizes, lacks) = (expected.sizes(), RefCell::default());
    let what = || format!("{context}: {:?}\n{}", lacks.borrow(), instance.log());
    until(what, async || {
        let found: Vec<String> = world.lacks(&sizes).await;
        let has_all = found.is_empty();
        lacks.replace(found);
        has_all
    })
    .await;
    world.assert_tables(context, &expected.tables).await;
}

/// Made-up events of all topics.
fn messages(count: u64) -> Vec<Message> {
    Generator::new(Plan { events: count, ..Plan::default() }).collect()
}

/// Made-up events of users alone.
fn users(count: usize) -> Vec<Message> {
    let users: Vec<Message> = of_topic("user", &messages(4_000)).take(count).cloned().collect();
    assert_eq!(users.len(), count);
    users
}

fn of_topic<'m>(topic: &str, messages: &'m [Message]) -> impl Iterator<Item = &'m Message> {
    messages.iter().filter(move |message| message.topic == topic)
}

/// Members that are killed are noticed after a second, not after ten.
fn impatient_group(world: &mut World) {
    world
        .set("kafka.properties.session.timeout.ms", 1_000)
        .set("kafka.properties.heartbeat.interval.ms", 200);
}
