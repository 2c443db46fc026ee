//! The pipeline's batches: one is open, the others are free or under way.

use super::Setup;
use crate::buffer::Batch;

/// All batches. The pump fills the open one itself.
pub(super) struct Batches {
    pub(super) open: Batch,
    free: Vec<Batch>,
    under_way: usize,
    under_way_bytes: usize,
    writers: usize,
    /// A free batch keeps no more memory than this: what one takes while it grows, see
    /// `config::check`.
    kept_bytes_max: usize,
}

impl Batches {
    pub(super) fn new(setup: &Setup) -> Self {
        let empty = || Batch::new(&setup.mapping);
        Self {
            open: empty(),
            free: (1..setup.config.flush.batches()).map(|_| empty()).collect(),
            under_way: 0,
            under_way_bytes: 0,
            writers: setup.config.flush.writers,
            kept_bytes_max: 2 * setup.config.batch.bytes,
        }
    }

    /// How many batches writers have.
    pub(super) fn under_way(&self) -> usize {
        self.under_way
    }

    pub(super) fn has_idle_writer(&self) -> bool {
        self.under_way < self.writers
    }

    pub(super) fn has_free(&self) -> bool {
        !self.free.is_empty()
    }

    /// Bytes of values in the batches that are filled or flushed.
    pub(super) fn bytes(&self) -> usize {
        self.open.bytes() + self.under_way_bytes
    }

    /// Hands over the open batch and opens a free one; `None` if none is free.
    pub(super) fn hand_over(&mut self) -> Option<Batch> {
        let batch = std::mem::replace(&mut self.open, self.free.pop()?);
        self.under_way += 1;
        self.under_way_bytes += batch.bytes();
        Some(batch)
    }

    /// Takes back a batch that is durable, or that nothing came of.
    pub(super) fn take_back(&mut self, mut batch: Batch) {
        self.under_way -= 1;
        self.under_way_bytes -= batch.bytes();
        batch.clear();
        batch.shrink(self.kept_bytes_max);
        self.free.push(batch);
    }
}
