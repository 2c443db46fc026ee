//! Mapped paths that no message had, with the nearest that was seen.

use super::Line;
use crate::mapping::{Cell, Each, Envelope, EventPlan, Mapping, Place, Root, Source, TopicPlan};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A path that is less similar is not suggested.
const ALIKE: f64 = 0.75;

/// How many messages have each path; elements of an array count as members of what holds it.
#[derive(Default)]
struct Seen {
    messages: usize,
    paths: BTreeMap<String, usize>,
}

/// A sentence for each mapped path that none of the messages of its topic has.
pub(super) fn missing(mapping: &Mapping, lines: &[Line]) -> Vec<String> {
    let mut topics: Vec<&TopicPlan> = mapping.topics.values().collect();
    topics.sort_by_key(|plan| &plan.name);
    let mut sentences = Vec::new();
    for plan in topics {
        let of_topic: Vec<&Line> = lines.iter().filter(|line| line.topic == plan.name).collect();
        if of_topic.is_empty() {
            continue;
        }
        let values = of_topic.iter().filter_map(|line| line.value.as_deref());
        let keys = of_topic.iter().filter_map(|line| line.key.as_deref());
        let (values, keys) = (Seen::of(values), Seen::of(keys));
        let mut wanted = BTreeSet::new();
        let plans = plan.events.values().chain(plan.prefixes.iter().map(|(_, plan)| plan));
        for event in plans.chain([&plan.other]).chain(&plan.tombstone) {
            collect(plan, event, &mut wanted);
        }
        for (root, roots, path) in wanted {
            let seen = if root == "$key" { &keys } else { &values };
            let full = |base: &String| {
                if base.is_empty() { path.clone() } else { format!("{base}.{path}") }
            };
            if roots.iter().any(|base| seen.paths.contains_key(&full(base))) {
                continue;
            }
            sentences.push(seen.sentence(root, &roots, &path, &plan.name));
        }
    }
    sentences
}

/// Where a path begins, the places in the message that this may be, and the path.
type Wanted = (&'static str, Vec<String>, String);

fn collect(plan: &TopicPlan, event: &EventPlan, wanted: &mut BTreeSet<Wanted>) {
    let (element, data) = roots(plan);
    let add = |cell: &Cell, data: &[String], wanted: &mut BTreeSet<Wanted>| {
        let mut at = |root: Root, path: &String| {
            let (name, roots) = match root {
                Root::Data => ("data", data.to_vec()),
                Root::Message => ("$message", vec![element.clone()]),
                Root::Key => ("$key", vec![String::new()]),
            };
            wanted.insert((name, roots, path.clone()));
        };
        match &cell.source {
            Source::Slots(places) => places.iter().for_each(|(_, path)| at(Root::Data, path)),
            Source::Places(places) => {
                for place in places {
                    if let Place::At(root, _, path) = place {
                        at(*root, path);
                    }
                }
            }
            _ => {}
        }
    };
    event.rows.iter().flat_map(|row| &row.cells).for_each(|cell| add(cell, &data, wanted));
    for lines in &event.lines {
        let within: Vec<String> = data.iter().map(|base| join(base, &lines.path)).collect();
        lines.cells.iter().for_each(|cell| add(cell, &within, wanted));
    }
}

/// Where the event is in its message, and where its data may be.
fn roots(plan: &TopicPlan) -> (String, Vec<String>) {
    match &plan.envelope {
        Envelope::Contract => (String::new(), vec!["data".to_owned()]),
        Envelope::Declared(declared) => {
            let element = match &declared.each {
                Some(Each::Path(_, path)) => path.clone(),
                Some(Each::Message) | None => String::new(),
            };
            let data = declared.data.iter().map(|place| match place {
                Place::At(_, _, path) => join(&element, path),
                _ => element.clone(),
            });
            (element.clone(), data.collect())
        }
    }
}

fn join(base: &str, path: &str) -> String {
    match base {
        "" => path.to_owned(),
        base => format!("{base}.{path}"),
    }
}

impl Seen {
    fn of<'t>(texts: impl Iterator<Item = &'t str>) -> Self {
        let mut seen = Self::default();
        for text in texts {
            seen.messages += 1;
            let mut paths = BTreeSet::new();
            if let Ok(value) = serde_json::from_str::<Value>(text) {
                note(&value, "", &mut paths);
            }
            for path in paths {
                *seen.paths.entry(path).or_default() += 1;
            }
        }
        seen
    }

    fn sentence(&self, root: &str, roots: &[String], path: &str, topic: &str) -> String {
        let below = |base: &String| {
            let prefix = if base.is_empty() { String::new() } else { format!("{base}.") };
            let inside = self.paths.iter().filter_map(move |(path, count)| {
                Some((path.strip_prefix(&prefix)?.to_owned(), *count))
            });
            inside.collect::<Vec<_>>()
        };
        let alike = |found: &str| strsim::jaro_winkler(found, path);
        let all = roots.iter().flat_map(below).filter(|(found, _)| alike(found) >= ALIKE);
        let nearest = all.max_by(|a, b| alike(&a.0).total_cmp(&alike(&b.0)));
        let root = if root == "data" { String::new() } else { format!("{root}.") };
        let messages = self.messages;
        let none = format!("{topic}: {root}{path}: in none of {messages} messages");
        match nearest {
            Some((found, count)) => format!("{none}; {root}{found} is in {count}"),
            None => none,
        }
    }
}

fn note(value: &Value, at: &str, paths: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                let key = if key.contains('.') { format!("\"{key}\"") } else { key.clone() };
                let path = join(at, &key);
                note(value, &path, paths);
                paths.insert(path);
            }
        }
        Value::Array(elements) => elements.iter().for_each(|element| note(element, at, paths)),
        _ => {}
    }
}
