//! One part read to its end, its rows dropped: whether what the service delivers can be archived.
//!
//! ```text
//! payload -> decode::open -> Framer -> Reader -> rows, dropped -> Inspected { records: 310, rejected: 0, … }
//! ```

use super::parse::{Findings, parse_chunk};
use super::staging::internal;
use super::workers::{CHUNK_BYTES, READER_BYTES};
use crate::decode::{self, Keyring, looks_encrypted};
use crate::model::{DecodeLimits, Fault, FaultKind, Part, Payload, Stage};
use crate::records::Framer;
use crate::tables::{Origin, Reader};

/// What a part holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inspected {
    /// Bytes of JSON after decoding.
    pub bytes_json: u64,
    /// Top-level values framed.
    pub records: u64,
    /// Records that would go to quarantine, and why the first one would.
    pub rejected: u64,
    pub first_reason: Option<String>,
    /// Whether values in the text are encrypted.
    pub encrypted_values: bool,
}

/// Reads a part as a run would, on this thread alone.
///
/// # Errors
/// Why a run could not archive it.
pub fn inspect(
    part: &Part,
    payload: &Payload,
    keys: &Keyring,
    limits: &DecodeLimits,
) -> Result<Inspected, Fault> {
    let text = decode::open(payload, keys, limits)?;
    let mut framer = Framer::new(text, *limits, CHUNK_BYTES);
    let origin = Origin {
        account: part.id.account.to_string(),
        stream: part.id.stream,
        file: part.id.name.clone(),
        scope: part.scope,
    };
    let mut reader = Reader::new(origin, limits.max_depth);
    let mut found = Inspected::default();
    let mut wrong_type = 0;
    while let Some(chunk) = framer.next_chunk()? {
        let mut findings = Findings::default();
        found.encrypted_values |= looks_encrypted(&chunk.text);
        parse_chunk(&chunk, keys, &mut reader, &mut findings)?;
        wrong_type += findings.wrong_type;
        found.rejected += findings.rejects.len() as u64;
        if let (None, Some(first)) = (&found.first_reason, findings.rejects.first()) {
            found.first_reason = Some(first.reason.clone());
        }
        if reader.bytes() > READER_BYTES {
            reader.drain().map_err(|e| internal(&e))?;
        }
    }
    (found.records, found.bytes_json) = (framer.records(), framer.bytes());
    if found.records > 0 && wrong_type == found.records {
        let wanted = part.id.stream.data_type();
        let message = format!("every record in it is of another type than {wanted}");
        return Err(Fault::new(FaultKind::WrongType, Stage::Parse, message)
            .advise("the service delivered another file under this name: try again later"));
    }
    Ok(found)
}
