//! Attempts that fail, lose a race, or are cut by size: each part is archived once, under numbers without gaps.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use futures::future::BoxFuture;

use super::super::{RunOptions, Stop};
use super::*;
use crate::decode::Keyring;
use crate::lake::{Access, Lake};
use crate::model::{
    AccountId, DecodeLimits, EventSink, LakeOptions, Stream, UtcDay, Wanted, Window, WorkOptions,
};
use crate::source::{Folder, Listing, Source};

const START: i64 = 1_699_999_200_000;

fn part_name(number: u32) -> String {
    format!("Survey.{START}.{}.part-{number:05}-0", START + 3_600_000)
}

fn survey(id: u32) -> String {
    format!(
        r#"{{"metaData":{{"startTime":{START}}},"recordCollection":[{{"body":{{"surveys":[{{"id":{id}}}]}}}}]}}"#
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

/// Parts by the entry that names them, and the objects that are there.
fn archived(folder: &Path) -> (BTreeMap<String, Vec<String>>, usize) {
    let day = UtcDay::of_ms(START).to_string();
    let ledger = folder.join("lake/_lp_archive/ledger/v1/7/survey").join(day);
    let mut entries = BTreeMap::new();
    for file in fs::read_dir(ledger).unwrap() {
        let file = file.unwrap();
        let entry: serde_json::Value = serde_json::from_slice(&fs::read(file.path()).unwrap()).unwrap();
        let names = entry["parts"].as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap().to_owned());
        entries.insert(file.file_name().to_string_lossy().into_owned(), names.collect());
    }
    let objects = fs::read_dir(folder.join("lake/surveys/account_id=7"))
        .unwrap()
        .flat_map(|day| fs::read_dir(day.unwrap().path()).unwrap())
        .count();
    (entries, objects)
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
    let numbers: Vec<_> = entries.keys().map(String::as_str).collect();
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
