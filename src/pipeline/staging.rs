//! Rows of one part, kept apart until the part is known to be whole.
//!
//! A small part's rows wait in memory and join the batch's shared objects at its end. A part that makes
//! more gets objects of its own, which are discarded if the part fails after all: so a part that fails
//! leaves no row, and costs no other part anything.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use arrow::record_batch::RecordBatch;

use super::gathered::{Gathered, hand_on};
use crate::lake::{Attempt, ColumnHint, ObjectSet, Placement, TableShape};
use crate::model::{Fault, FaultKind, Stage, UtcDay};
use crate::records::Reject;
use crate::tables::{
    Kind, Reader, Rows, TABLES, Table, arrow_schema, columns, quarantine_batch, quarantine_schema,
};

/// Rows of a part in the making; rows may come from several threads.
pub struct Staging<'a> {
    attempt: &'a Attempt,
    max_bytes: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: Vec<Staged>,
    bytes: usize,
    own: Option<Arc<ObjectSet>>,
    /// With the last rows of the part; closed.
    readers: Vec<Reader>,
}

struct Staged {
    shape: Arc<TableShape>,
    day: UtcDay,
    batch: RecordBatch,
}

impl<'a> Staging<'a> {
    /// `max_bytes`: what may wait in memory.
    pub fn new(attempt: &'a Attempt, max_bytes: usize) -> Staging<'a> {
        Staging { attempt, max_bytes, state: Mutex::default() }
    }

    /// Takes rows of tables.
    pub fn add(&self, rows: Vec<Rows>) -> Result<(), Fault> {
        rows.into_iter().try_for_each(|rows| {
            self.add_one(Staged { shape: shape_of(rows.table), day: rows.day, batch: rows.batch })
        })
    }

    /// Takes rejects of the part. `day`: of its scope.
    pub fn add_rejects(&self, file: &str, day: UtcDay, rejects: &[Reject]) -> Result<(), Fault> {
        if rejects.is_empty() {
            return Ok(());
        }
        let batch = quarantine_batch(file, rejects).map_err(|e| internal(&e))?;
        self.add_one(Staged { shape: QUARANTINE.clone(), day, batch })
    }

    fn add_one(&self, staged: Staged) -> Result<(), Fault> {
        // Nothing is encoded under the lock: encoding spreads over the same threads that come here.
        let (own, ready) = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.bytes += staged.batch.get_array_memory_size();
            state.waiting.push(staged);
            if state.own.is_none() && state.bytes > self.max_bytes {
                state.own = Some(Arc::new(self.attempt.object_set()));
            }
            match &state.own {
                None => return Ok(()),
                Some(own) => (own.clone(), std::mem::take(&mut state.waiting)),
            }
        };
        append(&own, ready)
    }

    /// Takes readers with the rows that they still hold, of a part that is read to its end.
    pub fn add_readers(&self, readers: Vec<Reader>) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).readers.extend(readers);
    }

    /// The part is whole: its rows go to the shared set, or its own set is handed over. The readers come back empty.
    /// `max_bytes`: of a table's rows that are gathered.
    pub fn keep(
        self,
        shared: &ObjectSet,
        gathered: &Gathered,
        max_bytes: usize,
    ) -> Result<(Option<ObjectSet>, Vec<Reader>), Fault> {
        let State { waiting, own, mut readers, .. } =
            self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut tables = readers.iter_mut().flat_map(Reader::filled);
        match own {
            None => {
                append(shared, waiting)?;
                tables.try_for_each(|table| gathered.add(table, max_bytes, shared))?;
                drop(tables);
                Ok((None, readers))
            }
            Some(own) => {
                append(&own, waiting)?;
                tables.try_for_each(|table| hand_on(table, own.as_ref()))?;
                drop(tables);
                // Nobody else holds it: the part's work is done. If it were held, its rows would be missed.
                let own =
                    Arc::into_inner(own).ok_or_else(|| internal(&"the rows of a part are still in use"))?;
                Ok((Some(own), readers))
            }
        }
    }

    /// The part failed: nothing of it stays.
    pub fn discard(self) -> Result<(), Fault> {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        state.own.and_then(Arc::into_inner).map_or(Ok(()), ObjectSet::discard)
    }
}

fn append(set: &ObjectSet, rows: Vec<Staged>) -> Result<(), Fault> {
    rows.into_iter().try_for_each(|staged| set.append(&staged.shape, staged.day, staged.batch))
}

/// A fault for what only a mistake of this program can cause.
pub fn internal(error: &dyn std::fmt::Display) -> Fault {
    Fault::new(FaultKind::Internal, Stage::Parse, error.to_string())
        .advise("this is a mistake of lp-archive: please report it with this line")
}

/// How the lake writes a table.
pub fn shape_of(table: &'static Table) -> Arc<TableShape> {
    static SHAPES: LazyLock<HashMap<&'static str, Arc<TableShape>>> =
        LazyLock::new(|| TABLES.iter().map(|table| (table.name, Arc::new(shape(table)))).collect());
    SHAPES.get(table.name).cloned().unwrap_or_else(|| Arc::new(shape(table)))
}

/// Encodings by what a column holds, as measured (`benches/README.md`); a dictionary, where nothing is said.
fn shape(table: &'static Table) -> TableShape {
    let mut hints = Vec::new();
    for id in table.ids {
        hints.push(((*id).to_owned(), ColumnHint::Bloom));
    }
    for column in columns(table) {
        let hint = match (column.name, column.kind) {
            // The rows of a record share them: the same value again and again.
            ("record_start_time" | "record_end_time", _) => ColumnHint::Plain,
            ("source_record" | "source_body" | "source_item" | "seq", _) | (_, Kind::Time) => {
                ColumnHint::Delta
            }
            ("text" | "url" | "referrer_url" | "start_url" | "body" | "data", _) => ColumnHint::Plain,
            ("engagement_instance_id" | "ipv4" | "ipv6", _) => ColumnHint::Lengths,
            // Many rows per visitor: a quarter larger with a dictionary, but counted twice as fast by DuckDB.
            ("visitor_id", _) if table.name == "navigation" => continue,
            (id, Kind::Text) if table.ids.contains(&id) => ColumnHint::Lengths,
            _ => continue,
        };
        hints.push((column.name.to_owned(), hint));
    }
    TableShape {
        name: table.name.to_owned(),
        schema: arrow_schema(table),
        placement: Placement::Partitioned,
        hints,
    }
}

static QUARANTINE: LazyLock<Arc<TableShape>> = LazyLock::new(|| {
    Arc::new(TableShape {
        name: "quarantine".into(),
        schema: quarantine_schema(),
        placement: Placement::Quarantine,
        hints: Vec::new(),
    })
});
