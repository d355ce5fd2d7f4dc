//! Pending notes: which objects an attempt may have made visible while no ledger entry names them.
//!
//! ```text
//! {"version":1,"token":"0123456789abcdef","stream":"webSession","day":"2026-11-01","number":1,
//!  "process":{"host":"etl-1","pid":4711,…},"objects":["navigation/…parquet"],"uploads":[]}
//! ```

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};

use super::fail_point;
use super::layout::AttemptName;
use super::lock;
use super::process::Process;
use super::store::Store;
use crate::model::{AccountId, Fault, FaultKind, Stage, Stream, UtcDay};

const VERSION: u32 = 1;

/// The note as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Note {
    pub version: u32,
    pub token: String,
    pub account: String,
    pub stream: String,
    pub day: String,
    pub number: u32,
    #[serde(default)]
    pub program: String,
    #[serde(default)]
    pub process: Process,
    /// Paths that may be visible.
    #[serde(default)]
    pub objects: BTreeSet<String>,
    /// Multipart uploads that may be open: path and upload id.
    #[serde(default)]
    pub uploads: BTreeSet<(String, String)>,
}

impl Note {
    pub fn new(name: &AttemptName, process: Process) -> Note {
        Note {
            version: VERSION,
            token: name.token.clone(),
            account: name.account.to_string(),
            stream: name.stream.to_string(),
            day: name.day.to_string(),
            number: name.number,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            process,
            objects: BTreeSet::new(),
            uploads: BTreeSet::new(),
        }
    }

    /// # Errors
    /// Not a note, of a newer version, or one that names objects which are not of its attempt: nothing
    /// may be deleted on its word.
    pub fn parse(path: &str, json: &[u8]) -> Result<(Note, AttemptName), Fault> {
        let refuse = |message: &str, advice: &str| {
            Fault::new(FaultKind::Destination, Stage::List, message).of(path).advise(advice)
        };
        let value: serde_json::Value = serde_json::from_slice(json).unwrap_or_default();
        if value.get("version").and_then(serde_json::Value::as_u64).is_some_and(|v| v > VERSION.into()) {
            return Err(refuse("the note is of a newer version of this program", "run a newer lp-archive"));
        }
        let damaged =
            || refuse("not a pending note", "look at this file; it names objects that are not committed");
        let note: Note = serde_json::from_value(value).map_err(|_| damaged())?;
        let name = AttemptName {
            account: AccountId::parse(&note.account).map_err(|_| damaged())?,
            stream: Stream::from_resource(&note.stream).ok_or_else(damaged)?,
            day: UtcDay::parse(&note.day).ok_or_else(damaged)?,
            number: note.number,
            token: note.token.clone(),
        };
        let token = note.token.len() == 16 && note.token.bytes().all(|b| b.is_ascii_hexdigit());
        let own =
            |path: &String| path.contains(&note.token) && path.ends_with(".parquet") && !path.contains("..");
        let whole = token
            && path.ends_with(&name.note())
            && note.objects.iter().all(own)
            && note.uploads.iter().all(|(path, _)| own(path));
        if whole { Ok((note, name)) } else { Err(damaged()) }
    }
}

/// Keeps the stored note of a running attempt at least as long as its objects.
pub(super) struct NoteKeeper {
    store: Arc<Store>,
    path: String,
    /// The note, and whether something was ever put under its path.
    state: Mutex<(Note, bool)>,
}

impl NoteKeeper {
    pub fn new(store: Arc<Store>, name: &AttemptName, process: Process) -> NoteKeeper {
        NoteKeeper { store, path: name.note(), state: Mutex::new((Note::new(name, process), false)) }
    }

    /// Returns once the stored note names all these objects.
    pub fn name_objects<'a>(&self, paths: impl IntoIterator<Item = &'a str>) -> Result<(), Fault> {
        let mut state = lock(&self.state);
        let mut next = state.0.clone();
        next.objects.extend(paths.into_iter().map(str::to_owned));
        self.replace(&mut state, next)
    }

    /// Returns once the note is stored, whatever it names.
    pub fn keep(&self) -> Result<(), Fault> {
        let mut state = lock(&self.state);
        let next = state.0.clone();
        self.replace(&mut state, next)
    }

    /// Returns once the stored note names this upload.
    pub fn name_upload(&self, path: &str, id: &str) -> Result<(), Fault> {
        let mut state = lock(&self.state);
        let mut next = state.0.clone();
        next.uploads.insert((path.to_owned(), id.to_owned()));
        self.replace(&mut state, next)
    }

    /// Removes the stored note, if one was ever stored. Should it come back, recovery finds again what it found: an entry
    /// that settles the attempt, or no objects.
    pub fn remove(&self) -> Result<(), Fault> {
        let mut state = lock(&self.state);
        if state.1 {
            self.store.delete_lightly(&self.path)?;
            state.1 = false;
        }
        Ok(())
    }

    fn replace(&self, state: &mut (Note, bool), next: Note) -> Result<(), Fault> {
        if state.1 && next == state.0 {
            return Ok(());
        }
        let json = serde_json::to_vec(&next).map_err(|error| {
            Fault::new(FaultKind::Internal, Stage::Write, format!("the pending note is no JSON: {error}"))
        })?;
        state.1 = true;
        fail_point("note");
        self.store.put(&self.path, json.into())?;
        fail_point("noted");
        state.0 = next;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_reads_back_and_a_foolish_one_is_refused() {
        let name = AttemptName {
            account: AccountId::parse("1").unwrap(),
            stream: Stream::Survey,
            day: UtcDay(0),
            number: 1,
            token: "0123456789abcdef".into(),
        };
        let mut note = Note::new(&name, Process::own().clone());
        note.objects.insert(super::super::layout::numbered(&name.table_object("t", UtcDay(0)), 1));
        let parse = |note: &Note| Note::parse(&name.note(), &serde_json::to_vec(note).unwrap());
        assert_eq!(parse(&note).unwrap(), (note.clone(), name.clone()));
        let foolish: [fn(&mut Note); 5] = [
            |n| n.objects.extend(["important.parquet".to_owned()]),
            |n| n.objects.extend(["../0123456789abcdef.parquet".to_owned()]),
            |n| n.token = "..".into(),
            |n| n.version = 2,
            |n| n.stream = "x".into(),
        ];
        for spoil in foolish {
            let mut bad = note.clone();
            spoil(&mut bad);
            assert_eq!(parse(&bad).unwrap_err().kind, FaultKind::Destination);
        }
        assert!(Note::parse(&name.note(), b"half a no").is_err());
    }
}
