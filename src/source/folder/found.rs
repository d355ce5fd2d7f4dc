//! Looks for parts on disk: by the service's file names, and by the notes beside parts that a run kept.
//!
//! ```text
//! exports/Survey.10.20.part-00000-0.gz.pgp        -> Survey.10.20.part-00000-0
//! raw/Survey.10.20.part-00000-0-<hash>.bin, .json -> the name that the note tells
//! exports/notes.txt                               -> left out and counted; a fault when named by hand
//! ```

use std::collections::{BTreeMap, HashSet};
use std::fmt::Display;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::kept::{self, Kept};
use super::unreadable;
use crate::model::{AccountId, Fault, FaultKind, Scope, Stage, Stream, counted, parse_part_name};

/// What people and tools append to the service's names.
const SUFFIXES: [&str; 5] = [".gz", ".pgp", ".gpg", ".asc", ".json"];
pub(super) const NAME_PATTERN: &str = "name it {Agent|WebSession|Engagement|Survey}.{startMs}.{endMs}.part-{5 digits}-{n}[.gz] as the service does";

/// The files that claim one part name.
pub(super) struct Candidate {
    pub(super) scope: Scope,
    /// By real path: the same file found twice is one.
    pub(super) paths: BTreeMap<PathBuf, Claim>,
}

/// A file that claims a part name.
pub(super) struct Claim {
    /// As found.
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
}

/// Files of which there may be many: the first ones are told.
#[derive(Default)]
pub(super) struct Named {
    pub(super) all: u64,
    first: Vec<String>,
}

impl Named {
    const TOLD: usize = 3;

    pub(super) fn push(&mut self, name: impl Display) {
        self.all += 1;
        if self.first.len() < Self::TOLD {
            self.first.push(name.to_string());
        }
    }

    /// `5 files left out: a, b, c, …`, where `what` is "left out"; `None`: there are none.
    pub(super) fn told(&self, what: &str) -> Option<String> {
        let more = if self.all > Self::TOLD as u64 { ", …" } else { "" };
        let text = format!("{} {what}: {}{more}", counted(self.all, "file"), self.first.join(", "));
        (self.all > 0).then_some(text)
    }
}

/// What the walk met so far.
pub(super) struct Found<'a> {
    account: &'a AccountId,
    /// By stream and part name.
    pub(super) files: BTreeMap<(Stream, String), Candidate>,
    pub(super) faults: Vec<(Option<Stream>, Fault)>,
    pub(super) skipped: Named,
    /// Folders by their real paths, so that links make no loops.
    seen: HashSet<PathBuf>,
}

impl<'a> Found<'a> {
    pub(super) fn of(account: &'a AccountId) -> Found<'a> {
        let (files, faults, skipped, seen) = Default::default();
        Found { account, files, faults, skipped, seen }
    }

    /// A path given by hand.
    pub(super) fn add_path(&mut self, path: &Path) -> Result<(), Fault> {
        let metadata = fs::metadata(path).map_err(|error| unreadable(path, &error))?;
        if metadata.is_dir() {
            return self.walk(path);
        }
        let (message, advice) = if !metadata.is_file() {
            ("it is not a regular file", "write it to a file, named as the service does")
        } else if !self.add_file(path, real_path(path), metadata.len()) {
            ("it is not named like a Data Access file", NAME_PATTERN)
        } else {
            return Ok(());
        };
        let fault = Fault::new(FaultKind::Damaged, Stage::List, message).of(path.display()).advise(advice);
        self.faults.push((None, fault));
        Ok(())
    }

    fn walk(&mut self, top: &Path) -> Result<(), Fault> {
        let mut folders = vec![top.to_owned()];
        while let Some(folder) = folders.pop() {
            let real = fs::canonicalize(&folder).map_err(|error| unreadable(&folder, &error))?;
            if !self.seen.insert(real.clone()) {
                continue;
            }
            let entries = fs::read_dir(&folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
            let mut entries = entries.map_err(|error| unreadable(&folder, &error))?;
            entries.sort_by_key(fs::DirEntry::file_name);
            for entry in entries {
                let name = entry.file_name();
                if name.as_encoded_bytes().first().is_some_and(|first| b"._".contains(first)) {
                    continue;
                }
                let path = entry.path();
                // Months of files are many: only links are asked where they lead.
                let link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
                match if link { fs::metadata(&path) } else { entry.metadata() } {
                    Ok(metadata) if metadata.is_dir() => folders.push(path),
                    Ok(metadata) if metadata.is_file() => {
                        let real = if link { real_path(&path) } else { real.join(&name) };
                        if !self.add_file(&path, real, metadata.len()) {
                            self.skipped.push(path.display());
                        }
                    }
                    // Sockets, devices, links to nowhere.
                    _ => self.skipped.push(path.display()),
                }
            }
        }
        Ok(())
    }

    /// False for a file that is no part.
    fn add_file(&mut self, path: &Path, real: PathBuf, bytes: u64) -> bool {
        let named = path.file_name().and_then(|name| recognise(name.to_str()?));
        let (name, stream, scope) = match named {
            Some(named) => named,
            None => match kept::look(path, self.account) {
                Kept::Other => return false,
                Kept::Note => return true,
                Kept::Part(name, stream, scope) => (name, stream, scope),
                Kept::Unusable(fault) => {
                    self.faults.push((None, fault));
                    return true;
                }
            },
        };
        let claimed = self.files.entry((stream, name));
        let candidate = claimed.or_insert_with(|| Candidate { scope, paths: BTreeMap::new() });
        candidate.paths.entry(real).or_insert_with(|| Claim { path: path.to_owned(), bytes });
        true
    }
}

/// Without links, where that is to be known; it only tells whether a file was found before.
fn real_path(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// Part name, stream and scope of a file name, whatever suffixes it has gathered.
pub(super) fn recognise(file_name: &str) -> Option<(String, Stream, Scope)> {
    let mut name = file_name;
    while let Some(shorter) = SUFFIXES.iter().find_map(|suffix| name.strip_suffix(suffix)) {
        name = shorter;
    }
    let (stream, scope) = parse_part_name(name)?;
    Some((name.to_owned(), stream, scope))
}
