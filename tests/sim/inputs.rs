//! What all runs share: the mapping, the settings, and messages to choose from.

use loadgen::{Generator, Kind, Mix, Plan as Load};
use sluicegate::config::{Config, Sources};
use sluicegate::flush::Plan;
use sluicegate::flush::statement::Statements;
use sluicegate::ledger::Ledger;
use sluicegate::mapping::Mapping;
use sluicegate::mysql::{Dialect, JsonLimits};
use sluicegate::pipeline::{Progress, Setup};
use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) const TOPICS: [&str; 2] = ["user", "post"];
pub(crate) const WRITERS: usize = 2;
pub(crate) const BATCH_ROWS: usize = 20;

/// A message of the model's log, and what has to become of it.
pub(crate) struct Logged {
    pub(crate) payload: Vec<u8>,
    /// The event's id; a faulty message has none.
    pub(crate) event: Option<String>,
}

/// What all runs share.
pub(crate) struct Inputs {
    pub(crate) config: Arc<Config>,
    pub(crate) mapping: Arc<Mapping>,
    pub(crate) plan: Arc<Plan>,
    pub(crate) messages: BTreeMap<&'static str, Vec<Logged>>,
}

impl Inputs {
    pub(crate) fn new() -> Self {
        let settings = [
            ("batch.rows", BATCH_ROWS.to_string()),
            ("batch.age", "300ms".into()),
            ("flush.writers", WRITERS.to_string()),
            ("kafka.revoke_timeout", "4s".into()),
            ("stop.timeout", "5s".into()),
        ];
        let flag = |(key, value): (&str, String)| ("--set".to_owned(), key.to_owned(), value);
        let sources = Sources { flags: settings.map(flag).to_vec(), ..Sources::default() };
        let config = sources.load().0.unwrap();
        let mapping = Arc::new(Mapping::built_in().unwrap());
        let plan = Plan {
            statements: Statements::new(&mapping, Dialect::MySql),
            limits: config.flush.statement,
            key_names: mapping.key_names(),
            greatest_ids: Vec::new(),
            timeout: config.flush.statement_timeout,
            mapping: Arc::clone(&mapping),
        };
        let load = Load {
            events: 3_000,
            duplicates: 0.1,
            disorder: 0.1,
            poison: 0.05,
            mix: Mix::Realistic,
            ..Load::default()
        };
        let mut messages: BTreeMap<&'static str, Vec<Logged>> = BTreeMap::new();
        for message in Generator::new(load) {
            let Some(topic) = TOPICS.into_iter().find(|topic| *topic == message.topic) else {
                continue;
            };
            let Some(payload) = message.value else { continue };
            let is_faulty = matches!(message.kind, Kind::Poison(_));
            let event = (!is_faulty).then(|| {
                let event: serde_json::Value = serde_json::from_slice(&payload).unwrap();
                event["event_id"].as_str().unwrap().to_owned()
            });
            messages.entry(topic).or_default().push(Logged { payload, event });
        }
        Self { config: Arc::new(config), mapping, plan: Arc::new(plan), messages }
    }

    pub(crate) fn setup(&self, seed: u64) -> Setup {
        Setup {
            ledger: Arc::new(Ledger::new(WRITERS + 1, seed)),
            config: Arc::clone(&self.config),
            mapping: Arc::clone(&self.mapping),
            plan: Arc::clone(&self.plan),
            json_limits: JsonLimits::MYSQL,
            until_end: false,
            health: Arc::default(),
            progress: Arc::new(Progress::default()),
        }
    }
}
