//! GnuPG, which makes the messages that the program must open. Keys are those of `fixtures/pgp`, public
//! on purpose.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::program::repository;

pub const FIRST: &str = "first-key@example.com";
/// Its passphrase is [`PASSPHRASE`].
pub const SECOND: &str = "second-key@example.com";
/// Expired in 2021.
pub const EXPIRED: &str = "expired-key@example.com";
pub const STRANGER: &str = "stranger-key@example.com";
pub const PASSPHRASE: &str = "correct horse";

/// What LivePerson documents: AES-256, SHA-512, compressed.
const DOCUMENTED: [&str; 6] =
    ["--cipher-algo", "AES256", "--digest-algo", "SHA512", "--compress-algo", "ZLIB"];

/// A GnuPG home of its own, with all keys; its agent ends with it.
pub struct Gnupg {
    // In the system's folder for temporary files: the agent's socket needs a short path.
    home: TempDir,
}

impl Gnupg {
    pub fn new() -> Gnupg {
        let home = tempfile::Builder::new().prefix("gpg").tempdir_in(std::env::temp_dir()).unwrap();
        let gnupg = Gnupg { home };
        for key in ["first-key", "second-key", "expired-key", "stranger-key"] {
            gnupg.gpg(
                &["--pinentry-mode", "loopback", "--passphrase", PASSPHRASE, "--import"],
                key_file(key).as_os_str().as_encoded_bytes(),
                true,
            );
        }
        gnupg
    }

    pub fn home(&self) -> &str {
        self.home.path().to_str().unwrap()
    }

    /// An armored message to one recipient, with the documented settings.
    pub fn message(&self, text: &[u8], recipient: &str) -> Vec<u8> {
        self.encrypt(text, &["--armor", "--recipient", recipient])
    }

    /// A message with the documented settings, unless `options` say otherwise.
    pub fn encrypt(&self, text: &[u8], options: &[&str]) -> Vec<u8> {
        let mut arguments = DOCUMENTED.to_vec();
        arguments.extend(["--trust-model", "always"]);
        if options.contains(&EXPIRED) {
            // GnuPG encrypts to an expired key only in a time when it was not.
            arguments.extend(["--faked-system-time", "20200601T000000!"]);
        }
        arguments.extend(options);
        arguments.push("--encrypt");
        self.gpg(&arguments, text, false)
    }

    pub fn public_key(&self, user: &str) -> Vec<u8> {
        self.gpg(&["--armor", "--export", user], b"", false)
    }

    fn gpg(&self, arguments: &[&str], input: &[u8], input_is_path: bool) -> Vec<u8> {
        let mut command = Command::new("gpg");
        command.args(["--homedir", self.home(), "--batch", "--quiet", "--no-tty"]).args(arguments);
        if input_is_path {
            command.arg(std::str::from_utf8(input).unwrap()).stdin(Stdio::null());
        } else {
            command.stdin(Stdio::piped());
        }
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("gpg is missing: run `bash tests/run.sh`, it says how to get it");
        if !input_is_path {
            let (mut pipe, input) = (child.stdin.take().unwrap(), input.to_owned());
            std::thread::spawn(move || pipe.write_all(&input));
        }
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "gpg {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }
}

impl Drop for Gnupg {
    fn drop(&mut self) {
        let _ = Command::new("gpgconf").args(["--homedir", self.home(), "--kill", "gpg-agent"]).status();
    }
}

/// A secret key as GnuPG exports it.
pub fn key_file(name: &str) -> PathBuf {
    let path: &Path = repository();
    path.join("fixtures/pgp").join(format!("{name}.asc"))
}
