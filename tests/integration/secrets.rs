//! Runs everything at the loudest level and looks for every secret, token, query string and encrypted content in
//! all that it says and in the JSON that it leaves.

use std::fs;
use std::path::Path;

use lp_archive::demo::generator::Encryption;
use lp_archive::demo::service::{FaultAct, Faults, Match, RequestKind, StandInOptions, read_folder};

use super::program::{ACCOUNT, Run, command, gzip, listing, repository, run};
use super::stand_in::{Method, Scene};

/// What must be nowhere.
struct Secrets(Vec<String>);

impl Secrets {
    fn of(scene: &Scene) -> Secrets {
        let known = scene.service.credentials().clone();
        let mut all = vec![
            known.consumer_secret,
            known.token_secret,
            known.client_secret,
            known.bearer,
            known.consumer_key,
            known.client_id,
        ];
        // As they go over the wire, too.
        all.extend(
            all.clone()
                .iter()
                .map(|secret| url::form_urlencoded::byte_serialize(secret.as_bytes()).collect::<String>()),
        );
        all.extend(
            [
                "startTime=",
                "endTime=",
                "oauth_signature",
                "Authorization",
                "Bearer ",
                "BEGIN PGP",
                "correct horse",
            ]
            .map(str::to_owned),
        );
        Secrets(all)
    }

    #[track_caller]
    fn are_not_in(&self, said: &str, text: &str) {
        for secret in &self.0 {
            if let Some(at) = text.find(secret.as_str()) {
                let from = text[..at].char_indices().rev().nth(200).map_or(0, |(at, _)| at);
                panic!("{said} holds {secret:?}: …{}", &text[from..at + secret.len()]);
            }
        }
    }
}

fn loud(scene: &Scene, name: &str, format: &str) -> Run {
    run(command()
        .arg(name)
        .args(["-vv", "--log-format", format, "-c"])
        .arg(&scene.config)
        .env("RUST_LOG", "trace")
        .env("RUST_BACKTRACE", "full"))
}

/// Every file of the lake that is no Parquet object and not as received.
fn kept_text(lake: &Path) -> String {
    let readable = |path: &Path| path.extension().is_some_and(|end| end != "parquet" && end != "bin");
    listing(lake)
        .into_keys()
        .filter(|path| readable(path))
        .map(|path| String::from_utf8_lossy(&fs::read(lake.join(path)).unwrap()).into_owned())
        .collect()
}

#[test]
fn no_way_to_sign_in_shows_its_secrets() {
    for method in [Method::Oauth1, Method::Oauth2, Method::Bearer] {
        for format in ["text", "json"] {
            let encryption = Encryption { values: 0.1, records: 0.1, files: 0.2 };
            let scene = Scene::of(StandInOptions::default(), method, encryption);
            let secrets = Secrets::of(&scene);
            let files = read_folder(&scene.inputs).unwrap();
            let victim = |index: usize| Match::Path(files[index].name.clone());
            let echo = |code| FaultAct::Answer {
                code,
                content_type: "text/plain".into(),
                body: secrets.0.join(" ").into(),
            };
            scene.service.set_faults(
                Faults::none()
                    .next(
                        1,
                        Match::Kind(RequestKind::Listing),
                        FaultAct::Status { code: 503, retry_after: None },
                    )
                    .always(victim(0), FaultAct::HtmlPage)
                    .always(victim(1), FaultAct::FlipByte { at: 100 })
                    .always(
                        victim(2),
                        FaultAct::Redirect { to: "http://192.0.2.1/x?token=startTime=1".into() },
                    )
                    .always(victim(3), FaultAct::Status { code: 403, retry_after: None })
                    .always(victim(4), echo(200)),
            );
            for name in ["plan", "sync", "sync"] {
                let done = loud(&scene, name, format);
                let said = format!("{name} with {method:?} in {format}");
                assert!(matches!(done.code, Some(0 | 3)), "{said}: {}", done.stderr);
                secrets.are_not_in(&format!("stdout of {said}"), &done.stdout);
                secrets.are_not_in(&format!("stderr of {said}"), &done.stderr);
            }
            let show = loud(&scene, "config", format);
            secrets.are_not_in("config", &format!("{}{}", show.stdout, show.stderr));
            secrets.are_not_in("the lake", &kept_text(&scene.lake));
        }
    }
}

/// What is wrong inside of records is told by place and kind alone.
#[test]
fn content_of_records_is_not_logged() {
    let temporary = tempfile::tempdir().unwrap();
    let inputs = temporary.path().join("in");
    fs::create_dir_all(&inputs).unwrap();
    let secret = "Zaphod-Beeblebrox";
    let sound = fs::read_to_string(repository().join("fixtures/samples/survey.json")).unwrap();
    let odd = [
        format!("{{\"{secret}\":\"{secret}\""),
        format!("{{\"dataType\":\"{secret}\",\"metaData\":{{}},\"recordCollection\":[]}}"),
        format!("{{\"dataType\":{{\"x\":\"Survey\"}},\"{secret}\":\"{secret}\",\"recordCollection\":7}}"),
        format!("\"{secret}\""),
        format!("{secret}"),
        format!("{{\"a\":\"-----BEGIN PGP MESSAGE-----\\n\\n{secret}\\n-----END PGP MESSAGE-----\\n\"}}"),
        sound.replace("\"string\": \"", &format!("\"string\": \"{secret}\\x")),
    ];
    for (index, text) in odd.iter().enumerate() {
        let name = format!("Survey.1468270800000.1468274400000.part-{index:05}-0.gz");
        fs::write(inputs.join(name), gzip(format!("{sound}\n{text}\n").as_bytes())).unwrap();
    }
    let lake = temporary.path().join("lake");
    let done = run(command()
        .args(["convert", "-vv", "--log-format", "json", "--account", ACCOUNT, "--out"])
        .arg(&lake)
        .arg(&inputs)
        .env("RUST_LOG", "trace"));
    assert_eq!(done.code, Some(3), "{}", done.stderr);
    for (said, text) in
        [("stdout", &done.stdout), ("stderr", &done.stderr), ("the lake's JSON", &kept_text(&lake))]
    {
        assert!(!text.contains(secret) && !text.contains("Zaphod"), "{said} tells content: {text}");
    }
}

/// Keys of the store and passphrases.
#[test]
fn keys_and_passphrases_are_not_shown() {
    let temporary = tempfile::tempdir().unwrap();
    let inputs = super::program::samples(temporary.path());
    let passphrase = temporary.path().join("passphrase");
    for words in ["correct horse", "incorrect zebra"] {
        fs::write(&passphrase, words).unwrap();
        let done = run(command()
            .args(["convert", "-vv", "--account", ACCOUNT, "--out"])
            .arg(temporary.path().join("lake"))
            .arg("--pgp-key")
            .arg(repository().join("fixtures/pgp/second-key.asc"))
            .arg("--pgp-passphrase-file")
            .arg(&passphrase)
            .arg(&inputs)
            .env("RUST_LOG", "trace"));
        let said = format!("{}{}", done.stdout, done.stderr);
        assert!(matches!(done.code, Some(0 | 5)), "{said}");
        assert!(!said.contains("horse") && !said.contains("zebra"), "{said}");
    }
}
