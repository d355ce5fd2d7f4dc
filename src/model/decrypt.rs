//! What the record parser needs of PGP, so that it need not know the crate behind it.

use thiserror::Error;

/// Opens armored OpenPGP messages found inside JSON strings.
pub trait Decrypt: Sync {
    /// The plaintext of `text`: one or several armored messages one after another (plaintexts are
    /// joined), with or without armored public keys around them, which are dropped.
    ///
    /// # Errors
    /// See [`DecryptError`]: the part is given up for what the user can mend, the record for the rest.
    fn decrypt(&self, text: &[u8]) -> Result<Vec<u8>, DecryptError>;
}

/// Why a message could not be opened. Texts hold key ids, never content.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum DecryptError {
    /// No held key fits. Key ids in hexadecimal.
    #[error("no key for the message, which is encrypted for {wanted} (keys held: {held})")]
    KeyMissing { wanted: String, held: String },
    /// The message has no integrity protection and the configuration does not accept that.
    #[error(
        "the message has no integrity protection; if that is expected, set [account.pgp] accept_unprotected = true"
    )]
    Unprotected,
    /// The plaintext is larger than the cap, in bytes.
    #[error("the message expands to more than {max_bytes} bytes")]
    TooLarge { max_bytes: u64 },
    /// Not a whole, untampered message.
    #[error("the message is damaged: {0}")]
    Damaged(String),
}
