//! Late and repeated messages.
//!
//! Takes messages in order, gives them back so that a share comes later than its place and a share comes twice. Time is
//! counted in messages taken. With a window of 3:
//!
//! ```text
//! taken:  a  b  c  d  e          a is held until 2, b is repeated at 4
//! given:  -  b  ca d  eb
//! ```
//!
//! Holds true: what is held is given after 1 to `window` more messages, or at the end; a repetition never comes before
//! its original; no more than twice `window` messages are held on average.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use crate::message::{Kind, Message};
use crate::rng::{Rng, Stream};

#[derive(Debug)]
pub(crate) struct Disorder {
    late: Share,
    repeated: Share,
    window: u32,
    taken: u64,
    held: BinaryHeap<Reverse<Held>>,
    order: u64,
}

#[derive(Debug)]
struct Share {
    rng: Rng,
    share: f64,
}

/// A message and when it is due; those due together keep the order in which they were held.
#[derive(Debug)]
struct Held {
    due: u64,
    order: u64,
    message: Message,
}

impl Disorder {
    pub(crate) fn new(seed: u64, late: f64, repeated: f64, window: usize) -> Self {
        let share = |stream, share| Share { rng: Rng::new(seed, stream), share };
        Self {
            late: share(Stream::Disorder, late),
            repeated: share(Stream::Duplicates, repeated),
            window: u32::try_from(window).unwrap_or(u32::MAX).max(1),
            taken: 0,
            held: BinaryHeap::new(),
            order: 0,
        }
    }

    /// Takes one message; what is due now goes to `ready`.
    pub(crate) fn take(&mut self, message: Message, ready: &mut VecDeque<Message>) {
        self.taken += 1;
        if self.late.strikes() {
            let due = self.taken + u64::from(self.late.rng.between(1, self.window));
            self.hold(due, Message { kind: Kind::Late, ..message });
        } else {
            self.give(message, ready);
        }
        self.release(self.taken, ready);
    }

    /// Gives what is still held.
    pub(crate) fn finish(&mut self, ready: &mut VecDeque<Message>) {
        self.release(u64::MAX, ready);
    }

    fn release(&mut self, now: u64, ready: &mut VecDeque<Message>) {
        while self.held.peek().is_some_and(|Reverse(held)| held.due <= now) {
            if let Some(Reverse(held)) = self.held.pop() {
                self.give(held.message, ready);
            }
        }
    }

    fn give(&mut self, message: Message, ready: &mut VecDeque<Message>) {
        if message.kind != Kind::Duplicate && self.repeated.strikes() {
            let due = self.taken + u64::from(self.repeated.rng.between(1, self.window));
            self.hold(due, Message { kind: Kind::Duplicate, ..message.clone() });
        }
        ready.push_back(message);
    }

    fn hold(&mut self, due: u64, message: Message) {
        self.order += 1;
        self.held.push(Reverse(Held { due, order: self.order, message }));
    }
}

impl Share {
    fn strikes(&mut self) -> bool {
        self.rng.share(self.share)
    }
}

impl Ord for Held {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.order).cmp(&(other.due, other.order))
    }
}

impl PartialOrd for Held {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Held {}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: usize = 50;

    /// Numbers 0 to `count` through the window: each message given, as (number, kind).
    fn through(count: u32, late: f64, repeated: f64) -> Vec<(usize, Kind)> {
        let mut disorder = Disorder::new(1, late, repeated, WINDOW);
        let mut ready = VecDeque::new();
        for number in 0..count {
            let value = Some(number.to_be_bytes().to_vec());
            let message = Message { topic: "user".into(), key: None, value, kind: Kind::Valid };
            disorder.take(message, &mut ready);
        }
        disorder.finish(&mut ready);
        assert!(disorder.held.is_empty());
        let number = |value: Option<Vec<u8>>| {
            u32::from_be_bytes(value.unwrap_or_default().try_into().unwrap_or([9; 4]))
        };
        ready.into_iter().map(|message| (number(message.value) as usize, message.kind)).collect()
    }

    #[test]
    fn nothing_asked_nothing_changed() {
        let given = through(100, 0.0, 0.0);
        assert_eq!(given, (0..100).map(|number| (number, Kind::Valid)).collect::<Vec<_>>());
    }

    #[test]
    fn every_message_comes_once_and_the_asked_share_once_more() {
        let given = through(10_000, 0.3, 0.2);
        let mut originals: Vec<_> = given
            .iter()
            .filter(|(_, kind)| *kind != Kind::Duplicate)
            .map(|(number, _)| *number)
            .collect();
        originals.sort_unstable();
        assert_eq!(originals, (0..10_000).collect::<Vec<_>>());
        let of = |wanted| given.iter().filter(|(_, kind)| *kind == wanted).count();
        assert!((2_800..3_200).contains(&of(Kind::Late)), "{}", of(Kind::Late));
        assert!((1_850..2_150).contains(&of(Kind::Duplicate)), "{}", of(Kind::Duplicate));
    }

    #[test]
    fn late_is_overtaken_and_within_the_window() {
        let given = through(10_000, 0.3, 0.0);
        let (mut youngest, mut late, mut overtaken) = (0, 0, 0);
        for (place, (number, kind)) in given.into_iter().enumerate() {
            if kind == Kind::Late {
                assert!(place <= number + WINDOW);
                late += 1;
                overtaken += usize::from(number < youngest);
            } else {
                assert!(number >= youngest);
            }
            youngest = youngest.max(number);
        }
        // The few others have a neighbour that was held even longer.
        assert!(overtaken * 100 >= late * 98, "{overtaken} of {late}");
    }

    #[test]
    fn a_repetition_follows_its_original() {
        let given = through(5_000, 0.3, 0.3);
        let mut seen = vec![false; 5_000];
        for (number, kind) in given {
            assert_eq!(seen[number], kind == Kind::Duplicate);
            seen[number] = true;
        }
    }
}
