//! Floor 2. Records -> rows of declared tables -> Arrow batches.
//!
//! ```text
//! declare, catalog   what tables and columns there are: one line per column
//! schema, reference  -> Arrow schema, documentation          ddl -> DuckDB and Spark
//! reader, bodies     one record -> rows                      values -> one value of a column
//! members            the same, where it comes as it came last time
//! builder, columns   rows -> RecordBatch by partition day    extra  -> what has no column
//! cells, runs        values of one column; texts that stay the same over many rows
//! ```
//! Lossless: every leaf of a record is in a column, in `extra`, in `unrecognized` or (the whole
//! record) in quarantine. Pure: no I/O, no clock.

#![deny(clippy::indexing_slicing)]

mod bodies;
mod builder;
mod catalog;
mod cells;
mod columns;
mod ddl;
mod declare;
mod extra;
mod members;
mod nulls;
mod quarantine;
mod reader;
mod reference;
mod runs;
mod schema;
mod values;

pub use builder::{Rows, TableBuilder};
pub use catalog::*;
pub use ddl::{Dialect, duckdb_views, read_parquet, spark_views, type_name};
pub use declare::{Again, Branch, Field, Key, Kind, Lead, OwnTime, Parent, Record, Table, Union};
pub use extra::Oddities;
pub use quarantine::{quarantine_batch, quarantine_schema};
pub use reader::{Broken, Origin, Reader};
pub use reference::reference;
pub use schema::{ColumnDoc, EXTRA, LINEAGE, arrow_schema, columns, data_type};
