//! Redo: archives anew what is archived, where every source of it is at hand.
//!
//! ```text
//! ledger r1 {A, B}, r2 {C, D}   at hand: A, B, C   ->   Redo {A, B; replaces r1};  r2 is left as it is, with a warning
//!     -> one attempt with all of its parts -> entry r3 {A, B; replaces r1} -> objects of r1 deleted (lake)
//! ```
//! An entry is replaced as a whole or not at all: when one of its parts cannot be read again, or has other
//! bytes than those that were archived, everything stays as it was.

use std::collections::{BTreeSet, HashMap};

use super::Run;
use super::batch::{MAX_RACES, Tried, Try, label, too_many_races};
use super::shared::Shared;
use crate::lake::{Committed, PartEntry};
use crate::model::{Batch, Event, Fault, FaultKind, Part, Scope, Stage};

/// Entries that are replaced by one new entry, and the parts of both.
#[derive(Debug)]
pub(super) struct Redo {
    pub batch: Batch,
    pub replaces: BTreeSet<u32>,
    /// SHA-256 by part name; parts that were salvaged are not in it: theirs may differ.
    known: HashMap<String, String>,
    bytes: u64,
}

impl Redo {
    /// Whether a part that was read again is the one that was archived.
    pub fn check(&self, part: &PartEntry) -> Result<(), Fault> {
        match self.known.get(&part.name) {
            Some(sha256) if *sha256 != part.sha256 => Err(Fault::new(
                FaultKind::Ambiguous,
                Stage::Parse,
                "its bytes are not those that were archived under this name",
            )
            .advise("nothing was replaced; redo it with the file that was archived")),
            _ => Ok(()),
        }
    }
}

/// What can be redone of a stream's entries, oldest day first, and what is left as it is (as warnings).
/// `listed`: the parts at hand; `meant`: whether a part was asked for. Small entries of a day become one
/// of up to `max_bytes`.
pub(super) fn plan(
    entries: &[Committed],
    listed: &[Part],
    meant: impl Fn(Scope) -> bool,
    max_bytes: u64,
) -> (Vec<Redo>, Vec<String>) {
    let at_hand: HashMap<&str, &Part> = listed.iter().map(|part| (part.id.name.as_str(), part)).collect();
    let (mut redos, mut left): (Vec<Redo>, Vec<String>) = Default::default();
    for entry in entries {
        let found: Vec<&Part> =
            entry.parts.iter().filter_map(|part| at_hand.get(part.name.as_str()).copied()).collect();
        if found.len() < entry.parts.len() {
            if !found.is_empty() || entry.parts.iter().any(|part| meant(part.scope)) {
                left.push(left_alone(entry, &at_hand));
            }
            continue;
        }
        let Some(first) = found.first() else { continue };
        let bytes = entry.parts.iter().map(|part| part.bytes).sum();
        let fits =
            |last: &&mut Redo| last.batch.day == entry.day && last.bytes.saturating_add(bytes) <= max_bytes;
        let known = entry.parts.iter().filter(|part| !part.salvaged);
        let known = known.map(|part| (part.name.clone(), part.sha256.clone()));
        let parts = found.iter().map(|part| (*part).clone());
        match redos.last_mut().filter(fits) {
            Some(last) => {
                last.batch.parts.extend(parts);
                last.replaces.insert(entry.number);
                last.known.extend(known);
                last.bytes += bytes;
            }
            None => redos.push(Redo {
                batch: Batch {
                    account: first.id.account.clone(),
                    stream: first.id.stream,
                    day: entry.day,
                    parts: parts.collect(),
                },
                replaces: [entry.number].into(),
                known: known.collect(),
                bytes,
            }),
        }
    }
    for redo in &mut redos {
        redo.batch.parts.sort_by(|a, b| (a.scope, &a.id.name).cmp(&(b.scope, &b.id.name)));
    }
    (redos, left)
}

/// `r2 of 2026-11-01 is left as it is: 3 of its 24 parts are not at hand, the first is …`
fn left_alone(entry: &Committed, at_hand: &HashMap<&str, &Part>) -> String {
    let missing: Vec<&str> = entry
        .parts
        .iter()
        .map(|part| part.name.as_str())
        .filter(|name| !at_hand.contains_key(name))
        .collect();
    format!(
        "r{} of {} is left as it is: {} of its {} parts are not at hand, the first is {}",
        entry.number,
        entry.day,
        missing.len(),
        entry.parts.len(),
        missing.first().unwrap_or(&"-"),
    )
}

/// Replaces some entries. `number`: of the next entry; the one after it is returned.
///
/// # Errors
/// What stops the run. A part that cannot be read again is an event, and the entries stay.
pub(super) fn run_redo(run: &Run<'_>, redo: &Redo, shared: &Shared, mut number: u32) -> Result<u32, Fault> {
    let batch = &redo.batch;
    for _ in 0..MAX_RACES {
        run.stop.check()?;
        let attempt = run.lake.begin(&batch.account, batch.stream, batch.day, number)?;
        let attempted = Try::new(run, batch, attempt, Some(redo), shared);
        let Some(ready) = attempted.read(&batch.parts, &|_| {})? else {
            let message = format!(
                "{}: {} left as archived before: not every part could be read again",
                label(batch),
                names(&redo.replaces)
            );
            run.events.emit(Event::Warning { message });
            return Ok(number);
        };
        match ready.commit()? {
            Tried::Nothing => return Ok(number),
            Tried::Committed => return Ok(number + 1),
            Tried::LostRace { .. } => {
                let committed = run.lake.committed(&batch.account, batch.stream, batch.day, batch.day)?;
                let still: BTreeSet<u32> = committed.iter().map(|entry| entry.number).collect();
                let archived = run.lake.archived(&batch.account, batch.stream, batch.day, batch.day)?;
                number = archived.next_number(batch.day);
                if !redo.replaces.is_subset(&still) {
                    let message = format!("{}: another run has replaced the same entries", label(batch));
                    run.events.emit(Event::Warning { message });
                    return Ok(number);
                }
            }
        }
    }
    Err(too_many_races(batch))
}

/// `r1, r3`
fn names(numbers: &BTreeSet<u32>) -> String {
    numbers.iter().map(|number| format!("r{number}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AccountId, PartId, Stream, UtcDay};

    fn part(name: &str) -> Part {
        let account = AccountId::parse("7").unwrap();
        let id = PartId { account, stream: Stream::Survey, name: name.to_owned() };
        Part { id, scope: Scope { start_ms: 0, end_ms: 1 }, location: String::new(), bytes: None }
    }

    fn entry(day: i32, number: u32, names: &[&str]) -> Committed {
        let part = |name: &&str| PartEntry {
            name: (*name).to_owned(),
            scope: Scope { start_ms: 0, end_ms: 1 },
            bytes: 10,
            sha256: format!("sha of {name}"),
            records: 1,
            records_in_tables: 1,
            rejects: 0,
            salvaged: *name == "S",
            reason: String::new(),
        };
        Committed { day: UtcDay(day), number, parts: names.iter().map(part).collect() }
    }

    fn parts(redo: &Redo) -> Vec<&str> {
        redo.batch.parts.iter().map(|part| part.id.name.as_str()).collect()
    }

    #[test]
    fn whole_entries_only() {
        let entries =
            [entry(1, 1, &["A", "B"]), entry(1, 2, &["C", "D"]), entry(1, 4, &["E"]), entry(2, 1, &["F"])];
        let listed = ["F", "E", "B", "A", "C", "new"].map(part);
        let (redos, left) = plan(&entries, &listed, |_| true, 100);
        assert_eq!(redos.len(), 2);
        assert_eq!((parts(&redos[0]), redos[0].replaces.clone()), (vec!["A", "B", "E"], [1, 4].into()));
        assert_eq!((parts(&redos[1]), redos[1].batch.day), (vec!["F"], UtcDay(2)));
        assert_eq!(
            left,
            ["r2 of 1970-01-02 is left as it is: 1 of its 2 parts are not at hand, the first is D"]
        );
    }

    #[test]
    fn entries_join_up_to_the_size_and_never_fall_apart() {
        let entries = [entry(1, 1, &["A", "B"]), entry(1, 2, &["C"]), entry(1, 3, &["D"])];
        let listed = ["A", "B", "C", "D"].map(part);
        let (redos, _) = plan(&entries, &listed, |_| true, 20);
        let replaced: Vec<BTreeSet<u32>> = redos.iter().map(|redo| redo.replaces.clone()).collect();
        assert_eq!(replaced, [[1].into(), [2, 3].into()]);
        let (redos, _) = plan(&entries, &listed, |_| true, 1);
        assert_eq!(redos.len(), 3);
    }

    #[test]
    fn what_was_not_asked_for_is_not_spoken_of() {
        let entries = [entry(1, 1, &["A"])];
        assert_eq!(plan(&entries, &[], |_| true, 1).1.len(), 1);
        assert_eq!(plan(&entries, &[], |_| false, 1).1, Vec::<String>::new());
    }

    #[test]
    fn other_bytes_are_refused_unless_they_mend() {
        let entries = [entry(1, 1, &["A", "S"])];
        let (redos, _) = plan(&entries, &["A", "S"].map(part), |_| true, 1);
        let read = |name: &str, sha256: &str| {
            let mut part = entry(1, 1, &[name]).parts.remove(0);
            part.sha256 = sha256.to_owned();
            redos[0].check(&part)
        };
        assert_eq!(read("A", "sha of A"), Ok(()));
        assert_eq!(read("A", "other").unwrap_err().kind, FaultKind::Ambiguous);
        assert_eq!(read("S", "other"), Ok(()));
    }
}
