//! The objects of one attempt while they are written: rows in, finished objects out, memory bounded.
//!
//! ```text
//! append(set, table, date, batch) -> Object{pending} -> row group -> bytes -> [pieces of a large object] -> placed
//! ```
//! An object goes `Open -> Sealed -> Finished -> Placed`, or to `Discarded -> Gone`. Sealed means: no more
//! rows, but some thread may still encode rows that it took; whoever ends last finishes the object. Nobody waits for
//! another thread, and no lock is held while rayon runs: a rayon worker that waits may run another
//! `append` on the same stack.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use arrow::array::RecordBatch;
use bytes::Bytes;
use parquet::file::metadata::KeyValue;

use super::layout::{self, AttemptName};
use super::lock;
use super::note::NoteKeeper;
use super::parquet::{
    Encoder, Placement, TableShape, Writer, append_row_group, batch_bytes, check_batch, close_writer,
    group_rows, open_writer,
};
use super::store::{Store, Upload};
use crate::model::{Fault, FaultKind, LakeOptions, Stage, UtcDay};

/// Encoded bytes from which on an object is written in pieces, and the size of these (stores want at
/// least 5 MiB, and some want all pieces but the last alike).
pub(super) const PIECE_BYTES: usize = 8 << 20;

/// The same for a local folder, where pieces cost nothing and only hold memory.
pub(super) const FOLDER_PIECE_BYTES: usize = 1 << 20;

/// Threads that place finished objects: they wait for disk or network only.
const PLACING_THREADS: usize = 8;

/// All objects of one attempt.
pub(super) struct Objects {
    pub store: Arc<Store>,
    pub name: AttemptName,
    pub note: NoteKeeper,
    options: LakeOptions,
    piece_bytes: usize,
    registry: Mutex<Registry>,
    /// Bytes in memory of all attempts of the lake.
    held: Arc<AtomicUsize>,
    /// Of these, finished objects of this attempt that wait for their place.
    waiting: AtomicUsize,
}

#[derive(Default)]
struct Registry {
    all: Vec<Arc<Object>>,
    /// By set and base path, with the tick of the last use.
    open: HashMap<(u64, String), (Arc<Object>, u64)>,
    /// Objects begun so far by base path.
    numbers: HashMap<String, u32>,
    ticks: u64,
    sets: u64,
}

pub(super) struct Object {
    set: u64,
    table: Arc<TableShape>,
    date: UtcDay,
    base: String,
    path: String,
    encoder: Encoder,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    Sealed,
    Finished,
    Placed,
    /// To be removed by the thread that still encodes rows of it.
    Discarded,
    Gone,
}

struct State {
    phase: Phase,
    pending: Vec<RecordBatch>,
    pending_rows: usize,
    pending_bytes: usize,
    /// Threads that encode rows of this object, and the bytes of these rows.
    encoding: usize,
    encoding_bytes: usize,
    writer: Option<Writer>,
    upload: Option<Arc<Upload>>,
    pieces: usize,
    /// Bytes given to the upload so far.
    uploaded: u64,
    /// A finished small object.
    tail: Option<Bytes>,
    size: u64,
    rows: u64,
    /// Something may be visible at its path.
    attempted: bool,
    /// Rows were lost by a failure: it must not be committed.
    broken: bool,
    /// What it adds to `Objects::held`.
    held: usize,
}

/// Rows taken out of an object, to be encoded without its lock.
struct Work {
    groups: Vec<Vec<RecordBatch>>,
    bytes: usize,
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

/// What the ledger says of a placed object.
pub(super) struct Placed {
    pub path: String,
    pub table: Arc<TableShape>,
    pub date: UtcDay,
    pub rows: u64,
    pub bytes: u64,
}

impl Objects {
    pub fn new(
        store: Arc<Store>,
        name: AttemptName,
        note: NoteKeeper,
        options: LakeOptions,
        piece_bytes: usize,
        held: Arc<AtomicUsize>,
    ) -> Objects {
        let (registry, waiting) = Default::default();
        Objects { store, name, note, options, piece_bytes, registry, held, waiting }
    }

    pub fn new_set(&self) -> u64 {
        let mut registry = lock(&self.registry);
        registry.sets += 1;
        registry.sets
    }

    /// Takes rows of one table and date into the set. From any thread, also from rayon's.
    pub fn append(
        &self,
        set: u64,
        table: &Arc<TableShape>,
        date: UtcDay,
        batch: RecordBatch,
    ) -> Result<(), Fault> {
        check_batch(table, &batch)?;
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let mut batch = Some(batch);
        while batch.is_some() {
            let (object, evicted) = self.object_for(set, table, date)?;
            if let Some(evicted) = evicted {
                self.seal(&evicted)?;
            }
            if let Some(work) = self.push(&object, &mut batch) {
                self.encode(&object, work)?;
            }
        }
        self.relieve()
    }

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
        for object in &kept {
            self.seal(object)?;
        }
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

    fn object_for(
        &self,
        set: u64,
        table: &Arc<TableShape>,
        date: UtcDay,
    ) -> Result<(Arc<Object>, Option<Arc<Object>>), Fault> {
        let (base, date) = match table.placement {
            Placement::Partitioned => (self.name.table_object(&table.name, date), date),
            Placement::Quarantine => (self.name.quarantine_object(), self.name.day),
        };
        let mut registry = lock(&self.registry);
        registry.ticks += 1;
        let tick = registry.ticks;
        if let Some((object, used)) = registry.open.get_mut(&(set, base.clone())) {
            *used = tick;
            return Ok((object.clone(), None));
        }
        let mut evicted = None;
        if registry.open.len() >= self.options.max_open_objects.max(1) {
            let oldest = registry.open.iter().min_by_key(|(_, (_, used))| *used).map(|(key, _)| key.clone());
            evicted = oldest.and_then(|key| registry.open.remove(&key)).map(|(object, _)| object);
        }
        let number = registry.numbers.get(&base).map_or(1, |n| n + 1);
        let (writer, encoder) = open_writer(table, &self.options, self.footer())?;
        let object = Arc::new(Object {
            set,
            table: table.clone(),
            date,
            path: layout::numbered(&base, number),
            base: base.clone(),
            encoder,
            state: Mutex::new(State::new(writer)),
        });
        registry.numbers.insert(base.clone(), number);
        registry.all.push(object.clone());
        registry.open.insert((set, base), (object.clone(), tick));
        Ok((object, evicted))
    }

    fn footer(&self) -> Vec<KeyValue> {
        let pair = |key: &str, value: String| KeyValue::new(format!("lp_archive.{key}"), value);
        vec![
            pair("version", env!("CARGO_PKG_VERSION").to_owned()),
            pair("account", self.name.account.to_string()),
            pair("stream", self.name.stream.to_string()),
            pair("day", self.name.day.to_string()),
            pair("batch", format!("r{}", self.name.number)),
            pair("token", self.name.token.clone()),
        ]
    }

    /// Adds the batch unless the object takes no more; then it is left where it is. Rows to encode, if
    /// a row group is full.
    fn push(&self, object: &Object, batch: &mut Option<RecordBatch>) -> Option<Work> {
        let mut state = lock(&object.state);
        if state.phase != Phase::Open {
            // Its sealer has taken it out of the registry, or is about to.
            drop(state);
            self.unlist(object);
            return None;
        }
        let taken = batch.take()?;
        state.pending_rows += taken.num_rows();
        state.pending_bytes += batch_bytes(&taken);
        state.pending.push(taken);
        let full = state.pending_rows >= self.options.row_group_rows
            || state.pending_bytes >= self.options.row_group_bytes;
        let work = full.then(|| self.take(&mut state, false));
        self.count(&mut state);
        work
    }

    /// Takes the pending rows, cut into row groups; unless `all`, what fills no group stays pending.
    fn take(&self, state: &mut State, all: bool) -> Work {
        let bytes_per_row = (state.pending_bytes / state.pending_rows.max(1)).max(1);
        let rows =
            (self.options.row_group_bytes / bytes_per_row).clamp(1, self.options.row_group_rows.max(1));
        let total = state.pending_bytes;
        let mut groups = group_rows(std::mem::take(&mut state.pending), rows);
        (state.pending_rows, state.pending_bytes) = (0, 0);
        if !all
            && groups.len() > 1
            && let Some(rest) =
                groups.pop_if(|last| last.iter().map(RecordBatch::num_rows).sum::<usize>() < rows)
        {
            state.pending_rows = rest.iter().map(RecordBatch::num_rows).sum();
            state.pending_bytes = (state.pending_rows * bytes_per_row).min(total);
            state.pending = rest;
        }
        let bytes = total - state.pending_bytes;
        state.encoding += 1;
        state.encoding_bytes += bytes;
        Work { groups, bytes }
    }

    /// Encodes rows that were taken, and ends the object where it was waiting for that.
    fn encode(&self, object: &Object, work: Work) -> Result<(), Fault> {
        let encoding = Encoding { objects: self, object, bytes: work.bytes, whole: false };
        let result = work.groups.iter().try_for_each(|group| self.encode_group(object, group));
        drop(work.groups);
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

    fn encode_group(&self, object: &Object, group: &[RecordBatch]) -> Result<(), Fault> {
        let chunks = object.encoder.encode(group)?;
        let mut state = lock(&object.state);
        let state = &mut *state;
        let Some(writer) = state.writer.as_mut() else { return Ok(()) };
        append_row_group(writer, chunks)?;
        state.rows += group.iter().map(|batch| batch.num_rows() as u64).sum::<u64>();
        let mut pieces = Vec::new();
        while writer.inner().len() >= self.piece_bytes {
            let rest = writer.inner_mut().split_off(self.piece_bytes);
            let piece = std::mem::replace(writer.inner_mut(), rest);
            pieces.push(Bytes::from(piece));
        }
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
                if let Some(id) = upload.id() {
                    self.note.name_upload(&object.path, id)?;
                }
                upload
            }
        };
        let reserved = (upload, state.pieces, state.uploaded);
        state.pieces += pieces.len();
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
            offset += bytes;
        }
        Ok(())
    }

    /// Takes no more rows; the object is finished now or by whoever still encodes rows of it.
    fn seal(&self, object: &Object) -> Result<(), Fault> {
        self.unlist(object);
        let mut state = lock(&object.state);
        if state.phase != Phase::Open {
            return Ok(());
        }
        state.phase = Phase::Sealed;
        let work = self.take(&mut state, true);
        drop(state);
        self.encode(object, work)
    }

    fn unlist(&self, object: &Object) {
        let mut registry = lock(&self.registry);
        let key = (object.set, object.base.clone());
        if registry.open.get(&key).is_some_and(|(open, _)| std::ptr::eq(open.as_ref(), object)) {
            registry.open.remove(&key);
        }
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
            self.waiting.fetch_add(rest.len(), Ordering::Relaxed);
            state.tail = Some(rest);
        }
        state.broken = false;
        state.phase = Phase::Finished;
        self.count(&mut state);
        Ok(())
    }

    /// Makes finished objects visible, named by the note before, and checks their sizes.
    fn place_finished(&self, objects: &[Arc<Object>]) -> Result<(), Fault> {
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
        match (&state.upload, &state.tail) {
            (Some(upload), _) => self.store.complete(upload, &object.path)?,
            (None, Some(tail)) => self.store.put(&object.path, tail.clone())?,
            (None, None) => return Ok(()),
        }
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
    fn dispose(&self, object: &Object) -> Result<bool, Fault> {
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

    /// Encodes, seals or places objects while too much is held in memory. Never waits for other threads:
    /// what they encode comes free by itself.
    fn relieve(&self) -> Result<(), Fault> {
        let limit = self.options.buffer_bytes;
        while self.held.load(Ordering::Relaxed) > limit {
            if self.waiting.load(Ordering::Relaxed) > limit / 4 && self.place_waiting()? {
                continue;
            }
            let open: Vec<Arc<Object>> =
                lock(&self.registry).open.values().map(|(object, _)| object.clone()).collect();
            let weight = |object: &Arc<Object>| {
                let state = object.state.try_lock().ok()?;
                (state.phase == Phase::Open).then(|| state.pending_bytes + state.encoded())
            };
            let heaviest =
                open.iter().filter_map(|object| Some((weight(object)?, object))).max_by_key(|(w, _)| *w);
            match heaviest {
                // Less would only make row groups tiny.
                Some((weight, object)) if weight > limit / 256 => self.lighten(object)?,
                _ if self.place_waiting()? => {}
                _ => break,
            }
        }
        Ok(())
    }

    /// Encodes the pending rows, or ends the object where encoded bytes are the greater weight.
    fn lighten(&self, object: &Object) -> Result<(), Fault> {
        let mut state = lock(&object.state);
        if state.phase != Phase::Open {
            return Ok(());
        }
        if state.pending_bytes < state.encoded() {
            drop(state);
            return self.seal(object);
        }
        let work = self.take(&mut state, true);
        self.count(&mut state);
        drop(state);
        self.encode(object, work)
    }

    /// Places small objects early. Whether there were any.
    fn place_waiting(&self) -> Result<bool, Fault> {
        let all = lock(&self.registry).all.clone();
        let waiting: Vec<Arc<Object>> = all
            .into_iter()
            .filter(|object| object.state.try_lock().is_ok_and(|state| state.tail.is_some()))
            .collect();
        self.place_finished(&waiting)?;
        Ok(!waiting.is_empty())
    }

    /// Brings the count of held bytes up to date.
    fn count(&self, state: &mut State) {
        let now = state.pending_bytes
            + state.encoding_bytes
            + state.encoded()
            + state.tail.as_ref().map_or(0, Bytes::len);
        self.held.fetch_add(now, Ordering::Relaxed);
        self.held.fetch_sub(state.held, Ordering::Relaxed);
        state.held = now;
    }
}

impl Drop for Objects {
    fn drop(&mut self) {
        for object in lock(&self.registry).all.iter() {
            self.held.fetch_sub(lock(&object.state).held, Ordering::Relaxed);
        }
    }
}

impl State {
    fn new(writer: Writer) -> State {
        State {
            phase: Phase::Open,
            pending: Vec::new(),
            pending_rows: 0,
            pending_bytes: 0,
            encoding: 0,
            encoding_bytes: 0,
            writer: Some(writer),
            upload: None,
            pieces: 0,
            uploaded: 0,
            tail: None,
            size: 0,
            rows: 0,
            attempted: false,
            broken: false,
            held: 0,
        }
    }

    fn encoded(&self) -> usize {
        self.writer.as_ref().map_or(0, |writer| writer.inner().len())
    }
}
