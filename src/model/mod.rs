//! Words that every room shares: streams, parts, batches, times, secrets, faults, events and the
//! option structs of the rooms.
//!
//! Floor 0: nothing here reads a disk, a network, an environment variable or a clock, and nothing
//! here knows another room. A value travels like this:
//!
//! ```text
//! Window -> [Part] -> Batch -> Payload (bytes as received) -> rows -> objects -> ledger entry
//!                                 every step emits an Event; what goes wrong is a Fault
//! ```

mod batch;
mod decrypt;
mod event;
mod fault;
mod figures;
mod options;
mod part;
mod payload;
mod secret;
mod stream;
mod time;

pub use batch::Batch;
pub use decrypt::{Decrypt, DecryptError};
pub use event::{Event, EventSink, RunTotals, SilentSink};
pub use fault::{Fault, FaultKind, Place, Remedy, Stage};
pub use figures::{count, counted};
pub use options::{
    AuthOptions, DecodeLimits, LakeOptions, PgpOptions, RawPolicy, RetryOptions, ServiceOptions,
    UNSHARED_BYTES, WorkOptions,
};
pub use part::{AccountId, Part, PartId, Scope, parse_part_name};
pub use payload::Payload;
pub use secret::Secret;
pub use stream::Stream;
pub use time::{UtcDay, Wanted, Window, format_ms, parse_time};
