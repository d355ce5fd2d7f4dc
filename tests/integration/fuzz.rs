//! The saved corpus of the fuzz targets, and many small changes of it, without a fuzzer: no panic, no broken rule.

use std::fs;

use lp_archive::pipeline::fuzzing;

use super::program::repository;

/// Runs a target on each seed and on changes of it that are the same every time.
fn smoke(name: &str, target: fn(&[u8])) {
    let folder = repository().join("fixtures/fuzz").join(name);
    let mut seeds: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    seeds.sort();
    assert!(seeds.len() >= 8, "{name}: the corpus is missing");
    let mut dice: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut roll = |below: usize| {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        (dice % below.max(1) as u64) as usize
    };
    for seed in seeds {
        let bytes = fs::read(&seed).unwrap();
        target(&bytes);
        for _ in 0..60 {
            let mut changed = bytes.clone();
            for _ in 0..=roll(3) {
                let at = roll(changed.len());
                match roll(5) {
                    0 => changed.truncate(at),
                    1 => changed.insert(at, b"{}[]\"\\,:-"[roll(9)]),
                    2 if !changed.is_empty() => changed[at] ^= 1 << roll(8),
                    3 if !changed.is_empty() => drop(changed.remove(at)),
                    _ => {
                        let end = (at + roll(64)).min(changed.len());
                        let again = changed[at.min(end)..end].to_vec();
                        changed.splice(at..at, again);
                    }
                }
            }
            target(&changed);
        }
    }
}

#[test]
fn decode() {
    smoke("decode", fuzzing::decode);
}

#[test]
fn framing() {
    smoke("framing", fuzzing::framing);
}

#[test]
fn avro_json() {
    smoke("avro_json", fuzzing::avro_json);
}

#[test]
fn listing() {
    smoke("listing", fuzzing::listing);
}
