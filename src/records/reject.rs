//! Records that cannot be read: kept whole in quarantine, with where and why.

/// One framed stretch of text that makes no rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// Index of the top-level value in its file.
    pub record: u64,
    /// Byte offset in the file's decoded text at which reading stopped.
    pub byte: u64,
    /// JSON path at which reading stopped.
    pub path: String,
    pub reason: String,
    /// The text as it was (still encrypted where it came encrypted).
    pub raw: Vec<u8>,
}
