//! The tables of a mapping: names, types and the roles of their columns.

use super::names::UNIQUE_KEY_PREFIX;
use super::types::{ColumnType, Storage};
use crate::exact::Exact;

/// Index into [`super::Mapping::tables`], which is also the order of a flush.
pub type TableId = usize;

/// A table and how its rows merge.
///
/// In every table the entity's key is the first column, `event_id` and `event_timestamp` the last two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    pub name: String,
    /// In the order of the `INSERT`; without `id` and `created_at`, which the server fills.
    pub columns: Vec<ColumnSpec>,
    pub kind: TableKind,
}

/// How the rows of a table merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TableKind {
    /// One row per entity: a creation part and changing columns, each with its own version.
    Entity { changing: Vec<Changing>, children: Vec<TableId>, deleted: Option<Deleted> },
    /// Lines of an entity, numbered in the second column; all from one creation event.
    Lines { parent: TableId },
    /// One row per event.
    Log,
}

/// How an entity's table says that an entity is deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deleted {
    /// The boolean column, as an index.
    pub column: usize,
    /// The view of the rows that are not deleted, if one is wanted.
    pub living_view: Option<String>,
}

/// A changing column and its version, as column indexes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Changing {
    pub value: usize,
    /// `<value>_changed_at`: when an event after the creation last changed it.
    pub at: usize,
    /// `<value>_changed_by`: the id of that event.
    pub by: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnSpec {
    pub name: String,
    pub ty: ColumnType,
    /// The event must have a value. Until the creation event arrives, an entity's row has `''` or NULL
    /// here: see [`Self::is_empty_when_absent`].
    pub required: bool,
    /// Of numbers.
    pub bounds: Bounds,
    /// Of whole numbers: the least and the greatest, by type and bounds.
    pub range: (i128, i128),
    /// How a batch keeps the values.
    pub storage: Storage,
}

/// The least and the greatest value of a column.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bounds {
    pub min: Option<Bound>,
    pub max: Option<Bound>,
}

/// A limit of a column's values: a number as the mapping writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound(String);

impl Bound {
    /// Reads a number. `None` if the text is anything else.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        Exact::read(text).map(|_| Self(text.to_owned()))
    }

    #[must_use]
    pub fn value(&self) -> Exact<'_> {
        Exact::read(&self.0).unwrap_or(Exact::ZERO)
    }
}

impl std::fmt::Display for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Table {
    /// The column of the entity's id.
    pub const KEY: usize = 0;
    /// The column of the line's number in a [`TableKind::Lines`] table.
    pub const LINE: usize = 1;

    /// The id of the creating or logged event.
    #[must_use]
    pub fn event_id(&self) -> usize {
        self.columns.len() - 2
    }

    /// The time of the creating or logged event.
    #[must_use]
    pub fn event_timestamp(&self) -> usize {
        self.columns.len() - 1
    }

    /// What its key is called in a table that we make; in one that is there already it may be called otherwise.
    #[must_use]
    pub fn key_name(&self) -> String {
        format!("{UNIQUE_KEY_PREFIX}{}", self.name)
    }

    /// Empty unless this is an entity's table.
    #[must_use]
    pub fn changing(&self) -> &[Changing] {
        match &self.kind {
            TableKind::Entity { changing, .. } => changing,
            TableKind::Lines { .. } | TableKind::Log => &[],
        }
    }

    /// How its rows say that they are deleted; `None` if they never are.
    #[must_use]
    pub fn deleted(&self) -> Option<&Deleted> {
        match &self.kind {
            TableKind::Entity { deleted, .. } => deleted.as_ref(),
            TableKind::Lines { .. } | TableKind::Log => None,
        }
    }

    /// The name of the view of its living rows.
    #[must_use]
    pub fn living_view(&self) -> Option<&str> {
        self.deleted()?.living_view.as_deref()
    }

    /// The tables of its lines.
    #[must_use]
    pub fn children(&self) -> &[TableId] {
        match &self.kind {
            TableKind::Entity { children, .. } => children,
            TableKind::Lines { .. } | TableKind::Log => &[],
        }
    }

    /// Whether a column belongs to the creation part: neither key, nor changing, nor a version.
    #[must_use]
    pub fn is_creation(&self, column: usize) -> bool {
        column != Self::KEY
            && column < self.event_id()
            && !self.changing().iter().any(|c| [c.value, c.at, c.by].contains(&column))
    }
}

impl ColumnSpec {
    #[must_use]
    pub fn new(name: &str, ty: ColumnType, required: bool, bounds: Bounds) -> Self {
        let mut range = match &ty {
            ColumnType::Int(int) => int.range(),
            _ => (i128::MIN, i128::MAX),
        };
        if let Some(min) = bounds.min.as_ref().and_then(|min| min.value().whole()) {
            range.0 = range.0.max(min);
        }
        if let Some(max) = bounds.max.as_ref().and_then(|max| max.value().whole()) {
            range.1 = range.1.min(max);
        }
        let storage = ty.storage(range);
        Self { name: name.to_owned(), ty, required, bounds, range, storage }
    }

    /// The same as the key of its table, which a batch keeps as text.
    #[must_use]
    pub fn as_key(self) -> Self {
        match self.storage {
            Storage::Number => Self { storage: Storage::Literal, ..self },
            Storage::Text | Storage::Literal => self,
        }
    }

    /// Whether an entity's row holds `''` here until its creation event arrives. Other required types
    /// have no such value for "not yet", so they hold NULL.
    #[must_use]
    pub fn is_empty_when_absent(&self) -> bool {
        self.required && self.ty.is_text()
    }
}
