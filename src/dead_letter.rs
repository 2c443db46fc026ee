//! Faulty messages, kept with the verdict on them.
//!
//! A dead letter is written in the transaction of the batch that covers its offset, so it is as
//! durable as the rows beside it. Its payload has been redacted before it gets here.

pub mod address;
pub mod mask;
pub mod store;

use crate::buffer::column;
use crate::datetime::{Micros, is_storable};
use crate::mapping::Secrets;
use crate::reject::Reject;
use std::sync::Arc;

/// Largest Kafka key that a dead letter keeps, in bytes; a longer one is cut.
pub const KEY_BYTES_MAX: usize = 1024;
/// Longest sentence that a dead letter keeps, in characters.
pub const TEXT_CHARS_MAX: usize = 1024;

/// A faulty message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Kafka topic.
    pub topic: Arc<str>,
    /// Kafka partition.
    pub partition: i32,
    /// Kafka offset.
    pub offset: i64,
    /// Kafka key, masked and cut.
    pub key: Option<Vec<u8>>,
    /// The message without its secrets.
    pub payload: Vec<u8>,
    /// Size of the message as it came.
    pub payload_bytes: usize,
    /// Whether `payload` is only its beginning.
    pub payload_cut: bool,
    /// `event_type`, where it could be read.
    pub event_type: Option<String>,
    /// `event_id`, where it could be read.
    pub event_id: Option<String>,
    /// The verdict.
    pub reject: Reject,
    /// When the producer or the broker stamped the message; [`column::NULL`] if neither did.
    pub kafka_timestamp: Micros,
    /// When the verdict was given.
    pub dead_at: Micros,
}

/// What Kafka says about a message.
#[derive(Debug, Clone)]
pub struct Origin<'m> {
    /// Topic.
    pub topic: Arc<str>,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
    /// Key.
    pub key: Option<&'m [u8]>,
    /// Size of the value in bytes.
    pub bytes: usize,
    /// When the producer or the broker stamped it, in milliseconds since 1970.
    pub timestamp_ms: Option<i64>,
}

impl DeadLetter {
    /// A dead letter for a faulty message, with at most `payload_bytes_max` bytes of it.
    #[must_use]
    pub fn new(
        origin: Origin<'_>,
        faulty: crate::flatten::Faulty,
        secrets: &Secrets,
        payload_bytes_max: usize,
        dead_at: Micros,
    ) -> Self {
        let crate::flatten::Faulty { mut reject, identity, mut payload } = faulty;
        let payload_cut = payload.len() > payload_bytes_max;
        payload.truncate(payload_bytes_max);
        // The letter counts what it keeps, not the message that it is of.
        payload.shrink_to_fit();
        if let Some((end, _)) = reject.text.char_indices().nth(TEXT_CHARS_MAX) {
            reject.text.truncate(end);
        }
        // Whatever masking makes of it, its column holds so much and no more.
        let key = origin.key.map(|key| {
            let mut key = mask::mask_key(&key[..key.len().min(KEY_BYTES_MAX)], secrets);
            key.truncate(KEY_BYTES_MAX);
            key
        });
        Self {
            topic: origin.topic,
            partition: origin.partition,
            offset: origin.offset,
            key,
            payload,
            payload_bytes: origin.bytes,
            payload_cut,
            event_type: identity.event_type,
            event_id: identity.event_id,
            reject,
            // Producers stamp what they like.
            kafka_timestamp: origin
                .timestamp_ms
                .map(|ms| ms.saturating_mul(1000))
                .filter(|&micros| is_storable(micros))
                .unwrap_or(column::NULL),
            dead_at,
        }
    }

    /// Bytes that it takes in a batch.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.payload.len() + self.key.as_ref().map_or(0, Vec::len) + self.reject.text.len() + 128
    }
}
