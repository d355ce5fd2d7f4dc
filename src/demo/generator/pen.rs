//! Writes Avro-JSON text into a buffer, member by member, without a document tree.
//!
//! ```text
//! pen.long("agentID", Some(9))   ->  ,"agentID":{"long":9}      (or 9 alone in a file of bare values)
//! ```
//! A comma is due unless the last byte opened something, so that nobody keeps state about commas.

use std::io::Write;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::demo::key::DemoKey;
use crate::model::Scope;

use super::{Counts, Encryption};

/// How the values of one file are written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    /// Only what the schema in `fixtures/avro` allows.
    pub strict: bool,
    /// Union branches carry their name.
    pub wrapped: bool,
    /// Non-ASCII text as `\uXXXX`, slashes as `\/`.
    pub escaped: bool,
    /// `metaData` and `recordCollection` as tap-liveperson meets them.
    pub wrapped_envelope: bool,
    pub version: SchemaVersion,
}

/// Schema versions with known differences, oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SchemaVersion {
    V4,
    V22,
    V34,
    V35,
}

impl SchemaVersion {
    pub const ALL: [SchemaVersion; 4] =
        [SchemaVersion::V4, SchemaVersion::V22, SchemaVersion::V34, SchemaVersion::V35];

    pub fn text(self) -> &'static str {
        match self {
            SchemaVersion::V4 => "1.0.0.4",
            SchemaVersion::V22 => "1.0.0.22",
            SchemaVersion::V34 => "1.0.0.34",
            SchemaVersion::V35 => "1.0.0.35",
        }
    }
}

/// Writes one file and counts what it writes.
pub(super) struct Pen<'a> {
    pub out: Vec<u8>,
    pub rng: StdRng,
    pub style: Style,
    pub counts: Counts,
    pub scope: Scope,
    /// `metaData.startTime` of the envelope at hand.
    pub record_start: Option<i64>,
    pub fault: Option<String>,
    pub(super) key: Option<&'a DemoKey>,
    pub(super) encryption: Encryption,
    /// Decides what is encrypted; apart from `rng`, so that the same seed gives the same plaintext however
    /// much of it is encrypted.
    pub(super) seal_rng: StdRng,
    /// Inside of a record that will be encrypted as a whole.
    pub(super) sealing: bool,
}

impl<'a> Pen<'a> {
    pub fn new(
        seed: u64,
        style: Style,
        scope: Scope,
        encryption: Encryption,
        key: Option<&'a DemoKey>,
    ) -> Pen<'a> {
        Pen {
            out: Vec::new(),
            rng: StdRng::seed_from_u64(seed),
            style,
            counts: Counts::default(),
            scope,
            record_start: None,
            fault: None,
            key,
            encryption,
            seal_rng: StdRng::seed_from_u64(!seed),
            sealing: false,
        }
    }

    /// True once in `n` times on average.
    pub fn once_in(&mut self, n: u32) -> bool {
        self.rng.random_range(0..n) == 0
    }

    /// The same, but never in a strict file.
    pub fn odd_once_in(&mut self, n: u32) -> bool {
        let hit = self.once_in(n);
        hit && !self.style.strict
    }

    pub fn row(&mut self, table: &'static str, own: Option<i64>) {
        self.counts.row(table, own, self.record_start, self.scope);
    }

    pub fn raw(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    pub fn comma(&mut self) {
        if !matches!(self.out.last(), None | Some(b'{' | b'[' | b':' | b',')) {
            self.out.push(b',');
        }
    }

    pub fn key(&mut self, name: &str) {
        self.comma();
        self.out.push(b'"');
        self.raw(name);
        self.raw("\":");
    }

    pub fn open(&mut self) {
        self.comma();
        self.out.push(b'{');
    }

    pub fn close(&mut self) {
        self.out.push(b'}');
    }

    fn wrapped(&mut self, branch: &str, value: impl FnOnce(&mut Self)) {
        if self.style.wrapped {
            self.raw("{\"");
            self.raw(branch);
            self.raw("\":");
            value(self);
            self.close();
        } else {
            value(self);
        }
    }

    pub fn number(&mut self, value: i64) {
        let digits = value.to_string();
        self.raw(&digits);
    }

    pub fn null(&mut self, name: &str) {
        self.key(name);
        self.raw("null");
    }

    pub fn long(&mut self, name: &str, value: Option<i64>) {
        self.key(name);
        match value {
            Some(value) => self.wrapped("long", |pen| pen.number(value)),
            None => self.raw("null"),
        }
    }

    pub fn int(&mut self, name: &str, value: Option<i32>) {
        self.key(name);
        match value {
            Some(value) => self.wrapped("int", |pen| pen.number(value.into())),
            None => self.raw("null"),
        }
    }

    /// Whole numbers are written without a fraction, as the service does.
    pub fn double(&mut self, name: &str, value: Option<f64>) {
        self.key(name);
        match value {
            Some(value) => self.wrapped("double", |pen| {
                let _ = write!(pen.out, "{value}");
            }),
            None => self.raw("null"),
        }
    }

    pub fn boolean(&mut self, name: &str, value: Option<bool>) {
        self.key(name);
        match value {
            Some(value) => self.wrapped("boolean", |pen| pen.raw(if value { "true" } else { "false" })),
            None => self.raw("null"),
        }
    }

    pub fn string(&mut self, name: &str, value: Option<&str>) {
        self.key(name);
        match value {
            Some(value) => self.wrapped("string", |pen| pen.quoted(value)),
            None => self.raw("null"),
        }
    }

    /// Enum symbol under its type name.
    pub fn symbol(&mut self, name: &str, type_name: &str, value: Option<&str>) {
        self.key(name);
        match value {
            Some(value) => self.named(type_name, |pen| pen.quoted(value)),
            None => self.raw("null"),
        }
    }

    /// `{"com.liveperson.dataaccess.<type>":value}`, always under its name.
    pub fn named(&mut self, type_name: &str, value: impl FnOnce(&mut Self)) {
        self.comma();
        self.raw("{\"com.liveperson.dataaccess.");
        self.raw(type_name);
        self.raw("\":");
        value(self);
        self.close();
    }

    /// A nullable record: named, or bare in a file of bare values.
    pub fn record(&mut self, name: &str, type_name: &str, members: impl FnOnce(&mut Self)) {
        self.key(name);
        let body = |pen: &mut Self| {
            pen.raw("{");
            members(pen);
            pen.close();
        };
        if self.style.wrapped { self.named(type_name, body) } else { body(self) }
    }

    /// A nullable array; `item` writes element `i` whole.
    pub fn array(&mut self, name: &str, len: usize, mut item: impl FnMut(&mut Self, usize)) {
        self.key(name);
        self.wrapped("array", |pen| {
            pen.raw("[");
            for i in 0..len {
                item(pen, i);
            }
            pen.raw("]");
        });
    }

    /// A field that no page documents, now and then.
    pub fn maybe_unknown(&mut self) {
        if self.odd_once_in(400) {
            self.counts.unknown_fields += 1;
            match self.rng.random_range(0..4) {
                0 => self.string("brandNewField", Some("später ergänzt \u{1F195}")),
                1 => self.long("revisionOfTomorrow", Some(i64::MAX)),
                2 => {
                    self.key("nestedNews");
                    self.raw("{\"array\":[1,{\"deep\":[null,true,\"x\"]},2.50]}");
                }
                _ => self.null("alwaysNull"),
            }
        }
    }

    /// A JSON string with the escapes it needs, or with more in an escaping file.
    pub fn quoted(&mut self, text: &str) {
        self.comma();
        self.out.push(b'"');
        let plain = |b: &u8| {
            *b >= 0x20 && *b != b'"' && *b != b'\\' && !(self.style.escaped && (*b >= 0x80 || *b == b'/'))
        };
        if text.as_bytes().iter().all(plain) {
            self.raw(text);
        } else {
            text.chars().for_each(|c| self.escaped_char(c));
        }
        self.out.push(b'"');
    }

    fn escaped_char(&mut self, c: char) {
        match c {
            '"' => self.raw("\\\""),
            '\\' => self.raw("\\\\"),
            '\n' => self.raw("\\n"),
            '\r' => self.raw("\\r"),
            '\t' => self.raw("\\t"),
            '/' if self.style.escaped => self.raw("\\/"),
            c if (c as u32) < 0x20 || (self.style.escaped && !c.is_ascii()) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(self.out, "\\u{unit:04x}");
                }
            }
            c => {
                let mut buffer = [0; 4];
                self.raw(c.encode_utf8(&mut buffer));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pen(wrapped: bool, escaped: bool) -> Pen<'static> {
        let style =
            Style { strict: true, wrapped, escaped, wrapped_envelope: false, version: SchemaVersion::V35 };
        Pen::new(1, style, Scope { start_ms: 0, end_ms: 1 }, Encryption::NONE, None)
    }

    #[test]
    fn unions_wrapped_and_bare() {
        let write = |pen: &mut Pen| {
            pen.open();
            pen.long("a", Some(-5));
            pen.double("b", Some(-1.0));
            pen.string("c", None);
            pen.array("d", 2, |pen, i| pen.quoted(if i == 0 { "x" } else { "y" }));
            pen.record("e", "Goal", |pen| pen.int("f", Some(3)));
            pen.close();
        };
        let mut wrapped = pen(true, false);
        write(&mut wrapped);
        assert_eq!(
            String::from_utf8(wrapped.out).unwrap(),
            r#"{"a":{"long":-5},"b":{"double":-1},"c":null,"d":{"array":["x","y"]},"e":{"com.liveperson.dataaccess.Goal":{"f":{"int":3}}}}"#
        );
        let mut bare = pen(false, false);
        write(&mut bare);
        assert_eq!(
            String::from_utf8(bare.out).unwrap(),
            r#"{"a":-5,"b":-1,"c":null,"d":["x","y"],"e":{"f":3}}"#
        );
    }

    #[test]
    fn strings_survive_escaping_and_pretty_printing() {
        let text = "q\" b\\ n\n t\t \u{1} é 漢 😀 a/b {[,:]}";
        for escaped in [false, true] {
            let mut pen = pen(true, escaped);
            pen.open();
            pen.key("k");
            pen.quoted(text);
            pen.array("empty", 0, |_, _| ());
            pen.close();
            assert_eq!(pen.out.is_ascii(), escaped);
            for json in [pen.out.clone(), super::super::pretty::pretty(&pen.out, 3)] {
                let value: serde_json::Value = serde_json::from_slice(&json).unwrap();
                assert_eq!(value["k"], text);
                assert_eq!(value["empty"]["array"], serde_json::json!([]));
            }
        }
    }
}
