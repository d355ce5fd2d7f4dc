//! The commented default file: embedded text that `config init` writes.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::Path;

use crate::model::{Fault, FaultKind, Stage};

/// Where the program looks for its settings, in the current folder.
pub const DEFAULT_FILE_NAME: &str = "lp-archive.toml";

/// Lines `#key = value` (no space) show defaults; lines `# …` are talk. A test keeps them true.
pub const DEFAULT_FILE_TEXT: &str = include_str!("default.toml");

/// Writes the default file, and never over another one.
///
/// # Errors
/// The file is there already, or cannot be written.
pub fn write_default_file(path: &Path) -> Result<(), Fault> {
    let fault = |message: String, advice: &str| {
        Fault::new(FaultKind::Config, Stage::Write, message).of(path.display()).advise(advice)
    };
    let mut file =
        OpenOptions::new().write(true).create_new(true).open(path).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => {
                fault("the file is there already".into(), "name another path, or move it away")
            }
            _ => fault(error.to_string(), "name a path in a folder that can be written"),
        })?;
    file.write_all(DEFAULT_FILE_TEXT.as_bytes())
        .map_err(|error| fault(error.to_string(), "name a path in a folder that can be written"))
}
