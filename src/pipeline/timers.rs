//! The pump's deadlines.

use std::time::{Duration, Instant};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Timer {
    /// The open batch is old enough (`batch.age`).
    BatchAge,
    /// Every batch has been under way for so long that consumption is paused.
    Pause,
    /// A failed commit is retried.
    CommitAgain,
    /// What is durable is recorded without waiting for a batch that carries it.
    Record,
    /// A look at a database that nothing is written to.
    Look,
    /// Partitions that begin again are sought again.
    SeekAgain,
    /// Revoked partitions are given up, flushed or not (`kafka.revoke_timeout`).
    GiveUp,
    /// A stop no longer tries to explain gaps.
    Explain,
    /// The stop is over, flushed or not (`stop.timeout`).
    Stop,
}

const COUNT: usize = Timer::Stop as usize + 1;

/// When each timer goes off; `None` if it is not set.
#[derive(Debug, Default)]
pub(super) struct Timers([Option<Instant>; COUNT]);

impl Timers {
    pub(super) fn set(&mut self, timer: Timer, at: Instant) {
        self.0[timer as usize] = Some(at);
    }

    /// Leaves a timer that is set as it is.
    pub(super) fn set_if_unset(&mut self, timer: Timer, at: Instant) {
        self.0[timer as usize].get_or_insert(at);
    }

    /// Moves a timer forward if it is set, never back.
    pub(super) fn hasten(&mut self, timer: Timer, at: Instant) {
        if let Some(due) = &mut self.0[timer as usize] {
            *due = at.min(*due);
        }
    }

    pub(super) fn clear(&mut self, timer: Timer) {
        self.0[timer as usize] = None;
    }

    pub(super) fn is_set(&self, timer: Timer) -> bool {
        self.0[timer as usize].is_some()
    }

    /// Whether a timer has gone off; it stays set.
    pub(super) fn is_over(&self, timer: Timer, now: Instant) -> bool {
        self.0[timer as usize].is_some_and(|due| due <= now)
    }

    /// Whether a timer is set and has not gone off.
    pub(super) fn is_ahead(&self, timer: Timer, now: Instant) -> bool {
        self.0[timer as usize].is_some_and(|due| due > now)
    }

    /// Clears a timer if it has gone off, and returns whether it had.
    pub(super) fn expire(&mut self, timer: Timer, now: Instant) -> bool {
        let is_over = self.is_over(timer, now);
        if is_over {
            self.clear(timer);
        }
        is_over
    }

    /// How long until the next of these timers goes off: forever if none is set.
    pub(super) fn until(&self, timers: &[Timer], now: Instant) -> Duration {
        let due = timers.iter().filter_map(|timer| self.0[*timer as usize]).min();
        due.map_or(Duration::MAX, |due| due.saturating_duration_since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn the_next_timer_decides() {
        let now = clock::now();
        let at = |ms| now + Duration::from_millis(ms);
        let mut timers = Timers::default();
        assert_eq!(timers.until(&[Timer::Pause, Timer::Stop], now), Duration::MAX);
        timers.set(Timer::Stop, at(900));
        timers.set(Timer::Pause, at(100));
        timers.set_if_unset(Timer::Pause, at(50));
        assert_eq!(timers.until(&[Timer::Pause, Timer::Stop], now), Duration::from_millis(100));
        assert_eq!(timers.until(&[Timer::Stop], now), Duration::from_millis(900));
        assert!(!timers.expire(Timer::Pause, at(99)) && timers.expire(Timer::Pause, at(100)));
        assert!(!timers.is_set(Timer::Pause) && !timers.expire(Timer::Pause, at(999)));
        timers.hasten(Timer::Pause, at(1));
        assert!(!timers.is_set(Timer::Pause), "only a timer that is set comes sooner");
        timers.hasten(Timer::Stop, at(500));
        assert!(timers.is_over(Timer::Stop, at(500)) && timers.is_set(Timer::Stop));
    }
}
