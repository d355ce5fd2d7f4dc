//! The house rules: who may import whom, where outside crates live, sizes and names of files.
//!
//! ```text
//! src/lake/store.rs: "use crate::source::Http;"  ->  lake imports source, but may import only model
//! ```
//! The rules are plain functions of (path, text), so that the tests can break them on made-up files.

// Outside of `#[test]` functions clippy does not know that this is a test.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A room and the rooms below that it may import; everything may import itself.
const ROOMS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("config", &["model"]),
    ("report", &["model"]),
    ("source", &["model"]),
    ("decode", &["model"]),
    ("records", &["model"]),
    ("tables", &["model", "records"]),
    ("lake", &["model"]),
    ("pipeline", &["model", "config", "report", "source", "decode", "records", "tables", "lake"]),
    ("demo", &["model", "config", "report", "source", "decode", "records", "tables", "lake", "pipeline"]),
];

/// Outside crates with one home on floors 0 to 3; `demo/` stands outside the rule.
const HOMES: &[(&str, &[&str])] = &[
    ("ahash", &["src/lake/runs.rs"]),
    ("clap", &["src/cli.rs", "src/cli/"]),
    ("clap_complete", &["src/cli.rs", "src/cli/"]),
    ("clap_mangen", &["src/cli.rs", "src/cli/"]),
    ("object_store", &["src/lake/store.rs", "src/lake/store/"]),
    ("parquet", &["src/lake/"]),
    ("reqwest", &["src/source/"]),
    ("sequoia_openpgp", &["src/decode/pgp.rs", "src/decode/pgp/"]),
    ("zstd", &["src/lake/pages.rs"]),
];

/// Lines of code that a file may have without being on the list below; tests at its end come on top.
const MAX_LINES: usize = 450;

/// Lines that a file of tests may have.
const MAX_TEST_LINES: usize = 800;

/// Longer files, with the reason.
const LONG_FILES: &[(&str, &str)] = &[
    ("src/lake/store.rs", "the only file that knows object_store, which needs all of it in one place"),
    ("src/records/cursor.rs", "one tokenizer over one position: its steps share every invariant"),
];

const EMPTY_NAMES: &[&str] = &["common", "helper", "helpers", "misc", "util", "utils"];

const TOP_LEVEL: &[&str] = &[
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "benches",
    // Complete files for schedulers and alerts, to be copied: one link away for whoever runs the program.
    "deploy",
    // What the program writes about itself, such as the reference of the tables.
    "docs",
    "fixtures",
    "src",
    "tests",
];

/// Made by building and running, git-ignored.
const LEFT_BY_RUNS: &[&str] = &["lp-archive-demo", "target"];

#[test]
fn every_room_imports_only_what_lies_below() {
    let broken: Vec<String> =
        sources("src").iter().flat_map(|(path, text)| floor_faults(path, text)).collect();
    assert!(broken.is_empty(), "floors are broken:\n{}", broken.join("\n"));
}

#[test]
fn every_outside_crate_stays_at_home() {
    let broken: Vec<String> =
        sources("src").iter().flat_map(|(path, text)| home_faults(path, text)).collect();
    assert!(broken.is_empty(), "crates away from home:\n{}", broken.join("\n"));
}

#[test]
fn files_are_small_or_have_a_reason() {
    let files: Vec<(String, String)> =
        ["src", "tests", "benches"].iter().flat_map(|folder| sources(folder)).collect();
    let broken: Vec<String> = files.iter().filter_map(|(path, text)| size_fault(path, text)).collect();
    assert!(broken.is_empty(), "too long, or on the list without need:\n{}", broken.join("\n"));
    let gone: Vec<_> =
        LONG_FILES.iter().filter(|(path, _)| !files.iter().any(|(file, _)| file == path)).collect();
    assert!(gone.is_empty(), "on the list of long files, but not there: {gone:?}");
}

#[test]
fn every_source_file_says_what_it_is_for() {
    let silent: Vec<String> = sources("src")
        .into_iter()
        .filter(|(path, text)| !is_test_file(path) && !text.starts_with("//!"))
        .map(|(path, _)| path)
        .collect();
    assert!(silent.is_empty(), "files without a head (//!): {silent:?}");
}

#[test]
fn names_tell_something() {
    let broken: Vec<String> = ["src", "tests", "benches", "fixtures"]
        .iter()
        .flat_map(|folder| files_below(&root().join(folder)))
        .filter(|path| has_empty_name(path))
        .map(|path| path.display().to_string())
        .collect();
    assert!(broken.is_empty(), "names that tell nothing: {broken:?}");
}

#[test]
fn top_level_is_as_designed() {
    let entries: Vec<String> = fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with('.'))
        .filter(|name| !TOP_LEVEL.contains(&name.as_str()) && !LEFT_BY_RUNS.contains(&name.as_str()))
        .collect();
    assert!(entries.is_empty(), "not part of the design: {entries:?}");
}

#[test]
fn the_checker_finds_made_up_violations() {
    let broken = [
        ("src/lake/store.rs", "use crate::source::Http;"),
        ("src/records/framing.rs", "fn f() { crate::tables::schema(); }"),
        ("src/decode/mod.rs", "use crate::{\n    model::Fault,\n    lake::{self, Store},\n};"),
        ("src/decode/pgp/mod.rs", "use super::super::source;"),
        ("src/model/time.rs", "pub(crate) use crate::report as r;"),
        ("src/pipeline/plan.rs", "use crate::commands::sync;"),
        ("src/pipeline/plan.rs", "use crate::demo::Stand;"),
        ("src/config/mod.rs", "use super::tables;"),
    ];
    for (path, text) in broken {
        assert_eq!(floor_faults(path, text).len(), 1, "{path}: {text}");
    }
    let sound = [
        ("src/lake/store.rs", "use crate::model::Fault;\nuse crate::lake::layout;\n// use crate::source;"),
        ("src/tables/rows.rs", "use crate::records::{Envelope, Body};"),
        ("src/decode/pgp/mod.rs", "use super::sniff;\nuse super::super::model;"),
        ("src/commands/sync.rs", "use crate::{cli, demo, model, pipeline::run};"),
        ("src/lake/a.rs", "fn f() {}\n#[cfg(test)]\nmod tests { use crate::tables::X; }"),
    ];
    for (path, text) in sound {
        assert_eq!(floor_faults(path, text), Vec::<String>::new(), "{path}: {text}");
    }
    assert_eq!(home_faults("src/lake/layout.rs", "use object_store::path::Path;").len(), 1);
    assert_eq!(home_faults("src/commands/sync.rs", "fn f(a: &clap::ArgMatches) {}").len(), 1);
    assert_eq!(home_faults("src/tables/schema.rs", "use parquet;").len(), 1);
    assert!(home_faults("src/lake/store.rs", "use object_store::ObjectStore;").is_empty());
    assert!(home_faults("src/config/tests.rs", "use clap::Parser;").is_empty());
    assert!(home_faults("src/demo/http.rs", "use reqwest::Url;").is_empty());
    assert!(home_faults("src/lake/mod.rs", "use crate::lake::parquet::Writer;").is_empty());
    assert!(size_fault("src/a.rs", &"x\n".repeat(MAX_LINES + 1)).is_some());
    assert!(size_fault("src/a.rs", &"x\n".repeat(MAX_LINES)).is_none());
    let tested = format!("{}#[cfg(test)]\nmod tests {{\n{}}}\n", "x\n".repeat(MAX_LINES), "x\n".repeat(99));
    assert!(size_fault("src/a.rs", &tested).is_none());
    assert!(size_fault("tests/a.rs", &"x\n".repeat(MAX_TEST_LINES + 1)).is_some());
    assert!(has_empty_name(Path::new("src/lake/utils.rs")) && has_empty_name(Path::new("src/common/mod.rs")));
    assert!(!has_empty_name(Path::new("src/lake/commit.rs")));
}

/// Imports of rooms that `path` may not import, as texts.
fn floor_faults(path: &str, text: &str) -> Vec<String> {
    let Some(room) = room_of(path).filter(|_| !is_test_file(path)) else { return Vec::new() };
    let Some((_, allowed)) = ROOMS.iter().find(|(name, _)| *name == room) else { return Vec::new() };
    let code = code_of(text);
    imported_rooms(path, &code)
        .into_iter()
        .filter(|target| target != room && is_room(target) && !allowed.contains(&target.as_str()))
        .map(|target| format!("{path}: {room} imports {target}, but may import only {allowed:?}"))
        .collect()
}

/// Test modules with a file of their own.
fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.ends_with("_tests.rs") || path.contains("/tests/")
}

fn is_room(name: &str) -> bool {
    ROOMS.iter().any(|(room, _)| *room == name) || ["cli", "exit", "commands"].contains(&name)
}

/// `src/lake/store.rs` -> `lake`; files right below `src` are floor 5, which imports everything.
fn room_of(path: &str) -> Option<&str> {
    path.strip_prefix("src/")?.split_once('/').map(|(room, _)| room).filter(|room| *room != "commands")
}

/// First names after `crate::` and after as many `super::` as lead to the crate's root.
fn imported_rooms(path: &str, code: &str) -> BTreeSet<String> {
    let inside = path.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
    let to_root = "super::".repeat(inside.split('/').count());
    let mut found = BTreeSet::new();
    for prefix in ["crate::", to_root.as_str()] {
        for (at, _) in code.match_indices(prefix) {
            let before = code[..at].chars().next_back();
            if before.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != ':') {
                found.extend(first_names(&code[at + prefix.len()..]));
            }
        }
    }
    found
}

/// `a::b` -> a; `{a::b, c::{d, e}}` -> a, c.
fn first_names(rest: &str) -> Vec<String> {
    let name = |text: &str| {
        text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>()
    };
    let Some(group) = rest.strip_prefix('{') else { return vec![name(rest)] };
    let (mut depth, mut names, mut start) = (0, Vec::new(), 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                names.push(name(&group[start..at]));
                start = at + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    names
}

/// Outside crates named in `path` that live elsewhere, as texts.
fn home_faults(path: &str, text: &str) -> Vec<String> {
    if path.starts_with("src/demo/") || is_test_file(path) {
        return Vec::new();
    }
    let code = code_of(text);
    HOMES
        .iter()
        .filter(|(_, homes)| !homes.iter().any(|home| path.starts_with(home)))
        .filter(|(name, _)| names_crate(&code, name))
        .map(|(name, homes)| format!("{path}: {name} lives in {homes:?}"))
        .collect()
}

fn names_crate(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let before = &code[..at];
        let free = before.chars().next_back().is_none_or(|c| !c.is_alphanumeric() && c != '_')
            && (!before.ends_with("::") || before.ends_with(" ::"));
        let after = &code[at + name.len()..];
        let imported = before.trim_end().ends_with("use") && after.starts_with([';', ' ']);
        free && (after.starts_with("::") || imported)
    })
}

/// The text without line comments and without its test modules, which stand last in a file.
fn code_of(text: &str) -> String {
    let end = text.find("#[cfg(test)]\nmod ").unwrap_or(text.len());
    text[..end].lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

fn size_fault(path: &str, text: &str) -> Option<String> {
    let is_test = is_test_file(path) || path.starts_with("tests/");
    let (lines, most) = if is_test {
        (text.lines().count(), MAX_TEST_LINES)
    } else {
        (code_of(text).lines().count(), MAX_LINES)
    };
    let listed = LONG_FILES.iter().any(|(file, _)| *file == path);
    (listed != (lines > most)).then(|| format!("{path}: {lines} lines, {most} are allowed"))
}

fn has_empty_name(path: &Path) -> bool {
    path.components().any(|part| {
        let name = part.as_os_str().to_string_lossy();
        EMPTY_NAMES.contains(&name.split('.').next().unwrap_or_default())
    })
}

/// Rust files below a folder of the repository: (path from the root with `/`, text).
fn sources(folder: &str) -> Vec<(String, String)> {
    files_below(&root().join(folder))
        .into_iter()
        .filter(|path| path.extension().is_some_and(|e| e == "rs"))
        .map(|path| {
            let text = fs::read_to_string(root().join(&path)).unwrap();
            (path.to_string_lossy().replace('\\', "/"), text)
        })
        .collect()
}

/// Every file below a folder, as paths from the repository's root.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .flat_map(|path| {
            if path.is_dir() {
                files_below(&path)
            } else {
                vec![path.strip_prefix(root()).unwrap().to_owned()]
            }
        })
        .collect();
    files.sort();
    files
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
