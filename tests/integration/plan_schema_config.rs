//! `plan`, `schema`, `config`, exit codes in `--help`, and what the README promises.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use lp_archive::demo::service::StandInOptions;
use lp_archive::model::Stream;
use serde_json::Value;

use super::program::{
    ACCOUNT, command, compare, convert, kept, lake_is_tidy, lp, objects, python, repository, run, samples,
};
use super::stand_in::{Method, Scene};

const TABLES: [&str; 17] = [
    "agent_sessions",
    "agent_activity",
    "web_sessions",
    "geo",
    "session_info",
    "navigation",
    "engagement_attributes",
    "goals",
    "eligibility",
    "impressions",
    "conversations",
    "messages",
    "transfers",
    "secure_forms",
    "surveys",
    "survey_answers",
    "unrecognized",
];

#[test]
fn plan_tells_the_batches_and_writes_nothing() {
    let scene = Scene::new(StandInOptions::default(), Method::Bearer);
    let planned = scene.run("plan", &[]).exits(0);
    let batches: Vec<Value> =
        planned.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(batches.len() >= 4, "{}", planned.stdout);
    assert!(objects(&scene.lake).is_empty() && kept(&scene.lake, "ledger").is_empty());

    // Batches spread over machines: each takes some lines, together they make the whole.
    let lines: Vec<&str> = planned.stdout.lines().collect();
    let (first, rest) = lines.split_at(lines.len() / 2);
    let file = scene.folder.path().join("first.jsonl");
    fs::write(&file, first.join("\n")).unwrap();
    let summary = scene.sync(&["--batches", file.to_str().unwrap()]).exits(0).summary();
    assert_eq!(summary["batches"], first.len() as u64, "{summary}");
    let mut child = command()
        .args(["sync", "--json", "--batches", "-", "-c"])
        .arg(&scene.config)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(rest.join("\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    lake_is_tidy(&scene.lake);
    compare(&scene.lake, &[&scene.inputs], &[]);
    let left = scene.run("plan", &[]).exits(0);
    assert_eq!(left.stdout.trim(), "", "nothing is left to do");
}

#[test]
fn an_empty_plan_is_nothing_to_do_and_claims_nothing() {
    let scene = Scene::new(StandInOptions::default(), Method::Bearer);
    let file = scene.folder.path().join("none.jsonl");
    fs::write(&file, "\n").unwrap();
    let done = run(command().args(["sync", "--batches"]).arg(&file).arg("-c").arg(&scene.config)).exits(0);
    assert!(done.stdout.starts_with("no batches given: nothing to do"), "{}", done.stdout);
    assert!(!scene.lake.exists());
    assert_eq!(scene.sync(&["--batches", file.to_str().unwrap()]).exits(0).summary()["parts"], 0);
}

#[test]
fn a_plan_without_any_listing_claims_nothing() {
    let refuses = StandInOptions { forbidden: Stream::ALL.to_vec(), ..StandInOptions::default() };
    let scene = Scene::new(refuses, Method::Bearer);
    let done = run(command().args(["plan", "-c"]).arg(&scene.config)).exits(3);
    assert!(done.stdout.starts_with("nothing could be listed"), "{}", done.stdout);
    assert!(!done.stdout.contains("is archived"), "{}", done.stdout);
}

#[test]
fn a_plan_that_cannot_be_kept_is_told() {
    let scene = Scene::new(StandInOptions::default(), Method::Bearer);
    let planned = scene.run("plan", &[]).exits(0);
    let mut batch: Value = serde_json::from_str(planned.stdout.lines().next().unwrap()).unwrap();
    let file = scene.folder.path().join("batch.jsonl");
    let parts = batch["parts"].as_array().unwrap().len() as u64;
    batch["parts"].as_array_mut().unwrap().push("Gone.1.2.part-00000-0".into());
    for archived in [parts, 0] {
        fs::write(&file, batch.to_string()).unwrap();
        let summary = scene.sync(&["--batches", file.to_str().unwrap()]).exits(3).summary();
        assert_eq!(summary["parts"], archived, "{summary}");
        let failed = summary["failed"].as_array().unwrap();
        assert_eq!((failed.len(), &failed[0]["kind"]), (1, &"gone".into()), "{summary}");
    }
    batch["account"] = "other".into();
    fs::write(&file, batch.to_string()).unwrap();
    scene.sync(&["--batches", file.to_str().unwrap()]).exits(2);
}

#[test]
fn schema_tells_every_table() {
    let text = lp(&["schema"]).exits(0).stdout;
    let json: Value = serde_json::from_str(&lp(&["schema", "--json"]).exits(0).stdout).unwrap();
    let json = json.to_string();
    let duckdb = lp(&["schema", "--ddl", "duckdb"]).exits(0).stdout;
    let spark = lp(&["schema", "--ddl", "spark"]).exits(0).stdout;
    for table in TABLES {
        for (form, printed) in [("text", &text), ("json", &json), ("duckdb", &duckdb), ("spark", &spark)] {
            assert!(printed.contains(table), "{table} is missing in {form}");
        }
    }
}

/// A redirect to a full disk would else leave half of it there, with exit code 0.
#[cfg(target_os = "linux")]
#[test]
fn a_result_that_cannot_be_printed_is_an_error() {
    let temporary = tempfile::tempdir().unwrap();
    let (inputs, lake) = (samples(temporary.path()), temporary.path().join("lake"));
    convert(&lake, &[&inputs], &[]).exits(0);
    let (lake, inputs) = (lake.to_str().unwrap(), inputs.to_str().unwrap());
    for words in [
        &["schema", "--ddl", "duckdb"][..],
        &["schema", "--markdown"],
        &["completions", "bash"],
        &["man"],
        &["verify", "--out", lake],
        &["verify", "--json", "--out", lake],
        &["status", "--offline", "--out", lake],
        &["doctor", "--json"],
        &["demo", "--write-files", inputs, "--size", "64KiB"],
        &["convert", "--json", "--account", ACCOUNT, "--out", lake, inputs],
        &["convert", "--account", ACCOUNT, "--out", lake, inputs],
    ] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        // Captured it would not be full.
        let child = command().args(words).stdout(full).stderr(Stdio::piped()).spawn().unwrap();
        let done = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(said.contains("standard output: No space left on device"), "{words:?}: {said}");
        // What expires in the samples is told by 3 in any case; without a configuration, 2 comes before 1.
        let codes = if words[0] == "doctor" { [2, 2] } else { [1, 3] };
        assert!(codes.map(Some).contains(&done.status.code()), "{words:?}: {:?}", done.status);
    }
}

#[test]
fn duckdb_loads_its_ddl_and_reads_the_lake_through_it() {
    let temporary = tempfile::tempdir().unwrap();
    let (inputs, lake) = (samples(temporary.path()), temporary.path().join("lake"));
    convert(&lake, &[&inputs], &[]).exits(0);
    let ddl = temporary.path().join("views.sql");
    fs::write(&ddl, lp(&["schema", "--ddl", "duckdb"]).exits(0).stdout).unwrap();
    let run = python("oracle/ddl.py", &[lake.as_os_str(), ddl.as_os_str()]);
    assert_eq!(run.code, Some(0), "{}\n{}", run.stdout, run.stderr);
}

#[test]
fn config_init_is_a_configuration_and_show_tells_where_values_come_from() {
    let temporary = tempfile::tempdir().unwrap();
    let printed = command().args(["config", "init"]).current_dir(temporary.path()).output().unwrap();
    assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
    let made = fs::read_dir(temporary.path()).unwrap().next().map(|entry| entry.unwrap().path());
    let text = match made {
        Some(path) => fs::read_to_string(path).unwrap(),
        None => String::from_utf8(printed.stdout).unwrap(),
    };
    for word in ["[[account]]", "[account.auth]", "method", "[archive]", "out", "key_files"] {
        assert!(text.contains(word), "{word} is missing in:\n{text}");
    }

    let scene = Scene::new(StandInOptions::default(), Method::Oauth2);
    let shown = super::program::run(
        command().args(["config", "show", "-c"]).arg(&scene.config).env("LP_ARCHIVE_MEMORY", "300MiB"),
    )
    .exits(0)
    .stdout;
    assert!(shown.contains("300") && shown.contains("LP_ARCHIVE_MEMORY"), "{shown}");
    assert!(shown.contains("lp-archive.toml"), "the file is not named: {shown}");
    assert!(!shown.contains(&scene.service.credentials().client_secret), "{shown}");
}

#[test]
fn unknown_keys_are_errors_that_name_their_path() {
    let scene = Scene::new(StandInOptions::default(), Method::Bearer);
    scene.write_config("no_such_key = 1\n");
    let done = scene.sync(&[]).exits(2);
    assert!(done.stderr.contains("service.no_such_key"), "{}", done.stderr);
}

#[test]
fn help_tells_the_exit_codes() {
    let help = lp(&["--help"]).exits(0).stdout;
    for code in ["0", "1", "2", "3", "4", "5", "6", "130"] {
        assert!(
            help.lines().any(|line| line.trim_start().starts_with(&format!("{code} "))),
            "exit code {code} is not in --help:\n{help}"
        );
    }
}

/// Every `lp-archive <command>` and every script that the README shows is there.
#[test]
fn what_the_readme_shows_exists() {
    let readme = fs::read_to_string(repository().join("README.md")).unwrap();
    assert!(readme.contains("bash tests/run.sh"), "the second command is missing");
    for table in TABLES {
        assert!(readme.contains(table), "{table} is not in the README");
    }
    let help = lp(&["--help"]).exits(0).stdout;
    let mut shown = 0;
    for block in readme.split("```").skip(1).step_by(2) {
        let commands = block.lines().filter(|line| !line.trim_start().starts_with('#'));
        for rest in commands.flat_map(|line| line.split("lp-archive ").skip(1)) {
            let name = rest.split_whitespace().next().unwrap_or_default();
            if !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase()) {
                assert!(help.contains(name), "the README shows `lp-archive {name}`, --help does not know it");
                shown += 1;
            }
        }
    }
    assert!(shown > 0, "the README shows no command");
}
