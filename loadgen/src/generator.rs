//! The plan carried out: events in their order, then late and repeated ones, then bad ones in between.

use std::collections::VecDeque;

use crate::clock::Clock;
use crate::disorder::Disorder;
use crate::entities::stock::Stock;
use crate::message::{Kind, Message};
use crate::mix::{EventType, Mix};
use crate::poison::Poisoner;
use crate::rng::{Rng, Stream};
use crate::world::World;

/// What to generate. The same plan gives the same bytes, on every platform and in every later version of this crate
/// that does not say otherwise.
///
/// The valid events depend on `seed`, `events`, `mix`, `start` and `gap_us_mean` alone: repeating, delaying and
/// poisoning draw from sources of their own, so they add and move messages but change none.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Where chance begins.
    pub seed: u64,
    /// How many valid events; 0 never ends. Repetitions and bad messages come on top.
    pub events: u64,
    /// Which event types, and how often.
    pub mix: Mix,
    /// Share of events that come once more later, byte for byte; 0 to 1.
    pub duplicates: f64,
    /// Share of events that come late; 0 to 1.
    pub disorder: f64,
    /// How many events later a late or repeated one comes at most; at least 1. Memory grows with it: about
    /// `(duplicates + disorder) * disorder_window` messages are held.
    pub disorder_window: usize,
    /// Bad messages on top, as a share of the events: with 0.01, one for each hundred; 0 to 1.
    pub poison: f64,
    /// Time of the first event in seconds since 1970, held to the years 1970 to 2100.
    pub start: i64,
    /// Mean time between events in microseconds.
    pub gap_us_mean: u32,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            seed: 1,
            events: 10_000,
            mix: Mix::Realistic,
            duplicates: 0.0,
            disorder: 0.0,
            disorder_window: 1_000,
            poison: 0.0,
            start: 1_736_121_600, // 2025-01-06T00:00:00Z
            gap_us_mean: 20_000,
        }
    }
}

/// The messages of a [`Plan`], one after the other. Memory is bounded, whatever their number.
#[derive(Debug)]
pub struct Generator {
    world: World,
    choices: Rng,
    mix: Vec<EventType>,
    /// Valid events still to come; `None` is without end.
    left: Option<u64>,
    disorder: Disorder,
    poisoner: Poisoner,
    ready: VecDeque<Message>,
}

impl Generator {
    /// Starts at the first message.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "callers make a plan in place")]
    pub fn new(plan: Plan) -> Self {
        let Plan {
            seed,
            events,
            mix,
            duplicates,
            disorder,
            disorder_window,
            poison,
            start,
            gap_us_mean,
        } = plan;
        let clock = Clock::new(start, gap_us_mean);
        Self {
            choices: Rng::new(seed, Stream::Choices),
            mix: mix.thousand(),
            left: (events > 0).then_some(events),
            disorder: Disorder::new(seed, disorder, duplicates, disorder_window),
            poisoner: Poisoner::new(seed, poison, clock.clone()),
            world: World::new(seed, Stream::Events, clock, Stock::new()),
            ready: VecDeque::new(),
        }
    }

    /// Lets one more event happen, and puts what follows from it into `ready`. False at the end.
    fn advance(&mut self) -> bool {
        match &mut self.left {
            Some(0) => return false,
            Some(left) => *left -= 1,
            None => {}
        }
        let wanted = self.choices.choose(&self.mix);
        let written = self.world.next(wanted);
        let message = Message {
            topic: written.event_type.topic().into(),
            key: Some(written.id.hex().to_vec()),
            value: Some(written.value),
            kind: Kind::Valid,
        };
        self.disorder.take(message, &mut self.ready);
        self.ready.extend(self.poisoner.strike(self.world.scribe.clock.now_us()));
        if self.left == Some(0) {
            self.disorder.finish(&mut self.ready);
        }
        true
    }
}

impl Iterator for Generator {
    type Item = Message;

    fn next(&mut self) -> Option<Message> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                return Some(message);
            }
            if !self.advance() {
                return None;
            }
        }
    }
}
