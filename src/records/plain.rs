//! The commonest values behind their openings, in one step: plain strings, integers, doubles, booleans and null.
//!
//! ```text
//! x"     -> x, borrowed, known to be UTF-8          5}     -> 5          null,
//! {"com.liveperson.dataaccess.Goal":{    {"array":[                      -> their inside is entered
//! ```
//! Nearly every value of a file is one of these. Whatever is written in another way (bytes that are not UTF-8, numbers
//! of 19 digits, something beside the content of a union) is left for [`Doc::scalar`] to read: it decides what a value
//! means, and this file must agree with it where it answers at all.

use wide::u8x16;

use super::avro_json::Doc;
use super::cursor::{resolve, without_blank};
use super::opening::Closing;

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

/// How many blanks the text begins with. Sixteen bytes at a time.
pub(super) fn blanks(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(block) = text.get(at..).and_then(<[u8]>::first_chunk::<16>) {
        let bytes = u8x16::new(*block);
        let is = |blank| bytes.simd_eq(u8x16::splat(blank));
        let blanks = (is(b' ') | is(b'\n') | is(b'\r') | is(b'\t')).to_bitmask().trailing_ones();
        at += blanks as usize;
        if blanks < 16 {
            return at;
        }
    }
    let rest = text.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t')).count()
}

impl<'a> Doc<'a> {
    /// Passes the rest of a string behind its quote, and what closes its union, if it is written plainly; else nothing.
    #[inline]
    pub fn plain_text(&mut self, closing: &Closing) -> Option<Utf8<'a>> {
        let (text, start) = self.cursor.text_and_place();
        let Run { end, is_ascii } = plain_run(text, start);
        if text.get(end) != Some(&b'"') {
            return None;
        }
        let behind = closing.pass(text, end + 1)?;
        let value = text.get(start..end)?;
        if !is_ascii {
            std::str::from_utf8(value).ok()?;
        }
        self.cursor.go_to(behind);
        Some(Utf8(value))
    }

    /// As [`Doc::plain_text`], of a string that may hold escapes: appends its text, escapes resolved. Where there is
    /// none, something may be passed and appended.
    pub fn escaped_text(&mut self, closing: &Closing, out: &mut Vec<u8>) -> Option<()> {
        let (text, mut at) = self.cursor.text_and_place();
        loop {
            let Run { end, is_ascii } = plain_run(text, at);
            let run = text.get(at..end)?;
            if !is_ascii {
                // A character cannot go on behind an escape, so each run is Unicode or the whole is not.
                std::str::from_utf8(run).ok()?;
            }
            out.extend_from_slice(run);
            match text.get(end..)? {
                [b'"', ..] => {
                    at = end + 1;
                    break;
                }
                [b'\\', rest @ ..] => at = text.len() - resolve(rest, out)?.len(),
                _ => return None,
            }
        }
        self.cursor.go_to(closing.pass(text, at)?);
        Some(())
    }

    /// Passes an integer, and what closes its union, if it is written plainly; else nothing.
    #[inline]
    pub fn plain_integer(&mut self, closing: &Closing) -> Option<i64> {
        let (text, at) = self.cursor.text_and_place();
        let rest = text.get(at..)?;
        let is_negative = rest.first() == Some(&b'-');
        let digits = if is_negative { rest.get(1..)? } else { rest };
        let (mut number, mut length) = match digits.first_chunk().copied().and_then(eight_digits) {
            Some(number) => (number, 8),
            None => (0, 0),
        };
        while let Some(digit @ b'0'..=b'9') = digits.get(length) {
            // Wraps only where more than 18 digits follow, which is refused below.
            number = number.wrapping_mul(10).wrapping_add(i64::from(digit - b'0'));
            length += 1;
        }
        let is_canonical = match digits.first()? {
            b'0' => length == 1 && !is_negative,
            _ => (1..=18).contains(&length),
        };
        if !is_canonical {
            return None;
        }
        let behind = end_of_word(text, text.len() - digits.len() + length, closing)?;
        self.cursor.go_to(behind);
        Some(if is_negative { -number } else { number })
    }

    /// Passes a number, and what closes its union. Where there is none, something may be passed.
    pub fn plain_number(&mut self, closing: &Closing) -> Option<&'a str> {
        let number = self.cursor.number().ok()?;
        self.end_word(closing).then_some(number)
    }

    /// Passes a boolean, and what closes its union. Where there is none, something may be passed.
    #[inline]
    pub fn plain_boolean(&mut self, closing: &Closing) -> Option<bool> {
        let value = self.cursor.eat(b"true");
        ((value || self.cursor.eat(b"false")) && self.end_word(closing)).then_some(value)
    }

    #[inline]
    fn end_word(&mut self, closing: &Closing) -> bool {
        let (text, at) = self.cursor.text_and_place();
        let end = end_of_word(text, at, closing);
        end.inspect(|end| self.cursor.go_to(*end)).is_some()
    }

    /// Passes the opening of an array in its union, if it is written plainly; else nothing.
    #[inline]
    pub(super) fn plain_array(&mut self) -> bool {
        self.pass_to(|rest| without_blank(rest.strip_prefix(b"{\"array\":")?).strip_prefix(b"["))
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

    /// Passes `null`; else nothing.
    #[inline]
    pub fn plain_null(&mut self) -> bool {
        let (text, at) = self.cursor.text_and_place();
        let found = match text.get(at..) {
            Some([b'n', b'u', b'l', b'l', end, ..]) => ends_word(*end),
            _ => false,
        };
        self.cursor.go_to(at + if found { 4 } else { 0 });
        found
    }

    /// Goes on to what `behind` leaves of the text; nothing is passed where it gives none.
    #[inline]
    fn pass_to(&mut self, behind: impl FnOnce(&'a [u8]) -> Option<&'a [u8]>) -> bool {
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

/// The place behind what closes the union of a number or word that may end here.
#[inline]
fn end_of_word(text: &[u8], at: usize, closing: &Closing) -> Option<usize> {
    if closing.is_empty() {
        return ends_word(*text.get(at)?).then_some(at);
    }
    closing.pass(text, at)
}

/// What stands behind a number or word in JSON.
#[inline]
fn ends_word(byte: u8) -> bool {
    matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t')
}

/// The number that eight digits make; `None` if others are among them.
#[inline]
fn eight_digits(bytes: [u8; 8]) -> Option<i64> {
    let word = u64::from_le_bytes(bytes);
    let is_three = |word: u64| word & 0xF0F0_F0F0_F0F0_F0F0 == 0x3030_3030_3030_3030;
    if !is_three(word) || !is_three(word.wrapping_add(0x0606_0606_0606_0606)) {
        return None;
    }
    // Pairs, then fours, then all of it: the first digit is the lowest byte.
    let digits = word & 0x0F0F_0F0F_0F0F_0F0F;
    let pairs = (digits * 10 + (digits >> 8)) & 0x00FF_00FF_00FF_00FF;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_FFFF_0000_FFFF;
    Some(((fours * 10_000 + (fours >> 32)) & 0xFFFF_FFFF) as i64)
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
            "[-]?[0-9]{1,21}",
            "\"[a-z\u{e9} \\\\\"]{0,40}\"",
            r#""(a{0,20}|é|\\[\\"/bfnrtux]|\\u[0-9a-fA-F]{4}|\\ud83d\\uDE00|\\u[dD]8[0-9]{2}){0,9}""#,
            Just("null".to_owned()),
            Just("true".to_owned()),
            Just("1.5e1".to_owned()),
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
            let doc = || Doc::new(text.as_bytes(), &[], 8);
            for escaped in [false, true] {
                let mut doc = doc();
                if !doc.cursor.eat(b"\"") {
                    continue;
                }
                let found = if escaped {
                    let mut text = Vec::new();
                    doc.escaped_text(&Closing::NONE, &mut text).map(|()| text)
                } else {
                    doc.plain_text(&Closing::NONE).map(|text| text.bytes().to_vec())
                };
                if let Some(found) = found {
                    let Ok(Scalar::Text(wanted)) = &scalar else { panic!("{text}: {scalar:?}") };
                    let wanted = wanted.decode().unwrap().into_owned();
                    prop_assert_eq!(wanted.into_bytes(), found);
                    prop_assert_eq!(whole.cursor.at(), doc.cursor.at());
                }
            }
            let mut number = doc();
            if let Some(value) = number.plain_integer(&Closing::NONE) {
                let Ok(Scalar::Number(wanted)) = &scalar else { panic!("{text}: {scalar:?}") };
                prop_assert_eq!(whole_number(wanted), Some(value));
                prop_assert_eq!(whole.cursor.at(), number.cursor.at());
            }
            let mut number = doc();
            if let Some(value) = number.plain_number(&Closing::NONE) {
                prop_assert_eq!(&scalar, &Ok(Scalar::Number(value)));
                prop_assert_eq!(whole.cursor.at(), number.cursor.at());
            }
            let mut boolean = doc();
            if let Some(value) = boolean.plain_boolean(&Closing::NONE) {
                prop_assert_eq!(&scalar, &Ok(Scalar::Boolean(value)));
                prop_assert_eq!(whole.cursor.at(), boolean.cursor.at());
            }
            let mut null = doc();
            if null.plain_null() {
                prop_assert_eq!(scalar, Ok(Scalar::Null));
                prop_assert_eq!(whole.cursor.at(), null.cursor.at());
            }
        }

        #[test]
        fn eight_digits_are_a_number(digits in "[0-9]{8}", other in any::<[u8; 8]>()) {
            let bytes = <[u8; 8]>::try_from(digits.as_bytes()).unwrap();
            prop_assert_eq!(eight_digits(bytes), Some(digits.parse().unwrap()));
            for at in 0..8 {
                let mut bytes = bytes;
                bytes[at] = other[at];
                prop_assert_eq!(eight_digits(bytes).is_some(), other[at].is_ascii_digit());
            }
        }

        #[test]
        fn blanks_end_at_the_first_other_byte(blank in "[ \n\r\t]{0,50}", rest in "[x\u{b}]?[ x]{0,20}") {
            let wanted = blank.len() + rest.len() - rest.trim_start_matches(' ').len();
            prop_assert_eq!(blanks(format!("{blank}{rest}").as_bytes()), wanted);
        }
    }

    #[test]
    fn the_commonest_are_answered_and_others_left() {
        let integer = |text: &str| {
            let mut doc = Doc::new(text.as_bytes(), &[], 8);
            doc.plain_integer(&Closing::NONE).map(|value| (value, doc.cursor.at()))
        };
        assert_eq!(integer("-5,"), Some((-5, 2)));
        assert_eq!(integer("1700000000000}"), Some((1_700_000_000_000, 13)));
        assert_eq!(integer("0\n"), Some((0, 1)));
        assert_eq!(integer("999999999999999999]"), Some((999_999_999_999_999_999, 18)));
        for other in ["5", "05,", "-0,", "-,", "1.0,", "1e2,", "1000000000000000000,", "\"5\","] {
            assert_eq!(integer(other), None, "{other}");
        }
        let text = |text: &[u8]| {
            let mut doc = Doc::new(text, &[], 8);
            doc.plain_text(&Closing::NONE).map(|text| text.bytes().to_vec())
        };
        assert_eq!(text("h\u{e9}\"".as_bytes()), Some("h\u{e9}".into()));
        for other in [&b"x"[..], b"a\\n\"", b"\xFF\"", b"a\nb\""] {
            assert_eq!(text(other), None, "{other:?}");
        }
    }
}
