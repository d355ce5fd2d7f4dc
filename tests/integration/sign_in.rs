//! Sign-in: each method alone, refusals that help, tokens that are renewed, and no secret in any text.

use std::fs;

use lp_archive::demo::service::{FaultAct, Faults, Match, RequestKind, StandInOptions};

use super::program::{ACCOUNT, command, compare, lake_is_tidy, run};
use super::stand_in::{Method, Scene};

const METHODS: [Method; 3] = [Method::Oauth1, Method::Oauth2, Method::Bearer];

/// A service that knows only one way in.
fn only(method: Method) -> StandInOptions {
    StandInOptions {
        accepts_oauth1: method == Method::Oauth1,
        accepts_oauth2: method == Method::Oauth2,
        accepts_bearer: method == Method::Bearer,
        ..StandInOptions::default()
    }
}

#[test]
fn every_method_signs_listing_and_download() {
    for method in METHODS {
        let scene = Scene::new(only(method), method);
        let done = scene.sync(&[]);
        assert_eq!(done.code, Some(0), "{method:?}: {}\n{}", done.stdout, done.stderr);
        lake_is_tidy(&scene.lake);
        compare(&scene.lake, &[&scene.inputs], &[]);
        let kinds = scene.service.request_counts();
        assert!(kinds[&RequestKind::File] >= scene.counts.files && kinds[&RequestKind::Listing] >= 4);
        let unsigned = scene.service.requests().into_iter().find(|request| {
            request.authorization.is_none()
                && matches!(request.kind, RequestKind::Base | RequestKind::Listing | RequestKind::File)
        });
        assert_eq!(unsigned, None, "{method:?}");
    }
}

#[test]
fn a_refusal_names_method_host_and_what_else_to_try() {
    for method in METHODS {
        let other = METHODS[(METHODS.iter().position(|m| *m == method).unwrap() + 1) % 3];
        let scene = Scene::new(only(other), method);
        let done = scene.sync(&[]).exits(4);
        let said = done.stderr.to_lowercase();
        let name = format!("{method:?}").to_lowercase();
        assert!(said.contains(&name), "the method {name} is not named: {said}");
        assert!(said.contains("127.0.0.1"), "the host is not named: {said}");
        let others = ["oauth1", "oauth2", "bearer"].into_iter().filter(|other| *other != name);
        for other in others {
            assert!(said.contains(other), "{other} is not offered: {said}");
        }
    }
}

#[test]
fn wrong_secrets_exit_with_4_after_few_tries() {
    for method in METHODS {
        let scene = Scene::new(StandInOptions::default(), method);
        let file = match method {
            Method::Oauth1 => "consumer_secret",
            Method::Oauth2 => "client_secret",
            Method::Bearer => "token",
        };
        fs::write(scene.folder.path().join(file), "wrong-secret-4711").unwrap();
        let done = scene.sync(&[]).exits(4);
        assert!(!done.stderr.contains("wrong-secret-4711") && !done.stdout.contains("wrong-secret-4711"));
        assert!(scene.service.requests().len() < 40, "{method:?} keeps asking");
    }
}

#[test]
fn a_token_that_expires_or_is_refused_once_is_renewed() {
    let scene = Scene::new(only(Method::Oauth2), Method::Oauth2);
    let refused = FaultAct::Status { code: 401, retry_after: None };
    scene.service.set_faults(Faults::none().next(1, Match::Kind(RequestKind::File), refused));
    scene.sync(&[]).exits(0);
    assert!(scene.service.request_counts()[&RequestKind::Token] >= 2, "no new token was asked for");
    compare(&scene.lake, &[&scene.inputs], &[]);

    for tells_expires_in in [true, false] {
        let short = StandInOptions { token_seconds: 2, tells_expires_in, ..only(Method::Oauth2) };
        let scene = Scene::new(short, Method::Oauth2);
        let slow = FaultAct::Delay { ms: 900 };
        scene.service.set_faults(Faults::none().next(4, Match::Kind(RequestKind::Listing), slow));
        scene.sync(&[]).exits(0);
        compare(&scene.lake, &[&scene.inputs], &[]);
    }
}

#[test]
fn a_wrong_clock_is_named() {
    let scene =
        Scene::new(StandInOptions { clock_ahead_seconds: 7200, ..only(Method::Oauth1) }, Method::Oauth1);
    let done = scene.sync(&[]).exits(4);
    assert!(done.stderr.contains("clock"), "the clock difference is not told: {}", done.stderr);
}

#[test]
fn no_secret_in_any_output_at_the_loudest() {
    for method in METHODS {
        let scene = Scene::new(StandInOptions::default(), method);
        let mut said = String::new();
        for format in ["text", "json"] {
            let done = run(command()
                .args(["sync", "-c"])
                .arg(&scene.config)
                .args(["-v", "-v", "-v", "--json", "--log-format", format])
                .env("RUST_LOG", "trace"));
            said += &format!("{}{}", done.stdout, done.stderr);
            let shown = run(command().args(["config", "show", "-c"]).arg(&scene.config));
            said += &format!("{}{}", shown.stdout, shown.stderr);
        }
        let known = scene.service.credentials();
        let secrets = [
            &known.consumer_secret,
            &known.token_secret,
            &known.client_secret,
            &known.bearer,
            &"PGP PRIVATE KEY".to_owned(),
            &"startTime=".to_owned(),
        ];
        for secret in secrets {
            assert!(!said.contains(secret.as_str()), "{method:?}: {secret:?} is in the output");
        }
        let signed: Vec<String> =
            scene.service.requests().into_iter().filter_map(|request| request.authorization).collect();
        for header in signed {
            let token = header.trim_start_matches("Bearer ");
            assert!(!said.contains(token), "{method:?}: a token is in the output");
        }
    }
}

#[test]
fn credentials_come_from_the_environment_too() {
    let scene = Scene::new(only(Method::Oauth1), Method::Oauth1);
    let config = scene.folder.path().join("environment.toml");
    let text = format!(
        "[[account]]\nid = \"{ACCOUNT}\"\nbase_url = {:?}\n[account.auth]\nmethod = \"oauth1\"\n[archive]\nout = {:?}\n",
        scene.service.base_url(),
        scene.lake
    );
    fs::write(&config, text).unwrap();
    let known = scene.service.credentials();
    let with = |names: &[(&str, &str)]| {
        let mut command = command();
        command.args(["sync", "--json", "-c"]).arg(&config).envs(names.iter().copied());
        run(&mut command)
    };
    let all = [
        ("LP_ARCHIVE_CONSUMER_KEY", known.consumer_key.as_str()),
        ("LP_ARCHIVE_CONSUMER_SECRET", known.consumer_secret.as_str()),
        ("LP_ARCHIVE_TOKEN", known.token.as_str()),
        ("LP_ARCHIVE_TOKEN_SECRET", known.token_secret.as_str()),
    ];
    let missing = with(&all[..3]).exits(2);
    assert!(missing.stderr.contains("LP_ARCHIVE_TOKEN_SECRET"), "{}", missing.stderr);
    with(&all).exits(0);
    compare(&scene.lake, &[&scene.inputs], &[]);
}
