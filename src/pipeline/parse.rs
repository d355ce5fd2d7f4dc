//! A chunk of frames -> rows in a reader, and rejects.

use rayon::prelude::*;

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

/// Records whose messages are opened at once, on all threads. Their plaintexts lie in memory together.
const OPENED_AHEAD: usize = 64;

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
            let ahead = ahead.get(..OPENED_AHEAD).unwrap_or(ahead);
            let open = |frame| open(frame, chunk.text_of(frame), keys);
            opened = ahead.par_iter().map(open).collect::<Vec<_>>().into_iter();
        }
        let opened = opened.next().unwrap_or(Ok(None));
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

/// Opens what is encrypted in a frame: the frame itself, or strings inside it.
fn open(frame: &Frame, text: &[u8], keys: &dyn Decrypt) -> Result<Option<Plain>, DecryptError> {
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

    #[test]
    fn messages_of_a_chunk_are_opened_side_by_side() {
        let message = "-----BEGIN PGP MESSAGE-----\\nx\\n-----END PGP MESSAGE-----";
        let bare = message.replace("\\n", "\n");
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        for (text, records) in [
            (format!("{{\"a\":\"{message}\",\"b\":\"{message}\"}}"), 1),
            (format!("{{\"a\":\"{message}\"}}\n{{\"a\":\"{message}\"}}\n"), 2),
            (format!("{bare}\n{bare}\n"), 2),
        ] {
            let mut framer = Framer::new(text.as_bytes(), DecodeLimits::default(), 1 << 20);
            let chunk = framer.next_chunk().unwrap().unwrap();
            let origin = Origin {
                account: "1".into(),
                stream: Stream::Survey,
                file: "f".into(),
                scope: Scope { start_ms: 0, end_ms: 1 },
            };
            let (keys, mut findings) = (Pairs::default(), Findings::default());
            let mut reader = Reader::new(origin, 64);
            pool.install(|| parse_chunk(&chunk, &keys, &mut reader, &mut findings)).unwrap();
            assert_eq!(keys.most.load(Ordering::SeqCst), 2, "{text}");
            // They are no records of a survey, but each is accounted for.
            assert_eq!(findings.rejects.len(), records, "{text}");
        }
    }
}
