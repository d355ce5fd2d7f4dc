//! Checks a lake: every entry for itself, every object against its entry, and nothing else beside them.
//!
//! ```text
//! ledger -> what must be there ─┐
//! listing -> what is there ─────┴ compare -> missing, extra, changed   -> footers -> rows, table, date
//!                                            --deep: SHA-256 of every object, every row, every key once
//! ```
//! What differs is a [`Finding`], and the rest is looked at all the same. The lake is only read; what
//! other runs write meanwhile may be found missing or extra. What can fail: the store.
//!
//! Why keys are compared within an entry only: every row's `source_file` must be a part of its entry, and
//! no part may stand in two entries that count; so no key can stand in two.

mod compare;
mod footer;
mod keys;
mod rows;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::ledger::Entry;
use super::note::Note;
use super::store::{Listed, Store};
use super::{Lake, layout, lock};
use crate::model::{AccountId, Fault, UtcDay};

use compare::{Expected, Known};

/// Entries that are read at a time.
const ENTRIES_AT_ONCE: usize = 256;
/// Footers that are read at a time: that is waiting, not work.
const FOOTERS_AT_ONCE: usize = 8;

/// What to look at, and with how much.
#[derive(Clone, Debug, Default)]
pub struct VerifyOptions {
    /// `None`: every account.
    pub account: Option<AccountId>,
    /// Every byte and row, not only footers.
    pub deep: bool,
    pub threads: usize,
    /// What may be held of keys, in bytes; more goes to temporary files.
    pub memory_bytes: u64,
    /// Folder for temporary files; `None`: the system's.
    pub spool: Option<PathBuf>,
}

/// What kind of thing was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FindingKind {
    /// A ledger entry that cannot be read or is not what its path says.
    Entry,
    /// An entry whose figures do not add up.
    Counts,
    /// An object that an entry names is not there.
    Missing,
    /// An object differs from what its entry says.
    Changed,
    /// An object that no entry names, and that readers see.
    Extra,
    /// A part in two entries, or a row's key in two rows.
    Twice,
}

impl FindingKind {
    /// Stable word for machines.
    pub fn code(self) -> &'static str {
        match self {
            FindingKind::Entry => "entry",
            FindingKind::Counts => "counts",
            FindingKind::Missing => "missing",
            FindingKind::Changed => "changed",
            FindingKind::Extra => "extra",
            FindingKind::Twice => "twice",
        }
    }
}

/// One thing that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Of the entry or object, relative to the lake.
    pub path: String,
    pub kind: FindingKind,
    pub expected: String,
    pub found: String,
    /// What to do next.
    pub advice: String,
}

/// What was looked at, and what was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Entries that count, and their parts.
    pub entries: u64,
    pub parts: u64,
    /// Objects whose footers were read, their bytes and rows.
    pub objects: u64,
    pub bytes: u64,
    pub rows: u64,
    /// Attempts that are not settled: running, or to be cleared away by the next run.
    pub pending: u64,
    /// By path.
    pub findings: Vec<Finding>,
}

impl Lake {
    /// Checks everything. `stop` is asked now and then, and its fault ends the work.
    ///
    /// # Errors
    /// The store cannot be read, or there is no lake; what is wrong with the lake is a finding.
    pub fn verify(
        &self,
        options: &VerifyOptions,
        stop: &(dyn Fn() -> Result<(), Fault> + Sync),
    ) -> Result<Verified, Fault> {
        let store = self.present()?;
        let mut verified = Verified::default();
        let pending = pending(store, options)?;
        verified.pending = pending.0;
        let mut known = read_ledger(store, options, &mut verified, stop)?;
        known.expected.sort_by(|a, b| a.path.cmp(&b.path));
        let listed = list_objects(store, options)?;
        let present = compare::compare(&known, &listed, &pending.1, &mut verified.findings);
        stop()?;
        read_footers(store, &present, &mut verified, stop)?;
        if options.deep {
            deep(store, options, &present, &mut verified, stop)?;
        }
        verified.findings.sort();
        Ok(verified)
    }
}

/// Notes of attempts: how many, and the objects they name.
fn pending(store: &Store, options: &VerifyOptions) -> Result<(u64, HashSet<String>), Fault> {
    let folder = options.account.as_ref().map_or_else(|| layout::PENDING.to_owned(), layout::pending_folder);
    let (mut notes, mut objects) = (0, HashSet::new());
    for listed in store.list(&folder)? {
        let Some(json) = store.get(&listed.path)? else { continue };
        notes += 1;
        let (note, name) = Note::parse(&listed.path, &json)?;
        objects.extend(note.objects);
        // An attempt that replaces others and is not done with it yet: what is left of them is its business.
        let path = name.entry();
        if let Some(json) = store.get(&path)?
            && let Ok(entry) = Entry::parse(&path, &json)
            && entry.token == name.token
        {
            for number in entry.replaces {
                let path = layout::ledger_entry(&name.account, name.stream, name.day, number);
                let replaced = store.get(&path)?.map(|json| Entry::parse(&path, &json)).transpose()?;
                objects
                    .extend(replaced.into_iter().flat_map(|entry| entry.objects).map(|object| object.path));
            }
        }
    }
    Ok((notes, objects))
}

/// Reads all entries, day by day, and checks each for itself.
fn read_ledger(
    store: &Store,
    options: &VerifyOptions,
    verified: &mut Verified,
    stop: &(dyn Fn() -> Result<(), Fault> + Sync),
) -> Result<Known, Fault> {
    let folder = match &options.account {
        Some(account) => format!("{}/{account}", layout::LEDGER),
        None => layout::LEDGER.to_owned(),
    };
    let listed = store.list(&folder)?.into_iter().map(|object| object.path);
    let mut paths: Vec<String> = listed.filter(|path| layout::parse_ledger_entry(path).is_some()).collect();
    paths.sort();
    let mut known = Known::default();
    let mut day: Vec<(UtcDay, u32, Entry)> = Vec::new();
    let mut folder = String::new();
    for chunk in paths.chunks(ENTRIES_AT_ONCE) {
        stop()?;
        let mut read = store.get_all(chunk.to_vec())?;
        read.sort();
        for (path, json) in read {
            let Some((of, number)) = layout::parse_ledger_entry(&path) else { continue };
            let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
            if folder != parent {
                known.add_day(&folder, &std::mem::take(&mut day), verified);
                folder = parent.to_owned();
            }
            match Entry::parse(&path, &json) {
                Ok(entry) => day.push((of, number, entry)),
                Err(fault) => known.add_unreadable(path, fault, verified),
            }
        }
    }
    known.add_day(&folder, &day, verified);
    Ok(known)
}

/// Everything that a reader could see, and the quarantine; by path.
fn list_objects(store: &Store, options: &VerifyOptions) -> Result<Vec<Listed>, Fault> {
    let mut folders = store.folders("")?;
    folders.retain(|name| !name.starts_with(['_', '.']));
    let mut objects = Vec::new();
    for folder in folders.iter().map(String::as_str).chain([layout::QUARANTINE]) {
        let all = store.list(folder)?.into_iter();
        // Readers skip these names.
        objects.extend(all.filter(|object| {
            let name = object.path.rsplit('/').next().unwrap_or_default();
            !name.starts_with(['_', '.'])
        }));
    }
    if let Some(account) = &options.account {
        let (table, quarantine) =
            (format!("/account_id={account}/"), format!("{}/{account}/", layout::QUARANTINE));
        objects.retain(|object| object.path.contains(&table) || object.path.starts_with(&quarantine));
    }
    objects.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(objects)
}

fn read_footers(
    store: &Arc<Store>,
    present: &[&Expected],
    verified: &mut Verified,
    stop: &(dyn Fn() -> Result<(), Fault> + Sync),
) -> Result<(), Fault> {
    let found = Mutex::new(Vec::new());
    each(present, FOOTERS_AT_ONCE, |expected| {
        stop()?;
        let findings = footer::check(store, expected)?;
        lock(&found).extend(findings);
        Ok(())
    })?;
    verified.objects += present.len() as u64;
    verified.bytes += present.iter().map(|object| object.bytes).sum::<u64>();
    verified.rows += present.iter().map(|object| object.rows).sum::<u64>();
    verified.findings.extend(found.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()));
    Ok(())
}

/// Reads every row, entry by entry.
fn deep(
    store: &Arc<Store>,
    options: &VerifyOptions,
    present: &[&Expected],
    verified: &mut Verified,
    stop: &(dyn Fn() -> Result<(), Fault> + Sync),
) -> Result<(), Fault> {
    let mut entries: BTreeMap<&str, Vec<&Expected>> = BTreeMap::new();
    for expected in present {
        entries.entry(&expected.entry).or_default().push(expected);
    }
    let entries: Vec<(&str, Vec<&Expected>)> = entries.into_iter().collect();
    let threads = options.threads.clamp(1, 4);
    // What differs already cannot be read as its entry says.
    let spoiled: HashMap<&str, ()> =
        verified.findings.iter().map(|finding| (finding.path.as_str(), ())).collect();
    let found = Mutex::new(Vec::new());
    each(&entries, threads, |(path, objects)| {
        let limits = rows::Limits {
            key_bytes: (options.memory_bytes / 8 / threads as u64) as usize,
            spool: options.spool.as_deref(),
            stop,
        };
        let readable: Vec<&Expected> =
            objects.iter().copied().filter(|object| !spoiled.contains_key(object.path.as_str())).collect();
        let findings = rows::check(store, path, &readable, &limits)?;
        lock(&found).extend(findings);
        Ok(())
    })?;
    drop(spoiled);
    verified.findings.extend(found.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()));
    Ok(())
}

/// Does `work` for every item, on so many threads; the first fault ends it.
fn each<T: Sync>(
    items: &[T],
    threads: usize,
    work: impl Fn(&T) -> Result<(), Fault> + Sync,
) -> Result<(), Fault> {
    let next = AtomicUsize::new(0);
    let failure: Mutex<Option<Fault>> = Mutex::new(None);
    let run = || {
        while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            if lock(&failure).is_some() {
                return;
            }
            if let Err(fault) = work(item) {
                lock(&failure).get_or_insert(fault);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.min(items.len()) {
            // A thread that cannot be had is one that does not help.
            let _ = std::thread::Builder::new().spawn_scoped(scope, run);
        }
        run();
    });
    failure.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()).map_or(Ok(()), Err)
}
