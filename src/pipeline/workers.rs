//! One part on rayon's threads: bytes as received -> rows in its staging.
//!
//! ```text
//! payload -> decode::open -> Framer -> chunk -> Reader (one per thread at work) -> rows -> Staging
//! ```
//! Decoding runs ahead on one thread and gives chunks to whoever is idle; when enough are waiting, it
//! reads the next chunk itself. Many small parts and one huge part keep all threads busy alike.

use std::io::{self, Read};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest::{Context, SHA256};

use super::parse::{Findings, parse_chunk};
use super::staging::{Staging, internal};
use super::stop::Stop;
use crate::decode::{self, Keyring};
use crate::lake::PartEntry;
use crate::model::{DecodeLimits, Fault, FaultKind, Part, Payload, RunTotals, Stage, UNSHARED_BYTES, UtcDay};
use crate::records::{Buffers, Chunk, Framer, Reject};
use crate::tables::{Origin, Reader};

/// Bytes of JSON text that are parsed at a time.
pub(super) const CHUNK_BYTES: usize = 1 << 20;
/// Bytes of rows at which a reader hands them on.
pub(super) const READER_BYTES: usize = 8 << 20;
/// Bytes of a table's rows of one day that are gathered from several parts.
const GATHERED_BYTES: usize = 1 << 20;
/// Bytes of rows that a byte as received becomes, about.
const ROWS_PER_BYTE: u64 = 13;
/// How many times as many rows as expected may wait.
const MOST_ROWS: usize = 3;
/// Bytes of buffers that are kept: eight chunks or more.
const BUFFER_BYTES: usize = 24 << 20;
/// Chunks per thread that may wait: enough for the time in which the thread that decodes is kept by a large column.
const CHUNKS_AHEAD: usize = 4;
const SALVAGE_STEP_BYTES: usize = 1024;
/// Bytes of rejected text at which it is handed on.
const REJECT_BYTES: usize = 4 << 20;

/// What a reject takes beside its text: a file can hold millions of tiny ones.
const REJECT_OVERHEAD: usize = 256;

/// What every part of a batch is worked on with.
#[derive(Clone, Copy)]
pub struct Tools<'a> {
    pub keys: &'a Keyring,
    pub limits: &'a DecodeLimits,
    pub stop: &'a Stop,
    pub threads: usize,
    /// Parts that are worked on, or may be at once.
    pub parts_at_hand: &'a AtomicUsize,
    /// Chunks of all parts that nobody has begun to read.
    pub chunks_waiting: &'a AtomicUsize,
    /// Take what can be read of a damaged part.
    pub salvage: bool,
    pub spare: &'a Spare,
    pub sizes: Sizes,
}

/// How much is worked on at a time, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// JSON text that is parsed at a time.
    pub chunk: usize,
    /// Rows at which a reader hands them on.
    pub rows: usize,
    /// Rows of a table and day that are gathered from several parts.
    pub gathered: usize,
    /// Rows that wait for their part to be whole, at most.
    waiting: usize,
    /// How many chunks may wait for a thread.
    pub chunks_ahead: usize,
    /// Buffers for texts that wait for their next use.
    pub buffers: usize,
}

impl Sizes {
    /// Of a memory budget. Several parts are in hand at a time, with a few chunks and readers each (a reader for each of
    /// `threads`); beyond the sizes that a budget of 512 MiB gives, nothing is gained.
    pub fn of(memory_bytes: u64, threads: usize) -> Sizes {
        let share = |of: u64, part: u64, most| usize::try_from(of / part).unwrap_or(most).min(most);
        // With little memory what is not shared out leaves little for rows, but half of it in any case.
        let shared = memory_bytes.saturating_sub(UNSHARED_BYTES).max(memory_bytes / 2);
        let chunk = share(memory_bytes, 256, CHUNK_BYTES);
        Sizes {
            chunk,
            // A chunk's text is nearly twice as long, where its last record does not end in time.
            chunks_ahead: share(memory_bytes, 32, usize::MAX) / chunk.max(1),
            rows: share(shared, 24 * threads.max(2) as u64, READER_BYTES),
            gathered: share(memory_bytes, 512, GATHERED_BYTES),
            waiting: share(memory_bytes, 6, usize::MAX),
            buffers: share(memory_bytes, 32, BUFFER_BYTES),
        }
    }

    /// Rows that are expected of a part of so many bytes as received; no more than may wait.
    pub fn expected_rows(&self, received_bytes: u64) -> usize {
        let rows = usize::try_from(received_bytes.saturating_mul(ROWS_PER_BYTE));
        rows.unwrap_or(usize::MAX).min(self.waiting)
    }

    /// Rows of such a part that wait for it to be whole: what is beyond was packed more densely than usual.
    pub fn waiting_rows(&self, received_bytes: u64) -> usize {
        (MOST_ROWS * self.expected_rows(received_bytes)).clamp(self.waiting / 16, self.waiting)
    }
}

/// Memory that parts of one batch hand on to each other.
#[derive(Debug)]
pub struct Spare {
    /// For the texts of chunks.
    buffers: Arc<Buffers>,
    /// Drained, of the batch's stream.
    readers: Mutex<Vec<Reader>>,
}

/// Readers at most that wait for the next part.
const SPARE_READERS: usize = 2;

impl Spare {
    pub fn new(buffers: Arc<Buffers>) -> Spare {
        Spare { buffers, readers: Mutex::default() }
    }

    /// Takes back empty readers.
    pub fn give(&self, readers: Vec<Reader>) {
        let mut spare = lock(&self.readers);
        let room = SPARE_READERS.saturating_sub(spare.len());
        spare.extend(readers.into_iter().take(room));
    }
}

/// What is known of a part whose every record is in its staging.
#[derive(Debug)]
pub struct PartResult {
    pub entry: PartEntry,
    pub totals: RunTotals,
    pub schema_versions: Vec<String>,
    /// The account that the records name, where every one names another than the part's.
    pub foreign_account: Option<String>,
}

/// Reads a part to its end.
///
/// # Errors
/// Why it cannot be archived; its staging must then be discarded.
pub fn read_part(
    part: &Part,
    payload: &Payload,
    tools: Tools<'_>,
    staging: &Staging<'_>,
) -> Result<PartResult, Fault> {
    let text = decode::open(payload, tools.keys, tools.limits)?;
    let mut damage = None;
    let text = Sound { text, damage: tools.salvage.then_some(&mut damage) };
    let mut framer =
        Framer::new(text, *tools.limits, tools.sizes.chunk).with_buffers(tools.spare.buffers.clone());
    let work = Work {
        origin: Origin {
            account: part.id.account.to_string(),
            stream: part.id.stream,
            file: part.id.name.clone(),
            scope: part.scope,
        },
        tools,
        staging,
        readers: Mutex::default(),
        findings: Mutex::default(),
        failed: Mutex::default(),
    };
    // A large part would keep all threads but one waiting for its hash.
    let (read, sha256) = match payload {
        Payload::Memory(_) => (work.read_all(&mut framer), sha256(payload)),
        Payload::File(..) => rayon::join(|| work.read_all(&mut framer), || sha256(payload)),
    };
    read?;
    let sha256 = sha256?;
    let (framed, bytes_json) = (framer.records(), framer.bytes());
    drop(framer);
    let result = work.finish(part, payload, sha256, framed, bytes_json)?;
    match damage {
        None => Ok(result),
        Some(damage) if result.entry.records_in_tables == 0 => Err(damage),
        Some(damage) => Ok(result.salvaged(&damage)),
    }
}

/// The text of a damaged part as far as it can be read, where that is wanted.
struct Sound<'a, R> {
    text: R,
    /// Where to note what ended the text early; `None`: it is an error.
    damage: Option<&'a mut Option<Fault>>,
}

impl<R: Read> Read for Sound<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let Some(damage) = &mut self.damage else { return self.text.read(buf) };
        if damage.is_some() {
            return Ok(0);
        }
        // In small steps: what was made before the damage within a step may be lost with it.
        let step = buf.len().min(SALVAGE_STEP_BYTES);
        let read = self.text.read(buf.get_mut(..step).unwrap_or_default());
        let Err(error) = read else { return read };
        if error.kind() == io::ErrorKind::Interrupted {
            return Err(error);
        }
        let fault = Fault::from_io(error, FaultKind::Damaged, Stage::Decode);
        if fault.kind != FaultKind::Damaged {
            return Err(fault.into_io());
        }
        **damage = Some(fault);
        Ok(0)
    }
}

impl PartResult {
    fn salvaged(mut self, damage: &Fault) -> PartResult {
        let place = damage.place.as_ref().map(|place| format!(" at {place}")).unwrap_or_default();
        self.entry.salvaged = true;
        self.entry.reason = format!("{}{place}", damage.message);
        self.totals.salvaged = 1;
        self
    }
}

struct Work<'a> {
    origin: Origin,
    tools: Tools<'a>,
    staging: &'a Staging<'a>,
    /// Readers that nobody uses just now.
    readers: Mutex<Vec<Reader>>,
    findings: Mutex<Totals>,
    failed: Mutex<Option<Fault>>,
}

#[derive(Default)]
struct Totals {
    rejects: Vec<Reject>,
    reject_bytes: usize,
    rejected: u64,
    wrong_type: u64,
}

impl Work<'_> {
    fn read_all(&self, framer: &mut Framer<impl Read + Send>) -> Result<(), Fault> {
        rayon::scope(|scope| {
            while let Some(chunk) = framer.next_chunk()? {
                self.tools.stop.check()?;
                if lock(&self.failed).is_some() {
                    break;
                }
                if self.may_share(&chunk) {
                    self.tools.chunks_waiting.fetch_add(1, Ordering::Relaxed);
                    scope.spawn(move |_| {
                        self.tools.chunks_waiting.fetch_sub(1, Ordering::Relaxed);
                        self.read_chunk(chunk);
                    });
                } else {
                    self.read_chunk(chunk);
                }
            }
            Ok(())
        })?;
        lock(&self.failed).take().map_or(Ok(()), Err)
    }

    /// Whether another thread is to read the chunk. Not the first one: a small part has no other. Nor where every thread
    /// has a part of its own: texts and rows would go from one to the other and back. More than a few would lie inflated
    /// in memory until somebody comes for them.
    fn may_share(&self, chunk: &Chunk) -> bool {
        let Tools { threads, parts_at_hand, chunks_waiting, sizes, .. } = self.tools;
        chunk.first_record > 0
            && parts_at_hand.load(Ordering::Relaxed) < threads
            && chunks_waiting.load(Ordering::Relaxed) < sizes.chunks_ahead.min(CHUNKS_AHEAD * threads)
    }

    fn read_chunk(&self, chunk: Chunk) {
        let read = self.try_chunk(&chunk);
        self.tools.spare.buffers.give(chunk.text);
        if let Err(fault) = read {
            lock(&self.failed).get_or_insert(fault);
        }
    }

    fn try_chunk(&self, chunk: &Chunk) -> Result<(), Fault> {
        let idle = lock(&self.readers).pop();
        let mut reader = idle.unwrap_or_else(|| self.another_reader());
        let mut findings = Findings::default();
        parse_chunk(chunk, self.tools.keys, &mut reader, &mut findings)?;
        self.note(findings)?;
        if reader.bytes() > self.tools.sizes.rows {
            self.staging.add(reader.drain().map_err(|e| internal(&e))?)?;
        }
        lock(&self.readers).push(reader);
        Ok(())
    }

    fn another_reader(&self) -> Reader {
        let origin = self.origin.clone();
        match lock(&self.tools.spare.readers).pop() {
            Some(mut reader) => {
                reader.begin(origin);
                reader
            }
            None => Reader::new(origin, self.tools.limits.max_depth),
        }
    }

    fn note(&self, found: Findings) -> Result<(), Fault> {
        if found.rejects.is_empty() {
            return Ok(());
        }
        let ready = {
            let mut totals = lock(&self.findings);
            totals.rejected += found.rejects.len() as u64;
            totals.wrong_type += found.wrong_type;
            totals.reject_bytes +=
                found.rejects.iter().map(|reject| reject.raw.len() + REJECT_OVERHEAD).sum::<usize>();
            totals.rejects.extend(found.rejects);
            if totals.reject_bytes < REJECT_BYTES {
                return Ok(());
            }
            totals.reject_bytes = 0;
            std::mem::take(&mut totals.rejects)
        };
        self.keep_rejects(&ready)
    }

    fn keep_rejects(&self, rejects: &[Reject]) -> Result<(), Fault> {
        let day = UtcDay::of_ms(self.origin.scope.start_ms);
        self.staging.add_rejects(&self.origin.file, day, rejects)
    }

    fn finish(
        self,
        part: &Part,
        payload: &Payload,
        sha256: String,
        framed: u64,
        bytes_json: u64,
    ) -> Result<PartResult, Fault> {
        let totals = std::mem::take(&mut *lock(&self.findings));
        if framed > 0 && totals.wrong_type == framed {
            let wanted = part.id.stream.data_type();
            let message = format!("every record in it is of another type than {wanted}");
            return Err(Fault::new(FaultKind::WrongType, Stage::Parse, message)
                .advise("the service delivered another file under this name: run again later"));
        }
        self.keep_rejects(&totals.rejects)?;
        let mut readers = std::mem::take(&mut *lock(&self.readers));
        let mut run = RunTotals {
            parts: 1,
            bytes_downloaded: payload.len(),
            bytes_json,
            records: framed,
            quarantined: totals.rejected,
            ..RunTotals::default()
        };
        let mut records_in_tables = 0;
        let mut schema_versions: Vec<String> = Vec::new();
        let mut foreign_account = None;
        for reader in &mut readers {
            reader.close_part();
            records_in_tables += reader.records();
            let (odd, versions) = reader.findings();
            run.mistyped += odd.mistyped;
            run.unknown_fields += odd.unknown_fields;
            run.unknown_bodies += odd.unknown_bodies;
            run.misdated += odd.misdated;
            run.foreign_accounts += odd.foreign_accounts;
            if foreign_account.is_none() {
                foreign_account = reader.foreign_account().map(str::to_owned);
            }
            schema_versions.extend(
                versions.iter().filter(|v| !schema_versions.contains(v)).cloned().collect::<Vec<_>>(),
            );
        }
        if records_in_tables + totals.rejected != framed {
            return Err(internal(&format!(
                "{framed} records were framed, {records_in_tables} are in tables and {} in quarantine",
                totals.rejected
            )));
        }
        self.staging.add_readers(readers);
        let entry = PartEntry {
            name: part.id.name.clone(),
            scope: part.scope,
            bytes: payload.len(),
            sha256,
            records: framed,
            records_in_tables,
            rejects: totals.rejected,
            salvaged: false,
            reason: String::new(),
        };
        let all_foreign = run.foreign_accounts > 0 && run.foreign_accounts == records_in_tables;
        let foreign_account = foreign_account.filter(|_| all_foreign);
        Ok(PartResult { entry, totals: run, schema_versions, foreign_account })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // A panic elsewhere costs the part it happened in, which is given up as a whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// SHA-256 of the bytes as received, in hexadecimal.
fn sha256(payload: &Payload) -> Result<String, Fault> {
    let mut context = Context::new(&SHA256);
    if let Payload::Memory(bytes) = payload {
        context.update(bytes);
    } else {
        let mut reader = payload.reader();
        let mut buffer = vec![0; 1 << 16];
        loop {
            let read = reader.read(&mut buffer).map_err(|e| {
                Fault::new(FaultKind::Damaged, Stage::Decode, format!("it cannot be read: {e}"))
            })?;
            if read == 0 {
                break;
            }
            context.update(buffer.get(..read).unwrap_or_default());
        }
    }
    Ok(context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect())
}
