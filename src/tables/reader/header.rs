//! Headers: the ids of a body.

use std::collections::HashSet;
use std::sync::Arc;

use super::super::builder::{LeadValue, TableBuilder};
use super::super::declare::Lead;
use super::super::extra::Notes;
use super::super::values::{self, unknown_member};
use super::{Reader, is};
use crate::model::Stream;
use crate::records::{Doc, Entered, Scalar, Step, SyntaxError};

/// Ids of a visit or of an agent session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Header {
    pub visit_id: Option<String>,
    pub visitor_id: Option<String>,
    pub context_id: Option<String>,
    pub agent_session_id: Option<String>,
}

/// A header as it was written, and what it says. The bodies of a visit come with the same header each.
#[derive(Debug, Default)]
pub struct KnownHeader {
    /// A whole JSON value, hence the beginning of no other one.
    text: Vec<u8>,
    header: Arc<Header>,
}

/// The header of the current body.
#[derive(Debug, Default)]
pub struct BodyHeader {
    /// The one read last: the next body most likely has it too, and to share it anew costs more than to keep it.
    last: Arc<Header>,
    is_there: bool,
}

impl BodyHeader {
    /// The body has none, or none yet.
    pub fn clear(&mut self) {
        self.is_there = false;
    }

    /// The header, if the body has one.
    pub fn shared(&self) -> Option<&Arc<Header>> {
        self.is_there.then_some(&self.last)
    }

    /// What the header says; nothing where there is none.
    pub fn header(&self) -> &Header {
        static NONE: Header =
            Header { visit_id: None, visitor_id: None, context_id: None, agent_session_id: None };
        self.shared().map_or(&NONE, |header| header)
    }

    fn set(&mut self, header: &Arc<Header>) {
        if !Arc::ptr_eq(&self.last, header) {
            self.last = header.clone();
        }
        self.is_there = true;
    }
}

/// Headers of one record.
#[derive(Debug, Default)]
pub struct Told {
    /// The one added last: bodies of a visit share theirs, and are told by its place in memory alone.
    last: Option<Arc<Header>>,
    all: HashSet<Arc<Header>>,
}

impl Told {
    pub fn clear(&mut self) {
        self.last = None;
        self.all.clear();
    }

    pub fn contains(&self, header: &Arc<Header>) -> bool {
        self.is_last(header) || self.all.contains(header)
    }

    pub fn insert(&mut self, header: &Arc<Header>) {
        if !self.is_last(header) {
            self.all.extend(self.last.replace(header.clone()));
        }
    }

    fn is_last(&self, header: &Arc<Header>) -> bool {
        self.last.as_ref().is_some_and(|last| Arc::ptr_eq(last, header) || last == header)
    }
}

impl Reader {
    pub(super) fn read_header(&mut self, doc: &mut Doc<'_>) -> Result<(), SyntaxError> {
        let start = doc.cursor.at();
        if !doc.is_encrypted()
            && !self.known_header.text.is_empty()
            && doc.cursor.eat(&self.known_header.text)
        {
            self.header.set(&self.known_header.header);
            self.first_header.get_or_insert_with(|| self.known_header.header.clone());
            return Ok(());
        }
        let (oddities, encrypted) = (self.notes.oddities, doc.is_encrypted());
        let Some(header) = self.read_new_header(doc)? else {
            self.header.clear();
            return Ok(());
        };
        let header = Arc::new(header);
        self.header.set(&header);
        self.first_header.get_or_insert_with(|| header.clone());
        // One that left something in `extra` does so each time it comes.
        if oddities == self.notes.oddities && !encrypted {
            self.known_header.text.clear();
            self.known_header.text.extend_from_slice(doc.cursor.since(start));
            self.known_header.header = header;
        }
        Ok(())
    }

    /// `None`: there is no record where the header should be.
    fn read_new_header(&mut self, doc: &mut Doc<'_>) -> Result<Option<Header>, SyntaxError> {
        let mut header = Header::default();
        let mut beside = Vec::new();
        let of_agent = self.origin.stream == Stream::AgentActivity;
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
                    // An id that the stream's tables have no column for is like any other unknown field.
                    let found = slots
                        .into_iter()
                        .zip(&mut seen)
                        .find(|((name, _), _)| is(key, name) && (*name == "agentSessionId") == of_agent);
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
        Ok((entered == Entered::Read).then_some(header))
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

pub(super) fn fill_header(builder: &mut TableBuilder, header: &Header) {
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
