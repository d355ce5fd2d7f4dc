//! Floor 2. Bytes as received -> JSON text. Layers (gzip, PGP) are peeled in any order.
//!
//! ```text
//! payload  1f 8b 08 …                       sniff -> gzip
//!   gzip   -----BEGIN PGP MESSAGE-----…     sniff -> armored PGP
//!     pgp  {"metaData":{…},"recordColle…    sniff -> JSON: the reader that `open` returns
//! ```
//! Everything streams: a part of any size needs a few buffers. What can fail, as a [`Fault`] inside the
//! reader's `io::Error` (`Fault::from_io`): data that is cut, altered or of a foreign kind (`Damaged`,
//! which names the kind), a key that is not held (`KeyMissing`), a message without integrity protection
//! (`Unprotected`), expansion beyond the caps (`CapExceeded`). An error can come after text was read:
//! then all of the part is void.

mod cap;
mod gzip;
mod pgp;
mod sniff;

use std::io::{self, BufReader, Cursor, Read};
use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::model::{DecodeLimits, DecryptError, Fault, FaultKind, Payload, Stage};

use cap::Capped;
use gzip::Gzip;
pub use pgp::Keyring;
use sniff::{HEAD, Layer};

/// Layers inside each other, at most.
const MAX_LAYERS: usize = 6;
/// Blanks before the first byte that tells the kind, at most.
const MAX_BLANKS: usize = 64 * 1024;
/// Buffer under the outermost layer, in bytes.
const BUFFER: usize = 64 * 1024;

/// A layer's bytes while they are peeled.
type Bytes<'k> = Box<dyn Read + Send + 'k>;

/// What to do about damaged bytes, where the part comes from a service.
pub const FETCH_AGAIN: &str = "fetch the part again";

/// The JSON text of a part, streaming. It may begin with a byte order mark or blanks.
///
/// # Errors
/// What is wrong with the first bytes of any layer; the rest comes while reading, see the module's head.
pub fn open<'k>(
    payload: &Payload,
    keys: &'k Keyring,
    limits: &DecodeLimits,
) -> Result<Box<dyn Read + Send + 'k>, Fault> {
    let mut bytes: Bytes<'k> = Box::new(payload.reader());
    for depth in 0..=MAX_LAYERS {
        let mut head = Vec::with_capacity(HEAD);
        let ended = peek(&mut bytes, &mut head).map_err(fault_of);
        let layer = sniff::sniff(&head);
        // What came before the damage is text all the same: a layer fails again when it is read further.
        if depth == 0 || matches!(layer, Layer::Empty | Layer::Foreign(_)) {
            ended?;
        }
        let whole: Bytes<'k> = Box::new(Cursor::new(head).chain(bytes));
        let peeled: Bytes<'k> = match layer {
            Layer::Json => return Ok(Box::new(Capped::new(whole, payload.len(), *limits))),
            Layer::Empty if depth == 0 => {
                return Err(damaged("the file is empty").advise(FETCH_AGAIN));
            }
            Layer::Empty => return Ok(Box::new(io::empty())),
            Layer::Gzip => Box::new(Gzip::new(BufReader::with_capacity(BUFFER, whole), depth == 0)),
            Layer::PgpArmor => pgp::armored(whole, keys),
            Layer::PgpBinary => pgp::binary(whole, keys),
            Layer::Foreign(name) => {
                let inside = if depth == 0 { "it is" } else { "inside it is" };
                return Err(damaged(format!("{inside} {name}; expected is JSON, plain or in gzip or PGP"))
                    .advise("check that it is a Data Access file as the service delivers it"));
            }
        };
        bytes = Box::new(Capped::new(peeled, payload.len(), *limits));
    }
    Err(Fault::new(
        FaultKind::CapExceeded,
        Stage::Decode,
        format!("more than {MAX_LAYERS} layers of gzip and PGP inside each other"),
    )
    .advise("look at the part by hand: no file of the service is made so"))
}

/// Whether a text may hold an armored message. One scan, no parsing.
pub fn looks_encrypted(text: &[u8]) -> bool {
    static MARKER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("-----BEGIN PGP MESSAGE"));
    MARKER.find(text).is_some()
}

/// The first bytes: enough to tell the kind, past blanks.
fn peek(bytes: &mut dyn Read, head: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let before = head.len();
        bytes.take(HEAD as u64).read_to_end(head)?;
        let blank = sniff::trim(head).is_empty();
        if head.len() < before + HEAD || !blank || head.len() > MAX_BLANKS {
            return Ok(());
        }
    }
}

fn damaged(message: impl Into<String>) -> Fault {
    Fault::new(FaultKind::Damaged, Stage::Decode, message)
}

/// The fault for any error that the layers' readers return.
fn fault_of(error: io::Error) -> Fault {
    match error.downcast::<DecryptError>() {
        Ok(error) => pgp::fault_of(error),
        Err(error) => Fault::from_io(error, FaultKind::Damaged, Stage::Decode),
    }
}

#[cfg(test)]
mod tests;
