//! Whether a lake could be written: a small object is made, read, listed and deleted under `_lp_archive/`,
//! and nothing stays, not even a folder.
//!
//! ```text
//! lake.json's format -> create _lp_archive/doctor/<token> -> again: refused? -> get -> list -> delete -> gone?
//! ```
//! What can fail: the store (`Destination`), a lake of a newer format, a store that does not know
//! create-if-absent.

use std::fs;
use std::path::{Path, PathBuf};

use tokio::runtime::Handle;
use url::Url;

use super::store::{Created, Store};
use super::{Lake, check_format, layout, no_create_if_absent, token};
use crate::model::{Fault, FaultKind, Stage};

/// Where the probe's object lies.
const FOLDER: &str = "_lp_archive/doctor";
const CONTENT: &[u8] = b"written by `lp-archive doctor`; may be deleted";

/// What a probe found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probed {
    /// Where the lake is, without credentials or query.
    pub place: String,
    /// Whether a lake is there already.
    pub exists: bool,
}

impl Lake {
    /// Tries whether a lake at a path or URL can be written. Whatever it makes it removes again.
    ///
    /// # Errors
    /// `Destination`, as [`Lake::open`] and a run would meet it.
    pub fn probe(out: &str, runtime: Handle) -> Result<Probed, Fault> {
        let made = missing_folders(out);
        let tried = Store::open(out, true, runtime).and_then(|store| match store {
            Some(store) => try_store(&store),
            None => Err(destination("it was not made although it was asked for".into()).of(out)),
        });
        for folder in made {
            // What somebody else filled meanwhile stays.
            let _ = fs::remove_dir(folder);
        }
        tried
    }
}

fn try_store(store: &Store) -> Result<Probed, Fault> {
    let exists = check_format(store)?.is_some();
    let path = format!("{FOLDER}/{}", token());
    let tried = try_object(store, &path);
    // The first fault tells more than that its object could not be deleted either.
    let deleted = store.delete(&path);
    tried?;
    deleted?;
    if store.get(&path)?.is_some() {
        let why = "an object that was deleted is still there".to_owned();
        return Err(destination(why)
            .of(format!("{path} in {}", store.place()))
            .advise("check that the store keeps no old versions in place of deleted objects"));
    }
    Ok(Probed { place: store.place().to_owned(), exists })
}

fn try_object(store: &Store, path: &str) -> Result<(), Fault> {
    let unit = || format!("{path} in {}", store.place());
    store.create(path, CONTENT.into())?;
    if store.create(path, CONTENT.into())? == Created::Made {
        return Err(no_create_if_absent(store));
    }
    if store.get(path)?.is_none_or(|found| *found != *CONTENT) {
        let why = "what is read is not what was written".to_owned();
        return Err(destination(why).of(unit()).advise("use a store that shows what was written at once"));
    }
    if !store.list(FOLDER)?.iter().any(|object| object.path == path) {
        let why = "what was written is not in the listing".to_owned();
        return Err(destination(why).of(unit()).advise("use a store that lists what was written at once"));
    }
    Ok(())
}

fn destination(message: String) -> Fault {
    Fault::new(FaultKind::Destination, Stage::Write, message)
}

/// The folders that a write would make in a local lake, the innermost first.
fn missing_folders(out: &str) -> Vec<PathBuf> {
    let root = match Url::parse(out) {
        Ok(url) if url.scheme() == "file" => url.to_file_path().ok(),
        // A single letter is the drive of a Windows path.
        Ok(url) if url.scheme().len() > 1 => None,
        _ => Some(PathBuf::from(out)),
    };
    let Some(root) = root else { return Vec::new() };
    let inside = [root.join(layout::STAGING), root.join(FOLDER)];
    let parents = inside[0].ancestors().skip(1).map(Path::to_owned).collect::<Vec<_>>();
    inside
        .into_iter()
        .chain(parents)
        .filter(|folder| !folder.as_os_str().is_empty() && !folder.exists())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lake::Access;
    use crate::model::LakeOptions;

    #[test]
    fn nothing_stays() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let lake = folder.path().join("a/b/lake");
        let out = lake.to_str().unwrap();
        for (place, exists) in [(out.to_owned(), false), (format!("file://{out}"), false)] {
            let probed = Lake::probe(&place, runtime.handle().clone()).unwrap();
            assert_eq!(probed.exists, exists);
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{place}");
        }
        Lake::open(out, LakeOptions::default(), Access::Write, runtime.handle().clone()).unwrap();
        let before = files(&lake);
        assert!(Lake::probe(out, runtime.handle().clone()).unwrap().exists);
        assert_eq!(files(&lake), before);
    }

    #[test]
    fn remote_stores_are_tried_alike() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (store, _) = Store::in_memory(runtime.handle().clone());
        assert!(!try_store(&store).unwrap().exists);
        assert_eq!(store.list("").unwrap(), []);
    }

    #[test]
    fn what_no_run_could_use_is_told() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "x").unwrap();
        for out in [file.clone(), file.join("lake")] {
            let fault = Lake::probe(out.to_str().unwrap(), runtime.handle().clone()).unwrap_err();
            assert_eq!(fault.kind, FaultKind::Destination, "{fault}");
            assert!(fault.advice.is_some(), "{fault}");
        }
        let newer = folder.path().join("newer");
        fs::create_dir_all(newer.join("_lp_archive")).unwrap();
        fs::write(newer.join(layout::LAKE), r#"{"format":99}"#).unwrap();
        let fault = Lake::probe(newer.to_str().unwrap(), runtime.handle().clone()).unwrap_err();
        assert!(fault.message.contains("format 99"), "{fault}");
    }

    /// Everything below a folder, folders included.
    fn files(folder: &Path) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                found.extend(files(&path));
            }
            found.push(path);
        }
        found.sort();
        found
    }
}
