//! What to do with each event type, with every name resolved to an index.

use super::table::TableId;
use crate::redact::KeyFilter;
use rustc_hash::FxHashMap;

/// Index into [`super::Mapping::labels`].
pub type LabelId = usize;

/// What an event is counted as. There are as many labels as event types that the mapping names,
/// and one more a topic, so they are fit for metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The Kafka topic.
    pub topic: String,
    /// The event type, or `other`.
    pub event_type: String,
}

/// The plans of one Kafka topic.
#[derive(Debug)]
pub struct TopicPlan {
    /// Name in Kafka, and the first part of its event types.
    pub name: String,
    /// Plans of the event types that the mapping names.
    pub events: FxHashMap<String, EventPlan>,
    /// What happens to every other event type of the topic.
    pub other: EventPlan,
}

/// What one event type writes.
#[derive(Debug, Default)]
pub struct EventPlan {
    /// Index into [`super::Mapping::labels`].
    pub label: LabelId,
    /// Which values of `data` are wanted.
    pub paths: PathNode,
    /// Number of slots that `paths` fills.
    pub slots: usize,
    /// The rows to write. None: the mapping ignores the event.
    pub rows: Vec<RowPlan>,
    /// The lines to write, one row an element of an array.
    pub lines: Vec<LinesPlan>,
}

/// A wanted place in `data`: a tree of keys that is walked along with the tape.
#[derive(Debug, Default)]
pub struct PathNode {
    /// Key in the parent object; empty for the root.
    pub key: String,
    /// Dotted path from `data`, for messages.
    pub path: String,
    /// Where to note the value's place on the tape.
    pub slot: Option<usize>,
    /// Wanted members, when the value is an object.
    pub children: Vec<PathNode>,
    /// Tells most other members apart.
    pub filter: KeyFilter,
    /// Index into [`EventPlan::lines`], when the value is an array with a row an element.
    pub lines: Option<usize>,
    /// The slots of this node and all below: first, and one past the last.
    pub slots_below: (usize, usize),
    /// The arrays with lines at this node and below, as indexes into [`EventPlan::lines`].
    pub lines_below: Vec<usize>,
}

impl PathNode {
    /// What is wanted of the member with this key, if anything is.
    #[must_use]
    pub fn child(&self, key: &str) -> Option<&Self> {
        if !self.filter.may_hold(key) {
            return None;
        }
        self.children.iter().find(|child| child.key == key)
    }
}

/// A row to write.
#[derive(Debug)]
pub struct RowPlan {
    /// Where to.
    pub table: TableId,
    /// What the row is to its table.
    pub role: Role,
    /// A cell for each column.
    pub cells: Vec<Cell>,
}

/// What a row is to its table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// The creation of an entity.
    Creation,
    /// A change: the changing columns it sets, as indexes into the table's changing columns.
    Change(Vec<usize>),
    /// A row of a log table.
    Log,
}

/// Rows to write for each element of an array.
#[derive(Debug)]
pub struct LinesPlan {
    /// Where to.
    pub table: TableId,
    /// Dotted path of the array.
    pub path: String,
    /// Which values of an element are wanted.
    pub paths: PathNode,
    /// Number of slots an element fills.
    pub slots: usize,
    /// A cell for each column.
    pub cells: Vec<Cell>,
}

/// Where a column's value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// The source.
    pub source: Source,
    /// Taken instead of null.
    pub default: Option<String>,
    /// Null is a reason for a dead letter.
    pub required: bool,
    /// For a changing column: null means that the event does not change it.
    pub if_present: bool,
}

/// A source of values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Always NULL.
    Null,
    /// A constant.
    Constant(String),
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
    /// The number of elements of the array in this slot; NULL where there is no array.
    Length(usize, String),
    /// The line's number, from 1.
    LineNumber,
}

impl Cell {
    /// A cell that simply takes its source.
    #[must_use]
    pub fn of(source: Source) -> Self {
        Self { source, default: None, required: false, if_present: false }
    }
}
