//! One budget, shared out.

use crate::model::{DecodeLimits, LakeOptions, UNSHARED_BYTES};

/// The least budget that lets every stage work, in bytes.
pub const MIN_BYTES: u64 = 128 << 20;

/// Shares of the memory budget, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemorySplit {
    /// What open objects may hold together.
    pub lake_buffer: usize,
    /// What one row group may hold before it is written.
    pub row_group: usize,
    /// A part up to this size is received into memory, a larger one into a file.
    pub part: u64,
    /// The largest record that is read, unless set by hand: about seven copies of one exist at a time.
    pub record: u64,
}

/// What a worker thread needs: the text and the rows of a part, pages in the making, and what the allocator loses by it.
const BYTES_PER_THREAD: u64 = 48 << 20;

/// Threads that work with the least budget.
const FIRST_THREADS: usize = 2;

/// What is kept free of the lake for each further thread.
const BYTES_PER_FURTHER_THREAD: u64 = 24 << 20;

/// As many of the wanted threads as a budget of `budget` bytes allows: two, or one for each 48 MiB beyond 128 MiB.
pub fn threads(budget: u64, wanted: usize) -> usize {
    let most = usize::try_from(budget.saturating_sub(MIN_BYTES) / BYTES_PER_THREAD).unwrap_or(usize::MAX);
    wanted.min(most.max(FIRST_THREADS))
}

/// Shares out `budget` bytes: half of it (less 64 MiB, and 24 MiB for each thread beyond two) for objects being written,
/// at most a quarter of those for one row group (no more than 48 MiB, beyond which groups gain nothing), 1/16 for
/// one part as received, 1/8 (at most 64 MiB) for one record. The rest is for parts waiting for their turn, decoded
/// text, column builders and the PGP messages in hand. With the default of 512 MiB and two threads: 224, 48
/// and 32 MiB. `threads`: no more than [`threads`] allows.
pub fn split(budget: u64, threads: usize) -> MemorySplit {
    let further = threads.saturating_sub(FIRST_THREADS) as u64 * BYTES_PER_FURTHER_THREAD;
    let lake_buffer =
        usize::try_from(budget.saturating_sub(UNSHARED_BYTES + further) / 2).unwrap_or(usize::MAX);
    MemorySplit {
        lake_buffer,
        row_group: (lake_buffer / 4).min(LakeOptions::default().row_group_bytes),
        part: budget / 16,
        record: (budget / 8).min(DecodeLimits::default().max_record_bytes as u64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn shares() {
        for (budget, threads, expected) in [
            (512, 1, (224, 48, 32, 64)),
            (512, 2, (224, 48, 32, 64)),
            (512, 8, (152, 38, 32, 64)),
            (128, 2, (32, 8, 8, 16)),
            (8 << 10, 4, (4040, 48, 512, 64)),
        ] {
            let MemorySplit { lake_buffer, row_group, part, record } = split(budget * MIB, threads);
            let shares = (lake_buffer as u64 / MIB, row_group as u64 / MIB, part / MIB, record / MIB);
            assert_eq!(shares, expected, "{budget} MiB, {threads} threads");
        }
    }

    #[test]
    fn no_more_threads_than_the_memory_allows() {
        for (budget, wanted, expected) in
            [(512, 1, 1), (512, 8, 8), (512, 64, 8), (1024, 64, 18), (128, 4, 2), (271, 4, 2), (272, 4, 3)]
        {
            assert_eq!(threads(budget * MIB, wanted), expected, "{budget} MiB, {wanted} threads");
        }
    }
}
