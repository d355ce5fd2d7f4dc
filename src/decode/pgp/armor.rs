//! ASCII armor -> the bytes inside, one block after another, streaming.
//!
//! ```text
//! -----BEGIN PGP MESSAGE-----        next_block() -> Some(BlockKind::Message)
//! Comment: any header                (skipped: base64 has no colon)
//!
//! hQIMA+7…                           read() -> 85 02 0c …
//! =AbCd                              (checksum, may be missing; not looked at: the message has its own)
//! -----END PGP MESSAGE-----          read() -> 0, then next_block() again
//! ```
//! Tolerated, because mail programs and JSON writers do it: any line end (or none, only blanks), blanks
//! around and inside lines, blank lines, a missing blank line after the headers. What can fail: text
//! outside of blocks, bytes that are no base64, and an end before the END line.

use std::io::{self, BufRead, Read};

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use memchr::memchr3;

use super::damaged;

/// What the BEGIN line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BlockKind {
    Message,
    PublicKey,
    SecretKey,
    Other,
}

/// Reader over the blocks of an armored text.
pub(super) struct Armor<R> {
    text: R,
    state: State,
    /// Base64 characters not yet decoded.
    encoded: Vec<u8>,
    decoded: Vec<u8>,
    /// Bytes of `decoded` already read.
    taken: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Between,
    Headers,
    Body,
    /// The END line was met; `decoded` may still hold bytes.
    Ended,
}

/// Base64 characters gathered before they are decoded: large enough for speed, small enough for the cache.
const CHUNK: usize = 32 * 1024;
/// `-----BEGIN PGP PUBLIC KEY BLOCK-----` and its like are shorter.
const MAX_MARKER: usize = 80;
/// Text after the base64: padding, checksum and blanks.
const MAX_TAIL: usize = 256;
/// A header line in one piece; what is longer is an armor whose line ends were lost.
const MAX_HEADER: usize = 160;

/// Trailing bits and padding are checked by nobody that makes armor, so they are not checked here.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

impl<R: BufRead> Armor<R> {
    pub(super) fn new(text: R) -> Armor<R> {
        Armor { text, state: State::Between, encoded: Vec::new(), decoded: Vec::new(), taken: 0 }
    }

    /// Goes to the next block, past whatever is left of the current one. `None` at the end of the text.
    pub(super) fn next_block(&mut self) -> io::Result<Option<BlockKind>> {
        while self.state == State::Headers || self.state == State::Body {
            self.decoded.clear();
            self.fill()?;
        }
        self.decoded.clear();
        self.taken = 0;
        self.state = State::Between;
        if !self.skip_blanks()? {
            return Ok(None);
        }
        let marker = self.marker()?;
        let Some(label) = marker.strip_prefix("-----BEGIN PGP ").and_then(|m| m.strip_suffix("-----")) else {
            return Err(damaged("an armor line that is no BEGIN line"));
        };
        self.state = State::Headers;
        Ok(Some(match label {
            "MESSAGE" => BlockKind::Message,
            "PUBLIC KEY BLOCK" => BlockKind::PublicKey,
            "PRIVATE KEY BLOCK" => BlockKind::SecretKey,
            _ => BlockKind::Other,
        }))
    }

    /// Skips blanks and byte order marks; false at the end of the text.
    fn skip_blanks(&mut self) -> io::Result<bool> {
        loop {
            let chunk = self.text.fill_buf()?;
            if chunk.is_empty() {
                return Ok(false);
            }
            let blanks = chunk
                .iter()
                .take_while(|b| b.is_ascii_whitespace() || matches!(b, 0xEF | 0xBB | 0xBF))
                .count();
            let more = blanks == chunk.len();
            self.text.consume(blanks);
            if !more {
                return Ok(true);
            }
        }
    }

    /// The text from five dashes to the next five.
    fn marker(&mut self) -> io::Result<String> {
        let mut marker = Vec::with_capacity(MAX_MARKER);
        loop {
            let Some(byte) = self.peek()? else {
                return Err(damaged("the armor ends early"));
            };
            let dashes = marker.iter().take_while(|b| **b == b'-').count();
            if (dashes == marker.len() && marker.len() < 5 && byte != b'-') || marker.len() > MAX_MARKER {
                return Err(damaged("text beside the armored blocks"));
            }
            self.text.consume(1);
            marker.push(byte);
            if marker.len() > 10 && marker.ends_with(b"-----") {
                return String::from_utf8(marker).map_err(|_| damaged("an unreadable armor line"));
            }
        }
    }

    fn peek(&mut self) -> io::Result<Option<u8>> {
        Ok(self.text.fill_buf()?.first().copied())
    }

    /// Decodes up to a chunk of the current block into `decoded`.
    fn fill(&mut self) -> io::Result<()> {
        self.taken = 0;
        self.decoded.clear();
        if self.state == State::Headers {
            self.headers()?;
            self.state = State::Body;
        }
        while self.state == State::Body && self.encoded.len() < CHUNK {
            let chunk = self.text.fill_buf()?;
            if chunk.is_empty() {
                return Err(damaged("the armor ends early"));
            }
            let (line, stop, used) = match memchr3(b'\n', b'=', b'-', chunk) {
                Some(at) => {
                    let stop = chunk.get(at).copied();
                    // The line end is used up; '=' and '-' are left for the tail.
                    (chunk.get(..at).unwrap_or_default(), stop, at + usize::from(stop == Some(b'\n')))
                }
                None => (chunk, None, chunk.len()),
            };
            self.encoded.extend_from_slice(line.trim_ascii());
            self.text.consume(used);
            if matches!(stop, Some(b'=' | b'-')) {
                self.tail()?;
                self.state = State::Ended;
            }
        }
        self.decode()
    }

    /// Skips header lines. An armor that lost its line ends has headers and base64 in one line: there
    /// the first long word without a colon is base64.
    fn headers(&mut self) -> io::Result<()> {
        self.encoded.clear();
        loop {
            let (line, ended) = self.header_line()?;
            let content = line.trim_ascii();
            if content.is_empty() && ended {
                return Ok(());
            }
            if content.is_empty() {
                continue;
            }
            let is_header = content.contains(&b':');
            if is_header && (line.ends_with(b"\n") || line.len() < MAX_HEADER) {
                continue;
            }
            let rest: Vec<u8> = if is_header { after_headers(content) } else { content.to_vec() };
            return self.put_back(&rest);
        }
    }

    /// A line, and whether it ended before padding or the END line (in one that is no header).
    fn header_line(&mut self) -> io::Result<(Vec<u8>, bool)> {
        let mut line = Vec::new();
        loop {
            match self.peek()? {
                None => return Err(damaged("the armor ends early")),
                Some(b'=' | b'-') if !line.contains(&b':') => return Ok((line, true)),
                Some(byte) => {
                    self.text.consume(1);
                    line.push(byte);
                    if byte == b'\n' || line.len() >= MAX_HEADER {
                        return Ok((line, false));
                    }
                }
            }
        }
    }

    /// Takes base64 that was read while looking for headers, up to padding or the END line.
    fn put_back(&mut self, text: &[u8]) -> io::Result<()> {
        match text.iter().position(|b| matches!(b, b'=' | b'-')) {
            None => self.encoded.extend_from_slice(text),
            Some(at) => {
                // A whole short message in one line: what follows the base64 was read as well, so only
                // the END line is left to find.
                self.encoded.extend(text.iter().take(at));
                let tail: Vec<u8> = text.iter().skip(at).copied().collect();
                self.finish_tail(tail)?;
                self.state = State::Ended;
            }
        }
        Ok(())
    }

    fn tail(&mut self) -> io::Result<()> {
        self.finish_tail(Vec::new())
    }

    /// Reads padding, checksum and the END line, of which `read` is already read.
    fn finish_tail(&mut self, mut read: Vec<u8>) -> io::Result<()> {
        loop {
            if let Some(at) = memchr::memmem::find(&read, b"-----END PGP ") {
                let (before, line) = read.split_at(at);
                let plain = |b: &u8| {
                    b.is_ascii_alphanumeric() || b.is_ascii_whitespace() || matches!(b, b'=' | b'+' | b'/')
                };
                if !before.iter().all(plain) {
                    return Err(damaged("text that is no base64 in the armor"));
                }
                if line.len() > 13 && line.ends_with(b"-----") {
                    return Ok(());
                }
            }
            if read.len() > MAX_TAIL {
                return Err(damaged("text that is no base64 in the armor"));
            }
            let Some(byte) = self.peek()? else {
                return Err(damaged("the armor ends early"));
            };
            self.text.consume(1);
            read.push(byte);
        }
    }

    /// Decodes what was gathered: whole groups of four, or all of it at the end of the block.
    fn decode(&mut self) -> io::Result<()> {
        let whole = |encoded: &[u8], ended: bool| {
            if ended { encoded.len() } else { encoded.len() - encoded.len() % 4 }
        };
        let ended = self.state == State::Ended;
        let mut usable = whole(&self.encoded, ended);
        let first = self.encoded.get(..usable).unwrap_or_default();
        if BASE64.decode_vec(first, &mut self.decoded).is_err() {
            // Blanks inside lines: rare, so they are looked for only when decoding failed.
            self.decoded.clear();
            self.encoded.retain(|b| !b.is_ascii_whitespace());
            usable = whole(&self.encoded, ended);
            let again = self.encoded.get(..usable).unwrap_or_default();
            BASE64
                .decode_vec(again, &mut self.decoded)
                .map_err(|_| damaged("text that is no base64 in the armor"))?;
        }
        self.encoded.drain(..usable);
        Ok(())
    }
}

/// The words from the first long one without a colon on.
fn after_headers(line: &[u8]) -> Vec<u8> {
    let base64 = |word: &[u8]| word.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'));
    line.split(u8::is_ascii_whitespace)
        .skip_while(|word| word.len() < 40 || !base64(word))
        .flatten()
        .copied()
        .collect()
}

impl<R: BufRead> Read for Armor<R> {
    /// Bytes of the current block; 0 at its end.
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.taken >= self.decoded.len() {
            if !matches!(self.state, State::Headers | State::Body) {
                return Ok(0);
            }
            self.fill()?;
        }
        let rest = self.decoded.get(self.taken..).unwrap_or_default();
        let n = rest.len().min(buf.len());
        if let (Some(to), Some(from)) = (buf.get_mut(..n), rest.get(..n)) {
            to.copy_from_slice(from);
        }
        self.taken += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::STANDARD;

    fn blocks(text: &[u8]) -> io::Result<Vec<(BlockKind, Vec<u8>)>> {
        // A tiny buffer, so that every border between chunks is met.
        let mut armor = Armor::new(io::BufReader::with_capacity(7, text));
        let mut found = Vec::new();
        while let Some(kind) = armor.next_block()? {
            let mut bytes = Vec::new();
            armor.read_to_end(&mut bytes)?;
            found.push((kind, bytes));
        }
        Ok(found)
    }

    fn armored(bytes: &[u8], line: usize, line_end: &str) -> String {
        let base64 = STANDARD.encode(bytes);
        let lines: Vec<&str> =
            base64.as_bytes().chunks(line).map(|c| std::str::from_utf8(c).unwrap()).collect();
        format!(
            "-----BEGIN PGP MESSAGE-----{e}{e}{}{e}=AbCd{e}-----END PGP MESSAGE-----{e}",
            lines.join(line_end),
            e = line_end
        )
    }

    #[test]
    fn any_length_line_end_and_line_length() {
        for len in (1..70).chain([24_576, 100_000]) {
            let bytes: Vec<u8> = (0..len).map(|i| (i * 7) as u8).collect();
            for (line, line_end) in [(64, "\n"), (64, "\r\n"), (76, " \r\n"), (60, " "), (64, "\n\n")] {
                let text = armored(&bytes, line, line_end);
                assert_eq!(
                    blocks(text.as_bytes()).unwrap(),
                    vec![(BlockKind::Message, bytes.clone())],
                    "{len} {line} {line_end:?}"
                );
            }
        }
    }

    #[test]
    fn odd_but_legal() {
        let bytes: Vec<u8> = (0..200).collect();
        let plain = armored(&bytes, 64, "\n");
        for text in [
            plain.replace("\n=AbCd", ""),
            plain.replace("\n\n", "\nVersion: GnuPG v2\nComment: a: b\n\n"),
            plain.replace("\n\n", "\nVersion: GnuPG v2\n"),
            plain.replace("\n\n", "\n"),
            plain.replace("\n\n", "\n   \n"),
            format!("\u{feff} \n{plain}"),
            plain.trim_end().to_owned(),
            plain.replace("\n\n", "\nVersion: BCPG v1.62\n\n").replace('\n', " "),
            plain.replace('\n', "\r"),
        ] {
            assert_eq!(blocks(text.as_bytes()).unwrap(), vec![(BlockKind::Message, bytes.clone())], "{text}");
        }
    }

    #[test]
    fn several_blocks_and_skipped_ones() {
        let message = armored(b"one", 64, "\n");
        let key = message.replace("MESSAGE", "PUBLIC KEY BLOCK");
        let text = format!("{key}{message}\n\n{message}{key}");
        let kinds: Vec<BlockKind> = blocks(text.as_bytes()).unwrap().into_iter().map(|b| b.0).collect();
        use BlockKind::{Message, PublicKey};
        assert_eq!(kinds, [PublicKey, Message, Message, PublicKey]);

        let mut armor = Armor::new(text.as_bytes());
        assert_eq!(armor.next_block().unwrap(), Some(PublicKey));
        assert_eq!(armor.next_block().unwrap(), Some(Message));
        let mut bytes = Vec::new();
        armor.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, b"one");
    }

    proptest::proptest! {
        #[test]
        fn any_cut_and_any_bytes_end(
            bytes in proptest::collection::vec(0u8.., 0..400),
            line in 1usize..90,
            cut in 0usize..700,
            junk in "[-=A-Za-z0-9:+/ \n\r\t*]{0,40}",
            chunk in 1usize..50,
        ) {
            let text = armored(&bytes, line, "\n");
            let cut = cut.min(text.len() - 2);
            proptest::prop_assert!(blocks(&text.as_bytes()[..cut]).is_err() || cut == 0);
            let mixed = format!("{}{junk}{}", &text[..cut], &text[cut..]);
            let mut armor = Armor::new(io::BufReader::with_capacity(chunk, mixed.as_bytes()));
            while let Ok(Some(_)) = armor.next_block() {
                let _ = armor.read_to_end(&mut Vec::new());
            }
        }
    }

    #[test]
    fn faults() {
        let bytes: Vec<u8> = (0..200).collect();
        let plain = armored(&bytes, 64, "\n");
        for text in [
            plain[..plain.len() - 30].to_owned(),
            plain[..80].to_owned(),
            plain[..20].to_owned(),
            "-----BEGIN PGP MESSAGE-----".to_owned(),
            "-----BEGIN PGP MESSAGE-----\n\n".to_owned(),
            format!("{plain}more text"),
            format!("text {plain}"),
            plain.replace("AwQF", "A*QF"),
            plain.replace("-----BEGIN", "-----START"),
        ] {
            assert!(blocks(text.as_bytes()).is_err(), "{text}");
        }
    }
}
