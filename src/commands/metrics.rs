//! `--metrics-file`: the figures of a run, written whole or not at all.
//!
//! ```text
//! prepare: old file -> last known values; the folder can be written   (before the run: a bad path costs a second)
//! write:   figures + last known values -> .lp-archive-….tmp -> renamed over the file
//! ```

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::cli::CommonArgs;
use crate::exit::Exit;
use crate::model::{AccountId, Fault, FaultKind, Stage};
use crate::pipeline::{RETENTION_MS, now_ms};
use crate::report::{LastKnown, MetricsRun, Summary, metrics_text};

/// Where the metrics of a run go, if they are wanted.
pub struct MetricsFile {
    path: Option<PathBuf>,
    command: &'static str,
    narrowed: bool,
    before: LastKnown,
}

impl MetricsFile {
    /// `narrowed`: see [`MetricsRun::narrowed`].
    ///
    /// # Errors
    /// `Config`: the file cannot be read, or its folder not be written.
    pub fn prepare(path: Option<&Path>, command: &'static str, narrowed: bool) -> Result<MetricsFile, Fault> {
        let Some(path) = path else {
            return Ok(MetricsFile { path: None, command, narrowed, before: LastKnown::default() });
        };
        let old = match fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            other => other.map_err(|e| unusable(path, &e))?,
        };
        beside(path).map_err(|e| unusable(path, &e))?;
        let before = LastKnown::parse(&old, command);
        Ok(MetricsFile { path: Some(path.to_owned()), command, narrowed, before })
    }

    /// Writes the metrics of a run that ended with `exit`, and hands that on: the work is done, whatever
    /// comes of its metrics. `accounts`: none, when the run ended before they were known.
    pub fn write(&self, accounts: &[AccountId], summary: &Summary, exit: Exit, common: &CommonArgs) -> Exit {
        let Some(path) = &self.path else { return exit };
        let run = MetricsRun {
            command: self.command.to_owned(),
            accounts: accounts.iter().map(AccountId::to_string).collect(),
            finished_ms: now_ms(),
            exit_code: exit.code(),
            narrowed: self.narrowed,
            retention_ms: RETENTION_MS,
        };
        let text = metrics_text(&run, summary, &self.before);
        if let Err(error) = replace(path, &text) {
            let _ = Exit::because(&unusable(path, &error), common);
        }
        exit
    }
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    let mut file = beside(path)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// A new file in the folder of `path`, under a name that the collector passes over.
fn beside(path: &Path) -> io::Result<NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".lp-archive-").suffix(".tmp");
    #[cfg(unix)]
    {
        // The collector runs as somebody else. The umask still applies.
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o644));
    }
    builder.tempfile_in(folder)
}

fn unusable(path: &Path, error: &io::Error) -> Fault {
    let text = error.to_string();
    // The name of a temporary file tells nobody anything.
    let why = text.split(" at path ").next().unwrap_or_default();
    let why = format!("the metrics file cannot be written: {why}");
    Fault::new(FaultKind::Config, Stage::Write, why)
        .of(path.display())
        .advise("give --metrics-file a path in a folder that exists and can be written")
}
