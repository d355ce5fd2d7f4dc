use std::collections::BTreeMap;
use std::io::Read;

use serde_json::Value;

use super::*;
use crate::model::parse_part_name;

const FROM_MS: i64 = 1_760_000_400_000;

fn key() -> DemoKey {
    DemoKey::load().unwrap()
}

fn values(json: &[u8]) -> Vec<Value> {
    serde_json::Deserializer::from_slice(json).into_iter().map(Result::unwrap).collect()
}

/// The value without the wrapper of its union branch.
fn bare(value: &Value) -> &Value {
    match value.as_object().and_then(|o| (o.len() == 1).then(|| o.iter().next()).flatten()) {
        Some((name, inner))
            if name.starts_with("com.liveperson.")
                || ["array", "string", "long", "int", "double", "boolean"].contains(&name.as_str()) =>
        {
            inner
        }
        _ => value,
    }
}

fn list<'v>(value: &'v Value, field: &str) -> Vec<&'v Value> {
    let items = bare(&value[field]).as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().filter(|item| !item.is_null()).map(bare).collect()
}

/// Rows per table, counted again from a parsed document.
fn recount(json: &[u8]) -> BTreeMap<&'static str, u64> {
    let mut rows: BTreeMap<&'static str, u64> = BTreeMap::new();
    let mut add = |table, n: usize| {
        if n > 0 {
            *rows.entry(table).or_default() += n as u64;
        }
    };
    for envelope in values(json) {
        let web = bare(&envelope["dataType"]) == "WebSession";
        let bodies: Vec<&Value> =
            list(&envelope, "recordCollection").iter().map(|r| &r["body"]).filter(|b| !b.is_null()).collect();
        add("web_sessions", usize::from(web));
        add("unrecognized", usize::from(!web && bodies.is_empty()));
        for wrapped in bodies {
            let body = bare(wrapped);
            let name = wrapped.as_object().unwrap().keys().next().unwrap().rsplit('.').next().unwrap();
            let one = |table, field| (table, list(body, field).len());
            let (table, n) = match name {
                "AgentActivityData" => {
                    add("agent_sessions", 1);
                    one("agent_activity", "agentSessionsData")
                }
                "WebSessionNavigationData" => one("navigation", "navigationData"),
                "WebSessionEngAttrsData" => one("engagement_attributes", "engagementAttributes"),
                "WebSessionGoalAchievedData" => one("goals", "achievedGoals"),
                "WebSessionEligibilityData" => one("eligibility", "eligibilityData"),
                "WebSessionImpressionData" => one("impressions", "impressions"),
                "WebSessionGeoData" => ("geo", 1),
                "WebSessionSessionInfoData" => ("session_info", 1),
                "EngagementData" => {
                    for conversation in list(body, "engagements") {
                        add("messages", list(conversation, "transcripts").len());
                        add("transfers", list(conversation, "transfers").len());
                        add("secure_forms", list(conversation, "secureForms").len());
                    }
                    one("conversations", "engagements")
                }
                "SurveyData" => {
                    for survey in list(body, "surveys") {
                        add("survey_answers", list(survey, "contents").len());
                    }
                    one("surveys", "surveys")
                }
                _ => ("unrecognized", 1),
            };
            if n == 0 && !web && name != "AgentActivityData" {
                add("unrecognized", 1);
            } else {
                add(table, n);
            }
        }
    }
    rows
}

#[test]
fn the_same_seed_makes_the_same_text() {
    let key = key();
    let options = GeneratorOptions { hours: 2, ..GeneratorOptions::new(7, "75555851", FROM_MS) };
    let texts = |options: &GeneratorOptions| {
        options.files(&key).map(|f| f.unwrap()).map(|f| (f.name, f.json, f.counts)).collect::<Vec<_>>()
    };
    let first = texts(&options);
    assert_eq!(first, texts(&options));
    assert_eq!(first.len(), 2 * 4 * 3);
    assert_ne!(first, texts(&GeneratorOptions { seed: 8, ..options.clone() }));
    for (name, ..) in &first {
        assert!(parse_part_name(name).is_some(), "{name}");
    }
}

#[test]
fn counts_equal_a_second_count_from_the_parsed_text() {
    let key = key();
    for strict in [false, true] {
        let options = GeneratorOptions { strict, hours: 20, ..GeneratorOptions::new(3, "75555851", FROM_MS) };
        let mut all = Counts::default();
        for file in options.files(&key) {
            let file = file.unwrap();
            assert_eq!(recount(&file.json), file.counts.rows(), "{}", file.name);
            assert_eq!(values(&file.json).len() as u64, file.counts.records);
            assert_eq!(file.json.len() as u64, file.counts.bytes_json);
            all.add(&file.counts);
        }
        // Every table occurs, so that a demonstration shows them all.
        assert_eq!(all.rows().len(), 17, "{:?}", all.rows());
        assert_eq!(strict, all.unknown_fields == 0);
        assert_eq!(strict, all.unknown_bodies == 0);
    }
}

#[test]
fn size_is_met_within_a_record_per_file() {
    let options = GeneratorOptions {
        hours: 1,
        parts_per_hour: 1,
        size_bytes: Some(2 << 20),
        ..GeneratorOptions::new(1, "1", FROM_MS)
    };
    let key = key();
    let bytes: u64 = options.files(&key).map(|f| f.unwrap().counts.bytes_json).sum();
    assert!((2 << 20..3 << 20).contains(&bytes), "{bytes}");
}

#[test]
fn encryption_leaves_the_counts_as_they_are_and_hides_the_text() {
    let key = key();
    let plain = GeneratorOptions { hours: 1, parts_per_hour: 1, ..GeneratorOptions::new(5, "1", FROM_MS) };
    for encryption in [Encryption::values(1.0), Encryption::records(1.0), Encryption::records(0.5)] {
        let options = GeneratorOptions { encryption, ..plain.clone() };
        for (sealed, open) in options.files(&key).zip(plain.files(&key)) {
            let (sealed, open) = (sealed.unwrap(), open.unwrap());
            let text = String::from_utf8(sealed.json).unwrap();
            assert!(sealed.counts.messages > 0);
            let armors = text.matches("-----BEGIN PGP MESSAGE-----").count() as u64;
            assert_eq!(armors, sealed.counts.messages);
            assert_eq!(values(text.as_bytes()).len() as u64, open.counts.records);
            let comparable = Counts { messages: 0, bytes_json: open.counts.bytes_json, ..sealed.counts };
            assert_eq!(comparable, open.counts);
            assert!(encryption == Encryption::records(0.5) || !text.contains("visitor@example.invalid"));
        }
    }
}

#[test]
fn packed_files_inflate_to_the_text() {
    let key = key();
    let options = GeneratorOptions { hours: 1, ..GeneratorOptions::new(5, "1", FROM_MS) };
    let packer = Packer { key: &key, encryption: Encryption::NONE, level: 6 };
    let mut members = 0;
    for file in options.files(&key).map(Result::unwrap) {
        let packed = packer.pack(&file).unwrap();
        let mut text = Vec::new();
        flate2::read::MultiGzDecoder::new(packed.as_slice()).read_to_end(&mut text).unwrap();
        assert_eq!(text, file.json);
        let mut first = Vec::new();
        flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut first).unwrap();
        members += u32::from(first.len() < text.len());
    }
    assert!(members > 0);
}
