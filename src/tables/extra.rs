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

use crate::records::{Cursor, Kind, Path, SyntaxError, show_raw};

/// What was not understood while a part was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Oddities {
    pub unknown_fields: u64,
    pub mistyped: u64,
    pub unknown_bodies: u64,
    pub misdated: u64,
    pub foreign_accounts: u64,
}

/// An `extra` object in the making.
#[derive(Clone, Debug, Default)]
pub struct Extra {
    /// Members so far, without the braces.
    members: String,
    keys: Vec<String>,
}

impl Extra {
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Adds a member; `raw` is a JSON value that was read before.
    pub fn add(&mut self, key: String, raw: &[u8]) {
        let mut unique = key.clone();
        let mut n = 1;
        while self.keys.contains(&unique) {
            n += 1;
            unique = format!("{key}#{n}");
        }
        if !self.members.is_empty() {
            self.members.push(',');
        }
        write_text(&unique, &mut self.members);
        self.members.push(':');
        self.members.push_str(&compact(raw));
        self.keys.push(unique);
    }

    /// Appends the members of another object.
    pub fn append(&mut self, other: Extra) {
        if !self.members.is_empty() && !other.members.is_empty() {
            self.members.push(',');
        }
        self.members.push_str(&other.members);
        self.keys.extend(other.keys);
    }

    /// The object's text, `None` without members; the builder is empty afterwards.
    pub fn take(&mut self) -> Option<String> {
        if self.keys.is_empty() {
            return None;
        }
        self.keys.clear();
        Some(format!("{{{}}}", std::mem::take(&mut self.members)))
    }
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

impl Notes {
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
    let mut out = String::with_capacity(raw.len());
    let mut cursor = Cursor::new(raw, usize::MAX);
    if write_compact(&mut cursor, &mut out).is_err() {
        // Whoever hands over a value has read it before; should it not be JSON, keep it as text.
        out.clear();
        write_text(&show_raw(raw), &mut out);
    }
    out
}

fn write_compact(cursor: &mut Cursor<'_>, out: &mut String) -> Result<(), SyntaxError> {
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
            Kind::String => write_token(cursor.string()?, out),
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
    fn keys_are_unique() {
        let mut extra = Extra::default();
        extra.add("a".into(), b"1");
        extra.add("a".into(), b"2");
        extra.add("q\"".into(), b"3");
        assert_eq!(extra.take().unwrap(), "{\"a\":1,\"a#2\":2,\"q\\\"\":3}");
        assert_eq!(extra.take(), None);
    }
}
