//! Instances under load on servers that may be broken, and the reckoning at the end.

use crate::compare::{Differences, compare};
use crate::feed::Feed;
use crate::inject::Ground;
use crate::instance::Instance;
use crate::site::Site;
use crate::support::{DEADLINE, unique};
use crate::watch::{Seen, Watch};
use loadgen::Plan;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// Of a test of one kind of fault.
const EVENTS_PER_SECOND: f64 = 500.0;

/// What is on the stage.
pub struct Cast<'c> {
    /// Besides a guest, who is not started.
    pub instances: usize,
    pub seed: u64,
    pub events_per_second: f64,
    /// Topics that exist from the start; those that nobody creates come at the end.
    pub topics: &'c [&'static str],
    /// Whether to save a minute here and there.
    pub is_short: bool,
    /// Where the logs of the instances go.
    pub logs: PathBuf,
}

impl Cast<'static> {
    /// For a test of one kind of fault.
    pub fn of(instances: usize) -> Self {
        Self {
            instances,
            seed: 1,
            events_per_second: EVENTS_PER_SECOND,
            topics: &loadgen::TOPICS,
            is_short: true,
            logs: Path::new(env!("CARGO_TARGET_TMPDIR")).join(unique("faults")),
        }
    }
}

/// Everything runs.
pub struct Stage {
    pub ground: Ground,
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
}

impl Stage {
    /// Starts instances and load.
    pub async fn start(site: Arc<Site>, cast: Cast<'_>) -> Self {
        std::fs::create_dir_all(&cast.logs).unwrap();
        let name =
            |n| if n == cast.instances { "guest".to_owned() } else { format!("instance-{n}") };
        let instances = (0..=cast.instances).map(|n| Instance::new(&name(n), &cast.logs));
        let instances: Arc<Vec<Instance>> = Arc::new(instances.collect());
        let plan = Plan {
            seed: cast.seed,
            events: 0,
            duplicates: 0.1,
            disorder: 0.1,
            poison: 0.01,
            ..Plan::default()
        };
        let rate = cast.events_per_second;
        let feed = Feed::start(site.kafka_config(), &site.world.prefix, plan, rate);
        let ground = Ground::new(Arc::clone(&site), Arc::clone(&instances), feed, cast.is_short);
        for topic in cast.topics {
            ground.create_topic(topic).await;
        }
        for instance in &instances[..cast.instances] {
            instance.start(&site.world);
        }
        let watch = Watch::start(site, instances);
        Self { ground, watch, instances: cast.instances, logs: cast.logs }
    }

    /// Ends the load, waits until everything is consumed, stops the instances, and compares the
    /// tables with the reference.
    pub async fn end(self) -> Outcome {
        let Self { ground, watch, instances, logs } = self;
        let mut problems = Vec::new();
        for topic in ground.missing_topics().await {
            ground.create_topic(topic).await;
        }
        let topics = ground.topic_names().await;
        let Ground { site, instances: all, feed, .. } = ground;
        let fed = tokio::task::block_in_place(|| feed.stop());
        problems.extend(site.until_consumed(&topics).await.err());
        let seen = watch.stop();
        problems.extend(seen.ended.iter().map(|ended| format!("ended by itself: {ended}")));
        for instance in &all[..instances] {
            match instance.terminate(DEADLINE).await {
                Ok(status) if status.success() => {}
                other => problems.push(format!("{}: at the end: {other:?}", instance.name)),
            }
        }
        let differences = compare(&site, &fed).await;
        for name in [site.server.name(), "kafka"] {
            // A broker that is not this test's own has no log here.
            let log = site.directory.join(name).join("log");
            let _ = std::fs::copy(log, logs.join(format!("{name}.log")));
        }
        let messages = fed.messages + fed.extras.len() as u64;
        Outcome { logs, messages, seen, differences, problems }
    }

    /// Waits until another row becomes durable.
    pub async fn until_rows_flow(&self, when: &str) {
        let rows = self.watch.rows();
        until(when, async || self.watch.rows() > rows).await;
    }
}

/// Waits until `condition` holds.
pub async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !condition().await {
        assert!(Instant::now() < deadline, "{what}: not within {DEADLINE:?}");
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}
