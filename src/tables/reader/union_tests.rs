//! Any dress of a value (bare, in a union, in an encrypted string, keys escaped) makes the same rows.

use proptest::prelude::*;
use serde_json::Value;

use super::super::super::*;
use super::rows;
use crate::model::{Scope, Stream};

pub(super) const SAMPLES: [(Stream, &str); 4] = [
    (Stream::AgentActivity, include_str!("../../../fixtures/samples/agent-activity.json")),
    (Stream::WebSession, include_str!("../../../fixtures/samples/web-session.json")),
    (Stream::Engagement, include_str!("../../../fixtures/samples/engagement.json")),
    (Stream::Survey, include_str!("../../../fixtures/samples/survey.json")),
];

/// Members that are kept as sent, dress and all.
const AS_SENT: [&str; 2] = ["mcs", "secureForms"];

/// A document in the making, and the dresses that are left to choose.
struct Writer<'c> {
    choices: std::iter::Cycle<std::slice::Iter<'c, u8>>,
    text: Vec<u8>,
    decrypted: Vec<usize>,
}

impl Writer<'_> {
    fn choose(&mut self) -> u8 {
        self.choices.next().copied().unwrap_or_default()
    }

    fn push(&mut self, text: &str) {
        self.text.extend_from_slice(text.as_bytes());
    }

    fn key(&mut self, key: &str) {
        let quoted = Value::from(key).to_string();
        match key.chars().nth(1) {
            Some(letter) if self.choose().is_multiple_of(16) && letter.is_ascii_alphanumeric() => {
                let (first, rest) = quoted.split_at(2);
                self.push(&format!("{first}\\u{:04x}{}:", letter as u32, &rest[1..]));
            }
            _ => self.push(&format!("{quoted}:")),
        }
    }

    /// As a string that was decrypted in place.
    fn sealed(&mut self, value: &Value) {
        self.decrypted.push(self.text.len());
        let plain = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        self.push(&Value::from(plain).to_string());
    }

    fn value(&mut self, value: &Value) {
        let branch = match value {
            Value::Null => return self.push("null"),
            Value::Bool(_) => "boolean",
            Value::Number(_) => ["long", "int", "double", "LONG"][usize::from(self.choose() % 4)],
            Value::String(_) => {
                ["string", "com.liveperson.dataaccess.SomeEnum"][usize::from(self.choose() % 2)]
            }
            Value::Array(_) => "array",
            Value::Object(_) => "",
        };
        let choice = self.choose();
        match choice % 8 {
            0 => self.sealed(value),
            1 => {
                self.push("{\"string\":");
                self.sealed(value);
                self.push("}");
            }
            2..5 if !branch.is_empty() => {
                self.push("{");
                self.key(branch);
                if choice % 8 == 2 {
                    self.sealed(value)
                } else {
                    self.bare(value)
                }
                self.push("}");
            }
            _ => self.bare(value),
        }
    }

    fn bare(&mut self, value: &Value) {
        match value {
            Value::Array(items) => {
                self.push("[");
                for (index, item) in items.iter().enumerate() {
                    self.push(if index > 0 { ", " } else { "" });
                    self.value(item);
                }
                self.push("]");
            }
            Value::Object(members) => {
                self.push("{");
                for (index, (key, member)) in members.iter().enumerate() {
                    self.push(if index > 0 { ",\n" } else { "" });
                    self.key(key);
                    if AS_SENT.contains(&key.as_str()) {
                        self.push(&member.to_string());
                    } else {
                        self.value(member);
                    }
                }
                self.push("}");
            }
            scalar => self.push(&scalar.to_string()),
        }
    }
}

/// Unions of primitives, enums and arrays without their wrappers; those of records keep theirs.
fn stripped(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let names = ["string", "long", "int", "double", "boolean", "array"];
            let is_union = |(key, inner): &(&String, &Value)| {
                names.contains(&key.as_str()) || (key.contains('.') && !inner.is_object())
            };
            if members.len() == 1
                && let Some((_, inner)) = members.iter().find(is_union)
            {
                return stripped(inner.clone());
            }
            members.into_iter().map(|(key, member)| (key, stripped(member))).collect()
        }
        Value::Array(items) => items.into_iter().map(stripped).collect(),
        scalar => scalar,
    }
}

fn read(stream: Stream, text: &[u8], decrypted: &[usize]) -> Vec<String> {
    let scope = Scope { start_ms: 1_465_992_000_000, end_ms: 1_465_995_600_000 };
    let origin = Origin { account: "7".into(), stream, file: "F".into(), scope };
    let mut reader = Reader::new(origin, 64);
    reader.read(text, decrypted, 0).unwrap();
    rows(&mut reader)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_dress_makes_the_same_rows(which in 0usize..4, choices in prop::collection::vec(0u8.., 1..400)) {
        let (stream, sample) = SAMPLES[which];
        let mut documents = serde_json::Deserializer::from_str(sample).into_iter::<Value>();
        let document = stripped(documents.next().unwrap().unwrap());
        let mut writer = Writer { choices: choices.iter().cycle(), text: Vec::new(), decrypted: Vec::new() };
        writer.bare(&document);
        let plain = read(stream, document.to_string().as_bytes(), &[]);
        prop_assert!(plain.iter().any(|row| !row.starts_with("unrecognized")));
        prop_assert_eq!(
            read(stream, &writer.text, &writer.decrypted),
            plain,
            "{}",
            String::from_utf8_lossy(&writer.text)
        );
    }
}
