//! Column builders: values in, Arrow arrays out.
//!
//! Unlike Arrow's own builders they can be cut back ([`Column::truncate`]), because a record that turns
//! out to be broken in its middle must leave no row behind, and they may lag behind their table: a
//! field that a row lacks is made up for in bulk ([`Column::pad`]). So a column whose length exceeds
//! the current row has met its field already, which is how duplicate keys are noticed.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, BooleanBufferBuilder, Float64Array, Int32Array, Int64Array, ListArray,
    NullBufferBuilder, StringArray, StructArray, TimestampMillisecondArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{ArrowNativeType, FieldRef, Fields};
use arrow::error::ArrowError;

use super::declare::{Kind, Record};
use super::schema;
use crate::records::Utf8;

/// Fixed-width values.
#[derive(Debug)]
pub struct Primitive<T> {
    values: Vec<T>,
    valid: NullBufferBuilder,
}

impl<T: ArrowNativeType> Default for Primitive<T> {
    fn default() -> Self {
        Primitive { values: Vec::new(), valid: NullBufferBuilder::new(0) }
    }
}

impl<T: ArrowNativeType> Primitive<T> {
    pub fn len(&self) -> usize {
        self.values.len()
    }

    #[inline]
    pub fn push(&mut self, value: T) {
        self.values.push(value);
        self.valid.append_non_null();
    }

    /// Appends the value of a row; rows before it that have none become null.
    #[inline]
    pub fn push_at(&mut self, row: usize, value: T) -> bool {
        if self.len() < row {
            self.fill(row, None);
        }
        self.push(value);
        true
    }

    /// Fills up to `rows` with one value (or null).
    pub fn fill(&mut self, rows: usize, value: Option<T>) {
        let missing = rows.saturating_sub(self.len());
        self.values.resize(self.len() + missing, value.unwrap_or_default());
        if value.is_some() {
            self.valid.append_n_non_nulls(missing);
        } else {
            self.valid.append_n_nulls(missing);
        }
    }

    pub fn truncate(&mut self, rows: usize) {
        if rows < self.len() {
            self.values.truncate(rows);
            self.valid.truncate(rows);
        }
    }

    pub fn get(&self, row: usize) -> Option<T> {
        self.valid_at(row).then(|| self.values.get(row).copied()).flatten()
    }

    fn valid_at(&self, row: usize) -> bool {
        row < self.len() && self.valid.is_valid(row)
    }

    fn take(&mut self) -> (ScalarBuffer<T>, Option<NullBuffer>) {
        (renew(&mut self.values).into(), renew_valid(&mut self.valid))
    }
}

impl Primitive<i64> {
    pub fn finish_integers(&mut self) -> Result<ArrayRef, ArrowError> {
        let (values, valid) = self.take();
        Ok(Arc::new(Int64Array::try_new(values, valid)?))
    }

    pub fn finish_times(&mut self) -> Result<ArrayRef, ArrowError> {
        let (values, valid) = self.take();
        Ok(Arc::new(TimestampMillisecondArray::try_new(values, valid)?.with_timezone("UTC")))
    }
}

/// Bytes of a vector up to which the next one gets its size at once; one of an unusual size is an exception.
const RENEWED_BYTES: usize = 4 << 20;

/// Takes what is in the vector and leaves room for as much: the next rows will be like these.
fn renew<T>(values: &mut Vec<T>) -> Vec<T> {
    let room = if size_of_val(values.as_slice()) <= RENEWED_BYTES { values.len() } else { 0 };
    std::mem::replace(values, Vec::with_capacity(room))
}

fn renew_valid(valid: &mut NullBufferBuilder) -> Option<NullBuffer> {
    let room = valid.len().min(RENEWED_BYTES);
    std::mem::replace(valid, NullBufferBuilder::new(room)).finish()
}

/// Texts.
#[derive(Debug)]
pub struct Texts {
    bytes: Vec<u8>,
    offsets: Vec<i32>,
    valid: NullBufferBuilder,
}

impl Default for Texts {
    fn default() -> Self {
        Texts { bytes: Vec::new(), offsets: vec![0], valid: NullBufferBuilder::new(0) }
    }
}

impl Texts {
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Whether so many more bytes can be held at all (Arrow's offsets have 31 bits).
    pub fn has_room(&self, bytes: usize) -> bool {
        self.bytes.len() + bytes < i32::MAX as usize
    }

    #[inline]
    pub fn push<'t>(&mut self, text: impl Into<Utf8<'t>>) {
        self.bytes.extend_from_slice(text.into().bytes());
        self.offsets.push(self.bytes.len() as i32);
        self.valid.append_non_null();
    }

    /// Appends the text of a row; rows before it that have none become null. False: it is too long.
    #[inline]
    pub fn push_at(&mut self, row: usize, text: Utf8<'_>) -> bool {
        if !self.has_room(text.bytes().len()) {
            return false;
        }
        if self.len() < row {
            self.fill(row, None);
        }
        self.push(text);
        true
    }

    pub fn fill(&mut self, rows: usize, text: Option<&str>) {
        let missing = rows.saturating_sub(self.len());
        match text {
            Some(text) => (0..missing).for_each(|_| self.push(text)),
            None => {
                self.offsets.resize(self.offsets.len() + missing, self.bytes.len() as i32);
                self.valid.append_n_nulls(missing);
            }
        }
    }

    pub fn truncate(&mut self, rows: usize) {
        if rows < self.len() {
            self.offsets.truncate(rows + 1);
            self.bytes.truncate(self.offsets.last().copied().unwrap_or_default() as usize);
            self.valid.truncate(rows);
        }
    }

    /// The text of a row; `None` where it is null or missing.
    pub fn get(&self, row: usize) -> Option<&str> {
        if row >= self.len() || !self.valid.is_valid(row) {
            return None;
        }
        let from = *self.offsets.get(row)? as usize;
        let to = *self.offsets.get(row + 1)? as usize;
        std::str::from_utf8(self.bytes.get(from..to)?).ok()
    }

    pub fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let (bytes, offsets) = (renew(&mut self.bytes), renew(&mut self.offsets));
        self.offsets.push(0);
        let offsets = OffsetBuffer::new(offsets.into());
        Ok(Arc::new(StringArray::try_new(offsets, bytes.into(), renew_valid(&mut self.valid))?))
    }
}

/// A nullable struct column, or the content of an item.
#[derive(Debug)]
pub struct Struct {
    pub record: &'static Record,
    pub children: Vec<Column>,
    valid: NullBufferBuilder,
}

impl Struct {
    pub fn new(record: &'static Record) -> Struct {
        let children = record.fields.iter().map(|field| Column::new(field.kind)).collect();
        Struct { record, children, valid: NullBufferBuilder::new(0) }
    }

    pub fn len(&self) -> usize {
        self.valid.len()
    }

    /// Ends the current row. Fields that it lacked are null: their columns lag until they are met again.
    #[inline]
    pub fn end_row(&mut self) {
        self.valid.append_non_null();
    }

    /// Fills up to `rows` with nulls.
    pub fn pad_to(&mut self, rows: usize) {
        self.valid.append_n_nulls(rows.saturating_sub(self.valid.len()));
    }

    /// Also cuts what an unfinished row left in the children.
    pub fn truncate(&mut self, rows: usize) {
        if rows < self.valid.len() {
            self.valid.truncate(rows);
        }
        self.children.iter_mut().for_each(|child| child.truncate(rows));
    }

    /// Finishes the children alone, as the columns of a table, and empties the builder.
    pub fn finish_rows(&mut self, rows: usize, arrays: &mut Vec<ArrayRef>) -> Result<(), ArrowError> {
        renew_valid(&mut self.valid);
        self.children.iter_mut().try_for_each(|child| child.finish(rows, arrays))
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let rows = self.len();
        let valid = renew_valid(&mut self.valid);
        let mut arrays = Vec::with_capacity(self.children.len());
        for child in &mut self.children {
            child.finish(rows, &mut arrays)?;
        }
        let fields: Fields = schema::struct_fields(self.record);
        Ok(Arc::new(StructArray::try_new_with_length(fields, arrays, valid, rows)?))
    }
}

/// A list column.
#[derive(Debug)]
pub struct List {
    pub item: Column,
    offsets: Vec<i32>,
    valid: NullBufferBuilder,
    item_field: FieldRef,
}

impl List {
    fn new(item: &'static Kind) -> List {
        List {
            item: Column::new(*item),
            offsets: vec![0],
            valid: NullBufferBuilder::new(0),
            item_field: schema::list_item(item),
        }
    }

    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Ends the current row: what was added to `item` since the last row is its list.
    pub fn end_row(&mut self) {
        self.offsets.push(self.item.len() as i32);
        self.valid.append_non_null();
    }

    fn pad(&mut self, rows: usize) {
        let missing = rows.saturating_sub(self.len());
        let end = self.offsets.last().copied().unwrap_or_default();
        self.offsets.resize(self.offsets.len() + missing, end);
        self.valid.append_n_nulls(missing);
    }

    fn truncate(&mut self, rows: usize) {
        if rows < self.len() {
            self.offsets.truncate(rows + 1);
            self.valid.truncate(rows);
        }
        self.item.truncate(self.offsets.last().copied().unwrap_or_default() as usize);
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let offsets = renew(&mut self.offsets);
        self.offsets.push(0);
        let valid = renew_valid(&mut self.valid);
        let items = self.item.finish_one(offsets.last().copied().unwrap_or_default() as usize)?;
        let offsets = OffsetBuffer::new(offsets.into());
        Ok(Arc::new(ListArray::try_new(self.item_field.clone(), offsets, items, valid)?))
    }
}

/// The tag and the branches of a union.
#[derive(Debug)]
pub struct UnionColumns {
    pub tag: Texts,
    pub branches: Vec<Struct>,
}

/// A column that is being built.
#[derive(Debug)]
pub enum Column {
    Int32(Primitive<i32>),
    Int64(Primitive<i64>),
    Float64(Primitive<f64>),
    Boolean(BooleanBufferBuilder, NullBufferBuilder),
    Time(Primitive<i64>),
    Text(Texts),
    Json(Texts),
    List(Box<List>),
    Struct(Struct),
    Union(UnionColumns),
}

impl Column {
    pub fn new(kind: Kind) -> Column {
        match kind {
            Kind::Int32 => Column::Int32(Primitive::default()),
            Kind::Int64 => Column::Int64(Primitive::default()),
            Kind::Float64 => Column::Float64(Primitive::default()),
            Kind::Boolean => Column::Boolean(BooleanBufferBuilder::new(0), NullBufferBuilder::new(0)),
            Kind::Time => Column::Time(Primitive::default()),
            Kind::Text => Column::Text(Texts::default()),
            Kind::Json => Column::Json(Texts::default()),
            Kind::List(item) => Column::List(Box::new(List::new(item))),
            Kind::Struct(record) => Column::Struct(Struct::new(record)),
            Kind::Union(union) => Column::Union(UnionColumns {
                tag: Texts::default(),
                branches: union.branches.iter().map(|branch| Struct::new(branch.record)).collect(),
            }),
        }
    }

    pub fn len(&self) -> usize {
        match self {
            Column::Int32(values) => values.len(),
            Column::Int64(values) | Column::Time(values) => values.len(),
            Column::Float64(values) => values.len(),
            Column::Boolean(values, _) => values.len(),
            Column::Text(texts) | Column::Json(texts) => texts.len(),
            Column::List(list) => list.len(),
            Column::Struct(fields) => fields.len(),
            Column::Union(union) => union.tag.len(),
        }
    }

    #[inline]
    pub fn push_null(&mut self) {
        self.pad(self.len() + 1);
    }

    pub fn push_boolean(&mut self, value: bool) {
        if let Column::Boolean(values, valid) = self {
            values.append(value);
            valid.append_non_null();
        }
    }

    /// Fills up to `rows` with nulls.
    #[inline]
    pub fn pad(&mut self, rows: usize) {
        if self.len() >= rows {
            return;
        }
        match self {
            Column::Int32(values) => values.fill(rows, None),
            Column::Int64(values) | Column::Time(values) => values.fill(rows, None),
            Column::Float64(values) => values.fill(rows, None),
            Column::Boolean(values, valid) => {
                let missing = rows - values.len();
                values.append_n(missing, false);
                valid.append_n_nulls(missing);
            }
            Column::Text(texts) | Column::Json(texts) => texts.fill(rows, None),
            Column::List(list) => list.pad(rows),
            Column::Struct(fields) => fields.pad_to(rows),
            // Branches lag until they are met or the table is finished.
            Column::Union(union) => union.tag.fill(rows, None),
        }
    }

    /// Cuts back to `rows`, unfinished rows included.
    pub fn truncate(&mut self, rows: usize) {
        match self {
            Column::Int32(values) => values.truncate(rows),
            Column::Int64(values) | Column::Time(values) => values.truncate(rows),
            Column::Float64(values) => values.truncate(rows),
            Column::Boolean(values, valid) => {
                if rows < values.len() {
                    values.truncate(rows);
                    valid.truncate(rows);
                }
            }
            Column::Text(texts) | Column::Json(texts) => texts.truncate(rows),
            Column::List(list) => list.truncate(rows),
            Column::Struct(fields) => fields.truncate(rows),
            Column::Union(union) => {
                union.tag.truncate(rows);
                union.branches.iter_mut().for_each(|branch| branch.truncate(rows));
            }
        }
    }

    /// Finishes the column (a union makes several arrays) at `rows` rows and empties the builder.
    pub fn finish(&mut self, rows: usize, arrays: &mut Vec<ArrayRef>) -> Result<(), ArrowError> {
        self.pad(rows);
        if let Column::Union(union) = self {
            arrays.push(union.tag.finish()?);
            for branch in &mut union.branches {
                branch.pad_to(rows);
                arrays.push(branch.finish()?);
            }
        } else {
            arrays.push(self.finish_one(rows)?);
        }
        Ok(())
    }

    fn finish_one(&mut self, rows: usize) -> Result<ArrayRef, ArrowError> {
        self.pad(rows);
        Ok(match self {
            Column::Int32(values) => {
                let (values, valid) = values.take();
                Arc::new(Int32Array::try_new(values, valid)?)
            }
            Column::Int64(values) => values.finish_integers()?,
            Column::Float64(values) => {
                let (values, valid) = values.take();
                Arc::new(Float64Array::try_new(values, valid)?)
            }
            Column::Time(values) => values.finish_times()?,
            Column::Boolean(values, valid) => {
                Arc::new(BooleanArray::new(values.finish(), renew_valid(valid)))
            }
            Column::Text(texts) | Column::Json(texts) => texts.finish()?,
            Column::List(list) => list.finish()?,
            Column::Struct(fields) => fields.finish()?,
            Column::Union(union) => union.tag.finish()?,
        })
    }

    /// Bytes held, roughly: enough to decide when to hand rows on.
    pub fn bytes(&self) -> usize {
        match self {
            Column::Int32(values) => values.len() * 4,
            Column::Int64(values) | Column::Time(values) => values.len() * 8,
            Column::Float64(values) => values.len() * 8,
            Column::Boolean(values, _) => values.len() / 4,
            Column::Text(texts) | Column::Json(texts) => texts.bytes.len() + texts.len() * 4,
            Column::List(list) => list.item.bytes() + list.len() * 4,
            Column::Struct(fields) => fields.children.iter().map(Column::bytes).sum(),
            Column::Union(union) => {
                let branches = union.branches.iter().flat_map(|branch| &branch.children);
                union.tag.bytes.len() + branches.map(Column::bytes).sum::<usize>()
            }
        }
    }
}
