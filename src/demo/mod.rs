//! Floor 4. The stand-in of the service and its sample data, for `lp-archive demo` and for tests.
//!
//! ```text
//! generator: options -> files (JSON text + true counts) -> gzip, PGP -> ServedFile
//! service:   StandIn::start(options, files) -> http://127.0.0.1:<port> until dropped
//! ```
//! Both follow the fact sheets of the service, not our own parser and signer: nothing here imports them.

pub mod generator;
pub mod key;
pub mod sample;
pub mod service;
