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

/// Shares out `budget` bytes: 3/8 of it (less 64 MiB) for objects being written, at most a quarter of those for
/// one row group (no more than 48 MiB, beyond which groups gain nothing), 1/16 for one part as received, 1/8 (at
/// most 64 MiB) for one record. The rest is for parts waiting for their turn, decoded text, column builders and
/// the PGP messages in hand. With the default of 512 MiB: 168, 42 and 32 MiB.
pub fn split(budget: u64) -> MemorySplit {
    let lake_buffer = usize::try_from(budget.saturating_sub(UNSHARED_BYTES) / 8 * 3).unwrap_or(usize::MAX);
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

    #[test]
    fn shares() {
        const MIB: usize = 1 << 20;
        for (budget, expected) in [
            (512 << 20, (168 * MIB, 42 * MIB, 32 << 20, 64 << 20)),
            (128 << 20, (24 * MIB, 6 * MIB, 8 << 20, 16 << 20)),
            (8 << 30, (3048 * MIB, 48 * MIB, 512 << 20, 64 << 20)),
        ] {
            let (lake_buffer, row_group, part, record) = expected;
            assert_eq!(split(budget), MemorySplit { lake_buffer, row_group, part, record });
        }
    }
}
