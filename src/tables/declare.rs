//! How a table is declared: one line per column, from which the Arrow schema, the parser's routing,
//! the documentation and the DDL all follow.
//!
//! ```text
//! field("agentID", "agent_id", Kind::Int64, "agent id")
//!       JSON key   column      type         documentation
//! ```
//! Columns are for ever: only added (before `extra`), never renamed, retyped or removed.

use crate::model::Stream;

/// Type of a column.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Int32,
    Int64,
    Float64,
    Boolean,
    /// Milliseconds since 1970, UTC.
    Time,
    Text,
    /// JSON text, for records whose fields are not published.
    Json,
    List(&'static Kind),
    Struct(&'static Record),
    /// A union of records: a text column with the branch's name, and one nullable struct per branch.
    Union(&'static Union),
}

/// A record of the service.
#[derive(Debug)]
pub struct Record {
    /// Short names of the wrapper it may come in.
    pub wrappers: &'static [&'static str],
    pub fields: &'static [Field],
}

/// A field of a record.
#[derive(Debug)]
pub struct Field {
    /// Key in the JSON text.
    pub json: &'static str,
    /// Name of the column.
    pub name: &'static str,
    pub kind: Kind,
    pub doc: &'static str,
    /// Published meanings of a coded value, as text.
    pub codes: &'static [(&'static str, &'static str)],
}

impl Field {
    /// With the published meanings of its codes.
    pub const fn coded(mut self, codes: &'static [(&'static str, &'static str)]) -> Field {
        self.codes = codes;
        self
    }
}

/// A union of records inside an item.
#[derive(Debug)]
pub struct Union {
    /// Column that tells the branch.
    pub tag: &'static str,
    pub tag_doc: &'static str,
    /// Short names of all wrappers of all branches.
    pub wrappers: &'static [&'static str],
    pub branches: &'static [Branch],
}

/// One branch of a union: its struct column.
#[derive(Debug)]
pub struct Branch {
    pub name: &'static str,
    pub doc: &'static str,
    /// The record; its first wrapper is the branch's name.
    pub record: &'static Record,
}

/// A column that is not a field of the item: its value comes from what stands around the item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lead {
    VisitId,
    VisitorId,
    ContextId,
    AgentSessionId,
    ConversationId,
    SurveyId,
    SurveyType,
    /// Position of the item in its array, counting from 0.
    Seq,
}

impl Lead {
    pub fn name(self) -> &'static str {
        match self {
            Lead::VisitId => "visit_id",
            Lead::VisitorId => "visitor_id",
            Lead::ContextId => "context_id",
            Lead::AgentSessionId => "agent_session_id",
            Lead::ConversationId => "conversation_id",
            Lead::SurveyId => "survey_id",
            Lead::SurveyType => "survey_type",
            Lead::Seq => "seq",
        }
    }

    pub fn kind(self) -> Kind {
        match self {
            Lead::SurveyId | Lead::Seq => Kind::Int64,
            Lead::SurveyType => Kind::Int32,
            _ => Kind::Text,
        }
    }

    pub fn doc(self) -> &'static str {
        match self {
            Lead::VisitId => "visit, from the body's header; empty in the published chats and surveys",
            Lead::VisitorId => "visitor, from the body's header; empty in the published chats and surveys",
            Lead::ContextId => "context, from the body's header",
            Lead::AgentSessionId => "agent session, from the body's header",
            Lead::ConversationId => "conversation that the row belongs to",
            Lead::SurveyId => "survey that the answer belongs to",
            Lead::SurveyType => "type of the survey that the answer belongs to",
            Lead::Seq => "position in its list, counting from 0",
        }
    }
}

/// Whose time decides the partition of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnTime {
    /// A field of the row.
    Field(&'static str),
    /// `record_start_time`.
    Record,
}

/// What the service does when it tells a row of a table again, and so what the view `<table>_latest` shows.
/// The lake itself keeps every row that was sent.
#[derive(Clone, Copy, Debug)]
pub enum Again {
    /// Nothing tells a row from its repetition: there is no such view.
    Untold,
    /// A row is the state of a thing: a later one of the same key takes the place of the earlier.
    Replaced(Key),
    /// A row is an event, and records tell events in pieces: one that a later record tells again is shown
    /// once. What one record tells twice is kept twice.
    Repeated(Key),
    /// A row is part of a row of another table, and is shown when that one is.
    With(Parent),
}

/// What makes two rows of an account the same thing.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Columns that must be there: a row without one of them (null, or empty text) cannot be told again, and
    /// is always shown.
    pub ids: &'static [&'static str],
    /// Further columns, which may be null: null equals null.
    pub also: &'static [&'static str],
}

/// Where the parts of a row belong.
#[derive(Clone, Copy, Debug)]
pub struct Parent {
    pub table: &'static str,
    /// The parent's key: column here, column there.
    pub key: &'static [(&'static str, &'static str)],
}

/// One table of the lake.
#[derive(Debug)]
pub struct Table {
    pub name: &'static str,
    /// The stream whose files make its rows; `None`: all of them.
    pub stream: Option<Stream>,
    /// What a row stands for.
    pub grain: &'static str,
    pub lead: &'static [Lead],
    /// Wrappers and fields of the item that makes a row.
    pub record: Record,
    /// Members of the item that make rows of other tables: JSON key, table name.
    pub children: &'static [(&'static str, &'static str)],
    /// The item is kept whole, as JSON, in the table's only field.
    pub whole: bool,
    /// Count columns: name, table whose rows of this row are counted, documentation.
    pub counts: &'static [(&'static str, &'static str, &'static str)],
    pub own_time: OwnTime,
    /// Columns that are looked up by value: they get bloom filters.
    pub ids: &'static [&'static str],
    pub again: Again,
}

impl Table {
    /// A table without anything but lineage, to be completed by `..Table::EMPTY`.
    pub const EMPTY: Table = Table {
        name: "",
        stream: None,
        grain: "",
        lead: &[],
        record: Record { wrappers: &[], fields: &[] },
        children: &[],
        whole: false,
        counts: &[],
        own_time: OwnTime::Record,
        ids: &[],
        again: Again::Untold,
    };

    /// Columns of which `<table>_latest` shows a row each, beside the account; `None`: there is no such view.
    pub fn latest_by(&self) -> Option<Vec<&'static str>> {
        match self.again {
            Again::Untold => None,
            Again::Replaced(key) | Again::Repeated(key) => Some([key.ids, key.also].concat()),
            Again::With(parent) => {
                let mut columns: Vec<&str> = parent.key.iter().map(|(here, _)| *here).collect();
                columns.push(Lead::Seq.name());
                Some(columns)
            }
        }
    }
}

/// A field of any kind.
pub const fn field(json: &'static str, name: &'static str, kind: Kind, doc: &'static str) -> Field {
    Field { json, name, kind, doc, codes: &[] }
}

pub const fn int32(json: &'static str, name: &'static str, doc: &'static str) -> Field {
    field(json, name, Kind::Int32, doc)
}

pub const fn int64(json: &'static str, name: &'static str, doc: &'static str) -> Field {
    field(json, name, Kind::Int64, doc)
}

pub const fn double(json: &'static str, name: &'static str, doc: &'static str) -> Field {
    field(json, name, Kind::Float64, doc)
}

pub const fn boolean(json: &'static str, name: &'static str, doc: &'static str) -> Field {
    field(json, name, Kind::Boolean, doc)
}

pub const fn time(json: &'static str, name: &'static str, doc: &'static str) -> Field {
    field(json, name, Kind::Time, doc)
}

pub const fn text(json: &'static str, name: &'static str, doc: &'static str) -> Field {
    field(json, name, Kind::Text, doc)
}

pub const fn json(json: &'static str, name: &'static str, doc: &'static str) -> Field {
    field(json, name, Kind::Json, doc)
}

pub const fn record(
    json: &'static str,
    name: &'static str,
    record: &'static Record,
    doc: &'static str,
) -> Field {
    field(json, name, Kind::Struct(record), doc)
}

pub const fn list(json: &'static str, name: &'static str, item: &'static Kind, doc: &'static str) -> Field {
    field(json, name, Kind::List(item), doc)
}
