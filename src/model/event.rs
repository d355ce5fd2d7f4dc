//! Events: what the work tells the world while it runs. The printing (`report/`) folds them; the
//! work knows nothing of how they are shown.

use std::collections::BTreeMap;

use super::{Fault, Stream, Window};

/// One thing that happened. Names are those of parts, streams and tables; never content.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A stream of an account is about to be listed.
    ListingStarted {
        account: String,
        stream: Stream,
        window: Window,
    },
    /// A stream was listed whole: parts listed in the window, and how many the ledger lacks.
    Listed {
        account: String,
        stream: Stream,
        parts: u64,
        missing: u64,
    },
    /// A stream could not be listed; the other streams go on.
    StreamFailed {
        account: String,
        stream: Stream,
        fault: Fault,
    },
    /// The plan is made: what this run is going to do.
    Planned {
        batches: u64,
        parts: u64,
    },
    BatchStarted {
        account: String,
        stream: Stream,
        day: String,
        parts: u64,
    },
    /// A request is about to be tried again after a pause.
    Retrying {
        unit: String,
        attempt: u32,
        pause_ms: u64,
        reason: String,
    },
    /// A part was received whole.
    Fetched {
        part: String,
        bytes: u64,
    },
    /// Every record of a part is in the tables or in quarantine.
    PartDone {
        part: String,
        bytes_json: u64,
        records: u64,
        quarantined: u64,
    },
    /// A part could not be archived.
    PartFailed {
        part: String,
        fault: Fault,
    },
    /// Something the user should know that loses nothing.
    Warning {
        message: String,
    },
    /// A batch is in the ledger. Rows by table.
    BatchCommitted {
        account: String,
        stream: Stream,
        day: String,
        totals: RunTotals,
    },
    /// A batch could not be committed.
    BatchFailed {
        account: String,
        stream: Stream,
        day: String,
        fault: Fault,
    },
    /// Left-overs of a run that died were finished.
    Recovered {
        attempts: u64,
        objects_deleted: u64,
    },
}

/// Figures of what was committed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunTotals {
    pub parts: u64,
    pub bytes_downloaded: u64,
    /// Bytes of JSON after decoding.
    pub bytes_json: u64,
    /// Top-level values framed.
    pub records: u64,
    /// Records kept in quarantine.
    pub quarantined: u64,
    /// Values that did not fit their column and went to `extra`.
    pub mistyped: u64,
    /// Fields without a column, kept in `extra`.
    pub unknown_fields: u64,
    /// Bodies of unknown type, kept in the table `unrecognized`.
    pub unknown_bodies: u64,
    /// Rows whose own date was out of bounds and which lie under their scope's date instead.
    pub misdated: u64,
    /// Envelopes that name another account than the configured one.
    pub foreign_accounts: u64,
    /// Damaged parts of which only what could be read was archived.
    pub salvaged: u64,
    /// Bytes of objects written.
    pub bytes_written: u64,
    pub objects: u64,
    /// Rows by table.
    pub rows: BTreeMap<String, u64>,
}

impl RunTotals {
    pub fn add(&mut self, other: &RunTotals) {
        self.parts += other.parts;
        self.bytes_downloaded += other.bytes_downloaded;
        self.bytes_json += other.bytes_json;
        self.records += other.records;
        self.quarantined += other.quarantined;
        self.mistyped += other.mistyped;
        self.unknown_fields += other.unknown_fields;
        self.unknown_bodies += other.unknown_bodies;
        self.misdated += other.misdated;
        self.foreign_accounts += other.foreign_accounts;
        self.salvaged += other.salvaged;
        self.bytes_written += other.bytes_written;
        self.objects += other.objects;
        for (table, rows) in &other.rows {
            *self.rows.entry(table.clone()).or_default() += rows;
        }
    }
}

/// Takes events, from any thread.
pub trait EventSink: Send + Sync {
    fn emit(&self, event: Event);
}

/// A sink that drops everything, for tests and benches.
pub struct SilentSink;

impl EventSink for SilentSink {
    fn emit(&self, _: Event) {}
}
