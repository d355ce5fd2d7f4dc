//! Finished objects to their place, and what is not to be kept out of the lake.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

use super::super::parquet::TableShape;
use super::super::{fail_point, lock};
use super::{Object, Objects, Phase};
use crate::model::{Fault, FaultKind, Stage, UtcDay};

/// Threads that place finished objects: they wait for disk or network only.
const PLACING_THREADS: usize = 8;

/// What the ledger says of a placed object.
pub(in crate::lake) struct Placed {
    pub path: String,
    pub table: Arc<TableShape>,
    pub date: UtcDay,
    pub rows: u64,
    pub bytes: u64,
    /// In hexadecimal.
    pub sha256: String,
}

impl Objects {
    /// Seals the sets' objects, places them and returns them for the ledger. Every other object of the
    /// attempt is removed first, so that nothing stays that no entry names.
    pub fn place(&self, sets: &BTreeSet<u64>) -> Result<Vec<Placed>, Fault> {
        let (kept, strays): (Vec<_>, Vec<_>) =
            lock(&self.registry).all.iter().cloned().partition(|object| sets.contains(&object.set));
        for stray in &strays {
            if !self.dispose(stray)? {
                let message = "an object that is not to be kept may still appear";
                return Err(Fault::new(FaultKind::Destination, Stage::Commit, message)
                    .of(&stray.path)
                    .advise("run again: the next run settles it"));
            }
        }
        kept.par_iter().try_for_each(|object| self.seal(object))?;
        self.place_finished(&kept)?;
        let mut placed = Vec::with_capacity(kept.len());
        for object in &kept {
            let state = lock(&object.state);
            if state.phase != Phase::Placed || state.broken {
                let message = "an object is not whole, though its part was reported as done";
                return Err(Fault::new(FaultKind::Internal, Stage::Commit, message).of(&object.path));
            }
            placed.push(Placed {
                path: object.path.clone(),
                table: object.table.clone(),
                date: object.date,
                rows: state.rows,
                bytes: state.size,
                sha256: state.sha256.clone(),
            });
        }
        placed.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(placed)
    }

    /// Removes the objects of a set, or of all. Whether nothing of them is left.
    pub fn discard(&self, set: Option<u64>) -> Result<bool, Fault> {
        let objects: Vec<Arc<Object>> = {
            let mut registry = lock(&self.registry);
            registry.open.retain(|(owner, _), _| set.is_some_and(|set| *owner != set));
            registry.all.iter().filter(|object| set.is_none_or(|set| object.set == set)).cloned().collect()
        };
        // One that fails must not keep the others.
        let results: Vec<Result<bool, Fault>> = objects.iter().map(|object| self.dispose(object)).collect();
        results.into_iter().try_fold(true, |all, gone| Ok(all & gone?))
    }

    /// Makes finished objects visible, named by the note before, and checks their sizes.
    pub(super) fn place_finished(&self, objects: &[Arc<Object>]) -> Result<(), Fault> {
        let finished: Vec<&Arc<Object>> =
            objects.iter().filter(|object| lock(&object.state).phase == Phase::Finished).collect();
        if finished.is_empty() {
            return Ok(());
        }
        self.note.name_objects(finished.iter().map(|object| object.path.as_str()))?;
        let next = AtomicUsize::new(0);
        let failure: Mutex<Option<Fault>> = Mutex::new(None);
        let work = || {
            while let Some(object) = finished.get(next.fetch_add(1, Ordering::Relaxed)) {
                if lock(&failure).is_some() {
                    return;
                }
                if let Err(fault) = self.place_one(object) {
                    lock(&failure).get_or_insert(fault);
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..PLACING_THREADS.min(finished.len()) {
                // A thread that cannot be had is one that does not help.
                let _ = std::thread::Builder::new().spawn_scoped(scope, work);
            }
            work();
        });
        failure.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()).map_or(Ok(()), Err)
    }

    /// Holds the object's lock all the while: nobody else has a use for a finished object but to place or
    /// to discard it.
    fn place_one(&self, object: &Object) -> Result<(), Fault> {
        let mut state = lock(&object.state);
        if state.phase != Phase::Finished {
            return Ok(());
        }
        state.attempted = true;
        fail_point("object");
        match (&state.upload, &state.tail) {
            (Some(upload), _) => self.store.complete(upload, &object.path)?,
            (None, Some(tail)) => self.store.put(&object.path, tail.clone())?,
            (None, None) => return Ok(()),
        }
        fail_point("placed");
        let found = self.store.size(&object.path)?;
        if found != Some(state.size) {
            let message = format!("{} bytes were sent, but the store holds {found:?}", state.size);
            return Err(Fault::new(FaultKind::Destination, Stage::Write, message)
                .of(&object.path)
                .advise("run again; if it happens again, do not trust this store"));
        }
        if let Some(tail) = state.tail.take() {
            self.waiting.fetch_sub(tail.len(), Ordering::Relaxed);
        }
        state.phase = Phase::Placed;
        self.count(&mut state);
        Ok(())
    }

    /// Removes what an object left. `false`: something may still appear, either because another thread
    /// encodes rows of it (which then removes it) or because a store may yet carry out a write that failed
    /// without an answer.
    pub(super) fn dispose(&self, object: &Object) -> Result<bool, Fault> {
        self.unlist(object);
        let mut state = lock(&object.state);
        if state.phase == Phase::Gone {
            return Ok(true);
        }
        state.writer = None;
        state.pending = Vec::new();
        (state.pending_rows, state.pending_bytes) = (0, 0);
        if let Some(tail) = state.tail.take() {
            self.waiting.fetch_sub(tail.len(), Ordering::Relaxed);
        }
        self.count(&mut state);
        let placed = state.phase == Phase::Placed;
        let open_end = state.attempted && !placed && !self.store.is_folder();
        state.phase = Phase::Discarded;
        if state.encoding > 0 {
            return Ok(false);
        }
        if let Some(id) = state.upload.as_ref().and_then(|upload| upload.id())
            && !placed
        {
            self.store.abort(&object.path, id)?;
        }
        state.upload = None;
        if state.attempted {
            self.store.delete(&object.path)?;
        }
        if !open_end {
            state.phase = Phase::Gone;
        }
        Ok(!open_end)
    }
}
