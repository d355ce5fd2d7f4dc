//! Attempts that fail, lose a race, or are cut by size, one after the other or while others are committed: each part is
//! archived once, under numbers without gaps.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use futures::future::BoxFuture;

use super::super::{RunOptions, Stop};
use super::*;
use crate::decode::Keyring;
use crate::lake::{Access, Lake};
use crate::model::{AccountId, DecodeLimits, EventSink, LakeOptions, Stream, Wanted, Window, WorkOptions};
use crate::source::{Folder, Listing, Source};

const START: i64 = 1_699_999_200_000;

const DAY: i64 = 86_400_000;

/// Ten parts a day.
fn start(number: u32) -> i64 {
    START + DAY * i64::from(number / 10)
}

fn part_name(number: u32) -> String {
    let start = start(number);
    format!("Survey.{start}.{}.part-{number:05}-0", start + 3_600_000)
}

fn survey(id: u32) -> String {
    let start = start(id);
    format!(
        r#"{{"metaData":{{"startTime":{start}}},"recordCollection":[{{"body":{{"surveys":[{{"id":{id}}}]}}}}]}}"#
    )
}

/// Does something else before the first part is fetched.
struct Interrupted {
    folder: Folder,
    work: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Source for Interrupted {
    fn account(&self) -> &AccountId {
        self.folder.account()
    }

    fn streams(&self) -> BoxFuture<'_, Result<Vec<Stream>, Fault>> {
        self.folder.streams()
    }

    fn lists_all(&self) -> bool {
        self.folder.lists_all()
    }

    fn list(&self, stream: Stream, wanted: Wanted) -> BoxFuture<'_, Result<Listing, Fault>> {
        self.folder.list(stream, wanted)
    }

    fn fetch<'a>(&'a self, part: &'a Part) -> BoxFuture<'a, Result<Payload, Fault>> {
        let work = self.work.lock().unwrap().take();
        Box::pin(async move {
            if let Some(work) = work {
                tokio::task::spawn_blocking(work).await.unwrap();
            }
            self.folder.fetch(part).await
        })
    }
}

#[derive(Default)]
struct Failed(Mutex<Vec<String>>);

impl EventSink for Failed {
    fn emit(&self, event: Event) {
        match event {
            Event::PartFailed { part, .. } => self.0.lock().unwrap().push(part),
            Event::BatchFailed { fault, .. } => panic!("{fault}"),
            _ => {}
        }
    }
}

/// Converts `files` into a lake below `folder`, one part a batch; `meanwhile` runs before the first fetch.
fn run(
    folder: &Path,
    files: &Path,
    batch_bytes: u64,
    meanwhile: Option<Box<dyn FnOnce() + Send>>,
) -> Vec<String> {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let out = folder.join("lake");
    let lake =
        Lake::open(out.to_str().unwrap(), LakeOptions::default(), Access::Write, runtime.handle().clone())
            .unwrap();
    let source = Folder::open(AccountId::parse("7").unwrap(), &[files.to_path_buf()]).unwrap();
    let failed = Arc::new(Failed::default());
    let options = RunOptions {
        work: WorkOptions {
            memory_bytes: 64 << 20,
            threads: 1,
            max_requests: 1,
            batch_bytes,
            spool: None,
            raw: RawPolicy::Never,
        },
        limits: DecodeLimits::default(),
        wanted: Wanted { generated_from_ms: i64::MIN, scopes: Window { from_ms: i64::MIN, to_ms: i64::MAX } },
        chosen: None,
        redo: false,
        salvage: false,
    };
    let run = Run {
        source: Arc::new(Interrupted { folder: source, work: Mutex::new(meanwhile) }),
        lake: &lake,
        keys: &Keyring::empty(),
        events: failed.clone(),
        options: &options,
        runtime: runtime.handle().clone(),
        stop: &Stop::default(),
    };
    run.sync().unwrap();
    failed.0.lock().unwrap().clone()
}

/// Parts by day and number of the entry that names them, and the objects that are there.
fn archived(folder: &Path) -> (BTreeMap<(String, String), Vec<String>>, usize) {
    let name = |file: &fs::DirEntry| file.file_name().to_string_lossy().into_owned();
    let below = |path: &Path| fs::read_dir(path).unwrap().map(Result::unwrap).collect::<Vec<_>>();
    let mut entries = BTreeMap::new();
    for day in below(&folder.join("lake/_lp_archive/ledger/v1/7/survey")) {
        for file in below(&day.path()) {
            let entry: serde_json::Value = serde_json::from_slice(&fs::read(file.path()).unwrap()).unwrap();
            let parts = entry["parts"].as_array().unwrap().iter();
            let names = parts.map(|part| part["name"].as_str().unwrap().to_owned()).collect();
            entries.insert((name(&day), name(&file)), names);
        }
    }
    let days = below(&folder.join("lake/surveys/account_id=7"));
    (entries, days.iter().map(|day| below(&day.path()).len()).sum())
}

fn files(folder: &Path, damaged: &[u32], sound: &[u32]) -> std::path::PathBuf {
    let files = folder.join("in");
    fs::create_dir_all(&files).unwrap();
    for number in damaged {
        fs::write(files.join(part_name(*number)), b"PK\x03\x04").unwrap();
    }
    for number in sound {
        fs::write(files.join(part_name(*number)), survey(*number)).unwrap();
    }
    files
}

#[test]
fn an_attempt_without_a_sound_part_uses_up_no_number() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path(), &[0], &[1, 2]);
    assert_eq!(run(folder.path(), &files, 1, None).len(), 1);
    let (entries, objects) = archived(folder.path());
    let numbers: Vec<_> = entries.keys().map(|(_, number)| number.as_str()).collect();
    assert_eq!((numbers, objects), (vec!["r1.json", "r2.json"], 2));
}

#[test]
fn whoever_loses_the_race_archives_nothing_twice_and_tells_a_failure_once() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path(), &[0], &[1, 2, 3]);
    let other = (folder.path().to_path_buf(), files.clone());
    // The other run is faster, and does one part at a time.
    let meanwhile = move || drop(run(&other.0, &other.1, 1, None));
    let failed = run(folder.path(), &files, 1 << 30, Some(Box::new(meanwhile)));
    assert_eq!(failed.len(), 1);
    let (entries, objects) = archived(folder.path());
    let parts: Vec<&String> = entries.values().flatten().collect();
    assert_eq!((parts.len(), objects), (3, 3), "{entries:?}");
}

#[test]
fn days_that_are_read_while_others_are_committed_are_archived_once() {
    let parts: Vec<u32> = (0..7).flat_map(|day| [day * 10, day * 10 + 1, day * 10 + 2]).collect();
    // Alone, and behind another run that commits first: whole days, and part after part.
    for (ours, others) in [(1 << 30, None), (1, None), (1 << 30, Some(1)), (1, Some(1 << 30)), (1, Some(1))] {
        let folder = tempfile::tempdir().unwrap();
        let files = files(folder.path(), &[3, 33, 63], &parts);
        let other = (folder.path().to_path_buf(), files.clone());
        let meanwhile = others.map(|bytes| -> Box<dyn FnOnce() + Send> {
            Box::new(move || drop(run(&other.0, &other.1, bytes, None)))
        });
        let mut failed = run(folder.path(), &files, ours, meanwhile);
        failed.sort();
        failed.dedup();
        assert_eq!(failed.len(), 3, "{failed:?}");
        let (entries, objects) = archived(folder.path());
        let mut archived: Vec<&String> = entries.values().flatten().collect();
        archived.sort();
        let mut wanted: Vec<String> = parts.iter().map(|number| part_name(*number)).collect();
        wanted.sort();
        assert!(archived.into_iter().eq(&wanted), "{ours} {others:?}: {entries:?}");
        assert_eq!(objects, entries.len(), "{ours} {others:?}");
        let mut last: Option<(&String, usize)> = None;
        for (day, number) in entries.keys() {
            let expected = last.filter(|(other, _)| *other == day).map_or(1, |(_, number)| number + 1);
            assert_eq!(*number, format!("r{expected}.json"), "{day} {ours} {others:?}");
            last = Some((day, expected));
        }
    }
}
