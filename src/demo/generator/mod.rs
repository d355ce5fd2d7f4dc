//! Sample data: files of all four streams as the fact sheet of the Data Access API describes them, made
//! up from a seed. It follows the fact sheet, not our parser, and is not easier than life.
//!
//! ```text
//! GeneratorOptions -> plan() -> [FilePlan: WebSession.1760000400000.1760004000000.part-00001-0]
//!    -> FilePlan::generate -> JSON text + Counts -> packaged() -> gzip (| PGP)
//! ```
//! Each file has random numbers of its own (seed, stream, hour and part), so that files can be made in any
//! order and on all cores, and the same options give the same text. Encryption alone draws on the system's
//! random numbers: see `key`.
//!
//! What can fail: encryption (a mistake of this program), and the disk in `write_files`.

mod agent;
mod counts;
mod disk;
mod engagement;
mod envelope;
mod package;
mod pen;
mod pretty;
mod seal;
mod survey;
mod web_attributes;
mod web_campaigns;
mod web_goals;
mod web_session;
mod words;

use std::io;

use rand::Rng;

use crate::model::{Scope, Stream};

use super::key::DemoKey;
use pen::{Pen, SchemaVersion, Style};

pub use counts::Counts;
pub use disk::{Written, write_files};
pub use package::Packer;

const HOUR_MS: i64 = 3_600_000;

/// What is encrypted: shares from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Encryption {
    /// Of the values that may hold personal data.
    pub values: f64,
    /// Of the bodies, and in the others of conversations, transcript lines and surveys.
    pub records: f64,
    /// Of the files, as a whole.
    pub files: f64,
}

impl Encryption {
    pub const NONE: Encryption = Encryption { values: 0.0, records: 0.0, files: 0.0 };

    pub fn values(share: f64) -> Encryption {
        Encryption { values: share, ..Encryption::NONE }
    }

    pub fn records(share: f64) -> Encryption {
        Encryption { records: share, ..Encryption::NONE }
    }

    pub fn files(share: f64) -> Encryption {
        Encryption { files: share, ..Encryption::NONE }
    }
}

/// What to generate.
#[derive(Clone, Debug)]
pub struct GeneratorOptions {
    pub seed: u64,
    pub account: String,
    /// Start of the first scope; rounded down to a full hour.
    pub from_ms: i64,
    pub hours: u32,
    pub parts_per_hour: u32,
    pub streams: Vec<Stream>,
    /// Bytes of JSON in all, roughly (to the size of one record per file). Without it: a few records per
    /// file, fit for a demonstration.
    pub size_bytes: Option<u64>,
    pub encryption: Encryption,
    /// Only what the Avro schemas in `fixtures/avro` allow: docs envelope, wrapped unions, no unknown
    /// fields or bodies, no nulls as items.
    pub strict: bool,
}

impl GeneratorOptions {
    /// Six hours, three parts per hour, all streams, nothing encrypted.
    pub fn new(seed: u64, account: &str, from_ms: i64) -> GeneratorOptions {
        GeneratorOptions {
            seed,
            account: account.to_owned(),
            from_ms,
            hours: 6,
            parts_per_hour: 3,
            streams: Stream::ALL.to_vec(),
            size_bytes: None,
            encryption: Encryption::NONE,
            strict: false,
        }
    }

    /// Every file to make, oldest hour first.
    pub fn plan(&self) -> Vec<FilePlan> {
        let first = self.from_ms.div_euclid(HOUR_MS) * HOUR_MS;
        let mut plans = Vec::new();
        for hour in 0..self.hours {
            let start_ms = first + i64::from(hour) * HOUR_MS;
            for &stream in &self.streams {
                for part in 0..self.parts_per_hour {
                    plans.push(FilePlan {
                        stream,
                        scope: Scope { start_ms, end_ms: start_ms + HOUR_MS },
                        part,
                    });
                }
            }
        }
        plans
    }

    /// Every file, one after another.
    pub fn files<'a>(
        &'a self,
        key: &'a DemoKey,
    ) -> impl Iterator<Item = io::Result<GeneratedFile>> + use<'a> {
        self.plan().into_iter().map(move |plan| plan.generate(self, key))
    }

    /// Bytes of JSON that one file of the stream should reach.
    fn target(&self, stream: Stream) -> Option<u64> {
        let share = |stream| match stream {
            Stream::WebSession => 70,
            Stream::Engagement => 18,
            Stream::AgentActivity => 7,
            Stream::Survey => 5,
        };
        let all: u64 = self.streams.iter().map(|s| share(*s)).sum();
        let files = u64::from(self.hours) * u64::from(self.parts_per_hour);
        let bytes = u128::from(self.size_bytes?) * u128::from(share(stream));
        Some((bytes / u128::from((all * files).max(1))) as u64)
    }
}

/// A file to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilePlan {
    pub stream: Stream,
    pub scope: Scope,
    pub part: u32,
}

/// A file as text, with the truth about its rows.
#[derive(Clone, Debug, PartialEq)]
pub struct GeneratedFile {
    pub stream: Stream,
    /// Without `.gz`.
    pub name: String,
    pub scope: Scope,
    pub json: Vec<u8>,
    pub counts: Counts,
}

impl FilePlan {
    /// `WebSession.1760000400000.1760004000000.part-00001-0`.
    pub fn name(&self) -> String {
        let Scope { start_ms, end_ms } = self.scope;
        format!("{}.{start_ms}.{end_ms}.part-{:05}-0", self.stream.file_prefix(), self.part)
    }

    fn seed(&self, seed: u64) -> u64 {
        let hour = (self.scope.start_ms / HOUR_MS) as u64;
        let stream = self.stream as u64;
        // Odd constants spread neighbours over the whole range; the generator itself mixes the rest.
        seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)
            ^ hour.wrapping_mul(0xbf58_476d_1ce4_e5b9)
            ^ (u64::from(self.part) * 4 + stream).wrapping_mul(0x94d0_49bb_1331_11eb)
    }

    /// Writes the text of the file.
    ///
    /// # Errors
    /// When encryption inside the text fails.
    pub fn generate(&self, options: &GeneratorOptions, key: &DemoKey) -> io::Result<GeneratedFile> {
        let target = options.target(self.stream);
        let style = Style {
            strict: options.strict,
            wrapped: true,
            escaped: false,
            wrapped_envelope: false,
            version: SchemaVersion::V22,
        };
        let mut pen = Pen::new(self.seed(options.seed), style, self.scope, options.encryption, Some(key));
        let pretty = pen.once_in(8);
        pen.style.escaped = pen.once_in(5);
        pen.style.wrapped_envelope = pen.odd_once_in(2);
        pen.style.wrapped = !pen.odd_once_in(12);
        let version = pen.rng.random_range(0..SchemaVersion::ALL.len());
        pen.style.version = SchemaVersion::ALL.get(version).copied().unwrap_or(SchemaVersion::V35);
        let few = match self.stream {
            Stream::WebSession => 12,
            Stream::AgentActivity => 10,
            _ => 8,
        };
        let mut json = Vec::with_capacity(target.map_or(64 << 10, |t| t as usize + (64 << 10)));
        let mut index = 0;
        while target.map_or(index < few, |bytes| ((json.len() + pen.out.len()) as u64) < bytes) {
            match self.stream {
                Stream::AgentActivity => agent::write(&mut pen, &options.account),
                Stream::WebSession => web_session::write(&mut pen, &options.account),
                Stream::Engagement => engagement::write(&mut pen, &options.account, self.part, index),
                Stream::Survey => survey::write(&mut pen, &options.account),
            }
            if pretty {
                json.extend_from_slice(&pretty::pretty(&pen.out, 3));
            } else {
                json.extend_from_slice(&pen.out);
            }
            json.extend_from_slice(match pen.odd_once_in(50) {
                true => b"\r\n\n",
                false => b"\n",
            });
            pen.out.clear();
            index += 1;
        }
        if let Some(fault) = pen.fault {
            return Err(io::Error::other(fault));
        }
        let mut counts = pen.counts;
        counts.files = 1;
        counts.bytes_json = json.len() as u64;
        Ok(GeneratedFile { stream: self.stream, name: self.name(), scope: self.scope, json, counts })
    }
}

#[cfg(test)]
mod tests;
