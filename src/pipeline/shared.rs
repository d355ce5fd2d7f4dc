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
}

/// A part that was fetched and is not done; counts itself.
pub(super) struct AtHand(Arc<AtomicUsize>);

impl AtHand {
    pub fn new(count: &Arc<AtomicUsize>) -> AtHand {
        count.fetch_add(1, Ordering::Relaxed);
        AtHand(count.clone())
    }
}

impl Drop for AtHand {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Shared {
    pub fn of(run: &Run<'_>) -> Shared {
        let work = &run.options.work;
        let buffers = Buffers::up_to(Sizes::of(work.memory_bytes).buffers);
        Shared { budget: Budget::of(work), buffers: Arc::new(buffers), at_hand: Arc::default() }
    }
}
