//! Tape + plan → columns.
//!
//! Takes a message and appends the rows of its events to a batch. Holds true: a message is loaded whole or
//! not at all, and a row that leaves here fits its table. Fails with a [`Reject`] that names
//! field, column and limit. Absent: IO, the clock, SQL.

mod cells;
mod content;
mod cuts;
mod event;
mod facts;
mod json;
mod limits;
mod load;
mod locate;
mod measure;
mod numbers;
mod texts;
mod values;
mod walk;

use crate::buffer::Batch;
use crate::datetime::Micros;
use crate::decode::{self, Decoder, Document, Identity};
use crate::mapping::{Envelope, LabelId, Mapping, TableId, TopicPlan};
use crate::message::Message;
use crate::mysql::JsonLimits;
use crate::redact::{Secrets, mask};
use crate::reject::Reject;
use facts::Texts;
use simd_json::Node;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use walk::Found;

pub use limits::MessageLimits;

/// What stands for the value of a message without one.
const NO_VALUE: &[u8] = b"null";

/// Turns messages into rows of a batch. Its scratch space is reused from message to message.
pub struct Flattener {
    mapping: Arc<Mapping>,
    limits: JsonLimits,
    message_limits: MessageLimits,
    decoders: Decoders,
    scratch: Scratch,
    loaded: Vec<Loaded>,
}

#[derive(Default)]
struct Decoders {
    value: Decoder,
    key: Decoder,
}

#[derive(Default)]
struct Scratch {
    found: Found,
    /// Places in the message: of the envelope's facts, and of what columns want beside `data`.
    facts: Vec<u32>,
    /// Something is in the way of one of these places.
    is_blocked: bool,
    /// Places in the message's key.
    key: Vec<u32>,
    texts: Texts,
    /// How long each table was before the message.
    undo: Vec<(TableId, usize)>,
    /// What the rows of the message's events take, as far as it is measured.
    measured: usize,
}

/// A message, parsed.
struct Input<'i> {
    document: &'i Document<'i>,
    /// The message's key, if it is JSON and something of it is wanted.
    key: Option<&'i Document<'i>>,
    message: &'i Message<'i>,
    topic: &'i str,
    mapping: &'i Mapping,
    limits: JsonLimits,
    message_limits: MessageLimits,
}

/// An event whose rows are in the batch, or that the mapping ignores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loaded {
    /// What to count it as.
    pub label: LabelId,
    pub timestamp: Micros,
    /// It has no rows, because the mapping ignores it.
    pub is_ignored: bool,
}

/// A message that cannot be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faulty {
    pub reject: Reject,
    pub identity: Identity,
    /// The message without its secrets.
    pub payload: Vec<u8>,
}

impl Flattener {
    #[must_use]
    pub fn new(mapping: Arc<Mapping>, limits: JsonLimits) -> Self {
        Self {
            mapping,
            limits,
            message_limits: MessageLimits::NONE,
            decoders: Decoders::default(),
            scratch: Scratch::default(),
            loaded: Vec::new(),
        }
    }

    /// The same flattener with limits on the memory for one message.
    #[must_use]
    pub fn within(self, message_limits: MessageLimits) -> Self {
        let decoder = || Decoder::within(message_limits.decode);
        Self { message_limits, decoders: Decoders { value: decoder(), key: decoder() }, ..self }
    }

    /// Appends the rows of a message of `topic`, as the mapping calls it, to `batch`, or leaves the batch as
    /// it was. Gives its events: none of a tombstone that the mapping does not know.
    ///
    /// # Errors
    /// The verdict on a faulty message, and what its dead letter keeps of it.
    pub fn load(
        &mut self,
        message: &Message<'_>,
        topic: &str,
        batch: &mut Batch,
    ) -> Result<&[Loaded], Box<Faulty>> {
        let Self { mapping, limits, message_limits, decoders, scratch, loaded } = self;
        let (limits, message_limits) = (*limits, *message_limits);
        loaded.clear();
        let plan = mapping.topics.get(topic);
        let secrets = plan.map_or(&mapping.secrets, |plan| &plan.secrets);
        if message.payload.is_none() && plan.is_none_or(|plan| plan.tombstone.is_none()) {
            return Ok(loaded);
        }
        let kept = kept_key(message, plan);
        let message = &Message { key: kept.as_deref().or(message.key), ..*message };
        let done = decoders.decode(message, plan, |document, key| {
            let input = Input { document, key, message, topic, mapping, limits, message_limits };
            load::load(&input, plan, scratch, loaded, batch).map_err(|reject| {
                loaded.clear();
                let identity = scratch.identity(document, plan);
                // Only objects and arrays have keys to redact by.
                let payload = match document.tape[0] {
                    _ if message.payload.is_none() => Vec::new(),
                    Node::Object { .. } | Node::Array { .. } => {
                        cuts::without_secrets(document, secrets, &mut scratch.found)
                    }
                    _ => mask(document.source, secrets),
                };
                Box::new(Faulty { reject, identity, payload })
            })
        });
        let value = message.payload.unwrap_or_default();
        if value.len() >= decode::LARGE {
            // Or the small messages that follow would keep all that memory.
            scratch.found = Found::default();
        }
        done.unwrap_or_else(|reject| {
            let payload = mask(value, secrets);
            Err(Box::new(Faulty { reject, identity: Identity::default(), payload }))
        })?;
        Ok(loaded)
    }

    /// Loads a message of which there is nothing but its value.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn load_value(
        &mut self,
        topic: &str,
        value: &[u8],
        batch: &mut Batch,
    ) -> Result<&[Loaded], Box<Faulty>> {
        self.load(&Message::bare(topic, value), topic, batch)
    }

    /// What a dead letter keeps of a valid message that the server refused.
    pub fn refuse(&mut self, message: &Message<'_>, topic: &str, reject: Reject) -> Faulty {
        let identity = self.identities(message, topic).into_iter().next().unwrap_or_default();
        let Self { mapping, decoders, scratch, .. } = self;
        let (secrets, value) = (mapping.secrets_of(topic), message.payload.unwrap_or_default());
        let kept = decoders
            .value
            .decode(value, |document| cuts::without_secrets(document, secrets, &mut scratch.found));
        Faulty { reject, identity, payload: kept.unwrap_or_else(|_| mask(value, secrets)) }
    }

    /// The types and ids of a message's events, as far as they can be read.
    pub fn identities(&mut self, message: &Message<'_>, topic: &str) -> Vec<Identity> {
        let Self { mapping, limits, message_limits, decoders, scratch, .. } = self;
        let (limits, message_limits) = (*limits, *message_limits);
        let plan = mapping.topics.get(topic);
        let kept = kept_key(message, plan);
        let message = &Message { key: kept.as_deref().or(message.key), ..*message };
        let found = decoders.decode(message, plan, |document, key| {
            let input = Input { document, key, message, topic, mapping, limits, message_limits };
            load::identities(&input, plan, scratch)
        });
        found.unwrap_or_default()
    }
}

/// The key without its secrets, where all of it is wanted as a text and it is JSON.
fn kept_key(message: &Message<'_>, plan: Option<&TopicPlan>) -> Option<Vec<u8>> {
    let (plan, key) = (plan?, message.key?);
    let is_kept = plan.has_whole_key && content::is_like_json(key);
    is_kept.then(|| content::key_without_secrets(key, &plan.secrets))
}

/// What a dead letter keeps of a key. One that a mapping reads as a text goes into the tables as it is, and a
/// replay needs it; any other loses whatever may be a secret.
#[must_use]
pub fn key_of_letter(key: &[u8], plan: Option<&TopicPlan>, secrets: &Secrets) -> Vec<u8> {
    match plan {
        Some(plan) if plan.has_whole_key && !content::is_like_json(key) => key.to_vec(),
        _ => content::key_without_secrets(key, secrets),
    }
}

/// What a dead letter keeps of the headers: those that the mapping reads, by name. Others may hold anything.
#[must_use]
pub fn headers_of_letter(
    message: &Message<'_>,
    plan: Option<&TopicPlan>,
    secrets: &Secrets,
) -> BTreeMap<String, String> {
    let kept = |name: &String| {
        let value = header_of_letter(message.header(name)?, secrets);
        Some((name.clone(), String::from_utf8(value.into_owned()).ok()?))
    };
    plan.iter().flat_map(|plan| &plan.headers).filter_map(kept).collect()
}

/// Of a header that is JSON all but its secrets.
fn header_of_letter<'h>(value: &'h [u8], secrets: &Secrets) -> Cow<'h, [u8]> {
    match content::is_like_json(value) {
        true => Cow::Owned(content::json_without_secrets(value, secrets)),
        false => Cow::Borrowed(value),
    }
}

impl Decoders {
    /// Parses a message, and its key if something of that is wanted.
    fn decode<R>(
        &mut self,
        message: &Message<'_>,
        plan: Option<&TopicPlan>,
        read: impl FnOnce(&Document<'_>, Option<&Document<'_>>) -> R,
    ) -> Result<R, Reject> {
        let value = message.payload.unwrap_or(NO_VALUE);
        match message.key.filter(|_| plan.is_some_and(|plan| plan.key.slots > 0)) {
            None => self.value.decode(value, |document| read(document, None)),
            Some(key) => {
                let Self { value: decoder, key: key_decoder } = self;
                let done = key_decoder
                    .decode(key, |key| decoder.decode(value, |document| read(document, Some(key))));
                done.map_err(|reject| Reject {
                    text: format!("{} (the key of the message)", reject.text),
                    ..reject
                })?
            }
        }
    }
}

impl Scratch {
    /// What can be said of the event that was looked at last.
    fn identity(&self, document: &Document<'_>, plan: Option<&TopicPlan>) -> Identity {
        match plan.map(|plan| &plan.envelope) {
            Some(Envelope::Declared(_)) => self.texts.identity(),
            _ => document.identity(),
        }
    }
}

#[cfg(test)]
mod tests;
