//! Where parts come from: the Data Access service, or files on disk. The only HTTP towards the
//! service, and the only place that signs in.
//!
//! ```text
//! Window 2026-11-20 .. 2026-11-22
//!   -> list(webSession)   GET …/le/webSession?startTime=…&endTime=…, one request per slice of a day
//!   -> Listing            [WebSession.1464778800000.1464782400000.part-00000-0, …] + entry faults
//!   -> fetch(part)        GET of the part's href, whole, in memory or in an unlinked file
//!   -> Payload            the bytes as received: nothing is unpacked here
//! ```
//!
//! Every request is signed for its own URL, goes to allowed origins only, and is tried again while
//! that can help; what is left over is a [`Fault`] whose kind says what kind of trouble it is:
//!
//! | kind | meaning here |
//! | --- | --- |
//! | `Config` | base URL, token file, CA file or PATH that cannot be used |
//! | `SignIn` | 401, or the token endpoint refuses |
//! | `Forbidden` | 403 and other refusals that a retry does not mend |
//! | `Unavailable` | network, 429, 5xx, short or stalled bodies, after the retries |
//! | `Gone` | 404 or 410 for a listed part |
//! | `BadListing` | a listing that cannot be read, or an entry that cannot be used |
//! | `Untrusted` | an href or redirect to another origin |
//! | `CapExceeded` | a listing beyond its cap, a part beyond the disk |
//! | `Damaged`, `Ambiguous` | files on disk that are not parts, or two that claim to be one |

mod auth;
mod data_access;
mod folder;
mod http;
mod origin;
mod part_name;
mod receive;
mod refusal;
mod retry;
#[cfg(test)]
mod stand_in;

use futures::future::BoxFuture;

use crate::model::{AccountId, Fault, Part, Payload, Stream, Wanted};

pub use data_access::{DataAccess, Probe, read_listing};
pub use folder::Folder;

/// Lists and delivers the parts of one account.
pub trait Source: Send + Sync {
    fn account(&self) -> &AccountId;

    /// The streams that this source delivers: the configured ones, else those it finds.
    ///
    /// # Errors
    /// `Unavailable`: nobody answers, so that asking for single streams is pointless. Any other kind that does
    /// not stop the run: each stream is to be asked for itself.
    fn streams(&self) -> BoxFuture<'_, Result<Vec<Stream>, Fault>>;

    /// Every part of `stream` that is wanted. A listing that is not whole is an
    /// error, never a short list.
    fn list(&self, stream: Stream, wanted: Wanted) -> BoxFuture<'_, Result<Listing, Fault>>;

    /// Whether a listing tells all that the service keeps, so that it proves coverage.
    fn lists_all(&self) -> bool {
        false
    }

    /// The bytes of a listed part, whole and as received.
    fn fetch<'a>(&'a self, part: &'a Part) -> BoxFuture<'a, Result<Payload, Fault>>;

    /// Whether the same part may arrive sound when it is fetched again. Not from a disk.
    fn may_differ(&self) -> bool {
        false
    }
}

/// What a source has for a stream and window.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listing {
    /// Unique by name; sorted by scope start, then name.
    pub parts: Vec<Part>,
    /// Entries that cannot be used, each for itself: a bad name, a bad href, two files for one part.
    pub entry_faults: Vec<Fault>,
    /// What the user should know and what loses nothing.
    pub warnings: Vec<String>,
}
