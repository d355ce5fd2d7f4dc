//! One attempt to archive a batch: object sets are filled, then one ledger entry makes all of it count, or
//! nothing of it stays.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use arrow::array::RecordBatch;

use super::fail_point;
use super::ledger::{Entry, ObjectEntry, PartEntry};
use super::objects::Objects;
use super::parquet::{Placement, TableShape};
use super::replace;
use super::store::Created;
use crate::model::{Fault, FaultKind, RunTotals, Stage, UtcDay, format_ms};

/// An attempt at entry `r<N>` of a stream's day. Dropped without [`Attempt::commit`] or
/// [`Attempt::abandon`] it counts for nothing, and a later run's recovery clears it away.
pub struct Attempt {
    objects: Arc<Objects>,
}

/// Objects that stand or fall together: what the rows of one large part go to, or of many small ones.
pub struct ObjectSet {
    objects: Arc<Objects>,
    id: u64,
}

/// What the caller knows of an entry; the lake adds objects and names.
#[derive(Clone, Debug, Default)]
pub struct EntryDraft {
    /// Parts whose every record is in the committed sets.
    pub parts: Vec<PartEntry>,
    pub schema_versions: BTreeSet<String>,
    /// `bytes_written`, `objects` and `rows` are filled by the lake.
    pub totals: RunTotals,
    /// Milliseconds since 1970.
    pub created_ms: i64,
    /// Numbers of entries of the day that do not count any more once this one does; every part of theirs
    /// must be among `parts`.
    pub replaces: BTreeSet<u32>,
}

/// How a commit ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The entry is in the ledger.
    Committed {
        objects: u64,
        bytes_written: u64,
        /// Rows by table, those of the quarantine not among them.
        rows: BTreeMap<String, u64>,
    },
    /// Someone else made the entry of this number: nothing of this attempt is left. Read the ledger again
    /// and re-plan.
    LostRace,
}

impl Attempt {
    pub(super) fn new(objects: Objects) -> Attempt {
        Attempt { objects: Arc::new(objects) }
    }

    /// `N` of the entry `r<N>`.
    pub fn number(&self) -> u32 {
        self.objects.name.number
    }

    /// 16 hexadecimal digits that tell this attempt from every other one.
    pub fn token(&self) -> &str {
        &self.objects.name.token
    }

    /// A new, empty set.
    pub fn object_set(&self) -> ObjectSet {
        ObjectSet { id: self.objects.new_set(), objects: self.objects.clone() }
    }

    /// Whether the lake holds so little that another attempt may begin beside this one.
    pub fn has_room(&self) -> bool {
        self.objects.has_room()
    }

    /// Encodes the rows that wait, if the lake holds many, before others want the room: encoded they take a tenth. No
    /// more rows may come. `there_is_room` is called as soon as there is, while the last rows are encoded, from any
    /// thread and maybe several times.
    ///
    /// # Errors
    /// As of [`ObjectSet::append`].
    pub fn make_room(&self, there_is_room: &(dyn Fn() + Sync)) -> Result<(), Fault> {
        self.objects.make_room(there_is_room)
    }

    /// Makes the rows of these sets count, and with them the draft's parts. Objects of sets not given here
    /// are removed.
    ///
    /// # Errors
    /// Nothing counts, and what was written is removed (or, if that fails too, by the next run). If a store
    /// does not answer just after the entry was sent, it may have been committed all the same: the next run
    /// finds out.
    pub fn commit(self, sets: Vec<ObjectSet>, draft: EntryDraft) -> Result<Outcome, Fault> {
        let ids: BTreeSet<u64> = sets.iter().map(|set| set.id).collect();
        let prepared = check(&draft).and_then(|()| self.prepare(&ids, draft));
        match prepared {
            Ok((entry, json)) => self.decide(&entry, json),
            Err(fault) => {
                // The first fault matters; what could not be removed is still named by the note.
                let _ = self.clear();
                Err(fault.of(self.label()))
            }
        }
    }

    /// Gives the attempt up and removes what it wrote.
    pub fn abandon(self, sets: Vec<ObjectSet>) -> Result<(), Fault> {
        drop(sets);
        self.clear()
    }

    fn prepare(&self, sets: &BTreeSet<u64>, draft: EntryDraft) -> Result<(Entry, bytes::Bytes), Fault> {
        if !draft.replaces.is_empty() {
            replace::check(&self.objects.store, &self.objects.name, &draft.replaces, &draft.parts)?;
            // Until the replaced objects are gone, the note tells that there is something to finish.
            self.objects.note.keep()?;
        }
        let placed = self.objects.place(sets)?;
        let mut totals = draft.totals;
        totals.objects = placed.len() as u64;
        totals.bytes_written = placed.iter().map(|object| object.bytes).sum();
        totals.rows = BTreeMap::new();
        for object in placed.iter().filter(|object| object.table.placement == Placement::Partitioned) {
            *totals.rows.entry(object.table.name.clone()).or_default() += object.rows;
        }
        let objects = placed.into_iter().map(|object| ObjectEntry {
            path: object.path,
            table: object.table.name.clone(),
            date: object.date.to_string(),
            rows: object.rows,
            bytes: object.bytes,
            sha256: object.sha256,
        });
        let entry = Entry {
            created: format_ms(draft.created_ms),
            parts: draft.parts,
            objects: objects.collect(),
            replaces: draft.replaces,
            schema_versions: draft.schema_versions,
            totals,
            ..Entry::new(&self.objects.name)
        };
        let json = entry.to_json()?;
        Ok((entry, json))
    }

    /// Puts the entry and finds out who made it. An answer that was lost is looked up; where even that leaves it
    /// open, a void entry settles it.
    fn decide(&self, entry: &Entry, json: bytes::Bytes) -> Result<Outcome, Fault> {
        let store = &self.objects.store;
        let path = self.objects.name.entry();
        let unsettled = |fault: Fault| fault.of(self.label()).advise("run again: the next run settles it");
        let mut failure = None;
        fail_point("entry");
        let created = store.create(&path, json);
        fail_point("committed");
        let owner = match created {
            Ok(Created::Made) => Some(self.token().to_owned()),
            Ok(Created::Exists) => self.owner(&path).map_err(unsettled)?,
            Err(fault) => {
                let mut owner = self.owner(&path).map_err(|_| unsettled(fault.clone()))?;
                if owner.is_none() && !store.is_folder() {
                    let void =
                        Entry::void(&self.objects.name, "the commit failed without an answer").to_json()?;
                    owner = match store.create(&path, void).map_err(unsettled)? {
                        Created::Made => None,
                        Created::Exists => self.owner(&path).map_err(unsettled)?,
                    };
                }
                failure = Some(fault);
                owner
            }
        };
        if owner.as_deref() == Some(self.token()) {
            replace::finish(store, &self.objects.name, entry).map_err(unsettled)?;
            // The rows count whatever becomes of the note: recovery reads the ledger before it acts.
            let _ = self.objects.note.remove();
            return Ok(Outcome::Committed {
                objects: entry.totals.objects,
                bytes_written: entry.totals.bytes_written,
                rows: entry.totals.rows.clone(),
            });
        }
        let cleared = self.clear();
        match (owner, failure) {
            (None, Some(fault)) => Err(fault.of(self.label())),
            _ => cleared.map(|()| Outcome::LostRace),
        }
    }

    /// Token of the entry's maker, if it archives something under our number; a void entry has none of ours.
    fn owner(&self, path: &str) -> Result<Option<String>, Fault> {
        let Some(json) = self.objects.store.get(path)? else { return Ok(None) };
        let entry = Entry::parse(path, &json)?;
        Ok(Some(if entry.void { String::new() } else { entry.token }))
    }

    /// Removes all objects, then the note.
    fn clear(&self) -> Result<(), Fault> {
        fail_point("uncommitted");
        if self.objects.discard(None)? { self.objects.note.remove() } else { Ok(()) }
    }

    fn label(&self) -> String {
        let name = &self.objects.name;
        format!("{}/{}/{} r{}", name.account, name.stream, name.day, name.number)
    }
}

impl ObjectSet {
    /// Takes rows. From any thread, rayon's too; the caller holds no lock.
    ///
    /// # Errors
    /// Rows may be lost then: the set must be discarded, not committed (a commit refuses it).
    pub fn append(&self, table: &Arc<TableShape>, date: UtcDay, batch: RecordBatch) -> Result<(), Fault> {
        self.objects.append(self.id, table, date, batch)
    }

    /// Removes what the set wrote.
    pub fn discard(self) -> Result<(), Fault> {
        self.objects.discard(Some(self.id)).map(drop)
    }
}

/// I5: what was framed is in the tables or in quarantine, part by part.
fn check(draft: &EntryDraft) -> Result<(), Fault> {
    let refuse = |message: String| {
        Fault::new(FaultKind::Internal, Stage::Commit, message)
            .advise("report this as a mistake of lp-archive")
    };
    let mut names = HashSet::new();
    for part in &draft.parts {
        if Some(part.records) != part.records_in_tables.checked_add(part.rejects) {
            return Err(refuse(format!(
                "{} records framed, but {} in tables and {} in quarantine",
                part.records, part.records_in_tables, part.rejects
            ))
            .of(&part.name));
        }
        if !names.insert(part.name.as_str()) {
            return Err(refuse("a part stands twice in one entry".to_owned()).of(&part.name));
        }
    }
    if names.is_empty() {
        return Err(refuse("an entry without parts".to_owned()));
    }
    Ok(())
}
