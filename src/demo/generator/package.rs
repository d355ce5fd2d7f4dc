//! From text to the bytes that are served: gzip of one or several members, and PGP around or inside it.
//!
//! ```text
//! JSON -> gzip                      most files
//! JSON -> gzip -> PGP               an encrypted file: armored or binary, some with the public key after
//! JSON -> PGP  -> gzip              the other order
//! ```

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::{DemoKey, Encryption, GeneratedFile};

/// Packs files.
pub struct Packer<'a> {
    pub key: &'a DemoKey,
    pub encryption: Encryption,
    /// gzip level, 0 to 9.
    pub level: u32,
}

impl Packer<'_> {
    /// The bytes as the service delivers them. The same file is packed the same way each time.
    ///
    /// # Errors
    /// When encryption fails.
    pub fn pack(&self, file: &GeneratedFile) -> io::Result<Vec<u8>> {
        let seed = file.name.bytes().fold(17u64, |seed, byte| seed.wrapping_mul(31) ^ u64::from(byte));
        let mut rng = StdRng::seed_from_u64(seed ^ file.counts.records);
        let members = if rng.random_range(0..4) == 0 { rng.random_range(2..5) } else { 1 };
        let sealed = rng.random_bool(self.encryption.files.clamp(0.0, 1.0));
        if !sealed {
            return self.gzip(&file.json, members);
        }
        match rng.random_range(0..4) {
            0 => self.encrypt(&self.gzip(&file.json, members)?, false, false),
            1 => self.encrypt(&self.gzip(&file.json, members)?, true, true),
            2 => self.gzip(&self.encrypt(&file.json, true, true)?, members),
            _ => self.gzip(&self.encrypt(&file.json, true, false)?, 1),
        }
    }

    fn encrypt(&self, bytes: &[u8], armored: bool, attach_key: bool) -> io::Result<Vec<u8>> {
        let mut sealed = self.key.encrypt(bytes, armored).map_err(|e| io::Error::other(e.to_string()))?;
        if attach_key {
            sealed.extend_from_slice(self.key.public_armor().as_bytes());
        }
        Ok(sealed)
    }

    /// Members end anywhere, also inside a record.
    fn gzip(&self, bytes: &[u8], members: usize) -> io::Result<Vec<u8>> {
        let mut out = Vec::with_capacity(bytes.len() / 8 + 64);
        for chunk in bytes.chunks((bytes.len() / members.max(1)).max(1)) {
            let mut encoder = GzEncoder::new(&mut out, Compression::new(self.level));
            encoder.write_all(chunk)?;
            encoder.finish()?;
        }
        if bytes.is_empty() {
            GzEncoder::new(&mut out, Compression::new(self.level)).finish()?;
        }
        Ok(out)
    }
}
