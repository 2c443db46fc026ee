//! What a running instance says about itself: `/metrics` as the catalogue has it, `/status` and
//! `sluicegate status` the same in other words, and the page.

use loadgen::{Generator, Plan, TOPICS};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use sluicegate::metrics::catalog::{Kind, METRICS};
use sluicegate::status::Status;
use sqlx::Executor as _;
use std::net::TcpStream;
use std::time::Duration;
use testkit::{Instance, Metrics, Server, World, free_port, wait_for};

/// What `/status` says; `None` without an answer.
fn status(instance: &Instance) -> Option<Status> {
    let answer = instance.get("/status")?;
    assert!(answer.is_ok(), "{answer:?}");
    Some(serde_json::from_str(answer.body()).unwrap())
}

#[tokio::test]
async fn an_instance_tells_what_it_does() {
    let Some(mut world) = World::new(Server::MySql) else { return };
    world.create_topics(&TOPICS, 2).await;
    let plan = Plan { events: 2_000, poison: 0.02, ..Plan::default() };
    let messages: Vec<loadgen::Message> = Generator::new(plan).collect();
    let total = messages.len() as u64;
    world.produce(messages).await;
    world.serve_http();
    let mut instance = Instance::start(&world);
    // All of it is durable, committed, and was scraped more than once.
    let status = wait_for("everything to be loaded", || {
        assert!(!instance.has_ended(), "{}", instance.log());
        status(&instance).filter(|status| {
            status.throughput.messages == total
                && status.flush.in_flight == 0
                && status.lag.len() == TOPICS.len()
                && waiting(status) == 0
                && !status.throughput.rows_history.is_empty()
        })
    });
    assert_eq!((status.limit.by.as_str(), status.waits_for), ("nothing", None));
    assert!(status.lag.iter().all(|lag| lag.partitions == 2));
    assert!(status.latency.kafka_p99.is_some() && status.latency.event_p50.is_some());
    assert!(status.memory.resident > 0 && status.memory.limit == 256 << 20);
    let letters: u64 = status.dead_letters.iter().map(|letters| letters.count).sum();
    assert_eq!(letters, world.rows("dead_letters").await.len() as u64);
    for letters in &status.dead_letters {
        assert!(letters.command.ends_with(&format!("--reason {}", letters.reason)));
    }
    check_metrics(&instance.metrics().unwrap());
    assert!(instance.get("/").unwrap().body().starts_with("<!doctype html>"));

    let shown = world.command().args(["status", "--once"]).output().unwrap();
    let text = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.status.success() && text.contains("It has caught up"), "{text}");
    let json = world.command().args(["status", "--json"]).output().unwrap();
    assert_eq!(serde_json::from_slice::<Status>(&json.stdout).unwrap().throughput.messages, total);
    instance.stop();
    let unanswered = world.command().args(["status", "--json"]).output().unwrap();
    assert_eq!(unanswered.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&unanswered.stderr).contains("no instance answers"));
    world.end().await;
}

/// Starts an instance that serves HTTP.
fn start(world: &mut World) -> Instance {
    world.serve_http();
    Instance::start(world)
}

fn waiting(status: &Status) -> u64 {
    status.lag.iter().map(|lag| lag.messages).sum()
}

/// librdkafka knows no lag of a group that has committed nothing, and it fetches nothing while it is
/// paused: what waits is known all the same, and so is the table that another session has locked.
#[tokio::test]
async fn what_waits_behind_a_locked_table_is_seen_from_the_start() {
    let Some(mut world) = World::new(Server::MySql) else { return };
    world.create_topics(&TOPICS, 2).await;
    world.succeed(&["migrate"]);
    let mut owner = world.lock("user_events").await;
    let plan = Plan { events: 5_000, ..Plan::default() };
    let messages: Vec<loadgen::Message> = Generator::new(plan).collect();
    world.produce(messages.clone()).await;
    // So that the first batch has messages of every topic: none goes past the locked table.
    world.set("batch.age", "5s");
    let instance = start(&mut world);
    let read = || status(&instance);
    wait_for("the lag to be known", || read().filter(|status| waiting(status) == 5_000));
    wait_for("the table to be named", || {
        let waits_for = read()?.waits_for?;
        let names = waits_for.contains("flush.lock_wait_timeout")
            && waits_for.contains("(table user_events)");
        names.then_some(())
    });
    assert_eq!(instance.metrics().unwrap().value("sluicegate_ready"), Some(0.0));
    // More comes, and nothing is fetched.
    world.produce(messages).await;
    wait_for("the lag to grow", || read().filter(|status| waiting(status) == 10_000));
    owner.execute("UNLOCK TABLES").await.unwrap();
    let status = wait_for("all to be loaded", || {
        read().filter(|status| waiting(status) == 0 && status.throughput.messages == 10_000)
    });
    assert_eq!(status.waits_for, None);
    world.end().await;
}

/// The marker of a transaction takes an offset that no batch commits.
#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_ends_in_a_marker_has_no_lag() {
    let Some(mut world) = World::new(Server::MySql) else { return };
    world.create_topics(&TOPICS, 1).await;
    let mut config = rdkafka::ClientConfig::new();
    config.set("bootstrap.servers", &world.kafka).set("transactional.id", &world.database);
    let producer: BaseProducer = config.create().unwrap();
    let topic = world.topic("user");
    let limit = Duration::from_secs(30);
    let all: Vec<loadgen::Message> =
        Generator::new(Plan { events: 300, ..Plan::default() }).collect();
    let messages: Vec<_> = all.iter().filter(|message| message.topic == "user").collect();
    tokio::task::block_in_place(|| {
        producer.init_transactions(limit).unwrap();
        producer.begin_transaction().unwrap();
        for message in &messages {
            let record = BaseRecord::to(&topic).key("k").payload(message.value.as_ref().unwrap());
            producer.send(record).map_err(|(error, _)| error).unwrap();
        }
        producer.commit_transaction(limit).unwrap();
    });
    let instance = start(&mut world);
    wait_for("nothing to wait", || {
        let status = status(&instance)?;
        let is_loaded = status.throughput.messages == messages.len() as u64;
        let lag = status.lag.iter().find(|lag| lag.topic == topic)?;
        (is_loaded && lag.messages == 0).then_some(())
    });
    world.end().await;
}

/// An instance is seen while it waits for its database, and connections that say nothing do not keep
/// others away.
#[tokio::test]
async fn an_instance_that_waits_answers_beside_silent_connections() {
    let Some(mut world) = World::new(Server::MySql) else { return };
    world.set("mysql.port", free_port());
    let instance = start(&mut world);
    let metrics = wait_for("an answer", || instance.metrics());
    assert_eq!(metrics.value("sluicegate_ready"), Some(0.0), "{metrics:?}");
    assert_eq!(metrics.value("sluicegate_consume_partitions"), Some(0.0), "{metrics:?}");
    let silent: Vec<TcpStream> =
        (0..100).filter_map(|_| TcpStream::connect(("127.0.0.1", instance.port())).ok()).collect();
    assert!(silent.len() > 64);
    wait_for("an answer beside them", || {
        instance.get("/healthz").filter(|answer| answer.body() == "ok\n")
    });
    world.end().await;
}

/// Every series is in the catalogue, with no other labels; and every metric without labels is there.
fn check_metrics(metrics: &Metrics) {
    let mut found = Vec::new();
    for series in metrics.all().filter(|series| series.starts_with("sluicegate_")) {
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let is = |metric: &&sluicegate::metrics::catalog::Metric| match metric.kind {
            Kind::Counter | Kind::Gauge => name == metric.name,
            Kind::Histogram => ["_bucket", "_sum", "_count"]
                .iter()
                .any(|end| name.strip_suffix(end) == Some(metric.name)),
        };
        let metric = METRICS.iter().find(is).unwrap_or_else(|| panic!("{name} is unknown"));
        let labels = labels.trim_end_matches('}').split(',').filter(|label| !label.is_empty());
        let mut labels: Vec<&str> = labels
            .map(|label| label.split_once('=').unwrap().0)
            .filter(|label| *label != "le")
            .collect();
        let mut expected = metric.labels.to_vec();
        labels.sort_unstable();
        expected.sort_unstable();
        assert_eq!(labels, expected, "{name}");
        found.push(metric.name);
    }
    for metric in METRICS.iter().filter(|metric| metric.labels.is_empty()) {
        assert!(found.contains(&metric.name), "{} is missing", metric.name);
    }
}
