//! Records -> rows: walks an envelope and files what it finds under its tables.
//!
//! ```text
//! record  -> web_sessions row (webSession)                 open until the record is closed
//!   body  -> header ids; list of items -> rows             ids filled when the body is closed
//!     item -> columns of its table; children -> rows of other tables
//! close   -> lineage, counts, extra; or, when the text turns out to be broken, every row is cut back
//! ```
//! What can fail: only the text itself ([`SyntaxError`] with the path in [`Broken`]).

use arrow::error::ArrowError;

use super::bodies::{Body, Detected, body_of_fields, body_of_name, detect};
use super::builder::{LeadValue, RecordLineage, Rows, TableBuilder};
use super::catalog::TABLES;
use super::declare::{Lead, Table};
use super::extra::{Notes, Oddities};
use super::values::{self, find, has_field, is_time, member, next_is, skip_members, unknown_member};
use crate::model::{Scope, Stream};
use crate::records::{
    Cursor, Doc, Entered, Head, Kind, Parts, Path, Scalar, Step, SyntaxError, read_envelope, short_name,
};

/// The part that rows come from.
#[derive(Clone, Debug)]
pub struct Origin {
    pub account: String,
    pub stream: Stream,
    /// Listed name without `.gz`.
    pub file: String,
    pub scope: Scope,
}

/// A record that made no row: where reading stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Byte offset in the record's text.
    pub at: usize,
    pub path: String,
    pub reason: String,
    /// The record is sound but of another data type than its stream.
    pub wrong_type: bool,
}

/// Reads the records of one part into rows.
#[derive(Debug)]
pub struct Reader {
    origin: Origin,
    tables: Vec<TableBuilder>,
    notes: Notes,
    /// Ids of the current body's header, and of the first header of the record.
    header: Header,
    first_header: Option<Header>,
    /// Table and row that carry what lies above items.
    first_row: Option<(usize, usize)>,
    /// Rows of each table before the current record.
    marks: Vec<usize>,
    versions: Vec<String>,
    records: u64,
    max_depth: usize,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Header {
    visit_id: Option<String>,
    visitor_id: Option<String>,
    context_id: Option<String>,
    agent_session_id: Option<String>,
}

impl Reader {
    pub fn new(origin: Origin, max_depth: usize) -> Reader {
        let of_stream = |table: &&&'static Table| table.stream.is_none_or(|s| s == origin.stream);
        let tables: Vec<_> = TABLES.iter().filter(of_stream).map(|table| TableBuilder::new(table)).collect();
        Reader {
            marks: vec![0; tables.len()],
            tables,
            notes: Notes::default(),
            header: Header::default(),
            first_header: None,
            first_row: None,
            versions: Vec::new(),
            records: 0,
            max_depth,
            origin,
        }
    }

    /// Reads one record. `decrypted`: offsets of strings that were decrypted in place.
    ///
    /// # Errors
    /// [`Broken`]: the record is left out whole, nothing of it stays in any table.
    pub fn read(&mut self, text: &[u8], decrypted: &[usize], index: u64) -> Result<(), Broken> {
        for (mark, table) in self.marks.iter_mut().zip(&self.tables) {
            *mark = table.rows();
        }
        let oddities = self.notes.oddities;
        self.notes = Notes { oddities, ..Notes::default() };
        self.first_header = None;
        self.first_row = None;
        if self.origin.stream == Stream::WebSession {
            self.first_row = self.position("web_sessions").map(|table| (table, self.rows(table)));
        }
        let mut doc = Doc::new(text, decrypted, self.max_depth);
        let read = read_envelope(&mut doc, self);
        let broken = match read {
            Ok(head) => match self.wrong_type(&head) {
                None => {
                    self.close_record(head, index);
                    return Ok(());
                }
                Some(reason) => Broken { at: 0, path: "$.dataType".into(), reason, wrong_type: true },
            },
            Err(error) => Broken {
                at: error.at,
                path: self.notes.path.from_root(),
                reason: error.message.into(),
                wrong_type: false,
            },
        };
        for (table, mark) in self.tables.iter_mut().zip(&self.marks) {
            table.truncate(*mark);
        }
        self.notes.oddities = oddities;
        Err(broken)
    }

    /// Records that made rows.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Bytes held by rows, roughly.
    pub fn bytes(&self) -> usize {
        self.tables.iter().map(TableBuilder::bytes).sum()
    }

    /// Hands out all rows and is empty afterwards.
    ///
    /// # Errors
    /// Arrow's: a mistake of this program.
    pub fn drain(&mut self) -> Result<Vec<Rows>, ArrowError> {
        let mut all = Vec::new();
        for table in &mut self.tables {
            all.extend(table.drain(self.origin.scope, &mut self.notes.oddities.misdated)?);
        }
        Ok(all)
    }

    /// What was not understood, and the schema versions met, since the reader was made.
    pub fn findings(&self) -> (Oddities, &[String]) {
        (self.notes.oddities, &self.versions)
    }

    fn wrong_type(&self, head: &Head) -> Option<String> {
        let wanted = self.origin.stream.data_type();
        let found = head.data_type.as_deref()?;
        (!found.eq_ignore_ascii_case(wanted))
            .then(|| format!("the record is of type {:.40}, not {wanted}", found.escape_debug()))
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.tables.iter().position(|builder| builder.table.name == name)
    }

    fn rows(&self, table: usize) -> usize {
        self.tables.get(table).map_or(0, TableBuilder::rows)
    }

    fn close_record(&mut self, head: Head, index: u64) {
        self.records += 1;
        if let Some(version) = &head.schema_version
            && !self.versions.contains(version)
        {
            self.versions.push(version.clone());
        }
        if let Some(account) = head.account_id.filter(|account| *account != self.origin.account) {
            self.notes.oddities.foreign_accounts += 1;
            let mut raw = String::new();
            super::extra::write_text(&account, &mut raw);
            self.notes.above.add("$.metaData.accountId".into(), raw.as_bytes());
        }
        if self.origin.stream == Stream::WebSession {
            self.web_session_row();
        }
        if self.tables.iter().zip(&self.marks).all(|(table, mark)| table.rows() == *mark) {
            self.unrecognized_row(None, None);
        }
        if let Some((table, row)) = self.first_row {
            let above = std::mem::take(&mut self.notes.above);
            if let Some(builder) = self.tables.get_mut(table) {
                builder.add_extra(row, above);
            }
        }
        let lineage = RecordLineage {
            schema_version: head.schema_version.as_deref(),
            start_ms: head.start_ms,
            end_ms: head.end_ms,
            source_file: &self.origin.file,
            source_record: index as i64,
        };
        self.tables.iter_mut().for_each(|table| table.close_record(lineage));
    }

    fn web_session_row(&mut self) {
        let Some(table) = self.position("web_sessions") else { return };
        let header = self.first_header.take().unwrap_or_default();
        let Some(marks) = self.tables.get_mut(table).map(|builder| {
            builder.item.end_row();
            fill_header(builder, &header);
            self.marks.clone()
        }) else {
            return;
        };
        self.count_children(table, &marks);
    }

    /// Appends the counts of a row: rows that tables have beyond `marks`.
    fn count_children(&mut self, table: usize, marks: &[usize]) {
        let Some(counts) = self.tables.get(table).map(|builder| builder.table.counts) else { return };
        for (index, (_, child, _)) in counts.iter().enumerate() {
            let count = self
                .position(child)
                .map_or(0, |child| self.rows(child) - marks.get(child).copied().unwrap_or_default());
            if let Some(builder) = self.tables.get_mut(table) {
                builder.push_count(index, count);
            }
        }
    }

    fn unrecognized_row(&mut self, name: Option<&str>, body: Option<&str>) {
        let Some(table) = self.position("unrecognized") else { return };
        self.note_first_row(table);
        let Some(builder) = self.tables.get_mut(table) else { return };
        let row = builder.rows();
        for (column, text) in builder.item.children.iter_mut().zip([name, body]) {
            if let super::columns::Column::Text(texts) | super::columns::Column::Json(texts) = column {
                texts.fill(row + 1, text);
            }
        }
        builder.item.end_row();
    }

    fn note_first_row(&mut self, table: usize) {
        if self.first_row.is_none() {
            self.first_row = Some((table, self.rows(table)));
        }
    }

    fn read_body(&mut self, doc: &mut Doc<'_>) -> Result<(), SyntaxError> {
        self.header = Header::default();
        let before: Vec<usize> = self.tables.iter().map(TableBuilder::rows).collect();
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
        if let Some(name) = unknown {
            self.notes.oddities.unknown_bodies += 1;
            self.unrecognized_row(name.as_deref(), Some(&super::extra::compact(raw)));
        } else if self.header_is_untold(&before) {
            let mut peek = Doc::new(raw, &[], self.max_depth);
            let name = wrapper_of(&mut peek);
            self.unrecognized_row(name.as_deref(), Some(&super::extra::compact(raw)));
        }
        Ok(())
    }

    /// No row of the body tells its header's ids, and neither does the row of the session.
    fn header_is_untold(&self, before: &[usize]) -> bool {
        let made_rows = self.tables.iter().zip(before).any(|(table, rows)| table.rows() > *rows);
        let told =
            self.origin.stream == Stream::WebSession && self.first_header.as_ref() == Some(&self.header);
        !made_rows && !told && self.header != Header::default()
    }

    /// A body of a published type: a header and one list of items.
    fn listed_body(&mut self, doc: &mut Doc<'_>, body: &'static Body) -> Result<(), SyntaxError> {
        let session = body.row_of_body.and_then(|table| self.position(table));
        if let Some(table) = session {
            self.note_first_row(table);
        }
        let marks: Vec<usize> = self.tables.iter().map(TableBuilder::rows).collect();
        let (mut first, mut seen_header, mut seen_list) = (true, false, false);
        while let Some(key) = doc.cursor.next_key(&mut first)? {
            if is(key.raw, "header") && !seen_header {
                seen_header = true;
                self.read_header(doc)?;
            } else if is(key.raw, body.list) && !seen_list {
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
        let (mut first, mut seen_header) = (true, false);
        while let Some(key) = doc.cursor.next_key(&mut first)? {
            if is(key.raw, "header") && !seen_header {
                seen_header = true;
                // The header lies beside the item, not in it.
                let row = std::mem::take(&mut self.notes.row);
                self.notes.item = None;
                self.read_header(doc)?;
                self.notes.item = Some(self.notes.path.depth());
                self.notes.row = row;
                continue;
            }
            let Some(builder) = self.tables.get_mut(index) else { break };
            match find(builder.item.record.fields, key, 0) {
                Some(field) => member(doc, &mut builder.item, field, &mut self.notes)?,
                None => unknown_member(doc, key, &mut self.notes)?,
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
            if is(key.raw, "header") && !seen_header {
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
            if is(key.raw, "header") && !seen_header {
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

    fn read_header(&mut self, doc: &mut Doc<'_>) -> Result<(), SyntaxError> {
        let mut header = Header::default();
        let mut beside = Vec::new();
        let notes = &mut self.notes;
        notes.path.push(Step::Key("header"));
        let entered = doc.record(
            &["VisitorHeader", "AgentHeader"],
            &|key| [&b"visitId"[..], b"visitorId", b"contextId", b"agentSessionId"].contains(&key),
            &mut |doc, _| {
                let mut seen = [false; 4];
                let mut first = true;
                while let Some(key) = doc.cursor.next_key(&mut first)? {
                    let slots = [
                        ("visitId", &mut header.visit_id),
                        ("visitorId", &mut header.visitor_id),
                        ("contextId", &mut header.context_id),
                        ("agentSessionId", &mut header.agent_session_id),
                    ];
                    let found = slots.into_iter().zip(&mut seen).find(|((name, _), _)| is(key.raw, name));
                    match found {
                        Some(((name, slot), seen)) if !*seen => {
                            *seen = true;
                            *slot = header_id(doc, name, notes)?;
                        }
                        _ => unknown_member(doc, key, notes)?,
                    }
                }
                Ok(())
            },
            &mut |key, raw| beside.push((key.to_owned(), raw.to_vec())),
        )?;
        values::after(entered, beside, notes);
        notes.path.pop();
        if entered == Entered::Read && self.first_header.is_none() {
            self.first_header = Some(header.clone());
        }
        self.header = header;
        Ok::<(), SyntaxError>(())
    }

    fn items(
        &mut self,
        doc: &mut Doc<'_>,
        key: &'static str,
        table: &'static str,
    ) -> Result<(), SyntaxError> {
        self.notes.path.push(Step::Key(key));
        self.item_list(doc, table)?;
        self.notes.path.pop();
        Ok(())
    }

    fn item_list(&mut self, doc: &mut Doc<'_>, table: &'static str) -> Result<(), SyntaxError> {
        let Some(index) = self.position(table) else { return doc.cursor.skip_value().map(|_| ()) };
        let mut beside = Vec::new();
        let entered = doc.array(
            &mut |doc, _| {
                let (mut first, mut seq) = (true, 0);
                while doc.cursor.next_item(&mut first)? {
                    self.notes.path.push(Step::Index(seq));
                    self.one_item(doc, index, seq)?;
                    self.notes.path.pop();
                    seq += 1;
                }
                Ok(())
            },
            &mut |key, raw| beside.push((key.to_owned(), raw.to_vec())),
        )?;
        values::after(entered, beside, &mut self.notes);
        Ok::<(), SyntaxError>(())
    }

    /// One item of a list; null makes no row, what is no record is kept above.
    fn one_item(&mut self, doc: &mut Doc<'_>, index: usize, seq: usize) -> Result<(), SyntaxError> {
        let Some(table) = self.tables.get(index).map(|builder| builder.table) else { return Ok(()) };
        if table.whole {
            return self.whole_item(doc, index, seq);
        }
        let mut beside = Vec::new();
        let entered = doc.record(
            table.record.wrappers,
            &|key| {
                has_field(&table.record, key) || table.children.iter().any(|(name, _)| name.as_bytes() == key)
            },
            &mut |doc, _| self.item(doc, index, seq),
            &mut |key, raw| beside.push((key.to_owned(), raw.to_vec())),
        )?;
        values::after(entered, beside, &mut self.notes);
        Ok::<(), SyntaxError>(())
    }

    fn whole_item(&mut self, doc: &mut Doc<'_>, index: usize, seq: usize) -> Result<(), SyntaxError> {
        let Some(json) = values::json_value(doc)? else { return Ok(()) };
        self.note_first_row(index);
        if let Some(builder) = self.tables.get_mut(index) {
            let rows = builder.rows() + 1;
            if let Some(super::columns::Column::Json(texts)) = builder.item.children.first_mut() {
                texts.fill(rows, Some(&json));
            }
            builder.fill_lead(Lead::Seq, rows, LeadValue::Integer(Some(seq as i64)));
            builder.item.end_row();
        }
        Ok(())
    }

    fn item(&mut self, doc: &mut Doc<'_>, index: usize, seq: usize) -> Result<(), SyntaxError> {
        self.note_first_row(index);
        let Some(table) = self.tables.get(index).map(|builder| builder.table) else { return Ok(()) };
        let parent_item = self.notes.item.replace(self.notes.path.depth());
        let parent_row = std::mem::take(&mut self.notes.row);
        let marks: Vec<usize> = if table.children.is_empty() {
            Vec::new()
        } else {
            self.tables.iter().map(TableBuilder::rows).collect()
        };
        let mut met = [false; 8];
        let (mut first, mut guess) = (true, 0);
        loop {
            let Some(builder) = self.tables.get_mut(index) else { break };
            if next_is(doc, table.record.fields, guess, &mut first) {
                member(doc, &mut builder.item, guess, &mut self.notes)?;
                guess += 1;
                continue;
            }
            let Some(key) = doc.cursor.next_key(&mut first)? else { break };
            if let Some(field) = find(table.record.fields, key, guess) {
                guess = field + 1;
                member(doc, &mut builder.item, field, &mut self.notes)?;
                continue;
            }
            let child = table.children.iter().zip(&mut met).find(|((name, _), _)| is(key.raw, name));
            match child {
                Some(((name, child), met)) if !*met => {
                    *met = true;
                    self.items(doc, name, child)?;
                }
                _ => unknown_member(doc, key, &mut self.notes)?,
            }
        }
        if let Some(builder) = self.tables.get_mut(index) {
            let rows = builder.rows() + 1;
            builder.fill_lead(Lead::Seq, rows, LeadValue::Integer(Some(seq as i64)));
        }
        if !table.children.is_empty() {
            self.lead_children(index, table);
            self.count_children(index, &marks);
        }
        self.end_item(index);
        self.notes.item = parent_item;
        self.notes.row = parent_row;
        Ok(())
    }

    /// Rows of child tables get the ids of their parent, whose row is about to be closed.
    fn lead_children(&mut self, index: usize, table: &'static Table) {
        let Some(builder) = self.tables.get(index) else { return };
        let row = builder.rows();
        let column = |name: &str| {
            let field = table.record.fields.iter().position(|field| field.name == name)?;
            builder.item.children.get(field)
        };
        let text = |name: &str| match column(name) {
            Some(super::columns::Column::Text(texts)) => texts.get(row).map(str::to_owned),
            _ => None,
        };
        let integer = |name: &str| match column(name) {
            Some(super::columns::Column::Int64(values)) => values.get(row),
            Some(super::columns::Column::Int32(values)) => values.get(row).map(i64::from),
            _ => None,
        };
        let conversation = text("conversation_id");
        let (survey, survey_type) = (integer("id"), integer("type"));
        for (_, child) in table.children {
            let Some(child) = self.position(child).and_then(|child| self.tables.get_mut(child)) else {
                continue;
            };
            let rows = child.rows();
            child.fill_lead(Lead::ConversationId, rows, LeadValue::Text(conversation.as_deref()));
            child.fill_lead(Lead::SurveyId, rows, LeadValue::Integer(survey));
            child.fill_lead(Lead::SurveyType, rows, LeadValue::Integer(survey_type));
        }
    }

    fn end_item(&mut self, index: usize) {
        let extra = std::mem::take(&mut self.notes.row);
        if let Some(builder) = self.tables.get_mut(index) {
            let row = builder.rows();
            builder.item.end_row();
            builder.add_extra(row, extra);
        }
    }
}

impl Parts for Reader {
    fn path(&mut self) -> &mut Path {
        &mut self.notes.path
    }

    fn body(&mut self, index: usize, doc: &mut Doc<'_>) -> Result<(), SyntaxError> {
        self.read_body(doc)?;
        let web_sessions = self.position("web_sessions");
        let header = std::mem::take(&mut self.header);
        for (table, builder) in self.tables.iter_mut().enumerate() {
            if Some(table) != web_sessions {
                fill_header(builder, &header);
                builder.close_body(Some(index as i64));
            }
        }
        Ok(())
    }

    fn beside(&mut self, key: &str, raw: &[u8], known: bool) {
        if known {
            self.notes.oddities.mistyped += 1;
        } else {
            self.notes.oddities.unknown_fields += 1;
        }
        self.notes.keep(key, raw);
    }

    fn is_time(&self, ms: i64) -> bool {
        is_time(ms)
    }
}

fn fill_header(builder: &mut TableBuilder, header: &Header) {
    let rows = builder.rows();
    for (lead, id) in [
        (Lead::VisitId, &header.visit_id),
        (Lead::VisitorId, &header.visitor_id),
        (Lead::ContextId, &header.context_id),
        (Lead::AgentSessionId, &header.agent_session_id),
    ] {
        builder.fill_lead(lead, rows, LeadValue::Text(id.as_deref()));
    }
}

fn header_id(
    doc: &mut Doc<'_>,
    name: &'static str,
    notes: &mut Notes,
) -> Result<Option<String>, SyntaxError> {
    doc.cursor.skip_space();
    let start = doc.cursor.at();
    let id = match doc.scalar(&[])? {
        Scalar::Null => return Ok(None),
        Scalar::Number(number) => Some(number.to_owned()),
        Scalar::Text(text) | Scalar::Decrypted(text) => text.decode().ok().map(|text| text.into_owned()),
        _ => None,
    };
    if id.is_none() {
        notes.path.push(Step::Key(name));
        notes.misfit(doc.cursor.since(start));
        notes.path.pop();
    }
    Ok(id)
}

fn is(key: &[u8], name: &str) -> bool {
    key == name.as_bytes() || key.eq_ignore_ascii_case(name.as_bytes())
}

/// The published body whose list the members name, for a body without its wrapper.
fn body_of_members(mut doc: Doc<'_>, stream: Stream) -> Option<&'static Body> {
    let mut first = true;
    while let Ok(Some(key)) = doc.cursor.next_key(&mut first) {
        if let Some(body) = body_of_fields(stream, key.raw) {
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
    key.raw.contains(&b'.').then(|| key.decode_lossy().into_owned())
}

fn is_array(doc: &Doc<'_>) -> bool {
    let mut cursor: Cursor<'_> = doc.cursor.clone();
    match cursor.kind() {
        Ok(Kind::Array) => true,
        Ok(Kind::Object) => {
            let key = cursor.begin_object().and_then(|()| cursor.next_key(&mut true));
            matches!(key, Ok(Some(key)) if is(key.raw, "array")) && cursor.kind() == Ok(Kind::Array)
        }
        _ => false,
    }
}

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;
