//! Floor 2. JSON text -> records: pure functions of bytes.
//!
//! ```text
//! text of a part  --framing-->    chunks of frames, one frame a top-level value
//! frame           --decrypted-->  the same text with encrypted strings opened in place
//! text            --cursor-->     tokens, borrowed      --avro_json-->  values without their unions
//!                 --opening-->    as in the record before: compared, not read   --plain-->  its values
//! document        --envelope-->   head (dataType, metaData) and the bodies one by one
//! ```
//! What cannot be read becomes a [`Reject`]; what exceeds a cap or lacks a key is a fault of its part.

#![deny(clippy::indexing_slicing)]

mod avro_json;
mod brackets;
mod buffers;
mod chunk;
mod cursor;
mod decrypted;
mod envelope;
mod framing;
mod opening;
mod path;
mod plain;
mod reject;
mod side_by_side;
mod type_names;

pub use avro_json::{Beside, Doc, Entered, Inside, Scalar};
pub use buffers::{Buffers, Filling};
pub use chunk::{Chunk, Frame, FrameKind};
pub use cursor::{Cursor, Kind, NotUnicode, SyntaxError, Text, show_raw};
pub use decrypted::{Opened, may_be_encrypted, open_encrypted};
pub use envelope::{Head, KnownHead, Parts, canonical_integer, read_envelope, whole_number};
pub use framing::Framer;
#[cfg(test)]
pub use opening::token_by_token;
pub use opening::{Closing, Content, Met, Opening};
pub use path::{Path, Step};
pub use plain::Utf8;
pub use reject::Reject;
pub use side_by_side::{RECORDS, side_by_side};
pub use type_names::short_name;
