//! What librdkafka and Kafka say about partitions from time to time, and what the gauges show of it.

use super::Pump;
use crate::offsets::{Bounds, Offsets, TopicPartition};
use crate::pipeline::Now;
use crate::pipeline::begin::NoBegin;
use crate::pipeline::losses::Lost;
use rdkafka::statistics::{Partition as Found, Statistics};
use std::ops::Range;
use tracing::error;

impl Pump {
    /// librdkafka's view of things.
    pub(in crate::pipeline) fn statistics(&mut self, statistics: &Statistics) {
        for (topic, found) in &statistics.topics {
            for found in found.partitions.values() {
                let name =
                    TopicPartition { topic: topic.as_str().into(), partition: found.partition };
                self.statistics_of(&name, found);
            }
        }
        if let Some(end) = &mut self.until_end
            && !self.paused
        {
            end.statistics(statistics, |name| self.partitions.contains(name));
        }
    }

    fn statistics_of(&mut self, name: &TopicPartition, found: &Found) {
        let Some(partition) = self.partitions.get_mut(name) else { return };
        partition.lag.statistics(found);
        let (first, next) = (found.lo_offset, partition.next());
        if first < 0 {
            return;
        }
        let mut lost = partition.gaps.held_against(first);
        let is_quiet = !self.paused && found.fetchq_cnt == 0 && found.next_offset >= first;
        if first > next && is_quiet {
            lost.extend(
                partition.gaps.overtaken(next, first).inspect(|_| partition.advance(first)),
            );
        }
        self.lost_ranges(name, lost);
    }

    fn lost_ranges(&mut self, name: &TopicPartition, ranges: Vec<Range<i64>>) {
        for Range { start, end } in ranges {
            self.lost(&Lost { partition: name.clone(), from: start, next: end });
        }
    }

    /// Records were deleted before they were read.
    pub(super) fn lost(&mut self, lost: &Lost) {
        error!(
            partition = %lost.partition,
            from = lost.from,
            to = lost.next - 1,
            messages = lost.next - lost.from,
            "consume: records were deleted before they were read (retention, or kafka-delete-records); so many messages are lost at most"
        );
        self.metrics.lost(&lost.partition.topic, lost.next - lost.from);
        if let Some(end) = &mut self.until_end {
            end.lost(lost);
        }
    }

    /// Up to where each partition was handed out, markers of transactions included. What lies between
    /// the last message and there is committed as well, so that it is not read again.
    pub fn positions(&mut self, positions: &Offsets) {
        for (name, position) in positions {
            let Some(partition) = self.partitions.get_mut(name) else { continue };
            partition.advance(*position);
            if let Some(end) = &mut self.until_end {
                end.consumed(name, position - 1);
            }
        }
    }

    /// The partitions whose bounds librdkafka does not tell, or not any more.
    pub(in crate::pipeline) fn unknown_bounds(&self) -> Vec<TopicPartition> {
        self.partitions
            .iter()
            .filter(|partition| self.paused || !partition.lag.knows_end())
            .map(|partition| partition.name.clone())
            .collect()
    }

    /// Kafka's own word on the bounds of partitions.
    pub(in crate::pipeline) fn bounds(&mut self, bounds: &Bounds) {
        for (name, bounds) in bounds {
            let Some(partition) = self.partitions.get_mut(name) else { continue };
            partition.lag.bounds(*bounds);
            let lost = partition.gaps.held_against(bounds.0);
            self.lost_ranges(name, lost);
        }
    }

    /// When it is about to end: the partitions of which offsets did not come, and it is not known why.
    pub(in crate::pipeline) fn unexplained(&self) -> Vec<TopicPartition> {
        if !self.is_draining() {
            return Vec::new();
        }
        let unexplained = self.partitions.iter().filter(|one| !one.gaps.are_explained());
        unexplained.map(|partition| partition.name.clone()).collect()
    }

    /// Whether no offsets are left out without a known reason.
    pub(super) fn gaps_are_explained(&self) -> bool {
        self.partitions.iter().all(|partition| partition.gaps.are_explained())
    }

    /// Of assigned partitions, the one whose next message is not there any more.
    pub(in crate::pipeline) fn out_of_range(&self, bounds: &Bounds) -> Option<NoBegin> {
        bounds.iter().find_map(|(partition, &(first, end))| {
            let committed = self.partitions.get(partition)?.next();
            let partition = partition.clone();
            let error = NoBegin::OutOfRange { partition, committed, first, end };
            (!(first..=end).contains(&committed)).then_some(error)
        })
    }

    /// Brings gauges up to date.
    pub(in crate::pipeline) fn report(&mut self, now: Now) {
        self.metrics.buffered_bytes.set(self.batches.bytes() as f64);
        self.partitions.iter_mut().for_each(|partition| partition.report(now.micros / 1000));
    }
}
