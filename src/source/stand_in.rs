//! A service for the tests of this room: answers are bytes on a socket, so that it can also be cut
//! short, silent or wrong.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// One request as received.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: HashMap<String, String>,
    /// Names in lower case.
    pub(super) headers: HashMap<String, String>,
    pub(super) body: String,
}

impl Asked {
    pub(super) fn authorization(&self) -> &str {
        self.headers.get("authorization").map_or("", String::as_str)
    }
}

/// What to do with a request.
pub(super) enum Reply {
    Bytes(Vec<u8>),
    /// The bytes, then nothing for a long time.
    Stall(Vec<u8>),
}

pub(super) struct StandIn {
    pub(super) base: String,
    log: Arc<Mutex<Vec<Asked>>>,
    busiest: Arc<Mutex<(usize, usize)>>,
}

impl StandIn {
    /// Every request so far, in order of arrival.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.log.lock().unwrap().clone()
    }

    /// The most requests that were open at once.
    pub(super) fn busiest(&self) -> usize {
        self.busiest.lock().unwrap().1
    }
}

/// A whole answer.
pub(super) fn reply(status: u16, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Reply {
    let body = body.as_ref();
    let mut head =
        format!("HTTP/1.1 {status} Some\r\nContent-Length: {}\r\nConnection: close\r\n", body.len());
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let mut bytes = format!("{head}\r\n").into_bytes();
    bytes.extend_from_slice(body);
    Reply::Bytes(bytes)
}

/// Answers each request with `answer(request, its number among those to the same path, from 0)`.
pub(super) async fn serve(answer: impl Fn(&Asked, usize) -> Reply + Send + Sync + 'static) -> StandIn {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let stand_in = StandIn { base, log: Arc::default(), busiest: Arc::default() };
    let (log, busiest, answer) = (stand_in.log.clone(), stand_in.busiest.clone(), Arc::new(answer));
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let (log, busiest, answer) = (log.clone(), busiest.clone(), answer.clone());
            tokio::spawn(async move {
                {
                    let mut busiest = busiest.lock().unwrap();
                    busiest.0 += 1;
                    busiest.1 = busiest.1.max(busiest.0);
                }
                converse(socket, &log, &*answer).await;
                busiest.lock().unwrap().0 -= 1;
            });
        }
    });
    stand_in
}

async fn converse(
    mut socket: TcpStream,
    log: &Mutex<Vec<Asked>>,
    answer: &(impl Fn(&Asked, usize) -> Reply + Send + Sync),
) {
    let Some(asked) = read_request(&mut socket).await else { return };
    let nth = {
        let mut log = log.lock().unwrap();
        let nth = log.iter().filter(|earlier| earlier.path == asked.path).count();
        log.push(asked.clone());
        nth
    };
    // Long enough for requests at once to be seen as such.
    tokio::time::sleep(Duration::from_millis(2)).await;
    let (bytes, stalls) = match answer(&asked, nth) {
        Reply::Bytes(bytes) => (bytes, false),
        Reply::Stall(bytes) => (bytes, true),
    };
    let _ = socket.write_all(&bytes).await;
    if stalls {
        tokio::time::sleep(Duration::from_secs(30)).await;
    }
    let _ = socket.shutdown().await;
}

async fn read_request(socket: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let n = socket.read(&mut buffer).await.ok().filter(|n| *n > 0)?;
        bytes.extend_from_slice(&buffer[..n]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let mut lines = head.lines();
        let mut first = lines.next()?.split(' ');
        let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
        let headers: HashMap<String, String> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        let declared: usize = headers.get("content-length").map_or(0, |n| n.parse().unwrap());
        if body.len() < declared {
            continue;
        }
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let query = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        return Some(Asked { method, path: path.to_owned(), query, headers, body: body.to_owned() });
    }
}
