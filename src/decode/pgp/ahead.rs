//! Armored messages one after another, as a file of encrypted records has them: opened side by side, read in their order.
//!
//! ```text
//! -----BEGIN PGP MESSAGE-----…-----BEGIN PGP MESSAGE-----…   ->   {"metaData":…}{"metaData":…}
//! ```
//! A message takes one RSA operation, a millisecond, for a record of some kilobytes: on one thread the others would wait for it.
//! What is large, or cannot be opened, is streamed as if it stood alone, and so gives the same text and the same error.

use std::collections::VecDeque;
use std::io::{self, BufReader, Cursor, Read};

use memchr::memmem;
use rayon::prelude::*;

use super::{Armored, BUFFER, Keyring};

const BEGIN: &[u8] = b"-----BEGIN PGP MESSAGE";
/// Armored text that is looked through at a time. A message that is longer is streamed, and what follows it, too.
const AHEAD_BYTES: usize = 256 << 10;
/// Messages that are opened at a time; with what each may hold, this bounds the memory.
const AHEAD_MESSAGES: usize = 32;
/// Plaintext of one of them, in bytes. One that holds more is streamed.
const PLAIN_BYTES: u64 = 256 << 10;

/// Plaintexts of a text of armored messages.
pub(super) struct Ahead<'k, R> {
    /// `None`: what it held is in the buffer, or is streamed.
    text: Option<R>,
    error: Option<io::Error>,
    /// Text that came; begins where a message (or a key before one) does.
    buffer: Vec<u8>,
    next: VecDeque<Piece>,
    current: Option<Box<dyn Read + Send + 'k>>,
    keys: &'k Keyring,
}

enum Piece {
    Plain(Vec<u8>),
    Armor(Vec<u8>),
}

impl<'k, R: Read + Send + 'k> Ahead<'k, R> {
    pub fn new(text: R, keys: &'k Keyring) -> Self {
        Ahead {
            text: Some(text),
            error: None,
            buffer: Vec::new(),
            next: VecDeque::new(),
            current: None,
            keys,
        }
    }

    /// The next messages of the buffer that are whole: they end where another one begins.
    fn open_ahead(&mut self) {
        self.fill();
        // The first one may stand behind a key.
        let begins = memmem::find_iter(&self.buffer, BEGIN).skip(1).filter(|at| self.follows_a_block(*at));
        let ends: Vec<usize> = begins.take(AHEAD_MESSAGES).collect();
        let Some(end) = ends.last().copied() else { return self.stream_rest() };
        let starts = std::iter::once(0).chain(ends.iter().copied());
        let armors: Vec<&[u8]> =
            starts.zip(&ends).filter_map(|(start, end)| self.buffer.get(start..*end)).collect();
        let keys = self.keys;
        let pieces: Vec<Piece> = if rayon::current_thread_index().is_some() {
            armors.into_par_iter().map(|armor| open(armor, keys)).collect()
        } else {
            armors.into_iter().map(|armor| open(armor, keys)).collect()
        };
        self.next.extend(pieces);
        self.buffer.drain(..end);
    }

    /// An error waits until all that came before it is read.
    fn fill(&mut self) {
        let came = self.buffer.len();
        let (Some(text), None) = (&mut self.text, &self.error) else { return };
        let read = text.take(AHEAD_BYTES.saturating_sub(came) as u64).read_to_end(&mut self.buffer);
        self.error = read.err();
    }

    fn stream_rest(&mut self) {
        let buffer = Cursor::new(std::mem::take(&mut self.buffer));
        let error = Failing(self.error.take());
        if let Some(text) = self.text.take() {
            self.current = Some(streamed(buffer.chain(error).chain(text), self.keys));
        }
    }

    /// Whether nothing but a block stands before: what is odd there is for whoever streams it.
    fn follows_a_block(&self, at: usize) -> bool {
        let before = self.buffer.get(..at).unwrap_or_default().trim_ascii_end();
        let line = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let line = before.get(line..).unwrap_or_default();
        line.starts_with(b"-----END PGP ") && line.ends_with(b"-----")
    }
}

/// Fails once, if it is to fail, and holds nothing.
struct Failing(Option<io::Error>);

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

fn open(armor: &[u8], keys: &Keyring) -> Piece {
    let mut plain = Vec::with_capacity(armor.len());
    let read = Armored::new(armor, keys).take(PLAIN_BYTES + 1).read_to_end(&mut plain);
    if read.is_ok() && plain.len() as u64 <= PLAIN_BYTES {
        Piece::Plain(plain)
    } else {
        Piece::Armor(armor.to_vec())
    }
}

fn streamed<'k>(armor: impl Read + Send + 'k, keys: &'k Keyring) -> Box<dyn Read + Send + 'k> {
    Box::new(Armored::new(BufReader::with_capacity(BUFFER, armor), keys))
}

impl<'k, R: Read + Send + 'k> Read for Ahead<'k, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            if let Some(current) = &mut self.current {
                let n = current.read(buf)?;
                if n > 0 {
                    return Ok(n);
                }
            }
            self.current = match self.next.pop_front() {
                Some(Piece::Plain(plain)) => Some(Box::new(Cursor::new(plain))),
                Some(Piece::Armor(armor)) => Some(streamed(Cursor::new(armor), self.keys)),
                None if self.text.is_none() => return Ok(0),
                None => {
                    self.open_ahead();
                    continue;
                }
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::gnupg::GPG;
    use super::*;

    /// What can be read, in pieces of `step` bytes, and the error that ends it.
    fn read(mut from: impl Read, step: usize) -> (Vec<u8>, Option<String>) {
        let mut all = Vec::new();
        let mut piece = vec![0; step];
        loop {
            match from.read(&mut piece) {
                Ok(0) => return (all, None),
                Ok(n) => all.extend_from_slice(&piece[..n]),
                Err(error) => return (all, Some(error.to_string())),
            }
        }
    }

    #[test]
    fn the_same_text_and_the_same_error_as_one_after_another() {
        let keys = Keyring::from_bytes(&[GPG.secret("small")], None, false).unwrap();
        let message = |content: &[u8]| GPG.armored("-r small@example.org", content);
        let (one, two) = (message(b"{\"a\":1}\n"), message(b"{\"b\":2}\n"));
        let public = GPG.public("small");
        let foreign = GPG.armored("-r second@example.org", b"{}");
        let secret = String::from_utf8(GPG.secret("small").1).unwrap();
        // Blanks become 1 to 100: small as a message, and more than is opened ahead.
        let dense = message(&vec![b' '; PLAIN_BYTES as usize + 1]);
        let noise: Vec<u8> =
            (0..AHEAD_BYTES as u32 * 2).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        let large = GPG.armored("-r small@example.org --compress-algo none", &noise);
        assert!(dense.len() < 4096 && large.len() > AHEAD_BYTES);
        let damaged = two.replace("\n=", "A\n=");
        let many = format!("{one}{two}").repeat(AHEAD_MESSAGES);
        for (what, text) in [
            ("many", many.clone()),
            ("keys between", format!("{public}{one}{public}{two}{public}{one}")),
            ("lines by CR LF", format!("{one}{two}{one}").replace('\n', "\r\n")),
            ("on one line", format!("{one} {two} {one}").replace('\n', " ")),
            ("one that is dense", format!("{one}{dense}{two}{dense}{one}")),
            ("one that is large", format!("{one}{large}{two}{one}")),
            ("nothing in one", format!("{one}{}{two}", message(b""))),
            ("damage", format!("{one}{two}{damaged}{one}{two}")),
            ("damage at the end", format!("{one}{two}{damaged}")),
            ("no key for one", format!("{many}{foreign}{many}")),
            ("a secret key", format!("{one}{secret}{two}")),
            (
                "an END line cut",
                format!(
                    "{one}{}{two}{one}",
                    one.replace("MESSAGE-----\n", "MESSAGE\n").replacen(
                        "BEGIN PGP MESSAGE",
                        "BEGIN PGP MESSAGE-----",
                        1
                    )
                ),
            ),
            ("no END line", format!("{one}{}{two}", one.split("-----END").next().unwrap())),
            ("a BEGIN line alone", format!("{one}-----BEGIN PGP MESSAGE-----\n{two}{one}")),
            ("a BEGIN line among the headers", format!("{one}-----BEGIN PGP MESSAGE-----\nA: b\n{two}{one}")),
            ("text between", format!("{one}{two}{{\"c\":3}}\n{one}{two}")),
            ("text at the end", format!("{one}{two}and so on")),
            ("keys alone", format!("{public}{public}")),
            ("cut", many[..many.len() - 40].to_owned()),
        ] {
            let expected = read(Armored::new(text.as_bytes(), &keys), 1000);
            for step in [1000, 1 << 20] {
                let found = read(Ahead::new(text.as_bytes(), &keys), step);
                assert!(found == expected, "{what}: {:?} and {:?}", found.1, expected.1);
            }
            let fails = || text.as_bytes().chain(Failing(Some(io::Error::other("torn"))));
            let (before, error) = read(Armored::new(BufReader::new(fails()), &keys), 1000);
            let (found, torn) = read(Ahead::new(fails(), &keys), 1000);
            assert!(found.starts_with(&before), "{what}: {error:?} and {torn:?}");
            assert_eq!(torn, error, "{what}");
        }
    }

    #[test]
    fn small_messages_are_opened_together() {
        let keys = Keyring::from_bytes(&[GPG.secret("small")], None, false).unwrap();
        let text = GPG.armored("-r small@example.org", b"x").repeat(AHEAD_MESSAGES + 9);
        let mut ahead = Ahead::new(text.as_bytes(), &keys);
        assert_eq!(ahead.read(&mut [0; 8]).unwrap(), 1);
        assert_eq!(ahead.next.len(), AHEAD_MESSAGES - 1);
        assert!(ahead.next.iter().all(|piece| matches!(piece, Piece::Plain(_))));
    }
}
