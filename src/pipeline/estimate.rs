//! What a plan will take, roughly. Pure but for the ledger, which tells how large earlier parts were.
//!
//! The service tells no sizes, so a part is taken to be as large as the archived parts of its stream are on
//! average. Time is what requests and bytes take at a modest pace; a first run knows no sizes and counts
//! requests alone.

use std::collections::{BTreeSet, HashMap};

use super::plan::RETENTION_MS;
use super::{Plan, Run, now_ms};
use crate::model::{Batch, Fault, Part, Stream, UtcDay};

/// Seconds that one request takes until its first byte, as a guess.
const REQUEST_SECONDS: f64 = 0.5;
/// Bytes per second that arrive and are worked on, as a guess.
const BYTES_PER_SECOND: f64 = 10e6;

/// What is left to do.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Estimate {
    /// Bytes to be received; `None` when nothing of some stream was ever archived.
    pub bytes: Option<u64>,
    pub seconds: f64,
    /// Parts that the service may have deleted before their turn comes.
    pub late_parts: u64,
}

impl Run<'_> {
    /// Estimates a plan of this run.
    ///
    /// # Errors
    /// The lake's.
    pub fn estimate(&self, plan: &Plan) -> Result<Estimate, Fault> {
        let account = self.source.account();
        let from = UtcDay::of_ms(self.options.wanted.span().from_ms);
        let today = UtcDay::of_ms(now_ms());
        let streams: BTreeSet<Stream> = plan.batches.iter().map(|batch| batch.stream).collect();
        let mut sizes = HashMap::new();
        for stream in streams {
            let entries = self.lake.committed(account, stream, from, today)?;
            let known: Vec<u64> =
                entries.iter().flat_map(|entry| &entry.parts).map(|part| part.bytes).collect();
            sizes.insert(stream, known.iter().sum::<u64>().checked_div(known.len() as u64));
        }
        Ok(estimate(&plan.batches, &sizes, self.options.work.max_requests, now_ms()))
    }
}

fn estimate(
    batches: &[Batch],
    sizes: &HashMap<Stream, Option<u64>>,
    max_requests: usize,
    now_ms: i64,
) -> Estimate {
    let mut estimate = Estimate { bytes: Some(0), ..Estimate::default() };
    let size_of = |part: &Part| part.bytes.or_else(|| sizes.get(&part.id.stream).copied().flatten());
    for part in batches.iter().flat_map(|batch| &batch.parts) {
        let deleted_ms = part.scope.end_ms.saturating_add(RETENTION_MS);
        if deleted_ms <= now_ms.saturating_add((estimate.seconds * 1000.0) as i64) {
            estimate.late_parts += 1;
        }
        let bytes = size_of(part);
        estimate.bytes = estimate.bytes.zip(bytes).map(|(sum, bytes)| sum + bytes);
        estimate.seconds +=
            REQUEST_SECONDS / max_requests.max(1) as f64 + bytes.unwrap_or(0) as f64 / BYTES_PER_SECOND;
    }
    estimate
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AccountId, PartId, Scope};

    fn batch(stream: Stream, ends_ms: &[i64]) -> Batch {
        let account = AccountId::parse("7").unwrap();
        let part = |end_ms: &i64| Part {
            id: PartId { account: account.clone(), stream, name: String::new() },
            scope: Scope { start_ms: end_ms - 1, end_ms: *end_ms },
            location: String::new(),
            bytes: None,
        };
        let parts = ends_ms.iter().map(part).collect();
        Batch { account: account.clone(), stream, day: UtcDay(0), parts }
    }

    #[test]
    fn sizes_come_from_earlier_parts_and_late_parts_are_counted() {
        let batches = [batch(Stream::Survey, &[0, 500, 100_000]), batch(Stream::WebSession, &[i64::MAX])];
        let sizes = HashMap::from([(Stream::Survey, Some(10_000_000)), (Stream::WebSession, None)]);
        let now = RETENTION_MS + 100;
        let two = estimate(&batches[..1], &sizes, 2, now);
        // The first is past its time; the second passes it while the first is done.
        assert_eq!(two, Estimate { bytes: Some(30_000_000), seconds: 3.75, late_parts: 2 });
        assert_eq!(estimate(&batches, &sizes, 2, now).bytes, None);
        assert_eq!(estimate(&[], &sizes, 2, now), Estimate { bytes: Some(0), ..Estimate::default() });
    }
}
