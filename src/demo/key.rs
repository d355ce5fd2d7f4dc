//! The demonstration's OpenPGP key, and encryption to it as LivePerson documents it: RSA-4096, AES-256,
//! compressed, armored. The key is public on purpose (see README.md beside this file).
//!
//! ```text
//! "Chat Result" -> literal -> zlib -> AES-256 with MDC -> "-----BEGIN PGP MESSAGE-----\n…"
//! ```
//! The session key comes from the system's random numbers: encrypted bytes differ from run to run even
//! for the same seed, their plaintext does not.

use std::io::Write;

use sequoia_openpgp as openpgp;

use openpgp::Cert;
use openpgp::packet::Key;
use openpgp::packet::key::{PublicParts, UnspecifiedRole};
use openpgp::parse::Parse;
use openpgp::policy::StandardPolicy;
use openpgp::serialize::stream::{Armorer, Compressor, Encryptor, LiteralWriter, Message, Recipient};
use openpgp::types::{CompressionAlgorithm, Features, SymmetricAlgorithm};

/// Both halves of the key pair, armored, the public one first.
const PAIR: &str = include_str!("demo-key.asc");
const SECRET_BEGIN: &str = "-----BEGIN PGP PRIVATE KEY BLOCK-----";

/// The armored secret key (no passphrase), for whoever decrypts.
pub fn demo_secret_key() -> &'static str {
    PAIR.find(SECRET_BEGIN).and_then(|at| PAIR.get(at..)).unwrap_or_default()
}

/// The armored public key, as the service attaches it to what it encrypts.
pub fn demo_public_key() -> &'static str {
    PAIR.find(SECRET_BEGIN).and_then(|at| PAIR.get(..at)).unwrap_or_default()
}

/// Encrypts to the demonstration's key.
pub struct DemoKey {
    subkey: Key<PublicParts, UnspecifiedRole>,
}

impl DemoKey {
    /// # Errors
    /// When the built-in key cannot be read: a mistake of this program.
    pub fn load() -> openpgp::Result<DemoKey> {
        let cert = Cert::from_bytes(demo_public_key().as_bytes())?;
        let policy = StandardPolicy::new();
        let subkey =
            cert.keys().with_policy(&policy, None).supported().for_transport_encryption().next().map(|key| {
                let key = key.key().clone();
                key.role_into_unspecified()
            });
        match subkey {
            Some(subkey) => Ok(DemoKey { subkey }),
            None => Err(openpgp::anyhow::anyhow!("the demo key has no subkey for encryption")),
        }
    }

    /// The public half, armored.
    pub fn public_armor(&self) -> &'static str {
        demo_public_key()
    }

    /// An armored message; with the public key block after it when asked for.
    ///
    /// # Errors
    /// Whatever the OpenPGP library meets.
    pub fn encrypt_armored(&self, plain: &[u8], attach_key: bool) -> openpgp::Result<String> {
        let mut armor = String::from_utf8(self.encrypt(plain, true)?)?;
        if attach_key {
            armor.push_str(self.public_armor());
        }
        Ok(armor)
    }

    /// A message, armored or binary.
    ///
    /// # Errors
    /// Whatever the OpenPGP library meets.
    pub fn encrypt(&self, plain: &[u8], armored: bool) -> openpgp::Result<Vec<u8>> {
        let mut sink = Vec::with_capacity(plain.len() / 2 + 1_500);
        let features = Features::empty().set_seipdv1();
        let recipient = Recipient::new(features, self.subkey.key_handle(), &self.subkey);
        let mut message = Message::new(&mut sink);
        if armored {
            message = Armorer::new(message).build()?;
        }
        let message = Encryptor::for_recipients(message, [recipient])
            .symmetric_algo(SymmetricAlgorithm::AES256)
            .build()?;
        let message = Compressor::new(message).algo(CompressionAlgorithm::Zlib).build()?;
        let mut message = LiteralWriter::new(message).build()?;
        message.write_all(plain)?;
        message.finalize()?;
        Ok(sink)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_told_apart() {
        assert!(demo_public_key().starts_with("-----BEGIN PGP PUBLIC KEY BLOCK-----"));
        assert!(!demo_public_key().contains("PRIVATE"));
        assert!(demo_secret_key().trim_end().ends_with("-----END PGP PRIVATE KEY BLOCK-----"));
    }

    #[test]
    fn messages_are_armored_and_hide_the_text() {
        let key = DemoKey::load().unwrap();
        let bare = key.encrypt_armored(b"Chat Result", false).unwrap();
        assert!(bare.starts_with("-----BEGIN PGP MESSAGE-----"));
        assert!(bare.trim_end().ends_with("-----END PGP MESSAGE-----"));
        let attached = key.encrypt_armored(b"Chat Result", true).unwrap();
        assert!(attached.contains("-----BEGIN PGP PUBLIC KEY BLOCK-----"));
        assert!(!key.encrypt(b"Chat Result", false).unwrap().starts_with(b"-----"));
    }
}
