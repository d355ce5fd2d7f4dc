//! What an entry replaces goes: the second half of a redo, after its commit.
//!
//! ```text
//! r1 {A, B}, r2 {C}     redo: note, objects of r3, entry r3 {A, B, C; replaces r1, r2}
//!                       -> objects of r1 and r2 deleted -> note deleted
//! ```
//! Killed before the entry: recovery deletes r3's objects, and r1 and r2 count as before. Killed after it: the
//! note is still there, and recovery deletes what is left of r1 and r2. The entries themselves stay: which
//! entries count is read from all of a day (`history`).

use std::collections::BTreeSet;

use super::fail_point;
use super::layout::{self, AttemptName};
use super::ledger::{Entry, PartEntry};
use super::store::Store;
use crate::model::{Fault, FaultKind, Stage};

/// Deletes the objects of all that a committed entry replaces, as far as they are still there. How many.
pub(super) fn finish(store: &Store, name: &AttemptName, entry: &Entry) -> Result<u64, Fault> {
    let mut deleted = 0;
    for number in &entry.replaces {
        let path = layout::ledger_entry(&name.account, name.stream, name.day, *number);
        let Some(json) = store.get(&path)? else { continue };
        let replaced = Entry::parse(&path, &json)?;
        for object in replaced.objects {
            if !own(&object.path, &replaced.token) {
                let message = "the entry names an object that is not its own; nothing of it was deleted";
                return Err(Fault::new(FaultKind::Destination, Stage::Commit, message)
                    .of(path)
                    .advise("restore this file from a backup of the lake"));
            }
            fail_point("replace");
            if store.size(&object.path)?.is_some() {
                store.delete(&object.path)?;
                deleted += 1;
            }
        }
    }
    Ok(deleted)
}

/// Refuses to replace an entry one of whose parts would be lost by it.
pub(super) fn check(
    store: &Store,
    name: &AttemptName,
    replaces: &BTreeSet<u32>,
    parts: &[PartEntry],
) -> Result<(), Fault> {
    let kept: BTreeSet<&str> = parts.iter().map(|part| part.name.as_str()).collect();
    for number in replaces {
        let path = layout::ledger_entry(&name.account, name.stream, name.day, *number);
        let entry = store.get(&path)?.map(|json| Entry::parse(&path, &json)).transpose()?;
        let lost = match &entry {
            Some(entry) => entry.parts.iter().any(|part| !kept.contains(part.name.as_str())),
            None => true,
        };
        if lost {
            let message = format!("r{number} has parts that the entry meant to replace it has not");
            return Err(Fault::new(FaultKind::Internal, Stage::Commit, message)
                .advise("report this as a mistake of lp-archive"));
        }
    }
    Ok(())
}

/// Whether a path is one that an attempt of this token makes.
fn own(path: &str, token: &str) -> bool {
    token.len() == 16 && path.contains(token) && path.ends_with(".parquet") && !path.contains("..")
}
