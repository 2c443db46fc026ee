//! Partitions and offsets, as plain data that every stage may hold.

use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPartition {
    pub topic: Arc<str>,
    pub partition: i32,
}

impl std::fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.topic, self.partition)
    }
}

/// Which topic of its name a message is of: a recreated topic has the name of the one before, and
/// another cluster may have it, too. An id is "" if it is not known.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Origin {
    /// What Kafka calls its cluster.
    pub cluster_id: Arc<str>,
    /// What Kafka calls the topic, in base64 as its tools print it.
    pub topic_id: Arc<str>,
}

/// Longest [`Origin::cluster_id`] that the tables hold, in characters.
pub const CLUSTER_ID_CHARS_MAX: usize = 64;
/// Length of a [`Origin::topic_id`]: 128 bits in base64.
pub const TOPIC_ID_CHARS: usize = 22;

/// A partition, and which topic of its name it is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    pub partition: TopicPartition,
    pub origin: Origin,
}

/// The first and the next offset of partitions.
pub type Bounds = BTreeMap<TopicPartition, (i64, i64)>;

/// One offset for each partition.
pub type Offsets = BTreeMap<TopicPartition, i64>;

/// The number of a partition's assignment; see [`crate::pipeline`]. Numbers are never reused.
pub type AssignmentId = usize;

/// Consecutive messages of one partition: `from` is the first offset, `next` the one after the
/// last. Offsets in between that were never delivered (compacted, transaction markers) are
/// covered too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OffsetRange {
    /// The assignment of its partition.
    pub assignment: AssignmentId,
    pub from: i64,
    /// What is committed to Kafka.
    pub next: i64,
    /// How many messages came; fewer than offsets where there are gaps.
    pub messages: usize,
    /// Kafka's timestamp of the last message, in milliseconds since 1970.
    pub last_ms: Option<i64>,
}

/// A number for people: 12,034.
#[must_use]
pub fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::from(if number < 0 { "-" } else { "" });
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Whether Kafka allows a topic of this name. The database server would refuse to compare any other
/// text with its ASCII column.
#[must_use]
pub fn is_topic_name(text: &str) -> bool {
    let is_of_topic = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    !text.is_empty() && text.bytes().all(is_of_topic)
}
