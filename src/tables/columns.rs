//! Column builders: values in, Arrow arrays out.
//!
//! Unlike Arrow's own builders they can be cut back ([`Column::truncate`]), because a record that turns
//! out to be broken in its middle must leave no row behind, and they may lag behind their table: a
//! field that a row lacks is made up for in bulk ([`Column::pad`]). So a column whose length exceeds
//! the current row has met its field already, which is how duplicate keys are noticed.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, BooleanBufferBuilder, Float64Array, Int32Array, ListArray, StructArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{FieldRef, Fields};
use arrow::error::ArrowError;

use super::cells::{Primitive, Texts, renew};
use super::declare::{Field, Kind, Record};
use super::nulls::Nulls;
use super::schema;
use crate::records::Opening;

/// How a field came last: nearly every record repeats it.
#[derive(Clone, Debug)]
pub struct Habit {
    pub field: &'static Field,
    pub opening: Opening,
    /// Index of the field that came behind it.
    pub next: usize,
}

/// A nullable struct column, or the content of an item.
#[derive(Debug)]
pub struct Struct {
    pub record: &'static Record,
    pub children: Vec<Column>,
    /// One for each child.
    pub habits: Vec<Habit>,
    /// Index of the field that came first.
    pub start: usize,
    rows: usize,
    nulls: Nulls,
    fields: Fields,
}

impl Struct {
    pub fn new(record: &'static Record) -> Struct {
        let children: Vec<_> = record.fields.iter().map(|field| Column::new(field.kind)).collect();
        let habit = |(index, field)| Habit { field, opening: Opening::UNKNOWN, next: index + 1 };
        let habits = record.fields.iter().enumerate().map(habit).collect();
        let fields = schema::struct_fields(record);
        Struct { record, children, habits, start: 0, rows: 0, nulls: Nulls::default(), fields }
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Ends the current row. Fields that it lacked are null: their columns lag until they are met again.
    #[inline]
    pub fn end_row(&mut self) {
        self.rows += 1;
    }

    /// Fills up to `rows` with nulls.
    #[inline]
    pub fn pad_to(&mut self, rows: usize) {
        if self.rows < rows {
            self.nulls.add(self.rows, rows);
            self.rows = rows;
        }
    }

    /// Also cuts what an unfinished row left in the children.
    pub fn truncate(&mut self, rows: usize) {
        if rows < self.rows {
            self.rows = rows;
            self.nulls.truncate(rows);
        }
        self.children.iter_mut().for_each(|child| child.truncate(rows));
    }

    /// Appends the rows of another one behind `rows` rows. What neither has met goes on to lag.
    pub fn append(&mut self, rows: usize, other: &Struct) {
        if other.rows == 0 {
            return;
        }
        self.pad_to(rows);
        self.nulls.append(rows, &other.nulls);
        self.rows += other.rows;
        self.children.iter_mut().zip(&other.children).for_each(|(child, other)| child.append(rows, other));
    }

    /// Finishes the children alone, as the columns of a table, and empties the builder.
    pub fn finish_rows(&mut self, rows: usize, arrays: &mut Vec<ArrayRef>) -> Result<(), ArrowError> {
        self.nulls.truncate(0);
        self.rows = 0;
        self.children.iter_mut().try_for_each(|child| child.finish(rows, arrays))
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let rows = std::mem::take(&mut self.rows);
        let nulls = self.nulls.take(rows);
        let mut arrays = Vec::with_capacity(self.children.len());
        for child in &mut self.children {
            child.finish(rows, &mut arrays)?;
        }
        Ok(Arc::new(StructArray::try_new_with_length(self.fields.clone(), arrays, nulls, rows)?))
    }
}

/// A list column.
#[derive(Debug)]
pub struct List {
    pub item: Column,
    /// How an item that is no array or bare record came last.
    pub opening: Opening,
    offsets: Vec<i32>,
    nulls: Nulls,
    item_field: FieldRef,
}

impl List {
    fn new(item: &'static Kind) -> List {
        List {
            item: Column::new(*item),
            opening: Opening::ITEM,
            offsets: vec![0],
            nulls: Nulls::default(),
            item_field: schema::list_item(item),
        }
    }

    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Ends the current row: what was added to `item` since the last row is its list.
    pub fn end_row(&mut self) {
        self.offsets.push(self.item.len() as i32);
    }

    #[inline]
    pub fn pad(&mut self, rows: usize) {
        let length = self.len();
        if length < rows {
            let end = self.offsets.last().copied().unwrap_or_default();
            self.nulls.add(length, rows);
            self.offsets.resize(rows + 1, end);
        }
    }

    fn truncate(&mut self, rows: usize) {
        if rows < self.len() {
            self.offsets.truncate(rows + 1);
            self.nulls.truncate(rows);
        }
        self.item.truncate(self.offsets.last().copied().unwrap_or_default() as usize);
    }

    fn append(&mut self, other: &List) {
        let items = self.offsets.last().copied().unwrap_or_default();
        self.nulls.append(self.len(), &other.nulls);
        self.offsets.extend(other.offsets.iter().skip(1).map(|offset| items + offset));
        self.item.append(items as usize, &other.item);
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let nulls = self.nulls.take(self.len());
        let offsets = renew(&mut self.offsets);
        self.offsets.push(0);
        let items = self.item.finish_one(offsets.last().copied().unwrap_or_default() as usize)?;
        let offsets = OffsetBuffer::new(offsets.into());
        Ok(Arc::new(ListArray::try_new(self.item_field.clone(), offsets, items, nulls)?))
    }
}

/// The tag and the branches of a union.
#[derive(Debug)]
pub struct UnionColumns {
    pub tag: Texts,
    pub branches: Vec<Struct>,
    /// The wrapper of each branch, as it came last.
    pub wrappers: Vec<Opening>,
}

/// A column that is being built.
// Its kind is asked for with each value: a byte of its own tells it in one step, a niche of its fields in several.
#[derive(Debug)]
#[repr(u8)]
pub enum Column {
    Int32(Primitive<i32>),
    Int64(Primitive<i64>),
    Float64(Primitive<f64>),
    Boolean(BooleanBufferBuilder, Nulls),
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
            Kind::Boolean => Column::Boolean(BooleanBufferBuilder::new(0), Nulls::default()),
            Kind::Time => Column::Time(Primitive::default()),
            Kind::Text => Column::Text(Texts::default()),
            Kind::Json => Column::Json(Texts::default()),
            Kind::List(item) => Column::List(Box::new(List::new(item))),
            Kind::Struct(record) => Column::Struct(Struct::new(record)),
            Kind::Union(union) => Column::Union(UnionColumns {
                tag: Texts::default(),
                branches: union.branches.iter().map(|branch| Struct::new(branch.record)).collect(),
                wrappers: vec![Opening::UNKNOWN; union.branches.len()],
            }),
        }
    }

    #[inline]
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

    /// Appends null as the value of a row. False: the row has its value.
    #[inline]
    pub fn push_null_at(&mut self, row: usize) -> bool {
        let is_free = self.len() <= row;
        self.pad(row + 1);
        is_free
    }

    /// Appends the boolean of a row; rows before it that have none become null. False: this holds no booleans.
    pub fn push_boolean_at(&mut self, row: usize, value: bool) -> bool {
        self.pad(row);
        let Column::Boolean(values, _) = self else { return false };
        values.append(value);
        true
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
            Column::Boolean(values, nulls) => {
                nulls.add(values.len(), rows);
                values.append_n(rows - values.len(), false);
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
            Column::Boolean(values, nulls) => {
                if rows < values.len() {
                    values.truncate(rows);
                    nulls.truncate(rows);
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

    /// Appends the rows of a column of the same kind behind `rows` rows.
    pub fn append(&mut self, rows: usize, other: &Column) {
        if other.len() == 0 {
            return;
        }
        self.pad(rows);
        match (self, other) {
            (Column::Int32(ours), Column::Int32(theirs)) => ours.append(theirs),
            (Column::Int64(ours), Column::Int64(theirs)) => ours.append(theirs),
            (Column::Time(ours), Column::Time(theirs)) => ours.append(theirs),
            (Column::Float64(ours), Column::Float64(theirs)) => ours.append(theirs),
            (Column::Boolean(ours, nulls), Column::Boolean(theirs, their_nulls)) => {
                nulls.append(rows, their_nulls);
                ours.append_packed_range(0..theirs.len(), theirs.as_slice());
            }
            (Column::Text(ours), Column::Text(theirs)) | (Column::Json(ours), Column::Json(theirs)) => {
                ours.append(theirs);
            }
            (Column::List(ours), Column::List(theirs)) => ours.append(theirs),
            (Column::Struct(ours), Column::Struct(theirs)) => ours.append(rows, theirs),
            (Column::Union(ours), Column::Union(theirs)) => {
                ours.tag.append(&theirs.tag);
                let branches = ours.branches.iter_mut().zip(&theirs.branches);
                branches.for_each(|(ours, theirs)| ours.append(rows, theirs));
            }
            _ => debug_assert!(false, "columns of two tables"),
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
            Column::Boolean(values, nulls) => {
                let nulls = nulls.take(values.len());
                Arc::new(BooleanArray::new(values.finish(), nulls))
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
