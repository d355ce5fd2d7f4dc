//! The commonest values in one step: plain strings and integers as the service writes them.
//!
//! ```text
//! "x"   {"string":"x"}   {"com.liveperson.dataaccess.DeviceType":"x"}   -> x, borrowed, known to be UTF-8
//! 5     {"long":5}                                                       -> 5
//! {"com.liveperson.dataaccess.Goal":{    {"array":[                      -> their inside is entered
//! ```
//! Nearly every value of a file is one of these. Whatever is written in another way (more than
//! one blank behind a colon or comma, escapes, other wrappers, bytes that are not UTF-8, numbers of 19 digits) is passed over untouched, for [`Doc::scalar`] to
//! read: it decides what a value means, and this file must agree with it where it answers at all.

use wide::u8x16;

use super::avro_json::Doc;
use super::cursor::without_blank;

/// What the service puts before the names of its types. Source: data-access-api fact sheet, examples.
const NAMESPACE: &[u8] = b"com.liveperson.dataaccess.";

/// Bytes that are UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Utf8<'a>(&'a [u8]);

impl<'a> Utf8<'a> {
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }
}

impl<'a> From<&'a str> for Utf8<'a> {
    #[inline]
    fn from(text: &'a str) -> Utf8<'a> {
        Utf8(text.as_bytes())
    }
}

/// Where a run of plain bytes inside a string ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// Index of the first quote, backslash or control character, or of the text's end.
    pub end: usize,
    pub is_ascii: bool,
}

/// The run of plain bytes that begins at `from`. Sixteen bytes at a time.
#[inline]
pub(super) fn plain_run(text: &[u8], from: usize) -> Run {
    let mut high = 0;
    let mut at = from;
    while let Some(block) = text.get(at..).and_then(<[u8]>::first_chunk::<16>) {
        let bytes = u8x16::new(*block);
        let ends = bytes.simd_eq(u8x16::splat(b'"'))
            | bytes.simd_eq(u8x16::splat(b'\\'))
            | bytes.simd_eq(bytes.min(u8x16::splat(0x1F)));
        let (ends, highs) = (ends.to_bitmask(), bytes.to_bitmask());
        if ends != 0 {
            let end = ends.trailing_zeros();
            high |= highs & ((1 << end) - 1);
            return Run { end: at + end as usize, is_ascii: high == 0 };
        }
        high |= highs;
        at += 16;
    }
    let mut is_ascii = high == 0;
    while let Some(byte) = text.get(at) {
        if *byte == b'"' || *byte == b'\\' || *byte < 0x20 {
            break;
        }
        is_ascii &= byte.is_ascii();
        at += 1;
    }
    Run { end: at, is_ascii }
}

impl<'a> Doc<'a> {
    /// Passes a string, bare or in its union, if it is written plainly; else nothing.
    #[inline]
    pub fn plain_text(&mut self) -> Option<Utf8<'a>> {
        let (text, rest) = self.plain()?;
        let (rest, in_union) = match rest.first()? {
            b'"' => (rest, false),
            b'{' => match rest.strip_prefix(b"{\"string\":") {
                Some(rest) => (without_blank(rest), true),
                None => (behind_type_name(rest)?.1, true),
            },
            _ => return None,
        };
        let start = text.len() - rest.strip_prefix(b"\"")?.len();
        let Run { end, is_ascii } = plain_run(text, start);
        if text.get(end) != Some(&b'"') || (in_union && text.get(end + 1) != Some(&b'}')) {
            return None;
        }
        let value = text.get(start..end)?;
        if !is_ascii {
            std::str::from_utf8(value).ok()?;
        }
        self.cursor.go_to(end + 1 + usize::from(in_union));
        Some(Utf8(value))
    }

    /// Passes an integer, bare or in its union, if it is written plainly; else nothing.
    #[inline]
    pub fn plain_integer(&mut self) -> Option<i64> {
        let (text, rest) = self.plain()?;
        let (rest, in_union) = match rest.first()? {
            b'0'..=b'9' | b'-' => (rest, false),
            b'{' => {
                let behind = rest.strip_prefix(b"{\"long\":").or_else(|| rest.strip_prefix(b"{\"int\":"))?;
                (without_blank(behind), true)
            }
            _ => return None,
        };
        let is_negative = rest.first() == Some(&b'-');
        let digits = if is_negative { rest.get(1..)? } else { rest };
        let mut number = 0i64;
        let mut length = 0;
        while let Some(digit @ b'0'..=b'9') = digits.get(length) {
            // Wraps only where more than 18 digits follow, which is refused below.
            number = number.wrapping_mul(10).wrapping_add(i64::from(digit - b'0'));
            length += 1;
        }
        let is_canonical = match digits.first()? {
            b'0' => length == 1 && !is_negative,
            _ => (1..=18).contains(&length),
        };
        let ends_here = match digits.get(length)? {
            b'}' => true,
            b',' | b']' => !in_union,
            _ => false,
        };
        if !is_canonical || !ends_here {
            return None;
        }
        self.cursor.go_to(text.len() - digits.len() + length + usize::from(in_union));
        Some(if is_negative { -number } else { number })
    }

    /// Passes the opening of an array in its union, if it is written plainly; else nothing.
    #[inline]
    pub(super) fn plain_array(&mut self) -> bool {
        self.pass(|rest| without_blank(rest.strip_prefix(b"{\"array\":")?).strip_prefix(b"["))
    }

    /// Passes the opening of a record's wrapper and of the record in it, if they are written plainly; else
    /// nothing. Gives the wrapper's name.
    #[inline]
    pub(super) fn plain_wrapper(&mut self) -> Option<&'a str> {
        let (text, rest) = self.plain()?;
        let (name, rest) = behind_type_name(rest)?;
        let name = std::str::from_utf8(name).ok()?;
        let rest = rest.strip_prefix(b"{")?;
        self.cursor.go_to(text.len() - rest.len());
        Some(name)
    }

    /// Passes the opening brace of a record that begins with this field, if it is written plainly; else nothing.
    #[inline]
    pub fn plain_record(&mut self, field: &str) -> bool {
        self.pass(|rest| {
            let inside = rest.strip_prefix(b"{")?;
            inside.strip_prefix(b"\"")?.strip_prefix(field.as_bytes())?.strip_prefix(b"\":")?;
            Some(inside)
        })
    }

    /// Passes `null`, if a comma or a closing bracket follows at once; else nothing.
    #[inline]
    pub fn plain_null(&mut self) -> bool {
        self.pass(|rest| {
            let rest = rest.strip_prefix(b"null")?;
            matches!(rest.first()?, b',' | b'}' | b']').then_some(rest)
        })
    }

    /// Goes on to what `behind` leaves of the text; nothing is passed where it gives none.
    #[inline]
    fn pass(&mut self, behind: impl FnOnce(&'a [u8]) -> Option<&'a [u8]>) -> bool {
        let place = self.plain().and_then(|(text, rest)| Some(text.len() - behind(rest)?.len()));
        place.inspect(|place| self.cursor.go_to(*place)).is_some()
    }

    /// The whole text and what is left of it, unless something in it is encrypted.
    #[inline]
    fn plain(&self) -> Option<(&'a [u8], &'a [u8])> {
        if self.is_encrypted() {
            return None;
        }
        let (text, at) = self.cursor.text_and_place();
        Some((text, without_blank(text.get(at..)?)))
    }
}

/// The full name of a type of the service that is the first key behind an opening brace, and the text behind
/// its colon.
#[inline]
fn behind_type_name(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let name = text.strip_prefix(b"{\"")?;
    let short = name.strip_prefix(NAMESPACE)?;
    let letters =
        short.iter().position(|byte| !byte.is_ascii_alphanumeric()).filter(|letters| *letters > 0)?;
    let rest = short.get(letters..)?.strip_prefix(b"\":")?;
    Some((name.get(..NAMESPACE.len() + letters)?, without_blank(rest)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::{Scalar, whole_number};
    use proptest::prelude::*;

    #[test]
    fn runs_end_where_a_byte_at_a_time_ends() {
        let mut text = vec![b'a'; 70];
        for stop in [b'"', b'\\', 0x1F, 0] {
            for at in 0..70 {
                text[at] = stop;
                assert_eq!(plain_run(&text, 0), Run { end: at, is_ascii: true }, "{stop} at {at}");
                assert_eq!(plain_run(&text, at + 1), Run { end: 70, is_ascii: true });
                text[at] = b'a';
            }
        }
        text[33] = 0xC3;
        for (stop, is_ascii) in [(20, true), (33, true), (34, false), (47, false), (69, false)] {
            let kept = std::mem::replace(&mut text[stop], b'"');
            assert_eq!(plain_run(&text, 3), Run { end: stop, is_ascii }, "{stop}");
            text[stop] = kept;
        }
        assert_eq!(plain_run(&[0x7F, 0x20, 0xFF], 0), Run { end: 3, is_ascii: false });
    }

    fn texts() -> impl Strategy<Value = String> {
        let token = prop_oneof![
            Just("{\"string\":".to_owned()),
            Just("{\"long\":".to_owned()),
            Just("{\"int\":".to_owned()),
            Just("{\"com.liveperson.dataaccess.DeviceType\":".to_owned()),
            Just("{\"com.liveperson.dataaccess.\":".to_owned()),
            "[-]?[0-9]{1,21}",
            "\"[a-z\u{e9} \\\\\"]{0,40}\"",
            Just("null".to_owned()),
            "[,}\\] .e]",
            Just(" ".to_owned()),
        ];
        proptest::collection::vec(token, 1..5).prop_map(|tokens| tokens.concat())
    }

    proptest! {
        /// Whatever is answered here, the whole reader answers as well, and ends at the same place.
        #[test]
        fn answers_are_those_of_the_whole_reader(text in texts()) {
            let mut whole = Doc::new(text.as_bytes(), &[], 8);
            let scalar = whole.scalar(&[]);
            let mut doc = Doc::new(text.as_bytes(), &[], 8);
            if let Some(value) = doc.plain_text() {
                let Ok(Scalar::Text(wanted)) = &scalar else { panic!("{text}: {scalar:?}") };
                let wanted = wanted.decode().unwrap();
                prop_assert_eq!(wanted.as_bytes(), value.bytes());
                prop_assert_eq!(whole.cursor.at(), doc.cursor.at());
            }
            let mut doc = Doc::new(text.as_bytes(), &[], 8);
            if let Some(value) = doc.plain_integer() {
                let Ok(Scalar::Number(wanted)) = &scalar else { panic!("{text}: {scalar:?}") };
                prop_assert_eq!(whole_number(wanted), Some(value));
                prop_assert_eq!(whole.cursor.at(), doc.cursor.at());
            }
            let mut doc = Doc::new(text.as_bytes(), &[], 8);
            if doc.plain_null() {
                prop_assert_eq!(scalar, Ok(Scalar::Null));
                prop_assert_eq!(whole.cursor.at(), doc.cursor.at());
            }
        }
    }

    #[test]
    fn the_commonest_are_answered_and_others_left() {
        let text = |text: &str| {
            let mut doc = Doc::new(text.as_bytes(), &[], 8);
            doc.plain_text()
                .map(|value| (String::from_utf8(value.bytes().to_vec()).unwrap(), doc.cursor.at()))
        };
        assert_eq!(text("\"x\","), Some(("x".into(), 3)));
        assert_eq!(text("{\"string\":\"h\u{e9}\"}"), Some(("h\u{e9}".into(), 16)));
        for other in
            ["", "\"x", "\"a\\n\"", "{\"string\":\"x\"", "{\"string\":\"x\" }", "  \"x\"", "{\"a\":\"x\"}"]
        {
            assert_eq!(text(other), None, "{other}");
        }
        let integer = |text: &str| {
            let mut doc = Doc::new(text.as_bytes(), &[], 8);
            doc.plain_integer().map(|value| (value, doc.cursor.at()))
        };
        assert_eq!(text(" {\"string\": \"x\"}"), Some(("x".into(), 16)));
        assert_eq!(text("{\"com.liveperson.dataaccess.T1\":\"x\"}"), Some(("x".into(), 36)));
        assert_eq!(text("{\"com.liveperson.dataaccess.T-1\":\"x\"}"), None);
        assert_eq!(integer("-5,"), Some((-5, 2)));
        assert_eq!(integer("{\"long\":1700000000000}"), Some((1_700_000_000_000, 22)));
        assert_eq!(integer("{\"int\":0}"), Some((0, 9)));
        assert_eq!(integer("999999999999999999]"), Some((999_999_999_999_999_999, 18)));
        for other in
            ["5", "05,", "-0,", "-,", "1.0,", "1e2,", "1000000000000000000,", "{\"long\":5,", "{\"long\":}"]
        {
            assert_eq!(integer(other), None, "{other}");
        }
        let bad = b"\"\xFF\",";
        assert_eq!(Doc::new(bad, &[], 8).plain_text(), None);
        assert_eq!(Doc::new(b"\"x\",", &[0], 8).plain_text(), None, "it was decrypted");
    }
}
