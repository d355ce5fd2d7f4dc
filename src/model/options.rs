//! The settings of each room as plain values: filled by `config/`, tests and benches alike.

use std::path::PathBuf;
use std::time::Duration;

use super::Secret;

/// When and how long a request is tried again.
#[derive(Clone, Debug, PartialEq)]
pub struct RetryOptions {
    pub first_pause: Duration,
    pub max_pause: Duration,
    /// Tries in all, the first one included.
    pub max_tries: u32,
    /// From the first try to the start of the last one.
    pub total_timeout: Duration,
    /// A connection that delivers nothing for so long has stalled.
    pub read_timeout: Duration,
}

impl Default for RetryOptions {
    fn default() -> Self {
        RetryOptions {
            first_pause: Duration::from_secs(1),
            max_pause: Duration::from_secs(15),
            max_tries: 5,
            total_timeout: Duration::from_secs(120),
            read_timeout: Duration::from_secs(60),
        }
    }
}

/// Caps against expansion bombs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Bytes of JSON that one part may expand to.
    pub max_expanded_bytes: u64,
    /// Expanded bytes per received byte, looked at once a part has expanded beyond 64 MiB.
    pub max_ratio: u64,
    /// Bytes of one record (top-level JSON value).
    pub max_record_bytes: usize,
    /// Containers inside each other in one record.
    pub max_depth: usize,
}

impl Default for DecodeLimits {
    fn default() -> Self {
        DecodeLimits {
            max_expanded_bytes: 64 << 30,
            max_ratio: 400,
            max_record_bytes: 64 << 20,
            max_depth: 128,
        }
    }
}

/// How PGP messages are opened.
#[derive(Clone, Default)]
pub struct PgpOptions {
    pub key_files: Vec<PathBuf>,
    pub passphrase: Option<Secret>,
    /// Accept messages without integrity protection.
    pub accept_unprotected: bool,
}

/// Which parts are kept as received, still encrypted, under `raw/`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RawPolicy {
    /// Those that cannot be archived.
    #[default]
    Failed,
    Always,
    Never,
}

/// How the lake is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LakeOptions {
    /// Rows of a row group, at most.
    pub row_group_rows: usize,
    /// In-memory bytes of a row group, at most.
    pub row_group_bytes: usize,
    /// Objects that may be open (being written) at a time.
    pub max_open_objects: usize,
    /// Bytes that open objects may hold in memory together.
    pub buffer_bytes: usize,
    /// zstd level of Parquet pages.
    pub zstd_level: i32,
}

impl Default for LakeOptions {
    fn default() -> Self {
        LakeOptions {
            row_group_rows: 122_880,
            row_group_bytes: 48 << 20,
            max_open_objects: 64,
            buffer_bytes: 192 << 20,
            zstd_level: 1,
        }
    }
}

/// Of a memory budget: what the program takes before it does anything, and what the allocator loses.
pub const UNSHARED_BYTES: u64 = 64 << 20;

/// How the work is spread over the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkOptions {
    /// Memory budget in bytes, for everything.
    pub memory_bytes: u64,
    /// Worker threads.
    pub threads: usize,
    /// Requests at once.
    pub max_requests: usize,
    /// Bytes of parts, as received, that one batch may hold.
    pub batch_bytes: u64,
    /// Folder for parts too large for memory.
    pub spool: Option<PathBuf>,
    pub raw: RawPolicy,
}

/// How to sign in. No method is the default: OAuth 1.0 reached its end of life at the vendor in May
/// 2026, and no OAuth 2.0 scope is published for the Data Access API.
#[derive(Clone)]
pub enum AuthOptions {
    /// OAuth 1.0a, HMAC-SHA1 in the `Authorization` header.
    Oauth1 { consumer_key: Secret, consumer_secret: Secret, token: Secret, token_secret: Secret },
    /// OAuth 2.0 client credentials at the account's Sentinel host.
    Oauth2 {
        client_id: Secret,
        client_secret: Secret,
        /// Token endpoint by hand; else the Sentinel host is looked up with the Domain API.
        token_url: Option<String>,
        /// Base of the Domain API: `https://api.liveperson.net`.
        domain_api_url: String,
    },
    /// A token that something else renews; the file is read again after a 401.
    Bearer { token_file: PathBuf },
}

/// One account at the service.
#[derive(Clone)]
pub struct ServiceOptions {
    pub account: super::AccountId,
    /// Scheme, host and port: `https://va.da.liveperson.net`.
    pub base_url: String,
    /// `None`: those that the base resource links to.
    pub streams: Option<Vec<super::Stream>>,
    pub auth: AuthOptions,
    pub retry: RetryOptions,
    /// Requests at once, listing and download together.
    pub max_requests: usize,
    /// Bytes up to which a part is received into memory; a larger one goes to an unlinked file.
    pub max_memory_part_bytes: u64,
    /// Folder for parts too large for memory; `None`: the system's temporary folder.
    pub spool: Option<PathBuf>,
    /// Largest listing body accepted, in bytes.
    pub max_listing_bytes: u64,
}
