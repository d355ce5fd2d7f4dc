//! Parts on disk, for `convert`: files that keep the names the service gave them.
//!
//! ```text
//! PATH…  -> walk, sorted, hidden and `_…` left out
//!   exports/a/WebSession.1464778800000.1464782400000.part-00000-0.gz.pgp
//!        -> suffixes off -> WebSession.1464778800000.1464782400000.part-00000-0 -> Part
//!   exports/b/WebSession.1464778800000.1464782400000.part-00000-0   same bytes: one part; other
//!                                                   bytes: no part, but an `Ambiguous` fault
//! ```
//!
//! A part that a run kept under `raw/` is known by the note beside it. What can fail: a PATH that does
//! not exist (all of it, before anything else is done), a file named by hand that is no part, two files
//! for one part, and reading at fetch time.

mod found;
mod kept;

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::future::{BoxFuture, ready};

use self::found::{Candidate, Claim, Found, NAME_PATTERN, Named};
use super::{Listing, Source};
use crate::model::{AccountId, Fault, FaultKind, Part, PartId, Payload, Stage, Stream, Wanted, counted};

/// What the system is asked to read before it is used.
#[cfg(target_os = "linux")]
const READ_AHEAD_BYTES: u64 = 4 << 20;

/// The parts among some files and folders.
pub struct Folder {
    account: AccountId,
    parts: Vec<Part>,
    entry_faults: Vec<(Option<Stream>, Fault)>,
    warnings: Vec<String>,
    skipped: u64,
}

impl Folder {
    /// Looks through `paths` once: files as they are, folders with all that is in them.
    ///
    /// # Errors
    /// `Config`: a path that cannot be read, or no part in any of them.
    pub fn open(account: AccountId, paths: &[PathBuf]) -> Result<Folder, Fault> {
        let mut found = Found::of(&account);
        for path in paths {
            found.add_path(path)?;
        }
        let mut folder = Folder {
            account: account.clone(),
            parts: Vec::new(),
            warnings: found.skipped.told("left out, not named like a part").into_iter().collect(),
            entry_faults: found.faults,
            skipped: found.skipped.all,
        };
        let mut twice = Named::default();
        for ((stream, name), candidate) in found.files {
            folder.add(stream, name, &candidate, &mut twice)?;
        }
        folder.warnings.extend(twice.told("left out, the same as others of their names"));
        if folder.parts.is_empty() && folder.entry_faults.is_empty() {
            let message = match found.skipped.all {
                0 => "no Data Access file in it".to_owned(),
                others => format!("no Data Access file in it, but {}", counted(others, "other file")),
            };
            let unit = paths.iter().map(|p| format!("\"{}\"", p.display())).collect::<Vec<_>>().join(", ");
            return Err(Fault::new(FaultKind::Config, Stage::List, message).of(unit).advise(NAME_PATTERN));
        }
        Ok(folder)
    }

    /// What the user should know: duplicates, files left out.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Files inside folders that are not named like parts.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Files named by hand that are no parts, and names that several different files claim; the same
    /// faults come with the listings of their streams.
    pub fn entry_faults(&self) -> impl Iterator<Item = &Fault> {
        self.entry_faults.iter().map(|(_, fault)| fault)
    }

    /// `twice`: files that hold what another one holds.
    fn add(
        &mut self,
        stream: Stream,
        name: String,
        candidate: &Candidate,
        twice: &mut Named,
    ) -> Result<(), Fault> {
        let mut paths = candidate.paths.values();
        let Some(Claim { path: first, bytes }) = paths.next() else { return Ok(()) };
        let id = PartId { account: self.account.clone(), stream, name };
        for Claim { path: other, .. } in paths {
            let same = same_content(first, other).map_err(|error| unreadable(other, &error))?;
            if !same {
                let message = format!("{} and {} differ", first.display(), other.display());
                let fault = Fault::new(FaultKind::Ambiguous, Stage::List, message)
                    .of(&id)
                    .advise("keep the right one of them and convert again");
                self.entry_faults.push((Some(stream), fault));
                return Ok(());
            }
            twice.push(other.display());
        }
        let Some(location) = first.to_str().map(str::to_owned) else {
            let fault = Fault::new(FaultKind::Damaged, Stage::List, "its path is not UTF-8")
                .of(first.display())
                .advise("rename the folder");
            self.entry_faults.push((Some(stream), fault));
            return Ok(());
        };
        self.parts.push(Part { id, scope: candidate.scope, location, bytes: Some(*bytes) });
        Ok(())
    }
}

impl Source for Folder {
    fn account(&self) -> &AccountId {
        &self.account
    }

    /// The streams of the parts found; the first of all when there are faults without a stream only.
    fn streams(&self) -> BoxFuture<'_, Result<Vec<Stream>, Fault>> {
        let met: HashSet<Stream> = self
            .parts
            .iter()
            .map(|part| part.id.stream)
            .chain(self.entry_faults.iter().map(|(stream, _)| stream.unwrap_or(self.first_stream())))
            .collect();
        Box::pin(ready(Ok(Stream::ALL.into_iter().filter(|s| met.contains(s)).collect())))
    }

    fn list(&self, stream: Stream, wanted: Wanted) -> BoxFuture<'_, Result<Listing, Fault>> {
        let first = self.first_stream();
        let is_wanted =
            |part: &&Part| part.id.stream == stream && wanted.scopes.contains(part.scope.start_ms);
        let mut parts: Vec<Part> = self.parts.iter().filter(is_wanted).cloned().collect();
        parts.sort_by(|a, b| (a.scope.start_ms, &a.id.name).cmp(&(b.scope.start_ms, &b.id.name)));
        // What belongs to no stream is told once, with the first.
        let entry_faults = self
            .entry_faults
            .iter()
            .filter(|(of, _)| of.unwrap_or(first) == stream)
            .map(|(_, fault)| fault.clone())
            .collect();
        let warnings = if stream == first { self.warnings.clone() } else { Vec::new() };
        Box::pin(ready(Ok(Listing { parts, entry_faults, warnings })))
    }

    fn fetch<'a>(&'a self, part: &'a Part) -> BoxFuture<'a, Result<Payload, Fault>> {
        let opened = open(Path::new(&part.location)).map_err(|error| {
            Fault::new(FaultKind::Unavailable, Stage::Fetch, error.to_string())
                .of(&part.id)
                .advise("check that the file is still there and readable")
        });
        Box::pin(ready(opened))
    }
}

impl Folder {
    /// The stream whose listing tells what belongs to no stream.
    fn first_stream(&self) -> Stream {
        let of_parts = self.parts.iter().map(|part| part.id.stream);
        let of_faults = self.entry_faults.iter().filter_map(|(stream, _)| *stream);
        of_parts.chain(of_faults).min().unwrap_or(Stream::AgentActivity)
    }
}

/// Opens it, and has the system read it meanwhile. Whoever works on it reads it: another thread for that would cost more
/// than the reading.
fn open(path: &Path) -> io::Result<Payload> {
    let file = File::open(path)?;
    let len = file.metadata()?.len();
    #[cfg(target_os = "linux")]
    {
        // As much as a small part has. Where it is not to be had, it is read later.
        let ahead = std::num::NonZeroU64::new(len.min(READ_AHEAD_BYTES));
        let _ = rustix::fs::fadvise(&file, 0, ahead, rustix::fs::Advice::WillNeed);
    }
    Ok(Payload::File(Arc::new(file), len))
}

fn same_content(one: &Path, other: &Path) -> io::Result<bool> {
    let (mut one, mut other) = (File::open(one)?, File::open(other)?);
    if one.metadata()?.len() != other.metadata()?.len() {
        return Ok(false);
    }
    let (mut left, mut right) = (vec![0; 64 << 10], vec![0; 64 << 10]);
    loop {
        let n = one.read(&mut left)?;
        if n == 0 {
            return Ok(other.read(&mut right)? == 0);
        }
        let (Some(a), Some(b)) = (left.get(..n), right.get_mut(..n)) else { return Ok(false) };
        match other.read_exact(b) {
            Ok(()) if a == b => {}
            Ok(()) => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            Err(error) => return Err(error),
        }
    }
}

pub(super) fn unreadable(path: &Path, error: &io::Error) -> Fault {
    Fault::new(FaultKind::Config, Stage::List, error.to_string())
        .of(format!("\"{}\"", path.display()))
        .advise("check the path and its permissions")
}

#[cfg(test)]
mod tests;
