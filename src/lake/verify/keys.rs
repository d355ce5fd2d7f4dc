//! Counts keys and finds repeated ones, in bounded memory: 128-bit hashes, sorted; beyond a limit they go
//! to temporary files by their first bits, which are sorted one after another.

use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Files that spilled keys are divided among.
const BUCKETS: usize = 64;

/// 128 bits of a key: two keys that differ have the same with a probability that need not be thought of.
pub(super) fn hash(key: &impl Hash) -> u128 {
    let half = |salt: u64| {
        // Keyed the same way in every run; its values are never stored beyond one.
        let mut hasher = DefaultHasher::new();
        salt.hash(&mut hasher);
        key.hash(&mut hasher);
        u128::from(hasher.finish())
    };
    half(0) << 64 | half(1)
}

/// A bag of keys.
pub(super) struct Keys {
    held: Vec<u128>,
    max_held: usize,
    spool: Option<PathBuf>,
    spilled: Vec<File>,
}

/// How many keys there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counted {
    pub distinct: u64,
    /// Keys that are the same as another one.
    pub repeated: u64,
}

impl Keys {
    /// Holds at most so many bytes of keys in memory.
    pub fn new(max_bytes: usize, spool: Option<&Path>) -> Keys {
        let max_held = (max_bytes / size_of::<u128>()).max(1024);
        Keys { held: Vec::new(), max_held, spool: spool.map(Path::to_owned), spilled: Vec::new() }
    }

    pub fn add(&mut self, key: u128) -> io::Result<()> {
        if self.held.len() >= self.max_held {
            self.spill()?;
        }
        self.held.push(key);
        Ok(())
    }

    pub fn count(mut self) -> io::Result<Counted> {
        if self.spilled.is_empty() {
            return Ok(count(&mut self.held));
        }
        self.spill()?;
        let mut all = Counted::default();
        for mut file in self.spilled {
            file.seek(SeekFrom::Start(0))?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            let mut keys: Vec<u128> = bytes
                .chunks_exact(size_of::<u128>())
                .filter_map(|chunk| chunk.try_into().ok().map(u128::from_le_bytes))
                .collect();
            drop(bytes);
            let counted = count(&mut keys);
            all.distinct += counted.distinct;
            all.repeated += counted.repeated;
        }
        Ok(all)
    }

    fn spill(&mut self) -> io::Result<()> {
        while self.spilled.len() < BUCKETS {
            self.spilled.push(super::rows::temporary(self.spool.as_deref())?);
        }
        let mut buckets = vec![Vec::new(); BUCKETS];
        for key in self.held.drain(..) {
            if let Some(bucket) = buckets.get_mut((key >> 122) as usize) {
                bucket.extend_from_slice(&key.to_le_bytes());
            }
        }
        self.spilled.iter_mut().zip(&buckets).try_for_each(|(file, bytes)| file.write_all(bytes))
    }
}

fn count(keys: &mut [u128]) -> Counted {
    keys.sort_unstable();
    let repeated = keys.windows(2).filter(|pair| pair.first() == pair.last()).count() as u64;
    Counted { distinct: keys.len() as u64 - repeated, repeated }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_counted_held_or_spilled() {
        for max_bytes in [0, 1 << 20] {
            let mut keys = Keys::new(max_bytes, None);
            for n in 0..10_000u64 {
                keys.add(hash(&("file", n, Some(n % 3), None::<u64>))).unwrap();
            }
            for n in [5u64, 9_999, 5] {
                keys.add(hash(&("file", n, Some(n % 3), None::<u64>))).unwrap();
            }
            assert_eq!(keys.spilled.is_empty(), max_bytes > 0);
            assert_eq!(keys.count().unwrap(), Counted { distinct: 10_000, repeated: 3 });
        }
        assert_eq!(Keys::new(0, None).count().unwrap(), Counted::default());
    }
}
