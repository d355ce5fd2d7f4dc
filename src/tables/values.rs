//! One value of a document -> one value of a column.
//!
//! A value of another type is converted where nothing is lost (number to text, canonical integer text
//! to integer, `5.0` to 5, integer to double when exact); a decrypted text is read as JSON where the
//! column is not text. Everything else leaves the column null and goes to `extra`.

use std::borrow::Cow;

use super::columns::{Column, List, Struct, UnionColumns};
use super::declare::{Field, Kind, Record, Union};
use super::extra::{Notes, compact, compact_opened, without_blanks};
use super::members::{fields, items};
use crate::records::{
    Content, Cursor, Doc, Entered, Kind as JsonKind, Scalar, SyntaxError, Text, canonical_integer,
    short_name, whole_number,
};

/// Enums of the service, which may come wrapped by their short names.
const ENUMS: &[&str] = &["ControlGroupEnum", "ConversationType", "DeviceType", "DataTypeEnum"];

/// Times from 1900 to 9999: later ones overflow in what reads the lake, and Spark 3 refuses earlier ones
/// (`spark.sql.parquet.datetimeRebaseModeInRead`); a single one would make a whole file unreadable.
pub fn is_time(ms: i64) -> bool {
    (-2_208_988_800_000..253_402_300_800_000).contains(&ms)
}

/// Keeps the value of a key that is no field.
pub fn unknown_member(doc: &mut Doc<'_>, key: Text<'_>, notes: &mut Notes) -> Result<(), SyntaxError> {
    let raw = doc.cursor.skip_value()?;
    if !doc.is_attached_key(raw) {
        notes.unknown(&key.decode_lossy(), raw);
    }
    Ok(())
}

/// Index of a key's field: as written, most likely the one after the last; else without regard to
/// case and blanks (the pages spell some fields in two ways).
pub fn find(fields: &[Field], key: Text<'_>, guess: usize) -> Option<usize> {
    if key.has_escapes {
        let decoded = key.decode().ok()?;
        return find(fields, Text { raw: decoded.as_bytes(), has_escapes: false, at: key.at }, guess);
    }
    if fields.get(guess).is_some_and(|field| field.json.as_bytes() == key.raw) {
        return Some(guess);
    }
    let exact = fields.iter().position(|field| field.json.as_bytes() == key.raw);
    exact.or_else(|| {
        if !key.raw.contains(&b' ') {
            let key =
                |field: &Field| field.json.as_bytes().eq_ignore_ascii_case(key.raw) && !key.raw.is_empty();
            return fields.iter().position(key);
        }
        let letters = key.raw.iter().filter(|b| **b != b' ');
        fields.iter().position(|field| {
            field.json.len() <= key.raw.len()
                && !field.json.is_empty()
                && letters
                    .clone()
                    .map(u8::to_ascii_lowercase)
                    .eq(field.json.bytes().map(|b| b.to_ascii_lowercase()))
        })
    })
}

/// Appends the next value, token by token. Where it does not fit the column is left as it is, or null is appended.
pub fn value(
    doc: &mut Doc<'_>,
    column: &mut Column,
    kind: Kind,
    notes: &mut Notes,
) -> Result<(), SyntaxError> {
    match column {
        Column::Json(texts) => {
            if let Some(json) = json_value(doc)? {
                texts.push(&*json);
            } else {
                texts.fill(texts.len() + 1, None);
            }
            return Ok(());
        }
        Column::List(into) => return list(doc, into, kind, notes),
        Column::Struct(into) => return record(doc, into, notes),
        Column::Union(into) => {
            if let Kind::Union(union) = kind {
                return one_of(doc, into, union, notes);
            }
        }
        _ => {}
    }
    doc.cursor.skip_space();
    let start = doc.cursor.at();
    let scalar = doc.scalar(ENUMS)?;
    let stored = match &scalar {
        Scalar::Null => false,
        Scalar::Decrypted(text) if !matches!(column, Column::Text(_)) => store_plain(*text, column),
        scalar => store(scalar, column),
    };
    if !stored {
        column.push_null();
        if scalar != Scalar::Null {
            notes.misfit(doc.cursor.since(start));
        }
    }
    Ok(())
}

/// Appends what a decrypted text says as JSON (a scalar, bare or in a union), if it fits.
fn store_plain(text: Text<'_>, column: &mut Column) -> bool {
    let Ok(plain) = text.decode() else { return false };
    let mut doc = Doc::new(plain.as_bytes(), &[], 2);
    match doc.scalar(ENUMS) {
        Ok(Scalar::Null) if doc.cursor.at_end() => {
            column.push_null();
            true
        }
        Ok(scalar) if doc.cursor.at_end() => store(&scalar, column),
        _ => false,
    }
}

/// Appends a scalar if it fits.
fn store(scalar: &Scalar<'_>, column: &mut Column) -> bool {
    let row = column.len();
    match column {
        Column::Text(texts) => match scalar {
            Scalar::Text(text) | Scalar::Decrypted(text) => match text.decode() {
                Ok(text) if texts.has_room(text.len()) => {
                    texts.push(&*text);
                    true
                }
                _ => false,
            },
            Scalar::Number(number) => {
                texts.push(*number);
                true
            }
            _ => false,
        },
        Column::Int64(_) | Column::Int32(_) | Column::Time(_) => {
            integer(scalar).is_some_and(|number| push_integer(column, row, number))
        }
        Column::Float64(values) => match scalar {
            Scalar::Number(token) => number(token).is_some_and(|number| values.push_at(row, number)),
            _ => false,
        },
        Column::Boolean(..) => match scalar {
            Scalar::Boolean(value) => column.push_boolean_at(row, *value),
            _ => false,
        },
        _ => false,
    }
}

/// Appends the integer of a row. False: it does not fit.
#[inline(always)]
pub fn push_integer(column: &mut Column, row: usize, number: i64) -> bool {
    match column {
        Column::Int64(values) => values.push_at(row, number),
        Column::Time(values) => is_time(number) && values.push_at(row, number),
        Column::Int32(values) => i32::try_from(number).is_ok_and(|number| values.push_at(row, number)),
        _ => false,
    }
}

fn integer(scalar: &Scalar<'_>) -> Option<i64> {
    match scalar {
        Scalar::Number(number) => whole_number(number),
        Scalar::Text(text) => canonical_integer(&text.decode().ok()?),
        _ => None,
    }
}

/// A number token as a double, if it is exact enough.
pub fn number(token: &str) -> Option<f64> {
    let number = token.parse::<f64>().ok().filter(|number| number.is_finite())?;
    let is_integer = !token.bytes().any(|b| matches!(b, b'.' | b'e' | b'E'));
    let mantissa = token.split(['e', 'E']).next().unwrap_or_default();
    if number == 0.0 && mantissa.bytes().any(|b| matches!(b, b'1'..=b'9')) {
        // Too small for a double.
        return None;
    }
    // Beyond 2^53 not every integer is a double.
    let exact = !is_integer || number.abs() < 9_007_199_254_740_992.0 || format!("{number:.0}") == token;
    exact.then_some(number)
}

/// A value as JSON text, `None` for null. A decrypted text that is JSON stands as JSON.
pub fn json_value<'a>(doc: &mut Doc<'a>) -> Result<Option<Cow<'a, str>>, SyntaxError> {
    doc.cursor.skip_space();
    let start = doc.cursor.at();
    if let Some(text) = plain_container(doc) {
        return Ok(Some(text));
    }
    doc.cursor.rewind(start);
    json_by_tokens(doc)
}

fn json_by_tokens<'a>(doc: &mut Doc<'a>) -> Result<Option<Cow<'a, str>>, SyntaxError> {
    let start = doc.cursor.at();
    let scalar = doc.scalar(&[])?;
    let raw = doc.cursor.since(start);
    Ok(match scalar {
        Scalar::Null => None,
        Scalar::Decrypted(text) => {
            let plain = text.decode().ok().filter(|plain| {
                let mut cursor = Cursor::new(plain.as_bytes(), doc.cursor.max_depth());
                cursor.skip_value().is_ok() && cursor.at_end()
            });
            Some(plain.map_or_else(|| compact(raw), |plain| compact(plain.as_bytes())).into())
        }
        _ => Some(compact_opened(raw, &|quote| doc.is_decrypted_at(start + quote)).into()),
    })
}

/// Passes an object or array in which nothing but blanks needs another look: it has no escapes, nothing that is no
/// Unicode, nothing that was encrypted, and is no null in its union. Else something may be passed.
fn plain_container<'a>(doc: &mut Doc<'a>) -> Option<Cow<'a, str>> {
    let loose = doc.cursor.loose();
    if doc.is_encrypted() || !matches!(doc.cursor.kind(), Ok(JsonKind::Object | JsonKind::Array)) {
        return None;
    }
    let text = std::str::from_utf8(doc.cursor.skip_value().ok()?).ok()?;
    let text =
        if doc.cursor.loose() == loose { Cow::Borrowed(text) } else { Cow::Owned(without_blanks(text)?) };
    (!text.ends_with("null}")).then_some(text)
}

fn list(doc: &mut Doc<'_>, into: &mut List, kind: Kind, notes: &mut Notes) -> Result<(), SyntaxError> {
    let Kind::List(item) = kind else { return doc.cursor.skip_value().map(|_| ()) };
    let mut beside = Vec::new();
    let entered = doc.array(&mut |doc, _| items(doc, into, *item, notes), &mut |key, raw| {
        beside.push((key.to_owned(), raw.to_vec()));
    })?;
    after(entered, beside, notes);
    Ok(())
}

fn record(doc: &mut Doc<'_>, into: &mut Struct, notes: &mut Notes) -> Result<(), SyntaxError> {
    let mut beside = Vec::new();
    let shape = into.record;
    let entered = doc.record(
        shape.wrappers,
        &|key| has_field(shape, key),
        &mut |doc, _| fields(doc, into, notes),
        &mut |key, raw| beside.push((key.to_owned(), raw.to_vec())),
    )?;
    after(entered, beside, notes);
    Ok(())
}

/// Keeps what stood beside a wrapper's content, or the whole value where it did not fit. The column
/// itself is padded with null later.
pub fn after(entered: Entered<'_>, beside: Vec<(String, Vec<u8>)>, notes: &mut Notes) {
    for (key, raw) in beside {
        notes.unknown(&key, &raw);
    }
    if let Entered::Misfit(raw) = entered {
        notes.misfit(raw);
    }
}

pub fn has_field(record: &Record, key: &[u8]) -> bool {
    record.fields.iter().any(|field| field.json.as_bytes() == key)
}

/// Reads a union of records: the wrapper tells the branch, or the fields where there is none.
fn one_of(
    doc: &mut Doc<'_>,
    into: &mut UnionColumns,
    union: &'static Union,
    notes: &mut Notes,
) -> Result<(), SyntaxError> {
    doc.cursor.skip_space();
    let start = doc.cursor.at();
    let row = into.tag.len();
    let mut lost = false;
    let mut beside = Vec::new();
    let is_field = |key: &[u8]| union.branches.iter().any(|branch| has_field(branch.record, key));
    let entered = doc.record(
        union.wrappers,
        &is_field,
        &mut |doc, name| {
            let found = match name {
                Some(name) => named_branch(union, short_name(name)),
                None => branch_of_fields(doc.clone(), union),
            };
            // One spelling per branch, whatever case its wrapper came in, so that queries find all.
            let known = found.and_then(|index| union.branches.get(index)?.record.wrappers.first().copied());
            into.tag.fill(row + 1, known.or(name.map(short_name)));
            match found.and_then(|index| into.branches.get_mut(index)) {
                Some(branch) => {
                    if let Some(wrapper) = found.and_then(|index| into.wrappers.get_mut(index))
                        && name.is_some()
                        && !doc.is_encrypted()
                    {
                        wrapper.learn(doc, start, start, false, Content::Record);
                    }
                    branch.pad_to(row);
                    fields(doc, branch, notes)
                }
                None => {
                    lost = true;
                    skip_members(doc)
                }
            }
        },
        &mut |key, raw| beside.push((key.to_owned(), raw.to_vec())),
    )?;
    after(entered, beside, notes);
    if lost {
        // Of unknown type: the value is kept whole, its wrapper included.
        let raw = doc.cursor.since(start);
        notes.oddities.unknown_fields += 1;
        notes.keep("", raw);
    }
    Ok(())
}

/// Passes the members of an object that was entered, and its end.
pub fn skip_members(doc: &mut Doc<'_>) -> Result<(), SyntaxError> {
    let mut first = true;
    while doc.cursor.next_key(&mut first)?.is_some() {
        doc.cursor.skip_value()?;
    }
    Ok(())
}

fn named_branch(union: &Union, name: &str) -> Option<usize> {
    let is = |branch: &super::declare::Branch| {
        branch.record.wrappers.iter().any(|wrapper| wrapper.eq_ignore_ascii_case(name))
    };
    union.branches.iter().position(is)
}

/// The branch that knows most of the keys; of equals, the one with the fewest fields.
fn branch_of_fields(mut doc: Doc<'_>, union: &Union) -> Option<usize> {
    let mut known = vec![0usize; union.branches.len()];
    let mut first = true;
    while let Ok(Some(key)) = doc.cursor.next_key(&mut first) {
        for (count, branch) in known.iter_mut().zip(union.branches) {
            *count += usize::from(has_field(branch.record, &key.name()));
        }
        doc.cursor.skip_value().ok()?;
    }
    let rank = |index: &usize| {
        let fields = union.branches.get(*index).map_or(0, |branch| branch.record.fields.len());
        (known.get(*index).copied().unwrap_or_default(), std::cmp::Reverse(fields))
    };
    let best = (0..known.len()).max_by_key(rank)?;
    (rank(&best).0 > 0).then_some(best)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Containers that are kept without a look at their tokens are kept as if there had been one.
        #[test]
        fn json_is_as_by_tokens(
            parts in prop::collection::vec(prop::sample::select(vec![
                "{", "}", "[", "]", "\"a\"", "\"string\"", ":", ": ", ", ", ",", "{ \"string\" : null }", "{\"b\":\"x  y\"}",
                "null", " ", "\n", "\"\u{e9} \"", "\"\\ud800 \"", "\"\\\" \"", "-1.5e3", "[ 1 , { } ]", "{\"k\": [true, {}]}",
            ]), 1..8),
            wrap in any::<bool>(),
        ) {
            let text = parts.concat();
            let text = if wrap { format!("[ {text} ]") } else { text };
            let doc = || Doc::new(text.as_bytes(), &[], 8);
            let (mut quick, mut slow) = (doc(), doc());
            slow.cursor.skip_space();
            let (found, wanted) = (json_value(&mut quick), json_by_tokens(&mut slow));
            prop_assert_eq!(&found, &wanted, "{}", text);
            prop_assert_eq!(quick.cursor.at(), slow.cursor.at());
        }
    }
}
