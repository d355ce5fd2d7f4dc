//! What a run takes from the allocator, by orders of magnitude: a figure that does not depend on the machine. Times
//! are the matter of `benches/`.
//!
//! ```text
//! convert of n rows, convert of 3 n rows -> allocations of the rows between, bytes held at most by the larger
//! ```
//! A test binary of its own, because it counts every allocation of its process.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

use lp_archive::cli::{self, Command};
use lp_archive::commands::convert;
use lp_archive::demo::generator::{GeneratorOptions, write_files};
use lp_archive::exit::Exit;

#[global_allocator]
static COUNTING: dhat::Alloc = dhat::Alloc;

const ACCOUNT: &str = "75555851";
const MIB: usize = 1 << 20;

/// Allocations that a row may cost, with all that happens once per record, chunk and column. Of a row's dozens of values
/// none may cost one: that would be ten times as many. Twice what it was in November 2026.
const PER_ROW: f64 = 5.0;

/// Bytes that may be held at a time for an input of twelve MiB: its rows wait for their row group, those of a small batch
/// while the next ones are read. Half as much again as it was.
const HELD: usize = 30 * MIB;

struct Used {
    rows: u64,
    allocations: u64,
    held: usize,
}

/// Converts about so many bytes of JSON of all streams and counts.
fn converted(folder: &Path, size_bytes: u64) -> Used {
    let inputs = folder.join(format!("inputs-{size_bytes}"));
    let options = GeneratorOptions {
        hours: 1,
        parts_per_hour: 1,
        size_bytes: Some(size_bytes),
        ..GeneratorOptions::new(3, ACCOUNT, 1_790_000_000_000)
    };
    let rows = write_files(&inputs, &options).unwrap().counts.rows().values().sum();
    let out = folder.join(format!("lake-{size_bytes}"));
    let typed = ["lp-archive", "convert", "--quiet", "--threads", "1", "--account", ACCOUNT, "--out"];
    let typed = typed.iter().map(|word| word.into()).chain([out.into_os_string(), inputs.into_os_string()]);
    let Ok(typed) = cli::parse(typed) else { panic!("not understood") };
    let Command::Convert(args) = typed.command else { panic!("another command") };
    let counting = dhat::Profiler::builder().testing().build();
    assert_eq!(convert::run(args, typed.common), Exit::Done);
    let stats = dhat::HeapStats::get();
    drop(counting);
    Used { rows, allocations: stats.total_blocks, held: stats.max_bytes }
}

#[test]
fn rows_cost_few_allocations_and_little_is_held() {
    let folder = tempfile::tempdir().unwrap();
    // What happens once per process: threads, tables, keys.
    converted(folder.path(), 1 << 16);
    let (less, more) = (converted(folder.path(), 4 << 20), converted(folder.path(), 12 << 20));
    let per_row = (more.allocations - less.allocations) as f64 / (more.rows - less.rows) as f64;
    println!(
        "{per_row:.2} allocations per row of {}, {:.1} MiB held",
        more.rows,
        more.held as f64 / MIB as f64
    );
    assert!(per_row <= PER_ROW, "{per_row:.2} allocations per row");
    assert!(more.held <= HELD, "{} bytes held", more.held);
}
