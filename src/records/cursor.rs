//! A pull cursor over one JSON text: no document tree, no allocation, strings borrowed.
//!
//! ```text
//! {"agentID": {"long": 9}}   begin_object -> key "agentID" -> begin_object -> key "long" -> number "9" -> …
//! ```
//! It is strict (RFC 8259: no trailing commas, no raw control characters, whole escapes) but does not
//! ask strings to be Unicode: that costs one value, not the record, and is [`Text::decode`]'s business.
//! What can fail: [`SyntaxError`], with the byte at which the text stops being JSON.

use std::borrow::Cow;

use thiserror::Error;

use super::plain::{blanks, plain_run};

/// The text is not JSON from the byte `at` on.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("{message}")]
pub struct SyntaxError {
    /// Byte offset in the cursor's text.
    pub at: usize,
    pub message: &'static str,
}

/// What kind of value comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Object,
    Array,
    String,
    Number,
    Boolean,
    Null,
}

/// Position in a JSON text.
#[derive(Clone, Debug)]
pub struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
    max_depth: usize,
    /// Runs of blanks and escapes that were passed.
    loose: usize,
}

/// The inside of a string token, between its quotes, as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text<'a> {
    pub raw: &'a [u8],
    pub has_escapes: bool,
    /// Byte offset of the opening quote.
    pub at: usize,
}

/// The string is not Unicode: a lone surrogate or bytes that are not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotUnicode;

impl<'a> Text<'a> {
    /// The text itself, borrowed where nothing is escaped.
    ///
    /// # Errors
    /// [`NotUnicode`]; escapes themselves were checked when the token was read.
    pub fn decode(self) -> Result<Cow<'a, str>, NotUnicode> {
        if self.has_escapes {
            let mut text = Vec::with_capacity(self.raw.len());
            unescape(self.raw, &mut text)?;
            String::from_utf8(text).map(Cow::Owned).map_err(|_| NotUnicode)
        } else {
            std::str::from_utf8(self.raw).map(Cow::Borrowed).map_err(|_| NotUnicode)
        }
    }

    /// The bytes of a key, escapes resolved: names are compared by what they say, not by how.
    #[inline]
    pub fn name(self) -> Cow<'a, [u8]> {
        if !self.has_escapes {
            return Cow::Borrowed(self.raw);
        }
        let mut text = Vec::with_capacity(self.raw.len());
        match unescape(self.raw, &mut text) {
            Ok(()) => Cow::Owned(text),
            Err(NotUnicode) => Cow::Borrowed(self.raw),
        }
    }

    /// As [`Text::decode`], with what is not Unicode shown as raw text.
    pub fn decode_lossy(self) -> Cow<'a, str> {
        self.decode().unwrap_or_else(|_| Cow::Owned(show_raw(self.raw)))
    }
}

/// Raw text of a string token as valid UTF-8: escapes stay as they are written, bytes that are not
/// UTF-8 become `\xNN` (which JSON itself cannot hold, so that it stays telling).
pub fn show_raw(raw: &[u8]) -> String {
    let mut shown = String::with_capacity(raw.len());
    for chunk in raw.utf8_chunks() {
        shown.push_str(chunk.valid());
        for byte in chunk.invalid() {
            shown.push_str(&format!("\\x{byte:02X}"));
        }
    }
    shown
}

type Result1<T> = Result<T, SyntaxError>;

impl<'a> Cursor<'a> {
    pub fn new(text: &'a [u8], max_depth: usize) -> Cursor<'a> {
        Cursor { text, at: 0, max_depth, loose: 0 }
    }

    /// Byte offset of the next unread byte.
    pub fn at(&self) -> usize {
        self.at
    }

    /// The whole text, and the offset of its next unread byte.
    #[inline]
    pub(super) fn text_and_place(&self) -> (&'a [u8], usize) {
        (self.text, self.at)
    }

    /// Goes on to a place behind a whole token.
    #[inline]
    pub(super) fn go_to(&mut self, at: usize) {
        self.at = at;
    }

    /// Goes back to a place that [`Cursor::at`] gave.
    pub fn rewind(&mut self, at: usize) {
        self.at = at.min(self.at);
    }

    pub fn max_depth(&self) -> usize {
        self.max_depth
    }

    /// How many runs of blanks and how many escapes were passed, in all.
    pub fn loose(&self) -> usize {
        self.loose
    }

    /// Bytes that were not read yet.
    pub fn left(&self) -> usize {
        self.text.len().saturating_sub(self.at)
    }

    /// The bytes from `start` to here.
    pub fn since(&self, start: usize) -> &'a [u8] {
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn fail<T>(&self, message: &'static str) -> Result1<T> {
        Err(SyntaxError { at: self.at, message })
    }

    #[inline]
    fn byte(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    #[inline]
    pub fn skip_space(&mut self) {
        if let Some(b' ' | b'\n' | b'\r' | b'\t') = self.byte() {
            self.skip_blanks();
        }
    }

    /// An indent is a long run of blanks.
    fn skip_blanks(&mut self) {
        self.loose += 1;
        self.at += blanks(self.text.get(self.at..).unwrap_or_default());
    }

    /// Nothing but blanks is left.
    pub fn at_end(&mut self) -> bool {
        self.skip_space();
        self.at >= self.text.len()
    }

    /// Kind of the next value; blanks before it are passed.
    #[inline]
    pub fn kind(&mut self) -> Result1<Kind> {
        self.skip_space();
        match self.byte() {
            Some(b'{') => Ok(Kind::Object),
            Some(b'"') => Ok(Kind::String),
            Some(b'n') => Ok(Kind::Null),
            Some(b'-' | b'0'..=b'9') => Ok(Kind::Number),
            Some(b'[') => Ok(Kind::Array),
            Some(b't' | b'f') => Ok(Kind::Boolean),
            Some(_) => self.fail("expected a JSON value"),
            None => self.fail("the text ends where a JSON value should be"),
        }
    }

    #[inline]
    fn expect(&mut self, byte: u8, message: &'static str) -> Result1<()> {
        self.skip_space();
        if self.byte() == Some(byte) {
            self.at += 1;
            Ok(())
        } else if self.at >= self.text.len() {
            self.fail("the text ends in the middle of a value")
        } else {
            self.fail(message)
        }
    }

    /// Consumes `{`.
    #[inline]
    pub fn begin_object(&mut self) -> Result1<()> {
        self.expect(b'{', "expected '{'")
    }

    /// Next key of the object, its colon consumed; `None` with the object's end consumed. `first`
    /// starts as true and is kept by the caller.
    #[inline]
    pub fn next_key(&mut self, first: &mut bool) -> Result1<Option<Text<'a>>> {
        self.skip_space();
        match self.byte() {
            Some(b'}') => {
                self.at += 1;
                return Ok(None);
            }
            Some(b',') if !*first => {
                self.at += 1;
                self.skip_space();
            }
            Some(b'"') if *first => {}
            None => return self.fail("the text ends in the middle of an object"),
            Some(_) => {
                return self.fail(if *first { "expected a key or '}'" } else { "expected ',' or '}'" });
            }
        }
        *first = false;
        if self.byte() != Some(b'"') {
            return self.fail("expected a key");
        }
        let key = self.string()?;
        self.expect(b':', "expected ':'")?;
        Ok(Some(key))
    }

    /// Consumes exactly this text, or nothing.
    #[inline]
    pub fn eat(&mut self, text: &[u8]) -> bool {
        let found = self.text.get(self.at..).is_some_and(|rest| rest.starts_with(text));
        if found {
            self.at += text.len();
        }
        found
    }

    /// Consumes `[`.
    #[inline]
    pub fn begin_array(&mut self) -> Result1<()> {
        self.expect(b'[', "expected '['")
    }

    /// Whether another item follows; at false the array's end is consumed.
    #[inline]
    pub fn next_item(&mut self, first: &mut bool) -> Result1<bool> {
        self.skip_space();
        match self.byte() {
            Some(b']') if *first => {
                self.at += 1;
                Ok(false)
            }
            Some(b']') => {
                self.at += 1;
                Ok(false)
            }
            Some(b',') if !*first => {
                self.at += 1;
                // A ']' after the comma is caught by whoever reads the item.
                Ok(true)
            }
            Some(_) if *first => {
                *first = false;
                Ok(true)
            }
            Some(_) => self.fail("expected ',' or ']'"),
            None => self.fail("the text ends in the middle of an array"),
        }
    }

    /// A string token.
    #[inline]
    pub fn string(&mut self) -> Result1<Text<'a>> {
        self.expect(b'"', "expected a string")?;
        let start = self.at;
        let mut has_escapes = false;
        loop {
            self.at = plain_run(self.text, self.at).end;
            match self.byte() {
                Some(b'"') => {
                    let raw = self.since(start);
                    self.at += 1;
                    return Ok(Text { raw, has_escapes, at: start - 1 });
                }
                Some(b'\\') => {
                    has_escapes = true;
                    self.escape()?;
                }
                Some(_) => return self.fail("a control character inside a string"),
                None => return self.fail("the text ends inside a string"),
            }
        }
    }

    /// Passes one escape, whole and legal.
    fn escape(&mut self) -> Result1<()> {
        self.loose += 1;
        match self.text.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => match self.text.get(self.at + 2..self.at + 6) {
                Some(digits) if digits.iter().all(u8::is_ascii_hexdigit) => self.at += 6,
                Some(_) => return self.fail("\\u is not followed by four hexadecimal digits"),
                None => return self.fail("the text ends inside a string"),
            },
            Some(_) => return self.fail("an unknown escape inside a string"),
            None => return self.fail("the text ends inside a string"),
        }
        Ok(())
    }

    /// A number token, as written.
    #[inline]
    pub fn number(&mut self) -> Result1<&'a str> {
        self.skip_space();
        let start = self.at;
        if self.byte() == Some(b'-') {
            self.at += 1;
        }
        match self.byte() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits(),
            _ => return self.fail("expected a digit"),
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.some_digits()?;
        }
        if let Some(b'e' | b'E') = self.byte() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.byte() {
                self.at += 1;
            }
            self.some_digits()?;
        }
        if let Some(b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'.' | b'+' | b'-' | b'_') = self.byte() {
            return self.fail("a number is followed by other characters");
        }
        std::str::from_utf8(self.since(start)).or_else(|_| self.fail("expected a number"))
    }

    #[inline]
    fn digits(&mut self) {
        while let Some(b'0'..=b'9') = self.byte() {
            self.at += 1;
        }
    }

    fn some_digits(&mut self) -> Result1<()> {
        if !matches!(self.byte(), Some(b'0'..=b'9')) {
            return self.fail("expected a digit");
        }
        self.digits();
        Ok(())
    }

    /// `true` or `false`.
    pub fn boolean(&mut self) -> Result1<bool> {
        self.skip_space();
        if self.byte() == Some(b't') {
            self.word(b"true").map(|()| true)
        } else {
            self.word(b"false").map(|()| false)
        }
    }

    /// `null`.
    #[inline]
    pub fn null(&mut self) -> Result1<()> {
        self.skip_space();
        self.word(b"null")
    }

    #[inline]
    fn word(&mut self, word: &'static [u8]) -> Result1<()> {
        if self.text.get(self.at..self.at + word.len()) != Some(word) {
            return self.fail("expected true, false or null");
        }
        self.at += word.len();
        if let Some(b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'_') = self.byte() {
            return self.fail("expected true, false or null");
        }
        Ok(())
    }

    /// Passes one value of any kind, checked to be JSON to its last byte, and gives its text.
    pub fn skip_value(&mut self) -> Result1<&'a [u8]> {
        self.skip_space();
        let start = self.at;
        // Bounded by max_depth.
        let mut open = Open::default();
        let mut first = true;
        loop {
            match self.kind()? {
                Kind::Object => {
                    self.at += 1;
                    self.deeper(&mut open, true)?;
                    first = true;
                }
                Kind::Array => {
                    self.at += 1;
                    self.deeper(&mut open, false)?;
                    first = true;
                }
                Kind::String => {
                    self.string()?;
                }
                Kind::Number => {
                    self.number()?;
                }
                Kind::Boolean => {
                    self.boolean()?;
                }
                Kind::Null => self.null()?,
            }
            // Close what ends here, then stand before the next value or be done.
            loop {
                let more = match open.last() {
                    None => return Ok(self.since(start)),
                    Some(true) => self.next_key(&mut first)?.is_some(),
                    Some(false) => self.next_item(&mut first)?,
                };
                if more {
                    break;
                }
                open.pop();
                first = false;
            }
        }
    }

    fn deeper(&self, open: &mut Open, object: bool) -> Result1<()> {
        if open.depth >= self.max_depth {
            return self.fail("nested more deeply than the cap allows");
        }
        open.push(object);
        Ok(())
    }
}

/// The containers that are open, innermost last: true for an object. Values are rarely nested by more than a
/// few, so the innermost 63 at most are bits of one word.
#[derive(Default)]
struct Open {
    depth: usize,
    bits: u64,
    outer: Vec<u64>,
}

impl Open {
    const PER_WORD: usize = 63;

    #[inline]
    fn push(&mut self, object: bool) {
        if self.depth > 0 && self.depth.is_multiple_of(Self::PER_WORD) {
            self.outer.push(self.bits);
        }
        self.bits = self.bits << 1 | u64::from(object);
        self.depth += 1;
    }

    #[inline]
    fn pop(&mut self) {
        self.bits >>= 1;
        self.depth = self.depth.saturating_sub(1);
        if self.depth > 0 && self.depth.is_multiple_of(Self::PER_WORD) {
            self.bits = self.outer.pop().unwrap_or_default();
        }
    }

    #[inline]
    fn last(&self) -> Option<bool> {
        (self.depth > 0).then_some(self.bits & 1 == 1)
    }
}

/// The text without the one blank that many writers of JSON put behind commas and colons.
#[inline]
pub(super) fn without_blank(text: &[u8]) -> &[u8] {
    text.strip_prefix(b" ").unwrap_or(text)
}

/// Appends the unescaped bytes of a token.
fn unescape(raw: &[u8], out: &mut Vec<u8>) -> Result<(), NotUnicode> {
    let mut rest = raw;
    while let Some(plain) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(rest.get(..plain).unwrap_or_default());
        let escape = rest.get(plain + 1..).unwrap_or_default();
        rest = resolve(escape, out).ok_or(NotUnicode)?;
    }
    out.extend_from_slice(rest);
    Ok(())
}

/// Appends what an escape means, without its backslash, and gives the text behind it; nothing where it is none, or half
/// a character.
pub(super) fn resolve<'t>(escape: &'t [u8], out: &mut Vec<u8>) -> Option<&'t [u8]> {
    let (letter, rest) = escape.split_first()?;
    out.push(match letter {
        b'"' | b'\\' | b'/' => *letter,
        b'b' => 8,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'u' => return resolve_unit(rest, out),
        _ => return None,
    });
    Some(rest)
}

/// As [`resolve`], behind `\u`: one unit of UTF-16, or two that are one character.
fn resolve_unit<'t>(digits: &'t [u8], out: &mut Vec<u8>) -> Option<&'t [u8]> {
    let (mut unit, mut rest) = hex4(digits)?;
    if (0xD800..0xDC00).contains(&unit) {
        let (low, behind) = hex4(rest.strip_prefix(b"\\u")?)?;
        if !(0xDC00..0xE000).contains(&low) {
            return None;
        }
        unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
        rest = behind;
    }
    let letter = char::from_u32(unit)?;
    out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
    Some(rest)
}

/// The number that four hexadecimal digits make, and the text behind them.
fn hex4(text: &[u8]) -> Option<(u32, &[u8])> {
    let (digits, rest) = text.split_first_chunk::<4>()?;
    let add = |number: u32, digit: &u8| Some(number << 4 | char::from(*digit).to_digit(16)?);
    Some((digits.iter().try_fold(0, add)?, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn skip(text: &str) -> Result<usize, SyntaxError> {
        let mut cursor = Cursor::new(text.as_bytes(), 128);
        cursor.skip_value().map(<[u8]>::len)
    }

    #[test]
    fn whole_values_are_passed() {
        for text in [
            "{}",
            "[]",
            "null",
            "true",
            "false",
            "0",
            "-0",
            "-1.5e+10",
            "\"\"",
            "\"a\\u00e9\\n\\\"\"",
            "{\"a\":[1,2,{\"b\":null}],\"c\":{}}",
            "[ 1 , [ ] , { } ]",
            "\"\\ud800\"",
            "1e400",
        ] {
            assert_eq!(skip(text), Ok(text.len()), "{text}");
        }
    }

    #[test]
    fn what_is_not_json_is_refused_where_it_starts() {
        for (text, at) in [
            ("", 0),
            ("{", 1),
            ("[1,]", 3),
            ("{\"a\":1,}", 7),
            ("{\"a\" 1}", 5),
            ("{a:1}", 1),
            ("01", 1),
            ("1.", 2),
            ("-", 1),
            ("tru", 0),
            ("nulll", 4),
            ("\"a", 2),
            ("\"\\x\"", 1),
            ("\"\\u12\"", 1),
            ("\"a\nb\"", 2),
            ("[1 2]", 3),
            ("[,1]", 1),
            ("{,}", 1),
            ("+1", 0),
            ("1.e5", 2),
            ("[1,,2]", 3),
        ] {
            assert_eq!(skip(text).map_err(|e| e.at), Err(at), "{text}");
        }
        assert!(skip(&"[".repeat(200)).is_err());
    }

    #[test]
    fn strings_decode() {
        for (token, text) in [
            ("\"\"", Some("")),
            ("\"plain\"", Some("plain")),
            ("\"a\\tb\\/\"", Some("a\tb/")),
            ("\"\\u00e9\\ud83d\\ude00\"", Some("é😀")),
            ("\"\\ud800\"", None),
            ("\"\\ud800x\"", None),
            ("\"\\udc00\"", None),
            ("\"\\ud800\\u0041\"", None),
        ] {
            let mut cursor = Cursor::new(token.as_bytes(), 8);
            assert_eq!(cursor.string().unwrap().decode().ok().as_deref(), text, "{token}");
        }
        let mut cursor = Cursor::new(b"\"a\xFFb\"", 8);
        let text = cursor.string().unwrap();
        assert_eq!(text.decode(), Err(NotUnicode));
        assert_eq!(text.decode_lossy(), "a\\xFFb");
    }

    proptest! {
        #[test]
        fn strings_mean_what_they_mean_to_others(
            token in r#""(a{0,20}|é|\\[\\"/bfnrtux]|\\u[0-9a-fA-F]{4}|\\ud83d\\uDE00|\\u[dD]8[0-9]{2}){0,6}""#,
        ) {
            let text = Cursor::new(token.as_bytes(), 8).string().ok().filter(|text| text.raw.len() + 2 == token.len());
            let text = text.and_then(|text| text.decode().ok()).map(Cow::into_owned);
            prop_assert_eq!(text, serde_json::from_str(&token).ok());
        }
    }

    #[test]
    fn plain_runs_end_at_the_same_byte_as_one_by_one() {
        let mut text: Vec<u8> = (0..=255u8).chain((0..=255u8).rev()).collect();
        text.extend("éé\"plain\\ text with ünïcode \u{1} and more".bytes());
        for from in 0..text.len() {
            let slow = (from..text.len())
                .find(|i| text[*i] == b'"' || text[*i] == b'\\' || text[*i] < 0x20)
                .unwrap_or(text.len());
            assert_eq!(plain_run(&text, from).end, slow, "from {from}");
        }
    }

    #[test]
    fn open_containers_are_told_at_any_depth() {
        let mut open = Open::default();
        let object = |n: usize| n.is_multiple_of(3);
        assert_eq!(open.last(), None);
        for n in 0..400 {
            open.push(object(n));
            assert_eq!(open.last(), Some(object(n)), "at {n}");
        }
        for n in (0..400).rev() {
            assert_eq!((open.last(), open.depth), (Some(object(n)), n + 1));
            open.pop();
        }
        assert_eq!(open.last(), None);
    }
}
