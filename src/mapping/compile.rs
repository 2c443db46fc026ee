//! Mapping files → [`Mapping`]: every name resolved, every fault reported.

use super::columns::{self, Rules};
use super::file::{
    ANY, ColumnEntry, DomainFile, EntityEntry, LinesEntry, LogEntry, NOT_TOML, Values,
};
use super::paths::PathSet;
use super::plan::{
    Cell, Constant, EventPlan, Label, LabelId, LinesPlan, PathNode, Role, RowPlan, Source, TopicPlan,
};
use super::report::Report;
use super::table::{Bound, Bounds, Changing, ColumnSpec, Table, TableId, TableKind};
use super::types::ColumnType;
use super::{Mapping, MappingError, constants, coverage, names};
use crate::redact::Secrets;
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;
use toml::Spanned;

/// The label of event types that the mapping does not name.
const OTHER: &str = "other";

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
        domains.extend(read.map(|file| Read { name, text, file, is_whole }));
    }
    let further = domains.iter().flat_map(|read| &read.file.redact);
    let secrets = Secrets::with(further.map(|key| key.get_ref().as_str()));
    let mut mapping =
        Mapping { tables: Vec::new(), topics: FxHashMap::default(), labels: Vec::new(), secrets };
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
        if let Some(other) = topics.insert(read.file.topic.get_ref(), read.name) {
            let problem = format!("{other} already maps this topic; put both into one file");
            domain.report.fault(&read.file.topic, &problem);
            continue;
        }
        if read.is_whole {
            // Otherwise the unreadable part may hold what this misses.
            coverage::check(&read.file, &mut domain.report);
        }
        domain.compile(logs);
    }
    if faults.is_empty() {
        return Ok(mapping);
    }
    faults.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
    // Other faults of a line that is not TOML only follow from that.
    faults.dedup_by(|fault, first| {
        first.key == NOT_TOML && (&first.file, first.line) == (&fault.file, fault.line)
    });
    Err(faults)
}

/// The topic that a file maps, if it can be read.
pub(super) fn topic_of(text: &str) -> Option<String> {
    let (table, _) = toml::de::DeTable::parse_recoverable(text);
    Some(table.get_ref().get("topic")?.get_ref().as_str()?.to_owned())
}

struct Read<'f> {
    name: &'f str,
    text: &'f str,
    file: DomainFile,
    /// Whether the whole file could be read.
    is_whole: bool,
}

impl Read<'_> {
    fn domain<'a>(
        &'a self,
        mapping: &'a mut Mapping,
        faults: &'a mut Vec<MappingError>,
    ) -> Domain<'a> {
        Domain { file: &self.file, mapping, report: Report::new(self.name, self.text, faults) }
    }
}

/// A file being compiled.
struct Domain<'a> {
    file: &'a DomainFile,
    mapping: &'a mut Mapping,
    report: Report<'a>,
}

impl Domain<'_> {
    fn compile(mut self, logs: &[TableId]) {
        let topic = self.file.topic.get_ref();
        let file = self.file;
        names::check_topic(&mut self.report, &file.topic);
        let tables = file.entity.as_ref().map_or_else(Vec::new, |entry| self.entity_table(entry));
        let mut plan = |event: &str| {
            let plan = self.event_plan(event, &tables, logs);
            EventPlan { label: self.label(event), ..plan }
        };
        let other = plan(OTHER);
        let events =
            event_types(file).into_iter().map(|event| (event.clone(), plan(&event))).collect();
        let plan = TopicPlan { name: topic.clone(), events, other };
        self.mapping.topics.insert(topic.clone(), plan);
    }

    /// Adds the entity's table and its lines' tables; returns their ids, the entity's first.
    fn entity_table(&mut self, entry: &EntityEntry) -> Vec<TableId> {
        let mut specs = self.creation_columns(&entry.columns);
        let values = specs.len();
        for changing in &entry.changing {
            specs.push(self.column(&changing.name, &changing.ty, false, &changing.values));
        }
        let mut versions = Vec::new();
        for (index, changing) in entry.changing.iter().enumerate() {
            let name = changing.name.get_ref();
            let at = specs.len();
            specs.push(spec(&format!("{name}_changed_at"), ColumnType::DATETIME));
            specs.push(spec(&format!("{name}_changed_by"), ColumnType::Id));
            versions.push(Changing { value: values + index, at, by: at + 1 });
            let value = specs[values + index].clone();
            self.check(|report, rules| columns::check_changing(report, changing, &value, rules));
        }
        let parent = self.mapping.tables.len();
        let children = (0..entry.lines.len()).map(|index| parent + 1 + index).collect();
        let kind = TableKind::Entity { changing: versions, children };
        let mut ids = vec![self.add_table(&entry.table, specs, kind, false)];
        for lines in &entry.lines {
            let mut specs = self.creation_columns(&lines.columns);
            let one = Bounds { min: Bound::read("1"), max: None };
            let number = ColumnSpec::new(lines.number.get_ref(), ColumnType::BIGINT, true, one);
            specs.insert(Table::LINE, number);
            ids.push(self.add_table(&lines.table, specs, TableKind::Lines { parent }, true));
        }
        self.check(|report, rules| {
            columns::check_event_type(report, &entry.created_by, rules.topic);
            check_lines(report, entry, rules);
        });
        ids
    }

    fn log_table(&mut self, entry: &LogEntry) -> TableId {
        let specs = self.creation_columns(&entry.columns);
        for event in entry.events.iter().filter(|event| event.get_ref() != ANY) {
            columns::check_event_type(&mut self.report, event, self.file.topic.get_ref());
        }
        self.add_table(&entry.table, specs, TableKind::Log, true)
    }

    /// The key and the columns of `entries`. Checks their sources on the way.
    fn creation_columns(&mut self, entries: &[ColumnEntry]) -> Vec<ColumnSpec> {
        let key = ColumnSpec { required: true, ..spec(self.file.key.get_ref(), ColumnType::Id) };
        let mut specs = vec![key];
        for entry in entries {
            let spec = self.column(&entry.name, &entry.ty, is_required(entry), &entry.values);
            self.check(|report, rules| columns::check(report, entry, &spec, rules));
            specs.push(spec);
        }
        specs
    }

    /// Runs `check` with this file's report and rules.
    fn check(&mut self, check: impl FnOnce(&mut Report<'_>, Rules<'_>)) {
        let rules =
            Rules { secrets: &self.mapping.secrets, topic: self.file.topic.get_ref().as_str() };
        check(&mut self.report, rules);
    }

    fn column(
        &mut self,
        name: &Spanned<String>,
        ty: &Spanned<String>,
        required: bool,
        values: &Values,
    ) -> ColumnSpec {
        let ty = ty.get_ref().parse().unwrap_or_else(|problem: String| {
            self.report.fault(ty, &problem);
            ColumnType::Text
        });
        let bound = |bound: &Option<Spanned<String>>| Bound::read(bound.as_ref()?.get_ref());
        let bounds = Bounds { min: bound(&values.min), max: bound(&values.max) };
        ColumnSpec::new(name.get_ref(), ty, required, bounds)
    }

    fn add_table(
        &mut self,
        name: &Spanned<String>,
        mut columns: Vec<ColumnSpec>,
        kind: TableKind,
        logged: bool,
    ) -> TableId {
        columns.push(ColumnSpec { required: logged, ..spec("event_id", ColumnType::Id) });
        columns
            .push(ColumnSpec { required: logged, ..spec("event_timestamp", ColumnType::DATETIME) });
        names::check_table(&mut self.report, name, &columns, &self.mapping.tables);
        self.mapping.tables.push(Table { name: name.get_ref().clone(), columns, kind });
        self.mapping.tables.len() - 1
    }

    fn label(&mut self, event: &str) -> LabelId {
        let topic = self.file.topic.get_ref().clone();
        self.mapping.labels.push(Label { topic, event_type: event.to_owned() });
        self.mapping.labels.len() - 1
    }

    fn event_plan(&self, event: &str, tables: &[TableId], logs: &[TableId]) -> EventPlan {
        let mut plan = EventPlan::default();
        if let (Some(entry), [entity, lines @ ..]) = (&self.file.entity, tables) {
            if entry.created_by.get_ref() == event {
                plan.rows.push(self.creation(entry, *entity));
                plan.lines = entry
                    .lines
                    .iter()
                    .zip(lines)
                    .map(|(entry, table)| self.lines_plan(entry, *table))
                    .collect();
            } else {
                plan.rows.extend(self.change(entry, *entity, event));
            }
        }
        let named = |log: &LogEntry, name| log.events.iter().any(|event| event.get_ref() == name);
        let by_name = self.file.log.iter().any(|log| named(log, event));
        // "*" does not include an event that is ignored by name.
        let is_ignored = self.file.ignore.iter().any(|ignored| ignored.get_ref() == event);
        for (log, table) in self.file.log.iter().zip(logs).filter(|_| !is_ignored) {
            if named(log, if by_name { event } else { ANY }) {
                let cells = self.cells(&log.columns, event, *table, Table::KEY + 1);
                plan.rows.push(RowPlan {
                    table: *table,
                    role: Role::Log,
                    cells: framed(cells, Vec::new()),
                });
            }
        }
        resolve(&mut plan);
        plan
    }

    fn creation(&self, entry: &EntityEntry, table: TableId) -> RowPlan {
        let event = entry.created_by.get_ref();
        let values = entry.changing.iter().map(|changing| {
            let source = Source::Slots(vec![(0, changing.from.get_ref().clone())]);
            with_values(Cell::of(source), &changing.values)
        });
        let cells = self.cells(&entry.columns, event, table, Table::KEY + 1).chain(values);
        let versions = vec![Cell::of(Source::Null); 2 * entry.changing.len()];
        RowPlan { table, role: Role::Creation, cells: framed(cells, versions) }
    }

    /// The row of a change; `None` if the event changes nothing.
    fn change(&self, entry: &EntityEntry, table: TableId, event: &str) -> Option<RowPlan> {
        let mut cells = vec![Cell::of(Source::Null); self.mapping.tables[table].columns.len()];
        let mut changed = Vec::new();
        for (index, changing) in entry.changing.iter().enumerate() {
            let Some(change) = changing.on.iter().find(|change| change.event.get_ref() == event)
            else {
                continue;
            };
            let Changing { value, at, by } = self.mapping.tables[table].changing()[index];
            let spec = &self.mapping.tables[table].columns[value];
            let source = match (&change.value, &change.from) {
                (Some(value), _) => constant(value, spec).map_or(Source::Null, Source::Constant),
                (None, Some(path)) => Source::Slots(vec![(0, path.get_ref().clone())]),
                (None, None) => Source::Null,
            };
            let cell = Cell {
                default: change.default.as_ref().and_then(|default| constant(default, spec)),
                if_present: change.if_present,
                ..Cell::of(source)
            };
            cells[value] = with_values(cell, &changing.values);
            cells[at] = Cell::of(Source::EventTimestamp);
            cells[by] = Cell::of(Source::EventId);
            changed.push(index);
        }
        cells[Table::KEY] = Cell::of(Source::EntityId);
        (!changed.is_empty()).then_some(RowPlan { table, role: Role::Change(changed), cells })
    }

    fn lines_plan(&self, entry: &LinesEntry, table: TableId) -> LinesPlan {
        let number = std::iter::once(Cell::of(Source::LineNumber));
        let cells = number.chain(self.cells(&entry.columns, "", table, Table::LINE + 1));
        LinesPlan {
            table,
            path: entry.each.get_ref().clone(),
            paths: PathNode::default(),
            slots: 0,
            cells: framed(cells, Vec::new()),
        }
    }

    /// The cells of columns that begin at `first` in their table.
    fn cells<'e>(
        &'e self,
        entries: &'e [ColumnEntry],
        event: &'e str,
        table: TableId,
        first: usize,
    ) -> impl Iterator<Item = Cell> + 'e {
        let specs = &self.mapping.tables[table].columns[first..];
        entries.iter().zip(specs).map(move |(entry, spec)| cell(entry, event, spec))
    }
}

/// Every event type that the file names.
fn event_types(file: &DomainFile) -> BTreeSet<String> {
    let ignored = file.ignore.iter().map(|event| event.get_ref().clone());
    let mut types: BTreeSet<String> = ignored.filter(|event| event != ANY).collect();
    if let Some(entity) = &file.entity {
        types.insert(entity.created_by.get_ref().clone());
        let changes = entity.changing.iter().flat_map(|changing| &changing.on);
        types.extend(changes.map(|change| change.event.get_ref().clone()));
    }
    for log in &file.log {
        let by_columns = log.columns.iter().flat_map(|column| {
            let from_on = column.from_on.iter().map(|(event, _)| event);
            from_on.chain(column.value_on.iter().map(|(event, _)| event))
        });
        let named = log.events.iter().chain(by_columns);
        types.extend(named.map(|event| event.get_ref().clone()).filter(|event| event != ANY));
    }
    types
}

/// Puts a row's cells between those that every table has.
fn framed(cells: impl Iterator<Item = Cell>, versions: Vec<Cell>) -> Vec<Cell> {
    std::iter::once(Cell::of(Source::EntityId))
        .chain(cells)
        .chain(versions)
        .chain([Cell::of(Source::EventId), Cell::of(Source::EventTimestamp)])
        .collect()
}

/// The envelope's values are always present, so a column that takes one is NOT NULL for all events.
fn is_required(entry: &ColumnEntry) -> bool {
    entry.required || entry.is_of_envelope()
}

fn cell(entry: &ColumnEntry, event: &str, spec: &ColumnSpec) -> Cell {
    let cell = Cell { required: is_required(entry), ..Cell::of(source(entry, event, spec)) };
    with_values(cell, &entry.values)
}

fn with_values(cell: Cell, values: &Values) -> Cell {
    let convert = values.convert.as_ref().and_then(|convert| convert.get_ref().parse().ok());
    let nulls = values.null.iter().map(|text| text.get_ref().clone()).collect();
    Cell { convert, nulls, ..cell }
}

/// `None` if the column does not take it, which has been reported.
fn constant(text: &Spanned<String>, spec: &ColumnSpec) -> Option<Constant> {
    constants::read(text.get_ref(), spec).ok()
}

fn source(entry: &ColumnEntry, event: &str, spec: &ColumnSpec) -> Source {
    let value_on = entry.value_on.iter().find(|(name, _)| name.get_ref() == event);
    if let Some(value) = value_on.map(|(_, value)| value).or(entry.value.as_ref()) {
        return constant(value, spec).map_or(Source::Null, Source::Constant);
    }
    let from_on = entry.from_on.iter().find(|(name, _)| name.get_ref() == event);
    match from_on.map_or(&entry.from, |(_, paths)| paths).as_slice() {
        [] => Source::Null,
        [path] if path.get_ref() == "$event_type" => Source::EventType,
        [path] if path.get_ref() == "$data" => Source::Data,
        paths => Source::Slots(paths.iter().map(|path| (0, path.get_ref().clone())).collect()),
    }
}

/// Checks an entity and its lines against each other.
fn check_lines(report: &mut Report<'_>, entry: &EntityEntry, rules: Rules<'_>) {
    for lines in &entry.lines {
        columns::check_place(report, &lines.each, rules);
        let each = lines.each.get_ref();
        let values = entry.columns.iter().flat_map(ColumnEntry::paths);
        for path in values.chain(entry.changing.iter().map(|changing| &changing.from)) {
            if path.get_ref().strip_prefix(each.as_str()).is_some_and(|rest| rest.starts_with('.'))
            {
                let problem = format!(
                    "leads into the array {each}, whose elements are lines; make it a column of [[entity.lines]]"
                );
                report.fault(path, &problem);
            }
        }
        for column in &lines.columns {
            let events = column.from_on.iter().map(|(event, _)| event);
            for event in events.chain(column.value_on.iter().map(|(event, _)| event)) {
                report.fault(event, "only the creation event has lines; use `from`");
            }
        }
    }
}

/// Builds the trees of wanted paths and sets every cell's slots.
fn resolve(plan: &mut EventPlan) {
    let mut set = PathSet::default();
    plan.rows.iter().for_each(|row| set.add_cells(&row.cells));
    for (index, lines) in plan.lines.iter().enumerate() {
        set.add_lines(&lines.path, index);
    }
    let tree = set.build();
    plan.rows.iter_mut().for_each(|row| tree.resolve(&mut row.cells));
    (plan.slots, plan.paths) = tree.into_root();
    for lines in &mut plan.lines {
        let mut set = PathSet::default();
        set.add_cells(&lines.cells);
        let tree = set.build();
        tree.resolve(&mut lines.cells);
        (lines.slots, lines.paths) = tree.into_root();
    }
}

fn spec(name: &str, ty: ColumnType) -> ColumnSpec {
    ColumnSpec::new(name, ty, false, Bounds::default())
}
