//! The one source of chance.
//!
//! xoshiro256++ 1.0 (Blackman and Vigna, <https://prng.di.unimi.it/xoshiro256plusplus.c>), its state filled by
//! SplitMix64. It is written out here, not taken from a crate, because the bytes of a seed must stay the same for ever:
//! no upgrade can change how a range or a share is drawn. Only integers and exact float steps are used, no `ln` or
//! `exp`, so every platform draws the same.

/// Independent streams of one seed: drawing from one never moves another.
#[derive(Clone, Copy, Debug)]
pub enum Stream {
    Events = 1,
    Choices = 7,
    Disorder = 2,
    Duplicates = 3,
    Poison = 4,
    PoisonWorld = 5,
    Shuffle = 6,
    /// Not of the generator: for tests.
    Tests = 8,
}

/// A generator of random numbers.
#[derive(Clone, Debug)]
pub struct Rng([u64; 4]);

impl Rng {
    pub fn new(seed: u64, stream: Stream) -> Self {
        let mut state = seed;
        let mut state = split_mix(&mut state) ^ (stream as u64);
        Self([(); 4].map(|()| split_mix(&mut state)))
    }

    #[expect(clippy::should_implement_trait, reason = "it has no end")]
    pub fn next(&mut self) -> u64 {
        let s = &mut self.0;
        let result = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// Below `bound`, which is not 0. By multiplication, so larger results are off by less than 2⁻³² × `bound`.
    pub fn below(&mut self, bound: u32) -> u32 {
        (((self.next() >> 32) * u64::from(bound)) >> 32) as u32
    }

    /// From `low` to `high`, both included.
    pub fn between(&mut self, low: u32, high: u32) -> u32 {
        low + self.below(high - low + 1)
    }

    /// True once in `n` draws.
    pub fn one_in(&mut self, n: u32) -> bool {
        self.below(n) == 0
    }

    /// True for this share of draws, 0 to 1.
    pub fn share(&mut self, share: f64) -> bool {
        const UNIT: f64 = 1.0 / (1_u64 << 53) as f64;
        ((self.next() >> 11) as f64) * UNIT < share
    }

    pub fn index(&mut self, len: usize) -> usize {
        self.below(len as u32) as usize
    }

    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.index(items.len())]
    }

    pub fn choose<T: Copy>(&mut self, items: &[T]) -> T {
        *self.pick(items)
    }
}

fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Puts `items` into an order that depends on `seed` alone (Fisher and Yates).
pub fn shuffle<T>(items: &mut [T], seed: u64) {
    let mut rng = Rng::new(seed, Stream::Shuffle);
    for last in (1..items.len()).rev() {
        items.swap(last, rng.index(last + 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_the_published_reference_sequence() {
        let mut rng = Rng([1, 2, 3, 4]);
        let drawn = [(); 6].map(|()| rng.next());
        assert_eq!(
            drawn,
            [
                41_943_041,
                58_720_359,
                3_588_806_011_781_223,
                3_591_011_842_654_386,
                9_228_616_714_210_784_205,
                9_973_669_472_204_895_162
            ]
        );
    }

    #[test]
    fn fills_the_state_as_split_mix_64_does() {
        let mut state = 1_234_567;
        assert_eq!(
            [(); 3].map(|()| split_mix(&mut state)),
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn streams_and_seeds_differ() {
        let first = |seed, stream| Rng::new(seed, stream).next();
        assert_ne!(first(1, Stream::Events), first(1, Stream::Disorder));
        assert_ne!(first(1, Stream::Disorder), first(2, Stream::Events));
    }

    #[test]
    fn shares_come_out_as_asked() {
        let mut rng = Rng::new(5, Stream::Events);
        let hits = (0..100_000).filter(|_| rng.share(0.2)).count();
        assert!((19_500..20_500).contains(&hits), "{hits}");
        assert!((0..1_000).all(|_| !rng.share(0.0) && rng.share(1.0)));
    }
}
