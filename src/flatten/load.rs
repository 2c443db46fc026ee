//! A parsed message → the rows of its events, all of them or none.

use super::event::{EventInput, Part};
use super::facts::{self, Finder, Texts};
use super::locate::{InTheWay, locate};
use super::walk::{self, ABSENT};
use super::{Input, Loaded, Scratch};
use crate::buffer::Batch;
use crate::decode::{Envelope, Identity};
use crate::mapping::{self, Declared, EventPlan, TableKind, TopicPlan};
use crate::message::Message;
use crate::reject::{Code, Reject};
use std::borrow::Cow;
use std::iter;

/// Appends the rows of a message's events to `batch`, and the events to `loaded`.
///
/// # Errors
/// The verdict on the first faulty event; then the batch is as it was.
pub(super) fn load(
    input: &Input<'_>,
    plan: Option<&TopicPlan>,
    scratch: &mut Scratch,
    loaded: &mut Vec<Loaded>,
    batch: &mut Batch,
) -> Result<(), Reject> {
    let plan = plan.ok_or_else(|| {
        let topic = input.topic;
        Reject::new(Code::TopicUnknown, format!("no mapping file covers the topic {topic}"))
    })?;
    scratch.undo.clear();
    scratch.texts.clear();
    scratch.measured = 0;
    let mut load = Load { input, plan, scratch, loaded, batch };
    let done = match &plan.envelope {
        mapping::Envelope::Contract => load.contract(),
        mapping::Envelope::Declared(declared) => load.declared(declared),
    };
    if let Err(reject) = done {
        for &(table, len) in &load.scratch.undo {
            load.batch.rows_mut(table).truncate(len);
        }
        return Err(reject);
    }
    // Only now, because folding cannot be undone.
    for &(table, first) in &load.scratch.undo {
        let spec = &input.mapping.tables[table];
        if matches!(spec.kind, TableKind::Entity { .. }) {
            load.batch.fold_since(table, spec, first);
        }
    }
    Ok(())
}

/// The types and ids of a message's events, as far as they can be read.
pub(super) fn identities(
    input: &Input<'_>,
    plan: Option<&TopicPlan>,
    scratch: &mut Scratch,
) -> Vec<Identity> {
    let declared = plan.and_then(|plan| match &plan.envelope {
        mapping::Envelope::Declared(declared) => Some((plan, declared)),
        mapping::Envelope::Contract => None,
    });
    let Some((plan, declared)) = declared else { return vec![input.document.identity()] };
    let mut found = Vec::new();
    // What cannot be read is left out.
    let _ = look_at_key(input, plan, &mut scratch.key);
    let _ = facts::each(input.document, array(input, declared), |part, element| {
        let _ = identify(input, plan, declared, (part, element), scratch);
        found.push(scratch.texts.identity());
        Ok(())
    });
    found
}

/// The array whose elements are events. A message without a value has none, and is one event.
fn array<'d>(input: &Input<'_>, declared: &'d Declared) -> Option<&'d mapping::Each> {
    declared.each.as_ref().filter(|_| input.message.payload.is_some())
}

/// A message on its way into a batch.
struct Load<'l> {
    input: &'l Input<'l>,
    plan: &'l TopicPlan,
    scratch: &'l mut Scratch,
    loaded: &'l mut Vec<Loaded>,
    batch: &'l mut Batch,
}

impl Load<'_> {
    fn contract(&mut self) -> Result<(), Reject> {
        let Input { document, topic, .. } = *self.input;
        let envelope = document.envelope(topic)?;
        let part = Part { at: 0, start: 0, end: document.source.len() };
        look(self.input, self.plan, part, self.scratch);
        let plan = self.plan.plan(envelope.event_type);
        append(self, plan, &envelope, part)
    }

    fn declared(&mut self, declared: &Declared) -> Result<(), Reject> {
        look_at_key(self.input, self.plan, &mut self.scratch.key)?;
        facts::each(self.input.document, array(self.input, declared), |part, element| {
            self.element(declared, part, element)
        })
    }

    /// One event: the message, or the element of its array with this number.
    fn element(&mut self, declared: &Declared, part: Part, element: usize) -> Result<(), Reject> {
        let (input, plan) = (self.input, self.plan);
        let event_plan = identify(input, plan, declared, (part, element), self.scratch)?;
        if event_plan.rows.is_empty() && !event_plan.is_unknown {
            let label = event_plan.label;
            self.loaded.push(Loaded { label, timestamp: 0, is_ignored: true });
            return Ok(());
        }
        if event_plan.is_unknown {
            return Err(Reject::new(
                Code::EventTypeUnknown,
                "the mapping has no table for events of this type and does not ignore them; add the type to a table or to `ignore`",
            ));
        }
        let finder = finder(input, plan, declared, &self.scratch.key);
        let timestamp = finder.time(&self.scratch.facts)?;
        let data = match input.message.payload {
            Some(_) => finder.data(part, &self.scratch.facts)?,
            None => part.at,
        };
        // They are needed until the rows are there, like the rest of the scratch space.
        let texts = std::mem::take(&mut self.scratch.texts);
        let envelope = Envelope {
            event_type: &texts.event_type,
            event_id: &texts.id,
            entity_id: "",
            timestamp,
            data,
        };
        let done = append(self, event_plan, &envelope, part);
        self.scratch.texts = texts;
        done
    }
}

/// Reads the type and the id of an event into the scratch space, and gives its plan. The id of an event
/// that is ignored is not read.
fn identify<'p>(
    input: &Input<'_>,
    plan: &'p TopicPlan,
    declared: &Declared,
    (part, element): (Part, usize),
    scratch: &mut Scratch,
) -> Result<&'p EventPlan, Reject> {
    look(input, plan, part, scratch);
    let Scratch { found, facts, key, texts, .. } = scratch;
    texts.clear();
    let finder = finder(input, plan, declared, key);
    let event_plan = match (&plan.tombstone, input.message.payload) {
        (Some(tombstone), None) => {
            texts.event_type.push_str(mapping::TOMBSTONE);
            tombstone
        }
        _ => {
            finder.write_type(facts, &mut texts.event_type)?;
            plan.plan(&texts.event_type)
        }
    };
    if !event_plan.rows.is_empty() || event_plan.is_unknown {
        let Texts { event_type, id, .. } = texts;
        let beside = beside_content(input.message, plan, event_type);
        finder.write_id((part, element), beside, facts, found, id)?;
    }
    Ok(event_plan)
}

/// What makes an event the same besides its text: its key, its type, and the headers that the mapping reads, less
/// their secrets.
fn beside_content<'m>(
    message: &'m Message<'_>,
    plan: &'m TopicPlan,
    event_type: &'m str,
) -> impl Iterator<Item = Option<Cow<'m, [u8]>>> {
    let key = iter::once_with(|| {
        let key = message.key?;
        Some(Cow::Owned(super::key_of_letter(key, Some(plan), &plan.secrets)))
    });
    let header =
        |name: &String| Some(super::header_of_letter(message.header(name)?, &plan.secrets));
    let event_type = Some(Cow::Borrowed(event_type.as_bytes()));
    key.chain([event_type]).chain(plan.headers.iter().map(header))
}

fn finder<'f>(
    input: &'f Input<'_>,
    plan: &'f TopicPlan,
    declared: &'f Declared,
    key_slots: &'f [u32],
) -> Finder<'f> {
    Finder {
        document: input.document,
        message: input.message,
        topic: input.topic,
        declared,
        key: input.key.map(|key| (key, key_slots)),
        secrets: &plan.secrets,
    }
}

/// Finds what is wanted of the message's key.
fn look_at_key(input: &Input<'_>, plan: &TopicPlan, slots: &mut Vec<u32>) -> Result<(), Reject> {
    slots.clear();
    slots.resize(plan.key.slots, ABSENT);
    let Some(key) = input.key else { return Ok(()) };
    match locate(key, 0, &plan.key.root, slots) {
        None => Ok(()),
        Some(way) => Err(not_an_object("$key", &way)),
    }
}

/// Finds what is wanted of the message, or of the element that is the event. What is in the way of a fact leaves it
/// missing, which is said where it is needed.
fn look(input: &Input<'_>, plan: &TopicPlan, part: Part, scratch: &mut Scratch) {
    let Scratch { facts, is_blocked, .. } = scratch;
    let wanted = &plan.message;
    facts.clear();
    *is_blocked = wanted.slots > 0 && {
        facts.resize(wanted.slots, ABSENT);
        locate(input.document, part.at, &wanted.root, facts).is_some()
    };
}

fn not_an_object(root: &str, InTheWay { path, kind }: &InTheWay<'_>) -> Reject {
    let dot = if path.is_empty() { "" } else { "." };
    Reject::new(Code::ValueType, format!("{root}{dot}{path} is {kind}, not an object"))
}

/// Appends the rows of an event, less folding.
fn append(
    load: &mut Load<'_>,
    plan: &EventPlan,
    envelope: &Envelope<'_>,
    part: Part,
) -> Result<(), Reject> {
    let Load { input, scratch, loaded, batch, plan: topic_plan } = load;
    let Input { document, message, topic, mapping, limits, message_limits, .. } = **input;
    let Scratch { found, facts, is_blocked, key, undo, measured, .. } = &mut **scratch;
    let mut event = Loaded { label: plan.label, timestamp: envelope.timestamp, is_ignored: true };
    if !plan.rows.is_empty() {
        let secrets = &topic_plan.secrets;
        walk::walk(document, envelope.data, plan, secrets, (limits, message_limits.rows), found)?;
        if *is_blocked {
            // What is in the way may be in the way of other events' values only.
            let mut slots = vec![ABSENT; plan.message.slots];
            if let Some(way) = locate(document, part.at, &plan.message.root, &mut slots) {
                return Err(not_an_object("$message", &way));
            }
        }
        let event_input = EventInput {
            document,
            message,
            topic,
            envelope,
            part,
            key: input.key.map(|document| (document, key.as_slice())),
            facts,
            found,
            secrets,
            json_limits: limits,
            decode_bytes: message_limits.decode,
        };
        let rows =
            event_input.append(plan, &mapping.tables, message_limits, (undo, measured), batch)?;
        // A change without values gives no row either; if the mapping does not log it, it is ignored, too.
        event.is_ignored = rows == 0;
    }
    loaded.push(event);
    Ok(())
}
