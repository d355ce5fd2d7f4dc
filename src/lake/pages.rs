//! Pages of column chunks, compressed by one zstd context per thread.
//!
//! ```text
//! page header, plain page -> compressed, its header with the new size -> dictionary page, data pages -> chunk
//! ```
//! `parquet` makes two zstd contexts for each column chunk. Each asks the processor what it can, which a virtual machine
//! answers in microseconds, and takes new memory: with many small row groups more than compressing itself.
//! So `parquet` writes plain pages, hands them to its page store, which is here, and the chunk's metadata are
//! set to what became of them.
//!
//! What can fail: nothing but what `parquet` or zstd refuse, and a page header that is not as the format has it.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::Read;
use std::sync::{Arc, Mutex};

use bytes::{Buf, Bytes};
use parquet::basic::{Compression, ZstdLevel};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::page_store::{PageKey, PageStore, PageStoreArgs, PageStoreFactory};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};

use super::lock;

/// What a thread keeps at most for the next page to be compressed into.
const SCRATCH_BYTES: usize = 4 << 20;

/// A column chunk as it goes into the file.
pub(super) struct Chunk {
    pub bytes: ChunkBytes,
    pub close: ColumnCloseResult,
}

/// To be read once, from the beginning. Each page's memory is given back as soon as it was read.
pub(super) struct ChunkBytes(Mutex<VecDeque<Bytes>>);

pub(super) struct ChunkBytesReader(VecDeque<Bytes>);

impl Length for ChunkBytes {
    fn len(&self) -> u64 {
        lock(&self.0).iter().map(|page| page.len() as u64).sum()
    }
}

impl ChunkReader for ChunkBytes {
    type T = ChunkBytesReader;

    fn get_read(&self, start: u64) -> Result<ChunkBytesReader, ParquetError> {
        if start > 0 {
            return Err(ParquetError::General("a chunk is read from its beginning".to_owned()));
        }
        Ok(ChunkBytesReader(std::mem::take(&mut lock(&self.0))))
    }

    fn get_bytes(&self, _: u64, _: usize) -> Result<Bytes, ParquetError> {
        Err(ParquetError::General("a chunk is read as a whole".to_owned()))
    }
}

impl Read for ChunkBytesReader {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let Some(page) = self.0.front_mut() else { return Ok(0) };
        let count = page.len().min(into.len());
        page.copy_to_slice(into.split_at_mut(count).0);
        if page.is_empty() {
            self.0.pop_front();
        }
        Ok(count)
    }
}

/// The pages that a column writer makes.
#[derive(Debug)]
pub(super) struct Pages {
    level: ZstdLevel,
    /// The header of the page that comes next.
    header: Option<Bytes>,
    dictionary: Option<Bytes>,
    /// Each with its header.
    data: VecDeque<Bytes>,
    /// Of all pages before compression, their headers included.
    uncompressed: usize,
}

/// Makes the page stores of column writers, and lets their pages be had when the writers have ended.
#[derive(Debug)]
pub(super) struct Stores {
    level: ZstdLevel,
    made: Mutex<Vec<SharedPages>>,
}

/// Held by a column writer and by who waits for its pages.
#[derive(Clone, Debug)]
pub(super) struct SharedPages(Arc<Mutex<Pages>>);

impl Stores {
    pub fn new(level: ZstdLevel) -> Stores {
        Stores { level, made: Mutex::default() }
    }

    /// Those that were made since the last call, in their order.
    pub fn take(&self) -> Vec<SharedPages> {
        std::mem::take(&mut lock(&self.made))
    }
}

impl PageStoreFactory for Stores {
    fn create(&self, _: &PageStoreArgs<'_>) -> Result<Box<dyn PageStore>, ParquetError> {
        let pages = SharedPages(Arc::new(Mutex::new(Pages::new(self.level))));
        lock(&self.made).push(pages.clone());
        Ok(Box::new(pages))
    }
}

impl PageStore for SharedPages {
    /// Comes with the header and the content of each page in turn.
    fn put(&mut self, value: Bytes) -> Result<PageKey, ParquetError> {
        lock(&self.0).put(value)?;
        Ok(PageKey::new(0))
    }

    fn take(&mut self, _: PageKey) -> Result<Bytes, ParquetError> {
        Err(ParquetError::General("pages are taken all at once".to_owned()))
    }
}

impl SharedPages {
    /// Takes a page that is not compressed yet.
    pub fn put_page(&mut self, page: Page) -> Result<(), ParquetError> {
        let content = page.buffer().clone();
        let mut sink = TrackedWrite::new(Vec::new());
        SerializedPageWriter::new(&mut sink).write_page(CompressedPage::new(page, content.len()))?;
        let mut header = sink.into_inner()?;
        header.truncate(header.len() - content.len());
        let mut pages = lock(&self.0);
        pages.put(header.into())?;
        pages.put(content)
    }

    /// The chunk that was written to these pages.
    pub fn chunk(&self, close: &mut ColumnCloseResult) -> Result<Chunk, ParquetError> {
        let mut pages = lock(&self.0);
        let dictionary = pages.dictionary.as_ref().map(|page| page.len() as i64);
        let first = dictionary.unwrap_or_default();
        let bytes = first + pages.data.iter().map(|page| page.len() as i64).sum::<i64>();
        let metadata = close
            .metadata
            .clone()
            .into_builder()
            .set_compression(Compression::ZSTD(pages.level))
            .set_total_compressed_size(bytes)
            .set_total_uncompressed_size(pages.uncompressed as i64)
            .set_dictionary_page_offset(dictionary.map(|_| 0))
            .set_data_page_offset(first)
            .build()?;
        let mut offset_index = close.offset_index.take();
        let mut offset = first;
        let locations = offset_index.iter_mut().flat_map(|index| &mut index.page_locations);
        for (location, page) in locations.zip(&pages.data) {
            location.offset = offset;
            location.compressed_page_size = i32::try_from(page.len())?;
            offset += page.len() as i64;
        }
        let close = ColumnCloseResult {
            bytes_written: bytes as u64,
            rows_written: close.rows_written,
            bloom_filter: close.bloom_filter.take(),
            metadata,
            column_index: close.column_index.take(),
            offset_index,
        };
        let mut bytes = std::mem::take(&mut pages.data);
        if let Some(page) = pages.dictionary.take() {
            bytes.push_front(page);
        }
        Ok(Chunk { bytes: ChunkBytes(Mutex::new(bytes)), close })
    }
}

impl Pages {
    fn new(level: ZstdLevel) -> Pages {
        Pages { level, header: None, dictionary: None, data: VecDeque::new(), uncompressed: 0 }
    }

    fn put(&mut self, value: Bytes) -> Result<(), ParquetError> {
        let Some(header) = self.header.take() else {
            self.header = Some(value);
            return Ok(());
        };
        let header = Header::read(&header).ok_or_else(|| {
            ParquetError::General("a page header does not begin as the format says".to_owned())
        })?;
        compressed(self.level, &value, |bytes| self.keep(&header, value.len(), bytes))
    }

    fn keep(&mut self, header: &Header<'_>, uncompressed: usize, page: &[u8]) {
        let before = header.before.len() + MAX_VARINT + header.after.len();
        let mut bytes = Vec::with_capacity(before + page.len());
        bytes.extend_from_slice(header.before);
        push_varint(&mut bytes, (page.len() as u64) << 1);
        bytes.extend_from_slice(header.after);
        self.uncompressed += bytes.len() + uncompressed;
        bytes.extend_from_slice(page);
        match header.kind {
            DICTIONARY_PAGE => self.dictionary = Some(bytes.into()),
            _ => self.data.push_back(bytes.into()),
        }
    }
}

/// A page header in Thrift's compact encoding: its first three fields are the kind of page and its sizes before and
/// after compression, each a byte `0x15` (the next field, an `i32`) and a number as zigzag varint.
struct Header<'a> {
    kind: u64,
    /// Up to the number of compressed bytes.
    before: &'a [u8],
    /// What follows that number.
    after: &'a [u8],
}

/// `PageType.DICTIONARY_PAGE`, zigzag.
const DICTIONARY_PAGE: u64 = 2 << 1;

/// Bytes of the longest varint.
const MAX_VARINT: usize = 10;

impl<'a> Header<'a> {
    fn read(header: &'a [u8]) -> Option<Header<'a>> {
        let number = |from: &'a [u8]| -> Option<(u64, &'a [u8])> { varint(from.strip_prefix(&[0x15])?) };
        let (kind, rest) = number(header)?;
        let (_, rest) = number(rest)?;
        let (_, after) = number(rest)?;
        let before = header.get(..header.len() - rest.len() + 1)?;
        Some(Header { kind, before, after })
    }
}

fn varint(from: &[u8]) -> Option<(u64, &[u8])> {
    let end = from.iter().take(MAX_VARINT).position(|byte| *byte < 0x80)?;
    let (digits, rest) = from.split_at_checked(end + 1)?;
    Some((digits.iter().rev().fold(0, |number, digit| number << 7 | u64::from(digit & 0x7F)), rest))
}

pub(super) fn push_varint(to: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        to.push(number as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

/// Gives the compressed page to `taker`.
fn compressed(level: ZstdLevel, page: &[u8], taker: impl FnOnce(&[u8])) -> Result<(), ParquetError> {
    struct Zstd {
        level: i32,
        context: zstd::bulk::Compressor<'static>,
        scratch: Vec<u8>,
    }
    thread_local! {
        static ZSTD: RefCell<Option<Zstd>> = const { RefCell::new(None) };
    }
    let level = level.compression_level();
    ZSTD.with_borrow_mut(|kept| {
        let zstd = match kept.take().filter(|zstd| zstd.level == level) {
            Some(zstd) => zstd,
            None => Zstd { level, context: zstd::bulk::Compressor::new(level)?, scratch: Vec::new() },
        };
        let Zstd { context, scratch, .. } = kept.insert(zstd);
        scratch.clear();
        scratch.reserve(zstd::zstd_safe::compress_bound(page.len()));
        context.compress_to_buffer(page, scratch)?;
        taker(scratch);
        scratch.clear();
        scratch.shrink_to(SCRATCH_BYTES);
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ops::Range;

    use arrow::array::{ArrayRef, Int64Array, ListArray, RecordBatch, StringArray, StructArray};
    use arrow::buffer::OffsetBuffer;
    use arrow::datatypes::{DataType, Field, Fields, Int64Type, SchemaRef};
    use parquet::arrow::ArrowSchemaConverter;
    use parquet::arrow::arrow_writer::{ArrowRowGroupWriterFactory, compute_leaves};
    use parquet::basic::Encoding;
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::types::ColumnPath;

    /// Columns with and without dictionary, nested ones and one that is null throughout.
    fn batch(rows: Range<i64>) -> RecordBatch {
        let count = rows.end - rows.start;
        let texts = rows.clone().map(|n| (n % 3 > 0).then(|| format!("text {}", n * n % 1013)));
        let lists = rows.clone().map(|n| (n % 5 > 0).then(|| (0..n % 4).map(Some).collect::<Vec<_>>()));
        let field = Arc::new(Field::new("inner", DataType::Utf8, true));
        let inner: ArrayRef =
            Arc::new(StringArray::from_iter_values(rows.clone().map(|n| format!("{:x}", n * 77))));
        let item = Field::new("item", DataType::Struct(Fields::from([field.clone()])), true);
        let structs = StructArray::new([field].into(), vec![inner], None);
        let offsets = OffsetBuffer::from_lengths(rows.clone().map(|_| 1));
        let columns: [(&str, ArrayRef); 6] = [
            ("number", Arc::new(Int64Array::from_iter_values(rows.clone().map(|n| n * n % 9973)))),
            ("few", Arc::new(Int64Array::from_iter_values(rows.map(|n| n % 2)))),
            ("text", Arc::new(StringArray::from_iter(texts))),
            ("list", Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(lists))),
            ("structs", Arc::new(ListArray::new(Arc::new(item), offsets, Arc::new(structs), None))),
            ("null", Arc::new(Int64Array::from_iter(std::iter::repeat_n(None::<i64>, count as usize)))),
        ];
        RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true))).unwrap()
    }

    /// A file by `parquet` alone, or with the pages of this module.
    fn file(batches: &[RecordBatch], codec: Compression, stores: Option<Arc<Stores>>) -> Vec<u8> {
        let schema: SchemaRef = batches[0].schema();
        let properties = WriterProperties::builder()
            .set_compression(codec)
            .set_data_page_row_count_limit(50_000)
            .set_column_dictionary_enabled(ColumnPath::from("number"), false)
            .set_column_encoding(ColumnPath::from("number"), Encoding::DELTA_BINARY_PACKED);
        let parquet = ArrowSchemaConverter::new().convert(&schema).unwrap();
        let root = parquet.root_schema_ptr();
        let mut out = SerializedFileWriter::new(Vec::new(), root, Arc::new(properties.build())).unwrap();
        let mut factory = ArrowRowGroupWriterFactory::new(&out, schema.clone());
        if let Some(stores) = &stores {
            factory = factory.with_page_store_factory(stores.clone());
        }
        for batch in batches {
            let mut group = out.next_row_group().unwrap();
            let mut writers = factory.create_column_writers(0).unwrap().into_iter();
            let mut pages = stores.as_ref().map(|stores| stores.take()).unwrap_or_default().into_iter();
            for (field, column) in schema.fields().iter().zip(batch.columns()) {
                for leaf in compute_leaves(field, column).unwrap() {
                    let mut writer = writers.next().unwrap();
                    writer.write(&leaf).unwrap();
                    let mut chunk = writer.close().unwrap();
                    match pages.next() {
                        Some(pages) => {
                            let Chunk { bytes, close } = pages.chunk(chunk.close_mut()).unwrap();
                            group.append_column(&bytes, close).unwrap();
                        }
                        None => chunk.append_to_row_group(&mut group).unwrap(),
                    }
                }
            }
            group.close().unwrap();
        }
        out.into_inner().unwrap()
    }

    #[test]
    fn compressed_pages_are_those_of_parquet() {
        let level = ZstdLevel::try_new(1).unwrap();
        let batches: Vec<RecordBatch> = [0..120_000, 7..12, 0..65_000].map(batch).into();
        let theirs = file(&batches, Compression::ZSTD(level), None);
        let ours = file(&batches, Compression::UNCOMPRESSED, Some(Arc::new(Stores::new(level))));
        assert!(ours == theirs, "{} bytes in place of {}", ours.len(), theirs.len());
    }

    #[test]
    fn what_is_no_page_header_is_refused() {
        for header in [
            &b""[..],
            &[0x15],
            &[0x15, 0, 0x15, 0x80],
            &[0x15, 0, 0x25, 0, 0x15, 0],
            &[0x15; 40],
            &[0xFF; 40],
        ] {
            let mut pages = Pages::new(ZstdLevel::default());
            pages.put(Bytes::copy_from_slice(header)).unwrap();
            assert_eq!(pages.put(Bytes::from(vec![0; 100])).is_ok(), header == [0x15; 40], "{header:?}");
        }
    }
}
