//! Framing: a stream of JSON text -> chunks of whole top-level values, one after another.
//!
//! ```text
//! {"a":1}\n{"a":2}{\n "a": 3\n}   ->   frame 0 = {"a":1}   frame 1 = {"a":2}   frame 2 = {\n "a": 3\n}
//! ```
//! Values may stand one per line, pretty-printed, or both in one file. A frame is cut by its brackets
//! and quotes alone; whether it is JSON is decided by who parses it. Where brackets or quotes cannot
//! be right (a cut line, say), the value is given up and framing goes on at the next line that begins
//! with `{` or with an encrypted record: one broken record costs itself, not its neighbours. Every stretch of text that is not
//! blank belongs to exactly one frame, so that what is framed can be counted.
//!
//! What can fail: the input itself (its fault passes through), and the caps on record size and depth
//! ([`FaultKind::CapExceeded`]).

use std::io::Read;
use std::sync::Arc;

use memchr::{memchr2, memmem};

use super::brackets::{Brackets, Reach};
use super::buffers::{Buffers, Filling};
use super::chunk::{Chunk, Frame, FrameKind};
use crate::model::{DecodeLimits, Fault, FaultKind, Place, Stage};

/// Cuts a reader's text into chunks.
pub struct Framer<R> {
    input: R,
    limits: DecodeLimits,
    chunk_bytes: usize,
    /// Text that is not handed out yet; `frames` lie in it, `at` is where scanning stands.
    text: Filling,
    /// For the texts of chunks to come.
    buffers: Arc<Buffers>,
    frames: Vec<Frame>,
    at: usize,
    scan: Option<Scan>,
    offset: u64,
    records: u64,
    ended: bool,
}

impl<R> Drop for Framer<R> {
    fn drop(&mut self) {
        self.buffers.give(std::mem::take(&mut self.text));
    }
}

/// How far the scan of an unfinished value has come, so that no byte is looked at twice.
struct Scan {
    start: usize,
    at: usize,
    /// One entry per open container: its closing bracket.
    open: Vec<u8>,
    /// Last byte that was neither blank nor inside a string.
    last: u8,
    in_string: bool,
    /// The fast gear, until it meets something odd.
    fast: Option<Brackets>,
    /// Why the value cannot be whole; then `at` is from where the next line is looked for.
    broken: Option<&'static str>,
}

enum Scanned {
    Whole(usize),
    NeedMore,
    Broken(&'static str),
    TooDeep,
}

impl<R: Read> Framer<R> {
    /// `chunk_bytes`: size at which a chunk is handed out; a larger record makes a larger chunk.
    pub fn new(input: R, limits: DecodeLimits, chunk_bytes: usize) -> Framer<R> {
        Framer {
            input,
            limits,
            chunk_bytes,
            text: Filling::default(),
            buffers: Arc::default(),
            frames: Vec::new(),
            at: 0,
            scan: None,
            offset: 0,
            records: 0,
            ended: false,
        }
    }

    /// Takes the memory for texts from here; who is done with a chunk may give its text back.
    pub fn with_buffers(mut self, buffers: Arc<Buffers>) -> Framer<R> {
        let text = std::mem::replace(&mut self.text, buffers.take());
        self.text.append(&text);
        self.buffers = buffers;
        self
    }

    /// The next chunk, `None` after the last one.
    ///
    /// # Errors
    /// The input's own fault, or a cap that the text exceeds.
    pub fn next_chunk(&mut self) -> Result<Option<Chunk>, Fault> {
        loop {
            self.frame_what_is_here()?;
            let done = self.ended && self.at >= self.text.len();
            let framed = self.frames.last().map_or(0, |frame| frame.end);
            if framed >= self.chunk_bytes || (done && !self.frames.is_empty()) {
                return Ok(Some(self.hand_out(framed)));
            }
            if done {
                return Ok(None);
            }
            self.read_more()?;
        }
    }

    /// Frames found so far: the count that the tables' count must equal.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Bytes of text read so far.
    pub fn bytes(&self) -> u64 {
        self.offset + self.text.len() as u64
    }

    fn hand_out(&mut self, framed: usize) -> Chunk {
        let mut rest = self.buffers.take();
        rest.append(self.text.get(framed..).unwrap_or_default());
        let mut text = std::mem::replace(&mut self.text, rest);
        text.truncate(framed);
        let frames = std::mem::take(&mut self.frames);
        let chunk =
            Chunk { text, offset: self.offset, first_record: self.records - frames.len() as u64, frames };
        self.offset += framed as u64;
        self.at -= framed;
        if let Some(scan) = &mut self.scan {
            scan.shift(framed);
        }
        chunk
    }

    fn read_more(&mut self) -> Result<(), Fault> {
        if self.frames.is_empty() && self.at > self.chunk_bytes {
            self.drop_blanks();
        }
        let pending = self.text.len() - self.scan.as_ref().map_or(self.at, |scan| scan.start);
        if pending > self.limits.max_record_bytes {
            return Err(self.cap("a record is larger than the cap", "[limits] max_record"));
        }
        let before = self.text.len();
        let wanted = self.chunk_bytes.clamp(4096, 1 << 20);
        let read = self.text.read_from(&mut self.input, wanted);
        self.ended = self.text.len() == before;
        read.map_err(|error| Fault::from_io(error, FaultKind::Damaged, Stage::Decode))
    }

    /// Blanks that no frame will refer to.
    fn drop_blanks(&mut self) {
        let blanks = self.scan.as_ref().map_or(self.at, |scan| scan.start.min(self.at));
        self.text.drop_front(blanks);
        self.offset += blanks as u64;
        self.at -= blanks;
        if let Some(scan) = &mut self.scan {
            scan.shift(blanks);
        }
    }

    fn cap(&self, message: &str, setting: &str) -> Fault {
        let start = self.scan.as_ref().map_or(self.at, |scan| scan.start);
        Fault::new(FaultKind::CapExceeded, Stage::Parse, message)
            .at(Place::Byte(self.offset + start as u64))
            .advise(format!("if such records are legitimate, raise {setting} and run again"))
    }

    fn frame_what_is_here(&mut self) -> Result<(), Fault> {
        while let Some(start) = self.start_of_value() {
            let Some(first) = self.text.get(start).copied() else { break };
            let found = match first {
                b'{' | b'[' | b'"' => self.bracketed(start)?,
                b'-' if armor_may_start(self.from(start), self.ended) => self.armored(start),
                _ => self.garbage(start),
            };
            let Some((end, kind)) = found else { break };
            self.at = end;
            self.scan = None;
            if let Some(kind) = kind {
                self.frames.push(Frame { start, end, kind });
                self.records += 1;
            }
        }
        Ok(())
    }

    fn from(&self, at: usize) -> &[u8] {
        self.text.get(at..).unwrap_or_default()
    }

    /// Where the next value begins; blanks (and byte order marks) before it are passed.
    fn start_of_value(&mut self) -> Option<usize> {
        if let Some(scan) = &self.scan {
            return Some(scan.start);
        }
        loop {
            match self.from(self.at) {
                [b' ' | b'\n' | b'\r' | b'\t', ..] => self.at += 1,
                [0xEF, 0xBB, 0xBF, ..] => self.at += 3,
                [0xEF] | [0xEF, 0xBB] if !self.ended => return None,
                [] => return None,
                _ => return Some(self.at),
            }
        }
    }

    /// A value that begins with a bracket or a quote; `None` when more text is needed.
    fn bracketed(&mut self, start: usize) -> Result<Option<(usize, Option<FrameKind>)>, Fault> {
        let mut scan =
            self.scan.take().unwrap_or_else(|| Scan::new(start, self.text.get(start) != Some(&b'"')));
        if let Some(fast) = &mut scan.fast {
            match fast.advance(&self.text, self.limits.max_depth, self.ended) {
                Reach::End(end) if self.closes(start, end) => {
                    return Ok(Some((end, Some(FrameKind::Value))));
                }
                Reach::NeedMore if !self.ended => {
                    self.scan = Some(scan);
                    return Ok(None);
                }
                _ => scan.fast = None,
            }
        }
        if scan.broken.is_none() {
            match scan.advance(&self.text, self.limits.max_depth) {
                Scanned::Whole(end) => return Ok(Some((end, Some(FrameKind::Value)))),
                Scanned::TooDeep => {
                    self.scan = Some(scan);
                    return Err(self.cap("a record is nested more deeply than the cap", "[limits] max_depth"));
                }
                Scanned::NeedMore if !self.ended => {
                    self.scan = Some(scan);
                    return Ok(None);
                }
                Scanned::NeedMore => scan.break_up("the text ends in the middle of the record"),
                Scanned::Broken(reason) => scan.break_up(reason),
            }
        }
        let end = match next_start_of_record(&self.text, scan.at) {
            Some(end) => end,
            None if self.ended => self.text.len(),
            None => {
                // What the last line begins with may not be here yet.
                scan.at = self.text.len().saturating_sub(MAX_LINE_START).max(start);
                self.scan = Some(scan);
                return Ok(None);
            }
        };
        Ok(Some((end, scan.broken.map(FrameKind::Broken))))
    }

    /// Whether the last byte before `end` closes what the first one opens.
    fn closes(&self, start: usize, end: usize) -> bool {
        let (first, last) = (self.text.get(start), self.text.get(end.saturating_sub(1)));
        matches!((first, last), (Some(b'{'), Some(b'}')) | (Some(b'['), Some(b']')))
    }

    /// An armored block that stands bare: a message makes a record, a public key belongs to one.
    fn armored(&self, start: usize) -> Option<(usize, Option<FrameKind>)> {
        let text = self.from(start);
        for (end_mark, kind) in [
            (&b"-----END PGP MESSAGE-----"[..], Some(FrameKind::Armored)),
            (&b"-----END PGP PUBLIC KEY BLOCK-----"[..], None),
        ] {
            let begin_mark = [b"-----BEGIN", end_mark.get(8..).unwrap_or_default()].concat();
            if text.starts_with(&begin_mark) {
                return match memmem::find(text, end_mark) {
                    Some(at) => Some((start + at + end_mark.len(), kind)),
                    None if self.ended => {
                        let reason = "the text ends in the middle of a PGP message";
                        Some((self.text.len(), Some(FrameKind::Broken(reason))))
                    }
                    None => None,
                };
            }
        }
        if self.ended || text.len() > 64 { self.garbage(start) } else { None }
    }

    /// Text that begins no object, array or string: up to the line's end or the next `{`.
    fn garbage(&self, start: usize) -> Option<(usize, Option<FrameKind>)> {
        let kind = Some(FrameKind::Broken("the text is not a JSON object"));
        match memchr2(b'\n', b'{', self.from(start + 1)) {
            Some(at) => Some((start + 1 + at, kind)),
            None if self.ended => Some((self.text.len(), kind)),
            None => None,
        }
    }
}

fn armor_may_start(text: &[u8], ended: bool) -> bool {
    let mark = b"-----BEGIN PGP ";
    text.starts_with(mark) || (!ended && mark.starts_with(text))
}

/// How a line begins with a record: in the clear, encrypted as a JSON string, or as bare armor.
const LINE_STARTS: [&[u8]; 3] = [b"\n{", b"\n\"-----BEGIN PGP ", b"\n-----BEGIN PGP "];
const MAX_LINE_START: usize = 17;

/// Start of the first line after `from` that begins with a record.
fn next_start_of_record(text: &[u8], from: usize) -> Option<usize> {
    let rest = text.get(from..)?;
    let begins = |at: &usize| {
        let line = rest.get(*at..).unwrap_or_default();
        LINE_STARTS.iter().any(|start| line.starts_with(start))
    };
    memchr::memchr_iter(b'\n', rest).find(begins).map(|at| from + at + 1)
}

impl Scan {
    fn new(start: usize, bracket: bool) -> Scan {
        // As if an array stood around it: there any value may begin.
        let fast = bracket.then(|| Brackets::new(start));
        Scan { start, at: start, open: Vec::new(), last: b'[', in_string: false, fast, broken: None }
    }

    /// So many bytes before it are gone.
    fn shift(&mut self, bytes: usize) {
        self.start -= bytes;
        self.at -= bytes;
        if let Some(fast) = &mut self.fast {
            fast.at -= bytes;
        }
    }

    fn break_up(&mut self, reason: &'static str) {
        self.broken = Some(reason);
        self.at = self.start;
    }

    /// Goes on until the value is whole, cannot be one, or the text runs out.
    fn advance(&mut self, text: &[u8], max_depth: usize) -> Scanned {
        while let Some(byte) = text.get(self.at).copied() {
            if self.in_string {
                match end_of_string(text, &mut self.at) {
                    StringEnd::Closed => {
                        self.in_string = false;
                        self.last = b'"';
                        if self.open.is_empty() {
                            return Scanned::Whole(self.at);
                        }
                    }
                    StringEnd::NeedMore => return Scanned::NeedMore,
                    StringEnd::LineBreak => return Scanned::Broken("a line ends inside a string"),
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => {
                    let in_object = self.open.last() == Some(&b'}');
                    let fits = match self.last {
                        b':' | b'[' => true,
                        b',' => !in_object,
                        _ => false,
                    };
                    if !fits {
                        return Scanned::Broken("a value begins where none can be");
                    }
                    if self.open.len() >= max_depth {
                        return Scanned::TooDeep;
                    }
                    // In ASCII both closing brackets lie two behind the opening ones.
                    self.open.push(byte + 2);
                    self.last = byte;
                }
                b'}' | b']' => {
                    if self.open.pop() != Some(byte) {
                        return Scanned::Broken("a bracket closes what it did not open");
                    }
                    self.last = byte;
                    if self.open.is_empty() {
                        self.at += 1;
                        return Scanned::Whole(self.at);
                    }
                }
                b' ' | b'\n' | b'\r' | b'\t' => {}
                other => self.last = other,
            }
            self.at += 1;
        }
        Scanned::NeedMore
    }
}

enum StringEnd {
    Closed,
    NeedMore,
    LineBreak,
}

/// Passes the rest of a string; `at` stands behind its closing quote when it is closed.
fn end_of_string(text: &[u8], at: &mut usize) -> StringEnd {
    loop {
        let Some(found) = memchr::memchr3(b'"', b'\\', b'\n', text.get(*at..).unwrap_or_default()) else {
            *at = text.len();
            return StringEnd::NeedMore;
        };
        *at += found;
        match text.get(*at) {
            Some(b'"') => {
                *at += 1;
                return StringEnd::Closed;
            }
            Some(b'\n') => return StringEnd::LineBreak,
            _ if *at + 1 >= text.len() => return StringEnd::NeedMore,
            // What a backslash escapes cannot close the string; a line break cannot be escaped.
            _ if text.get(*at + 1) == Some(&b'\n') => return StringEnd::LineBreak,
            _ => *at += 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Hands out its text in pieces of the given sizes, again and again.
    struct Pieces<'a>(&'a [u8], Vec<usize>, usize);

    impl Read for Pieces<'_> {
        fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
            let size = self.1[self.2 % self.1.len()].clamp(1, buf.len().max(1)).min(self.0.len());
            self.2 += 1;
            buf[..size].copy_from_slice(&self.0[..size]);
            self.0 = &self.0[size..];
            Ok(size)
        }
    }

    fn frames(text: &[u8], chunk_bytes: usize, pieces: Vec<usize>) -> Vec<(u64, Vec<u8>, FrameKind)> {
        let mut framer = Framer::new(Pieces(text, pieces, 0), DecodeLimits::default(), chunk_bytes);
        let mut all = Vec::new();
        while let Some(chunk) = framer.next_chunk().unwrap() {
            assert_eq!(chunk.first_record, all.len() as u64);
            for frame in &chunk.frames {
                let at = chunk.offset + frame.start as u64;
                all.push((at, chunk.text_of(frame).to_vec(), frame.kind));
            }
        }
        assert_eq!(framer.records(), all.len() as u64);
        assert_eq!(framer.bytes(), text.len() as u64);
        all
    }

    fn shown(text: &str) -> Vec<(String, bool)> {
        frames(text.as_bytes(), 1 << 20, vec![1 << 20])
            .into_iter()
            .map(|(_, text, kind)| (String::from_utf8_lossy(&text).into_owned(), kind == FrameKind::Value))
            .collect()
    }

    #[test]
    fn values_and_what_is_broken() {
        let cases: &[(&str, &[(&str, bool)])] = &[
            ("", &[]),
            (" \n\r\n", &[]),
            ("\u{feff}{}\r\n{}", &[("{}", true), ("{}", true)]),
            (
                "{\"a\":\"}\\\"\"}{ \"b\" : [\n{ } ] }",
                &[("{\"a\":\"}\\\"\"}", true), ("{ \"b\" : [\n{ } ] }", true)],
            ),
            // cut lines: after a value, inside a string, after a bracket, at the end
            ("{\"a\":{\"b\":1\n{\"c\":2}\n", &[("{\"a\":{\"b\":1\n", false), ("{\"c\":2}", true)]),
            ("{\"a\":\"b\n{\"c\":2}\n", &[("{\"a\":\"b\n", false), ("{\"c\":2}", true)]),
            (
                "{\"a\":[\n{\"c\":2}\n{\"d\":2}\n",
                &[("{\"a\":[\n", false), ("{\"c\":2}", true), ("{\"d\":2}", true)],
            ),
            ("{\"a\":[\n{\"c\":2}\n", &[("{\"a\":[\n", false), ("{\"c\":2}", true)]),
            ("{\"a\":1,\n{\"c\":2}\n", &[("{\"a\":1,\n", false), ("{\"c\":2}", true)]),
            ("{}\n{\"a\":1", &[("{}", true), ("{\"a\":1", false)]),
            // cut lines before encrypted ones
            (
                "\"-----BEGIN PGP MESSAGE-----\\nab\n\"-----BEGIN PGP \"\n{\"a\":\"b\n\"-----BEGIN PGP x\"",
                &[
                    ("\"-----BEGIN PGP MESSAGE-----\\nab\n", false),
                    ("\"-----BEGIN PGP \"", true),
                    ("{\"a\":\"b\n", false),
                    ("\"-----BEGIN PGP x\"", true),
                ],
            ),
            // what is not an object
            ("oops\n{}", &[("oops", false), ("{}", true)]),
            ("{},\n{}", &[("{}", true), (",", false), ("{}", true)]),
            ("{}}\n{}", &[("{}", true), ("}", false), ("{}", true)]),
            ("[1,2]\n\"x\" 5\n", &[("[1,2]", true), ("\"x\"", true), ("5", false)]),
            ("{]\n{}", &[("{]\n", false), ("{}", true)]),
            // bare PGP blocks
            (
                "-----BEGIN PGP MESSAGE-----\nx\n-----END PGP MESSAGE-----\n-----BEGIN PGP PUBLIC KEY BLOCK-----\ny\n-----END PGP PUBLIC KEY BLOCK-----\n{}",
                &[("-----BEGIN PGP MESSAGE-----\nx\n-----END PGP MESSAGE-----", false), ("{}", true)],
            ),
            ("-----BEGIN\n{}", &[("-----BEGIN", false), ("{}", true)]),
            ("-5\n{}", &[("-5", false), ("{}", true)]),
        ];
        for (text, expected) in cases {
            let expected: Vec<_> = expected.iter().map(|(t, v)| (t.to_string(), *v)).collect();
            assert_eq!(shown(text), expected, "{text:?}");
        }
    }

    #[test]
    fn caps_are_faults() {
        let deep = "[".repeat(200);
        let mut framer = Framer::new(deep.as_bytes(), DecodeLimits::default(), 1 << 20);
        assert_eq!(framer.next_chunk().unwrap_err().kind, FaultKind::CapExceeded);
        let limits = DecodeLimits { max_record_bytes: 1000, ..DecodeLimits::default() };
        let long = format!("{{}}\n{{\"a\":\"{}\"}}", "x".repeat(100_000));
        let mut framer = Framer::new(long.as_bytes(), limits, 10);
        let fault = loop {
            match framer.next_chunk() {
                Ok(Some(_)) => {}
                Ok(None) => panic!("no fault"),
                Err(fault) => break fault,
            }
        };
        assert_eq!((fault.kind, fault.place), (FaultKind::CapExceeded, Some(Place::Byte(3))));
    }

    proptest! {
        #[test]
        fn any_chunk_border_gives_the_same_frames(
            pieces in prop::collection::vec(1usize..40, 1..6),
            chunk in 1usize..200,
            parts in prop::collection::vec(prop::sample::select(vec![
                "{\"a\":1}", "{\n \"b\": [ {} ,\n{ } ]\n}", "\n", "{\"s\":\"\\\\\\\"{}[\"}", "{\"cut\":[", "{\"cut\":\"x",
                "oops", "[1]", "}", "\"t\"", "\u{feff}", "é", " ", "-----BEGIN PGP MESSAGE-----\nx\n-----END PGP MESSAGE-----",
                "-----BEGIN", "\n{\"k\":\"v\"}\n", "\n\"-----BEGIN PGP x\"", "\\", "\"", ",",
            ]), 0..30),
        ) {
            let text = parts.concat();
            let whole = frames(text.as_bytes(), 1 << 20, vec![1 << 20]);
            prop_assert_eq!(&frames(text.as_bytes(), chunk, pieces), &whole);
            // Nothing but blanks and public keys lies between the frames.
            let mut at = 0;
            for (start, frame, _) in &whole {
                prop_assert!(text.as_bytes()[at..*start as usize].iter().all(|b| b" \n\r\t\xEF\xBB\xBF".contains(b)));
                at = *start as usize + frame.len();
            }
        }
    }
}
