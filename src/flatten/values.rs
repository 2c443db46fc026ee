//! What is at a place: a value on a tape, or one that comes from beside the message.

use super::cells::Token;
use super::event::{EventInput, Part};
use super::walk::ABSENT;
use crate::datetime::{Micros, is_storable};
use crate::decode::{Document, Envelope};
use crate::mapping::{Place, Root};
use crate::message::Message;
use simd_json::{Node, StaticNode};

/// A value on its way into a column. Nodes may be null, the others are not.
#[derive(Clone, Copy)]
pub(super) enum Value<'v> {
    Node(&'v Document<'v>, usize),
    /// All of a part of the message, as JSON.
    Part(Part),
    Text(&'v str),
    Number(i64),
    Time(Micros),
}

impl<'v> Value<'v> {
    /// The text of a value that is one, or that is a whole number or a boolean.
    pub(super) fn token(&self) -> Option<Token<'v>> {
        match *self {
            Value::Node(document, at) => match document.tape[at] {
                Node::String(text) => Some(Token::Text(text)),
                Node::Static(StaticNode::Null) => None,
                _ => Some(Token::In(document, at)),
            },
            Value::Text(text) => Some(Token::Text(text)),
            Value::Part(_) | Value::Number(_) | Value::Time(_) => None,
        }
    }
}

/// A value of a message beside its own: its key, its headers, where it is in Kafka. `None` if it has none.
///
/// # Errors
/// A sentence about it, if it should be text and is not.
pub(super) fn beside<'m>(
    message: &'m Message<'_>,
    topic: &'m str,
    place: &Place,
) -> Option<Result<Value<'m>, String>> {
    let text = |bytes: &'m [u8]| match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Value::Text(text)),
        Err(error) => Err(format!("{place} is not UTF-8 (byte {})", error.valid_up_to())),
    };
    match place {
        Place::KeyText => Some(text(message.key?)),
        Place::Header(name) => Some(text(message.header(name)?)),
        Place::Topic => Some(Ok(Value::Text(topic))),
        Place::Partition => Some(Ok(Value::Number(i64::from(message.partition)))),
        Place::Offset => Some(Ok(Value::Number(message.offset))),
        Place::KafkaTimestamp => {
            let micros =
                message.timestamp_ms?.checked_mul(1000).filter(|micros| is_storable(*micros));
            Some(Ok(Value::Time(micros?)))
        }
        Place::At(..)
        | Place::WholeData
        | Place::WholeMessage
        | Place::EventType
        | Place::EventId
        | Place::Timestamp => None,
    }
}

impl<'e> EventInput<'e> {
    /// What is at a place; `slots` are those of `data`, or of an element that becomes a line.
    ///
    /// # Errors
    /// As [`beside`].
    pub(super) fn value(&self, place: &Place, slots: &[u32]) -> Option<Result<Value<'e>, String>> {
        let node = |document: &'e Document<'e>, at: u32| match at {
            ABSENT => None,
            at => Some(Ok(Value::Node(document, at as usize))),
        };
        let Envelope { event_type, event_id, timestamp, data, .. } = *self.envelope;
        match place {
            Place::At(Root::Data, slot, _) => node(self.document, slots[*slot]),
            Place::At(Root::Message, slot, _) => node(self.document, self.facts[*slot]),
            Place::At(Root::Key, slot, _) => {
                let (document, slots) = self.key?;
                node(document, slots[*slot])
            }
            Place::WholeData => match self.document.tape[data] {
                Node::Static(StaticNode::Null) => None,
                _ => Some(Ok(Value::Part(self.data()))),
            },
            Place::WholeMessage => match self.document.tape[self.part.at] {
                Node::Static(StaticNode::Null) => None,
                _ => Some(Ok(Value::Part(self.part))),
            },
            Place::EventType => Some(Ok(Value::Text(event_type))),
            Place::EventId => Some(Ok(Value::Text(event_id))),
            Place::Timestamp => Some(Ok(Value::Time(timestamp))),
            beside_it => beside(self.message, self.topic, beside_it),
        }
    }
}
