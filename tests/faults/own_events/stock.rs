//! Change data capture, where the place in Kafka decides between changes of the same second: `stock.toml`.

use super::{DAY_MS, FAULTY, NUMBER, Sent, Table, chance, on_that_day, sent};
use crate::own_servers::Servers;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::Headers as _;
use rdkafka::{Message as _, Offset, TopicPartitionList};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;
use testkit::{DEADLINE, Row};

pub(super) const TOPIC: &str = "stock";
/// Few, and many changes a second, so that most newest ones share their second with others.
const ARTICLES: usize = 30;
const CHANGES_PER_SECOND: u64 = 200;
const ANSWER_WAIT: Duration = Duration::from_secs(5);

pub(super) struct Change {
    number: u64,
    article: usize,
    op: &'static str,
    second: u64,
    quantity: usize,
    price: String,
    is_faulty: bool,
}

impl Change {
    pub(super) fn of(seed: u64, number: u64) -> Self {
        let mut chance = chance(seed, number);
        let is_faulty = chance.once_in(FAULTY);
        Self {
            number,
            article: chance.below(ARTICLES),
            op: *chance.pick(&["c", "u", "u", "d"]),
            second: number / CHANGES_PER_SECOND,
            quantity: chance.below(1_000),
            // One digit more than the column takes.
            price: format!("{}.5{}", chance.below(1_000), if is_faulty { "55" } else { "0" }),
            is_faulty,
        }
    }

    /// The change, and after a delete a message without a value.
    pub(super) fn messages(&self) -> Vec<Sent> {
        let Self { number, article, op, second, quantity, price, is_faulty } = self;
        let row = format!(r#"{{"article_id":{article},"quantity":{quantity},"price":{price}}}"#);
        let (before, after) = if *op == "d" { (&*row, "null") } else { ("null", &*row) };
        let ts_ms = DAY_MS + second * 1_000;
        let value = format!(
            r#"{{"before":{before},"after":{after},"op":"{op}","source":{{"table":"stock","ts_ms":{ts_ms}}}}}"#
        );
        let key = format!(r#"{{"article_id":{article}}}"#);
        let change = sent(TOPIC, *number, &key, Some(value), *is_faulty);
        let tombstone = (*op == "d").then(|| sent(TOPIC, *number, &key, None, false));
        std::iter::once(change).chain(tombstone).collect()
    }

    fn row(&self) -> Row {
        let row = json!({
            "article_id": self.article,
            "quantity": self.quantity,
            "price": self.price,
            "deleted": u8::from(self.op == "d"),
        });
        row.as_object().unwrap().clone().into_iter().collect()
    }

    fn log_row(&self, (partition, offset): (i32, i64)) -> Row {
        let row = json!({
            "article_id": self.article,
            "event_id": id((partition, offset)),
            "event_timestamp": on_that_day(self.second * 1_000),
            "op": self.op,
            "quantity": self.quantity,
            "kafka_partition": partition,
            "kafka_offset": offset,
        });
        row.as_object().unwrap().clone().into_iter().collect()
    }
}

fn id((partition, offset): (i32, i64)) -> String {
    format!("{offset:020}-{partition}")
}

/// What its messages give where they are in Kafka now: each is an event of its own.
pub(super) fn tables(servers: &Servers, seed: u64) -> Vec<Table> {
    let mut newest: BTreeMap<usize, ((u64, String), Change)> = BTreeMap::new();
    let mut changes = Vec::new();
    for (number, place) in places(servers) {
        let change = Change::of(seed, number);
        if change.is_faulty {
            continue;
        }
        changes.push(change.log_row(place));
        let version = (change.second, id(place));
        if newest.get(&change.article).is_none_or(|(known, _)| version > *known) {
            newest.insert(change.article, (version, change));
        }
    }
    let stock = newest.values().map(|(_, change)| change.row()).collect();
    vec![
        Table { name: "stock", keys: &["article_id"], rows: stock },
        Table { name: "stock_changes", keys: &["kafka_partition", "kafka_offset"], rows: changes },
    ]
}

/// The numbers of the changes in Kafka, with their partitions and offsets.
fn places(servers: &Servers) -> Vec<(u64, (i32, i64))> {
    let mut config = servers.kafka_config();
    config.set("group.id", "looks-only").set("enable.partition.eof", "true");
    let consumer: BaseConsumer = config.create().unwrap();
    let topic = servers.world.topic(TOPIC);
    let metadata = consumer.fetch_metadata(Some(&topic), ANSWER_WAIT).unwrap();
    let partitions = metadata.topics()[0].partitions();
    let mut all = TopicPartitionList::new();
    for partition in partitions {
        all.add_partition_offset(&topic, partition.id(), Offset::Beginning).unwrap();
    }
    consumer.assign(&all).unwrap();
    let (mut places, mut ended) = (Vec::new(), 0);
    while ended < partitions.len() {
        match consumer.poll(DEADLINE).expect("an answer of the broker") {
            Ok(message) if message.payload().is_some() => {
                let headers = message.headers().expect("the number of the event");
                let header = headers.iter().find(|header| header.key == NUMBER).unwrap();
                let number = std::str::from_utf8(header.value.unwrap()).unwrap();
                places.push((number.parse().unwrap(), (message.partition(), message.offset())));
            }
            Ok(_tombstone) => {}
            Err(rdkafka::error::KafkaError::PartitionEOF(_)) => ended += 1,
            Err(error) => panic!("{topic}: {error}"),
        }
    }
    places
}
