//! gzip with any number of members, read to the last byte.
//!
//! Truncation, a wrong checksum or length, and bytes after the last member are faults; an empty member
//! holds nothing. Offsets are those of the received bytes when gzip is the outermost layer.

use std::io::{self, BufRead, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::GzDecoder;

use crate::model::{Fault, FaultKind, Place, Stage};

/// Reader over the content of all members.
pub(super) struct Gzip<R> {
    /// `None` after the end or an error.
    member: Option<GzDecoder<Counted<R>>>,
    /// Members that ended well.
    members: u64,
    /// Where the current member starts.
    start: u64,
    consumed: Arc<AtomicU64>,
    /// Whether offsets count received bytes.
    outermost: bool,
}

impl<R: BufRead> Gzip<R> {
    pub(super) fn new(source: R, outermost: bool) -> Gzip<R> {
        let consumed = Arc::new(AtomicU64::new(0));
        let source = Counted { source, consumed: consumed.clone() };
        Gzip { member: Some(GzDecoder::new(source)), members: 0, start: 0, consumed, outermost }
    }

    /// Goes to the next member; false at the end.
    fn next_member(&mut self) -> io::Result<bool> {
        let Some(ended) = self.member.take() else { return Ok(false) };
        let mut source = ended.into_inner();
        self.members += 1;
        self.start = self.consumed.load(Ordering::Relaxed);
        if source.fill_buf()?.is_empty() {
            return Ok(false);
        }
        self.member = Some(GzDecoder::new(source));
        Ok(true)
    }

    fn fault(&self, error: io::Error) -> io::Error {
        // An error from below tells more than what gzip makes of it.
        if error.get_ref().is_some_and(|inner| inner.is::<Fault>()) {
            return error;
        }
        let consumed = self.consumed.load(Ordering::Relaxed);
        let headless = self.member.as_ref().is_none_or(|member| member.header().is_none());
        let (message, at) = match error.kind() {
            io::ErrorKind::UnexpectedEof if headless && self.members > 0 => {
                ("bytes that are no gzip data follow the gzip data".to_owned(), self.start)
            }
            io::ErrorKind::UnexpectedEof => ("the gzip data ends early".to_owned(), consumed),
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData if headless && self.members > 0 => {
                ("bytes that are no gzip data follow the gzip data".to_owned(), self.start)
            }
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
                (format!("the gzip data is damaged: {error}"), consumed)
            }
            _ => (format!("the received bytes cannot be read: {error}"), consumed),
        };
        let fault = Fault::new(FaultKind::Damaged, Stage::Decode, message).advise(super::FETCH_AGAIN);
        if self.outermost { fault.at(Place::Byte(at)).into_io() } else { fault.into_io() }
    }
}

impl<R: BufRead> Read for Gzip<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            let Some(member) = &mut self.member else { return Ok(0) };
            match member.read(buf) {
                Ok(0) if !buf.is_empty() => {
                    if !self.next_member().map_err(|error| self.fault(error))? {
                        return Ok(0);
                    }
                }
                Ok(n) => return Ok(n),
                Err(error) => return Err(self.fault(error)),
            }
        }
    }
}

/// Counts the bytes that were used, not those that were merely buffered.
struct Counted<R> {
    source: R,
    consumed: Arc<AtomicU64>,
}

impl<R: BufRead> Read for Counted<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.source.read(buf)?;
        self.consumed.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

impl<R: BufRead> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.source.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.consumed.fetch_add(amount as u64, Ordering::Relaxed);
        self.source.consume(amount);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::read::GzEncoder;

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        GzEncoder::new(content, Compression::fast()).read_to_end(&mut bytes).unwrap();
        bytes
    }

    fn open(bytes: &[u8]) -> Result<Vec<u8>, Fault> {
        let mut content = Vec::new();
        match Gzip::new(bytes, true).read_to_end(&mut content) {
            Ok(_) => Ok(content),
            Err(error) => Err(Fault::from_io(error, FaultKind::Internal, Stage::Parse)),
        }
    }

    #[test]
    fn members() {
        let big: Vec<u8> = (0..300_000u32).flat_map(|i| i.to_le_bytes()).collect();
        for (parts, expected) in [
            (vec![gzip(b"")], b"".to_vec()),
            (vec![gzip(b"one"), gzip(b"two")], b"onetwo".to_vec()),
            (vec![gzip(b""), gzip(b"two"), gzip(b"")], b"two".to_vec()),
            (vec![gzip(&big)], big.clone()),
        ] {
            assert_eq!(open(&parts.concat()).unwrap(), expected);
        }
    }

    #[test]
    fn damage_is_named_and_placed() {
        let good = gzip(b"some content, some content");
        let two = [good.clone(), good.clone()].concat();
        let flip = |at: usize| {
            let mut bad = good.clone();
            bad[at] ^= 0x40;
            bad
        };
        let end = good.len() as u64;
        let table: [(Vec<u8>, &str, u64); 9] = [
            (good[..good.len() - 9].to_vec(), "ends early", end - 9),
            (good[..good.len() - 1].to_vec(), "ends early", end - 1),
            (good[..5].to_vec(), "ends early", 5),
            (two[..two.len() - 1].to_vec(), "ends early", 2 * end - 1),
            (flip(good.len() - 6), "damaged", end),
            (flip(good.len() - 2), "damaged", end),
            ([good.clone(), vec![0; 100]].concat(), "follow", end),
            ([good.clone(), b"\n".to_vec()].concat(), "follow", end),
            ([good.clone(), b"{\"a\":1} and more text".to_vec()].concat(), "follow", end),
        ];
        for (bytes, word, at) in table {
            let fault = open(&bytes).unwrap_err();
            assert_eq!(
                (fault.kind, fault.place.clone()),
                (FaultKind::Damaged, Some(Place::Byte(at))),
                "{fault}"
            );
            assert!(fault.message.contains(word), "{fault}");
        }
    }
}
