//! The views of `schema --ddl`: loaded in DuckDB and Spark, their numbers recomputed from the input.
//!
//! ```text
//! tests/views/inputs.py, demo, published samples -> convert -> lakes whole, agents, empty -> schema --ddl -> tests/views/check.py
//! ```
//! One test with one Spark session, whose start takes longer than most other tests.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use super::program::{command, lp, python, run, samples};

/// `convert` of an account.
fn archive(account: &str, out: &Path, paths: &[PathBuf]) {
    run(command().args(["convert", "--quiet", "--account", account, "--out"]).arg(out).args(paths)).exits(0);
}

/// A script of `tests/views`, which must succeed.
#[track_caller]
fn script(name: &str, arguments: &[&OsStr]) -> String {
    let run = python(&format!("views/{name}"), arguments);
    assert_eq!(run.code, Some(0), "{}\n{}", run.stdout, run.stderr);
    run.stdout
}

#[test]
fn duckdb_and_spark_show_the_numbers_of_the_input() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path();
    let [inputs, generated, whole, agents, empty] =
        ["inputs", "generated", "whole", "agents", "empty"].map(|name| folder.join(name));
    let demo = ["demo", "--quiet", "--size", "1MiB", "--hours", "2", "--parts-per-hour", "1", "--seed", "7"];
    run(command().args(demo).args(["--from", "2026-02-10T22:00:00Z", "--write-files"]).arg(&generated))
        .exits(0);
    script("inputs.py", &[inputs.as_os_str(), generated.as_os_str()]);
    for sample in fs::read_dir(samples(folder)).unwrap().map(|entry| entry.unwrap()) {
        fs::copy(sample.path(), inputs.join("75555851").join(sample.file_name())).unwrap();
    }
    for account in ["75555851", "0042"] {
        archive(account, &whole, &[inputs.join(account)]);
    }
    let of_agents = fs::read_dir(inputs.join("0042")).unwrap().map(|entry| entry.unwrap().path());
    let is_agents = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with("Agent.");
    archive("0042", &agents, &of_agents.filter(is_agents).collect::<Vec<_>>());
    script("check.py", &["foreign".as_ref(), agents.as_os_str()]);
    for lake in [&whole, &agents, &empty] {
        for engine in ["duckdb", "spark"] {
            let ddl = run(command().args(["schema", "--ddl", engine, "--out"]).arg(lake)).exits(0);
            fs::write(lake.with_extension(format!("{engine}.sql")), ddl.stdout).unwrap();
            // Only Spark must be told which tables are there.
            let empty_ones = engine == "spark" && lake != &whole;
            assert_eq!(ddl.stderr.contains("write them again"), empty_ones, "{}", ddl.stderr);
        }
    }
    let growing =
        command().args(["schema", "--ddl", "duckdb", "--out"]).arg(folder.join("growing")).output().unwrap();
    assert!(String::from_utf8_lossy(&growing.stderr).contains("no lake yet"));
    fs::write(folder.join("growing.duckdb.sql"), growing.stdout).unwrap();
    fs::write(folder.join("schema.json"), lp(&["schema", "--json"]).exits(0).stdout).unwrap();
    fs::write(folder.join("tables.md"), lp(&["schema", "--markdown"]).exits(0).stdout).unwrap();
    println!("{}", script("check.py", &[folder.as_os_str()]));
}

#[test]
fn a_lake_is_told_by_its_whole_path_and_a_folder_without_one_as_it_was_told() {
    let temporary = tempfile::tempdir().unwrap();
    let here = temporary.path().canonicalize().unwrap();
    fs::create_dir_all(here.join("it's here/navigation")).unwrap();
    let ddl = |engine: &str, out: &str| {
        run(command().args(["schema", "--ddl", engine, "--out", out]).current_dir(&here)).exits(0)
    };
    let found = ddl("duckdb", "./it's here/");
    let whole = here.join("it's here").display().to_string().replace('\'', "''");
    assert!(found.stdout.contains(&format!("MACRO lp_lake() AS '{whole}';")), "{}", found.stdout);
    assert_eq!(found.stderr, "");
    for engine in ["duckdb", "spark"] {
        let absent = ddl(engine, "elsewhere");
        for text in [&absent.stdout, &absent.stderr] {
            assert!(text.contains("no lake yet in the folder elsewhere, the path counts from"), "{text}");
        }
        if engine == "duckdb" {
            assert!(absent.stdout.contains("lp_lake() AS 'elsewhere';"));
        }
    }
    let bucket = ddl("duckdb", "s3://bucket/lake");
    assert!(bucket.stdout.contains("lp_lake() AS 's3://bucket/lake';"));
    assert_eq!(bucket.stderr, "");
}
