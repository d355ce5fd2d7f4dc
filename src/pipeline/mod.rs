//! Floor 3. Joins the stages: from a source's listing to the ledger.
//!
//! ```text
//! recover what died runs left -> list each stream -> read the ledger -> plan: what it lacks, oldest first
//!    -> for each batch: fetch | decode -> frame -> rows -> objects | ledger entry     (committing, batch, workers, gathered)
//!    -> record of the run, so that coverage can be proven
//! ```
//! Data travels one way. tokio ends at the network's edge; the work is done by rayon on bytes in memory;
//! between the two stand bounds by bytes, of what came and of its rows (`budget`). What fails alone (an entry of the
//! listing, a part, a stream) is an event and the others go on; what stops the run is its error.

mod batch;
mod budget;
mod committing;
mod coverage;
mod estimate;
pub mod fuzzing;
mod gathered;
mod inspect;
mod parse;
mod plan;
mod record;
mod redo;
mod shared;
mod staging;
mod status;
mod stop;
mod workers;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::runtime::Handle;

use crate::decode::Keyring;
use crate::lake::{Archived, Lake, Suspects};
use crate::model::{
    Batch, DecodeLimits, Event, EventSink, Fault, FaultKind, Part, Remedy, Scope, Stage, Stream, UtcDay,
    Wanted, WorkOptions, counted,
};
use crate::source::{Listing, Source};

use committing::{Line, Numbers};
use record::{Listed, Noted, Times};
use redo::Redo;
use shared::Shared;

pub use coverage::{Coverage, Gap};
pub use estimate::Estimate;
pub use gathered::{Gathered, TakesRows};
pub use inspect::{Inspected, inspect};
pub use parse::{Findings, parse_chunk};
pub use plan::{PlannedBatch, RETENTION_MS, expires_ms};
pub use staging::shape_of as lake_shape;
pub use status::{StreamStatus, Unarchived, recorded_status};
pub use stop::Stop;
pub use workers::Sizes;

/// Settings of a run.
#[derive(Clone, Debug)]
pub struct RunOptions {
    pub work: WorkOptions,
    pub limits: DecodeLimits,
    pub wanted: Wanted,
    /// Do only parts that are named here.
    pub chosen: Option<Vec<PlannedBatch>>,
    /// Archive anew what is archived, where every part of an entry is at hand.
    pub redo: bool,
    /// Take what can be read of damaged parts.
    pub salvage: bool,
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
    /// Entries to be replaced, oldest day first.
    redos: Vec<Redo>,
    /// Parts that were being read when a process died.
    suspects: Suspects,
    /// What was listed, for the record of the run.
    listed: Vec<Listed>,
    /// Streams that could be listed, and the names listed in them; for parts that were chosen.
    names: HashMap<Stream, HashSet<String>>,
}

/// A stream and its listing, or why there is none.
type Answer = (Stream, Result<Listing, Fault>);

impl Plan {
    /// Nothing is to be done.
    fn is_empty(&self) -> bool {
        self.batches.is_empty() && self.redos.is_empty()
    }
}

impl Run<'_> {
    /// Archives everything that is listed and not archived yet.
    ///
    /// # Errors
    /// What stopped the run; run again to go on. Everything that failed alone is an event.
    pub fn sync(&self) -> Result<(), Fault> {
        let mut times = Times { started_ms: now_ms(), ..Times::default() };
        let recovered = self.lake.recover(self.source.account())?;
        if recovered.attempts > 0 {
            self.events.emit(Event::Recovered {
                attempts: recovered.attempts,
                objects_deleted: recovered.objects_deleted,
            });
        }
        times.listing_began_ms = now_ms();
        let plan = self.plan()?;
        times.listing_ended_ms = now_ms();
        let noted = Arc::new(Noted::new(self.events.clone()));
        let done = self.with_events(noted.clone()).archive(&plan);
        if done.as_ref().is_err_and(|fault| fault.kind == FaultKind::Destination) {
            // There is no place for a record.
            return done;
        }
        if !self.source.lists_all() && plan.is_empty() {
            // Files on disk prove no coverage: where nothing was to do, nothing is written.
            return done;
        }
        // A run that was cut short has listed all the same; the fault that ended it is the one to tell.
        let recorded = self.record(&times, &plan.listed, &noted, done.is_ok());
        done.and(recorded)
    }

    fn with_events(&self, events: Arc<dyn EventSink>) -> Run<'_> {
        Run { source: self.source.clone(), events, runtime: self.runtime.clone(), ..*self }
    }

    /// Does what was planned.
    fn archive(&self, plan: &Plan) -> Result<(), Fault> {
        let redone = plan.redos.iter().map(|redo| &redo.batch);
        let day = |batch: &Batch| {
            let archived = plan.archived.get(&batch.stream)?;
            Some(((batch.stream, batch.day), archived.next_number(batch.day)))
        };
        let mut numbers: Numbers = redone.chain(&plan.batches).filter_map(day).collect();
        let shared = Shared::of(self);
        for redo in &plan.redos {
            let batch = &redo.batch;
            self.stop.check()?;
            self.batch_started(batch);
            let number = numbers.entry((batch.stream, batch.day)).or_insert(1);
            match redo::run_redo(self, redo, &shared, *number) {
                Ok(next) => *number = next,
                Err(fault) => self.batch_failed(batch, fault)?,
            }
        }
        let suspect = |part: &Part| plan.suspects.deaths.contains_key(&part.id.name);
        Line::new(self, &plan.batches, numbers, &shared, suspect).archive()?;
        self.clear_suspects(plan)
    }

    /// Whoever gets here has read every planned part and lives.
    fn clear_suspects(&self, plan: &Plan) -> Result<(), Fault> {
        let read: HashSet<&str> =
            plan.batches.iter().flat_map(|batch| &batch.parts).map(|part| part.id.name.as_str()).collect();
        let archived = |part: &str| plan.archived.values().any(|archived| archived.parts.contains_key(part));
        self.lake.clear_suspects(&plan.suspects, |part| read.contains(part) || archived(part), now_ms())
    }

    /// Lists every stream of the account, each for itself.
    ///
    /// # Errors
    /// What stops the run.
    fn list(&self) -> Result<Vec<Answer>, Fault> {
        let streams = match self.wait(self.source.streams())? {
            Ok(streams) => streams,
            Err(fault) if fault.kind.remedy() == Remedy::StopRun => return Err(fault),
            Err(fault) if fault.kind == FaultKind::Unavailable => {
                return Ok(Stream::ALL.map(|stream| (stream, Err(fault.clone()))).into());
            }
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
                window: self.options.wanted.span(),
            });
            self.source.list(*stream, self.options.wanted)
        })))?;
        let fatal = |listing: &Result<Listing, Fault>| {
            listing.as_ref().err().filter(|fault| fault.kind.remedy() == Remedy::StopRun).cloned()
        };
        match listings.iter().find_map(fatal) {
            Some(fault) => Err(fault),
            None => Ok(streams.into_iter().zip(listings).collect()),
        }
    }

    /// Lists, reads the ledger, and tells what is missing.
    ///
    /// # Errors
    /// What stops the run: the lake, a signal. A stream that cannot be listed is an event.
    pub fn plan(&self) -> Result<Plan, Fault> {
        let mut plan = Plan::default();
        let mut missing = Vec::new();
        let answers = self.list()?;
        let failed: Vec<(Stream, Fault)> = answers
            .iter()
            .filter_map(|(stream, listing)| Some((*stream, listing.as_ref().err()?.clone())))
            .collect();
        for (stream, listing) in answers {
            match listing {
                Ok(listing) => missing.extend(self.missing(stream, listing, &mut plan)?),
                Err(fault) => {
                    let fault = self.joint(fault, &failed);
                    plan.listed.push(Listed::failed(stream, &fault));
                    let account = self.source.account().to_string();
                    self.events.emit(Event::StreamFailed { account, stream, fault });
                }
            }
        }
        self.tell_chosen_and_gone(&plan)?;
        plan.suspects = self.lake.suspects(self.source.account())?;
        plan.batches = plan::plan(self.source.account(), missing, &plan.suspects.deaths);
        plan.redos.sort_by_key(|redo| (redo.batch.day, redo.batch.stream));
        let batches = || plan.redos.iter().map(|redo| &redo.batch).chain(&plan.batches);
        self.events.emit(Event::Planned {
            batches: batches().count() as u64,
            parts: batches().map(|batch| batch.parts.len() as u64).sum(),
        });
        Ok(plan)
    }

    /// The fault with every stream as its unit that failed for the same reason: people read it once.
    fn joint(&self, fault: Fault, failed: &[(Stream, Fault)]) -> Fault {
        let alone = Fault { unit: None, ..fault.clone() };
        let alike = failed.iter().filter(|(_, other)| Fault { unit: None, ..other.clone() } == alone);
        let streams: Vec<String> = alike.map(|(stream, _)| stream.to_string()).collect();
        match streams.as_slice() {
            [] | [_] => fault,
            several => alone.of(format!("{} ({})", self.source.account(), several.join(", "))),
        }
    }

    /// Parts of a listing that the ledger lacks.
    fn missing(&self, stream: Stream, listing: Listing, plan: &mut Plan) -> Result<Vec<Part>, Fault> {
        let account = self.source.account();
        for message in listing.warnings {
            self.events.emit(Event::Warning { message });
        }
        let bad_entries = listing.entry_faults.len();
        for fault in listing.entry_faults {
            let part = fault.unit.clone().unwrap_or_else(|| format!("{account}/{stream}"));
            self.events.emit(Event::PartFailed { part, fault });
        }
        let mut parts = listing.parts;
        let listed = parts.len() as u64;
        let listed_names = parts.iter().map(|part| part.id.name.clone()).collect();
        if self.options.redo {
            self.plan_redo(stream, &parts, plan)?;
        }
        let days = parts.iter().map(|part| UtcDay::of_ms(part.scope.start_ms));
        if let (Some(first), Some(last)) = (days.clone().min(), days.max()) {
            let archived = self.lake.archived(account, stream, first, last)?;
            if !self.options.redo {
                self.tell_of_other_sizes(&parts, &archived);
            }
            parts.retain(|part| !archived.parts.contains_key(&part.id.name));
            plan.archived.insert(stream, archived);
        }
        plan.listed.push(Listed::new(stream, listed, bad_entries, &parts));
        if let Some(chosen) = &self.options.chosen {
            plan.names.insert(stream, listed_names);
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

    /// A part is known by its name: what came under it again, and is another file, is not archived.
    fn tell_of_other_sizes(&self, parts: &[Part], archived: &Archived) {
        let others = parts.iter().filter_map(|part| {
            let (now, then) = (part.bytes?, *archived.parts.get(&part.id.name)?);
            (now != then).then_some((part, now, then))
        });
        let Some((part, now, then)) = others.clone().next() else { return };
        let message = format!(
            "{} archived already, with another size than now: {} had {then} bytes and has {now}; what is archived stays (of \
             a salvaged file, --redo takes the sound copy)",
            counted(others.count() as u64, "part"),
            part.id,
        );
        self.events.emit(Event::Warning { message });
    }

    /// Chosen parts that are neither listed nor archived: without a word they would pass for done.
    fn tell_chosen_and_gone(&self, plan: &Plan) -> Result<(), Fault> {
        let account = self.source.account();
        let chosen = self.options.chosen.iter().flatten().filter(|batch| batch.account == account.as_str());
        for batch in chosen {
            let stream = Stream::from_resource(&batch.stream);
            let Some((stream, listed)) = stream.and_then(|s| plan.names.get_key_value(&s)) else { continue };
            let mut gone = batch.parts.iter().filter(|name| !listed.contains(*name)).peekable();
            if gone.peek().is_none() {
                continue;
            }
            let archived = match UtcDay::parse(&batch.day) {
                Some(day) => self.lake.archived(account, *stream, day, day)?.parts,
                None => Default::default(),
            };
            for name in gone.filter(|name| !archived.contains_key(*name)) {
                let fault =
                    Fault::new(FaultKind::Gone, Stage::List, "it is planned, but not listed any more")
                        .of(format!("{account}/{stream}/{name}"))
                        .advise("check that --from and --to are those of the plan");
                self.events.emit(Event::PartFailed { part: name.clone(), fault });
            }
        }
        Ok(())
    }

    /// Adds what is to be archived anew of a stream.
    fn plan_redo(&self, stream: Stream, parts: &[Part], plan: &mut Plan) -> Result<(), Fault> {
        let account = self.source.account();
        let window = self.options.wanted.span();
        // The service is asked for all of a window; of files on disk only those given are meant.
        let all = self.source.lists_all();
        let given = || parts.iter().map(|part| UtcDay::of_ms(part.scope.start_ms));
        let days = match (all, given().min(), given().max()) {
            (true, _, _) => {
                (UtcDay::of_ms(window.from_ms), UtcDay::of_ms(window.to_ms.saturating_sub(1).min(now_ms())))
            }
            (false, Some(first), Some(last)) => (first, last),
            (false, _, _) => return Ok(()),
        };
        let entries = self.lake.committed(account, stream, days.0, days.1)?;
        let meant = |scope: Scope| all && window.contains(scope.start_ms);
        let (redos, left) = redo::plan(&entries, parts, meant, self.options.work.batch_bytes);
        plan.redos.extend(redos);
        for message in left {
            self.events.emit(Event::Warning { message: format!("{account}/{stream}: {message}") });
        }
        Ok(())
    }

    fn batch_started(&self, batch: &Batch) {
        self.events.emit(Event::BatchStarted {
            account: batch.account.to_string(),
            stream: batch.stream,
            day: batch.day.to_string(),
            parts: batch.parts.len() as u64,
        });
    }

    /// What costs only this batch is an event.
    ///
    /// # Errors
    /// What stops the run.
    fn batch_failed(&self, batch: &Batch, fault: Fault) -> Result<(), Fault> {
        if fault.kind.remedy() == Remedy::StopRun {
            return Err(fault);
        }
        self.events.emit(Event::BatchFailed {
            account: batch.account.to_string(),
            stream: batch.stream,
            day: batch.day.to_string(),
            fault,
        });
        Ok(())
    }

    /// Waits for the network, or for the wish to stop.
    fn wait<T>(&self, work: impl Future<Output = T>) -> Result<T, Fault> {
        self.runtime.block_on(self.stop.or(work))
    }
}

/// Milliseconds since 1970.
pub fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}
