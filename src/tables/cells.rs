//! Cells of one column in the making: fixed-width values, and texts.
//!
//! They can be cut back and may lag behind their table, as `columns` explains.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray, TimestampMillisecondArray};
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::ArrowNativeType;
use arrow::error::ArrowError;

use super::nulls::Nulls;
use crate::records::Utf8;

/// Fixed-width values.
#[derive(Debug)]
pub struct Primitive<T> {
    values: Vec<T>,
    nulls: Nulls,
}

impl<T> Default for Primitive<T> {
    fn default() -> Self {
        Primitive { values: Vec::new(), nulls: Nulls::default() }
    }
}

impl<T: ArrowNativeType> Primitive<T> {
    #[inline]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    #[inline]
    pub fn push(&mut self, value: T) {
        self.values.push(value);
    }

    /// Appends the value of a row; rows before it that have none become null. False: the row has its value.
    #[inline(always)]
    pub fn push_at(&mut self, row: usize, value: T) -> bool {
        if self.len() < row {
            self.lag_to(row);
        }
        let is_free = self.len() == row;
        if is_free {
            self.push(value);
        }
        is_free
    }

    #[cold]
    fn lag_to(&mut self, row: usize) {
        self.fill(row, None);
    }

    /// Fills up to `rows` with one value (or null).
    #[inline]
    pub fn fill(&mut self, rows: usize, value: Option<T>) {
        let length = self.len();
        if length >= rows {
            return;
        }
        if value.is_none() {
            self.nulls.add(length, rows);
        }
        self.values.resize(rows, value.unwrap_or_default());
    }

    /// Appends the cells of another column.
    pub fn append(&mut self, other: &Primitive<T>) {
        self.nulls.append(self.len(), &other.nulls);
        self.values.extend_from_slice(&other.values);
    }

    pub fn truncate(&mut self, rows: usize) {
        if rows < self.len() {
            self.values.truncate(rows);
            self.nulls.truncate(rows);
        }
    }

    pub fn get(&self, row: usize) -> Option<T> {
        let value = self.values.get(row).copied();
        value.filter(|_| !self.nulls.is_null(row))
    }

    pub fn take(&mut self) -> (ScalarBuffer<T>, Option<NullBuffer>) {
        let nulls = self.nulls.take(self.len());
        (renew(&mut self.values).into(), nulls)
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
const RENEWED_BYTES: usize = 1 << 20;

/// Bytes from which on the allocator cuts a vector where it lies.
const LARGE_BYTES: usize = 16 << 10;

/// Takes what is in the vector and leaves room for as much: the next rows will be like these.
pub fn renew<T>(values: &mut Vec<T>) -> Vec<T> {
    let room = if size_of_val(values.as_slice()) <= RENEWED_BYTES { values.len() } else { 0 };
    let mut taken = std::mem::replace(values, Vec::with_capacity(room));
    // It may wait long for its row group. A large vector is cut where it lies, a small one is copied.
    let is_large = size_of_val(taken.as_slice()) >= LARGE_BYTES;
    let least = if is_large { taken.capacity() / 8 * 7 } else { taken.capacity() / 2 };
    if taken.len() < least {
        taken.shrink_to_fit();
    }
    taken
}

/// Texts.
#[derive(Debug)]
pub struct Texts {
    bytes: Vec<u8>,
    offsets: Vec<i32>,
    nulls: Nulls,
}

impl Default for Texts {
    fn default() -> Self {
        Texts { bytes: Vec::new(), offsets: vec![0], nulls: Nulls::default() }
    }
}

impl Texts {
    #[inline]
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Bytes held, roughly.
    pub fn bytes(&self) -> usize {
        self.bytes.len() + self.len() * 4
    }

    /// Whether so many more bytes can be held at all (Arrow's offsets have 31 bits).
    #[inline]
    pub fn has_room(&self, bytes: usize) -> bool {
        self.bytes.len() + bytes < i32::MAX as usize
    }

    #[inline]
    pub fn push<'t>(&mut self, text: impl Into<Utf8<'t>>) {
        self.bytes.extend_from_slice(text.into().bytes());
        self.offsets.push(self.bytes.len() as i32);
    }

    /// Appends the text of a row; rows before it that have none become null. False: it is too long, or the row has its
    /// text.
    #[inline]
    pub fn push_at(&mut self, row: usize, text: Utf8<'_>) -> bool {
        if self.len() < row {
            self.lag_to(row);
        }
        let fits = self.len() == row && self.has_room(text.bytes().len());
        if fits {
            self.push(text);
        }
        fits
    }

    #[cold]
    fn lag_to(&mut self, row: usize) {
        self.fill(row, None);
    }

    /// As [`Texts::push_at`], of a text of at most so many bytes that is appended by who reads it: UTF-8. False also
    /// where none is found.
    pub fn push_read_at(
        &mut self,
        row: usize,
        most_bytes: usize,
        read: impl FnOnce(&mut Vec<u8>) -> Option<()>,
    ) -> bool {
        let (length, start) = (self.len(), self.bytes.len());
        if length > row || !self.has_room(most_bytes) {
            return false;
        }
        if read(&mut self.bytes).is_none() {
            self.bytes.truncate(start);
            return false;
        }
        if length < row {
            self.nulls.add(length, row);
            self.offsets.resize(row + 1, start as i32);
        }
        self.offsets.push(self.bytes.len() as i32);
        true
    }

    #[inline]
    pub fn fill(&mut self, rows: usize, text: Option<&str>) {
        let length = self.len();
        if length >= rows {
            return;
        }
        match text {
            Some(text) => (length..rows).for_each(|_| self.push(text)),
            None => {
                self.nulls.add(length, rows);
                let end = self.bytes.len() as i32;
                (length..rows).for_each(|_| self.offsets.push(end));
            }
        }
    }

    /// Appends the texts of another column, for which there must be room.
    pub fn append(&mut self, other: &Texts) {
        let before = self.bytes.len() as i32;
        self.nulls.append(self.len(), &other.nulls);
        self.bytes.extend_from_slice(&other.bytes);
        self.offsets.extend(other.offsets.iter().skip(1).map(|offset| before + offset));
    }

    pub fn truncate(&mut self, rows: usize) {
        if rows < self.len() {
            self.offsets.truncate(rows + 1);
            self.bytes.truncate(self.offsets.last().copied().unwrap_or_default() as usize);
            self.nulls.truncate(rows);
        }
    }

    /// The text of a row; `None` where it is null or missing.
    pub fn get(&self, row: usize) -> Option<&str> {
        std::str::from_utf8(self.get_bytes(row)?).ok()
    }

    /// The same without a check.
    pub fn get_bytes(&self, row: usize) -> Option<&[u8]> {
        if row >= self.len() || self.nulls.is_null(row) {
            return None;
        }
        let from = *self.offsets.get(row)? as usize;
        let to = *self.offsets.get(row + 1)? as usize;
        self.bytes.get(from..to)
    }

    pub fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let nulls = self.nulls.take(self.len());
        let (bytes, offsets) = (renew(&mut self.bytes), renew(&mut self.offsets));
        self.offsets.push(0);
        let offsets = OffsetBuffer::new(offsets.into());
        Ok(Arc::new(StringArray::try_new(offsets, bytes.into(), nulls)?))
    }
}
