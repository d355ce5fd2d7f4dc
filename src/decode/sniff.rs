//! What the first bytes are: the layer to peel next, or a kind of file that is none of ours.

use super::pgp;

/// Bytes looked at.
pub(super) const HEAD: usize = 16 * 1024;
/// Bytes among which control characters tell binary data.
const BINARY_HEAD: usize = 512;

/// What a stream of bytes is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layer {
    /// No byte at all.
    Empty,
    Gzip,
    PgpArmor,
    PgpBinary,
    /// JSON, or text with JSON in it: the framing says what is wrong with the rest.
    Json,
    /// Anything else, with its name.
    Foreign(&'static str),
}

const ARMOR: &[u8] = b"-----BEGIN PGP ";

/// Files known by their first bytes.
const SIGNATURES: [(&[u8], &str); 18] = [
    (b"PK\x03\x04", "a zip archive"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"Obj\x01", "an Avro container file"),
    (b"PAR1", "a Parquet file"),
    (b"PARE", "an encrypted Parquet file"),
    (b"ORC", "an ORC file"),
    (b"ARROW1", "an Arrow file"),
    (b"SEQ\x06", "a Hadoop sequence file"),
    (b"BZh", "bzip2 data"),
    (b"\xFD7zXZ\x00", "xz data"),
    (b"\x28\xB5\x2F\xFD", "zstd data"),
    (b"\x04\x22\x4D\x18", "lz4 data"),
    (b"\x1F\x9D", "compress (.Z) data"),
    (b"7z\xBC\xAF\x27\x1C", "a 7z archive"),
    (b"%PDF", "a PDF file"),
    (b"\xFF\xFE", "UTF-16 text (little-endian)"),
    (b"\xFE\xFF", "UTF-16 text (big-endian)"),
    (b"\x00\x00\xFE\xFF", "UTF-32 text"),
];

/// Names the layer that begins with `head` (up to [`HEAD`] bytes, and past any blanks).
pub(super) fn sniff(head: &[u8]) -> Layer {
    if head.is_empty() {
        return Layer::Empty;
    }
    if head.starts_with(b"\x1F\x8B") {
        return Layer::Gzip;
    }
    if let Some((_, name)) = SIGNATURES.iter().find(|(signature, _)| head.starts_with(signature)) {
        return Layer::Foreign(name);
    }
    let text = trim(head);
    if text.starts_with(ARMOR) {
        return if json_follows_armor(text) { Layer::Json } else { Layer::PgpArmor };
    }
    match text {
        [0, b'{' | b'[' | b'<', ..] => Layer::Foreign("UTF-16 text (big-endian)"),
        [b'{' | b'[' | b'<', 0, ..] => Layer::Foreign("UTF-16 text (little-endian)"),
        [] | [b'{' | b'[' | b'"', ..] => Layer::Json,
        [b'<', ..] => Layer::Foreign(markup(text)),
        _ if pgp::is_binary(head) => Layer::PgpBinary,
        _ if text.iter().take(BINARY_HEAD).any(|b| *b < b' ' && !b.is_ascii_whitespace()) => {
            Layer::Foreign("binary data")
        }
        // A cut first line before sound ones costs that line only.
        _ if text.contains(&b'{') => Layer::Json,
        _ => Layer::Foreign("plain text"),
    }
}

/// Whether values stand behind the armored blocks at the start: then single records are encrypted, not
/// the file, and the framing tells them apart.
fn json_follows_armor(text: &[u8]) -> bool {
    let mut rest = text;
    while let Some(block) = rest.strip_prefix(ARMOR) {
        let label = memchr::memmem::find(block, b"-----").and_then(|end| block.get(..end + 5));
        let Some(label) = label else { return false };
        let end = [b"-----END PGP ", label].concat();
        let Some(at) = memchr::memmem::find(block, &end) else { return false };
        rest = block.get(at + end.len()..).unwrap_or_default().trim_ascii_start();
    }
    matches!(rest, [b'{' | b'[' | b'"', ..])
}

/// Without byte order marks and blanks at the start.
pub(super) fn trim(head: &[u8]) -> &[u8] {
    let text = head.trim_ascii_start();
    text.strip_prefix(b"\xEF\xBB\xBF").map_or(text, <[u8]>::trim_ascii_start)
}

fn markup(text: &[u8]) -> &'static str {
    let start = text.get(..15.min(text.len())).unwrap_or_default().to_ascii_lowercase();
    if start.starts_with(b"<!doctype html") || start.starts_with(b"<html") {
        "an HTML page (an error page, perhaps)"
    } else {
        "an XML document (an error answer, perhaps)"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind() {
        let foreign = |word: &str, head: &[u8]| match sniff(head) {
            Layer::Foreign(name) => assert!(name.contains(word), "{name} for {head:?}"),
            other => panic!("{other:?} for {head:?}"),
        };
        for (layer, head) in [
            (Layer::Empty, &b""[..]),
            (Layer::Gzip, b"\x1F\x8B\x08"),
            (Layer::Json, b"{}"),
            (Layer::Json, b"\xEF\xBB\xBF \r\n{\"a\":1}"),
            (Layer::Json, b"  \n"),
            (Layer::Json, b"[]"),
            (Layer::Json, b"\"-----BEGIN PGP MESSAGE-----"),
            (Layer::Json, b"ut\":1}\n{\"a\":2}"),
            (Layer::PgpArmor, b"\xEF\xBB\xBF\n -----BEGIN PGP MESSAGE-----"),
            (Layer::PgpArmor, b"-----BEGIN PGP PUBLIC KEY BLOCK-----"),
            (Layer::PgpArmor, b"-----BEGIN PGP MESSAGE-----\n\nx\n-----END PGP MESSAGE-----\n"),
            (Layer::Json, b"-----BEGIN PGP MESSAGE-----\n\nx\n-----END PGP MESSAGE-----\n{}"),
            (Layer::PgpBinary, &[0x85, 2, 0x0C, 3]),
            (Layer::PgpBinary, &[0xC1, 0xC1, 0x4C, 3]),
            (Layer::PgpBinary, &[0x99, 1, 0x0D, 4]),
        ] {
            assert_eq!(sniff(head), layer, "{head:?}");
        }
        foreign("zip", b"PK\x03\x04rest");
        foreign("Avro", b"Obj\x01\x04");
        foreign("Parquet", b"PAR1");
        foreign("bzip2", b"BZh91AY&SY");
        foreign("xz", b"\xFD7zXZ\x00");
        foreign("zstd", b"\x28\xB5\x2F\xFD");
        foreign("UTF-16", b"\xFF\xFE{\0");
        foreign("UTF-16", b"{\0\"\0");
        foreign("UTF-16", b"\0{\0\"");
        foreign("HTML", b"\n<!DOCTYPE html><html>");
        foreign("XML", b"<?xml version=\"1.0\"?>");
        foreign("binary", b"\x00\x01\x02\x03");
        foreign("binary", &[0x85, 2, 0x0C, 9]);
        foreign("text", b"Not found");
    }
}
