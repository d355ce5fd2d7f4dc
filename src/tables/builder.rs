//! One table in the making: its item columns, and the columns that what stands around a row fills.
//!
//! Ids and lineage are known only when the body, the conversation or the record is closed (JSON has no
//! order), so they are filled in runs then: a row is complete when its record is.

use arrow::array::{ArrayRef, BooleanArray};
use arrow::compute::FilterBuilder;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;

use super::cells::{Primitive, Texts};
use super::columns::{Column, Struct};
use super::declare::{Lead, OwnTime, Table};
use super::extra::Extra;
use super::runs::Runs;
use super::schema;
use crate::model::{Scope, UtcDay};
use crate::records::Opening;

/// Rows of one table and one partition day.
#[derive(Clone, Debug)]
pub struct Rows {
    pub table: &'static Table,
    pub day: UtcDay,
    pub batch: RecordBatch,
}

/// Value of a lead column.
#[derive(Clone, Copy, Debug)]
pub enum LeadValue<'a> {
    Text(Option<&'a str>),
    Integer(Option<i64>),
}

/// What a record's rows have in common.
#[derive(Clone, Copy, Debug)]
pub struct RecordLineage<'a> {
    pub schema_version: Option<&'a str>,
    pub start_ms: Option<i64>,
    pub end_ms: Option<i64>,
    pub source_file: &'a str,
    pub source_record: i64,
}

/// Columns of one table.
#[derive(Debug)]
pub struct TableBuilder {
    pub table: &'static Table,
    pub item: Struct,
    /// The wrapper of an item, as it came last.
    pub wrapper: Opening,
    lead: Vec<Column>,
    counts: Vec<Primitive<i64>>,
    schema_version: Runs,
    record_start: Primitive<i64>,
    record_end: Primitive<i64>,
    source_file: Runs,
    source_record: Primitive<i64>,
    source_body: Primitive<i64>,
    source_item: Primitive<i64>,
    extra: Texts,
    /// `extra` of rows whose record is still open, ascending.
    extras: Vec<(usize, Extra)>,
    /// Index of the field that is the row's own time.
    own_time: Option<usize>,
    /// Partition days of the rows of closed parts.
    days: Vec<UtcDay>,
}

impl TableBuilder {
    pub fn new(table: &'static Table) -> TableBuilder {
        let own_time = match table.own_time {
            OwnTime::Field(name) => table.record.fields.iter().position(|field| field.name == name),
            OwnTime::Record => None,
        };
        TableBuilder {
            table,
            item: Struct::new(&table.record),
            wrapper: Opening::UNKNOWN,
            lead: table.lead.iter().map(|lead| Column::new(lead.kind())).collect(),
            counts: table.counts.iter().map(|_| Primitive::default()).collect(),
            schema_version: Runs::default(),
            record_start: Primitive::default(),
            record_end: Primitive::default(),
            source_file: Runs::default(),
            source_record: Primitive::default(),
            source_body: Primitive::default(),
            source_item: Primitive::default(),
            extra: Texts::default(),
            extras: Vec::new(),
            own_time,
            days: Vec::new(),
        }
    }

    /// Rows whose item is complete.
    pub fn rows(&self) -> usize {
        self.item.len()
    }

    /// Sets the `extra` of a row of the open record.
    pub fn add_extra(&mut self, row: usize, extra: Extra) {
        if extra.is_empty() {
            return;
        }
        match self.extras.binary_search_by_key(&row, |(row, _)| *row) {
            Ok(index) => {
                if let Some((_, known)) = self.extras.get_mut(index) {
                    known.append(extra);
                }
            }
            Err(index) => self.extras.insert(index, (row, extra)),
        }
    }

    /// Appends to a lead column up to `rows`.
    pub fn fill_lead(&mut self, lead: Lead, rows: usize, value: LeadValue<'_>) {
        let Some(index) = self.table.lead.iter().position(|column| *column == lead) else { return };
        match (self.lead.get_mut(index), value) {
            (Some(Column::Text(texts)), LeadValue::Text(value)) => texts.fill(rows, value),
            (Some(Column::Int64(values)), LeadValue::Integer(value)) => values.fill(rows, value),
            (Some(Column::Int32(values)), LeadValue::Integer(value)) => {
                values.fill(rows, value.and_then(|value| i32::try_from(value).ok()));
            }
            _ => {}
        }
    }

    pub fn push_count(&mut self, index: usize, count: usize) {
        if let Some(counts) = self.counts.get_mut(index) {
            counts.push(count as i64);
        }
    }

    /// Closes a body: its rows get its index (`None` for rows of the whole record) and their own.
    pub fn close_body(&mut self, body: Option<i64>) {
        let rows = self.rows();
        let before = self.source_item.len();
        self.source_body.fill(rows, body);
        (before..rows).for_each(|row| self.source_item.push((row - before) as i64));
    }

    pub fn close_record(&mut self, lineage: RecordLineage<'_>) {
        let rows = self.rows();
        if self.source_file.len() == rows {
            return;
        }
        self.close_body(None);
        self.schema_version.fill(rows, lineage.schema_version);
        self.record_start.fill(rows, lineage.start_ms);
        self.record_end.fill(rows, lineage.end_ms);
        self.source_file.fill(rows, Some(lineage.source_file));
        self.source_record.fill(rows, Some(lineage.source_record));
        self.lead.iter_mut().for_each(|column| column.pad(rows));
        self.counts.iter_mut().for_each(|counts| counts.fill(rows, None));
        for (row, mut extra) in self.extras.drain(..) {
            self.extra.fill(row, None);
            self.extra.fill(row + 1, extra.take().as_deref());
        }
        self.extra.fill(rows, None);
    }

    /// Cuts back to `rows`, all of closed records.
    pub fn truncate(&mut self, rows: usize) {
        self.item.truncate(rows);
        self.lead.iter_mut().for_each(|column| column.truncate(rows));
        self.counts.iter_mut().for_each(|counts| counts.truncate(rows));
        self.schema_version.truncate(rows);
        self.source_file.truncate(rows);
        self.extra.truncate(rows);
        for values in [
            &mut self.record_start,
            &mut self.record_end,
            &mut self.source_record,
            &mut self.source_body,
            &mut self.source_item,
        ] {
            values.truncate(rows);
        }
        self.days.truncate(rows);
        self.extras.clear();
    }

    /// Ends a part: its rows are given their days. Adds to `misdated` the rows whose own date is out of bounds.
    pub fn close_part(&mut self, scope: Scope, misdated: &mut u64) {
        let part_day = UtcDay::of_ms(scope.start_ms);
        let own = self.own_time.and_then(|index| match self.item.children.get(index) {
            Some(Column::Time(times)) => Some(times),
            _ => None,
        });
        for row in self.days.len()..self.rows() {
            let own = own.and_then(|times| times.get(row));
            let day = own.or_else(|| self.record_start.get(row)).map(UtcDay::of_ms);
            let odd = day.is_some_and(|day| !in_bounds(day, scope));
            *misdated += u64::from(odd);
            self.days.push(day.filter(|_| !odd).unwrap_or(part_day));
        }
    }

    /// The day of all rows, if they have one; all parts must be closed.
    pub fn only_day(&self) -> Option<UtcDay> {
        only_day(&self.days)
    }

    /// Takes over the rows of another builder of the table, which keeps its memory. The parts of both are closed.
    pub fn absorb(&mut self, other: &mut TableBuilder) {
        let rows = self.rows();
        self.item.append(rows, &other.item);
        self.lead.iter_mut().zip(&other.lead).for_each(|(ours, theirs)| ours.append(rows, theirs));
        self.counts.iter_mut().zip(&other.counts).for_each(|(ours, theirs)| ours.append(theirs));
        self.schema_version.append(&other.schema_version);
        self.record_start.append(&other.record_start);
        self.record_end.append(&other.record_end);
        self.source_file.append(&other.source_file);
        self.source_record.append(&other.source_record);
        self.source_body.append(&other.source_body);
        self.source_item.append(&other.source_item);
        self.extra.append(&other.extra);
        self.days.append(&mut other.days);
        other.truncate(0);
    }

    /// Bytes held, roughly.
    pub fn bytes(&self) -> usize {
        let fields: usize = self.item.children.iter().map(Column::bytes).sum();
        let lead: usize = self.lead.iter().map(Column::bytes).sum();
        let runs = self.schema_version.bytes() + self.source_file.bytes();
        // Times, numbers and day of a row, where its `extra` is, and counts.
        fields + lead + runs + self.rows() * (64 + 8 * self.counts.len())
    }

    /// Hands out all rows, by partition day, and is empty afterwards. All parts must be closed.
    ///
    /// # Errors
    /// Arrow's, should the columns not fit together: a mistake of this program.
    pub fn drain(&mut self) -> Result<Vec<Rows>, ArrowError> {
        let rows = self.rows();
        if rows == 0 {
            return Ok(Vec::new());
        }
        let days = std::mem::take(&mut self.days);
        let mut arrays: Vec<ArrayRef> = Vec::new();
        arrays.extend([
            self.schema_version.finish()?,
            self.record_start.finish_times()?,
            self.record_end.finish_times()?,
            self.source_file.finish()?,
            self.source_record.finish_integers()?,
            self.source_body.finish_integers()?,
            self.source_item.finish_integers()?,
        ]);
        for column in &mut self.lead {
            column.finish(rows, &mut arrays)?;
        }
        self.item.finish_rows(rows, &mut arrays)?;
        for counts in &mut self.counts {
            arrays.push(counts.finish_integers()?);
        }
        arrays.push(self.extra.finish()?);
        let batch = RecordBatch::try_new(schema::arrow_schema(self.table), arrays)?;
        self.split(batch, &days)
    }

    fn split(&self, batch: RecordBatch, days: &[UtcDay]) -> Result<Vec<Rows>, ArrowError> {
        if let Some(day) = only_day(days) {
            return Ok(vec![Rows { table: self.table, day, batch }]);
        }
        let mut distinct = days.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        // Nearly all rows of a part have one day, and its records' rows lie together: filters copy such runs.
        let of_day = |day: UtcDay| {
            let wanted: BooleanArray = days.iter().map(|d| Some(*d == day)).collect();
            let wanted = FilterBuilder::new(&wanted).optimize().build();
            Ok(Rows { table: self.table, day, batch: wanted.filter_record_batch(&batch)? })
        };
        distinct.into_iter().map(of_day).collect()
    }
}

fn only_day(days: &[UtcDay]) -> Option<UtcDay> {
    let first = *days.first()?;
    days.iter().all(|day| *day == first).then_some(first)
}

/// Whether a row's date may choose its partition: from 400 days before its scope to 2 days after it.
fn in_bounds(day: UtcDay, scope: Scope) -> bool {
    const DAY_MS: i64 = 86_400_000;
    let first = UtcDay::of_ms(scope.start_ms.saturating_sub(400 * DAY_MS));
    let last = UtcDay::of_ms(scope.end_ms.saturating_add(2 * DAY_MS));
    (first..=last).contains(&day)
}
