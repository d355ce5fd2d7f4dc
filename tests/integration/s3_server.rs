//! SeaweedFS on loopback, with real sign-in: started for a test, gone when the test process is, however it ends.
//!
//! ```text
//! test process --pipe--> sh (waits for the pipe's end, then kills) --> weed mini --> S3 on a free port
//! ```

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::program::repository;

pub const ACCESS_KEY: &str = "testaccesskey";
pub const SECRET_KEY: &str = "test/secret+key";
pub const BUCKET: &str = "lake";

/// Ports that a server takes: master, volume, filer, S3, admin. Each also + 10000.
const PORTS: u16 = 5;

/// A running S3 server with one empty bucket.
pub struct S3Server {
    base: u16,
    folder: PathBuf,
    guard: Option<Child>,
}

impl S3Server {
    /// One for all tests that do not hurt it.
    pub fn shared() -> &'static S3Server {
        static SHARED: OnceLock<S3Server> = OnceLock::new();
        SHARED.get_or_init(S3Server::start)
    }

    pub fn start() -> S3Server {
        // The shared one is never dropped: the guard removes its folder.
        let folder = tempfile::tempdir().unwrap().keep();
        let mut server = S3Server { base: free_ports(), folder, guard: None };
        server.start_again();
        server
    }

    /// Starts what was killed, over the same data.
    pub fn start_again(&mut self) {
        let weed = repository().join(".venv/bin/weed");
        assert!(weed.exists(), "{} is missing: run `bash tests/run.sh` once", weed.display());
        let (log, base, folder) = (self.folder.join("log"), self.base, self.folder.display());
        let _ = fs::remove_file(&log);
        let ports: String = ["master", "volume", "filer", "s3", "admin"]
            .iter()
            .zip(base..)
            .map(|(name, port)| format!(" -{name}.port={port} -{name}.port.grpc={}", port + 10_000))
            .collect();
        let script = format!(
            "'{weed}' -logtostderr=true mini -dir='{folder}/data' -ip=127.0.0.1 -ip.bind=127.0.0.1{ports} \
             -s3.port.iceberg=0 -s3.port.lance=0 -s3.autoCreateBucket=false -bucket={BUCKET} -webdav=false \
             -admin.ui=false -master.telemetry=false -filer.localSocket='{folder}/filer' \
             -s3.localSocket='{folder}/s3' >'{log}' 2>&1 </dev/null &\n\
             echo $! >'{folder}/pid'; cat >/dev/null; kill -9 $!; wait; [ -e '{folder}/keep' ] || rm -rf '{folder}'",
            weed = weed.display(),
            log = log.display(),
        );
        fs::create_dir_all(self.folder.join("data")).unwrap();
        let guard = Command::new("sh")
            .args(["-c", &script])
            .envs([("AWS_ACCESS_KEY_ID", ACCESS_KEY), ("AWS_SECRET_ACCESS_KEY", SECRET_KEY)])
            .env("HOME", &self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.guard = Some(guard);
        let begun = Instant::now();
        while !(self.said("All enabled components are running") && self.answers()) {
            let log = || fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            assert!(begun.elapsed() < Duration::from_secs(60), "the S3 server does not start: {}", log());
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// SIGKILL, as a power cut would; the data stays.
    pub fn kill(&mut self) {
        fs::write(self.folder.join("keep"), "").unwrap();
        self.end();
        fs::remove_file(self.folder.join("keep")).unwrap();
    }

    fn end(&mut self) {
        if let Some(mut guard) = self.guard.take() {
            drop(guard.stdin.take());
            let _ = guard.wait();
        }
    }

    fn said(&self, words: &str) -> bool {
        fs::read_to_string(self.folder.join("log")).is_ok_and(|log| log.contains(words))
    }

    /// The bucket is there: asked without keys, it refuses instead of not answering.
    fn answers(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port())) else { return false };
        let asked = format!("GET /{BUCKET} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
        let mut answer = [0; 12];
        stream.write_all(asked.as_bytes()).is_ok()
            && stream.read_exact(&mut answer).is_ok()
            && answer.ends_with(b"403")
    }

    pub fn port(&self) -> u16 {
        self.base + 3
    }

    /// A lake of its own in the bucket.
    pub fn new_lake(&self) -> String {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        format!("s3://{BUCKET}/lake-{}", COUNTER.fetch_add(1, Ordering::Relaxed))
    }

    /// What the program and the readers need in their environment.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{}", self.port())),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
        ]
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// The first of some ports in a row that nobody listens on.
fn free_ports() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let begin = std::process::id().wrapping_mul(7);
    for _ in 0..1000 {
        let step = begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        // All below 32,768, from where systems give ports to whoever connects: one that is to come again with its port
        // must find it.
        let base = 12_000 + u16::try_from(step % 1000).unwrap() * 10;
        let free = |port| TcpListener::bind(("127.0.0.1", port)).is_ok();
        if (base..base + PORTS).all(|port| free(port) && free(port + 10_000)) {
            return base;
        }
    }
    panic!("no free ports");
}
