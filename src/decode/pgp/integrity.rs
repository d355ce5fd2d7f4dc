//! Integrity of encrypted data: the SHA-1 at its end (MDC), compared before the end is reported.
//!
//! ```text
//! decrypted: [block + 2 random bytes] [packets …] d3 14 [SHA-1 of all before it]
//! read():                             [packets …] then 0, or an error if the SHA-1 differs
//! ```
//! Data is given out before the end is reached, as a file of any size has to fit into memory: who reads
//! must throw away everything when an error comes, and must read to the end.

use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};

use super::{BUFFER, damaged, read_full};

/// Packet header (2 bytes) and SHA-1 at the end of protected data.
const TRAILER: usize = 22;

/// What the readers around sequoia's parser know better than the parser: it hides their errors.
#[derive(Clone, Default)]
pub(super) struct Outcome {
    /// The encrypted data was read to its end and is as it was made.
    whole: Arc<AtomicBool>,
    first_error: Arc<Mutex<Option<io::Error>>>,
}

impl Outcome {
    pub(super) fn is_whole(&self) -> bool {
        self.whole.load(Ordering::Acquire)
    }

    /// The first error below the parser, else one that says `otherwise`.
    pub(super) fn error(&self, otherwise: &str) -> io::Error {
        let first = self.first_error.lock().unwrap_or_else(PoisonError::into_inner).take();
        first.unwrap_or_else(|| damaged(otherwise))
    }
}

/// Remembers the first error of a reader.
pub(super) struct Watched<R> {
    pub(super) inner: R,
    pub(super) outcome: Outcome,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buf).map_err(|error| {
            let kind = error.kind();
            if kind != io::ErrorKind::Interrupted {
                let mut first = self.outcome.first_error.lock().unwrap_or_else(PoisonError::into_inner);
                first.get_or_insert(error);
            }
            kind.into()
        })
    }
}

/// Decrypted data with the SHA-1 at its end.
pub(super) struct Sealed<R> {
    inner: R,
    /// `None` after the end.
    hash: Option<Context>,
    buffer: Box<[u8]>,
    /// Bytes of `buffer` in use; the last 22 may be the trailer.
    filled: usize,
    taken: usize,
    outcome: Outcome,
}

impl<R: Read> Sealed<R> {
    /// Reads the random bytes at the start, `prefix` many.
    pub(super) fn new(
        mut inner: R,
        prefix: usize,
        size_hint: usize,
        outcome: Outcome,
    ) -> io::Result<Sealed<R>> {
        let mut start = vec![0; prefix];
        let n = read_full(&mut inner, &mut start)?;
        let mut hash = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
        hash.update(start.get(..n).unwrap_or_default());
        let buffer = vec![0; size_hint.clamp(1024, BUFFER)].into_boxed_slice();
        Ok(Sealed { inner, hash: Some(hash), buffer, filled: 0, taken: 0, outcome })
    }

    /// Bytes that surely are not the trailer.
    fn ready(&self) -> usize {
        self.filled.saturating_sub(TRAILER)
    }

    /// Drops what was taken, reads more; at the end compares the SHA-1.
    fn fill(&mut self) -> io::Result<()> {
        self.buffer.copy_within(self.taken..self.filled, 0);
        self.filled -= self.taken;
        self.taken = 0;
        let before = self.filled;
        self.filled += read_full(&mut self.inner, self.buffer.get_mut(before..).unwrap_or_default())?;
        let Some(mut hash) = self.hash.take() else { return Ok(()) };
        // What was hashed: everything but the last 22 bytes, each time.
        let hashed = before.saturating_sub(TRAILER);
        let ready = self.ready();
        hash.update(self.buffer.get(hashed..ready).unwrap_or_default());
        if self.filled == self.buffer.len() {
            self.hash = Some(hash);
            return Ok(());
        }
        let trailer = self.buffer.get(ready..self.filled).unwrap_or_default();
        let (head, sum) = trailer.split_at_checked(2).unwrap_or_default();
        hash.update(head);
        if head != [0xD3, 0x14] || hash.finish().as_ref() != sum {
            return Err(damaged("it was altered or cut: its checksum does not fit"));
        }
        self.outcome.whole.store(true, Ordering::Release);
        Ok(())
    }
}

impl<R: Read> Read for Sealed<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.taken >= self.ready() {
            if self.hash.is_none() {
                return if self.outcome.is_whole() { Ok(0) } else { Err(damaged("it was altered or cut")) };
            }
            self.fill()?;
        }
        let ready = self.buffer.get(self.taken..self.ready()).unwrap_or_default();
        let n = ready.len().min(buf.len());
        if let (Some(to), Some(from)) = (buf.get_mut(..n), ready.get(..n)) {
            to.copy_from_slice(from);
        }
        self.taken += n;
        Ok(n)
    }
}

/// Decrypted data without anything to compare with: read to its end is all that can be said.
pub(super) struct Unsealed<R> {
    pub(super) inner: R,
    pub(super) outcome: Outcome,
}

impl<R: Read> Read for Unsealed<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buf)?;
        if n == 0 && !buf.is_empty() {
            self.outcome.whole.store(true, Ordering::Release);
        }
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::digest::digest;

    fn sealed(content: &[u8]) -> Vec<u8> {
        let mut all = [&[9; 18], content, &[0xD3, 0x14]].concat();
        let sum = digest(&SHA1_FOR_LEGACY_USE_ONLY, &all);
        all.extend_from_slice(sum.as_ref());
        all
    }

    fn open(bytes: &[u8], size_hint: usize) -> io::Result<(Vec<u8>, bool)> {
        let outcome = Outcome::default();
        let mut content = Vec::new();
        Sealed::new(bytes, 18, size_hint, outcome.clone())?.read_to_end(&mut content)?;
        Ok((content, outcome.is_whole()))
    }

    #[test]
    fn content_of_any_length() {
        for len in (0..30).chain(980..1050).chain([65_514, 65_515, 65_536, 200_000]) {
            let content: Vec<u8> = (0..len).map(|i| i as u8).collect();
            for hint in [0, BUFFER] {
                assert_eq!(open(&sealed(&content), hint).unwrap(), (content.clone(), true), "{len}");
            }
        }
    }

    #[test]
    fn every_flipped_or_missing_byte_is_seen() {
        let good = sealed(b"some content");
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(open(&bad, 0).is_err(), "flip at {at}");
            assert!(open(&good[..at], 0).is_err(), "cut at {at}");
        }
    }
}
