//! What librdkafka and Kafka report about partitions from time to time, and the gauges that show it.

use super::Pump;
use crate::offsets::{Bounds, Offsets, TopicPartition};
use crate::pipeline::Now;
use crate::pipeline::begin::NoBegin;
use crate::pipeline::losses::Lost;
use rdkafka::statistics::{Partition as Found, Statistics};
use std::ops::Range;
use tracing::{error, info};

impl Pump {
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
        if first > next
            && is_quiet
            && let Some(overtaken) = partition.gaps.overtaken(next, first)
        {
            lost.push(overtaken);
            self.partitions.advance(name, first);
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
            "consume: records were deleted before they were read (retention or kafka-delete-records); at most this many messages are lost"
        );
        self.metrics.lost(&lost.partition.topic, lost.next - lost.from);
        if let Some(end) = &mut self.until_end {
            end.lost(lost);
        }
    }

    /// The offset after the last one handed out of each partition, transaction markers included. We commit
    /// that, rather than the offset after the last message, so that markers are not read again.
    pub fn positions(&mut self, positions: &Offsets) {
        for (name, position) in positions {
            if self.partitions.get(name).is_none() {
                continue;
            }
            self.partitions.advance(name, *position);
            if let Some(end) = &mut self.until_end {
                end.consumed(name, position - 1);
            }
        }
    }

    /// The partitions whose bounds librdkafka does not report (any more).
    pub(in crate::pipeline) fn unknown_bounds(&self) -> Vec<TopicPartition> {
        self.partitions
            .iter()
            .filter(|partition| self.paused || !partition.lag.knows_end())
            .map(|partition| partition.name.clone())
            .collect()
    }

    /// Kafka's own answer about the bounds of partitions.
    pub(in crate::pipeline) fn bounds(&mut self, bounds: &Bounds) {
        for (name, bounds) in bounds {
            let Some(partition) = self.partitions.get_mut(name) else { continue };
            partition.lag.bounds(*bounds);
            let lost = partition.gaps.held_against(bounds.0);
            self.lost_ranges(name, lost);
        }
    }

    /// When the run is about to end: the partitions with gaps that are not explained yet.
    pub(in crate::pipeline) fn unexplained(&self) -> Vec<TopicPartition> {
        if !self.is_draining() {
            return Vec::new();
        }
        let unexplained = self.partitions.iter().filter(|one| !one.gaps.are_explained());
        unexplained.map(|partition| partition.name.clone()).collect()
    }

    /// Whether every gap is explained.
    pub(super) fn gaps_are_explained(&self) -> bool {
        self.partitions.iter().all(|partition| partition.gaps.are_explained())
    }

    /// The assigned partition whose next message no longer exists.
    pub(in crate::pipeline) fn out_of_range(&self, bounds: &Bounds) -> Option<NoBegin> {
        bounds.iter().find_map(|(partition, &(first, end))| {
            let committed = self.partitions.get(partition)?.next();
            let partition = partition.clone();
            let error = NoBegin::OutOfRange { partition, committed, first, end };
            (!(first..=end).contains(&committed)).then_some(error)
        })
    }

    /// Updates the gauges.
    pub(in crate::pipeline) fn report(&mut self, now: Now) {
        self.metrics.buffered_bytes.set(self.batches.bytes() as f64);
        let (mut left, mut ended) = (0, 0);
        for partition in self.partitions.iter_mut() {
            partition.report(now.micros / 1000);
            if let Some(messages) = partition.left_to_read_again() {
                self.metrics.kafka_ahead(&partition.name, messages);
                left += messages;
                ended += u32::from(messages == 0);
            }
        }
        if ended > 0 && left == 0 {
            info!("consume: this database has what it lacked: everything before Kafka's offsets");
        }
    }
}
