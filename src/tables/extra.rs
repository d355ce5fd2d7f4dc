//! `extra`: what has no column, as one JSON object per row, and nothing lost in it.
//!
//! ```text
//! {"newField":{"long":5},"engagement.other":"x","$.metaData.region":"us"}
//! ```
//! Keys are paths: relative to the item for what lies in it, from the record's root (`$.`) for what
//! lies above. A key that is taken already gets `#2`, `#3`, … Values are as sent, without the blanks
//! between tokens. A string that is not Unicode (a lone surrogate, bytes that are not UTF-8) would make
//! the whole object unreadable to others, so it stands as its raw text: backslashes doubled, bad bytes
//! as `\xNN`.

use std::collections::HashMap;

use crate::records::{Cursor, Kind, Path, SyntaxError, show_raw};

/// What was not understood while a part was read: what the figures of the summary and the ledger count.
///
/// Each counts once however much lies in it, and nothing is counted that is null where null is legal or
/// that is part of an encryption (an attached public key). All of it is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Oddities {
    /// Members whose key means nothing where they stand: of an envelope, a body, a header, an item or a
    /// record in it; beside a union's branch; a repeated header, list or envelope member; a union branch of
    /// unknown type. Inside bodies of unknown type nothing is counted.
    pub unknown_fields: u64,
    /// Values of a known place that do not fit it: of another type, out of its range, not Unicode; a repeated
    /// field that has a column; an item, body or element that is no record.
    pub mistyped: u64,
    /// Bodies that are neither of a published type nor recognised by their fields.
    pub unknown_bodies: u64,
    /// Rows whose own date is out of bounds and which lie under their part's date.
    pub misdated: u64,
    /// Records whose `accountId` is not the account of their part.
    pub foreign_accounts: u64,
}

/// An `extra` object in the making.
#[derive(Clone, Debug, Default)]
pub struct Extra {
    members: Vec<(String, String)>,
}

impl Extra {
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Adds a member; `raw` is a JSON value that was read before.
    pub fn add(&mut self, key: String, raw: &[u8]) {
        self.members.push((key, compact(raw)));
    }

    /// Appends the members of another object.
    pub fn append(&mut self, other: Extra) {
        self.members.extend(other.members);
    }

    /// The object's text, `None` without members; the builder is empty afterwards.
    pub fn take(&mut self) -> Option<String> {
        if self.members.is_empty() {
            return None;
        }
        let mut text = String::from("{");
        // How often a key was met: one object may bring many thousands of them.
        let mut met: HashMap<String, u64> = HashMap::with_capacity(self.members.len());
        for (key, value) in self.members.drain(..) {
            let key = unique(key, &mut met);
            if text.len() > 1 {
                text.push(',');
            }
            write_text(&key, &mut text);
            text.push(':');
            text.push_str(&value);
        }
        text.push('}');
        Some(text)
    }
}

/// The key itself, or with the first number behind it that makes it unlike all before.
fn unique(key: String, met: &mut HashMap<String, u64>) -> String {
    let Some(count) = met.get_mut(&key) else {
        met.insert(key.clone(), 1);
        return key;
    };
    let mut n = *count;
    let numbered = loop {
        n += 1;
        let numbered = format!("{key}#{n}");
        if !met.contains_key(&numbered) {
            break numbered;
        }
    };
    met.insert(key, n);
    met.insert(numbered.clone(), 1);
    numbered
}

/// Where the reader stands and what it met that has no column.
#[derive(Debug, Default)]
pub struct Notes {
    pub path: Path,
    /// Depth of the path at which the current item begins; `None` above items.
    pub item: Option<usize>,
    /// `extra` of the current item.
    pub row: Extra,
    /// `extra` of what lies above items: it goes to the record's first row.
    pub above: Extra,
    pub oddities: Oddities,
}

/// A moment between two items.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    oddities: Oddities,
    above: usize,
    item: Option<usize>,
}

impl Notes {
    /// Forgets all but the count of oddities: a new record begins.
    pub fn clear(&mut self) {
        self.path.clear();
        self.item = None;
        self.row = Extra::default();
        self.above = Extra::default();
    }

    /// What was noted so far above items, to go back to; of a new item nothing may be noted yet.
    pub fn mark(&self) -> Mark {
        Mark { oddities: self.oddities, above: self.above.members.len(), item: self.item }
    }

    /// Forgets what was noted since, all of a row included.
    pub fn go_back(&mut self, mark: Mark) {
        (self.oddities, self.item) = (mark.oddities, mark.item);
        self.above.members.truncate(mark.above);
        self.row = Extra::default();
    }

    /// A field without a column, below the current path.
    pub fn unknown(&mut self, key: &str, raw: &[u8]) {
        self.oddities.unknown_fields += 1;
        self.keep(key, raw);
    }

    /// The value at the current path does not fit its column (or came a second time).
    pub fn misfit(&mut self, raw: &[u8]) {
        self.oddities.mistyped += 1;
        self.keep("", raw);
    }

    /// A value that needs to be kept, below the current path.
    pub fn keep(&mut self, key: &str, raw: &[u8]) {
        match self.item {
            Some(depth) => self.row.add(self.path.below(depth, key), raw),
            None if key.is_empty() => self.above.add(self.path.from_root(), raw),
            None => self.above.add(self.path.from_root_to(key), raw),
        }
    }
}

/// A JSON value without blanks between its tokens, in valid UTF-8, every string valid Unicode.
pub fn compact(raw: &[u8]) -> String {
    compact_opened(raw, &|_| false)
}

/// As [`compact`], of a JSON value that was read; `None` where something is escaped in it.
pub fn without_blanks(json: &str) -> Option<String> {
    if json.contains('\\') {
        return None;
    }
    let mut out = String::with_capacity(json.len());
    let (mut from, mut in_string) = (0, false);
    for (at, byte) in json.bytes().enumerate() {
        match byte {
            b'"' => in_string = !in_string,
            b' ' | b'\n' | b'\r' | b'\t' if !in_string => {
                out.push_str(json.get(from..at).unwrap_or_default());
                from = at + 1;
            }
            _ => {}
        }
    }
    out.push_str(json.get(from..).unwrap_or_default());
    Some(out)
}

/// As [`compact`]; strings that were decrypted (told by the offset of their opening quote in `raw`) stand
/// as the object or array that they hold.
pub fn compact_opened(raw: &[u8], is_decrypted: &dyn Fn(usize) -> bool) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut cursor = Cursor::new(raw, usize::MAX);
    if write_compact(&mut cursor, is_decrypted, &mut out).is_err() {
        // Whoever hands over a value has read it before; should it not be JSON, keep it as text.
        out.clear();
        write_text(&show_raw(raw), &mut out);
    }
    out
}

fn write_compact(
    cursor: &mut Cursor<'_>,
    is_decrypted: &dyn Fn(usize) -> bool,
    out: &mut String,
) -> Result<(), SyntaxError> {
    // True for an object; the stack bounds depth by the input's size, not by the thread's.
    let mut open: Vec<bool> = Vec::new();
    let mut first = true;
    loop {
        match cursor.kind()? {
            Kind::Object => {
                cursor.begin_object()?;
                out.push('{');
                open.push(true);
                first = true;
            }
            Kind::Array => {
                cursor.begin_array()?;
                out.push('[');
                open.push(false);
                first = true;
            }
            Kind::String => {
                let token = cursor.string()?;
                match is_decrypted(token.at).then(|| container_in(token)).flatten() {
                    Some(json) => out.push_str(&json),
                    None => write_token(token, out),
                }
            }
            Kind::Number => out.push_str(cursor.number()?),
            Kind::Boolean => out.push_str(if cursor.boolean()? { "true" } else { "false" }),
            Kind::Null => {
                cursor.null()?;
                out.push_str("null");
            }
        }
        loop {
            let Some(object) = open.last().copied() else { return Ok(()) };
            let was_first = first;
            let more = if object {
                match cursor.next_key(&mut first)? {
                    Some(key) => {
                        if !was_first {
                            out.push(',');
                        }
                        write_token(key, out);
                        out.push(':');
                        true
                    }
                    None => false,
                }
            } else {
                let more = cursor.next_item(&mut first)?;
                if more && !was_first {
                    out.push(',');
                }
                more
            };
            if more {
                break;
            }
            out.push(if object { '}' } else { ']' });
            open.pop();
            first = false;
        }
    }
}

/// The object or array that a string holds as its text.
fn container_in(token: crate::records::Text<'_>) -> Option<String> {
    let plain = token.decode().ok()?;
    let mut cursor = Cursor::new(plain.as_bytes(), usize::MAX);
    let is_container = matches!(cursor.kind(), Ok(Kind::Object | Kind::Array));
    let is_whole = is_container && cursor.skip_value().is_ok() && cursor.at_end();
    is_whole.then(|| compact(plain.as_bytes()))
}

fn write_token(token: crate::records::Text<'_>, out: &mut String) {
    match (token.decode(), std::str::from_utf8(token.raw)) {
        (Ok(_), Ok(raw)) => {
            out.push('"');
            out.push_str(raw);
            out.push('"');
        }
        _ => write_text(&show_raw(token.raw), out),
    }
}

/// Writes a JSON string.
pub fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{0}'..='\u{1f}' => out.push_str(&format!("\\u{:04x}", letter as u32)),
            _ => out.push(letter),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_kept_as_sent_without_blanks() {
        for (raw, kept) in [
            ("{ \"a\" : [ 1 , 2.50 ,\n{ } ] , \"b\":null }", "{\"a\":[1,2.50,{}],\"b\":null}"),
            ("\"\\u00e9 \\n x\"", "\"\\u00e9 \\n x\""),
            ("[ ]", "[]"),
            ("\"a\\ud800b\"", "\"a\\\\ud800b\""),
            ("[\"ok\",\"\\udc00\"]", "[\"ok\",\"\\\\udc00\"]"),
            ("1e400", "1e400"),
            ("not json", "\"not json\""),
        ] {
            assert_eq!(compact(raw.as_bytes()), kept, "{raw}");
        }
        assert_eq!(compact(b"\"a\xFFb\""), "\"a\\\\xFFb\"");
    }

    #[test]
    fn many_unknown_and_repeated_keys_cost_no_more_than_their_number() {
        let mut extra = Extra::default();
        for n in 0..100_000 {
            extra.add(format!("k{n}"), b"1");
            extra.add("again".into(), b"2");
        }
        let text = extra.take().unwrap();
        assert!(text.contains("\"again#100000\":2") && text.contains("\"k99999\":1"));
    }

    #[test]
    fn keys_are_unique() {
        let mut extra = Extra::default();
        extra.add("a".into(), b"1");
        extra.add("a".into(), b"2");
        extra.add("q\"".into(), b"3");
        assert_eq!(extra.take().unwrap(), "{\"a\":1,\"a#2\":2,\"q\\\"\":3}");
        let mut above = Extra::default();
        for (key, raw) in [("a", "1"), ("a#2", "2"), ("$.x", "3")] {
            extra.add(key.into(), raw.as_bytes());
            above.add(key.into(), raw.as_bytes());
        }
        extra.append(above);
        assert_eq!(extra.take().unwrap(), "{\"a\":1,\"a#2\":2,\"$.x\":3,\"a#3\":1,\"a#2#2\":2,\"$.x#2\":3}");
        assert_eq!(extra.take(), None);
    }
}
