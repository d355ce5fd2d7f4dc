//! The program: what was typed goes to its command, whose exit code ends the process.

use lp_archive::cli::{self, Command};
use lp_archive::commands;

#[cfg(unix)]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() {
    forbid_core_dumps();
    keep_panics_quiet();
    let exit = match cli::parse(std::env::args_os()) {
        Err(nothing) => nothing.tell(),
        Ok(typed) => match typed.command {
            Command::Completions(args) => commands::manual::completions(&args, &typed.common),
            Command::Config(command) => commands::config::run(command, typed.common),
            Command::Convert(args) => commands::convert::run(args, typed.common),
            Command::Demo(args) => commands::demo::run(args, typed.common),
            Command::Doctor(args) => commands::doctor::run(args, typed.common),
            Command::Man(args) => commands::manual::man(&args, &typed.common),
            Command::Plan(args) => commands::sync::plan(args, typed.common),
            Command::Schema(args) => commands::schema::run(args, typed.common),
            Command::Status(args) => commands::status::run(args, typed.common),
            Command::Sync(args) => commands::sync::sync(args, typed.common),
            Command::Verify(args) => commands::verify::run(args, typed.common),
        },
    };
    std::process::exit(exit.code());
}

/// A panic is a mistake of ours and costs one part. Its own words may quote what was read, so only its place is told.
fn keep_panics_quiet() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(|at| format!(" at {}:{}", at.file(), at.line())).unwrap_or_default();
        eprintln!("lp-archive made a mistake{place}; please report this line");
    }));
}

/// A core dump would hold keys and decrypted text.
fn forbid_core_dumps() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        // Lowering a limit is always allowed; if it fails all the same, the run is worth more.
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    }
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        // Dumps that are piped to a program (systemd-coredump, apport) know no limit. This also keeps other
        // processes of the same user from reading the memory.
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}
