//! The program: what was typed goes to its command, whose exit code ends the process.

use lp_archive::cli::{self, Command};
use lp_archive::commands;

fn main() {
    forbid_core_dumps();
    let exit = match cli::parse(std::env::args_os()) {
        Err(nothing) => nothing.tell(),
        Ok(typed) => match typed.command {
            Command::Config(command) => commands::config::run(command, typed.common),
            Command::Sync(_)
            | Command::Plan(_)
            | Command::Convert(_)
            | Command::Schema(_)
            | Command::Demo(_) => {
                todo!("wired by the lead")
            }
        },
    };
    std::process::exit(exit.code());
}

/// A core dump would hold keys and decrypted text.
fn forbid_core_dumps() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        // Lowering a limit is always allowed; if it fails all the same, the run is worth more.
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    }
}
