//! Mapping files → [`Mapping`]: every name resolved, every fault reported.

use super::columns::{self, Report};
use super::file::{
    ChangingEntry, ColumnEntry, DomainFile, EntityEntry, LinesEntry, LogEntry, Paths,
};
use super::paths::PathSet;
use super::plan::{
    Cell, EventPlan, Label, LabelId, LinesPlan, PathNode, Role, RowPlan, Source, TopicPlan,
};
use super::table::{Changing, ColumnSpec, ColumnType, Table, TableId, TableKind};
use super::{Mapping, MappingError, Secrets};
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;
use toml::Spanned;

/// In a log table's `events`: every event of the topic that no other log table names.
const ANY: &str = "*";
/// The label of event types that a mapping does not name.
const OTHER: &str = "other";

pub(super) fn compile<'f>(
    files: impl IntoIterator<Item = (&'f str, &'f str)>,
) -> Result<Mapping, Vec<MappingError>> {
    let mut faults = Vec::new();
    let mut domains = Vec::new();
    for (name, text) in files {
        match toml::from_str::<DomainFile>(text) {
            Ok(file) => domains.push((name, text, file)),
            Err(error) => {
                let at = error.span().map_or(0, |span| span.start);
                Report::new(name, text, &mut faults).fault_at(at, "TOML", error.message());
            }
        }
    }
    let further = domains.iter().flat_map(|(_, _, file)| &file.redact);
    let secrets = Secrets::with(further.map(|key| key.get_ref().as_str()));
    let mut mapping =
        Mapping { tables: Vec::new(), topics: FxHashMap::default(), labels: Vec::new(), secrets };
    // The order of tables is the order of a flush: rows of entities last. They are what two
    // batches have in common, an order created in one and completed in the next, so their locks
    // are taken shortly before the commit that releases them.
    let mut logs = Vec::new();
    for (name, text, file) in &domains {
        let report = Report::new(name, text, &mut faults);
        let mut domain = Domain { file, mapping: &mut mapping, report };
        logs.push(file.log.iter().map(|entry| domain.log_table(entry)).collect::<Vec<_>>());
    }
    for ((name, text, file), logs) in domains.iter().zip(&logs) {
        let report = Report::new(name, text, &mut faults);
        Domain { file, mapping: &mut mapping, report }.compile(logs);
    }
    if faults.is_empty() { Ok(mapping) } else { Err(faults) }
}

/// The topic that a file is about, as far as it can be read.
pub(super) fn topic_of(text: &str) -> Option<String> {
    let table: toml::Table = text.parse().ok()?;
    Some(table.get("topic")?.as_str()?.to_owned())
}

/// One file while it is compiled.
struct Domain<'a> {
    file: &'a DomainFile,
    mapping: &'a mut Mapping,
    report: Report<'a>,
}

impl Domain<'_> {
    fn compile(mut self, logs: &[TableId]) {
        let topic = self.file.topic.get_ref();
        if self.mapping.topics.contains_key(topic) {
            self.report.fault(&self.file.topic, "another file is about this topic already");
            return;
        }
        let file = self.file;
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

    /// Adds the entity's table and its lines' tables; gives the ids, the entity's first.
    fn entity_table(&mut self, entry: &EntityEntry) -> Vec<TableId> {
        let mut specs = self.creation_columns(&entry.columns);
        let values = specs.len();
        for changing in &entry.changing {
            specs.push(self.column(&changing.name, &changing.ty, false));
        }
        let mut versions = Vec::new();
        for (index, changing) in entry.changing.iter().enumerate() {
            let name = changing.name.get_ref();
            let at = specs.len();
            specs.push(spec(&format!("{name}_changed_at"), ColumnType::DateTime));
            specs.push(spec(&format!("{name}_changed_by"), ColumnType::Id));
            versions.push(Changing { value: values + index, at, by: at + 1 });
            self.check_changes(changing);
        }
        let parent = self.mapping.tables.len();
        let children = (0..entry.lines.len()).map(|index| parent + 1 + index).collect();
        let kind = TableKind::Entity { changing: versions, children };
        let mut ids = vec![self.add_table(&entry.table, specs, kind, false)];
        for lines in &entry.lines {
            let mut specs = self.creation_columns(&lines.columns);
            let number =
                ColumnSpec { required: true, ..spec(lines.number.get_ref(), ColumnType::BigInt) };
            specs.insert(Table::LINE, number);
            ids.push(self.add_table(&lines.table, specs, TableKind::Lines { parent }, true));
        }
        self.report.event_type(&entry.created_by, self.file.topic.get_ref());
        ids
    }

    fn log_table(&mut self, entry: &LogEntry) -> TableId {
        let specs = self.creation_columns(&entry.columns);
        for event in entry.events.iter().filter(|event| event.get_ref() != ANY) {
            self.report.event_type(event, self.file.topic.get_ref());
        }
        self.add_table(&entry.table, specs, TableKind::Log, true)
    }

    /// The key and the columns of `entries`; their sources are checked on the way.
    fn creation_columns(&mut self, entries: &[ColumnEntry]) -> Vec<ColumnSpec> {
        let key = ColumnSpec { required: true, ..spec(self.file.key.get_ref(), ColumnType::Id) };
        let mut specs = vec![key];
        for entry in entries {
            // What comes from the envelope is always there.
            let from = entry.from.iter().flat_map(|from| from.get_ref().as_slice());
            let required = entry.required || from.into_iter().any(|path| path.starts_with('$'));
            let spec = self.column(&entry.name, &entry.ty, required);
            columns::check(
                &mut self.report,
                entry,
                &spec.ty,
                &self.mapping.secrets,
                self.file.topic.get_ref(),
            );
            specs.push(spec);
        }
        specs
    }

    fn column(
        &mut self,
        name: &Spanned<String>,
        ty: &Spanned<String>,
        required: bool,
    ) -> ColumnSpec {
        let ty = ty.get_ref().parse().unwrap_or_else(|problem: String| {
            self.report.fault(ty, &problem);
            ColumnType::Text
        });
        ColumnSpec { name: name.get_ref().clone(), ty, required }
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
            .push(ColumnSpec { required: logged, ..spec("event_timestamp", ColumnType::DateTime) });
        if self.mapping.table(name.get_ref()).is_some() {
            self.report.fault(name, "another table of this name is mapped already");
        }
        let mut seen = BTreeSet::from(["id", "created_at"]);
        for column in &columns {
            if !seen.insert(&column.name) {
                self.report
                    .fault(name, &format!("column {} comes twice or is reserved", column.name));
            }
        }
        for word in columns.iter().map(|column| &column.name).chain([name.get_ref()]) {
            if word.is_empty() || !word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
                self.report.fault(name, &format!("{word:?} is no name of letters, digits and _"));
            }
        }
        self.mapping.tables.push(Table { name: name.get_ref().clone(), columns, kind });
        self.mapping.tables.len() - 1
    }

    fn check_changes(&mut self, changing: &ChangingEntry) {
        let ty: ColumnType = changing.ty.get_ref().parse().unwrap_or(ColumnType::Text);
        for change in &changing.on {
            self.report.event_type(&change.event, self.file.topic.get_ref());
            if change.value.is_some() == change.from.is_some() {
                self.report.fault(&change.event, "give either `value` or `from`");
            }
            if change.default.is_some() && (change.if_present || change.from.is_none()) {
                self.report
                    .fault(&change.event, "`default` goes with `from` and without `if_present`");
            }
            for constant in change.value.iter().chain(&change.default) {
                columns::check_constant(&mut self.report, constant, &ty);
            }
        }
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
                    .map(|(entry, table)| lines_plan(entry, *table))
                    .collect();
            } else {
                plan.rows.extend(self.change(entry, *entity, event));
            }
        }
        let named = |log: &LogEntry, name| log.events.iter().any(|event| event.get_ref() == name);
        let by_name = self.file.log.iter().any(|log| named(log, event));
        for (log, table) in self.file.log.iter().zip(logs) {
            if named(log, if by_name { event } else { ANY }) {
                let cells = log.columns.iter().map(|column| cell(column, event));
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
        let values = entry
            .changing
            .iter()
            .map(|changing| Cell::of(Source::Slots(vec![(0, changing.from.get_ref().clone())])));
        let cells = entry.columns.iter().map(|column| cell(column, event)).chain(values);
        let versions = vec![Cell::of(Source::Null); 2 * entry.changing.len()];
        RowPlan { table, role: Role::Creation, cells: framed(cells, versions) }
    }

    /// The row of a change, or none if the event changes nothing.
    fn change(&self, entry: &EntityEntry, table: TableId, event: &str) -> Option<RowPlan> {
        let mut cells = vec![Cell::of(Source::Null); self.mapping.tables[table].columns.len()];
        let mut changed = Vec::new();
        for (index, changing) in entry.changing.iter().enumerate() {
            let Some(change) = changing.on.iter().find(|change| change.event.get_ref() == event)
            else {
                continue;
            };
            let source = match (&change.value, &change.from) {
                (Some(value), _) => Source::Constant(value.get_ref().clone()),
                (None, Some(path)) => Source::Slots(vec![(0, path.get_ref().clone())]),
                (None, None) => Source::Null,
            };
            let Changing { value, at, by } = self.mapping.tables[table].changing()[index];
            cells[value] = Cell {
                default: change.default.as_ref().map(|default| default.get_ref().clone()),
                if_present: change.if_present,
                ..Cell::of(source)
            };
            cells[at] = Cell::of(Source::EventTimestamp);
            cells[by] = Cell::of(Source::EventId);
            changed.push(index);
        }
        cells[Table::KEY] = Cell::of(Source::EntityId);
        (!changed.is_empty()).then_some(RowPlan { table, role: Role::Change(changed), cells })
    }
}

/// Every event type that the file names.
fn event_types(file: &DomainFile) -> BTreeSet<String> {
    let mut types = BTreeSet::new();
    if let Some(entity) = &file.entity {
        types.insert(entity.created_by.get_ref().clone());
        let changes = entity.changing.iter().flat_map(|changing| &changing.on);
        types.extend(changes.map(|change| change.event.get_ref().clone()));
    }
    for log in &file.log {
        let named = log.events.iter().chain(
            log.columns
                .iter()
                .flat_map(|column| column.from_on.keys().chain(column.value_on.keys())),
        );
        types.extend(named.map(|event| event.get_ref().clone()).filter(|event| event != ANY));
    }
    types
}

fn lines_plan(entry: &LinesEntry, table: TableId) -> LinesPlan {
    let number = std::iter::once(Cell::of(Source::LineNumber));
    let cells = number.chain(entry.columns.iter().map(|column| cell(column, "")));
    LinesPlan {
        table,
        path: entry.each.get_ref().clone(),
        paths: PathNode::default(),
        slots: 0,
        cells: framed(cells, Vec::new()),
    }
}

/// The cells of a row between those that every table has.
fn framed(cells: impl Iterator<Item = Cell>, versions: Vec<Cell>) -> Vec<Cell> {
    std::iter::once(Cell::of(Source::EntityId))
        .chain(cells)
        .chain(versions)
        .chain([Cell::of(Source::EventId), Cell::of(Source::EventTimestamp)])
        .collect()
}

fn cell(entry: &ColumnEntry, event: &str) -> Cell {
    Cell { required: entry.required, ..Cell::of(source(entry, event)) }
}

fn source(entry: &ColumnEntry, event: &str) -> Source {
    if let Some(value) = entry.value_on.get(event) {
        return Source::Constant(value.get_ref().clone());
    }
    let from = entry.from_on.get(event).or(entry.from.as_ref().map(Spanned::get_ref));
    match from.map(Paths::as_slice) {
        None | Some([]) => Source::Null,
        Some([path]) if path == "$event_type" => Source::EventType,
        Some([path]) if path == "$data" => Source::Data,
        Some([path]) if entry.convert.is_some() => Source::Length(0, path.clone()),
        Some(paths) => Source::Slots(paths.iter().map(|path| (0, path.clone())).collect()),
    }
}

/// Builds the trees of wanted paths and tells every cell its slots.
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
    ColumnSpec { name: name.to_owned(), ty, required: false }
}
