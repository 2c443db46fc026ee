//! The envelope of an event: five fields, found and checked.

use super::{Document, kind, span};
use crate::datetime::{self, Micros};
use crate::reject::{Code, Reject};
use simd_json::Node;

/// Longest `event_type`, in characters.
pub const EVENT_TYPE_CHARS_MAX: usize = 100;
/// Longest `event_id` and `entity_id`, in characters.
pub const ID_CHARS_MAX: usize = 50;

/// The envelope of an event; see the contract for what each field means.
#[derive(Debug, Clone, Copy)]
pub struct Envelope<'d> {
    /// `<topic>.<action>` with an action in `[a-z0-9_]`, at most 100 characters.
    pub event_type: &'d str,
    /// 1 to 50 printable ASCII characters.
    pub event_id: &'d str,
    /// 1 to 50 printable ASCII characters.
    pub entity_id: &'d str,
    /// UTC.
    pub timestamp: Micros,
    /// Where the `data` object starts on the tape.
    pub data: usize,
}

/// What we could read of a faulty event, for its dead letter.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Identity {
    /// `event_type`, if it has the right shape.
    pub event_type: Option<String>,
    /// `event_id`, if it has the right shape.
    pub event_id: Option<String>,
}

impl<'d> Document<'d> {
    /// Reads and checks the envelope of a message of `topic`.
    ///
    /// # Errors
    /// Names the first field that is missing or has the wrong type or shape.
    pub fn envelope(&self, topic: &str) -> Result<Envelope<'d>, Reject> {
        let fields = self.envelope_fields()?;
        let event_type = event_type(fields[EVENT_TYPE].text(self, "event_type")?, topic)?;
        let event_id =
            id(fields[EVENT_ID].text(self, "event_id")?, "event_id", Code::EventIdInvalid)?;
        let timestamp = fields[TIMESTAMP].text(self, "timestamp")?;
        let timestamp = datetime::parse(timestamp)
            .map_err(|error| Reject::new(Code::TimestampInvalid, format!("timestamp {error}")))?;
        let entity_id =
            id(fields[ENTITY_ID].text(self, "entity_id")?, "entity_id", Code::EntityIdInvalid)?;
        let data = fields[DATA].node(self, "data")?;
        if !matches!(self.tape[data], Node::Object { .. }) {
            return Err(wrong_type("data", "an object", &self.tape[data]));
        }
        Ok(Envelope { event_type, event_id, entity_id, timestamp, data })
    }

    /// What can be read of an envelope, whatever else is wrong with the message.
    #[must_use]
    pub fn identity(&self) -> Identity {
        let Ok(fields) = self.envelope_fields() else { return Identity::default() };
        let text = |field: usize, is_well_formed: fn(&str) -> bool| {
            let text = fields[field].text(self, "").ok();
            text.filter(|text| is_well_formed(text)).map(str::to_owned)
        };
        Identity { event_type: text(EVENT_TYPE, is_event_type), event_id: text(EVENT_ID, is_id) }
    }

    /// Finds the envelope's fields. If a key comes twice, the last one counts, as in most JSON readers.
    fn envelope_fields(&self) -> Result<[Field; 5], Reject> {
        let Some(Node::Object { len, .. }) = self.tape.first() else {
            return Err(Reject::new(
                Code::EnvelopeNotObject,
                format!("the message is {}, not an object", kind(self.tape.first())),
            ));
        };
        let mut fields = [Field::default(); 5];
        let mut at = 1;
        for _ in 0..*len {
            let Node::String(key) = self.tape[at] else { unreachable!("keys are strings") };
            let name = match key {
                "event_type" => Some(EVENT_TYPE),
                "event_id" => Some(EVENT_ID),
                "timestamp" => Some(TIMESTAMP),
                "entity_id" => Some(ENTITY_ID),
                "data" => Some(DATA),
                _ => None,
            };
            if let Some(name) = name {
                fields[name] = Field { at: at + 1 };
            }
            at += 1 + span(&self.tape[at + 1]);
        }
        Ok(fields)
    }
}

const EVENT_TYPE: usize = 0;
const EVENT_ID: usize = 1;
const TIMESTAMP: usize = 2;
const ENTITY_ID: usize = 3;
const DATA: usize = 4;

/// A member of the envelope: its value's index on the tape (0: absent).
#[derive(Clone, Copy, Default)]
struct Field {
    at: usize,
}

impl Field {
    fn node(&self, document: &Document<'_>, name: &str) -> Result<usize, Reject> {
        let null = Node::Static(simd_json::StaticNode::Null);
        if self.at == 0 || document.tape[self.at] == null {
            return Err(Reject::new(
                Code::EnvelopeFieldMissing,
                format!("{name} is missing or null in the envelope"),
            ));
        }
        Ok(self.at)
    }

    fn text<'d>(&self, document: &Document<'d>, name: &str) -> Result<&'d str, Reject> {
        match &document.tape[self.node(document, name)?] {
            Node::String(text) => Ok(text),
            other => Err(wrong_type(name, "a string", other)),
        }
    }
}

fn wrong_type(name: &str, wanted: &str, node: &Node<'_>) -> Reject {
    Reject::new(
        Code::EnvelopeFieldType,
        format!("{name} in the envelope is {}, not {wanted}", kind(Some(node))),
    )
}

fn event_type<'d>(text: &'d str, topic: &str) -> Result<&'d str, Reject> {
    if is_event_type_of(text, topic) { Ok(text) } else { Err(wrong_event_type(text, topic)) }
}

#[cold]
fn wrong_event_type(text: &str, topic: &str) -> Reject {
    match text.split_once('.') {
        Some((named, action)) if named != topic && is_word(named) && is_action(action, text) => {
            Reject::new(
                Code::TopicMismatch,
                format!("event_type belongs to topic {named}, but the event came in topic {topic}"),
            )
        }
        _ => Reject::new(
            Code::EventTypeInvalid,
            format!(
                "event_type is not {topic}.<action> with an action in [a-z0-9_], at most {EVENT_TYPE_CHARS_MAX} characters in all"
            ),
        ),
    }
}

/// Whether this is an event type of `topic`: `<topic>.<action>` with an action in `[a-z0-9_]`, at
/// most [`EVENT_TYPE_CHARS_MAX`] characters. The topic may have any name that Kafka allows.
#[must_use]
pub fn is_event_type_of(text: &str, topic: &str) -> bool {
    let rest = text.strip_prefix(topic).and_then(|rest| rest.strip_prefix('.'));
    rest.is_some_and(|action| is_action(action, text))
}

fn is_action(action: &str, event_type: &str) -> bool {
    event_type.len() <= EVENT_TYPE_CHARS_MAX && is_word(action)
}

fn is_word(text: &str) -> bool {
    let is_of_word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    !text.is_empty() && text.bytes().all(is_of_word)
}

/// Whether this could be an event type of some topic.
fn is_event_type(text: &str) -> bool {
    let is_of_topic = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    text.rsplit_once('.').is_some_and(|(topic, action)| {
        !topic.is_empty() && topic.bytes().all(is_of_topic) && is_action(action, text)
    })
}

fn id<'d>(text: &'d str, name: &str, code: Code) -> Result<&'d str, Reject> {
    if is_id(text) {
        return Ok(text);
    }
    Err(Reject::new(
        code,
        format!(
            "{name} is not 1 to {ID_CHARS_MAX} printable ASCII characters without spaces ({} characters)",
            text.chars().count()
        ),
    ))
}

fn is_id(text: &str) -> bool {
    (1..=ID_CHARS_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}
