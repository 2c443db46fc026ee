//! What holds for any events, in any order, cut in any way.

#![allow(
    clippy::disallowed_methods,
    reason = "tests take time and find their servers in variables"
)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, missing_docs)]

#[path = "../support/fuzz.rs"]
mod fuzz;
#[path = "../support/reference.rs"]
mod reference;
#[path = "../support/mod.rs"]
mod support;

mod bytes;
mod convergence;
mod equal_keys;
mod errors;
mod folding;
mod limits;
mod numbers;
mod rivals;
mod verdicts;

/// A small generator of its own (xorshift64*), so that a seed names the same case for ever.
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        // Neighbouring seeds must not give neighbouring states, and 0 is no state.
        Self((seed ^ 0x9E37_79B9_7F4A_7C15).wrapping_mul(0xBF58_476D_1CE4_E5B9) | 1)
    }

    /// A number below `end`.
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let drawn = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(drawn).unwrap() % end
    }

    fn pick<'l, T>(&mut self, list: &'l [T]) -> &'l T {
        &list[self.below(list.len())]
    }

    fn shuffle<T>(&mut self, list: &mut [T]) {
        for end in (2..=list.len()).rev() {
            list.swap(end - 1, self.below(end));
        }
    }
}
