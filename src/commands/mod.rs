//! Floor 5. One thin file per command, and what they all begin and end with: configuration and
//! reporter from what was typed, exit code from what was reported.

use std::io::{self, IsTerminal, Write};

use crate::cli::{CommonArgs, ConvertArgs, SelectArgs};
use crate::config::{Config, ConvertConfig, Environment, Flags, Inputs};
use crate::exit::Exit;
use crate::model::{Event, EventSink, Fault};
use crate::report::{ReportOptions, Reporter, printed_whole, start_log};

mod archive;
pub mod config;
pub mod convert;
pub mod demo;
pub mod doctor;
pub mod manual;
mod metrics;
pub mod schema;
pub mod status;
pub mod sync;
pub mod verify;

/// The configuration of `sync` and `plan`, from file, environment and flags.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load_config(select: &SelectArgs, common: &CommonArgs) -> Result<Config, Fault> {
    Config::load(&Inputs {
        config_file: select.config.clone(),
        environment: Environment::of_process(),
        flags: Flags { out: select.out.clone(), streams: select.stream.clone(), ..common_flags(common) },
    })
}

/// The configuration of `convert`, from environment and flags.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load_convert_config(args: &ConvertArgs, common: &CommonArgs) -> Result<ConvertConfig, Fault> {
    let flags = Flags {
        account: args.account.clone(),
        out: args.out.clone(),
        pgp_key_files: args.pgp_key.clone(),
        pgp_passphrase_file: args.pgp_passphrase_file.clone(),
        ..common_flags(common)
    };
    Config::for_convert(&Environment::of_process(), &flags)
}

/// The flags of every command, as the configuration takes them.
pub fn common_flags(common: &CommonArgs) -> Flags {
    Flags {
        memory: common.memory.clone(),
        threads: common.threads.clone(),
        strict: common.strict,
        ..Flags::default()
    }
}

/// Starts the reporter of a command, and says the configuration's warnings. `title`: `sync to s3://lake`;
/// `out`: the lake, for the query at the end.
pub fn start_reporter(
    title: String,
    out: Option<&str>,
    common: &CommonArgs,
    warnings: &[String],
) -> Reporter {
    let options =
        ReportOptions { title, out: out.map(str::to_owned), json: common.json, ..ReportOptions::default() };
    reporter_with(options, common, warnings)
}

/// Starts the reporter of a command that prints a result of its own: problems, and on a terminal what is being
/// done. `doing`: `listing`.
pub fn start_bare_reporter(doing: &str, common: &CommonArgs, warnings: &[String]) -> Reporter {
    let options = ReportOptions { title: doing.to_owned(), bare: true, ..ReportOptions::default() };
    reporter_with(options, common, warnings)
}

fn reporter_with(options: ReportOptions, common: &CommonArgs, warnings: &[String]) -> Reporter {
    start_log(common.verbose);
    let terminal = std::io::stderr().is_terminal();
    let reporter = Reporter::new(ReportOptions {
        quiet: common.quiet,
        verbosity: common.verbose,
        log_format: common.log_format.into(),
        terminal,
        color: terminal && !Environment::of_process().no_color(),
        results_terminal: std::io::stdout().is_terminal(),
        ..options
    });
    for warning in warnings {
        reporter.emit(Event::Warning { message: warning.clone() });
    }
    reporter
}

/// Prints a command's result. `done`: its exit code, unless one for what could not be printed comes first.
pub fn print_result(text: impl AsRef<[u8]>, done: Exit, common: &CommonArgs) -> Exit {
    let mut out = io::stdout().lock();
    match printed_whole(out.write_all(text.as_ref()).and_then(|()| out.flush())) {
        Ok(()) => done,
        Err(fault) => {
            let fault = fault.advise("what it goes to holds a part of it at most: run again");
            done.and(Exit::because(&fault, common))
        }
    }
}

/// Ends a run: says what cut it short, prints the summary, and gives the exit code.
pub fn conclude<T>(reporter: &Reporter, outcome: &Result<T, Fault>, strict: bool) -> Exit {
    if let Err(fault) = outcome {
        reporter.run_failed(fault);
    }
    let so_far = reporter.summary();
    if Exit::of_summary(&so_far, strict) != Exit::of_summary(&so_far, false) {
        let message = "exit code 3 because of --strict alone: fields without a column, bodies of unknown type or values \
                       that did not fit were met, and kept";
        reporter.emit(Event::Warning { message: message.to_owned() });
    }
    Exit::of_summary(&reporter.finish(), strict)
}
