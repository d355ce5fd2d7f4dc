//! The ledger as history: which entries count.
//!
//! ```text
//! r1 {A, B}  r2 void  r3 {C}  r4 {A, B; replaces r1}   ->   r3 {C}, r4 {A, B}
//! ```
//! What was replaced once stays replaced, whatever became of the entry that did it.

use std::collections::BTreeSet;

use super::layout;
use super::ledger::{Entry, PartEntry};
use super::store::Store;
use super::{Lake, list_entries};
use crate::model::{AccountId, Fault, Stream, UtcDay};

/// An entry that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    pub day: UtcDay,
    /// `N` of `r<N>`.
    pub number: u32,
    pub parts: Vec<PartEntry>,
}

impl Lake {
    /// The entries of some days (both included) that count: neither void nor replaced, by day and number.
    pub fn committed(
        &self,
        account: &AccountId,
        stream: Stream,
        from: UtcDay,
        to: UtcDay,
    ) -> Result<Vec<Committed>, Fault> {
        let Some(store) = &self.store else { return Ok(Vec::new()) };
        let mut paths = Vec::new();
        for path in list_entries(store, account, stream, from, to)? {
            if layout::parse_ledger_entry(&path).is_some_and(|(day, _)| from <= day && day <= to) {
                paths.push(path);
            }
        }
        let entries = read(store, paths)?;
        let replaced = replaced(&entries);
        let counts = |(day, number, entry): (UtcDay, u32, Entry)| {
            let counts = !entry.void && !replaced.contains(&(day, number));
            counts.then_some(Committed { day, number, parts: entry.parts })
        };
        Ok(entries.into_iter().filter_map(counts).collect())
    }
}

fn read(store: &Store, paths: Vec<String>) -> Result<Vec<(UtcDay, u32, Entry)>, Fault> {
    let mut entries = Vec::new();
    for (path, json) in store.get_all(paths)? {
        if let Some((day, number)) = layout::parse_ledger_entry(&path) {
            entries.push((day, number, Entry::parse(&path, &json)?));
        }
    }
    entries.sort_by_key(|(day, number, _)| (*day, *number));
    Ok(entries)
}

/// Which of a stream's entries do not count any more.
pub(super) fn replaced(entries: &[(UtcDay, u32, Entry)]) -> BTreeSet<(UtcDay, u32)> {
    let sound = entries.iter().filter(|(_, _, entry)| !entry.void);
    sound.flat_map(|(day, _, entry)| entry.replaces.iter().map(|number| (*day, *number))).collect()
}
