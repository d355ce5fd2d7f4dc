//! Writes of a local lake: a file is written whole under `_lp_archive/staging/`, synced to the disk and
//! then renamed (or linked, for create-if-absent) into place, so that no reader ever sees half a file.
//!
//! Why not `LocalFileSystem`'s own writes: it stages beside the target under names that tell no owner,
//! so that a killed run leaves files of which nobody can say whether they are still in use. Here the name begins
//! with the process ([`Process::tag`]) and [`Staging::sweep`] removes those of dead ones, wherever they
//! were bound.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
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
    root: PathBuf,
}

/// A file that is being written and has no place in the lake yet. Dropping it removes it.
#[derive(Debug)]
pub(super) struct StagedFile {
    root: PathBuf,
    path: PathBuf,
    file: Mutex<File>,
    placed: AtomicBool,
}

impl Staging {
    pub fn new(root: PathBuf) -> Staging {
        Staging { root }
    }

    pub fn begin(&self) -> io::Result<StagedFile> {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let folder = self.root.join(layout::STAGING);
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
            root: self.root.clone(),
            path,
            file: Mutex::new(file),
            placed: AtomicBool::new(false),
        })
    }

    /// Opens a file of the lake.
    pub fn open(&self, target: &str) -> io::Result<File> {
        File::open(self.root.join(target))
    }

    /// Removes a file for good, and the folders that it leaves empty. A missing one is no error.
    pub fn remove(&self, target: &str) -> io::Result<()> {
        let path = self.root.join(target);
        match fs::remove_file(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            other => other?,
        }
        for folder in path.ancestors().skip(1).take_while(|up| *up != self.root) {
            if fs::remove_dir(folder).is_err() {
                return match sync_folder(folder) {
                    Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
                    other => other,
                };
            }
        }
        sync_folder(&self.root)
    }

    /// Removes what dead processes left. How many files.
    pub fn sweep(&self) -> io::Result<u64> {
        let entries = match fs::read_dir(self.root.join(layout::STAGING)) {
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
        self.place(target, |from, to| fs::rename(from, to))?;
        self.placed.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Moves the file to its place unless something is there. Whether it did.
    pub fn create(&self, target: &str) -> io::Result<bool> {
        match self.place(target, |from, to| fs::hard_link(from, to)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Syncs the file, publishes it and syncs the folder. Folders may vanish meanwhile, when another
    /// process removes the last file of one.
    fn place(&self, target: &str, publish: impl Fn(&Path, &Path) -> io::Result<()>) -> io::Result<()> {
        lock(&self.file).sync_all()?;
        fail_point("staged");
        let target = self.root.join(target);
        let folder = target.parent().unwrap_or(&self.root);
        let mut tries = 0;
        loop {
            match publish(&self.path, &target) {
                Err(error) if error.kind() == ErrorKind::NotFound && tries < 8 && self.path.exists() => {
                    tries += 1;
                    fs::create_dir_all(folder)?;
                    let mut inside = folder.ancestors().skip(1).take_while(|up| up.starts_with(&self.root));
                    // Another process may remove an empty folder before it is synced; then it is made again.
                    let _ = inside.try_for_each(sync_folder);
                }
                Err(error) => return Err(error),
                Ok(()) => return sync_folder(folder),
            }
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
