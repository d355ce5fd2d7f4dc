//! Batches one after the other, each on a thread of its own; when no more parts of one come, the next one is begun.
//!
//! ```text
//! read day 1 | last rows of day 1, commit |
//!            | read day 2             | last rows of day 2, commit |
//!                                     | read day 3 …
//! ```
//! The last parts of a batch and its last rows leave threads idle, and a commit waits for disk or network most of its time;
//! thirty days of small files would wait for that a hundred times. A batch whose day is under way waits: its number follows
//! from that commit. One that may make the process die is alone.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Scope, ScopedJoinHandle};

use super::Run;
use super::batch::{MAX_RACES, Ready, Tried, Try, caught, failed_unexpectedly, too_many_races};
use super::shared::Shared;
use super::staging::internal;
use crate::model::{Batch, Fault, Part, Stream, UtcDay};

/// Batches at most that are under way: many small ones come faster than a disk says that it has them.
const MAX_UNDER_WAY: usize = 5;

const ARCHIVING: &str = "archiving a batch";

/// Numbers of the next ledger entries, by stream and day.
pub(super) type Numbers = HashMap<(Stream, UtcDay), u32>;

/// The batches of a run, the first ones first.
pub(super) struct Line<'r, 'l> {
    run: &'r Run<'l>,
    jobs: VecDeque<Job<'r>>,
    numbers: Numbers,
    shared: &'r Shared,
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

/// A job that was begun.
struct UnderWay<'s, 'r> {
    job: Job<'r>,
    end: End<'s>,
}

enum End<'s> {
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
        shared: &'r Shared,
        suspect: impl Fn(&Part) -> bool,
    ) -> Self {
        let job = |batch: &'r Batch| Job {
            batch,
            parts: batch.parts.clone(),
            suspect: batch.parts.iter().any(&suspect),
            begun: false,
            races: 0,
        };
        let jobs = batches.iter().map(job).collect();
        Line { run, jobs, numbers, shared }
    }

    /// Archives all of them.
    ///
    /// # Errors
    /// What stops the run; what costs one batch only is an event.
    pub fn archive(mut self) -> Result<(), Fault> {
        thread::scope(|scope| {
            let mut under_way = Vec::new();
            let done = self.go(scope, &mut under_way);
            // Whatever ended the run: these end by themselves, and tell how.
            under_way.into_iter().fold(done, |done, last| done.and(self.settle(last)))
        })
    }

    fn go<'s>(&mut self, scope: &'s Scope<'s, '_>, under_way: &mut Vec<UnderWay<'s, 'r>>) -> Result<(), Fault>
    where
        'r: 's,
        'l: 's,
    {
        loop {
            let ended = under_way.iter().position(|other| other.end.is_there());
            let full = under_way.len() == MAX_UNDER_WAY;
            let in_the_way = || under_way.iter().position(|other| self.waits_for(&other.job));
            if let Some(index) = ended.or(full.then_some(0)).or_else(in_the_way) {
                self.settle(under_way.remove(index))?;
                continue;
            }
            let Some(mut job) = self.jobs.pop_front() else { return Ok(()) };
            self.run.stop.check()?;
            if !std::mem::replace(&mut job.begun, true) {
                self.run.batch_started(job.batch);
            }
            let (pass_on, passed_on) = channel();
            let end = self.begin(scope, &job, pass_on);
            // Without an answer it has ended early, and tells why; whatever parts it left are those of the next run.
            if let Ok(taken) = passed_on.recv()
                && taken < job.parts.len()
            {
                let rest = job.parts.split_off(taken);
                self.jobs.push_front(Job { parts: rest, ..job });
            }
            under_way.push(UnderWay { job, end });
        }
    }

    /// Whether the next job must not be begun before another one is committed.
    fn waits_for(&self, other: &Job<'r>) -> bool {
        let alone = |next: &Job<'_>| next.suspect || other.suspect;
        self.jobs.front().is_none_or(|next| alone(next) || next.day() == other.day())
    }

    /// Reads and commits on a thread of its own. `pass_on`: see [`Try::read`].
    fn begin<'s>(&self, scope: &'s Scope<'s, '_>, job: &Job<'r>, pass_on: Sender<usize>) -> End<'s>
    where
        'r: 's,
        'l: 's,
    {
        let (run, batch, shared) = (self.run, job.batch, self.shared);
        let number = self.numbers.get(&job.day()).copied().unwrap_or(1);
        let parts = job.parts.clone();
        let work = move || {
            let attempt = run.lake.begin(&batch.account, batch.stream, batch.day, number)?;
            // Nobody listens when the run is over.
            let pass_on = |taken| {
                let _ = pass_on.send(taken);
            };
            let ready = Try::new(run, batch, attempt, None, shared).read(&parts, &pass_on)?;
            ready.map_or(Ok(Tried::Nothing), Ready::commit)
        };
        beside(scope, move || caught(ARCHIVING, work))
    }

    /// Waits for the end of a job. Where other runs came before it, what is missing after them is to be done anew.
    fn settle(&mut self, last: UnderWay<'_, 'r>) -> Result<(), Fault> {
        let UnderWay { job, end } = last;
        let batch = job.batch;
        let settled = end.wait().and_then(|tried| match tried {
            // The number is free still.
            Tried::Nothing => Ok(()),
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
            job.parts.retain(|part| !archived.parts.contains_key(&part.id.name));
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

/// Works on a thread of its own, or here, where none is to be had.
fn beside<'s, F>(scope: &'s Scope<'s, '_>, work: F) -> End<'s>
where
    F: FnOnce() -> Result<Tried, Fault> + Send + 's,
{
    // A thread that does not begin takes with it what it was given.
    let work = Arc::new(Mutex::new(Some(work)));
    let done = |work: &Mutex<Option<F>>| {
        let work = work.lock().unwrap_or_else(PoisonError::into_inner).take();
        work.map_or_else(|| Err(internal(&"nothing to do")), |work| work())
    };
    let there = work.clone();
    match thread::Builder::new().spawn_scoped(scope, move || done(&there)) {
        Ok(thread) => End::Thread(thread),
        Err(_) => End::Here(done(&work)),
    }
}

impl End<'_> {
    fn is_there(&self) -> bool {
        match self {
            End::Thread(thread) => thread.is_finished(),
            End::Here(_) => true,
        }
    }

    fn wait(self) -> Result<Tried, Fault> {
        match self {
            End::Thread(thread) => thread.join().unwrap_or_else(|_| Err(failed_unexpectedly(ARCHIVING))),
            End::Here(tried) => tried,
        }
    }
}
