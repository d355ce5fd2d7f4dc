//! `demo`: one command that shows it all, and the generator behind it.

use std::fs;

use lp_archive::demo::generator::{GeneratorOptions, write_files};
use serde_json::Value;

use super::program::{
    ACCOUNT, command, compare, convert, generated, kept, lake_is_tidy, listing, numbers, python, repository,
    run, samples,
};
use super::stand_in::first_hour;

#[test]
fn the_demo_fills_a_lake_and_says_what_to_try() {
    let temporary = tempfile::tempdir().unwrap();
    let lake = temporary.path().join("lake");
    let done = run(command().args(["demo", "--out"]).arg(&lake)).exits(0);
    lake_is_tidy(&lake);
    let counted = python("oracle/oracle.py", &["count".as_ref(), "--lake".as_ref(), lake.as_os_str()]);
    let rows = numbers(&counted.exits(0).summary());
    for table in
        ["agent_activity", "navigation", "messages", "survey_answers", "web_sessions", "conversations"]
    {
        assert!(rows.contains_key(table), "{table} is empty: {rows:?}");
    }
    let said = format!("{}{}", done.stdout, done.stderr);
    assert!(said.matches("read_parquet(").count() >= 3, "three queries to try: {said}");
    assert!(
        said.contains("\nWHERE type IN ('1', '3', '4')\n"),
        "the kinds of line that agents write: {said}"
    );
    assert!(kept(&lake, "quarantine").is_empty() && kept(&lake, "raw").is_empty());
}

#[test]
fn the_demo_goes_to_its_own_folder_by_default() {
    let temporary = tempfile::tempdir().unwrap();
    run(command().arg("demo").arg("--json").current_dir(temporary.path())).exits(0).summary();
    lake_is_tidy(&temporary.path().join("lp-archive-demo"));
}

#[test]
fn the_generator_is_seeded_and_scales() {
    let temporary = tempfile::tempdir().unwrap();
    let folders = [("a", 1), ("b", 1), ("c", 2)].map(|(name, seed)| {
        let folder = temporary.path().join(name);
        fs::create_dir(&folder).unwrap();
        generated(&folder, "3MiB", seed)
    });
    let texts = folders.each_ref().map(|folder| {
        listing(folder)
            .into_keys()
            .filter(|path| path.extension().is_some_and(|e| e == "gz"))
            .map(|path| (path.clone(), fs::read(folder.join(path)).unwrap()))
            .collect::<Vec<_>>()
    });
    assert_ne!(texts[0], texts[2], "another seed, the same files");
    let lakes = folders.each_ref().map(|inputs| {
        let lake = inputs.with_extension("lake");
        let json = convert(&lake, &[inputs], &[]).exits(0).summary();
        let bytes = json["bytes_json"].as_u64().unwrap();
        assert!((2 << 20..6 << 20).contains(&bytes), "3 MiB asked for, {bytes} made");
        compare(&lake, &[inputs], &[])
    });
    assert_eq!(lakes[0], lakes[1], "the same seed, other rows");
}

#[test]
fn generated_documents_are_what_a_foreign_avro_library_reads() {
    let temporary = tempfile::tempdir().unwrap();
    let mut options = GeneratorOptions::new(11, ACCOUNT, first_hour());
    options.strict = true;
    write_files(temporary.path(), &options).unwrap();
    let schemas = repository().join("fixtures/avro");
    let run = python("foreign/check_avro.py", &[schemas.as_os_str(), temporary.path().as_os_str()]);
    assert_eq!(run.code, Some(0), "{}\n{}", run.stdout, run.stderr);
}

#[test]
fn files_of_a_foreign_avro_library_are_archived_exactly() {
    let temporary = tempfile::tempdir().unwrap();
    let (inputs, lake) = (temporary.path().join("foreign"), temporary.path().join("lake"));
    let schemas = repository().join("fixtures/avro");
    python("foreign/make_avro.py", &[schemas.as_os_str(), inputs.as_os_str()]).exits(0);
    let truth: Value = serde_json::from_slice(&fs::read(inputs.join("expected.json")).unwrap()).unwrap();
    let summary = convert(&lake, &[&inputs], &[]).exits(0).summary();
    assert_eq!(summary["records"], truth["records"]);
    assert_eq!(numbers(&summary["rows"]), numbers(&truth["rows"]));
    assert_eq!(compare(&lake, &[&inputs], &[]), numbers(&truth["rows"]));
    lake_is_tidy(&lake);
}

/// What the tests rely on must itself be able to fail.
#[test]
fn the_oracle_notices_spoiled_lakes() {
    let temporary = tempfile::tempdir().unwrap();
    let run = python("oracle/check_oracle.py", &[samples(temporary.path()).as_os_str()]);
    assert_eq!(run.code, Some(0), "{}\n{}", run.stdout, run.stderr);
}
