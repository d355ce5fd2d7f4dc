//! Defaults < file < environment < flags, laid over each other, and who said what.
//!
//! ```text
//! file:  archive.memory = "1GiB" (line 3)      given: archive.memory = 1GiB from LP_ARCHIVE_MEMORY
//! env:   LP_ARCHIVE_MEMORY=2GiB           ->   read as 2 GiB, noted for `config show`
//! ```
//!
//! Problems are gathered, not thrown: a user who made three mistakes reads of all three.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::environment::Environment;
use super::file::{FileText, Raw};
use super::settings::{SECRETS, SETTINGS, Setting, find, nearest};
use super::values::{parse_duration, parse_size, show_duration, show_size};
use crate::model::{Fault, FaultKind, Stage};

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    Default,
    File {
        name: String,
        line: usize,
    },
    Environment(&'static str),
    Flag(&'static str),
    /// A file that holds nothing but one secret.
    SecretFile(PathBuf),
    /// Asked for and not given.
    Missing,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File { name, line } => write!(f, "{name}, line {line}"),
            Origin::Environment(name) | Origin::Flag(name) => f.write_str(name),
            Origin::SecretFile(path) => write!(f, "{}", path.display()),
            Origin::Missing => f.write_str("missing"),
        }
    }
}

/// One value as it takes effect, for `config show`. Never a secret's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    /// `account[0].region`, `archive.memory`
    pub key: String,
    pub value: String,
    pub origin: Origin,
}

/// What was typed on the command line, as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    pub account: Option<String>,
    pub out: Option<String>,
    pub memory: Option<String>,
    pub threads: Option<String>,
    pub strict: bool,
    /// Empty: not given.
    pub streams: Vec<String>,
    /// Empty: not given.
    pub pgp_key_files: Vec<String>,
    pub pgp_passphrase_file: Option<String>,
}

impl Flags {
    fn value(&self, key: &str) -> Option<Raw> {
        let text = |value: &Option<String>| value.clone().map(Raw::Text);
        let list = |values: &Vec<String>| (!values.is_empty()).then(|| Raw::List(values.clone()));
        match key {
            "account.id" => text(&self.account),
            "account.streams" => list(&self.streams),
            "account.pgp.key_files" => list(&self.pgp_key_files),
            "account.pgp.passphrase_file" => text(&self.pgp_passphrase_file),
            "archive.out" => text(&self.out),
            "archive.memory" => text(&self.memory),
            "archive.threads" => text(&self.threads),
            "archive.strict" => self.strict.then_some(Raw::Flag(true)),
            _ => None,
        }
    }
}

/// The layers laid over each other. Reading a value notes it as effective.
pub struct Layers {
    given: BTreeMap<String, (Raw, Origin)>,
    asked: BTreeSet<String>,
    folder: PathBuf,
    /// Accounts to build: those of the file, or one from environment and flags.
    pub accounts: usize,
    pub problems: Vec<String>,
    pub warnings: Vec<String>,
    pub effective: Vec<Effective>,
}

impl Layers {
    /// Lays environment and flags over the file's text. `file` is its name (as errors call it), the
    /// folder that its relative paths start from, and what it says.
    pub fn gather(file: Option<(&str, &Path, FileText)>, env: &Environment, flags: &Flags) -> Layers {
        let (name, folder, text) = match file {
            Some((name, folder, text)) => (name, folder.to_owned(), text),
            None => ("", PathBuf::new(), FileText::default()),
        };
        let mut layers = Layers {
            given: BTreeMap::new(),
            asked: BTreeSet::new(),
            folder,
            accounts: text.accounts,
            problems: Vec::new(),
            warnings: env.unknown(),
            effective: Vec::new(),
        };
        for entry in text.entries {
            let origin = Origin::File { name: name.to_owned(), line: entry.line };
            match complaint(&entry.path) {
                Some(why) => layers.problems.push(format!("{} ({origin}): {why}", entry.path)),
                None => {
                    layers.given.insert(entry.path, (entry.value, origin));
                }
            }
        }
        for setting in SETTINGS {
            layers.lay_over(setting, env, flags);
        }
        layers
    }

    fn lay_over(&mut self, setting: &Setting, env: &Environment, flags: &Flags) {
        let from_env =
            env.get(setting.env).map(|text| (Raw::Text(text.to_owned()), Origin::Environment(setting.env)));
        let from_flag =
            setting.flag.and_then(|flag| flags.value(setting.key).map(|raw| (raw, Origin::Flag(flag))));
        let Some(rest) = setting.key.strip_prefix("account.") else {
            for given in from_env.into_iter().chain(from_flag) {
                self.given.insert(setting.key.to_owned(), given);
            }
            return;
        };
        match from_env {
            Some(_) if self.accounts > 1 => self.warnings.push(format!(
                "{} is ignored: it speaks of one account and {} are configured",
                setting.env, self.accounts
            )),
            Some(given) => {
                self.accounts = 1;
                self.given.insert(format!("account[0].{rest}"), given);
            }
            None => {}
        }
        if let Some(given) = from_flag {
            if setting.key == "account.id" {
                self.accounts = self.accounts.max(1);
            }
            for index in 0..self.accounts.max(1) {
                self.given.insert(format!("account[{index}].{rest}"), given.clone());
            }
        }
    }

    /// Reads one value. A value that cannot be read is a problem, and the default stands in for it so
    /// that reading goes on.
    pub fn read<T>(
        &mut self,
        key: &str,
        default: Option<T>,
        show: impl Fn(&T) -> String,
        parse: impl Fn(&Raw) -> Result<T, String>,
    ) -> Option<T> {
        self.asked.insert(key.to_owned());
        let (value, origin) = match self.given.get(key) {
            None => (default, Origin::Default),
            Some((raw, origin)) => match parse(raw) {
                Ok(value) => (Some(value), origin.clone()),
                Err(why) => {
                    self.problems.push(format!("{key} ({origin}): {why}"));
                    (default, Origin::Default)
                }
            },
        };
        if let Some(value) = &value {
            self.note(key, show(value), origin);
        }
        value
    }

    pub fn note(&mut self, key: &str, value: impl Into<String>, origin: Origin) {
        self.effective.push(Effective { key: key.to_owned(), value: value.into(), origin });
    }

    /// Whether a value was given for a key.
    pub fn has(&self, key: &str) -> bool {
        self.given.contains_key(key)
    }

    /// Of keys for the same thing: what the file says gives way to what a variable says under another of them.
    pub fn keep_highest(&mut self, keys: &[&str]) {
        let from_file = |key: &&&str| matches!(self.given.get(**key), Some((_, Origin::File { .. })));
        let (in_file, elsewhere): (Vec<&str>, Vec<&str>) = keys.iter().partition(from_file);
        if elsewhere.iter().any(|key| self.has(key)) {
            self.given.retain(|key, _| !in_file.contains(&key.as_str()));
        }
    }

    /// One of a few words.
    pub fn choice<T: Copy + PartialEq>(
        &mut self,
        key: &str,
        default: Option<T>,
        words: &[(&str, T)],
    ) -> Option<T> {
        let name = |value: &T| {
            words
                .iter()
                .find(|(_, known)| known == value)
                .map(|(word, _)| (*word).to_owned())
                .unwrap_or_default()
        };
        self.read(key, default, name, |raw| {
            let text = as_text(raw)?;
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            words
                .iter()
                .find(|(word, _)| *word == text)
                .map(|(_, value)| *value)
                .ok_or_else(|| format!("'{text}' is none of {}", known.join(", ")))
        })
    }

    pub fn whole(&mut self, key: &str, default: u64, range: RangeInclusive<u64>) -> u64 {
        let parse = |raw: &Raw| {
            let number = match raw {
                Raw::Whole(number) => u64::try_from(*number).ok(),
                Raw::Text(text) => text.trim().parse().ok(),
                _ => None,
            };
            number.filter(|number| range.contains(number)).ok_or_else(|| {
                format!("{} is not a whole number from {} to {}", named(raw), range.start(), range.end())
            })
        };
        self.read(key, Some(default), u64::to_string, parse).unwrap_or(default)
    }

    pub fn size(&mut self, key: &str, default: u64, min: u64) -> u64 {
        let parse = |raw: &Raw| {
            let bytes = match raw {
                Raw::Whole(number) => u64::try_from(*number).map_err(|_| format!("{number} is not a size")),
                Raw::Text(text) => parse_size(text),
                other => Err(format!("{} is not a size such as 512MiB", named(other))),
            }?;
            if bytes < min {
                return Err(format!("{} is too little: at least {}", show_size(bytes), show_size(min)));
            }
            Ok(bytes)
        };
        self.read(key, Some(default), |bytes| show_size(*bytes), parse).unwrap_or(default)
    }

    pub fn span(&mut self, key: &str, default: Duration) -> Duration {
        let parse = |raw: &Raw| match raw {
            Raw::Text(text) => parse_duration(text),
            other => Err(format!("{} is not a span of time such as \"15s\"", named(other))),
        };
        self.read(key, Some(default), |span| show_duration(*span), parse).unwrap_or(default)
    }

    pub fn flag(&mut self, key: &str, default: bool) -> bool {
        let parse = |raw: &Raw| match raw {
            Raw::Flag(flag) => Ok(*flag),
            Raw::Text(text) if matches!(text.as_str(), "true" | "1" | "yes") => Ok(true),
            Raw::Text(text) if matches!(text.as_str(), "false" | "0" | "no") => Ok(false),
            other => Err(format!("{} is neither true nor false", named(other))),
        };
        self.read(key, Some(default), bool::to_string, parse).unwrap_or(default)
    }

    /// Texts of a list, or of one text with commas.
    pub fn list(&mut self, key: &str) -> Option<Vec<String>> {
        self.read(
            key,
            None,
            |items: &Vec<String>| items.join(","),
            |raw| match raw {
                Raw::List(items) => Ok(items.clone()),
                Raw::Text(text) => Ok(text
                    .split(',')
                    .map(str::trim)
                    .filter(|item| !item.is_empty())
                    .map(str::to_owned)
                    .collect()),
                other => Err(format!("{} is not a list of texts", named(other))),
            },
        )
    }

    /// A path; relative ones in the file start from the file's folder.
    pub fn path(&mut self, key: &str) -> Option<PathBuf> {
        let folder = self.folder_of(key);
        self.read(
            key,
            None,
            |path: &PathBuf| path.display().to_string(),
            |raw| Ok(folder.join(as_text(raw)?)),
        )
    }

    /// The key and who gave it: `account[0].pgp.key_files (--pgp-key)`.
    pub fn called(&self, key: &str) -> String {
        match self.given.get(key) {
            Some((_, origin)) => format!("{key} ({origin})"),
            None => key.to_owned(),
        }
    }

    /// The folder that a relative path given for `key` starts from.
    pub fn folder_of(&self, key: &str) -> PathBuf {
        match self.given.get(key) {
            Some((_, Origin::File { .. })) => self.folder.clone(),
            _ => PathBuf::new(),
        }
    }

    /// Warns about what was given for signing in and never asked for.
    pub fn warn_of_unused(&mut self) {
        let unused = self.given.keys().filter(|key| key.contains("].auth.") && !self.asked.contains(*key));
        let texts: Vec<String> =
            unused.map(|key| format!("{} is not used with this method", self.called(key))).collect();
        self.warnings.extend(texts);
    }

    /// ` (or LP_ARCHIVE_REGION)` while the environment can speak of the account, else nothing.
    pub fn or_variable(&self, name: &str) -> String {
        if self.accounts == 1 { format!(" (or the variable {name})") } else { String::new() }
    }

    /// All problems as one fault.
    pub fn fault(&self) -> Option<Fault> {
        let message = match self.problems.as_slice() {
            [] => return None,
            [one] => one.clone(),
            many => format!("{} problems:\n  - {}", many.len(), many.join("\n  - ")),
        };
        Some(Fault::new(FaultKind::Config, Stage::Configure, message))
    }
}

pub fn as_text(raw: &Raw) -> Result<String, String> {
    match raw {
        Raw::Text(text) if !text.trim().is_empty() => Ok(text.clone()),
        Raw::Text(_) => Err("the text is empty".into()),
        Raw::Whole(number) => Err(format!("the number {number} should be a text: \"{number}\"")),
        other => Err(format!("{} is not a text", named(other))),
    }
}

fn named(raw: &Raw) -> String {
    match raw {
        Raw::Text(text) => format!("'{text}'"),
        Raw::Whole(number) => number.to_string(),
        Raw::Flag(flag) => flag.to_string(),
        Raw::List(_) => "a list".into(),
        Raw::Other(kind) => (*kind).into(),
    }
}

/// What is wrong with a key of the file, if anything.
fn complaint(path: &str) -> Option<String> {
    let key = match path.split_once('[') {
        Some(("account", rest)) => format!("account{}", rest.split_once(']').map_or("", |(_, rest)| rest)),
        _ if path == "account" || path.starts_with("account.") => {
            return Some("accounts are a list: write [[account]], with two brackets".into());
        }
        _ => path.to_owned(),
    };
    if find(&key).is_some() {
        return None;
    }
    let leaf = |key: &str| key.rsplit('.').next().map(str::to_owned).unwrap_or_default();
    if let Some(secret) = SECRETS.iter().find(|secret| secret.key == key) {
        return Some(format!(
            "a secret does not belong in this file; write {} = \"PATH\" of a file that holds it, or set {}",
            leaf(secret.file_key),
            secret.env
        ));
    }
    let known = || SETTINGS.iter().map(|setting| setting.key);
    let meant = nearest(&key, known()).or_else(|| known().find(|name| leaf(name) == leaf(&key)));
    Some(match meant {
        Some(meant) => format!("unknown key; did you mean {meant}?"),
        None => "unknown key; `lp-archive config init` writes a file with all of them".into(),
    })
}
