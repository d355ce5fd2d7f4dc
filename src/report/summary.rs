//! The figures of a run: a pure fold of its events.
//!
//! ```text
//! Planned{parts:2} Fetched PartDone Fetched PartFailed BatchCommitted{totals} -> Summary
//! ```
//! What a figure of the totals means stands at [`RunTotals`]; only committed batches count there.

use std::collections::BTreeMap;

use crate::model::{Event, Fault, RunTotals, Stream};

/// What a fault cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailedUnit {
    Part,
    Batch,
    Stream,
    /// The run itself.
    Run,
}

impl FailedUnit {
    /// Stable word for machines.
    pub fn code(self) -> &'static str {
        match self {
            FailedUnit::Part => "part",
            FailedUnit::Batch => "batch",
            FailedUnit::Stream => "stream",
            FailedUnit::Run => "run",
        }
    }
}

/// One thing that was not archived.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    pub unit: FailedUnit,
    /// `75555851/survey/Survey.1.2.part-00000-0`, `75555851/survey 2026-11-01`, `75555851/survey`
    pub name: String,
    pub fault: Fault,
}

/// Figures of one stream of one account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamSummary {
    pub listed: u64,
    /// Listed and not archived when the run began.
    pub missing: u64,
    /// Parts committed by this run.
    pub archived: u64,
    /// Whether it was listed whole.
    pub complete: bool,
    /// Records that this run put into quarantine.
    pub quarantined: u64,
    /// Rows committed by this run, by table.
    pub rows: BTreeMap<String, u64>,
    /// Listed and not archived when the run ended; `None`: not known (yet).
    pub unarchived: Option<u64>,
    /// End of the oldest scope among them, in milliseconds since 1970.
    pub oldest_unarchived_end_ms: Option<i64>,
}

/// The figures of a run so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// Sum over the committed batches.
    pub totals: RunTotals,
    pub batches: u64,
    pub batches_planned: u64,
    pub parts_planned: u64,
    /// Parts received whole, and their bytes, committed or not.
    pub parts_fetched: u64,
    pub bytes_fetched: u64,
    /// Parts read to their end or given up.
    pub parts_finished: u64,
    /// Records put into quarantine so far, committed or not.
    pub quarantined_so_far: u64,
    pub retries: u64,
    pub recovered_attempts: u64,
    pub failed: Vec<Failure>,
    pub warnings: Vec<String>,
    pub streams: BTreeMap<(String, Stream), StreamSummary>,
    /// Why the run did not even look for something to do.
    pub nothing_to_do: Option<&'static str>,
    /// Wall time of the run.
    pub seconds: f64,
}

impl Summary {
    /// Takes one event into account.
    pub fn add(&mut self, event: &Event) {
        match event {
            Event::ListingStarted { account, stream, .. } => {
                self.stream(account, *stream);
            }
            Event::Listed { account, stream, parts, missing } => {
                let figures = self.stream(account, *stream);
                figures.listed += parts;
                figures.missing += missing;
                figures.complete = true;
            }
            Event::StreamFailed { account, stream, fault } => {
                self.stream(account, *stream).complete = false;
                self.fail(FailedUnit::Stream, format!("{account}/{stream}"), fault);
            }
            Event::Planned { batches, parts } => {
                self.batches_planned += batches;
                self.parts_planned += parts;
            }
            Event::BatchStarted { .. } => {}
            Event::Retrying { .. } => self.retries += 1,
            Event::Fetched { bytes, .. } => {
                self.parts_fetched += 1;
                self.bytes_fetched += bytes;
            }
            Event::PartDone { quarantined, .. } => {
                self.parts_finished += 1;
                self.quarantined_so_far += quarantined;
            }
            Event::PartFailed { part, fault } => {
                self.parts_finished += 1;
                self.fail(FailedUnit::Part, part.clone(), fault);
            }
            Event::Warning { message } => self.warnings.push(message.clone()),
            Event::BatchCommitted { account, stream, totals, .. } => {
                self.batches += 1;
                self.totals.add(totals);
                let figures = self.stream(account, *stream);
                figures.archived += totals.parts;
                figures.quarantined += totals.quarantined;
                for (table, rows) in &totals.rows {
                    *figures.rows.entry(table.clone()).or_default() += rows;
                }
            }
            Event::BatchFailed { account, stream, day, fault } => {
                self.fail(FailedUnit::Batch, format!("{account}/{stream} {day}"), fault);
            }
            Event::Unarchived { account, stream, parts, oldest_end_ms } => {
                let figures = self.stream(account, *stream);
                figures.unarchived = Some(*parts);
                figures.oldest_unarchived_end_ms = *oldest_end_ms;
            }
            Event::Recovered { attempts, .. } => self.recovered_attempts += attempts,
        }
    }

    /// Notes what went wrong with a unit.
    pub fn fail(&mut self, unit: FailedUnit, name: String, fault: &Fault) {
        self.failed.push(Failure { unit, name, fault: fault.clone() });
    }

    /// Streams that were listed whole.
    pub fn streams_listed(&self) -> usize {
        self.streams.values().filter(|stream| stream.complete).count()
    }

    fn stream(&mut self, account: &str, stream: Stream) -> &mut StreamSummary {
        self.streams.entry((account.to_owned(), stream)).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::sample_run;
    use super::*;
    use crate::model::FaultKind;

    #[test]
    fn events_fold_into_figures() {
        let mut summary = Summary::default();
        for event in sample_run() {
            summary.add(&event);
        }
        assert_eq!((summary.batches_planned, summary.parts_planned, summary.batches), (2, 3, 1));
        assert_eq!((summary.parts_fetched, summary.bytes_fetched, summary.parts_finished), (2, 300, 2));
        assert_eq!((summary.totals.parts, summary.totals.records, summary.totals.quarantined), (1, 10, 1));
        assert_eq!(summary.totals.rows.get("surveys"), Some(&9));
        assert_eq!(summary.retries, 1);
        assert_eq!(summary.warnings.len(), 1);
        let units: Vec<_> = summary.failed.iter().map(|f| (f.unit, f.name.as_str(), f.fault.kind)).collect();
        assert_eq!(
            units,
            [
                (FailedUnit::Stream, "1/engagement", FaultKind::Forbidden),
                (FailedUnit::Part, "1/survey/Survey.1.2.part-00001-0", FaultKind::Damaged),
            ]
        );
        assert_eq!(summary.streams_listed(), 1);
        let survey = &summary.streams[&("1".to_owned(), Stream::Survey)];
        assert_eq!((survey.listed, survey.missing, survey.archived), (5, 3, 1));
    }
}
