//! Chance with a seed: the same draws for the same seed, on every machine. It is loadgen's own.

use crate::environment;
use loadgen::{Rng, Stream};
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;
use std::time::Duration;

/// Few digits, since people type them.
const SEEDS: u64 = 1_000_000;

/// The one source of chance of a test.
#[derive(Debug, Clone)]
pub struct Chance(Draws);

#[derive(Debug, Clone)]
enum Draws {
    Seeded(Rng),
    /// The last one is drawn first.
    Bytes(Vec<u8>),
}

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(Draws::Seeded(Rng::new(seed, Stream::Tests)))
    }

    /// A fuzzer's choices, two bytes each. When they are used up, each draw is 0.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self(Draws::Bytes(bytes.iter().rev().copied().collect()))
    }

    /// Any number.
    pub fn draw(&mut self) -> u64 {
        match &mut self.0 {
            Draws::Seeded(rng) => rng.next(),
            Draws::Bytes(left) => {
                let mut next = || left.pop().unwrap_or_default();
                u64::from(u16::from_le_bytes([next(), next()]))
            }
        }
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        match &mut self.0 {
            Draws::Seeded(rng) => rng.index(end),
            Draws::Bytes(_) => usize::try_from(self.draw()).unwrap_or_default() % end,
        }
    }

    /// True once in `times`.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub fn pick<'l, T>(&mut self, list: &'l [T]) -> &'l T {
        &list[self.below(list.len())]
    }

    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for end in (2..=list.len()).rev() {
            list.swap(end - 1, self.below(end));
        }
    }

    /// A time in this range of milliseconds, to the microsecond.
    pub fn milliseconds(&mut self, range: Range<u64>) -> Duration {
        let span_us = (range.end - range.start) * 1_000;
        Duration::from_micros(range.start * 1_000 + self.draw() % span_us.max(1))
    }
}

/// The seed in a variable, or any.
pub fn seed(variable: &str) -> u64 {
    let any = || RandomState::new().hash_one(variable) % SEEDS;
    environment::number(variable).unwrap_or_else(any)
}
