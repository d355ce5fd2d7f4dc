//! Floor 1. The validated configuration with provenance: defaults < file < environment < flags.
//!
//! ```text
//! lp-archive.toml  --file-->  account[0].region = "us" (line 3)      \
//! LP_ARCHIVE_OUT=s3://lake                                            > layers -> Config, once
//! --memory 1GiB                                                      /     \-> [Effective] for `config show`
//! ```
//!
//! What can fail: text that is not TOML, unknown keys (named by their path), values out of range,
//! missing secrets, secrets where they do not belong. All problems are told at once, as one `Fault`
//! of kind `Config`. The process environment is read by [`Environment::of_process`] alone; disk is
//! read for the file itself, the files of secrets, and to see that key files are there.

mod account;
mod default_file;
mod environment;
mod file;
mod layers;
mod memory;
mod origin_url;
mod secrets;
mod settings;
mod show;
#[cfg(test)]
mod tests;
mod values;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use default_file::{DEFAULT_FILE_NAME, DEFAULT_FILE_TEXT, write_default_file};
pub use environment::Environment;
pub use layers::{Effective, Flags, Origin};
pub use secrets::REDACTED;
pub use show::{show_json, show_text};
pub use values::{parse_duration, parse_size, show_size};

use crate::model::{
    AccountId, DecodeLimits, Fault, FaultKind, LakeOptions, PgpOptions, RawPolicy, RetryOptions,
    ServiceOptions, Stage, WorkOptions,
};
use layers::{Layers, as_text};

/// Everything that a run over the service needs. Built once, whole, validated.
pub struct Config {
    /// One or more, with different ids.
    pub accounts: Vec<AccountConfig>,
    /// Path or URL of the lake. Has neither credentials nor a query.
    pub out: String,
    pub work: WorkOptions,
    pub lake: LakeOptions,
    pub limits: DecodeLimits,
    pub retry: RetryOptions,
    /// Unknown fields and mistyped values make exit 3.
    pub strict: bool,
    /// What the user should know that stops nothing.
    pub warnings: Vec<String>,
}

/// One account: the service's side and the keys.
pub struct AccountConfig {
    pub service: ServiceOptions,
    pub pgp: PgpOptions,
}

/// Everything that a run over files on disk needs.
pub struct ConvertConfig {
    pub account: AccountId,
    pub pgp: PgpOptions,
    pub out: String,
    pub work: WorkOptions,
    pub lake: LakeOptions,
    pub limits: DecodeLimits,
    pub strict: bool,
    pub warnings: Vec<String>,
}

/// Everything that looking at a lake needs.
pub struct LakeConfig {
    pub out: String,
    pub work: WorkOptions,
    pub lake: LakeOptions,
}

/// What the configuration is made of.
#[derive(Clone, Default)]
pub struct Inputs {
    /// As typed after `-c`. `None`: `LP_ARCHIVE_CONFIG`, else `./lp-archive.toml` if it is there.
    pub config_file: Option<PathBuf>,
    pub environment: Environment,
    pub flags: Flags,
}

/// Settings of `[service]` and shares of the budget, the same for every account.
struct ServiceWide {
    retry: RetryOptions,
    max_requests: usize,
    max_memory_part_bytes: u64,
    spool: Option<PathBuf>,
    max_listing_bytes: u64,
}

/// Settings of `[archive]`, `[lake]` and `[limits]`.
struct Archive {
    out: Option<String>,
    work: WorkOptions,
    lake: LakeOptions,
    limits: DecodeLimits,
    /// A part up to this size is received into memory.
    max_memory_part_bytes: u64,
    strict: bool,
}

impl Config {
    /// The configuration of `sync` and `plan`.
    ///
    /// # Errors
    /// Everything that is wrong, as one fault of kind `Config`.
    pub fn load(inputs: &Inputs) -> Result<Config, Fault> {
        Config::explain(inputs).1
    }

    /// The same, with every effective value and where it came from, as far as they could be read.
    pub fn explain(inputs: &Inputs) -> (Vec<Effective>, Result<Config, Fault>) {
        let mut layers = match gather(inputs) {
            Ok(layers) => layers,
            Err(fault) => return (Vec::new(), Err(fault)),
        };
        let config = build(&mut layers, &inputs.environment);
        let mut effective = layers.effective;
        effective.sort_by_key(|e| settings::section_rank(&e.key));
        (effective, config)
    }

    /// The same from environment and flags alone, whatever files lie in the current folder.
    ///
    /// # Errors
    /// Everything that is wrong, as one fault of kind `Config`.
    pub fn without_file(environment: &Environment, flags: &Flags) -> Result<Config, Fault> {
        build(&mut Layers::gather(None, environment, flags), environment)
    }

    /// The lake's part of it, whatever is configured of accounts: for `verify` and `status --offline`.
    ///
    /// # Errors
    /// Everything that is wrong with that part, as one fault of kind `Config`.
    pub fn for_lake(inputs: &Inputs) -> Result<LakeConfig, Fault> {
        let mut layers = gather(inputs)?;
        let Archive { out, work, lake, .. } = read_archive(&mut layers);
        match (layers.fault(), out) {
            (None, Some(out)) => Ok(LakeConfig { out, work, lake }),
            (fault, _) => Err(fault.unwrap_or_else(incomplete)),
        }
    }

    /// The configuration of `convert`: flags and environment alone, no file.
    ///
    /// # Errors
    /// Everything that is wrong, as one fault of kind `Config`.
    pub fn for_convert(environment: &Environment, flags: &Flags) -> Result<ConvertConfig, Fault> {
        let mut layers = Layers::gather(None, environment, flags);
        layers.accounts = 1;
        let account = match layers.has("account[0].id") {
            true => account::read_id(&mut layers, 0),
            false => {
                layers
                    .problems
                    .push("no account: give --account ID, or the variable LP_ARCHIVE_ACCOUNT_ID".into());
                None
            }
        };
        let pgp = account::read_pgp(&mut layers, environment, 0);
        let archive = read_archive(&mut layers);
        match (layers.fault(), account, archive.out) {
            (None, Some(account), Some(out)) => Ok(ConvertConfig {
                account,
                pgp,
                out,
                work: archive.work,
                lake: archive.lake,
                limits: archive.limits,
                strict: archive.strict,
                warnings: layers.warnings,
            }),
            (fault, _, _) => Err(fault.unwrap_or_else(incomplete)),
        }
    }
}

/// Finds and reads the file, and lays environment and flags over it.
fn gather(inputs: &Inputs) -> Result<Layers, Fault> {
    let from_env = inputs.environment.get(settings::CONFIG_ENV).map(PathBuf::from);
    let named = inputs.config_file.clone().or(from_env);
    let path = named.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_FILE_NAME));
    let name = path.display().to_string();
    match fs::read_to_string(&path) {
        Ok(text) => {
            let folder = path.parent().unwrap_or(Path::new("")).to_owned();
            let text = file::parse(&name, &text)?;
            Ok(Layers::gather(Some((&name, &folder, text)), &inputs.environment, &inputs.flags))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound && named.is_none() => {
            Ok(Layers::gather(None, &inputs.environment, &inputs.flags))
        }
        Err(error) => {
            let advice = match error.kind() {
                io::ErrorKind::NotFound => format!("`lp-archive config init {name}` writes one to fill in"),
                _ => "make it a readable UTF-8 text file".to_owned(),
            };
            Err(Fault::new(FaultKind::Config, Stage::Configure, error.to_string()).of(name).advise(advice))
        }
    }
}

fn build(layers: &mut Layers, environment: &Environment) -> Result<Config, Fault> {
    let archive = read_archive(layers);
    let retry = read_retry(layers);
    let wide = ServiceWide {
        retry: retry.clone(),
        max_requests: archive.work.max_requests,
        max_memory_part_bytes: archive.max_memory_part_bytes,
        spool: archive.work.spool.clone(),
        max_listing_bytes: layers.size("service.max_listing", 64 << 20, 1 << 10),
    };
    if layers.accounts == 0 {
        layers.problems.push(format!(
            "no account is configured: write one into {DEFAULT_FILE_NAME} (`lp-archive config init` makes that file), \
             or name another file with -c, or set LP_ARCHIVE_ACCOUNT_ID, LP_ARCHIVE_REGION and LP_ARCHIVE_AUTH_METHOD"
        ));
    }
    let accounts: Vec<AccountConfig> = (0..layers.accounts)
        .filter_map(|index| account::read_account(layers, environment, index, &wide))
        .collect();
    layers.warn_of_unused();
    let mut seen = BTreeSet::new();
    for account in &accounts {
        let id = &account.service.account;
        if !seen.insert(id.as_str()) {
            layers
                .problems
                .push(format!("account {id} is configured twice: join the two [[account]] tables"));
        }
    }
    match (layers.fault(), archive.out) {
        (None, Some(out)) => Ok(Config {
            accounts,
            out,
            work: archive.work,
            lake: archive.lake,
            limits: archive.limits,
            retry,
            strict: archive.strict,
            warnings: std::mem::take(&mut layers.warnings),
        }),
        (fault, _) => Err(fault.unwrap_or_else(incomplete)),
    }
}

/// Every missing value is noted as a problem where it is read; this stands for one that was not.
fn incomplete() -> Fault {
    Fault::new(FaultKind::Config, Stage::Configure, "the settings are incomplete")
}

fn read_archive(layers: &mut Layers) -> Archive {
    let out = read_out(layers);
    let memory_bytes = layers.size("archive.memory", 512 << 20, memory::MIN_BYTES);
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    // The machine's cores are a wish, a number that was set is an order.
    let default = memory::threads(memory_bytes, cores as usize) as u64;
    let wanted = layers.whole("archive.threads", default, 1..=1024) as usize;
    let threads = memory::threads(memory_bytes, wanted);
    if threads < wanted {
        layers.warnings.push(format!(
            "{threads} threads work, not {wanted}: give archive.memory (--memory) 128 MiB and 48 MiB for each"
        ));
    }
    let raw_words =
        [("failed", RawPolicy::Failed), ("always", RawPolicy::Always), ("never", RawPolicy::Never)];
    let work = WorkOptions {
        memory_bytes,
        threads,
        max_requests: layers.whole("service.max_requests", 4, 1..=64) as usize,
        batch_bytes: layers.size("archive.batch_bytes", 2 << 30, 1),
        spool: layers.path("archive.spool"),
        raw: layers.choice("archive.raw", Some(RawPolicy::default()), &raw_words).unwrap_or_default(),
    };
    let split = memory::split(memory_bytes, work.threads);
    let lake_default = LakeOptions::default();
    let lake = LakeOptions {
        row_group_rows: layers.whole("lake.row_group_rows", lake_default.row_group_rows as u64, 1..=1 << 30)
            as usize,
        row_group_bytes: split.row_group,
        max_open_objects: layers.whole(
            "lake.max_open_objects",
            lake_default.max_open_objects as u64,
            1..=4096,
        ) as usize,
        buffer_bytes: split.lake_buffer,
        zstd_level: layers.whole("lake.zstd_level", lake_default.zstd_level as u64, 1..=22) as i32,
    };
    let limit_default = DecodeLimits::default();
    let limits = DecodeLimits {
        max_expanded_bytes: layers.size("limits.max_expanded", limit_default.max_expanded_bytes, 1),
        max_ratio: layers.whole("limits.max_ratio", limit_default.max_ratio, 1..=1_000_000),
        max_record_bytes: usize::try_from(layers.size("limits.max_record", split.record, 1))
            .unwrap_or(usize::MAX),
        max_depth: layers.whole("limits.max_depth", limit_default.max_depth as u64, 8..=1000) as usize,
    };
    let strict = layers.flag("archive.strict", false);
    Archive { out, work, lake, limits, max_memory_part_bytes: split.part, strict }
}

/// The lake: a URL as it is, or a path; a relative one in the file starts from the file's folder.
fn read_out(layers: &mut Layers) -> Option<String> {
    let folder = layers.folder_of("archive.out");
    let had = layers.has("archive.out");
    let out = layers.read("archive.out", None, String::clone, |raw| {
        let text = as_text(raw)?;
        let Some((scheme, rest)) = text.split_once("://") else {
            let is_path = !text.starts_with("file:");
            return Ok(if is_path { folder.join(text).display().to_string() } else { text });
        };
        if rest.split('/').next().is_some_and(|authority| authority.contains('@')) || rest.contains('?') {
            return Err(format!(
                "a {scheme} address must hold neither credentials nor a query; give credentials as the store's own \
                 tools read them (AWS_ACCESS_KEY_ID, …)"
            ));
        }
        Ok(text)
    });
    if out.is_none() && !had {
        layers.problems.push(
            "no destination: give --out, or archive.out in the file, or the variable LP_ARCHIVE_OUT; a folder or an \
             address such as s3://lake/liveperson"
                .into(),
        );
    }
    out
}

fn read_retry(layers: &mut Layers) -> RetryOptions {
    let default = RetryOptions::default();
    let retry = RetryOptions {
        first_pause: layers.span("service.first_pause", default.first_pause),
        max_pause: layers.span("service.max_pause", default.max_pause),
        max_tries: layers.whole("service.max_tries", default.max_tries.into(), 1..=100) as u32,
        total_timeout: layers.span("service.total_timeout", default.total_timeout),
        read_timeout: layers.span("service.read_timeout", default.read_timeout),
    };
    if retry.read_timeout < Duration::from_millis(100) {
        layers.problems.push("service.read_timeout is too short: at least 100ms".into());
    }
    if retry.first_pause > retry.max_pause {
        layers.problems.push("service.first_pause is longer than service.max_pause".into());
    }
    retry
}
