//! `config init` writes a commented file; `config show` tells the values in effect and where each
//! came from.

use std::io::Write;

use super::{common_flags, print_result};
use crate::cli::{CommonArgs, ConfigCommand, ConfigInitArgs, ConfigShowArgs};
use crate::config::{Config, Environment, Inputs, show_json, show_text, write_default_file};
use crate::exit::Exit;

/// Runs `config init` or `config show`.
pub fn run(command: ConfigCommand, common: CommonArgs) -> Exit {
    match command {
        ConfigCommand::Init(args) => init(&args, &common),
        ConfigCommand::Show(args) => show(args, &common),
    }
}

fn init(args: &ConfigInitArgs, common: &CommonArgs) -> Exit {
    if let Err(fault) = write_default_file(&args.path) {
        return Exit::because(&fault, common);
    }
    if !common.quiet {
        let path = args.path.display();
        let default = args.path.as_os_str() == crate::config::DEFAULT_FILE_NAME;
        let named = if default { String::new() } else { format!(" -c {path}") };
        let _ = writeln!(
            std::io::stderr(),
            "wrote {path}: fill in account, sign-in, keys and `out`, then run `lp-archive doctor{named}`"
        );
    }
    Exit::Done
}

/// Shows what could be read even if something is wrong; what is wrong follows on stderr.
fn show(args: ConfigShowArgs, common: &CommonArgs) -> Exit {
    let environment = Environment::of_process();
    let (effective, config) =
        Config::explain(&Inputs { config_file: args.config, environment, flags: common_flags(common) });
    let text = if common.json { format!("{}\n", show_json(&effective)) } else { show_text(&effective) };
    let shown = print_result(text, Exit::Done, common);
    match config {
        Ok(config) => {
            for warning in config.warnings {
                let _ = writeln!(std::io::stderr(), "warning: {warning}");
            }
            shown
        }
        Err(fault) => Exit::because(&fault, common),
    }
}
