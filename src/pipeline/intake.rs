//! One message → rows or a dead letter in a batch.

use super::Setup;
use crate::buffer::{Batch, Sample};
use crate::config::Config;
use crate::datetime::{Micros, is_storable};
use crate::dead_letter::{DeadLetter, KEY_BYTES_MAX, TEXT_CHARS_MAX};
use crate::flatten::{Faulty, Flattener, Loaded};
use crate::mapping::{LabelId, Mapping};
use crate::offsets::Origin;
use crate::redact::{Secrets, mask_key};
use crate::reject::{Code, Reject};
use std::sync::Arc;

/// A borrowed message.
#[derive(Debug, Clone, Copy)]
pub struct Message<'m> {
    pub topic: &'m str,
    pub partition: i32,
    pub offset: i64,
    pub key: Option<&'m [u8]>,
    /// `None`: a tombstone.
    pub payload: Option<&'m [u8]>,
    /// When the producer or the broker stamped it, in milliseconds since 1970.
    pub timestamp_ms: Option<i64>,
}

impl<'m> Message<'m> {
    pub(super) fn of(message: &'m impl rdkafka::Message) -> Self {
        Self {
            topic: message.topic(),
            partition: message.partition(),
            offset: message.offset(),
            key: message.key(),
            payload: message.payload(),
            timestamp_ms: message.timestamp().to_millis(),
        }
    }
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// A tombstone.
    Skipped,
    /// An event of this label that the mapping ignores.
    Ignored(LabelId),
    /// Rows of an event of this label.
    Event(LabelId),
    /// A dead letter.
    Rejected(Code),
}

pub(super) struct Intake {
    flattener: Flattener,
    mapping: Arc<Mapping>,
    config: Arc<Config>,
}

impl Intake {
    pub(super) fn new(setup: &Setup) -> Self {
        Self {
            flattener: Flattener::new(Arc::clone(&setup.mapping), setup.json_limits)
                .within(setup.config.message_limits),
            mapping: Arc::clone(&setup.mapping),
            config: Arc::clone(&setup.config),
        }
    }

    /// Appends a message to `batch`, whole or as a dead letter. The caller covers its offset.
    pub(super) fn take(
        &mut self,
        topic: &Arc<str>,
        origin: &Origin,
        message: &Message<'_>,
        now: Micros,
        batch: &mut Batch,
    ) -> Taken {
        let Some(payload) = message.payload else { return Taken::Skipped };
        match self.flattener.load(self.config.kafka.mapped_name(topic), payload, batch) {
            Ok(Loaded { label, is_ignored: true, .. }) => Taken::Ignored(label),
            Ok(Loaded { label, timestamp, .. }) => {
                batch.note_event(Sample { event: timestamp, kafka_ms: message.timestamp_ms });
                Taken::Event(label)
            }
            Err(faulty) => {
                let code = faulty.reject.code;
                self.bury(topic, origin, message, *faulty, now, batch);
                Taken::Rejected(code)
            }
        }
    }

    /// Appends a dead letter for a message that passed validation but that the server refused.
    pub(super) fn refuse(
        &mut self,
        topic: &Arc<str>,
        origin: &Origin,
        message: &Message<'_>,
        reject: Reject,
        now: Micros,
        batch: &mut Batch,
    ) {
        let faulty = self.flattener.refuse(message.payload.unwrap_or_default(), reject);
        self.bury(topic, origin, message, faulty, now, batch);
    }

    /// The id of the event that a message carries, if we can read it.
    pub(super) fn event_id(&mut self, message: &Message<'_>) -> Option<String> {
        self.flattener.identify(message.payload?).event_id
    }

    fn bury(
        &self,
        topic: &Arc<str>,
        origin: &Origin,
        message: &Message<'_>,
        faulty: Faulty,
        now: Micros,
        batch: &mut Batch,
    ) {
        let Faulty { mut reject, identity, mut payload } = faulty;
        let payload_cut = payload.len() > self.config.dead_letter_payload_bytes;
        payload.truncate(self.config.dead_letter_payload_bytes);
        // The letter's size is what it keeps, not what the message had.
        payload.shrink_to_fit();
        if let Some((end, _)) = reject.text.char_indices().nth(TEXT_CHARS_MAX) {
            reject.text.truncate(end);
        }
        batch.push_dead_letter(DeadLetter {
            topic: Arc::clone(topic),
            partition: message.partition,
            offset: message.offset,
            origin: origin.clone(),
            key: message.key.map(|key| kept_key(key, &self.mapping.secrets)),
            payload,
            payload_bytes: message.payload.map_or(0, <[u8]>::len),
            payload_cut,
            event_type: identity.event_type,
            event_id: identity.event_id,
            reject,
            // Producers may stamp anything.
            kafka_timestamp: message
                .timestamp_ms
                .map(|ms| ms.saturating_mul(1000))
                .filter(|&micros| is_storable(micros)),
            dead_at: now,
        });
    }
}

/// A message's key as a dead letter keeps it. We cut it before masking and again after, because
/// masking may lengthen it beyond its column.
fn kept_key(key: &[u8], secrets: &Secrets) -> Vec<u8> {
    let mut kept = mask_key(&key[..key.len().min(KEY_BYTES_MAX)], secrets);
    kept.truncate(KEY_BYTES_MAX);
    kept
}
