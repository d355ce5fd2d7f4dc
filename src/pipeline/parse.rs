//! A chunk of frames -> rows in a reader, and rejects.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::decode::looks_encrypted;
use crate::model::{Decrypt, DecryptError, Fault, FaultKind, Place, Stage};
use crate::records::{Chunk, Frame, FrameKind, RECORDS, Reject, open_encrypted, side_by_side};
use crate::tables::Reader;

/// What a chunk made beside rows.
#[derive(Debug, Default)]
pub struct Findings {
    pub rejects: Vec<Reject>,
    /// Rejects that are sound records of another data type.
    pub wrong_type: u64,
}

/// Records whose messages are opened side by side.
const OPENED_AHEAD: usize = 64;

/// Plaintext of these that may lie in memory, in bytes: no message is as large as this, but they may be packed densely.
/// It is exceeded by what each thread is at, as if it read that one alone.
const OPENED_BYTES: usize = 4 << 20;

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
    let mut opened = Vec::new().into_iter();
    for (index, frame) in chunk.frames.iter().enumerate() {
        if encrypted && index % OPENED_AHEAD == 0 {
            let ahead = chunk.frames.get(index..).unwrap_or_default();
            opened = open_ahead(chunk, ahead.get(..OPENED_AHEAD).unwrap_or(ahead), keys).into_iter();
        }
        let opened = match opened.next() {
            Some(Some(opened)) => opened,
            Some(None) => open(frame, chunk.text_of(frame), keys),
            None => Ok(None),
        };
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
        let opened = match opened {
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

/// Opens what is encrypted in these frames. `None` for those at which enough plaintext lay in memory.
fn open_ahead(chunk: &Chunk, frames: &[Frame], keys: &dyn Decrypt) -> Vec<Option<Opening>> {
    let held = AtomicUsize::new(0);
    side_by_side(RECORDS, frames, |frame| {
        if held.load(Ordering::Relaxed) > OPENED_BYTES {
            return None;
        }
        let opened = open(frame, chunk.text_of(frame), keys);
        if let Ok(Some((plain, _))) = &opened {
            held.fetch_add(plain.len(), Ordering::Relaxed);
        }
        Some(opened)
    })
}

type Opening = Result<Option<Plain>, DecryptError>;

/// Opens what is encrypted in a frame: the frame itself, or strings inside it.
fn open(frame: &Frame, text: &[u8], keys: &dyn Decrypt) -> Opening {
    match frame.kind {
        FrameKind::Armored => {
            let plain = keys.decrypt(text)?;
            let opened = open_encrypted(&plain, keys)?;
            Ok(Some(opened.map_or((plain, Vec::new()), |o| (o.text, o.decrypted))))
        }
        FrameKind::Value if looks_encrypted(text) => {
            Ok(open_encrypted(text, keys)?.map(|opened| (opened.text, opened.decrypted)))
        }
        FrameKind::Value | FrameKind::Broken(_) => Ok(None),
    }
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::{Duration, Instant};

    use super::*;
    use crate::model::{DecodeLimits, Scope, Stream};
    use crate::records::Framer;
    use crate::tables::Origin;

    /// Holds up each message until another one is being opened, too.
    #[derive(Default)]
    struct Pairs {
        opening: AtomicUsize,
        most: AtomicUsize,
    }

    impl Decrypt for Pairs {
        fn decrypt(&self, _: &[u8]) -> Result<Vec<u8>, DecryptError> {
            let opening = self.opening.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(opening, Ordering::SeqCst);
            let began = Instant::now();
            while self.most.load(Ordering::SeqCst) < 2 && began.elapsed() < Duration::from_secs(5) {
                std::thread::yield_now();
            }
            self.opening.fetch_sub(1, Ordering::SeqCst);
            Ok(b"plain".to_vec())
        }
    }

    /// A message that holds a mebibyte.
    struct Dense;

    impl Decrypt for Dense {
        fn decrypt(&self, _: &[u8]) -> Result<Vec<u8>, DecryptError> {
            Ok(vec![b' '; 1 << 20])
        }
    }

    fn chunk_of(text: &str) -> Chunk {
        Framer::new(text.as_bytes(), DecodeLimits::default(), 1 << 20).next_chunk().unwrap().unwrap()
    }

    fn rejects(chunk: &Chunk, keys: &dyn Decrypt) -> usize {
        let origin = Origin {
            account: "1".into(),
            stream: Stream::Survey,
            file: "f".into(),
            scope: Scope { start_ms: 0, end_ms: 1 },
        };
        let (mut reader, mut findings) = (Reader::new(origin, 64), Findings::default());
        parse_chunk(chunk, keys, &mut reader, &mut findings).unwrap();
        findings.rejects.len()
    }

    const MESSAGE: &str = "-----BEGIN PGP MESSAGE-----\\nx\\n-----END PGP MESSAGE-----";

    #[test]
    fn few_dense_messages_are_opened_ahead() {
        let chunk = chunk_of(&format!("{{\"a\":\"{MESSAGE}\"}}\n").repeat(OPENED_AHEAD + 9));
        let opened = open_ahead(&chunk, &chunk.frames[..OPENED_AHEAD], &Dense);
        assert_eq!(opened.iter().flatten().count(), OPENED_BYTES >> 20);
        assert_eq!(rejects(&chunk, &Dense), OPENED_AHEAD + 9, "none is left out");
    }

    #[test]
    fn messages_of_a_chunk_are_opened_side_by_side() {
        let bare = MESSAGE.replace("\\n", "\n");
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        for (text, records) in [
            (format!("{{\"a\":\"{MESSAGE}\",\"b\":\"{MESSAGE}\"}}"), 1),
            (format!("{{\"a\":\"{MESSAGE}\"}}\n{{\"a\":\"{MESSAGE}\"}}\n"), 2),
            (format!("{bare}\n{bare}\n"), 2),
        ] {
            let (chunk, keys) = (chunk_of(&text), Pairs::default());
            // They are no records of a survey, but each is accounted for.
            assert_eq!(pool.install(|| rejects(&chunk, &keys)), records, "{text}");
            assert_eq!(keys.most.load(Ordering::SeqCst), 2, "{text}");
        }
    }
}
