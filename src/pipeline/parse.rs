//! A chunk of frames -> rows in a reader, and rejects.

use crate::decode::looks_encrypted;
use crate::model::{Decrypt, DecryptError, Fault, FaultKind, Place, Stage};
use crate::records::{Chunk, Frame, FrameKind, Reject, open_encrypted};
use crate::tables::Reader;

/// What a chunk made beside rows.
#[derive(Debug, Default)]
pub struct Findings {
    pub rejects: Vec<Reject>,
    /// Rejects that are sound records of another data type.
    pub wrong_type: u64,
}

/// Reads every frame of a chunk.
///
/// # Errors
/// What costs the whole part: a key that is missing, a message that may not be opened, a cap.
pub fn parse_chunk(
    chunk: &Chunk,
    keys: &dyn Decrypt,
    reader: &mut Reader,
    findings: &mut Findings,
) -> Result<(), Fault> {
    let encrypted = looks_encrypted(&chunk.text);
    for (index, frame) in chunk.frames.iter().enumerate() {
        let record = chunk.first_record + index as u64;
        let text = chunk.text_of(frame);
        let byte = chunk.offset + frame.start as u64;
        let reject = |at: usize, path: String, reason: String| Reject {
            record,
            byte: byte + at as u64,
            path,
            reason,
            raw: text.to_vec(),
        };
        if let FrameKind::Broken(reason) = frame.kind {
            findings.rejects.push(reject(0, "$".into(), reason.into()));
            continue;
        }
        let opened = match open(frame, text, encrypted, keys) {
            Ok(opened) => opened,
            Err(DecryptError::Damaged(reason)) => {
                findings.rejects.push(reject(
                    0,
                    "$".into(),
                    format!("an encrypted value is damaged: {reason}"),
                ));
                continue;
            }
            Err(error) => return Err(fault_of(&error, byte)),
        };
        let (plain, decrypted) = match &opened {
            Some((plain, decrypted)) => (plain.as_slice(), decrypted.as_slice()),
            None => (text, &[][..]),
        };
        if let Err(broken) = reader.read(plain, decrypted, record) {
            findings.wrong_type += u64::from(broken.wrong_type);
            // Offsets in decrypted text mean nothing in the file.
            let at = if opened.is_some() { 0 } else { broken.at };
            findings.rejects.push(reject(at, broken.path, broken.reason));
        }
    }
    Ok(())
}

type Plain = (Vec<u8>, Vec<usize>);

/// Opens what is encrypted in a frame: the frame itself, or strings inside it.
fn open(
    frame: &Frame,
    text: &[u8],
    encrypted: bool,
    keys: &dyn Decrypt,
) -> Result<Option<Plain>, DecryptError> {
    if frame.kind == FrameKind::Armored {
        let plain = keys.decrypt(text)?;
        let opened = open_encrypted(&plain, keys)?;
        return Ok(Some(opened.map_or((plain, Vec::new()), |o| (o.text, o.decrypted))));
    }
    if !encrypted || !looks_encrypted(text) {
        return Ok(None);
    }
    Ok(open_encrypted(text, keys)?.map(|opened| (opened.text, opened.decrypted)))
}

fn fault_of(error: &DecryptError, byte: u64) -> Fault {
    let (kind, advice) = match error {
        DecryptError::KeyMissing { .. } => (
            FaultKind::KeyMissing,
            Some("add the key to [account.pgp] key_files (or --pgp-key) and run again"),
        ),
        DecryptError::Unprotected => (FaultKind::Unprotected, None),
        DecryptError::TooLarge { .. } => {
            (FaultKind::CapExceeded, Some("raise [limits] max_expanded if it is legitimate"))
        }
        DecryptError::Damaged(_) => (FaultKind::Damaged, None),
    };
    let fault = Fault::new(kind, Stage::Decrypt, error.to_string()).at(Place::Byte(byte));
    match advice {
        Some(advice) => fault.advise(advice),
        None => fault,
    }
}
