//! What an event of each type writes.

use super::compile::{Domain, EntityTables};
use super::constants;
use super::file::{
    ChangeEntry, ChangingEntry, ColumnEntry, DomainFile, EntityEntry, LinesEntry, Values,
};
use super::paths::PathSet;
use super::patterns::{ANY, Closeness, Selector};
use super::places;
use super::plan::{
    Cell, Constant, EventPlan, LinesPlan, PathNode, Place, Role, Root, RowPlan, Source,
};
use super::source::KeyEntry;
use super::specs::is_required;
use super::table::{Changing, ColumnSpec, Table, TableId};
use crate::decode::EVENT_TYPE_CHARS_MAX;
use std::collections::BTreeMap;
use toml::Spanned;

impl Domain<'_> {
    pub(super) fn event_plan(
        &self,
        selector: Selector<'_>,
        entities: &[EntityTables],
        logs: &[TableId],
    ) -> EventPlan {
        let mut plan = EventPlan::default();
        // What is ignored by a name is not taken by a beginning, and so on.
        let ignored = selector.best(&self.file.ignore);
        let takes = |closeness: Option<Closeness>| closeness.is_some() && closeness > ignored;
        for (entry, tables) in self.file.entities.iter().zip(entities) {
            let [entity, lines @ ..] = tables.as_slice() else { continue };
            let changed = changes(entry, selector);
            let created = created_by(entry, selector);
            if takes(created) && (created == Some(Closeness::MAX) || changed.is_empty()) {
                plan.rows.push(self.creation(entry, *entity, selector));
                let lines = entry.lines.iter().zip(lines);
                plan.lines
                    .extend(lines.map(|(lines, table)| self.lines_plan(entry, lines, *table)));
            } else {
                plan.rows.extend(self.change(entry, *entity, &changed));
            }
        }
        let best = self.file.log.iter().filter_map(|log| selector.best(&log.events)).max();
        for (log, table) in self.file.log.iter().zip(logs) {
            let closeness = selector.best(&log.events);
            // "*" is what no other log table names.
            if takes(closeness) && (closeness > Some(0) || best == Some(0)) {
                let event = selector.name().unwrap_or_default();
                let cells = self.cells(&log.columns, event, *table, Table::KEY + 1);
                let key = self.key_cell(log.key.as_ref());
                plan.rows.push(RowPlan {
                    table: *table,
                    role: Role::Log,
                    cells: framed(key, cells, Vec::new()),
                });
            }
        }
        let is_contract = self.file.envelope.is_none();
        plan.is_unknown = !is_contract && plan.rows.is_empty() && ignored.is_none();
        resolve(&mut plan);
        plan
    }

    fn creation(&self, entry: &EntityEntry, table: TableId, selector: Selector<'_>) -> RowPlan {
        let event = selector.name().unwrap_or_default();
        let values = entry.changing.iter().map(|changing| {
            with_values(Cell::of(source(std::slice::from_ref(&changing.from))), &changing.values)
        });
        let deleted = entry.deleted.as_ref().map(|deleted| {
            // What deletes by a beginning leaves alone what creates by a name.
            let is_deleted = selector.best(&deleted.on) == created_by(entry, selector);
            Cell::of(Source::Constant(Constant::Number(i64::from(is_deleted))))
        });
        let cells = self.cells(&entry.columns, event, table, Table::KEY + 1).chain(deleted);
        let versions = vec![Cell::of(Source::Null); 2 * entry.changing.len()];
        let key = self.key_cell(entry.key.as_ref());
        RowPlan { table, role: Role::Creation, cells: framed(key, cells.chain(values), versions) }
    }

    /// The row of a change; `None` if the event changes nothing.
    fn change(
        &self,
        entry: &EntityEntry,
        table: TableId,
        changed: &[(usize, &ChangeEntry)],
    ) -> Option<RowPlan> {
        let mut cells = vec![Cell::of(Source::Null); self.mapping.tables[table].columns.len()];
        for (index, change) in changed {
            let Changing { value, at, by } = self.mapping.tables[table].changing()[*index];
            let spec = &self.mapping.tables[table].columns[value];
            let source = match (&change.value, &change.from) {
                (Some(value), _) => constant(value, spec).map_or(Source::Null, Source::Constant),
                (None, Some(path)) => source(std::slice::from_ref(path)),
                (None, None) => Source::Null,
            };
            let cell = Cell {
                default: change.default.as_ref().and_then(|default| constant(default, spec)),
                if_present: change.if_present,
                ..Cell::of(source)
            };
            cells[value] = with_values(cell, &entry.changing[*index].values);
            cells[at] = Cell::of(Source::EventTimestamp);
            cells[by] = Cell::of(Source::EventId);
        }
        cells[Table::KEY] = self.key_cell(entry.key.as_ref());
        let changed: Vec<usize> = changed.iter().map(|(index, _)| *index).collect();
        (!changed.is_empty()).then_some(RowPlan { table, role: Role::Change(changed), cells })
    }

    fn lines_plan(&self, owner: &EntityEntry, entry: &LinesEntry, table: TableId) -> LinesPlan {
        let number = std::iter::once(Cell::of(Source::LineNumber));
        let cells = number.chain(self.cells(&entry.columns, "", table, Table::LINE + 1));
        LinesPlan {
            table,
            path: super::paths::canonical(entry.each.get_ref()),
            paths: PathNode::default(),
            slots: 0,
            cells: framed(
                Cell::of(Source::Key(Box::new(self.key_cell(owner.key.as_ref())))),
                cells,
                Vec::new(),
            ),
        }
    }

    /// The cell of a key: its own source, or the envelope's.
    fn key_cell(&self, own: Option<&KeyEntry>) -> Cell {
        let Some(envelope) = &self.file.envelope else { return Cell::of(Source::EntityId) };
        let entry = own.or(self.file.key.as_ref());
        let (source, root) = match entry.and_then(|entry| entry.source.as_ref()) {
            Some(source) => (Some(source), Root::Data),
            None => (envelope.key.as_ref(), Root::Message),
        };
        let Some(source) = source else { return Cell::of(Source::Null) };
        Cell { required: true, ..super::envelope::cell(source, root) }
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
        let is_contract = self.file.envelope.is_none();
        entries.iter().zip(specs).map(move |(entry, spec)| {
            let required = is_required(entry, is_contract);
            let cell = Cell { required, ..Cell::of(column_source(entry, event, spec)) };
            checked_type(with_values(cell, &entry.values), spec)
        })
    }
}

/// An event type is known to fit a column of its own length; any other looks at it like at any text.
fn checked_type(cell: Cell, spec: &ColumnSpec) -> Cell {
    let is_wide = spec.ty.chars_max().is_none_or(|chars| chars >= EVENT_TYPE_CHARS_MAX);
    match cell.source {
        Source::EventType if !is_wide || !cell.nulls.is_empty() => {
            Cell { source: Source::Places(vec![Place::EventType]), ..cell }
        }
        _ => cell,
    }
}

/// The event types that have plans of their own.
pub(super) fn selectors(file: &DomainFile) -> Vec<Selector<'_>> {
    let mut patterns: Vec<&Spanned<String>> = file.ignore.iter().collect();
    for entity in &file.entities {
        patterns.extend(&entity.created_by);
        patterns.extend(entity.deleted.iter().flat_map(|deleted| &deleted.on));
        let changes = entity.changing.iter().flat_map(|changing| &changing.on);
        patterns.extend(changes.map(|change| &change.event));
        patterns.extend(entity.columns.iter().flat_map(events_of_column));
    }
    for log in &file.log {
        patterns.extend(&log.events);
        patterns.extend(log.columns.iter().flat_map(events_of_column));
    }
    let constant = file.envelope.as_ref().and_then(|envelope| envelope.event_type.value.as_ref());
    let patterns = patterns.into_iter().chain(constant).map(|pattern| pattern.get_ref().as_str());
    // Sorted, so that labels come in an order that does not change.
    let all: BTreeMap<&str, Selector<'_>> =
        patterns.filter(|pattern| *pattern != ANY).map(|text| (text, Selector::of(text))).collect();
    all.into_values().collect()
}

/// The event types that a column's sources name.
pub(super) fn events_of_column(entry: &ColumnEntry) -> impl Iterator<Item = &Spanned<String>> {
    let from_on = entry.from_on.iter().map(|(event, _)| event);
    from_on.chain(entry.value_on.iter().map(|(event, _)| event))
}

/// How well an entity's creations fit; what deletes it is one, too.
pub(super) fn created_by(entry: &EntityEntry, selector: Selector<'_>) -> Option<Closeness> {
    let deleted = entry.deleted.iter().flat_map(|deleted| &deleted.on);
    selector.best(entry.created_by.iter().chain(deleted))
}

/// What an event type changes: the changing columns' indexes, and how.
fn changes<'e>(entry: &'e EntityEntry, selector: Selector<'_>) -> Vec<(usize, &'e ChangeEntry)> {
    let change = |(index, changing): (usize, &'e ChangingEntry)| {
        let named =
            |change: &&ChangeEntry| Some(change.event.get_ref().as_str()) == selector.name();
        Some((index, changing.on.iter().find(named)?))
    };
    entry.changing.iter().enumerate().filter_map(change).collect()
}

/// Puts a row's cells between those that every table has.
fn framed(key: Cell, cells: impl Iterator<Item = Cell>, versions: Vec<Cell>) -> Vec<Cell> {
    std::iter::once(key)
        .chain(cells)
        .chain(versions)
        .chain([Cell::of(Source::EventId), Cell::of(Source::EventTimestamp)])
        .collect()
}

pub(super) fn with_values(cell: Cell, values: &Values) -> Cell {
    let convert = values.convert.as_ref().and_then(|convert| convert.get_ref().parse().ok());
    let nulls = values.null.iter().map(|text| text.get_ref().clone()).collect();
    Cell { convert, nulls, ..cell }
}

/// `None` if the column does not take it, which has been reported.
fn constant(text: &Spanned<String>, spec: &ColumnSpec) -> Option<Constant> {
    constants::read(text.get_ref(), spec).ok()
}

fn column_source(entry: &ColumnEntry, event: &str, spec: &ColumnSpec) -> Source {
    // What is said for the event type counts before what is said for all.
    let value_on = entry.value_on.iter().find(|(name, _)| name.get_ref() == event);
    let from_on = entry.from_on.iter().find(|(name, _)| name.get_ref() == event);
    let value = value_on.map(|(_, value)| value);
    if let Some(value) = value.or(entry.value.as_ref().filter(|_| from_on.is_none())) {
        return constant(value, spec).map_or(Source::Null, Source::Constant);
    }
    source(from_on.map_or(&entry.from, |(_, paths)| paths))
}

/// Faults of the paths have been reported.
fn source(paths: &[Spanned<String>]) -> Source {
    let places = paths.iter().filter_map(|path| places::read(path.get_ref(), Root::Data).ok());
    Source::of(places.collect())
}

/// Builds the trees of wanted paths and sets the slots of the cells that take their values from `data`.
fn resolve(plan: &mut EventPlan) {
    let mut set = PathSet::at(Root::Data);
    plan.rows.iter().for_each(|row| set.add_cells(&row.cells));
    for (index, lines) in plan.lines.iter().enumerate() {
        set.add_lines(&lines.path, index);
        set.add_cells(lines.key());
    }
    let tree = set.build();
    plan.rows.iter_mut().for_each(|row| tree.resolve(&mut row.cells));
    plan.lines.iter_mut().for_each(|lines| tree.resolve(lines.key_mut()));
    let tree = tree.into_tree();
    (plan.slots, plan.paths) = (tree.slots, tree.root);
    for lines in &mut plan.lines {
        let mut set = PathSet::at(Root::Data);
        set.add_cells(&lines.cells);
        let tree = set.build();
        tree.resolve(&mut lines.cells);
        let tree = tree.into_tree();
        (lines.slots, lines.paths) = (tree.slots, tree.root);
    }
    let mut set = PathSet::at(Root::Message);
    set.add_cells(plan.cells());
    plan.message = set.build().into_tree();
}
