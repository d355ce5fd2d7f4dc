//! The objects of one attempt while they are written: rows in, finished objects out, memory bounded.
//!
//! ```text
//! append(set, table, date, batch) -> Object{pending} -> row group -> bytes -> [pieces of a large object] -> placed
//! ```
//! An object goes `Open -> Sealed -> Finished -> Placed`, or to `Discarded -> Gone`. Sealed means: no more
//! rows, but some thread may still encode rows that it took; whoever ends last finishes the object. Nobody waits for
//! another thread, and no lock is held while rayon runs: a rayon worker that waits may run another
//! `append` on the same stack.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use arrow::array::RecordBatch;
use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use parquet::file::metadata::KeyValue;

use super::layout::{self, AttemptName};
use super::lock;
use super::note::NoteKeeper;
use super::parquet::{
    Encoder, Placement, TableShape, Writer, batch_bytes, check_batch, group_rows, open_writer, rows_of_group,
};
use super::store::{Store, Upload};
use crate::model::{Fault, LakeOptions, UtcDay};

mod encoding;
mod memory;
mod placing;

/// Encoded bytes from which on an object is written in pieces, and the size of these (stores want at
/// least 5 MiB, and some want all pieces but the last alike).
pub(super) const PIECE_BYTES: usize = 8 << 20;

/// The same for a local folder, where pieces cost nothing and only hold memory.
pub(super) const FOLDER_PIECE_BYTES: usize = 1 << 20;

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
    /// What the footer will need, about.
    footer_bytes: usize,
    upload: Option<Arc<Upload>>,
    pieces: usize,
    /// Bytes given to the upload so far.
    uploaded: u64,
    /// A finished small object.
    tail: Option<Bytes>,
    size: u64,
    /// Over the bytes in their order; `sha256` once the object is finished.
    hash: Context,
    sha256: String,
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
        let rows = rows_of_group(state.pending_rows, state.pending_bytes, &self.options);
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
            footer_bytes: 0,
            upload: None,
            pieces: 0,
            uploaded: 0,
            tail: None,
            size: 0,
            hash: Context::new(&SHA256),
            sha256: String::new(),
            rows: 0,
            attempted: false,
            broken: false,
            held: 0,
        }
    }

    fn encoded(&self) -> usize {
        self.writer.as_ref().map_or(0, |writer| writer.inner().len() + self.footer_bytes)
    }
}
