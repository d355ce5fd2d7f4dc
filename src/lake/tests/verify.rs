//! Verification over an object store, and of what no hand but a mistake of ours could do.

use super::*;

const FILE: &str = "Survey.1.2.part-00000-0";

fn lineage() -> Arc<TableShape> {
    Arc::new(TableShape {
        name: "surveys".into(),
        schema: rows(FILE, 0..1).schema(),
        placement: Placement::Partitioned,
        hints: Vec::new(),
    })
}

/// One row per record.
fn rows(file: &str, records: std::ops::Range<i64>) -> RecordBatch {
    let files: ArrayRef = Arc::new(StringArray::from_iter_values(records.clone().map(|_| file)));
    let bodies: ArrayRef = Arc::new(Int64Array::from_iter(records.clone().map(|_| None::<i64>)));
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(records));
    let columns = [
        ("source_file", files),
        ("source_record", numbers.clone()),
        ("source_body", bodies),
        ("source_item", numbers),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true))).unwrap()
}

/// Commits these batches under a draft that says how many records there are.
fn commit(lake: &Lake, number: u32, batches: &[RecordBatch], records: u64) {
    let attempt = begin(lake, number);
    let set = attempt.object_set();
    for batch in batches {
        set.append(&lineage(), day("2026-11-01"), batch.clone()).unwrap();
    }
    let mut draft = draft(&[FILE]);
    let part = &mut draft.parts[0];
    (part.records, part.records_in_tables, part.rejects) = (records, records, 0);
    (draft.totals.records, draft.totals.parts) = (records, 1);
    attempt.commit(vec![set], draft).unwrap();
}

fn verify(lake: &Lake, deep: bool) -> Verified {
    let options = VerifyOptions { deep, threads: 2, ..VerifyOptions::default() };
    lake.verify(&options, &|| Ok(())).unwrap()
}

fn kinds(verified: &Verified) -> Vec<FindingKind> {
    verified.findings.iter().map(|finding| finding.kind).collect()
}

fn over_memory(bench: &Bench) -> Lake {
    let (store, _) = Store::in_memory(bench.runtime.handle().clone());
    Lake::over(Some(store), LakeOptions::default(), Access::Write).unwrap()
}

#[test]
fn an_object_store_is_read_by_ranges() {
    let bench = Bench::new();
    let lake = over_memory(&bench);
    commit(&lake, 1, &[rows(FILE, 0..5000)], 5000);
    for deep in [false, true] {
        let verified = verify(&lake, deep);
        assert_eq!((verified.objects, verified.rows, verified.findings), (1, 5000, vec![]));
    }
    let store = lake.writable().unwrap();
    let path = store.list("surveys").unwrap()[0].path.clone();
    let whole = store.get(&path).unwrap().unwrap();
    let mut flipped = whole.to_vec();
    flipped[100] ^= 1;
    store.put(&path, flipped.into()).unwrap();
    assert_eq!(kinds(&verify(&lake, false)), [], "only the deep look reads it");
    assert_eq!(kinds(&verify(&lake, true)), [FindingKind::Changed]);
    store.put(&path, whole.slice(1..)).unwrap();
    assert_eq!(kinds(&verify(&lake, false)), [FindingKind::Changed]);
    store.delete(&path).unwrap();
    assert_eq!(kinds(&verify(&lake, true)), [FindingKind::Missing]);
}

#[test]
fn mistakes_in_rows_are_found_by_the_deep_look() {
    let bench = Bench::new();
    type Case = (Vec<RecordBatch>, u64, Vec<FindingKind>);
    let cases: [Case; 4] = [
        (vec![rows(FILE, 0..10), rows(FILE, 10..20)], 20, vec![]),
        (vec![rows(FILE, 0..10), rows(FILE, 9..20)], 20, vec![FindingKind::Twice]),
        (vec![rows(FILE, 0..10)], 11, vec![FindingKind::Counts]),
        (vec![rows(FILE, 0..10), rows("other", 0..1)], 11, vec![FindingKind::Changed]),
    ];
    for (batches, records, expected) in cases {
        let lake = over_memory(&bench);
        commit(&lake, 1, &batches, records);
        assert_eq!(kinds(&verify(&lake, false)), []);
        assert_eq!(kinds(&verify(&lake, true)), expected);
    }
}

#[test]
fn attempts_on_their_way_are_neither_extra_nor_missing() {
    let bench = Bench::new();
    let tiny = LakeOptions { buffer_bytes: 1, max_open_objects: 1, ..LakeOptions::default() };
    let lake = bench.open(tiny);
    commit(&lake, 1, &[rows(FILE, 0..10)], 10);
    let attempt = begin(&lake, 2);
    let sets = [filled(&attempt, 0..5), filled(&attempt, 5..9)];
    assert!(bench.objects().len() > 1);
    let verified = verify(&lake, true);
    assert_eq!((verified.pending, verified.findings), (1, vec![]));
    drop(sets);
}

#[test]
fn an_account_that_is_not_asked_for_is_left_out() {
    let bench = Bench::new();
    let lake = bench.lake();
    commit(&lake, 1, &[rows(FILE, 0..10)], 10);
    let options = |account: &str| VerifyOptions {
        account: Some(AccountId::parse(account).unwrap()),
        ..VerifyOptions::default()
    };
    fs::remove_file(bench.folder.path().join(&bench.objects()[0])).unwrap();
    let look = |account: &str| lake.verify(&options(account), &|| Ok(())).unwrap();
    assert_eq!((look("1").entries, kinds(&look("1"))), (1, vec![FindingKind::Missing]));
    assert_eq!((look("2").entries, kinds(&look("2"))), (0, vec![]));
    let stopped = || Err(Fault::new(FaultKind::Cancelled, Stage::List, "stop"));
    assert_eq!(lake.verify(&options("1"), &stopped).unwrap_err().kind, FaultKind::Cancelled);
}
