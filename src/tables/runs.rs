//! Texts that stay the same over many rows, such as the file that rows come from: each is kept once, with where it ends.
//!
//! ```text
//! "a" "a" "a" null "b" "b"  ->  "a" up to row 3, null up to 4, "b" up to 6
//! ```
//! To copy, check and look up such a text for every row took a twentieth of a run.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, RunArray};
use arrow::datatypes::{DataType, Field};
use arrow::error::ArrowError;

use super::cells::{Texts, renew};

/// Texts in runs; neighbours differ.
#[derive(Debug, Default)]
pub struct Runs {
    /// One of each run.
    texts: Texts,
    /// Where each run ends: the row behind its last.
    ends: Vec<i32>,
}

impl Runs {
    /// Arrow type of what [`Runs::finish`] makes.
    pub fn data_type() -> DataType {
        let field = |name: &str, data_type, nullable| Arc::new(Field::new(name, data_type, nullable));
        DataType::RunEndEncoded(
            field("run_ends", DataType::Int32, false),
            field("values", DataType::Utf8, true),
        )
    }

    pub fn len(&self) -> usize {
        self.ends.last().copied().unwrap_or_default() as usize
    }

    /// Bytes held, roughly.
    pub fn bytes(&self) -> usize {
        self.texts.bytes() + self.ends.len() * 4
    }

    /// Fills up to `rows` with one text (or null).
    pub fn fill(&mut self, rows: usize, text: Option<&str>) {
        if self.len() >= rows {
            return;
        }
        let runs = self.ends.len();
        match self.ends.last_mut() {
            Some(end) if self.texts.get_bytes(runs - 1) == text.map(str::as_bytes) => *end = rows as i32,
            _ => {
                self.texts.fill(runs + 1, text);
                self.ends.push(rows as i32);
            }
        }
    }

    /// Appends the texts of another column.
    pub fn append(&mut self, other: &Runs) {
        let before = self.len();
        for (run, end) in other.ends.iter().enumerate() {
            self.fill(before + *end as usize, other.texts.get(run));
        }
    }

    pub fn truncate(&mut self, rows: usize) {
        if rows >= self.len() {
            return;
        }
        // The run of the last row that stays is cut.
        let kept = if rows == 0 { 0 } else { self.ends.partition_point(|end| (*end as usize) < rows) + 1 };
        self.ends.truncate(kept);
        self.texts.truncate(kept);
        if let Some(end) = self.ends.last_mut() {
            *end = rows as i32;
        }
    }

    pub fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let ends = Int32Array::try_new(renew(&mut self.ends).into(), None)?;
        Ok(Arc::new(RunArray::try_new(&ends, &self.texts.finish()?)?))
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array, AsArray, StringArray};
    use arrow::datatypes::Int32Type;
    use proptest::prelude::*;

    use super::*;

    /// What there is to do with a column.
    #[derive(Clone, Debug)]
    enum Step {
        Fill(usize, Option<String>),
        Truncate(usize),
        Append(Vec<(usize, Option<String>)>),
    }

    fn run() -> impl Strategy<Value = (usize, Option<String>)> {
        (0_usize..9, prop::option::of("[abé]{0,1}"))
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => run().prop_map(|(rows, text)| Step::Fill(rows, text)),
            1 => (0_usize..40).prop_map(Step::Truncate),
            1 => prop::collection::vec(run(), 0..4).prop_map(Step::Append),
        ]
    }

    fn rows_of(array: &ArrayRef) -> Vec<Option<String>> {
        let runs = array.as_run::<Int32Type>().downcast::<StringArray>().unwrap();
        runs.into_iter().map(|text| text.map(str::to_owned)).collect()
    }

    proptest! {
        #[test]
        fn as_filled_row_by_row(steps in prop::collection::vec(step(), 0..30)) {
            let (mut runs, mut plain) = (Runs::default(), Texts::default());
            for step in &steps {
                match step {
                    Step::Fill(rows, text) => {
                        let rows = plain.len() + rows;
                        runs.fill(rows, text.as_deref());
                        plain.fill(rows, text.as_deref());
                    }
                    Step::Truncate(rows) => {
                        runs.truncate(*rows);
                        plain.truncate(*rows);
                    }
                    Step::Append(others) => {
                        let (mut other_runs, mut other_plain) = (Runs::default(), Texts::default());
                        for (rows, text) in others {
                            let rows = other_plain.len() + rows;
                            other_runs.fill(rows, text.as_deref());
                            other_plain.fill(rows, text.as_deref());
                        }
                        runs.append(&other_runs);
                        plain.append(&other_plain);
                    }
                }
                prop_assert_eq!(runs.len(), plain.len());
                prop_assert_eq!(runs.ends.len(), runs.texts.len());
            }
            let neighbours = (1..runs.texts.len()).map(|run| (runs.texts.get(run - 1), runs.texts.get(run)));
            prop_assert!(neighbours.into_iter().all(|(a, b)| a != b));
            let array = runs.finish().unwrap();
            prop_assert_eq!(array.data_type(), &Runs::data_type());
            let expected: Vec<_> =
                plain.finish().unwrap().as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect();
            prop_assert_eq!(rows_of(&array), expected);
            prop_assert_eq!(runs.len(), 0);
        }
    }
}
