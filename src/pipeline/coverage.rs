//! Which hours are proven to be listed whole. Pure.
//!
//! ```text
//! listing on 2026-11-20 03:00 of scopes from 2026-10-19 on   proves the hours   2026-10-21 02:00 .. 2026-11-19 03:00
//!                                        (a day after its end, and before the service may delete its files)
//! ```
//! Files of an hour appear up to some hours after it: a listing proves an hour when it began at least a day
//! after the hour's end. It proves nothing of hours whose files the service may have deleted by then.

use super::plan::RETENTION_MS;
use crate::model::Window;

const HOUR_MS: i64 = 3_600_000;
/// How long after its end an hour's files may still appear. Source: DESIGN.md, section 3.
const SETTLED_MS: i64 = 24 * HOUR_MS;

/// A whole listing: when it began and ended, and the scope starts it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    pub began_ms: i64,
    pub ended_ms: i64,
    pub window: Window,
}

/// What is proven of a window.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Hours of the window that ended at least a day ago.
    pub hours: u64,
    /// Of these, hours that a whole listing proves.
    pub covered: u64,
    /// The others, joined where they follow each other.
    pub gaps: Vec<Gap>,
}

/// Hours in a row that no listing proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    pub from_ms: i64,
    pub to_ms: i64,
}

impl Gap {
    /// Earliest moment at which the service may delete a file of these hours.
    pub fn expires_ms(&self) -> i64 {
        self.from_ms.saturating_add(HOUR_MS + RETENTION_MS)
    }
}

/// What the listings prove of the hours of a window. A gap is cut where the service may have deleted the
/// files of its older hours: these no later listing can prove.
pub fn coverage(proofs: &[Proof], window: Window, now_ms: i64) -> Coverage {
    let from = floor(window.from_ms);
    let to = floor(window.to_ms.min(now_ms.saturating_sub(SETTLED_MS)));
    if from >= to {
        return Coverage::default();
    }
    let mut proven: Vec<(i64, i64)> = proofs.iter().filter_map(proven_hours).collect();
    proven.sort_unstable();
    let mut coverage = Coverage { hours: hours(from, to), ..Coverage::default() };
    let cut = ceil(now_ms.saturating_sub(RETENTION_MS + HOUR_MS)).clamp(from, to);
    let mut at = from;
    for (start, end) in proven.into_iter().chain([(to, to)]) {
        let start = start.clamp(at, to);
        for (from_ms, to_ms) in [(at, start.min(cut.max(at))), (at.max(cut.min(start)), start)] {
            if from_ms < to_ms {
                coverage.gaps.push(Gap { from_ms, to_ms });
            }
        }
        at = end.clamp(start, to);
    }
    coverage.covered =
        coverage.hours - coverage.gaps.iter().map(|gap| hours(gap.from_ms, gap.to_ms)).sum::<u64>();
    coverage
}

/// Start of the first and end of the last hour that a listing proves.
fn proven_hours(proof: &Proof) -> Option<(i64, i64)> {
    let from = ceil(proof.window.from_ms.max(proof.ended_ms.saturating_sub(RETENTION_MS + HOUR_MS)));
    let to = floor(proof.window.to_ms.min(proof.began_ms.saturating_sub(SETTLED_MS)));
    (from < to).then_some((from, to))
}

fn hours(from_ms: i64, to_ms: i64) -> u64 {
    ((to_ms - from_ms) / HOUR_MS).max(0) as u64
}

fn floor(ms: i64) -> i64 {
    ms.div_euclid(HOUR_MS) * HOUR_MS
}

fn ceil(ms: i64) -> i64 {
    floor(ms.saturating_add(HOUR_MS - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * HOUR_MS;

    fn proof(at: i64, from: i64, to: i64) -> Proof {
        Proof { began_ms: at, ended_ms: at, window: Window { from_ms: from, to_ms: to } }
    }

    fn gaps(proofs: &[Proof], from: i64, to: i64, now: i64) -> Vec<(i64, i64)> {
        let found = coverage(proofs, Window { from_ms: from, to_ms: to }, now);
        let missing: i64 = found.gaps.iter().map(|gap| (gap.to_ms - gap.from_ms) / HOUR_MS).sum();
        assert_eq!(found.hours, found.covered + missing as u64);
        found.gaps.iter().map(|gap| (gap.from_ms / HOUR_MS, gap.to_ms / HOUR_MS)).collect()
    }

    #[test]
    fn an_hour_is_proven_a_day_after_its_end() {
        let at = 100 * DAY;
        let one = [proof(at, at - 10 * DAY, at)];
        // Seen two days later: the last day before the listing is not proven.
        let last = 99 * 24;
        assert_eq!(gaps(&one, at - 5 * DAY, at, at + 2 * DAY), [(last, last + 24)]);
        assert_eq!(gaps(&one, at - 5 * DAY, at, at), [], "the last day is not due yet");
        let two = [one[0], proof(at + DAY, at - 2 * DAY, at + DAY)];
        assert_eq!(gaps(&two, at - 5 * DAY, at, at + 2 * DAY), []);
        // A minute too early for the hour.
        let early = [proof(at - 60_000, at - 10 * DAY, at)];
        assert_eq!(gaps(&early, at - 5 * DAY, at - DAY, at + 2 * DAY), [(last - 1, last)]);
    }

    #[test]
    fn what_may_have_been_deleted_is_not_proven() {
        let at = 100 * DAY;
        let one = [proof(at, at - 40 * DAY, at)];
        // The hour that ended 30 days before the listing is the oldest proven one.
        let oldest = 70 * 24 - 1;
        assert_eq!(gaps(&one, at - 35 * DAY, at - DAY, at), [(65 * 24, oldest)]);
    }

    #[test]
    fn gaps_between_listings_and_where_they_can_still_be_mended() {
        let now = 100 * DAY;
        assert_eq!(gaps(&[], now - 40 * DAY, now, now), [(60 * 24, 70 * 24 - 1), (70 * 24 - 1, 99 * 24)]);
        let two = [proof(80 * DAY, 70 * DAY, 80 * DAY), proof(90 * DAY, 85 * DAY, 90 * DAY)];
        assert_eq!(gaps(&two, 75 * DAY, 88 * DAY, now), [(79 * 24, 85 * 24)]);
        assert_eq!(gaps(&two, 88 * DAY, 75 * DAY, now), []);
        let gap = Gap { from_ms: 0, to_ms: DAY };
        assert_eq!(gap.expires_ms(), 30 * DAY + HOUR_MS);
    }
}
