//! `doctor`: tries each step of a run, tells how it went and what to mend, and leaves nothing behind.

mod checklist;
mod steps;

use std::io::{IsTerminal, Write};

use self::checklist::{Check, Checklist, State};
use self::steps::Steps;
use super::{load_config, print_result};
use crate::cli::{CommonArgs, DoctorArgs, SelectArgs};
use crate::config::Environment;
use crate::exit::Exit;
use crate::model::{Fault, FaultKind, Stage};
use crate::report::{counted, start_log};

/// Runs `doctor`.
pub fn run(args: DoctorArgs, common: CommonArgs) -> Exit {
    start_log(common.verbose);
    let mut tell = teller(&common);
    let select = SelectArgs { config: args.config, ..SelectArgs::default() };
    let list = examine(&select, &common, &mut tell);
    let said = match common {
        CommonArgs { json: true, .. } => format!("{}\n", list.json()),
        CommonArgs { quiet: true, .. } => String::new(),
        _ => format!("\n{}\n", list.verdict()),
    };
    print_result(said, list.exit(), &common)
}

fn examine(select: &SelectArgs, common: &CommonArgs, tell: &mut dyn FnMut(&Check)) -> Checklist {
    let mut list = Checklist::default();
    let ready = load_config(select, common).and_then(|config| Ok((config, runtime()?)));
    let (config, runtime) = match ready {
        Ok(ready) => ready,
        Err(fault) => {
            list.checks.push(Check::failed("config", fault));
            let why = "not tried: without a valid configuration nothing else can be";
            list.checks.push(Check::new("the rest", State::Skipped, why));
            list.checks.iter().for_each(tell);
            return list;
        }
    };
    let accounts = counted(config.accounts.len() as u64, "account");
    list.checks.push(Check::new("config", State::Ok, format!("valid: {accounts}, lake {}", config.out)));
    list.checks.extend(config.warnings.iter().map(|warning| Check::new("config", State::Warning, warning)));
    list.checks.iter().for_each(&mut *tell);
    let mut steps = Steps { config: &config, runtime: &runtime, list, tell, account: None };
    steps.all();
    steps.list
}

/// Prints each step as it ends: someone is waiting.
fn teller(common: &CommonArgs) -> impl FnMut(&Check) + use<> {
    let (json, quiet) = (common.json, common.quiet);
    let color = std::io::stdout().is_terminal() && !Environment::of_process().no_color();
    let mut account = None;
    move |check| {
        let problem = matches!(check.state, State::Warning | State::Failed);
        if json || (quiet && !problem) {
            return;
        }
        let mut out = std::io::stdout().lock();
        if check.account != account && !quiet {
            account.clone_from(&check.account);
            let _ = match &account {
                Some(account) => writeln!(out, "\naccount {account}"),
                None => writeln!(out),
            };
        }
        let _ = out.write_all(check.text(color).as_bytes());
        let _ = out.flush();
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, Fault> {
    let built = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    built.map_err(|e| {
        Fault::new(FaultKind::Internal, Stage::Configure, format!("threads cannot be started: {e}"))
            .advise("look at the machine's limits on processes and memory")
    })
}
