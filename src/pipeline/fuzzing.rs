//! What a fuzzer calls: each reader of foreign bytes as a function of bytes alone, with the rules that must hold
//! whatever comes in. `tests/fuzz/` wraps them for cargo-fuzz; a test runs the saved corpus on them.
//!
//! ```text
//! any bytes -> decode | framing | avro_json | listing -> no panic, no more than the caps, no rule broken
//! ```

use std::io::Read;

use bytes::Bytes;

use crate::decode::{self, Keyring};
use crate::model::{AccountId, DecodeLimits, Payload, Scope, Stream};
use crate::records::Framer;
use crate::source::read_listing;
use crate::tables::{Origin, Reader};

/// Caps so small that a fuzzer meets them.
const LIMITS: DecodeLimits =
    DecodeLimits { max_expanded_bytes: 1 << 20, max_ratio: 400, max_record_bytes: 64 << 10, max_depth: 32 };

/// Bytes as received -> text.
pub fn decode(data: &[u8]) {
    let payload = Payload::Memory(Bytes::copy_from_slice(data));
    let keys = Keyring::empty();
    if let Ok(mut text) = decode::open(&payload, &keys, &LIMITS) {
        let read =
            std::io::copy(&mut text.by_ref().take(LIMITS.max_expanded_bytes * 2), &mut std::io::sink());
        assert!(
            read.is_err() || read.is_ok_and(|bytes| bytes <= LIMITS.max_expanded_bytes),
            "more than the cap"
        );
    }
}

/// Text -> frames: in order, inside of their chunk, and as many as are counted.
pub fn framing(data: &[u8]) {
    let mut framer = Framer::new(data, LIMITS, 512);
    let mut frames = 0;
    while let Ok(Some(chunk)) = framer.next_chunk() {
        assert_eq!(chunk.first_record, frames, "a record is left out");
        let mut end = 0;
        for frame in &chunk.frames {
            assert!(frame.start >= end, "frames overlap");
            end = frame.start + chunk.text_of(frame).len();
            assert!(end <= chunk.text.len(), "a frame ends outside");
        }
        frames += chunk.frames.len() as u64;
    }
    assert!(framer.records() >= frames, "fewer records are counted than framed");
}

/// One record -> rows: it is either in the tables or refused as a whole.
pub fn avro_json(data: &[u8]) {
    let Ok(account) = AccountId::parse("1") else { return };
    for stream in Stream::ALL {
        let origin = Origin {
            account: account.to_string(),
            stream,
            file: "fuzz".to_owned(),
            scope: Scope { start_ms: 0, end_ms: 3_600_000 },
        };
        let mut reader = Reader::new(origin, LIMITS.max_depth);
        let read = reader.read(data, &[], 0);
        let rows = reader.drain().map(|rows| rows.iter().map(|rows| rows.batch.num_rows()).sum::<usize>());
        assert!(
            rows.as_ref().is_ok_and(|rows| *rows > 0 || read.is_err() || reader.records() > 0),
            "{rows:?}"
        );
        assert!(read.is_ok() || rows.is_ok_and(|rows| rows == 0), "a refused record left rows");
    }
}

/// A listing's body -> parts whose names are safe.
pub fn listing(data: &[u8]) {
    for stream in Stream::ALL {
        if let Ok(listing) = read_listing("https://va.da.liveperson.net", "1", stream, data) {
            for part in listing.parts {
                let name = &part.id.name;
                assert!(!name.is_empty() && !name.contains(['/', '\\', '\0']) && name != "..", "{name:?}");
                assert!(part.location.starts_with("https://"), "a part elsewhere");
            }
        }
    }
}
