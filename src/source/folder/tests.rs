use std::fs;

use super::found::recognise;
use super::*;
use crate::model::{Scope, Window};

const SURVEY: &str = "Survey.10.20.part-00000-0";
const EVER: Window = Window { from_ms: 0, to_ms: i64::MAX };

fn account() -> AccountId {
    AccountId::parse("1").unwrap()
}

fn put(folder: &Path, name: &str, content: &str) -> PathBuf {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, content).unwrap();
    path
}

async fn list(folder: &Folder, stream: Stream) -> Listing {
    folder.list(stream, Wanted { generated_from_ms: i64::MIN, scopes: EVER }).await.unwrap()
}

#[test]
fn names_are_recognised_under_any_suffixes() {
    for name in [
        SURVEY.to_owned(),
        format!("{SURVEY}.gz"),
        format!("{SURVEY}.json.gz.pgp"),
        format!("{SURVEY}.asc.gpg"),
    ] {
        let scope = Scope { start_ms: 10, end_ms: 20 };
        assert_eq!(recognise(&name), Some((SURVEY.to_owned(), Stream::Survey, scope)), "{name}");
    }
    for name in ["Survey.gz", "README.md", "Survey.10.20.part-00000-0.zip", ".gz", ""] {
        assert_eq!(recognise(name), None, "{name}");
    }
}

#[tokio::test]
async fn folders_are_walked() {
    let top = tempfile::tempdir().unwrap();
    put(top.path(), &format!("b/{SURVEY}.gz"), "one");
    put(top.path(), "a/deep/Agent.5.6.part-00001-0", "two");
    put(top.path(), "Survey.1.2.part-00000-0", "three");
    put(top.path(), "notes.txt", "");
    put(top.path(), "_hidden/Survey.3.4.part-00000-0", "");
    put(top.path(), ".hidden/Survey.3.4.part-00000-0", "");
    put(top.path(), ".Survey.3.4.part-00000-0.gz", "");
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(top.path(), top.path().join("a/loop")).unwrap();
        std::os::unix::fs::symlink("nowhere", top.path().join("a/broken")).unwrap();
    }
    let folder = Folder::open(account(), &[top.path().to_owned()]).unwrap();
    assert_eq!(folder.streams().await.unwrap(), [Stream::AgentActivity, Stream::Survey]);
    let surveys = list(&folder, Stream::Survey).await;
    let names: Vec<&str> = surveys.parts.iter().map(|p| p.id.name.as_str()).collect();
    assert_eq!(names, ["Survey.1.2.part-00000-0", SURVEY]);
    assert_eq!(surveys.parts[0].bytes, Some(5));
    assert_eq!(list(&folder, Stream::AgentActivity).await.warnings.len(), 1);
    assert!(surveys.warnings.is_empty(), "told once");
    assert_eq!(folder.skipped(), if cfg!(unix) { 2 } else { 1 });
    assert!(folder.warnings()[0].contains("notes.txt"), "{:?}", folder.warnings());
    let within = folder
        .list(
            Stream::Survey,
            Wanted { generated_from_ms: i64::MIN, scopes: Window { from_ms: 2, to_ms: 11 } },
        )
        .await
        .unwrap();
    assert_eq!(within.parts.len(), 1);
    let payload = folder.fetch(&surveys.parts[0]).await.unwrap();
    assert!(matches!(&payload, Payload::File(_, 5)));
    assert!(matches!(payload.clone().loaded(4).unwrap(), Payload::File(_, 5)));
    assert!(matches!(payload.loaded(5).unwrap(), Payload::Memory(bytes) if bytes == "three"));
}

#[tokio::test]
async fn two_files_of_one_part() {
    let top = tempfile::tempdir().unwrap();
    let first = put(top.path(), &format!("a/{SURVEY}"), "same");
    let second = put(top.path(), &format!("b/{SURVEY}.gz"), "same");
    let folder = Folder::open(account(), &[first.clone(), second.clone(), first.clone()]).unwrap();
    let said = format!("1 file left out, the same as others of their names: {}", second.display());
    assert_eq!(folder.warnings(), [said]);
    assert_eq!(list(&folder, Stream::Survey).await.parts.len(), 1);

    for other in ["diff", "longer", "", "sam"] {
        put(top.path(), &format!("b/{SURVEY}.gz"), other);
        let folder = Folder::open(account(), &[first.clone(), second.clone()]).unwrap();
        let listing = list(&folder, Stream::Survey).await;
        assert_eq!(listing.parts, [], "{other}");
        assert_eq!(listing.entry_faults[0].kind, FaultKind::Ambiguous, "{other}");
    }
}

#[tokio::test]
async fn paths_given_by_hand_must_be_parts() {
    let top = tempfile::tempdir().unwrap();
    let part = put(top.path(), SURVEY, "x");
    let other = put(top.path(), "export.json", "x");
    let folder = Folder::open(account(), &[part, other.clone()]).unwrap();
    let faults = list(&folder, Stream::Survey).await.entry_faults;
    assert_eq!(faults.len(), 1);
    assert_eq!(faults[0].kind, FaultKind::Damaged);
    let alone = Folder::open(account(), &[other]).unwrap();
    assert_eq!(alone.streams().await.unwrap(), [Stream::AgentActivity], "so that the fault is told");
    assert_eq!(list(&alone, Stream::AgentActivity).await.entry_faults.len(), 1);

    assert_eq!(Folder::open(account(), &[top.path().join("none")]).err().unwrap().kind, FaultKind::Config);
    let empty = tempfile::tempdir().unwrap();
    assert_eq!(Folder::open(account(), &[empty.path().to_owned()]).err().unwrap().kind, FaultKind::Config);
}

#[cfg(unix)]
#[tokio::test]
async fn what_is_no_regular_file_is_refused_by_its_name() {
    let top = tempfile::tempdir().unwrap();
    let socket = top.path().join(SURVEY);
    let _listening = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let folder = Folder::open(account(), &[socket]).unwrap();
    let faults: Vec<&Fault> = folder.entry_faults().collect();
    assert_eq!((faults.len(), faults[0].message.as_str()), (1, "it is not a regular file"));
}

#[cfg(unix)]
#[tokio::test]
async fn a_part_and_a_link_to_it_are_one() {
    let top = tempfile::tempdir().unwrap();
    let part = put(top.path(), &format!("a/{SURVEY}"), "four");
    let link = top.path().join(format!("{SURVEY}.gz"));
    std::os::unix::fs::symlink(&part, &link).unwrap();
    for paths in
        [vec![top.path().to_owned()], vec![link, part], vec![top.path().join("a"), top.path().to_owned()]]
    {
        let folder = Folder::open(account(), &paths).unwrap();
        assert_eq!(list(&folder, Stream::Survey).await.parts.len(), 1, "{paths:?}");
        assert!(folder.warnings().is_empty(), "{:?}", folder.warnings());
    }
}

#[tokio::test]
async fn a_file_that_is_gone_is_a_fault_of_its_own() {
    let top = tempfile::tempdir().unwrap();
    let path = put(top.path(), SURVEY, "four");
    let folder = Folder::open(account(), std::slice::from_ref(&path)).unwrap();
    let parts = list(&folder, Stream::Survey).await.parts;
    assert_eq!(parts[0].bytes, Some(4));
    fs::remove_file(path).unwrap();
    assert_eq!(folder.fetch(&parts[0]).await.err().unwrap().kind, FaultKind::Unavailable);
}

#[tokio::test]
async fn parts_that_a_run_kept_are_found_by_their_notes() {
    let top = tempfile::tempdir().unwrap();
    let note = |account: &str, name: &str, bytes: usize| {
        serde_json::json!({
            "version": 1, "account": account, "stream": "survey", "name": name,
            "scope_start_ms": 10, "scope_end_ms": 20, "bytes": bytes, "reason": "damaged",
        })
        .to_string()
    };
    let bin = put(top.path(), "raw/odd_name-00ff.bin", "bytes");
    let json = put(top.path(), "raw/odd_name-00ff.json", &note("1", "odd name", 5));
    for paths in [vec![top.path().to_owned()], vec![bin.clone(), json.clone()], vec![bin.clone()]] {
        let folder = Folder::open(account(), &paths).unwrap();
        let listing = list(&folder, Stream::Survey).await;
        assert_eq!(listing.parts.len(), 1, "{:?}", listing.entry_faults);
        assert_eq!(listing.parts[0].id.name, "odd name");
        assert_eq!(listing.parts[0].scope, Scope { start_ms: 10, end_ms: 20 });
        assert!(listing.warnings.is_empty() && listing.entry_faults.is_empty());
        assert_eq!(folder.fetch(&listing.parts[0]).await.unwrap().len(), 5);
    }
    for odd in [note("2", "odd name", 5), note("1", "../name", 5), note("1", "odd name", 6)] {
        fs::write(&json, odd).unwrap();
        let folder = Folder::open(account(), &[top.path().to_owned()]).unwrap();
        assert_eq!(folder.entry_faults().count(), 1);
        assert!(list(&folder, Stream::Survey).await.parts.is_empty());
    }
}
