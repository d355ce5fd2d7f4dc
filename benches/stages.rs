//! Each stage alone, on one thread: bytes in, nothing kept.
//!
//! ```text
//! cargo bench --bench stages                                  all of them
//! cargo bench --bench stages -- read                          some
//! cargo bench --bench stages -- --save-baseline before        keep the figures under a name …
//! cargo bench --bench stages -- --baseline before             … and compare with them
//! ```
//! The data is the generator's, 8 MiB of JSON per stream (32 for `encode`), not encrypted. Throughput counts bytes of JSON
//! (for `pgp` messages). Times are CPU times, as other programs disturb them less. What `convert` costs beside its stages:
//! `alone.rs`, on files.
//!
//! Learned, from profiles of `convert` on 1.5 GB (CPU time of the whole run, each beside the one before it):
//! - A byte-by-byte scan for the ends of records took 8 %; blocks of 64 bytes with bits for quotes and brackets
//!   take 2 %.
//! - Known keys in their usual order and unions without blanks, matched as a whole: with the former 0.81.
//! - Least and greatest values of texts, for statistics: 0.13 of it with parquet's own, which calls the library's
//!   memcmp twice per text. That call takes about 15 ns for the short texts that most are (masked loads, here); eight
//!   bytes at a time in place: 0.93.
//! - Small arrays of a row group put together, whole batches not sliced: 0.96. Bloom filters sized by the rows at
//!   hand: 0.99, and 0.96 for small runs.
//! - Ids without a dictionary: 0.96 to 1, and 0.93 of the bytes. zstd 3 in place of 1: no smaller for URLs and ids.
//!   zstd 2 for URLs: 0.97 of their bytes, 1.2 of their time. Not kept.
//! - 744 small objects or 39 large ones: 7 % of the bytes, next to no time.
//! - mimalloc: 7 % less user time, as much more system time and 90 MiB more memory. Not kept. jemalloc: 0.95 of the
//!   CPU time, and with a budget of 128 MiB 180 MiB at most where the C library's took 195.
//! - Thin LTO: no difference in seven runs. One codegen unit for this crate, arrow, parquet and zlib-rs: none either.
//! - Plain values in one step (`records/plain.rs`), a repeated header once: 0.87. Columns that lag until their field is
//!   met again: 0.97. Builders that keep their size, records of another day gathered apart: 0.96 each.
//! - One zstd context per thread in place of two per column chunk (`lake/pages.rs`): 0.90 with 1,079 objects of some
//!   2,700 rows, 0.98 with 39 large ones. Chunks of few bytes uncompressed beside that: no larger up to 128 bytes
//!   (512: 0.2 % more bytes, 4096: 5 %), 0.3 % fewer instructions. Not kept.
//! - 120 batches, 1,079 objects on a folder: 6,150 fsyncs, now 3,358; 0.6 to 0.8 of the time in the kernel, 0.95 of all. What
//!   was saved: folders above a new one synced once, markers and gone notes not at all, folders of notes kept.
//! - Texts of a column compared from their ends, short ones as one word: 0.74 of the instructions of their statistics. Weight
//!   of a batch without asking each small array whether it is a slice: half of it. Together 0.987 of a small run's.
//! - Reading records alone, instructions (`callgrind`, 78 MB of JSON): openings learned per field and compared as a
//!   whole (`records/opening.rs`) 0.74, heads, bodies and geo met again 0.76 of that, plain values without a call that can
//!   fail and a bit per table 0.94, JSON kept as it stands 0.96; in all 0.51, and 0.64 of the time of that part.
//! - One file of eight is indented: openings and closings are learned with their blanks, else such a file gains nothing.
//! - Shared headers and heads (`Arc`) counted anew per body and record: half of the time between two bodies. Kept where
//!   they are: no instruction less, but no locked one either.
//! - Vectors that keep their size up to 1 MiB, not 64 KiB: two thirds of the instructions spent on growing; peaks as before.
//! - The second look at UTF-8 when a column is finished (1 %) cannot be left out without unsafe code.
//! - Rows of small parts gathered in builders before they become arrays (`pipeline/gathered.rs`): 0.88 of a month of
//!   5,760 parts, no difference where parts are large.
//! - The next batch read while others are committed: wall time of the same month 0.86, and 0.97 of one day's; 16 commits at a
//!   time in place of 4, and readers handed on from batch to batch: no difference.
//! - Framing without bits for brackets and line breaks where none is odd: 0.62 of its time. With AVX2 instructions on top
//!   0.87 of that, less than half a percent of a run: not worth a crate that chooses them at run time.
//! - Blanks behind commas: items met again, JSON passed once and copied: 0.95 of the instructions of such a run. Whole
//!   openings compared without counting what is the same: 0.985 of any run's.
//! - Integers by counting their digits sixteen bytes at a time, letters of two bytes told in the same pass as the end of
//!   their string: as fast as before. Not kept.
//! - With two threads (wall time of the same run, one day and thirty days of small files): the next batch begun when the last parts
//!   of one are handed on, 0.98 and 0.975; parts on disk read by whoever works on them, 0.97 of thirty days, and fetchers not
//!   woken for each of them, 0.975; room for bloom filters, buffers of texts kept, 0.97 of one day; chunks handed over only where
//!   a thread has no part of its own, 0.985; eight chunks ahead of a large part in place of three, 0.97 of one file.
//! - Laid out by a profile (PGO): 0.91 of one day like the files that it was made from, 0.95 where it was made from several
//!   kinds, 0.93 of another writer's. Two builds from nothing, 14 minutes, and an `llvm-profdata` as new as rustc. Not kept. Nearly all
//!   of it is in `records` and `tables`; the same calls inlined by hand brought nothing, a threshold for inlining of 700 0.975.
//! - Visit and visitor ids in runs, as those that all rows of a record share: a tenth less memory for rows and no instruction more,
//!   but 1.015 of the time. Not kept.
//! - Huge pages (jemalloc's `thp:always`): 0.92 when run again and again, 1.17 when another program ran before. Not kept.

#![allow(clippy::unwrap_used)]

mod cpu;

use std::hint::black_box;
use std::io::Read;
use std::time::Duration;

use aws_lc_rs::rsa::{KeySize, Pkcs1PrivateDecryptingKey, Pkcs1PublicEncryptingKey, PrivateDecryptingKey};
use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

use cpu::cpu_time;
use lp_archive::decode::{self, Keyring};
use lp_archive::demo::generator::{Encryption, GeneratorOptions, Packer};
use lp_archive::demo::key::{DemoKey, demo_secret_key};
use lp_archive::lake::{Access, Lake};
use lp_archive::model::{AccountId, DecodeLimits, LakeOptions, Payload, PgpOptions, Scope, Stream, UtcDay};
use lp_archive::pipeline::lake_shape;
use lp_archive::records::{Chunk, Cursor, Framer, open_encrypted};
use lp_archive::tables::{Origin, Reader, Rows};

const ACCOUNT: &str = "75555851";
const FROM_MS: i64 = 1_790_000_000_000;

/// Of all threads of this process.
struct CpuTime;

impl Measurement for CpuTime {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        cpu_time()
    }

    fn end(&self, start: Duration) -> Duration {
        cpu_time() - start
    }

    fn add(&self, one: &Duration, other: &Duration) -> Duration {
        *one + *other
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        WallTime.to_f64(value)
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}

struct Sample {
    stream: Stream,
    json: Vec<u8>,
    gzip: Vec<u8>,
    scope: Scope,
}

fn sample(stream: Stream, bytes: u64, encryption: Encryption) -> Sample {
    let options = GeneratorOptions {
        hours: 1,
        parts_per_hour: 1,
        streams: vec![stream],
        size_bytes: Some(bytes),
        encryption,
        ..GeneratorOptions::new(7, ACCOUNT, FROM_MS)
    };
    let key = DemoKey::load().unwrap();
    let file = options.files(&key).next().unwrap().unwrap();
    let packer = Packer { key: &key, encryption: Encryption::NONE, level: 6 };
    let gzip = packer.pack(&file).unwrap();
    Sample { stream, json: file.json, gzip, scope: file.scope }
}

fn chunks(sample: &Sample) -> Vec<Chunk> {
    let mut framer = Framer::new(sample.json.as_slice(), DecodeLimits::default(), 1 << 20);
    std::iter::from_fn(|| framer.next_chunk().unwrap()).collect()
}

fn reader(sample: &Sample) -> Reader {
    let file = format!("{}.{}.{}.part-00000-0", sample.stream.file_prefix(), FROM_MS, FROM_MS + 3_600_000);
    let origin = Origin { account: ACCOUNT.into(), stream: sample.stream, file, scope: sample.scope };
    Reader::new(origin, 128)
}

/// Reads all records, handing rows on as the pipeline does.
fn rows(sample: &Sample, chunks: &[Chunk]) -> Vec<Rows> {
    let mut reader = reader(sample);
    let mut rows = Vec::new();
    for chunk in chunks {
        for (index, frame) in chunk.frames.iter().enumerate() {
            let record = chunk.first_record + index as u64;
            reader.read(chunk.text_of(frame), &[], record).unwrap();
        }
        if reader.bytes() > 4 << 20 {
            rows.extend(reader.drain().unwrap());
        }
    }
    rows.extend(reader.drain().unwrap());
    rows
}

fn text_stages(c: &mut Criterion<CpuTime>) {
    let web = sample(Stream::WebSession, 8 << 20, Encryption::NONE);
    let keys = Keyring::load(&PgpOptions::default()).unwrap();
    let mut group = c.benchmark_group("text");
    group.throughput(Throughput::Bytes(web.json.len() as u64));
    group.bench_function("inflate", |b| {
        let payload = Payload::Memory(web.gzip.clone().into());
        let mut buffer = vec![0; 1 << 20];
        b.iter(|| {
            let mut text = decode::open(&payload, &keys, &DecodeLimits::default()).unwrap();
            while text.read(&mut buffer).unwrap() > 0 {}
        });
    });
    group.bench_function("frame", |b| b.iter(|| black_box(chunks(&web))));
    group.bench_function("skip", |b| {
        let chunks = chunks(&web);
        b.iter(|| {
            for chunk in &chunks {
                for frame in &chunk.frames {
                    black_box(Cursor::new(chunk.text_of(frame), 128).skip_value().unwrap());
                }
            }
        });
    });
    group.finish();
}

fn read(c: &mut Criterion<CpuTime>) {
    let mut group = c.benchmark_group("read");
    for stream in Stream::ALL {
        let sample = sample(stream, 8 << 20, Encryption::NONE);
        let chunks = chunks(&sample);
        group.throughput(Throughput::Bytes(sample.json.len() as u64));
        group.bench_function(stream.to_string(), |b| b.iter(|| black_box(rows(&sample, &chunks))));
    }
    group.finish();
}

/// The rows of each stream to Parquet, in row groups of 1 MiB of memory. Nothing is committed.
fn encode(c: &mut Criterion<CpuTime>) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let mut group = c.benchmark_group("encode");
    for stream in Stream::ALL {
        let sample = sample(stream, 32 << 20, Encryption::NONE);
        let rows = rows(&sample, &chunks(&sample));
        group.throughput(Throughput::Bytes(sample.json.len() as u64));
        let folder = tempfile::tempdir().unwrap();
        // Groups are made as soon as they are full; what fills none at the end is not encoded, so there must be many.
        let options = LakeOptions { row_group_bytes: 1 << 20, ..LakeOptions::default() };
        let out = folder.path().display().to_string();
        let lake = Lake::open(&out, options, Access::Write, runtime.handle().clone()).unwrap();
        group.bench_function(stream.to_string(), |b| {
            b.iter(|| {
                let attempt =
                    lake.begin(&AccountId::parse(ACCOUNT).unwrap(), stream, UtcDay(20_000), 1).unwrap();
                let set = attempt.object_set();
                pool.install(|| {
                    for rows in &rows {
                        set.append(&lake_shape(rows.table), rows.day, rows.batch.clone()).unwrap();
                    }
                });
                attempt.abandon(vec![set]).unwrap();
            });
        });
    }
    group.finish();
}

/// PGP per value against the bare RSA operation: the first figure can hardly exceed the second.
fn pgp(c: &mut Criterion<CpuTime>) {
    let folder = tempfile::tempdir().unwrap();
    let key_file = folder.path().join("key.asc");
    std::fs::write(&key_file, demo_secret_key()).unwrap();
    let options = PgpOptions { key_files: vec![key_file], ..PgpOptions::default() };
    let keys = Keyring::load(&options).unwrap();
    let sample = sample(Stream::Engagement, 64 << 10, Encryption::values(0.5));
    let chunks = chunks(&sample);
    let marker = b"-----BEGIN PGP MESSAGE-----";
    let messages = memchr::memmem::find_iter(&sample.json, marker).count() as u64;
    let mut group = c.benchmark_group("pgp");
    group.sample_size(10);
    group.throughput(Throughput::Elements(messages));
    group.bench_function("values", |b| {
        b.iter(|| {
            for chunk in &chunks {
                for frame in &chunk.frames {
                    black_box(open_encrypted(chunk.text_of(frame), &keys).unwrap());
                }
            }
        });
    });
    let private = PrivateDecryptingKey::generate(KeySize::Rsa4096).unwrap();
    let public = Pkcs1PublicEncryptingKey::new(private.public_key()).unwrap();
    let private = Pkcs1PrivateDecryptingKey::new(private).unwrap();
    let mut sealed = vec![0; public.ciphertext_size()];
    let sealed = public.encrypt(&[7; 35], &mut sealed).unwrap().to_vec();
    group.throughput(Throughput::Elements(1));
    group.bench_function("raw RSA-4096", |b| {
        let mut plain = vec![0; private.min_output_size()];
        b.iter(|| black_box(private.decrypt(&sealed, &mut plain).unwrap().len()));
    });
    group.finish();
}

fn few() -> Criterion<CpuTime> {
    Criterion::default()
        .with_measurement(CpuTime)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3))
        .sample_size(20)
}

criterion_group! { name = stages; config = few(); targets = text_stages, read, encode, pgp }
criterion_main!(stages);
