//! One message → rows or a dead letter in a batch.

use super::Setup;
use crate::buffer::{Batch, Sample};
use crate::config::Config;
use crate::datetime::{Micros, is_storable};
use crate::dead_letter::{DeadLetter, KEY_BYTES_MAX, TEXT_CHARS_MAX};
use crate::decode::{EVENT_TYPE_CHARS_MAX, ID_CHARS_MAX};
use crate::flatten::{Faulty, Flattener, Loaded, headers_of_letter, key_of_letter};
use crate::mapping::{Mapping, TOMBSTONE};
use crate::message::Message;
use crate::offsets::Origin;
use crate::reject::{Code, Reject};
use std::sync::Arc;

/// What became of a message.
#[derive(Debug, Clone, Copy)]
pub(super) enum Taken<'t> {
    /// A tombstone that the mapping does not know.
    Skipped,
    /// Its events: one, or as many as the array has elements.
    Events(&'t [Loaded]),
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
    ) -> Taken<'_> {
        let Self { flattener, mapping, config } = self;
        match flattener.load(message, config.kafka.mapped_name(topic), batch) {
            Ok([]) => Taken::Skipped,
            Ok(events) => {
                // The time of one is enough.
                if let Some(event) = events.iter().find(|event| !event.is_ignored) {
                    let event = event.timestamp;
                    batch.note_event(Sample { event, kafka_ms: message.timestamp_ms });
                }
                Taken::Events(events)
            }
            Err(faulty) => {
                let code = faulty.reject.code;
                let letter = letter(mapping, config, (topic, origin), message, *faulty, now);
                batch.push_dead_letter(letter);
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
        let Self { flattener, mapping, config } = self;
        let faulty = flattener.refuse(message, config.kafka.mapped_name(topic), reject);
        batch.push_dead_letter(letter(mapping, config, (topic, origin), message, faulty, now));
    }

    /// The ids of the events that a message carries, as far as we can read them.
    pub(super) fn event_ids(&mut self, message: &Message<'_>) -> Vec<String> {
        let mapped = self.config.kafka.mapped_name(message.topic);
        let events = self.flattener.identities(message, mapped);
        events.into_iter().filter_map(|event| event.event_id).collect()
    }
}

fn letter(
    mapping: &Mapping,
    config: &Config,
    (topic, origin): (&Arc<str>, &Origin),
    message: &Message<'_>,
    faulty: Faulty,
    now: Micros,
) -> DeadLetter {
    let Faulty { mut reject, identity, mut payload } = faulty;
    let mapped = config.kafka.mapped_name(topic);
    let secrets = mapping.secrets_of(mapped);
    let payload_cut = payload.len() > config.dead_letter_payload_bytes;
    payload.truncate(config.dead_letter_payload_bytes);
    // The letter's size is what it keeps, not what the message had.
    payload.shrink_to_fit();
    if let Some((end, _)) = reject.text.char_indices().nth(TEXT_CHARS_MAX) {
        reject.text.truncate(end);
    }
    let fitting =
        |text: Option<String>, max: usize| text.filter(|text| text.chars().count() <= max);
    DeadLetter {
        topic: Arc::clone(topic),
        partition: message.partition,
        offset: message.offset,
        origin: origin.clone(),
        key: message.key.map(|key| {
            let mut kept = key_of_letter(key, mapping.topics.get(mapped), secrets);
            kept.truncate(KEY_BYTES_MAX);
            kept
        }),
        headers: headers_of_letter(message, mapping.topics.get(mapped), secrets),
        payload,
        payload_bytes: message.payload.map_or(0, <[u8]>::len),
        payload_cut,
        event_type: match message.payload {
            // So that a replay knows it from an empty message, whatever was wrong with it.
            None => Some(TOMBSTONE.to_owned()),
            Some(_) => fitting(identity.event_type, EVENT_TYPE_CHARS_MAX),
        },
        event_id: fitting(identity.event_id, ID_CHARS_MAX),
        reject,
        // Producers may stamp anything.
        kafka_timestamp: message
            .timestamp_ms
            .map(|ms| ms.saturating_mul(1000))
            .filter(|&micros| is_storable(micros)),
        dead_at: now,
    }
}
