//! How far behind each partition is, according to librdkafka and Kafka itself.
//!
//! Takes librdkafka's statistics, and Kafka's own answers where librdkafka does not know the end: it
//! learns an end only by fetching, and does not fetch while it is paused or its queue is full. Gives
//! messages and seconds. Absent: IO, clocks.

use rdkafka::statistics::Partition as Statistics;

/// What we know about an assigned partition.
#[derive(Debug, Default)]
pub(super) struct LagTracker {
    /// When this instance got it, in milliseconds since 1970.
    assigned_ms: i64,
    /// Where this instance began to read it.
    begin: i64,
    /// What the group has committed, according to librdkafka.
    committed: Option<i64>,
    /// The offset that Kafka will give to the next message.
    end: Option<i64>,
    /// How far the end was beyond the committed offset when the statistics were made. Since then more
    /// has been committed, but more has come as well.
    at_statistics: i64,
    /// Whether everything up to the end was fetched and handed out. Transaction markers may follow the
    /// last message, and they do not count.
    is_fetched: bool,
    /// When nothing was waiting, the last time.
    quiet_ms: Option<i64>,
    /// Messages after the start of an open transaction, which no consumer can read yet.
    unreadable: i64,
}

/// How far behind a partition is.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(super) struct Lag {
    /// Messages that are not committed yet; `None` while we do not know.
    pub(super) messages: Option<i64>,
    /// How long the first of them has been waiting, at most.
    pub(super) seconds: f64,
    /// Messages that an open transaction hides; these are not lag.
    pub(super) unreadable: i64,
}

/// librdkafka reports an offset that it does not know as a negative number.
fn offset(offset: i64) -> Option<i64> {
    (offset >= 0).then_some(offset)
}

impl LagTracker {
    pub(super) fn new(begin: i64, now_ms: i64) -> Self {
        Self { begin, assigned_ms: now_ms, ..Self::default() }
    }

    pub(super) fn statistics(&mut self, found: &Statistics) {
        // The start of the first open transaction; without one, both are the same.
        let end = offset(found.ls_offset).or(offset(found.hi_offset));
        self.end = self.end.max(end);
        self.committed = offset(found.committed_offset).or(self.committed);
        let done = offset(found.committed_offset).unwrap_or(self.begin);
        self.at_statistics = self.end.map_or(0, |end| end - done);
        self.unreadable = match (offset(found.ls_offset), offset(found.hi_offset)) {
            (Some(readable), Some(end)) => (end - readable).max(0),
            _ => 0,
        };
        self.is_fetched =
            end.is_some_and(|end| found.next_offset >= end && found.app_offset >= end);
    }

    /// Kafka's own answer: the partition's first offset and its end.
    pub(super) fn bounds(&mut self, (_, end): (i64, i64)) {
        if self.end < Some(end) {
            self.end = Some(end);
            self.is_fetched = false;
        }
    }

    /// Whether we know where the partition ends.
    pub(super) fn knows_end(&self) -> bool {
        self.end.is_some()
    }

    /// Whether an open transaction hides all that is left of the partition.
    pub(super) fn is_hidden(&self) -> bool {
        self.unreadable > 0 && self.is_fetched
    }

    /// How far behind the partition is. Kafka has acknowledged everything before `committed`, which is
    /// everything handed out if `all_committed`. `durable_ms` is the time of the last durable message.
    pub(super) fn lag(
        &mut self,
        committed: Option<i64>,
        all_committed: bool,
        durable_ms: Option<i64>,
        now_ms: i64,
    ) -> Lag {
        let Some(end) = self.end else { return Lag::default() };
        let done = committed.or(self.committed).unwrap_or(self.begin);
        let messages =
            if self.is_fetched && all_committed { 0 } else { self.at_statistics.max(end - done) };
        if messages <= 0 {
            self.quiet_ms = Some(now_ms);
            return Lag { messages: Some(0), seconds: 0.0, unreadable: self.unreadable };
        }
        // The first waiting message is no older than the last durable one, and came after the last
        // moment when none was waiting.
        let since = durable_ms.max(self.quiet_ms).unwrap_or(self.assigned_ms);
        let seconds = (now_ms - since).max(0) as f64 / 1e3;
        Lag { messages: Some(messages), seconds, unreadable: self.unreadable }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000_000;

    /// Statistics of a partition that librdkafka knows nothing about yet.
    fn statistics(change: impl FnOnce(&mut Statistics)) -> Statistics {
        let mut found = Statistics {
            next_offset: -1001,
            app_offset: -1001,
            committed_offset: -1001,
            lo_offset: -1001,
            hi_offset: -1001,
            ls_offset: -1001,
            ..Statistics::default()
        };
        change(&mut found);
        found
    }

    fn assigned() -> LagTracker {
        LagTracker::new(100, NOW)
    }

    fn behind(messages: i64, seconds: f64) -> Lag {
        Lag { messages: Some(messages), seconds, unreadable: 0 }
    }

    #[test]
    fn of_a_group_that_has_committed_nothing() {
        let mut tracker = assigned();
        tracker.statistics(&statistics(|_| ()));
        assert_eq!(tracker.lag(None, true, None, NOW).messages, None, "not known yet");
        assert!(!tracker.knows_end());
        tracker.bounds((100, 20_100));
        let lag = tracker.lag(None, true, None, NOW + 30_000);
        assert_eq!(lag, behind(20_000, 30.0), "since it was assigned");
        assert!(tracker.knows_end());
        let lag = tracker.lag(Some(1_100), true, Some(NOW - 60_000), NOW);
        assert_eq!(lag, behind(19_000, 60.0));
    }

    #[test]
    fn of_a_partition_that_begins_at_the_end() {
        let mut tracker = LagTracker::new(20_100, NOW);
        tracker.bounds((100, 20_100));
        assert_eq!(tracker.lag(None, true, None, NOW).messages, Some(0));
        tracker.bounds((100, 20_105));
        assert_eq!(tracker.lag(None, true, None, NOW).messages, Some(5));
    }

    #[test]
    fn messages_hidden_by_a_transaction_are_reported_and_are_not_lag() {
        let mut tracker = assigned();
        let found = statistics(|found| {
            (found.ls_offset, found.hi_offset) = (400, 450);
            (found.next_offset, found.app_offset) = (400, 400);
        });
        tracker.statistics(&found);
        let lag = tracker.lag(Some(400), true, Some(NOW), NOW);
        assert_eq!(lag, Lag { messages: Some(0), seconds: 0.0, unreadable: 50 });
    }

    #[test]
    fn grows_while_nothing_is_fetched() {
        let mut tracker = assigned();
        let found = statistics(|found| {
            (found.ls_offset, found.committed_offset, found.next_offset) = (500, 400, 450);
        });
        tracker.statistics(&found);
        assert_eq!(tracker.lag(None, true, None, NOW).messages, Some(100));
        tracker.bounds((0, 900));
        tracker.statistics(&found);
        assert_eq!(tracker.lag(Some(410), true, None, NOW).messages, Some(500));
    }

    #[test]
    fn commits_are_newer_than_statistics() {
        let mut tracker = assigned();
        let found = statistics(|found| {
            (found.ls_offset, found.next_offset, found.app_offset) = (500, 500, 500);
            found.committed_offset = 450;
        });
        tracker.statistics(&found);
        // A second later as much has come again, and no statistics show it yet.
        assert_eq!(tracker.lag(Some(520), false, None, NOW).messages, Some(50));
        assert_eq!(tracker.lag(Some(520), true, None, NOW).messages, Some(0));
    }

    #[test]
    fn a_marker_after_the_last_message_does_not_wait() {
        let mut tracker = assigned();
        let found = |handed_out| {
            statistics(|found| {
                (found.ls_offset, found.next_offset, found.app_offset) = (21, 21, handed_out);
            })
        };
        tracker.statistics(&found(21));
        let lag = |tracker: &mut LagTracker, committed, all| {
            tracker.lag(Some(committed), all, Some(NOW), NOW).messages
        };
        assert_eq!(lag(&mut tracker, 20, true), Some(0));
        assert_eq!(lag(&mut tracker, 10, false), Some(11), "in a batch");
        tracker.statistics(&found(18));
        assert_eq!(lag(&mut tracker, 18, true), Some(3), "queued");
    }

    #[test]
    fn what_comes_after_a_quiet_night_has_not_waited_all_night() {
        let mut tracker = assigned();
        let found = |end| statistics(|found| (found.ls_offset, found.next_offset) = (end, end - 1));
        tracker.statistics(&found(10));
        assert_eq!(tracker.lag(Some(10), true, Some(NOW), NOW + 8_000_000).messages, Some(0));
        tracker.statistics(&found(11));
        let lag = tracker.lag(Some(10), true, Some(NOW), NOW + 8_001_000);
        assert_eq!(lag, behind(1, 1.0));
    }
}
