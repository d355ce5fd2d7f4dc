//! Parts that a run kept as received, with a note that tells which part it is.
//!
//! ```text
//! Survey.10.20.part-00000-0-<hash>.bin    the bytes
//! Survey.10.20.part-00000-0-<hash>.json   {"version":1,"account":"1","stream":"survey","name":"Survey.…",
//!                                          "scope_start_ms":10,"scope_end_ms":20,"bytes":700,…}
//! ```

use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::model::{AccountId, Fault, FaultKind, Scope, Stage, Stream};
use crate::source::part_name;

/// A note is smaller than this; anything larger is another file.
const MAX_NOTE_BYTES: u64 = 64 << 10;
const NOTE_VERSION: u32 = 1;

/// What a file is to the parts that were kept.
pub(super) enum Kept {
    /// Nothing.
    Other,
    /// The note of a part; the part itself lies beside it.
    Note,
    Part(String, Stream, Scope),
    /// A part that its note does not fit.
    Unusable(Fault),
}

#[derive(Deserialize)]
struct Note {
    version: u32,
    account: String,
    stream: String,
    name: String,
    scope_start_ms: i64,
    scope_end_ms: i64,
    bytes: u64,
}

/// Looks at a file that is not named like a part.
pub(super) fn look(path: &Path, account: &AccountId) -> Kept {
    let has = |extension: &str| path.extension().is_some_and(|e| e == extension);
    if has("json") && path.with_extension("bin").is_file() {
        return if read_note(path).is_some() { Kept::Note } else { Kept::Other };
    }
    let Some(note) = has("bin").then(|| read_note(&path.with_extension("json"))).flatten() else {
        return Kept::Other;
    };
    let unusable = |why: &str| {
        let fault = Fault::new(FaultKind::Damaged, Stage::List, why).of(path.display());
        Kept::Unusable(fault.advise("convert it with the account and version that kept it"))
    };
    let Some(stream) = Stream::from_resource(&note.stream) else {
        return unusable("its note names an unknown stream");
    };
    if note.version != NOTE_VERSION {
        return unusable("its note is of another version");
    }
    if note.account != account.as_str() {
        return unusable("its note names another account");
    }
    if part_name::check(&note.name).is_err() {
        return unusable("its note holds an unusable part name");
    }
    if fs::metadata(path).map_or(0, |metadata| metadata.len()) != note.bytes {
        return unusable("it does not have the size that its note tells");
    }
    let scope = Scope { start_ms: note.scope_start_ms, end_ms: note.scope_end_ms };
    Kept::Part(note.name, stream, scope)
}

fn read_note(path: &Path) -> Option<Note> {
    let small =
        fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.len() <= MAX_NOTE_BYTES);
    small.then(|| serde_json::from_slice(&fs::read(path).ok()?).ok()).flatten()
}
