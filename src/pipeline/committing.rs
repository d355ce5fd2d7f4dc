//! Batches one after the other; while one is committed, the next one is read.
//!
//! ```text
//! read day 1 | read day 2   | read day 3   |
//!            | commit day 1 | commit day 2 | commit day 3
//! ```
//! A commit waits for disk or network most of its time; thirty days of small files would wait for that a hundred
//! times. A batch whose day is being committed waits: its number follows from that commit. One that may make the
//! process die waits for all.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Scope, ScopedJoinHandle};

use super::Run;
use super::batch::{MAX_RACES, ReadParts, Ready, Tried, Try, too_many_races};
use super::staging::internal;
use crate::model::{Batch, Fault, Part, Stream, UtcDay};

/// Commits at most that are under way: many small batches come faster than a disk says that it has them.
const MAX_COMMITS: usize = 4;

/// Numbers of the next ledger entries, by stream and day.
pub(super) type Numbers = HashMap<(Stream, UtcDay), u32>;

/// The batches of a run, the first ones first.
pub(super) struct Line<'r, 'l> {
    run: &'r Run<'l>,
    jobs: VecDeque<Job<'r>>,
    numbers: Numbers,
}

/// Parts of a batch that are to be archived.
struct Job<'r> {
    batch: &'r Batch,
    parts: Vec<Part>,
    /// Some process died while it read one of them.
    suspect: bool,
    /// Something of the batch was tried before.
    begun: bool,
    /// Commits that other runs came before.
    races: u32,
}

/// A commit that is under way.
struct Committing<'s, 'r> {
    job: Job<'r>,
    end: CommitEnd<'s>,
}

enum CommitEnd<'s> {
    Thread(ScopedJoinHandle<'s, Result<Tried, Fault>>),
    /// There was no thread to be had.
    Here(Result<Tried, Fault>),
}

impl<'r, 'l> Line<'r, 'l> {
    /// `numbers`: by day; of a day without a number, the first one. `suspect`: whether a process died of a part.
    pub fn new(
        run: &'r Run<'l>,
        batches: &'r [Batch],
        numbers: Numbers,
        suspect: impl Fn(&Part) -> bool,
    ) -> Self {
        let job = |batch: &'r Batch| Job {
            batch,
            parts: batch.parts.clone(),
            suspect: batch.parts.iter().any(&suspect),
            begun: false,
            races: 0,
        };
        Line { run, jobs: batches.iter().map(job).collect(), numbers }
    }

    /// Archives all of them.
    ///
    /// # Errors
    /// What stops the run; what costs one batch only is an event.
    pub fn archive(mut self) -> Result<(), Fault> {
        thread::scope(|scope| {
            let mut under_way = VecDeque::new();
            let done = self.go(scope, &mut under_way);
            // Whatever ended the run: these end by themselves, and tell how.
            under_way.into_iter().fold(done, |done, last| done.and(self.settle(last)))
        })
    }

    fn go<'s>(
        &mut self,
        scope: &'s Scope<'s, '_>,
        under_way: &mut VecDeque<Committing<'s, 'r>>,
    ) -> Result<(), Fault>
    where
        'r: 's,
        'l: 's,
    {
        loop {
            let full = under_way.len() == MAX_COMMITS;
            if full || under_way.iter().any(|last| self.waits_for(&last.job)) {
                under_way.pop_front().map_or(Ok(()), |first| self.settle(first))?;
                continue;
            }
            let Some(mut job) = self.jobs.pop_front() else { return Ok(()) };
            match self.read(&mut job) {
                Err(fault) => self.run.batch_failed(job.batch, fault)?,
                Ok(ReadParts { ready, rest }) => {
                    job.parts.truncate(job.parts.len() - rest.len());
                    if !rest.is_empty() {
                        self.jobs.push_front(Job { parts: rest, ..job });
                    }
                    let committing = ready.map(|ready| Committing { job, end: commit_beside(scope, ready) });
                    under_way.extend(committing);
                }
            }
        }
    }

    /// Whether the next job must not be begun before another one is committed.
    fn waits_for(&self, other: &Job<'r>) -> bool {
        self.jobs.front().is_none_or(|next| next.suspect || next.day() == other.day())
    }

    fn read(&self, job: &mut Job<'r>) -> Result<ReadParts<'r, 'l>, Fault> {
        let batch = job.batch;
        self.run.stop.check()?;
        if !std::mem::replace(&mut job.begun, true) {
            self.run.batch_started(batch);
        }
        let number = self.numbers.get(&job.day()).copied().unwrap_or(1);
        let attempt = self.run.lake.begin(&batch.account, batch.stream, batch.day, number)?;
        Try::new(self.run, batch, attempt, None).read(&job.parts)
    }

    /// Waits for the end of a commit. Where other runs came before it, what is missing after them is to be done anew.
    fn settle(&mut self, last: Committing<'_, 'r>) -> Result<(), Fault> {
        let Committing { job, end } = last;
        let batch = job.batch;
        let settled = end.wait().and_then(|tried| match tried {
            Tried::Committed => {
                // A number that is passed over would let another run commit the same parts under it.
                *self.numbers.entry(job.day()).or_insert(1) += 1;
                Ok(())
            }
            Tried::LostRace { .. } if job.races == MAX_RACES => Err(too_many_races(batch)),
            Tried::LostRace { failed } => self.anew(job, &failed),
        });
        settled.or_else(|fault| self.run.batch_failed(batch, fault))
    }

    /// Reads the ledger of the day again: whatever of the day other runs have archived leaves the line.
    fn anew(&mut self, mut job: Job<'r>, failed: &HashSet<String>) -> Result<(), Fault> {
        let Job { batch, races, .. } = job;
        let archived = self.run.lake.archived(&batch.account, batch.stream, batch.day, batch.day)?;
        self.numbers.insert(job.day(), archived.next_number(batch.day));
        // What failed was told, and would fail again: the next run tries it.
        job.parts.retain(|part| !failed.contains(&part.id.name));
        let day = job.day();
        self.jobs.push_front(Job { races: races + 1, ..job });
        for job in self.jobs.iter_mut().filter(|job| job.day() == day) {
            job.parts.retain(|part| !archived.parts.contains(&part.id.name));
        }
        self.jobs.retain(|job| !job.parts.is_empty());
        Ok(())
    }
}

impl Job<'_> {
    fn day(&self) -> (Stream, UtcDay) {
        (self.batch.stream, self.batch.day)
    }
}

/// Commits on a thread of its own.
fn commit_beside<'s, 'l: 's>(scope: &'s Scope<'s, '_>, ready: Ready<'s, 'l>) -> CommitEnd<'s> {
    let ready = Arc::new(Mutex::new(Some(ready)));
    let commit = |ready: &Mutex<Option<Ready<'s, 'l>>>| {
        let ready = ready.lock().unwrap_or_else(PoisonError::into_inner).take();
        ready.map_or_else(|| Err(internal(&"nothing to commit")), Ready::commit)
    };
    let there = ready.clone();
    match thread::Builder::new().spawn_scoped(scope, move || commit(&there)) {
        Ok(thread) => CommitEnd::Thread(thread),
        Err(_) => CommitEnd::Here(commit(&ready)),
    }
}

impl CommitEnd<'_> {
    fn wait(self) -> Result<Tried, Fault> {
        match self {
            CommitEnd::Thread(thread) => {
                thread.join().unwrap_or_else(|_| Err(internal(&"committing failed unexpectedly")))
            }
            CommitEnd::Here(tried) => tried,
        }
    }
}
