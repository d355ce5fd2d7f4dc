//! Buffers that are used again: a fresh one of a megabyte costs its pages to be mapped and cleared.

use std::sync::{Mutex, PoisonError};

/// Buffers at most that wait.
const MOST: usize = 16;
/// Larger ones (of unusually large records) are given up.
const MOST_BYTES: usize = 4 << 20;

/// Buffers that nobody uses just now.
#[derive(Debug, Default)]
pub struct Buffers(Mutex<Vec<Vec<u8>>>);

impl Buffers {
    /// An empty buffer.
    pub fn take(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// Takes a buffer back.
    pub fn give(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() < MOST && buffer.capacity() <= MOST_BYTES {
            all.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_again_empty_unless_it_is_huge() {
        let buffers = Buffers::default();
        buffers.give(b"secret".to_vec());
        let again = buffers.take();
        assert!(again.is_empty() && again.capacity() >= 6);
        buffers.give(Vec::with_capacity(MOST_BYTES + 1));
        assert_eq!(buffers.take().capacity(), 0);
    }
}
