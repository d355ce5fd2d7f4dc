//! What `convert` is made of, each stage alone over all of the same files: the sum that its CPU time is held against.
//!
//! ```text
//! cargo bench --bench alone                        64 MiB of the generator's JSON
//! ALONE_DATA=DIR cargo bench --bench alone         the parts in a folder
//! python3 benches/peers/alone.py                   the same, and `convert --threads 1` on them in turn
//! ```
//! ```text
//! file -> [read] -> [hash] -> [inflate]                                what came, a part at a time
//!   -> 1 MiB of text -> [frame] -> [records to columns]                in memory before each, so is the text itself
//!   -> [gather, arrays] -> rows of a batch -> [encode]  -> [hash] -> [write]      by table and day
//! ```
//! One thread, CPU time (user and system), the settings of `convert` as they are by default. What is in brackets is timed,
//! alone, on what lies ready in memory; what makes it ready is done before and is not. All of it is the program's own
//! code, the order of steps excepted. In memory is never more than a part as received, a chunk of its text, rows (as many as
//! `convert` lets wait, by the same budget) and one object.
//!
//! Framing reads a text, and so copies it; in `convert` it is the inflater who writes there. That copy is measured alone as
//! well, and left out of the sum. Not in it either: finding the files, handing over from thread to thread, notes, ledger and
//! syncing to the disk. They are what `convert` may cost beside.

#![allow(clippy::unwrap_used)]

mod cpu;

use std::collections::BTreeMap;
use std::fs;
use std::hint::black_box;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow::array::RecordBatch;
use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use tokio::runtime::Builder;

use cpu::cpu_time;
use lp_archive::config::{Config, ConvertConfig, Environment, Flags};
use lp_archive::decode::{self, Keyring};
use lp_archive::demo::generator::{GeneratorOptions, write_files};
use lp_archive::demo::sample::{DEMO_ACCOUNT, bulk_options};
use lp_archive::lake::encode_object;
use lp_archive::model::{Fault, Part, Payload, Stream, UtcDay, Wanted, Window};
use lp_archive::pipeline::{Findings, Gathered, Sizes, TakesRows, lake_shape, parse_chunk};
use lp_archive::records::{Buffers, Chunk, Framer};
use lp_archive::source::{Folder, Source};
use lp_archive::tables::{Origin, Reader, Rows, Table};

#[cfg(unix)]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const FROM_MS: i64 = 1_790_000_000_000;

/// What is measured, in the order of a record's way.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Read,
    HashReceived,
    Inflate,
    Frame,
    Copy,
    Parse,
    Gather,
    Encode,
    HashWritten,
    Write,
}

fn main() {
    // `cargo test --benches` only wants to know that it runs.
    let bytes = if std::env::args().any(|arg| arg == "--bench") { 64 << 20 } else { 1 << 20 };
    let place = tempfile::tempdir().unwrap();
    let data = std::env::var_os("ALONE_DATA").map(PathBuf::from).unwrap_or_else(|| {
        let options = GeneratorOptions { strict: true, ..bulk_options(2, FROM_MS, bytes) };
        let data = place.path().join("data");
        write_files(&data, &options).unwrap();
        data
    });
    let flags = Flags { account: Some(DEMO_ACCOUNT.into()), out: Some("unused".into()), ..Flags::default() };
    let config =
        Config::for_convert(&Environment::from_iter(BTreeMap::<String, String>::new()), &flags).unwrap();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let keys = Keyring::empty();
    pool.install(|| Alone::new(&config, &keys, place.path()).measure(&data));
}

/// Steps over all files, and what they came to.
struct Alone<'c> {
    config: &'c ConvertConfig,
    sizes: Sizes,
    keys: &'c Keyring,
    buffers: Arc<Buffers>,
    /// For inflated and copied text.
    buffer: Vec<u8>,
    object: PathBuf,
    spent: BTreeMap<Step, Duration>,
    files: u64,
    json_bytes: u64,
    records: u64,
    rejects: usize,
    rows: usize,
    parquet_bytes: usize,
}

impl<'c> Alone<'c> {
    fn new(config: &'c ConvertConfig, keys: &'c Keyring, place: &Path) -> Alone<'c> {
        let sizes = Sizes::of(config.work.memory_bytes, config.work.threads);
        Alone {
            config,
            sizes,
            keys,
            buffers: Arc::new(Buffers::up_to(sizes.buffers)),
            buffer: vec![0; 1 << 20],
            object: place.join("object.parquet"),
            spent: BTreeMap::new(),
            files: 0,
            json_bytes: 0,
            records: 0,
            rejects: 0,
            rows: 0,
            parquet_bytes: 0,
        }
    }

    fn timed<T>(&mut self, step: Step, work: impl FnOnce(&mut Self) -> T) -> T {
        let before = cpu_time();
        let made = work(self);
        *self.spent.entry(step).or_default() += cpu_time() - before;
        made
    }

    fn measure(mut self, data: &Path) {
        let folder = Folder::open(self.config.account.clone(), &[data.to_owned()]).unwrap();
        let wanted =
            Wanted { generated_from_ms: i64::MIN, scopes: Window { from_ms: i64::MIN, to_ms: i64::MAX } };
        let runtime = Builder::new_current_thread().build().unwrap();
        for stream in runtime.block_on(folder.streams()).unwrap() {
            let parts = runtime.block_on(folder.list(stream, wanted)).unwrap().parts;
            for parts in parts.chunk_by(|a, b| day_of(a) == day_of(b)) {
                self.batch(stream, parts);
            }
        }
        self.tell();
    }

    /// Parts of one stream and day, as they stand in one ledger entry.
    fn batch(&mut self, stream: Stream, parts: &[Part]) {
        let (gathered, ready) = (Gathered::default(), Ready::default());
        let mut reader: Option<Reader> = None;
        for part in parts {
            let origin = Origin {
                account: part.id.account.to_string(),
                stream,
                file: part.id.name.clone(),
                scope: part.scope,
            };
            let mut used = match reader.take() {
                Some(mut reader) => {
                    reader.begin(origin);
                    reader
                }
                None => Reader::new(origin, self.config.limits.max_depth),
            };
            self.part(part, &mut used, &ready);
            self.timed(Step::Gather, |alone| {
                used.close_part();
                let gather = |table| gathered.add(table, alone.sizes.gathered, &ready);
                used.filled().try_for_each(gather).unwrap();
            });
            reader = Some(used);
            if ready.bytes() > self.config.lake.buffer_bytes {
                self.encode(&ready);
            }
        }
        self.timed(Step::Gather, |_| gathered.finish(&ready)).unwrap();
        self.encode(&ready);
    }

    fn part(&mut self, part: &Part, reader: &mut Reader, ready: &Ready) {
        let received = self.timed(Step::Read, |_| fs::read(&part.location)).unwrap();
        self.timed(Step::HashReceived, |_| black_box(digest(&SHA256, &received)));
        let payload = Payload::Memory(Bytes::from(received));
        let limits = &self.config.limits;
        self.json_bytes += self.timed(Step::Inflate, |alone| {
            let mut text = decode::open(&payload, alone.keys, limits).unwrap();
            read_all(&mut text, &mut alone.buffer)
        });
        let text = decode::open(&payload, self.keys, limits).unwrap();
        let mut framer = Framer::new(text, *limits, self.sizes.chunk);
        while let Some(chunk) = framer.next_chunk().unwrap() {
            self.chunk(&chunk, reader, ready);
        }
        self.files += 1;
        self.records += framer.records();
    }

    fn chunk(&mut self, chunk: &Chunk, reader: &mut Reader, ready: &Ready) {
        self.timed(Step::Copy, |alone| read_all(&mut &*chunk.text, &mut alone.buffer));
        let framed = self.timed(Step::Frame, |alone| {
            let framer = Framer::new(&*chunk.text, alone.config.limits, alone.sizes.chunk);
            let mut framer = framer.with_buffers(alone.buffers.clone());
            while let Some(chunk) = framer.next_chunk().unwrap() {
                alone.buffers.give(chunk.text);
            }
            framer.records()
        });
        assert_eq!(framed, chunk.frames.len() as u64, "framed alone it is another text");
        let mut findings = Findings::default();
        self.timed(Step::Parse, |alone| parse_chunk(chunk, alone.keys, reader, &mut findings)).unwrap();
        self.rejects += findings.rejects.len();
        if reader.bytes() > self.sizes.rows {
            let rows = self.timed(Step::Gather, |_| reader.drain()).unwrap();
            rows.into_iter().for_each(|rows| ready.take(rows).unwrap());
        }
    }

    fn encode(&mut self, ready: &Ready) {
        for (table, batches) in std::mem::take(&mut *ready.tables.lock().unwrap()).into_values() {
            let shape = lake_shape(table);
            self.rows += batches.iter().map(RecordBatch::num_rows).sum::<usize>();
            let object =
                self.timed(Step::Encode, |alone| encode_object(&shape, &alone.config.lake, batches)).unwrap();
            self.parquet_bytes += object.len();
            self.timed(Step::HashWritten, |_| black_box(digest(&SHA256, &object)));
            self.timed(Step::Write, |alone| fs::write(&alone.object, &object)).unwrap();
            fs::remove_file(&self.object).unwrap();
        }
    }

    fn tell(&self) {
        let seconds = |step: Step| self.spent.get(&step).map_or(0.0, Duration::as_secs_f64);
        let told = [
            ("inflate, with its checksum", seconds(Step::Inflate)),
            ("framing", (seconds(Step::Frame) - seconds(Step::Copy)).max(0.0)),
            ("records to columns", seconds(Step::Parse)),
            ("gathering, arrays", seconds(Step::Gather)),
            ("Parquet", seconds(Step::Encode)),
            ("SHA-256 of what came", seconds(Step::HashReceived)),
            ("SHA-256 of what is written", seconds(Step::HashWritten)),
            ("reading files", seconds(Step::Read)),
            ("writing files", seconds(Step::Write)),
        ];
        for (name, seconds) in told {
            println!("{name:<28} {seconds:>8.3} s");
        }
        let mega = |bytes: f64| bytes / 1e6;
        println!(
            "{} files, {:.0} MB of JSON, {} records, {} of them in quarantine, {} rows, {:.1} MB of Parquet",
            self.files,
            mega(self.json_bytes as f64),
            self.records,
            self.rejects,
            self.rows,
            mega(self.parquet_bytes as f64)
        );
    }
}

type OfTable = (&'static Table, Vec<RecordBatch>);

/// Rows of a batch, by table and day.
#[derive(Default)]
struct Ready {
    tables: Mutex<BTreeMap<(&'static str, UtcDay), OfTable>>,
}

impl Ready {
    fn bytes(&self) -> usize {
        let tables = self.tables.lock().unwrap();
        let batches = tables.values().flat_map(|(_, batches)| batches);
        batches.map(RecordBatch::get_array_memory_size).sum()
    }
}

impl TakesRows for Ready {
    fn take(&self, Rows { table, day, batch }: Rows) -> Result<(), Fault> {
        let mut tables = self.tables.lock().unwrap();
        tables.entry((table.name, day)).or_insert_with(|| (table, Vec::new())).1.push(batch);
        Ok(())
    }
}

fn day_of(part: &Part) -> UtcDay {
    UtcDay::of_ms(part.scope.start_ms)
}

fn read_all(text: &mut impl Read, buffer: &mut [u8]) -> u64 {
    let mut all = 0;
    loop {
        match text.read(buffer).unwrap() {
            0 => return all,
            read => all += read as u64,
        }
    }
}
