//! Batches: the parts that are written and committed together.

use super::Stream;
use super::{AccountId, Part, UtcDay};

/// Not-yet-archived parts of one stream whose scopes start on the same UTC day, up to a size. A batch
/// is committed by one ledger entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    pub account: AccountId,
    pub stream: Stream,
    /// UTC day on which the scope of every part starts.
    pub day: UtcDay,
    /// In the order of scope start, then name.
    pub parts: Vec<Part>,
}
