//! One object's footer against its entry, and access to objects for the Parquet readers.

use std::fs::File;
use std::io::Read;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use parquet::file::reader::{ChunkReader, Length};

use super::compare::{Expected, finding};
use super::{Finding, FindingKind};
use crate::lake::store::Store;
use crate::model::Fault;

/// Reads the footer; what differs, is found.
///
/// # Errors
/// The store's.
pub(super) fn check(store: &Arc<Store>, expected: &Expected) -> Result<Vec<Finding>, Fault> {
    let read = match store.open_file(&expected.path) {
        Some(file) => ParquetMetaDataReader::new().parse_and_finish(&file?),
        None => {
            let object = Remote { store: store.clone(), path: expected.path.clone(), bytes: expected.bytes };
            ParquetMetaDataReader::new().parse_and_finish(&object)
        }
    };
    match read {
        Ok(metadata) => Ok(differences(expected, &metadata)),
        Err(error) => unreadable(expected, error).map(|finding| vec![finding]),
    }
}

/// Rows and origin of an object as its footer tells them.
fn differences(expected: &Expected, metadata: &ParquetMetaData) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut differ = |what: &str, wanted: &str, found: &str| {
        if wanted != found {
            findings.push(finding(expected, FindingKind::Changed, &format!("{what} {wanted}"), found));
        }
    };
    let file = metadata.file_metadata();
    let groups: i64 = metadata.row_groups().iter().map(|group| group.num_rows()).sum();
    differ("rows:", &expected.rows.to_string(), &file.num_rows().to_string());
    differ("rows in row groups:", &expected.rows.to_string(), &groups.to_string());
    let pairs = file.key_value_metadata();
    for (key, wanted) in &expected.footer {
        let named = format!("lp_archive.{key}");
        let found = pairs.and_then(|pairs| pairs.iter().find(|pair| pair.key == named)?.value.as_deref());
        differ(&format!("footer with {key}"), wanted, found.unwrap_or("none"));
    }
    findings
}

/// A finding for what Parquet cannot read; the store's own fault passes.
pub(super) fn unreadable(expected: &Expected, error: ParquetError) -> Result<Finding, Fault> {
    let text = match error {
        ParquetError::External(error) => match error.downcast::<Fault>() {
            Ok(fault) => return Err(*fault),
            Err(error) => error.to_string(),
        },
        error => error.to_string(),
    };
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let text: String = text.chars().take(300).collect();
    Ok(finding(expected, FindingKind::Changed, "a readable Parquet file", &text))
}

/// An object of a store that is read piece by piece.
struct Remote {
    store: Arc<Store>,
    path: String,
    bytes: u64,
}

impl Length for Remote {
    fn len(&self) -> u64 {
        self.bytes
    }
}

impl ChunkReader for Remote {
    type T = bytes::buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        let rest = usize::try_from(self.bytes.saturating_sub(start)).unwrap_or(usize::MAX);
        Ok(self.get_bytes(start, rest)?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let read = self.store.get_range(&self.path, start, length as u64);
        read.map_err(|fault| ParquetError::External(Box::new(fault)))
    }
}

/// Bytes of a remote object that are fetched at a time.
const PIECE_BYTES: u64 = 8 << 20;

/// The whole object as a file, every byte of which has passed `look`.
///
/// # Errors
/// The store's, and the temporary file's.
pub(super) fn whole(
    store: &Arc<Store>,
    expected: &Expected,
    spool: Option<&std::path::Path>,
    mut look: impl FnMut(&[u8]),
) -> Result<File, Fault> {
    let disk = |error: std::io::Error| super::rows::disk(&expected.path, &error);
    if let Some(file) = store.open_file(&expected.path) {
        let file = file?;
        let mut reader = file.try_clone().map_err(disk)?;
        let mut buffer = vec![0; 1 << 20];
        loop {
            let read = reader.read(&mut buffer).map_err(disk)?;
            if read == 0 {
                return Ok(file);
            }
            look(buffer.get(..read).unwrap_or_default());
        }
    }
    let mut file = super::rows::temporary(spool).map_err(disk)?;
    let mut at = 0;
    while at < expected.bytes {
        let piece = store.get_range(&expected.path, at, PIECE_BYTES.min(expected.bytes - at))?;
        if piece.is_empty() {
            break;
        }
        look(&piece);
        std::io::Write::write_all(&mut file, &piece).map_err(disk)?;
        at += piece.len() as u64;
    }
    Ok(file)
}
