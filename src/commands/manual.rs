//! `completions` and `man`: what shells and `man` read, made from the command line's own declaration.

use std::fs;
use std::io;
use std::path::Path;

use super::print_result;
use crate::cli::{self, CommonArgs, CompletionsArgs, ManArgs};
use crate::exit::Exit;
use crate::model::{Fault, FaultKind, Stage};

/// Runs `completions`.
pub fn completions(args: &CompletionsArgs, common: &CommonArgs) -> Exit {
    print_result(cli::completions(args), Exit::Done, common)
}

/// Runs `man`.
pub fn man(args: &ManArgs, common: &CommonArgs) -> Exit {
    let pages = match (cli::man_pages(), &args.folder) {
        (Ok(pages), None) => {
            return print_result(pages.first().map_or(&[][..], |(_, main)| main), Exit::Done, common);
        }
        (Ok(pages), Some(folder)) => write_all(folder, &pages),
        (Err(error), _) => Err(error),
    };
    match pages {
        Ok(()) => Exit::Done,
        Err(error) => {
            let folder = args.folder.as_deref().unwrap_or(Path::new("."));
            let fault = Fault::new(FaultKind::Config, Stage::Write, error.to_string())
                .of(folder.display())
                .advise("give a folder that can be written");
            Exit::because(&fault, common)
        }
    }
}

fn write_all(folder: &Path, pages: &[(String, Vec<u8>)]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    pages.iter().try_for_each(|(name, page)| fs::write(folder.join(name), page))
}
