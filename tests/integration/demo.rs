//! `demo`: one command that shows it all, and the generator behind it.

use std::fs;

use super::program::{command, compare, convert, generated, kept, lake_is_tidy, listing, numbers, run};

#[test]
fn the_demo_fills_a_lake_and_says_what_to_try() {
    let temporary = tempfile::tempdir().unwrap();
    let lake = temporary.path().join("lake");
    let done = run(command().args(["demo", "--out"]).arg(&lake)).exits(0);
    lake_is_tidy(&lake);
    let counted =
        super::program::python("oracle/oracle.py", &["count".as_ref(), "--lake".as_ref(), lake.as_os_str()]);
    let rows = numbers(&counted.exits(0).summary());
    for table in
        ["agent_activity", "navigation", "messages", "survey_answers", "web_sessions", "conversations"]
    {
        assert!(rows.contains_key(table), "{table} is empty: {rows:?}");
    }
    let said = format!("{}{}", done.stdout, done.stderr);
    assert!(said.matches("read_parquet(").count() >= 3, "three queries to try: {said}");
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
