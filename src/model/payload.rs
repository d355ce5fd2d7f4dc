//! A part as received: whole, before any decoding.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::sync::Arc;

use bytes::Bytes;

/// The bytes of a part as received. Small parts are held in memory, large ones in a file (unlinked
/// for downloads, so that nothing stays behind; the user's own for `convert`).
#[derive(Clone)]
pub enum Payload {
    Memory(Bytes),
    /// Open file and its length in bytes.
    File(Arc<File>, u64),
}

impl Payload {
    /// Length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Payload::Memory(bytes) => bytes.len() as u64,
            Payload::File(_, len) => *len,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of memory that it holds.
    pub fn resident_bytes(&self) -> u64 {
        match self {
            Payload::Memory(bytes) => bytes.len() as u64,
            Payload::File(..) => 0,
        }
    }

    /// With its bytes in memory, if they are not more than `max_bytes`.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn loaded(self, max_bytes: u64) -> io::Result<Payload> {
        match self {
            Payload::File(_, len) if len <= max_bytes => {
                let mut bytes = Vec::with_capacity(usize::try_from(len).unwrap_or_default());
                self.reader().read_to_end(&mut bytes)?;
                Ok(Payload::Memory(bytes.into()))
            }
            loaded_or_large => Ok(loaded_or_large),
        }
    }

    /// Reads from the start; several readers of one payload do not disturb each other.
    pub fn reader(&self) -> PayloadReader {
        match self {
            Payload::Memory(bytes) => PayloadReader::Memory(Cursor::new(bytes.clone())),
            Payload::File(file, len) => PayloadReader::File { file: file.clone(), at: 0, len: *len },
        }
    }
}

/// Reader over a [`Payload`].
pub enum PayloadReader {
    Memory(Cursor<Bytes>),
    File { file: Arc<File>, at: u64, len: u64 },
}

impl Read for PayloadReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            PayloadReader::Memory(cursor) => cursor.read(buf),
            PayloadReader::File { file, at, .. } => {
                let n = read_at(file, buf, *at)?;
                *at += n as u64;
                Ok(n)
            }
        }
    }
}

impl Seek for PayloadReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self {
            PayloadReader::Memory(cursor) => cursor.seek(to),
            PayloadReader::File { at, len, .. } => {
                let target = match to {
                    SeekFrom::Start(n) => Some(n),
                    SeekFrom::End(n) => len.checked_add_signed(n),
                    SeekFrom::Current(n) => at.checked_add_signed(n),
                };
                *at = target.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
                Ok(*at)
            }
        }
    }
}

#[cfg(unix)]
fn read_at(file: &File, buf: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buf, at)
}

#[cfg(windows)]
fn read_at(file: &File, buf: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buf, at)
}
