//! One encrypted message -> its plaintext, streaming.
//!
//! ```text
//! [session key for 1F2E…] [session key for a hidden recipient] [encrypted data …]
//!   -> session key -> decrypted packets -> compressed { signature, literal, signature } -> text
//! ```
//! The outer packets are read here, the inner ones by sequoia. Recipient key ids are matched before a key
//! is tried, as each try is an RSA operation; hidden recipients need every key. The repeated bytes at
//! the start of the encrypted data tell a wrong session key at once.

use std::io::{self, Cursor, Read};

use sequoia_openpgp::KeyHandle;
use sequoia_openpgp::Packet;
use sequoia_openpgp::crypto::SessionKey;
use sequoia_openpgp::crypto::SymmetricAlgorithm;
use sequoia_openpgp::crypto::symmetric::{BlockCipherMode, Decryptor, UnpaddingMode};
use sequoia_openpgp::packet::PKESK;
use sequoia_openpgp::parse::buffered_reader::{Generic, Memory};
use sequoia_openpgp::parse::{Cookie, Dearmor, PacketParser, PacketParserBuilder, PacketParserResult, Parse};

use super::integrity::{Outcome, Sealed, Unsealed, Watched};
use super::keys::{HeldKey, Keyring};
use super::packets::{self, Body, tag};
use super::{BUFFER, Shared, damaged, read_full};
use crate::model::DecryptError;

/// A session key packet is about 530 bytes for RSA-4096; larger than this is nonsense.
const MAX_SESSION_KEY_PACKET: u64 = 64 * 1024;
/// Session key packets of one message: each may cost an RSA operation per held key.
const MAX_RECIPIENTS: usize = 256;
/// Longest start of encrypted data: a block of 16 random bytes, two of them repeated.
const MAX_PREFIX: usize = 18;

const UNREADABLE: &str = "what it decrypts to cannot be read";

/// The plaintext of one message. Only after it returned 0 is it known to be whole.
pub(super) struct Plaintext<'a> {
    /// At the literal packet; `None` after its end or an error.
    literal: Option<Box<PacketParser<'a>>>,
    outcome: Outcome,
}

/// Opens the next message of `source`; `None` at its end.
pub(super) fn open<'a, R: Read + Send + 'a>(
    source: &Shared<R>,
    keys: &Keyring,
) -> io::Result<Option<Plaintext<'a>>> {
    let mut recipients = Recipients::default();
    while let Some((tag, mut body)) = packets::next(source.clone())? {
        match tag {
            tag::SESSION_KEY => recipients.add(&mut body)?,
            tag::PASSPHRASE_SESSION_KEY => {
                recipients.passphrase = true;
                skip(&mut body)?;
            }
            // A marker, padding, or the sender's public key before the message.
            tag::MARKER
            | tag::PADDING
            | tag::PUBLIC_KEY
            | tag::PUBLIC_SUBKEY
            | tag::USER_ID
            | tag::USER_ATTRIBUTE
            | tag::TRUST
            | tag::SIGNATURE => skip(&mut body)?,
            tag::PROTECTED_DATA => {
                let mut version = [0];
                read_full(&mut body, &mut version)?;
                return match version {
                    [1] => recipients.open(keys, body, true).map(Some),
                    _ => Err(damaged("a kind of encryption (AEAD) that this version does not read")),
                };
            }
            tag::UNPROTECTED_DATA if keys.accept_unprotected() => {
                return recipients.open(keys, body, false).map(Some);
            }
            tag::UNPROTECTED_DATA => return Err(io::Error::other(DecryptError::Unprotected)),
            tag::GNUPG_AEAD_DATA => {
                return Err(damaged("a kind of encryption (GnuPG's OCB) that this version does not read"));
            }
            tag::SECRET_KEY => return Err(damaged("it is a secret key, not a message")),
            _ => return Err(damaged("it is not an encrypted message")),
        }
    }
    if recipients.is_empty() { Ok(None) } else { Err(damaged("the message ends early")) }
}

fn skip(body: &mut impl Read) -> io::Result<()> {
    io::copy(body, &mut io::sink()).map(drop)
}

/// For whom the message is.
#[derive(Default)]
struct Recipients {
    session_keys: Vec<PKESK>,
    /// Session keys of a version that sequoia does not know.
    unknown: usize,
    passphrase: bool,
}

impl Recipients {
    fn add<R: Read>(&mut self, body: &mut R) -> io::Result<()> {
        let mut bytes = Vec::new();
        body.take(MAX_SESSION_KEY_PACKET + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MAX_SESSION_KEY_PACKET || self.session_keys.len() >= MAX_RECIPIENTS {
            return Err(damaged("its list of recipients is too long"));
        }
        match PKESK::from_bytes(&bytes) {
            Ok(session_key) => self.session_keys.push(session_key),
            Err(_) => self.unknown += 1,
        }
        Ok(())
    }

    fn is_empty(&self) -> bool {
        self.session_keys.is_empty() && self.unknown == 0 && !self.passphrase
    }

    /// Finds the session key and makes the reader of the plaintext.
    fn open<'a, R: Read + Send + 'a>(
        &self,
        keys: &Keyring,
        mut body: Body<Shared<R>>,
        protected: bool,
    ) -> io::Result<Plaintext<'a>> {
        let mut start = vec![0; MAX_PREFIX];
        let n = read_full(&mut body, &mut start)?;
        start.truncate(n);
        let mut fitting_key = false;
        for (session_key, held) in self.tries(keys) {
            fitting_key |= session_key.recipient().is_some();
            let opened = session_key.decrypt(&mut held.opener.decryptor(), None);
            let Some((Some(algorithm), key)) = opened else { continue };
            let Some(block) = fits(algorithm, &key, &start) else { continue };
            let cipher = Cipher { algorithm, key, block };
            return if protected { cipher.sealed(start, body) } else { cipher.unsealed(start, body) };
        }
        if fitting_key {
            return Err(damaged("the key fits, but what it should open is not what the sender made"));
        }
        Err(io::Error::other(DecryptError::KeyMissing { wanted: self.wanted(), held: keys.held() }))
    }

    /// Pairs worth trying: keys that are named first, then every key for hidden recipients.
    fn tries<'t>(&'t self, keys: &'t Keyring) -> impl Iterator<Item = (&'t PKESK, &'t HeldKey)> {
        let pairs = move |hidden: bool| {
            self.session_keys
                .iter()
                .filter(move |s| s.recipient().is_none() == hidden)
                .flat_map(move |s| keys.keys().iter().map(move |held| (s, held)))
                .filter(|(s, held)| held.is(s.recipient().as_ref()))
        };
        pairs(false).chain(pairs(true))
    }

    /// Key ids in hexadecimal, for the error.
    fn wanted(&self) -> String {
        let mut wanted: Vec<String> = self
            .session_keys
            .iter()
            .map(|s| match s.recipient() {
                Some(KeyHandle::KeyID(id)) => id.to_hex(),
                Some(KeyHandle::Fingerprint(fingerprint)) => fingerprint.to_hex(),
                None => "that of a hidden recipient".to_owned(),
            })
            .collect();
        if self.unknown > 0 {
            wanted.push("one of an unknown kind".to_owned());
        }
        if self.passphrase {
            wanted.push("a passphrase of its own".to_owned());
        }
        wanted.dedup();
        if wanted.is_empty() { "none that it names".to_owned() } else { wanted.join(" or ") }
    }
}

struct Cipher {
    algorithm: SymmetricAlgorithm,
    key: SessionKey,
    /// Block size in bytes.
    block: usize,
}

/// The block size, if the start of the encrypted data has its last two bytes repeated as it should.
fn fits(algorithm: SymmetricAlgorithm, key: &SessionKey, start: &[u8]) -> Option<usize> {
    let block = algorithm.block_size().ok()?;
    let source = Memory::with_cookie(start.get(..block + 2)?, Cookie::default());
    let mut decryptor =
        Decryptor::new(algorithm, BlockCipherMode::CFB, UnpaddingMode::None, key, None, source).ok()?;
    let mut plain = Vec::with_capacity(block + 2);
    decryptor.read_to_end(&mut plain).ok()?;
    (plain.get(block - 2..block)? == plain.get(block..block + 2)?).then_some(block)
}

impl Cipher {
    fn sealed<'a, R: Read + Send + 'a>(
        self,
        start: Vec<u8>,
        body: Body<Shared<R>>,
    ) -> io::Result<Plaintext<'a>> {
        let outcome = Outcome::default();
        let decrypted = self.decrypt(None, Cursor::new(start).chain(body), &outcome)?;
        let sealed = Sealed::new(decrypted, self.block + 2, BUFFER, outcome.clone());
        Plaintext::new(sealed.map_err(|_| outcome.error(UNREADABLE))?, outcome)
    }

    /// Without integrity protection the cipher starts anew after the random bytes.
    fn unsealed<'a, R: Read + Send + 'a>(
        self,
        mut start: Vec<u8>,
        body: Body<Shared<R>>,
    ) -> io::Result<Plaintext<'a>> {
        let outcome = Outcome::default();
        let rest = start.split_off(self.block + 2);
        let iv = start.get(2..).map(<[u8]>::to_vec);
        let inner = self.decrypt(iv, Cursor::new(rest).chain(body), &outcome)?;
        Plaintext::new(Unsealed { inner, outcome: outcome.clone() }, outcome)
    }

    fn decrypt<'a>(
        &self,
        iv: Option<Vec<u8>>,
        ciphertext: impl Read + Send + Sync + 'a,
        outcome: &Outcome,
    ) -> io::Result<Decryptor<'a>> {
        let watched = Watched { inner: ciphertext, outcome: outcome.clone() };
        let source = Generic::with_cookie(watched, Some(BUFFER), Cookie::default());
        Decryptor::new(
            self.algorithm,
            BlockCipherMode::CFB,
            UnpaddingMode::None,
            &self.key,
            iv.as_deref(),
            source,
        )
        .map_err(|_| damaged("a cipher that this version does not know"))
    }
}

impl<'a> Plaintext<'a> {
    /// Goes to the literal packet.
    fn new(decrypted: impl Read + Send + Sync + 'a, outcome: Outcome) -> io::Result<Plaintext<'a>> {
        let watched = Watched { inner: decrypted, outcome: outcome.clone() };
        let source = Generic::with_cookie(watched, Some(BUFFER), Cookie::default());
        let unreadable = |_| outcome.error(UNREADABLE);
        let mut next = PacketParserBuilder::from_buffered_reader(source)
            .and_then(|builder| builder.dearmor(Dearmor::Disabled).automatic_hashing(false).build())
            .map_err(unreadable)?;
        while let PacketParserResult::Some(parser) = next {
            next = match parser.packet {
                Packet::Literal(_) => {
                    return Ok(Plaintext { literal: Some(Box::new(parser)), outcome });
                }
                Packet::CompressedData(_) => parser.recurse().map_err(unreadable)?.1,
                _ if is_aside(&parser.packet) => parser.next().map_err(unreadable)?.1,
                _ => return Err(outcome.error(UNREADABLE)),
            };
        }
        Err(outcome.error(UNREADABLE))
    }

    /// Reads what follows the literal packet, to the end of the encrypted data.
    fn finish(&self, literal: PacketParser<'a>) -> io::Result<()> {
        let unreadable = |_| self.outcome.error(UNREADABLE);
        let mut next = literal.next().map_err(unreadable)?.1;
        loop {
            next = match next {
                PacketParserResult::Some(parser) if is_aside(&parser.packet) => {
                    parser.next().map_err(unreadable)?.1
                }
                PacketParserResult::Some(_) => return Err(self.outcome.error(UNREADABLE)),
                PacketParserResult::EOF(end) => {
                    io::copy(&mut end.into_reader(), &mut io::sink())
                        .map_err(|_| self.outcome.error(UNREADABLE))?;
                    break;
                }
            };
        }
        if self.outcome.is_whole() { Ok(()) } else { Err(self.outcome.error("it was altered or cut")) }
    }
}

/// Packets beside the text: signatures are not verified.
fn is_aside(packet: &Packet) -> bool {
    use sequoia_openpgp::packet::Tag;
    matches!(packet.tag(), Tag::OnePassSig | Tag::Signature | Tag::Marker | Tag::Padding | Tag::Trust)
}

impl Read for Plaintext<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let Some(mut literal) = self.literal.take() else { return Ok(0) };
        let n = literal.read(buf).map_err(|_| self.outcome.error(UNREADABLE))?;
        if n > 0 || buf.is_empty() {
            self.literal = Some(literal);
        } else {
            self.finish(*literal)?;
        }
        Ok(n)
    }
}
