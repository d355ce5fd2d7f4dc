//! Buffers that are used again: a fresh one of a megabyte costs its pages to be mapped and cleared.

use std::io::{self, Read};
use std::ops::Deref;
use std::sync::{Mutex, PoisonError};

/// Buffers at most that wait.
const MOST: usize = 4;
/// Larger ones (of unusually large records) are given up.
const MOST_BYTES: usize = 4 << 20;

/// Buffers that nobody uses just now.
#[derive(Debug, Default)]
pub struct Buffers(Mutex<Vec<Vec<u8>>>);

impl Buffers {
    /// A buffer that holds anything or nothing.
    pub(super) fn take(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// Takes a buffer back.
    pub fn give(&self, buffer: Vec<u8>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() < MOST && buffer.capacity() <= MOST_BYTES {
            all.push(buffer);
        }
    }
}

/// Text that is being read into a buffer; what the buffer held before is overwritten, never shown.
#[derive(Debug, Default)]
pub(super) struct Filling {
    room: Vec<u8>,
    filled: usize,
}

impl Filling {
    /// Begins with this text.
    pub fn new(room: Vec<u8>, text: &[u8]) -> Filling {
        let mut filling = Filling { room, filled: 0 };
        filling.make_room(text.len());
        filling.room.iter_mut().zip(text).for_each(|(to, from)| *to = *from);
        filling.filled = text.len();
        filling
    }

    /// Reads up to `wanted` more bytes; what came before an error stays.
    pub fn read_from(&mut self, input: &mut impl Read, wanted: usize) -> io::Result<()> {
        let end = self.filled + wanted;
        self.make_room(end);
        while self.filled < end {
            match input.read(self.room.get_mut(self.filled..end).unwrap_or_default()) {
                Ok(0) => break,
                Ok(read) => self.filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Forgets the first bytes.
    pub fn drop_front(&mut self, bytes: usize) {
        self.room.drain(..bytes.min(self.filled));
        self.filled = self.filled.saturating_sub(bytes);
    }

    /// The first `length` bytes.
    pub fn into_text(mut self, length: usize) -> Vec<u8> {
        self.room.truncate(length.min(self.filled));
        self.room
    }

    /// Room that was there is not cleared again.
    fn make_room(&mut self, length: usize) {
        if self.room.len() < length {
            if length <= MOST_BYTES {
                // Doubled, it would soon be too large to be kept.
                self.room.reserve_exact(MOST_BYTES - self.room.len());
            }
            self.room.resize(length, 0);
        }
    }
}

impl Deref for Filling {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.room.get(..self.filled).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_again_unless_it_is_huge() {
        let buffers = Buffers::default();
        buffers.give(b"before".to_vec());
        assert!(buffers.take().capacity() >= 6);
        buffers.give(Vec::with_capacity(MOST_BYTES + 1));
        assert_eq!(buffers.take().capacity(), 0);
    }

    #[test]
    fn what_a_buffer_held_is_never_seen() {
        let mut filling = Filling::new(b"0123456789".to_vec(), b"ab");
        assert_eq!(&*filling, b"ab");
        filling.read_from(&mut &b"cde"[..], 100).unwrap();
        assert_eq!(&*filling, b"abcde");
        filling.drop_front(1);
        filling.read_from(&mut &b"fgh"[..], 2).unwrap();
        assert_eq!(&*filling, b"bcdefg");
        assert_eq!(filling.into_text(100), b"bcdefg");
        assert_eq!(&*Filling::new(b"0".to_vec(), b"abc"), b"abc");
    }
}
