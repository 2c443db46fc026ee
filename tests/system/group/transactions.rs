//! Transactions that were aborted, and one that stays open.

use super::{assert_loaded, until_loaded, users};
use loadgen::Message;
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use std::time::Duration;
use testkit::instance::ASSIGNED;
use testkit::kafka::Group;
use testkit::{Instance, Server, World, until};

const WAIT: Duration = Duration::from_secs(30);

/// A producer with an open transaction in which these messages were sent.
fn send(world: &World, id: &str, messages: &[Message]) -> BaseProducer {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", &world.kafka)
        .set("transactional.id", format!("{id}-{}", world.database))
        .create()
        .unwrap();
    producer.init_transactions(WAIT).unwrap();
    producer.begin_transaction().unwrap();
    let topic = world.topic("user");
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
    let Some(world) = World::migrated(Server::MariaDb, 1).await else { return };
    let messages = users(60);
    commit(&world, "good", &messages[..30]);
    send(&world, "bad", &messages[30..40]).abort_transaction(WAIT).unwrap();
    commit(&world, "good", &messages[40..50]);
    send(&world, "bad", &messages[50..]).abort_transaction(WAIT).unwrap();
    world.load();
    let kept = messages[..30].iter().chain(&messages[40..50]);
    assert_loaded("without what was aborted", &world, kept).await;
    let (end, committed) = Group::new(&world).offsets();
    assert_eq!((end, committed), (64, 64), "60 messages and 4 markers");
    let instance = Instance::start(&world);
    send(&world, "bad", &messages[..10]).abort_transaction(WAIT).unwrap();
    Group::new(&world).is_done().await;
    instance.stop();
    world.end().await;
}

/// What lies behind the start of an open transaction cannot be read yet: that is not the same as caught up.
/// An operator skips an open transaction: the group's offset is after all that can be read.
#[tokio::test]
async fn skipped_while_open() {
    let Some(world) = World::migrated(Server::MySql, 1).await else { return };
    let messages = users(60);
    commit(&world, "good", &messages[..20]);
    let open = send(&world, "open", &messages[20..30]);
    world.succeed(&["progress", "set", "--all", "--to-latest", "--yes"]);
    let instance = Instance::started(&world, ASSIGNED).await;
    commit(&world, "good", &messages[30..]);
    open.commit_transaction(WAIT).unwrap();
    until_loaded("what came after the skipped ones", &world, &instance, &messages[30..]).await;
    let log = instance.stop();
    assert!(!log.contains("ends before the offset to read next"), "{log}");
    world.end().await;
}

#[tokio::test]
async fn left_open() {
    let Some(mut world) = World::migrated(Server::MariaDb, 1).await else { return };
    let messages = users(60);
    commit(&world, "good", &messages[..30]);
    let open = send(&world, "open", &messages[30..40]);
    commit(&world, "good", &messages[40..]);
    world.serve_http();
    let instance = Instance::until_end(&world);
    let status = || instance.get("/status").map(|answer| answer.text).unwrap_or_default();
    until(
        || format!("{}\n{}", status(), instance.log()),
        async || status().contains("cannot be read before an open transaction ends"),
    )
    .await;
    let metrics = instance.metrics().unwrap();
    let labels = format!("{{topic=\"{}\",partition=\"0\"}}", world.topic("user"));
    let series = format!("sluicegate_consume_unreadable_messages{labels}");
    assert_eq!(metrics.value(&series), Some(31.0), "{metrics:?}");
    instance.says("waiting for an open transaction").await;
    open.commit_transaction(WAIT).unwrap();
    instance.finish();
    assert_loaded("after the transaction's end", &world, &messages).await;
    world.end().await;
}
