//! For tests: keys and messages made by the machine's `gpg`. Without it the tests fail.
//!
//! The keys are made once per test process (RSA-4096 unless said): `plain` without passphrase, `locked`
//! with [`PASSPHRASE`] and a subkey, `second`, `expired` (made in 2020 for a day, SHA-1
//! self-signatures), `small` (RSA-1024), `curve` (Curve25519). Each message is made in a fresh copy of
//! that home, so that nothing is left behind: no folder, no agent.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use tempfile::TempDir;

pub(in crate::decode) const PASSPHRASE: &str = "correct horse";

/// Users of the keys, by the part before the @.
const USERS: [&str; 6] = ["plain", "locked", "second", "expired", "small", "curve"];

pub(in crate::decode) struct Gpg {
    /// Armored, with the names of their files.
    secret: Vec<(String, Vec<u8>)>,
    /// Files of a home that holds all keys, by their path in it.
    files: Vec<(PathBuf, Vec<u8>)>,
}

pub(in crate::decode) static GPG: LazyLock<Gpg> = LazyLock::new(Gpg::new);

/// A folder for gpg to live in; its agent ends with it.
struct Home(TempDir);

impl Home {
    fn new() -> Home {
        // Short, as the agent's socket lies in it.
        Home(tempfile::Builder::new().prefix("lpg").tempdir_in("/tmp").unwrap())
    }

    fn run(&self, args: &[&str], input: &[u8]) -> Vec<u8> {
        let mut child = Command::new("gpg")
            .arg("--homedir")
            .arg(self.0.path())
            .args(["--batch", "--quiet", "--no-tty", "--yes"])
            .args(["--pinentry-mode", "loopback", "--trust-model", "always"])
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("these tests need GnuPG: install the package gnupg");
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        let writer = std::thread::spawn(move || stdin.write_all(&input));
        let output = child.wait_with_output().unwrap();
        let _ = writer.join();
        assert!(output.status.success(), "gpg {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = Command::new("gpgconf").arg("--homedir").arg(self.0.path()).args(["--kill", "all"]).status();
    }
}

impl Gpg {
    fn new() -> Gpg {
        let home = Home::new();
        let mut secret = Vec::new();
        for user in USERS {
            let key = match user {
                "locked" => "Key-Type: RSA\nKey-Length: 4096\nSubkey-Type: RSA\nSubkey-Length: 4096",
                "small" => "Key-Type: RSA\nKey-Length: 1024\nSubkey-Type: RSA\nSubkey-Length: 1024",
                "curve" => "Key-Type: EDDSA\nKey-Curve: ed25519\nSubkey-Type: ECDH\nSubkey-Curve: cv25519",
                // One key for everything is enough, and 4096 bits take their time.
                _ => "Key-Type: RSA\nKey-Length: 4096\nKey-Usage: sign,encrypt",
            };
            let passphrase = if user == "locked" { PASSPHRASE } else { "" };
            let protection = match passphrase {
                "" => format!("%no-protection\n{key}"),
                _ => format!("{key}\nPassphrase: {passphrase}"),
            };
            let old = user == "expired";
            let expiry = if old { "1d" } else { "0" };
            let batch = format!(
                "{protection}\nName-Real: {user}\nName-Email: {user}@example.org\nExpire-Date: {expiry}\n%commit\n"
            );
            let time: &[&str] = match old {
                true => &["--faked-system-time", "20200101T000000!", "--cert-digest-algo", "SHA1"],
                false => &[],
            };
            home.run(&[time, &["--gen-key"]].concat(), batch.as_bytes());
            let address = format!("{user}@example.org");
            let key =
                home.run(&["--passphrase", passphrase, "--armor", "--export-secret-keys", &address], b"");
            secret.push((format!("{user}.asc"), key));
        }
        let mut files = Vec::new();
        for folder in ["", "private-keys-v1.d"] {
            for entry in fs::read_dir(home.0.path().join(folder)).unwrap() {
                let entry = entry.unwrap();
                if entry.file_type().unwrap().is_file() {
                    let path = entry.path();
                    let inside = path.strip_prefix(home.0.path()).unwrap().to_owned();
                    files.push((inside, fs::read(path).unwrap()));
                }
            }
        }
        Gpg { secret, files }
    }

    /// The armored secret key of a user, with the name of its file.
    pub(in crate::decode) fn secret(&self, user: &str) -> (String, Vec<u8>) {
        self.secret.iter().find(|(name, _)| *name == format!("{user}.asc")).unwrap().clone()
    }

    /// The armored public key of a user.
    pub(in crate::decode) fn public(&self, user: &str) -> String {
        let key = self.run(&["--armor", "--export", &format!("{user}@example.org")], b"");
        String::from_utf8(key).unwrap()
    }

    /// `content` encrypted; `args` say for whom (`-r plain@…`) and how.
    pub(in crate::decode) fn encrypt(&self, args: &str, content: &[u8]) -> Vec<u8> {
        let args: Vec<&str> = args.split_ascii_whitespace().chain(["--encrypt"]).collect();
        self.run(&args, content)
    }

    /// As [`Gpg::encrypt`], armored.
    pub(in crate::decode) fn armored(&self, args: &str, content: &[u8]) -> String {
        String::from_utf8(self.encrypt(&format!("{args} --armor"), content)).unwrap()
    }

    /// Runs gpg in a copy of the home; stdin from `input`.
    pub(in crate::decode) fn run(&self, args: &[&str], input: &[u8]) -> Vec<u8> {
        let home = Home::new();
        for (inside, bytes) in &self.files {
            let path = home.0.path().join(inside);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        home.run(args, input)
    }
}
