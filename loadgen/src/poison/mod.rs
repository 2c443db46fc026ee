//! Bad messages: each certainly a dead letter by the contract.
//!
//! Most are a valid event with one thing broken. Those events come from a world of their own, so no bad message names
//! an entity of the valid stream.

mod envelope;
mod form;
mod payload;
mod surgery;

use crate::clock::Clock;
use crate::entities::stock::Stock;
use crate::message::{Kind, Message};
use crate::mix::EventType;
use crate::rng::{Rng, Stream};
use crate::scribe::Written;
use crate::world::World;

/// One way of being bad.
struct Poison {
    why: &'static str,
    /// The event it is made of.
    base: EventType,
    spoil: Spoil,
}

/// What is done to the event.
enum Spoil {
    /// The value of this key becomes these bytes.
    Set(&'static str, &'static str),
    /// This key goes.
    Remove(&'static str),
    /// These bytes come into the string that is the value of this key.
    Inject(&'static str, &'static [u8]),
    /// All of it becomes these bytes.
    Replace(&'static str),
    By(fn(&mut Vec<u8>)),
}

impl Spoil {
    fn apply(&self, json: &mut Vec<u8>) {
        match self {
            Self::Set(key, raw) => surgery::set(json, key, raw.as_bytes()),
            Self::Remove(key) => surgery::remove(json, key),
            Self::Inject(key, bytes) => surgery::inject(json, key, bytes),
            Self::Replace(text) => *json = text.as_bytes().to_vec(),
            Self::By(spoil) => spoil(json),
        }
    }
}

const fn poison(why: &'static str, base: EventType, spoil: Spoil) -> Poison {
    Poison { why, base, spoil }
}

fn all() -> impl Iterator<Item = &'static Poison> {
    form::POISONS.iter().chain(&envelope::POISONS).chain(&payload::POISONS)
}

/// Every reason a generated bad message can give.
pub fn kinds() -> impl Iterator<Item = &'static str> {
    all().map(|poison| poison.why).chain([WRONG_TOPIC])
}

/// The one that is a valid message but for where it lies.
const WRONG_TOPIC: &str = "a whole order.created in topic product";

#[derive(Debug)]
pub(crate) struct Poisoner {
    rng: Rng,
    share: f64,
    /// Made when the first message is asked for.
    world: Option<World>,
    seed: u64,
    clock: Clock,
    next: usize,
}

impl Poisoner {
    pub(crate) fn new(seed: u64, share: f64, clock: Clock) -> Self {
        Self { rng: Rng::new(seed, Stream::Poison), share, world: None, seed, clock, next: 0 }
    }

    /// Now and then, a bad message of about this time. All kinds come in turn.
    pub(crate) fn strike(&mut self, now_us: i64) -> Option<Message> {
        if !self.rng.share(self.share) {
            return None;
        }
        let (seed, clock) = (self.seed, &self.clock);
        let world = self.world.get_or_insert_with(|| peopled(seed, clock.clone()));
        world.scribe.clock.set(now_us);
        let turn = self.next;
        self.next = (self.next + 1) % kinds().count();
        let (why, topic, written) = match all().nth(turn) {
            Some(poison) => {
                let mut written = event(world, poison.base);
                poison.spoil.apply(&mut written.value);
                (poison.why, poison.base.topic(), written)
            }
            None => (WRONG_TOPIC, "product", event(world, EventType::OrderCreated)),
        };
        let key = (!self.rng.one_in(10)).then(|| written.id.hex().to_vec());
        Some(Message {
            topic: topic.into(),
            key,
            value: Some(written.value),
            kind: Kind::Poison(why),
        })
    }
}

/// A small world in which every event can happen.
fn peopled(seed: u64, clock: Clock) -> World {
    let mut world = World::new(seed, Stream::PoisonWorld, clock, Stock::small());
    for event_type in
        [EventType::UserRegistered, EventType::SupplierRegistered, EventType::ProductCreated]
    {
        (0..8).for_each(|_| drop(world.next(event_type)));
    }
    world
}

/// An event of exactly this type. Orders come with lines.
fn event(world: &mut World, event_type: EventType) -> Written {
    loop {
        let written = world.next(event_type);
        if written.event_type == event_type && !surgery::holds(&written.value, b"\"items\": []") {
            return written;
        }
    }
}
