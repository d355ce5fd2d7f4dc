//! Envelopes: the top-level object of every data type.
//!
//! ```text
//! {"dataType": …, "metaData": {accountId, schemaVersion, startTime, endTime},
//!  "recordCollection": [{"body": {"com.liveperson.dataaccess.<Type>": {…}}}, …]}
//! ```
//! Every member may come with or without its union wrapper, in any order. What an envelope holds beside
//! these goes to [`Parts::beside`]. What can fail: the text is not JSON, or not of this shape; the path
//! then tells where.

mod known_head;

use super::avro_json::{Doc, Entered, Scalar};
use super::cursor::SyntaxError;
use super::opening::{Content, Met};
use super::path::{Path, Step};
pub use known_head::KnownHead;

/// `dataType` and `metaData` of an envelope. Times in milliseconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    pub data_type: Option<String>,
    pub account_id: Option<String>,
    pub schema_version: Option<String>,
    pub start_ms: Option<i64>,
    pub end_ms: Option<i64>,
}

/// Takes what an envelope holds.
pub trait Parts {
    /// The path that this reader keeps up to date.
    fn path(&mut self) -> &mut Path;

    /// The value of `body` in element `index` of the record collection: read it to its end.
    fn body(&mut self, index: usize, doc: &mut Doc<'_>) -> Result<(), SyntaxError>;

    /// A member without a place (`known` false), or of a known name whose value does not fit: the
    /// current path leads to its owner.
    fn beside(&mut self, key: &str, raw: &[u8], known: bool);

    /// Checks a time before it is taken; what fails goes to [`Parts::beside`].
    fn is_time(&self, ms: i64) -> bool;
}

const NO_ENVELOPE: &str = "the object is no Data Access record: it has neither metaData nor recordCollection";

/// The parts that are handed out, and what is known of envelopes.
struct Handing<'p> {
    parts: &'p mut dyn Parts,
    known: &'p mut KnownHead,
    /// Something had no place.
    is_odd: bool,
}

impl Handing<'_> {
    fn path(&mut self) -> &mut Path {
        self.parts.path()
    }

    fn beside(&mut self, key: &str, raw: &[u8], known: bool) {
        self.is_odd = true;
        self.parts.beside(key, raw, known);
    }

    fn body(&mut self, index: usize, doc: &mut Doc<'_>) -> Result<(), SyntaxError> {
        self.path().push(Step::Key("body"));
        self.parts.body(index, doc)?;
        self.path().pop();
        Ok(())
    }
}

/// Reads one envelope to the end of the text. `known`: of the records before.
///
/// # Errors
/// [`SyntaxError`] where the text stops being JSON or an envelope.
pub fn read_envelope<'k>(
    doc: &mut Doc<'_>,
    parts: &mut dyn Parts,
    known: &'k mut KnownHead,
) -> Result<&'k Head, SyntaxError> {
    let start = doc.cursor.at();
    let is_passed = known.pass(doc, parts);
    let mut seen = if is_passed { known.seen.clone() } else { Seen::default() };
    // What follows may name what the head lacked.
    let mut head = Head::default();
    let parts = &mut Handing { parts, known: &mut *known, is_odd: false };
    let entered = if is_passed {
        seen.record_collection = true;
        parts.path().push(Step::Key("recordCollection"));
        elements(doc, parts)?;
        parts.path().pop();
        members(doc, parts, start, &mut head, &mut seen, false)?;
        Entered::Read
    } else {
        // An envelope has no wrapper, but it may be encrypted whole.
        let is_field = |key: &[u8]| key.contains(&b'.');
        let mut siblings = Vec::new();
        let entered = doc.record(
            &[],
            &is_field,
            &mut |doc, _| members(doc, parts, start, &mut head, &mut seen, true),
            &mut |key, raw| siblings.push((key.to_owned(), raw.to_vec())),
        )?;
        for (key, raw) in siblings {
            parts.beside(&key, &raw, false);
        }
        entered
    };
    let fail = |at, message| Err(SyntaxError { at, message });
    match entered {
        Entered::Read => {}
        _ => return fail(start, "the value is not an object"),
    }
    if !doc.cursor.at_end() {
        return fail(doc.cursor.at(), "something follows the record in the same text");
    }
    if !seen.meta_data && !seen.record_collection {
        return fail(start, NO_ENVELOPE);
    }
    if is_passed && head.data_type.is_none() {
        return Ok(&known.head);
    }
    known.other = if is_passed { Head { data_type: head.data_type, ..known.head.clone() } } else { head };
    Ok(&known.other)
}

/// What was met of an envelope.
#[derive(Clone, Debug, Default)]
struct Seen {
    data_type: bool,
    meta_data: bool,
    record_collection: bool,
    /// Where the times stand.
    start: Option<(usize, usize)>,
    end: Option<(usize, usize)>,
}

/// Reads members of an envelope to its end. `record`: where it begins; `first`: no member was read yet.
fn members(
    doc: &mut Doc<'_>,
    parts: &mut Handing<'_>,
    record: usize,
    head: &mut Head,
    seen: &mut Seen,
    mut first: bool,
) -> Result<(), SyntaxError> {
    while let Some(key) = doc.cursor.next_key(&mut first)? {
        let name = key.decode_lossy();
        if is(&name, "dataType") && !seen.data_type {
            seen.data_type = true;
            text(doc, parts, "dataType", &["DataTypeEnum"], &mut head.data_type)?;
        } else if is(&name, "metaData") && !seen.meta_data {
            seen.meta_data = true;
            meta_data(doc, parts, head, seen)?;
        } else if is(&name, "recordCollection") && !seen.record_collection {
            if !parts.is_odd {
                parts.known.learn(doc, record, doc.cursor.at(), head, seen);
            }
            seen.record_collection = true;
            collection(doc, parts)?;
        } else {
            beside(doc, parts, &name)?;
        }
    }
    Ok(())
}

fn is(name: &str, field: &str) -> bool {
    name == field || name.eq_ignore_ascii_case(field)
}

fn beside(doc: &mut Doc<'_>, parts: &mut Handing<'_>, key: &str) -> Result<(), SyntaxError> {
    let raw = doc.cursor.skip_value()?;
    if !doc.is_attached_key(raw) {
        parts.beside(key, raw, false);
    }
    Ok(())
}

fn meta_data(
    doc: &mut Doc<'_>,
    parts: &mut Handing<'_>,
    head: &mut Head,
    times: &mut Seen,
) -> Result<(), SyntaxError> {
    let mut siblings = Vec::new();
    parts.path().push(Step::Key("metaData"));
    let entered = doc.record(
        &["MetaData"],
        &|_| false,
        &mut |doc, _| {
            let mut seen = [false; 4];
            let mut first = true;
            while let Some(key) = doc.cursor.next_key(&mut first)? {
                let name = key.decode_lossy();
                let fields = ["accountId", "schemaVersion", "startTime", "endTime"];
                let field = fields.iter().position(|field| is(&name, field));
                let fresh = field.and_then(|i| seen.get_mut(i)).is_some_and(|s| !std::mem::replace(s, true));
                match field {
                    Some(0) if fresh => text(doc, parts, &name, &[], &mut head.account_id)?,
                    Some(1) if fresh => text(doc, parts, &name, &[], &mut head.schema_version)?,
                    Some(2) if fresh => times.start = Some(time(doc, parts, &name, &mut head.start_ms)?),
                    Some(3) if fresh => times.end = Some(time(doc, parts, &name, &mut head.end_ms)?),
                    _ => beside(doc, parts, &name)?,
                }
            }
            Ok(())
        },
        &mut |key, raw| siblings.push((key.to_owned(), raw.to_vec())),
    )?;
    for (key, raw) in siblings {
        parts.beside(&key, &raw, false);
    }
    parts.path().pop();
    if let Entered::Misfit(raw) = entered {
        parts.beside("metaData", raw, true);
    }
    Ok::<(), SyntaxError>(())
}

fn collection(doc: &mut Doc<'_>, parts: &mut Handing<'_>) -> Result<(), SyntaxError> {
    let start = doc.cursor.at();
    let mut siblings = Vec::new();
    parts.path().push(Step::Key("recordCollection"));
    let entered = doc.array(&mut |doc, _| elements(doc, parts), &mut |key, raw| {
        siblings.push((key.to_owned(), raw.to_vec()))
    })?;
    for (key, raw) in siblings {
        parts.beside(&key, &raw, false);
    }
    if let Entered::Misfit(_) = entered {
        return Err(SyntaxError { at: start, message: "recordCollection is not an array" });
    }
    parts.path().pop();
    Ok(())
}

/// Reads the items of a collection that was entered.
fn elements(doc: &mut Doc<'_>, parts: &mut Handing<'_>) -> Result<(), SyntaxError> {
    let (mut first, mut index) = (true, 0);
    while doc.cursor.next_item(&mut first)? {
        parts.path().push(Step::Index(index));
        element(doc, parts, index)?;
        parts.path().pop();
        index += 1;
    }
    Ok(())
}

fn element(doc: &mut Doc<'_>, parts: &mut Handing<'_>, index: usize) -> Result<(), SyntaxError> {
    doc.cursor.skip_space();
    if doc.pass_brace(&parts.known.body) && doc.pass(&parts.known.body, true) != Met::Nothing {
        parts.body(index, doc)?;
        return if doc.cursor.eat(b"}") { Ok(()) } else { element_members(doc, parts, index, false) };
    }
    let mut siblings = Vec::new();
    let entered = doc.record(
        &[],
        &|key| key == b"body",
        &mut |doc, _| element_members(doc, parts, index, true),
        &mut |key, raw| siblings.push((key.to_owned(), raw.to_vec())),
    )?;
    for (key, raw) in siblings {
        parts.beside(&key, &raw, false);
    }
    if let Entered::Misfit(raw) = entered {
        parts.beside("", raw, true);
    }
    Ok::<(), SyntaxError>(())
}

/// Reads members of an element to its end. `first`: no member was read yet, else the body was.
fn element_members(
    doc: &mut Doc<'_>,
    parts: &mut Handing<'_>,
    index: usize,
    mut first: bool,
) -> Result<(), SyntaxError> {
    let mut seen = !first;
    loop {
        let (before, is_first) = (doc.cursor.at(), first);
        let Some(key) = doc.cursor.next_key(&mut first)? else { return Ok(()) };
        let name = key.decode_lossy();
        if is(&name, "body") && !seen {
            seen = true;
            if is_first {
                parts.known.body.learn(doc, before, doc.cursor.at(), true, Content::Any);
            }
            parts.body(index, doc)?;
        } else {
            beside(doc, parts, &name)?;
        }
    }
}

fn text(
    doc: &mut Doc<'_>,
    parts: &mut Handing<'_>,
    key: &str,
    wrappers: &[&str],
    slot: &mut Option<String>,
) -> Result<(), SyntaxError> {
    doc.cursor.skip_space();
    let start = doc.cursor.at();
    match doc.scalar(wrappers)? {
        Scalar::Null => {}
        Scalar::Number(number) => *slot = Some(number.to_owned()),
        Scalar::Text(text) | Scalar::Decrypted(text) if text.decode().is_ok() => {
            *slot = text.decode().ok().map(|text| text.into_owned());
        }
        _ => parts.beside(key, doc.cursor.since(start), true),
    }
    Ok(())
}

/// Reads a time, and tells where it stands.
fn time(
    doc: &mut Doc<'_>,
    parts: &mut Handing<'_>,
    key: &str,
    slot: &mut Option<i64>,
) -> Result<(usize, usize), SyntaxError> {
    doc.cursor.skip_space();
    let start = doc.cursor.at();
    let ms = match doc.scalar(&[])? {
        Scalar::Null => return Ok((start, doc.cursor.at())),
        Scalar::Number(number) => whole_number(number),
        Scalar::Text(text) => text.decode().ok().and_then(|text| canonical_integer(&text)),
        Scalar::Decrypted(text) => text.decode().ok().and_then(|text| plain_integer(&text)),
        _ => None,
    };
    match ms.filter(|ms| parts.parts.is_time(*ms)) {
        Some(ms) => *slot = Some(ms),
        None => parts.beside(key, doc.cursor.since(start), true),
    }
    Ok((start, doc.cursor.at()))
}

/// A decrypted text that is a JSON number, bare or in a union, and nothing else.
fn plain_integer(text: &str) -> Option<i64> {
    let mut doc = Doc::new(text.as_bytes(), &[], 1);
    let scalar = doc.scalar(&[]).ok()?;
    match scalar {
        Scalar::Number(number) if doc.cursor.at_end() => whole_number(number),
        _ => None,
    }
}

/// A number token as a 64-bit integer, when nothing is lost: `5`, `5.0`, `5e0`.
pub fn whole_number(token: &str) -> Option<i64> {
    if let Ok(number) = token.parse::<i64>() {
        return Some(number);
    }
    // By its digits: a double would round away what makes `1.00000000000000000001` no integer.
    let (mantissa, exponent) = token.split_once(['e', 'E']).unwrap_or((token, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let (sign, whole) = whole.strip_prefix('-').map_or(("", whole), |whole| ("-", whole));
    let mut digits = [whole, fraction].concat();
    if digits.bytes().all(|digit| digit == b'0') {
        return Some(0);
    }
    let point = whole.len() as i64 + exponent.parse::<i64>().ok().filter(|e| e.abs() < 1 << 32)?;
    let point = usize::try_from(point).ok()?;
    let behind = digits.split_off(point.min(digits.len()));
    let missing = point - digits.len();
    if !behind.bytes().all(|digit| digit == b'0') || missing > 20 {
        return None;
    }
    format!("{sign}{digits}{}", "0".repeat(missing)).parse().ok()
}

/// A text that is just how an integer is written: no plus, no leading zeros, no blanks.
pub fn canonical_integer(text: &str) -> Option<i64> {
    let number = text.parse::<i64>().ok()?;
    (number.to_string() == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Notes {
        path: Path,
        said: Vec<String>,
    }

    impl Parts for Notes {
        fn path(&mut self) -> &mut Path {
            &mut self.path
        }

        fn body(&mut self, index: usize, doc: &mut Doc<'_>) -> Result<(), SyntaxError> {
            let raw = doc.cursor.skip_value()?;
            self.said.push(format!("{index} {} = {}", self.path.from_root(), String::from_utf8_lossy(raw)));
            Ok(())
        }

        fn beside(&mut self, key: &str, raw: &[u8], known: bool) {
            let path = self.path.from_root_to(key);
            self.said.push(format!(
                "{path}{} {}",
                if known { "!" } else { "?" },
                String::from_utf8_lossy(raw)
            ));
        }

        fn is_time(&self, ms: i64) -> bool {
            ms >= 0
        }
    }

    fn read(text: &str) -> (Result<Head, SyntaxError>, Vec<String>) {
        let mut notes = Notes::default();
        let mut doc = Doc::new(text.as_bytes(), &[], 64);
        let mut known = KnownHead::default();
        let head = read_envelope(&mut doc, &mut notes, &mut known).cloned();
        (head, notes.said)
    }

    #[test]
    fn both_forms_give_the_same() {
        let documented = r#"{"dataType":{"com.liveperson.dataaccess.DataTypeEnum":"Survey"},
            "metaData":{"accountId":{"string":"7"},"schemaVersion":"1.0.0.22","startTime":{"long":5},"endTime":null},
            "recordCollection":[{"body":{"x":1}},null]}"#;
        let wrapped = r#"{"recordCollection":{"array":[{"body":{"x":1}},null]},"dataType":"Survey",
            "metaData":{"com.liveperson.dataaccess.MetaData":{"schemaVersion":{"string":"1.0.0.22"},
            "accountId":"7","startTime":5,"endTime":null}}}"#;
        let head = Head {
            data_type: Some("Survey".into()),
            account_id: Some("7".into()),
            schema_version: Some("1.0.0.22".into()),
            start_ms: Some(5),
            end_ms: None,
        };
        let said = vec![r#"0 $.recordCollection[0].body = {"x":1}"#.to_string()];
        assert_eq!(read(documented), (Ok(head.clone()), said.clone()));
        assert_eq!(read(wrapped), (Ok(head), said));
    }

    #[test]
    fn a_known_head_makes_nothing_else_of_a_record() {
        let head = r#"{"dataType":"Survey","metaData":{"accountId":"7","schemaVersion":"1","startTime":{"long":5},"endTime":null},"#;
        let late = r#"{"metaData":{"startTime":{"long":5},"endTime":{"long":6}},"recordCollection":[],"dataType":"Survey"}"#;
        let texts = [
            format!(r#"{head}"recordCollection":[{{"body":1}}]}}"#),
            format!(r#"{head}"recordCollection":[{{"body":1,"b":2}},{{"body":3}}],"more":4}}"#),
            format!(r#"{head}"recordCollection":[],"dataType":"Other","metaData":{{}}}}"#)
                .replace(":5", ":-5"),
            format!(r#"{head}"recordCollection":[]}}"#).replace("null", r#"{"long":9}"#),
            format!(r#"{head}"recordCollection":{{"array":[]}}}}"#).replace('5', "50"),
            format!(r#"{head}"recordCollection":[{{"body":1}}]}} 5"#),
            late.to_owned(),
            late.replace('6', "8"),
            late.replace("\"Survey\"", "null"),
            late.replace(r#","dataType":"Survey""#, ""),
        ];
        let mut known = KnownHead::default();
        for text in texts.iter().chain(texts.iter().rev()) {
            let mut notes = Notes::default();
            let found =
                read_envelope(&mut Doc::new(text.as_bytes(), &[], 64), &mut notes, &mut known).cloned();
            assert_eq!((found, notes.said), read(text), "{text}");
        }
    }

    #[test]
    fn what_has_no_place_is_handed_over() {
        let (head, said) = read(
            r#"{"metaData":{"startTime":-1,"startTime":2,"new":[1]},"more":{},
               "recordCollection":[{"body":null,"b":1},5]}"#,
        );
        assert_eq!(head.unwrap(), Head::default());
        assert_eq!(
            said,
            [
                "$.metaData.startTime! -1",
                "$.metaData.startTime? 2",
                "$.metaData.new? [1]",
                "$.more? {}",
                "0 $.recordCollection[0].body = null",
                "$.recordCollection[0].b? 1",
                "$.recordCollection[1]! 5",
            ]
        );
    }

    #[test]
    fn what_is_no_envelope_is_refused() {
        for text in
            ["5", "null", "{}", "{\"a\":1}", "[]", "{\"metaData\":{}} {}", "{\"recordCollection\":5}", "{"]
        {
            assert!(read(text).0.is_err(), "{text}");
        }
        assert!(read("{\"metaData\":{}}").0.is_ok());
    }

    #[test]
    fn integers() {
        for (token, number) in [
            ("5", Some(5)),
            ("5.0", Some(5)),
            ("5e2", Some(500)),
            ("5.5", None),
            ("-0.0e-7", Some(0)),
            ("0e99999999999", Some(0)),
            ("1E+2", Some(100)),
            ("1200e-2", Some(12)),
            ("0.05e2", Some(5)),
            ("0.05e1", None),
            ("1.00000000000000000000001", None),
            ("4503599627370497.25", None),
            ("9007199254740993.0", Some(9_007_199_254_740_993)),
            ("9.223372036854775807e18", Some(i64::MAX)),
            ("-9223372036854775808.0", Some(i64::MIN)),
            ("9223372036854775808.0", None),
            ("1e99999999999", None),
            ("1e-99999999999", None),
            ("9223372036854775808", None),
            ("1e30", None),
        ] {
            assert_eq!(whole_number(token), number, "{token}");
        }
        for (text, number) in
            [("5", Some(5)), ("-5", Some(-5)), ("05", None), ("+5", None), (" 5", None), ("-0", None)]
        {
            assert_eq!(canonical_integer(text), number, "{text}");
        }
    }
}
