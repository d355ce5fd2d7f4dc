//! Whole files: layers in any order, faults with their kinds.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::pgp::gnupg::GPG;
use super::*;
use crate::model::Place;

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// Reads to the end, as the pipeline does.
fn read(bytes: Vec<u8>, keys: &Keyring, limits: &DecodeLimits) -> Result<Vec<u8>, Fault> {
    let mut text = Vec::new();
    match open(&Payload::Memory(bytes.into()), keys, limits)?.read_to_end(&mut text) {
        Ok(_) => Ok(text),
        Err(error) => Err(Fault::from_io(error, FaultKind::Internal, Stage::Parse)),
    }
}

fn plain(bytes: Vec<u8>) -> Result<Vec<u8>, Fault> {
    read(bytes, &Keyring::empty(), &DecodeLimits::default())
}

fn lines(count: usize) -> Vec<u8> {
    (0..count).flat_map(|n| format!("{{\"recordCollection\":[],\"n\":{n}}}\n").into_bytes()).collect()
}

#[test]
fn layers_in_any_order() {
    let keys = Keyring::from_bytes(&[GPG.secret("plain")], None, false).unwrap();
    let to = "-r plain@example.org";
    for text in [lines(3), lines(200_000), Vec::new(), b"\xEF\xBB\xBF\r\n{\"a\":1}".to_vec()] {
        let armored = |content: &[u8]| GPG.armored(to, content).into_bytes();
        let public = GPG.public("second").into_bytes();
        let table = [
            ("gzip", gzip(&text)),
            ("members", [gzip(&text), gzip(b"")].concat()),
            ("gzip in gzip", gzip(&gzip(&text))),
            ("binary", GPG.encrypt(to, &text)),
            ("stored", GPG.encrypt(&format!("{to} --compress-algo none"), &text)),
            ("signed", GPG.encrypt(&format!("{to} -u second@example.org --sign"), &text)),
            ("armored", armored(&text)),
            ("hidden", GPG.encrypt("-R plain@example.org", &text)),
            ("armored gzip", armored(&gzip(&text))),
            ("binary gzip", GPG.encrypt(to, &gzip(&text))),
            ("gzip of armored", gzip(&armored(&text))),
            ("gzip of binary", gzip(&GPG.encrypt(to, &text))),
            ("gzip of armored gzip", gzip(&armored(&gzip(&text)))),
            ("key after", [armored(&text), public.clone()].concat()),
            ("key before", [public.clone(), b"\n".to_vec(), armored(&text)].concat()),
            ("bom before", [b"\xEF\xBB\xBF \n".to_vec(), armored(&text)].concat()),
        ];
        for (name, bytes) in table {
            let got = read(bytes, &keys, &DecodeLimits::default());
            assert!(got.as_ref() == Ok(&text), "{name} of {} bytes: {:?}", text.len(), got.map(|t| t.len()));
        }
    }
    let halves = [GPG.armored(to, b"{\"a\":"), GPG.armored(to, b"1}")].concat().into_bytes();
    assert_eq!(read(halves, &keys, &DecodeLimits::default()).unwrap(), b"{\"a\":1}");
    let halves = [GPG.encrypt(to, b"{\"a\":"), GPG.encrypt(to, b"1}")].concat();
    assert_eq!(read(halves, &keys, &DecodeLimits::default()).unwrap(), b"{\"a\":1}");
    let blanks = [vec![b' '; 40_000], lines(1)].concat();
    assert_eq!(plain(blanks.clone()).unwrap(), blanks);
}

#[test]
fn from_a_file() {
    let mut file = tempfile::tempfile().unwrap();
    let bytes = gzip(&lines(50_000));
    file.write_all(&bytes).unwrap();
    let payload = Payload::File(std::sync::Arc::new(file), bytes.len() as u64);
    let keys = Keyring::empty();
    let mut text = Vec::new();
    open(&payload, &keys, &DecodeLimits::default()).unwrap().read_to_end(&mut text).unwrap();
    assert!(text == lines(50_000));
}

#[test]
fn foreign_and_damaged_files() {
    let good = gzip(&lines(1000));
    let mut flipped = good.clone();
    let at = good.len() - 5;
    flipped[at] ^= 1;
    for (bytes, word) in [
        (Vec::new(), "empty"),
        (b"PK\x03\x04....".to_vec(), "zip"),
        (gzip(b"PK\x03\x04...."), "zip"),
        (b"Obj\x01\x04\x16avro.schema".to_vec(), "Avro"),
        (b"PAR1....".to_vec(), "Parquet"),
        (b"<?xml version=\"1.0\"?><error/>".to_vec(), "XML"),
        (b"<html>".to_vec(), "HTML"),
        (b"\xFF\xFE{\0".to_vec(), "UTF-16"),
        (b"{\0\"\0".to_vec(), "UTF-16"),
        (b"BZh91AY".to_vec(), "bzip2"),
        (good[..good.len() / 2].to_vec(), "ends early"),
        (flipped, "damaged"),
        ([good.clone(), vec![0; 512]].concat(), "follow"),
        (good[..1].to_vec(), "binary"),
        (GPG.public("plain").into_bytes(), "public key"),
    ] {
        let fault = plain(bytes).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Damaged, "{fault}");
        assert!(fault.message.contains(word) && fault.advice.is_some(), "{fault}");
    }
    let fault = plain([good.clone(), vec![0; 512]].concat()).unwrap_err();
    assert_eq!(fault.place, Some(Place::Byte(good.len() as u64)));
}

#[test]
fn pgp_faults_of_whole_files() {
    let keys = Keyring::from_bytes(&[GPG.secret("small")], None, false).unwrap();
    let limits = DecodeLimits::default();
    let fault = |bytes: Vec<u8>| read(bytes, &keys, &limits).unwrap_err();
    let missing = fault(gzip(&GPG.encrypt("-r plain@example.org", b"{}")));
    assert_eq!((missing.kind, missing.stage), (FaultKind::KeyMissing, Stage::Decrypt));
    assert!(missing.to_string().contains("key_files"), "{missing}");
    let unprotected = fault(GPG.encrypt("-r small@example.org --rfc2440", b"{}"));
    assert_eq!(unprotected.kind, FaultKind::Unprotected);
    assert!(unprotected.to_string().contains("accept_unprotected"), "{unprotected}");

    // Large enough that text is given out before the end is seen.
    let to = "-r small@example.org --compress-algo none";
    let good = GPG.encrypt(to, &lines(100_000));
    for at in [good.len() / 4, good.len() / 2, good.len() - 1] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        assert_eq!(fault(bad).kind, FaultKind::Damaged, "flip at {at}");
        assert_eq!(fault(good[..at].to_vec()).kind, FaultKind::Damaged, "cut at {at}");
    }
    assert_eq!(fault([good.clone(), b"\n".to_vec()].concat()).kind, FaultKind::Damaged);
    // Damage below: the gzip's own words reach the reader through the PGP layer.
    let outer = gzip(&good);
    let cut = fault(outer[..outer.len() - 1000].to_vec());
    assert!(cut.kind == FaultKind::Damaged && cut.message.contains("gzip data ends early"), "{cut}");
    assert_eq!(cut.place, Some(Place::Byte(outer.len() as u64 - 1000)));
}

#[test]
fn bombs() {
    let limits = DecodeLimits { max_expanded_bytes: 1 << 20, ..Default::default() };
    let keys = Keyring::from_bytes(&[GPG.secret("small")], None, false).unwrap();
    let text = [b"{".to_vec(), vec![b' '; 2 << 20]].concat();
    for bytes in [gzip(&text), GPG.encrypt("-r small@example.org", &text), text.clone()] {
        assert_eq!(read(bytes, &keys, &limits).unwrap_err().kind, FaultKind::CapExceeded);
    }
    let ratio = gzip(&vec![b' '; 80 << 20]);
    assert_eq!(plain(ratio).unwrap_err().kind, FaultKind::CapExceeded);
    let mut nested = lines(1);
    (0..MAX_LAYERS).for_each(|_| nested = gzip(&nested));
    assert_eq!(plain(nested.clone()).unwrap(), lines(1));
    assert_eq!(plain(gzip(&nested)).unwrap_err().kind, FaultKind::CapExceeded);
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(
        start in 0usize..7,
        bytes in proptest::collection::vec(0u8.., 0..300),
    ) {
        let starts: [&[u8]; 7] = [
            b"", b"\x1F\x8B\x08\0\0\0\0\0\0\xFF", b"-----BEGIN PGP MESSAGE-----\n\n", &[0x85, 0, 5, 3],
            &[0xC1, 3, 3], &[0xD2, 0xE4, 1], &[0x99, 0, 1, 4],
        ];
        let _ = plain([starts[start], &bytes].concat());
    }
}

#[test]
fn errors_stay() {
    let good = gzip(&lines(1000));
    let keys = Keyring::empty();
    let payload = Payload::Memory(good[..good.len() - 1].to_vec().into());
    let mut reader = open(&payload, &keys, &DecodeLimits::default()).unwrap();
    assert!(io::copy(&mut reader, &mut io::sink()).is_err());
    assert!(reader.read(&mut [0; 8]).is_err());
}

#[test]
fn encrypted_text_is_told_apart() {
    assert!(looks_encrypted(b"\"x\":\"-----BEGIN PGP MESSAGE-----\\n\""));
    assert!(!looks_encrypted(b"-----BEGIN PGP PUBLIC KEY BLOCK-----"));
}

#[test]
fn what_comes_before_the_damage_can_be_read() {
    let whole = gzip(b"{\"a\":1}\n{\"a\":2}\n");
    let payload = Payload::Memory(whole[..whole.len() - 4].to_vec().into());
    let keys = Keyring::empty();
    let mut text = Vec::new();
    let read = open(&payload, &keys, &DecodeLimits::default()).unwrap().read_to_end(&mut text);
    assert_eq!(text, b"{\"a\":1}\n{\"a\":2}\n");
    assert_eq!(fault_of(read.unwrap_err()).kind, FaultKind::Damaged);
}
