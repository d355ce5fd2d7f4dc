//! One body of a record: told by its wrapper's name, by its list, or by its fields.

use super::super::bodies::{Body, Detected, body_of_fields, body_of_name, detect};
use super::super::builder::TableBuilder;
use super::super::extra::{Notes, compact_opened};
use super::super::members::{Place, close, known_fields, passes};
use super::super::values::{self, skip_members, unknown_member};
use super::header::Header;
use super::{Reader, Untold, is};
use crate::model::Stream;
use crate::records::{Content, Doc, Entered, Opening, Step, SyntaxError, short_name};

/// Kinds of bodies that are remembered.
const MAX_KNOWN: usize = 16;

/// A kind of body that came before.
#[derive(Debug)]
pub struct KnownBody {
    /// As sent.
    name: String,
    wrapper: Opening,
    makes: Makes,
}

/// What a kind of body made.
#[derive(Clone, Copy, Debug)]
enum Makes {
    Items(&'static Body),
    /// Most likely: its fields tell.
    Row(&'static str),
}

impl Reader {
    pub(super) fn read_body(&mut self, index: usize, doc: &mut Doc<'_>) -> Result<(), SyntaxError> {
        self.header.clear();
        doc.cursor.skip_space();
        let start = doc.cursor.at();
        let stream = self.origin.stream;
        let mut beside = Vec::new();
        let mut unknown: Option<Option<String>> = None;
        let entered = if self.known_body(doc, start)? {
            Entered::Read
        } else {
            doc.record(
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
                    if let Some(name) = name {
                        self.learn_body(doc, start, name, known.as_ref());
                    }
                    match known {
                        Some(Detected::List(body)) => self.listed_body(doc, body),
                        Some(Detected::Direct(table)) => self.direct_body(doc, table, false).map(drop),
                        Some(Detected::Member(table, key)) => self.member_body(doc, table, &key),
                        None => {
                            unknown = Some(name.map(str::to_owned));
                            self.unknown_body(doc)
                        }
                    }
                },
                &mut |key, raw| beside.push((key.to_owned(), raw.to_vec())),
            )?
        };
        values::after(entered, beside, &mut self.notes);
        if entered != Entered::Read {
            return Ok(());
        }
        let raw = doc.cursor.since(start);
        let json = || compact_opened(raw, &|quote| doc.is_decrypted_at(start + quote));
        if let Some(name) = unknown {
            self.notes.oddities.unknown_bodies += 1;
            self.unrecognized_row(name.as_deref(), Some(&json()));
        } else if let Some(header) = self.header.shared()
            && **header != Header::default()
            && !self.told.contains(header)
        {
            if self.made.0.is_empty() {
                let name = wrapper_of(&mut Doc::new(raw, &[], self.max_depth));
                self.untold.push(Untold { index, header: header.clone(), name, body: json() });
            } else {
                self.told.insert(header);
            }
        }
        Ok(())
    }

    /// Reads a body in a wrapper that came before, if it is of the same kind again; else nothing.
    fn known_body(&mut self, doc: &mut Doc<'_>, start: usize) -> Result<bool, SyntaxError> {
        let Some(index) = self.known_bodies.iter().position(|body| passes(doc, &body.wrapper)) else {
            return Ok(false);
        };
        match self.known_bodies.get(index).map(|body| body.makes) {
            Some(Makes::Items(body)) => self.listed_body(doc, body)?,
            Some(Makes::Row(table)) if self.direct_body_again(doc, table) => {}
            _ => {
                doc.cursor.rewind(start);
                return Ok(false);
            }
        }
        let closing = self.known_bodies.get(index).map(|body| &body.wrapper.closing);
        close(doc, closing, &mut self.notes)?;
        Ok(true)
    }

    /// Learns what bodies in this wrapper make. The document stands inside it, `start` is where it begins.
    fn learn_body(&mut self, doc: &Doc<'_>, start: usize, name: &str, detected: Option<&Detected>) {
        let makes = match detected {
            Some(Detected::List(body)) => Makes::Items(body),
            Some(Detected::Direct(table)) => Makes::Row(table),
            _ => return,
        };
        if doc.is_encrypted() {
            return;
        }
        let index = self.known_bodies.iter().position(|body| body.name == name).unwrap_or_else(|| {
            // Of names that nobody published there may be any number.
            self.known_bodies.truncate(MAX_KNOWN - 1);
            self.known_bodies.push(KnownBody { name: name.to_owned(), wrapper: Opening::UNKNOWN, makes });
            self.known_bodies.len() - 1
        });
        if let Some(body) = self.known_bodies.get_mut(index) {
            body.makes = makes;
            body.wrapper.learn(doc, start, start, false, Content::Record);
        }
    }

    /// Reads a body as a row of this table, if nothing but the header and two or more fields of the table are in it:
    /// then no other table can be meant. Else nothing is passed, and nothing stays of it.
    fn direct_body_again(&mut self, doc: &mut Doc<'_>, table: &'static str) -> bool {
        let Some(index) = self.position(table) else { return false };
        let (at, rows) = (doc.cursor.at(), self.rows(index));
        let (first_row, is_first_header) = (self.first_row, self.first_header.is_none());
        let (depth, mark) = (self.notes.path.depth(), self.notes.mark());
        if let Ok(true) = self.direct_body(doc, table, true) {
            return true;
        }
        doc.cursor.rewind(at);
        self.header.clear();
        self.first_header.take_if(|_| is_first_header);
        self.first_row = first_row;
        self.notes.path.truncate(depth);
        self.notes.go_back(mark);
        if let Some(builder) = self.tables.get_mut(index) {
            builder.item.truncate(rows);
        }
        false
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
                self.made.0.add(table);
            }
            self.count_children(table, &marks);
        }
        Ok(())
    }

    /// A body whose fields make one row (geo, session info). With `only_fields` it is left, and false given, where
    /// anything else is met or less than two fields are.
    fn direct_body(
        &mut self,
        doc: &mut Doc<'_>,
        table: &'static str,
        only_fields: bool,
    ) -> Result<bool, SyntaxError> {
        let Some(index) = self.position(table) else { return skip_members(doc).map(|()| true) };
        self.note_first_row(index);
        let item = self.notes.item.replace(self.notes.path.depth());
        let Some(mut place) = self.tables.get(index).map(|builder| Place::start_of(&builder.item)) else {
            return Ok(false);
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
            } else if only_fields {
                return Ok(false);
            } else {
                unknown_member(doc, key, &mut self.notes)?;
            }
        }
        if only_fields && place.fields() < 2 {
            return Ok(false);
        }
        self.end_item(index);
        self.notes.item = item;
        Ok(true)
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
