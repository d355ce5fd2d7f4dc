//! Openings: what stood before a value when it was met last, byte for byte, and what closed it.
//!
//! ```text
//! ,"url":{"string":"   x"   }      of a text in its union; the key alone is  ,"url":
//! ,"startTime":{"long":   5   }    of a number
//! ,"skills":{"array":[   1,2]   }  of an array: its inside is entered
//! ```
//! Nearly every record repeats them, blanks and all, so one comparison takes the place of five tokens. An opening is
//! learned only from text that was read token by token. The same bytes in the same place of an object are the same
//! tokens, and mean the same: nothing else may be taken from a match. Records with encrypted values have their keys
//! compared only: a string there may be more than it seems.

use wide::u8x16;

use super::avro_json::Doc;
use super::cursor::{Cursor, Kind};
use super::type_names::{is_primitive, names_type};

const BLOCK: usize = 16;
/// Longer openings are not learned.
const MAX_BYTES: usize = 320;

/// Some bytes to be compared, filled up with zeros.
#[derive(Clone, Debug)]
struct Bytes {
    blocks: Vec<[u8; BLOCK]>,
    len: usize,
    /// A bit per zero that the last block is filled up with.
    filling: u32,
}

impl Bytes {
    const NONE: Bytes = Bytes { blocks: Vec::new(), len: 0, filling: 0 };
    /// No text begins like this.
    const UNKNOWN: Bytes = Bytes { blocks: Vec::new(), len: usize::MAX, filling: 0 };

    fn set(&mut self, bytes: &[u8]) {
        self.len = bytes.len();
        self.filling = match bytes.len() % BLOCK {
            0 => 0,
            filled => ALL_EQUAL & (ALL_EQUAL << filled),
        };
        self.blocks.clear();
        self.blocks.resize(bytes.len().div_ceil(BLOCK), [0; BLOCK]);
        let all = self.blocks.as_flattened_mut().iter_mut();
        all.zip(bytes).for_each(|(to, from)| *to = *from);
    }

    /// Whether the text begins with these bytes. Of one that is hardly longer nothing may be known.
    #[inline(always)]
    fn begin(&self, text: &[u8]) -> bool {
        let Some((last, blocks)) = self.blocks.split_last() else { return self.len == 0 };
        let theirs = text.as_chunks::<BLOCK>().0;
        // The ends of two openings differ more often than their beginnings do.
        theirs.get(blocks.len()).is_some_and(|their_last| equal(last, their_last) | self.filling == ALL_EQUAL)
            && blocks.iter().zip(theirs).all(|(ours, theirs)| equal(ours, theirs) == ALL_EQUAL)
    }

    /// How many bytes of the text are as here.
    fn common(&self, text: &[u8]) -> usize {
        let mut same = 0;
        for (ours, theirs) in self.blocks.iter().zip(text.as_chunks::<BLOCK>().0) {
            let equal = equal(ours, theirs);
            same += equal.trailing_ones() as usize;
            if equal != ALL_EQUAL {
                break;
            }
        }
        same
    }
}

const ALL_EQUAL: u32 = 0xFFFF;

/// A bit per byte that is the same.
#[inline(always)]
fn equal(ours: &[u8; BLOCK], theirs: &[u8; BLOCK]) -> u32 {
    u8x16::new(*ours).simd_eq(u8x16::new(*theirs)).to_bitmask()
}

/// What closes the union of a value, if it is in one.
#[derive(Clone, Debug)]
pub struct Closing(Bytes);

impl Closing {
    /// Of a value that is in no union.
    pub const NONE: Closing = Closing(Bytes::NONE);

    /// Whether there is no union to be closed.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.0.len == 0
    }

    /// The place behind it, if it stands at this place of the text.
    #[inline]
    pub(super) fn pass(&self, text: &[u8], at: usize) -> Option<usize> {
        let found = match self.0.len {
            0 => true,
            1 => text.get(at) == Some(&b'}'),
            _ => self.0.begin(text.get(at..)?),
        };
        found.then_some(at + self.0.len)
    }
}

/// What is expected behind an opening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// The opening reaches behind the quote.
    Text,
    /// A number or a boolean.
    Word,
    /// The opening reaches behind the bracket.
    Array,
    /// A record in its wrapper: the opening reaches behind the inner brace.
    Record,
    /// Only the key is learned.
    Any,
}

/// What a value was opened and closed with when it was met last.
#[derive(Clone, Debug)]
pub struct Opening {
    /// Up to the content.
    bytes: Bytes,
    /// How many of them are before the value, union and all.
    key: usize,
    /// The key was the first of its object: no comma.
    first: bool,
    pub closing: Closing,
}

impl Opening {
    /// Of a member that was not met yet.
    pub const UNKNOWN: Opening =
        Opening { bytes: Bytes::UNKNOWN, key: usize::MAX, first: false, closing: Closing::NONE };
    /// Of an item of an array, which has no key, and no union as far as is known.
    pub const ITEM: Opening = Opening { bytes: Bytes::NONE, key: 0, first: false, closing: Closing::NONE };

    /// Bytes of the key, with its comma and colon.
    #[inline]
    pub fn key(&self) -> usize {
        self.key
    }

    /// Whether it reaches to the content of an array, record or text, and not only to a value.
    #[inline]
    pub fn has_content(&self) -> bool {
        self.bytes.len > self.key
    }

    /// Learns from a value that was read: what stands from `before` (behind the last value or the opening
    /// bracket) to its content. `value`: where the value itself begins, behind its key. A null teaches nothing but
    /// the key.
    pub fn learn(&mut self, doc: &Doc<'_>, before: usize, value: usize, first: bool, content: Content) {
        let (text, _) = doc.cursor.text_and_place();
        let mut cursor = doc.cursor.clone();
        cursor.go_to(value);
        cursor.skip_space();
        let value = cursor.at();
        let is_same_key = self.key == value - before
            && self.first == first
            && self.bytes.common(text.get(before..).unwrap_or_default()) >= self.key;
        let has_more = content != Content::Any && text.get(value) != Some(&b'n') && !doc.is_encrypted();
        if is_same_key && !has_more {
            return;
        }
        let inside = if has_more { Inside::of(cursor, content) } else { None };
        let Inside { start, closing: (from, to) } =
            inside.unwrap_or(Inside { start: value, closing: (value, value) });
        let bytes = text.get(before..start).unwrap_or_default();
        if bytes.len() + to - from > MAX_BYTES {
            *self = if before == value { Opening::ITEM } else { Opening::UNKNOWN };
            return;
        }
        self.bytes.set(bytes);
        self.closing.0.set(text.get(from..to).unwrap_or_default());
        (self.key, self.first) = (value - before, first);
    }
}

/// Where the content of a value begins, and what closes its union.
struct Inside {
    start: usize,
    closing: (usize, usize),
}

impl Inside {
    /// Of the value that comes next, if it holds what is expected.
    fn of(mut cursor: Cursor<'_>, content: Content) -> Option<Inside> {
        let is_wanted = |kind| match content {
            Content::Text => kind == Kind::String,
            Content::Word => matches!(kind, Kind::Number | Kind::Boolean),
            Content::Array => kind == Kind::Array,
            Content::Record => kind == Kind::Object,
            Content::Any => false,
        };
        let kind = cursor.kind().ok()?;
        // A bare record may be a union in truth, which its first key tells.
        let in_union = content == Content::Record || !is_wanted(kind);
        if in_union {
            cursor.begin_object().ok()?;
            let name = cursor.next_key(&mut true).ok()??;
            let is_name = match content {
                Content::Array => name.raw.eq_ignore_ascii_case(b"array"),
                Content::Record => names_type(name.raw, &[]),
                _ => is_primitive(name.raw) || names_type(name.raw, &[]),
            };
            if name.has_escapes || !is_name || !is_wanted(cursor.kind().ok()?) {
                return None;
            }
        }
        let start = cursor.at() + usize::from(content != Content::Word);
        cursor.skip_value().ok()?;
        let end = cursor.at();
        if in_union && cursor.next_key(&mut false).ok()?.is_some() {
            return None;
        }
        Some(Inside { start, closing: (end, cursor.at()) })
    }
}

/// How much of an opening came again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Met {
    /// Another one, or the end: nothing is passed.
    Nothing,
    /// The key; the document stands before the value.
    Key,
    /// All of it; the document stands before the content.
    All,
}

impl Doc<'_> {
    /// Passes an opening as far as it comes again. `first`: no member was read of the object yet.
    #[inline(always)]
    pub fn pass(&mut self, opening: &Opening, first: bool) -> Met {
        let (text, at) = self.cursor.text_and_place();
        let rest = text.get(at..).unwrap_or_default();
        if first != opening.first || is_off() {
            return Met::Nothing;
        }
        if opening.bytes.begin(rest) && !self.is_encrypted() {
            self.cursor.go_to(at + opening.bytes.len);
            return Met::All;
        }
        if opening.bytes.common(rest) < opening.key {
            return Met::Nothing;
        }
        self.cursor.go_to(at + opening.key);
        Met::Key
    }

    /// Goes from a value on to its content, behind an opening that was met whole.
    pub fn enter(&mut self, opening: &Opening) {
        let (_, at) = self.cursor.text_and_place();
        self.cursor.go_to(at + opening.bytes.len - opening.key);
    }

    /// Passes the brace of a record whose first key comes as in this opening; else nothing.
    #[inline]
    pub fn pass_brace(&mut self, opening: &Opening) -> bool {
        let (text, at) = self.cursor.text_and_place();
        let Some([b'{', rest @ ..]) = text.get(at..) else { return false };
        let found = opening.first
            && (opening.bytes.begin(rest) || opening.bytes.common(rest) >= opening.key)
            && !self.is_encrypted()
            && !is_off();
        if found {
            self.cursor.go_to(at + 1);
        }
        found
    }

    /// Passes the end of a union; else nothing.
    #[inline]
    pub fn pass_closing(&mut self, closing: &Closing) -> bool {
        let (text, at) = self.cursor.text_and_place();
        let end = closing.pass(text, at);
        end.inspect(|end| self.cursor.go_to(*end)).is_some()
    }
}

/// Nothing is ever met while a test reads token by token.
#[cfg(not(test))]
#[inline]
fn is_off() -> bool {
    false
}

#[cfg(test)]
thread_local!(static OFF: std::cell::Cell<bool> = const { std::cell::Cell::new(false) });

#[cfg(test)]
fn is_off() -> bool {
    OFF.get()
}

/// Reads without comparing openings.
#[cfg(test)]
pub fn token_by_token<T>(read: impl FnOnce() -> T) -> T {
    OFF.set(true);
    let read = read();
    OFF.set(false);
    read
}
