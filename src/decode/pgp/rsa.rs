//! Opening session keys with a held key: RSA through aws-lc-rs, everything else through sequoia.
//!
//! aws-lc-rs is several times faster than the `rsa` crate behind sequoia, and constant-time. It takes
//! RSA keys of 2048 to 8192 bits; smaller keys and other kinds (ElGamal, ECDH) use sequoia's own code.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{
    KeyPair as RsaKeyPair, KeyPairComponents, Pkcs1PrivateDecryptingKey, PrivateDecryptingKey,
    PublicKeyComponents,
};
use sequoia_openpgp::crypto::mpi::{Ciphertext, PublicKey, SecretKeyMaterial};
use sequoia_openpgp::crypto::{Decryptor, KeyPair, SessionKey, mem::Protected};
use sequoia_openpgp::packet::Key;
use sequoia_openpgp::packet::key::{PublicParts, UnspecifiedRole};

/// A secret key, unlocked and ready.
pub(super) enum Opener {
    AwsLc { key: Pkcs1PrivateDecryptingKey, public: Box<Key<PublicParts, UnspecifiedRole>> },
    Sequoia(Box<KeyPair>),
}

impl Opener {
    pub(super) fn new(pair: KeyPair) -> Opener {
        match aws_lc(&pair) {
            Some(key) => Opener::AwsLc { key, public: Box::new(pair.public().clone()) },
            None => Opener::Sequoia(Box::new(pair)),
        }
    }

    /// A decryptor for one use.
    pub(super) fn decryptor(&self) -> OneUse<'_> {
        match self {
            Opener::AwsLc { key, public } => OneUse::AwsLc { key, public },
            Opener::Sequoia(pair) => OneUse::Sequoia(pair.clone()),
        }
    }

    #[cfg(test)]
    pub(super) fn is_fast(&self) -> bool {
        matches!(self, Opener::AwsLc { .. })
    }
}

pub(super) enum OneUse<'a> {
    AwsLc { key: &'a Pkcs1PrivateDecryptingKey, public: &'a Key<PublicParts, UnspecifiedRole> },
    Sequoia(Box<KeyPair>),
}

impl Decryptor for OneUse<'_> {
    fn public(&self) -> &Key<PublicParts, UnspecifiedRole> {
        match self {
            OneUse::AwsLc { public, .. } => public,
            OneUse::Sequoia(pair) => pair.public(),
        }
    }

    fn decrypt(
        &mut self,
        ciphertext: &Ciphertext,
        plaintext_len: Option<usize>,
    ) -> sequoia_openpgp::Result<SessionKey> {
        let refused = || sequoia_openpgp::Error::InvalidSessionKey("not for this key".into());
        let plain = match self {
            OneUse::Sequoia(pair) => pair.decrypt(ciphertext, plaintext_len)?,
            OneUse::AwsLc { key, .. } => {
                let Ciphertext::RSA { c } = ciphertext else { return Err(refused().into()) };
                let size = key.key_size_bytes();
                // OpenPGP drops leading zero bytes; RSA wants its full length.
                let pad = size.checked_sub(c.value().len()).ok_or_else(refused)?;
                let mut padded = vec![0; pad];
                padded.extend_from_slice(c.value());
                let mut out = Protected::new(key.min_output_size());
                key.decrypt(&padded, &mut out)
                    .map(|plain| SessionKey::from(&*plain))
                    .map_err(|_| refused())?
            }
        };
        // Algorithm, key and checksum: sequoia indexes into it without looking.
        if plain.len() < 3 {
            return Err(refused().into());
        }
        Ok(plain)
    }
}

/// The key for aws-lc-rs; `None` when it is not one that aws-lc-rs takes.
fn aws_lc(pair: &KeyPair) -> Option<Pkcs1PrivateDecryptingKey> {
    let PublicKey::RSA { e, n } = pair.public().mpis() else { return None };
    pair.secret().map(|secret| {
        let SecretKeyMaterial::RSA { d, p, q, u } = secret else { return None };
        // OpenPGP's u is p^-1 mod q, everyone else's is q^-1 mod p: so p and q change places.
        let (p, q) = (q.value(), p.value());
        let (d_p, d_q) = (remainder(d.value(), &minus_one(p)), remainder(d.value(), &minus_one(q)));
        let components = KeyPairComponents::<&[u8]> {
            public_key: PublicKeyComponents { n: n.value(), e: e.value() },
            d: d.value(),
            p,
            q,
            dP: &d_p,
            dQ: &d_q,
            qInv: u.value(),
        };
        let der = RsaKeyPair::from_components(&components).ok()?.as_der().ok()?;
        Pkcs1PrivateDecryptingKey::new(PrivateDecryptingKey::from_pkcs8(der.as_ref()).ok()?).ok()
    })
}

/// `value - 1` for an odd big-endian number.
fn minus_one(value: &[u8]) -> Protected {
    let mut result = Protected::from(value);
    if let Some(last) = result.last_mut() {
        *last &= !1;
    }
    result
}

/// `value mod modulus`, big-endian, by shift and subtract: slow and simple, once per key.
fn remainder(value: &[u8], modulus: &[u8]) -> Protected {
    // One byte more than the modulus, as the remainder is doubled before it is reduced.
    let width = modulus.len() + 1;
    let mut rest = Protected::new(width);
    let mut wide = Protected::new(width);
    wide.iter_mut().skip(1).zip(modulus).for_each(|(to, from)| *to = *from);
    for byte in value {
        for bit in (0..8).rev() {
            let mut carry = (byte >> bit) & 1;
            for digit in rest.iter_mut().rev() {
                let next = *digit >> 7;
                *digit = *digit << 1 | carry;
                carry = next;
            }
            if *rest >= *wide {
                let mut borrow = false;
                for (digit, take) in rest.iter_mut().zip(wide.iter()).rev() {
                    let (once, under) = digit.overflowing_sub(*take);
                    let (twice, again) = once.overflowing_sub(u8::from(borrow));
                    (*digit, borrow) = (twice, under || again);
                }
            }
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remainders() {
        for (value, modulus) in
            [(0u64, 3u64), (2, 3), (3, 3), (1_000_000_007, 65_521), (u64::MAX, 0xFFFF_FFFE)]
        {
            let expected = value % modulus;
            let bytes = modulus.to_be_bytes();
            let first = bytes.iter().position(|b| *b != 0).unwrap();
            let got = remainder(&value.to_be_bytes(), &bytes[first..]);
            let got = got.iter().fold(0u64, |n, b| n << 8 | u64::from(*b));
            assert_eq!(got, expected, "{value} mod {modulus}");
        }
        assert_eq!(&minus_one(&[7, 1])[..], [7, 0]);
    }
}
