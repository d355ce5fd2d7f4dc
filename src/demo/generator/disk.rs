//! Generated files on disk, made on all cores, one file in memory per core.

use std::fs;
use std::io;
use std::path::Path;

use rayon::prelude::*;

use super::{Counts, DemoKey, GeneratorOptions, Packer};

/// What was written.
#[derive(Clone, Debug, Default)]
pub struct Written {
    /// Bytes of the files on disk.
    pub bytes: u64,
    pub counts: Counts,
}

/// Writes every file of the options into `dir` (made if absent) under its name with `.gz`.
///
/// # Errors
/// What the disk says, with the path; or a failed encryption.
pub fn write_files(dir: &Path, options: &GeneratorOptions) -> io::Result<Written> {
    let at = |path: &Path, error: io::Error| {
        io::Error::new(error.kind(), format!("cannot write {}: {error}", path.display()))
    };
    fs::create_dir_all(dir).map_err(|error| at(dir, error))?;
    let key = DemoKey::load().map_err(|e| io::Error::other(e.to_string()))?;
    let packer = Packer { key: &key, encryption: options.encryption, level: 6 };
    options
        .plan()
        .par_iter()
        .map(|plan| {
            let file = plan.generate(options, &key)?;
            let bytes = packer.pack(&file)?;
            let path = dir.join(format!("{}.gz", file.name));
            fs::write(&path, &bytes).map_err(|error| at(&path, error))?;
            Ok(Written { bytes: bytes.len() as u64, counts: file.counts })
        })
        .try_reduce(Written::default, |mut all, one| {
            all.bytes += one.bytes;
            all.counts.add(&one.counts);
            Ok(all)
        })
}
