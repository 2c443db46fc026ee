//! An envelope of a file's own: where the facts of an event are.

use super::plan::{Cell, Place, Tree};

/// Where the facts of an event are: its type, its id, its time and its values.
#[derive(Debug)]
pub enum Envelope {
    /// The five fields of the platform's contract.
    Contract,
    /// As a file's `[envelope]` says.
    Declared(Box<Declared>),
}

#[derive(Debug)]
pub struct Declared {
    pub each: Option<Each>,
    pub event_type: TypeSource,
    pub id: IdSource,
    pub time: Cell,
    /// The first of these places that is not null.
    pub data: Vec<Place>,
}

/// The array whose elements are events of their own.
#[derive(Debug)]
pub enum Each {
    /// The message itself; one that is not an array is one event.
    Message,
    /// At this path of the message.
    Path(Box<Tree>, String),
}

#[derive(Debug)]
pub enum TypeSource {
    Constant(String),
    Value(Cell),
    /// Joined by dots.
    Join(Vec<Cell>),
}

#[derive(Debug)]
pub enum IdSource {
    Value(Cell),
    /// A hash of the key and the message without its secrets.
    Content,
    /// The message's place in Kafka, with the topic's name where events of several topics meet.
    Position {
        has_topic: bool,
    },
}

impl IdSource {
    #[must_use]
    pub const fn is_content(&self) -> bool {
        matches!(self, Self::Content)
    }
}

impl Declared {
    /// Of its facts.
    pub(super) fn cells(&self) -> impl Iterator<Item = &Cell> {
        let of_type = match &self.event_type {
            TypeSource::Constant(_) => &[][..],
            TypeSource::Value(cell) => std::slice::from_ref(cell),
            TypeSource::Join(cells) => cells,
        };
        let id = match &self.id {
            IdSource::Value(cell) => Some(cell),
            IdSource::Content | IdSource::Position { .. } => None,
        };
        of_type.iter().chain(id).chain([&self.time])
    }

    pub(super) fn cells_mut(&mut self) -> impl Iterator<Item = &mut Cell> {
        let of_type = match &mut self.event_type {
            TypeSource::Constant(_) => &mut [][..],
            TypeSource::Value(cell) => std::slice::from_mut(cell),
            TypeSource::Join(cells) => cells,
        };
        let id = match &mut self.id {
            IdSource::Value(cell) => Some(cell),
            IdSource::Content | IdSource::Position { .. } => None,
        };
        of_type.iter_mut().chain(id).chain([&mut self.time])
    }
}
