//! What becomes of each fault of the service: one row per fault, with its outcome in ledger, raw, quarantine, exit
//! code and requests. Everything else is archived, and the next run takes what was left once the fault is gone.
//!
//! ```text
//! flipped byte in one file -> exit 3, "damaged", fetched twice, kept under raw/ -> fault gone -> exit 0, complete
//! ```

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use lp_archive::demo::service::{FaultAct, Faults, Match, RequestKind, StandInOptions, read_folder};
use serde_json::{Value, json};

use super::program::{gzip, kept, lake_is_tidy, ledger};
use super::stand_in::{Method, Scene};

/// One row of the matrix for a file.
struct Cell {
    fault: &'static str,
    act: FaultAct,
    exit: i32,
    kind: &'static str,
    /// Requests for the file in one run, at least; and exactly when it is not worth a retry.
    asked: Asked,
    raw: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Asked {
    Once,
    /// Retried or fetched again.
    More,
}

fn status(code: u16) -> FaultAct {
    FaultAct::Status { code, retry_after: (code == 429).then(|| "0".to_owned()) }
}

fn body(bytes: Vec<u8>) -> FaultAct {
    FaultAct::Answer { code: 200, content_type: "application/octet-stream".into(), body: bytes.into() }
}

/// Ten gigabytes in ten megabytes: a hundred gzip members of 100 MB each, inside one JSON string.
fn bomb() -> Vec<u8> {
    let mut bytes = gzip(b"{\"dataType\":\"");
    let member = gzip(&vec![b'A'; 100_000_000]);
    (0..100).for_each(|_| bytes.extend_from_slice(&member));
    bytes
}

/// Two gigabytes of values within all other caps: only the expansion gives them away.
fn bomb_of_records() -> Vec<u8> {
    let member = gzip(format!("[{}]\n", " ".repeat(1 << 20)).repeat(32).as_bytes());
    member.repeat(64)
}

fn nested(depth: usize) -> String {
    format!("{{\"a\":{}1{}}}", "[".repeat(depth), "]".repeat(depth))
}

fn rows(other: &[u8]) -> Vec<Cell> {
    use Asked::{More, Once};
    let cell = |fault, act, exit, kind, asked, raw| Cell { fault, act, exit, kind, asked, raw };
    let xml = FaultAct::Answer {
        code: 200,
        content_type: "application/xml".into(),
        body:
            "<?xml version=\"1.0\"?><error><message>internal</message><internalCode>1</internalCode></error>"
                .into(),
    };
    let number = format!("{{\"a\":{}}}", "9".repeat(70 << 20));
    vec![
        cell("400", status(400), 3, "forbidden", Once, false),
        cell("401, with a token that nobody renews", status(401), 3, "sign_in", Once, false),
        cell("403", status(403), 3, "forbidden", Once, false),
        cell("404", status(404), 3, "gone", Once, false),
        cell("410", status(410), 3, "gone", Once, false),
        cell("429 for ever", status(429), 1, "unavailable", More, false),
        cell("500 for ever", status(500), 1, "unavailable", More, false),
        cell("503 for ever", status(503), 1, "unavailable", More, false),
        cell("reset before the answer", FaultAct::Reset { after_bytes: None }, 1, "unavailable", More, false),
        cell("reset in the body", FaultAct::Reset { after_bytes: Some(40) }, 1, "unavailable", More, false),
        cell("stall before the answer", FaultAct::Stall { after_bytes: None }, 1, "unavailable", More, false),
        cell("stall in the body", FaultAct::Stall { after_bytes: Some(40) }, 1, "unavailable", More, false),
        cell(
            "short of the declared length",
            FaultAct::Truncate { keep_bytes: 90, declare_full: true },
            1,
            "unavailable",
            More,
            false,
        ),
        cell(
            "cut, and the length declared so",
            FaultAct::Truncate { keep_bytes: 90, declare_full: false },
            3,
            "damaged",
            More,
            true,
        ),
        cell("empty", FaultAct::Truncate { keep_bytes: 0, declare_full: false }, 3, "damaged", More, true),
        cell(
            "giant declared length",
            FaultAct::DeclareLength { bytes: 1 << 60 },
            1,
            "unavailable",
            More,
            false,
        ),
        cell("a byte flipped in the data", FaultAct::FlipByte { at: 120 }, 3, "damaged", More, true),
        cell("a byte flipped in the header", FaultAct::FlipByte { at: 1 }, 3, "damaged", More, true),
        cell("HTML with status 200", FaultAct::HtmlPage, 3, "damaged", More, true),
        cell("XML with status 200", xml, 3, "damaged", More, true),
        cell(
            "redirect elsewhere",
            FaultAct::Redirect { to: "http://192.0.2.1/x".into() },
            3,
            "untrusted",
            Once,
            false,
        ),
        cell("redirect in a circle", FaultAct::Redirect { to: "".into() }, 3, "", Once, false),
        cell("the file of another type", body(other.to_vec()), 3, "wrong_type", More, true),
        cell("ten gigabytes in one string", body(bomb()), 3, "cap_exceeded", Once, true),
        cell("two gigabytes of records", body(bomb_of_records()), 3, "cap_exceeded", Once, true),
        cell("one giant number", body(gzip(number.as_bytes())), 3, "cap_exceeded", Once, true),
        cell("deep nesting", body(gzip(nested(100_000).as_bytes())), 3, "cap_exceeded", Once, true),
        cell("trailing garbage", body([gzip(b"{}"), vec![7; 100]].concat()), 3, "damaged", More, true),
    ]
}

fn failed(summary: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    summary["failed"].as_array().unwrap().iter().map(|one| (text(&one["name"]), text(&one["kind"]))).collect()
}

fn archived(scene: &Scene) -> BTreeSet<String> {
    let entries = ledger(&scene.lake);
    let parts = entries.iter().flat_map(|entry| entry["parts"].as_array().unwrap());
    parts.map(|part| part["name"].as_str().unwrap().to_owned()).collect()
}

fn rows_of(summary: &Value) -> u64 {
    summary["rows"].as_object().unwrap().values().map(|rows| rows.as_u64().unwrap()).sum()
}

fn listed(scene: &Scene) -> BTreeSet<String> {
    read_folder(&scene.inputs).unwrap().into_iter().map(|file| file.name).collect()
}

/// Once the fault is gone: everything is there, once.
fn mended(scene: &Scene, first: &Value, said: &str) {
    scene.service.set_faults(Faults::none());
    let done = scene.sync(&[]);
    assert_eq!(done.code, Some(0), "{said}, after: {}\n{}", done.stdout, done.stderr);
    assert_eq!(archived(scene), listed(scene), "{said}");
    let all: u64 = scene.counts.rows().into_iter().map(|(_, rows)| rows).sum();
    assert_eq!(rows_of(first) + rows_of(&done.summary()), all, "{said}");
    lake_is_tidy(&scene.lake);
}

fn scene() -> Scene {
    let scene = Scene::new(StandInOptions::default(), Method::Bearer);
    scene.write_config("max_tries = 2\n");
    let text = std::fs::read_to_string(&scene.config).unwrap();
    std::fs::write(&scene.config, text.replace("read_timeout = \"2s\"", "read_timeout = \"1s\"")).unwrap();
    scene
}

fn check(cell: &Cell) {
    let said = cell.fault;
    let scene = scene();
    let victim = read_folder(&scene.inputs).unwrap().remove(0).name;
    let mut act = cell.act.clone();
    if let FaultAct::Redirect { to } = &mut act
        && to.is_empty()
    {
        *to = format!("/data_access_le/account/75555851/le/agentActivity/{victim}.gz");
    }
    scene.service.set_faults(Faults::none().always(Match::Path(victim.clone()), act));
    let done = scene.sync(&["--memory", "128MiB"]);
    assert_eq!(done.code, Some(cell.exit), "{said}: {}\n{}", done.stdout, done.stderr);
    assert!(!done.stderr.contains("made a mistake"), "{said}: {}", done.stderr);
    let summary = done.summary();
    let told = failed(&summary);
    assert_eq!(told.len(), 1, "{said}: {summary}");
    assert!(told[0].0.contains(&victim), "{said}: {summary}");
    if !cell.kind.is_empty() {
        assert_eq!(told[0].1, cell.kind, "{said}: {summary}");
    }
    let mut expected = listed(&scene);
    expected.remove(&victim);
    assert_eq!(archived(&scene), expected, "{said}: the other parts");
    assert_eq!(kept(&scene.lake, "raw").len(), if cell.raw { 2 } else { 0 }, "{said}: raw");
    assert_eq!(kept(&scene.lake, "quarantine").len(), 0, "{said}: quarantine");
    lake_is_tidy(&scene.lake);
    let asked = scene.service.requests().iter().filter(|one| one.path_and_query.contains(&victim)).count();
    match cell.asked {
        Asked::More => assert!(asked >= 2, "{said}: asked {asked} times"),
        Asked::Once if said.contains("circle") => {}
        Asked::Once => assert_eq!(asked, 1, "{said}"),
    }
    mended(&scene, &summary, said);
}

/// Does the work of many rows on a few threads: most of them wait for timeouts.
fn at_once<T: Sync>(rows: &[T], check: impl Fn(&T) + Sync) {
    let next = std::sync::atomic::AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                while let Some(row) = rows.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
                    check(row);
                }
            });
        }
    });
}

#[test]
fn each_fault_of_a_file_costs_that_file_alone() {
    let survey = super::program::repository().join("fixtures/samples/survey.json");
    let other = gzip(&std::fs::read(survey).unwrap());
    at_once(&rows(&other), check);
}

#[test]
fn each_fault_of_a_listing_costs_that_stream_alone() {
    let cut = |keep_bytes, declare_full| FaultAct::Truncate { keep_bytes, declare_full };
    let deep = format!("{{\"dataAccessFiles\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let rows = [
        ("400", status(400), 3),
        ("401", status(401), 3),
        ("403", status(403), 3),
        ("404", status(404), 3),
        ("410", status(410), 3),
        ("429", status(429), 1),
        ("500", status(500), 1),
        ("503", status(503), 1),
        ("reset", FaultAct::Reset { after_bytes: None }, 1),
        ("reset in the body", FaultAct::Reset { after_bytes: Some(40) }, 1),
        ("half a listing, declared whole", cut(120, true), 1),
        ("half a listing, declared so", cut(120, false), 3),
        ("HTML with status 200", FaultAct::HtmlPage, 3),
        ("deep nesting", body(deep.into_bytes()), 3),
        ("not JSON", body(b"hello".to_vec()), 3),
        ("redirect elsewhere", FaultAct::Redirect { to: "http://192.0.2.1/x".into() }, 3),
    ];
    at_once(&rows, |(said, act, exit)| {
        let scene = scene();
        scene.service.set_faults(Faults::none().always(Match::Path("/le/survey?".into()), act.clone()));
        let started = Instant::now();
        let done = scene.sync(&[]);
        assert_eq!(done.code, Some(*exit), "{said}: {}\n{}", done.stdout, done.stderr);
        assert!(started.elapsed() < Duration::from_secs(60), "{said}: took {:?}", started.elapsed());
        let summary = done.summary();
        assert_eq!(failed(&summary).len(), 1, "{said}: {summary}");
        assert!(failed(&summary)[0].0.contains("survey"), "{said}: {summary}");
        let expected: BTreeSet<String> =
            listed(&scene).into_iter().filter(|name| !name.starts_with("Survey.")).collect();
        assert_eq!(archived(&scene), expected, "{said}");
        lake_is_tidy(&scene.lake);
        mended(&scene, &summary, said);
    });
}

/// The second download is sound: nothing is left to tell but one retry.
#[test]
fn what_arrives_damaged_once_is_fetched_again() {
    for act in [
        FaultAct::FlipByte { at: 150 },
        FaultAct::Truncate { keep_bytes: 100, declare_full: false },
        FaultAct::HtmlPage,
    ] {
        let scene = scene();
        let victim = read_folder(&scene.inputs).unwrap().remove(0).name;
        scene.service.set_faults(Faults::none().next(1, Match::Path(victim), act.clone()));
        let summary = scene.sync(&[]).exits(0).summary();
        assert_eq!((&summary["retries"], &summary["failed"]), (&json!(1), &json!([])), "{act:?}");
        assert_eq!(archived(&scene), listed(&scene), "{act:?}");
        assert_eq!(kept(&scene.lake, "raw").len(), 0, "{act:?}");
    }
}

#[test]
fn both_forms_of_retry_after_are_waited_for() {
    let date = |ahead: u64| {
        let at = chrono::DateTime::<chrono::Utc>::from(SystemTime::now() + Duration::from_secs(ahead));
        at.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
    };
    for dated in [false, true] {
        let scene = scene();
        let value = if dated { date(3) } else { "2".to_owned() };
        let busy = FaultAct::Status { code: 429, retry_after: Some(value.clone()) };
        scene.service.set_faults(Faults::none().next(1, Match::Kind(RequestKind::File), busy));
        let started = Instant::now();
        scene.sync(&[]).exits(0);
        assert!(started.elapsed() > Duration::from_millis(1500), "{value}: {:?}", started.elapsed());
        assert_eq!(archived(&scene), listed(&scene), "{value}");
    }
}

#[test]
fn hostile_names_touch_nothing_outside() {
    let scene = scene();
    let hour = super::stand_in::first_hour();
    let good = read_folder(&scene.inputs)
        .unwrap()
        .into_iter()
        .find(|file| file.name.starts_with("Survey."))
        .unwrap();
    let long = "x".repeat(5000);
    let names = [
        "../../../../tmp/lp-archive-hostile",
        "/tmp/lp-archive-hostile",
        "a\\u0000b",
        "..",
        ".",
        "",
        long.as_str(),
        "Survey.1.2.part-00000-0\\u202egz",
        "C:\\\\x",
        "a/../b",
        "\\u001b[2J",
    ];
    let entries: Vec<String> = names
        .iter()
        .map(|name| {
            format!(
                r#"{{"@name":"{name}","@scopeStartDate":"{start}","@scopeEndDate":"{start}","@href":"{base}/data_access_le/account/75555851/le/survey/{good}"}}"#,
                start = lp_archive::model::format_ms(hour),
                base = scene.service.base_url(),
                good = good.name,
            )
        })
        .collect();
    let listing = format!(r#"{{"dataAccessFiles":{{"@id":"75555851","file":[{}]}}}}"#, entries.join(","));
    let act = FaultAct::Answer { code: 200, content_type: "application/json".into(), body: listing.into() };
    scene.service.set_faults(Faults::none().always(Match::Path("/le/survey?".into()), act));
    let outside = super::program::listing(scene.folder.path());
    let done = scene.sync(&[]).exits(3);
    assert!(!done.stderr.contains('\u{1b}') && !done.stderr.contains('\0'), "{:?}", done.stderr);
    let after = super::program::listing(scene.folder.path());
    let new: Vec<_> =
        after.keys().filter(|path| !outside.contains_key(*path) && !path.starts_with("lake")).collect();
    assert!(new.is_empty(), "{new:?}");
    assert!(!std::path::Path::new("/tmp/lp-archive-hostile").exists());
    assert!(failed(&done.summary()).len() >= 8, "{}", done.stdout);
    let expected: BTreeSet<String> =
        listed(&scene).into_iter().filter(|name| !name.starts_with("Survey.")).collect();
    assert_eq!(archived(&scene), expected);
}

/// One bad record among sound ones: the part is archived, the record is in quarantine.
#[test]
fn odd_records_go_to_quarantine_and_cost_nobody_else() {
    let sound =
        std::fs::read_to_string(super::program::repository().join("fixtures/samples/survey.json")).unwrap();
    for (said, odd) in [
        ("nesting within the cap", nested(100)),
        ("a string that never ends well", "{\"a\":\"\\x\"}".to_owned()),
        ("an array", "[1,2]".to_owned()),
        ("a number", "17".to_owned()),
        ("a number of a million digits", format!("{{\"a\":{}}}", "9".repeat(1_000_000))),
    ] {
        let scene = scene();
        let mut files = read_folder(&scene.inputs).unwrap();
        let file = files.iter_mut().find(|file| file.name.starts_with("Survey.")).unwrap();
        let text = format!("{sound}\n{odd}\n{sound}");
        file.body = lp_archive::demo::service::FileBody::Memory(gzip(text.as_bytes()).into());
        scene.service.set_files(files);
        let summary = scene.sync(&[]).exits(3).summary();
        assert_eq!(summary["quarantined"], 1, "{said}: {summary}");
        assert_eq!(summary["failed"], json!([]), "{said}");
        assert_eq!(archived(&scene), listed(&scene), "{said}");
        assert_eq!(kept(&scene.lake, "quarantine").len(), 1, "{said}");
        lake_is_tidy(&scene.lake);
        let again = scene.sync(&[]).exits(0).summary();
        assert_eq!(again["batches"], 0, "{said}");
    }
}
