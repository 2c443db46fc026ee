//! `--until-end`: what is left to do.

use super::Pump;
use crate::offsets::{Bounds, Offsets, TopicPartition};
use crate::pipeline::until_end::{UntilEnd, Waits};
use std::collections::BTreeSet;
use std::sync::Arc;

impl Pump {
    /// The partitions that have not been read up to the end.
    pub(in crate::pipeline) fn pending(&self) -> Vec<TopicPartition> {
        self.until_end.iter().flat_map(UntilEnd::pending).cloned().collect()
    }

    /// What Kafka has now of the partitions that have not been read up to the end.
    pub(in crate::pipeline) fn present_ends(
        &mut self,
        bounds: &Bounds,
        missing: &BTreeSet<Arc<str>>,
    ) {
        if let Some(end) = &mut self.until_end {
            end.present(bounds, missing);
        }
    }

    /// What existed at the start and was not loaded, if anything.
    pub(in crate::pipeline) fn left_out(&mut self) -> Option<Vec<String>> {
        self.until_end.as_mut().map(UntilEnd::take_left_out).filter(|left| !left.is_empty())
    }

    /// A topic was deleted and recreated: what was not read of it is gone.
    pub(in crate::pipeline) fn recreated(&mut self, topic: &str) {
        if let Some(end) = &mut self.until_end {
            end.recreated(topic);
        }
    }

    /// We leave the group and come back.
    pub(in crate::pipeline) fn leave(&mut self) {
        self.partitions.leave();
    }

    /// The partitions that other instances have to finish, or may have finished.
    pub(in crate::pipeline) fn left_to_others(&self) -> Vec<TopicPartition> {
        let ends = self.until_end.iter();
        ends.flat_map(|end| end.to_ask(|name| self.partitions.contains(name))).cloned().collect()
    }

    /// What we wait for and cannot bring about ourselves.
    pub(in crate::pipeline) fn waits(&self) -> Waits {
        let is_ours = |name: &_| self.partitions.contains(name);
        let is_hidden =
            |name: &_| self.partitions.get(name).is_some_and(|found| found.lag.is_hidden());
        self.until_end.as_ref().map_or_else(Waits::default, |end| end.waits(is_ours, is_hidden))
    }

    /// The database holds everything before these offsets, through any instance.
    pub(in crate::pipeline) fn done_by_others(&mut self, held: &Offsets) {
        if let Some(end) = &mut self.until_end {
            end.held(held);
        }
    }
}
