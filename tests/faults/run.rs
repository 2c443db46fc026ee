//! Instances under load on servers that may be broken, and the reckoning at the end.

use crate::compare::{Differences, compare, until_complete};
use crate::feed::Feed;
use crate::inject::{Injector, TOPICS};
use crate::own_servers::Servers;
use crate::service::Service;
use crate::watch::{Seen, Watch};
use loadgen::Plan;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use testkit::{DEADLINE, unique, until};

/// Of a test of one kind of fault.
const EVENTS_PER_SECOND: f64 = 500.0;

/// How a run is set up.
pub struct Setup<'s> {
    /// Besides a guest, who is not started.
    pub instances: usize,
    pub seed: u64,
    pub events_per_second: f64,
    /// Topics that exist from the start; those that no fault creates come at the end.
    pub topics: &'s [&'static str],
    /// Whether to save a minute here and there.
    pub is_short: bool,
    /// Where the logs of the instances go.
    pub logs: PathBuf,
}

impl Setup<'static> {
    /// For a test of one kind of fault.
    pub fn of(instances: usize) -> Self {
        Self {
            instances,
            seed: 1,
            events_per_second: EVENTS_PER_SECOND,
            topics: &TOPICS,
            is_short: true,
            logs: Path::new(env!("CARGO_TARGET_TMPDIR")).join(unique("faults")),
        }
    }
}

/// Instances at work under load, and what sees to it that they have no easy time.
pub struct Run {
    pub injector: Injector,
    pub watch: Watch,
    instances: usize,
    logs: PathBuf,
}

/// What is left when everything has stopped.
#[derive(Debug)]
pub struct Outcome {
    pub logs: PathBuf,
    pub messages: u64,
    pub seen: Seen,
    pub differences: Differences,
    /// What went wrong, one sentence each.
    pub problems: Vec<String>,
}

impl Outcome {
    /// All is well. The logs are kept if it is not.
    #[track_caller]
    pub fn assert(self) {
        let fine = self.differences.are_none() && self.problems.is_empty();
        assert!(fine, "{self:#?}");
        std::fs::remove_dir_all(&self.logs).unwrap();
    }

    /// All that the instances said.
    pub fn said(&self) -> String {
        let logs = std::fs::read_dir(&self.logs).unwrap().map(|entry| entry.unwrap().path());
        let of_instances = logs.filter(|log| log.file_stem().unwrap() != "guest");
        of_instances.map(|log| std::fs::read_to_string(log).unwrap()).collect()
    }
}

impl Run {
    /// Starts instances and load.
    pub async fn start(servers: Arc<Servers>, setup: Setup<'_>) -> Self {
        std::fs::create_dir_all(&setup.logs).unwrap();
        let name =
            |n| if n == setup.instances { "guest".to_owned() } else { format!("instance-{n}") };
        let services = (0..=setup.instances).map(|n| Service::new(&name(n), &setup.logs));
        let services: Arc<Vec<Service>> = Arc::new(services.collect());
        let plan = Plan {
            seed: setup.seed,
            events: 0,
            duplicates: 0.1,
            disorder: 0.1,
            poison: 0.01,
            ..Plan::default()
        };
        let rate = setup.events_per_second;
        let feed = Feed::start(servers.kafka_config(), &servers.world.prefix, plan, rate);
        let is_short = setup.is_short;
        let injector = Injector::new(Arc::clone(&servers), Arc::clone(&services), feed, is_short);
        for topic in setup.topics {
            injector.create_topic(topic).await;
        }
        for service in &services[..setup.instances] {
            service.start(&servers.world);
        }
        let watch = Watch::start(servers, services);
        Self { injector, watch, instances: setup.instances, logs: setup.logs }
    }

    /// Ends the load, waits until everything is consumed, stops the instances, and compares the
    /// tables with the reference.
    pub async fn end(self) -> Outcome {
        self.end_after(async |_| {}).await
    }

    /// The same, and lets something happen when everything is consumed and the instances are idle.
    pub async fn end_after(self, last: impl AsyncFnOnce(&Servers)) -> Outcome {
        let Self { injector, watch, instances, logs } = self;
        let mut problems = Vec::new();
        for topic in injector.missing_topics().await {
            injector.create_topic(topic).await;
        }
        let topics = injector.topic_names().await;
        let Injector { servers, services, feed, .. } = injector;
        let fed = tokio::task::block_in_place(|| feed.stop());
        problems.extend(fed.undelivered.iter().map(|what| format!("not delivered: {what}")));
        problems.extend(servers.until_consumed(&topics).await.err());
        last(&servers).await;
        problems.extend(until_complete(&servers, &fed).await.err());
        let seen = watch.stop();
        problems.extend(seen.ended.iter().map(|ended| format!("ended by itself: {ended}")));
        for service in &services[..instances] {
            match service.terminate(DEADLINE).await {
                Ok(status) if status.success() => {}
                other => problems.push(format!("{}: at the end: {other:?}", service.name)),
            }
        }
        let differences = compare(&servers, &fed).await;
        servers.keep_logs(&logs);
        let messages = TOPICS.iter().map(|topic| fed.of(topic).count() as u64).sum();
        Outcome { logs, messages, seen, differences, problems }
    }

    /// Waits until another row becomes durable.
    pub async fn until_rows_flow(&self, when: &str) {
        let rows = self.watch.rows();
        until(|| when.to_owned(), async || self.watch.rows() > rows).await;
    }
}
