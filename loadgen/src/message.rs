//! What the generator gives: a message as a Kafka producer takes it, and what became of it on the way.

use std::borrow::Cow;

/// The seven topics of the contract.
pub const TOPICS: [&str; 7] =
    ["user", "supplier", "order", "post", "product", "promotion", "community"];

/// One Kafka message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The topic it belongs into.
    pub topic: Cow<'static, str>,
    /// The entity id; it decides the partition.
    pub key: Option<Vec<u8>>,
    /// The event's bytes; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// How it came about.
    pub kind: Kind,
}

/// How a message came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A valid event, in its place.
    Valid,
    /// A valid event that was held back: nearly always, younger ones came first.
    Late,
    /// A valid event once more, byte for byte.
    Duplicate,
    /// A certain dead letter, and why.
    Poison(&'static str),
    /// Read back from a file, as it was.
    Replayed,
}

impl Message {
    /// Bytes of key and value together.
    #[must_use]
    pub fn size(&self) -> usize {
        self.key.as_ref().map_or(0, Vec::len) + self.value.as_ref().map_or(0, Vec::len)
    }
}
