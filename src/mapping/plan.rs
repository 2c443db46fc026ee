//! The plan of each event type, every name resolved to an index.

use super::convert::Convert;
use super::declared::Envelope;
use super::table::TableId;
use crate::redact::{KeyFilter, Secrets};
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
    /// In the contract's envelope also the first part of its event types.
    pub name: String,
    pub envelope: Envelope,
    /// By event type, for those that the mapping names.
    pub events: FxHashMap<String, EventPlan>,
    /// For event types that begin so, the longest beginning first.
    pub prefixes: Vec<(String, EventPlan)>,
    /// For every other event type of the topic.
    pub other: EventPlan,
    /// For messages without a value; `None`: they are counted and skipped.
    pub tombstone: Option<EventPlan>,
    /// The wanted values of a message's key, if that is JSON.
    pub key: Tree,
    /// The wanted values of the message, or of the element that is an event: the envelope's facts, and what columns
    /// want beside `data`.
    pub message: Tree,
    /// Names of the headers that are wanted.
    pub headers: Vec<String>,
    /// Whether the message's key is wanted as a text.
    pub has_whole_key: bool,
    /// Keys to redact.
    pub secrets: Secrets,
}

impl TopicPlan {
    /// Whether rows depend on the message's key.
    #[must_use]
    pub fn reads_key(&self) -> bool {
        let is_hashed = match &self.envelope {
            Envelope::Declared(declared) => declared.id.is_content(),
            Envelope::Contract => false,
        };
        is_hashed || self.has_whole_key || self.key.slots > 0
    }

    /// Whether some event writes into this table.
    #[must_use]
    pub fn fills(&self, table: TableId) -> bool {
        let named = self.events.values().chain(self.prefixes.iter().map(|(_, plan)| plan));
        let mut plans = named.chain([&self.other]).chain(&self.tombstone);
        plans.any(|plan| plan.rows.iter().any(|row| row.table == table))
    }

    /// What an event of this type writes.
    #[must_use]
    pub fn plan(&self, event_type: &str) -> &EventPlan {
        self.events.get(event_type).unwrap_or_else(|| {
            let prefixes = &mut self.prefixes.iter();
            let longest = prefixes.find(|(prefix, _)| event_type.starts_with(prefix));
            longest.map_or(&self.other, |(_, plan)| plan)
        })
    }
}

/// Wanted values of a document.
#[derive(Debug, Default, Clone)]
pub struct Tree {
    pub root: PathNode,
    /// How many slots it fills.
    pub slots: usize,
}

/// What an event of one type writes.
#[derive(Debug, Default, Clone)]
pub struct EventPlan {
    /// Index into [`super::Mapping::labels`].
    pub label: LabelId,
    /// The wanted values of `data`.
    pub paths: PathNode,
    /// How many slots `paths` fills.
    pub slots: usize,
    /// Those of the topic's wanted values of the message that are this event's, with slots of their own.
    pub message: Tree,
    /// The mapping knows nothing of such events, not even that they are to be ignored.
    pub is_unknown: bool,
    /// Empty if the mapping ignores the event.
    pub rows: Vec<RowPlan>,
    /// The arrays with one row per element.
    pub lines: Vec<LinesPlan>,
}

/// A wanted place in `data`: a node of the tree of keys that flatten follows along the tape.
#[derive(Debug, Default, Clone)]
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

#[derive(Debug, Clone)]
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
#[derive(Debug, Clone)]
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
    /// In a line: what the entity's row has as its key.
    Key(Box<Cell>),
    /// The first of these places in `data` that is not null: slot and path.
    Slots(Vec<(usize, String)>),
    /// The same where not all of them are in `data`.
    Places(Vec<Place>),
    /// The line's number, from 1.
    LineNumber,
}

/// Where a value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A path in a document: its slot, and its text.
    At(Root, usize, String),
    /// All of `data`.
    WholeData,
    /// All of the message, or of the element.
    WholeMessage,
    /// The message's key as text.
    KeyText,
    /// The last header of this name.
    Header(String),
    Topic,
    Partition,
    Offset,
    /// When the producer or the broker stamped the message.
    KafkaTimestamp,
    EventType,
    EventId,
    Timestamp,
}

/// Where a path begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Root {
    /// `data`, or an element that becomes a line.
    Data,
    /// The message, or the element of it that is the event.
    Message,
    /// The message's key.
    Key,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::At(Root::Data, _, path) => write!(f, "data.{path}"),
            Self::At(Root::Message, _, path) => f.write_str(path),
            Self::At(Root::Key, _, path) => write!(f, "$key.{path}"),
            Self::Header(name) => write!(f, "$header.{name}"),
            Self::WholeData => f.write_str("$data"),
            Self::WholeMessage => f.write_str("$message"),
            Self::KeyText => f.write_str("$key"),
            Self::Topic => f.write_str("$topic"),
            Self::Partition => f.write_str("$partition"),
            Self::Offset => f.write_str("$offset"),
            Self::KafkaTimestamp => f.write_str("$kafka_timestamp"),
            Self::EventType => f.write_str("$event_type"),
            Self::EventId => f.write_str("$event_id"),
            Self::Timestamp => f.write_str("$timestamp"),
        }
    }
}

impl Place {
    /// Whether every event has a value here.
    #[must_use]
    pub const fn is_always_there(&self) -> bool {
        matches!(
            self,
            Self::Topic
                | Self::Partition
                | Self::Offset
                | Self::EventType
                | Self::EventId
                | Self::Timestamp
        )
    }
}

impl EventPlan {
    /// Every cell, of rows and lines; of a line's key, the one within.
    pub fn cells(&self) -> impl Iterator<Item = &Cell> {
        let lines = self.lines.iter().flat_map(|lines| lines.key().into_iter().chain(&lines.cells));
        self.rows.iter().flat_map(|row| &row.cells).chain(lines)
    }

    pub(super) fn cells_mut(&mut self) -> impl Iterator<Item = &mut Cell> {
        let lines =
            self.lines.iter_mut().flat_map(|lines| lines.cells.iter_mut().map(Cell::innermost));
        self.rows.iter_mut().flat_map(|row| &mut row.cells).chain(lines)
    }
}

impl LinesPlan {
    /// The cell within that of the key, if the key is not the envelope's.
    pub(super) fn key(&self) -> Option<&Cell> {
        match &self.cells.first()?.source {
            Source::Key(cell) => Some(cell),
            _ => None,
        }
    }

    pub(super) fn key_mut(&mut self) -> Option<&mut Cell> {
        match &mut self.cells.first_mut()?.source {
            Source::Key(cell) => Some(cell),
            _ => None,
        }
    }
}

impl Source {
    /// Where to look for the value, in this order.
    #[must_use]
    pub fn of(places: Vec<Place>) -> Self {
        match places.as_slice() {
            [] => return Self::Null,
            [Place::EventType] => return Self::EventType,
            [Place::WholeData] => return Self::Data,
            _ => {}
        }
        let in_data = |place: &Place| match place {
            Place::At(Root::Data, slot, path) => Some((*slot, path.clone())),
            _ => None,
        };
        match places.iter().map(in_data).collect() {
            Some(slots) => Self::Slots(slots),
            None => Self::Places(places),
        }
    }
}

impl Cell {
    /// Of the key of a line, the cell within.
    fn innermost(&mut self) -> &mut Self {
        if !matches!(self.source, Source::Key(_)) {
            return self;
        }
        match &mut self.source {
            Source::Key(cell) => cell,
            _ => unreachable!("it has just been one"),
        }
    }

    /// Whether it takes texts as they are.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.convert.is_none() && self.nulls.is_empty()
    }

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
