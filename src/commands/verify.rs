//! `verify`: the lake's objects against its ledger.

use serde_json::{Value, json};

use super::archive::Workshop;
use super::{common_flags, print_result, start_bare_reporter};
use crate::cli::{CommonArgs, VerifyArgs};
use crate::config::{Config, Environment, Flags, Inputs};
use crate::exit::Exit;
use crate::lake::{Access, Finding, Verified, VerifyOptions};
use crate::model::{AccountId, Fault, FaultKind, Stage, counted};
use crate::report::printable;

/// Runs `verify`.
pub fn run(args: VerifyArgs, common: CommonArgs) -> Exit {
    let depth = if args.deep { "reading the lake" } else { "reading ledger and footers" };
    let reporter = start_bare_reporter(depth, &common, &[]);
    let verified = verify(&args, &common);
    reporter.finish();
    let verified = match verified {
        Ok(verified) => verified,
        Err(fault) => return Exit::because(&fault, &common),
    };
    let said: String = if common.json {
        format!("{}\n", to_json(&verified, args.deep))
    } else {
        let findings = verified.findings.iter().map(|finding| printable(&text(finding)));
        let last = (!common.quiet).then(|| conclusion(&verified, args.deep));
        findings.chain(last).map(|line| line + "\n").collect()
    };
    print_result(said, if verified.findings.is_empty() { Exit::Done } else { Exit::Partial }, &common)
}

fn verify(args: &VerifyArgs, common: &CommonArgs) -> Result<Verified, Fault> {
    let config = Config::for_lake(&Inputs {
        config_file: args.config.clone(),
        environment: Environment::of_process(),
        flags: Flags { out: args.out.clone(), ..common_flags(common) },
    })?;
    let workshop = Workshop::open(&config.out, &config.work, config.lake, Access::Read)?;
    let options = VerifyOptions {
        account: args.account.clone(),
        deep: args.deep,
        threads: config.work.threads,
        memory_bytes: config.work.memory_bytes,
        spool: config.work.spool,
    };
    let verified = workshop.lake.verify(&options, &|| workshop.stop.check());
    let verified = verified.map_err(|fault| fault.of(&config.out))?;
    if let Some(account) = &args.account
        && verified.entries == 0
        && verified.findings.is_empty()
    {
        is_known(account, &workshop.lake.accounts()?)?;
    }
    Ok(verified)
}

/// Nothing wrong was found because there is nothing: a slip of the fingers is no clean bill.
fn is_known(account: &AccountId, known: &[AccountId]) -> Result<(), Fault> {
    if known.is_empty() || known.contains(account) {
        return Ok(());
    }
    let known: Vec<&str> = known.iter().map(AccountId::as_str).collect();
    let message = format!("the lake holds nothing of account {account}; it holds {}", known.join(", "));
    Err(Fault::new(FaultKind::Config, Stage::Configure, message).of("--account"))
}

/// `missing navigation/…/x.parquet: expected 12 rows, found nothing; restore it from a backup`
fn text(finding: &Finding) -> String {
    format!(
        "{} {}: expected {}, found {}; {}",
        finding.kind.code(),
        finding.path,
        finding.expected,
        finding.found,
        finding.advice
    )
}

fn conclusion(verified: &Verified, deep: bool) -> String {
    let depth = if deep { "read whole" } else { "by their footers" };
    let pending = match verified.pending {
        0 => String::new(),
        n => format!("; {} not settled: the next run clears what died", counted(n, "attempt")),
    };
    format!(
        "{} in {}; {} {depth}, {}; {}{pending}",
        counted(verified.parts, "part"),
        counted(verified.entries, "entry"),
        counted(verified.objects, "object"),
        counted(verified.rows, "row"),
        counted(verified.findings.len() as u64, "finding"),
    )
}

fn to_json(verified: &Verified, deep: bool) -> Value {
    let findings: Vec<Value> = verified
        .findings
        .iter()
        .map(|finding| {
            json!({
                "kind": finding.kind.code(),
                "path": finding.path,
                "expected": finding.expected,
                "found": finding.found,
                "advice": finding.advice,
            })
        })
        .collect();
    json!({
        "version": 1,
        "deep": deep,
        "entries": verified.entries,
        "parts": verified.parts,
        "objects": verified.objects,
        "bytes": verified.bytes,
        "rows": verified.rows,
        "pending": verified.pending,
        "findings": findings,
    })
}
