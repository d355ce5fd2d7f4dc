//! A part that makes the process die is tried last, and then alone: it cannot keep others from being archived.

#![cfg(unix)]

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;

use super::program::{ACCOUNT, command, convert, kept, lake_is_tidy, ledger, repository};

const HOUR_MS: i64 = 3_600_000;
/// 2016-07-11T00:00:00Z
const DAY_MS: i64 = 1_468_195_200_000;
const SIGKILL: i32 = 9;

/// Runs until so many parts were received, and dies there.
fn dies_at(lake: &Path, inputs: &Path, part: u32) {
    let died = command()
        // So that two parts at most are under way, and the next day is not begun yet.
        .args(["convert", "--account", ACCOUNT, "--quiet", "--threads", "1", "--memory", "128MiB", "--out"])
        .args([lake, inputs])
        .env("LP_ARCHIVE_FAIL_AT", format!("fetched:{part}"))
        .output()
        .unwrap();
    assert_eq!(died.status.signal(), Some(SIGKILL), "{}", String::from_utf8_lossy(&died.stderr));
}

/// Days of the entries and how many parts each names, without void ones.
fn entries(lake: &Path) -> Vec<(String, usize)> {
    let mut entries: Vec<_> = ledger(lake)
        .iter()
        .filter(|entry| entry["void"] != true)
        .map(|entry| (entry["day"].as_str().unwrap().to_owned(), entry["parts"].as_array().unwrap().len()))
        .collect();
    entries.sort();
    entries
}

#[test]
fn a_part_that_kills_is_tried_last_and_then_alone() {
    let temporary = tempfile::tempdir().unwrap();
    let (lake, inputs) = (temporary.path().join("lake"), temporary.path().join("in"));
    fs::create_dir(&inputs).unwrap();
    for hour in [0, 1, 2, 3, 4, 5, 24] {
        let start = DAY_MS + hour * HOUR_MS;
        let name = format!("Survey.{start}.{}.part-00000-0", start + HOUR_MS);
        fs::copy(repository().join("fixtures/samples/survey.json"), inputs.join(name)).unwrap();
    }
    dies_at(&lake, &inputs, 2);
    assert_eq!(entries(&lake), []);
    assert_eq!(kept(&lake, "reading").len(), 1, "what was read is noted");
    // The older day comes last now: the other one is archived before the process dies again.
    dies_at(&lake, &inputs, 2);
    let later = ("2016-07-12".to_owned(), 1);
    assert_eq!(entries(&lake), std::slice::from_ref(&later));
    // Now each goes alone: two are archived before it dies once more.
    dies_at(&lake, &inputs, 3);
    let alone = ("2016-07-11".to_owned(), 1);
    assert_eq!(entries(&lake), [alone.clone(), alone.clone(), later.clone()]);
    convert(&lake, &[&inputs], &[]).exits(0);
    assert_eq!(entries(&lake), [vec![alone; 6], vec![later]].concat());
    lake_is_tidy(&lake);
    assert_eq!(kept(&lake, "reading").len(), 0, "nobody is suspected any more");
}
