//! Kills the real process (SIGKILL) at each step of the write order and at random moments; the next run must leave
//! the lake of an undisturbed one.
//!
//! ```text
//! kill at note:2, kill at entry:1, … -> a run to the end -> fingerprint == fingerprint of an undisturbed lake
//! ```
//! A hundred kills each on a folder and on S3, to be run by hand: `cargo test a_hundred_kills -- --ignored --nocapture`.

#![cfg(unix)]

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::place::{Place, add_large_part, small_inputs, undisturbed};
use super::program::run;
use super::s3_server::S3Server;

/// The smallest pieces that S3 takes, so that little data makes large objects of several pieces.
const SMALL_PIECES: (&str, &str) = ("LP_ARCHIVE_PIECE_BYTES", "5242880");
const SIGKILL: i32 = 9;

/// Steps in an order in which each is reached by a run that goes on from where the last one died.
const STEPS: [&str; 16] = [
    "claim",
    "fetched:5",
    "kept:9",
    "read:20",
    "note",
    "noted",
    "recover",
    "fenced",
    "cleared",
    "object",
    "placed",
    "object:3",
    "entry",
    "committed",
    "entry:2",
    "record",
];

/// Runs until the step; whether it died there.
fn dies_at(place: &Place, inputs: &Path, step: &str) -> bool {
    let mut command = place.convert(inputs);
    let done = command.env("LP_ARCHIVE_FAIL_AT", step).env(SMALL_PIECES.0, SMALL_PIECES.1).output().unwrap();
    // Whoever is not killed must have done all.
    let told = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.signal() == Some(SIGKILL) || done.status.code() == Some(0), "{step}: {told}");
    done.status.signal() == Some(SIGKILL)
}

/// Kills after a while; whether it was still running.
fn killed_after(place: &Place, inputs: &Path, pause: Duration) -> bool {
    let mut child = place
        .convert(inputs)
        .env(SMALL_PIECES.0, SMALL_PIECES.1)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    thread::sleep(pause);
    let running = child.try_wait().unwrap().is_none();
    let _ = child.kill();
    child.wait().unwrap();
    running
}

fn every_step(place: &Place, steps: &[&str]) {
    let temporary = tempfile::tempdir().unwrap();
    let inputs = small_inputs(temporary.path(), "3MiB", 61);
    add_large_part(&inputs);
    let truth = undisturbed(&inputs);
    for step in steps {
        assert!(dies_at(place, &inputs, step), "the run did not come to step {step}");
    }
    run(&mut place.convert(&inputs)).exits(0);
    place.is_like(&truth, "kills at every step");
    let again = run(&mut place.convert(&inputs)).exits(0).summary();
    assert_eq!(again["batches"], 0, "{again}");
}

#[test]
fn killed_at_every_step_on_a_folder() {
    let mut steps = STEPS.to_vec();
    steps.insert(11, "staged:2");
    every_step(&Place::folder(), &steps);
    // Whoever dies of a large object does its part last: what comes behind these steps might come no more.
    every_step(&Place::folder(), &["piece:2", "object"]);
}

#[test]
fn killed_at_every_step_on_s3() {
    every_step(&Place::bucket(S3Server::shared()), &STEPS);
    // The first is between the start of an upload and its note.
    every_step(&Place::bucket(S3Server::shared()), &["upload", "piece:2", "object"]);
}

/// What a redo replaces goes only after its entry is in, and then goes for certain.
#[test]
fn killed_while_replacing() {
    let temporary = tempfile::tempdir().unwrap();
    let inputs = small_inputs(temporary.path(), "2MiB", 63);
    let truth = undisturbed(&inputs);
    for place in [Place::folder(), Place::bucket(S3Server::shared())] {
        run(&mut place.convert(&inputs)).exits(0);
        for step in ["entry", "committed", "replace:3"] {
            let redo = || {
                let mut command = place.convert(&inputs);
                command.arg("--redo").env("LP_ARCHIVE_FAIL_AT", step);
                command
            };
            assert_eq!(redo().output().unwrap().status.signal(), Some(SIGKILL), "{step}");
            run(&mut place.convert(&inputs)).exits(0);
            place.is_like(&truth, step);
        }
    }
}

/// Numbers that look random and are the same every time (xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}

fn hundred(name: &str, lake: impl Fn() -> Place) {
    const ALL: [&str; 15] = [
        "claim",
        "fetched",
        "read",
        "kept",
        "note",
        "noted",
        "upload",
        "piece",
        "object",
        "placed",
        "entry",
        "committed",
        "recover",
        "fenced",
        "cleared",
    ];
    let temporary = tempfile::tempdir().unwrap();
    let inputs: PathBuf = small_inputs(temporary.path(), "8MiB", 62);
    add_large_part(&inputs);
    let truth: Value = undisturbed(&inputs);
    let started = Instant::now();
    run(&mut lake().convert(&inputs)).exits(0);
    let whole = started.elapsed();
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    let (mut kills, mut lakes) = (0, 0);
    let mut recovery = Duration::ZERO;
    while kills < 100 {
        let place = lake();
        for _ in 0..5 {
            let killed = if dice.roll(2) == 0 {
                killed_after(&place, &inputs, whole * u32::try_from(dice.roll(1000)).unwrap() / 1000)
            } else {
                let step = ALL[dice.roll(ALL.len() as u64) as usize];
                dies_at(&place, &inputs, &format!("{step}:{}", 1 + dice.roll(12)))
            };
            kills += u32::from(killed);
        }
        let started = Instant::now();
        run(&mut place.convert(&inputs)).exits(0);
        recovery = recovery.max(started.elapsed());
        place.is_like(&truth, &format!("{kills} kills"));
        lakes += 1;
    }
    println!(
        "{name}: {kills} kills over {lakes} lakes, each as an undisturbed one; longest last run {recovery:?}, undisturbed {whole:?}"
    );
}

#[test]
#[ignore = "takes minutes"]
fn a_hundred_kills_on_a_folder() {
    hundred("folder", Place::folder);
}

#[test]
#[ignore = "takes minutes"]
fn a_hundred_kills_on_s3() {
    hundred("S3", || Place::bucket(S3Server::shared()));
}
