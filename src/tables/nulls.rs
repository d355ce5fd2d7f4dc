//! Which rows of a column are null. Rows that are not cost nothing.

use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer};

const WORD: usize = u64::BITS as usize;

/// A bit per row, set where it is null, up to the last null at least.
#[derive(Debug, Default)]
pub struct Nulls(Vec<u64>);

impl Nulls {
    /// Rows from `from` up to `to` are null.
    #[inline]
    pub fn add(&mut self, from: usize, to: usize) {
        let Some(last) = to.checked_sub(1).filter(|last| from <= *last) else { return };
        if self.0.len() <= last / WORD {
            self.0.resize(last / WORD + 1, 0);
        }
        if from == last {
            self.0.get_mut(last / WORD).into_iter().for_each(|word| *word |= 1 << (last % WORD));
            return;
        }
        for (index, word) in self.0.iter_mut().enumerate().skip(from / WORD) {
            let (start, end) = (from.saturating_sub(index * WORD), to - index * WORD);
            let upto = if end < WORD { (1 << end) - 1 } else { u64::MAX };
            *word |= upto & (u64::MAX << start);
        }
    }

    #[inline]
    pub fn is_null(&self, row: usize) -> bool {
        self.0.get(row / WORD).is_some_and(|word| word >> (row % WORD) & 1 == 1)
    }

    /// Adds those of a column whose first row is to be our row `from`.
    pub fn append(&mut self, from: usize, other: &Nulls) {
        let shift = from % WORD;
        for (index, word) in other.0.iter().enumerate().filter(|(_, word)| **word != 0) {
            let at = from / WORD + index;
            for (at, word) in
                [(at, word << shift), (at + 1, word.checked_shr((WORD - shift) as u32).unwrap_or(0))]
            {
                if word != 0 {
                    if self.0.len() <= at {
                        self.0.resize(at + 1, 0);
                    }
                    self.0.get_mut(at).into_iter().for_each(|ours| *ours |= word);
                }
            }
        }
    }

    /// Forgets what lies behind so many rows.
    pub fn truncate(&mut self, rows: usize) {
        self.0.truncate(rows.div_ceil(WORD));
        if let Some(word) = self.0.get_mut(rows / WORD) {
            *word &= (1 << (rows % WORD)) - 1;
        }
    }

    /// Takes the first `rows` rows, which are all; `None`: none of them is null.
    pub fn take(&mut self, rows: usize) -> Option<NullBuffer> {
        let room = self.0.len();
        let mut words = std::mem::replace(&mut self.0, Vec::with_capacity(room));
        if words.iter().all(|word| *word == 0) {
            return None;
        }
        words.resize(rows.div_ceil(WORD), 0);
        // Arrow's bits tell which rows are valid, lowest byte first.
        words.iter_mut().for_each(|word| *word = (!*word).to_le());
        Some(NullBuffer::new(BooleanBuffer::new(Buffer::from_vec(words), 0, rows)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn rows_are_as_in_a_plain_list(
            runs in proptest::collection::vec((0usize..150, 0usize..150, 0usize..6), 0..12),
        ) {
            let (mut nulls, mut list) = (Nulls::default(), Vec::new());
            for (valid, null, cut) in runs {
                list.resize(list.len() + valid, false);
                nulls.add(list.len(), list.len() + null);
                list.resize(list.len() + null, true);
                if cut == 0 {
                    list.truncate(list.len() / 2);
                    nulls.truncate(list.len());
                }
            }
            for row in 0..list.len() + 70 {
                prop_assert_eq!(nulls.is_null(row), list.get(row) == Some(&true), "{}", row);
            }
            let mut twice = Nulls::default();
            twice.append(7, &nulls);
            twice.append(7 + list.len(), &nulls);
            for row in 0..list.len() {
                prop_assert_eq!(twice.is_null(7 + row), list[row]);
                prop_assert_eq!(twice.is_null(7 + list.len() + row), list[row]);
            }
            prop_assert!((0..7).chain(7 + 2 * list.len()..300 + 2 * list.len()).all(|row| !twice.is_null(row)));
            let taken = nulls.take(list.len());
            prop_assert_eq!(taken.is_some(), list.contains(&true));
            if let Some(taken) = taken {
                let shown: Vec<bool> = taken.iter().map(|valid| !valid).collect();
                prop_assert_eq!(shown, list);
            }
            prop_assert!(nulls.take(5).is_none());
        }
    }
}
