//! OpenPGP: keys, whole files and single values.
//!
//! ```text
//! "-----BEGIN PGP MESSAGE-----…"  armor    -> 85 02 0c … d2 ea …
//!     packets   session keys for [1F2E…, hidden], then encrypted data
//!     keys      the held key 1F2E… opens the session key (one RSA operation)
//!     integrity AES-256-CFB, SHA-1 over all of it compared at the end
//!     message   compressed { one-pass signature, literal "{…}", signature } -> {…}
//! ```
//! Signatures are neither required nor verified; what the sender's key was does not matter to an archive.
//! What can fail: no held key fits, the message is altered, cut or not protected against alteration.
//!
//! Errors inside this room are [`DecryptError`]s that travel in `io::Error`s; `decode` makes faults of them.

mod ahead;
mod armor;
#[cfg(test)]
pub(super) mod gnupg;
mod integrity;
mod keys;
mod message;
mod packets;
mod rsa;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::{Decrypt, DecryptError, Fault, FaultKind, Stage};

use ahead::Ahead;
use armor::{Armor, BlockKind};
pub use keys::Keyring;
use message::Plaintext;

/// Buffer between the layers, in bytes.
const BUFFER: usize = 64 * 1024;

impl Decrypt for Keyring {
    fn decrypt(&self, text: &[u8]) -> Result<Vec<u8>, DecryptError> {
        let max_bytes = self.max_plaintext_bytes();
        let text = &*unescaped(text);
        let mut plaintext = Vec::with_capacity(text.len().min(1 << 20));
        Armored::new(text, self)
            .take(max_bytes.saturating_add(1))
            .read_to_end(&mut plaintext)
            .map_err(decrypt_error)?;
        if plaintext.len() as u64 > max_bytes {
            return Err(DecryptError::TooLarge { max_bytes });
        }
        Ok(plaintext)
    }
}

/// Without what a second round of JSON escaping left behind: armor itself knows no backslash.
fn unescaped(text: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'\\', text).is_none() {
        return Cow::Borrowed(text);
    }
    let mut plain = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        plain.push(match byte {
            b'\\' => match bytes.next() {
                Some(b'n') => b'\n',
                Some(b'r') => b'\r',
                Some(b't') => b'\t',
                Some(other) => *other,
                None => *byte,
            },
            other => *other,
        });
    }
    Cow::Owned(plain)
}

/// The joined plaintexts of a text of armored messages.
pub(super) fn armored<'a>(text: Box<dyn Read + Send + 'a>, keys: &'a Keyring) -> Box<dyn Read + Send + 'a> {
    Box::new(Ahead::new(text, keys))
}

/// The joined plaintexts of binary messages one after another.
pub(super) fn binary<'a>(bytes: Box<dyn Read + Send + 'a>, keys: &'a Keyring) -> Box<dyn Read + Send + 'a> {
    let source = Shared::new(BufReader::with_capacity(BUFFER, bytes));
    Box::new(Messages { source, keys, current: None, opened: false })
}

/// Whether the first bytes look like a binary OpenPGP message (or a public key before one).
pub(super) fn is_binary(head: &[u8]) -> bool {
    use packets::tag;
    let Some((first, rest)) = head.split_first() else { return false };
    let (tag, length_bytes) = match first {
        0xC0..=0xFF => match rest.first() {
            Some(0..=191 | 224..=254) => (first & 0x3F, 1),
            Some(192..=223) => (first & 0x3F, 2),
            _ => (first & 0x3F, 5),
        },
        0x80..=0xBF => ((first >> 2) & 0x0F, [1, 2, 4, 0].get(usize::from(first & 3)).copied().unwrap_or(0)),
        _ => return false,
    };
    let version = rest.get(length_bytes).copied();
    match tag {
        tag::SESSION_KEY => matches!(version, Some(2 | 3 | 6)),
        tag::PASSPHRASE_SESSION_KEY => matches!(version, Some(4..=6)),
        tag::PUBLIC_KEY => matches!(version, Some(2..=6)),
        tag::PROTECTED_DATA | tag::GNUPG_AEAD_DATA => matches!(version, Some(1 | 2)),
        tag::MARKER => head.ends_with(b"PGP") || memchr::memmem::find(head, b"PGP").is_some(),
        // Without a session key packet nothing can open it, but then it is told so.
        tag::UNPROTECTED_DATA => matches!(first, 0xA4..=0xA7 | 0xC9),
        _ => false,
    }
}

/// The fault of a whole file for an error that came through these readers.
pub(super) fn fault_of(error: DecryptError) -> Fault {
    let (kind, advice) = match error {
        DecryptError::KeyMissing { .. } => (
            FaultKind::KeyMissing,
            Some("add the key to [account.pgp] key_files (or --pgp-key), then run again"),
        ),
        DecryptError::Unprotected => (FaultKind::Unprotected, None),
        DecryptError::TooLarge { .. } => (FaultKind::CapExceeded, None),
        DecryptError::Damaged(_) => (FaultKind::Damaged, Some(super::FETCH_AGAIN)),
    };
    let fault = Fault::new(kind, Stage::Decrypt, error.to_string());
    match advice {
        Some(advice) => fault.advise(advice),
        None => fault,
    }
}

fn damaged(what: &str) -> io::Error {
    io::Error::other(DecryptError::Damaged(what.to_owned()))
}

fn decrypt_error(error: io::Error) -> DecryptError {
    match error.downcast::<DecryptError>() {
        Ok(error) => error,
        Err(error) => DecryptError::Damaged(error.to_string()),
    }
}

/// Fills `buf` as far as the source goes.
fn read_full<R: Read>(source: &mut R, buf: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buf.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match source.read(rest) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(filled)
}

/// A reader with several owners: a message reads from it until its end, then the next one does.
struct Shared<R>(Arc<Mutex<R>>);

impl<R> Shared<R> {
    fn new(reader: R) -> Shared<R> {
        Shared(Arc::new(Mutex::new(reader)))
    }

    fn with<T>(&self, work: impl FnOnce(&mut R) -> T) -> T {
        // A reader that panicked mid-way is as good as a damaged one: the checks behind it decide.
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<R> Clone for Shared<R> {
    fn clone(&self) -> Self {
        Shared(self.0.clone())
    }
}

impl<R: Read> Read for Shared<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.with(|reader| reader.read(buf))
    }
}

/// Plaintexts of the binary messages of one source.
struct Messages<'a, R> {
    source: Shared<R>,
    keys: &'a Keyring,
    current: Option<Plaintext<'a>>,
    opened: bool,
}

impl<'a, R: Read + Send + 'a> Read for Messages<'a, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            if let Some(current) = &mut self.current {
                let n = current.read(buf)?;
                if n > 0 {
                    return Ok(n);
                }
            }
            self.current = message::open(&self.source, self.keys)?;
            match self.current {
                Some(_) => self.opened = true,
                None if self.opened => return Ok(0),
                None => return Err(damaged("there is no encrypted data in it")),
            }
        }
    }
}

/// Plaintexts of the armored messages of one text.
struct Armored<'a, R> {
    blocks: Shared<Armor<R>>,
    keys: &'a Keyring,
    current: Option<Messages<'a, Armor<R>>>,
    opened: bool,
}

impl<'a, R: BufRead + Send + 'a> Armored<'a, R> {
    fn new(text: R, keys: &'a Keyring) -> Self {
        Armored { blocks: Shared::new(Armor::new(text)), keys, current: None, opened: false }
    }
}

impl<'a, R: BufRead + Send + 'a> Read for Armored<'a, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            if let Some(current) = &mut self.current {
                let n = current.read(buf)?;
                if n > 0 {
                    return Ok(n);
                }
            }
            self.current = None;
            match self.blocks.with(Armor::next_block)? {
                Some(BlockKind::Message) => {
                    self.opened = true;
                    let source = self.blocks.clone();
                    self.current = Some(Messages { source, keys: self.keys, current: None, opened: false });
                }
                // The sender's public key says nothing about the content.
                Some(BlockKind::PublicKey) => {}
                Some(BlockKind::SecretKey) => return Err(damaged("it is a secret key, not a message")),
                Some(BlockKind::Other) => {
                    return Err(damaged("an armored block that is neither a message nor a public key"));
                }
                None if self.opened => return Ok(0),
                None => return Err(damaged("there is no message beside the public key")),
            }
        }
    }
}
