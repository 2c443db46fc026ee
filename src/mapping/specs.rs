//! The tables of a mapping file: their columns, checked on the way.

use super::columns;
use super::compile::{Domain, EntityTables};
use super::convert::Convert;
use super::file::{ColumnEntry, EntityEntry, LogEntry, Values};
use super::names;
use super::size;
use super::source::{KeyEntry, SourceEntry};
use super::table::{Bound, Bounds, Changing, ColumnSpec, Deleted, Table, TableId, TableKind};
use super::types::ColumnType;
use toml::Spanned;

/// Longest key of an entity and longest id of an event that a path gives, in characters, unless the file says less.
const NAME_CHARS: usize = 255;
/// Longest key that fits an index beside the number of a line.
const KEY_CHARS_MAX: usize = 760;
/// Longest id that has a topic's name in it.
const PLACE_CHARS: usize = 300;

impl Domain<'_> {
    /// Adds the entity's table and its lines' tables; returns their ids, the entity's first.
    pub(super) fn entity_table(&mut self, entry: &EntityEntry) -> EntityTables {
        let mut specs = self.creation_columns(entry.key.as_ref(), &entry.table, &entry.columns);
        let deleted = entry.deleted.as_ref().map(|deleted| {
            specs.push(spec(deleted.name.get_ref(), ColumnType::Boolean));
            let living_view = deleted.living_view.as_ref().map(|view| view.get_ref().clone());
            Deleted { column: specs.len() - 1, living_view }
        });
        let values = specs.len();
        for changing in &entry.changing {
            specs.push(self.column(&changing.name, &changing.ty, false, &changing.values));
        }
        let mut versions = Vec::new();
        for (index, changing) in entry.changing.iter().enumerate() {
            let name = changing.name.get_ref();
            let at = specs.len();
            specs.push(spec(&format!("{name}_changed_at"), ColumnType::DATETIME));
            specs.push(spec(&format!("{name}_changed_by"), self.event_id_type()));
            versions.push(Changing { value: values + index, at, by: at + 1 });
            let value = specs[values + index].clone();
            self.check(|report, rules| columns::check_changing(report, changing, &value, rules));
        }
        let parent = self.mapping.tables.len();
        let children = (0..entry.lines.len()).map(|index| parent + 1 + index).collect();
        let kind = TableKind::Entity { changing: versions, children, deleted };
        let mut ids = vec![self.add_table(&entry.table, specs, kind, false)];
        if let Some(view) = entry.deleted.as_ref().and_then(|deleted| deleted.living_view.as_ref())
        {
            names::check_view(&mut self.report, view, parent, &self.mapping.tables);
        }
        for lines in &entry.lines {
            let mut specs = self.creation_columns(entry.key.as_ref(), &lines.table, &lines.columns);
            let one = Bounds { min: Bound::read("1"), max: None };
            let number = ColumnSpec::new(lines.number.get_ref(), ColumnType::BIGINT, true, one);
            specs.insert(Table::LINE, number);
            ids.push(self.add_table(&lines.table, specs, TableKind::Lines { parent }, true));
        }
        self.check(|report, rules| columns::check_entity(report, entry, rules));
        ids
    }

    pub(super) fn log_table(&mut self, entry: &LogEntry) -> TableId {
        let specs = self.creation_columns(entry.key.as_ref(), &entry.table, &entry.columns);
        self.check(|report, rules| {
            entry.events.iter().for_each(|event| columns::check_pattern(report, event, rules));
        });
        self.add_table(&entry.table, specs, TableKind::Log, true)
    }

    /// The key and the columns of `entries`. Checks their sources on the way.
    fn creation_columns(
        &mut self,
        key: Option<&KeyEntry>,
        table: &Spanned<String>,
        entries: &[ColumnEntry],
    ) -> Vec<ColumnSpec> {
        let mut specs = vec![self.key_column(key, table)];
        for entry in entries {
            let required = is_required(entry, self.file.envelope.is_none());
            let spec = self.column(&entry.name, &entry.ty, required, &entry.values);
            self.check(|report, rules| columns::check(report, entry, &spec, rules));
            specs.push(spec);
        }
        specs
    }

    fn key_column(&mut self, own: Option<&KeyEntry>, table: &Spanned<String>) -> ColumnSpec {
        let Some(entry) = own.or(self.file.key.as_ref()) else {
            self.report.fault(table, "has no `key`: the column of the entity's key; give it to the file or to this table");
            return spec("key", ColumnType::Id);
        };
        let is_contract = self.file.envelope.is_none();
        if is_contract && (entry.ty.is_some() || entry.source.is_some()) {
            self.report.fault(
                &entry.name,
                "is the envelope's entity_id; a key of your own needs [envelope]",
            );
        }
        let ty = match &entry.ty {
            _ if is_contract => ColumnType::Id,
            None => ColumnType::Key(NAME_CHARS),
            Some(ty) => match ty.get_ref().parse() {
                Ok(ColumnType::Varchar(chars)) if chars > KEY_CHARS_MAX => {
                    let problem = format!(
                        "is too long for a key, which has to fit an index; use at most varchar({KEY_CHARS_MAX})"
                    );
                    self.report.fault(ty, &problem);
                    ColumnType::Key(NAME_CHARS)
                }
                Ok(ColumnType::Varchar(chars)) => ColumnType::Key(chars),
                Ok(int @ ColumnType::Int(_)) => int,
                Ok(_) => {
                    self.report
                        .fault(ty, "cannot be a key; a key is a varchar(N) or a whole number");
                    ColumnType::Key(NAME_CHARS)
                }
                Err(problem) => {
                    self.report.fault(ty, &problem);
                    ColumnType::Key(NAME_CHARS)
                }
            },
        };
        let source = entry.source.as_ref();
        let source =
            source.or(self.file.envelope.as_ref().and_then(|envelope| envelope.key.as_ref()));
        if let Some(convert) = source.and_then(|source| source.values.convert.as_ref())
            && convert.get_ref().parse().is_ok_and(|known: Convert| !known.gives(&ty))
        {
            let problem =
                format!("does not give a {}, which the key of {} is", ty.sql(), table.get_ref());
            self.report.fault(convert, &problem);
        }
        ColumnSpec::new(entry.name.get_ref(), ty, true, Bounds::default()).as_key()
    }

    /// The type of the columns that hold ids of events.
    pub(super) fn event_id_type(&self) -> ColumnType {
        let Some(envelope) = &self.file.envelope else { return ColumnType::Id };
        let is = |name: &str| is_name(&envelope.id, name);
        match self.file.topics.len() {
            _ if is(super::envelope::CONTENT) => ColumnType::Id,
            1 if is(super::envelope::POSITION) => ColumnType::Id,
            _ if is(super::envelope::POSITION) => ColumnType::Key(PLACE_CHARS),
            _ => ColumnType::Key(NAME_CHARS),
        }
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
        let event_id = spec("event_id", self.event_id_type());
        columns.push(ColumnSpec { required: logged, ..event_id });
        columns
            .push(ColumnSpec { required: logged, ..spec("event_timestamp", ColumnType::DATETIME) });
        let is_contract = self.file.envelope.is_none();
        let tables = &self.mapping.tables;
        names::check_table(&mut self.report, name, &columns, tables, is_contract);
        size::check(&mut self.report, name, &columns);
        self.mapping.tables.push(Table { name: name.get_ref().clone(), columns, kind });
        self.mapping.tables.len() - 1
    }
}

/// Whether a source is this name with `$` and nothing else.
pub(super) fn is_name(source: &SourceEntry, name: &str) -> bool {
    matches!(source.from.as_slice(), [only] if only.get_ref() == name)
}

/// Whether an event without a value for the column is refused. What every event has is never absent, so
/// its column is NOT NULL for all events; in the contract's envelope that includes `data`.
pub(super) fn is_required(entry: &ColumnEntry, is_contract: bool) -> bool {
    let is_there = |path: &Spanned<String>| match path.get_ref().as_str() {
        "$event_type" | "$event_id" | "$timestamp" | "$topic" | "$partition" | "$offset" => true,
        "$data" | "$message" => is_contract,
        _ => false,
    };
    entry.required || entry.from.iter().any(is_there)
}

fn spec(name: &str, ty: ColumnType) -> ColumnSpec {
    ColumnSpec::new(name, ty, false, Bounds::default())
}
