//! `status`: what is archived and what is not, which hours are proven, and what the service deletes next.

use std::sync::Arc;

use serde_json::{Value, json};

use super::archive::Workshop;
use super::sync::{Job, run_accounts};
use super::{common_flags, conclude, load_config, print_result, start_bare_reporter};
use crate::cli::{CommonArgs, SelectArgs, StatusArgs};
use crate::config::{Config, Environment, Flags, Inputs};
use crate::exit::Exit;
use crate::lake::Access;
use crate::model::{Fault, Stream, Window, counted, format_ms};
use crate::pipeline::{Gap, RETENTION_MS, StreamStatus, Unarchived, now_ms, recorded_status};
use crate::report::printable;

const HOUR_MS: i64 = 3_600_000;
/// Names shown per stream, without `--json`.
const MAX_SHOWN: usize = 5;

/// What is looked at, and when.
struct Asked {
    now_ms: i64,
    /// Until when what expires matters.
    warn_ms: i64,
    /// Scope starts whose coverage is asked for.
    proven: Window,
    offline: bool,
}

/// Runs `status`.
pub fn run(args: StatusArgs, common: CommonArgs) -> Exit {
    let now_ms = now_ms();
    let to_ms = args.to.unwrap_or(i64::MAX);
    let asked = Asked {
        now_ms,
        warn_ms: now_ms.saturating_add(i64::try_from(args.warn_within.as_millis()).unwrap_or(i64::MAX)),
        // Of what may have been deleted already nothing can be proven any more.
        proven: Window { from_ms: args.from.unwrap_or(now_ms - RETENTION_MS), to_ms },
        offline: args.offline,
    };
    if args.offline {
        return match recorded(&args, &asked, &common) {
            Ok(found) => show(&found, &asked, &common),
            Err(fault) => Exit::because(&fault, &common),
        };
    }
    let select =
        SelectArgs { config: args.config, from: args.from, to: args.to, stream: args.stream, out: args.out };
    let config = match load_config(&select, &common) {
        Ok(config) => config,
        Err(fault) => {
            let fault = fault.advise("what the lake alone knows: `lp-archive status --offline`");
            return Exit::because(&fault, &common);
        }
    };
    let reporter =
        Arc::new(start_bare_reporter("asking the service and the lake", &common, &config.warnings));
    let mut found = Vec::new();
    let outcome = run_accounts(&config, &select, Job::default(), Access::Read, &reporter, |run| {
        found.extend(run.status(asked.proven)?);
        Ok(())
    });
    // Ends the display, before which nothing may be printed.
    let exit = conclude(&reporter, &outcome, config.strict);
    exit.and(show(&found, &asked, &common))
}

fn recorded(args: &StatusArgs, asked: &Asked, common: &CommonArgs) -> Result<Vec<StreamStatus>, Fault> {
    let config = Config::for_lake(&Inputs {
        config_file: args.config.clone(),
        environment: Environment::of_process(),
        flags: Flags { out: args.out.clone(), ..common_flags(common) },
    })?;
    let workshop = Workshop::open(&config.out, &config.work, config.lake, Access::Read)?;
    workshop.lake.must_exist().map_err(|fault| fault.of(&config.out))?;
    let from_ms = args.from.unwrap_or(asked.now_ms - RETENTION_MS - 48 * HOUR_MS);
    let window = Window { from_ms, to_ms: asked.proven.to_ms };
    let mut found = Vec::new();
    for account in workshop.lake.accounts()? {
        found.extend(recorded_status(&workshop.lake, &account, window, asked.proven)?);
    }
    let wanted =
        |stream: Stream| args.stream.is_empty() || args.stream.iter().any(|name| name == stream.resource());
    found.retain(|status| wanted(status.stream));
    Ok(found)
}

fn show(found: &[StreamStatus], asked: &Asked, common: &CommonArgs) -> Exit {
    let expiring: u64 = found.iter().map(|status| status.expiring(asked.warn_ms, asked.now_ms)).sum();
    let said: String = if common.json {
        format!("{}\n", to_json(found, asked, expiring))
    } else {
        text(found, asked, expiring).iter().map(|line| printable(line) + "\n").collect()
    };
    print_result(said, if expiring > 0 { Exit::Partial } else { Exit::Done }, common)
}

fn to_json(found: &[StreamStatus], asked: &Asked, expiring: u64) -> Value {
    let part = |part: &Unarchived| {
        json!({
            "name": part.name,
            "reason": part.reason,
            "expires": format_ms(part.expires_ms),
            "expires_in_seconds": (part.expires_ms - asked.now_ms) / 1000,
        })
    };
    let gap = |gap: &Gap| {
        json!({
            "from": format_ms(gap.from_ms),
            "to": format_ms(gap.to_ms),
            "hours": (gap.to_ms - gap.from_ms) / HOUR_MS,
            "expired": gap.expires_ms() <= asked.now_ms,
        })
    };
    let streams: Vec<Value> = found
        .iter()
        .map(|status| {
            json!({
                "account": status.account.as_str(),
                "stream": status.stream.resource(),
                "listed": status.listed,
                "fault": status.fault,
                "archived": status.archived,
                "salvaged": status.salvaged,
                "quarantined": status.quarantined,
                "failed": status.unarchived(),
                "failed_parts": status.failed.iter().map(part).collect::<Vec<_>>(),
                "oldest_not_archived": status.failed.first().map(part),
                "hours": status.coverage.hours,
                "hours_covered": status.coverage.covered,
                "gaps": status.coverage.gaps.iter().map(gap).collect::<Vec<_>>(),
                "expiring": status.expiring(asked.warn_ms, asked.now_ms),
            })
        })
        .collect();
    json!({
        "version": 1,
        "time": format_ms(asked.now_ms),
        "offline": asked.offline,
        "warn_before": format_ms(asked.warn_ms),
        "coverage_from": format_ms(asked.proven.from_ms),
        "expiring": expiring,
        "streams": streams,
    })
}

fn text(found: &[StreamStatus], asked: &Asked, expiring: u64) -> Vec<String> {
    let mut lines = Vec::new();
    if found.is_empty() {
        lines.push("nothing is archived or listed here yet; `lp-archive sync` begins".to_owned());
    }
    for status in found {
        lines.extend(stream_text(status, asked));
    }
    if expiring > 0 {
        let what = if expiring == 1 { "1 thing is" } else { &format!("{expiring} things are") };
        let until = format_ms(asked.warn_ms / 1000 * 1000);
        lines.push(format!(
            "{what} not archived and may be deleted before {until}: run `lp-archive sync` and look at its errors"
        ));
    }
    lines
}

fn stream_text(status: &StreamStatus, asked: &Asked) -> Vec<String> {
    let listed = match (&status.listed, &status.fault) {
        (Some(listed), _) => format!("{listed} listed"),
        (None, Some(fault)) => format!("not listed ({})", fault.replace('_', " ")),
        (None, None) => "never listed".to_owned(),
    };
    let by_last_run = if asked.offline && status.listed.is_some() { " by the last run" } else { "" };
    // Where nothing is listed, 0 would be taken for "all is archived".
    let missing = status.unarchived().map_or("unknown how many are".to_owned(), |count| count.to_string());
    let mut first = format!(
        "{}/{}: {listed}{by_last_run}, {} archived, {missing} not archived, {} in quarantine",
        status.account,
        status.stream,
        status.archived,
        counted(status.quarantined, "record"),
    );
    if status.salvaged > 0 {
        first.push_str(&format!(", {} only salvaged", counted(status.salvaged, "part")));
    }
    let mut lines = vec![first];
    let coverage = &status.coverage;
    if !status.asked {
        lines.push("  no run of `sync` has listed it, so nothing is proven of its hours".to_owned());
        return lines;
    }
    lines.push(format!(
        "  {} of {} since {} proven to be listed whole",
        coverage.covered,
        counted(coverage.hours, "hour"),
        format_ms(asked.proven.from_ms / HOUR_MS * HOUR_MS)
    ));
    for gap in coverage.gaps.iter().take(MAX_SHOWN) {
        let hours = (gap.to_ms - gap.from_ms) / HOUR_MS;
        let hope = if gap.expires_ms() <= asked.now_ms {
            "too old to be listed"
        } else {
            "the next sync can prove them"
        };
        lines.push(format!(
            "    not proven: {} to {} ({hours} h; {hope})",
            format_ms(gap.from_ms),
            format_ms(gap.to_ms)
        ));
    }
    more(&mut lines, coverage.gaps.len());
    for part in status.failed.iter().take(MAX_SHOWN) {
        lines.push(format!(
            "    not archived: {} ({}); {}",
            part.name,
            part.reason.replace('_', " "),
            deletion(part.expires_ms - asked.now_ms)
        ));
    }
    more(&mut lines, status.failed.len());
    lines
}

fn more(lines: &mut Vec<String>, all: usize) {
    if all > MAX_SHOWN {
        lines.push(format!("    and {} more (--json names them)", all - MAX_SHOWN));
    }
}

/// When the service deletes it at the earliest.
fn deletion(in_ms: i64) -> String {
    match in_ms / HOUR_MS {
        ..=0 => "may be deleted any moment".to_owned(),
        hours @ 1..72 => format!("may be deleted in {hours} h"),
        hours => format!("may be deleted in {} days", hours / 24),
    }
}
