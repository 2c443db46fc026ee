//! The plan of each event type, every name resolved to an index.

use super::convert::Convert;
use super::table::TableId;
use crate::redact::KeyFilter;
use rustc_hash::FxHashMap;

/// Index into [`super::Mapping::labels`].
pub type LabelId = usize;

/// The label under which an event is counted: one per event type that the mapping names, and one more
/// per topic. So their number is bounded, as metrics need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    pub topic: String,
    /// The event type, or `other`.
    pub event_type: String,
}

#[derive(Debug)]
pub struct TopicPlan {
    /// Also the first part of its event types.
    pub name: String,
    /// By event type, for those that the mapping names.
    pub events: FxHashMap<String, EventPlan>,
    /// For every other event type of the topic.
    pub other: EventPlan,
}

/// What an event of one type writes.
#[derive(Debug, Default)]
pub struct EventPlan {
    /// Index into [`super::Mapping::labels`].
    pub label: LabelId,
    /// The wanted values of `data`.
    pub paths: PathNode,
    /// How many slots `paths` fills.
    pub slots: usize,
    /// Empty if the mapping ignores the event.
    pub rows: Vec<RowPlan>,
    /// The arrays with one row per element.
    pub lines: Vec<LinesPlan>,
}

/// A wanted place in `data`: a node of the tree of keys that flatten follows along the tape.
#[derive(Debug, Default)]
pub struct PathNode {
    /// The key in the parent object; empty for the root.
    pub key: String,
    /// The dotted path from `data`, for messages.
    pub path: String,
    /// The slot for the value's place on the tape.
    pub slot: Option<usize>,
    /// Wanted members, when the value is an object.
    pub children: Vec<PathNode>,
    /// Rules out most other members without comparing keys.
    pub filter: KeyFilter,
    /// Index into [`EventPlan::lines`], when the value is an array with one row per element.
    pub lines: Option<usize>,
    /// The slots of this node and all below: the first, and one past the last.
    pub slots_below: (usize, usize),
    /// The arrays with lines at this node and below, as indexes into [`EventPlan::lines`].
    pub lines_below: Vec<usize>,
}

impl PathNode {
    /// The node of the member with this key, if it is wanted.
    #[must_use]
    pub fn child(&self, key: &str) -> Option<&Self> {
        if !self.filter.may_hold(key) {
            return None;
        }
        self.children.iter().find(|child| child.key == key)
    }
}

#[derive(Debug)]
pub struct RowPlan {
    pub table: TableId,
    pub role: Role,
    /// One per column.
    pub cells: Vec<Cell>,
}

/// What a row is to its table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    Creation,
    /// A change of these columns, as indexes into [`Table::changing`](super::Table::changing).
    Change(Vec<usize>),
    Log,
}

/// One row per element of an array.
#[derive(Debug)]
pub struct LinesPlan {
    pub table: TableId,
    /// The dotted path of the array.
    pub path: String,
    /// The wanted values of an element.
    pub paths: PathNode,
    /// How many slots an element fills.
    pub slots: usize,
    /// One per column.
    pub cells: Vec<Cell>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    pub source: Source,
    /// Replaces null.
    pub default: Option<Constant>,
    pub convert: Option<Convert>,
    /// Texts that mean null.
    pub nulls: Vec<String>,
    /// Null makes the event a dead letter.
    pub required: bool,
    /// For a changing column: null means that the event does not change it.
    pub if_present: bool,
}

/// A value that the mapping gives, as a batch keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Constant {
    Text(String),
    Number(i64),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Always NULL.
    Null,
    Constant(Constant),
    /// The envelope's `entity_id`.
    EntityId,
    /// The envelope's `event_id`.
    EventId,
    /// The envelope's `timestamp`.
    EventTimestamp,
    /// The envelope's `event_type`.
    EventType,
    /// The whole of `data` after redaction.
    Data,
    /// The first of these places in `data` that is not null: slot and path.
    Slots(Vec<(usize, String)>),
    /// The line's number, from 1.
    LineNumber,
}

impl Cell {
    /// A cell without further rules.
    #[must_use]
    pub fn of(source: Source) -> Self {
        Self {
            source,
            default: None,
            convert: None,
            nulls: Vec::new(),
            required: false,
            if_present: false,
        }
    }
}
