//! A stand-in of LivePerson's Data Access API on loopback: real HTTP/1.1, sign-in checked, quirks and
//! faults on demand.
//!
//! ```text
//! StandIn::start(options, files)            own thread, own runtime, 127.0.0.1:<free port>
//!   request -> faults (a rule that matches?) -> routes -> sign-in -> listing | file | schema | token
//!   GET /data_access_le/account/75555851/le/survey?startTime=…&endTime=…   -> {"dataAccessFiles":…}
//! ```
//! Facts: the fact sheets of the Data Access API and of authorization; what they leave open is a setting
//! (`Quirks`). What can fail: binding the port. Everything else is an HTTP answer.

mod answers;
mod faults;
mod folder;
mod listing;
mod oauth1;
mod routes;
mod settings;
mod sign_in;

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

pub use faults::{FaultAct, FaultRule, Faults, Match};
pub use folder::{ServeOptions, read_folder, serve_folder};
pub use settings::{Credentials, FileBody, FileField, Quirks, RequestKind, ServedFile, StandInOptions};

use sign_in::SignIn;

/// One request as received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenRequest {
    pub kind: RequestKind,
    pub method: String,
    pub path_and_query: String,
    /// The `Authorization` header; the credentials here are made up.
    pub authorization: Option<String>,
    /// Status of the answer; 0 when the connection was cut instead.
    pub status: u16,
}

/// What the running service shares with its handle.
struct Shared {
    options: StandInOptions,
    address: SocketAddr,
    files: Mutex<Vec<ServedFile>>,
    faults: Mutex<Faults>,
    sign_in: Mutex<SignIn>,
    seen: Mutex<Vec<SeenRequest>>,
    in_flight: AtomicUsize,
    most_in_flight: AtomicUsize,
}

/// A poisoned lock holds sound data here: no update is made in several steps.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A running stand-in. It stops when dropped.
pub struct StandIn {
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl StandIn {
    /// Starts the service on a free port of 127.0.0.1 (or on `options.port`).
    ///
    /// # Errors
    /// When the port or the thread cannot be had.
    pub fn start(options: StandInOptions, files: Vec<ServedFile>) -> io::Result<StandIn> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, options.port))?;
        listener.set_nonblocking(true)?;
        let shared = Arc::new(Shared {
            address: listener.local_addr()?,
            files: Mutex::new(files),
            faults: Mutex::new(Faults::default()),
            sign_in: Mutex::new(SignIn::default()),
            seen: Mutex::new(Vec::new()),
            in_flight: AtomicUsize::new(0),
            most_in_flight: AtomicUsize::new(0),
            options,
        });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("stand-in")
            .enable_all()
            .build()?;
        let (stop, stopped) = oneshot::channel();
        let service = shared.clone();
        let thread = std::thread::Builder::new().name("stand-in".into()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = accept(listener, service) => (),
                    _ = stopped => (),
                }
            });
            // Stalled answers never end: do not wait for them.
            runtime.shutdown_background();
        })?;
        Ok(StandIn { shared, stop: Some(stop), thread: Some(thread) })
    }

    /// `http://127.0.0.1:<port>`, without a slash at the end.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.shared.address)
    }

    /// `…/sentinel/api/v2/account/<account>/app/token`.
    pub fn token_url(&self, account: &str) -> String {
        format!("{}/sentinel/api/v2/account/{account}/app/token", self.base_url())
    }

    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// What signs in, for every method.
    pub fn credentials(&self) -> &Credentials {
        &self.shared.options.credentials
    }

    /// Replaces the rules of what goes wrong.
    pub fn set_faults(&self, faults: Faults) {
        *lock(&self.shared.faults) = faults;
    }

    /// Replaces the files, as time does: late ones appear, old ones expire.
    pub fn set_files(&self, files: Vec<ServedFile>) {
        *lock(&self.shared.files) = files;
    }

    /// Makes every token issued so far invalid.
    pub fn revoke_tokens(&self) {
        lock(&self.shared.sign_in).revoke();
    }

    /// Every request so far, oldest first.
    pub fn requests(&self) -> Vec<SeenRequest> {
        lock(&self.shared.seen).clone()
    }

    /// Number of requests by kind.
    pub fn request_counts(&self) -> BTreeMap<RequestKind, u64> {
        let mut counts = BTreeMap::new();
        for request in lock(&self.shared.seen).iter() {
            *counts.entry(request.kind).or_default() += 1;
        }
        counts
    }

    /// Most requests that were being answered at once, before their bodies began (make them slow with
    /// [`FaultAct::Delay`] to see how many a client sends).
    pub fn most_at_once(&self) -> usize {
        self.shared.most_in_flight.load(Ordering::Relaxed)
    }

    pub fn clear_requests(&self) {
        lock(&self.shared.seen).clear();
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn accept(listener: std::net::TcpListener, shared: Arc<Shared>) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        // Else the end of an answer waits 40 ms for the client's delayed acknowledgement. Where it cannot be set, it
        // is slower and nothing else.
        let _ = stream.set_nodelay(true);
        let shared = shared.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let shared = shared.clone();
                async move { routes::answer(&shared, request).await }
            });
            // A client that hangs up or an answer cut on purpose ends the connection; nothing to tell.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

#[cfg(test)]
mod tests;
