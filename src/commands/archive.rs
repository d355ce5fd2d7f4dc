//! What `sync`, `plan`, `convert` and `demo` share: threads, keys, lake, and the signals that stop them.

use std::io::IsTerminal;
use std::sync::Arc;

use tokio::runtime::Runtime;

use crate::decode::Keyring;
use crate::lake::{Access, Lake};
use crate::model::{
    DecodeLimits, Event, EventSink, Fault, FaultKind, LakeOptions, PgpOptions, Stage, WorkOptions,
};
use crate::pipeline::Stop;
use crate::report::Reporter;

/// What a command works with once its configuration is read.
pub struct Workshop {
    pub runtime: Runtime,
    pub lake: Lake,
    pub stop: Stop,
}

impl Workshop {
    /// Starts the threads, opens the lake and listens for signals.
    ///
    /// # Errors
    /// The lake's, or the machine's.
    pub fn open(out: &str, work: &WorkOptions, lake: LakeOptions, access: Access) -> Result<Workshop, Fault> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .thread_name("network")
            .build()
            .map_err(|e| machine(&e))?;
        // A part that waits for its chunks reads other parts meanwhile, on the same stack.
        let workers = rayon::ThreadPoolBuilder::new()
            .num_threads(work.threads)
            .stack_size(16 << 20)
            .thread_name(|index| format!("worker {index}"));
        // Already built: by an earlier command of the same process, which happens in tests only.
        let _ = workers.build_global();
        let stop = Stop::default();
        {
            let _entered = runtime.enter();
            hear_of_file_limits();
        }
        runtime.spawn(listen(stop.clone()));
        match open_lake(out, lake, access, &runtime, &stop) {
            Ok(lake) => Ok(Workshop { runtime, lake, stop }),
            Err(fault) => {
                if fault.kind == FaultKind::Cancelled {
                    // The thread that still asks the store needs it until the process ends.
                    std::mem::forget(runtime);
                }
                Err(fault)
            }
        }
    }
}

/// Opens the lake, or gives up at the wish to stop: a store that is away is asked for a minute, and nothing is
/// written yet that would have to be cleaned up.
fn open_lake(
    out: &str,
    options: LakeOptions,
    access: Access,
    runtime: &Runtime,
    stop: &Stop,
) -> Result<Lake, Fault> {
    let (opened, open) = tokio::sync::oneshot::channel();
    let (out, handle) = (out.to_owned(), runtime.handle().clone());
    let work = move || drop(opened.send(Lake::open(&out, options, access, handle)));
    std::thread::Builder::new().name("lake".into()).spawn(work).map_err(|e| machine(&e))?;
    runtime.block_on(stop.or(open))?.map_err(|e| machine(&e))?
}

/// Unlocks the keys and says what is odd about them.
///
/// # Errors
/// A key that cannot be read or unlocked.
pub fn keyring(
    options: &PgpOptions,
    limits: &DecodeLimits,
    reporter: &Arc<Reporter>,
) -> Result<Keyring, Fault> {
    let keys = Keyring::load(options)?.with_max_plaintext_bytes(limits.max_record_bytes as u64);
    for message in keys.warnings() {
        reporter.emit(Event::Warning { message });
    }
    Ok(keys)
}

fn machine(error: &dyn std::fmt::Display) -> Fault {
    Fault::new(FaultKind::Internal, Stage::Configure, format!("threads cannot be started: {error}"))
}

/// A file that grows beyond the process's limit (`ulimit -f`) sends SIGXFSZ, which would end the process without a word.
/// Once anyone listens, the write fails with an error instead, which says what and where.
fn hear_of_file_limits() {
    #[cfg(unix)]
    {
        use rustix::process::Signal;
        use tokio::signal::unix::{SignalKind, signal};
        // The listener itself is not needed: that someone listened is for the life of the process.
        drop(signal(SignalKind::from_raw(Signal::XFSZ.as_raw())));
    }
}

/// SIGINT and SIGTERM ask to stop; a second one stops at once.
async fn listen(stop: Stop) {
    loop {
        signal().await;
        if stop.is_asked() {
            if std::io::stderr().is_terminal() {
                // The bar stands there without a line end.
                eprintln!();
            }
            std::process::exit(crate::exit::Exit::Stopped.code());
        }
        stop.ask();
    }
}

#[cfg(unix)]
async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
}

#[cfg(not(unix))]
async fn signal() {
    let _ = tokio::signal::ctrl_c().await;
}
