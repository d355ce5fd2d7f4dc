//! The quarantine: records that could not be read, whole, with where and why.

use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, BinaryArray, Int64Array, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;

use crate::records::Reject;

/// Schema of quarantine objects. `raw` is the record's text as it was, still encrypted where it came
/// encrypted: personal data.
pub fn quarantine_schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        let field = |name: &str, data_type| Field::new(name, data_type, true);
        Arc::new(Schema::new(vec![
            field("source_file", DataType::Utf8),
            field("source_record", DataType::Int64),
            field("byte_offset", DataType::Int64),
            field("json_path", DataType::Utf8),
            field("reason", DataType::Utf8),
            field("raw", DataType::Binary),
        ]))
    });
    SCHEMA.clone()
}

/// Rejects of one file -> rows.
///
/// # Errors
/// Arrow's: a mistake of this program.
pub fn quarantine_batch(source_file: &str, rejects: &[Reject]) -> Result<RecordBatch, ArrowError> {
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(rejects.iter().map(|_| source_file))),
        Arc::new(Int64Array::from_iter_values(rejects.iter().map(|reject| reject.record as i64))),
        Arc::new(Int64Array::from_iter_values(rejects.iter().map(|reject| reject.byte as i64))),
        Arc::new(StringArray::from_iter_values(rejects.iter().map(|reject| &reject.path))),
        Arc::new(StringArray::from_iter_values(rejects.iter().map(|reject| &reject.reason))),
        Arc::new(BinaryArray::from_iter_values(rejects.iter().map(|reject| &reject.raw))),
    ];
    RecordBatch::try_new(quarantine_schema(), columns)
}
