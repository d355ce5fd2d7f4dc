//! What clap's companions make of the command line: completions and manual pages.
//!
//! ```text
//! TypedLine -> completions(bash)   the script for a shell
//!           -> man_pages()         [("lp-archive.1", roff), ("lp-archive-sync.1", roff), …]
//! ```

use clap::CommandFactory;

use super::{CompletionsArgs, PROGRAM, TypedLine};

/// The completions of a shell, as the shell reads them.
pub fn completions(args: &CompletionsArgs) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut TypedLine::command(), PROGRAM, &mut script);
    // In bash, the generator spells a name with a hyphen in two ways and then finds no subcommand
    // (clap-rs/clap#6421). One spelling for both.
    let script = String::from_utf8_lossy(&script);
    script.replace(&PROGRAM.replace('-', "__subcmd__"), &PROGRAM.replace('-', "__")).into_bytes()
}

/// Manual pages (file name, roff), the main page first.
///
/// # Errors
/// None that a `Vec` as target could cause.
pub fn man_pages() -> std::io::Result<Vec<(String, Vec<u8>)>> {
    let mut line = TypedLine::command();
    line.build();
    let mut pages = Vec::new();
    let mut waiting = vec![line];
    while let Some(command) = waiting.pop() {
        let subcommands = command.get_subcommands().filter(|c| !c.is_hide_set() && c.get_name() != "help");
        waiting.extend(subcommands.cloned());
        let page = clap_mangen::Man::new(command);
        let mut roff = Vec::new();
        page.render(&mut roff)?;
        pages.push((page.get_filename(), roff));
    }
    Ok(pages)
}
