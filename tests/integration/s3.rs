//! The lake on an S3 server with real sign-in: the same rows as on a folder, and clear words when something is wrong.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use lp_archive::demo::service::StandInOptions;
use serde_json::Value;

use super::place::{Place, add_large_part, small_inputs, undisturbed};
use super::program::{Run, command, repository, run};
use super::s3_server::{S3Server, SECRET_KEY};
use super::stand_in::{Method, Scene};

#[test]
fn convert_to_s3_gives_the_rows_of_a_folder_and_a_second_run_writes_nothing() {
    let temporary = tempfile::tempdir().unwrap();
    let inputs = small_inputs(temporary.path(), "4MiB", 71);
    // Large objects go in pieces, of which only those of 5 MiB and more are taken.
    add_large_part(&inputs);
    let place = Place::bucket(S3Server::shared());
    run(place.convert(&inputs).env("LP_ARCHIVE_PIECE_BYTES", "5242880")).exits(0);
    place.is_like(&undisturbed(&inputs), "convert to S3");
    let again = run(&mut place.convert(&inputs)).exits(0).summary();
    assert_eq!((&again["batches"], &again["objects"]), (&Value::from(0), &Value::from(0)), "{again}");
}

#[test]
fn sync_to_s3_gives_the_rows_of_a_folder() {
    let scene = Scene::new(StandInOptions::default(), Method::Bearer);
    let place = Place::bucket(S3Server::shared());
    let mut sync = command();
    sync.args(["sync", "--json", "-c"]).arg(&scene.config).args(["--out", &place.out]);
    place.surround(&mut sync);
    run(&mut sync).exits(0);
    place.is_like(&undisturbed(&scene.inputs), "sync to S3");
    let again = run(&mut sync).exits(0).summary();
    assert_eq!(again["batches"], 0, "{again}");
}

#[test]
fn two_runs_at_once_on_s3() {
    let temporary = tempfile::tempdir().unwrap();
    let inputs = small_inputs(temporary.path(), "3MiB", 72);
    let place = Place::bucket(S3Server::shared());
    let codes: Vec<Option<i32>> = thread::scope(|scope| {
        let runs = [0, 1].map(|_| scope.spawn(|| run(&mut place.convert(&inputs)).code));
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    assert!(codes.iter().all(|code| matches!(code, Some(0 | 1))), "{codes:?}");
    run(&mut place.convert(&inputs)).exits(0);
    place.is_like(&undisturbed(&inputs), "two runs at once");
}

/// The first signal ends the wait for a store that is away, which would else go on for half a minute.
#[test]
fn a_signal_ends_the_wait_for_a_store() {
    let temporary = tempfile::tempdir().unwrap();
    let inputs = small_inputs(temporary.path(), "1MiB", 74);
    let child = command()
        .args(["convert", "--account", "1", "--out", "s3://bucket/lake"])
        .arg(&inputs)
        .env("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        .env("AWS_ACCESS_KEY_ID", "key")
        .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        .env("AWS_REGION", "us-east-1")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    thread::sleep(Duration::from_secs(2));
    let sent = Instant::now();
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(sent.elapsed() < Duration::from_secs(5), "took {:?}", sent.elapsed());
    assert!(said.contains("error: stopped by a signal;") && !said.contains("made a mistake"), "{said}");
}

/// Kills the server while a run works, at several moments, and starts it again.
#[test]
fn a_store_that_goes_away_and_comes_back_loses_and_doubles_nothing() {
    let temporary = tempfile::tempdir().unwrap();
    let inputs = small_inputs(temporary.path(), "6MiB", 73);
    let truth = undisturbed(&inputs);
    let mut server = S3Server::start();
    let started = Instant::now();
    run(&mut Place::bucket(&server).convert(&inputs)).exits(0);
    let whole = started.elapsed();
    for tenth in [2, 5, 8] {
        let place = Place::bucket(&server);
        let mut command = place.convert(&inputs);
        let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        thread::sleep(whole * tenth / 10);
        server.kill();
        thread::sleep(Duration::from_millis(300));
        server.start_again();
        let done = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(matches!(done.status.code(), Some(0 | 1 | 6)), "{tenth}: {said}");
        // The store itself takes a while to find its data again.
        let again = (0..5).any(|_| run(&mut place.convert(&inputs)).code == Some(0));
        assert!(again, "no run completes after the store came back");
        place.is_like(&truth, &format!("the store was away from {tenth} tenths on"));
    }
}

#[test]
#[ignore = "waits until the program gives the store up"]
fn a_store_that_stays_away_ends_the_run_and_the_next_one_completes() {
    let temporary = tempfile::tempdir().unwrap();
    let inputs = small_inputs(temporary.path(), "6MiB", 74);
    let mut server = S3Server::start();
    let place = Place::bucket(&server);
    let mut command = place.convert(&inputs);
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    thread::sleep(Duration::from_millis(400));
    server.kill();
    let gone = Instant::now();
    let done = child.wait_with_output().unwrap();
    println!("given up after {:?}", gone.elapsed());
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(matches!(done.status.code(), Some(1 | 6)), "{said}");
    server.start_again();
    run(&mut place.convert(&inputs)).exits(0);
    place.is_like(&undisturbed(&inputs), "the store stayed away");
}

#[track_caller]
fn refused(place: &Place, inputs: &Path, change: impl FnOnce(&mut Command), words: &str) {
    let mut command = place.convert(inputs);
    change(&mut command);
    let started = Instant::now();
    let done: Run = run(&mut command).exits(6);
    assert!(started.elapsed() < Duration::from_secs(10), "the refusal took {:?}", started.elapsed());
    let said = format!("{}{}", done.stdout, done.stderr);
    assert!(said.contains(words), "{words:?} is missing: {said}");
    for secret in [SECRET_KEY, "wrong-secret", "X-Amz-Signature"] {
        assert!(!said.contains(secret), "a secret is shown: {said}");
    }
}

#[test]
fn refusals_of_the_store_say_what_to_do() {
    let temporary = tempfile::tempdir().unwrap();
    let inputs = super::program::samples(temporary.path());
    let server = S3Server::shared();
    let place = Place::bucket(server);
    let wrong = |command: &mut Command| {
        command.env("AWS_SECRET_ACCESS_KEY", "wrong-secret");
    };
    refused(&place, &inputs, wrong, "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY");
    let unknown = |command: &mut Command| {
        command.env("AWS_ACCESS_KEY_ID", "nobody");
    };
    refused(&place, &inputs, unknown, "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY");
    let half = |command: &mut Command| {
        command.env_remove("AWS_SECRET_ACCESS_KEY");
    };
    refused(&place, &inputs, half, "Profile files in ~/.aws are not read");
    let missing = Place::at("s3://no-such-bucket/lake", server);
    refused(&missing, &inputs, |_| (), "make the bucket first");
}

/// A server that answers every request alike and remembers them.
fn recorder(answer: &'static str) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let heads = Arc::new(Mutex::new(Vec::new()));
    let seen = heads.clone();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let (mut head, mut buffer) = (Vec::new(), [0; 4096]);
            while !head.windows(4).any(|end| end == b"\r\n\r\n") {
                match stream.read(&mut buffer) {
                    Ok(read) if read > 0 => head.extend_from_slice(&buffer[..read]),
                    _ => break,
                }
            }
            seen.lock().unwrap().push(String::from_utf8_lossy(&head).into_owned());
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    (url, heads)
}

#[test]
fn without_any_credentials_the_error_tells_where_they_are_looked_for() {
    let temporary = tempfile::tempdir().unwrap();
    let inputs = super::program::samples(temporary.path());
    let (metadata, _) = recorder("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let place = Place::bucket(S3Server::shared());
    let none = |command: &mut Command| {
        command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
        command.env("AWS_METADATA_ENDPOINT", metadata);
    };
    refused(&place, &inputs, none, "Profile files in ~/.aws are not read");
}

#[test]
fn encryption_settings_reach_the_store() {
    let temporary = tempfile::tempdir().unwrap();
    let inputs = super::program::samples(temporary.path());
    type Pairs<'a> = &'a [(&'a str, &'a str)];
    let cases: [(Pairs<'_>, &[&str]); 2] = [
        (&[("AWS_SERVER_SIDE_ENCRYPTION", "AES256")], &["x-amz-server-side-encryption: aes256"]),
        (
            &[
                ("AWS_SERVER_SIDE_ENCRYPTION", "aws:kms"),
                ("AWS_SSE_KMS_KEY_ID", "arn:aws:kms:eu-west-1:1:key/k"),
                ("AWS_SSE_BUCKET_KEY_ENABLED", "true"),
            ],
            &[
                "x-amz-server-side-encryption: aws:kms",
                "x-amz-server-side-encryption-aws-kms-key-id: arn:aws:kms:eu-west-1:1:key/k",
                "x-amz-server-side-encryption-bucket-key-enabled: true",
            ],
        ),
    ];
    for (settings, headers) in cases {
        let (url, heads) =
            recorder("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        let place = Place::at("s3://some/lake", S3Server::shared());
        let mut command = place.convert(&inputs);
        run(command.env("AWS_ENDPOINT_URL", url).envs(settings.iter().copied())).exits(6);
        let heads = heads.lock().unwrap();
        let put =
            heads.iter().find(|head| head.starts_with("PUT ")).expect("something is put").to_lowercase();
        for header in headers {
            assert!(put.contains(header), "{header} is missing: {put}");
        }
    }
}

/// The lake's own test of each step, on this server.
#[test]
#[ignore = "takes a minute, and `killed_at_every_step_on_s3` runs always"]
fn whatever_step_fails_on_this_store() {
    let server = S3Server::shared();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(repository()).args(["test", "--locked", "--lib", "--quiet"]);
    cargo.args(["whatever_step_fails_on_a_real_store", "--", "--ignored", "--exact", "--nocapture"]);
    cargo.args(["--test-threads=1"]);
    let name = "lake::tests::whatever_step_fails_on_a_real_store";
    cargo.arg(name).env("LP_ARCHIVE_TEST_OUT", server.new_lake()).envs(server.environment());
    let done = run(&mut cargo).exits(0);
    assert!(done.stdout.contains("1 passed"), "{}{}", done.stdout, done.stderr);
}
