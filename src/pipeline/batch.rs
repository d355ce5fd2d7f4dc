//! One batch: fetch its parts, read them, commit what is whole.
//!
//! ```text
//! tokio: fetch, a few at once --payloads, bounded by bytes--> rayon: read_part --> staging --> object sets
//!                                                             all parts done   --> ledger entry r<N>
//! ```
//! A part that fails is kept under `raw/` and left out; the others are committed. When somebody else
//! took the entry's number, the ledger is read again and what is still missing is done anew.

use std::collections::{BTreeSet, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

use futures::StreamExt;
use futures::stream::FuturesUnordered;

use super::budget::Share;
use super::gathered::Gathered;
use super::redo::Redo;
use super::shared::{Counted, Shared};
use super::staging::Staging;
use super::workers::{PartResult, Spare, Tools, read_part};
use super::{Run, now_ms};
use crate::decode::FETCH_AGAIN;
use crate::lake::{Attempt, EntryDraft, ObjectSet, Outcome, fail_point};
use crate::model::{
    AccountId, Batch, Event, Fault, FaultKind, Part, Payload, RawPolicy, Remedy, RunTotals, Stage,
};

/// How often a batch is done anew because others committed first.
pub(super) const MAX_RACES: u32 = 20;

/// Parts on disk up to this size are read at once.
const LOADED_BYTES: u64 = 4 << 20;

/// A batch that lost its race too often.
pub(super) fn too_many_races(batch: &Batch) -> Fault {
    Fault::new(FaultKind::Unavailable, Stage::Commit, "other runs keep committing first")
        .of(label(batch))
        .advise("let one run at a time write to a lake")
}

/// `75555851/survey/2026-11-20`.
pub(super) fn label(batch: &Batch) -> String {
    format!("{}/{}/{}", batch.account, batch.stream, batch.day)
}

/// What became of a batch.
pub(super) enum Tried {
    /// No part was sound.
    Nothing,
    Committed,
    /// Nothing was committed; these parts failed on their own.
    LostRace {
        failed: HashSet<String>,
    },
}

/// What was read, to be committed.
pub(super) struct Ready<'r, 'l> {
    run: &'r Run<'l>,
    batch: &'r Batch,
    attempt: Attempt,
    sets: Vec<ObjectSet>,
    draft: EntryDraft,
    failed: HashSet<String>,
}

pub(super) struct Try<'r, 'l> {
    run: &'r Run<'l>,
    batch: &'r Batch,
    attempt: Attempt,
    /// What the batch is to replace; then all of its parts are archived or none.
    redo: Option<&'r Redo>,
    common: &'r Shared,
    spare: Spare,
    gathered: Gathered,
    gathering: Counted<'r>,
    done: Mutex<Done>,
}

#[derive(Default)]
struct Done {
    parts: Vec<PartResult>,
    sets: Vec<ObjectSet>,
    /// Names of parts that failed alone.
    failed: HashSet<String>,
    /// What stops the run.
    fatal: Option<Fault>,
}

struct Received<'r> {
    part: Part,
    payload: Payload,
    /// Given back when the part is done: of what came, and of its rows.
    _shares: [Share<'r>; 2],
    _at_hand: Counted<'r>,
}

impl<'r, 'l> Try<'r, 'l> {
    pub fn new(
        run: &'r Run<'l>,
        batch: &'r Batch,
        attempt: Attempt,
        redo: Option<&'r Redo>,
        common: &'r Shared,
    ) -> Self {
        Try {
            run,
            batch,
            attempt,
            redo,
            spare: Spare::new(common.buffers.clone()),
            gathering: Counted::new(&common.gathering),
            common,
            gathered: Gathered::default(),
            done: Mutex::default(),
        }
    }

    /// Reads parts, as many as make a batch, and notes meanwhile what is being read: should the process die
    /// before they are committed, the next run tries these parts last. `None`: nothing is to be committed. No part was
    /// sound, or not all of those that are to replace others.
    ///
    /// `pass_on` is told how many parts were taken, once another batch may be begun beside the rest of this one: no more parts
    /// come, and there is room. It may be told again.
    ///
    /// # Errors
    /// What stops the run, or this batch; parts that fail alone are events.
    pub fn read(
        self,
        parts: &[Part],
        pass_on: &(dyn Fn(usize) + Sync),
    ) -> Result<Option<Ready<'r, 'l>>, Fault> {
        let (run, account) = (self.run, &self.batch.account);
        let token = self.attempt.token().to_owned();
        run.lake.mark_reading(&self.attempt, account, parts.iter().map(|part| part.id.name.as_str()))?;
        let read = self.read_marked(parts, pass_on);
        if let Ok(Some(ready)) = read {
            return Ok(Some(ready));
        }
        let unmarked = run.lake.unmark_reading(account, &token);
        // What was done is done; a marker that stays costs its parts their place in the order only.
        read.inspect(|_| drop(unmarked))
    }

    fn read_marked(
        self,
        parts: &[Part],
        pass_on: &(dyn Fn(usize) + Sync),
    ) -> Result<Option<Ready<'r, 'l>>, Fault> {
        let shared = self.attempt.object_set();
        let taken = self.receive(parts, &shared, pass_on);
        let Try { run, batch, attempt, redo, gathered, gathering, done, .. } = self;
        let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        let ended = done.fatal.map_or_else(|| run.stop.check(), Err);
        let ended = ended.and_then(|()| gathered.finish(&shared));
        drop(gathering);
        let ended = ended.and_then(|()| attempt.make_room(&|| pass_on(taken)));
        done.sets.push(shared);
        if let Err(fault) = ended {
            // The first fault matters; what stays behind is named by the note and removed by the next run.
            let _ = attempt.abandon(done.sets);
            return Err(fault);
        }
        if done.parts.is_empty() || redo.is_some() && done.parts.len() < parts.len() {
            attempt.abandon(done.sets)?;
            return Ok(None);
        }
        done.parts.sort_by(|a, b| (a.entry.scope, &a.entry.name).cmp(&(b.entry.scope, &b.entry.name)));
        let mut totals = RunTotals::default();
        let mut schema_versions = BTreeSet::new();
        for part in &done.parts {
            totals.add(&part.totals);
            schema_versions.extend(part.schema_versions.iter().cloned());
        }
        let draft = EntryDraft {
            parts: done.parts.into_iter().map(|part| part.entry).collect(),
            schema_versions,
            totals,
            created_ms: now_ms(),
            replaces: redo.map(|redo| redo.replaces.clone()).unwrap_or_default(),
        };
        Ok(Some(Ready { run, batch, attempt, sets: done.sets, draft, failed: done.failed }))
    }

    /// Fetches and reads parts until the batch is large enough; the number of parts that were taken.
    fn receive(&self, parts: &[Part], shared: &ObjectSet, pass_on: &(dyn Fn(usize) + Sync)) -> usize {
        rayon::in_place_scope(|scope| {
            let mut taken = 0;
            let fetched = self.fetch(parts, &mut taken, |fetched| match fetched {
                Ok(received) => scope.spawn(move |_| self.one(received, shared)),
                Err((part, fault)) => self.fail(&part, None, fault),
            });
            // Here, not on a thread of the runtime: each part would wake one more.
            let stopped = self.run.runtime.block_on(self.run.stop.or(fetched)).is_err();
            let alone = self.common.gathering.load(Ordering::Relaxed) == 1;
            if !stopped && !self.is_fatal() && alone && self.attempt.has_room() {
                // The last parts leave threads idle.
                pass_on(taken);
            }
            taken
        })
    }

    /// Fetches parts in their order, a few at once, until enough bytes have come or the run is to end; counts those
    /// that were taken.
    async fn fetch(
        &self,
        parts: &[Part],
        taken: &mut usize,
        mut hand_on: impl FnMut(Result<Received<'r>, (Part, Fault)>),
    ) {
        let (source, work, common) = (&self.run.source, &self.run.options.work, self.common);
        let max_bytes = if self.redo.is_some() { u64::MAX } else { work.batch_bytes };
        let mut bytes = 0;
        let mut running = FuturesUnordered::new();
        let mut parts = parts.iter();
        while !self.is_fatal() {
            while running.len() < work.max_requests.max(1) && bytes < max_bytes {
                let Some(part) = parts.next() else { break };
                *taken += 1;
                running.push(async move {
                    let mut share = common.budget.enter().await;
                    let payload = source.fetch(part).await.map_err(|fault| (part.clone(), fault))?;
                    let will_be_loaded = payload.len() <= LOADED_BYTES;
                    share.charge(if will_be_loaded { payload.len() } else { payload.resident_bytes() });
                    // Only now: the others that were asked for come meanwhile.
                    let mut rows = common.rows.enter().await;
                    rows.charge(common.sizes.expected_rows(payload.len()) as u64);
                    let _at_hand = Counted::new(&common.at_hand);
                    Ok(Received { part: part.clone(), payload, _shares: [share, rows], _at_hand })
                });
            }
            let Some(fetched) = running.next().await else { return };
            if let Ok(received) = &fetched {
                bytes += received.payload.len();
            }
            hand_on(fetched);
        }
    }

    fn one(&self, received: Received<'_>, shared: &ObjectSet) {
        if self.run.stop.is_asked() || self.is_fatal() {
            return;
        }
        let Received { part, payload, _shares, _at_hand } = received;
        let payload = match payload.loaded(LOADED_BYTES) {
            Ok(loaded) => loaded,
            Err(error) => {
                let fault = Fault::new(FaultKind::Unavailable, Stage::Fetch, error.to_string())
                    .advise("check that its file is still there and readable");
                return self.fail(&part, None, fault);
            }
        };
        fail_point("fetched");
        self.run.events.emit(Event::Fetched { part: part.id.name.clone(), bytes: payload.len() });
        let Err(fault) = self.guarded(&part, &payload, shared) else { return };
        let Some(again) = self.fetch_again(&part, &fault) else {
            return self.fail(&part, Some(&payload), fault);
        };
        if let Err(fault) = self.guarded(&part, &again, shared) {
            self.fail(&part, Some(&again), fault);
        }
    }

    /// A panic is a mistake of ours; it costs this part, not the night.
    fn guarded(&self, part: &Part, payload: &Payload, shared: &ObjectSet) -> Result<(), Fault> {
        caught(READING, || self.read_and_keep(part, payload, shared))
    }

    /// Once more what arrived damaged or mixed up: it may be the network. `None`: no use, or it did not
    /// arrive at all, and what came first is to be kept.
    fn fetch_again(&self, part: &Part, fault: &Fault) -> Option<Payload> {
        let mendable = matches!(fault.kind, FaultKind::Damaged | FaultKind::WrongType);
        if !mendable || !self.run.source.may_differ() || self.is_fatal() {
            return None;
        }
        self.run.events.emit(Event::Retrying {
            unit: part.id.name.clone(),
            attempt: 2,
            pause_ms: 0,
            reason: fault.message.clone(),
        });
        self.run.runtime.block_on(self.run.stop.or(self.run.source.fetch(part))).ok()?.ok()
    }

    fn read_and_keep(&self, part: &Part, payload: &Payload, shared: &ObjectSet) -> Result<(), Fault> {
        let options = self.run.options;
        let sizes = self.common.sizes;
        let staging = Staging::new(&self.attempt, sizes.waiting_rows(payload.len()));
        let tools = Tools {
            keys: self.run.keys,
            limits: &options.limits,
            stop: self.run.stop,
            threads: options.work.threads,
            parts_at_hand: &self.common.at_hand,
            chunks_waiting: &self.common.chunks_waiting,
            salvage: options.salvage,
            spare: &self.spare,
            sizes,
        };
        let read = || {
            let result = read_part(part, payload, tools, &staging)?;
            self.redo.map_or(Ok(()), |redo| redo.check(&result.entry)).map(|()| result)
        };
        let result = match caught(READING, read) {
            Ok(result) => result,
            Err(fault) => {
                staging.discard()?;
                return Err(fault);
            }
        };
        if options.work.raw == RawPolicy::Always {
            let kept = Fault::new(FaultKind::Cancelled, Stage::Commit, "kept by [archive] raw = \"always\"");
            self.run.lake.store_raw(&part.id, part.scope, payload, &kept)?;
        }
        fail_point("read");
        if result.entry.salvaged {
            let message = format!(
                "{}: only what could be read of it is archived ({}); a sound copy replaces it with --redo",
                part.id, result.entry.reason
            );
            self.run.events.emit(Event::Warning { message });
        }
        if let Some(named) = &result.foreign_account {
            // What is no account id may be anything. The same words for every part: they are told once.
            let named =
                AccountId::parse(named).map_or("another account".to_owned(), |id| format!("account {id}"));
            let account = &part.id.account;
            let message = format!(
                "every record of a part names {named}, not account {account}, under which it is archived all the \
                 same: if {account} is wrong, archive again under the right account into another lake"
            );
            self.run.events.emit(Event::Warning { message });
        }
        let (own, readers) = staging.keep(shared, &self.gathered, tools.sizes.gathered)?;
        self.spare.give(readers);
        fail_point("kept");
        self.run.events.emit(Event::PartDone {
            part: part.id.name.clone(),
            bytes_json: result.totals.bytes_json,
            records: result.totals.records,
            quarantined: result.totals.quarantined,
        });
        let mut done = self.done();
        done.sets.extend(own);
        done.parts.push(result);
        Ok(())
    }

    /// A part that cannot be archived now: what was received of it is kept.
    fn fail(&self, part: &Part, payload: Option<&Payload>, fault: Fault) {
        let mut fault = fault.of(&part.id);
        if fault.kind.remedy() == Remedy::StopRun {
            self.stop_with(fault);
            return;
        }
        if !self.run.source.lists_all() && fault.advice.as_deref() == Some(FETCH_AGAIN) {
            // Of an empty file nothing can be saved.
            let salvage = if payload.is_none_or(Payload::is_empty) { "" } else { ", or try --salvage" };
            fault.advice = Some(format!("get a sound copy of the file{salvage}"));
        }
        if let Some(payload) = payload
            && self.run.options.work.raw != RawPolicy::Never
            // What is to be replaced is archived: it needs no second copy.
            && self.redo.is_none()
        {
            match self.run.lake.store_raw(&part.id, part.scope, payload, &fault) {
                Ok(()) => {
                    let advice = fault.advice.take().map(|advice| advice + "; ").unwrap_or_default();
                    fault.advice = Some(advice + "kept under _lp_archive/raw");
                }
                Err(fault) => self.stop_with(fault),
            }
        }
        self.done().failed.insert(part.id.name.clone());
        self.run.events.emit(Event::PartFailed { part: part.id.name.clone(), fault });
    }

    fn stop_with(&self, fault: Fault) {
        self.done().fatal.get_or_insert(fault);
    }

    fn is_fatal(&self) -> bool {
        self.done().fatal.is_some()
    }

    fn done(&self) -> std::sync::MutexGuard<'_, Done> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const READING: &str = "reading it";

/// A panic as a fault. `what`: the work, in words.
pub(super) fn caught<T>(what: &str, work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(failed_unexpectedly(what)))
}

pub(super) fn failed_unexpectedly(what: &str) -> Fault {
    super::staging::internal(&format!("{what} failed unexpectedly"))
}

impl Ready<'_, '_> {
    /// Makes the rows count.
    ///
    /// # Errors
    /// What stops the run, or this batch: then nothing counts.
    pub fn commit(self) -> Result<Tried, Fault> {
        let Ready { run, batch, attempt, sets, draft, failed } = self;
        let token = attempt.token().to_owned();
        let totals = draft.totals.clone();
        let outcome = attempt.commit(sets, draft);
        let unmarked = run.lake.unmark_reading(&batch.account, &token);
        let outcome = outcome.inspect(|_| drop(unmarked))?;
        let Outcome::Committed { objects, bytes_written, rows } = outcome else {
            return Ok(Tried::LostRace { failed });
        };
        run.events.emit(Event::BatchCommitted {
            account: batch.account.to_string(),
            stream: batch.stream,
            day: batch.day.to_string(),
            totals: RunTotals { objects, bytes_written, rows, ..totals },
        });
        Ok(Tried::Committed)
    }
}

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;
