//! Parts that could not be archived, kept as received with the reason (I6).

use std::io::Read;

use bytes::Bytes;
use serde_json::json;

use super::fail_point;
use super::layout;
use super::objects::PIECE_BYTES;
use super::store::{Store, Upload};
use crate::model::{Fault, FaultKind, PartId, Payload, Scope, Stage};

/// Stores the bytes, then the note that tells why. Doing it again replaces both.
pub(super) fn store_raw(
    store: &Store,
    part: &PartId,
    scope: Scope,
    payload: &Payload,
    fault: &Fault,
) -> Result<(), Fault> {
    let base = layout::raw(part, scope);
    store_payload(store, &format!("{base}.bin"), payload)?;
    fail_point("raw");
    let note = json!({
        "version": 1,
        "account": part.account.as_str(),
        "stream": part.stream.resource(),
        "name": part.name,
        "scope_start_ms": scope.start_ms,
        "scope_end_ms": scope.end_ms,
        "bytes": payload.len(),
        "reason": fault.kind.code(),
        "message": fault.to_string(),
        "program": env!("CARGO_PKG_VERSION"),
    });
    store.put(&format!("{base}.json"), note.to_string().into())
}

fn store_payload(store: &Store, path: &str, payload: &Payload) -> Result<(), Fault> {
    if let Payload::Memory(bytes) = payload {
        return store.put(path, bytes.clone());
    }
    let mut reader = payload.reader();
    let mut next = || -> Result<Bytes, Fault> {
        let mut piece = Vec::new();
        reader.by_ref().take(PIECE_BYTES as u64).read_to_end(&mut piece).map_err(|error| {
            Fault::new(
                FaultKind::Destination,
                Stage::Write,
                format!("the received bytes cannot be read: {error}"),
            )
            .of(path)
            .advise("check the disk of the spool folder")
        })?;
        Ok(piece.into())
    };
    let first = next()?;
    if first.len() < PIECE_BYTES {
        return store.put(path, first);
    }
    let upload = store.begin_upload(path)?;
    let result = put_pieces(store, &upload, first, next).and_then(|()| store.complete(&upload, path));
    if result.is_err()
        && let Some(id) = upload.id()
    {
        // The first fault is the one to tell.
        let _ = store.abort(path, id);
    }
    result
}

fn put_pieces(
    store: &Store,
    upload: &Upload,
    first: Bytes,
    mut next: impl FnMut() -> Result<Bytes, Fault>,
) -> Result<(), Fault> {
    let (mut piece, mut offset) = (first, 0);
    for index in 0.. {
        if piece.is_empty() {
            break;
        }
        let bytes = piece.len() as u64;
        store.put_piece(upload, index, offset, piece)?;
        offset += bytes;
        piece = next()?;
    }
    Ok(())
}
