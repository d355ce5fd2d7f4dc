//! Rows of many small parts, gathered before they become arrays.
//!
//! ```text
//! part A: 80 rows of `geo`, part B: 95 rows, …  ->  4,000 rows  ->  one batch of arrays  ->  the shared objects
//! ```
//! A part of a few hundred kilobytes makes dozens of arrays for each of its tables; to make, keep, join and free
//! them took a sixth of a run over a month of such parts. What comes here is of parts that are whole.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::iter::{IntoParallelIterator, ParallelIterator};

use super::staging::{internal, shape_of};
use crate::lake::ObjectSet;
use crate::model::{Fault, UtcDay};
use crate::tables::{Rows, TableBuilder};

/// Where rows go that have become arrays.
pub trait TakesRows {
    /// Takes rows of one table and day.
    ///
    /// # Errors
    /// Rows may be lost then.
    fn take(&self, rows: Rows) -> Result<(), Fault>;
}

impl TakesRows for ObjectSet {
    fn take(&self, Rows { table, day, batch }: Rows) -> Result<(), Fault> {
        self.append(&shape_of(table), day, batch)
    }
}

type Place = Arc<Mutex<Option<TableBuilder>>>;

/// Rows by table and day, from several threads.
#[derive(Default)]
pub struct Gathered {
    tables: Mutex<HashMap<(&'static str, UtcDay), Place>>,
    /// Rows that are being added; whatever ends that early leaves it above zero.
    unfinished: AtomicUsize,
}

impl Gathered {
    /// Takes the rows of a closed part, and leaves the builder empty. `max_bytes`: how much is gathered of a table
    /// and day before it is handed on.
    ///
    /// # Errors
    /// Rows may be lost then, and [`Gathered::finish`] says so too.
    pub fn add(&self, from: &mut TableBuilder, max_bytes: usize, to: &impl TakesRows) -> Result<(), Fault> {
        self.unfinished.fetch_add(1, Ordering::Relaxed);
        self.try_add(from, max_bytes, to)?;
        self.unfinished.fetch_sub(1, Ordering::Relaxed);
        Ok(())
    }

    fn try_add(&self, from: &mut TableBuilder, max_bytes: usize, to: &impl TakesRows) -> Result<(), Fault> {
        let bytes = from.bytes();
        let Some(day) = from.only_day().filter(|_| bytes < max_bytes) else { return hand_on(from, to) };
        let place = {
            let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
            tables.entry((from.table.name, day)).or_default().clone()
        };
        let mut place = place.lock().map_err(|_| lost())?;
        let into = place.get_or_insert_with(|| TableBuilder::new(from.table));
        into.absorb(from);
        if into.bytes() < max_bytes {
            return Ok(());
        }
        let Some(mut full) = place.take() else { return Ok(()) };
        drop(place);
        hand_on(&mut full, to)
    }

    /// Hands on what is left.
    ///
    /// # Errors
    /// Rows are lost: the shared set must be discarded.
    pub fn finish(self, to: &(impl TakesRows + Sync)) -> Result<(), Fault> {
        if self.unfinished.into_inner() > 0 {
            return Err(lost());
        }
        let tables = self.tables.into_inner().unwrap_or_else(PoisonError::into_inner);
        let places: Vec<Place> = tables.into_values().collect();
        places.into_par_iter().try_for_each(|place| {
            let place = Arc::into_inner(place).and_then(|place| place.into_inner().ok()).ok_or_else(lost)?;
            place.map_or(Ok(()), |mut table| hand_on(&mut table, to))
        })
    }
}

/// Hands on the rows of a table, all of closed parts.
pub fn hand_on(table: &mut TableBuilder, to: &impl TakesRows) -> Result<(), Fault> {
    let rows = table.drain().map_err(|error| internal(&error))?;
    rows.into_iter().try_for_each(|rows| to.take(rows))
}

/// Somebody failed while rows were added: what is here cannot be relied on.
fn lost() -> Fault {
    internal(&"rows were gathered in part only")
}
