//! Column builders: values in, Arrow arrays out.
//!
//! Unlike Arrow's own builders they can be cut back ([`Column::truncate`]), because a record that turns
//! out to be broken in its middle must leave no row behind, and they may lag behind their table: a
//! field that a row lacks is made up for in bulk ([`Column::pad`]). So a column whose length exceeds
//! the current row has met its field already, which is how duplicate keys are noticed.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, BooleanBufferBuilder, Float64Array, Int32Array, ListArray, NullBufferBuilder,
    StructArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{FieldRef, Fields};
use arrow::error::ArrowError;

use super::cells::{Primitive, Texts, renew, renew_valid};
use super::declare::{Kind, Record};
use super::schema;

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
            Column::Text(texts) | Column::Json(texts) => texts.bytes(),
            Column::List(list) => list.item.bytes() + list.len() * 4,
            Column::Struct(fields) => fields.children.iter().map(Column::bytes).sum(),
            Column::Union(union) => {
                let branches = union.branches.iter().flat_map(|branch| &branch.children);
                union.tag.bytes() + branches.map(Column::bytes).sum::<usize>()
            }
        }
    }
}
