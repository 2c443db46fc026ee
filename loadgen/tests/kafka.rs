//! Against librdkafka's own broker, in this process: what is produced is what can be read, by library and by command.

#![allow(clippy::unwrap_used, reason = "a test may fail that way")]

use std::collections::HashMap;
use std::process::Command;
use std::time::{Duration, Instant};

use loadgen::kafka::{Error, Target, produce};
use loadgen::{Generator, Message, Plan, TOPICS};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::Message as _;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

type Cluster = MockCluster<'static, DefaultProducerContext>;

/// Topic, partition, key, value.
type Row = (String, i32, Option<Vec<u8>>, Option<Vec<u8>>);

fn cluster() -> (Cluster, Target) {
    let cluster = MockCluster::new(1).unwrap();
    TOPICS.iter().for_each(|topic| cluster.create_topic(topic, 6, 1).unwrap());
    let target = Target { bootstrap_servers: cluster.bootstrap_servers(), ..Target::default() };
    (cluster, target)
}

/// So many messages, from the beginning of all topics.
fn read_back(target: &Target, count: usize) -> Vec<Row> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &target.bootstrap_servers)
        .set("group.id", "reader")
        .set("auto.offset.reset", "earliest")
        .create()
        .unwrap();
    consumer.subscribe(&TOPICS).unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut rows = Vec::new();
    while rows.len() < count {
        assert!(Instant::now() < deadline, "{} of {count} messages", rows.len());
        if let Some(message) = consumer.poll(Duration::from_millis(200)) {
            let message = message.unwrap();
            let bytes = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
            rows.push((
                message.topic().to_owned(),
                message.partition(),
                bytes(message.key()),
                bytes(message.payload()),
            ));
        }
    }
    rows
}

/// Topic, key, value.
type Content = (String, Option<Vec<u8>>, Option<Vec<u8>>);

fn without_partition(rows: Vec<Row>) -> Vec<Content> {
    let mut rows: Vec<_> =
        rows.into_iter().map(|(topic, _, key, value)| (topic, key, value)).collect();
    rows.sort();
    rows
}

fn sorted(messages: Vec<Message>) -> Vec<Content> {
    without_partition(
        messages
            .into_iter()
            .map(|message| (message.topic.into_owned(), 0, message.key, message.value))
            .collect(),
    )
}

#[test]
fn the_broker_gets_every_byte_and_one_key_one_partition() {
    let (_cluster, target) = cluster();
    let plan = Plan { events: 2_000, duplicates: 0.1, poison: 0.1, ..Plan::default() };
    let tombstone = Message { value: None, ..Generator::new(plan.clone()).next().unwrap() };
    let messages: Vec<_> = Generator::new(plan).chain([tombstone]).collect();
    let mut heard = 0;
    let produced = produce(&target, messages.clone(), None, |sent| heard = sent).unwrap();
    assert_eq!(heard, messages.len() as u64);
    assert_eq!(produced.messages, messages.len() as u64);
    assert_eq!(produced.bytes, messages.iter().map(|message| message.size() as u64).sum::<u64>());

    let rows = read_back(&target, messages.len());
    let mut partitions = HashMap::new();
    for (topic, partition, key, _) in rows.iter().filter(|row| row.2.is_some()) {
        assert_eq!(partitions.entry((topic, key)).or_insert(partition), &partition);
    }
    assert!((0..6).all(|partition| rows.iter().any(|row| row.1 == partition)));
    assert_eq!(without_partition(rows), sorted(messages));
}

#[test]
fn the_rate_is_kept() {
    let (_cluster, target) = cluster();
    let messages = Generator::new(Plan { events: 300, ..Plan::default() });
    let produced = produce(&target, messages, Some(600.0), |_| {}).unwrap();
    assert!(produced.elapsed >= Duration::from_millis(495), "{:?}", produced.elapsed);
}

#[test]
fn a_refusal_is_an_error_that_names_the_topic() {
    let (cluster, target) = cluster();
    let refused = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    cluster.request_errors(RDKafkaApiKey::Produce, &[refused; 20]);
    let first = Generator::new(Plan::default()).take(1);
    let error = produce(&target, first, None, |_| {}).unwrap_err();
    let Error::Delivery { failed: 1, delivered: 0, first } = &error else { panic!("{error}") };
    assert!(first.contains("topic user") || first.contains("topic supplier"), "{first}");
}

#[test]
fn wrong_properties_are_told_from_a_missing_broker() {
    let properties = vec![("no.such.property".to_owned(), "1".to_owned())];
    let target =
        Target { bootstrap_servers: "127.0.0.1:1".to_owned(), properties, ..Target::default() };
    let error = produce(&target, [], None, |_| {}).unwrap_err();
    assert!(matches!(error, Error::Properties(_)), "{error}");
    assert!(error.to_string().contains("no.such.property"), "{error}");
}

#[test]
fn the_commands_do_the_same() {
    let (_cluster, target) = cluster();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("events.jsonl");
    let run = |args: &[&str]| {
        let loadgen = env!("CARGO_BIN_EXE_loadgen");
        let output = Command::new(loadgen).args(args).arg(&file).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{said}");
        said
    };
    run(&["generate", "--events", "300", "--seed", "5", "--poison", "0.2", "--out"]);
    let servers = target.bootstrap_servers.as_str();
    let said = run(&["replay", "--bootstrap-servers", servers, "--double", "--shuffle", "3"]);
    let plan = Plan { seed: 5, events: 300, poison: 0.2, ..Plan::default() };
    let expected: Vec<_> =
        Generator::new(plan).flat_map(|message| [message.clone(), message]).collect();
    assert!(said.starts_with(&format!("{} messages delivered", expected.len())), "{said}");
    let rows = read_back(&target, expected.len());
    assert_eq!(without_partition(rows), sorted(expected));
}
