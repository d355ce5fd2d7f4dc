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
    let done = cli::man_pages().and_then(|pages| match &args.folder {
        Some(folder) => write_all(folder, &pages).map(|()| Exit::Done),
        None => {
            let main = pages.first().map_or(&[][..], |(_, main)| main);
            Ok(print_result(main, Exit::Done, common))
        }
    });
    done.unwrap_or_else(|error| {
        let place = args.folder.as_deref().unwrap_or(Path::new("standard output"));
        let fault = Fault::new(FaultKind::Config, Stage::Write, error.to_string())
            .of(place.display())
            .advise("give a folder that can be written");
        Exit::because(&fault, common)
    })
}

fn write_all(folder: &Path, pages: &[(String, Vec<u8>)]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    pages.iter().try_for_each(|(name, page)| fs::write(folder.join(name), page))
}
