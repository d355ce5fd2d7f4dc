//! Floor 3. Joins the stages: from a source's listing to the ledger.
//!
//! ```text
//! recover what died runs left -> list each stream -> read the ledger -> plan: what it lacks, oldest first
//!    -> for each batch: fetch | decode -> frame -> rows -> objects | ledger entry     (batch, workers)
//!    -> record of the run, so that coverage can be proven
//! ```
//! Data travels one way. tokio ends at the network's edge; the work is done by rayon on bytes in memory;
//! between the two stands one channel bounded by bytes (`budget`). What fails alone (an entry of the
//! listing, a part, a stream) is an event and the others go on; what stops the run is its error.

mod batch;
mod budget;
mod inspect;
mod parse;
mod plan;
mod staging;
mod stop;
mod workers;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;
use tokio::runtime::Handle;

use crate::decode::Keyring;
use crate::lake::{Archived, Lake};
use crate::model::{
    Batch, DecodeLimits, Event, EventSink, Fault, Part, Remedy, Stream, UtcDay, Window, WorkOptions,
    format_ms,
};
use crate::source::{Listing, Source};

pub use inspect::{Inspected, inspect};
pub use plan::{PlannedBatch, RETENTION_MS, expires_ms};
pub use stop::Stop;

/// Settings of a run.
#[derive(Clone, Debug)]
pub struct RunOptions {
    pub work: WorkOptions,
    pub limits: DecodeLimits,
    /// Bounds the parts' scope starts.
    pub window: Window,
    /// Do only parts that are named here.
    pub chosen: Option<Vec<PlannedBatch>>,
}

/// What a run works with.
pub struct Run<'l> {
    pub source: Arc<dyn Source>,
    pub lake: &'l Lake,
    pub keys: &'l Keyring,
    pub events: Arc<dyn EventSink>,
    pub options: &'l RunOptions,
    pub runtime: Handle,
    pub stop: &'l Stop,
}

/// What a run would do.
#[derive(Debug, Default)]
pub struct Plan {
    /// Oldest first.
    pub batches: Vec<Batch>,
    /// Numbers of the next ledger entries.
    archived: HashMap<Stream, Archived>,
    /// Parts listed per stream; only streams whose listing was whole and without bad entries.
    listed: Vec<(Stream, u64)>,
    /// Entries of each listed stream that cannot be used.
    unusable: Vec<(Stream, u64)>,
}

impl Run<'_> {
    /// Archives everything that is listed and not archived yet.
    ///
    /// # Errors
    /// What stopped the run; run again to go on. Everything that failed alone is an event.
    pub fn sync(&self) -> Result<(), Fault> {
        let started_ms = now_ms();
        let recovered = self.lake.recover(self.source.account())?;
        if recovered.attempts > 0 {
            self.events.emit(Event::Recovered {
                attempts: recovered.attempts,
                objects_deleted: recovered.objects_deleted,
            });
        }
        let plan = self.plan()?;
        let mut archived = HashSet::new();
        let done = plan.batches.iter().try_for_each(|batch| {
            self.stop.check()?;
            self.one_batch(batch, &plan, &mut archived)
        });
        self.tell_unarchived(&plan, &archived);
        done?;
        self.record(started_ms, &plan)
    }

    /// Lists, reads the ledger, and tells what is missing.
    ///
    /// # Errors
    /// What stops the run: the lake, a signal. A stream that cannot be listed is an event.
    pub fn plan(&self) -> Result<Plan, Fault> {
        let streams = match self.wait(self.source.streams())? {
            Ok(streams) => streams,
            Err(fault) if fault.kind.remedy() == Remedy::StopRun => return Err(fault),
            Err(fault) => {
                // Without the base resource no stream is known to be there: each is asked for itself.
                self.events.emit(Event::Warning { message: format!("{fault}; trying every data type") });
                Stream::ALL.to_vec()
            }
        };
        let listings = self.wait(futures::future::join_all(streams.iter().map(|stream| {
            self.events.emit(Event::ListingStarted {
                account: self.source.account().to_string(),
                stream: *stream,
                window: self.options.window,
            });
            self.source.list(*stream, self.options.window)
        })))?;
        let mut plan = Plan::default();
        let mut missing = Vec::new();
        for (stream, listing) in streams.into_iter().zip(listings) {
            match listing {
                Ok(listing) => missing.extend(self.missing(stream, listing, &mut plan)?),
                Err(fault) if fault.kind.remedy() == Remedy::StopRun => return Err(fault),
                Err(fault) => self.events.emit(Event::StreamFailed {
                    account: self.source.account().to_string(),
                    stream,
                    fault,
                }),
            }
        }
        plan.batches = plan::plan(self.source.account(), missing);
        self.events.emit(Event::Planned {
            batches: plan.batches.len() as u64,
            parts: plan.batches.iter().map(|batch| batch.parts.len() as u64).sum(),
        });
        Ok(plan)
    }

    /// Parts of a listing that the ledger lacks.
    fn missing(&self, stream: Stream, listing: Listing, plan: &mut Plan) -> Result<Vec<Part>, Fault> {
        let account = self.source.account();
        for message in listing.warnings {
            self.events.emit(Event::Warning { message });
        }
        plan.unusable.push((stream, listing.entry_faults.len() as u64));
        let whole = listing.entry_faults.is_empty();
        for fault in listing.entry_faults {
            let part = fault.unit.clone().unwrap_or_else(|| format!("{account}/{stream}"));
            self.events.emit(Event::PartFailed { part, fault });
        }
        let mut parts = listing.parts;
        let listed = parts.len() as u64;
        if whole {
            plan.listed.push((stream, listed));
        }
        let days = parts.iter().map(|part| UtcDay::of_ms(part.scope.start_ms));
        if let (Some(first), Some(last)) = (days.clone().min(), days.max()) {
            let archived = self.lake.archived(account, stream, first, last)?;
            parts.retain(|part| !archived.parts.contains(&part.id.name));
            plan.archived.insert(stream, archived);
        }
        if let Some(chosen) = &self.options.chosen {
            plan::keep_chosen(&mut parts, chosen);
        }
        self.events.emit(Event::Listed {
            account: account.to_string(),
            stream,
            parts: listed,
            missing: parts.len() as u64,
        });
        Ok(parts)
    }

    fn one_batch(&self, batch: &Batch, plan: &Plan, archived: &mut HashSet<String>) -> Result<(), Fault> {
        self.events.emit(Event::BatchStarted {
            account: batch.account.to_string(),
            stream: batch.stream,
            day: batch.day.to_string(),
            parts: batch.parts.len() as u64,
        });
        let number = plan.archived.get(&batch.stream).map_or(1, |archived| archived.next_number(batch.day));
        match batch::run_batch(self, batch, number, archived) {
            Err(fault) if fault.kind.remedy() != Remedy::StopRun => {
                self.events.emit(Event::BatchFailed {
                    account: batch.account.to_string(),
                    stream: batch.stream,
                    day: batch.day.to_string(),
                    fault,
                });
                Ok(())
            }
            done => done,
        }
    }

    /// Tells what is left of each listed stream. `archived`: names of parts that are archived since the plan.
    fn tell_unarchived(&self, plan: &Plan, archived: &HashSet<String>) {
        for (stream, unusable) in &plan.unusable {
            let batches = plan.batches.iter().filter(|batch| batch.stream == *stream);
            let left: Vec<i64> = batches
                .flat_map(|batch| &batch.parts)
                .filter(|part| !archived.contains(&part.id.name))
                .map(|part| part.scope.end_ms)
                .collect();
            self.events.emit(Event::Unarchived {
                account: self.source.account().to_string(),
                stream: *stream,
                parts: left.len() as u64 + unusable,
                oldest_end_ms: left.into_iter().min(),
            });
        }
    }

    /// Leaves a record of what was listed whole.
    fn record(&self, started_ms: i64, plan: &Plan) -> Result<(), Fault> {
        let streams: serde_json::Map<String, serde_json::Value> =
            plan.listed.iter().map(|(stream, parts)| (stream.to_string(), json!(parts))).collect();
        let run = json!({
            "version": 1,
            "account": self.source.account().as_str(),
            "program": env!("CARGO_PKG_VERSION"),
            "started": format_ms(started_ms),
            "listed": format_ms(started_ms),
            "window": {
                "from": format_ms(self.options.window.from_ms),
                "to": format_ms(self.options.window.to_ms.min(started_ms)),
            },
            "streams": streams,
        });
        self.lake.store_run(started_ms, &run)
    }

    /// Waits for the network, or for the wish to stop.
    fn wait<T>(&self, work: impl Future<Output = T>) -> Result<T, Fault> {
        self.runtime.block_on(self.stop.or(work))
    }
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}
