//! `--metrics-file`: what the collector reads after runs that went well, badly, or not at all.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use lp_archive::demo::service::{FaultAct, Faults, Match, StandInOptions};
use lp_archive::model::Stream;

use super::program::{ACCOUNT, command, run, samples};
use super::stand_in::{HOUR_MS, Method, Scene};

/// Series with labels -> value. Fails on what a collector would refuse.
#[track_caller]
fn series(path: &Path) -> BTreeMap<String, f64> {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.ends_with('\n'));
    let mut found = BTreeMap::new();
    let mut described = Vec::new();
    let mut current = String::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            current = rest.split(' ').next().unwrap().to_owned();
            assert!(!described.contains(&current), "{current} is described twice");
            described.push(current.clone());
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            assert_eq!(rest, format!("{current} gauge"));
        } else {
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert!(name.starts_with(&format!("{current}{{")), "{line} stands below {current}");
            let before = found.insert(name.to_owned(), value.parse::<f64>().unwrap());
            assert_eq!(before, None, "{name} is there twice");
        }
    }
    found
}

fn of_stream(name: &str, stream: &str) -> String {
    format!("lp_archive_{name}{{command=\"sync\",account=\"{ACCOUNT}\",stream=\"{stream}\"}}")
}

fn of_run(name: &str) -> String {
    format!("lp_archive_{name}{{command=\"sync\",accounts=\"{ACCOUNT}\"}}")
}

fn now_s() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

fn sync(scene: &Scene, file: &Path, more: &[&str], code: i32) {
    scene.sync(&[&["--metrics-file", file.to_str().unwrap()], more].concat()).exits(code);
}

#[test]
fn success_times_move_only_for_streams_that_are_complete() {
    let scene = Scene::new(StandInOptions::default(), Method::Bearer);
    let folder = scene.folder.path().join("textfile");
    fs::create_dir(&folder).unwrap();
    let file = folder.join("lp_archive.prom");
    // One survey part cannot be fetched.
    let survey =
        fs::read_dir(&scene.inputs).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let bad = survey.filter(|name| name.starts_with("Survey")).min().unwrap();
    let gone = FaultAct::Status { code: 404, retry_after: None };
    let bad = bad.trim_end_matches(".gz").to_owned();
    scene.service.set_faults(Faults::none().always(Match::Path(bad.clone()), gone));
    sync(&scene, &file, &[], 3);
    let first = series(&file);
    for stream in Stream::ALL.map(Stream::resource) {
        let success = first[&of_stream("last_success_timestamp_seconds", stream)];
        let (archived, left) = (
            first[&of_stream("last_run_archived_parts", stream)],
            first[&of_stream("unarchived_parts", stream)],
        );
        let expired = first.get(&of_stream("oldest_unarchived_expires_in_seconds", stream)).copied();
        if stream == "survey" {
            assert_eq!((success, archived, left), (0.0, 7.0, 1.0));
            let end_ms: i64 = bad.split('.').nth(2).unwrap().parse().unwrap();
            let expected = (end_ms + 720 * HOUR_MS) as f64 / 1000.0 - now_s();
            assert!((expired.unwrap() - expected).abs() < 30.0, "{expired:?}, not {expected}");
            let age = first[&of_stream("oldest_unarchived_age_seconds", stream)];
            assert!((age + expired.unwrap() - 30.0 * 86_400.0).abs() < 2.0);
        } else {
            assert!(
                (success - now_s()).abs() < 30.0 && archived == 8.0 && left == 0.0,
                "{stream}: {first:?}"
            );
            assert_eq!(expired, None);
        }
    }
    assert_eq!(first[&of_run("last_run_exit_code")], 3.0);
    assert_eq!(first[&of_run("last_run_failed_parts")], 1.0);
    let rows: f64 = first
        .iter()
        .filter(|(name, _)| name.starts_with("lp_archive_last_run_rows{"))
        .map(|(_, rows)| rows)
        .sum();
    let all: u64 = scene.counts.rows().into_values().sum();
    assert!(rows > 0.0 && rows < all as f64, "{rows} of {all}");

    // A broken configuration: nothing is learned, and what was known stays.
    let config = fs::read_to_string(&scene.config).unwrap();
    fs::write(&scene.config, "account = nonsense").unwrap();
    sync(&scene, &file, &[], 2);
    let second = series(&file);
    let engagement = of_stream("last_success_timestamp_seconds", "engagement");
    assert_eq!(second[&engagement], first[&engagement]);
    assert_eq!(second[&of_run("last_run_exit_code")], 2.0);
    assert_eq!(second[&of_stream("unarchived_parts", "survey")], 1.0);

    // Mended, but for the listing of one stream.
    fs::write(&scene.config, config).unwrap();
    let refused = FaultAct::Status { code: 403, retry_after: None };
    scene.service.set_faults(Faults::none().always(Match::Path("/le/engagement".into()), refused));
    std::thread::sleep(std::time::Duration::from_millis(1100));
    sync(&scene, &file, &[], 3);
    let third = series(&file);
    assert_eq!(third[&engagement], first[&engagement]);
    assert!(third[&of_stream("last_success_timestamp_seconds", "survey")] > first[&engagement]);
    assert_eq!(third[&of_stream("unarchived_parts", "survey")], 0.0);
    assert!(!third.contains_key(&of_stream("oldest_unarchived_expires_in_seconds", "survey")));

    let left: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["lp_archive.prom"], "temporary files are left");
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(&file).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode & 0o444, 0o444, "the collector cannot read it: {mode:o}");
}

#[test]
fn a_path_that_cannot_be_written_is_told_before_the_run() {
    let scene = Scene::new(StandInOptions::default(), Method::Bearer);
    for path in ["missing/lp.prom", "lp-archive.toml/lp.prom"] {
        let path = scene.folder.path().join(path);
        let done = scene.sync(&["--metrics-file", path.to_str().unwrap()]).exits(2);
        assert!(done.stderr.contains("--metrics-file"), "{}", done.stderr);
    }
    assert!(scene.service.requests().is_empty() && !scene.lake.exists());
}

#[test]
fn convert_and_a_destination_that_fails_write_them_too() {
    let folder = tempfile::tempdir().unwrap();
    let inputs = samples(folder.path());
    let file = folder.path().join("convert.prom");
    let convert = |out: &Path| {
        run(command()
            .args(["convert", "--account", ACCOUNT, "--out"])
            .arg(out)
            .arg("--metrics-file")
            .arg(&file)
            .arg(&inputs))
    };
    convert(&folder.path().join("lake")).exits(0);
    let exit_code = format!("lp_archive_last_run_exit_code{{command=\"convert\",accounts=\"{ACCOUNT}\"}}");
    let success = format!(
        "lp_archive_last_success_timestamp_seconds{{command=\"convert\",account=\"{ACCOUNT}\",stream=\"survey\"}}"
    );
    let first = series(&file);
    assert_eq!(first[&exit_code], 0.0);
    assert!(first[&success] > 0.0);
    convert(&file.join("lake")).exits(6);
    let second = series(&file);
    assert_eq!((second[&exit_code], second[&success]), (6.0, first[&success]));
}
