//! Avro-JSON: values with and without their union wrappers, read from the cursor in one pass.
//!
//! ```text
//! {"long": 5}  5                                      -> number 5
//! {"array": [..]}  [..]                               -> the items
//! {"com.liveperson.dataaccess.Goal": {..}}  {..}      -> the fields
//! "…" that held an armored PGP message                -> its plaintext, as JSON where JSON is expected
//! ```
//! A union is an object of one key that names a branch: a primitive type, `array`, or a record or enum
//! by its full name (it has a dot) or by an expected short name; names are compared without regard to
//! case. Whatever does not fit is handed back as it is written, so that the caller can keep it.
//! Source: data-access-api fact sheet, "Avro-JSON rules as they appear".

use super::cursor::{Cursor, Kind, SyntaxError, Text};
use super::type_names::{is_primitive, names_type};

/// A JSON text that is being read, and which of its strings were decrypted in place.
#[derive(Clone, Debug)]
pub struct Doc<'a> {
    pub cursor: Cursor<'a>,
    /// Offsets of the opening quotes of decrypted strings, ascending.
    decrypted: &'a [usize],
    /// The record held encrypted values somewhere.
    encrypted: bool,
}

/// A value where a scalar is expected.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar<'a> {
    Null,
    Number(&'a str),
    Boolean(bool),
    Text(Text<'a>),
    /// A decrypted string, where it stands and what it says.
    Decrypted(Text<'a>),
    /// An object or array that is no union of a scalar; it is passed.
    Other,
}

/// How an attempt to enter an array or a record ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entered<'a> {
    /// The value is null.
    Null,
    /// The value was read to its end.
    Read,
    /// The value is something else; it is passed, this is its text.
    Misfit(&'a [u8]),
}

/// What `inside` is called with: the document standing behind the opening bracket, and the name of
/// the wrapper (or none). It must read to the closing bracket, inclusive.
pub type Inside<'f, E> = dyn FnMut(&mut Doc<'_>, Option<&str>) -> Result<(), E> + 'f;

/// Takes what stands beside a wrapper's content: key and value as written.
pub type Beside<'f> = dyn FnMut(&str, &[u8]) + 'f;

/// What is expected where a decrypted string stands.
enum Wanted<'w> {
    Array,
    Record { wrappers: &'w [&'w str], is_field: &'w dyn Fn(&[u8]) -> bool },
}

/// The value inside a wrapper.
enum Holds<'a> {
    /// What is wanted; not passed yet.
    It,
    /// A decrypted string, which may hold what is wanted.
    Sealed(Text<'a>),
    Null,
    Other,
}

impl<'a> Doc<'a> {
    pub fn new(text: &'a [u8], decrypted: &'a [usize], max_depth: usize) -> Doc<'a> {
        Doc { cursor: Cursor::new(text, max_depth), decrypted, encrypted: !decrypted.is_empty() }
    }

    /// The text of a decrypted string, as a document of its own.
    fn sealed<'b>(&self, plain: &'b str) -> Option<Doc<'b>> {
        let mut doc = Doc {
            cursor: Cursor::new(plain.as_bytes(), self.cursor.max_depth()),
            decrypted: &[],
            encrypted: true,
        };
        let start = doc.cursor.clone();
        doc.cursor.skip_value().ok()?;
        let whole = doc.cursor.at_end();
        doc.cursor = start;
        whole.then_some(doc)
    }

    /// The record held encrypted values somewhere.
    #[inline]
    pub fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    fn is_decrypted(&self, text: &Text<'_>) -> bool {
        self.is_decrypted_at(text.at)
    }

    /// Whether the string whose opening quote is at this offset was decrypted in place.
    pub fn is_decrypted_at(&self, quote: usize) -> bool {
        !self.decrypted.is_empty() && self.decrypted.binary_search(&quote).is_ok()
    }

    /// A public key that came with an encrypted value is part of the encryption, not of the data.
    pub fn is_attached_key(&self, raw: &[u8]) -> bool {
        if !self.encrypted {
            return false;
        }
        let mut inner = Doc { encrypted: false, ..Doc::new(raw, &[], self.cursor.max_depth()) };
        match inner.scalar(&[]) {
            Ok(Scalar::Text(text)) => {
                text.decode_lossy().trim_start().starts_with("-----BEGIN PGP PUBLIC KEY BLOCK-----")
            }
            _ => false,
        }
    }

    /// Reads a scalar, bare or in a union. `wrappers`: short names of enums that may wrap it.
    #[inline]
    pub fn scalar(&mut self, wrappers: &[&str]) -> Result<Scalar<'a>, SyntaxError> {
        match self.cursor.kind()? {
            Kind::Object => self.scalar_in_union(wrappers),
            Kind::Array => self.cursor.skip_value().map(|_| Scalar::Other),
            kind => self.bare_scalar(kind),
        }
    }

    #[inline]
    fn bare_scalar(&mut self, kind: Kind) -> Result<Scalar<'a>, SyntaxError> {
        Ok(match kind {
            Kind::Null => {
                self.cursor.null()?;
                Scalar::Null
            }
            Kind::Number => Scalar::Number(self.cursor.number()?),
            Kind::Boolean => Scalar::Boolean(self.cursor.boolean()?),
            Kind::String => {
                let text = self.cursor.string()?;
                if self.is_decrypted(&text) { Scalar::Decrypted(text) } else { Scalar::Text(text) }
            }
            Kind::Object | Kind::Array => Scalar::Other,
        })
    }

    #[inline]
    fn scalar_in_union(&mut self, wrappers: &[&str]) -> Result<Scalar<'a>, SyntaxError> {
        let start = self.cursor.at();
        if let Some(value) = self.compact_union()? {
            return Ok(value);
        }
        self.cursor.rewind(start);
        self.cursor.begin_object()?;
        let mut first = true;
        if let Some(key) = self.branch_key(&mut first)?
            && (is_primitive(&key.name()) || names_type(&key.name(), wrappers))
        {
            let value = match self.cursor.kind()? {
                // The value inside its branch may itself be an encrypted string in its union.
                Kind::Object if self.encrypted => match self.scalar_in_union(&[])? {
                    value @ Scalar::Decrypted(_) => value,
                    _ => Scalar::Other,
                },
                Kind::Object | Kind::Array => Scalar::Other,
                kind => self.bare_scalar(kind)?,
            };
            if value != Scalar::Other && self.only_keys_follow(&mut first)? {
                return Ok(value);
            }
        }
        self.cursor.rewind(start);
        self.cursor.skip_value()?;
        Ok(Scalar::Other)
    }

    /// The commonest unions, as the service writes them: `{"string":"x"}`, `{"long":5}`. For all others `None`,
    /// with the cursor anywhere behind.
    #[inline]
    fn compact_union(&mut self) -> Result<Option<Scalar<'a>>, SyntaxError> {
        let cursor = &mut self.cursor;
        let value = if cursor.eat(b"{\"string\":") {
            let kind = cursor.kind()?;
            if kind != Kind::String {
                return Ok(None);
            }
            self.bare_scalar(kind)?
        } else if cursor.eat(b"{\"long\":") || cursor.eat(b"{\"int\":") || cursor.eat(b"{\"double\":") {
            if cursor.kind()? != Kind::Number {
                return Ok(None);
            }
            Scalar::Number(cursor.number()?)
        } else if cursor.eat(b"{\"boolean\":") {
            if cursor.kind()? != Kind::Boolean {
                return Ok(None);
            }
            Scalar::Boolean(cursor.boolean()?)
        } else {
            return Ok(None);
        };
        Ok(self.cursor.eat(b"}").then_some(value))
    }

    /// The key that may name the branch of a union: the first one that is no attached public key.
    #[inline]
    fn branch_key(&mut self, first: &mut bool) -> Result<Option<Text<'a>>, SyntaxError> {
        loop {
            let key = self.cursor.next_key(first)?;
            if key.is_none() || !self.encrypted {
                return Ok(key);
            }
            let value = self.cursor.at();
            let raw = self.cursor.skip_value()?;
            if !self.is_attached_key(raw) {
                self.cursor.rewind(value);
                return Ok(key);
            }
        }
    }

    /// Reads to the end of the object: true if nothing but attached public keys follows.
    fn only_keys_follow(&mut self, first: &mut bool) -> Result<bool, SyntaxError> {
        while self.cursor.next_key(first)?.is_some() {
            let raw = self.cursor.skip_value()?;
            if !self.is_attached_key(raw) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Enters an array, bare, in a union, or decrypted.
    pub fn array<E: From<SyntaxError>>(
        &mut self,
        inside: &mut Inside<'_, E>,
        beside: &mut Beside<'_>,
    ) -> Result<Entered<'a>, E> {
        let start = self.cursor.at();
        match self.cursor.kind()? {
            Kind::Array => {
                self.cursor.begin_array()?;
                inside(self, None)?;
                Ok(Entered::Read)
            }
            Kind::Object if self.plain_array() => {
                inside(self, None)?;
                self.leave(false, beside)?;
                Ok(Entered::Read)
            }
            Kind::Object => {
                self.cursor.begin_object()?;
                let mut first = true;
                let Some(key) = self.branch_key(&mut first)? else { return Ok(self.misfit(start)?) };
                let seals = is_sealing(&key.name());
                if !seals && !key.name().eq_ignore_ascii_case(b"array") {
                    return Ok(self.misfit(start)?);
                }
                let value = self.cursor.at();
                match self.holds(Kind::Array)? {
                    Holds::Other if self.encrypted && !seals => {
                        self.cursor.rewind(value);
                        if self.cursor.kind()? != Kind::Object
                            || matches!(self.array(inside, beside)?, Entered::Misfit(_))
                        {
                            return Ok(self.misfit(start)?);
                        }
                    }
                    Holds::Null if self.only_keys_follow(&mut first)? => return Ok(Entered::Null),
                    Holds::Sealed(text) => {
                        if self.unseal(text, None, &Wanted::Array, inside, beside)?.is_none() {
                            return Ok(self.misfit(start)?);
                        }
                    }
                    Holds::It if !seals => {
                        self.cursor.begin_array()?;
                        inside(self, None)?;
                    }
                    _ => return Ok(self.misfit(start)?),
                }
                self.leave(first, beside)?;
                Ok(Entered::Read)
            }
            _ => self.null_sealed_or_misfit(start, &Wanted::Array, inside, beside),
        }
    }

    /// Enters a record, bare, in a union, or decrypted. `wrappers`: short names of records that may
    /// stand here; `is_field`: whether a key is a field of the record, so that it is no wrapper.
    pub fn record<E: From<SyntaxError>>(
        &mut self,
        wrappers: &[&str],
        is_field: &dyn Fn(&[u8]) -> bool,
        inside: &mut Inside<'_, E>,
        beside: &mut Beside<'_>,
    ) -> Result<Entered<'a>, E> {
        let start = self.cursor.at();
        let wanted = Wanted::Record { wrappers, is_field };
        if self.cursor.kind()? != Kind::Object {
            return self.null_sealed_or_misfit(start, &wanted, inside, beside);
        }
        let brace = self.cursor.at();
        if let Some(name) = self.plain_wrapper() {
            if !is_field(name.as_bytes()) {
                inside(self, Some(name))?;
                self.leave(false, beside)?;
                return Ok(Entered::Read);
            }
            self.cursor.rewind(brace);
        }
        self.cursor.begin_object()?;
        let behind = self.cursor.at();
        let mut first = true;
        if let Some(key) = self.branch_key(&mut first)?
            && !is_field(&key.name())
            && (names_type(&key.name(), wrappers) || self.only_seals(first)?)
        {
            let name = key.decode_lossy();
            let name = Some(&*name).filter(|name| names_type(name.as_bytes(), wrappers));
            let entered = match self.holds(Kind::Object)? {
                Holds::Null if self.only_keys_follow(&mut first)? => return Ok(Entered::Null),
                Holds::Sealed(text) => match self.unseal(text, name, &wanted, inside, beside)? {
                    None if name.is_some() || is_sealing(&key.name()) => return Ok(self.misfit(start)?),
                    entered => entered,
                },
                // The record inside its wrapper may itself be an encrypted string in its union.
                Holds::It if self.encrypted && name.is_some() => {
                    let mut named = |doc: &mut Doc<'_>, _: Option<&str>| inside(doc, name);
                    Some(self.record(&[], is_field, &mut named, beside)?)
                }
                Holds::It if name.is_some() => {
                    self.cursor.begin_object()?;
                    inside(self, name)?;
                    Some(Entered::Read)
                }
                _ => None,
            };
            if let Some(entered) = entered {
                self.leave(first, beside)?;
                return Ok(entered);
            }
        }
        self.cursor.rewind(behind);
        inside(self, None)?;
        Ok(Entered::Read)
    }

    fn misfit(&mut self, start: usize) -> Result<Entered<'a>, SyntaxError> {
        self.cursor.rewind(start);
        self.cursor.skip_value().map(Entered::Misfit)
    }

    fn null_sealed_or_misfit<E: From<SyntaxError>>(
        &mut self,
        start: usize,
        wanted: &Wanted<'_>,
        inside: &mut Inside<'_, E>,
        beside: &mut Beside<'_>,
    ) -> Result<Entered<'a>, E> {
        match self.cursor.kind()? {
            Kind::Null => {
                self.cursor.null()?;
                Ok(Entered::Null)
            }
            Kind::String => {
                let text = self.cursor.string()?;
                if self.is_decrypted(&text)
                    && let Some(entered) = self.unseal(text, None, wanted, inside, beside)?
                {
                    return Ok(entered);
                }
                Ok(self.misfit(start)?)
            }
            _ => Ok(self.misfit(start)?),
        }
    }

    /// What stands inside a wrapper; null and decrypted strings are passed.
    fn holds(&mut self, wanted: Kind) -> Result<Holds<'a>, SyntaxError> {
        match self.cursor.kind()? {
            kind if kind == wanted => return Ok(Holds::It),
            Kind::Null => {
                self.cursor.null()?;
                return Ok(Holds::Null);
            }
            Kind::String => {
                let text = self.cursor.string()?;
                if self.is_decrypted(&text) {
                    return Ok(Holds::Sealed(text));
                }
            }
            _ => {}
        }
        Ok(Holds::Other)
    }

    /// Whether the object holds one decrypted string and nothing else: a record that was encrypted whole,
    /// under whatever key. `first` is the caller's, behind that key.
    fn only_seals(&self, mut first: bool) -> Result<bool, SyntaxError> {
        if !self.encrypted {
            return Ok(false);
        }
        let mut peek = self.clone();
        Ok(matches!(peek.holds(Kind::Object)?, Holds::Sealed(_)) && peek.only_keys_follow(&mut first)?)
    }

    /// Reads the plaintext of a decrypted string as what is wanted, itself bare or in a union; `None`
    /// when it is none.
    fn unseal<E: From<SyntaxError>>(
        &mut self,
        text: Text<'a>,
        name: Option<&str>,
        wanted: &Wanted<'_>,
        inside: &mut Inside<'_, E>,
        beside: &mut Beside<'_>,
    ) -> Result<Option<Entered<'a>>, E> {
        let Ok(plain) = text.decode() else { return Ok(None) };
        let Some(mut doc) = self.sealed(&plain) else { return Ok(None) };
        let mut named = |doc: &mut Doc<'_>, inner: Option<&str>| inside(doc, name.or(inner));
        let entered = match wanted {
            Wanted::Array => doc.array(&mut named, beside)?,
            Wanted::Record { wrappers, is_field } => doc.record(wrappers, is_field, &mut named, beside)?,
        };
        Ok(match entered {
            Entered::Misfit(_) => None,
            Entered::Null => Some(Entered::Null),
            Entered::Read => Some(Entered::Read),
        })
    }

    /// Reads to the end of a wrapper, behind its content.
    #[inline]
    pub fn leave(&mut self, mut first: bool, beside: &mut Beside<'_>) -> Result<(), SyntaxError> {
        while let Some(key) = self.cursor.next_key(&mut first)? {
            let raw = self.cursor.skip_value()?;
            if !self.is_attached_key(raw) {
                beside(&key.decode_lossy(), raw);
            }
        }
        Ok(())
    }
}

/// The union branch in which an encrypted string comes where a record or an array is expected.
fn is_sealing(key: &[u8]) -> bool {
    key.eq_ignore_ascii_case(b"string")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scalar(text: &str) -> Scalar<'_> {
        let mut doc = Doc::new(text.as_bytes(), &[], 64);
        let value = doc.scalar(&["ConversationType"]).unwrap();
        assert!(doc.cursor.at_end(), "{text}");
        value
    }

    fn plain(text: &'static str, at: usize) -> Scalar<'static> {
        Scalar::Text(Text { raw: text.as_bytes(), has_escapes: false, at })
    }

    #[test]
    fn scalars_in_every_dress() {
        assert_eq!(scalar("5"), Scalar::Number("5"));
        assert_eq!(scalar("{\"long\": 5}"), Scalar::Number("5"));
        assert_eq!(scalar("{\"LONG\":-1}"), Scalar::Number("-1"));
        assert_eq!(scalar("null"), Scalar::Null);
        assert_eq!(scalar("{\"boolean\":true}"), Scalar::Boolean(true));
        assert_eq!(scalar("\"x\""), plain("x", 0));
        assert_eq!(scalar("{\"string\":\"x\"}"), plain("x", 10));
        assert_eq!(scalar("{\"com.liveperson.dataaccess.ConversationType\":\"x\"}"), plain("x", 46));
        assert_eq!(scalar("{\"conversationtype\":\"x\"}"), plain("x", 20));
        for other in
            ["{}", "[]", "{\"a\":1}", "{\"long\":1,\"b\":2}", "{\"long\":[1]}", "{\"long\":{\"long\":1}}"]
        {
            assert_eq!(scalar(other), Scalar::Other, "{other}");
        }
    }

    /// Number of items or keys, wrapper name and what stood beside.
    fn enter(text: &str, wanted: Kind, decrypted: &[usize]) -> (String, Vec<String>) {
        let mut doc = Doc::new(text.as_bytes(), decrypted, 64);
        let (mut seen, mut beside) = (String::new(), Vec::new());
        let mut inside = |doc: &mut Doc<'_>, name: Option<&str>| -> Result<(), SyntaxError> {
            let (mut first, mut n) = (true, 0);
            if wanted == Kind::Array {
                while doc.cursor.next_item(&mut first)? {
                    doc.cursor.skip_value()?;
                    n += 1;
                }
            } else {
                while doc.cursor.next_key(&mut first)?.is_some() {
                    doc.cursor.skip_value()?;
                    n += 1;
                }
            }
            seen = format!("{n} {}", name.unwrap_or("-"));
            Ok(())
        };
        let mut note = |key: &str, raw: &[u8]| beside.push(format!("{key}={}", String::from_utf8_lossy(raw)));
        let entered = if wanted == Kind::Array {
            doc.array(&mut inside, &mut note).unwrap()
        } else {
            doc.record(&["Goal"], &|key| key == b"id", &mut inside, &mut note).unwrap()
        };
        match entered {
            Entered::Null => seen = "null".into(),
            Entered::Misfit(raw) => seen = format!("misfit {}", String::from_utf8_lossy(raw)),
            Entered::Read => {}
        }
        assert!(doc.cursor.at_end(), "{text}");
        (seen, beside)
    }

    #[test]
    fn containers_in_every_dress() {
        for (text, seen) in [
            ("[1,2]", "2 -"),
            ("{\"array\":[]}", "0 -"),
            ("{\"Array\":[3]}", "1 -"),
            ("null", "null"),
            ("{\"array\":5}", "misfit {\"array\":5}"),
            ("{}", "misfit {}"),
            ("\"x\"", "misfit \"x\""),
        ] {
            assert_eq!(enter(text, Kind::Array, &[]).0, seen, "{text}");
        }
        for (text, seen) in [
            ("{\"id\":1,\"b\":2}", "2 -"),
            ("{}", "0 -"),
            ("{\"com.x.Goal\":{\"id\":1}}", "1 com.x.Goal"),
            ("{\"goal\":{}}", "0 goal"),
            ("{\"id\":{}}", "1 -"),
            ("{\"other\":{}}", "1 -"),
            ("{\"com.x.Goal\":5}", "1 -"),
            ("7", "misfit 7"),
            ("null", "null"),
        ] {
            assert_eq!(enter(text, Kind::Object, &[]).0, seen, "{text}");
        }
        let (seen, beside) = enter("{\"com.x.Goal\":{\"id\":1},\"more\":2}", Kind::Object, &[]);
        assert_eq!((seen.as_str(), beside), ("1 com.x.Goal", vec!["more=2".to_string()]));
    }

    #[test]
    fn an_attached_key_may_come_first() {
        let key = "\"k\":\"-----BEGIN PGP PUBLIC KEY BLOCK-----x\"";
        let text = format!("{{{key},\"com.x.Goal\":\"{{}}\"}}");
        let at = text.rfind("\"{}").unwrap();
        assert_eq!(enter(&text, Kind::Object, &[at]), ("0 com.x.Goal".into(), vec![]));
        let text = format!("{{{key},\"array\":{{\"string\":\"[1]\"}}}}");
        let at = text.rfind("\"[1]").unwrap();
        assert_eq!(enter(&text, Kind::Array, &[at]), ("1 -".into(), vec![]));
        let text = format!("{{{key},\"long\":{{\"string\":\"5\"}}}}");
        let at = text.rfind("\"5").unwrap();
        let offsets = [at];
        let mut doc = Doc::new(text.as_bytes(), &offsets, 64);
        assert!(matches!(doc.scalar(&[]), Ok(Scalar::Decrypted(_))));
        // Without anything encrypted it is a record like any other.
        assert_eq!(enter(&format!("{{{key},\"com.x.Goal\":{{}}}}"), Kind::Object, &[]).0, "2 -");
    }

    #[test]
    fn a_null_in_a_wrapper_is_a_null() {
        assert_eq!(enter("{\"com.x.Goal\":null}", Kind::Object, &[]).0, "null");
        assert_eq!(enter("{\"array\":null}", Kind::Array, &[]).0, "null");
        assert_eq!(enter("{\"com.x.Goal\":null,\"b\":1}", Kind::Object, &[]).0, "2 -");
    }

    #[test]
    fn what_stands_beside_a_wrapper_in_plaintext_is_kept() {
        let text = "\"{\\\"com.x.Goal\\\":{\\\"id\\\":1},\\\"more\\\":2}\"";
        let (seen, beside) = enter(text, Kind::Object, &[0]);
        assert_eq!((seen.as_str(), beside), ("1 com.x.Goal", vec!["more=2".to_string()]));
    }

    #[test]
    fn escaped_keys_are_the_same_keys() {
        assert_eq!(enter("{\"\\u0061rray\":[1]}", Kind::Array, &[]).0, "1 -");
        assert_eq!(enter("{\"com.x\\u002eGoal\":{\"id\":1}}", Kind::Object, &[]).0, "1 com.x.Goal");
        assert_eq!(scalar("{\"l\\u006fng\": 5}"), Scalar::Number("5"));
    }

    #[test]
    fn decrypted_text_is_read_as_json() {
        assert_eq!(enter("\"[1,2,3]\"", Kind::Array, &[0]).0, "3 -");
        assert_eq!(enter("\"{\\\"array\\\":[1]}\"", Kind::Array, &[0]).0, "1 -");
        assert_eq!(enter("\"{\\\"id\\\":1}\"", Kind::Object, &[0]).0, "1 -");
        assert_eq!(enter("{\"com.x.Goal\":\"{\\\"id\\\":1}\"}", Kind::Object, &[14]).0, "1 com.x.Goal");
        assert_eq!(enter("{\"string\":\"{\\\"id\\\":1}\"}", Kind::Object, &[10]).0, "1 -");
        let wrapped = "{\"com.x.Goal\":{\"string\":\"{\\\"id\\\":1}\"}}";
        assert_eq!(enter(wrapped, Kind::Object, &[24]).0, "1 com.x.Goal");
        assert_eq!(enter("{\"string\":\"[1]\"}", Kind::Array, &[10]).0, "1 -");
        assert_eq!(enter("{\"data\":\"{\\\"id\\\":1}\"}", Kind::Object, &[8]).0, "1 -");
        assert_eq!(enter("{\"id\":\"{\\\"id\\\":1}\"}", Kind::Object, &[6]).0, "1 -");
        assert_eq!(enter("{\"data\":\"{\\\"id\\\":1}\",\"b\":1}", Kind::Object, &[8]).0, "2 -");
        assert_eq!(enter("{\"data\":\"text\"}", Kind::Object, &[8]).0, "1 -");
        assert_eq!(enter("\"no json\"", Kind::Object, &[0]).0, "misfit \"no json\"");
        assert_eq!(enter("\"{\\\"id\\\":1}\"", Kind::Object, &[]).0, "misfit \"{\\\"id\\\":1}\"");
        let key = "-----BEGIN PGP PUBLIC KEY BLOCK-----x";
        let text = format!("{{\"com.x.Goal\":\"{{}}\",\"key\":{{\"string\":\"{key}\"}}}}");
        assert_eq!(enter(&text, Kind::Object, &[14]), ("0 com.x.Goal".into(), vec![]));
        let text = format!("{{\"string\":\"secret\",\"key\":\"{key}\"}}");
        let mut doc = Doc::new(text.as_bytes(), &[10], 64);
        assert!(matches!(doc.scalar(&[]), Ok(Scalar::Decrypted(_))));
    }
}
