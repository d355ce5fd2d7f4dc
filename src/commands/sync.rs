//! `sync`: the main job. `plan`: what it would do.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use serde_json::json;

use super::archive::{Workshop, keyring};
use super::metrics::MetricsFile;
use super::{conclude, load_config, print_result, start_bare_reporter, start_reporter};
use crate::cli::{CommonArgs, PlanArgs, SelectArgs, SyncArgs};
use crate::config::{AccountConfig, Config};
use crate::decode::Keyring;
use crate::exit::Exit;
use crate::lake::Access;
use crate::model::{Fault, FaultKind, Stage, UtcDay, Wanted, Window, counted, format_ms};
use crate::pipeline::{Estimate, Plan, PlannedBatch, Run, RunOptions, now_ms};
use crate::report::{Reporter, Summary, bytes_text};
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
    let outcome = if chosen.as_ref().is_some_and(Vec::is_empty) {
        reporter.nothing_to_do("no batches given: nothing to do");
        Ok(())
    } else {
        let job = Job { chosen, redo: args.redo };
        run_accounts(&config, &args.select, job, Access::Write, &reporter, |run| run.sync())
    };
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
    let job = Job { chosen, redo: false };
    run_accounts(config, select, job, Access::Write, reporter, |run| run.sync())
}

/// Runs `plan`.
pub fn plan(args: PlanArgs, common: CommonArgs) -> Exit {
    let (config, _) = match load(&args.select, &common, None) {
        Ok(loaded) => loaded,
        Err(fault) => return Exit::because(&fault, &common),
    };
    let reporter =
        Arc::new(start_bare_reporter("asking the service and the lake", &common, &config.warnings));
    let mut plans = Vec::new();
    let mut streams_listed = 0;
    let outcome = run_accounts(&config, &args.select, Job::default(), Access::Read, &reporter, |run| {
        let plan = run.plan()?;
        let estimate = run.estimate(&plan)?;
        let summary = reporter.summary();
        let before = std::mem::replace(&mut streams_listed, summary.streams_listed());
        let listed = match streams_listed {
            _ if summary.failed.is_empty() => Listed::Whole,
            now if now == before => Listed::Nothing,
            _ => Listed::InPart,
        };
        plans.push((plan, estimate, listed));
        Ok(())
    });
    // Ends the display, before which nothing may be printed.
    let exit = conclude(&reporter, &outcome, config.strict);
    let texts = plans.iter().map(|(plan, estimate, listed)| plan_text(plan, estimate, common.json, *listed));
    print_result(texts.collect::<String>(), exit, &common)
}

type Loaded = (Config, Option<Vec<PlannedBatch>>);

fn load(select: &SelectArgs, common: &CommonArgs, batches: Option<&Path>) -> Result<Loaded, Fault> {
    let config = load_config(select, common)?;
    let chosen = batches.map(read_batches).transpose()?;
    let known =
        |batch: &&PlannedBatch| config.accounts.iter().any(|a| a.service.account.as_str() == batch.account);
    if let Some(foreign) = chosen.iter().flatten().find(|batch| !known(batch)) {
        let message =
            format!("it plans account {:.20}, which is not configured", foreign.account.escape_debug());
        return Err(Fault::new(FaultKind::Config, Stage::Configure, message)
            .of("--batches")
            .advise("give it the plan of this configuration"));
    }
    Ok((config, chosen))
}

/// What to do beside archiving all that is missing.
#[derive(Default)]
pub(super) struct Job {
    /// These batches only.
    pub chosen: Option<Vec<PlannedBatch>>,
    /// What is archived, too.
    pub redo: bool,
}

/// Does `work` for each account; one account's failure does not stop the others.
pub(super) fn run_accounts(
    config: &Config,
    select: &SelectArgs,
    job: Job,
    access: Access,
    reporter: &Arc<Reporter>,
    mut work: impl FnMut(&Run<'_>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    // Keys first: a wrong passphrase shows in the first second.
    let keys = |account: &AccountConfig| match access {
        Access::Write => keyring(&account.pgp, &config.limits, reporter),
        Access::Read => Ok(Keyring::empty()),
    };
    let keyrings: Vec<Keyring> = config.accounts.iter().map(keys).collect::<Result<_, _>>()?;
    let workshop = Workshop::open(&config.out, &config.work, config.lake.clone(), access)?;
    let window = Window {
        from_ms: select.from.unwrap_or(now_ms() - DEFAULT_WINDOW_MS),
        to_ms: select.to.unwrap_or(i64::MAX),
    };
    let wanted = if job.redo {
        let days = whole_days(window);
        Wanted { generated_from_ms: days.from_ms, scopes: days }
    } else {
        // Without --from, a part that was made late is wanted however old its scope is.
        let from_ms = select.from.unwrap_or(i64::MIN);
        Wanted { generated_from_ms: window.from_ms, scopes: Window { from_ms, ..window } }
    };
    let options = RunOptions {
        work: config.work.clone(),
        limits: config.limits,
        wanted,
        chosen: job.chosen,
        redo: job.redo,
        salvage: false,
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

/// The UTC days that a window touches: an entry is of one day, and is archived anew as a whole.
fn whole_days(window: Window) -> Window {
    let day_after = |ms: i64| UtcDay(UtcDay::of_ms(ms.saturating_sub(1)).0.saturating_add(1)).start_ms();
    let to_ms = if window.to_ms == i64::MAX { i64::MAX } else { day_after(window.to_ms) };
    Window { from_ms: UtcDay::of_ms(window.from_ms).start_ms(), to_ms }
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

/// How many of an account's streams could be listed.
#[derive(Clone, Copy)]
enum Listed {
    Whole,
    InPart,
    Nothing,
}

fn plan_text(plan: &Plan, estimate: &Estimate, as_json: bool, listed: Listed) -> String {
    let batches: Vec<PlannedBatch> = plan.batches.iter().map(PlannedBatch::of).collect();
    if as_json {
        return batches.iter().map(|batch| format!("{}\n", json!(batch))).collect();
    }
    let now = now_ms();
    if batches.is_empty() {
        let said = match listed {
            Listed::Whole => "nothing to do: all that is listed is archived",
            Listed::InPart => "nothing to do: what could be listed is archived",
            Listed::Nothing => "nothing could be listed, so it is not known what there is to do",
        };
        return format!("{said} (as of {})\n", format_ms(now));
    }
    let parts: usize = batches.iter().map(|batch| batch.parts.len()).sum();
    let size = estimate.bytes.map(|bytes| format!(", about {}", bytes_text(bytes))).unwrap_or_default();
    let minutes = (estimate.seconds / 60.0).ceil();
    let mut text = format!(
        "to archive: {} in {}{size}, roughly {minutes} min\n",
        counted(parts as u64, "part"),
        counted(batches.len() as u64, "batch")
    );
    if estimate.late_parts > 0 {
        let late = counted(estimate.late_parts, "part");
        text += &format!("  {late} may be deleted by the service before its turn comes: start now\n");
    }
    for (batch, planned) in plan.batches.iter().zip(&batches) {
        let hours = (crate::pipeline::expires_ms(batch) - now) / 3_600_000;
        let expires = match hours {
            ..=0 => "may be deleted any moment".to_owned(),
            1..72 => format!("first part may be deleted in {hours} h"),
            _ => format!("first part may be deleted in {} days", hours / 24),
        };
        text += &format!(
            "  {}  {:<14} {:>11}  {expires}\n",
            planned.day,
            planned.stream,
            counted(planned.parts.len() as u64, "part")
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redo_is_of_whole_days() {
        const DAY: i64 = 86_400_000;
        for ((from, to), days) in [
            ((DAY, 2 * DAY), (DAY, 2 * DAY)),
            ((DAY + 1, 2 * DAY + 1), (DAY, 3 * DAY)),
            ((2 * DAY - 1, i64::MAX), (DAY, i64::MAX)),
        ] {
            let window = whole_days(Window { from_ms: from, to_ms: to });
            assert_eq!((window.from_ms, window.to_ms), days);
        }
    }
}
