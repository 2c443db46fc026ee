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
pub struct Chance(Rng);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(Rng::new(seed, Stream::Tests))
    }

    /// Any number.
    pub fn draw(&mut self) -> u64 {
        self.0.next()
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        self.0.index(end)
    }

    /// True once in `times`.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub fn pick<'l, T>(&mut self, list: &'l [T]) -> &'l T {
        self.0.pick(list)
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
