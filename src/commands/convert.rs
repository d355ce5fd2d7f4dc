//! `convert`: the same as `sync`, from files on disk.

use std::sync::Arc;

use super::archive::{Workshop, keyring};
use super::{conclude, load_convert_config, start_reporter};
use crate::cli::{CommonArgs, ConvertArgs};
use crate::config::ConvertConfig;
use crate::exit::Exit;
use crate::lake::Access;
use crate::model::{Fault, Wanted, Window};
use crate::pipeline::{Run, RunOptions};
use crate::report::Reporter;
use crate::source::Folder;

/// Runs `convert`.
pub fn run(args: ConvertArgs, common: CommonArgs) -> Exit {
    let config = match load_convert_config(&args, &common) {
        Ok(config) => config,
        Err(fault) => return Exit::because(&fault, &common),
    };
    let out = config.out.clone();
    let reporter =
        Arc::new(start_reporter(format!("convert to {out}"), Some(&out), &common, &config.warnings));
    let outcome = convert(&config, &args, &reporter);
    conclude(&reporter, &outcome, config.strict)
}

fn convert(config: &ConvertConfig, args: &ConvertArgs, reporter: &Arc<Reporter>) -> Result<(), Fault> {
    let keys = keyring(&config.pgp, &config.limits, reporter)?;
    let source = Folder::open(config.account.clone(), &args.paths)?;
    let workshop = Workshop::open(&config.out, &config.work, config.lake.clone(), Access::Write)?;
    let options = RunOptions {
        work: config.work.clone(),
        limits: config.limits,
        // Whatever was given is meant, however old.
        wanted: Wanted { generated_from_ms: i64::MIN, scopes: Window { from_ms: i64::MIN, to_ms: i64::MAX } },
        chosen: None,
        redo: args.redo,
        salvage: args.salvage,
    };
    Run {
        source: Arc::new(source),
        lake: &workshop.lake,
        keys: &keys,
        events: reporter.clone(),
        options: &options,
        runtime: workshop.runtime.handle().clone(),
        stop: &workshop.stop,
    }
    .sync()
}
