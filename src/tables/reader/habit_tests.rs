//! What a reader learned from the records before makes nothing else of the next one than reading it token by token.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;

use super::super::super::*;
use super::unions::SAMPLES;
use super::{reader, rows, shown};
use crate::model::{Stream, UtcDay};
use crate::records::token_by_token;

/// Values that a file may bring where another one is expected, and some that are no JSON.
const ODD: [&[u8]; 42] = [
    b"null",
    b"5",
    b"-0",
    b"00",
    b"-17",
    b"1.50",
    b"1e3",
    b"12345678",
    b"1234567890123456789",
    b"99999999999999999999",
    b"12345678,",
    b"true",
    b"falsely",
    b"nul",
    b"\"\"",
    b"\"x\"",
    b"\"5\"",
    b"\"a long text of more than sixteen bytes\"",
    b"\"a\\nb \\ud83d\\ude00 \\\"q\\\"\"",
    b"\"\\ud800\"",
    b"\"caf\xC3\xA9\"",
    b"\"\xFF\"",
    b"\"\x01\"",
    b"\"unclosed",
    b"{\"long\":5}",
    b"{\"long\":5 }",
    b"{\"int\":12345678901234}",
    b"{\"double\":7.0}",
    b"{\"boolean\":false}",
    b"{\"string\":\"y\"}",
    b"{\"string\":\"y\\\\\"}",
    b"{\"string\":\"y\",\"string\":\"z\"}",
    b"{\"string\":\"y\",\"more\":1}",
    b"{\"string\":null}",
    b"{\"string\":5}",
    b"{\"com.liveperson.dataaccess.DeviceType\":\"TABLET\"}",
    b"{\"com.liveperson.dataaccess.Lead\":{\"leadId\":\"1\"},\"more\":2}",
    b"{\"array\":[5,{\"int\":6},null,\"x\"]}",
    b"{\"array\":[],\"more\":[]}",
    b"[{},[5],{\"name\":\"n\"},{\"string\":\"s\"}]",
    b"{\"x\":{\"name\":1}}",
    b"{}",
];

/// Bodies that are told by their fields, and one that is not.
const TOLD_BY_FIELDS: &str = r#"{"dataType":"WebSession","metaData":{"accountId":{"string":"7"},"schemaVersion":"1","startTime":{"long":1465992202047},"endTime":{"long":1465992202048}},"recordCollection":[
    {"body":{"com.liveperson.dataaccess.WebSessionSessionInfoData":{"header":{"com.liveperson.dataaccess.VisitorHeader":{"visitId":{"string":"v1"},"visitorId":{"string":"w1"},"contextId":null}},"sessionStartTime":{"long":1465992202047},"userAgent":{"string":"Mozilla"},"deviceOS":{"string":"MAC_OS"},"deviceFamily":null}}},
    {"body":{"com.liveperson.dataaccess.WebSessionGeoData":{"header":{"com.liveperson.dataaccess.VisitorHeader":{"visitId":{"string":"v1"},"visitorId":{"string":"w1"},"contextId":null}},"iPV4":{"string":"10.1.2.3"},"country":{"string":"DE"},"isp":null}}},
    {"body":{"com.liveperson.dataaccess.WebSessionGeoData":{"country":{"string":"CH"},"city":{"string":"Z\u00fcrich"}}}},
    {"body":{"com.liveperson.dataaccess.WebSessionGeoData":{"country":{"string":"AT"}}}},
    {"body":{"com.liveperson.dataaccess.WebSessionOtherData":{"header":null,"x":1}}},
    {"body":{"geoData":{"country":{"string":"FR"},"city":"Paris"}}}]}"#;

/// How a record is written.
struct Writer<'r> {
    rng: &'r mut StdRng,
    out: Vec<u8>,
    /// Blanks after commas, after colons, before closing brackets; an indent.
    blanks: (bool, bool, bool, bool),
    /// One of so many values is odd.
    odd_in: u32,
}

impl Writer<'_> {
    fn once_in(&mut self, n: u32) -> bool {
        self.rng.random_range(0..n) == 0
    }

    fn line(&mut self, depth: usize) {
        if self.blanks.3 {
            self.out.push(b'\n');
            self.out.resize(self.out.len() + depth, b' ');
        }
    }

    fn odd(&mut self) {
        let odd = ODD[self.rng.random_range(0..ODD.len())];
        self.out.extend_from_slice(odd);
    }

    fn value(&mut self, value: &Value, depth: usize) {
        if depth > 1 && self.once_in(self.odd_in) {
            return self.odd();
        }
        let (open, close, length) = match value {
            Value::Array(items) => (b'[', b']', items.len()),
            Value::Object(members) => (b'{', b'}', members.len()),
            scalar => return self.out.extend_from_slice(scalar.to_string().as_bytes()),
        };
        let mut order: Vec<usize> = (0..length).collect();
        if length > 1 && self.once_in(self.odd_in) {
            match self.rng.random_range(0..4) {
                0 => order.rotate_left(1),
                1 => order.push(0),
                2 => order.truncate(length - 1),
                _ => drop(order.remove(0)),
            }
        }
        self.out.push(open);
        let mut first = true;
        for index in order {
            if !std::mem::take(&mut first) {
                self.out.push(b',');
                self.out.extend_from_slice(if self.blanks.0 { b" " } else { b"" });
            }
            self.line(depth + 1);
            match value {
                Value::Array(items) => self.value(&items[index], depth + 1),
                _ => {
                    let (key, member) = value.as_object().unwrap().iter().nth(index).unwrap();
                    let key = if depth > 0 && self.once_in(self.odd_in) {
                        ["unheard", "AGENTID", "a\\u0067entID"][index % 3]
                    } else {
                        key.as_str()
                    };
                    self.out.extend_from_slice(format!("\"{key}\":").as_bytes());
                    self.out.extend_from_slice(if self.blanks.1 { b" " } else { b"" });
                    self.value(member, depth + 1);
                }
            }
        }
        self.line(depth);
        self.out.extend_from_slice(if self.blanks.2 { b" " } else { b"" });
        self.out.push(close);
    }
}

/// Some records of the same kind, most of them in the dress of the one before.
fn records(seed: u64, sample: &str) -> Vec<Vec<u8>> {
    let mut rng = StdRng::seed_from_u64(seed);
    let samples = serde_json::Deserializer::from_str(sample).into_iter::<Value>();
    let samples: Vec<Value> = samples.map(Result::unwrap).collect();
    let mut blanks = (false, false, false, false);
    (0..rng.random_range(2..7))
        .map(|_| {
            if rng.random_range(0..3) == 0 {
                blanks = rng.random();
            }
            let odd_in = [1 << 30, 200, 60, 20][rng.random_range(0..4)];
            let mut writer = Writer { rng: &mut rng, out: Vec::new(), blanks, odd_in };
            let sample = writer.rng.random_range(0..samples.len());
            writer.value(&samples[sample], 0);
            let mut out = writer.out;
            if rng.random_range(0..12) == 0 {
                out.truncate(rng.random_range(0..out.len()));
            }
            out
        })
        .collect()
}

type Read = (Result<(), Broken>, Vec<String>, Oddities);

fn read(reader: &mut Reader, text: &[u8]) -> Read {
    let result = reader.read(text, &[], 0);
    (result, rows(reader), reader.findings().0)
}

fn compare(stream: Stream, records: &[Vec<u8>]) {
    let (mut learning, mut slow) = (reader(stream), reader(stream));
    for record in records {
        let expected = token_by_token(|| read(&mut slow, record));
        let found = read(&mut learning, record);
        assert_eq!(found, expected, "{}", String::from_utf8_lossy(record));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn what_was_learned_changes_nothing(seed in any::<u64>()) {
        for (stream, sample) in SAMPLES.into_iter().chain([(Stream::WebSession, TOLD_BY_FIELDS)]) {
            compare(stream, &records(seed, sample));
        }
    }

    /// As between parts of one batch, whose rows are gathered.
    #[test]
    fn rows_that_another_builder_takes_over_stay_as_they_are(seed in any::<u64>()) {
        let mut rng = StdRng::seed_from_u64(seed);
        for (stream, sample) in SAMPLES.into_iter().chain([(Stream::WebSession, TOLD_BY_FIELDS)]) {
            let (mut alone, mut shared) = (reader(stream), reader(stream));
            let mut gathered: BTreeMap<(&str, UtcDay), TableBuilder> = BTreeMap::new();
            let (mut expected, mut found) = (Vec::new(), Vec::new());
            for round in 0..4 {
                for record in records(seed.wrapping_add(round), sample) {
                    prop_assert_eq!(alone.read(&record, &[], round), shared.read(&record, &[], round));
                }
                expected.extend(rows(&mut alone));
                shared.close_part();
                for table in shared.filled() {
                    match table.only_day().filter(|_| rng.random_range(0..8) > 0) {
                        Some(day) => {
                            let new = || TableBuilder::new(table.table);
                            gathered.entry((table.table.name, day)).or_insert_with(new).absorb(table);
                        }
                        None => found.extend(shown(table.drain().unwrap())),
                    }
                }
                prop_assert_eq!(shared.filled().count(), 0);
            }
            for table in gathered.values_mut() {
                found.extend(shown(table.drain().unwrap()));
            }
            expected.sort();
            found.sort();
            prop_assert_eq!(found, expected);
            prop_assert_eq!(shared.findings(), alone.findings());
        }
    }
}

#[test]
fn another_shape_behind_a_learned_one() {
    let record = |items: &str| super::AGENT.replace("ITEMS", items).into_bytes();
    let usual = r#"{"agentID":{"long":47},"type":{"long":3},"agentNickname":{"string":"bot"},"userProfileIDs":{"array":[1,2]}}"#;
    let other = [
        r#"{"agentID":{"long":47.0},"type":{"long":"3"},"agentNickname":{"string":5},"userProfileIDs":{"array":[1,{"long":2}]}}"#,
        r#"{"agentID":{"long":47 },"type":{"long":3,"more":1},"agentNickname":{"string":"bot","more":[1]},"userProfileIDs":{"array":[1,2],"more":1}}"#,
        r#"{"agentID":{"long":47},"agentID":{"long":48},"type":null,"agentNickname":{"string":"a\tb"},"userProfileIDs":{"array":null}}"#,
        r#"{"agentNickname":{"string":"bot"},"agentID":{"long":47},"userProfileIDs":[],"type":{"long":3}}"#,
        r#"{"agentID":47,"type":3,"agentNickname":"bot","userProfileIDs":[1,2]}"#,
        r#"{"agentID":{"long":047},"type":{"long":3}}"#,
        r#"{"agentID":{"long":47},{"long":3}}"#,
        r#"{,"agentID":{"long":47}}"#,
        r#"{"agentID":{"long":47},}"#,
        r#"{"agentID":{"long":47}}"#,
        r#"{"com.liveperson.dataaccess.AgentActivity":{"agentID":{"long":47}}}"#,
    ];
    let mut all = vec![record(usual)];
    for other in other {
        all.extend([record(&format!("{usual},{other},{usual}")), record(other), record(usual)]);
    }
    compare(Stream::AgentActivity, &all);
}

#[test]
fn commas_stand_between_members_and_nowhere_else() {
    let items = [
        r#"{"unheard":1,"agentID":{"long":47}}"#,
        r#"{,"agentID":{"long":47}}"#,
        r#"{"type":{"long":3},"agentID":{"long":47}}"#,
        r#"{"agentID":{"long":47}}"#,
        r#"{"type":{"long":3}"agentID":{"long":47}}"#,
    ];
    let all: Vec<_> = items.iter().map(|item| super::AGENT.replace("ITEMS", item).into_bytes()).collect();
    compare(Stream::AgentActivity, &all);
}

#[test]
fn a_body_told_by_its_fields_is_told_by_them_each_time() {
    let record = |fields: &str| {
        let wrapper = "com.liveperson.dataaccess.WebSessionPlaceData";
        let head = r#"{"dataType":"WebSession","metaData":{"startTime":5,"endTime":6},"recordCollection"#;
        format!(r#"{head}":[{{"body":{{"{wrapper}":{{"header":{{"visitId":"v","odd":1}},{fields}}}}}}}]}}"#)
    };
    let two = r#""country":{"string":"CH"},"city":{"string":"Bern"}"#;
    let others = [
        r#""country":{"string":"CH"}"#,
        r#""country":{"string":"CH"},"city":{"string":"Bern"},"unheard":5"#,
        r#""sessionStartTime":{"long":5},"deviceOS":{"string":"x"},"country":{"string":"CH"}"#,
        r#""unheard":{"country":{"string":"CH"},"city":{"string":"Bern"}}"#,
        r#""country":{"string":"CH"},"city":{"string":"Bern"},"country":[5]"#,
        r#""country":{"string":"CH"},"city":{"string":"Bern"#,
    ];
    let all = others.iter().flat_map(|other| [record(two), record(other), record(other), record(two)]);
    compare(Stream::WebSession, &all.map(String::into_bytes).collect::<Vec<_>>());
}
