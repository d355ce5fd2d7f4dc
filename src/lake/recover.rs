//! Finishes what attempts left that died: the second half of the write order in the module head of `lake`.

use super::fail_point;
use super::layout;
use super::ledger::Entry;
use super::note::Note;
use super::process::Liveness;
use super::replace;
use super::store::{Created, Listed, OpenUpload, Store};
use crate::model::{AccountId, Fault, FaultKind, Stage};

/// What recovery did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Notes that were settled.
    pub attempts: u64,
    pub objects_deleted: u64,
}

/// How long the note of another machine's attempt outlives its fencing: a slow process there may still write
/// objects that only this note names. Rows do not depend on it as long as such a process ends by then.
const FOREIGN_GRACE_MS: i64 = 24 * 3600 * 1000;

/// How often a fence is tried against others that fence or commit at the same time.
const FENCE_TRIES: usize = 3;

/// Settles every note of the account whose process is not known to live.
pub(super) fn recover(store: &Store, account: &AccountId, now_ms: i64) -> Result<Recovered, Fault> {
    let mut recovered = Recovered::default();
    let uploads = store.open_uploads()?;
    sweep_raw(store, &uploads, now_ms)?;
    for listed in store.list(&layout::pending_folder(account))? {
        if !listed.path.ends_with(".json") {
            continue;
        }
        // Gone meanwhile: its attempt or another run settled it.
        let Some(json) = store.get(&listed.path)? else { continue };
        let (note, name) = Note::parse(&listed.path, &json)?;
        fail_point("recover");
        let liveness = note.process.liveness();
        if liveness == Liveness::Alive {
            continue;
        }
        if let Some(entry) = committed(store, &name)? {
            recovered.objects_deleted += replace::finish(store, &name, &entry)?;
        } else {
            fail_point("fenced");
            recovered.objects_deleted += clear(store, &note, &uploads)?;
            if liveness == Liveness::Unknown && !outlived(&listed, now_ms) {
                continue;
            }
        }
        fail_point("cleared");
        store.delete(&listed.path)?;
        recovered.attempts += 1;
    }
    store.sweep()?;
    Ok(recovered)
}

/// The entry, if the attempt committed. If not, it cannot any more when this returns.
fn committed(store: &Store, name: &layout::AttemptName) -> Result<Option<Entry>, Fault> {
    let path = name.entry();
    for _ in 0..FENCE_TRIES {
        if let Some(json) = store.get(&path)? {
            let entry = Entry::parse(&path, &json)?;
            return Ok((!entry.void && entry.token == name.token).then_some(entry));
        }
        let void = Entry::void(name, "the attempt ended without a commit").to_json()?;
        if store.create(&path, void)? == Created::Made {
            return Ok(None);
        }
    }
    let message = "the store says that an entry exists and that it does not";
    Err(Fault::new(FaultKind::Destination, Stage::Commit, message).of(path).advise("run again"))
}

/// Aborts the note's uploads, also those that it had no time to name, and deletes its objects. How many there were.
fn clear(store: &Store, note: &Note, uploads: &[OpenUpload]) -> Result<u64, Fault> {
    let unnamed = uploads.iter().filter(|upload| note.objects.contains(&upload.path));
    let unnamed = unnamed.map(|upload| (&upload.path, &upload.id));
    for (path, id) in note.uploads.iter().map(|(path, id)| (path, id)).chain(unnamed) {
        store.abort(path, id)?;
    }
    let mut deleted = 0;
    for path in &note.objects {
        if store.size(path)?.is_some() {
            store.delete(path)?;
            deleted += 1;
        }
    }
    Ok(deleted)
}

/// Aborts uploads of parts kept as received: no note names these, so only those go that nobody can still be sending.
fn sweep_raw(store: &Store, uploads: &[OpenUpload], now_ms: i64) -> Result<(), Fault> {
    let stale = |upload: &&OpenUpload| {
        upload.path.starts_with(layout::RAW) && now_ms.saturating_sub(upload.begun_ms) > FOREIGN_GRACE_MS
    };
    uploads.iter().filter(stale).try_for_each(|upload| store.abort(&upload.path, &upload.id))
}

fn outlived(note: &Listed, now_ms: i64) -> bool {
    now_ms.saturating_sub(note.modified_ms) > FOREIGN_GRACE_MS
}
