//! Event types that the mapping names and no message had, with the nearest that was seen.

use crate::mapping::{Mapping, TOMBSTONE, TopicPlan};
use std::collections::BTreeMap;

/// A type that is less similar is not suggested.
const ALIKE: f64 = 0.8;

/// How many events of each type there are, by topic.
#[derive(Default)]
pub(super) struct Types(BTreeMap<String, BTreeMap<String, usize>>);

impl Types {
    pub(super) fn note(&mut self, topic: &str, event_type: String) {
        let of_topic = self.0.entry(topic.to_owned()).or_default();
        *of_topic.entry(event_type).or_default() += 1;
    }

    /// A sentence for each type that the mapping names and no event of its topic has.
    pub(super) fn missing(&self, mapping: &Mapping) -> Vec<String> {
        let mut sentences = Vec::new();
        for (topic, seen) in &self.0 {
            let Some(plan) = mapping.topics.get(topic) else { continue };
            let mut named: Vec<&String> = plan.events.keys().collect();
            named.retain(|name| !seen.contains_key(*name) && *name != TOMBSTONE);
            named.sort_unstable();
            sentences.extend(named.into_iter().map(|name| sentence(plan, seen, name)));
        }
        sentences
    }
}

/// Only a type that the mapping does not name may be what was meant.
fn sentence(plan: &TopicPlan, seen: &BTreeMap<String, usize>, name: &str) -> String {
    let alike = |found: &str| match found.ends_with(name) || name.ends_with(found) {
        true => 1.0,
        false => strsim::jaro_winkler(found, name),
    };
    let others = seen.iter().filter(|(found, _)| !plan.events.contains_key(*found));
    let nearest = others
        .filter(|(found, _)| alike(found) >= ALIKE)
        .max_by(|a, b| alike(a.0).total_cmp(&alike(b.0)));
    let events: usize = seen.values().sum();
    let none = format!("{}: event type {name}: in none of {events} events", plan.name);
    match nearest {
        Some((found, count)) => format!("{none}; {found} is in {count}"),
        None => none,
    }
}
