//! `demo`: the stand-in service on loopback, and the real `sync` on it.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use super::sync::archive_accounts;
use super::{common_flags, conclude, print_result, start_reporter};
use crate::cli::{CommonArgs, DemoArgs, LogFormat, SelectArgs};
use crate::config::{Config, Environment, Flags};
use crate::demo::generator::{self, GeneratorOptions};
use crate::demo::{key, sample, service};
use crate::exit::Exit;
use crate::model::{Fault, FaultKind, Stage};
use crate::pipeline::now_ms;
use crate::report::{bytes_text, counted};
use crate::tables::read_parquet;

/// Runs `demo`, or one of its side jobs: writing sample files, serving a folder.
pub fn run(args: DemoArgs, common: CommonArgs) -> Exit {
    let done = match (&args.serve, &args.write_files) {
        (Some(dir), _) => serve(dir, &args).map(|()| Exit::Done),
        (None, Some(dir)) => write_files(dir, &args, &common),
        (None, None) => show(&args, &common),
    };
    done.unwrap_or_else(|fault| Exit::because(&fault, &common))
}

fn serve(dir: &Path, args: &DemoArgs) -> Result<(), Fault> {
    let options =
        service::ServeOptions { port_file: args.port_file.clone(), ..service::ServeOptions::default() };
    service::serve_folder(dir, options).map_err(|e| failed(&e, dir))
}

fn write_files(dir: &Path, args: &DemoArgs, common: &CommonArgs) -> Result<Exit, Fault> {
    let from_ms = args.from.unwrap_or_else(|| now_ms() - 33 * 3_600_000);
    let options =
        generator_options(sample::bulk_options(args.seed, from_ms, args.size.unwrap_or(64 << 20)), args);
    let written = generator::write_files(dir, &options).map_err(|e| failed(&e, dir))?;
    let said = if common.json {
        format!("{}\n", written.counts.to_json())
    } else {
        let rows: u64 = written.counts.rows().values().sum();
        format!(
            "wrote {} in gzip for {} to {}; next:\n  lp-archive convert --account {} --out lake {}\n",
            bytes_text(written.bytes),
            counted(rows, "row"),
            dir.display(),
            options.account,
            shell_word(&dir.display().to_string()),
        )
    };
    Ok(print_result(said, Exit::Done, common))
}

fn generator_options(options: GeneratorOptions, args: &DemoArgs) -> GeneratorOptions {
    GeneratorOptions {
        seed: args.seed,
        from_ms: args.from.unwrap_or(options.from_ms),
        hours: args.hours.unwrap_or(options.hours),
        parts_per_hour: args.parts_per_hour.unwrap_or(options.parts_per_hour),
        size_bytes: args.size.or(options.size_bytes),
        strict: args.documented,
        ..options
    }
}

fn show(args: &DemoArgs, common: &CommonArgs) -> Result<Exit, Fault> {
    let out = args.out.display().to_string();
    let options = generator_options(sample::demo_options(now_ms()), args);
    if args.size.is_some() && !common.quiet && common.log_format == LogFormat::Text {
        let _ = writeln!(std::io::stderr(), "making and encrypting the sample data");
    }
    let (stand_in, _truth) = sample::start(&options).map_err(|e| failed(&e, &args.out))?;
    let key_file = key_file().map_err(|e| failed(&e, &args.out))?;
    let credentials = stand_in.credentials();
    let environment: BTreeMap<String, String> = [
        ("LP_ARCHIVE_ACCOUNT_ID", sample::DEMO_ACCOUNT.to_owned()),
        ("LP_ARCHIVE_BASE_URL", stand_in.base_url()),
        ("LP_ARCHIVE_AUTH_METHOD", "oauth2".to_owned()),
        ("LP_ARCHIVE_TOKEN_URL", stand_in.token_url(sample::DEMO_ACCOUNT)),
        ("LP_ARCHIVE_CLIENT_ID", credentials.client_id.clone()),
        ("LP_ARCHIVE_CLIENT_SECRET", credentials.client_secret.clone()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    let flags = Flags {
        out: Some(out.clone()),
        pgp_key_files: vec![key_file.path().display().to_string()],
        ..common_flags(common)
    };
    let config = Config::without_file(&Environment::from_iter(environment), &flags)?;
    let title = format!("demo: sync from a stand-in service at {} to {out}", stand_in.base_url());
    // It has queries of its own to show.
    let reporter = Arc::new(start_reporter(title, None, common, &config.warnings));
    let select = SelectArgs { from: args.from, ..SelectArgs::default() };
    let outcome = archive_accounts(&config, &select, None, &reporter);
    let exit = conclude(&reporter, &outcome, config.strict);
    if exit == Exit::Done && !common.json && !common.quiet {
        return Ok(print_result(queries(&out), exit, common));
    }
    Ok(exit)
}

/// Three questions to the lake.
fn queries(out: &str) -> String {
    // Two lines: the path may be long.
    let from = |table: &str| read_parquet(out, table).replace(", union_by_name", ",\n  union_by_name");
    format!(
        "\nThree queries to try in DuckDB:\n\n\
         -- pages and visitors per day\n\
         SELECT date, count(*) AS pages, count(DISTINCT visitor_id) AS visitors\n\
         FROM {}\n\
         GROUP BY ALL ORDER BY ALL;\n\n\
         -- lines that each agent wrote: text (1), links (3), HTML (4)\n\
         SELECT agent_id, count(*) AS lines, count(DISTINCT conversation_id) AS chats\n\
         FROM {}\n\
         WHERE type IN ('1', '3', '4')\n\
         GROUP BY ALL ORDER BY lines DESC LIMIT 10;\n\n\
         -- answers to survey questions\n\
         SELECT question, answer, count(*) AS n\n\
         FROM {}\n\
         GROUP BY ALL ORDER BY n DESC LIMIT 10;\n\n\
         What LivePerson tells twice counts twice here. Views show it once, such as\nmessages_latest:\n  \
         lp-archive schema --ddl duckdb --out {} > views.sql\n\n\
         For your own account: lp-archive config init, then plan, then sync.\n",
        from("navigation"),
        from("messages"),
        from("survey_answers"),
        shell_word(out),
    )
}

/// A word as a shell takes it.
fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-:".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

/// The demonstration's key in a file of its own, readable by its owner only.
fn key_file() -> std::io::Result<tempfile::NamedTempFile> {
    let mut file = tempfile::Builder::new().prefix("lp-archive-demo-").suffix(".asc").tempfile()?;
    file.write_all(key::demo_secret_key().as_bytes())?;
    file.flush()?;
    Ok(file)
}

fn failed(error: &dyn std::fmt::Display, place: &Path) -> Fault {
    Fault::new(FaultKind::Destination, Stage::Write, error.to_string())
        .of(place.display())
        .advise("check that the folder can be written and that there is room")
}
