//! What can be typed. The only place that knows clap; beyond it there are plain structs.
//!
//! ```text
//! ["lp-archive", "sync", "--from", "2026-11-01", "--memory", "1GiB"]
//!     -> Typed { command: Sync(SyncArgs { from: Some(1793491200000), … }), common: CommonArgs { … } }
//! ```

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use crate::config::{parse_duration, parse_size};
use crate::exit::{Exit, exit_codes_text};
use crate::model::parse_time;

mod pages;

pub use pages::{completions, man_pages};

const PROGRAM: &str = "lp-archive";

/// Keeps a company's LivePerson history: fetches the Data Access files of an account, decrypts them, and leaves
/// partitioned Parquet in a folder or an object store.
#[derive(Parser)]
#[command(name = PROGRAM, version, propagate_version = true, after_help = main_help(), subcommand_required = true)]
struct TypedLine {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    common: CommonArgs,
}

/// What was typed.
#[derive(Debug)]
pub struct Typed {
    pub command: Command,
    pub common: CommonArgs,
}

/// The commands and what was typed for each.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Archive every listed part that the lake lacks (the main job)
    #[command(after_help = with_codes("Examples:
  lp-archive sync                                    everything the service still keeps
  lp-archive sync -c prod.toml --from 2026-11-01     parts of November on
  lp-archive sync --stream survey --out s3://lake/liveperson
  lp-archive plan --json | lp-archive sync --batches -"))]
    Sync(SyncArgs),
    /// Show what `sync` would do: batches of parts, and when the service may delete the first of each
    #[command(after_help = with_codes("Examples:
  lp-archive plan
  lp-archive plan --json > batches.jsonl             one line per batch, for `sync --batches`"))]
    Plan(PlanArgs),
    /// Archive files or folders on disk, without network
    #[command(after_help = with_codes("Files are recognised by the service's names, such as
WebSession.1464778800000.1464782400000.part-00000-0.gz; folders are searched for them.

Examples:
  lp-archive convert --account 75555851 --out lake downloads/
  lp-archive convert --account 75555851 --out lake --pgp-key key.asc --pgp-passphrase-file pass *.gz"))]
    Convert(ConvertArgs),
    /// Show what is archived, what is not, which hours are proven, and what the service deletes next
    #[command(after_help = with_codes("Examples:
  lp-archive status                                  ask the service, compare with the lake
  lp-archive status --warn-within 7d --json          exit code 3 when something expires within a week
  lp-archive status --offline --out s3://lake/liveperson"))]
    Status(StatusArgs),
    /// Check the lake: every object against the ledger
    #[command(after_help = with_codes("Examples:
  lp-archive verify --out lake                       sizes and footers
  lp-archive verify -c prod.toml --deep              every byte and row, and that no row stands twice

Let no other run write meanwhile. Exit code 3: something was found."))]
    Verify(VerifyArgs),
    /// Show tables and columns, or views that decode the numeric codes
    #[command(after_help = "Examples:
  lp-archive schema
  lp-archive schema --ddl duckdb --out s3://lake/liveperson > views.sql")]
    Schema(SchemaArgs),
    /// Write a commented configuration file, or show the values in effect
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Try it all on this machine: a stand-in of the service with encrypted sample data, and `sync` on it
    #[command(after_help = "Examples:
  lp-archive demo
  lp-archive demo --write-files data --size 1GiB     sample files only, for benchmarks")]
    Demo(DemoArgs),
    /// Try each step of a run, from the configuration to the lake, and say what to mend; leaves nothing behind
    #[command(after_help = with_codes("Examples:
  lp-archive doctor
  lp-archive doctor -c prod.toml --json"))]
    Doctor(DoctorArgs),
    /// Print completions for a shell
    #[command(after_help = "Examples:
  lp-archive completions bash > /etc/bash_completion.d/lp-archive
  lp-archive completions zsh > \"${fpath[1]}/_lp-archive\"
  lp-archive completions fish > ~/.config/fish/completions/lp-archive.fish")]
    Completions(CompletionsArgs),
    /// Write the manual pages, or print the main one
    #[command(after_help = "Examples:
  lp-archive man | man -l -
  lp-archive man /usr/local/share/man/man1")]
    Man(ManArgs),
}

/// Flags that every command takes.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "For every command")]
pub struct CommonArgs {
    /// One JSON object on stdout (the summary, or the command's result)
    #[arg(long, global = true)]
    pub json: bool,
    /// Memory budget for everything, such as 512MiB (the default) or 2GiB
    #[arg(long, global = true, value_name = "SIZE")]
    pub memory: Option<String>,
    /// Worker threads; default: all cores, as far as memory has 48 MiB for each beside 128 MiB (two in any case)
    #[arg(long, global = true, value_name = "N")]
    pub threads: Option<String>,
    /// Exit with 3 also for unknown fields and values that do not fit; nothing is held back
    #[arg(long, global = true)]
    pub strict: bool,
    /// Say problems only
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Form of what is said on stderr; json: one object per line
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
    pub log_format: LogFormat,
    /// Say more: -v each part, -vv the log of the libraries too
    #[arg(long, short, global = true, action = ArgAction::Count)]
    pub verbose: u8,
}

/// Form of the talk on stderr.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}

impl From<LogFormat> for crate::report::LogFormat {
    fn from(typed: LogFormat) -> Self {
        match typed {
            LogFormat::Text => Self::Text,
            LogFormat::Json => Self::Json,
        }
    }
}

/// What `sync` and `plan` archive, and where to.
#[derive(Args, Clone, Debug, Default)]
pub struct SelectArgs {
    /// File of settings; default: LP_ARCHIVE_CONFIG, else ./lp-archive.toml, else environment variables alone
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Parts whose scope starts at or after T: a date (UTC) or an RFC 3339 time; default: all that the service still keeps
    #[arg(long, value_name = "T", value_parser = parse_time)]
    pub from: Option<i64>,
    /// Parts whose scope starts before T; default: no bound
    #[arg(long, value_name = "T", value_parser = parse_time)]
    pub to: Option<i64>,
    /// Streams, with commas: agentActivity,webSession,engagement,survey; default: all that the account offers
    #[arg(long, value_name = "S,…", value_delimiter = ',')]
    pub stream: Vec<String>,
    /// The lake: a folder, or an address such as s3://bucket/prefix
    #[arg(long, value_name = "URL")]
    pub out: Option<String>,
}

#[derive(Args, Clone, Debug, Default)]
pub struct SyncArgs {
    #[command(flatten)]
    pub select: SelectArgs,
    /// Do these batches only: lines of `plan --json`, from a file or stdin (-)
    #[arg(long, value_name = "FILE|-")]
    pub batches: Option<PathBuf>,
    /// Write the run's figures to this file, for Prometheus (node_exporter's textfile collector)
    #[arg(long, value_name = "PATH")]
    pub metrics_file: Option<PathBuf>,
    /// Archive anew what is archived of these days, where every part of a ledger entry is still listed
    #[arg(long, requires = "from", conflicts_with = "batches")]
    pub redo: bool,
}

#[derive(Args, Clone, Debug, Default)]
pub struct StatusArgs {
    /// File of settings; default: LP_ARCHIVE_CONFIG, else ./lp-archive.toml, else environment variables alone
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Look at scopes that start at or after T; default: all that the service still keeps
    #[arg(long, value_name = "T", value_parser = parse_time)]
    pub from: Option<i64>,
    /// Look at scopes that start before T; default: now
    #[arg(long, value_name = "T", value_parser = parse_time)]
    pub to: Option<i64>,
    /// Streams, with commas; default: all that the account offers
    #[arg(long, value_name = "S,…", value_delimiter = ',')]
    pub stream: Vec<String>,
    /// The lake: a folder, or an address such as s3://bucket/prefix
    #[arg(long, value_name = "URL")]
    pub out: Option<String>,
    /// Exit with 3 when the service may delete something unarchived within this span
    #[arg(long, value_name = "SPAN", value_parser = parse_span, default_value = "3d")]
    pub warn_within: Duration,
    /// Ask the lake only: the last run's listing stands in for the service's
    #[arg(long)]
    pub offline: bool,
}

#[derive(Args, Clone, Debug, Default)]
pub struct VerifyArgs {
    /// File of settings that names the lake
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The lake: a folder, or an address such as s3://bucket/prefix
    #[arg(long, value_name = "URL")]
    pub out: Option<String>,
    /// Only this account; default: all
    #[arg(long, value_name = "ID", value_parser = crate::model::AccountId::parse)]
    pub account: Option<crate::model::AccountId>,
    /// Read every byte and row, not only the footers
    #[arg(long)]
    pub deep: bool,
}

#[derive(Args, Clone, Debug, Default)]
pub struct PlanArgs {
    #[command(flatten)]
    pub select: SelectArgs,
}

#[derive(Args, Clone, Debug, Default)]
pub struct ConvertArgs {
    /// Account that the files belong to [env: LP_ARCHIVE_ACCOUNT_ID]
    #[arg(long, value_name = "ID")]
    pub account: Option<String>,
    /// The lake: a folder, or an address such as s3://bucket/prefix [env: LP_ARCHIVE_OUT]
    #[arg(long, value_name = "URL")]
    pub out: Option<String>,
    /// Secret PGP key, as `gpg --export-secret-keys` writes it; several times for several keys
    #[arg(long, value_name = "FILE")]
    pub pgp_key: Vec<String>,
    /// File with the keys' passphrase; or the variable LP_ARCHIVE_PGP_PASSPHRASE
    #[arg(long, value_name = "FILE")]
    pub pgp_passphrase_file: Option<String>,
    /// Write the run's figures to this file, for Prometheus (node_exporter's textfile collector)
    #[arg(long, value_name = "PATH")]
    pub metrics_file: Option<PathBuf>,
    /// Archive anew what is archived, where every part of a ledger entry is among the files
    #[arg(long, conflicts_with = "salvage")]
    pub redo: bool,
    /// Archive what can be read of damaged files; the ledger marks them
    #[arg(long)]
    pub salvage: bool,
    /// Files and folders
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
}

#[derive(Args, Clone, Debug, Default)]
pub struct SchemaArgs {
    /// SQL for this engine
    #[arg(long, value_name = "ENGINE")]
    pub ddl: Option<Engine>,
    /// The reference of all tables, as Markdown
    #[arg(long, conflicts_with = "ddl")]
    pub markdown: bool,
    /// The lake that the views read; default: the current folder
    #[arg(long, value_name = "URL")]
    pub out: Option<String>,
}

/// An engine that reads the lake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Engine {
    Duckdb,
    Spark,
}

#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Write a commented file with every setting; never over another file
    #[command(after_help = "Examples:
  lp-archive config init
  lp-archive config init /etc/lp-archive.toml")]
    Init(ConfigInitArgs),
    /// Show the values in effect and where each came from; secrets are hidden
    #[command(after_help = "Examples:
  lp-archive config show
  LP_ARCHIVE_MEMORY=1GiB lp-archive config show -c prod.toml --json")]
    Show(ConfigShowArgs),
}

#[derive(Args, Clone, Debug)]
pub struct ConfigInitArgs {
    /// Where to write it
    #[arg(default_value = crate::config::DEFAULT_FILE_NAME, value_name = "PATH")]
    pub path: PathBuf,
}

#[derive(Args, Clone, Debug, Default)]
pub struct ConfigShowArgs {
    /// File of settings; default: LP_ARCHIVE_CONFIG, else ./lp-archive.toml, else environment variables alone
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

#[derive(Args, Clone, Debug)]
pub struct DemoArgs {
    /// Folder for the lake
    #[arg(long, value_name = "DIR", default_value = "lp-archive-demo")]
    pub out: PathBuf,
    /// Write sample files to this folder, and do nothing else
    #[arg(long, value_name = "DIR")]
    pub write_files: Option<PathBuf>,
    /// About how much sample data, as JSON: 64MiB, 1GiB
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub size: Option<u64>,
    /// Another seed makes other sample data
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// First hour of the sample data; default: some hours ago
    #[arg(long, value_name = "T", value_parser = parse_time)]
    pub from: Option<i64>,
    /// Hours of sample data
    #[arg(long, value_name = "N")]
    pub hours: Option<u32>,
    /// Parts per hour and stream
    #[arg(long, value_name = "N")]
    pub parts_per_hour: Option<u32>,
    /// Only what the published schemas allow, in their documented form
    #[arg(long, hide = true)]
    pub documented: bool,
    /// Serve these files until stopped, without `sync`
    #[arg(long, value_name = "DIR", hide = true)]
    pub serve: Option<PathBuf>,
    /// Where to write the port that is served
    #[arg(long, value_name = "FILE", hide = true)]
    pub port_file: Option<PathBuf>,
}

#[derive(Args, Clone, Debug, Default)]
pub struct DoctorArgs {
    /// File of settings; default: LP_ARCHIVE_CONFIG, else ./lp-archive.toml, else environment variables alone
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

#[derive(Args, Clone, Debug)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub shell: clap_complete::Shell,
}

#[derive(Args, Clone, Debug, Default)]
pub struct ManArgs {
    /// Write one page per command into this folder, which is made if need be; default: print the main page
    #[arg(value_name = "DIR")]
    pub folder: Option<PathBuf>,
}

/// Why there is nothing to do: help or version was asked for, or what was typed makes no sense.
#[derive(Debug)]
pub struct NothingToDo(clap::Error);

impl NothingToDo {
    /// Prints help or the error, and gives the exit code.
    pub fn tell(&self) -> Exit {
        let _ = self.0.print();
        match self.0.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Done,
            _ => Exit::Usage,
        }
    }
}

/// Parses a command line, its first word being the program.
///
/// # Errors
/// Help, version, or a command line that makes no sense.
pub fn parse(line: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> Result<Typed, NothingToDo> {
    let TypedLine { command, common } = TypedLine::try_parse_from(line).map_err(NothingToDo)?;
    let window = match &command {
        Command::Sync(SyncArgs { select, .. }) | Command::Plan(PlanArgs { select }) => {
            (select.from, select.to)
        }
        Command::Status(status) => (status.from, status.to),
        _ => (None, None),
    };
    if let (Some(from), Some(to)) = window
        && from >= to
    {
        let error = clap::Error::raw(ErrorKind::ValueValidation, "--from must be earlier than --to\n");
        return Err(NothingToDo(error));
    }
    Ok(Typed { command, common })
}

/// `3d`, `36h`, `90m`
fn parse_span(text: &str) -> Result<Duration, String> {
    let days = text.strip_suffix('d').and_then(|days| days.trim().parse::<u32>().ok());
    match days {
        Some(days) => Ok(Duration::from_secs(u64::from(days) * 86_400)),
        None => parse_duration(text).map_err(|_| format!("'{text}' is not a span of time such as 3d or 36h")),
    }
}

fn main_help() -> String {
    with_codes(
        "First steps:
  lp-archive demo                 see it all work on this machine
  lp-archive config init          write a configuration to fill in
  lp-archive doctor               see whether it can work, and what to mend
  lp-archive plan                 what would be archived
  lp-archive sync                 archive it; run this from a scheduler, every night

Words:
  stream   a kind of data: agentActivity, webSession, engagement (chats), survey
  part     one file that LivePerson lists; its scope: the hours that it tells of
  batch    parts of one stream and day that are archived together
  lake     the folder or bucket with the tables, and in it the ledger of what is archived",
    )
}

fn with_codes(examples: &str) -> String {
    format!("{examples}\n\n{}", exit_codes_text())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(line: &str) -> Result<Typed, NothingToDo> {
        parse(["lp-archive"].into_iter().chain(line.split_whitespace()))
    }

    #[test]
    fn clap_finds_no_contradiction() {
        <TypedLine as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn every_command_has_a_page() {
        let pages = man_pages().unwrap();
        let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names.first(), Some(&"lp-archive.1"));
        for page in ["lp-archive-sync.1", "lp-archive-config-init.1", "lp-archive-doctor.1"] {
            assert!(names.contains(&page), "{page} is not in {names:?}");
        }
        let main = String::from_utf8_lossy(&pages[0].1);
        assert!(main.contains(".TH lp-archive 1") && main.contains("Exit codes"), "{main}");
        assert!(!names.iter().any(|name| name.contains("help")), "{names:?}");
    }

    #[test]
    fn sync_as_typed() {
        let typed = typed(
            "sync -c a.toml --from 2026-11-01 --to 2026-11-02T00:00:00Z --stream survey,webSession --out s3://b/l \
             --batches - --memory 1GiB --threads 3 --strict -q -vv --log-format json --json",
        )
        .unwrap();
        let Command::Sync(args) = typed.command else { panic!() };
        assert_eq!(args.select.config, Some(PathBuf::from("a.toml")));
        assert_eq!(args.select.from.zip(args.select.to).map(|(from, to)| to - from), Some(86_400_000));
        assert_eq!(args.select.stream, ["survey", "webSession"]);
        assert_eq!(args.batches, Some(PathBuf::from("-")));
        let common = typed.common;
        assert_eq!((common.memory.as_deref(), common.threads.as_deref()), (Some("1GiB"), Some("3")));
        assert!(common.strict && common.quiet && common.json && common.verbose == 2);
        assert_eq!(common.log_format, LogFormat::Json);
    }

    #[test]
    fn spans_of_days() {
        for (text, hours) in [("3d", 72), ("36h", 36), ("0d", 0)] {
            assert_eq!(parse_span(text), Ok(Duration::from_secs(hours * 3600)), "{text}");
        }
        let Command::Status(status) = typed("status").unwrap().command else { panic!() };
        assert_eq!(status.warn_within, Duration::from_secs(3 * 86_400));
    }

    #[test]
    fn common_flags_may_stand_before_the_command() {
        assert!(typed("--json plan").unwrap().common.json);
    }

    #[test]
    fn what_makes_no_sense_is_usage() {
        for (line, text) in [
            ("", "Usage: lp-archive"),
            ("snyc", "a similar subcommand exists: 'sync'"),
            ("sync --form 2026-11-01", "a similar argument exists: '--from'"),
            ("sync --from yesterday", "neither a date (2026-11-01) nor an RFC 3339 time"),
            ("sync --from 2026-11-02 --to 2026-11-01", "--from must be earlier than --to"),
            ("convert --account 1 --out x", "<PATH>"),
            ("sync --redo", "--from <T>"),
            ("sync --redo --from 2026-11-01 --batches -", "cannot be used with"),
            ("convert --account 1 --out x --redo --salvage y", "cannot be used with"),
            ("status --warn-within soon", "not a span of time such as 3d"),
            ("verify --account ../1", "is not 1 to 20 letters"),
            ("demo --size lots", "is not a size such as 512MiB"),
            ("sync --client-secret x", "unexpected argument '--client-secret'"),
        ] {
            let nothing = typed(line).unwrap_err();
            let rendered = nothing.0.render().to_string();
            assert!(rendered.contains(text), "{line}: {rendered}");
            assert_eq!(nothing.0.exit_code(), 2, "{line}");
        }
        assert_eq!(typed("--version").unwrap_err().0.exit_code(), 0);
    }

    #[test]
    fn help_teaches_examples_and_exit_codes() {
        for line in ["--help", "sync --help", "plan --help", "convert --help"] {
            let help = typed(line).unwrap_err().0.render().to_string();
            for exit in Exit::ALL {
                assert!(help.contains(&format!("{:>3}  {}", exit.code(), exit.meaning())), "{line}: {help}");
            }
            assert!(help.contains("lp-archive sync") || help.contains("Examples:"), "{line}: {help}");
        }
    }
}
