//! The log of the libraries below, for the loudest level only.

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;

/// Starts the log on stderr with `-vv`. Our own crate tells everything; all others tell warnings at
/// most, as HTTP libraries print headers and whole URLs below that. No environment variable can
/// change this.
pub fn start_log(verbosity: u8) {
    if verbosity < 2 {
        return;
    }
    let targets =
        Targets::new().with_default(LevelFilter::WARN).with_target("lp_archive", LevelFilter::TRACE);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    // A second start, as in tests, keeps the first log.
    let _ = tracing_subscriber::registry().with(lines).with(targets).try_init();
}
