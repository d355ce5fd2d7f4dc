//! Runs the program and the Python readers, and looks at what lies in a lake.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::SystemTime;

use serde_json::Value;

pub const ACCOUNT: &str = "75555851";

/// What a finished run left on its outputs.
pub struct Run {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    fn of(output: Output) -> Run {
        Run {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Fails with everything the program said unless it ended with this code.
    #[track_caller]
    pub fn exits(self, code: i32) -> Run {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        assert!(!self.stderr.contains("lp-archive made a mistake"), "{}", self.stderr);
        self
    }

    /// The summary that `--json` prints.
    #[track_caller]
    pub fn summary(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|e| panic!("no JSON on stdout ({e}):\n{}\nstderr:\n{}", self.stdout, self.stderr))
    }
}

/// The program with an environment of its own: nothing of `LP_ARCHIVE_*` leaks in.
pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lp-archive"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("LP_ARCHIVE_"))
    {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

pub fn run(command: &mut Command) -> Run {
    Run::of(command.output().expect("the program starts"))
}

/// `lp-archive` with the given arguments.
pub fn lp<S: AsRef<std::ffi::OsStr>>(arguments: &[S]) -> Run {
    run(command().args(arguments))
}

/// `convert --json` of files or folders into `out`.
pub fn convert(out: &Path, paths: &[&Path], more: &[&str]) -> Run {
    run(command().args(["convert", "--account", ACCOUNT, "--json", "--out"]).arg(out).args(more).args(paths))
}

pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A script below `tests/`, run by the Python of `.venv`.
pub fn python(script: &str, arguments: &[&std::ffi::OsStr]) -> Run {
    let python = repository().join(".venv/bin/python");
    assert!(python.exists(), "{} is missing: run `bash tests/run.sh` once, it makes it", python.display());
    Run::of(
        Command::new(python).arg(repository().join("tests").join(script)).args(arguments).output().unwrap(),
    )
}

/// Lets the oracle compare a lake with the inputs it was made from. Returns the rows per table.
#[track_caller]
pub fn compare(lake: &Path, inputs: &[&Path], more: &[&str]) -> BTreeMap<String, u64> {
    let mut arguments: Vec<&std::ffi::OsStr> = vec!["compare".as_ref(), "--lake".as_ref(), lake.as_ref()];
    arguments.extend(more.iter().map(|argument| std::ffi::OsStr::new(*argument)));
    arguments.extend(inputs.iter().map(|path| path.as_os_str()));
    let run = python("oracle/oracle.py", &arguments);
    assert_eq!(run.code, Some(0), "the oracle differs: {}\n{}", run.stdout, run.stderr);
    numbers(&run.summary()["rows"])
}

/// An object of numbers as a map.
pub fn numbers(value: &Value) -> BTreeMap<String, u64> {
    value
        .as_object()
        .unwrap_or_else(|| panic!("not an object: {value}"))
        .iter()
        .map(|(name, number)| (name.clone(), number.as_u64().unwrap()))
        .filter(|(_, number)| *number > 0)
        .collect()
}

/// Every file below a folder: path relative to it -> length and time of change.
pub fn listing(folder: &Path) -> BTreeMap<PathBuf, (u64, SystemTime)> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        let Ok(entries) = fs::read_dir(&next) else { continue };
        for entry in entries {
            let entry = entry.unwrap();
            let metadata = entry.metadata().unwrap();
            if metadata.is_dir() {
                folders.push(entry.path());
            } else {
                let path = entry.path().strip_prefix(folder).unwrap().to_owned();
                found.insert(path, (metadata.len(), metadata.modified().unwrap()));
            }
        }
    }
    found
}

/// Objects that hold rows, which a reader's plain glob finds.
pub fn objects(lake: &Path) -> BTreeMap<PathBuf, (u64, SystemTime)> {
    listing(lake)
        .into_iter()
        .filter(|(path, _)| {
            path.extension().is_some_and(|e| e == "parquet") && !path.starts_with("_lp_archive")
        })
        .collect()
}

/// Files below a folder of `_lp_archive/`.
pub fn kept(lake: &Path, folder: &str) -> Vec<PathBuf> {
    listing(&lake.join("_lp_archive").join(folder)).into_keys().collect()
}

/// Every ledger entry.
pub fn ledger(lake: &Path) -> Vec<Value> {
    kept(lake, "ledger")
        .iter()
        .map(|path| fs::read(lake.join("_lp_archive/ledger").join(path)).unwrap())
        .map(|json| serde_json::from_slice(&json).unwrap())
        .collect()
}

/// The entries that no other one replaces.
pub fn counting(lake: &Path) -> Vec<Value> {
    let key = |entry: &Value, number: &Value| {
        format!("{} {} {} {number}", entry["account"], entry["stream"], entry["day"])
    };
    let all = ledger(lake);
    let replaced: Vec<String> = all
        .iter()
        .flat_map(|entry| {
            entry["replaces"].as_array().into_iter().flatten().map(move |number| key(entry, number))
        })
        .collect();
    all.into_iter().filter(|entry| !replaced.contains(&key(entry, &entry["number"]))).collect()
}

/// After a completed run: the ledger names exactly the objects that are there, and nothing is pending.
#[track_caller]
pub fn lake_is_tidy(lake: &Path) {
    assert_eq!(kept(lake, "pending"), Vec::<PathBuf>::new(), "pending notes are left");
    let mut named: Vec<PathBuf> = counting(lake)
        .iter()
        .flat_map(|entry| entry["objects"].as_array().cloned().unwrap_or_default())
        .map(|object| PathBuf::from(object["path"].as_str().unwrap()))
        .filter(|path| !path.starts_with("_lp_archive"))
        .collect();
    named.sort();
    let there: Vec<PathBuf> = objects(lake).into_keys().collect();
    assert_eq!(named, there, "ledger and objects disagree");
    let mut parts: Vec<String> = counting(lake)
        .iter()
        .flat_map(|entry| entry["parts"].as_array().cloned().unwrap_or_default())
        .map(|part| part["name"].as_str().unwrap().to_owned())
        .collect();
    parts.sort();
    let all = parts.len();
    parts.dedup();
    assert_eq!(parts.len(), all, "a part is archived twice");
}

/// The published samples under names of the service, plain or gzip.
pub fn samples(folder: &Path) -> PathBuf {
    let names = [
        ("agent-activity", "Agent.1465992000000.1465995600000.part-00000-0"),
        ("web-session", "WebSession.1467288000000.1467291600000.part-00001-0"),
        ("engagement", "Engagement.1469466000000.1469469600000.part-00044-0"),
        ("survey", "Survey.1468270800000.1468274400000.part-00000-0"),
    ];
    let inputs = folder.join("samples");
    fs::create_dir_all(&inputs).unwrap();
    for (index, (sample, name)) in names.into_iter().enumerate() {
        let json = fs::read(repository().join("fixtures/samples").join(format!("{sample}.json"))).unwrap();
        if index % 2 == 0 {
            fs::write(inputs.join(name), json).unwrap();
        } else {
            fs::write(inputs.join(format!("{name}.gz")), gzip(&json)).unwrap();
        }
    }
    inputs
}

pub fn gzip(data: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

/// Writes generated files with `demo --write-files`.
pub fn generated(folder: &Path, size: &str, seed: u64) -> PathBuf {
    let inputs = folder.join("generated");
    run(command().args(["demo", "--size", size, "--seed", &seed.to_string(), "--write-files"]).arg(&inputs))
        .exits(0);
    assert!(!listing(&inputs).is_empty(), "no files were written");
    inputs
}
