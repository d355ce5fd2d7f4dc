//! The room as its callers see it, on a folder and on an object store with multipart uploads.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Barrier;
use std::sync::atomic::{AtomicI64, Ordering};

use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use ::parquet::file::reader::{FileReader, SerializedFileReader};
use arrow::array::{
    Array, ArrayRef, Int64Array, ListArray, RecordBatch, StringArray, TimestampMillisecondArray,
};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, TimeUnit};
use bytes::Bytes;
use tokio::runtime::Runtime;

use super::*;
use crate::model::RunTotals;

mod replace;
mod verify;

/// Makes a store fail for good from some access on, as if the process were killed or the store gone.
pub(super) struct Trip {
    /// Changes that still succeed.
    left: AtomicI64,
    /// The first change that fails comes into effect all the same.
    landed: bool,
    /// Reads fail from then on, too.
    blind: bool,
    /// Only one change fails.
    once: bool,
}

impl Trip {
    pub fn pass<T>(&self, change: bool, access: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
        let gone = || Fault::new(FaultKind::Destination, Stage::Write, "the store is gone");
        let left = self.left.fetch_sub(i64::from(change), Ordering::SeqCst);
        match (change, left) {
            (true, 1..) => access(),
            (true, 0) if self.landed => access().and_then(|_| Err(gone())),
            (true, ..0) if self.once => access(),
            (true, _) => Err(gone()),
            (false, ..0) if self.blind => Err(gone()),
            (false, _) => access(),
        }
    }
}

struct Bench {
    runtime: Runtime,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Bench {
        Bench { runtime: Runtime::new().unwrap(), folder: tempfile::tempdir().unwrap() }
    }

    fn open(&self, options: LakeOptions) -> Lake {
        let out = self.folder.path().to_str().unwrap();
        Lake::open(out, options, Access::Write, self.runtime.handle().clone()).unwrap()
    }

    fn lake(&self) -> Lake {
        self.open(LakeOptions::default())
    }

    /// A lake whose attempts look as if their process had died.
    fn dead_lake(&self) -> Lake {
        Lake { process: Process { pid: u32::MAX, ..Process::own().clone() }, ..self.lake() }
    }

    fn files(&self) -> Vec<String> {
        fn walk(folder: &Path, root: &Path, into: &mut Vec<String>) {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    walk(&path, root, into);
                } else {
                    into.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
                }
            }
        }
        let mut files = Vec::new();
        walk(self.folder.path(), self.folder.path(), &mut files);
        files.retain(|file| file != layout::LAKE);
        files.sort();
        files
    }

    fn objects(&self) -> Vec<String> {
        self.files().into_iter().filter(|file| file.ends_with(".parquet")).collect()
    }

    /// Every `n` of a table, sorted.
    fn numbers(&self, table: &str) -> Vec<i64> {
        let files = self.objects();
        let mut numbers: Vec<i64> = files
            .iter()
            .filter(|file| file.starts_with(&format!("{table}/")))
            .flat_map(|file| numbers_in(fs::read(self.folder.path().join(file)).unwrap().into()))
            .collect();
        numbers.sort_unstable();
        numbers
    }
}

fn numbers_in(bytes: Bytes) -> Vec<i64> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap().build().unwrap();
    reader
        .flat_map(|batch| {
            let column = batch.unwrap().column(0).clone();
            column.as_any().downcast_ref::<Int64Array>().unwrap().values().to_vec()
        })
        .collect()
}

fn account() -> AccountId {
    AccountId::parse("1").unwrap()
}

fn day(text: &str) -> UtcDay {
    UtcDay::parse(text).unwrap()
}

fn shape(name: &str) -> Arc<TableShape> {
    let hints = [
        ("text", ColumnHint::Bloom),
        ("text", ColumnHint::Lengths),
        ("time", ColumnHint::Delta),
        ("list.list.item", ColumnHint::Bloom),
    ];
    Arc::new(TableShape {
        name: name.to_owned(),
        schema: batch(0..1).schema(),
        placement: if name == "quarantine" { Placement::Quarantine } else { Placement::Partitioned },
        hints: hints.map(|(column, hint)| (column.to_owned(), hint)).to_vec(),
    })
}

fn batch(numbers: std::ops::Range<i64>) -> RecordBatch {
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(numbers.clone()));
    let texts: ArrayRef =
        Arc::new(StringArray::from_iter_values(numbers.clone().map(|n| format!("text {n}"))));
    let times: ArrayRef =
        Arc::new(TimestampMillisecondArray::from_iter_values(numbers.clone()).with_timezone("UTC"));
    let lists: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(
        numbers.map(|n| (n % 3 != 0).then(|| vec![Some(n); (n % 5) as usize])),
    ));
    let schema = Schema::new(vec![
        Field::new("n", DataType::Int64, false),
        Field::new("text", DataType::Utf8, true),
        Field::new("time", DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())), true),
        Field::new("list", lists.data_type().clone(), true),
    ]);
    RecordBatch::try_new(Arc::new(schema), vec![ids, texts, times, lists]).unwrap()
}

fn draft(names: &[&str]) -> EntryDraft {
    let part = |name: &&str| PartEntry {
        name: (*name).to_owned(),
        scope: Scope { start_ms: 1, end_ms: 2 },
        bytes: 10,
        sha256: "00".into(),
        records: 3,
        records_in_tables: 2,
        rejects: 1,
        salvaged: false,
        reason: String::new(),
    };
    EntryDraft {
        parts: names.iter().map(part).collect(),
        schema_versions: ["5.0".to_owned()].into(),
        totals: RunTotals { records: 3, ..RunTotals::default() },
        created_ms: 0,
        ..EntryDraft::default()
    }
}

fn begin(lake: &Lake, number: u32) -> Attempt {
    lake.begin(&account(), Stream::Survey, day("2026-11-01"), number).unwrap()
}

fn filled(attempt: &Attempt, numbers: std::ops::Range<i64>) -> ObjectSet {
    let set = attempt.object_set();
    set.append(&shape("surveys"), day("2026-11-01"), batch(numbers)).unwrap();
    set
}

fn names(archived: &Archived) -> Vec<&str> {
    let mut names: Vec<&str> = archived.parts.keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

fn archived(lake: &Lake) -> Archived {
    lake.archived(&account(), Stream::Survey, day("2026-11-01"), day("2026-11-01")).unwrap()
}

#[test]
fn a_commit_leaves_readable_objects_and_one_entry() {
    let bench = Bench::new();
    let lake = bench.lake();
    let attempt = begin(&lake, 1);
    let token = attempt.token().to_owned();
    let sets = vec![filled(&attempt, 0..10), filled(&attempt, 10..15)];
    sets[0].append(&shape("surveys"), day("2026-10-31"), batch(15..16)).unwrap();
    sets[0].append(&shape("quarantine"), day("1999-01-01"), batch(0..2)).unwrap();
    sets[0].append(&shape("empty"), day("2026-10-31"), batch(0..0)).unwrap();
    let outcome = attempt.commit(sets, draft(&["a", "b"])).unwrap();
    let Outcome::Committed { objects, bytes_written, rows } = outcome else { panic!("{outcome:?}") };
    assert_eq!((objects, rows), (4, BTreeMap::from([("surveys".to_owned(), 16)])));
    let paths = [
        "_lp_archive/ledger/v1/1/survey/2026-11-01/r1.json".to_owned(),
        format!("_lp_archive/quarantine/1/survey/2026-11-01/r1-{token}.parquet"),
        format!("surveys/account_id=1/date=2026-10-31/survey-20261101-r1-{token}.parquet"),
        format!("surveys/account_id=1/date=2026-11-01/survey-20261101-r1-{token}-p2.parquet"),
        format!("surveys/account_id=1/date=2026-11-01/survey-20261101-r1-{token}.parquet"),
    ];
    assert_eq!(bench.files(), paths);
    assert_eq!(bench.numbers("surveys"), (0..16).collect::<Vec<_>>());

    let entry: Value =
        serde_json::from_slice(&fs::read(bench.folder.path().join(&paths[0])).unwrap()).unwrap();
    assert_eq!((&entry["version"], &entry["token"]), (&1.into(), &token.as_str().into()));
    assert_eq!((&entry["number"], &entry["day"]), (&1.into(), &"2026-11-01".into()));
    assert_eq!(
        (&entry["totals"]["records"], &entry["totals"]["bytes_written"]),
        (&3.into(), &bytes_written.into())
    );
    for object in entry["objects"].as_array().unwrap() {
        let size = fs::metadata(bench.folder.path().join(object["path"].as_str().unwrap())).unwrap().len();
        assert_eq!(object["bytes"], size);
    }
    let found = archived(&lake);
    assert_eq!(names(&found), ["a", "b"]);
    assert_eq!(found.next_number(day("2026-11-01")), 2);
    assert_eq!(lake.held.load(Ordering::Relaxed), 0);
    assert_eq!(lake.recover(&account()).unwrap(), Recovered::default());
}

#[test]
fn objects_tell_their_batch_and_are_written_as_hinted() {
    let bench = Bench::new();
    let lake = bench.open(LakeOptions { row_group_rows: 100, ..LakeOptions::default() });
    let attempt = begin(&lake, 7);
    let token = attempt.token().to_owned();
    let sets = vec![filled(&attempt, 0..250)];
    attempt.commit(sets, draft(&["a"])).unwrap();
    let bytes = fs::read(bench.folder.path().join(&bench.objects()[0])).unwrap();
    let reader = SerializedFileReader::new(Bytes::from(bytes)).unwrap();
    let file = reader.metadata().file_metadata();
    assert_eq!(file.created_by(), Some(concat!("lp-archive ", env!("CARGO_PKG_VERSION"))));
    let pairs: BTreeMap<String, String> = file
        .key_value_metadata()
        .unwrap()
        .iter()
        .map(|pair| (pair.key.clone(), pair.value.clone().unwrap_or_default()))
        .collect();
    let told = ["account", "stream", "day", "batch", "token"]
        .map(|key| pairs[&format!("lp_archive.{key}")].as_str());
    assert_eq!(told, ["1", "survey", "2026-11-01", "r7", token.as_str()]);
    let groups: Vec<i64> = reader.metadata().row_groups().iter().map(|group| group.num_rows()).collect();
    assert_eq!(groups, [100, 100, 50]);
    let columns = reader.metadata().row_group(0).columns();
    let dictionary: Vec<bool> =
        columns.iter().map(|column| column.dictionary_page_offset().is_some()).collect();
    assert_eq!(dictionary, [true, false, false, true]);
    let bloom: Vec<i32> = columns.iter().map(|column| column.bloom_filter_length().unwrap_or(0)).collect();
    assert!(bloom[0] == 0 && bloom[1] > 0 && bloom[1] < 1000 && bloom[2] == 0 && bloom[3] > 0, "{bloom:?}");
    assert!(
        columns.iter().all(|column| column.statistics().is_some() && column.offset_index_offset().is_some())
    );
}

#[test]
fn the_second_entry_of_a_number_loses_and_leaves_nothing() {
    let bench = Bench::new();
    let lake = bench.lake();
    let (first, second) = (begin(&lake, 1), begin(&lake, 1));
    let (one, two) = (filled(&first, 0..5), filled(&second, 0..5));
    assert!(matches!(first.commit(vec![one], draft(&["a"])).unwrap(), Outcome::Committed { .. }));
    let before = bench.files();
    assert_eq!(second.commit(vec![two], draft(&["a"])).unwrap(), Outcome::LostRace);
    assert_eq!(bench.files(), before);
}

#[test]
fn only_committed_sets_stay() {
    let bench = Bench::new();
    // So small that objects are placed long before the commit.
    let lake = bench.open(LakeOptions { buffer_bytes: 1, max_open_objects: 1, ..LakeOptions::default() });
    let attempt = begin(&lake, 1);
    let (kept, forgotten, discarded) =
        (filled(&attempt, 0..5), filled(&attempt, 100..105), filled(&attempt, 200..205));
    kept.append(&shape("surveys"), day("2026-11-01"), batch(5..9)).unwrap();
    assert!(bench.objects().len() > 1, "{:?}", bench.files());
    assert!(bench.files()[0].starts_with("_lp_archive/pending/1/"));
    discarded.discard().unwrap();
    drop(forgotten);
    attempt.commit(vec![kept], draft(&["a"])).unwrap();
    assert_eq!(bench.numbers("surveys"), (0..9).collect::<Vec<_>>());
    assert_eq!(bench.files().len(), bench.objects().len() + 1);
}

#[test]
fn an_abandoned_attempt_leaves_nothing() {
    let bench = Bench::new();
    let lake = bench.open(LakeOptions { buffer_bytes: 1, max_open_objects: 1, ..LakeOptions::default() });
    let attempt = begin(&lake, 1);
    let sets = vec![filled(&attempt, 0..5), filled(&attempt, 5..9)];
    assert!(!bench.objects().is_empty());
    attempt.abandon(sets).unwrap();
    assert_eq!(bench.files(), Vec::<String>::new());
}

#[test]
fn figures_that_do_not_add_up_are_refused() {
    let bench = Bench::new();
    let lake = bench.lake();
    let spoil: [fn(&mut EntryDraft); 3] = [
        |draft| draft.parts[0].rejects = 0,
        |draft| draft.parts.push(draft.parts[0].clone()),
        |draft| draft.parts.clear(),
    ];
    for spoil in spoil {
        let attempt = begin(&lake, 1);
        let sets = vec![filled(&attempt, 0..5)];
        let mut draft = draft(&["a"]);
        spoil(&mut draft);
        assert_eq!(attempt.commit(sets, draft).unwrap_err().kind, FaultKind::Internal);
        assert_eq!(bench.files(), Vec::<String>::new());
    }
    let set = begin(&lake, 1).object_set();
    let other = batch(0..1).project(&[0]).unwrap();
    assert_eq!(
        set.append(&shape("surveys"), day("2026-11-01"), other).unwrap_err().kind,
        FaultKind::Internal
    );
}

#[test]
#[cfg(target_os = "linux")]
fn recovery_clears_a_dead_attempt_which_then_loses() {
    let bench = Bench::new();
    let tiny = LakeOptions { buffer_bytes: 1, max_open_objects: 1, ..LakeOptions::default() };
    let dead = Lake { options: tiny, ..bench.dead_lake() };
    let attempt = begin(&dead, 1);
    let sets = vec![filled(&attempt, 0..5), filled(&attempt, 5..9)];
    let left = bench.objects().len() as u64;
    assert!(left > 0);
    let lake = bench.lake();
    let recovered = lake.recover(&account()).unwrap();
    assert_eq!(recovered, Recovered { attempts: 1, objects_deleted: left });
    let entry = "_lp_archive/ledger/v1/1/survey/2026-11-01/r1.json";
    assert_eq!(bench.files(), [entry]);
    let found = archived(&lake);
    assert_eq!((found.parts.len(), found.next_number(day("2026-11-01"))), (0, 2));
    // It was alive after all.
    assert_eq!(attempt.commit(sets, draft(&["a"])).unwrap(), Outcome::LostRace);
    assert_eq!(bench.files(), [entry]);
    assert_eq!(lake.recover(&account()).unwrap(), Recovered::default());
}

#[test]
#[cfg(target_os = "linux")]
fn recovery_leaves_what_was_committed() {
    let bench = Bench::new();
    let tiny = LakeOptions { buffer_bytes: 1, max_open_objects: 1, ..LakeOptions::default() };
    let attempt = begin(&Lake { options: tiny, ..bench.dead_lake() }, 1);
    let sets = vec![filled(&attempt, 0..5), filled(&attempt, 5..9)];
    // Killed between the entry and the deletion of the note.
    let note = bench.folder.path().join(&bench.files()[0]);
    let json = fs::read(&note).unwrap();
    attempt.commit(sets, draft(&["a"])).unwrap();
    let before = bench.files();
    fs::create_dir_all(note.parent().unwrap()).unwrap();
    fs::write(&note, json).unwrap();
    let lake = bench.lake();
    assert_eq!(lake.recover(&account()).unwrap(), Recovered { attempts: 1, objects_deleted: 0 });
    assert_eq!(bench.files(), before);
    assert_eq!(bench.numbers("surveys"), (0..9).collect::<Vec<_>>());
    assert_eq!(archived(&lake).parts.len(), 1);
}

#[test]
#[cfg(target_os = "linux")]
fn recovery_clears_the_loser_of_a_race_that_died() {
    let bench = Bench::new();
    let tiny = LakeOptions { buffer_bytes: 1, max_open_objects: 1, ..LakeOptions::default() };
    let loser = begin(&Lake { options: tiny, ..bench.dead_lake() }, 1);
    let sets = [filled(&loser, 0..5), filled(&loser, 5..9)];
    let lake = bench.lake();
    let winner = begin(&lake, 1);
    let won = vec![filled(&winner, 0..9)];
    winner.commit(won, draft(&["a"])).unwrap();
    drop((loser, sets));
    assert_eq!(lake.recover(&account()).unwrap().attempts, 1);
    assert_eq!(bench.numbers("surveys"), (0..9).collect::<Vec<_>>());
    assert_eq!(bench.files().len(), 2);
}

#[test]
#[cfg(target_os = "linux")]
fn a_live_process_is_left_alone_and_a_foreign_one_is_fenced() {
    let bench = Bench::new();
    let tiny = LakeOptions { buffer_bytes: 1, max_open_objects: 1, ..LakeOptions::default() };
    let lake = bench.open(tiny.clone());
    let attempt = begin(&lake, 1);
    let sets = vec![filled(&attempt, 0..5), filled(&attempt, 5..9)];
    assert_eq!(lake.recover(&account()).unwrap(), Recovered::default());
    attempt.commit(sets, draft(&["a"])).unwrap();
    assert_eq!(bench.numbers("surveys"), (0..9).collect::<Vec<_>>());

    let foreign = Process { host: "elsewhere".into(), ..Process::own().clone() };
    let attempt = begin(&Lake { options: tiny, process: foreign, ..bench.lake() }, 2);
    let sets = vec![filled(&attempt, 10..15), filled(&attempt, 15..19)];
    let recovered = lake.recover(&account()).unwrap();
    assert!(recovered.attempts == 0 && recovered.objects_deleted > 0, "{recovered:?}");
    assert_eq!(bench.numbers("surveys"), (0..9).collect::<Vec<_>>());
    // Its note stays, should it still write; a day later it goes.
    assert!(bench.files().iter().any(|file| file.starts_with("_lp_archive/pending/")));
    let later = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64 + 2 * 86_400_000;
    let recovered = recover::recover(lake.writable().unwrap(), &account(), later).unwrap();
    assert_eq!(recovered.attempts, 1);
    assert!(!bench.files().iter().any(|file| file.starts_with("_lp_archive/pending/")));
    assert_eq!(attempt.commit(sets, draft(&["b"])).unwrap(), Outcome::LostRace);
    assert_eq!(bench.numbers("surveys"), (0..9).collect::<Vec<_>>());
}

#[test]
fn few_objects_are_open_at_a_time() {
    let bench = Bench::new();
    let lake = bench.open(LakeOptions { max_open_objects: 2, ..LakeOptions::default() });
    let attempt = begin(&lake, 1);
    let set = attempt.object_set();
    for round in 0..3 {
        for date in 0..4 {
            let n = round * 4 + date;
            set.append(&shape("surveys"), UtcDay(date as i32), batch(n..n + 1)).unwrap();
        }
    }
    attempt.commit(vec![set], draft(&["a"])).unwrap();
    assert_eq!(bench.numbers("surveys"), (0..12).collect::<Vec<_>>());
    assert_eq!(bench.objects().len(), 12);
    assert!(bench.objects().iter().any(|path| path.ends_with("-p3.parquet")));
}

/// What a footer will hold is memory too: an object of very many row groups is ended.
#[test]
fn footers_count_as_memory() {
    let bench = Bench::new();
    let lake =
        bench.open(LakeOptions { row_group_rows: 1, buffer_bytes: 512 << 10, ..LakeOptions::default() });
    let attempt = begin(&lake, 1);
    let set = attempt.object_set();
    for row in 0..300 {
        set.append(&shape("surveys"), day("2026-11-01"), batch(row..row + 1)).unwrap();
    }
    attempt.commit(vec![set], draft(&["a"])).unwrap();
    assert!(bench.objects().len() > 1, "{:?}", bench.objects());
    assert_eq!(bench.numbers("surveys"), (0..300).collect::<Vec<_>>());
}

#[test]
fn large_objects_are_written_in_pieces() {
    let bench = Bench::new();
    let options = LakeOptions { row_group_rows: 1000, ..LakeOptions::default() };
    let small_pieces = |lake: Lake| Lake { piece_bytes: 4096, ..lake };
    let numbers: Vec<i64> = (0..20_000).collect();

    let lake = small_pieces(bench.open(options.clone()));
    let attempt = begin(&lake, 1);
    let set = filled(&attempt, 0..20_000);
    assert_eq!(bench.objects(), Vec::<String>::new());
    attempt.commit(vec![set], draft(&["a"])).unwrap();
    assert_eq!(bench.objects().len(), 1);
    assert_eq!(bench.numbers("surveys"), numbers);

    let (store, memory) = Store::in_memory(bench.runtime.handle().clone());
    let lake = small_pieces(Lake::over(Some(store), options, Access::Write).unwrap());
    let attempt = begin(&lake, 1);
    let set = filled(&attempt, 0..20_000);
    let store = lake.writable().unwrap();
    assert_eq!(store.list("surveys").unwrap(), []);
    let note = &store.list("_lp_archive/pending/1").unwrap()[0].path;
    let note: Value = serde_json::from_slice(&store.get(note).unwrap().unwrap()).unwrap();
    assert_eq!(note["uploads"].as_array().unwrap().len(), 1);
    attempt.commit(vec![set], draft(&["a"])).unwrap();
    let found = store.list("surveys").unwrap();
    assert_eq!(numbers_in(store.get(&found[0].path).unwrap().unwrap()), numbers);
    assert_eq!(archived(&lake).parts.len(), 1);
    assert_eq!(store.list("_lp_archive/pending").unwrap(), []);
    assert!(memory.to_string().contains("Memory"));
}

#[test]
#[cfg(target_os = "linux")]
fn recovery_aborts_uploads() {
    let bench = Bench::new();
    let (store, _) = Store::in_memory(bench.runtime.handle().clone());
    let options = LakeOptions { row_group_rows: 1000, ..LakeOptions::default() };
    let mut lake = Lake::over(Some(store), options, Access::Write).unwrap();
    (lake.piece_bytes, lake.process.pid) = (4096, u32::MAX);
    let attempt = begin(&lake, 1);
    let set = filled(&attempt, 0..20_000);
    assert_eq!(lake.recover(&account()).unwrap(), Recovered { attempts: 1, objects_deleted: 0 });
    // Its upload is gone, so it fails or loses; either way nothing of it counts or stays.
    assert!(!matches!(attempt.commit(vec![set], draft(&["a"])), Ok(Outcome::Committed { .. })));
    assert_eq!(lake.writable().unwrap().list("surveys").unwrap(), []);
    assert_eq!(lake.writable().unwrap().list("_lp_archive/pending").unwrap(), []);
}

#[test]
fn a_lake_of_a_newer_format_is_refused() {
    let bench = Bench::new();
    drop(bench.lake());
    drop(bench.lake());
    let path = bench.folder.path().join(layout::LAKE);
    assert_eq!(fs::read_to_string(&path).unwrap(), r#"{"format":1}"#);
    for (json, told) in [(r#"{"format":2}"#, "newer"), ("{}", "backup"), ("half", "backup")] {
        fs::write(&path, json).unwrap();
        for access in [Access::Read, Access::Write] {
            let out = bench.folder.path().to_str().unwrap();
            let opened = Lake::open(out, LakeOptions::default(), access, bench.runtime.handle().clone());
            let fault = opened.err().unwrap();
            assert_eq!(fault.kind, FaultKind::Destination);
            assert!(fault.advice.unwrap().contains(told));
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), json);
    }
}

#[test]
fn reading_makes_nothing() {
    let bench = Bench::new();
    let missing = bench.folder.path().join("lake");
    for out in [missing.to_str().unwrap(), bench.folder.path().to_str().unwrap()] {
        let lake =
            Lake::open(out, LakeOptions::default(), Access::Read, bench.runtime.handle().clone()).unwrap();
        assert_eq!(archived(&lake), Archived::default());
        assert_eq!(lake.recover(&account()).unwrap_err().kind, FaultKind::Internal);
    }
    assert_eq!(fs::read_dir(bench.folder.path()).unwrap().count(), 0);
}

#[test]
fn only_the_days_asked_for_are_read() {
    let bench = Bench::new();
    let (memory, _) = Store::in_memory(bench.runtime.handle().clone());
    let memory = Lake::over(Some(memory), LakeOptions::default(), Access::Write).unwrap();
    reads_only_its_days(&bench.lake());
    reads_only_its_days(&memory);
}

fn reads_only_its_days(lake: &Lake) {
    for text in ["2026-10-31", "2026-11-01", "2026-11-02", "2026-11-03"] {
        let attempt = lake.begin(&account(), Stream::Survey, day(text), 1).unwrap();
        attempt.commit(vec![], draft(&[text])).unwrap();
    }
    // What lies on other days is not even looked at.
    for text in ["2026-10-31", "2026-11-03"] {
        let path = layout::ledger_entry(&account(), Stream::Survey, day(text), 2);
        lake.writable().unwrap().put(&path, "damaged".into()).unwrap();
    }
    let read = |from, to| lake.archived(&account(), Stream::Survey, day(from), day(to));
    let found = read("2026-11-01", "2026-11-02").unwrap();
    assert_eq!(names(&found), ["2026-11-01", "2026-11-02"]);
    assert_eq!(found.next_number(day("2026-11-02")), 2);
    assert_eq!(found.next_number(day("2026-11-05")), 1);
    assert_eq!(read("2026-11-01", "2026-11-03").unwrap_err().kind, FaultKind::Destination);
    assert_eq!(read("2020-11-01", "2026-10-30").unwrap(), Archived::default());
}

#[test]
fn raw_parts_stay_in_their_folder_whatever_their_name() {
    let bench = Bench::new();
    let lake = bench.lake();
    let fault = Fault::new(FaultKind::Damaged, Stage::Decode, "the gzip data ends early");
    let scope = Scope { start_ms: 0, end_ms: 1 };
    let names = ["../../../etc/passwd", "/abs", "a\0b", "..", "", "ü\u{202e}", &"x".repeat(4000)];
    for name in names {
        let id = PartId { account: account(), stream: Stream::Survey, name: name.to_owned() };
        for bytes in ["first", "again"] {
            lake.store_raw(&id, scope, &Payload::Memory(bytes.into()), &fault).unwrap();
        }
    }
    let files = bench.files();
    assert_eq!(files.len(), 2 * names.len());
    assert!(files.iter().all(|file| file.starts_with("_lp_archive/raw/1/survey/1970-01-01/")), "{files:?}");
    for file in files.iter().filter(|file| file.ends_with(".bin")) {
        let path = bench.folder.path().join(file);
        assert_eq!(fs::read(&path).unwrap(), b"again");
        let note: Value = serde_json::from_slice(&fs::read(path.with_extension("json")).unwrap()).unwrap();
        assert_eq!((&note["reason"], &note["bytes"]), (&"damaged".into(), &5.into()));
        assert!(names.contains(&note["name"].as_str().unwrap()));
    }
}

#[test]
fn a_large_raw_part_is_copied_whole() {
    let bench = Bench::new();
    let lake = bench.lake();
    let content: Vec<u8> = (0..objects::PIECE_BYTES * 2 + 77).map(|n| (n % 251) as u8).collect();
    let mut file = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut file, &content).unwrap();
    let payload = Payload::File(Arc::new(file), content.len() as u64);
    let id = PartId { account: account(), stream: Stream::Survey, name: "x".into() };
    let fault = Fault::new(FaultKind::Damaged, Stage::Decode, "spoiled");
    lake.store_raw(&id, Scope { start_ms: 0, end_ms: 1 }, &payload, &fault).unwrap();
    let path = bench.files().into_iter().find(|file| file.ends_with(".bin")).unwrap();
    assert!(fs::read(bench.folder.path().join(path)).unwrap() == content);
}

#[test]
fn runs_leave_a_record() {
    let bench = Bench::new();
    bench.lake().store_run(1_461_387_605_000, &json!({"parts": 3})).unwrap();
    let files = bench.files();
    assert!(files[0].starts_with("_lp_archive/runs/2016-04-23/050005-"), "{files:?}");
}

#[test]
fn many_threads_append_and_every_row_is_there_once() {
    let bench = Bench::new();
    for (round, (buffer_bytes, max_open_objects)) in
        [(1 << 20, 64), (64 << 10, 64), (1, 2), (192 << 20, 3)].into_iter().enumerate()
    {
        let lake = bench.open(LakeOptions {
            row_group_rows: 16,
            buffer_bytes,
            max_open_objects,
            ..LakeOptions::default()
        });
        let lake = Lake { piece_bytes: 2000, ..lake };
        let attempt = lake.begin(&account(), Stream::Survey, day("2026-11-01"), round as u32 + 1).unwrap();
        let sets = [attempt.object_set(), attempt.object_set()];
        let tables = [shape(&format!("a{round}")), shape(&format!("b{round}"))];
        let pool = rayon::ThreadPoolBuilder::new().num_threads(8).build().unwrap();
        let barrier = Barrier::new(8);
        pool.broadcast(|context| {
            barrier.wait();
            for step in 0..30 {
                let n = (context.index() as i64 * 30 + step) * 7;
                let set = &sets[(step % 2) as usize];
                for table in &tables {
                    set.append(table, UtcDay((step % 5) as i32), batch(n..n + 7)).unwrap();
                }
            }
        });
        let outcome = attempt.commit(sets.into(), draft(&["a"])).unwrap();
        let Outcome::Committed { rows, .. } = outcome else { panic!("{outcome:?}") };
        for table in &tables {
            assert_eq!(rows[&table.name], 8 * 30 * 7);
            assert_eq!(bench.numbers(&table.name), (0..8 * 30 * 7).collect::<Vec<_>>());
        }
        assert_eq!(lake.held.load(Ordering::Relaxed), 0);
        assert!(!bench.files().iter().any(|file| file.contains("pending") || file.contains("staging")));
    }
}

/// Runs one batch against a store that fails from the `n`-th change on, for every `n`; then a new
/// process recovers and archives what the ledger lacks. Always: each row once, nothing left over.
fn fail_at_every_step(
    open: impl Fn() -> Store,
    options: &LakeOptions,
    (landed, blind, once): (bool, bool, bool),
    check: impl Fn(&Lake),
) {
    for step in 0.. {
        assert!(step < 200, "the batch never gets through");
        let quiet = Arc::new(Trip { left: AtomicI64::new(i64::MAX), landed, blind, once });
        let mut store = open();
        store.trip = Some(quiet.clone());
        let mut lake = Lake::over(Some(store), options.clone(), Access::Write).unwrap();
        (lake.piece_bytes, lake.process.pid) = (2048, u32::MAX);
        quiet.left.store(step, Ordering::SeqCst);
        let attempt = begin(&lake, 1);
        let sets = [attempt.object_set(), attempt.object_set()];
        let fill = || -> Result<(), Fault> {
            sets[0].append(&shape("surveys"), day("2026-11-01"), batch(0..400))?;
            sets[1].append(&shape("surveys"), day("2026-11-01"), batch(400..410))?;
            sets[1].append(&shape("surveys"), day("2026-11-02"), batch(410..420))
        };
        let told = match fill() {
            Ok(()) => attempt.commit(sets.into(), draft(&["a"])),
            Err(fault) => {
                let _ = attempt.abandon(sets.into());
                Err(fault)
            }
        };
        let through = quiet.left.load(Ordering::SeqCst) > 0;
        assert!(told.is_ok() || !through, "{told:?}");

        quiet.left.store(i64::MAX, Ordering::SeqCst);
        lake.process = Process::own().clone();
        lake.recover(&account()).unwrap();
        let found = archived(&lake);
        if told.is_ok() {
            assert!(
                matches!(told, Ok(Outcome::Committed { .. })) && found.parts.contains_key("a"),
                "{told:?}"
            );
        }
        if found.parts.is_empty() {
            let attempt = begin(&lake, found.next_number(day("2026-11-01")));
            let sets = vec![filled(&attempt, 0..420)];
            assert!(matches!(attempt.commit(sets, draft(&["a"])).unwrap(), Outcome::Committed { .. }));
        }
        let store = lake.writable().unwrap();
        let mut numbers: Vec<i64> = Vec::new();
        for object in store.list("surveys").unwrap() {
            numbers.extend(numbers_in(store.get(&object.path).unwrap().unwrap()));
        }
        numbers.sort_unstable();
        assert_eq!(
            numbers,
            (0..420).collect::<Vec<_>>(),
            "step {step}, landed {landed}, blind {blind}, once {once}"
        );
        assert_eq!(store.list("_lp_archive/pending").unwrap(), [], "step {step}");
        check(&lake);
        if through {
            break;
        }
    }
}

#[test]
#[cfg(target_os = "linux")]
fn whatever_step_fails_each_row_is_there_once_after_the_next_run() {
    let runtime = Runtime::new().unwrap();
    let early =
        LakeOptions { row_group_rows: 100, buffer_bytes: 1, max_open_objects: 1, ..LakeOptions::default() };
    let late = LakeOptions { row_group_rows: 100, ..LakeOptions::default() };
    for options in [early, late] {
        let ways = [(0, 0, 0), (0, 1, 0), (1, 0, 0), (1, 1, 0), (0, 0, 1), (1, 0, 1)];
        for (landed, blind, once) in ways.map(|(landed, blind, once)| (landed == 1, blind == 1, once == 1)) {
            let way = (landed, blind, once);
            let memory = || Store::in_memory(runtime.handle().clone()).0;
            fail_at_every_step(memory, &options, way, |_| ());

            if landed != once {
                // Each write of a folder is synced to the disk, which takes its time.
                continue;
            }
            let folder = || {
                let path = tempfile::tempdir().unwrap().keep();
                Store::open(path.to_str().unwrap(), true, runtime.handle().clone()).unwrap().unwrap()
            };
            fail_at_every_step(folder, &options, way, |lake| {
                let root = Path::new(lake.writable().unwrap().place()).to_owned();
                assert_eq!(fs::read_dir(root.join(layout::STAGING)).unwrap().count(), 0);
                fs::remove_dir_all(root).unwrap();
            });
        }
    }
}

/// On a real store: `LP_ARCHIVE_TEST_OUT=s3://bucket/folder AWS_ENDPOINT_URL=… cargo test -- --ignored`.
#[test]
#[ignore = "needs an object store"]
fn whatever_step_fails_on_a_real_store() {
    let out = std::env::var("LP_ARCHIVE_TEST_OUT").unwrap();
    let runtime = Runtime::new().unwrap();
    let options = LakeOptions { row_group_rows: 100, ..LakeOptions::default() };
    for way in [(false, true, false), (true, false, true), (false, false, true)] {
        let open = || {
            let lake = format!("{out}/{}", token());
            Store::open(&lake, true, runtime.handle().clone()).unwrap().unwrap()
        };
        fail_at_every_step(open, &options, way, |_| ());
    }
    let lake = Lake::open(&out, LakeOptions::default(), Access::Write, runtime.handle().clone()).unwrap();
    let attempt = begin(&lake, archived(&lake).next_number(day("2026-11-01")));
    let store = lake.writable().unwrap();
    let upload = store.begin_upload("x").unwrap();
    store.abort("x", upload.id().unwrap()).unwrap();
    store.abort("x", upload.id().unwrap()).unwrap();
    store.delete("not/there").unwrap();
    assert_eq!(store.size("not/there").unwrap(), None);
    assert!(matches!(attempt.commit(vec![], draft(&["a"])).unwrap(), Outcome::Committed { .. }));
    assert_eq!(archived(&lake).parts.len(), 1);
    let out = format!("{out}/{}", token());
    let lake = Lake::open(&out, LakeOptions::default(), Access::Write, runtime.handle().clone()).unwrap();
    reads_only_its_days(&lake);
}

#[test]
fn attempts_and_sets_go_to_any_thread() {
    fn any_thread<T: Send + Sync>() {}
    any_thread::<Lake>();
    any_thread::<Attempt>();
    any_thread::<ObjectSet>();
}
