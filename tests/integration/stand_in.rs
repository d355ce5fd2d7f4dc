//! The stand-in service over generated files, and configurations that point at it.

use std::fs;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use lp_archive::demo::generator::{Counts, Encryption, GeneratorOptions, write_files};
use lp_archive::demo::key::demo_secret_key;
use lp_archive::demo::service::{StandIn, StandInOptions, read_folder};
use tempfile::TempDir;

use super::program::{ACCOUNT, Run, command, run};

pub const HOUR_MS: i64 = 3_600_000;

/// How a configuration signs in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    Oauth1,
    Oauth2,
    Bearer,
}

/// A service with generated files, a configuration for it, and a lake to be.
pub struct Scene {
    pub service: StandIn,
    pub inputs: PathBuf,
    pub lake: PathBuf,
    pub config: PathBuf,
    /// The truth about the files.
    pub counts: Counts,
    pub method: Method,
    pub folder: TempDir,
}

/// Start of the first scope: recent enough that a real service would still hold the files.
pub fn first_hour() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
    now / HOUR_MS * HOUR_MS - 30 * HOUR_MS
}

impl Scene {
    /// Some hours of plain files of all streams.
    pub fn new(options: StandInOptions, method: Method) -> Scene {
        Scene::of(options, method, Encryption::NONE)
    }

    pub fn of(options: StandInOptions, method: Method, encryption: Encryption) -> Scene {
        let folder = tempfile::tempdir().unwrap();
        let inputs = folder.path().join("served");
        let mut generator = GeneratorOptions::new(7, ACCOUNT, first_hour());
        generator.hours = 4;
        generator.parts_per_hour = 2;
        generator.encryption = encryption;
        let counts = write_files(&inputs, &generator).unwrap().counts;
        let service = StandIn::start(options, read_folder(&inputs).unwrap()).unwrap();
        let lake = folder.path().join("lake");
        let config = folder.path().join("lp-archive.toml");
        let scene = Scene { service, inputs, lake, config, counts, method, folder };
        scene.write_config("");
        scene
    }

    /// Writes the configuration; `more` goes to its end.
    pub fn write_config(&self, more: &str) {
        let known = self.service.credentials();
        let secret = |name: &str, text: &str| {
            let path = self.folder.path().join(name);
            fs::write(&path, text).unwrap();
            format!("{name}_file = {path:?}\n")
        };
        let auth = match self.method {
            Method::Oauth1 => format!(
                "method = \"oauth1\"\n{}{}{}{}",
                secret("consumer_key", &known.consumer_key),
                secret("consumer_secret", &known.consumer_secret),
                secret("token", &known.token),
                secret("token_secret", &known.token_secret),
            ),
            Method::Oauth2 => format!(
                "method = \"oauth2\"\ntoken_url = {:?}\n{}{}",
                self.service.token_url(ACCOUNT),
                secret("client_id", &known.client_id),
                secret("client_secret", &known.client_secret),
            ),
            Method::Bearer => format!("method = \"bearer\"\n{}", secret("token", &known.bearer)),
        };
        let key = self.folder.path().join("demo.asc");
        fs::write(&key, demo_secret_key()).unwrap();
        let text = format!(
            "[[account]]\nid = \"{ACCOUNT}\"\nbase_url = {:?}\n[account.auth]\n{auth}\
             [account.pgp]\nkey_files = [{key:?}]\n[archive]\nout = {:?}\n\
             [service]\nfirst_pause = \"20ms\"\nmax_pause = \"100ms\"\nread_timeout = \"2s\"\n{more}",
            self.service.base_url(),
            self.lake,
        );
        fs::write(&self.config, text).unwrap();
    }

    /// A command of the program with this configuration and `--json`.
    pub fn run(&self, name: &str, more: &[&str]) -> Run {
        run(command().arg(name).arg("-c").arg(&self.config).arg("--json").args(more))
    }

    pub fn sync(&self, more: &[&str]) -> Run {
        self.run("sync", more)
    }
}
