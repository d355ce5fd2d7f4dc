//! Keys and values, made by gpg.

use super::gnupg::{GPG, PASSPHRASE};
use super::*;
use crate::model::{PgpOptions, Secret};

const TEXT: &[u8] = b"{\"text\":\"Gr\xC3\xBC\xC3\x9Fe\",\"n\":1}";

fn ring(users: &[&str]) -> Keyring {
    let keys: Vec<_> = users.iter().map(|user| GPG.secret(user)).collect();
    Keyring::from_bytes(&keys, Some(&Secret::new(PASSPHRASE)), false).unwrap()
}

#[test]
fn every_kind_of_message_by_gpg() {
    let keys = ring(&["plain", "locked", "expired", "small", "curve"]);
    let past = "--faked-system-time 20200101T010000!";
    for args in [
        "-r plain@example.org",
        "-r plain@example.org --cipher-algo AES256 --digest-algo SHA512",
        "-r plain@example.org --compress-algo none",
        "-r plain@example.org --compress-algo zip",
        "-r plain@example.org --compress-algo zlib",
        "-r plain@example.org --compress-algo bzip2",
        "-r plain@example.org --cipher-algo 3DES",
        "-r plain@example.org --cipher-algo CAST5",
        "-r plain@example.org --cipher-algo CAMELLIA192",
        "-r plain@example.org --textmode",
        "-r plain@example.org --comment made-for-a-test --emit-version",
        "-r locked@example.org",
        "-r locked@example.org --hidden-recipient second@example.org",
        "-r second@example.org -r plain@example.org",
        "-R plain@example.org",
        "-R second@example.org -R locked@example.org",
        "-r second@example.org -r locked@example.org --throw-keyids",
        "-r plain@example.org -u second@example.org --sign",
        "-r plain@example.org -u second@example.org --sign --compress-algo none",
        "-r small@example.org",
        "-r curve@example.org",
        &format!("-r expired@example.org {past}"),
        &format!("-R expired@example.org {past}"),
    ] {
        let message = GPG.armored(args, TEXT);
        assert_eq!(keys.decrypt(message.as_bytes()).as_deref(), Ok(TEXT), "{args}");
    }
    let big: Vec<u8> = TEXT.iter().copied().cycle().take(300_000).collect();
    let message = GPG.armored("-r plain@example.org --compress-algo none", &big);
    assert!(keys.decrypt(message.as_bytes()).unwrap() == big);
    assert_eq!(keys.decrypt(GPG.armored("-r plain@example.org", b"").as_bytes()).as_deref(), Ok(&b""[..]));
}

#[test]
fn around_the_message() {
    let keys = ring(&["plain"]);
    let message = GPG.armored("-r plain@example.org", TEXT);
    let public = GPG.public("second");
    let twice = [TEXT, TEXT].concat();
    let (head, body) = message.split_once("\n\n").unwrap();
    let (unsummed, rest) = body.rsplit_once("\n=").unwrap();
    let end = rest.split_once('\n').unwrap().1;
    for (text, expected) in [
        (format!("{message}{public}"), TEXT),
        (format!("{public}{message}"), TEXT),
        (format!("{public}\n{message}\n{public}"), TEXT),
        (format!("{message}{message}"), &twice),
        (format!("{message}\r\n\r\n{public}{message}"), &twice),
        (message.replace('\n', "\r\n"), TEXT),
        (message.replace('\n', " \n "), TEXT),
        (message.replace('\n', "\n\n"), TEXT),
        (message.replace('\n', " "), TEXT),
        (message.trim().to_owned(), TEXT),
        (message.replace('\n', "\\n").replace('/', "\\/"), TEXT),
        (message.replace('\n', "\\r\\n"), TEXT),
        (format!("{head}\nVersion: GnuPG v2\nComment: x\n\n{body}"), TEXT),
        (format!("{head}\n\n{unsummed}\n{end}"), TEXT),
    ] {
        assert!(looks(&text), "{text}");
        assert_eq!(keys.decrypt(text.as_bytes()).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn a_keyring_is_shared_among_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    let keys = ring(&["plain"]);
    shared(&keys);
    let message = GPG.armored("-r plain@example.org", TEXT);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                (0..20).for_each(|_| assert_eq!(keys.decrypt(message.as_bytes()).as_deref(), Ok(TEXT)))
            });
        }
    });
}

fn looks(text: &str) -> bool {
    crate::decode::looks_encrypted(text.as_bytes())
}

#[test]
fn wanted_key_is_not_held() {
    let message = GPG.armored("-r second@example.org -r locked@example.org", TEXT);
    let keys = ring(&["plain"]);
    let Err(DecryptError::KeyMissing { wanted, held }) = keys.decrypt(message.as_bytes()) else { panic!() };
    assert_eq!(held, keys.keys()[0].id_hex());
    for id in [ring(&["second"]).keys()[0].id_hex(), ring(&["locked"]).keys()[1].id_hex()] {
        assert!(wanted.contains(&id), "{wanted}");
    }
    for (args, keys) in [
        ("-R second@example.org", ring(&["plain", "small", "curve"])),
        ("-r plain@example.org", Keyring::empty()),
        ("-R plain@example.org", Keyring::empty()),
    ] {
        let result = keys.decrypt(GPG.armored(args, TEXT).as_bytes());
        assert!(matches!(result, Err(DecryptError::KeyMissing { .. })), "{args}: {result:?}");
    }
    let symmetric = GPG.run(&["--passphrase", "x", "--symmetric", "--armor"], TEXT);
    assert!(matches!(ring(&["plain"]).decrypt(&symmetric), Err(DecryptError::KeyMissing { .. })));
}

#[test]
fn without_integrity_protection() {
    let strict = ring(&["plain"]);
    let lax = Keyring::from_bytes(&[GPG.secret("plain")], None, true).unwrap();
    for args in [
        "",
        "--cipher-algo AES256",
        "--cipher-algo 3DES",
        "--compress-algo none",
        "-u second@example.org --sign",
    ] {
        let message = GPG.armored(&format!("-r plain@example.org --rfc2440 {args}"), TEXT);
        assert_eq!(strict.decrypt(message.as_bytes()), Err(DecryptError::Unprotected), "{args}");
        assert_eq!(lax.decrypt(message.as_bytes()).as_deref(), Ok(TEXT), "{args}");
    }
    // Nothing tells that such a message was altered; but whatever it decrypts to, it is read or refused.
    let small = Keyring::from_bytes(&[GPG.secret("small")], None, true).unwrap();
    for args in ["", "--compress-algo none", "-u second@example.org --sign --compress-algo bzip2"] {
        let bytes = GPG.encrypt(&format!("-r small@example.org --rfc2440 {args}"), TEXT);
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut bad = bytes.clone();
                bad[at] ^= 1 << bit;
                let _ = io::copy(&mut super::binary(Box::new(&bad[..]), &small), &mut io::sink());
            }
            assert!(io::copy(&mut super::binary(Box::new(&bytes[..at]), &small), &mut io::sink()).is_err());
        }
    }
    let protected = GPG.armored("-r plain@example.org", TEXT);
    assert_eq!(lax.decrypt(protected.as_bytes()).as_deref(), Ok(TEXT));
}

#[test]
fn altered_and_cut_messages_never_pass() {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let keys = ring(&["small"]);
    for args in ["", "--compress-algo none", "-u second@example.org --sign"] {
        let bytes = GPG.encrypt(&format!("-r small@example.org {args}"), TEXT);
        let open = |bytes: &[u8]| {
            let text = STANDARD.encode(bytes);
            keys.decrypt(
                format!("-----BEGIN PGP MESSAGE-----\n\n{text}\n-----END PGP MESSAGE-----\n").as_bytes(),
            )
        };
        assert_eq!(open(&bytes).as_deref(), Ok(TEXT));
        for at in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[at] ^= 0x10;
            assert!(open(&bad).is_err(), "flip at {at} of {}", bytes.len());
            assert!(open(&bytes[..at]).is_err(), "cut at {at}");
        }
        assert!(open(&[&bytes[..], b"x"].concat()).is_err());
    }
    let armored = GPG.armored("-r small@example.org", TEXT);
    for cut in [armored.len() - 5, armored.len() - 40, armored.len() / 2, 40, 10] {
        let result = keys.decrypt(&armored.as_bytes()[..cut]);
        assert!(matches!(result, Err(DecryptError::Damaged(_))), "{cut}: {result:?}");
    }
    for text in ["", "text", &format!("text {armored}"), &format!("{armored} text"), &GPG.public("plain")] {
        assert!(matches!(keys.decrypt(text.as_bytes()), Err(DecryptError::Damaged(_))), "{text}");
    }
}

#[test]
fn large_plaintext() {
    let bomb = GPG.armored("-r plain@example.org", &vec![b' '; 3 << 20]);
    let keys = ring(&["plain"]).with_max_plaintext_bytes(1 << 20);
    assert_eq!(keys.decrypt(bomb.as_bytes()), Err(DecryptError::TooLarge { max_bytes: 1 << 20 }));
    let fits = GPG.armored("-r plain@example.org", &vec![b' '; 1 << 20]);
    assert_eq!(keys.decrypt(fits.as_bytes()).map(|text| text.len()), Ok(1 << 20));
}

#[test]
fn key_files() {
    let folder = tempfile::tempdir().unwrap();
    let several = [GPG.secret("plain").1, GPG.secret("second").1].concat();
    let binary = GPG.run(&["--export-secret-keys", "second@example.org"], b"");
    let stub = GPG
        .run(&["--passphrase", PASSPHRASE, "--armor", "--export-secret-subkeys", "locked@example.org"], b"");
    let locked = GPG.secret("locked").1;
    let right = Some(Secret::new(PASSPHRASE));
    let wrong = Some(Secret::new("wrong horse"));
    let load = |content: &[u8], passphrase: &Option<Secret>| {
        let path = folder.path().join("key.asc");
        std::fs::write(&path, content).unwrap();
        Keyring::load(&PgpOptions {
            key_files: vec![path],
            passphrase: passphrase.clone(),
            accept_unprotected: false,
        })
    };
    for (content, passphrase, count) in [
        (&several, &None, 2),
        (&several, &right, 2),
        (&binary, &None, 1),
        (&locked, &right, 2),
        (&stub, &right, 1),
        (&[b"my key\r\n\r\n".to_vec(), several.clone(), b"the end".to_vec()].concat(), &None, 2),
        (&[GPG.public("plain").into_bytes(), several.clone()].concat(), &None, 2),
    ] {
        let ring = load(content, passphrase).unwrap();
        assert_eq!(ring.keys().len(), count);
        assert!(ring.keys().iter().all(|key| key.opener.is_fast()));
        assert_eq!(ring.warnings(), Vec::<String>::new());
    }
    for (content, passphrase, word) in [
        (&locked[..], &None, "no passphrase"),
        (&locked, &wrong, "does not unlock"),
        (GPG.public("plain").as_bytes(), &None, "the public key"),
        (b"", &None, "no secret key"),
        (b"not a key", &None, "no secret key"),
        (&several[..several.len() - 200], &None, "cannot be read"),
        (&binary[..100], &None, "PGP key"),
    ] {
        let fault = load(content, passphrase).err().unwrap();
        assert_eq!(fault.kind, FaultKind::KeyMissing, "{fault}");
        assert!(fault.to_string().contains("key.asc") && fault.message.contains(word), "{fault}");
        assert!(fault.advice.is_some() && !fault.to_string().contains("horse"), "{fault}");
    }
    let missing = PgpOptions { key_files: vec!["no/such.asc".into()], ..Default::default() };
    let fault = Keyring::load(&missing).err().unwrap();
    assert_eq!((fault.kind, fault.unit.as_deref()), (FaultKind::KeyMissing, Some("no/such.asc")));
}

#[test]
fn old_keys_are_warned_about_once() {
    let ring = Keyring::from_bytes(&[GPG.secret("expired"), GPG.secret("expired")], None, false).unwrap();
    assert_eq!((ring.keys().len(), ring.warnings().len()), (1, 1), "{:?}", ring.warnings());
    assert!(ring.warnings()[0].contains("still used"));
    assert!(Keyring::empty().is_empty() && !ring.is_empty());
}

/// Prints rates: values a second beside bare RSA operations, and megabytes of JSON a second of whole files.
#[test]
#[ignore = "a measurement"]
fn rates() {
    use sequoia_openpgp::packet::PKESK;
    use sequoia_openpgp::parse::Parse;
    let time = |count: usize, work: &dyn Fn()| {
        let start = std::time::Instant::now();
        (0..count).for_each(|_| work());
        count as f64 / start.elapsed().as_secs_f64()
    };
    let keys = ring(&["plain"]);
    let message = GPG.armored("-r plain@example.org", &[b'x'; 1024]);
    let binary = GPG.encrypt("-r plain@example.org", b"x");
    let mut session_key = Vec::new();
    packets::next(&binary[..]).unwrap().unwrap().1.read_to_end(&mut session_key).unwrap();
    let session_key = PKESK::from_bytes(&session_key).unwrap();
    for _ in 0..3 {
        let bare =
            time(500, &|| drop(session_key.decrypt(&mut keys.keys()[0].opener.decryptor(), None).unwrap()));
        let values = time(500, &|| drop(keys.decrypt(message.as_bytes()).unwrap()));
        println!("{values:.0} values/s, {bare:.0} RSA/s: {:.1} %", 100.0 * values / bare);
    }
    // Does not compress, as gzip inside does not.
    let noise: Vec<u8> = (0..8_000_000u64)
        .flat_map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(17).wrapping_mul(n | 1).to_le_bytes())
        .collect();
    let to = "-r plain@example.org --compress-algo none";
    for (name, file) in
        [("binary", GPG.encrypt(to, &noise)), ("armored", GPG.encrypt(&format!("{to} --armor"), &noise))]
    {
        let file = bytes::Bytes::from(file);
        let rate = time(5, &|| {
            let source = Box::new(io::Cursor::new(file.clone()));
            let mut text =
                if name == "binary" { super::binary(source, &keys) } else { super::armored(source, &keys) };
            assert_eq!(io::copy(&mut text, &mut io::sink()).unwrap(), noise.len() as u64);
        });
        println!("{name}: {:.0} MB/s", rate * noise.len() as f64 / 1e6);
    }
}
