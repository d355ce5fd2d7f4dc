//! The lake: killed runs, two runs at once, and what readers see.

use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use super::program::{ACCOUNT, command, compare, convert, generated, lake_is_tidy, objects, python, samples};

/// Starts `convert` and kills it (SIGKILL) after a while. True when it was still running.
fn killed_after(lake: &Path, inputs: &Path, pause: Duration) -> bool {
    let mut child = command()
        .args(["convert", "--account", ACCOUNT, "--quiet", "--out"])
        .args([lake, inputs])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    thread::sleep(pause);
    let running = child.try_wait().unwrap().is_none();
    child.kill().unwrap();
    child.wait().unwrap();
    running
}

#[test]
fn a_killed_run_is_finished_by_the_next() {
    let temporary = tempfile::tempdir().unwrap();
    let inputs = generated(temporary.path(), "30MiB", 4);
    let undisturbed = temporary.path().join("undisturbed");
    let started = Instant::now();
    convert(&undisturbed, &[&inputs], &[]).exits(0);
    let whole = started.elapsed();
    // Kills spread over the length of a whole run, on one and the same lake.
    let lake = temporary.path().join("lake");
    let mut kills = 0;
    for tenth in [1, 3, 5, 7, 9] {
        kills += u32::from(killed_after(&lake, &inputs, whole * tenth / 10));
    }
    assert!(kills > 0, "no run was killed: the input is too small");
    convert(&lake, &[&inputs], &[]).exits(0);
    lake_is_tidy(&lake);
    let rows = compare(&lake, &[&inputs], &[]);
    assert_eq!(rows, compare(&undisturbed, &[&inputs], &[]));
    let before = objects(&lake);
    convert(&lake, &[&inputs], &[]).exits(0);
    assert_eq!(objects(&lake), before);
}

#[test]
fn two_runs_at_once_archive_each_part_once() {
    let temporary = tempfile::tempdir().unwrap();
    let inputs = generated(temporary.path(), "6MiB", 5);
    let lake = temporary.path().join("lake");
    let codes: Vec<Option<i32>> = thread::scope(|scope| {
        let runs = [0, 1].map(|_| scope.spawn(|| convert(&lake, &[&inputs], &[]).code));
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    assert!(codes.iter().all(|code| matches!(code, Some(0 | 1))), "{codes:?}");
    convert(&lake, &[&inputs], &[]).exits(0);
    lake_is_tidy(&lake);
    compare(&lake, &[&inputs], &[]);
}

#[test]
fn readers_find_the_types_of_the_contract() {
    let temporary = tempfile::tempdir().unwrap();
    let (inputs, lake) = (samples(temporary.path()), temporary.path().join("lake"));
    convert(&lake, &[&inputs], &[]).exits(0);
    let run = python("oracle/contract.py", &[lake.as_os_str()]);
    assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
}
