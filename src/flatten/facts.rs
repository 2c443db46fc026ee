//! A message with an envelope of its own → the facts of its events: type, id, time, values.

use super::cells;
use super::content;
use super::event::Part;
use super::locate::locate;
use super::numbers::{self, NumberFault};
use super::texts::check_name;
use super::values::{Value, beside};
use super::walk::{ABSENT, Found};
use crate::datetime::{self, Micros};
use crate::decode::{Document, EVENT_TYPE_CHARS_MAX, Identity, kind, skip_value, span};
use crate::exact::Exact;
use crate::mapping::{Cell, Convert, Declared, Each, IdSource, Place, Root, Source, TypeSource};
use crate::message::Message;
use crate::redact::Secrets;
use crate::reject::{Code, Reject};
use simd_json::{Node, StaticNode};
use std::borrow::Cow;
use std::fmt::Write as _;

/// Most elements of an array whose elements are events.
const ELEMENTS_MAX: usize = 10_000;
/// Longest id of an event that a path gives, in characters.
const ID_CHARS_MAX: usize = 255;
const BLANKS: &[u8] = b" \t\n\r";

/// What is needed to find the facts of an event.
#[derive(Clone, Copy)]
pub(super) struct Finder<'f> {
    pub(super) document: &'f Document<'f>,
    pub(super) message: &'f Message<'f>,
    pub(super) topic: &'f str,
    pub(super) declared: &'f Declared,
    /// The message's key, if it is JSON and something of it is wanted.
    pub(super) key: Option<(&'f Document<'f>, &'f [u32])>,
    pub(super) secrets: &'f Secrets,
}

/// Texts of an event's facts that are not in the message as they are; reused from event to event.
#[derive(Debug, Default)]
pub(super) struct Texts {
    pub(super) event_type: String,
    pub(super) id: String,
}

impl Texts {
    pub(super) fn clear(&mut self) {
        self.event_type.clear();
        self.id.clear();
    }

    pub(super) fn identity(&self) -> Identity {
        let known = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        Identity { event_type: known(&self.event_type), event_id: known(&self.id) }
    }
}

/// The whole document as one part.
pub(super) fn whole(document: &Document<'_>) -> Part {
    let blank = |byte: &&u8| BLANKS.contains(byte);
    let start = document.source.iter().take_while(blank).count();
    let end = document.source.len() - document.source.iter().rev().take_while(blank).count();
    Part { at: 0, start, end: end.max(start) }
}

/// Calls `take` with each event of a document: the message itself, or each element of its array, with the
/// number of the element.
///
/// # Errors
/// If there is no such array, if it has too many elements, or the first error of `take`.
pub(super) fn each(
    document: &Document<'_>,
    each: Option<&Each>,
    mut take: impl FnMut(Part, usize) -> Result<(), Reject>,
) -> Result<(), Reject> {
    let message = whole(document);
    let (array, name) = match each {
        None => return take(message, 0),
        Some(Each::Message) => (message, "the message"),
        Some(Each::Path(tree, path)) => {
            let mut slots = vec![ABSENT; tree.slots];
            locate(document, 0, &tree.root, &mut slots);
            match slots.first() {
                None | Some(&ABSENT) => return Err(missing(path)),
                Some(&at) => {
                    let at = at as usize;
                    if document.tape[at] == Node::Static(StaticNode::Null) {
                        return Err(missing(path));
                    }
                    let (start, end) = document.value_range(at);
                    (Part { at, start, end }, path.as_str())
                }
            }
        }
    };
    let len = match document.tape[array.at] {
        Node::Array { len, .. } => len,
        Node::Object { .. } => return take(array, 0),
        node => {
            let problem = format!("{name} is {}, not an array or an object", kind(Some(&node)));
            return Err(Reject::new(Code::EnvelopeFieldType, problem));
        }
    };
    if len > ELEMENTS_MAX {
        let problem = format!("{name} has {len} elements; an array may have {ELEMENTS_MAX} events");
        return Err(Reject::new(Code::EventTooLarge, problem));
    }
    let (mut at, mut start) = (array.at + 1, array.start + 1);
    for number in 1..=len {
        start += skip(document.source, start, b" \t\n\r,");
        let end = skip_value(document.source, start);
        take(Part { at, start, end }, number).map_err(|reject| Reject {
            text: format!("{} (element {number} of {len})", reject.text),
            ..reject
        })?;
        start = end;
        at += span(&document.tape[at]);
    }
    Ok(())
}

fn skip(source: &[u8], from: usize, bytes: &[u8]) -> usize {
    source[from..].iter().take_while(|byte| bytes.contains(byte)).count()
}

fn missing(path: &str) -> Reject {
    Reject::new(Code::EnvelopeFieldMissing, format!("{path} is missing or null in the message"))
}

impl<'f> Finder<'f> {
    /// Writes the type of the event.
    pub(super) fn write_type(&self, slots: &[u32], text: &mut String) -> Result<(), Reject> {
        match &self.declared.event_type {
            TypeSource::Constant(constant) => text.push_str(constant),
            TypeSource::Value(cell) => self.write_text(cell, slots, text)?,
            TypeSource::Join(cells) => {
                for (index, cell) in cells.iter().enumerate() {
                    text.push_str(if index == 0 { "" } else { "." });
                    self.write_text(cell, slots, text)?;
                }
            }
        }
        // No text has more characters than bytes.
        if (1..=EVENT_TYPE_CHARS_MAX).contains(&text.len()) {
            return Ok(());
        }
        let chars = text.chars().count();
        if chars == 0 || chars > EVENT_TYPE_CHARS_MAX {
            return Err(Reject::new(
                Code::EventTypeInvalid,
                format!("the event type has {chars} characters, not 1 to {EVENT_TYPE_CHARS_MAX}"),
            ));
        }
        Ok(())
    }

    /// Writes the id of the event that is `part` of the message, its element of this number (0: not one of an
    /// array). `beside` is what `$content` takes besides the message.
    pub(super) fn write_id<'b>(
        &self,
        (part, element): (Part, usize),
        beside: impl IntoIterator<Item = Option<Cow<'b, [u8]>>>,
        slots: &[u32],
        found: &mut Found,
        id: &mut String,
    ) -> Result<(), Reject> {
        match &self.declared.id {
            IdSource::Content => {
                content::write_id(self.document, part, beside, self.secrets, found, id);
            }
            IdSource::Position { has_topic } => {
                let Message { partition, offset, .. } = *self.message;
                // Writing to a String cannot fail.
                let _ = write!(id, "{offset:020}-{partition}");
                if self.declared.each.is_some() {
                    let _ = write!(id, "-{element:05}");
                }
                if *has_topic {
                    let _ = write!(id, "-{}", self.topic);
                }
            }
            IdSource::Value(cell) => {
                self.write_text(cell, slots, id)?;
                check_name(id, ID_CHARS_MAX).map_err(|problem| {
                    let text = format!("{}, the event's id, {problem}", name(cell));
                    Reject::new(Code::EventIdInvalid, text)
                })?;
            }
        }
        Ok(())
    }

    /// The time of the event.
    pub(super) fn time(&self, slots: &[u32]) -> Result<Micros, Reject> {
        let cell = &self.declared.time;
        let invalid = |problem: String| {
            Reject::new(
                Code::TimestampInvalid,
                format!("{}, the event's time, {problem}", name(cell)),
            )
        };
        let value = match self.first(cell, slots)? {
            Value::Time(micros) => return Ok(micros),
            value => value,
        };
        let token = value.token();
        let Some(convert) = cell.convert else {
            let text = match value {
                Value::Text(text) => Some(text),
                Value::Node(document, at) => match document.tape[at] {
                    Node::String(text) => Some(text),
                    _ => None,
                },
                _ => None,
            };
            let text = text.ok_or_else(|| {
                invalid("is not a text; `convert` names the unit of a number".to_owned())
            })?;
            return datetime::parse(text).map_err(|error| invalid(error.to_string()));
        };
        let number = token.and_then(|token| Exact::read(token.text()));
        let number = number.ok_or_else(|| invalid("is not a number".to_owned()))?;
        numbers::micros(convert, &number).map_err(|fault| {
            invalid(match fault {
                NumberFault::Fraction => "is not a whole number of days".to_owned(),
                NumberFault::Range => "lies outside the years 1000 to 9999 (UTC)".to_owned(),
            })
        })
    }

    /// Where the values of the columns are. A message without a value has them nowhere.
    pub(super) fn data(&self, part: Part, slots: &[u32]) -> Result<usize, Reject> {
        for place in &self.declared.data {
            match place {
                Place::At(Root::Message, slot, _) => {
                    let at = slots[*slot] as usize;
                    let is_null = self.document.tape[at] == Node::Static(StaticNode::Null);
                    if slots[*slot] != ABSENT && !is_null {
                        return Ok(at);
                    }
                }
                _ => return Ok(part.at),
            }
        }
        let names: Vec<String> = self.declared.data.iter().map(Place::to_string).collect();
        Err(missing(&names.join(" and ")))
    }

    /// Writes a fact that is a text, or that a conversion makes one.
    fn write_text(&self, cell: &Cell, slots: &[u32], text: &mut String) -> Result<(), Reject> {
        let value = self.first(cell, slots)?;
        let wrong = |what: &str| {
            let text = format!(
                "{} is {what}, not a text; `convert = \"text\"` takes a whole number or a boolean as text",
                name(cell)
            );
            Reject::new(Code::EnvelopeFieldType, text)
        };
        let converts = cell.convert == Some(Convert::Text);
        match value {
            Value::Text(value) => text.push_str(value),
            Value::Number(number) => text.push_str(itoa::Buffer::new().format(number)),
            Value::Node(document, at) => match document.tape[at] {
                Node::String(value) => text.push_str(value),
                Node::Static(StaticNode::Bool(_) | StaticNode::I64(_) | StaticNode::U64(_))
                    if converts =>
                {
                    text.push_str(document.value_text(at));
                }
                Node::Static(StaticNode::F64(_))
                    if converts && numbers::is_whole(document.value_text(at)) =>
                {
                    text.push_str(document.value_text(at));
                }
                node => return Err(wrong(kind(Some(&node)))),
            },
            Value::Part(_) | Value::Time(_) => return Err(wrong("something else")),
        }
        Ok(())
    }

    /// The first value of a fact that is not null.
    fn first(&self, cell: &Cell, slots: &[u32]) -> Result<Value<'f>, Reject> {
        let Source::Places(places) = &cell.source else { return Err(missing("")) };
        for place in places {
            let value = match place {
                Place::At(Root::Key, slot, _) => {
                    self.key.and_then(|(document, slots)| not_null(document, slots[*slot], cell))
                }
                Place::At(_, slot, _) => not_null(self.document, slots[*slot], cell),
                place => beside(self.message, self.topic, place)
                    .transpose()
                    .map_err(|problem| Reject::new(Code::EnvelopeFieldType, problem))?
                    .filter(|value| match value {
                        Value::Text(text) => cell.nulls.iter().all(|null| null != text),
                        _ => true,
                    }),
            };
            if let Some(value) = value {
                return Ok(value);
            }
        }
        Err(missing(&name(cell)))
    }
}

fn not_null<'d>(document: &'d Document<'d>, at: u32, cell: &Cell) -> Option<Value<'d>> {
    (!cells::is_null(document, at, cell)).then_some(Value::Node(document, at as usize))
}

/// The places of a fact, as the mapping names them.
fn name(cell: &Cell) -> String {
    match &cell.source {
        Source::Places(places) => {
            places.iter().map(Place::to_string).collect::<Vec<_>>().join(" and ")
        }
        _ => String::new(),
    }
}
