//! Receives bodies whole: into memory up to a limit, beyond it into an unlinked file or not at all.
//!
//! ```text
//! Content-Length: 700  -> 700 bytes  -> Payload::Memory
//! Content-Length: 700  -> 512 bytes  -> Failure Broken: tried again
//! 9 GB, limit 64 MiB   -> Payload::File, mode 0600, without a name in the spool folder
//! ```
//!
//! What is declared decides where a body goes; memory never holds more than its limit.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use reqwest::Response;
use tokio::fs::File;
use tokio::io::AsyncWriteExt;

use super::http::network_failure;
use super::retry::{Cause, Failure};
use crate::model::{Fault, FaultKind, Payload, Stage};

/// What a body may take.
pub(super) struct Room {
    pub(super) max_memory_bytes: u64,
    pub(super) beyond: Beyond,
}

/// What happens to a body that memory does not hold.
pub(super) enum Beyond {
    Refuse,
    /// An unlinked file in this folder; `None`: the system's temporary folder.
    Spool(Option<PathBuf>),
}

/// The whole body of an answer.
///
/// # Errors
/// Broken, stalled or short bodies (worth another try), a body beyond its room, a spool that cannot
/// be written.
pub(super) async fn whole(mut response: Response, room: &Room, stage: Stage) -> Result<Payload, Failure> {
    let url = response.url().clone();
    let declared = response.content_length();
    let fits = |bytes: u64| bytes <= room.max_memory_bytes;
    let mut file = match declared {
        Some(declared) if !fits(declared) => Some(spool(room, stage)?),
        _ => None,
    };
    let expected = declared.filter(|declared| fits(*declared)).unwrap_or_default();
    let mut memory = BytesMut::with_capacity(usize::try_from(expected).unwrap_or_default());
    let mut received: u64 = 0;
    while let Some(chunk) = response.chunk().await.map_err(|error| network_failure(error, &url, stage))? {
        received += chunk.len() as u64;
        if file.is_none() && !fits(received) {
            let mut spooled = spool(room, stage)?;
            write(&mut spooled, &memory, stage).await?;
            memory = BytesMut::new();
            file = Some(spooled);
        }
        match &mut file {
            Some(file) => write(file, &chunk, stage).await?,
            None => memory.extend_from_slice(&chunk),
        }
    }
    if let Some(declared) = declared.filter(|declared| *declared != received) {
        let message = format!("the body has {received} bytes where {declared} were declared");
        let fault =
            Fault::new(FaultKind::Unavailable, stage, message).advise("check the network and run again");
        return Err(Failure::new(Cause::Broken, fault));
    }
    let Some(mut file) = file else { return Ok(Payload::Memory(tight(memory))) };
    file.flush().await.map_err(|error| unwritable(&error, stage))?;
    Ok(Payload::File(Arc::new(file.into_std().await), received))
}

/// The first bytes of a body, at most `max`; whatever came when it breaks.
pub(super) async fn at_most(mut response: Response, max: usize) -> Bytes {
    let mut body = BytesMut::new();
    while body.len() < max {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) | Err(_) => break,
        }
    }
    body.truncate(max);
    body.freeze()
}

fn spool(room: &Room, stage: Stage) -> Result<File, Fault> {
    let folder = match &room.beyond {
        Beyond::Refuse => {
            let message = format!("the body is larger than {} bytes", room.max_memory_bytes);
            let advice = "ask for a shorter time with --from, or report it to LivePerson";
            return Err(Fault::new(FaultKind::CapExceeded, stage, message).advise(advice));
        }
        Beyond::Spool(Some(folder)) => folder.clone(),
        Beyond::Spool(None) => std::env::temp_dir(),
    };
    tempfile::tempfile_in(&folder).map(File::from_std).map_err(|error| unusable(&folder, &error, stage))
}

/// The bytes in about as much memory as they need: growing has doubled it now and then.
fn tight(memory: BytesMut) -> Bytes {
    if memory.capacity() - memory.len() > memory.len() / 8 {
        return Bytes::copy_from_slice(&memory);
    }
    memory.freeze()
}

async fn write(file: &mut File, bytes: &[u8], stage: Stage) -> Result<(), Fault> {
    file.write_all(bytes).await.map_err(|error| unwritable(&error, stage))
}

fn unusable(folder: &Path, error: &io::Error, stage: Stage) -> Fault {
    let message = format!("no file can be made in the spool folder {}: {error}", folder.display());
    Fault::new(FaultKind::Destination, stage, message).advise("set [archive] spool to a writable folder")
}

fn unwritable(error: &io::Error, stage: Stage) -> Fault {
    // A part too large for the disk must not end the run for the parts that fit.
    let kind = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            FaultKind::CapExceeded
        }
        _ => FaultKind::Destination,
    };
    Fault::new(kind, stage, format!("the part does not fit into the spool folder: {error}"))
        .advise("free some space or set [archive] spool to a larger disk")
}
