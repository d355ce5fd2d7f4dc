//! The held secret keys: read, unlocked once, found by key id.
//!
//! ```text
//! keys/2025.asc (gpg --export-secret-keys --armor) -> [primary 9A0B…, subkey 1F2E…] -> unlocked -> Keyring
//! ```
//! Keys are taken from the raw packets, so that neither expiry, flags, revocation nor the hash of a
//! self-signature can hide one: old files must stay readable. Such keys are warned about once. What can
//! fail: a file that is not there or holds no secret key, a passphrase that is missing or wrong.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;

use sequoia_openpgp::cert::CertParser;
use sequoia_openpgp::cert::amalgamation::ValidateAmalgamation;
use sequoia_openpgp::crypto::{Password, S2K};
use sequoia_openpgp::packet::Key;
use sequoia_openpgp::packet::key::{SecretKeyMaterial, SecretParts, UnspecifiedRole};
use sequoia_openpgp::parse::{PacketParser, PacketParserResult, Parse};
use sequoia_openpgp::policy::StandardPolicy;
use sequoia_openpgp::types::RevocationStatus;
use sequoia_openpgp::{Cert, Fingerprint, KeyHandle, KeyID, Packet};

use super::armor::Armor;
use super::rsa::Opener;
use crate::model::{Fault, FaultKind, PgpOptions, Secret, Stage};

/// Plaintext of one value, at most, unless set otherwise.
const MAX_PLAINTEXT_BYTES: u64 = 1 << 30;

/// The secret keys that open messages. Made once, shared by reference among threads.
pub struct Keyring {
    keys: Vec<HeldKey>,
    warnings: Vec<String>,
    accept_unprotected: bool,
    max_plaintext_bytes: u64,
}

/// One key or subkey.
pub(super) struct HeldKey {
    id: KeyID,
    fingerprint: Fingerprint,
    pub(super) opener: Opener,
}

impl HeldKey {
    /// Whether it is the wanted key; a hidden recipient (`None`) may be any.
    pub(super) fn is(&self, wanted: Option<&KeyHandle>) -> bool {
        match wanted {
            None => true,
            Some(KeyHandle::KeyID(id)) => *id == self.id,
            Some(KeyHandle::Fingerprint(fingerprint)) => *fingerprint == self.fingerprint,
        }
    }

    pub(super) fn id_hex(&self) -> String {
        self.id.to_hex()
    }
}

impl Keyring {
    /// Reads and unlocks the key files.
    ///
    /// # Errors
    /// `KeyMissing`, naming the file: unreadable, without secret key, passphrase missing or wrong.
    pub fn load(options: &PgpOptions) -> Result<Keyring, Fault> {
        let mut files = Vec::with_capacity(options.key_files.len());
        for path in &options.key_files {
            let name = path.display().to_string();
            let bytes = fs::read(path).map_err(|error| {
                key_fault(&name, format!("the key file cannot be read: {error}"))
                    .advise("check [account.pgp] key_files and the file's permissions")
            })?;
            files.push((name, bytes));
        }
        Keyring::from_bytes(&files, options.passphrase.as_ref(), options.accept_unprotected)
    }

    /// Unlocks keys given as (name of the file, content).
    ///
    /// # Errors
    /// As [`Keyring::load`].
    pub fn from_bytes(
        keys: &[(String, Vec<u8>)],
        passphrase: Option<&Secret>,
        accept_unprotected: bool,
    ) -> Result<Keyring, Fault> {
        let mut ring = Keyring { accept_unprotected, ..Keyring::empty() };
        let passphrase = passphrase.map(|secret| Password::from(secret.expose()));
        for (name, bytes) in keys {
            let public = memchr::memmem::find(bytes, b"BEGIN PGP PUBLIC KEY BLOCK").is_some();
            let bytes = dearmored(name, bytes)?;
            if bytes.is_empty() && public {
                return Err(key_fault(name, "the key file holds the public key, which only closes messages")
                    .advise("export the secret key with gpg --armor --export-secret-keys"));
            }
            let held = unlock(name, &bytes, passphrase.as_ref())?;
            for key in held {
                if ring.keys.iter().all(|known| known.fingerprint != key.fingerprint) {
                    ring.keys.push(key);
                }
            }
            ring.warn(name, &bytes);
        }
        Ok(ring)
    }

    /// No key: every message wants one that is missing.
    pub fn empty() -> Keyring {
        Keyring {
            keys: Vec::new(),
            warnings: Vec::new(),
            accept_unprotected: false,
            max_plaintext_bytes: MAX_PLAINTEXT_BYTES,
        }
    }

    /// The same keys with another cap on the plaintext of one value, in bytes.
    #[must_use]
    pub fn with_max_plaintext_bytes(mut self, max_bytes: u64) -> Keyring {
        self.max_plaintext_bytes = max_bytes;
        self
    }

    /// What the user should know about the keys, each once: expired, revoked, old self-signature.
    pub fn warnings(&self) -> Vec<String> {
        self.warnings.clone()
    }

    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub(super) fn keys(&self) -> &[HeldKey] {
        &self.keys
    }

    pub(super) fn accept_unprotected(&self) -> bool {
        self.accept_unprotected
    }

    pub(super) fn max_plaintext_bytes(&self) -> u64 {
        self.max_plaintext_bytes
    }

    /// Key ids in hexadecimal, for errors.
    pub fn held(&self) -> String {
        if self.keys.is_empty() {
            return "none".to_owned();
        }
        self.keys.iter().map(HeldKey::id_hex).collect::<Vec<_>>().join(", ")
    }

    fn warn(&mut self, name: &str, bytes: &[u8]) {
        let Ok(certs) = CertParser::from_bytes(bytes) else { return };
        for cert in certs.flatten() {
            for state in oddities(&cert) {
                let id = cert.keyid().to_hex();
                let warning = format!("key {id} of {name} {state}; it is still used to open files");
                if !self.warnings.contains(&warning) {
                    self.warnings.push(warning);
                }
            }
        }
    }
}

/// Why a careful program would not encrypt to this key any more.
fn oddities(cert: &Cert) -> BTreeSet<&'static str> {
    let policy = StandardPolicy::new();
    let mut states = BTreeSet::new();
    match cert.with_policy(&policy, None) {
        Err(_) => {
            states.insert("has no self-signature that today's rules accept (an old hash, perhaps)");
        }
        Ok(valid) => {
            if valid.alive().is_err() {
                states.insert("has expired");
            }
            if matches!(valid.revocation_status(), RevocationStatus::Revoked(_)) {
                states.insert("is revoked");
            }
            for subkey in cert.keys().subkeys() {
                match subkey.with_policy(&policy, None) {
                    Err(_) => {
                        states.insert("has a subkey without a signature that today's rules accept");
                    }
                    Ok(valid) if valid.alive().is_err() => {
                        states.insert("has expired");
                    }
                    Ok(_) => {}
                }
            }
        }
    }
    states
}

fn key_fault(name: &str, message: impl Into<String>) -> Fault {
    Fault::new(FaultKind::KeyMissing, Stage::Decrypt, message).of(name)
}

/// The binary secret keys of a file, armored (one or several blocks, whatever is around them) or not.
fn dearmored(name: &str, bytes: &[u8]) -> Result<Vec<u8>, Fault> {
    const BEGIN: &[u8] = b"-----BEGIN PGP PRIVATE KEY BLOCK-----";
    if bytes.first().is_some_and(|first| first & 0x80 != 0 && *first != 0xEF) {
        return Ok(bytes.to_vec());
    }
    let mut keys = Vec::new();
    for at in memchr::memmem::find_iter(bytes, BEGIN) {
        let mut block = Armor::new(bytes.get(at..).unwrap_or_default());
        block.next_block().and_then(|_| block.read_to_end(&mut keys)).map_err(|error| {
            key_fault(name, format!("the key file cannot be read: {}", super::decrypt_error(error)))
                .advise("export the key again with gpg --armor --export-secret-keys")
        })?;
    }
    Ok(keys)
}

/// Every key of a file that can open messages.
fn unlock(name: &str, bytes: &[u8], passphrase: Option<&Password>) -> Result<Vec<HeldKey>, Fault> {
    let unreadable = |_| {
        key_fault(name, "the key file holds something that is no PGP key")
            .advise("export the key again with gpg --armor --export-secret-keys")
    };
    let mut held = Vec::new();
    let mut stubs = false;
    let mut next =
        if bytes.is_empty() { None } else { Some(PacketParser::from_bytes(bytes).map_err(unreadable)?) };
    while let Some(PacketParserResult::Some(parser)) = next {
        let (packet, rest) = parser.next().map_err(unreadable)?;
        let key: Key<SecretParts, UnspecifiedRole> = match packet {
            Packet::SecretKey(key) => key.role_into_unspecified(),
            Packet::SecretSubkey(key) => key.role_into_unspecified(),
            _ => {
                next = Some(rest);
                continue;
            }
        };
        next = Some(rest);
        if !key.pk_algo().for_encryption() {
            continue;
        }
        match unlocked(name, key, passphrase)? {
            Some(key) => held.push(key),
            None => stubs = true,
        }
    }
    if !held.is_empty() {
        return Ok(held);
    }
    let message = if stubs {
        "the secret part of its keys is elsewhere (on a card, or left out of the export)"
    } else {
        "the key file holds no secret key that opens messages"
    };
    Err(key_fault(name, message).advise("export the key with gpg --armor --export-secret-keys"))
}

/// `None` for a stub, which GnuPG writes for a secret part that is kept elsewhere.
fn unlocked(
    name: &str,
    key: Key<SecretParts, UnspecifiedRole>,
    passphrase: Option<&Password>,
) -> Result<Option<HeldKey>, Fault> {
    let (id, fingerprint) = (key.keyid(), key.fingerprint());
    let key = match key.secret() {
        SecretKeyMaterial::Unencrypted(_) => key,
        SecretKeyMaterial::Encrypted(secret) if matches!(secret.s2k(), S2K::Private { .. }) => {
            return Ok(None);
        }
        SecretKeyMaterial::Encrypted(_) => {
            let advice = "set [account.pgp] passphrase_file or LP_ARCHIVE_PGP_PASSPHRASE";
            let Some(passphrase) = passphrase else {
                let message = format!("key {} is locked and no passphrase is configured", id.to_hex());
                return Err(key_fault(name, message).advise(advice));
            };
            key.decrypt_secret(passphrase).map_err(|_| {
                key_fault(name, format!("the passphrase does not unlock key {}", id.to_hex()))
                    .advise(format!("{advice} to the one that the key was exported with"))
            })?
        }
    };
    let pair = key.into_keypair().map_err(|_| {
        key_fault(name, format!("key {} is damaged", id.to_hex()))
            .advise("export the key again with gpg --armor --export-secret-keys")
    })?;
    Ok(Some(HeldKey { id, fingerprint, opener: Opener::new(pair) }))
}
