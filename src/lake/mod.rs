//! Floor 2. The only place that writes to the lake: Parquet objects, the ledger that makes them count, and
//! what is kept of failures.
//!
//! ```text
//! archived(1, webSession, 2026-10-20..2026-11-21)  -> part names that the ledger has, next free r<N> per day
//! recover(1)                                       -> left-overs of runs that died are gone
//! begin(1, webSession, 2026-11-01, 1) -> Attempt   -> object_set() -> append(table, date, batch)…
//!    commit([sets], parts) -> pending note -> navigation/account_id=1/date=2026-11-01/webSession-20261101-r1-<token>.parquet …
//!                          -> sizes checked -> ledger/v1/1/webSession/2026-11-01/r1.json -> pending note deleted
//! ```
//!
//! # Invariants of writing
//!
//! An attempt is a token, a random name that is part of every object's path. `r<N>` is a ledger entry of
//! a stream's day.
//!
//! 1. An object's rows count when, and only when, a ledger entry names the object. An entry is made by
//!    create-if-absent and never changed or removed.
//! 2. Before an object can become visible, or a multipart upload gets its first piece, the attempt's note
//!    `pending/<account>/<token>.json` must be stored and name it. The note also says which `r<N>` decides the attempt and
//!    which process makes it.
//! 3. An entry must not be put before all its objects are placed and have the size that was sent, and all other
//!    objects of the attempt are gone.
//! 4. An attempt deletes its objects only while no entry of its token can exist: before it sent one, or
//!    after it saw `r<N>` with another token (or void). When a store does not answer, it looks, and fences as in 6.
//! 5. The note is deleted last: after the entry is in, or after the objects are gone.
//! 6. Recovery must not delete an object before `r<N>` exists. If it does not, recovery makes it, void:
//!    then an attempt that is alive after all loses the race, whatever it does later. If `r<N>` has the note's
//!    token, the attempt had committed, and only the note goes.
//! 7. A void entry archives nothing and uses up its `N`.
//! 8. An entry that `replaces` others has all their parts. They do not count any more, and their objects are
//!    deleted after it is in and before its note is: whoever finds the note finishes that (`replace`).
//!
//! So a reader of the ledger sees each part once, and after a completed run a reader with a plain glob
//! sees exactly what the ledger names, with any number of runs at once and without trusting a clock. (How long
//! left-overs of another machine are kept under watch goes by clock; that decides tidiness, not rows.)
//!
//! A local lake gets the same guarantees from files that are staged, synced and renamed (`staging`).
//!
//! What can fail: the store (`Destination`, with advice), a lake or ledger of a newer version (`Destination`), and
//! figures that do not add up (`Internal`). A failed attempt cleans up after itself; if that fails too, its note
//! stays for the next run.
//!
//! Everything blocks; nothing may be called from a tokio worker thread.

use std::collections::HashMap;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{SystemTime, UNIX_EPOCH};

use rayon::iter::{IntoParallelIterator, ParallelIterator};
use serde_json::{Value, json};
use tokio::runtime::Handle;

use crate::model::{AccountId, Fault, FaultKind, LakeOptions, PartId, Payload, Scope, Stage, Stream, UtcDay};

mod attempt;
mod fail_point;
mod history;
mod layout;
mod ledger;
mod note;
mod objects;
mod pages;
mod parquet;
mod probe;
mod process;
mod raw;
mod reading;
mod recover;
mod replace;
mod runs;
mod staging;
mod store;
#[cfg(test)]
mod tests;
mod text_bounds;
mod verify;

pub use attempt::{Attempt, EntryDraft, ObjectSet, Outcome};
pub use fail_point::fail_point;
pub use history::Committed;
pub use ledger::PartEntry;
pub use parquet::{ColumnHint, Placement, TableShape, encode_object};
pub use probe::Probed;
pub use reading::Suspects;
pub use recover::Recovered;
pub use verify::{Finding, FindingKind, Verified, VerifyOptions};

use layout::AttemptName;
use ledger::Entry;
use note::NoteKeeper;
use objects::Objects;
use process::Process;
use store::{Created, Store};

/// Version of the layout under `_lp_archive/`.
const FORMAT: u64 = 1;

/// What the caller is going to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Changes nothing; a missing lake is an empty one.
    Read,
    Write,
}

/// A lake in a folder or an object store.
pub struct Lake {
    /// `None`: there is no such folder, and nothing is to be made.
    store: Option<Arc<Store>>,
    options: LakeOptions,
    access: Access,
    /// Bytes that attempts hold in memory.
    held: Arc<AtomicUsize>,
    piece_bytes: usize,
    process: Process,
}

/// What the ledger says about some days of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Archived {
    /// Archived parts: name, bytes as received.
    pub parts: HashMap<String, u64>,
    /// Lowest number above every entry, for days that have entries.
    pub next: HashMap<UtcDay, u32>,
}

impl Archived {
    /// The number that a new entry of the day gets.
    pub fn next_number(&self, day: UtcDay) -> u32 {
        self.next.get(&day).copied().unwrap_or(1)
    }
}

impl Lake {
    /// Opens a lake at a path or URL (`file:`, `s3:`, `gs:`, `az:`; credentials from the environment). To
    /// write, it is made if need be, and the store is asked whether it knows create-if-absent.
    ///
    /// # Errors
    /// [`FaultKind::Destination`]: it cannot be reached, read or written, is of a newer format, or cannot keep
    /// two runs apart.
    pub fn open(out: &str, options: LakeOptions, access: Access, runtime: Handle) -> Result<Lake, Fault> {
        let store = Store::open(out, access == Access::Write, runtime)?;
        Lake::over(store, options, access)
    }

    fn over(store: Option<Store>, options: LakeOptions, access: Access) -> Result<Lake, Fault> {
        let folder = store.as_ref().is_some_and(Store::is_folder);
        let lake = Lake {
            store: store.map(Arc::new),
            options,
            access,
            held: Arc::default(),
            piece_bytes: fail_point::piece_bytes().unwrap_or(if folder {
                objects::FOLDER_PIECE_BYTES
            } else {
                objects::PIECE_BYTES
            }),
            process: Process::own().clone(),
        };
        if let Some(store) = &lake.store {
            let found = check_format(store)?;
            if access == Access::Write {
                claim(store, found)?;
            }
        }
        Ok(lake)
    }

    /// What is archived of the parts whose scopes start in these days, both included.
    pub fn archived(
        &self,
        account: &AccountId,
        stream: Stream,
        from: UtcDay,
        to: UtcDay,
    ) -> Result<Archived, Fault> {
        let mut archived = Archived::default();
        let Some(store) = &self.store else { return Ok(archived) };
        let mut paths = Vec::new();
        for path in list_entries(store, account, stream, from, to)? {
            if let Some((day, number)) = layout::parse_ledger_entry(&path)
                && from <= day
                && day <= to
            {
                let next = archived.next.entry(day).or_insert(1);
                *next = (*next).max(number.saturating_add(1));
                paths.push(path);
            }
        }
        let parts = store.get_all(paths)?.into_par_iter().map(|(path, json)| {
            let entry = Entry::parse(&path, &json)?;
            let parts = if entry.void { Vec::new() } else { entry.parts };
            Ok(parts.into_iter().map(|part| (part.name, part.bytes)).collect())
        });
        let parts: Vec<Vec<(String, u64)>> = parts.collect::<Result<_, Fault>>()?;
        archived.parts.extend(parts.into_iter().flatten());
        Ok(archived)
    }

    /// For what makes no sense without a lake.
    ///
    /// # Errors
    /// [`FaultKind::Destination`]: there is none, or the store does not tell.
    pub fn must_exist(&self) -> Result<(), Fault> {
        self.present().map(drop)
    }

    fn present(&self) -> Result<&Arc<Store>, Fault> {
        let no_lake = || {
            Fault::new(FaultKind::Destination, Stage::List, "there is no lake here")
                .advise("check `out`: a lake has the file _lp_archive/lake.json")
        };
        let store = self.store.as_ref().ok_or_else(no_lake)?;
        match store.size(layout::LAKE)? {
            Some(_) => Ok(store),
            None => Err(no_lake().of(store.place())),
        }
    }

    /// Names of the tables that have objects (and of other folders beside them).
    pub fn tables(&self) -> Result<std::collections::BTreeSet<String>, Fault> {
        let folders = self.store.as_ref().map_or(Ok(Vec::new()), |store| store.folders(""))?;
        Ok(folders.into_iter().filter(|name| !name.starts_with('_')).collect())
    }

    /// Finishes what died runs left of this account: to be called before anything is planned.
    pub fn recover(&self, account: &AccountId) -> Result<Recovered, Fault> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
        recover::recover(self.writable()?, account, now)
    }

    /// Begins an attempt at entry `r<number>` (see [`Archived::next_number`]). Writes nothing yet.
    pub fn begin(
        &self,
        account: &AccountId,
        stream: Stream,
        day: UtcDay,
        number: u32,
    ) -> Result<Attempt, Fault> {
        let store = self.writable()?;
        let name = AttemptName { account: account.clone(), stream, day, number, token: token() };
        let note = NoteKeeper::new(store.clone(), &name, self.process.clone());
        let options = self.options.clone();
        Ok(Attempt::new(Objects::new(
            store.clone(),
            name,
            note,
            options,
            self.piece_bytes,
            self.held.clone(),
        )))
    }

    /// Keeps a part as received, with the fault that kept it from being archived (I6). Again is no error.
    pub fn store_raw(
        &self,
        part: &PartId,
        scope: Scope,
        payload: &Payload,
        fault: &Fault,
    ) -> Result<(), Fault> {
        raw::store_raw(self.writable()?, part, scope, payload, fault)
    }

    /// Leaves a record of a run, which started at `started_ms` (milliseconds since 1970).
    pub fn store_run(&self, started_ms: i64, run: &Value) -> Result<(), Fault> {
        self.writable()?.put(&layout::run(started_ms, &token()), run.to_string().into())
    }

    /// Records of the runs that started on this day or later, oldest first, as stored.
    pub fn runs(&self, from: UtcDay) -> Result<Vec<bytes::Bytes>, Fault> {
        let Some(store) = &self.store else { return Ok(Vec::new()) };
        let folder = layout::RUNS;
        let before = UtcDay(from.0.saturating_sub(1).max(0));
        let listed = store.list_after(folder, &format!("{folder}/{before}"))?;
        let since = |path: &str| layout::parse_run(path).is_some_and(|day| from <= day);
        let paths = listed.into_iter().map(|object| object.path).filter(|path| since(path));
        let mut records = store.get_all(paths.collect())?;
        records.sort();
        Ok(records.into_iter().map(|(_, json)| json).collect())
    }

    /// Accounts that have ledger entries.
    pub fn accounts(&self) -> Result<Vec<AccountId>, Fault> {
        let folders = self.store.as_ref().map_or(Ok(Vec::new()), |store| store.folders(layout::LEDGER))?;
        Ok(folders.iter().filter_map(|name| AccountId::parse(name).ok()).collect())
    }

    fn writable(&self) -> Result<&Arc<Store>, Fault> {
        match (&self.store, self.access) {
            (Some(store), Access::Write) => Ok(store),
            _ => Err(Fault::new(FaultKind::Internal, Stage::Write, "the lake was opened for reading only")),
        }
    }
}

/// Paths that may be ledger entries of these days, and maybe others.
fn list_entries(
    store: &Store,
    account: &AccountId,
    stream: Stream,
    from: UtcDay,
    to: UtcDay,
) -> Result<Vec<String>, Fault> {
    let folder = layout::ledger_folder(account, stream);
    let mut listed = Vec::new();
    // A folder has no index: few days are cheaper one by one than the whole history.
    if store.is_folder() && i64::from(to.0) - i64::from(from.0) < 366 {
        for day in from.0..=to.0 {
            listed.extend(store.list(&format!("{folder}/{}", UtcDay(day)))?);
        }
    } else {
        // From the day before: SeaweedFS leaves out what lies below the very name it starts after.
        let before = UtcDay(from.0.saturating_sub(1));
        listed = store.list_after(&folder, &format!("{folder}/{before}"))?;
    }
    Ok(listed.into_iter().map(|object| object.path).collect())
}

/// The bytes of `lake.json`, if there is one; refuses a lake of a newer format.
fn check_format(store: &Store) -> Result<Option<bytes::Bytes>, Fault> {
    let Some(json) = store.get(layout::LAKE)? else { return Ok(None) };
    let refuse = |message: String, advice: &str| {
        Err(Fault::new(FaultKind::Destination, Stage::Open, message).of(store.place()).advise(advice))
    };
    let value: Value = serde_json::from_slice(&json).unwrap_or_default();
    match value.get("format").and_then(Value::as_u64) {
        Some(format) if format <= FORMAT => Ok(Some(json)),
        Some(format) => refuse(
            format!("the lake has format {format}, this program knows {FORMAT}"),
            "run a newer lp-archive",
        ),
        None => refuse(
            format!("{} does not say which format the lake has", layout::LAKE),
            "check that `out` is the right place; restore this file from a backup",
        ),
    }
}

/// Makes `lake.json` and sees to it that making it again is refused: what keeps two runs apart.
fn claim(store: &Store, found: Option<bytes::Bytes>) -> Result<(), Fault> {
    let json = match found {
        Some(json) => json,
        None => {
            let json = bytes::Bytes::from(json!({ "format": FORMAT }).to_string());
            store.create(layout::LAKE, json.clone())?;
            fail_point("claim");
            // Another run may have been first, with another program.
            check_format(store)?.unwrap_or(json)
        }
    };
    match store.create(layout::LAKE, json)? {
        Created::Exists => Ok(()),
        Created::Made => Err(no_create_if_absent(store)),
    }
}

/// The fault of a store on which two runs would not see each other.
fn no_create_if_absent(store: &Store) -> Fault {
    Fault::new(
        FaultKind::Destination,
        Stage::Open,
        "the store does not know create-if-absent (it ignores If-None-Match: *), so two runs could archive the same part twice",
    )
    .of(store.place())
    .advise("use a store with conditional writes, or a newer version of this one")
}

/// 16 hexadecimal digits, different every time.
fn token() -> String {
    format!("{:016x}", rand::random::<u64>())
}

/// `[0xab, 0x01]` -> `ab01`
fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A panic elsewhere must not spread: what it left half done is refused by its own state.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
