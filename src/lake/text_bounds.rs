//! Least and greatest values of a text column, for its statistics and its page index, and its bloom filter.
//!
//! ```text
//! ["b", null, "abc", "zz"] -> blocks of rows with their least and greatest value -> chunk: "abc".."zz", 1 null
//!                                                                              -> each page: those of its blocks
//!                          -> bloom filter for 4 rows, folded to what came
//! ```
//! `parquet` compares each text twice by calls of the library's comparison, which took a tenth of a whole run. Here a
//! text that repeats the one before it is passed over, and all others are compared eight bytes at a time, in place.
//! Its bloom filters are made for the largest row group that there may be; here for the rows that there are.
//!
//! What can fail: nothing but what `parquet` refuses.

use std::cmp::Ordering;

use arrow::array::{Array, StringArray};
use arrow::buffer::NullBuffer;
use parquet::basic::{BoundaryOrder, Type};
use parquet::bloom_filter::Sbbf;
use parquet::column::writer::ColumnCloseResult;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::metadata::ColumnIndexBuilder;
use parquet::file::statistics::{Statistics, ValueStatistics};

use super::parquet::PAGE_ROWS;
use super::runs::{Keyed, Runs, runs_of};

/// Rows of a block: what `parquet` writes at a time, so that pages end where blocks end.
const BLOCK_ROWS: usize = 1024;

/// Bytes that statistics keep of a text.
const MAX_BYTES: usize = 64;

/// Of a bloom filter: how often it lets a row group be read in vain.
pub(super) const FALSE_POSITIVES: f64 = 0.01;

/// Collects over the batches of one column of one row group, in their order.
#[derive(Default)]
pub(super) struct TextBounds<'a> {
    filter: Option<Sbbf>,
    /// Rows of each array, and which are null.
    nulls: Vec<(usize, Option<NullBuffer>)>,
    blocks: Vec<Block<'a>>,
    rows: usize,
}

/// Some rows in a row. `bounds`: none if all are null.
struct Block<'a> {
    start: usize,
    end: usize,
    bounds: Option<(&'a [u8], &'a [u8])>,
}

impl<'a> TextBounds<'a> {
    /// With a bloom filter, for `rows` rows.
    pub fn with_filter(rows: usize) -> Result<TextBounds<'a>, ParquetError> {
        let filter = Sbbf::new_with_ndv_fpp(rows.max(1) as u64, FALSE_POSITIVES)?;
        Ok(TextBounds { filter: Some(filter), ..TextBounds::default() })
    }

    /// Takes the next rows, best just before they are encoded, while they are close by. They go to `keyed` too.
    pub fn add(&mut self, array: &'a StringArray, mut keyed: Option<&mut Keyed<'a>>) {
        let mut from = 0;
        while from < array.len() {
            // Where pages end: those of `parquet`, and ours.
            let block = from + BLOCK_ROWS - from % BLOCK_ROWS;
            let page = from + PAGE_ROWS - (self.rows + from) % PAGE_ROWS;
            let to = array.len().min(block).min(page);
            let bounds = bounds(array, from, to, self.filter.as_mut(), keyed.as_deref_mut());
            self.blocks.push(Block { start: self.rows + from, end: self.rows + to, bounds });
            from = to;
        }
        self.rows += array.len();
        self.nulls.push((array.len(), array.nulls().cloned()));
    }

    /// The same for texts that come in runs.
    pub fn add_runs(&mut self, array: &'a Runs, mut keyed: Option<&mut Keyed<'a>>) {
        let mut start = self.rows;
        for (rows, text) in runs_of(array) {
            let text = text.map(str::as_bytes);
            match (&mut keyed, text) {
                (Some(keyed), Some(text)) => keyed.push(rows, text),
                (Some(keyed), None) => keyed.push_nulls(rows),
                (None, _) => {}
            }
            if let (Some(filter), Some(text)) = (&mut self.filter, text) {
                filter.insert(text);
            }
            self.blocks.push(Block { start, end: start + rows, bounds: text.map(|text| (text, text)) });
            start += rows;
        }
        self.rows += array.len();
        self.nulls.push((array.len(), array.logical_nulls()));
    }

    /// Adds the statistics to a column chunk that was written of these rows without any.
    pub fn complete(mut self, chunk: &mut ColumnCloseResult) -> Result<(), ParquetError> {
        let mut metadata = chunk.metadata.clone().into_builder();
        let (least, greatest, exact) = match self.bounds(0, self.rows) {
            Some((least, greatest)) => {
                let (min, max) = (shortened(least), raised(greatest));
                let exact = (min.len() == least.len(), max == greatest);
                (Some(ByteArray::from(min.to_vec())), Some(ByteArray::from(max)), exact)
            }
            None => (None, None, (false, false)),
        };
        let statistics = ValueStatistics::new(least, greatest, None, Some(self.nulls(0, self.rows)), false)
            .with_min_is_exact(exact.0)
            .with_max_is_exact(exact.1);
        metadata = metadata.set_statistics(Statistics::ByteArray(statistics));
        if let Some(pages) = &chunk.offset_index {
            let bytes = pages.unencoded_byte_array_data_bytes.as_ref().map(|bytes| bytes.iter().sum());
            metadata = metadata.set_unencoded_byte_array_data_bytes(bytes);
            let starts = pages.page_locations.iter().map(|page| page.first_row_index as usize);
            let ends = starts.clone().skip(1).chain([self.rows]);
            chunk.column_index = Some(self.index(starts.zip(ends))?.build()?);
        }
        chunk.metadata = metadata.build()?;
        if let Some(mut filter) = self.filter.take() {
            filter.fold_to_target_fpp(FALSE_POSITIVES);
            chunk.bloom_filter = Some(filter);
        }
        Ok(())
    }

    fn index(&self, pages: impl Iterator<Item = (usize, usize)>) -> Result<ColumnIndexBuilder, ParquetError> {
        let mut index = ColumnIndexBuilder::new(Type::BYTE_ARRAY);
        let mut last: Option<(Vec<u8>, Vec<u8>)> = None;
        let (mut ascending, mut descending) = (true, true);
        for (start, end) in pages {
            let nulls = self.nulls(start, end);
            let bounds = self.bounds(start, end).filter(|_| nulls < (end - start) as u64);
            let Some((least, greatest)) = bounds else {
                index.append(true, Vec::new(), Vec::new(), nulls as i64, None);
                continue;
            };
            let (min, max) = (shortened(least).to_vec(), raised(greatest));
            if let Some((last_min, last_max)) = &last {
                ascending &= *last_min <= min && *last_max <= max;
                descending &= *last_min >= min && *last_max >= max;
            }
            index.append(false, min.clone(), max.clone(), nulls as i64, None);
            last = Some((min, max));
        }
        index.set_boundary_order(match (ascending, descending) {
            (true, _) => BoundaryOrder::ASCENDING,
            (false, true) => BoundaryOrder::DESCENDING,
            (false, false) => BoundaryOrder::UNORDERED,
        });
        Ok(index)
    }

    /// Bounds of all blocks that have rows from `start` to before `end`.
    fn bounds(&self, start: usize, end: usize) -> Option<(&'a [u8], &'a [u8])> {
        let first = self.blocks.partition_point(|block| block.end <= start);
        let blocks = self.blocks.iter().skip(first).take_while(|block| block.start < end);
        let bounds = blocks.filter_map(|block| block.bounds);
        bounds.reduce(|(least, greatest), (a, b)| (least.min(a), greatest.max(b)))
    }

    fn nulls(&self, start: usize, end: usize) -> u64 {
        let mut before = 0;
        let mut nulls = 0;
        for (rows, all) in &self.nulls {
            let from = start.saturating_sub(before).min(*rows);
            let to = end.saturating_sub(before).min(*rows);
            if let Some(all) = all.as_ref().filter(|_| from < to) {
                nulls += all.slice(from, to - from).null_count();
            }
            before += rows;
        }
        nulls as u64
    }
}

/// Least and greatest of the values that are not null; all go into the filter and, with nulls, to `keyed`.
fn bounds<'a>(
    array: &'a StringArray,
    from: usize,
    to: usize,
    mut filter: Option<&mut Sbbf>,
    mut keyed: Option<&mut Keyed<'a>>,
) -> Option<(&'a [u8], &'a [u8])> {
    let offsets = array.value_offsets().get(from..=to)?;
    let text = array.value_data();
    let mut span: Option<Span<'a>> = None;
    let mut last: &[u8] = &[];
    let mut rows = |offsets: &[i32], keyed: &mut Option<&mut Keyed<'a>>| {
        for ends in offsets.windows(2) {
            let [start, end] = *ends else { continue };
            let Some(value) = text.get(start as usize..end as usize) else { continue };
            match &mut span {
                // Rows of a record, of a visit, of a file: what was just there comes again.
                Some(_) if same(value, last) => {
                    if let Some(keyed) = keyed {
                        keyed.again();
                    }
                    continue;
                }
                Some(span) => span.extend(value),
                None => span = Some(Span::new(value, value)),
            }
            if let Some(filter) = &mut filter {
                filter.insert(value);
            }
            if let Some(keyed) = keyed {
                keyed.push(1, value);
            }
            last = value;
        }
    };
    match array.nulls() {
        None => rows(offsets, &mut keyed),
        Some(nulls) => {
            let mut done = 0;
            for (start, end) in nulls.slice(from, to - from).valid_slices() {
                if let Some(keyed) = &mut keyed {
                    keyed.push_nulls(start - done);
                }
                rows(offsets.get(start..=end).unwrap_or_default(), &mut keyed);
                done = end;
            }
            if let Some(keyed) = keyed {
                keyed.push_nulls(to - from - done);
            }
        }
    }
    span.map(|span| (span.least, span.greatest))
}

struct Span<'a> {
    least: &'a [u8],
    greatest: &'a [u8],
    /// Bytes in which both begin alike, in whole words.
    shared: usize,
    least_word: u64,
    greatest_word: u64,
}

impl<'a> Span<'a> {
    fn new(least: &'a [u8], greatest: &'a [u8]) -> Span<'a> {
        let words = least.chunks_exact(WORD).zip(greatest.chunks_exact(WORD));
        let shared = words.take_while(|(a, b)| a == b).count() * WORD;
        let (least_word, greatest_word) = (word(least, shared), word(greatest, shared));
        Span { least, greatest, shared, least_word, greatest_word }
    }

    #[inline]
    fn extend(&mut self, value: &'a [u8]) {
        let next = word(value, self.shared);
        let between = self.least_word < next && next < self.greatest_word;
        if between && (0..self.shared).step_by(WORD).all(|at| word(value, at) == word(self.least, at)) {
            return;
        }
        if order(value, self.least) == Ordering::Less {
            *self = Span::new(value, self.greatest);
        } else if order(value, self.greatest) == Ordering::Greater {
            *self = Span::new(self.least, value);
        }
    }
}

/// Bytes that are compared at a time. The library's comparison is a call of its own for each pair of texts, and
/// for the short ones that most are it takes longer than all the rest here.
const WORD: usize = 8;

/// Whether two texts are the same. Their ends are compared first: that is where texts in a row differ.
#[inline]
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len()
        && match (a.last_chunk::<WORD>(), b.last_chunk::<WORD>()) {
            (Some(end), Some(other)) => end == other && a.as_chunks::<WORD>().0 == b.as_chunks::<WORD>().0,
            _ => short_word(a) == short_word(b),
        }
}

#[inline]
fn order(a: &[u8], b: &[u8]) -> Ordering {
    for at in (0..a.len().min(b.len())).step_by(WORD) {
        let (a, b) = (word(a, at), word(b, at));
        if a != b {
            return a.cmp(&b);
        }
    }
    // One is the beginning of the other, or differs from it only in zeros at its end.
    a.len().cmp(&b.len())
}

/// Eight bytes from `at` on, a multiple of eight, as a number that orders like them; zeros stand for what is missing.
#[inline]
fn word(text: &[u8], at: usize) -> u64 {
    let Some(rest) = text.get(at..) else { return 0 };
    match (rest.first_chunk(), text.last_chunk()) {
        (Some(word), _) => u64::from_be_bytes(*word),
        (None, _) if rest.is_empty() => 0,
        // The last bytes of a longer text, without those before them.
        (None, Some(word)) => u64::from_be_bytes(*word) << (8 * (WORD - rest.len())),
        (None, None) => short_word(rest),
    }
}

/// The same for less than eight bytes.
#[inline]
fn short_word(text: &[u8]) -> u64 {
    match (text, text.first_chunk(), text.last_chunk()) {
        // They overlap, in bytes that are the same.
        (_, Some(start), Some(end)) => {
            u64::from(u32::from_be_bytes(*start)) << 32
                | u64::from(u32::from_be_bytes(*end)) << (8 * WORD.saturating_sub(text.len()))
        }
        ([a, b, c], ..) => u64::from(*a) << 56 | u64::from(*b) << 48 | u64::from(*c) << 40,
        ([a, b], ..) => u64::from(*a) << 56 | u64::from(*b) << 48,
        ([a], ..) => u64::from(*a) << 56,
        _ => 0,
    }
}

/// The text or a beginning of it, which is no greater.
fn shortened(text: &[u8]) -> &[u8] {
    text.get(..cut(text)).unwrap_or(text)
}

/// The text, or, of a long one, a shorter text that is greater. Where there is none: the text.
fn raised(text: &[u8]) -> Vec<u8> {
    let start = str::from_utf8(shortened(text)).unwrap_or_default();
    if start.len() == text.len() {
        return text.to_vec();
    }
    for (at, last) in start.char_indices().rev() {
        // The character after it, in as many bytes: what is cut off is not to come back.
        let next =
            (u32::from(last) + 1..).map_while(|code| (code <= 0x10_FFFF).then(|| char::from_u32(code)));
        if let Some(next) = next.flatten().next().filter(|next| next.len_utf8() == last.len_utf8())
            && let Some(kept) = start.get(..at)
        {
            return format!("{kept}{next}").into_bytes();
        }
    }
    text.to_vec()
}

/// Where a text is cut: at a border between characters.
fn cut(text: &[u8]) -> usize {
    if text.len() <= MAX_BYTES {
        return text.len();
    }
    (0..=MAX_BYTES).rev().find(|at| text.get(*at).is_none_or(|byte| byte & 0xC0 != 0x80)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn simple<'a>(values: &[Option<&'a str>]) -> Option<(&'a [u8], &'a [u8])> {
        let all = || values.iter().flatten().map(|value| value.as_bytes());
        Some((all().min()?, all().max()?))
    }

    #[test]
    fn odd_columns() {
        for values in [
            vec![],
            vec![None, None],
            vec![Some("")],
            vec![Some(""), Some("\0"), None, Some("\0\0")],
            vec![Some("ab"), Some("ab\0"), Some("a"), Some("ab\0\0\0\0\0\0\0\0x")],
            vec![Some("same"), Some("same"), Some("same")],
            vec![
                Some("12345678"),
                Some("123456789"),
                Some("1234567"),
                Some("12345678\0"),
                Some("1234567812345678"),
            ],
            vec![
                Some("https://www.a/1"),
                Some("https://www.a/"),
                Some("http://b"),
                Some("https://www.a/12345678901"),
            ],
        ] {
            let array = StringArray::from(values.clone());
            assert_eq!(bounds(&array, 0, array.len(), None, None), simple(&values), "{values:?}");
        }
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let long = |last: &str| format!("{}{last}", "x".repeat(62));
        for (text, low, high) in [
            ("short".to_owned(), "short".to_owned(), "short".to_owned()),
            (long("abc"), long("ab"), long("ac")),
            (long("aéz"), long("a"), long("b")),
            (long("\u{7f}\u{7f}\u{7f}"), long("\u{7f}\u{7f}"), "x".repeat(61) + "y"),
            ("\u{10FFFF}".repeat(17), "\u{10FFFF}".repeat(16), "\u{10FFFF}".repeat(17)),
            // What follows U+D7FF is U+E000.
            ("\u{D7FF}".repeat(22), "\u{D7FF}".repeat(21), "\u{D7FF}".repeat(20) + "\u{E000}"),
        ] {
            assert_eq!(shortened(text.as_bytes()), low.as_bytes(), "{text}");
            assert_eq!(raised(text.as_bytes()), high.as_bytes(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn least_and_greatest(values in prop::collection::vec(prop::option::of("(aaaaaaa|)(aaaa|)a{0,9}[ab\0é]{0,3}"), 0..40)) {
            let values: Vec<Option<&str>> = values.iter().map(Option::as_deref).collect();
            let array = StringArray::from(values.clone());
            prop_assert_eq!(bounds(&array, 0, array.len(), None, None), simple(&values));
        }

        #[test]
        fn cut_texts_are_bounds(text in "\\PC{0,90}") {
            let (low, high) = (shortened(text.as_bytes()), raised(text.as_bytes()));
            prop_assert!(low <= text.as_bytes() && text.as_bytes() <= high.as_slice());
            prop_assert!(str::from_utf8(low).is_ok() && String::from_utf8(high).is_ok());
        }
    }
}
