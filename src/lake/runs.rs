//! Column chunks of texts with a dictionary, made of runs of the same text.
//!
//! ```text
//! "a" 300 times, null 5 times, "b" 200 times
//!   -> dictionary page: "a" "b"      data page: levels 1 × 300, 0 × 5, 1 × 200; indexes 0 × 300, 1 × 200
//! ```
//! That is what `parquet` makes of such texts too; but it looks up each row's. Here a text that repeats the one before it
//! is not looked up again (`text_bounds`, where the statistics come from, has compared them anyway), and texts that come
//! as runs are not even looked at row by row.
//!
//! What can fail: nothing but what `parquet` refuses.

use std::collections::HashMap;

use ahash::RandomState;

use arrow::array::{AsArray, RunArray, StringArray, StringBuilder};
use arrow::datatypes::{DataType, Int32Type};
use parquet::basic::{Encoding, PageType};
use parquet::column::page::Page;
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, OffsetIndexBuilder, PageEncodingStats};
use parquet::schema::types::ColumnDescPtr;

use super::pages::{SharedPages, push_varint};
use super::parquet::PAGE_ROWS;

/// Texts in runs.
pub(super) type Runs = RunArray<Int32Type>;

/// Bytes of a dictionary from which on it would not pay. The same as `parquet`'s.
const DICTIONARY_BYTES: usize = 1 << 20;

/// Whether columns of a type hold texts, as they are or as [`Runs`].
pub(super) fn is_text(data_type: &DataType) -> bool {
    let DataType::RunEndEncoded(ends, values) = data_type else { return *data_type == DataType::Utf8 };
    (ends.data_type(), values.data_type()) == (&DataType::Int32, &DataType::Utf8)
}

/// The runs: how many rows, and their text if they have one.
pub(super) fn runs_of(array: &Runs) -> impl Iterator<Item = (usize, Option<&str>)> {
    let texts = array.values().as_string::<i32>().iter().skip(array.get_start_physical_index());
    let mut start = 0;
    array.run_ends().sliced_values().zip(texts).map(move |(end, text)| {
        let rows = end as usize - start;
        start = end as usize;
        (rows, text)
    })
}

/// Bytes of texts from which on an array by row is not made longer.
const BY_ROW_BYTES: usize = 1 << 20;

/// The same by row, in several arrays: a run may be of a text that takes more memory by row than there is.
pub(super) fn rows_of(array: &Runs) -> impl Iterator<Item = StringArray> {
    let mut texts = runs_of(array).flat_map(|(rows, text)| std::iter::repeat_n(text, rows)).peekable();
    std::iter::from_fn(move || {
        texts.peek()?;
        let mut rows = StringBuilder::new();
        while rows.values_slice().len() < BY_ROW_BYTES {
            let Some(text) = texts.next() else { break };
            rows.append_option(text);
        }
        Some(rows.finish())
    })
}

/// The texts of a chunk in their order, each as a key.
#[derive(Default)]
pub(super) struct Keyed<'a> {
    dictionary: Dictionary<'a>,
    runs: Vec<Run>,
    /// What text came last.
    last: Option<u32>,
}

impl<'a> Keyed<'a> {
    /// Takes rows with the same text.
    pub fn push(&mut self, rows: usize, text: &'a [u8]) {
        if self.is_too_large() {
            self.runs = Vec::new();
            return;
        }
        let key = self.dictionary.key(text);
        self.last = Some(key);
        self.runs.push(Run { rows: rows as u32, key: Some(key) });
    }

    /// Takes one more row with the text that came last.
    #[inline]
    pub fn again(&mut self) {
        match self.runs.last_mut() {
            Some(run) if run.key == self.last => run.rows += 1,
            _ => self.runs.push(Run { rows: 1, key: self.last }),
        }
    }

    pub fn push_nulls(&mut self, rows: usize) {
        if rows > 0 {
            self.runs.push(Run { rows: rows as u32, key: None });
        }
    }

    fn is_too_large(&self) -> bool {
        self.dictionary.page.len() > DICTIONARY_BYTES
    }

    /// Writes a chunk without statistics. `None`: nothing was written, too many texts differ.
    pub fn write(
        self,
        column: &ColumnDescPtr,
        pages: &mut SharedPages,
    ) -> Result<Option<ColumnCloseResult>, ParquetError> {
        if self.is_too_large() {
            return Ok(None);
        }
        let mut index = OffsetIndexBuilder::new();
        let (mut all_rows, mut data_pages) = (0, 0);
        let mut page = DataPage::new(&self.dictionary);
        let mut runs = self.runs.into_iter().peekable();
        while let Some(mut run) = runs.next() {
            while run.rows > 0 {
                let rows = (run.rows as usize).min(PAGE_ROWS - page.rows);
                page.add(&self.dictionary, run.key, rows);
                run.rows -= rows as u32;
                if page.rows == PAGE_ROWS || run.rows == 0 && runs.peek().is_none() {
                    let full = std::mem::replace(&mut page, DataPage::new(&self.dictionary));
                    index.append_row_count(full.rows as i64);
                    // Where it lies is known when it is compressed.
                    index.append_offset_and_size(0, 0);
                    index.append_unencoded_byte_array_data_bytes(Some(full.bytes as i64));
                    all_rows += full.rows;
                    data_pages += 1;
                    pages.put_page(full.finish(column.max_def_level() > 0))?;
                }
            }
        }
        let encoding_stats = [
            (PageType::DICTIONARY_PAGE, Encoding::PLAIN, 1),
            (PageType::DATA_PAGE, Encoding::RLE_DICTIONARY, data_pages),
        ]
        .map(|(page_type, encoding, count)| PageEncodingStats { page_type, encoding, count });
        pages.put_page(self.dictionary.finish())?;
        let metadata = ColumnChunkMetaData::builder(column.clone())
            .set_encodings(vec![Encoding::PLAIN, Encoding::RLE, Encoding::RLE_DICTIONARY])
            .set_page_encoding_stats(encoding_stats.to_vec())
            .set_num_values(all_rows as i64)
            .build()?;
        Ok(Some(ColumnCloseResult {
            bytes_written: 0,
            rows_written: all_rows as u64,
            metadata,
            bloom_filter: None,
            column_index: None,
            offset_index: Some(index.build()),
        }))
    }
}

/// Rows with one text, or with none.
struct Run {
    rows: u32,
    key: Option<u32>,
}

/// The different texts.
#[derive(Default)]
struct Dictionary<'a> {
    keys: HashMap<&'a [u8], u32, RandomState>,
    lengths: Vec<u32>,
    /// Each with its length before it.
    page: Vec<u8>,
}

impl<'a> Dictionary<'a> {
    fn key(&mut self, text: &'a [u8]) -> u32 {
        *self.keys.entry(text).or_insert_with(|| {
            let length = text.len() as u32;
            self.page.extend_from_slice(&length.to_le_bytes());
            self.page.extend_from_slice(text);
            self.lengths.push(length);
            self.lengths.len() as u32 - 1
        })
    }

    /// Bits of a key.
    fn width(&self) -> usize {
        self.lengths.len().saturating_sub(1).checked_ilog2().map_or(0, |log| log as usize + 1)
    }

    fn finish(self) -> Page {
        let num_values = self.lengths.len() as u32;
        Page::DictionaryPage {
            buf: self.page.into(),
            num_values,
            encoding: Encoding::PLAIN,
            is_sorted: false,
        }
    }
}

/// A data page in the making.
struct DataPage {
    rows: usize,
    /// Of the texts of its rows.
    bytes: usize,
    /// Whether rows have a text.
    levels: Hybrid,
    keys: Hybrid,
}

impl DataPage {
    fn new(dictionary: &Dictionary<'_>) -> DataPage {
        DataPage { rows: 0, bytes: 0, levels: Hybrid::new(1), keys: Hybrid::new(dictionary.width()) }
    }

    fn add(&mut self, dictionary: &Dictionary<'_>, key: Option<u32>, rows: usize) {
        self.rows += rows;
        self.levels.add(u32::from(key.is_some()), rows);
        if let Some(key) = key {
            self.bytes += rows * dictionary.lengths.get(key as usize).map_or(0, |length| *length as usize);
            self.keys.add(key, rows);
        }
    }

    fn finish(self, nullable: bool) -> Page {
        let mut buf = Vec::new();
        if nullable {
            let levels = self.levels.finish();
            buf.extend_from_slice(&(levels.len() as u32).to_le_bytes());
            buf.extend_from_slice(&levels);
        }
        buf.push(self.keys.width as u8);
        buf.extend_from_slice(&self.keys.finish());
        Page::DataPage {
            buf: buf.into(),
            num_values: self.rows as u32,
            encoding: Encoding::RLE_DICTIONARY,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        }
    }
}

/// Parquet's mixture of runs and of values packed in groups of eight, each `width` bits.
struct Hybrid {
    out: Vec<u8>,
    width: usize,
    /// To be packed.
    waiting: Vec<u32>,
    /// What came last, and how often in a row.
    value: u32,
    count: usize,
}

const GROUP: usize = 8;

impl Hybrid {
    fn new(width: usize) -> Hybrid {
        Hybrid { out: Vec::new(), width, waiting: Vec::new(), value: 0, count: 0 }
    }

    #[inline]
    fn add(&mut self, value: u32, count: usize) {
        if value != self.value {
            self.end_run(GROUP);
            self.value = value;
        }
        self.count += count;
    }

    /// `least`: values for which a run is written.
    fn end_run(&mut self, least: usize) {
        let count = std::mem::take(&mut self.count);
        // A group that was begun is filled up first.
        let filling = count.min(self.waiting.len().next_multiple_of(GROUP) - self.waiting.len());
        let rest = count - filling;
        self.waiting.extend(std::iter::repeat_n(self.value, filling));
        if rest < least {
            self.waiting.extend(std::iter::repeat_n(self.value, rest));
            return;
        }
        self.pack();
        push_varint(&mut self.out, (rest as u64) << 1);
        let value = self.value.to_le_bytes();
        self.out.extend_from_slice(value.get(..self.width.div_ceil(8)).unwrap_or(&value));
    }

    fn pack(&mut self) {
        let groups = self.waiting.len().div_ceil(GROUP);
        if groups == 0 {
            return;
        }
        push_varint(&mut self.out, (groups as u64) << 1 | 1);
        self.waiting.resize(groups * GROUP, 0);
        let (mut bits, mut filled) = (0_u64, 0);
        for value in self.waiting.drain(..) {
            bits |= u64::from(value) << filled;
            filled += self.width;
            while filled >= 8 {
                self.out.push(bits as u8);
                bits >>= 8;
                filled -= 8;
            }
        }
    }

    fn finish(mut self) -> Vec<u8> {
        // What comes only once or twice is a run, if nothing else came: there may be no bit to be packed.
        self.end_run(if self.waiting.is_empty() { 1 } else { GROUP });
        self.pack();
        self.out
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Array, ArrayRef, Int32Array, RecordBatch};
    use arrow::datatypes::{Field, Schema, SchemaRef};
    use bytes::Bytes;
    use parquet::arrow::ArrowWriter;
    use parquet::arrow::arrow_reader::{
        ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
    };
    use parquet::basic::{Compression, ZstdLevel};
    use parquet::file::metadata::PageIndexPolicy;
    use parquet::file::page_index::column_index::ColumnIndexMetaData;
    use parquet::file::page_index::offset_index::OffsetIndexMetaData;
    use parquet::file::properties::EnabledStatistics;
    use parquet::schema::types::ColumnPath;
    use proptest::prelude::*;

    use super::super::parquet::{
        ColumnHint, Placement, TableShape, append_row_group, close_writer, open_writer, properties,
    };
    use super::*;
    use crate::model::LakeOptions;

    type Texts = Vec<(usize, Option<String>)>;

    fn runs(texts: &Texts) -> ArrayRef {
        let mut end = 0;
        let ends = texts.iter().map(|(rows, _)| {
            end += *rows as i32;
            end
        });
        let ends = Int32Array::from_iter_values(ends);
        let texts = StringArray::from_iter(texts.iter().map(|(_, text)| text.as_deref()));
        Arc::new(Runs::try_new(&ends, &texts).unwrap())
    }

    fn by_row(runs: &ArrayRef) -> ArrayRef {
        let arrays: Vec<StringArray> = rows_of(runs.as_run()).collect();
        let arrays: Vec<&dyn Array> = arrays.iter().map(|array| array as &dyn Array).collect();
        arrow::compute::concat(&arrays).unwrap()
    }

    fn shape(arrays: &[ArrayRef], hints: &[ColumnHint]) -> TableShape {
        let data_type = arrays[0].data_type().clone();
        TableShape {
            name: "t".into(),
            schema: Arc::new(Schema::new(vec![Field::new("t", data_type, true)])),
            placement: Placement::Partitioned,
            hints: hints.iter().map(|hint| ("t".to_owned(), *hint)).collect(),
        }
    }

    fn file_by_parquet(arrays: &[ArrayRef], hints: &[ColumnHint]) -> Bytes {
        let shape = shape(arrays, hints);
        let options = LakeOptions { row_group_rows: usize::MAX, ..LakeOptions::default() };
        let level = ZstdLevel::try_new(options.zstd_level).unwrap();
        let column = ColumnPath::from("t");
        let mut properties = properties(&shape, &options, vec![])
            .into_builder()
            .set_compression(Compression::ZSTD(level))
            .set_column_statistics_enabled(column.clone(), EnabledStatistics::Page);
        if hints.contains(&ColumnHint::Bloom) {
            properties = properties.set_column_bloom_filter_fpp(column, 0.01);
        }
        let mut writer =
            ArrowWriter::try_new(Vec::new(), shape.schema.clone(), Some(properties.build())).unwrap();
        for array in arrays {
            writer.write(&RecordBatch::try_new(shape.schema.clone(), vec![array.clone()]).unwrap()).unwrap();
        }
        writer.into_inner().unwrap().into()
    }

    /// A file of one row group, as `[archive]` has it by default.
    fn file(arrays: &[ArrayRef], hints: &[ColumnHint]) -> Bytes {
        let shape = shape(arrays, hints);
        let schema: SchemaRef = shape.schema.clone();
        let batches: Vec<RecordBatch> = arrays
            .iter()
            .map(|array| RecordBatch::try_new(schema.clone(), vec![array.clone()]).unwrap())
            .collect();
        let (mut writer, encoder) = open_writer(&shape, &LakeOptions::default(), vec![]).unwrap();
        let chunks = encoder.encode(batches).unwrap();
        append_row_group(&mut writer, chunks).unwrap();
        close_writer(writer).unwrap().into()
    }

    fn metadata(file: &Bytes) -> ArrowReaderMetadata {
        let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Required);
        ArrowReaderMetadata::load(file, options).unwrap()
    }

    fn rows_in(file: &Bytes) -> Vec<Option<String>> {
        let reader = ParquetRecordBatchReaderBuilder::try_new(file.clone()).unwrap().build().unwrap();
        let mut rows = Vec::new();
        for batch in reader {
            let texts = batch.unwrap();
            rows.extend(texts.column(0).as_string::<i32>().iter().map(|text| text.map(str::to_owned)));
        }
        rows
    }

    /// Files of runs, of the same texts by row and by `parquet` alone say the same. (Of several arrays `parquet`'s
    /// pages end elsewhere.) The first two of them.
    fn compare(arrays: &[ArrayRef], hints: &[ColumnHint]) -> (Bytes, Bytes) {
        let plain: Vec<ArrayRef> = arrays.iter().map(by_row).collect();
        let (ours, plainly) = (file(arrays, hints), file(&plain, hints));
        compare_with_parquet(&ours, &plain, hints);
        compare_with_parquet(&plainly, &plain, hints);
        (ours, plainly)
    }

    fn compare_with_parquet(ours: &Bytes, plain: &[ArrayRef], hints: &[ColumnHint]) {
        let theirs = file_by_parquet(plain, hints);
        let expected: Vec<_> = plain.iter().flat_map(|array| array.as_string::<i32>()).collect();
        assert!(rows_in(ours).iter().map(Option::as_deref).eq(expected));
        let (of_ours, of_theirs) = (metadata(ours), metadata(&theirs));
        assert_eq!(of_ours.schema(), of_theirs.schema());
        let (of_ours, of_theirs) = (of_ours.metadata(), of_theirs.metadata());
        assert_eq!(of_ours.file_metadata().schema(), of_theirs.file_metadata().schema());
        assert_eq!(of_ours.file_metadata().num_rows(), of_theirs.file_metadata().num_rows());
        let (a, b) = (of_ours.row_group(0).column(0), of_theirs.row_group(0).column(0));
        assert_eq!(a.encodings_mask(), b.encodings_mask());
        assert_eq!(a.compression(), b.compression());
        assert_eq!(a.num_values(), b.num_values());
        assert_eq!(a.statistics(), b.statistics());
        assert_eq!(a.page_encoding_stats(), b.page_encoding_stats());
        assert_eq!(a.bloom_filter_offset().is_some(), b.bloom_filter_offset().is_some());
        if plain.len() > 1 {
            return;
        }
        let (a, b) = (of_ours.page_index_for_row_group(0), of_theirs.page_index_for_row_group(0));
        let said = |index: Option<&ColumnIndexMetaData>| {
            let Some(ColumnIndexMetaData::BYTE_ARRAY(texts)) = index else {
                panic!("no column index of texts")
            };
            let owned = |text: Option<&[u8]>| text.map(<[u8]>::to_vec);
            let least: Vec<_> = texts.min_values_iter().map(owned).collect();
            let greatest: Vec<_> = texts.max_values_iter().map(owned).collect();
            (least, greatest, index.map(|all| (all.null_counts().cloned(), all.get_boundary_order())))
        };
        assert_eq!(said(a.column_index(0)), said(b.column_index(0)));
        let pages = |index: &OffsetIndexMetaData| -> Vec<i64> {
            index.page_locations.iter().map(|page| page.first_row_index).collect()
        };
        let (a, b) = (a.offset_index(0).unwrap(), b.offset_index(0).unwrap());
        assert_eq!(pages(a), pages(b));
        assert_eq!(a.unencoded_byte_array_data_bytes(), b.unencoded_byte_array_data_bytes());
    }

    fn texts() -> impl Strategy<Value = Texts> {
        let rows = prop_oneof![6 => 1..3_usize, 3 => 1..40_usize, 1 => 900..90_000_usize];
        let text = prop_oneof![1 => Just(None), 4 => "[abc]{0,2}|é{70}".prop_map(Some)];
        prop::collection::vec((rows, text), 1..30)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn as_if_by_row(
            of_arrays in prop::collection::vec(texts(), 1..4),
            cut in prop::option::of((0.0..1.0, 0.0..1.0)),
            filtered: bool,
        ) {
            let mut arrays: Vec<ArrayRef> = of_arrays.iter().map(runs).collect();
            if let Some((from, rows)) = cut {
                let all = arrays[0].len();
                let from = ((all - 1) as f64 * from) as usize;
                arrays[0] = arrays[0].slice(from, 1 + ((all - from - 1) as f64 * rows) as usize);
            }
            compare(&arrays, if filtered { &[ColumnHint::Bloom] } else { &[] });
        }

        #[test]
        fn mixtures(width in 0..19_usize, runs in prop::collection::vec((any::<u32>(), 1..20_usize), 0..60)) {
            let runs: Vec<(u32, usize)> = runs.into_iter().map(|(value, count)| (value & ((1 << width) - 1), count)).collect();
            let mut hybrid = Hybrid::new(width);
            runs.iter().for_each(|(value, count)| hybrid.add(*value, *count));
            let values: Vec<u32> = runs.iter().flat_map(|(value, count)| std::iter::repeat_n(*value, *count)).collect();
            let read = unmixed(&hybrid.finish(), width);
            prop_assert!(read.len() < values.len() + GROUP);
            prop_assert_eq!(&read[..values.len()], &values[..]);
        }
    }

    /// Reads the mixture, as the format describes it.
    fn unmixed(mut from: &[u8], width: usize) -> Vec<u32> {
        let mut values = Vec::new();
        while !from.is_empty() {
            let mut header = 0_u64;
            let mut shift = 0;
            loop {
                header |= u64::from(from[0] & 0x7F) << shift;
                shift += 7;
                let more = from[0] >= 0x80;
                from = &from[1..];
                if !more {
                    break;
                }
            }
            let bytes = if header & 1 == 1 { (header >> 1) as usize * width } else { width.div_ceil(8) };
            let (content, rest) = from.split_at(bytes);
            from = rest;
            let number = |at: usize| {
                (0..width)
                    .map(|bit| at * width + bit)
                    .rev()
                    .fold(0, |n, bit| n << 1 | u32::from(content[bit / 8] >> (bit % 8) & 1))
            };
            if header & 1 == 1 {
                values.extend((0..(header >> 1) as usize * GROUP).map(number));
            } else {
                values.extend(std::iter::repeat_n(number(0), (header >> 1) as usize));
            }
        }
        values
    }

    #[test]
    fn nothing_but_nulls_or_one_text() {
        let none = runs(&vec![(70_000, None)]);
        let one = runs(&vec![(1, Some("one".to_owned()))]);
        compare(std::slice::from_ref(&none), &[]);
        compare(std::slice::from_ref(&one), &[ColumnHint::Bloom]);
        compare(&[none, one], &[]);
    }

    /// The dictionary would be as large as the texts: they are written like others.
    #[test]
    fn too_many_different_texts() {
        let texts =
            |from: usize| (from..from + 40_000).map(|n| (1 + n % 2, Some(format!("{n:040}")))).collect();
        let arrays = [runs(&texts(0)), runs(&texts(40_000))];
        compare(&arrays, &[ColumnHint::Bloom]);
    }

    /// By row it would take more than an array can hold.
    #[test]
    fn a_long_text_comes_again_and_again() {
        let long = "é".repeat(1 << 20);
        let runs = runs(&vec![(1_100, Some(long.clone())), (1, None), (1, Some("short".to_owned()))]);
        let file = file(std::slice::from_ref(&runs), &[]);
        let metadata = metadata(&file);
        let group = metadata.metadata().row_group(0);
        assert_eq!(
            (group.num_rows(), group.column(0).statistics().unwrap().null_count_opt()),
            (1_102, Some(1))
        );
        let index = metadata.metadata().page_index_for_row_group(0);
        let bytes = index.offset_index(0).and_then(|pages| pages.unencoded_byte_array_data_bytes());
        assert_eq!(bytes.unwrap().iter().sum::<i64>(), 1_100 * (2 << 20) + 5);
    }

    /// Where they get no dictionary, pages end by their bytes, not by their rows alone.
    #[test]
    fn pages_of_long_texts_in_runs_are_bounded() {
        let text = |n: usize| Some(format!("{n}").repeat(60 << 10));
        let texts: Vec<_> = (10..40).map(|n| (40, text(n))).collect();
        let file = file(&[runs(&texts)], &[]);
        let metadata = metadata(&file);
        let index = metadata.metadata().page_index_for_row_group(0);
        let bytes = index.offset_index(0).and_then(|pages| pages.unencoded_byte_array_data_bytes()).unwrap();
        // The first one has keys, until the dictionary is too large.
        let largest = bytes.iter().skip(1).max().unwrap();
        assert!(*largest < 4 << 20, "{} pages, the largest of {largest} bytes", bytes.len());
    }

    /// A file of runs is no larger.
    #[test]
    fn short_runs_are_packed() {
        let texts = (0..30_000_usize)
            .map(|n| (1 + n % 3, Some((n.wrapping_mul(0x9E37_79B9) >> 7 & 3).to_string())))
            .collect();
        let runs = runs(&texts);
        let (ours, plainly) = compare(std::slice::from_ref(&runs), &[]);
        assert!(ours == plainly);
        let theirs = file_by_parquet(&[by_row(&runs)], &[]);
        assert!(ours.len() <= theirs.len() + theirs.len() / 50, "{} and {}", ours.len(), theirs.len());
    }
}
