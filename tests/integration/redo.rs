//! `--redo`: replaces what is archived, where every source of it is at hand, and loses nothing if killed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::Instant;

use lp_archive::demo::service::{StandInOptions, read_folder};
use lp_archive::model::format_ms;

use super::program::{
    ACCOUNT, command, compare, convert, counting, generated, gzip, lake_is_tidy, ledger, numbers, objects,
    run,
};
use super::stand_in::{HOUR_MS, Method, Scene, first_hour};

fn replaced(lake: &Path) -> usize {
    ledger(lake).len() - counting(lake).len()
}

#[track_caller]
fn is_sound(lake: &Path, inputs: &[&Path]) -> BTreeMap<String, u64> {
    lake_is_tidy(lake);
    run(command().args(["verify", "--deep", "--out"]).arg(lake)).exits(0);
    compare(lake, inputs, &[])
}

/// Half of the files first, the others later: two entries for each day.
fn two_batches(folder: &Path, size: &str, seed: u64) -> (PathBuf, PathBuf) {
    let inputs = generated(folder, size, seed);
    let (early, lake) = (folder.join("early"), folder.join("lake"));
    fs::create_dir(&early).unwrap();
    let mut files: Vec<_> = fs::read_dir(&inputs).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    for file in files.iter().step_by(2) {
        fs::copy(file, early.join(file.file_name().unwrap())).unwrap();
    }
    convert(&lake, &[&early], &[]).exits(0);
    convert(&lake, &[&inputs], &[]).exits(0);
    (inputs, lake)
}

#[test]
fn everything_at_hand_is_archived_anew_in_fewer_objects() {
    let temporary = tempfile::tempdir().unwrap();
    let (inputs, lake) = two_batches(temporary.path(), "4MiB", 21);
    let (before, entries) = (objects(&lake), ledger(&lake).len());
    let rows = is_sound(&lake, &[&inputs]);
    let summary = convert(&lake, &[&inputs], &["--redo"]).exits(0).summary();
    assert_eq!(numbers(&summary["rows"]), rows, "{summary}");
    let after = objects(&lake);
    assert!(before.keys().all(|path| !after.contains_key(path)), "an old object is left");
    assert!(after.len() < before.len(), "{} objects became {}", before.len(), after.len());
    assert_eq!(replaced(&lake), entries);
    assert_eq!(is_sound(&lake, &[&inputs]), rows);
    // And an ordinary run has nothing to do.
    assert_eq!(convert(&lake, &[&inputs], &[]).exits(0).summary()["batches"], 0);
    assert_eq!(objects(&lake), after);
}

#[test]
fn what_is_not_wholly_at_hand_is_left_alone() {
    let temporary = tempfile::tempdir().unwrap();
    let inputs = generated(temporary.path(), "2MiB", 22);
    let lake = temporary.path().join("lake");
    convert(&lake, &[&inputs], &[]).exits(0);
    let before = objects(&lake);
    let some = temporary.path().join("some");
    fs::create_dir(&some).unwrap();
    let survey = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with("Survey");
    let mut files: Vec<_> =
        fs::read_dir(&inputs).unwrap().map(|file| file.unwrap().path()).filter(survey).collect();
    files.sort();
    let lacking = files.pop().unwrap();
    for file in &files {
        fs::copy(file, some.join(file.file_name().unwrap())).unwrap();
    }
    let done = convert(&lake, &[&some], &["--redo"]).exits(0);
    let name = lacking.file_name().unwrap().to_str().unwrap().trim_end_matches(".gz");
    let warnings = done.summary()["warnings"].to_string();
    assert!(warnings.contains(name) && warnings.contains("r1 of "), "{warnings}");
    let last_day: Vec<_> = objects(&lake).into_keys().filter(|path| before.contains_key(path)).collect();
    assert!(!last_day.is_empty());
    is_sound(&lake, &[&inputs]);

    // A file with the name but other bytes is not the source, even when it is sound.
    let before = objects(&lake);
    let other = fs::read(&files[0]).unwrap();
    fs::write(some.join(lacking.file_name().unwrap()), other).unwrap();
    let done = convert(&lake, &[&some], &["--redo"]).exits(3);
    assert!(done.stderr.contains("its bytes are not those that were archived"), "{}", done.stderr);
    let touched = |path: &&PathBuf| path.to_str().unwrap().contains(&format!("account_id={ACCOUNT}"));
    assert!(objects(&lake).keys().filter(touched).count() >= before.len() / 2);
    is_sound(&lake, &[&inputs]);

    // Nor is a damaged one.
    fs::write(some.join(lacking.file_name().unwrap()), &gzip(b"{}")[..12]).unwrap();
    convert(&lake, &[&some], &["--redo"]).exits(3);
    is_sound(&lake, &[&inputs]);
}

#[test]
fn sync_replaces_the_days_asked_for_while_they_are_listed() {
    let scene = Scene::new(StandInOptions::default(), Method::Bearer);
    scene.sync(&[]).exits(0);
    let rows = is_sound(&scene.lake, &[&scene.inputs]);
    scene.run("sync", &["--redo"]).exits(2);
    let from = format_ms(first_hour() - 48 * HOUR_MS);
    scene.sync(&["--redo", "--from", &from]).exits(0);
    assert_eq!(replaced(&scene.lake), counting(&scene.lake).len());
    assert_eq!(is_sound(&scene.lake, &[&scene.inputs]), rows);

    // A part of each entry has expired: nothing may be replaced, and each is named.
    let before = objects(&scene.lake);
    scene.service.set_files(read_folder(&scene.inputs).unwrap().split_off(1));
    let done = scene.sync(&["--redo", "--from", &from]).exits(0);
    assert!(done.summary()["warnings"].to_string().contains("is left as it is"), "{}", done.stdout);
    scene.service.set_files(Vec::new());
    let kept = objects(&scene.lake);
    let done = scene.sync(&["--redo", "--from", &from]).exits(0);
    let warnings = done.summary()["warnings"].to_string();
    assert_eq!(warnings.matches("is left as it is").count(), counting(&scene.lake).len(), "{}", done.stdout);
    assert_eq!(objects(&scene.lake), kept);
    assert!(
        kept.keys().any(|path| before.contains_key(path)),
        "the entry with the expired part was replaced"
    );
    assert_eq!(is_sound(&scene.lake, &[&scene.inputs]), rows);
}

/// Killed at moments spread over a whole run, again and again on one lake: rows are never lost, and the
/// next whole run leaves each once.
#[test]
fn a_killed_redo_is_finished_by_the_next_run() {
    let temporary = tempfile::tempdir().unwrap();
    let (inputs, lake) = two_batches(temporary.path(), "3MiB", 23);
    let rows = is_sound(&lake, &[&inputs]);
    let started = Instant::now();
    convert(&lake, &[&inputs], &["--redo"]).exits(0);
    let whole = started.elapsed();
    let mut killed = 0;
    for step in 1..=8 {
        let mut child = command()
            .args(["convert", "--redo", "--account", ACCOUNT, "--quiet", "--out"])
            .args([&lake, &inputs])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        thread::sleep(whole * step / 8);
        killed += u32::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        if step % 4 == 0 {
            convert(&lake, &[&inputs], &[]).exits(0);
            assert_eq!(is_sound(&lake, &[&inputs]), rows, "after kill {step}");
        }
    }
    assert!(killed > 2, "only {killed} runs were killed: the input is too small");
}

#[test]
fn two_redos_at_once_leave_each_row_once() {
    let temporary = tempfile::tempdir().unwrap();
    let (inputs, lake) = two_batches(temporary.path(), "3MiB", 24);
    let rows = is_sound(&lake, &[&inputs]);
    thread::scope(|scope| {
        for more in [&["--redo"][..], &["--redo"], &[]] {
            scope.spawn(|| convert(&lake, &[&inputs], more).exits(0));
        }
    });
    convert(&lake, &[&inputs], &[]).exits(0);
    assert_eq!(is_sound(&lake, &[&inputs]), rows);
}
