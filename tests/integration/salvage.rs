//! `convert --salvage`: the sound records of a damaged part, marked as such; a sound copy replaces them.

use std::fs;

use lp_archive::demo::generator::{Encryption, GeneratorOptions, write_files};
use lp_archive::demo::key::demo_secret_key;

use super::program::{ACCOUNT, compare, convert, counting, gzip, kept, lake_is_tidy, ledger, lp, repository};

const NAME: &str = "Survey.1468270800000.1468274400000.part-00000-0.gz";

/// Many surveys in one file, as JSON lines and as gzip.
fn survey() -> (Vec<u8>, Vec<u8>) {
    let sample = fs::read(repository().join("fixtures/samples/survey.json")).unwrap();
    let mut envelope: serde_json::Value = serde_json::from_slice(&sample).unwrap();
    let mut json = Vec::new();
    for n in 0..200_u64 {
        // Something that gzip cannot guess.
        envelope["filler"] = format!("{:x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).into();
        json.extend(format!("{envelope}\n").into_bytes());
    }
    let bytes = gzip(&json);
    (json, bytes)
}

#[test]
fn sound_records_of_a_cut_file_are_archived_and_marked() {
    let temporary = tempfile::tempdir().unwrap();
    let (json, whole) = survey();
    let (lake, file) = (temporary.path().join("lake"), temporary.path().join(NAME));
    fs::write(&file, &whole[..whole.len() * 2 / 3]).unwrap();
    convert(&lake, &[&file], &[]).exits(3);
    assert!(ledger(&lake).is_empty(), "without --salvage a damaged part is not archived");
    let raw = lake.join("_lp_archive/raw");
    assert_eq!(kept(&lake, "raw").len(), 2);

    // From where the failed run kept it.
    let done = convert(&lake, &[&raw], &["--salvage"]).exits(3);
    let summary = done.summary();
    assert_eq!((summary["parts"].as_u64(), summary["salvaged"].as_u64()), (Some(1), Some(1)), "{summary}");
    assert_eq!(summary["failed"].as_array().map(Vec::len), Some(0), "{summary}");
    assert!(summary["warnings"].to_string().contains("only what could be read"), "{summary}");
    let part = ledger(&lake)[0]["parts"][0].clone();
    assert_eq!(part["salvaged"], true, "{part}");
    assert!(part["reason"].as_str().unwrap().contains("the gzip data ends early at byte"), "{part}");
    let (records, rejects) = (part["records"].as_u64().unwrap(), part["rejects"].as_u64().unwrap());
    assert!(records > 20 && rejects <= 1, "{part}");
    assert_eq!(summary["quarantined"].as_u64(), Some(rejects));
    lake_is_tidy(&lake);
    lp(&["verify", "--deep", "--out", lake.to_str().unwrap()]).exits(0);

    // The rows are those of the records that are whole.
    let sound: Vec<u8> = json
        .split_inclusive(|byte| *byte == b'\n')
        .take((records - rejects) as usize)
        .flatten()
        .copied()
        .collect();
    let truth = temporary.path().join("truth");
    fs::create_dir(&truth).unwrap();
    fs::write(truth.join(NAME), gzip(&sound)).unwrap();
    compare(&lake, &[&truth], &[]);

    // It counts as archived; status says what it is.
    assert_eq!(convert(&lake, &[&raw], &["--salvage"]).exits(0).summary()["batches"], 0);
    let status =
        lp(&["status", "--offline", "--json", "--from", "2016-07-01", "--out", lake.to_str().unwrap()]);
    let status = status.exits(0).summary();
    assert_eq!(status["streams"][0]["salvaged"], 1, "{status}");

    // A sound copy replaces it.
    fs::write(&file, &whole).unwrap();
    let summary = convert(&lake, &[&file], &["--redo"]).exits(0).summary();
    assert_eq!(summary["salvaged"], 0, "{summary}");
    let part = counting(&lake)[0]["parts"][0].clone();
    assert_eq!(part.get("salvaged"), None, "{part}");
    fs::write(truth.join(NAME), &whole).unwrap();
    compare(&lake, &[&truth], &[]);
    lake_is_tidy(&lake);
}

#[test]
fn damage_of_other_kinds() {
    let temporary = tempfile::tempdir().unwrap();
    let (_, whole) = survey();
    let (file, checksum) = (temporary.path().join(NAME), whole.len() - 8);
    let mut wrong_checksum = whole.clone();
    wrong_checksum[checksum] ^= 1;
    let cases = [
        ("cut at the end", whole[..whole.len() - 1].to_vec(), Some(0)),
        ("wrong checksum", wrong_checksum, Some(0)),
        ("more behind", [whole.as_slice(), b"trailing garbage"].concat(), Some(0)),
        ("nothing but a head", whole[..20].to_vec(), None),
        ("a page", b"<html>503</html>".to_vec(), None),
        ("empty", Vec::new(), None),
    ];
    for (what, bytes, rejects) in cases {
        let lake = temporary.path().join(what.replace(' ', "-"));
        fs::write(&file, bytes).unwrap();
        let summary = convert(&lake, &[&file], &["--salvage"]).exits(3).summary();
        let part = ledger(&lake).first().map(|entry| entry["parts"][0].clone());
        assert_eq!(part.as_ref().and_then(|part| part["rejects"].as_u64()), rejects, "{what}: {summary}");
        assert_eq!(summary["failed"].as_array().map(Vec::len), Some(usize::from(part.is_none())), "{what}");
        lake_is_tidy(&lake);
    }
    // What is sound is not marked.
    let lake = temporary.path().join("sound");
    fs::write(&file, whole).unwrap();
    assert_eq!(convert(&lake, &[&file], &["--salvage"]).exits(0).summary()["salvaged"], 0);
    assert_eq!(ledger(&lake)[0]["parts"][0].get("salvaged"), None);
}

/// Encrypted files: what the message's packets give before the damage, or nothing; never a crash, and
/// never rows of what could not be told whole.
#[test]
fn encrypted_files_cut_anywhere() {
    let temporary = tempfile::tempdir().unwrap();
    let served = temporary.path().join("served");
    let mut options = GeneratorOptions::new(9, ACCOUNT, 1_468_270_800_000);
    (options.hours, options.parts_per_hour, options.encryption) = (1, 1, Encryption::files(1.0));
    write_files(&served, &options).unwrap();
    let key = temporary.path().join("key.asc");
    fs::write(&key, demo_secret_key()).unwrap();
    let key = key.to_str().unwrap();
    for file in fs::read_dir(&served).unwrap().map(|file| file.unwrap().path()) {
        let whole = fs::read(&file).unwrap();
        for third in [1, 2] {
            fs::write(&file, &whole[..whole.len() * third / 3]).unwrap();
            let lake = temporary.path().join(format!("{third}-{}", file.file_name().unwrap().display()));
            let summary = convert(&lake, &[&file], &["--salvage", "--pgp-key", key]).exits(3).summary();
            let failed = summary["failed"].as_array().unwrap().len() as u64;
            assert_eq!(summary["salvaged"].as_u64(), Some(1 - failed), "{summary}");
            lake_is_tidy(&lake);
            lp(&["verify", "--deep", "--out", lake.to_str().unwrap()]).exits(0);
        }
    }
}
