//! The outer packets of an OpenPGP message: header, then body as a stream (RFC 9580, section 4.2).
//!
//! ```text
//! 85 02 0c | 03 …     old format, tag 1 (session key), 524 bytes
//! d2 ea | 01 …        new format, tag 18 (encrypted data), 1024 bytes, then another length
//! ```
//! Only the layer that is on the outside is read here, so that the message's reader is not given away
//! to a parser and the next message can follow. What can fail: a bad header, an early end.

use std::io::{self, Read};

use super::{damaged, read_full};

/// Tags of the packets that matter on the outside of an encrypted message.
pub(super) mod tag {
    pub(in super::super) const SESSION_KEY: u8 = 1;
    pub(in super::super) const PASSPHRASE_SESSION_KEY: u8 = 3;
    pub(in super::super) const SECRET_KEY: u8 = 5;
    pub(in super::super) const PUBLIC_KEY: u8 = 6;
    pub(in super::super) const UNPROTECTED_DATA: u8 = 9;
    pub(in super::super) const MARKER: u8 = 10;
    pub(in super::super) const TRUST: u8 = 12;
    pub(in super::super) const USER_ID: u8 = 13;
    pub(in super::super) const PUBLIC_SUBKEY: u8 = 14;
    pub(in super::super) const USER_ATTRIBUTE: u8 = 17;
    pub(in super::super) const PROTECTED_DATA: u8 = 18;
    pub(in super::super) const GNUPG_AEAD_DATA: u8 = 20;
    pub(in super::super) const PADDING: u8 = 21;
    pub(in super::super) const SIGNATURE: u8 = 2;
}

/// How far a body goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    /// Bytes to the end of the body.
    Last(u64),
    /// Bytes until the next length.
    Partial(u64),
    /// To the end of the source.
    ToEnd,
}

/// The tag and the body of the next packet; `None` at the end of the source.
pub(super) fn next<R: Read>(mut source: R) -> io::Result<Option<(u8, Body<R>)>> {
    let mut first = [0];
    if read_full(&mut source, &mut first)? == 0 {
        return Ok(None);
    }
    let [first] = first;
    if first & 0x80 == 0 {
        return Err(damaged("bytes that are no OpenPGP packet"));
    }
    let (tag, length) = if first & 0x40 != 0 {
        (first & 0x3F, new_length(&mut source)?)
    } else {
        let length = match first & 3 {
            0 => Length::Last(big_endian::<1, R>(&mut source)?),
            1 => Length::Last(big_endian::<2, R>(&mut source)?),
            2 => Length::Last(big_endian::<4, R>(&mut source)?),
            _ => Length::ToEnd,
        };
        ((first >> 2) & 0x0F, length)
    };
    Ok(Some((tag, Body { source, length })))
}

fn new_length<R: Read>(source: &mut R) -> io::Result<Length> {
    let first = big_endian::<1, R>(source)?;
    Ok(match first {
        0..192 => Length::Last(first),
        192..224 => Length::Last(((first - 192) << 8) + big_endian::<1, R>(source)? + 192),
        224..255 => Length::Partial(1 << (first & 0x1F)),
        _ => Length::Last(big_endian::<4, R>(source)?),
    })
}

fn big_endian<const N: usize, R: Read>(source: &mut R) -> io::Result<u64> {
    let mut bytes = [0; N];
    if read_full(source, &mut bytes)? < N {
        return Err(ends_early());
    }
    Ok(bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
}

fn ends_early() -> io::Error {
    damaged("the message ends early")
}

/// A packet's body. Reading to its end leaves the source at the next packet.
pub(super) struct Body<R> {
    source: R,
    length: Length,
}

impl<R: Read> Read for Body<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            let (left, partial) = match self.length {
                Length::ToEnd => return self.source.read(buf),
                Length::Last(0) => return Ok(0),
                Length::Partial(0) => {
                    self.length = new_length(&mut self.source)?;
                    continue;
                }
                Length::Last(left) => (left, false),
                Length::Partial(left) => (left, true),
            };
            let want = buf.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let n = self.source.read(buf.get_mut(..want).unwrap_or_default())?;
            if n == 0 {
                return Err(ends_early());
            }
            let left = left.saturating_sub(n as u64);
            self.length = if partial { Length::Partial(left) } else { Length::Last(left) };
            return Ok(n);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> io::Result<Vec<(u8, Vec<u8>)>> {
        let mut source = bytes;
        let mut found = Vec::new();
        while let Some((tag, mut body)) = next(&mut source)? {
            let mut content = Vec::new();
            body.read_to_end(&mut content)?;
            found.push((tag, content));
        }
        Ok(found)
    }

    #[test]
    fn every_kind_of_length() {
        let two_octets = [[0xD2, 0xC0, 0x00].as_slice(), &[7; 192]].concat();
        for (bytes, expected) in [
            (&[][..], vec![]),
            (&[0x84, 2, 8, 9, 0xA4, 0], vec![(1, vec![8, 9]), (9, vec![])]),
            (&[0x85, 0, 1, 5], vec![(1, vec![5])]),
            (&[0x86, 0, 0, 0, 1, 5], vec![(1, vec![5])]),
            (&[0x87, 1, 2], vec![(1, vec![1, 2])]),
            (&[0xD2, 0xE1, 1, 2, 0xE0, 3, 0], vec![(18, vec![1, 2, 3])]),
            (&two_octets, vec![(18, vec![7; 192])]),
        ] {
            assert_eq!(all(bytes).unwrap(), expected, "{bytes:?}");
        }
    }

    #[test]
    fn early_ends_and_bad_headers() {
        for bytes in [
            &[0x12, 1][..],
            &[0x84],
            &[0x84, 2, 8],
            &[0x85, 0],
            &[0xD2, 0xE1, 1, 2],
            &[0xD2, 0xE1, 1],
            &[0xD2, 0xFF, 0, 0, 0],
        ] {
            assert!(all(bytes).is_err(), "{bytes:?}");
        }
    }
}
