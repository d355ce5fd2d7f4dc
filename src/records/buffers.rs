//! Buffers that are used again: a fresh one of a megabyte costs its pages to be mapped and cleared.

use std::fmt;
use std::io::{self, Read};
use std::ops::Deref;
use std::sync::{Mutex, PoisonError};

/// Larger ones (of unusually large records) are given up.
const MOST_BYTES: usize = 4 << 20;

/// Buffers that nobody uses just now.
#[derive(Debug, Default)]
pub struct Buffers {
    /// Bytes at most that wait.
    max_bytes: usize,
    waiting: Mutex<Vec<Filling>>,
}

impl Buffers {
    /// None yet; `max_bytes` may wait.
    pub fn up_to(max_bytes: usize) -> Buffers {
        Buffers { max_bytes, waiting: Mutex::default() }
    }

    /// An empty buffer.
    pub fn take(&self) -> Filling {
        let filling = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Filling { filled: 0, ..filling.unwrap_or_default() }
    }

    /// Takes a buffer back.
    pub fn give(&self, buffer: Filling) {
        if buffer.room.is_empty() {
            // It would be taken in place of a real one.
            return;
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes: usize = waiting.iter().map(|buffer| buffer.room.len()).sum();
        if bytes + buffer.room.len() <= self.max_bytes && buffer.room.capacity() <= MOST_BYTES {
            waiting.push(buffer);
        }
    }
}

/// Text that is being read into a buffer; what the buffer held before is overwritten, never shown.
#[derive(Clone, Default)]
pub struct Filling {
    room: Vec<u8>,
    filled: usize,
}

impl Filling {
    /// Appends a text.
    pub fn append(&mut self, text: &[u8]) {
        let end = self.filled + text.len();
        self.make_room(end);
        let room = self.room.get_mut(self.filled..end).unwrap_or_default();
        room.iter_mut().zip(text).for_each(|(to, from)| *to = *from);
        self.filled = end;
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

    /// Forgets all but the first `length` bytes.
    pub fn truncate(&mut self, length: usize) {
        self.filled = self.filled.min(length);
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

/// Its length only: the text is data of visitors.
impl fmt::Debug for Filling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.filled)
    }
}

impl PartialEq for Filling {
    fn eq(&self, other: &Filling) -> bool {
        **self == **other
    }
}

impl Eq for Filling {}

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
        let buffers = Buffers::up_to(10);
        let mut text = buffers.take();
        text.append(b"before");
        buffers.give(text);
        // What never held anything is not taken in its place.
        buffers.give(Filling::default());
        let mut other = Filling::default();
        other.append(b"12345");
        buffers.give(other);
        let again = buffers.take();
        assert!(again.room.len() == 6 && again.is_empty());
        assert_eq!(buffers.take().room.capacity(), 0, "two would be more than ten bytes");
        let mut huge = Vec::with_capacity(MOST_BYTES + 1);
        huge.push(0);
        buffers.give(Filling { room: huge, filled: 0 });
        assert_eq!(buffers.take().room.capacity(), 0);
    }

    #[test]
    fn what_a_buffer_held_is_never_seen() {
        let mut filling = Filling { room: b"0123456789".to_vec(), filled: 0 };
        filling.append(b"ab");
        assert_eq!(&*filling, b"ab");
        filling.read_from(&mut &b"cde"[..], 100).unwrap();
        assert_eq!(&*filling, b"abcde");
        filling.drop_front(1);
        filling.read_from(&mut &b"fgh"[..], 2).unwrap();
        assert_eq!(&*filling, b"bcdefg");
        filling.truncate(100);
        assert_eq!(format!("{filling:?}"), "6 bytes");
        filling.truncate(2);
        filling.append(b"x");
        assert_eq!(&*filling, b"bcx");
    }
}
