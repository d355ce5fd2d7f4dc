//! lp-archive keeps a company's LivePerson history: it lists the Data Access files of an account,
//! downloads, decrypts and parses them, and leaves partitioned Parquet in a folder or an object store.
//!
//! ```text
//! config -> source.list(window) -> plan(listing, ledger) -> for each batch, oldest first:
//!    fetch part -> decode (gzip | PGP) -> frame JSON -> unwrap Avro-JSON -> table rows
//!         -> Arrow batches -> Parquet objects -> ledger entry
//! ```
//!
//! The rooms and who may import whom (a test checks it):
//!
//! | floor | rooms | may import |
//! | --- | --- | --- |
//! | 5 | `cli`, `exit`, `commands` | all below |
//! | 4 | `demo` | 0 to 3 |
//! | 3 | `pipeline` | 0 to 2 |
//! | 2 | `source`, `decode`, `records`, `tables` (also `records`), `lake` | 0 |
//! | 1 | `config`, `report` | 0 |
//! | 0 | `model` | nothing |

pub mod cli;
pub mod commands;
pub mod config;
pub mod decode;
pub mod demo;
pub mod exit;
pub mod lake;
pub mod model;
pub mod pipeline;
pub mod records;
pub mod report;
pub mod source;
pub mod tables;
