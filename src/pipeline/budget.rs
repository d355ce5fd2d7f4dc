//! The memory budgets of parts: bytes as received, between network and work, and bytes of rows until the part is whole.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

use crate::model::{UNSHARED_BYTES, WorkOptions};

/// Memory for each part in flight, where more than two per thread are.
const BYTES_PER_PART: u64 = 64 << 20;

/// What rows have less for each thread beyond two.
const ROWS_PER_FURTHER_THREAD: u64 = 16 << 20;

/// Parts on disk are open files, of which a process may not have many.
const MAX_PARTS: u64 = 128;

/// Counts bytes and parts; whoever brings the next one waits while there are too many.
pub struct Budget {
    bytes: AtomicU64,
    parts: AtomicU64,
    released: Notify,
    max_bytes: u64,
    max_parts: u64,
}

/// Held for as long as a part is in flight.
pub struct Share<'b> {
    budget: &'b Budget,
    bytes: u64,
}

impl Budget {
    /// Of a run's parts as they were received.
    pub fn of_received(work: &WorkOptions) -> Budget {
        // Whoever waits for others within a part begins another one: with little memory there must not be many.
        let parts = (work.threads as u64 * 8).min(work.memory_bytes / BYTES_PER_PART).min(MAX_PARTS);
        Budget::new(work.memory_bytes / 8, parts.max(work.threads as u64 * 2).max(4))
    }

    /// Of the rows of a run's parts. Where it allows fewer parts than there are threads, these share the parts' chunks.
    pub fn of_rows(memory_bytes: u64, threads: usize) -> Budget {
        // A thread that waits for a column reads another part meanwhile, and holds the rows of both.
        let further = threads.saturating_sub(2) as u64 * ROWS_PER_FURTHER_THREAD;
        let rows = (memory_bytes.saturating_sub(UNSHARED_BYTES) / 4).saturating_sub(further);
        Budget::new(rows.max(memory_bytes / 8), u64::MAX)
    }

    fn new(max_bytes: u64, max_parts: u64) -> Budget {
        let (bytes, parts, released) = Default::default();
        Budget { bytes, parts, released, max_bytes, max_parts }
    }

    /// Waits until another part may come. Its size need not be known yet: the budget may be exceeded by one part
    /// per request at once, and is then closed until enough is released.
    pub async fn enter(&self) -> Share<'_> {
        loop {
            let released = self.released.notified();
            let free = self.bytes.load(Ordering::Acquire) < self.max_bytes;
            if free && self.take_part() {
                return Share { budget: self, bytes: 0 };
            }
            released.await;
        }
    }

    fn take_part(&self) -> bool {
        let more = |parts| (parts < self.max_parts).then_some(parts + 1);
        self.parts.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).is_ok()
    }
}

impl Share<'_> {
    /// Counts the bytes of memory that the part turned out to hold, or will hold.
    pub fn charge(&mut self, bytes: u64) {
        self.bytes += bytes;
        self.budget.bytes.fetch_add(bytes, Ordering::AcqRel);
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        let budget = self.budget;
        let bytes = budget.bytes.fetch_sub(self.bytes, Ordering::AcqRel);
        let parts = budget.parts.fetch_sub(1, Ordering::AcqRel);
        // Small parts come and go by thousands: whoever fetches them is not woken for each, but for half of them.
        if bytes >= budget.max_bytes || parts - 1 <= budget.max_parts / 2 {
            budget.released.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn whoever_fetches_waits_for_room() {
        let budget = Budget::new(100, 10);
        let mut first = budget.enter().await;
        first.charge(150);
        let waiting = budget.enter();
        tokio::pin!(waiting);
        assert!(tokio::time::timeout(Duration::from_millis(20), &mut waiting).await.is_err());
        drop(first);
        assert!(tokio::time::timeout(Duration::from_secs(5), waiting).await.is_ok());
    }

    #[test]
    fn few_threads_leave_more_to_rows() {
        const MIB: u64 = 1 << 20;
        for (memory, threads, rows) in
            [(512, 1, 112), (512, 2, 112), (512, 4, 80), (512, 8, 64), (128, 2, 16), (1024, 18, 128)]
        {
            let budget = Budget::of_rows(memory * MIB, threads);
            assert_eq!(budget.max_bytes, rows * MIB, "{memory} MiB, {threads} threads");
        }
    }

    #[tokio::test]
    async fn many_small_parts_are_let_in_by_halves() {
        let budget = Budget::new(100, 4);
        let mut inside = Vec::new();
        for _ in 0..4 {
            inside.push(budget.enter().await);
        }
        let waiting = budget.enter();
        tokio::pin!(waiting);
        for _ in 0..2 {
            assert!(tokio::time::timeout(Duration::from_millis(20), &mut waiting).await.is_err());
            drop(inside.pop());
        }
        assert!(tokio::time::timeout(Duration::from_secs(5), waiting).await.is_ok());
    }

    #[tokio::test]
    async fn parts_without_bytes_are_bounded_too() {
        let budget = Budget::new(100, 1);
        let first = budget.enter().await;
        let waiting = budget.enter();
        tokio::pin!(waiting);
        assert!(tokio::time::timeout(Duration::from_millis(20), &mut waiting).await.is_err());
        drop(first);
        assert!(tokio::time::timeout(Duration::from_secs(5), waiting).await.is_ok());
    }
}
