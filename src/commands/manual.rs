//! `completions` and `man`: what shells and `man` read, made from the command line's own declaration.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use crate::cli::{self, CommonArgs, CompletionsArgs, ManArgs};
use crate::exit::Exit;
use crate::model::{Fault, FaultKind, Stage};

/// Runs `completions`.
pub fn completions(args: &CompletionsArgs, common: &CommonArgs) -> Exit {
    ended(print(&cli::completions(args)), Path::new("standard output"), common)
}

/// Runs `man`.
pub fn man(args: &ManArgs, common: &CommonArgs) -> Exit {
    let written = cli::man_pages().and_then(|pages| match &args.folder {
        Some(folder) => write_all(folder, &pages),
        None => pages.first().map_or(Ok(()), |(_, main)| print(main)),
    });
    ended(written, args.folder.as_deref().unwrap_or(Path::new("standard output")), common)
}

fn write_all(folder: &Path, pages: &[(String, Vec<u8>)]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    pages.iter().try_for_each(|(name, page)| fs::write(folder.join(name), page))
}

fn print(text: &[u8]) -> io::Result<()> {
    match io::stdout().lock().write_all(text) {
        // Whoever read it has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

fn ended(written: io::Result<()>, place: &Path, common: &CommonArgs) -> Exit {
    match written {
        Ok(()) => Exit::Done,
        Err(error) => {
            let fault = Fault::new(FaultKind::Config, Stage::Write, error.to_string())
                .of(place.display())
                .advise("give a folder that can be written");
            Exit::because(&fault, common)
        }
    }
}
