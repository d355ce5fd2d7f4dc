//! Record batches to Parquet row groups. No object store and no lock here.
//!
//! ```text
//! [RecordBatch] -> groups of rows -> column chunks (columns in parallel) -> SerializedFileWriter<Vec<u8>>
//! ```

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::concat;
use arrow::datatypes::{DataType, Field, Int32Type, SchemaRef};
use parquet::arrow::ArrowSchemaConverter;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::basic::{Encoding, ZstdLevel};
use parquet::bloom_filter::Sbbf;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{ColumnDescPtr, ColumnPath, SchemaDescPtr};
use rayon::prelude::*;

use super::lock;
use super::pages::{Chunk, SharedPages, Stores};
use super::runs::{Keyed, is_text, rows_of};
use super::text_bounds::{FALSE_POSITIVES, TextBounds};
use crate::model::{Fault, FaultKind, LakeOptions, Stage};

/// How a column is better written than by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnHint {
    /// Looked up by value: gets a bloom filter.
    Bloom,
    /// Many values differ, or what repeats is near: a dictionary would not pay, zstd finds it. Values as they are.
    Plain,
    /// The same for texts without a common pattern, such as ids: their lengths apart, so that zstd sees nothing else.
    Lengths,
    /// Integers or times that grow slowly: delta-encoded.
    Delta,
}

/// Where a table's objects lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// Under the table's name, by account and date.
    Partitioned,
    /// Under `_lp_archive/quarantine/`, by account, stream and day of the scope.
    Quarantine,
}

/// What the lake must know of a table.
#[derive(Clone, Debug)]
pub struct TableShape {
    /// Lower case letters, digits and `_`: it becomes a folder.
    pub name: String,
    /// Without `account_id` and `date`, which are in the path. Texts that stay the same over many rows may come as
    /// runs (`RunEndEncoded` of `Int32` and `Utf8`): files have them as texts like others, with a dictionary.
    pub schema: SchemaRef,
    pub placement: Placement,
    /// By path of the leaf column: `timestamp`, `tags.list.element` (the last segment is the name of the
    /// list's item field). A path that names no column has no effect.
    pub hints: Vec<(String, ColumnHint)>,
}

/// Rows of a page, if they are not too large before. DuckDB takes an eighth less time for columns of short values than
/// with the usual 20,000.
pub(super) const PAGE_ROWS: usize = 65_536;

/// Mean of rows below which arrays of a row group are put together.
const SMALL_ARRAY_ROWS: usize = 1024;

/// What a bloom filter takes in a file: blocks of 256 bits (Parquet's format), and about so much before them.
const FILTER_BLOCK_BYTES: usize = 32;
const FILTER_HEADER_BYTES: usize = 32;

pub(super) type Writer = SerializedFileWriter<Vec<u8>>;

/// Encodes row groups of one table; may be used from several threads at once.
pub(super) struct Encoder {
    schema: SchemaRef,
    /// Leaves.
    columns: SchemaDescPtr,
    /// Text columns that get a bloom filter.
    filtered: HashSet<usize>,
    /// Text columns that get a dictionary.
    keyed: HashSet<usize>,
    factory: Mutex<ArrowRowGroupWriterFactory>,
    /// Where the factory's writers leave their pages.
    stores: Arc<Stores>,
}

/// A writer for one object and the encoder of its row groups. `footer` goes into its metadata.
pub(super) fn open_writer(
    table: &TableShape,
    options: &LakeOptions,
    footer: Vec<KeyValue>,
) -> Result<(Writer, Encoder), Fault> {
    let level = ZstdLevel::try_new(options.zstd_level).map_err(|error| {
        Fault::new(FaultKind::Config, Stage::Configure, error.to_string())
            .of("[archive] zstd_level")
            .advise("choose a level from 1 to 22")
    })?;
    let stores = Arc::new(Stores::new(level));
    let properties = properties(table, options, footer);
    // Without `ARROW:schema`, a quarter of a footer: every Arrow type that tables use follows from the Parquet type.
    let schema = ArrowSchemaConverter::new().convert(&table.schema).map_err(failed)?;
    let writer = SerializedFileWriter::new(Vec::new(), schema.root_schema_ptr(), Arc::new(properties));
    let writer = writer.map_err(failed)?;
    let factory = ArrowRowGroupWriterFactory::new(&writer, table.schema.clone());
    let factory = Mutex::new(factory.with_page_store_factory(stores.clone()));
    let filtered = table.hints.iter().filter(|(_, hint)| *hint == ColumnHint::Bloom);
    let filtered = filtered.filter_map(|(name, _)| table.schema.index_of(name).ok()).collect();
    let keyed = table.schema.fields().iter().enumerate().filter(|(_, field)| {
        is_text(field.data_type())
            && writer.properties().dictionary_enabled(&ColumnPath::from(field.name().as_str()))
    });
    let keyed = keyed.map(|(index, _)| index).collect();
    let columns = Arc::new(schema);
    Ok((writer, Encoder { schema: table.schema.clone(), columns, filtered, keyed, factory, stores }))
}

/// Writes a column chunk.
struct ChunkWriter {
    column: ColumnDescPtr,
    writer: ArrowColumnWriter,
    pages: SharedPages,
}

impl Encoder {
    /// One row group. Runs on the current rayon pool: the caller must hold no lock. Each column is given up as soon as it
    /// is written.
    pub fn encode(&self, batches: Vec<RecordBatch>) -> Result<Vec<Chunk>, Fault> {
        let mut writers = self.writers().map_err(failed)?.into_iter();
        let columns: Vec<(usize, Vec<ChunkWriter>, Vec<ArrayRef>)> = self
            .schema
            .fields()
            .iter()
            .enumerate()
            .map(|(index, field)| {
                let arrays = batches.iter().map(|batch| batch.column(index).clone()).collect();
                (index, writers.by_ref().take(leaves_of(field.data_type())).collect(), arrays)
            })
            .collect();
        drop(batches);
        let chunks: Result<Vec<Vec<Chunk>>, ParquetError> = columns
            .into_par_iter()
            .map(|(index, writers, arrays)| {
                let field = self.schema.field(index);
                if is_text(field.data_type()) {
                    return writers
                        .into_iter()
                        .map(|writer| self.text_chunk(writer, index, &arrays))
                        .collect();
                }
                let arrays = few(arrays)?;
                let leaves = arrays
                    .iter()
                    .map(|array| compute_leaves(field, array))
                    .collect::<Result<Vec<_>, ParquetError>>()?;
                writers
                    .into_par_iter()
                    .enumerate()
                    .map(|(leaf, mut writer)| {
                        for leaf in leaves.iter().filter_map(|batch| batch.get(leaf)) {
                            writer.writer.write(leaf)?;
                        }
                        writer.close()
                    })
                    .collect()
            })
            .collect();
        Ok(chunks.map_err(failed)?.into_iter().flatten().collect())
    }

    /// A column of texts, with statistics of our own.
    fn text_chunk(
        &self,
        mut writer: ChunkWriter,
        index: usize,
        arrays: &[ArrayRef],
    ) -> Result<Chunk, ParquetError> {
        let rows = arrays.iter().map(|array| array.len() - array.logical_null_count()).sum();
        let filtered = self.filtered.contains(&index);
        let bounds = || if filtered { TextBounds::with_filter(rows) } else { Ok(TextBounds::default()) };
        if self.keyed.contains(&index) {
            let (mut bounds, mut keyed) = (bounds()?, Keyed::default());
            for array in arrays {
                match array.as_run_opt() {
                    Some(runs) => bounds.add_runs(runs, Some(&mut keyed)),
                    None => bounds.add(array.as_string(), Some(&mut keyed)),
                }
            }
            if let Some(mut close) = keyed.write(&writer.column, &mut writer.pages)? {
                let mut chunk = writer.pages.chunk(&mut close)?;
                bounds.complete(&mut chunk.close)?;
                return Ok(chunk);
            }
        }
        let field = Field::new(writer.column.name(), DataType::Utf8, self.schema.field(index).is_nullable());
        let mut write = |array: &ArrayRef| -> Result<(), ParquetError> {
            compute_leaves(&field, array)?.iter().try_for_each(|leaf| writer.writer.write(leaf))
        };
        let (runs, rows): (Vec<ArrayRef>, Vec<ArrayRef>) =
            arrays.iter().cloned().partition(|array| array.as_run_opt::<Int32Type>().is_some());
        let rows = few(rows)?;
        let mut bounds = bounds()?;
        for array in runs.iter().filter_map(|array| array.as_run_opt()) {
            bounds.add_runs(array, None);
            rows_of(array).try_for_each(|rows| write(&(Arc::new(rows) as ArrayRef)))?;
        }
        for array in &rows {
            bounds.add(array.as_string(), None);
            write(array)?;
        }
        let mut chunk = writer.close()?;
        bounds.complete(&mut chunk.close)?;
        Ok(chunk)
    }

    fn writers(&self) -> Result<Vec<ChunkWriter>, ParquetError> {
        // Locked until their stores are taken: else they might be those of another row group.
        let factory = lock(&self.factory);
        let writers = factory.create_column_writers(0)?.into_iter().zip(self.stores.take());
        let writers = self.columns.columns().iter().zip(writers);
        Ok(writers
            .map(|(column, (writer, pages))| ChunkWriter { column: column.clone(), writer, pages })
            .collect())
    }
}

impl ChunkWriter {
    fn close(self) -> Result<Chunk, ParquetError> {
        self.pages.chunk(self.writer.close()?.close_mut())
    }
}

/// The arrays, or, of many small ones, one: each costs `parquet` the same again, however few its rows.
fn few(arrays: Vec<ArrayRef>) -> Result<Vec<ArrayRef>, ParquetError> {
    let rows: usize = arrays.iter().map(|array| array.len()).sum();
    if arrays.len() < 2 || rows >= arrays.len() * SMALL_ARRAY_ROWS {
        return Ok(arrays);
    }
    let arrays: Vec<&dyn Array> = arrays.iter().map(|array| array.as_ref()).collect();
    Ok(vec![concat(&arrays)?])
}

/// Adds an encoded row group to its object.
pub(super) fn append_row_group(writer: &mut Writer, chunks: Vec<Chunk>) -> Result<(), Fault> {
    let filter_bytes = |filter: &Sbbf| filter.num_blocks() * FILTER_BLOCK_BYTES + FILTER_HEADER_BYTES;
    let bytes = chunks.iter().map(|Chunk { close, .. }| {
        // Filters come behind the columns of their row group.
        close.bytes_written as usize + close.bloom_filter.as_ref().map_or(0, filter_bytes)
    });
    // Grown by doubling, it would be copied several times.
    writer.inner_mut().reserve(bytes.sum());
    let append = || -> Result<(), ParquetError> {
        let mut group = writer.next_row_group()?;
        for Chunk { bytes, mut close } in chunks {
            // Whoever counts rows reads the footer of every object and no more; these are optional.
            let builder = close.metadata.into_builder().set_unencoded_byte_array_data_bytes(None);
            let builder = builder.set_repetition_level_histogram(None).set_definition_level_histogram(None);
            close.metadata = builder.build()?;
            group.append_column(&bytes, close)?;
        }
        group.close().map(drop)
    };
    append().map_err(failed)
}

/// Writes the footer; the bytes that were not drained yet.
pub(super) fn close_writer(writer: Writer) -> Result<Vec<u8>, Fault> {
    writer.into_inner().map_err(failed)
}

/// Whether rows of `batch` may go into the table.
pub(super) fn check_batch(table: &TableShape, batch: &RecordBatch) -> Result<(), Fault> {
    let types = |schema: &SchemaRef| -> Vec<(String, DataType)> {
        schema.fields().iter().map(|field| (field.name().clone(), field.data_type().clone())).collect()
    };
    if Arc::ptr_eq(&table.schema, &batch.schema()) || types(&table.schema) == types(&batch.schema()) {
        return Ok(());
    }
    let message = format!("a batch of table {} does not have its columns", table.name);
    Err(Fault::new(FaultKind::Internal, Stage::Write, message))
}

/// Bytes of an array from which on it is worth the time to find out whether it is a slice of a larger one.
const SLICE_BYTES: usize = 4096;

/// Bytes that a batch takes in memory, spare capacity included; of a slice only about its own share.
pub(super) fn batch_bytes(batch: &RecordBatch) -> usize {
    let bytes = |column: &Arc<dyn Array>| {
        let held = column.get_array_memory_size();
        if held < SLICE_BYTES {
            return held;
        }
        column.to_data().get_slice_memory_size().map_or(held, |filled| held.min(2 * filled))
    };
    batch.columns().iter().map(bytes).sum()
}

/// Rows of a row group, where so many rows take so many bytes.
pub(super) fn rows_of_group(rows: usize, bytes: usize, options: &LakeOptions) -> usize {
    let bytes_per_row = (bytes / rows.max(1)).max(1);
    (options.row_group_bytes / bytes_per_row).clamp(1, options.row_group_rows.max(1))
}

/// Cuts batches into groups of exactly `rows` rows; only the last may be smaller.
pub(super) fn group_rows(batches: Vec<RecordBatch>, rows: usize) -> Vec<Vec<RecordBatch>> {
    let rows = rows.max(1);
    let mut groups: Vec<Vec<RecordBatch>> = Vec::new();
    let mut room = 0;
    for batch in batches {
        let mut at = 0;
        while at < batch.num_rows() {
            if room == 0 {
                groups.push(Vec::new());
                room = rows;
            }
            let take = room.min(batch.num_rows() - at);
            // To slice is to count the nulls of every column again.
            let all = take == batch.num_rows();
            if let Some(group) = groups.last_mut() {
                group.push(if all { batch.clone() } else { batch.slice(at, take) });
            }
            at += take;
            room -= take;
        }
    }
    groups
}

/// Rows of one table and day as the bytes of one object that has no place: encoding alone, for benches.
///
/// # Errors
/// Rows that do not have the table's columns, and options that make no sense.
pub fn encode_object(
    table: &TableShape,
    options: &LakeOptions,
    batches: Vec<RecordBatch>,
) -> Result<Vec<u8>, Fault> {
    batches.iter().try_for_each(|batch| check_batch(table, batch))?;
    let rows = batches.iter().map(RecordBatch::num_rows).sum();
    let bytes = batches.iter().map(batch_bytes).sum();
    let (mut writer, encoder) = open_writer(table, options, Vec::new())?;
    for group in group_rows(batches, rows_of_group(rows, bytes, options)) {
        append_row_group(&mut writer, encoder.encode(group)?)?;
    }
    close_writer(writer)
}

pub(super) fn properties(
    table: &TableShape,
    options: &LakeOptions,
    footer: Vec<KeyValue>,
) -> WriterProperties {
    // Not compressed: that is done in `pages`. Bloom filters are made for a full row group and folded to the number of
    // values that came.
    let mut builder = WriterProperties::builder()
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_max_row_group_row_count(Some(options.row_group_rows.max(1)))
        .set_created_by(format!("lp-archive {}", env!("CARGO_PKG_VERSION")))
        .set_key_value_metadata(Some(footer));
    let fields = table.schema.fields().iter();
    let texts: Vec<&str> = fields.filter(|f| is_text(f.data_type())).map(|f| f.name().as_str()).collect();
    for text in &texts {
        // `TextBounds` makes them, and the filters.
        builder = builder.set_column_statistics_enabled(ColumnPath::from(*text), EnabledStatistics::None);
    }
    for (column, hint) in &table.hints {
        let path = ColumnPath::new(column.split('.').map(str::to_owned).collect());
        builder = match hint {
            ColumnHint::Bloom if texts.contains(&column.as_str()) => builder,
            ColumnHint::Bloom => builder.set_column_bloom_filter_fpp(path, FALSE_POSITIVES),
            ColumnHint::Plain => builder.set_column_dictionary_enabled(path, false),
            ColumnHint::Lengths => builder
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path, Encoding::DELTA_LENGTH_BYTE_ARRAY),
            ColumnHint::Delta => builder
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED),
        };
    }
    builder.build()
}

fn leaves_of(data_type: &DataType) -> usize {
    match data_type {
        DataType::Struct(fields) => fields.iter().map(|field| leaves_of(field.data_type())).sum(),
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::FixedSizeList(item, _)
        | DataType::Map(item, _) => leaves_of(item.data_type()),
        _ => 1,
    }
}

fn failed(error: ParquetError) -> Fault {
    Fault::new(FaultKind::Internal, Stage::Write, format!("Parquet: {error}"))
        .advise("report this as a mistake of lp-archive")
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Int64Array, StringArray};
    use parquet::column::writer::ColumnCloseResult;
    use parquet::file::page_index::column_index::ColumnIndexMetaData;

    fn batch(rows: usize) -> RecordBatch {
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows as i64));
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["0123456789"; rows]));
        RecordBatch::try_from_iter([("n", numbers), ("t", texts)]).unwrap()
    }

    /// The table of [`batch`].
    fn shape() -> TableShape {
        TableShape {
            name: "t".into(),
            schema: batch(1).schema(),
            placement: Placement::Partitioned,
            hints: vec![],
        }
    }

    #[test]
    fn groups_are_full_but_the_last() {
        let sizes = |groups: Vec<Vec<RecordBatch>>| -> Vec<usize> {
            groups.iter().map(|group| group.iter().map(RecordBatch::num_rows).sum()).collect()
        };
        assert_eq!(sizes(group_rows(vec![batch(5), batch(4)], 4)), [4, 4, 1]);
        assert_eq!(sizes(group_rows(vec![batch(2), batch(2)], 4)), [4]);
        assert_eq!(sizes(group_rows(vec![batch(0)], 4)), Vec::<usize>::new());
    }

    #[test]
    fn a_slice_counts_its_own_rows_only() {
        let whole = batch(1000);
        assert!(batch_bytes(&whole) >= 18_000);
        assert!(batch_bytes(&whole.slice(10, 10)) < 2000);
    }

    #[test]
    fn a_row_group_with_its_filters_is_written_into_the_room_made_for_it() {
        let ids: ArrayRef = Arc::new(StringArray::from_iter_values((0..50_000).map(|n| format!("{n:08x}"))));
        let batch = RecordBatch::try_from_iter([("t", ids)]).unwrap();
        let hints = vec![("t".to_owned(), ColumnHint::Bloom)];
        let shape = TableShape { schema: batch.schema(), hints, ..shape() };
        let (mut writer, encoder) = open_writer(&shape, &LakeOptions::default(), vec![]).unwrap();
        append_row_group(&mut writer, encoder.encode(vec![batch]).unwrap()).unwrap();
        // What was not reserved would have doubled it.
        let (written, room) = (writer.inner().len(), writer.inner().capacity());
        assert!(written > 100_000 && room < written * 5 / 4, "{written} of {room}");
    }

    /// What `parquet` itself says of texts is what we say.
    #[test]
    fn text_statistics_are_those_of_parquet() {
        let pattern = |n: usize| match n % 100_000 {
            at if n % 7 == 3 || (25_000..50_000).contains(&at) => None,
            _ if n % 1000 == 5 => Some(format!("{}{}", "long ".repeat(14), n)),
            at if at > 80_000 => Some("the same".to_owned()),
            _ => Some(format!("{:x}", n.wrapping_mul(0x9E37_79B9) as u32)),
        };
        let column = |rows: std::ops::Range<usize>| StringArray::from_iter(rows.map(pattern));
        let batches: Vec<RecordBatch> = [0..700, 700..161_000, 161_000..270_000]
            .map(|rows| {
                RecordBatch::try_from_iter_with_nullable([("t", Arc::new(column(rows)) as ArrayRef, true)])
            })
            .map(Result::unwrap)
            .into();
        let schema = batches[0].schema();
        for hint in [ColumnHint::Plain, ColumnHint::Lengths, ColumnHint::Bloom] {
            let hints = vec![("t".to_owned(), hint)];
            let shape = TableShape {
                name: "t".into(),
                schema: schema.clone(),
                placement: Placement::Partitioned,
                hints,
            };
            let (_, encoder) = open_writer(&shape, &LakeOptions::default(), vec![]).unwrap();
            let ours = encoder.encode(batches.clone()).unwrap().remove(0);
            let theirs = properties(&shape, &LakeOptions::default(), vec![]).into_builder();
            let mut theirs =
                theirs.set_column_statistics_enabled(ColumnPath::from("t"), EnabledStatistics::Page);
            if hint == ColumnHint::Bloom {
                theirs = theirs.set_column_bloom_filter_fpp(ColumnPath::from("t"), FALSE_POSITIVES);
            }
            let theirs = theirs.build();
            let parquet = ArrowSchemaConverter::new().convert(&schema).unwrap();
            let writer =
                SerializedFileWriter::new(Vec::new(), parquet.root_schema_ptr(), Arc::new(theirs)).unwrap();
            let factory = ArrowRowGroupWriterFactory::new(&writer, schema.clone());
            let mut writer = factory.create_column_writers(0).unwrap().remove(0);
            for batch in &batches {
                writer.write(&compute_leaves(schema.field(0), batch.column(0)).unwrap()[0]).unwrap();
            }
            let theirs = writer.close().unwrap();
            let said = |close: &ColumnCloseResult| {
                let metadata = &close.metadata;
                let Some(all) = &close.column_index else { panic!("no column index") };
                let ColumnIndexMetaData::BYTE_ARRAY(index) = all else { panic!("of no texts") };
                let filter = close.bloom_filter.as_ref().map(|filter| {
                    let mut bytes = Vec::new();
                    filter.write_bitset(&mut bytes).unwrap();
                    bytes
                });
                let values = |values: &mut dyn Iterator<Item = Option<&[u8]>>| {
                    values.map(|value| value.map(<[u8]>::to_vec)).collect::<Vec<_>>()
                };
                (
                    metadata.statistics().cloned(),
                    metadata.unencoded_byte_array_data_bytes(),
                    values(&mut index.min_values_iter()),
                    values(&mut index.max_values_iter()),
                    all.null_counts().cloned(),
                    all.get_boundary_order(),
                    filter,
                )
            };
            assert!(said(&ours.close) == said(theirs.close()), "{hint:?}");
            assert!(said(&ours.close).2.len() > 3);
        }
    }

    #[test]
    fn an_object_without_a_place_holds_its_rows_in_groups() {
        use parquet::file::reader::{FileReader, SerializedFileReader};
        let options = LakeOptions { row_group_rows: 400, ..LakeOptions::default() };
        let bytes = encode_object(&shape(), &options, vec![batch(300), batch(700)]).unwrap();
        let object = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
        let rows: Vec<i64> = object.metadata().row_groups().iter().map(|group| group.num_rows()).collect();
        assert_eq!(rows, [400, 400, 200]);
        let other: ArrayRef = Arc::new(Int64Array::from_iter_values(0..3));
        let other = RecordBatch::try_from_iter([("n", other)]).unwrap();
        assert!(encode_object(&shape(), &options, vec![other]).is_err());
    }

    #[test]
    fn a_level_out_of_bounds_is_told() {
        let options = LakeOptions { zstd_level: 99, ..LakeOptions::default() };
        assert_eq!(open_writer(&shape(), &options, vec![]).err().unwrap().kind, FaultKind::Config);
    }
}
