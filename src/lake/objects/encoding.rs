//! Rows to bytes: row groups, the pieces of large objects, footers.

use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard};

use arrow::array::RecordBatch;
use bytes::Bytes;

use super::super::parquet::{append_row_group, close_writer};
use super::super::store::Upload;
use super::super::{fail_point, hexadecimal, lock};
use super::{Object, Objects, Phase, State, Work};
use crate::model::Fault;

/// What the writer remembers of a column's chunk until the footer is written: metadata, statistics, indexes of pages.
/// Tables with hundreds of columns would gather more of it than of anything else.
const FOOTER_BYTES_PER_CHUNK: usize = 1536;

impl Objects {
    /// Encodes rows that were taken, and ends the object where it was waiting for that.
    pub(super) fn encode(&self, object: &Object, work: Work) -> Result<(), Fault> {
        let encoding = Encoding { objects: self, object, bytes: work.bytes, whole: false };
        let result = work.groups.into_iter().try_for_each(|group| self.encode_group(object, group));
        encoding.end(result.is_ok());
        let state = lock(&object.state);
        let last = state.encoding == 0;
        let ended = match state.phase {
            Phase::Sealed if last && !state.broken => self.finish(object, state),
            Phase::Discarded if last => {
                drop(state);
                self.dispose(object).map(drop)
            }
            _ => Ok(()),
        };
        result.and(ended)
    }

    fn encode_group(&self, object: &Object, group: Vec<RecordBatch>) -> Result<(), Fault> {
        let rows: usize = group.iter().map(RecordBatch::num_rows).sum();
        let chunks = object.encoder.encode(group)?;
        let mut state = lock(&object.state);
        let state = &mut *state;
        let Some(writer) = state.writer.as_mut() else { return Ok(()) };
        state.footer_bytes += chunks.len() * FOOTER_BYTES_PER_CHUNK;
        append_row_group(writer, chunks)?;
        state.rows += rows as u64;
        let pieces = full_pieces(writer.inner_mut(), self.piece_bytes);
        if pieces.is_empty() {
            self.count(state);
            return Ok(());
        }
        let (upload, first, offset) = self.reserve(object, state, &pieces)?;
        self.count(state);
        self.put_pieces(&upload, first, offset, pieces)
    }

    /// The object's upload (begun now if need be), and number and offset of the first of these pieces.
    fn reserve(
        &self,
        object: &Object,
        state: &mut State,
        pieces: &[Bytes],
    ) -> Result<(Arc<Upload>, usize, u64), Fault> {
        let upload = match &state.upload {
            Some(upload) => upload.clone(),
            None => {
                if !self.store.is_folder() {
                    // All at once, so that the note is not stored anew for each of them. A local folder needs
                    // none yet: staged files tell their process.
                    let all = lock(&self.registry).all.clone();
                    self.note.name_objects(all.iter().map(|object| object.path.as_str()))?;
                }
                let upload = Arc::new(self.store.begin_upload(&object.path)?);
                state.upload = Some(upload.clone());
                fail_point("upload");
                if let Some(id) = upload.id() {
                    self.note.name_upload(&object.path, id)?;
                }
                upload
            }
        };
        let reserved = (upload, state.pieces, state.uploaded);
        state.pieces += pieces.len();
        pieces.iter().for_each(|piece| state.hash.update(piece));
        state.uploaded += pieces.iter().map(|piece| piece.len() as u64).sum::<u64>();
        Ok(reserved)
    }

    fn put_pieces(
        &self,
        upload: &Upload,
        first: usize,
        mut offset: u64,
        pieces: Vec<Bytes>,
    ) -> Result<(), Fault> {
        for (index, piece) in (first..).zip(pieces) {
            let bytes = piece.len() as u64;
            self.store.put_piece(upload, index, offset, piece)?;
            fail_point("piece");
            offset += bytes;
        }
        Ok(())
    }

    /// Writes the footer. Only the last user of a sealed object comes here.
    fn finish(&self, object: &Object, mut state: MutexGuard<'_, State>) -> Result<(), Fault> {
        let Some(writer) = state.writer.take() else { return Ok(()) };
        // Counts as broken until the end, should anything below fail.
        state.broken = true;
        let rest = Bytes::from(close_writer(writer)?);
        state.size = state.uploaded + rest.len() as u64;
        if state.upload.is_some() {
            let mut pieces = Vec::new();
            let mut at = 0;
            while at < rest.len() {
                let end = rest.len().min(at + self.piece_bytes);
                pieces.push(rest.slice(at..end));
                at = end;
            }
            let (upload, first, offset) = self.reserve(object, &mut state, &pieces)?;
            self.put_pieces(&upload, first, offset, pieces)?;
        } else {
            state.hash.update(&rest);
            self.waiting.fetch_add(rest.len(), Ordering::Relaxed);
            state.tail = Some(rest);
        }
        state.sha256 = hexadecimal(state.hash.clone().finish().as_ref());
        state.broken = false;
        state.phase = Phase::Finished;
        self.count(&mut state);
        Ok(())
    }
}

/// Takes as many whole pieces as there are; none of them is copied.
fn full_pieces(written: &mut Vec<u8>, piece_bytes: usize) -> Vec<Bytes> {
    let count = written.len() / piece_bytes;
    if count == 0 {
        return Vec::new();
    }
    let mut all = Bytes::from(std::mem::take(written));
    let pieces = (0..count).map(|_| all.split_to(piece_bytes)).collect();
    written.extend_from_slice(&all);
    pieces
}

/// Rows that are being encoded. Counts them out again, even when the encoding panics.
struct Encoding<'a> {
    objects: &'a Objects,
    object: &'a Object,
    bytes: usize,
    whole: bool,
}

impl Encoding<'_> {
    fn end(mut self, whole: bool) {
        self.whole = whole;
    }
}

impl Drop for Encoding<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.object.state);
        state.encoding -= 1;
        state.encoding_bytes -= self.bytes;
        state.broken |= !self.whole;
        self.objects.count(&mut state);
    }
}
