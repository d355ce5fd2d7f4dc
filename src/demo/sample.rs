//! What `lp-archive demo` shows: a few hours of all four streams, partly encrypted, and the stand-in that
//! serves them.

use std::io;

use rayon::prelude::*;

use super::generator::{Counts, Encryption, GeneratorOptions, Packer};
use super::key::DemoKey;
use super::service::{ServedFile, StandIn, StandInOptions};

/// The account of the demonstration (that of the vendor's published examples).
pub const DEMO_ACCOUNT: &str = "75555851";

const HOUR_MS: i64 = 3_600_000;

/// Files to serve, and the truth about them.
pub struct Sample {
    pub files: Vec<ServedFile>,
    pub counts: Counts,
}

/// Options of the demonstration: six hours of all streams, three parts per hour, that end three hours
/// before `now_ms` (milliseconds since 1970); some values and some whole files are encrypted.
pub fn demo_options(now_ms: i64) -> GeneratorOptions {
    GeneratorOptions {
        encryption: Encryption { values: 0.05, records: 0.02, files: 0.2 },
        ..GeneratorOptions::new(2026, DEMO_ACCOUNT, now_ms - 9 * HOUR_MS)
    }
}

/// Options for `size_bytes` of JSON on disk: a day of all streams from `from_ms` (milliseconds since 1970), in
/// as many parts that the largest hold about 32 MiB, nothing encrypted.
pub fn bulk_options(seed: u64, from_ms: i64, size_bytes: u64) -> GeneratorOptions {
    let parts = size_bytes / (24 * (46 << 20));
    GeneratorOptions {
        hours: 24,
        parts_per_hour: parts.clamp(2, 64) as u32,
        size_bytes: Some(size_bytes),
        ..GeneratorOptions::new(seed, DEMO_ACCOUNT, from_ms)
    }
}

/// Generates and packs every file of the options in memory, on all cores.
///
/// # Errors
/// When encryption fails: a mistake of this program.
pub fn sample(options: &GeneratorOptions) -> io::Result<Sample> {
    let key = DemoKey::load().map_err(|e| io::Error::other(e.to_string()))?;
    let packer = Packer { key: &key, encryption: options.encryption, level: 6 };
    let made: Vec<(ServedFile, Counts)> = options
        .plan()
        .par_iter()
        .map(|plan| {
            let file = plan.generate(options, &key)?;
            let bytes = packer.pack(&file)?;
            Ok((ServedFile::new(file.stream, file.name, file.scope, bytes), file.counts))
        })
        .collect::<io::Result<_>>()?;
    let mut counts = Counts::default();
    made.iter().for_each(|(_, one)| counts.add(one));
    Ok(Sample { files: made.into_iter().map(|(file, _)| file).collect(), counts })
}

/// The running stand-in of the demonstration, with its key on offer from `key::demo_secret_key`.
///
/// # Errors
/// As [`sample`] and [`StandIn::start`].
pub fn start_demo(now_ms: i64) -> io::Result<(StandIn, Counts)> {
    start(&demo_options(now_ms))
}

/// A running stand-in that serves the files of any options.
///
/// # Errors
/// As [`sample`] and [`StandIn::start`].
pub fn start(options: &GeneratorOptions) -> io::Result<(StandIn, Counts)> {
    let sample = sample(options)?;
    let options = StandInOptions { accounts: vec![DEMO_ACCOUNT.to_owned()], ..StandInOptions::default() };
    Ok((StandIn::start(options, sample.files)?, sample.counts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demonstration_is_listed_now_and_shows_every_table() {
        let now_ms = 1_790_000_000_000;
        let sample = sample(&demo_options(now_ms)).unwrap();
        assert_eq!(sample.files.len(), 6 * 4 * 3);
        assert!(sample.files.iter().all(|file| file.generated_ms < now_ms));
        assert_eq!(sample.counts.rows().len(), 17, "{:?}", sample.counts.rows());
        assert!((50..2_000).contains(&sample.counts.messages), "{}", sample.counts.messages);
        assert!((3_000..20_000).contains(&sample.counts.rows().values().sum::<u64>()));
    }
}
