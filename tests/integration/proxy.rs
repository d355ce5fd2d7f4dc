//! What stands between the program and the network in tests: a proxy that takes CONNECT and plain requests, and a
//! server that speaks TLS with a certificate of `fixtures/tls/`.
//!
//! ```text
//! program --CONNECT da.example:443--> Proxy --> TlsServer --> stand-in of the service
//! ```

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use super::program::repository;

/// Speaks TLS, and hands what it hears on.
pub struct TlsServer {
    python: Child,
    pub port: u16,
}

impl TlsServer {
    /// `certificate`: its name in `fixtures/tls/`. `upstream`: the port behind it; `None`: nobody.
    pub fn start(certificate: &str, upstream: Option<u16>) -> TlsServer {
        let mut python = Command::new(repository().join(".venv/bin/python"))
            .arg(repository().join("tests/tls/forward.py"))
            .arg(repository().join("fixtures/tls").join(certificate))
            .args(upstream.map(|port| port.to_string()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(python.stdout.take().unwrap()).read_line(&mut line).unwrap();
        TlsServer { python, port: line.trim().parse().unwrap() }
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        let _ = self.python.kill();
        let _ = self.python.wait();
    }
}

/// A proxy that brings every host to one port of this machine.
pub struct Proxy {
    pub port: u16,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// `password`: what `Proxy-Authorization` must hold, as `user:password`.
    pub fn start(target: u16, password: Option<&str>) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let wanted = password.map(|password| format!("Basic {}", base64(password)));
        let told = heard.clone();
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, told, wanted) = (client.unwrap(), told.clone(), wanted.clone());
                thread::spawn(move || serve(client, target, wanted.as_deref(), &told));
            }
        });
        Proxy { port, heard }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// First lines of the requests so far, without their version: `CONNECT da.example:443`.
    pub fn heard(&self) -> Vec<String> {
        let mut heard = self.heard.lock().unwrap().clone();
        heard.sort();
        heard.dedup();
        heard
    }
}

fn serve(mut client: TcpStream, target: u16, wanted: Option<&str>, heard: &Mutex<Vec<String>>) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match client.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return,
        }
    }
    let head = String::from_utf8(head).unwrap();
    let first = head.lines().next().unwrap().rsplit_once(' ').unwrap().0;
    heard.lock().unwrap().push(first.split('?').next().unwrap().to_owned());
    let authorization = head
        .lines()
        .find_map(|line| line.to_lowercase().starts_with("proxy-authorization: ").then(|| &line[21..]));
    if wanted.is_some() && authorization != wanted {
        let _ = client.write_all(
            b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n",
        );
        return;
    }
    let mut upstream = TcpStream::connect(("127.0.0.1", target)).unwrap();
    if first.starts_with("CONNECT ") {
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").unwrap();
    } else {
        // A plain request names the whole URL, which servers take as well.
        upstream.write_all(head.as_bytes()).unwrap();
    }
    let (mut from, mut to) = (client.try_clone().unwrap(), upstream.try_clone().unwrap());
    thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
    let _ = std::io::copy(&mut upstream, &mut client);
    let _ = client.shutdown(Shutdown::Both);
}

fn base64(text: &str) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let bits =
            chunk.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for index in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * index) & 63) as usize] as char;
            encoded.push(if index <= chunk.len() { letter } else { '=' });
        }
    }
    encoded
}
