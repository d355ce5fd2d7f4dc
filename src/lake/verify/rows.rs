//! Every byte and row of one entry's objects.
//!
//! ```text
//! object -> SHA-256 -> rows: source_file among the entry's parts; key (file, record, body, item) once per table
//! all tables -> distinct (file, record) = records in tables, part by part added up
//! ```

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, AsArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::Int64Type;
use aws_lc_rs::digest::{Context, SHA256};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::ParquetError;

use super::compare::{Expected, QUARANTINE, finding};
use super::keys::{Keys, hash};
use super::{Finding, FindingKind, footer};
use crate::lake::hexadecimal;
use crate::lake::ledger::Entry;
use crate::lake::store::Store;
use crate::model::{Fault, FaultKind, Stage, counted};

/// Rows that are decoded at a time.
const BATCH_ROWS: usize = 1024;

/// What the work may take.
pub(super) struct Limits<'a> {
    /// Bytes of keys in memory, per table.
    pub key_bytes: usize,
    pub spool: Option<&'a Path>,
    pub stop: &'a (dyn Fn() -> Result<(), Fault> + Sync),
}

/// Reads the objects of one entry.
///
/// # Errors
/// The store's and the temporary files'.
pub(super) fn check(
    store: &Arc<Store>,
    entry: &str,
    objects: &[&Expected],
    limits: &Limits<'_>,
) -> Result<Vec<Finding>, Fault> {
    let Some(json) = store.get(entry)? else { return Ok(Vec::new()) };
    let ledger = Entry::parse(entry, &json)?;
    let whole = ledger.objects.len() == objects.len();
    let parts: HashSet<&str> = ledger.parts.iter().map(|part| part.name.as_str()).collect();
    let mut findings = Vec::new();
    let mut records = Keys::new(limits.key_bytes, limits.spool);
    let mut tables: BTreeMap<&str, Vec<&Expected>> = BTreeMap::new();
    for object in objects {
        tables.entry(&object.table).or_default().push(object);
    }
    let before = findings.len();
    for (table, objects) in tables {
        let mut sink = Sink { parts: &parts, foreign: 0, last: None, records: None, keys: None };
        let mut keys = Keys::new(limits.key_bytes, limits.spool);
        if table != QUARANTINE {
            (sink.records, sink.keys) = (Some(&mut records), Some(&mut keys));
        }
        for object in objects {
            (limits.stop)()?;
            findings.extend(check_object(store, object, &mut sink, limits)?);
        }
        let repeated = keys.count().map_err(|error| disk(entry, &error))?.repeated;
        if repeated > 0 {
            findings.push(Finding {
                path: entry.to_owned(),
                kind: FindingKind::Twice,
                expected: format!(
                    "every (source_file, source_record, source_body, source_item) once in {table}"
                ),
                found: format!("{} with the key of another row", counted(repeated, "row")),
                advice: "archive the day anew with --redo, and report it".to_owned(),
            });
        }
    }
    let distinct = records.count().map_err(|error| disk(entry, &error))?.distinct;
    let expected: u64 = ledger.parts.iter().map(|part| part.records_in_tables).sum();
    // What is missing or unreadable is told for itself.
    if whole && findings.len() == before && distinct != expected {
        findings.push(Finding {
            path: entry.to_owned(),
            kind: FindingKind::Counts,
            expected: format!("rows of {expected} source records"),
            found: format!("rows of {distinct}"),
            advice: "archive the day anew with --redo, and report it".to_owned(),
        });
    }
    Ok(findings)
}

fn check_object(
    store: &Arc<Store>,
    expected: &Expected,
    sink: &mut Sink<'_, '_>,
    limits: &Limits<'_>,
) -> Result<Vec<Finding>, Fault> {
    let mut hash = Context::new(&SHA256);
    let file = footer::whole(store, expected, limits.spool, |bytes| hash.update(bytes))?;
    let sha256 = hexadecimal(hash.finish().as_ref());
    if !expected.sha256.is_empty() && expected.sha256 != sha256 {
        let wanted = format!("SHA-256 {}", expected.sha256);
        // Its rows would only say the same once more.
        return Ok(vec![finding(expected, FindingKind::Changed, &wanted, &sha256)]);
    }
    let foreign = sink.foreign;
    let rows = match read_rows(file, sink, limits) {
        Ok(rows) => rows,
        Err(error) => return footer::unreadable(expected, error).map(|finding| vec![finding]),
    };
    let mut findings = Vec::new();
    if rows != expected.rows {
        findings.push(finding(
            expected,
            FindingKind::Changed,
            &counted(expected.rows, "row"),
            &counted(rows, "row"),
        ));
    }
    if sink.foreign > foreign {
        let found = format!("{} of other files", counted(sink.foreign - foreign, "row"));
        findings.push(finding(expected, FindingKind::Changed, "rows of the entry's parts only", &found));
    }
    Ok(findings)
}

/// Decodes every column of every row; how many rows.
fn read_rows(file: File, sink: &mut Sink<'_, '_>, limits: &Limits<'_>) -> Result<u64, ParquetError> {
    let external = |fault: Fault| ParquetError::External(Box::new(fault));
    let mut rows = 0;
    for batch in ParquetRecordBatchReaderBuilder::try_new(file)?.with_batch_size(BATCH_ROWS).build()? {
        (limits.stop)().map_err(external)?;
        let batch = batch?;
        rows += batch.num_rows() as u64;
        sink.take(&batch)?;
    }
    Ok(rows)
}

/// Where the lineage of rows goes.
struct Sink<'e, 'k> {
    parts: &'e HashSet<&'e str>,
    /// Rows whose file is no part of the entry.
    foreign: u64,
    /// File and record of the row before: most rows follow one of the same record.
    last: Option<u128>,
    records: Option<&'k mut Keys>,
    keys: Option<&'k mut Keys>,
}

impl Sink<'_, '_> {
    fn take(&mut self, batch: &RecordBatch) -> Result<(), ParquetError> {
        let file: &StringArray = column(batch, "source_file", |array| array.as_string_opt::<i32>())?;
        let record: &Int64Array = number(batch, "source_record")?;
        let place = match self.keys {
            Some(_) => Some((number(batch, "source_body")?, number(batch, "source_item")?)),
            None => None,
        };
        for row in 0..batch.num_rows() {
            let name = file.is_valid(row).then(|| file.value(row));
            if name.is_none_or(|name| !self.parts.contains(name)) {
                self.foreign += 1;
            }
            let at = (name, value(record, row));
            if let (Some(keys), Some((body, item))) = (&mut self.keys, place) {
                keys.add(hash(&(at, value(body, row), value(item, row))))?;
            }
            if let Some(records) = &mut self.records {
                let key = hash(&at);
                if self.last != Some(key) {
                    records.add(key)?;
                    self.last = Some(key);
                }
            }
        }
        Ok(())
    }
}

fn number<'b>(batch: &'b RecordBatch, name: &str) -> Result<&'b Int64Array, ParquetError> {
    column(batch, name, |array| array.as_primitive_opt::<Int64Type>())
}

fn column<'b, A>(
    batch: &'b RecordBatch,
    name: &str,
    as_type: impl Fn(&'b dyn Array) -> Option<&'b A>,
) -> Result<&'b A, ParquetError> {
    let found = batch.column_by_name(name).and_then(|array| as_type(array.as_ref()));
    found.ok_or_else(|| ParquetError::General(format!("it has no column {name} of the right type")))
}

fn value(array: &Int64Array, row: usize) -> Option<i64> {
    array.is_valid(row).then(|| array.value(row))
}

/// An unlinked file.
pub(super) fn temporary(spool: Option<&Path>) -> io::Result<File> {
    match spool {
        Some(folder) => tempfile::tempfile_in(folder),
        None => tempfile::tempfile(),
    }
}

pub(super) fn disk(path: &str, error: &io::Error) -> Fault {
    Fault::new(FaultKind::Destination, Stage::List, error.to_string())
        .of(path)
        .advise("check the disk, and the folder for temporary files ([archive] spool)")
}
