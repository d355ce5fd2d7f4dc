//! `verify`: a sound lake passes, and whatever is done to it by hand is found and named.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::program::{ACCOUNT, Run, command, convert, generated, kept, listing, lp, objects, run, samples};

fn verify(lake: &Path, more: &[&str]) -> Run {
    run(command().args(["verify", "--json", "--out"]).arg(lake).args(more))
}

/// Kind and path of every finding.
fn found(run: &Run) -> Vec<(String, String)> {
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
    let findings = run.summary()["findings"].as_array().unwrap().clone();
    for finding in &findings {
        for key in ["expected", "found", "advice"] {
            assert!(!text(finding, key).is_empty(), "{finding}");
        }
    }
    findings.iter().map(|finding| (text(finding, "kind"), text(finding, "path"))).collect()
}

fn lake_of_samples(folder: &Path) -> PathBuf {
    let (inputs, lake) = (samples(folder), folder.join("lake"));
    convert(&lake, &[&inputs], &[]).exits(0);
    lake
}

fn entry_paths(lake: &Path) -> Vec<PathBuf> {
    kept(lake, "ledger").into_iter().map(|path| lake.join("_lp_archive/ledger").join(path)).collect()
}

#[test]
fn a_sound_lake_passes_and_is_not_touched() {
    let temporary = tempfile::tempdir().unwrap();
    let inputs = generated(temporary.path(), "6MiB", 11);
    let lake = temporary.path().join("lake");
    let rows: u64 =
        super::program::numbers(&convert(&lake, &[&inputs], &[]).exits(0).summary()["rows"]).values().sum();
    let before = listing(&lake);
    for more in
        [&[][..], &["--deep"], &["--deep", "--memory", "128MiB", "--threads", "4"], &["--account", ACCOUNT]]
    {
        let summary = verify(&lake, more).exits(0).summary();
        assert_eq!(summary["findings"].as_array().map(Vec::len), Some(0), "{more:?}: {summary}");
        assert_eq!(summary["objects"].as_u64(), Some(objects(&lake).len() as u64), "{more:?}: {summary}");
        assert_eq!(summary["rows"].as_u64(), Some(rows), "{more:?}: {summary}");
    }
    assert_eq!(listing(&lake), before);
}

#[test]
fn missing_changed_and_extra_objects_are_named() {
    let temporary = tempfile::tempdir().unwrap();
    let lake = lake_of_samples(temporary.path());
    let paths: Vec<PathBuf> = objects(&lake).into_keys().collect();
    let [gone, short, other, spoiled, ..] = paths.as_slice() else { panic!("{paths:?}") };
    fs::remove_file(lake.join(gone)).unwrap();
    let bytes = fs::read(lake.join(short)).unwrap();
    fs::write(lake.join(short), &bytes[..bytes.len() - 1]).unwrap();
    let mut bytes = fs::read(lake.join(spoiled)).unwrap();
    let end = bytes.len();
    bytes[end - 10] ^= 0xff;
    fs::write(lake.join(spoiled), bytes).unwrap();
    let extra = Path::new("navigation/account_id=75555851/date=2016-06-30/part-0.parquet");
    fs::copy(lake.join(other), lake.join(extra)).unwrap();
    fs::copy(lake.join(other), lake.join("navigation/loose.parquet")).unwrap();
    fs::write(lake.join("navigation/_SUCCESS"), "").unwrap();
    let run = verify(&lake, &[]).exits(3);
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let mut expected = vec![
        ("missing".to_owned(), text(gone)),
        ("changed".to_owned(), text(short)),
        ("changed".to_owned(), text(spoiled)),
        ("extra".to_owned(), text(extra)),
        ("extra".to_owned(), "navigation/loose.parquet".to_owned()),
    ];
    expected.sort_by(|a, b| a.1.cmp(&b.1));
    assert_eq!(found(&run), expected);
    let said = super::program::run(command().args(["verify", "--out"]).arg(&lake)).exits(3).stdout;
    assert!(
        said.contains(&format!("missing {}: expected ", text(gone))) && said.contains("5 findings"),
        "{said}"
    );
}

#[test]
fn what_is_missing_or_changed_is_mended_by_a_redo() {
    let temporary = tempfile::tempdir().unwrap();
    let lake = lake_of_samples(temporary.path());
    let inputs = temporary.path().join("samples");
    let paths: Vec<PathBuf> = objects(&lake).into_keys().collect();
    fs::remove_file(lake.join(&paths[0])).unwrap();
    fs::write(lake.join(&paths[5]), "no Parquet").unwrap();
    verify(&lake, &["--deep"]).exits(3);
    convert(&lake, &[&inputs], &["--redo"]).exits(0);
    verify(&lake, &["--deep"]).exits(0);
    super::program::compare(&lake, &[&inputs], &[]);
}

/// One byte anywhere: the deep look finds it, wherever it is.
#[test]
fn every_flipped_byte_is_found() {
    let temporary = tempfile::tempdir().unwrap();
    let lake = lake_of_samples(temporary.path());
    let path = objects(&lake).into_keys().find(|path| path.starts_with("impressions")).unwrap();
    let whole = fs::read(lake.join(&path)).unwrap();
    for at in [0, 4, 40, whole.len() / 4, whole.len() / 2, whole.len() * 3 / 4, whole.len() - 1] {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x01;
        fs::write(lake.join(&path), bytes).unwrap();
        let run = verify(&lake, &["--deep"]).exits(3);
        let findings = found(&run);
        assert!(
            findings.contains(&("changed".to_owned(), path.to_str().unwrap().to_owned())),
            "byte {at}: {findings:?}"
        );
    }
    fs::write(lake.join(&path), whole).unwrap();
    verify(&lake, &["--deep"]).exits(0);
}

/// Another object's bytes under the name: right Parquet, wrong rows.
#[test]
fn exchanged_objects_are_found() {
    let temporary = tempfile::tempdir().unwrap();
    let (first, second) = (temporary.path().join("first"), temporary.path().join("second"));
    let lake = lake_of_samples(temporary.path());
    for (folder, start) in [(&first, 1_465_992_000_000_i64), (&second, 1_466_078_400_000)] {
        fs::create_dir(folder).unwrap();
        let name = format!("Agent.{start}.{}.part-00000-0", start + 3_600_000);
        let json = fs::read(temporary.path().join("samples/Agent.1465992000000.1465995600000.part-00000-0"));
        fs::write(folder.join(name), json.unwrap()).unwrap();
    }
    convert(&lake, &[&second], &[]).exits(0);
    let named = |day: &str| {
        let of_day =
            |path: &&PathBuf| path.starts_with("agent_sessions") && path.to_str().unwrap().contains(day);
        objects(&lake).keys().find(of_day).unwrap().clone()
    };
    let (one, two) = (named("agentActivity-20160615"), named("agentActivity-20160616"));
    let bytes = fs::read(lake.join(&two)).unwrap();
    let same_size = fs::metadata(lake.join(&one)).unwrap().len() == bytes.len() as u64;
    fs::write(lake.join(&one), bytes).unwrap();
    let run = verify(&lake, &[]).exits(3);
    assert!(found(&run).iter().all(|(kind, path)| kind == "changed" && path == one.to_str().unwrap()));
    assert_eq!(same_size, run.stdout.contains("token"), "{}", run.stdout);
}

#[test]
fn entries_that_do_not_add_up_or_cannot_be_read_are_found() {
    let temporary = tempfile::tempdir().unwrap();
    let lake = lake_of_samples(temporary.path());
    let path =
        entry_paths(&lake).into_iter().find(|path| path.to_str().unwrap().contains("engagement")).unwrap();
    let whole = fs::read_to_string(&path).unwrap();
    type Spoil = (&'static str, fn(&mut Value));
    let spoil: [Spoil; 6] = [
        ("counts", |entry| entry["parts"][0]["rejects"] = 1.into()),
        ("counts", |entry| entry["totals"]["records"] = 7.into()),
        ("counts", |entry| entry["totals"]["rows"]["messages"] = 7.into()),
        ("entry", |entry| entry["number"] = 7.into()),
        ("entry", |entry| entry["version"] = 99.into()),
        ("changed", |entry| {
            entry["objects"][0]["rows"] = 7.into();
            entry["totals"]["rows"]["conversations"] = 7.into();
        }),
    ];
    for (kind, spoil) in spoil {
        let mut entry: Value = serde_json::from_str(&whole).unwrap();
        spoil(&mut entry);
        fs::write(&path, entry.to_string()).unwrap();
        let run = verify(&lake, &["--deep"]).exits(3);
        let kinds: Vec<String> = found(&run).into_iter().map(|(kind, _)| kind).collect();
        assert!(kinds.iter().any(|found| found == kind), "{kind}: {}", run.stdout);
        // Nobody is told that the objects of an entry that cannot be read are superfluous.
        if entry["version"] == 99 {
            assert_eq!(kinds, ["entry"], "{}", run.stdout);
        }
    }
}

/// The ledger of one day stands twice: its parts, and so its rows, too.
#[test]
fn rows_that_stand_twice_are_found() {
    let temporary = tempfile::tempdir().unwrap();
    let lake = lake_of_samples(temporary.path());
    let path = entry_paths(&lake).into_iter().find(|path| path.to_str().unwrap().contains("survey")).unwrap();
    let mut entry: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    entry["number"] = 2.into();
    fs::write(path.with_file_name("r2.json"), entry.to_string()).unwrap();
    let run = verify(&lake, &[]).exits(3);
    assert!(found(&run).iter().any(|(kind, _)| kind == "twice"), "{}", run.stdout);
}

/// To look at nothing finds nothing.
#[test]
fn a_mistyped_account_is_no_clean_bill() {
    let temporary = tempfile::tempdir().unwrap();
    let lake = lake_of_samples(temporary.path());
    let run = verify(&lake, &["--account", "7555581"]).exits(2);
    let said = "the lake holds nothing of account 7555581; it holds 75555851";
    assert!(run.stderr.contains(said), "{}", run.stderr);
}

#[test]
fn where_there_is_no_lake_exits_with_6() {
    let temporary = tempfile::tempdir().unwrap();
    let nowhere = temporary.path().join("nowhere");
    for out in [nowhere.as_path(), temporary.path()] {
        let run = verify(out, &[]).exits(6);
        assert!(run.stderr.contains("there is no lake here"), "{}", run.stderr);
    }
    assert!(!nowhere.exists());
    lp(&["verify"]).exits(2);
}
