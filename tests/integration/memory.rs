//! The promise on memory: peak RSS stays at most `--memory` plus 64 MiB, whatever comes in.
//!
//! In the default suite the input is some times the budget; twenty times, by hand:
//! `cargo test --release --test integration memory -- --ignored --nocapture`.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use lp_archive::demo::generator::{Encryption, GeneratorOptions, write_files};
use lp_archive::demo::key::demo_secret_key;

use super::program::{ACCOUNT, Run, command, objects, repository, run};
use super::stand_in::first_hour;

const MIB: u64 = 1 << 20;
const BUDGET: u64 = 128 * MIB;

/// Converts under a budget of 128 MiB; the run and its peak resident set in bytes.
fn measured(lake: &Path, inputs: &Path, more: &[&str]) -> (Run, u64) {
    let figure = lake.with_extension("peak");
    let plain = command();
    let mut python = Command::new(repository().join(".venv/bin/python"));
    python.arg(repository().join("tests/lakes/peak.py")).arg(&figure).arg(plain.get_program());
    python.args(["convert", "--account", ACCOUNT, "--json", "--memory", "128MiB", "--out"]);
    python.arg(lake).args(more).arg(inputs);
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => python.env(name, value),
            None => python.env_remove(name),
        };
    }
    let done = run(&mut python);
    let peak = fs::read_to_string(&figure).unwrap().parse().unwrap();
    (done, peak)
}

#[track_caller]
fn within(said: &str, (done, peak): (Run, u64), codes: &[i32]) -> Run {
    println!("{said}: peak {} MiB of {} MiB", peak / MIB, (BUDGET + 64 * MIB) / MIB);
    assert!(codes.contains(&done.code.unwrap_or(-1)), "{said}: {}\n{}", done.stdout, done.stderr);
    assert!(peak <= BUDGET + 64 * MIB, "{said}: the peak was {} MiB", peak / MIB);
    done
}

/// Generated files of about so many bytes of JSON, in `parts` per hour and stream.
fn many(folder: &Path, size_bytes: u64, parts_per_hour: u32, encryption: Encryption) -> PathBuf {
    let inputs = folder.join("inputs");
    let mut options = GeneratorOptions::new(5, ACCOUNT, first_hour());
    options.hours = 4;
    options.parts_per_hour = parts_per_hour;
    options.size_bytes = Some(size_bytes);
    options.encryption = encryption;
    write_files(&inputs, &options).unwrap();
    inputs
}

/// One file that says all that the generated ones say, as often as it takes. gzip members follow each other.
fn one_huge(folder: &Path, size_bytes: u64) -> PathBuf {
    let small = many(&folder.join("seed"), 24 * MIB, 1, Encryption::NONE);
    let inputs = folder.join("huge");
    fs::create_dir_all(&inputs).unwrap();
    let mut members: Vec<PathBuf> = fs::read_dir(small).unwrap().map(|entry| entry.unwrap().path()).collect();
    members.retain(|path| path.file_name().unwrap().to_string_lossy().starts_with("WebSession."));
    members.sort();
    let name = members[0].file_name().unwrap().to_owned();
    let members: Vec<Vec<u8>> = members.iter().map(|path| fs::read(path).unwrap()).collect();
    let bytes: u64 = members.iter().map(|member| expanded(member)).sum();
    let mut file = BufWriter::new(File::create(inputs.join(name)).unwrap());
    for _ in 0..size_bytes.div_ceil(bytes) {
        members.iter().for_each(|member| file.write_all(member).unwrap());
    }
    file.flush().unwrap();
    inputs
}

fn expanded(member: &[u8]) -> u64 {
    std::io::copy(&mut flate2::read::MultiGzDecoder::new(member), &mut std::io::sink()).unwrap()
}

fn huge_and_small(times: u64) {
    let temporary = tempfile::tempdir().unwrap();
    let inputs = one_huge(temporary.path(), times * BUDGET);
    let done = within("one huge file", measured(&temporary.path().join("a"), &inputs, &[]), &[0]);
    assert!(done.summary()["bytes_json"].as_u64().unwrap() >= times * BUDGET);
    let inputs = many(&temporary.path().join("many"), times * BUDGET, 40, Encryption::NONE);
    let done = within("many small files", measured(&temporary.path().join("b"), &inputs, &[]), &[0]);
    assert!(done.summary()["bytes_json"].as_u64().unwrap() > times * BUDGET / 2);
}

#[test]
fn input_larger_than_the_budget_stays_within_it() {
    huge_and_small(2);
}

#[test]
#[ignore = "takes minutes"]
fn input_twenty_times_the_budget_stays_within_it() {
    huge_and_small(20);
}

/// Threads that the budget does not allow stay idle; the rows of a part wait in memory until it is whole, and its
/// objects are those of the day.
#[test]
fn many_threads_stay_within_the_budget_and_make_no_more_objects() {
    let temporary = tempfile::tempdir().unwrap();
    let inputs = many(temporary.path(), 2 * BUDGET, 4, Encryption::NONE);
    let lake = temporary.path().join("lake");
    let done = within("64 threads", measured(&lake, &inputs, &["--threads", "64"]), &[0]);
    assert!(done.stderr.contains("2 threads work, not 64"), "{}", done.stderr);
    let count = objects(&lake).len();
    assert!(count <= 60, "{count} objects");
}

#[test]
fn encrypted_values_stay_within_the_budget() {
    let temporary = tempfile::tempdir().unwrap();
    let key = temporary.path().join("demo.asc");
    fs::write(&key, demo_secret_key()).unwrap();
    let inputs = many(temporary.path(), 12 * MIB, 4, Encryption { values: 0.02, records: 0.05, files: 0.3 });
    let lake = temporary.path().join("lake");
    within("encrypted", measured(&lake, &inputs, &["--pgp-key", key.to_str().unwrap()]), &[0]);
}

#[test]
fn one_huge_record_stays_within_the_budget() {
    let temporary = tempfile::tempdir().unwrap();
    let sound = fs::read_to_string(repository().join("fixtures/samples/survey.json")).unwrap();
    for (said, text) in [
        ("string", format!("{{\"a\":\"{}\"}}", "A".repeat(15 << 20))),
        ("string beyond the cap", format!("{{\"a\":\"{}\"}}", "A".repeat(90 << 20))),
        ("number", format!("{{\"a\":{}}}", "9".repeat(15 << 20))),
        ("escapes", format!("{{\"a\":\"{}\"}}", "\\n".repeat(7 << 20))),
        (
            "sound",
            sound.replacen(
                "\"surveyName\": {",
                &format!("\"x\":\"{}\",\"surveyName\": {{", "A".repeat(15 << 20)),
                1,
            ),
        ),
        ("nesting", "[".repeat(30 << 20)),
    ] {
        let inputs = temporary.path().join(said);
        fs::create_dir_all(&inputs).unwrap();
        fs::write(
            inputs.join("Survey.1468270800000.1468274400000.part-00000-0.gz"),
            super::program::gzip(text.as_bytes()),
        )
        .unwrap();
        drop(text);
        within(said, measured(&temporary.path().join(format!("{said}.lake")), &inputs, &[]), &[0, 3]);
    }
}
