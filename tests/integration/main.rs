//! Drives the real program: one module per point of what must work, and readers that are not ours to
//! look at what it left (DuckDB and an oracle in Python, from `.venv`; GnuPG for messages).
//!
//! ```text
//! fixtures, generator, odd inputs -> lp-archive -> lake -> tests/oracle/oracle.py (DuckDB) -> differences
//! ```

// Outside of `#[test]` functions clippy does not know that this is a test.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod convert;
mod decode;
mod demo;
mod doctor;
mod errors;
mod gnupg;
mod lake;
mod manual;
mod metrics;
mod oddities;
mod plan_schema_config;
mod program;
mod records;
mod sign_in;
mod stand_in;
mod sync;
