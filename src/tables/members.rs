//! Members of a record -> values of its columns, in the order and the dress in which they came last.
//!
//! ```text
//! ,"agentID":{"long":   47   },"url":{"string":"   https://…   "}
//! opening: compared     read   opening              read
//! ```
//! What comes in another way is read token by token (`values`), which also tells what it means; how it came is
//! learned then. Both ways make the same of the same text.

use super::columns::{Column, List, Struct, UnionColumns};
use super::declare::{Field, Kind, Union};
use super::extra::Notes;
use super::values::{self, find, number, push_integer, unknown_member};
use crate::records::{Closing, Content, Doc, Met, Opening, Step, SyntaxError, Text};

/// Where we stand in the members of a record.
#[derive(Debug)]
pub struct Place {
    /// No member was read yet.
    first: bool,
    /// Index of the field that most likely comes next.
    guess: usize,
    /// Index of the field that was read last.
    last: Option<usize>,
    /// How many fields were read.
    fields: usize,
}

impl Place {
    /// Behind the opening brace.
    #[inline]
    pub fn start_of(record: &Struct) -> Place {
        Place { first: true, guess: record.start, last: None, fields: 0 }
    }

    /// How many fields were read, repeated ones too.
    pub fn fields(&self) -> usize {
        self.fields
    }
}

/// Where a value goes, and where it stands.
#[derive(Clone, Copy)]
struct At {
    row: usize,
    /// Offset of the value, behind its key.
    value: usize,
    step: Step,
}

/// Reads the fields of a record into the columns of `into`, up to and including the closing brace.
pub fn fields(doc: &mut Doc<'_>, into: &mut Struct, notes: &mut Notes) -> Result<(), SyntaxError> {
    let mut place = Place::start_of(into);
    while let Some(key) = known_fields(doc, into, &mut place, notes)? {
        unknown_member(doc, key, notes)?;
    }
    into.end_row();
    Ok(())
}

/// Reads fields of a record up to a key that is none of them, which is given, or to the closing brace, which is
/// passed.
pub fn known_fields<'a>(
    doc: &mut Doc<'a>,
    into: &mut Struct,
    place: &mut Place,
    notes: &mut Notes,
) -> Result<Option<Text<'a>>, SyntaxError> {
    let row = into.len();
    loop {
        let (before, first, guess) = (doc.cursor.at(), place.first, place.guess);
        if let (Some(column), Some(habit)) = (into.children.get_mut(guess), into.habits.get_mut(guess)) {
            let met = doc.pass(&habit.opening, first);
            if met != Met::Nothing {
                *place =
                    Place { first: false, guess: habit.next, last: Some(guess), fields: place.fields + 1 };
                if met == Met::All && plain(doc, column, &habit.opening, row) {
                    continue;
                }
                let (field, value) = (habit.field, before + habit.opening.key());
                let at = At { row, value, step: Step::Key(field.json) };
                if column.len() > row || !usual(doc, column, field.kind, &habit.opening, met, at, notes)? {
                    doc.cursor.rewind(value);
                    unusual(doc, column, field, row, notes)?;
                    learn(&mut habit.opening, doc, before, value, first, column);
                }
                continue;
            }
        }
        if doc.cursor.eat(b"}") {
            return Ok(None);
        }
        let Some(key) = doc.cursor.next_key(&mut place.first)? else { return Ok(None) };
        let Some(index) = find(into.record.fields, key, guess) else { return Ok(Some(key)) };
        match place.last.replace(index) {
            Some(last) => into.habits.get_mut(last).into_iter().for_each(|habit| habit.next = index),
            None => into.start = index,
        }
        let found = (into.record.fields.get(index), into.children.get_mut(index), into.habits.get_mut(index));
        if let (Some(field), Some(column), Some(habit)) = found {
            let value = doc.cursor.at();
            unusual(doc, column, field, row, notes)?;
            learn(&mut habit.opening, doc, before, value, first, column);
            place.guess = habit.next;
            place.fields += 1;
        }
    }
}

/// Reads the value of a field token by token.
fn unusual(
    doc: &mut Doc<'_>,
    column: &mut Column,
    field: &Field,
    row: usize,
    notes: &mut Notes,
) -> Result<(), SyntaxError> {
    notes.path.push(Step::Key(field.json));
    if column.len() > row {
        let again = doc.cursor.skip_value()?;
        notes.misfit(again);
    } else {
        column.pad(row);
        values::value(doc, column, field.kind, notes)?;
        column.pad(row + 1);
    }
    notes.path.pop();
    Ok(())
}

/// Learns how a value that was read came, unless that is known, or there is nothing to be learned.
fn learn(opening: &mut Opening, doc: &Doc<'_>, before: usize, value: usize, first: bool, column: &Column) {
    let content = match column {
        Column::Int32(_) | Column::Int64(_) | Column::Time(_) | Column::Float64(_) | Column::Boolean(..) => {
            Content::Word
        }
        Column::Text(_) => Content::Text,
        Column::List(_) => Content::Array,
        Column::Struct(_) => Content::Record,
        Column::Json(_) | Column::Union(_) => Content::Any,
    };
    opening.learn(doc, before, value, first, content);
}

/// Reads a text or an integer behind its whole opening, if it is written plainly and fits. Else the document stands
/// anywhere behind the value's beginning.
#[inline(always)]
fn plain(doc: &mut Doc<'_>, column: &mut Column, opening: &Opening, row: usize) -> bool {
    let closing = &opening.closing;
    match column {
        Column::Text(texts) if opening.has_content() => {
            doc.plain_text(closing).is_some_and(|text| texts.push_at(row, text))
        }
        Column::Int64(_) | Column::Time(_) | Column::Int32(_) => {
            doc.plain_integer(closing).is_some_and(|number| push_integer(column, row, number))
        }
        _ => false,
    }
}

/// Reads another value behind as much of its opening as was met, if it comes as it mostly does and fits; else the
/// document stands anywhere behind the value's beginning.
fn usual(
    doc: &mut Doc<'_>,
    column: &mut Column,
    kind: Kind,
    opening: &Opening,
    met: Met,
    at: At,
    notes: &mut Notes,
) -> Result<bool, SyntaxError> {
    doc.cursor.rewind(at.value);
    if met == Met::All {
        doc.enter(opening);
        if usual_content(doc, column, kind, opening, at, notes)? {
            return Ok(true);
        }
        doc.cursor.rewind(at.value);
    }
    if doc.plain_null() {
        return Ok(column.push_null_at(at.row));
    }
    match (&mut *column, kind) {
        (Column::Struct(inner), _) if enters(doc, inner) => record(doc, inner, None, at, notes)?,
        (Column::Union(into), Kind::Union(union)) => {
            let found = into.wrappers.iter().position(|wrapper| passes(doc, wrapper));
            let Some(index) = found else { return Ok(false) };
            branch(doc, into, union, index, at, notes)?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// Passes the brace of a bare record that begins with the field that came first last time; else nothing.
#[inline]
pub fn enters(doc: &mut Doc<'_>, record: &Struct) -> bool {
    record.habits.get(record.start).is_some_and(|habit| doc.pass_brace(&habit.opening))
}

/// Passes a wrapper's opening, inner brace and all; else nothing.
#[inline]
pub fn passes(doc: &mut Doc<'_>, wrapper: &Opening) -> bool {
    wrapper.has_content() && doc.pass(wrapper, false) == Met::All
}

/// Reads what stands behind a whole opening, but for what is plain.
#[inline]
fn usual_content(
    doc: &mut Doc<'_>,
    column: &mut Column,
    kind: Kind,
    opening: &Opening,
    at: At,
    notes: &mut Notes,
) -> Result<bool, SyntaxError> {
    let (row, closing) = (at.row, &opening.closing);
    Ok(match column {
        Column::Text(texts) if opening.has_content() => {
            texts.push_read_at(row, doc.cursor.left(), |onto| doc.escaped_text(closing, onto))
        }
        Column::Float64(values) => {
            doc.plain_number(closing).and_then(number).is_some_and(|number| values.push_at(row, number))
        }
        Column::Boolean(..) => {
            doc.plain_boolean(closing).is_some_and(|value| column.push_boolean_at(row, value))
        }
        Column::List(into) if opening.has_content() => {
            let Kind::List(item) = kind else { return Ok(false) };
            notes.path.push(at.step);
            into.pad(row);
            items(doc, into, *item, notes)?;
            close(doc, Some(closing), notes)?;
            notes.path.pop();
            true
        }
        Column::Struct(inner) if opening.has_content() => {
            record(doc, inner, Some(closing), at, notes)?;
            true
        }
        _ => false,
    })
}

/// Reads a record that was entered, and the end of its wrapper.
fn record(
    doc: &mut Doc<'_>,
    into: &mut Struct,
    closing: Option<&Closing>,
    at: At,
    notes: &mut Notes,
) -> Result<(), SyntaxError> {
    notes.path.push(at.step);
    into.pad_to(at.row);
    fields(doc, into, notes)?;
    close(doc, closing, notes)?;
    notes.path.pop();
    Ok(())
}

/// Reads a union whose branch was told by its wrapper and entered.
fn branch(
    doc: &mut Doc<'_>,
    into: &mut UnionColumns,
    union: &Union,
    index: usize,
    at: At,
    notes: &mut Notes,
) -> Result<(), SyntaxError> {
    let name = union.branches.get(index).and_then(|branch| branch.record.wrappers.first().copied());
    into.tag.fill(at.row, None);
    into.tag.fill(at.row + 1, name);
    match (into.branches.get_mut(index), into.wrappers.get(index)) {
        (Some(branch), Some(wrapper)) => record(doc, branch, Some(&wrapper.closing), at, notes),
        _ => Ok(()),
    }
}

/// Passes the end of a wrapper, if there is one, and keeps what stands beside its content.
pub fn close(doc: &mut Doc<'_>, closing: Option<&Closing>, notes: &mut Notes) -> Result<(), SyntaxError> {
    if let Some(closing) = closing
        && !doc.pass_closing(closing)
    {
        let mut beside = Vec::new();
        doc.leave(false, &mut |key, raw| beside.push((key.to_owned(), raw.to_vec())))?;
        beside.iter().for_each(|(key, raw)| notes.unknown(key, raw));
    }
    Ok(())
}

/// Reads the items of an array that was entered, up to and including its end.
pub fn items(doc: &mut Doc<'_>, into: &mut List, item: Kind, notes: &mut Notes) -> Result<(), SyntaxError> {
    let (mut first, mut index, before) = (true, 0, into.item.len());
    while doc.cursor.next_item(&mut first)? {
        doc.cursor.skip_space();
        let at = At { row: before + index, value: doc.cursor.at(), step: Step::Index(index) };
        let met = doc.pass(&into.opening, false);
        let is_plain = met == Met::All && plain(doc, &mut into.item, &into.opening, at.row);
        if !is_plain && !usual(doc, &mut into.item, item, &into.opening, met, at, notes)? {
            doc.cursor.rewind(at.value);
            notes.path.push(at.step);
            values::value(doc, &mut into.item, item, notes)?;
            notes.path.pop();
            learn(&mut into.opening, doc, at.value, at.value, false, &into.item);
        }
        index += 1;
        into.item.pad(before + index);
    }
    into.end_row();
    Ok(())
}
