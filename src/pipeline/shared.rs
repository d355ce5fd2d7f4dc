//! What the batches of a run share while they overlap.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::Run;
use super::budget::Budget;
use super::workers::Sizes;
use crate::records::Buffers;

/// One for all batches of a run.
#[derive(Clone)]
pub(super) struct Shared {
    /// Of the parts in flight.
    pub budget: Budget,
    /// For the texts of chunks.
    pub buffers: Arc<Buffers>,
    /// Parts that were fetched and are not done.
    pub at_hand: Arc<AtomicUsize>,
    /// Chunks of all parts that nobody has begun to read.
    pub chunks_waiting: Arc<AtomicUsize>,
    /// Batches whose rows are still gathered: what they hold is known to nobody else.
    pub gathering: Arc<AtomicUsize>,
}

/// One of those that are counted, for as long as it lives.
pub(super) struct Counted(Arc<AtomicUsize>);

impl Counted {
    pub fn new(count: &Arc<AtomicUsize>) -> Counted {
        count.fetch_add(1, Ordering::Relaxed);
        Counted(count.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Shared {
    pub fn of(run: &Run<'_>) -> Shared {
        let work = &run.options.work;
        let buffers = Buffers::up_to(Sizes::of(work.memory_bytes).buffers);
        let (at_hand, chunks_waiting, gathering) = Default::default();
        Shared { budget: Budget::of(work), buffers: Arc::new(buffers), at_hand, chunks_waiting, gathering }
    }
}
