//! Records -> rows: walks an envelope and files what it finds under its tables.
//!
//! ```text
//! record  -> web_sessions row (webSession)                 open until the record is closed
//!   body  -> header ids; list of items -> rows             ids filled when the body is closed
//!     item -> columns of its table; children -> rows of other tables
//! close   -> lineage, counts, extra; or, when the text turns out to be broken, every row is cut back
//! ```
//! What can fail: only the text itself ([`SyntaxError`] with the path in [`Broken`]).

mod body;
mod header;
mod items;
#[cfg(test)]
mod tests;

use std::sync::{Arc, LazyLock};

use arrow::error::ArrowError;
use memchr::memmem::Finder;

use super::builder::{RecordLineage, Rows, TableBuilder};
use super::catalog::TABLES;
use super::columns::Column;
use super::declare::Table;
use super::extra::{Notes, Oddities, write_text};
use super::values::is_time;
use crate::model::{Scope, Stream, UtcDay};
use crate::records::{Doc, Head, KnownHead, Parts, Path, SyntaxError, Text, read_envelope};
use body::KnownBody;
use header::{BodyHeader, Header, KnownHeader, Told, fill_header};

/// Schema versions that are noted of a part, and bytes of the longest. The service has one or two; if each record has
/// its own, that is found in its rows: all of them would be looked through for each record, and kept in the ledger.
const MAX_VERSIONS: usize = 100;
const MAX_VERSION_BYTES: usize = 100;

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
    /// The same tables for records that began before the part's day, or after it. Most of their rows lie there too, and
    /// a batch of one day need not be split.
    aside: Vec<TableBuilder>,
    /// `tables` and `aside` are exchanged just now.
    is_aside: bool,
    notes: Notes,
    /// Where the tables stand that rows do not come to by a list.
    web_sessions: Option<usize>,
    unrecognized: Option<usize>,
    /// Per table, the tables that its count columns count.
    counted: Vec<Vec<usize>>,
    header: BodyHeader,
    /// The first header of the record.
    first_header: Option<Arc<Header>>,
    known_head: Option<Box<KnownHead>>,
    known_bodies: Vec<KnownBody>,
    /// The header that was read last: most bodies of a visit repeat it.
    known_header: KnownHeader,
    /// Headers that rows of the record tell.
    told: Told,
    /// Known bodies of the record that made no row.
    untold: Vec<Untold>,
    /// Table and row that carry what lies above items.
    first_row: Option<(usize, usize)>,
    /// Rows of each table before the current record.
    marks: Vec<usize>,
    /// Tables that the current body made rows of, and the record before it.
    made: (TableSet, TableSet),
    versions: Vec<String>,
    /// Another account that a record named first.
    foreign_account: Option<String>,
    records: u64,
    max_depth: usize,
}

/// Some of a reader's tables, by their places.
#[derive(Clone, Copy, Debug, Default)]
struct TableSet(u32);

impl TableSet {
    #[inline]
    fn add(&mut self, table: usize) {
        self.0 |= 1 << table;
    }

    #[inline]
    fn has(self, table: usize) -> bool {
        self.0 >> table & 1 == 1
    }

    fn join(&mut self, other: TableSet) {
        self.0 |= other.0;
    }

    fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// A known body that made no row, until it is clear whether another row tells its header.
#[derive(Debug)]
struct Untold {
    /// In the record collection.
    index: usize,
    header: Arc<Header>,
    name: Option<String>,
    /// JSON.
    body: String,
}

impl Reader {
    pub fn new(origin: Origin, max_depth: usize) -> Reader {
        let of_stream = |table: &&&'static Table| table.stream.is_none_or(|s| s == origin.stream);
        let builders = || TABLES.iter().filter(of_stream).map(|table| TableBuilder::new(table)).collect();
        let tables: Vec<_> = builders();
        let position = |name: &str| tables.iter().position(|builder| builder.table.name == name);
        Reader {
            web_sessions: position("web_sessions"),
            unrecognized: position("unrecognized"),
            counted: tables
                .iter()
                .map(|builder| {
                    builder.table.counts.iter().filter_map(|(_, child, _)| position(child)).collect()
                })
                .collect(),
            marks: vec![0; tables.len()],
            made: Default::default(),
            tables,
            aside: builders(),
            is_aside: false,
            notes: Notes::default(),
            header: BodyHeader::default(),
            known_head: None,
            known_bodies: Vec::new(),
            known_header: KnownHeader::default(),
            first_header: None,
            told: Told::default(),
            untold: Vec::new(),
            first_row: None,
            versions: Vec::new(),
            foreign_account: None,
            records: 0,
            max_depth,
            origin,
        }
    }

    /// Goes on with another part of the same account and stream, as a new reader would, with memory that is
    /// there already. To be drained before.
    pub fn begin(&mut self, origin: Origin) {
        debug_assert!(self.filled().next().is_none() && self.origin.stream == origin.stream);
        self.origin = origin;
        self.notes = Notes::default();
        self.versions.clear();
        self.foreign_account = None;
        self.records = 0;
    }

    /// Reads one record. `decrypted`: offsets of strings that were decrypted in place.
    ///
    /// # Errors
    /// [`Broken`]: the record is left out whole, nothing of it stays in any table.
    pub fn read(&mut self, text: &[u8], decrypted: &[usize], index: u64) -> Result<(), Broken> {
        let day = UtcDay::of_ms(self.origin.scope.start_ms);
        if likely_start(text).is_some_and(|ms| UtcDay::of_ms(ms) != day) != self.is_aside {
            std::mem::swap(&mut self.tables, &mut self.aside);
            self.is_aside = !self.is_aside;
        }
        for (mark, table) in self.marks.iter_mut().zip(&self.tables) {
            *mark = table.rows();
        }
        let oddities = self.notes.oddities;
        self.notes.clear();
        self.first_header = None;
        self.told.clear();
        self.untold.clear();
        self.made = Default::default();
        self.first_row = self.web_sessions.map(|table| (table, self.rows(table)));
        let mut doc = Doc::new(text, decrypted, self.max_depth);
        let mut known = self.known_head.take().unwrap_or_default();
        let broken = match read_envelope(&mut doc, self, &mut known) {
            Ok(head) => match self.wrong_type(head) {
                None => {
                    self.close_record(head, index);
                    self.known_head = Some(known);
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
        self.known_head = Some(known);
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
        self.tables.iter().chain(&self.aside).map(TableBuilder::bytes).sum()
    }

    /// Hands out all rows and is empty afterwards.
    ///
    /// # Errors
    /// Arrow's: a mistake of this program.
    pub fn drain(&mut self) -> Result<Vec<Rows>, ArrowError> {
        self.close_part();
        let mut all = Vec::new();
        for table in self.filled() {
            all.extend(table.drain()?);
        }
        Ok(all)
    }

    /// Ends the part, or as much of it as is to be handed out: all is found out then.
    pub fn close_part(&mut self) {
        for table in self.tables.iter_mut().chain(&mut self.aside) {
            table.close_part(self.origin.scope, &mut self.notes.oddities.misdated);
        }
    }

    /// Tables that hold rows. Those of one table may stand in two of them.
    pub fn filled(&mut self) -> impl Iterator<Item = &mut TableBuilder> {
        self.tables.iter_mut().chain(&mut self.aside).filter(|table| table.rows() > 0)
    }

    /// What was not understood, and the schema versions met (the first of them, if there are very many), since the
    /// reader was made.
    pub fn findings(&self) -> (Oddities, &[String]) {
        (self.notes.oddities, &self.versions)
    }

    /// The first account other than the part's that a record named.
    pub fn foreign_account(&self) -> Option<&str> {
        self.foreign_account.as_deref()
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

    fn close_record(&mut self, head: &Head, index: u64) {
        self.records += 1;
        if let Some(version) = head.schema_version.as_deref()
            && self.versions.len() < MAX_VERSIONS
            && version.len() <= MAX_VERSION_BYTES
            && !self.versions.iter().any(|known| known == version)
        {
            self.versions.push(version.to_owned());
        }
        if let Some(account) = head.account_id.as_ref().filter(|account| **account != self.origin.account) {
            self.notes.oddities.foreign_accounts += 1;
            let mut raw = String::new();
            write_text(account, &mut raw);
            self.notes.above.add("$.metaData.accountId".into(), raw.as_bytes());
            self.foreign_account.get_or_insert_with(|| account.clone());
        }
        self.web_session_row();
        self.untold_rows();
        self.made.1.join(std::mem::take(&mut self.made.0));
        if self.made.1.is_empty() {
            self.unrecognized_row(None, None);
            self.made.1.join(std::mem::take(&mut self.made.0));
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
        for (index, table) in self.tables.iter_mut().enumerate() {
            if self.made.1.has(index) {
                table.close_record(lineage);
            }
        }
    }

    fn web_session_row(&mut self) {
        let Some(table) = self.web_sessions else { return };
        let header = self.first_header.take().unwrap_or_default();
        let Some(builder) = self.tables.get_mut(table) else { return };
        builder.item.end_row();
        self.made.0.add(table);
        fill_header(builder, &header);
        let marks = std::mem::take(&mut self.marks);
        self.count_children(table, &marks);
        self.marks = marks;
        self.told.insert(&header);
    }

    /// Known bodies without a row, whose header no other row tells: only now all rows are known.
    fn untold_rows(&mut self) {
        for Untold { index, header, name, body } in std::mem::take(&mut self.untold) {
            if self.told.contains(&header) {
                continue;
            }
            self.unrecognized_row(name.as_deref(), Some(&body));
            if let Some(builder) = self.unrecognized.and_then(|table| self.tables.get_mut(table)) {
                builder.close_body(Some(index as i64));
            }
        }
    }

    /// Appends the counts of a row: rows that tables have beyond `marks`.
    fn count_children(&mut self, table: usize, marks: &[usize]) {
        let counted = self.counted.get(table).map_or(0, Vec::len);
        for index in 0..counted {
            let Some(child) = self.counted.get(table).and_then(|children| children.get(index)) else { break };
            let count = self.rows(*child) - marks.get(*child).copied().unwrap_or_default();
            if let Some(builder) = self.tables.get_mut(table) {
                builder.push_count(index, count);
            }
        }
    }

    fn unrecognized_row(&mut self, name: Option<&str>, body: Option<&str>) {
        let Some(table) = self.unrecognized else { return };
        self.note_first_row(table);
        let Some(builder) = self.tables.get_mut(table) else { return };
        let row = builder.rows();
        for (column, text) in builder.item.children.iter_mut().zip([name, body]) {
            if let Column::Text(texts) | Column::Json(texts) = column {
                texts.fill(row + 1, text);
            }
        }
        builder.item.end_row();
        self.made.0.add(table);
    }

    fn note_first_row(&mut self, table: usize) {
        if self.first_row.is_none() {
            self.first_row = Some((table, self.rows(table)));
        }
    }
}

impl Parts for Reader {
    fn path(&mut self) -> &mut Path {
        &mut self.notes.path
    }

    fn body(&mut self, index: usize, doc: &mut Doc<'_>) -> Result<(), SyntaxError> {
        self.read_body(index, doc)?;
        let made = std::mem::take(&mut self.made.0);
        for (table, builder) in self.tables.iter_mut().enumerate() {
            if made.has(table) {
                fill_header(builder, self.header.header());
                builder.close_body(Some(index as i64));
            }
        }
        self.made.1.join(made);
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

/// The record's start as a glance at its head tells it: good for nothing but a guess.
fn likely_start(text: &[u8]) -> Option<i64> {
    const HEAD_BYTES: usize = 512;
    let head = text.get(..text.len().min(HEAD_BYTES))?;
    static KEY: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"startTime\""));
    let behind = head.get(KEY.find(head)?..)?;
    let digits =
        behind.iter().skip_while(|byte| !byte.is_ascii_digit()).take_while(|byte| byte.is_ascii_digit());
    digits.take(15).try_fold(0i64, |ms, digit| ms.checked_mul(10)?.checked_add(i64::from(digit - b'0')))
}

/// Whether a key is the named one, without regard to case.
fn is(key: Text<'_>, name: &str) -> bool {
    key.raw == name.as_bytes() || key.name().eq_ignore_ascii_case(name.as_bytes())
}
