//! Where a dead letter came from.

use crate::offsets::is_topic_name;
use serde::ser::{Serialize, SerializeStruct, Serializer};
use std::fmt;
use std::str::FromStr;

/// A message's place in Kafka, written `topic/partition/offset`, such as `order/3/1234`. A topic that was
/// recreated has the same places again; see [`Name`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { topic, partition, offset } = self;
        write!(f, "{topic}/{partition}/{offset}")
    }
}

/// The one unique name of a dead letter. Sorts like the table's unique key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct Name {
    #[serde(flatten)]
    pub address: Address,
    /// "" if it is not known, as `cluster_id`.
    pub topic_id: String,
    pub cluster_id: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an address such as order/3/1234 (topic/partition/offset)")]
pub struct NotAnAddress;

impl FromStr for Address {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        // From the end, so that a prefix before the topic could be added later.
        let mut parts = text.rsplitn(3, '/');
        let offset = parts.next().and_then(|part| part.parse().ok()).filter(|offset| *offset >= 0);
        let partition = parts.next().and_then(|part| part.parse().ok()).filter(|part| *part >= 0);
        let topic = parts.next().filter(|topic| is_topic_name(topic));
        match (topic, partition, offset) {
            (Some(topic), Some(partition), Some(offset)) => {
                Ok(Self { topic: topic.to_owned(), partition, offset })
            }
            _ => Err(NotAnAddress),
        }
    }
}

/// As JSON: in one piece, to pass to a command, and in its parts.
impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Address", 4)?;
        fields.serialize_field("address", &self.to_string())?;
        fields.serialize_field("topic", &self.topic)?;
        fields.serialize_field("partition", &self.partition)?;
        fields.serialize_field("offset", &self.offset)?;
        fields.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for text in ["order/3/1234", "prod.order_v2-x/0/0", "a/2147483647/9223372036854775807"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "17",
            "order",
            "order/3",
            "/3/4",
            "order/3/",
            "order/-1/4",
            "or der/3/4",
            "a/b/3/4",
            "ü/3/4",
        ] {
            assert_eq!(text.parse::<Address>(), Err(NotAnAddress), "{text}");
        }
    }
}
