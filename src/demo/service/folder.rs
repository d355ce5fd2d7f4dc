//! The stand-in over a folder of files on disk, as a process of its own for tests in other languages.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::model::parse_part_name;

use super::{FileBody, ServedFile, StandIn, StandInOptions};

/// Settings of `serve_folder`.
#[derive(Clone, Debug, Default)]
pub struct ServeOptions {
    pub stand_in: StandInOptions,
    /// File that gets the base URL and the credentials as JSON once the service is up.
    pub port_file: Option<PathBuf>,
}

/// Every file of a folder whose name is one of the service's (with or without `.gz`), in order of names.
/// Contents are read when asked for.
///
/// # Errors
/// What the disk says.
pub fn read_folder(dir: &Path) -> io::Result<Vec<ServedFile>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let listed = entry.file_name().to_string_lossy().into_owned();
        let name = listed.strip_suffix(".gz").unwrap_or(&listed);
        if let Some((stream, scope)) = parse_part_name(name) {
            let mut file = ServedFile::new(stream, name, scope, Vec::new());
            file.body = FileBody::Path(entry.path());
            files.push(file);
        }
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

/// Serves a folder until the process ends. The port file appears whole, by renaming.
///
/// # Errors
/// When the folder cannot be read, the port not be had or the port file not be written.
pub fn serve_folder(dir: &Path, options: ServeOptions) -> io::Result<()> {
    let service = StandIn::start(options.stand_in, read_folder(dir)?)?;
    if let Some(path) = options.port_file {
        let known = service.credentials();
        let text = serde_json::json!({
            "base_url": service.base_url(),
            "port": service.address().port(),
            "consumer_key": known.consumer_key, "consumer_secret": known.consumer_secret,
            "token": known.token, "token_secret": known.token_secret,
            "client_id": known.client_id, "client_secret": known.client_secret,
            "bearer": known.bearer,
        });
        let mut staged = path.clone().into_os_string();
        staged.push(".new");
        fs::write(&staged, text.to_string())?;
        fs::rename(&staged, &path)?;
    }
    loop {
        thread::sleep(Duration::from_secs(3600));
    }
}
