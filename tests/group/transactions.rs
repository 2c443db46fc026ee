//! Transactions that were aborted, and one that stays open.

use crate::group::Group;
use crate::instance::{Instance, until};
use crate::support::{DEADLINE, Server, World, free_port, get};
use crate::{assert_tables, migrated};
use loadgen::{Generator, Message, Plan};
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use std::time::Duration;

const WAIT: Duration = Duration::from_secs(30);

fn users(count: usize) -> Vec<Message> {
    let all = Generator::new(Plan { events: 4_000, ..Plan::default() });
    all.filter(|message| message.topic == "user").take(count).collect()
}

/// A producer with an open transaction in which these messages were sent.
fn send(world: &World, id: &str, messages: &[Message]) -> BaseProducer {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", &world.kafka)
        .set("transactional.id", format!("{id}-{}", world.database))
        .create()
        .unwrap();
    producer.init_transactions(WAIT).unwrap();
    producer.begin_transaction().unwrap();
    let topic = format!("{}user", world.prefix);
    for message in messages {
        let record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(&topic)
            .key(message.key.as_deref().unwrap())
            .payload(message.value.as_deref().unwrap());
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(WAIT).unwrap();
    producer
}

fn commit(world: &World, id: &str, messages: &[Message]) {
    send(world, id, messages).commit_transaction(WAIT).unwrap();
}

/// Markers at the end of a partition are committed, too: otherwise every lag tool shows them forever.
#[tokio::test]
async fn aborted_at_the_end() {
    let Some(world) = migrated(Server::MariaDb, 1).await else { return };
    let messages = users(60);
    commit(&world, "good", &messages[..30]);
    send(&world, "bad", &messages[30..40]).abort_transaction(WAIT).unwrap();
    commit(&world, "good", &messages[40..50]);
    send(&world, "bad", &messages[50..]).abort_transaction(WAIT).unwrap();
    world.load();
    let kept = [&messages[..30], &messages[40..50]].concat();
    assert_tables("without what was aborted", &world, &kept).await;
    let (end, committed) = Group::new(&world).offsets();
    assert_eq!((end, committed), (64, 64), "60 messages and 4 markers");
    let instance = Instance::start(&world);
    send(&world, "bad", &messages[..10]).abort_transaction(WAIT).unwrap();
    Group::new(&world).is_done().await;
    instance.leave();
    world.end().await;
}

/// Nobody can read behind the start of an open transaction: that is not the same as caught up.
#[tokio::test]
async fn left_open() {
    let Some(mut world) = migrated(Server::MariaDb, 1).await else { return };
    let messages = users(60);
    commit(&world, "good", &messages[..30]);
    let open = send(&world, "open", &messages[30..40]);
    commit(&world, "good", &messages[40..]);
    let port = free_port();
    world.set("http.address", format!("127.0.0.1:{port}"));
    let instance = Instance::until_end(&world);
    let status = || get(port, "/status").unwrap_or_default();
    until(
        DEADLINE,
        || format!("{}\n{}", status(), instance.log()),
        async || status().contains("cannot be read before an open transaction ends"),
    )
    .await;
    let metrics = get(port, "/metrics").unwrap();
    let line = format!("unreadable_messages{{topic=\"{}user\",partition=\"0\"}} 31", world.prefix);
    assert!(metrics.contains(&line), "{metrics}");
    instance.says("waiting for the end of an open transaction").await;
    open.commit_transaction(WAIT).unwrap();
    let (status, log) = instance.end();
    assert!(status.success(), "{log}");
    assert_tables("after the transaction's end", &world, &messages).await;
    world.end().await;
}
