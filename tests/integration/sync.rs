//! `sync` against the stand-in: every listed part of all hours, whatever the listing looks like, and
//! nothing twice.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use lp_archive::demo::generator::Encryption;
use lp_archive::demo::service::{
    FaultAct, Faults, FileField, Match, Quirks, RequestKind, StandIn, StandInOptions, read_folder,
};
use lp_archive::model::{Stream, format_ms};

use super::program::{command, compare, kept, lake_is_tidy, ledger, numbers, objects, repository};
use super::stand_in::{HOUR_MS, Method, Scene, first_hour};

/// Rows per table as the generator counted them.
fn truth(scene: &Scene) -> BTreeMap<String, u64> {
    scene.counts.rows().into_iter().map(|(table, rows)| (table.to_owned(), rows)).collect()
}

/// Everything that is served is in the lake, once.
#[track_caller]
fn is_complete(scene: &Scene) {
    lake_is_tidy(&scene.lake);
    assert_eq!(compare(&scene.lake, &[&scene.inputs], &[]), truth(scene), "oracle and generator differ");
}

fn files_asked(scene: &Scene) -> u64 {
    scene.service.request_counts().get(&RequestKind::File).copied().unwrap_or_default()
}

#[test]
fn all_parts_of_all_hours_once() {
    let scene = Scene::new(StandInOptions::default(), Method::Bearer);
    let summary = scene.sync(&[]).exits(0).summary();
    assert_eq!(numbers(&summary["rows"]), truth(&scene));
    assert_eq!(summary["parts"], scene.counts.files);
    assert_eq!(summary["records"], scene.counts.records);
    is_complete(&scene);
    assert!(!kept(&scene.lake, "runs").is_empty(), "a complete listing leaves a record of the run");

    let before = objects(&scene.lake);
    scene.service.clear_requests();
    let summary = scene.sync(&[]).exits(0).summary();
    assert_eq!(summary["batches"], 0, "{summary}");
    assert_eq!(files_asked(&scene), 0, "an archived part was fetched again");
    assert_eq!(objects(&scene.lake), before);
}

#[test]
fn listings_that_grow_and_shrink_take_nothing_away() {
    let scene = Scene::new(StandInOptions::default(), Method::Bearer);
    let all = read_folder(&scene.inputs).unwrap();
    let early: Vec<_> = all.iter().step_by(2).cloned().collect();
    let late: Vec<_> = all.iter().skip(1).step_by(2).cloned().collect();
    scene.service.set_files(early);
    scene.sync(&[]).exits(0);
    let first = objects(&scene.lake);
    // The early parts have expired when the late ones appear.
    scene.service.set_files(late);
    scene.sync(&[]).exits(0);
    let second = objects(&scene.lake);
    assert!(first.iter().all(|(path, state)| second.get(path) == Some(state)), "an object was touched");
    scene.service.set_files(Vec::new());
    scene.sync(&[]).exits(0);
    assert_eq!(objects(&scene.lake), second);
    is_complete(&scene);
}

#[test]
fn a_part_that_was_made_long_after_its_scope_is_archived() {
    let scene = Scene::new(StandInOptions::default(), Method::Bearer);
    let mut late = read_folder(&scene.inputs).unwrap().swap_remove(0);
    let months = 90 * 86_400_000;
    late.scope.start_ms -= months;
    late.scope.end_ms -= months;
    late.name =
        format!("{}.{}.{}.part-00000-0", late.stream.file_prefix(), late.scope.start_ms, late.scope.end_ms);
    scene.service.set_files(vec![late]);
    let summary = scene.sync(&[]).exits(0).summary();
    assert_eq!(summary["parts"], 1, "{summary}");
    // With a bound on scopes it is not wanted.
    let bounded = scene.sync(&["--from", "2026-01-01"]).exits(0).summary();
    assert_eq!(bounded["parts"], 0, "{bounded}");
}

#[test]
fn every_listing_quirk_is_taken() {
    let base = Quirks::default();
    let quirks = [
        Quirks { gz_in_name_every: 0, gz_in_href_every: 5, ..base.clone() },
        Quirks { gz_in_name_every: 1, gz_in_href_every: 0, file_field: FileField::Array, ..base.clone() },
        Quirks { duplicates: true, shuffled: true, ..base.clone() },
        Quirks { listing_id: Some("28045150".into()), no_files_status: Some(500), ..base.clone() },
        Quirks { no_files_status: None, no_files_omits_field: false, ..base.clone() },
        Quirks { no_files_status: None, no_files_omits_field: true, ..base.clone() },
        Quirks { no_files_status: Some(400), ..base },
    ];
    for quirk in quirks {
        let said = format!("{quirk:?}");
        let scene = Scene::new(StandInOptions { quirks: quirk, ..StandInOptions::default() }, Method::Bearer);
        let done = scene.sync(&[]);
        assert_eq!(done.code, Some(0), "{said}: {}\n{}", done.stdout, done.stderr);
        assert_eq!(numbers(&done.summary()["rows"]), truth(&scene), "{said}");
        is_complete(&scene);
    }
}

/// The examples of the vendor's pages, moved to the stand-in and to hours that are kept; their quirks stay:
/// names without `.gz`, one href without, another account in `@id` and links.
#[test]
fn published_listings_are_understood() {
    let scene = Scene::new(StandInOptions::default(), Method::Bearer);
    let moved = |sample: &str| {
        let path = repository().join("fixtures/samples").join(sample);
        let mut text = fs::read_to_string(path).unwrap();
        text = text.replace("https://va-a.da.liveperson.net", &scene.service.base_url());
        for hour in 0..6 {
            let published = (1_461_387_600_000_i64 + hour * HOUR_MS).to_string();
            text = text.replace(&published, &(first_hour() + hour * HOUR_MS).to_string());
        }
        FaultAct::Answer { code: 200, content_type: "application/json".into(), body: text.into() }
    };
    let faults = Faults::none()
        .always(Match::Kind(RequestKind::Base), moved("base-resource.json"))
        .always(Match::Path("/le/agentActivity?".into()), moved("listing.agent-activity.json"))
        .always(Match::Path("/le/webSession?".into()), moved("listing.web-session.json"))
        .always(Match::Path("/le/engagement?".into()), moved("listing.engagement.json"))
        .always(Match::Path("/le/survey?".into()), moved("listing.survey.json"));
    scene.service.set_faults(faults);
    let planned = scene.run("plan", &[]).exits(0).stdout;
    assert_eq!(planned.matches("\"Agent.").count(), 5, "five parts of agent activity: {planned}");
    // The other listings tell hours of 2016: wanted as long as they are listed, but not within --from.
    assert_eq!(planned.matches("\"WebSession.").count(), 2, "{planned}");
    let bounded = scene.run("plan", &["--from", "2026-01-01"]).exits(0).stdout;
    assert_eq!(bounded.matches("\"WebSession.").count(), 0, "{bounded}");
}

#[test]
fn names_that_tell_no_scope_take_it_from_the_dates() {
    let quirks = Quirks { names_without_scope: true, ..Quirks::default() };
    let scene = Scene::new(StandInOptions { quirks, ..StandInOptions::default() }, Method::Bearer);
    let summary = scene.sync(&[]).exits(0).summary();
    assert_eq!(numbers(&summary["rows"]), truth(&scene));
    lake_is_tidy(&scene.lake);
    let first = first_hour();
    for entry in ledger(&scene.lake) {
        for part in entry["parts"].as_array().unwrap() {
            let start = part["scope_start_ms"].as_i64().unwrap();
            // The hour may have turned since the files were made.
            assert!((first - HOUR_MS..first + 4 * HOUR_MS).contains(&start), "{part}");
        }
    }
}

#[test]
fn windows_wider_than_the_service_takes_are_narrowed() {
    let options = StandInOptions { max_window_ms: Some(7 * HOUR_MS), ..StandInOptions::default() };
    let scene = Scene::new(options, Method::Bearer);
    scene.sync(&[]).exits(0);
    is_complete(&scene);
}

#[test]
fn one_refused_stream_does_not_stop_the_others() {
    let options = StandInOptions { forbidden: vec![Stream::Survey], ..StandInOptions::default() };
    let scene = Scene::new(options, Method::Bearer);
    let done = scene.sync(&[]).exits(3);
    let rows = numbers(&done.summary()["rows"]);
    let mut expected = truth(&scene);
    expected.retain(|table, _| !table.starts_with("survey"));
    // Surveys may leave rows of `unrecognized`; those are not there now.
    let but_unrecognized = |rows: &BTreeMap<String, u64>| {
        rows.iter().filter(|(t, _)| *t != "unrecognized").map(|(t, n)| (t.clone(), *n)).collect::<Vec<_>>()
    };
    assert_eq!(but_unrecognized(&rows), but_unrecognized(&expected));
    assert!(done.stderr.contains("survey"), "the refused stream is not named: {}", done.stderr);
}

#[test]
fn only_the_chosen_streams_and_scopes() {
    let scene = Scene::new(StandInOptions::default(), Method::Bearer);
    let first = read_folder(&scene.inputs).unwrap().iter().map(|file| file.scope.start_ms).min().unwrap();
    let (from, to) = (format_ms(first + HOUR_MS), format_ms(first + 3 * HOUR_MS));
    let summary = scene.sync(&["--stream", "survey", "--from", &from, "--to", &to]).exits(0).summary();
    assert_eq!(summary["parts"], 4, "two hours of two parts: {summary}");
    for entry in ledger(&scene.lake) {
        for part in entry["parts"].as_array().unwrap() {
            let start = part["scope_start_ms"].as_i64().unwrap();
            assert!((first + HOUR_MS..first + 3 * HOUR_MS).contains(&start), "{part}");
            assert!(part["name"].as_str().unwrap().starts_with("Survey."), "{part}");
        }
    }
    scene.sync(&[]).exits(0);
    is_complete(&scene);
}

#[test]
fn transient_failures_are_tried_again() {
    let busy = || FaultAct::Status { code: 503, retry_after: Some("0".into()) };
    let acts = [
        (RequestKind::Listing, FaultAct::Status { code: 429, retry_after: None }),
        (RequestKind::Listing, FaultAct::Reset { after_bytes: None }),
        (RequestKind::Base, busy()),
        (RequestKind::File, busy()),
        (RequestKind::File, FaultAct::Reset { after_bytes: Some(10) }),
        (RequestKind::File, FaultAct::Truncate { keep_bytes: 50, declare_full: true }),
        (RequestKind::File, FaultAct::Stall { after_bytes: Some(5) }),
    ];
    let scene = Scene::new(StandInOptions::default(), Method::Bearer);
    let faults =
        acts.into_iter().fold(Faults::none(), |faults, (kind, act)| faults.next(1, Match::Kind(kind), act));
    scene.service.set_faults(faults);
    scene.sync(&[]).exits(0);
    is_complete(&scene);
}

#[test]
fn a_part_that_stays_bad_is_left_out_and_comes_with_the_next_run() {
    for act in [
        FaultAct::Status { code: 404, retry_after: None },
        FaultAct::HtmlPage,
        FaultAct::FlipByte { at: 200 },
        FaultAct::Truncate { keep_bytes: 100, declare_full: false },
    ] {
        let scene = Scene::new(StandInOptions::default(), Method::Bearer);
        let victim = read_folder(&scene.inputs).unwrap().remove(0).name;
        scene.service.set_faults(Faults::none().always(Match::Path(victim.clone()), act.clone()));
        let done = scene.sync(&[]);
        assert_eq!(done.code, Some(3), "{act:?}: {}\n{}", done.stdout, done.stderr);
        let summary = done.summary();
        assert_eq!(summary["parts"], scene.counts.files - 1, "{act:?}: {summary}");
        assert_eq!(summary["failed"].as_array().unwrap().len(), 1, "{act:?}: {summary}");
        assert!(summary["failed"].to_string().contains(&victim), "{act:?}: {summary}");
        lake_is_tidy(&scene.lake);
        scene.service.set_faults(Faults::none());
        scene.sync(&[]).exits(0);
        is_complete(&scene);
    }
}

#[test]
fn a_service_that_stays_away_cuts_the_run_short() {
    let scene = Scene::new(StandInOptions::default(), Method::Bearer);
    scene.write_config("max_tries = 2\n");
    let gone = FaultAct::Status { code: 503, retry_after: None };
    scene.service.set_faults(Faults::none().always(Match::Kind(RequestKind::Listing), gone));
    scene.sync(&[]).exits(1);
    scene.service.set_faults(Faults::none());
    scene.sync(&[]).exits(0);
    is_complete(&scene);
}

#[test]
fn redirects_elsewhere_are_refused() {
    let elsewhere = StandIn::start(StandInOptions::default(), Vec::new()).unwrap();
    let scene = Scene::new(StandInOptions::default(), Method::Bearer);
    let victim = read_folder(&scene.inputs).unwrap().remove(0).name;
    let act = FaultAct::Redirect { to: format!("{}/stolen", elsewhere.base_url()) };
    scene.service.set_faults(Faults::none().always(Match::Path(victim), act));
    let summary = scene.sync(&[]).exits(3).summary();
    assert_eq!(summary["parts"], scene.counts.files - 1, "{summary}");
    assert_eq!(elsewhere.requests(), Vec::new(), "another origin was asked");
}

#[test]
fn hrefs_elsewhere_are_refused() {
    let elsewhere = StandIn::start(StandInOptions::default(), Vec::new()).unwrap();
    let quirks = Quirks { href_origin: Some(elsewhere.base_url()), ..Quirks::default() };
    let scene = Scene::new(StandInOptions { quirks, ..StandInOptions::default() }, Method::Bearer);
    let summary = scene.sync(&[]).exits(3).summary();
    assert_eq!(summary["parts"], 0, "{summary}");
    assert_eq!(elsewhere.requests(), Vec::new(), "another origin was asked");
}

#[test]
fn encrypted_files_of_all_kinds_are_archived() {
    for encryption in [Encryption::values(0.02), Encryption::records(0.2), Encryption::files(1.0)] {
        let scene = Scene::of(StandInOptions::default(), Method::Bearer, encryption);
        let summary = scene.sync(&[]).exits(0).summary();
        assert_eq!(numbers(&summary["rows"]), truth(&scene), "{encryption:?}");
        assert_eq!(summary["unknown_fields"], scene.counts.unknown_fields, "{encryption:?}");
        lake_is_tidy(&scene.lake);
    }
}

#[cfg(unix)]
#[test]
fn a_signal_stops_within_seconds_and_the_next_run_goes_on() {
    for signal in ["-INT", "-TERM"] {
        let scene = Scene::new(StandInOptions::default(), Method::Bearer);
        let stall = FaultAct::Stall { after_bytes: Some(5) };
        let victim = read_folder(&scene.inputs).unwrap().pop().unwrap().name;
        scene.service.set_faults(Faults::none().always(Match::Path(victim), stall));
        let child = command()
            .args(["sync", "--json", "-c"])
            .arg(&scene.config)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        thread::sleep(Duration::from_millis(1500));
        let sent = Instant::now();
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(130), "{signal}: {said}");
        assert!(sent.elapsed() < Duration::from_secs(10), "{signal}: took {:?}", sent.elapsed());
        scene.service.set_faults(Faults::none());
        scene.sync(&[]).exits(0);
        is_complete(&scene);
    }
}
