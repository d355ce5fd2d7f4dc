//! How an account stands: what is listed, archived, not archived, proven, and what is deleted next.
//!
//! ```text
//! listing {A, B, C} + ledger {A, C, D(expired)} + run records   ->   listed 3, archived 3, not archived: B (damaged,
//!                                                                    deleted in 5 h at the earliest), 2 hours not proven
//! ```
//! Without the service the last record of a run stands in for the listing.

use std::collections::{HashMap, HashSet};

use super::coverage::{Coverage, Proof, coverage};
use super::plan::RETENTION_MS;
use super::record::{FailedPart, NOT_TRIED, Record};
use super::{Run, now_ms};
use crate::lake::{Committed, Lake};
use crate::model::{AccountId, Event, Fault, Scope, Stream, UtcDay, Window};
use crate::source::Listing;

/// One stream of an account, within a window of scope starts.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamStatus {
    pub account: AccountId,
    pub stream: Stream,
    /// Parts listed: now, or by the last run. `None`: never, or the listing failed.
    pub listed: Option<u64>,
    /// Whether the service was ever asked for it by a run, or is now.
    pub asked: bool,
    /// Why it could not be listed, now or by the last run that listed it not whole: the fault's word.
    pub fault: Option<String>,
    /// Parts in the ledger, those that are not listed any more among them.
    pub archived: u64,
    /// Of these, damaged parts of which only what could be read is archived.
    pub salvaged: u64,
    /// Records kept in quarantine.
    pub quarantined: u64,
    /// Listed and not archived, the one that is deleted first at the head.
    pub failed: Vec<Unarchived>,
    pub coverage: Coverage,
}

/// A part that is listed and not archived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unarchived {
    pub name: String,
    /// Why the last run that tried could not archive it; `not_tried`: none has.
    pub reason: String,
    /// Earliest moment at which the service deletes it, in milliseconds since 1970.
    pub expires_ms: i64,
}

impl StreamStatus {
    /// Parts that are listed and not archived. `None`: no listing tells.
    pub fn unarchived(&self) -> Option<u64> {
        self.listed.map(|_| self.failed.len() as u64)
    }

    /// Parts, and hours without proof, that the service may delete before this moment. Hours matter only
    /// where no listing tells which parts they have.
    pub fn expiring(&self, before_ms: i64, now_ms: i64) -> u64 {
        let parts = self.failed.iter().filter(|part| part.expires_ms <= before_ms).count() as u64;
        let gaps = self.coverage.gaps.iter();
        let due = |expires: i64| now_ms < expires && expires <= before_ms;
        let untold = self.asked && self.listed.is_none();
        let gaps = gaps.filter(|gap| untold && due(gap.expires_ms())).count() as u64;
        parts + gaps
    }
}

impl Run<'_> {
    /// Lists, and compares with ledger and records. `proven`: the scope starts whose coverage is asked for.
    ///
    /// # Errors
    /// What stops the run; a stream that cannot be listed is an event.
    pub fn status(&self, proven: Window) -> Result<Vec<StreamStatus>, Fault> {
        let (account, window) = (self.source.account(), self.options.wanted.span());
        let look = Look { lake: self.lake, account, window, proven };
        let mut found = Vec::new();
        let listings = self.list()?;
        let records = Records::read(self.lake, account, proven)?;
        for (stream, listing) in listings {
            let listed = match listing {
                Ok(listing) => Ok(self.usable(listing, stream)),
                Err(fault) => {
                    let account = account.to_string();
                    self.events.emit(Event::StreamFailed { account, stream, fault: fault.clone() });
                    Err(fault)
                }
            };
            found.push(look.at(stream, Some(listed), &records)?);
        }
        Ok(found)
    }

    fn usable(&self, listing: Listing, stream: Stream) -> Listing {
        let account = self.source.account();
        for fault in &listing.entry_faults {
            let part = fault.unit.clone().unwrap_or_else(|| format!("{account}/{stream}"));
            self.events.emit(Event::PartFailed { part, fault: fault.clone() });
        }
        self.events.emit(Event::Listed {
            account: account.to_string(),
            stream,
            parts: listing.parts.len() as u64,
            missing: 0,
        });
        listing
    }
}

/// The same without the service: for the streams that ledger or records know.
///
/// # Errors
/// The lake's.
pub fn recorded_status(
    lake: &Lake,
    account: &AccountId,
    window: Window,
    proven: Window,
) -> Result<Vec<StreamStatus>, Fault> {
    let look = Look { lake, account, window, proven };
    let records = Records::read(lake, account, proven)?;
    let mut found = Vec::new();
    for stream in Stream::ALL {
        let status = look.at(stream, None, &records)?;
        if status.archived > 0 || status.asked {
            found.push(status);
        }
    }
    Ok(found)
}

/// Records of runs, oldest first.
struct Records(Vec<Record>);

impl Records {
    /// Those that can prove something of the window, and all since.
    fn read(lake: &Lake, account: &AccountId, window: Window) -> Result<Records, Fault> {
        let jsons = lake.runs(UtcDay::of_ms(window.from_ms))?;
        let records = jsons.iter().filter_map(|json| Record::parse(json));
        Ok(Records(records.filter(|record| record.account == account.as_str()).collect()))
    }

    fn proofs(&self, stream: Stream) -> Vec<Proof> {
        let whole = |record: &&Record| record.streams.get(stream.resource()).is_some_and(|of| of.whole);
        let proof = |record: &Record| {
            let (began_ms, ended_ms, window) = record.listing()?;
            Some(Proof { began_ms, ended_ms, window })
        };
        self.0.iter().filter(whole).filter_map(proof).collect()
    }

    /// Of the last run that listed the stream whole: parts listed, and what it did not archive.
    fn last(&self, stream: Stream) -> Option<(u64, &[FailedPart])> {
        let of_stream = self.0.iter().rev().filter_map(|record| record.streams.get(stream.resource()));
        of_stream.filter(|of| of.whole).map(|of| (of.listed, of.failed.as_slice())).next()
    }

    /// Why the last run that was to list the stream could not.
    fn refusal(&self, stream: Stream) -> Option<String> {
        let last = self.0.iter().rev().find_map(|record| record.streams.get(stream.resource()));
        last.filter(|of| !of.whole).map(|of| of.reason.clone())
    }

    /// Why parts could not be archived, by name; the last reason counts.
    fn reasons(&self, stream: Stream) -> HashMap<&str, &str> {
        let of_stream = self.0.iter().filter_map(|record| record.streams.get(stream.resource()));
        let failed = of_stream.flat_map(|of| &of.failed).filter(|part| part.reason != NOT_TRIED);
        failed.map(|part| (part.name.as_str(), part.reason.as_str())).collect()
    }
}

struct Look<'a> {
    lake: &'a Lake,
    account: &'a AccountId,
    window: Window,
    proven: Window,
}

impl Look<'_> {
    /// `listing`: of now; `None`: the service is not asked.
    fn at(
        &self,
        stream: Stream,
        listing: Option<Result<Listing, Fault>>,
        records: &Records,
    ) -> Result<StreamStatus, Fault> {
        let window = self.window;
        let (listing, fault) = match listing {
            Some(Ok(listing)) => (Some(Ok(listing)), None),
            Some(Err(fault)) => (None, Some(fault.kind.code().to_owned())),
            None => (records.last(stream).map(Err), records.refusal(stream)),
        };
        let listed = listing.as_ref().map(|listing| match listing {
            Ok(listing) => listing.parts.len() as u64,
            Err((listed, _)) => *listed,
        });
        let told: HashMap<&str, Scope> = match &listing {
            Some(Ok(listing)) => {
                listing.parts.iter().map(|part| (part.id.name.as_str(), part.scope)).collect()
            }
            Some(Err((_, failed))) => failed.iter().map(|part| (part.name.as_str(), part.scope())).collect(),
            None => HashMap::new(),
        };
        // A part that was made late may be listed though its scope is older than the window.
        let oldest = told.values().map(|scope| scope.start_ms).min().unwrap_or(i64::MAX);
        let first = UtcDay::of_ms(oldest.min(window.from_ms));
        let last = UtcDay::of_ms(window.to_ms.min(now_ms()));
        let entries = self.lake.committed(self.account, stream, first, last)?;
        let reasons = records.reasons(stream);
        let coverage = coverage(&records.proofs(stream), self.proven, now_ms());
        let failed = unarchived(&told, &entries, &reasons);
        let within = || {
            let parts = entries.iter().flat_map(|entry| &entry.parts);
            parts.filter(|part| window.contains(part.scope.start_ms) || told.contains_key(part.name.as_str()))
        };
        Ok(StreamStatus {
            account: self.account.clone(),
            stream,
            listed,
            asked: listed.is_some() || fault.is_some(),
            fault,
            archived: within().count() as u64,
            salvaged: within().filter(|part| part.salvaged).count() as u64,
            quarantined: within().map(|part| part.rejects).sum(),
            failed,
            coverage,
        })
    }
}

/// Parts that no entry names, by the moment of their deletion.
fn unarchived(
    listed: &HashMap<&str, Scope>,
    entries: &[Committed],
    reasons: &HashMap<&str, &str>,
) -> Vec<Unarchived> {
    let archived: HashSet<&str> =
        entries.iter().flat_map(|entry| &entry.parts).map(|part| part.name.as_str()).collect();
    let missing = listed.iter().filter(|(name, _)| !archived.contains(*name));
    let mut found: Vec<Unarchived> = missing
        .map(|(name, scope)| Unarchived {
            name: (*name).to_owned(),
            reason: reasons.get(name).copied().unwrap_or(NOT_TRIED).to_owned(),
            expires_ms: scope.end_ms.saturating_add(RETENTION_MS),
        })
        .collect();
    found.sort_by(|a, b| (a.expires_ms, &a.name).cmp(&(b.expires_ms, &b.name)));
    found
}
