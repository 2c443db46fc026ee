//! The verdict on a faulty event: a stable code and a sentence that never quotes the event.

use std::fmt;

/// What is wrong with an event. The text of a code is stored in `dead_letters.error_code` and used
/// as a metric label: it never changes once released.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    /// Not one strict JSON document in UTF-8.
    JsonInvalid,
    /// Nested deeper than the server's JSON column accepts, or with a key or number that it refuses.
    JsonLimit,
    /// The message or its rows take more memory than one message may.
    EventTooLarge,
    /// A JSON document, but not an object.
    EnvelopeNotObject,
    /// `event_type`, `event_id`, `timestamp`, `entity_id` or `data` is missing or null.
    EnvelopeFieldMissing,
    /// One of them has the wrong JSON type.
    EnvelopeFieldType,
    /// `event_type` is not `<topic>.<action>`; or, with an envelope of its own, not 1 to 100 characters.
    EventTypeInvalid,
    /// The mapping has no table for the event type and does not ignore it.
    EventTypeUnknown,
    /// The topic part of `event_type` is not the Kafka topic.
    TopicMismatch,
    /// No mapping knows the Kafka topic.
    TopicUnknown,
    /// `event_id` is not 1 to 50 printable ASCII characters without blanks.
    EventIdInvalid,
    /// The same for `entity_id`.
    EntityIdInvalid,
    /// `timestamp` is not a time, or not one that `DATETIME` can hold.
    TimestampInvalid,
    /// A required value is missing or null.
    ValueMissing,
    /// A value has the wrong JSON type for its column.
    ValueType,
    /// A string is longer than its column.
    ValueTooLong,
    /// A number is negative, fractional or larger than a signed 64-bit integer.
    ValueOutOfRange,
    /// A string is not among the values of its `ENUM` column.
    ValueNotInEnum,
    /// A string is not a time that its `DATETIME` column can hold.
    ValueTimestamp,
    /// The database server refused the row although it passed validation: a fault of the mapping.
    ServerRefused,
    /// No partition of the table covers the row's time.
    PartitionMissing,
}

impl Code {
    /// Every code, for documentation and for metrics that start at zero.
    pub const ALL: [Self; 21] = [
        Self::JsonInvalid,
        Self::JsonLimit,
        Self::EventTooLarge,
        Self::EnvelopeNotObject,
        Self::EnvelopeFieldMissing,
        Self::EnvelopeFieldType,
        Self::EventTypeInvalid,
        Self::EventTypeUnknown,
        Self::TopicMismatch,
        Self::TopicUnknown,
        Self::EventIdInvalid,
        Self::EntityIdInvalid,
        Self::TimestampInvalid,
        Self::ValueMissing,
        Self::ValueType,
        Self::ValueTooLong,
        Self::ValueOutOfRange,
        Self::ValueNotInEnum,
        Self::ValueTimestamp,
        Self::ServerRefused,
        Self::PartitionMissing,
    ];

    /// The stable text of the code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::JsonInvalid => "json_invalid",
            Self::JsonLimit => "json_limit",
            Self::EventTooLarge => "event_too_large",
            Self::EnvelopeNotObject => "envelope_not_object",
            Self::EnvelopeFieldMissing => "envelope_field_missing",
            Self::EnvelopeFieldType => "envelope_field_type",
            Self::EventTypeInvalid => "event_type_invalid",
            Self::EventTypeUnknown => "event_type_unknown",
            Self::TopicMismatch => "topic_mismatch",
            Self::TopicUnknown => "topic_unknown",
            Self::EventIdInvalid => "event_id_invalid",
            Self::EntityIdInvalid => "entity_id_invalid",
            Self::TimestampInvalid => "timestamp_invalid",
            Self::ValueMissing => "value_missing",
            Self::ValueType => "value_type",
            Self::ValueTooLong => "value_too_long",
            Self::ValueOutOfRange => "value_out_of_range",
            Self::ValueNotInEnum => "value_not_in_enum",
            Self::ValueTimestamp => "value_timestamp",
            Self::ServerRefused => "server_refused",
            Self::PartitionMissing => "partition_missing",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A verdict: the event cannot be loaded, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text} [{code}]")]
pub struct Reject {
    pub code: Code,
    /// One sentence that names field, column and limit.
    pub text: String,
}

impl Reject {
    pub fn new(code: Code, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn codes_are_distinct_and_fit_their_column() {
        let docs = include_str!("../docs/dead-letters.md");
        for code in Code::ALL {
            assert!(
                docs.contains(&format!("\n| `{code}` |")),
                "{code} is not in docs/dead-letters.md"
            );
        }
        let texts: BTreeSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(texts.len(), Code::ALL.len());
        assert!(texts.iter().all(|text| text.len() <= 64));
    }
}
