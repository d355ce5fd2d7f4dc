//! `doctor` against the stand-in: each step told, independent ones tried whatever failed, nothing left behind.

use std::fs;

use lp_archive::demo::generator::Encryption;
use lp_archive::demo::service::{FaultAct, Faults, Match, RequestKind, StandInOptions};
use lp_archive::model::Stream;
use serde_json::Value;

use super::program::{Run, command, run};
use super::stand_in::{Method, Scene};

fn doctor(scene: &Scene) -> Run {
    keep_secrets_private(scene);
    run(command().args(["doctor", "--json", "-c"]).arg(&scene.config))
}

/// Secrets that every user can read would be warned about.
fn keep_secrets_private(scene: &Scene) {
    use std::os::unix::fs::PermissionsExt;
    for entry in fs::read_dir(scene.folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
        }
    }
}

/// `step [stream]: state` of every check.
#[track_caller]
fn states(done: &Run) -> Vec<String> {
    let found = done.summary();
    assert_eq!(found["version"], 1);
    assert_eq!(found["exit_code"], done.code.unwrap());
    let line = |check: &Value| {
        let stream = check["stream"].as_str().map(|s| format!(" {s}")).unwrap_or_default();
        format!("{}{stream}: {}", check["step"].as_str().unwrap(), check["state"].as_str().unwrap())
    };
    found["checks"].as_array().unwrap().iter().map(line).collect()
}

/// The check of a step that failed.
#[track_caller]
fn failed(done: &Run, step: &str) -> Value {
    let found = done.summary();
    let checks = found["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["step"] == step && check["state"] == "failed");
    let check = check.unwrap_or_else(|| panic!("{step} did not fail: {found}")).clone();
    assert!(check["advice"].is_string(), "nothing is said to mend it: {check}");
    check
}

const WELL: [&str; 15] = [
    "config: ok",
    "service: ok",
    "clock: ok",
    "sign-in: ok",
    "base resource: ok",
    "listing agentActivity: ok",
    "listing webSession: ok",
    "listing engagement: ok",
    "listing survey: ok",
    "key: ok",
    "part agentActivity: ok",
    "part webSession: ok",
    "part engagement: ok",
    "part survey: ok",
    "destination: ok",
];

#[test]
fn all_is_well_with_every_method() {
    for method in [Method::Oauth1, Method::Oauth2, Method::Bearer] {
        let scene = Scene::of(StandInOptions::default(), method, Encryption::values(0.5));
        let before = fs::read_dir(scene.folder.path()).unwrap().count();
        let done = doctor(&scene).exits(0);
        assert_eq!(states(&done), WELL, "{method:?}");
        assert!(done.stdout.contains("encrypted values opened"), "{}", done.stdout);
        assert!(!scene.lake.exists(), "the lake was made");
        assert_eq!(fs::read_dir(scene.folder.path()).unwrap().count(), before);
    }
}

#[test]
fn the_list_is_for_people_and_quiet_says_problems_only() {
    let scene = Scene::new(StandInOptions::default(), Method::Bearer);
    keep_secrets_private(&scene);
    let said = run(command().args(["doctor", "-c"]).arg(&scene.config)).exits(0).stdout;
    assert!(said.contains("\n✓ sign-in                bearer is accepted\n"), "{said}");
    assert!(said.ends_with("All is well: `lp-archive sync` can run.\n"), "{said}");
    assert!(!said.contains('\u{1b}'), "colour without a terminal: {said}");
    let said = run(command().args(["doctor", "-q", "-c"]).arg(&scene.config)).exits(0).stdout;
    assert_eq!(said, "");
}

#[test]
fn a_wrong_secret_does_not_stop_key_and_destination() {
    for (method, file) in
        [(Method::Oauth1, "consumer_secret"), (Method::Oauth2, "client_secret"), (Method::Bearer, "token")]
    {
        let scene = Scene::new(StandInOptions::default(), method);
        fs::write(scene.folder.path().join(file), "wrong-secret-4711").unwrap();
        let done = doctor(&scene).exits(4);
        let expected = [
            "config: ok",
            "service: ok",
            "clock: ok",
            "sign-in: failed",
            "base resource: skipped",
            "listing: skipped",
            "key: ok",
            "part: skipped",
            "destination: ok",
        ];
        assert_eq!(states(&done), expected);
        failed(&done, "sign-in");
        assert!(!done.stdout.contains("4711") && !done.stderr.contains("4711"));
    }
}

#[test]
fn a_refused_stream_is_told_and_the_others_are_read() {
    let refuses = StandInOptions { forbidden: vec![Stream::Survey], ..StandInOptions::default() };
    let done = doctor(&Scene::new(refuses, Method::Bearer)).exits(3);
    assert_eq!(failed(&done, "listing")["stream"], "survey");
    assert!(states(&done).contains(&"part engagement: ok".to_owned()));
    assert!(!states(&done).iter().any(|state| state.starts_with("part survey")));
}

#[test]
fn a_sign_in_that_nothing_proves_is_not_ticked() {
    for (code, state) in [(404, "skipped"), (403, "ok")] {
        let scene = Scene::new(StandInOptions::default(), Method::Bearer);
        let refused = FaultAct::Status { code, retry_after: None };
        scene.service.set_faults(Faults::none().always(Match::Any, refused));
        let done = doctor(&scene);
        assert_ne!(done.code, Some(0));
        assert!(states(&done).contains(&format!("sign-in: {state}")), "{}", done.stdout);
        assert_eq!(failed(&done, "base resource")["kind"], "forbidden");
    }
    // One stream that can be listed proves it.
    let refused = FaultAct::Status { code: 404, retry_after: None };
    let scene = Scene::new(StandInOptions::default(), Method::Bearer);
    scene.service.set_faults(Faults::none().always(Match::Kind(RequestKind::Base), refused));
    assert!(states(&doctor(&scene)).contains(&"sign-in: ok".to_owned()));
}

#[test]
fn a_missing_and_an_unusable_key_are_told() {
    let encrypted = Encryption::values(0.5);
    let scene = Scene::of(StandInOptions::default(), Method::Bearer, encrypted);
    let text = fs::read_to_string(&scene.config).unwrap();
    let without: String =
        text.lines().filter(|line| !line.starts_with("key_files")).map(|l| format!("{l}\n")).collect();
    fs::write(&scene.config, without).unwrap();
    let done = doctor(&scene).exits(5);
    assert!(states(&done).contains(&"key: ok".to_owned()), "none is configured, which may be right");
    let check = failed(&done, "part");
    assert_eq!(check["kind"], "key_missing");
    assert!(check["advice"].as_str().unwrap().contains("key_files"), "{check}");

    fs::write(&scene.config, &text).unwrap();
    fs::write(scene.folder.path().join("demo.asc"), "-----BEGIN PGP PUBLIC KEY BLOCK-----\n").unwrap();
    let done = doctor(&scene).exits(5);
    assert_eq!(failed(&done, "key")["kind"], "key_missing");
    assert!(states(&done).contains(&"destination: ok".to_owned()));
}

#[test]
fn an_unwritable_destination_is_told_after_all_else() {
    let scene = Scene::new(StandInOptions::default(), Method::Bearer);
    // Not by permissions: the tests may run as root.
    fs::write(&scene.lake, "a file").unwrap();
    let done = doctor(&scene).exits(6);
    assert_eq!(states(&done)[..14], WELL[..14]);
    assert_eq!(failed(&done, "destination")["kind"], "destination");
    assert_eq!(fs::read_to_string(&scene.lake).unwrap(), "a file");
}

#[test]
fn a_clock_that_is_off_is_told_with_its_difference() {
    for (method, code) in [(Method::Oauth1, 4), (Method::Bearer, 0)] {
        let ahead = StandInOptions { clock_ahead_seconds: 7200, ..StandInOptions::default() };
        let done = doctor(&Scene::new(ahead, method)).exits(code);
        let found = done.summary();
        let clock =
            found["checks"].as_array().unwrap().iter().find(|check| check["step"] == "clock").unwrap();
        let said = clock["text"].as_str().unwrap();
        let seconds: u64 = said.split(' ').find_map(|word| word.parse().ok()).unwrap();
        assert!((7190..=7210).contains(&seconds) && said.contains("behind"), "{said}");
        assert_eq!(clock["state"], if method == Method::Oauth1 { "failed" } else { "warning" });
    }
}

#[test]
fn an_unreachable_service_does_not_stop_key_and_destination() {
    let scene = Scene::new(StandInOptions::default(), Method::Bearer);
    let text = fs::read_to_string(&scene.config).unwrap();
    fs::write(&scene.config, text.replace(&scene.service.base_url(), "http://127.0.0.1:1")).unwrap();
    let done = doctor(&scene).exits(1);
    assert_eq!(states(&done)[..2], ["config: ok", "service: failed"]);
    assert_eq!(states(&done)[6..], ["key: ok", "part: skipped", "destination: ok"]);
}

#[test]
fn without_a_valid_configuration_there_is_one_failed_step() {
    let folder = tempfile::tempdir().unwrap();
    let done = run(command().args(["doctor", "--json"]).current_dir(folder.path())).exits(2);
    assert_eq!(states(&done), ["config: failed", "the rest: skipped"]);
}
