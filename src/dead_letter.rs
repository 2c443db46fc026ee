//! Faulty messages, kept with the verdict on them.
//!
//! A dead letter is written in the transaction of the batch that covers its offset, so it is as
//! durable as the rows beside it. Its payload has been redacted before it gets here.

mod adopt;

use crate::datetime::Micros;
use crate::offsets::Origin;
use crate::reject::Reject;
use std::collections::BTreeMap;
use std::sync::Arc;

pub use adopt::adopt;

/// The table of dead letters.
pub const TABLE: &str = "dead_letters";
/// The columns that a dead letter fills.
pub(crate) const COLUMNS: [&str; 16] = [
    "topic",
    "kafka_partition",
    "kafka_offset",
    "topic_id",
    "cluster_id",
    "message_key",
    "message_headers",
    "payload",
    "payload_bytes",
    "payload_cut",
    "event_type",
    "event_id",
    "error_code",
    "error_text",
    "kafka_timestamp",
    "dead_at",
];

/// The unique key: it names the message. The ids tell it from another topic's of the same name.
pub(crate) const KEY: [&str; 5] =
    ["topic", "kafka_partition", "kafka_offset", "topic_id", "cluster_id"];

/// Largest Kafka key that a dead letter keeps, in bytes; a longer one is cut.
pub const KEY_BYTES_MAX: usize = 1024;
/// Longest sentence that a dead letter keeps, in characters.
pub const TEXT_CHARS_MAX: usize = 1024;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    pub topic: Arc<str>,
    pub partition: i32,
    pub offset: i64,
    /// The topic of this name that it came from.
    pub origin: Origin,
    /// The Kafka key, masked and cut.
    pub key: Option<Vec<u8>>,
    /// The headers that the mapping reads, by name.
    pub headers: BTreeMap<String, String>,
    /// The message without its secrets.
    pub payload: Vec<u8>,
    /// Size of the message as it came.
    pub payload_bytes: usize,
    /// Whether `payload` is only the message's beginning.
    pub payload_cut: bool,
    /// `event_type`, where it could be read.
    pub event_type: Option<String>,
    /// `event_id`, where it could be read.
    pub event_id: Option<String>,
    pub reject: Reject,
    /// When the producer or the broker stamped the message; `None` if neither did.
    pub kafka_timestamp: Option<Micros>,
    /// When the verdict was given.
    pub dead_at: Micros,
}

impl DeadLetter {
    /// The headers as a JSON object; `None` if it has none.
    #[must_use]
    pub fn headers_text(&self) -> Option<String> {
        (!self.headers.is_empty()).then(|| serde_json::json!(self.headers).to_string())
    }

    /// Bytes that it takes in a batch.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let headers = self.headers.iter().map(|(name, value)| name.len() + value.len());
        let key = self.key.as_ref().map_or(0, Vec::len);
        self.payload.len() + key + headers.sum::<usize>() + self.reject.text.len() + 128
    }
}
