//! Messages, counted with plain integers until their batch is sealed.

use crate::mapping::{Label, Mapping};
use crate::pipeline::intake::Taken;
use crate::reject::Code;
use metrics::{Counter, counter};
use rustc_hash::FxBuildHasher;
use std::collections::HashMap;
use std::sync::Arc;

/// Messages of one batch by topic and event type.
#[derive(Debug)]
pub(in crate::pipeline) struct Tally {
    events: Vec<u64>,
    topics: hashbrown::HashMap<String, TopicTally, FxBuildHasher>,
}

#[derive(Debug, Default)]
struct TopicTally {
    messages: u64,
    bytes: u64,
    skipped: u64,
    ignored: u64,
    rejected: HashMap<Code, u64>,
}

impl Tally {
    #[must_use]
    pub(in crate::pipeline) fn new(mapping: &Mapping) -> Self {
        Self { events: vec![0; mapping.labels.len()], topics: hashbrown::HashMap::default() }
    }

    /// A message arrived.
    pub(in crate::pipeline) fn message(&mut self, topic: &Arc<str>, bytes: usize) {
        let tally = self.topic(topic);
        tally.messages += 1;
        tally.bytes += bytes as u64;
    }

    /// What became of it.
    pub(in crate::pipeline) fn taken(&mut self, topic: &Arc<str>, taken: Taken<'_>) {
        match taken {
            Taken::Skipped => self.topic(topic).skipped += 1,
            Taken::Events(events) => {
                for event in events {
                    self.events[event.label] += 1;
                    if event.is_ignored {
                        self.topic(topic).ignored += 1;
                    }
                }
            }
            Taken::Rejected(code) => *self.topic(topic).rejected.entry(code).or_default() += 1,
        }
    }

    fn topic(&mut self, topic: &Arc<str>) -> &mut TopicTally {
        self.topics.entry_ref(&**topic).or_default()
    }
}

/// Metrics by topic and event type.
#[derive(Debug)]
pub(super) struct MessageMetrics {
    topics: HashMap<String, TopicMetrics>,
    events: Vec<Counter>,
}

impl MessageMetrics {
    pub(super) fn new(mapping: &Mapping, topics: &[String]) -> Self {
        let event = |label: &Label| counter!("sluicegate_decode_events_total", "topic" => label.topic.clone(), "event_type" => label.event_type.clone());
        Self {
            topics: topics.iter().map(|topic| (topic.clone(), TopicMetrics::new(topic))).collect(),
            events: mapping.labels.iter().map(event).collect(),
        }
    }

    /// Adds the tally to the counters, and resets it.
    pub(super) fn add(&mut self, tally: &mut Tally) {
        for (counter, count) in self.events.iter().zip(&mut tally.events) {
            if *count > 0 {
                counter.increment(std::mem::take(count));
            }
        }
        for (topic, tally) in &mut tally.topics {
            if !self.topics.contains_key(&**topic) {
                self.topics.insert(topic.to_string(), TopicMetrics::new(topic));
            }
            self.topics[&**topic].add(tally);
        }
    }

    /// At most this many records of a topic were deleted before they were read.
    pub(super) fn lost(&self, topic: &str, messages: i64) {
        if let Some(metrics) = self.topics.get(topic) {
            metrics.lost.increment(u64::try_from(messages).unwrap_or(0));
        }
    }
}

/// Metrics of one topic.
#[derive(Debug)]
struct TopicMetrics {
    messages: Counter,
    bytes: Counter,
    skipped: Counter,
    lost: Counter,
    ignored: Counter,
    rejected: HashMap<Code, Counter>,
}

impl TopicMetrics {
    fn new(topic: &str) -> Self {
        let topic = topic.to_owned();
        let rejected = |code: Code| {
            (
                code,
                counter!("sluicegate_decode_rejected_total", "topic" => topic.clone(), "reason" => code.as_str()),
            )
        };
        Self {
            messages: counter!("sluicegate_consume_messages_total", "topic" => topic.clone()),
            bytes: counter!("sluicegate_consume_bytes_total", "topic" => topic.clone()),
            skipped: counter!("sluicegate_consume_tombstones_total", "topic" => topic.clone()),
            lost: counter!("sluicegate_consume_lost_messages_total", "topic" => topic.clone()),
            ignored: counter!("sluicegate_decode_ignored_total", "topic" => topic.clone()),
            rejected: Code::ALL.into_iter().map(rejected).collect(),
        }
    }

    fn add(&self, tally: &mut TopicTally) {
        self.messages.increment(std::mem::take(&mut tally.messages));
        self.bytes.increment(std::mem::take(&mut tally.bytes));
        self.skipped.increment(std::mem::take(&mut tally.skipped));
        self.ignored.increment(std::mem::take(&mut tally.ignored));
        for (code, count) in tally.rejected.drain() {
            self.rejected[&code].increment(count);
        }
    }
}
