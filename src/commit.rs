//! Which offset of a partition is safe to commit.
//!
//! Takes the offset ranges of batches, as they are sealed and as they become durable. Gives the
//! watermark: the offset up to which everything is durable. Holds true: a range that is not finished
//! holds the watermark back, however many later ones are finished. Absent: IO, the clock.
//!
//! ```text
//! sealed     [0..10) [10..25) [25..30)
//! finished            x                 nothing to commit: [0..10) is still under way
//! finished    x       x                 commit 25
//! finished    x       x        x        commit 30
//! ```

use crate::offsets::OffsetRange;
use std::collections::VecDeque;

/// The ranges of one partition that are under way, in the order in which they were sealed.
#[derive(Debug, Default, Clone)]
pub struct Watermark {
    ranges: VecDeque<(OffsetRange, bool)>,
    durable: Option<i64>,
    durable_ms: Option<i64>,
}

impl Watermark {
    /// A sealed batch covers this range.
    pub fn begin(&mut self, range: OffsetRange) {
        self.ranges.push_back((range, false));
    }

    /// A range is durable.
    ///
    /// # Panics
    /// If the range has not begun, or is finished already.
    pub fn finish(&mut self, range: OffsetRange) {
        let entry = self.ranges.iter_mut().find(|(begun, done)| *begun == range && !done);
        let Some((_, done)) = entry else { panic!("{range:?} is not under way") };
        *done = true;
        while let Some((OffsetRange { next, last_ms, .. }, true)) = self.ranges.front() {
            self.durable = Some(*next);
            self.durable_ms = *last_ms;
            self.ranges.pop_front();
        }
    }

    /// Everything before `offset` is durable, or holds no message.
    ///
    /// # Panics
    /// If a range is under way: it would have to be durable first.
    pub fn advance(&mut self, offset: i64) {
        assert!(self.is_idle(), "ranges are under way");
        self.durable = Some(offset);
    }

    /// The offset before which everything is durable; `None` while nothing is.
    #[must_use]
    pub fn durable(&self) -> Option<i64> {
        self.durable
    }

    /// What [`Self::durable`] becomes once these ranges are finished, too.
    #[must_use]
    pub fn durable_with(&self, finishing: &[OffsetRange]) -> Option<i64> {
        let is_finished = |(range, done): &&(OffsetRange, bool)| *done || finishing.contains(range);
        let last = self.ranges.iter().take_while(is_finished).last();
        last.map(|(range, _)| range.next).or(self.durable)
    }

    /// Kafka's timestamp of the last durable message, in milliseconds since 1970.
    #[must_use]
    pub fn durable_ms(&self) -> Option<i64> {
        self.durable_ms
    }

    /// Whether nothing is under way.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.ranges.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worked_example() {
        let mut watermark = Watermark::default();
        let range = |from, next| OffsetRange {
            assignment: 0,
            from,
            next,
            messages: 1,
            last_ms: Some(next),
        };
        let [a, b, c] = [range(0, 10), range(10, 25), range(25, 30)];
        [a, b, c].into_iter().for_each(|range| watermark.begin(range));
        watermark.finish(b);
        assert_eq!(watermark.durable(), None);
        assert_eq!(watermark.durable_with(&[c]), None);
        assert_eq!(watermark.durable_with(&[a]), Some(25));
        assert_eq!(watermark.durable_with(&[c, a]), Some(30));
        watermark.finish(a);
        assert_eq!(watermark.durable(), Some(25));
        watermark.finish(c);
        assert_eq!((watermark.durable(), watermark.is_idle()), (Some(30), true));
        assert_eq!(watermark.durable_ms(), Some(30));
    }
}
