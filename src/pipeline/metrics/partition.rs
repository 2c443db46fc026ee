//! The gauges of one partition.

use crate::offsets::TopicPartition;
use metrics::{Gauge, gauge};

#[derive(Debug)]
pub(in crate::pipeline) struct PartitionMetrics {
    assigned: Gauge,
    lag: Gauge,
    lag_seconds: Gauge,
    unreadable: Gauge,
    durable: Gauge,
    committed: Gauge,
}

/// How far a partition is, as far as we know.
#[derive(Debug, Default, Clone, Copy)]
pub(in crate::pipeline) struct PartitionState {
    pub(in crate::pipeline) is_assigned: bool,
    /// Messages that are not committed yet.
    pub(in crate::pipeline) lag: i64,
    /// How long the first of them has been waiting, at most.
    pub(in crate::pipeline) lag_seconds: f64,
    /// Messages that an open transaction hides.
    pub(in crate::pipeline) unreadable: i64,
    /// The offset before which everything is durable.
    pub(in crate::pipeline) durable: Option<i64>,
    /// The offset that Kafka has acknowledged.
    pub(in crate::pipeline) committed: Option<i64>,
}

impl PartitionMetrics {
    pub(in crate::pipeline) fn new(TopicPartition { topic, partition }: &TopicPartition) -> Self {
        let labels = [("topic", topic.to_string()), ("partition", partition.to_string())];
        Self {
            assigned: gauge!("sluicegate_consume_assigned", &labels),
            lag: gauge!("sluicegate_consume_lag_messages", &labels),
            lag_seconds: gauge!("sluicegate_consume_lag_seconds", &labels),
            unreadable: gauge!("sluicegate_consume_unreadable_messages", &labels),
            durable: gauge!("sluicegate_commit_durable_offset", &labels),
            committed: gauge!("sluicegate_commit_committed_offset", &labels),
        }
    }

    pub(in crate::pipeline) fn set(&self, state: &PartitionState) {
        self.assigned.set(f64::from(u8::from(state.is_assigned)));
        self.lag.set(state.lag as f64);
        self.lag_seconds.set(state.lag_seconds);
        self.unreadable.set(state.unreadable as f64);
        if let Some(durable) = state.durable {
            self.durable.set(durable as f64);
        }
        if let Some(committed) = state.committed {
            self.committed.set(committed as f64);
        }
    }
}
