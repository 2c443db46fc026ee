//! How watermarks become the group's offsets: handed over, acknowledged, or handed over again.

use super::{Phase, Port, Pump};
use crate::consume::CommitOutcome;
use crate::health::Trouble;
use crate::offsets::TopicPartition;
use crate::pipeline::Now;
use crate::pipeline::timers::Timer;
use std::sync::Arc;
use std::time::Duration;
use tracing::warn;

/// The pause before retrying a failed commit.
const COMMIT_AGAIN: Duration = Duration::from_secs(1);
/// The same when a stop or a rebalance waits for it.
const COMMIT_AGAIN_SOON: Duration = Duration::from_millis(100);

/// The commit that is under way, and what became of those before.
#[derive(Debug, Default)]
pub(super) struct Commits {
    /// Whether offsets were handed over and Kafka has not answered.
    is_open: bool,
    /// Whether `/readyz` says that offsets are not committed.
    in_trouble: bool,
    /// Partitions whose last commit failed; [`Timer::CommitAgain`] retries it.
    failed: Vec<TopicPartition>,
}

impl Commits {
    pub(super) fn is_open(&self) -> bool {
        self.is_open
    }
}

impl Pump {
    /// Hands the watermarks that moved to Kafka, one commit after the other.
    pub(super) fn commit(&mut self, now: Now, port: &mut impl Port) {
        if self.timers.expire(Timer::CommitAgain, now.at) {
            let failed = std::mem::take(&mut self.commits.failed);
            self.partitions.commit_failed(failed.iter());
        }
        if self.commits.is_open || self.timers.is_set(Timer::CommitAgain) {
            return;
        }
        let offsets = self.partitions.hand_over();
        if !offsets.is_empty() {
            self.commits.is_open = true;
            port.commit(offsets);
        } else if std::mem::take(&mut self.commits.in_trouble) {
            // What could not be committed belongs to another instance now.
            self.setup.health.set_trouble(Trouble::Commit, None);
        }
    }

    /// Kafka has answered a commit. We retry what failed.
    pub fn committed(&mut self, outcome: CommitOutcome, now: Now) {
        let CommitOutcome { acknowledged, failed, gone, error, is_thrown_out } = outcome;
        self.commits.is_open = false;
        if !acknowledged.is_empty() {
            self.metrics.commits.increment(1);
        }
        for TopicPartition { topic, .. } in gone.keys() {
            if self.deleted.insert(Arc::clone(topic)) {
                warn!(
                    topic = &**topic,
                    "commit: the topic no longer exists; not committing its offsets"
                );
            }
        }
        for (name, offset) in acknowledged.into_iter().chain(gone) {
            if let Some(partition) = self.partitions.get_mut(&name) {
                partition.acknowledged = Some(offset);
            }
        }
        let health = &self.setup.health;
        if failed.is_empty() {
            if std::mem::take(&mut self.commits.in_trouble) {
                health.set_trouble(Trouble::Commit, None);
            }
            return;
        }
        let error = error.unwrap_or_default();
        if is_thrown_out && matches!(self.phase, Phase::Stopping) {
            // Who stops does not take part in rebalances any more, so this would fail forever.
            warn!(
                error,
                "commit: this instance is no longer in the group; the next owners of its partitions will load whatever is not committed again"
            );
            return;
        }
        self.commits.in_trouble = true;
        self.metrics.commit_failures.increment(1);
        warn!(error, "commit: Kafka did not accept the offsets; retrying");
        health.set_trouble(Trouble::Commit, Some(format!("cannot commit offsets: {error}")));
        self.commits.failed.extend(failed.into_keys());
        self.timers.set(Timer::CommitAgain, now.at + self.commit_pause());
    }

    fn commit_pause(&self) -> Duration {
        match self.phase {
            Phase::Working => COMMIT_AGAIN,
            Phase::GivingUp { .. } | Phase::Stopping => COMMIT_AGAIN_SOON,
        }
    }

    /// Brings the retry of a failed commit forward, if this phase wants it sooner.
    pub(super) fn hasten_commit(&mut self, now: Now) {
        self.timers.hasten(Timer::CommitAgain, now.at + self.commit_pause());
    }

    /// Whether Kafka has acknowledged every offset that could be handed over.
    pub(super) fn commits_are_settled(&self) -> bool {
        !self.commits.is_open
            && !self.timers.is_set(Timer::CommitAgain)
            && !self.partitions.has_uncommitted()
            && !self.partitions.has_unrecorded()
    }
}
