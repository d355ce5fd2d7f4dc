//! `status`: what is listed, archived, failed and proven, with the service and without.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use lp_archive::demo::service::{
    FaultAct, Faults, Match, RequestKind, ServedFile, StandInOptions, read_folder,
};
use lp_archive::model::{Scope, Stream, format_ms};
use serde_json::Value;

use super::program::{kept, lp, samples};
use super::stand_in::{HOUR_MS, Method, Scene};

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

fn of(status: &Value, stream: &str) -> Value {
    let streams = status["streams"].as_array().unwrap();
    streams.iter().find(|of| of["stream"] == stream).unwrap_or_else(|| panic!("{stream}: {status}")).clone()
}

#[test]
fn before_and_after_the_first_run() {
    let scene = Scene::new(StandInOptions::default(), Method::Bearer);
    let listed = scene.counts.files / 4;
    let status = scene.run("status", &[]).exits(0).summary();
    let survey = of(&status, "survey");
    assert_eq!(
        (&survey["listed"], &survey["archived"], &survey["failed"]),
        (&listed.into(), &0.into(), &listed.into())
    );
    assert_eq!(survey["oldest_not_archived"]["reason"], "not_tried", "{survey}");
    assert_eq!(
        (survey["hours_covered"].as_u64(), survey["hours"].as_u64()),
        (Some(0), Some(29 * 24)),
        "{survey}"
    );
    assert!(!scene.lake.exists(), "status makes nothing");

    scene.sync(&[]).exits(0);
    let status = scene.run("status", &[]).exits(0).summary();
    for stream in Stream::ALL {
        let stream = of(&status, stream.resource());
        assert_eq!((&stream["archived"], &stream["failed"]), (&listed.into(), &0.into()), "{stream}");
        assert_eq!(stream["hours_covered"], stream["hours"], "{stream}");
        assert_eq!(stream["gaps"], Value::Array(vec![]), "{stream}");
    }
    // What is not listed any more is still archived.
    scene.service.set_files(Vec::new());
    let survey = of(&scene.run("status", &[]).exits(0).summary(), "survey");
    assert_eq!((&survey["listed"], &survey["archived"]), (&0.into(), &listed.into()));
    let text =
        super::program::run(super::program::command().args(["status", "-c"]).arg(&scene.config)).exits(0);
    assert!(
        text.stdout.contains(&format!("survey: 0 listed, {listed} archived, 0 not archived")),
        "{}",
        text.stdout
    );
}

#[test]
fn what_fails_is_named_with_its_reason_and_its_end() {
    let scene = Scene::new(StandInOptions::default(), Method::Bearer);
    // A file that the service may delete in some 30 hours.
    let start_ms = now_ms() / HOUR_MS * HOUR_MS - 29 * 24 * HOUR_MS + 5 * HOUR_MS;
    let scope = Scope { start_ms, end_ms: start_ms + HOUR_MS };
    let name = format!("Survey.{}.{}.part-00000-0", scope.start_ms, scope.end_ms);
    let mut files = read_folder(&scene.inputs).unwrap();
    files.push(ServedFile::new(Stream::Survey, &name, scope, "<html>not a part</html>"));
    scene.service.set_files(files);
    scene.sync(&[]).exits(3);

    for more in [&[][..], &["--offline"]] {
        let run = scene.run("status", more).exits(3);
        let status = run.summary();
        let survey = of(&status, "survey");
        assert_eq!((&survey["failed"], &status["expiring"]), (&1.into(), &1.into()), "{survey}");
        let oldest = &survey["oldest_not_archived"];
        assert_eq!(
            (&oldest["name"], &oldest["reason"]),
            (&name.as_str().into(), &"damaged".into()),
            "{survey}"
        );
        assert_eq!(oldest["expires"], format_ms(scope.end_ms + 30 * 24 * HOUR_MS), "{survey}");
        let hours = oldest["expires_in_seconds"].as_i64().unwrap() / 3600;
        assert!((28..=30).contains(&hours), "{survey}");
        assert_eq!(of(&status, "engagement")["failed"], 0, "{status}");
        scene.run("status", &[more, &["--warn-within", "12h"]].concat()).exits(0);
    }
    let text = super::program::run(super::program::command().args(["status", "-c"]).arg(&scene.config))
        .exits(3)
        .stdout;
    assert!(text.contains(&format!("not archived: {name} (damaged); may be deleted in ")), "{text}");
}

#[test]
fn only_whole_listings_prove_hours() {
    let options = StandInOptions { forbidden: vec![Stream::Survey], ..StandInOptions::default() };
    let scene = Scene::new(options, Method::Bearer);
    scene.sync(&[]).exits(3);
    // Nothing tells which surveys there are, and the oldest are deleted soon.
    let status = scene.run("status", &["--offline"]).exits(3).summary();
    assert_eq!(of(&status, "engagement")["hours_covered"], of(&status, "engagement")["hours"]);
    assert_eq!(
        (&of(&status, "survey")["fault"], &status["expiring"]),
        (&"forbidden".into(), &1.into()),
        "{status}"
    );
    let run = scene.run("status", &[]).exits(3);
    let survey = of(&run.summary(), "survey");
    assert_eq!((&survey["fault"], &survey["hours_covered"]), (&"forbidden".into(), &0.into()), "{survey}");
    // What no listing tells is not "none".
    assert_eq!((&survey["failed"], &survey["listed"]), (&Value::Null, &Value::Null), "{survey}");
    let text =
        super::program::run(super::program::command().args(["status", "-c"]).arg(&scene.config)).exits(3);
    assert!(text.stdout.contains("0 archived, unknown how many are not archived, 0"), "{}", text.stdout);
    assert_eq!(survey["gaps"].as_array().map(Vec::len), Some(1), "{survey}");

    // The record of that run tells why; a listing of files on disk proves nothing.
    let record = kept(&scene.lake, "runs").remove(0);
    let record: Value =
        serde_json::from_slice(&fs::read(scene.lake.join("_lp_archive/runs").join(record)).unwrap()).unwrap();
    assert_eq!(record["version"], 2, "{record}");
    assert_eq!(record["streams"]["survey"]["whole"], false, "{record}");
    assert_eq!(record["streams"]["survey"]["reason"], "forbidden", "{record}");
    assert_eq!(record["streams"]["engagement"]["whole"], true, "{record}");
    let lake = scene.folder.path().join("converted");
    super::program::convert(&lake, &[&samples(scene.folder.path())], &[]).exits(0);
    let lake = lake.to_str().unwrap();
    let status =
        lp(&["status", "--offline", "--json", "--from", "2016-06-01", "--out", lake]).exits(0).summary();
    let web = of(&status, "webSession");
    assert_eq!(
        (&web["archived"], &web["hours_covered"], &web["listed"]),
        (&1.into(), &0.into(), &Value::Null)
    );
    assert_eq!(web["gaps"][0]["expired"], true, "{web}");
}

/// Made now, of a scope that is long gone: listed, archived, and known to be.
#[test]
fn a_part_that_was_made_late_is_archived_like_any_other() {
    let scene = Scene::new(StandInOptions::default(), Method::Bearer);
    let mut files = read_folder(&scene.inputs).unwrap();
    let mut late = files.iter().find(|file| file.stream == Stream::Survey).unwrap().clone();
    let start_ms = now_ms() / HOUR_MS * HOUR_MS - 50 * 24 * HOUR_MS;
    late.scope = Scope { start_ms, end_ms: start_ms + HOUR_MS };
    late.name = format!("Survey.{start_ms}.{}.part-00000-0", start_ms + HOUR_MS);
    late.generated_ms = now_ms() - 2 * HOUR_MS;
    files.push(late);
    scene.service.set_files(files);
    let survey = of(&scene.run("status", &[]).exits(3).summary(), "survey");
    assert_eq!(survey["failed"], survey["listed"], "{survey}");
    scene.sync(&[]).exits(0);
    let survey = of(&scene.run("status", &[]).exits(0).summary(), "survey");
    assert_eq!((&survey["failed"], &survey["hours_covered"]), (&0.into(), &survey["hours"]), "{survey}");
    assert_eq!(survey["archived"], survey["listed"], "{survey}");
}

#[test]
fn a_service_that_is_away_is_told() {
    let scene = Scene::new(StandInOptions::default(), Method::Bearer);
    scene.sync(&[]).exits(0);
    scene.write_config("max_tries = 1\n");
    let gone = FaultAct::Status { code: 503, retry_after: None };
    scene.service.set_faults(Faults::none().always(Match::Kind(RequestKind::Listing), gone));
    let run = scene.run("status", &[]).exits(1);
    let survey = of(&run.summary(), "survey");
    assert_eq!((&survey["fault"], &survey["listed"]), (&"unavailable".into(), &Value::Null), "{survey}");
    assert_eq!(survey["hours_covered"], survey["hours"], "what was proven stays proven: {survey}");
    scene.run("status", &["--offline"]).exits(0);
    // Neither a folder that is not there nor an empty one passes for an empty lake.
    for none in [scene.folder.path().join("none"), tempfile::tempdir().unwrap().keep()] {
        let done = lp(&["status", "--offline", "--out", none.to_str().unwrap()]).exits(6);
        assert!(done.stderr.contains("there is no lake here"), "{}", done.stderr);
        assert_eq!(done.stdout, "");
    }
    // Without an account, the lake can be asked still.
    let done = lp(&["status", "--out", scene.folder.path().to_str().unwrap()]).exits(2);
    assert!(done.stderr.contains("`lp-archive status --offline`"), "{}", done.stderr);
}
