//! Writes of a local lake: a file is written whole under `_lp_archive/staging/`, synced to the disk and
//! then renamed (or linked, for create-if-absent) into place, so that no reader ever sees half a file.
//!
//! ```text
//! write, sync the file -> folders made, the folder above each synced (once per process) -> rename -> sync the folder
//! ```
//! Why not `LocalFileSystem`'s own writes: it stages beside the target under names that tell no owner,
//! so that a killed run leaves files of which nobody can say whether they are still in use. Here the name begins
//! with the process ([`Process::tag`]) and [`Staging::sweep`] removes those of dead ones, wherever they
//! were bound.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::fail_point;
use super::layout;
use super::lock;
use super::process::{Liveness, Process, liveness_of_tag};

/// How long the staged file of another machine's process is left alone. Only tidiness depends on it.
const FOREIGN_GRACE: Duration = Duration::from_secs(24 * 3600);

/// The staging folder of a local lake.
#[derive(Debug)]
pub(super) struct Staging {
    folders: Arc<Folders>,
}

/// The lake's folders.
#[derive(Debug)]
struct Folders {
    root: PathBuf,
    /// Those whose names, up to the root's, a loss of power cannot take any more.
    lasting: Mutex<HashSet<PathBuf>>,
}

/// A file that is being written and has no place in the lake yet. Dropping it removes it.
#[derive(Debug)]
pub(super) struct StagedFile {
    folders: Arc<Folders>,
    path: PathBuf,
    file: Mutex<File>,
    placed: AtomicBool,
}

impl Staging {
    pub fn new(root: PathBuf) -> Staging {
        Staging { folders: Arc::new(Folders { root, lasting: Mutex::default() }) }
    }

    pub fn begin(&self) -> io::Result<StagedFile> {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let folder = self.folders.root.join(layout::STAGING);
        let name = format!("{}-{}", Process::own().tag(), COUNTER.fetch_add(1, Ordering::Relaxed));
        let path = folder.join(name);
        let file = match File::create(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                fs::create_dir_all(&folder)?;
                File::create(&path)?
            }
            other => other?,
        };
        Ok(StagedFile {
            folders: self.folders.clone(),
            path,
            file: Mutex::new(file),
            placed: AtomicBool::new(false),
        })
    }

    /// Opens a file of the lake.
    pub fn open(&self, target: &str) -> io::Result<File> {
        File::open(self.folders.root.join(target))
    }

    /// Bytes of a file of the lake, or `None` if there is none.
    pub fn size(&self, target: &str) -> io::Result<Option<u64>> {
        match fs::metadata(self.folders.root.join(target)) {
            Ok(file) => Ok(file.is_file().then_some(file.len())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes a file for good, and the folders that it leaves empty. A missing one is no error.
    pub fn remove(&self, target: &str) -> io::Result<()> {
        let root = &self.folders.root;
        let path = root.join(target);
        match fs::remove_file(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            other => other?,
        }
        for folder in path.ancestors().skip(1).take_while(|up| up != root) {
            if fs::remove_dir(folder).is_err() {
                return match sync_folder(folder) {
                    Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
                    other => other,
                };
            }
            self.folders.forget(folder);
        }
        sync_folder(root)
    }

    /// Removes a file that may come back when the power is lost. A missing one is no error.
    pub fn drop_file(&self, target: &str) -> io::Result<()> {
        match fs::remove_file(self.folders.root.join(target)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    /// Removes what dead processes left. How many files.
    pub fn sweep(&self) -> io::Result<u64> {
        let entries = match fs::read_dir(self.folders.root.join(layout::STAGING)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
            other => other?,
        };
        let mut removed = 0;
        for entry in entries {
            let entry = entry?;
            let stale = match liveness_of_tag(&entry.file_name().to_string_lossy()) {
                Some(Liveness::Dead) => true,
                Some(Liveness::Unknown) => entry
                    .metadata()
                    .and_then(|meta| meta.modified())
                    .is_ok_and(|time| time.elapsed().is_ok_and(|age| age > FOREIGN_GRACE)),
                Some(Liveness::Alive) | None => false,
            };
            if stale {
                match fs::remove_file(entry.path()) {
                    Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                    _ => removed += 1,
                }
            }
        }
        Ok(removed)
    }
}

impl StagedFile {
    pub fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut file = lock(&self.file);
        file.seek(SeekFrom::Start(offset))?;
        file.write_all(bytes)
    }

    /// Moves the file to its place, over what is there.
    pub fn replace(&self, target: &str) -> io::Result<()> {
        self.move_to(target, true)
    }

    /// The same for a file that may be gone or empty when the power is lost.
    pub fn replace_lightly(&self, target: &str) -> io::Result<()> {
        self.move_to(target, false)
    }

    fn move_to(&self, target: &str, lasting: bool) -> io::Result<()> {
        self.place(target, lasting, |from, to| fs::rename(from, to))?;
        self.placed.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Moves the file to its place unless something is there. Whether it did.
    pub fn create(&self, target: &str) -> io::Result<bool> {
        match self.place(target, true, |from, to| fs::hard_link(from, to)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Publishes the file. If it is to last, it is synced before, and its name after. Folders may vanish meanwhile,
    /// when another process removes the last file of one.
    fn place(
        &self,
        target: &str,
        lasting: bool,
        publish: impl Fn(&Path, &Path) -> io::Result<()>,
    ) -> io::Result<()> {
        if lasting {
            lock(&self.file).sync_all()?;
        }
        fail_point("staged");
        let target = self.folders.root.join(target);
        let folder = target.parent().unwrap_or(&self.folders.root);
        let mut tries = 0;
        loop {
            self.folders.make(folder)?;
            match publish(&self.path, &target) {
                Err(error) if error.kind() == ErrorKind::NotFound && tries < 8 && self.path.exists() => {
                    tries += 1;
                    self.folders.forget(folder);
                }
                Err(error) => return Err(error),
                Ok(()) if lasting => return sync_folder(folder),
                Ok(()) => return Ok(()),
            }
        }
    }
}

impl Folders {
    /// Returns once the folder and all above it are there to stay. Each is synced by whoever comes first in this process,
    /// even if it is there already: another process may have made it and died before it synced its name.
    fn make(&self, folder: &Path) -> io::Result<()> {
        let inside = || folder.ancestors().take_while(|up| *up != self.root && up.starts_with(&self.root));
        let mut fleeting: Vec<&Path> = {
            let lasting = lock(&self.lasting);
            inside().take_while(|up| !lasting.contains(*up)).collect()
        };
        if fleeting.is_empty() {
            return Ok(());
        }
        fleeting.reverse();
        let made = fs::create_dir_all(folder).and_then(|()| {
            fleeting.iter().try_for_each(|folder| {
                sync_folder(folder.parent().unwrap_or(&self.root))?;
                lock(&self.lasting).insert((*folder).to_owned());
                Ok(())
            })
        });
        match made {
            // Another process removed what was empty: the caller will notice, and come again.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    /// The folder, or one above it, is gone.
    fn forget(&self, folder: &Path) {
        let mut lasting = lock(&self.lasting);
        for gone in folder.ancestors() {
            lasting.remove(gone);
        }
    }
}

impl Drop for StagedFile {
    fn drop(&mut self) {
        if !*self.placed.get_mut() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Makes the names in a folder durable. Other systems than Unix cannot, nor some file systems.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if !cfg!(unix) {
        return Ok(());
    }
    match File::open(folder)?.sync_all() {
        Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_appears_whole_and_once() {
        let folder = tempfile::tempdir().unwrap();
        let staging = Staging::new(folder.path().to_owned());
        let put = |text: &str| {
            let file = staging.begin().unwrap();
            file.write_at(0, text.as_bytes()).unwrap();
            file
        };
        assert!(put("one").create("a/b/c").unwrap());
        assert!(!put("two").create("a/b/c").unwrap());
        assert_eq!(fs::read_to_string(folder.path().join("a/b/c")).unwrap(), "one");
        put("three").replace("a/b/c").unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("a/b/c")).unwrap(), "three");
        drop(put("four"));
        assert_eq!(fs::read_dir(folder.path().join(layout::STAGING)).unwrap().count(), 0);
    }

    #[test]
    fn folders_that_vanish_are_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let (here, other) = (Staging::new(folder.path().to_owned()), Staging::new(folder.path().to_owned()));
        for round in 0..3 {
            for lasting in [true, false] {
                let file = here.begin().unwrap();
                file.write_at(0, b"text").unwrap();
                if lasting { file.replace("a/b/c") } else { file.replace_lightly("a/b/c") }.unwrap();
                assert_eq!(here.size("a/b/c").unwrap(), Some(4));
                assert_eq!(here.size("a/b").unwrap(), None);
                let known = lock(&here.folders.lasting).clone();
                assert_eq!(known, HashSet::from(["a", "a/b"].map(|known| folder.path().join(known))));
                match round {
                    0 => {
                        here.remove("a/b/c").unwrap();
                        assert!(lock(&here.folders.lasting).is_empty());
                    }
                    1 => other.remove("a/b/c").unwrap(),
                    _ => here.drop_file("a/b/c").unwrap(),
                }
                assert_eq!(folder.path().join("a").exists(), round == 2);
                assert_eq!(here.size("a/b/c").unwrap(), None);
            }
        }
        assert!(here.remove("a/b/c").is_ok() && here.drop_file("x/y").is_ok());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn sweep_takes_the_files_of_the_dead_only() {
        let folder = tempfile::tempdir().unwrap();
        let staging = Staging::new(folder.path().to_owned());
        let alive = staging.begin().unwrap();
        let dead = Process { pid: u32::MAX, ..Process::own().clone() };
        let left = folder.path().join(layout::STAGING).join(format!("{}-0", dead.tag()));
        fs::write(&left, "half").unwrap();
        assert_eq!(staging.sweep().unwrap(), 1);
        assert!(!left.exists() && alive.path.exists());
    }
}
