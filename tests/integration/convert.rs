//! `convert`: files on disk to a lake whose every row is as the oracle computes it.

use std::fs;
use std::path::Path;

use super::program::{
    ACCOUNT, command, compare, convert, generated, gzip, kept, lake_is_tidy, ledger, listing, lp, numbers,
    objects, run, samples,
};

#[test]
fn published_samples_give_exactly_their_rows() {
    let temporary = tempfile::tempdir().unwrap();
    let (inputs, lake) = (samples(temporary.path()), temporary.path().join("lake"));
    let run = convert(&lake, &[&inputs], &[]).exits(0);
    let expected = [
        ("agent_activity", 2),
        ("agent_sessions", 2),
        ("conversations", 1),
        ("eligibility", 2),
        ("engagement_attributes", 2),
        ("goals", 1),
        ("impressions", 3),
        ("messages", 1),
        ("navigation", 3),
        ("survey_answers", 4),
        ("surveys", 1),
        ("web_sessions", 1),
    ];
    let expected = expected.map(|(table, rows)| (table.to_owned(), rows)).into();
    assert_eq!(compare(&lake, &[&inputs], &[]), expected);
    let summary = run.summary();
    assert_eq!(numbers(&summary["rows"]), expected);
    assert_eq!((summary["parts"].as_u64(), summary["records"].as_u64()), (Some(4), Some(5)));
    assert_eq!(summary["batches"].as_u64(), Some(4));
    for figure in ["quarantined", "mistyped", "unknown_fields"] {
        assert_eq!(summary[figure].as_u64(), Some(0), "{figure}: {summary}");
    }
    assert_eq!(summary["failed"].as_array().map(Vec::len), Some(0), "{summary}");
    for figure in ["bytes_downloaded", "bytes_json"] {
        assert!(summary[figure].as_u64().unwrap() > 0, "{figure}: {summary}");
    }
    assert!(summary["seconds"].is_number(), "{summary}");
    lake_is_tidy(&lake);
}

#[test]
fn generated_files_give_exactly_their_rows_and_a_second_run_writes_nothing() {
    let temporary = tempfile::tempdir().unwrap();
    let inputs = generated(temporary.path(), "30MiB", 1);
    let lake = temporary.path().join("lake");
    let run = convert(&lake, &[&inputs], &[]).exits(0);
    assert_eq!(numbers(&run.summary()["rows"]), compare(&lake, &[&inputs], &[]));
    lake_is_tidy(&lake);

    let before = listing(&lake);
    let again = convert(&lake, &[&inputs], &[]).exits(0).summary();
    assert_eq!(listing(&lake), before, "the second run wrote something");
    assert_eq!(again["batches"].as_u64(), Some(0), "{again}");
}

#[test]
fn settings_do_not_change_the_rows() {
    let temporary = tempfile::tempdir().unwrap();
    let inputs = generated(temporary.path(), "4MiB", 2);
    for (name, settings) in [
        ("narrow", ["--threads", "1", "--memory", "128MiB"]),
        ("wide", ["--threads", "4", "--memory", "1GiB"]),
    ] {
        let lake = temporary.path().join(name);
        convert(&lake, &[&inputs], &settings).exits(0);
        compare(&lake, &[&inputs], &[]);
        lake_is_tidy(&lake);
    }
}

#[test]
fn late_parts_make_a_batch_of_their_own() {
    let temporary = tempfile::tempdir().unwrap();
    let inputs = generated(temporary.path(), "2MiB", 3);
    let late = temporary.path().join("late");
    fs::create_dir(&late).unwrap();
    let mut files: Vec<_> = fs::read_dir(&inputs).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    for file in files.iter().step_by(3) {
        fs::rename(file, late.join(file.file_name().unwrap())).unwrap();
    }
    let lake = temporary.path().join("lake");
    convert(&lake, &[&inputs], &[]).exits(0);
    let first = objects(&lake);
    compare(&lake, &[&inputs], &[]);
    // The archived parts are gone from the second run's sight: nothing of them may be touched.
    convert(&lake, &[&late], &[]).exits(0);
    let second = objects(&lake);
    assert!(first.iter().all(|(path, state)| second.get(path) == Some(state)), "an object was touched");
    compare(&lake, &[&inputs, &late], &[]);
    lake_is_tidy(&lake);
}

#[test]
fn ledger_entries_tell_parts_and_objects() {
    let temporary = tempfile::tempdir().unwrap();
    let (inputs, lake) = (samples(temporary.path()), temporary.path().join("lake"));
    convert(&lake, &[&inputs], &[]).exits(0);
    assert!(lake.join("_lp_archive/lake.json").is_file());
    let folder = lake.join("_lp_archive/ledger/v1").join(ACCOUNT);
    let path = folder.join("webSession/2016-06-30/r1.json");
    assert!(path.is_file(), "{} is missing: {:?}", path.display(), kept(&lake, "ledger"));
    let entry: serde_json::Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let part = &entry["parts"][0];
    let received = fs::read(inputs.join("WebSession.1467288000000.1467291600000.part-00001-0.gz")).unwrap();
    assert_eq!(part["name"], "WebSession.1467288000000.1467291600000.part-00001-0");
    assert_eq!(part["bytes"].as_u64(), Some(received.len() as u64));
    assert_eq!(part["sha256"].as_str().unwrap().to_lowercase(), sha256(&received));
    assert_eq!((part["records"].as_u64(), part["rejects"].as_u64()), (Some(1), Some(0)));
    assert!(entry.to_string().contains("1.0.0.22"), "the schema version met is missing: {entry}");
    assert!(
        entry.to_string().contains(env!("CARGO_PKG_VERSION")),
        "the program's version is missing: {entry}"
    );
    let objects = entry["objects"].as_array().unwrap();
    let navigation = objects.iter().find(|o| o["table"] == "navigation").unwrap();
    assert_eq!((navigation["rows"].as_u64(), navigation["date"].as_str()), (Some(3), Some("2016-06-30")));
    for object in objects {
        let file = lake.join(object["path"].as_str().unwrap());
        assert_eq!(fs::metadata(file).unwrap().len(), object["bytes"].as_u64().unwrap());
    }
    assert_eq!(ledger(&lake).len(), 4);
}

#[test]
fn strict_turns_what_was_noticed_into_exit_3() {
    let temporary = tempfile::tempdir().unwrap();
    let file = temporary.path().join("Agent.1465992000000.1465995600000.part-00000-0.gz");
    let envelope =
        r#"{"dataType":"AgentActivity","metaData":{"schemaVersion":"1"},"recordCollection":[],"new":1}"#;
    fs::write(&file, gzip(envelope.as_bytes())).unwrap();
    let lenient = convert(&temporary.path().join("lenient"), &[&file], &[]).exits(0);
    let strict = convert(&temporary.path().join("strict"), &[&file], &["--strict"]).exits(3);
    assert_eq!(lenient.summary()["rows"], strict.summary()["rows"], "strict holds nothing back");
    assert!(strict.stderr.contains("exit code 3 because of --strict alone"), "{}", strict.stderr);
    assert!(!lenient.stderr.contains("--strict"), "{}", lenient.stderr);
}

#[test]
fn an_account_that_no_record_names_is_told_once() {
    let temporary = tempfile::tempdir().unwrap();
    let inputs = generated(temporary.path(), "1MiB", 3);
    for (account, warnings) in [(ACCOUNT, 0), ("abc", 1)] {
        let lake = temporary.path().join(account);
        let paths = [lake.to_str().unwrap(), inputs.to_str().unwrap()];
        let summary =
            lp(&["convert", "--json", "--account", account, "--out", paths[0], paths[1]]).exits(0).summary();
        let told: Vec<&str> =
            summary["warnings"].as_array().unwrap().iter().filter_map(|w| w.as_str()).collect();
        assert_eq!(told.len(), warnings, "{told:?}");
        for warning in told {
            assert!(warning.contains(&format!("names account {ACCOUNT}, not account abc")), "{warning}");
        }
    }
}

#[test]
fn a_damaged_file_says_where_it_is_kept_and_to_fetch_nothing() {
    let temporary = tempfile::tempdir().unwrap();
    let (inputs, lake) = (temporary.path().join("in"), temporary.path().join("lake"));
    fs::create_dir(&inputs).unwrap();
    let bytes = gzip(&[b' '; 5000]);
    fs::write(inputs.join("Survey.1468270800000.1468274400000.part-00000-0.gz"), &bytes[..20]).unwrap();
    let (lake, inputs) = (lake.to_str().unwrap(), inputs.to_str().unwrap());
    for (policy, kept) in [("failed", true), ("never", false)] {
        let lake = format!("{lake}-{policy}");
        let done = run(command()
            .args(["convert", "--account", ACCOUNT, "--out", &lake, inputs])
            .env("LP_ARCHIVE_RAW", policy))
        .exits(3);
        for said in [&done.stderr, &done.stdout] {
            assert!(said.contains("get a sound copy of the file, or try --salvage"), "{said}");
            assert!(!said.contains("fetch"), "{said}");
            assert_eq!(said.contains("kept under _lp_archive/raw"), kept, "{said}");
        }
    }
}

#[test]
fn usage_errors_exit_with_2_and_tell_why() {
    let temporary = tempfile::tempdir().unwrap();
    let out = temporary.path().join("lake");
    let out = out.to_str().unwrap();
    for arguments in [
        vec!["convert", "--account", ACCOUNT, "--out", out],
        vec!["convert", "--account", "../..", "--out", out, "."],
        vec!["convert", "--account", ACCOUNT, "--out", out, "/does/not/exist"],
        vec!["convert", "--account", ACCOUNT, "--out", "ftp://host/lake", "."],
        vec!["sync", "-c", "/does/not/exist.toml"],
        vec!["no-such-command"],
    ] {
        let run = lp(&arguments).exits(2);
        assert!(!run.stderr.trim().is_empty(), "{arguments:?} says nothing");
    }
}

#[test]
fn a_destination_that_cannot_be_written_exits_with_6() {
    let temporary = tempfile::tempdir().unwrap();
    let inputs = samples(temporary.path());
    let file = temporary.path().join("a-file");
    fs::write(&file, "in the way").unwrap();
    convert(&file.join("lake"), &[&inputs], &[]).exits(6);
    assert_eq!(fs::read(&file).unwrap(), b"in the way");
}

#[test]
fn a_newer_lake_is_refused_and_left_alone() {
    let temporary = tempfile::tempdir().unwrap();
    let (inputs, lake) = (samples(temporary.path()), temporary.path().join("lake"));
    convert(&lake, &[&inputs], &[]).exits(0);
    let marker = lake.join("_lp_archive/lake.json");
    let mut version: serde_json::Value = serde_json::from_slice(&fs::read(&marker).unwrap()).unwrap();
    for (_, value) in version.as_object_mut().unwrap() {
        if value.is_number() {
            *value = 999.into();
        }
    }
    fs::write(&marker, version.to_string()).unwrap();
    let before = objects(&lake);
    convert(&lake, &[Path::new(&inputs)], &[]).exits(6);
    assert_eq!(objects(&lake), before);
}

fn sha256(data: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, data);
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Parts are known by their names. Other content under a name that is archived would pass for done without a word.
#[test]
fn another_file_of_an_archived_name_is_told() {
    let temporary = tempfile::tempdir().unwrap();
    let lake = temporary.path().join("lake");
    let inputs = generated(temporary.path(), "1MiB", 3);
    assert!(!convert(&lake, &[&inputs], &[]).exits(0).stderr.contains("another size"));
    let before = objects(&lake);
    let other = fs::read_dir(&inputs).unwrap().next().unwrap().unwrap().path();
    fs::write(&other, gzip(b"")).unwrap();
    let done = convert(&lake, &[&inputs], &[]).exits(0);
    let said = "1 part archived already, with another size than now: 75555851/";
    assert!(done.stderr.contains(said) && done.stderr.contains("--redo"), "{}", done.stderr);
    assert_eq!(done.summary()["parts"], 0);
    assert_eq!(objects(&lake), before);
}
