//! What the batches of a run share while they overlap.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::Run;
use super::budget::Budget;
use super::workers::Sizes;
use crate::records::Buffers;

/// One for all batches of a run.
pub(super) struct Shared {
    /// Of the parts in flight.
    pub budget: Budget,
    /// Of the rows of those that are worked on.
    pub rows: Budget,
    pub sizes: Sizes,
    /// For the texts of chunks.
    pub buffers: Arc<Buffers>,
    /// Parts that are worked on, or may be at once.
    pub at_hand: AtomicUsize,
    /// Chunks of all parts that nobody has begun to read.
    pub chunks_waiting: AtomicUsize,
    /// Batches whose rows are still gathered: what they hold is known to nobody else.
    pub gathering: AtomicUsize,
}

impl Shared {
    pub fn of(run: &Run<'_>) -> Shared {
        let work = &run.options.work;
        let sizes = Sizes::of(work.memory_bytes, work.threads);
        let buffers = Arc::new(Buffers::up_to(sizes.buffers));
        let (at_hand, chunks_waiting, gathering) = Default::default();
        let (budget, rows) = (Budget::of_received(work), Budget::of_rows(work.memory_bytes, work.threads));
        Shared { budget, rows, sizes, buffers, at_hand, chunks_waiting, gathering }
    }
}

/// One of those that are counted, for as long as it lives.
pub(super) struct Counted<'c>(&'c AtomicUsize);

impl<'c> Counted<'c> {
    pub fn new(count: &'c AtomicUsize) -> Counted<'c> {
        count.fetch_add(1, Ordering::Relaxed);
        Counted(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
