//! Encrypted values: JSON text with armored PGP messages in its strings -> the same text with their
//! plaintexts in place.
//!
//! ```text
//! {"text":{"string":"-----BEGIN PGP MESSAGE-----\n…"}}  ->  {"text":{"string":"hello"}}, decrypted = [18]
//! ```
//! A string of armored blocks and nothing else is an encrypted value: its plaintext replaces it whole,
//! and a public key in the same string is dropped. A block beside other text is opened when a held key
//! fits and otherwise left alone: a visitor may paste one into a chat. Plaintext that is JSON is looked
//! through in its turn: a record may be encrypted whole, and values in it once more. Messages are opened side by side: the
//! caller must hold no lock.

use std::borrow::Cow;

use memchr::{memchr, memmem};

use super::cursor::{Cursor, Kind};
use super::side_by_side::{STRINGS, side_by_side};
use crate::model::{Decrypt, DecryptError};

const BEGIN: &[u8] = b"-----BEGIN PGP MESSAGE";
/// Encryption inside encryption, at most.
const MAX_NESTED: usize = 3;
const END: &str = "-----END PGP MESSAGE-----";

/// A text whose encrypted strings were opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    pub text: Vec<u8>,
    /// Offsets in `text` of the opening quotes of decrypted strings, ascending.
    pub decrypted: Vec<usize>,
}

/// Whether any string of the text may hold a message.
pub fn may_be_encrypted(text: &[u8]) -> bool {
    memmem::find(text, BEGIN).is_some()
}

/// Opens every encrypted string; `None` when there is none (or when the text is not JSON, which the
/// parser reports better).
///
/// # Errors
/// The first message that begins a string and cannot be opened.
pub fn open_encrypted(text: &[u8], keys: &dyn Decrypt) -> Result<Option<Opened>, DecryptError> {
    open_strings(text, keys, MAX_NESTED)
}

fn open_strings(text: &[u8], keys: &dyn Decrypt, nested: usize) -> Result<Option<Opened>, DecryptError> {
    let (found, whole) = strings_with_messages(text);
    // To open one takes longer than to read a hundred kilobytes of text.
    let plains = side_by_side(STRINGS, &found, |string| open_string(&string.value, keys, nested));
    let mut opened = Opened { text: Vec::with_capacity(text.len()), decrypted: Vec::new() };
    let mut at = 0;
    for (string, plain) in found.iter().zip(plains) {
        let Some(plain) = plain? else { continue };
        opened.text.extend_from_slice(text.get(at..string.start).unwrap_or_default());
        opened.decrypted.push(opened.text.len());
        write_string(&plain, &mut opened.text);
        at = string.end;
    }
    // What cannot be opened is told first: the user can mend that.
    if opened.decrypted.is_empty() || !whole {
        return Ok(None);
    }
    opened.text.extend_from_slice(text.get(at..).unwrap_or_default());
    Ok(Some(opened))
}

/// A string of a JSON text, from quote to quote, and what it says.
struct Quoted<'t> {
    start: usize,
    end: usize,
    value: Cow<'t, str>,
}

/// The strings in which a message begins, up to where the text is no JSON, and whether that is its end.
fn strings_with_messages(text: &[u8]) -> (Vec<Quoted<'_>>, bool) {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(quote) = memchr(b'"', text.get(at..).unwrap_or_default()) {
        let start = at + quote;
        let mut cursor = Cursor::new(text.get(start..).unwrap_or_default(), 1);
        let Ok(token) = cursor.string() else { return (found, false) };
        at = start + cursor.at();
        if let Ok(value) = token.decode()
            && may_be_encrypted(value.as_bytes())
        {
            found.push(Quoted { start, end: at, value });
        }
    }
    (found, true)
}

/// What a string is to say in place of its messages, those in a JSON plaintext too.
fn open_string(value: &str, keys: &dyn Decrypt, nested: usize) -> Result<Option<Vec<u8>>, DecryptError> {
    let Some(plain) = open_value(value, keys)? else { return Ok(None) };
    if nested > 0
        && may_be_encrypted(&plain)
        && is_json_container(&plain)
        && let Some(inner) = open_strings(&plain, keys, nested - 1)?
    {
        return Ok(Some(inner.text));
    }
    Ok(Some(plain))
}

/// Plaintext of a string value that holds a message, `None` when it is to stay as it is.
fn open_value(value: &str, keys: &dyn Decrypt) -> Result<Option<Vec<u8>>, DecryptError> {
    if !value.contains(END) {
        // Words of somebody who writes about PGP.
        return Ok(None);
    }
    if is_all_armor(value) {
        return keys.decrypt(value.as_bytes()).map(Some);
    }
    let mut plain = Vec::new();
    let mut rest = value;
    let mut any = false;
    while let Some((before, message)) = rest.find("-----BEGIN PGP MESSAGE").map(|at| rest.split_at(at)) {
        let Some(end) = message.find(END) else { break };
        let (message, after) = message.split_at(end + END.len());
        plain.extend_from_slice(before.as_bytes());
        match keys.decrypt(message.as_bytes()) {
            Ok(text) => {
                plain.extend_from_slice(&text);
                any = true;
            }
            Err(_) => plain.extend_from_slice(message.as_bytes()),
        }
        rest = after;
    }
    plain.extend_from_slice(rest.as_bytes());
    Ok(any.then_some(plain))
}

/// Whether nothing but armored blocks and blanks (escaped a second time, perhaps) is in the text.
fn is_all_armor(value: &str) -> bool {
    let mut rest = value;
    loop {
        rest = rest.trim_start_matches('\u{feff}').trim_start();
        if let Some(after) = ["\\n", "\\r", "\\t"].iter().find_map(|blank| rest.strip_prefix(blank)) {
            rest = after;
            continue;
        }
        if rest.is_empty() {
            return true;
        }
        let label = rest.strip_prefix("-----BEGIN PGP ").and_then(|rest| rest.split_once("-----"));
        let Some((label, block)) = label else { return false };
        match block.split_once(&format!("-----END PGP {label}-----")) {
            Some((_, after)) => rest = after,
            None => return true,
        }
    }
}

fn is_json_container(plain: &[u8]) -> bool {
    matches!(Cursor::new(plain, 1).kind(), Ok(Kind::Object | Kind::Array))
}

/// Writes a JSON string; bytes that are not UTF-8 stay as they are.
fn write_string(plain: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in plain {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
            0..0x20 => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(*byte),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    /// "Decrypts" to what stands between the marks; knows no key for `foreign`.
    struct Rot;

    impl Decrypt for Rot {
        fn decrypt(&self, text: &[u8]) -> Result<Vec<u8>, DecryptError> {
            let text = String::from_utf8_lossy(text);
            let from = text.find("MESSAGE-----\n").unwrap() + 13;
            let body = &text[from..text.find("\n-----END PGP MESSAGE").unwrap()];
            if body == "foreign" {
                return Err(DecryptError::KeyMissing { wanted: "AB".into(), held: "none".into() });
            }
            Ok(body.as_bytes().to_vec())
        }
    }

    /// As [`Rot`], for a message that holds another one, its marks disguised.
    struct Nested;

    impl Decrypt for Nested {
        fn decrypt(&self, text: &[u8]) -> Result<Vec<u8>, DecryptError> {
            let plain = Rot.decrypt(text)?;
            Ok(String::from_utf8_lossy(&plain).replace("XX", "MESSAGE").into_bytes())
        }
    }

    fn armored(body: &str) -> String {
        format!("-----BEGIN PGP MESSAGE-----\\n{body}\\n-----END PGP MESSAGE-----")
    }

    fn open(text: &str) -> Result<Option<(String, Vec<usize>)>, DecryptError> {
        let opened = open_encrypted(text.as_bytes(), &Rot)?;
        Ok(opened.map(|o| (String::from_utf8(o.text).unwrap(), o.decrypted)))
    }

    #[test]
    fn messages_are_replaced_in_place() {
        let key = "\\n-----BEGIN PGP PUBLIC KEY BLOCK-----\\nk\\n-----END PGP PUBLIC KEY BLOCK-----\\n";
        let text = format!("{{\"a\":\"{}{key}\",\"b\":1,\"c\":\"x\"}}", armored("he said \\\"hi\\\""));
        assert_eq!(
            open(&text).unwrap(),
            Some(("{\"a\":\"he said \\\"hi\\\"\",\"b\":1,\"c\":\"x\"}".into(), vec![5]))
        );
        assert_eq!(open("{\"a\":\"-----BEGIN PGP MESSAGE-----, I wrote\"}"), Ok(None));
        assert_eq!(open("{\"a\":\"unclosed"), Ok(None));
        let two = format!("{{\"a\":\" {}\\\\n{key}\"}}", armored("one"));
        assert_eq!(open(&two).unwrap().unwrap().0, "{\"a\":\"one\"}");
    }

    #[test]
    fn text_beside_a_message_stays() {
        for (sent, said) in [
            (format!("{} she wrote", armored("ours")), "ours she wrote"),
            (format!("see {} and {}!", armored("ours"), armored("theirs")), "see ours and theirs!"),
        ] {
            assert_eq!(
                open(&format!("{{\"a\":\"{sent}\"}}")).unwrap().unwrap().0,
                format!("{{\"a\":\"{said}\"}}")
            );
        }
        assert_eq!(open(&format!("{{\"a\":\"{} what is this?\"}}", armored("foreign"))), Ok(None));
    }

    #[test]
    fn values_in_encrypted_records_are_opened_too() {
        let message = |body: &str| format!("-----BEGIN PGP MESSAGE-----\n{body}\n-----END PGP MESSAGE-----");
        let inner = serde_json::json!({"b": message("5").replace("MESSAGE", "XX")});
        let text = serde_json::json!({"a": message(&inner.to_string())}).to_string();
        let opened = open_encrypted(text.as_bytes(), &Nested).unwrap().unwrap();
        assert_eq!(String::from_utf8(opened.text).unwrap(), "{\"a\":\"{\\\"b\\\":\\\"5\\\"}\"}");
    }

    #[test]
    fn a_missing_key_is_told_before_what_is_no_json_behind_it() {
        let text = format!("{{\"a\":\"{}\",\"b\":\"x\\qy\"}}", armored("foreign"));
        assert!(matches!(open(&text), Err(DecryptError::KeyMissing { .. })));
        assert_eq!(open(&text.replace("foreign", "ours")), Ok(None));
    }

    #[test]
    fn a_missing_key_stops_a_value_but_not_a_pasted_block() {
        assert!(open(&format!("{{\"a\":\"{}\"}}", armored("foreign"))).is_err());
        assert_eq!(open(&format!("{{\"a\":\"see {}\"}}", armored("foreign"))), Ok(None));
        let text = format!("{{\"a\":\"see {} there\"}}", armored("ours"));
        assert_eq!(open(&text).unwrap().unwrap().0, "{\"a\":\"see ours there\"}");
    }
}
