//! One body of a record: told by its wrapper's name, by its list, or by its fields.

use super::super::bodies::{Body, Detected, body_of_fields, body_of_name, detect};
use super::super::builder::TableBuilder;
use super::super::extra::{Notes, compact_opened};
use super::super::members::{Place, known_fields};
use super::super::values::{self, skip_members, unknown_member};
use super::header::Header;
use super::{Reader, Untold, is};
use crate::model::Stream;
use crate::records::{Doc, Entered, Step, SyntaxError, short_name};

impl Reader {
    pub(super) fn read_body(&mut self, index: usize, doc: &mut Doc<'_>) -> Result<(), SyntaxError> {
        self.header = self.known_header.none();
        let before = self.all_rows();
        doc.cursor.skip_space();
        let start = doc.cursor.at();
        let stream = self.origin.stream;
        let mut beside = Vec::new();
        let mut unknown: Option<Option<String>> = None;
        let entered = doc.record(
            Body::wrappers(stream),
            &|key| key == b"header" || body_of_fields(stream, key).is_some(),
            &mut |doc, name| {
                let known = match name {
                    Some(name) => body_of_name(stream, short_name(name)),
                    None => body_of_members(doc.clone(), stream),
                };
                let known = match known {
                    Some(body) => Some(Detected::List(body)),
                    None if stream == Stream::WebSession => detect(doc.clone(), name.unwrap_or_default()),
                    None => None,
                };
                match known {
                    Some(Detected::List(body)) => self.listed_body(doc, body),
                    Some(Detected::Direct(table)) => self.direct_body(doc, table),
                    Some(Detected::Member(table, key)) => self.member_body(doc, table, &key),
                    None => {
                        unknown = Some(name.map(str::to_owned));
                        self.unknown_body(doc)
                    }
                }
            },
            &mut |key, raw| beside.push((key.to_owned(), raw.to_vec())),
        )?;
        values::after(entered, beside, &mut self.notes);
        if entered != Entered::Read {
            return Ok(());
        }
        let raw = doc.cursor.since(start);
        let json = || compact_opened(raw, &|quote| doc.is_decrypted_at(start + quote));
        if let Some(name) = unknown {
            self.notes.oddities.unknown_bodies += 1;
            self.unrecognized_row(name.as_deref(), Some(&json()));
        } else if *self.header != Header::default() && !self.told.contains(&self.header) {
            if self.all_rows() > before {
                self.told.insert(self.header.clone());
            } else {
                let name = wrapper_of(&mut Doc::new(raw, &[], self.max_depth));
                let header = self.header.clone();
                self.untold.push(Untold { index, header, name, body: json() });
            }
        }
        Ok(())
    }

    /// A body of a published type: a header and one list of items.
    fn listed_body(&mut self, doc: &mut Doc<'_>, body: &'static Body) -> Result<(), SyntaxError> {
        let session = body.row_of_body.and_then(|table| self.position(table));
        if let Some(table) = session {
            self.note_first_row(table);
        }
        let marks: Vec<usize> =
            session.iter().flat_map(|_| self.tables.iter().map(TableBuilder::rows)).collect();
        let (mut first, mut seen_header, mut seen_list) = (true, false, false);
        while let Some(key) = doc.cursor.next_key(&mut first)? {
            if is(key, "header") && !seen_header {
                seen_header = true;
                self.read_header(doc)?;
            } else if is(key, body.list) && !seen_list {
                seen_list = true;
                self.items(doc, body.list, body.table)?;
            } else {
                unknown_member(doc, key, &mut self.notes)?;
            }
        }
        if let Some(table) = session {
            if let Some(builder) = self.tables.get_mut(table) {
                builder.item.end_row();
            }
            self.count_children(table, &marks);
        }
        Ok(())
    }

    /// A body whose fields make one row (geo, session info).
    fn direct_body(&mut self, doc: &mut Doc<'_>, table: &'static str) -> Result<(), SyntaxError> {
        let Some(index) = self.position(table) else { return skip_members(doc) };
        self.note_first_row(index);
        let item = self.notes.item.replace(self.notes.path.depth());
        let Some(mut place) = self.tables.get(index).map(|builder| Place::start_of(&builder.item)) else {
            return Ok(());
        };
        let mut seen_header = false;
        while let Some(builder) = self.tables.get_mut(index) {
            let Some(key) = known_fields(doc, &mut builder.item, &mut place, &mut self.notes)? else { break };
            if is(key, "header") && !seen_header {
                seen_header = true;
                // The header lies beside the item, not in it.
                let row = std::mem::take(&mut self.notes.row);
                self.notes.item = None;
                self.read_header(doc)?;
                self.notes.item = Some(self.notes.path.depth());
                self.notes.row = row;
            } else {
                unknown_member(doc, key, &mut self.notes)?;
            }
        }
        self.end_item(index);
        self.notes.item = item;
        Ok(())
    }

    /// A body whose fields lie in one of its members: a record, or an array of records.
    fn member_body(
        &mut self,
        doc: &mut Doc<'_>,
        table: &'static str,
        member: &str,
    ) -> Result<(), SyntaxError> {
        let (mut first, mut seen_header, mut seen_member) = (true, false, false);
        while let Some(key) = doc.cursor.next_key(&mut first)? {
            if is(key, "header") && !seen_header {
                seen_header = true;
                self.read_header(doc)?;
            } else if !seen_member && key.decode_lossy() == member {
                seen_member = true;
                self.notes.path.push(Step::Key("data"));
                if is_array(doc) {
                    self.item_list(doc, table)?;
                } else {
                    let Some(index) = self.position(table) else { return skip_members(doc) };
                    self.one_item(doc, index, 0)?;
                }
                self.notes.path.pop();
            } else {
                unknown_member(doc, key, &mut self.notes)?;
            }
        }
        Ok(())
    }

    /// A body of unknown type: its header is read for the ids of the session, the body is kept whole.
    fn unknown_body(&mut self, doc: &mut Doc<'_>) -> Result<(), SyntaxError> {
        let (mut first, mut seen_header) = (true, false);
        while let Some(key) = doc.cursor.next_key(&mut first)? {
            if is(key, "header") && !seen_header {
                seen_header = true;
                // What the header holds beside its ids is kept with the body.
                let path = std::mem::take(&mut self.notes.path);
                let notes = std::mem::replace(&mut self.notes, Notes { path, ..Notes::default() });
                let read = self.read_header(doc);
                let path = std::mem::take(&mut self.notes.path);
                self.notes = Notes { path, ..notes };
                read?;
            } else {
                doc.cursor.skip_value()?;
            }
        }
        Ok(())
    }
}

/// The published body whose list the members name, for a body without its wrapper.
fn body_of_members(mut doc: Doc<'_>, stream: Stream) -> Option<&'static Body> {
    let mut first = true;
    while let Ok(Some(key)) = doc.cursor.next_key(&mut first) {
        if let Some(body) = body_of_fields(stream, &key.name()) {
            return Some(body);
        }
        doc.cursor.skip_value().ok()?;
    }
    None
}

/// Name of the single key that wraps an object.
fn wrapper_of(doc: &mut Doc<'_>) -> Option<String> {
    doc.cursor.begin_object().ok()?;
    let key = doc.cursor.next_key(&mut true).ok()??;
    key.name().contains(&b'.').then(|| key.decode_lossy().into_owned())
}

/// Whether the next value is an array, in whatever dress.
fn is_array(doc: &Doc<'_>) -> bool {
    let mut pass = |doc: &mut Doc<'_>, _: Option<&str>| {
        let mut first = true;
        while doc.cursor.next_item(&mut first)? {
            doc.cursor.skip_value()?;
        }
        Ok::<(), SyntaxError>(())
    };
    doc.clone().array(&mut pass, &mut |_, _| {}) == Ok(Entered::Read)
}
