//! Chunks: what framing hands to whoever parses.

use super::buffers::Filling;

/// What a frame holds, as far as framing can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// Brackets and quotes match.
    Value,
    /// An armored OpenPGP message that stands bare between the values.
    Armored,
    /// It cannot be one JSON value; the reason says why.
    Broken(&'static str),
}

/// One top-level value inside its chunk's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    pub start: usize,
    pub end: usize,
    pub kind: FrameKind,
}

/// Some frames that follow each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    pub text: Filling,
    /// Byte offset of `text` in the part's decoded text.
    pub offset: u64,
    /// Index of the first frame among all frames of the part.
    pub first_record: u64,
    pub frames: Vec<Frame>,
}

impl Chunk {
    /// Text of a frame.
    pub fn text_of(&self, frame: &Frame) -> &[u8] {
        self.text.get(frame.start..frame.end).unwrap_or_default()
    }
}
