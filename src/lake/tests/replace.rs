//! Redo: an entry that replaces others, killed anywhere.

use super::*;

const DAY: &str = "2026-11-01";

fn redo(
    lake: &Lake,
    number: u32,
    replaces: &[u32],
    numbers: std::ops::Range<i64>,
    parts: &[&str],
) -> Attempt2 {
    let attempt = begin(lake, number);
    let set = filled(&attempt, numbers);
    let draft = EntryDraft { replaces: replaces.iter().copied().collect(), ..draft(parts) };
    Attempt2 { attempt, set, draft }
}

struct Attempt2 {
    attempt: Attempt,
    set: ObjectSet,
    draft: EntryDraft,
}

impl Attempt2 {
    fn commit(self) -> Result<Outcome, Fault> {
        self.attempt.commit(vec![self.set], self.draft)
    }
}

fn counting(lake: &Lake) -> Vec<u32> {
    let committed = lake.committed(&account(), Stream::Survey, day(DAY), day(DAY)).unwrap();
    committed.iter().map(|entry| entry.number).collect()
}

/// r1 with part a and rows 0..5, r2 with part b and rows 5..9.
fn two_entries(bench: &Bench) -> Lake {
    let lake = bench.lake();
    redo(&lake, 1, &[], 0..5, &["a"]).commit().unwrap();
    redo(&lake, 2, &[], 5..9, &["b"]).commit().unwrap();
    lake
}

#[test]
fn what_is_replaced_goes_and_stays_in_the_ledger() {
    let bench = Bench::new();
    let lake = two_entries(&bench);
    redo(&lake, 3, &[1, 2], 0..9, &["a", "b"]).commit().unwrap();
    assert_eq!(bench.numbers("surveys"), (0..9).collect::<Vec<_>>());
    assert_eq!(bench.objects().len(), 1);
    assert_eq!(bench.files().len(), 4, "{:?}", bench.files());
    assert_eq!(counting(&lake), [3]);
    assert_eq!(archived(&lake).parts.len(), 2);
    // What replaced others may be replaced.
    redo(&lake, 4, &[3], 0..9, &["a", "b"]).commit().unwrap();
    assert_eq!(counting(&lake), [4]);
    assert_eq!(bench.numbers("surveys"), (0..9).collect::<Vec<_>>());
}

#[test]
fn a_part_is_never_lost_by_a_redo() {
    let bench = Bench::new();
    let lake = two_entries(&bench);
    let before = bench.files();
    for (replaces, parts) in [(&[1, 2][..], &["a"][..]), (&[7], &["a"])] {
        let fault = redo(&lake, 3, replaces, 0..9, parts).commit().unwrap_err();
        assert_eq!(fault.kind, FaultKind::Internal, "{fault}");
        assert_eq!(bench.files(), before);
    }
    assert_eq!(counting(&lake), [1, 2]);
}

#[test]
fn the_loser_of_a_race_replaces_nothing() {
    let bench = Bench::new();
    let lake = two_entries(&bench);
    let late = redo(&lake, 3, &[1, 2], 0..9, &["a", "b"]);
    redo(&lake, 3, &[], 9..12, &["c"]).commit().unwrap();
    assert_eq!(late.commit().unwrap(), Outcome::LostRace);
    assert_eq!(bench.numbers("surveys"), (0..12).collect::<Vec<_>>());
    assert_eq!(counting(&lake), [1, 2, 3]);
}

#[test]
fn an_entry_that_names_foreign_objects_deletes_nothing() {
    let bench = Bench::new();
    let lake = two_entries(&bench);
    let path = bench.folder.path().join(layout::ledger_entry(&account(), Stream::Survey, day(DAY), 1));
    let json = fs::read_to_string(&path).unwrap();
    let mut entry: Value = serde_json::from_str(&json).unwrap();
    entry["objects"][0]["path"] = "_lp_archive/lake.json".into();
    fs::write(&path, entry.to_string()).unwrap();
    let fault = redo(&lake, 3, &[1], 0..5, &["a"]).commit().unwrap_err();
    assert_eq!(fault.kind, FaultKind::Destination, "{fault}");
    assert!(bench.folder.path().join(layout::LAKE).exists());
}

/// A redo whose store goes at the n-th change, for every n: after recovery each row is there once, and the
/// ledger and the objects agree.
#[test]
#[cfg(target_os = "linux")]
fn a_redo_that_dies_anywhere_is_finished() {
    for landed in [false, true] {
        let mut changes = 0;
        loop {
            let bench = Bench::new();
            let lake = two_entries(&bench);
            let mut dying = bench.dead_lake();
            let trip = Trip { left: AtomicI64::new(changes), landed, blind: true, once: false };
            let mut store =
                Store::open(bench.folder.path().to_str().unwrap(), true, bench.runtime.handle().clone())
                    .unwrap()
                    .unwrap();
            store.trip = Some(Arc::new(trip));
            dying.store = Some(Arc::new(store));
            let done = redo(&dying, 3, &[1, 2], 0..9, &["a", "b"]).commit();
            let said = format!("{changes} changes, landed {landed}: {done:?}");
            lake.recover(&account()).unwrap();
            assert_eq!(bench.numbers("surveys"), (0..9).collect::<Vec<_>>(), "{said}");
            assert!(
                !bench.files().iter().any(|file| file.contains("/pending/")),
                "{said}: {:?}",
                bench.files()
            );
            let (counting, objects) = (counting(&lake), bench.objects());
            assert!(
                counting == [3] && objects.len() == 1 || counting == [1, 2] && objects.len() == 2,
                "{said}"
            );
            assert_eq!(archived(&lake).parts.len(), 2, "{said}");
            if done.is_ok() {
                assert!(changes > 4, "{said}");
                break;
            }
            changes += 1;
        }
    }
}
