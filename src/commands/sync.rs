//! `sync`: the main job. `plan`: what it would do.

use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;

use serde_json::json;

use super::archive::{Workshop, keyring, now_ms};
use super::metrics::MetricsFile;
use super::{conclude, load_config, start_reporter};
use crate::cli::{CommonArgs, PlanArgs, SelectArgs, SyncArgs};
use crate::config::{AccountConfig, Config};
use crate::decode::Keyring;
use crate::exit::Exit;
use crate::lake::Access;
use crate::model::{Fault, FaultKind, Stage, Window, format_ms};
use crate::pipeline::{Plan, PlannedBatch, Run, RunOptions};
use crate::report::{Reporter, Summary};
use crate::source::DataAccess;

/// Files are deleted 30 days after they were made, and made up to some hours after their scope.
const DEFAULT_WINDOW_MS: i64 = 32 * 86_400_000;

/// Runs `sync`.
pub fn sync(args: SyncArgs, common: CommonArgs) -> Exit {
    let narrowed = args.batches.is_some() || args.select.from.is_some() || args.select.to.is_some();
    let metrics = match MetricsFile::prepare(args.metrics_file.as_deref(), "sync", narrowed) {
        Ok(metrics) => metrics,
        Err(fault) => return Exit::because(&fault, &common),
    };
    let (config, chosen) = match load(&args.select, &common, args.batches.as_deref()) {
        Ok(loaded) => loaded,
        Err(fault) => {
            return metrics.write(&[], &Summary::default(), Exit::because(&fault, &common), &common);
        }
    };
    let out = config.out.clone();
    let reporter = Arc::new(start_reporter(format!("sync to {out}"), Some(&out), &common, &config.warnings));
    let outcome = archive_accounts(&config, &args.select, chosen, &reporter);
    let exit = conclude(&reporter, &outcome, config.strict);
    let accounts: Vec<_> = config.accounts.iter().map(|account| account.service.account.clone()).collect();
    metrics.write(&accounts, &reporter.summary(), exit, &common)
}

/// Archives every account of the configuration.
///
/// # Errors
/// What stopped the run.
pub fn archive_accounts(
    config: &Config,
    select: &SelectArgs,
    chosen: Option<Vec<PlannedBatch>>,
    reporter: &Arc<Reporter>,
) -> Result<(), Fault> {
    run_accounts(config, select, chosen, Access::Write, reporter, |run| run.sync())
}

/// Runs `plan`.
pub fn plan(args: PlanArgs, common: CommonArgs) -> Exit {
    let (config, _) = match load(&args.select, &common, None) {
        Ok(loaded) => loaded,
        Err(fault) => return Exit::because(&fault, &common),
    };
    // The plan itself is the result on stdout: the summary of a run would only be in its way.
    let quiet = CommonArgs { json: false, quiet: true, ..common.clone() };
    let reporter = Arc::new(start_reporter("plan".into(), None, &quiet, &config.warnings));
    let outcome = run_accounts(&config, &args.select, None, Access::Read, &reporter, |run| {
        let plan = run.plan()?;
        show_plan(&plan, common.json, reporter.summary().failed.is_empty());
        Ok(())
    });
    conclude(&reporter, &outcome, config.strict)
}

type Loaded = (Config, Option<Vec<PlannedBatch>>);

fn load(select: &SelectArgs, common: &CommonArgs, batches: Option<&Path>) -> Result<Loaded, Fault> {
    let config = load_config(select, common)?;
    let chosen = batches.map(read_batches).transpose()?;
    Ok((config, chosen))
}

/// Does `work` for each account; one account's failure does not stop the others.
fn run_accounts(
    config: &Config,
    select: &SelectArgs,
    chosen: Option<Vec<PlannedBatch>>,
    access: Access,
    reporter: &Arc<Reporter>,
    work: impl Fn(&Run<'_>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    // Keys first: a wrong passphrase shows in the first second.
    let keys = |account: &AccountConfig| match access {
        Access::Write => keyring(&account.pgp, &config.limits, reporter),
        Access::Read => Ok(Keyring::empty()),
    };
    let keyrings: Vec<Keyring> = config.accounts.iter().map(keys).collect::<Result<_, _>>()?;
    let workshop = Workshop::open(&config.out, &config.work, config.lake.clone(), access)?;
    let now = now_ms();
    let options = RunOptions {
        work: config.work.clone(),
        limits: config.limits,
        window: Window {
            from_ms: select.from.unwrap_or(now - DEFAULT_WINDOW_MS),
            to_ms: select.to.unwrap_or(i64::MAX),
        },
        chosen,
    };
    for (account, keys) in config.accounts.iter().zip(&keyrings) {
        let done = {
            let _entered = workshop.runtime.enter();
            DataAccess::new(account.service.clone(), reporter.clone())
        }
        .and_then(|source| {
            let run = Run {
                source: Arc::new(source),
                lake: &workshop.lake,
                keys,
                events: reporter.clone(),
                options: &options,
                runtime: workshop.runtime.handle().clone(),
                stop: &workshop.stop,
            };
            work(&run)
        });
        if let Err(fault) = done {
            let lone = config.accounts.len() == 1;
            if lone || matches!(fault.kind, FaultKind::Destination | FaultKind::Cancelled) {
                return Err(fault);
            }
            reporter.run_failed(&fault.of(&account.service.account));
        }
    }
    Ok(())
}

/// Reads lines of `plan --json` from a file, or from standard input for `-`.
fn read_batches(path: &Path) -> Result<Vec<PlannedBatch>, Fault> {
    let fault = |message: String| {
        Fault::new(FaultKind::Config, Stage::Configure, message)
            .of(path.display())
            .advise("give it the lines of `lp-archive plan --json`")
    };
    let mut text = String::new();
    if path == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).map_err(|e| fault(e.to_string()))?;
    } else {
        text = std::fs::read_to_string(path).map_err(|e| fault(e.to_string()))?;
    }
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(index, line)| {
            let batch: PlannedBatch = serde_json::from_str(line)
                .map_err(|e| fault(format!("line {} is no batch: {e}", index + 1)))?;
            if batch.version == 1 {
                Ok(batch)
            } else {
                Err(fault(format!("line {} is of version {}, known is 1", index + 1, batch.version)))
            }
        })
        .collect()
}

/// `listed_whole`: whether every stream could be listed.
fn show_plan(plan: &Plan, as_json: bool, listed_whole: bool) {
    let mut out = std::io::stdout().lock();
    let batches: Vec<PlannedBatch> = plan.batches.iter().map(PlannedBatch::of).collect();
    if as_json {
        for batch in &batches {
            let _ = writeln!(out, "{}", json!(batch));
        }
        return;
    }
    let now = now_ms();
    if batches.is_empty() {
        let what = if listed_whole { "all that is listed" } else { "what could be listed" };
        let _ = writeln!(out, "nothing to do: {what} is archived (as of {})", format_ms(now));
        return;
    }
    let parts: usize = batches.iter().map(|batch| batch.parts.len()).sum();
    let plural = if batches.len() == 1 { "batch" } else { "batches" };
    let _ = writeln!(out, "to archive: {parts} parts in {} {plural}", batches.len());
    for (batch, planned) in plan.batches.iter().zip(&batches) {
        let hours = (crate::pipeline::expires_ms(batch) - now) / 3_600_000;
        let expires = match hours {
            ..=0 => "may be deleted any moment".to_owned(),
            1..72 => format!("first part may be deleted in {hours} h"),
            _ => format!("first part may be deleted in {} days", hours / 24),
        };
        let _ = writeln!(
            out,
            "  {}  {:<14} {:>5} parts  {expires}",
            planned.day,
            planned.stream,
            planned.parts.len()
        );
    }
}
