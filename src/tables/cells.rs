//! Cells of one column in the making: fixed-width values, and texts.
//!
//! They can be cut back and may lag behind their table, as `columns` explains.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, NullBufferBuilder, StringArray, TimestampMillisecondArray};
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::ArrowNativeType;
use arrow::error::ArrowError;

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

    pub fn take(&mut self) -> (ScalarBuffer<T>, Option<NullBuffer>) {
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
const RENEWED_BYTES: usize = 64 << 10;

/// Takes what is in the vector and leaves room for as much: the next rows will be like these.
pub fn renew<T>(values: &mut Vec<T>) -> Vec<T> {
    let room = if size_of_val(values.as_slice()) <= RENEWED_BYTES { values.len() } else { 0 };
    let mut taken = std::mem::replace(values, Vec::with_capacity(room));
    if taken.len() < taken.capacity() / 2 {
        // It may wait long for its row group, and the last rows of a part are few.
        taken.shrink_to_fit();
    }
    taken
}

/// As [`renew`], for what tells which rows are null.
pub fn renew_valid(valid: &mut NullBufferBuilder) -> Option<NullBuffer> {
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

    /// Bytes held, roughly.
    pub fn bytes(&self) -> usize {
        self.bytes.len() + self.len() * 4
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
