//! Drives the real program: one module per point of what must work, and readers that are not ours to
//! look at what it left (DuckDB and an oracle in Python, from `.venv`; GnuPG for messages).
//!
//! ```text
//! fixtures, generator, odd inputs -> lp-archive -> lake -> tests/oracle/oracle.py (DuckDB) -> differences
//! ```

// Outside of `#[test]` functions clippy does not know that this is a test.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod convert;
mod crash;
mod decode;
mod demo;
mod deploy;
mod docs;
mod doctor;
mod errors;
mod fault_matrix;
mod fuzz;
mod gnupg;
mod lake;
mod manual;
mod memory;
mod metrics;
mod network;
mod oddities;
mod place;
mod plan_schema_config;
mod program;
mod proxy;
mod records;
mod redo;
mod s3;
mod s3_server;
mod salvage;
mod secrets;
mod sign_in;
mod stand_in;
mod status;
mod suspects;
mod sync;
mod verify;
mod views;
