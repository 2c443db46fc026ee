//! Mapping files → [`Mapping`]: every name resolved, every fault reported.

use super::columns::Rules;
use super::declared::Envelope;
use super::file::{DomainFile, NOT_TOML};
use super::paths::{PathSet, PathTree};
use super::patterns::Selector;
use super::places;
use super::plan::{Cell, EventPlan, Label, LabelId, Root, TopicPlan, Tree};
use super::report::Report;
use super::table::TableId;
use super::todo::TODO;
use super::{Mapping, MappingError, coverage, envelope, names, plans};
use crate::redact::Secrets;
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;
use toml::Spanned;

pub(super) fn compile<'f>(
    files: impl IntoIterator<Item = (&'f str, &'f str)>,
) -> Result<Mapping, Vec<MappingError>> {
    let mut faults = Vec::new();
    let mut domains = Vec::new();
    for (name, text) in files {
        let mut report = Report::new(name, text, &mut faults);
        let before = report.count();
        let read = DomainFile::read(text, &mut report);
        let is_whole = report.count() == before;
        domains.extend(read.map(|file| Read {
            name,
            text,
            secrets: secrets([&file]),
            file,
            is_whole,
        }));
    }
    let mut mapping = Mapping {
        tables: Vec::new(),
        topics: FxHashMap::default(),
        labels: Vec::new(),
        has_built_in: false,
        secrets: secrets(domains.iter().map(|read| &read.file)),
    };
    // Tables are in the order of a flush, entities last. Two batches may share an entity, say an order
    // created in one and completed in the next, so its row is locked as late as possible before the
    // commit that releases it.
    let mut logs = Vec::new();
    for read in &domains {
        let mut domain = read.domain(&mut mapping, &mut faults);
        logs.push(read.file.log.iter().map(|entry| domain.log_table(entry)).collect::<Vec<_>>());
    }
    let mut topics: FxHashMap<&str, &str> = FxHashMap::default();
    for (read, logs) in domains.iter().zip(&logs) {
        let mut domain = read.domain(&mut mapping, &mut faults);
        let mut is_mapped = false;
        for topic in &read.file.topics {
            if let Some(other) = topics.insert(topic.get_ref(), read.name) {
                let problem = format!("{other} already maps this topic; put both into one file");
                domain.report.fault(topic, &problem);
                is_mapped = true;
            }
        }
        if is_mapped {
            continue;
        }
        if read.is_whole {
            // Otherwise the unreadable part may hold what this misses.
            domain.check(|report, rules| coverage::check(&read.file, report, rules));
        }
        domain.compile(logs);
    }
    if faults.is_empty() {
        return Ok(mapping);
    }
    faults.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
    // Other faults of a line that is not TOML, or still open, only follow from that.
    faults.dedup_by(|fault, first| {
        let explains = first.key == NOT_TOML || first.key == TODO && fault.key != TODO;
        explains && (&first.file, first.line) == (&fault.file, fault.line)
    });
    Err(faults)
}

/// The keys that these files redact.
fn secrets<'f>(files: impl IntoIterator<Item = &'f DomainFile>) -> Secrets {
    let further = files.into_iter().flat_map(|file| &file.redact);
    Secrets::with(further.map(|key| key.get_ref().as_str()))
}

/// The topics that a file maps, as far as it can be read.
pub(super) fn topics_of(text: &str) -> Vec<String> {
    let (table, _) = toml::de::DeTable::parse_recoverable(text);
    let get = |key: &str| table.get_ref().get(key).map(Spanned::get_ref);
    let one = get("topic").and_then(|topic| topic.as_str());
    let several = get("topics").and_then(|topics| topics.as_array());
    let several = several.into_iter().flat_map(|topics| topics.iter());
    let several = several.filter_map(|topic| topic.get_ref().as_str());
    one.into_iter().chain(several).map(str::to_owned).collect()
}

struct Read<'f> {
    name: &'f str,
    text: &'f str,
    file: DomainFile,
    secrets: Secrets,
    /// Whether the whole file could be read.
    is_whole: bool,
}

impl Read<'_> {
    fn domain<'a>(
        &'a self,
        mapping: &'a mut Mapping,
        faults: &'a mut Vec<MappingError>,
    ) -> Domain<'a> {
        let report = Report::new(self.name, self.text, faults);
        Domain { file: &self.file, secrets: &self.secrets, mapping, report }
    }
}

/// A file being compiled.
pub(super) struct Domain<'a> {
    pub(super) file: &'a DomainFile,
    pub(super) secrets: &'a Secrets,
    pub(super) mapping: &'a mut Mapping,
    pub(super) report: Report<'a>,
}

/// The tables of an entity: its own, then those of its lines.
pub(super) type EntityTables = Vec<TableId>;

impl Domain<'_> {
    fn compile(mut self, logs: &[TableId]) {
        let file = self.file;
        for topic in &file.topics {
            names::check_topic(&mut self.report, topic, file.envelope.is_none());
        }
        let entities: Vec<EntityTables> =
            file.entities.iter().map(|entry| self.entity_table(entry)).collect();
        coverage::check_lines(file, &mut self.report);
        coverage::check_sources(file, &mut self.report);
        envelope::check(&mut self);
        for topic in &file.topics {
            let plan = self.topic_plan(topic.get_ref(), &entities, logs);
            self.mapping.topics.insert(topic.get_ref().clone(), plan);
        }
    }

    fn topic_plan(
        &mut self,
        topic: &str,
        entities: &[EntityTables],
        logs: &[TableId],
    ) -> TopicPlan {
        let file = self.file;
        let selectors = plans::selectors(file);
        let headers: BTreeSet<&str> =
            file.paths().filter_map(|path| path.get_ref().strip_prefix(places::HEADER)).collect();
        let mut topic_plan = TopicPlan {
            name: topic.to_owned(),
            envelope: envelope::compile(file),
            other: self.labelled_plan(topic, Selector::Other, entities, logs),
            events: FxHashMap::default(),
            prefixes: Vec::new(),
            tombstone: None,
            key: Tree::default(),
            message: Tree::default(),
            headers: headers.into_iter().map(str::to_owned).collect(),
            has_whole_key: file.paths().any(|path| path.get_ref() == places::KEY),
            secrets: self.secrets.clone(),
        };
        for selector in selectors {
            let event_plan = self.labelled_plan(topic, selector, entities, logs);
            match selector {
                Selector::Type(name) => {
                    topic_plan.events.insert(name.to_owned(), event_plan);
                }
                Selector::Prefix(prefix) => {
                    topic_plan.prefixes.push((prefix.to_owned(), event_plan));
                }
                // One that only a column's sources name is skipped like any other.
                Selector::Tombstone if event_plan.is_unknown => {}
                Selector::Tombstone => topic_plan.tombstone = Some(event_plan),
                Selector::Other => {}
            }
        }
        topic_plan.prefixes.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        resolve(&mut topic_plan);
        topic_plan
    }

    fn labelled_plan(
        &mut self,
        topic: &str,
        selector: Selector<'_>,
        entities: &[EntityTables],
        logs: &[TableId],
    ) -> EventPlan {
        let label = self.label(topic, selector.label());
        EventPlan { label, ..self.event_plan(selector, entities, logs) }
    }

    fn label(&mut self, topic: &str, event_type: String) -> LabelId {
        self.mapping.labels.push(Label { topic: topic.to_owned(), event_type });
        self.mapping.labels.len() - 1
    }

    /// Runs `check` with this file's report and rules.
    pub(super) fn check(&mut self, check: impl FnOnce(&mut Report<'_>, Rules<'_>)) {
        let contract = self.file.envelope.is_none().then(|| self.file.topics[0].get_ref().as_str());
        check(&mut self.report, Rules { secrets: self.secrets, contract });
    }
}

/// Sets the slots of the paths in the message and in its key, which all event types share.
fn resolve(topic_plan: &mut TopicPlan) {
    let TopicPlan { events, prefixes, other, tombstone, envelope, .. } = topic_plan;
    let mut plans: Vec<&mut EventPlan> = events.values_mut().collect();
    plans.extend(prefixes.iter_mut().map(|(_, plan)| plan));
    plans.extend(std::iter::once(other).chain(tombstone));
    let mut declared = match envelope {
        Envelope::Declared(declared) => Some(declared),
        Envelope::Contract => None,
    };
    let facts = declared.iter().flat_map(|declared| declared.cells());
    let cells: Vec<&Cell> = plans.iter().flat_map(|plan| plan.cells()).chain(facts).collect();
    let trees = [Root::Key, Root::Message].map(|root| {
        let mut set = PathSet::at(root);
        set.add_cells(cells.iter().copied());
        set.add_places(declared.as_ref().map_or(&[], |declared| &declared.data));
        set.build()
    });
    for tree in &trees {
        plans.iter_mut().for_each(|plan| tree.resolve(plan.cells_mut()));
        if let Some(declared) = &mut declared {
            tree.resolve(declared.cells_mut());
            tree.resolve_places(&mut declared.data);
        }
    }
    [topic_plan.key, topic_plan.message] = trees.map(PathTree::into_tree);
}
