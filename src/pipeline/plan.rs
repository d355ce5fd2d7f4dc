//! What is to be done: listed parts that the ledger lacks -> batches, oldest first. Pure.
//!
//! ```text
//! listed {A(day 1), B(day 1), C(day 2)} - archived {A}  ->  [batch(day 1: B), batch(day 2: C)]
//! ```

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::model::{AccountId, Batch, Part, Stream, UtcDay};

/// The service deletes a file so long after making it. Source: data-access-api fact sheet, section 1.
pub const RETENTION_MS: i64 = 30 * 86_400_000;

/// A batch as `plan --json` prints it and `sync --batches` reads it: one line each.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PlannedBatch {
    /// Version of this line's form: 1.
    pub version: u32,
    pub account: String,
    pub stream: String,
    /// UTC day on which the parts' scopes start.
    pub day: String,
    /// Size as received, where the source tells it before fetching (the service does not).
    pub bytes: Option<u64>,
    /// Earliest moment at which the service may delete one of the parts (RFC 3339).
    pub expires: String,
    /// Names of the parts.
    pub parts: Vec<String>,
}

impl PlannedBatch {
    pub fn of(batch: &Batch) -> PlannedBatch {
        PlannedBatch {
            version: 1,
            account: batch.account.to_string(),
            stream: batch.stream.to_string(),
            day: batch.day.to_string(),
            bytes: batch.parts.iter().map(|part| part.bytes).sum(),
            expires: crate::model::format_ms(expires_ms(batch)),
            parts: batch.parts.iter().map(|part| part.id.name.clone()).collect(),
        }
    }
}

/// Earliest moment at which the service may delete a part of the batch: a file is made after the end of
/// its scope, so no earlier than the retention after that.
pub fn expires_ms(batch: &Batch) -> i64 {
    let ends = batch.parts.iter().map(|part| part.scope.end_ms);
    ends.min().unwrap_or(i64::MAX - RETENTION_MS).saturating_add(RETENTION_MS)
}

/// Parts that the ledger lacks, in batches: by day, oldest first (it expires first), then by stream.
/// `deaths`: how many processes died while they read a part. One that did is tried after all others; one
/// that did twice is tried last and alone, so that it cannot keep others from being archived.
pub fn plan(account: &AccountId, missing: Vec<Part>, deaths: &HashMap<String, u32>) -> Vec<Batch> {
    let mut batches: BTreeMap<(u32, UtcDay, Stream, String), Vec<Part>> = BTreeMap::new();
    for part in missing {
        let died = deaths.get(&part.id.name).copied().unwrap_or_default().min(2);
        let alone = if died == 2 { part.id.name.clone() } else { String::new() };
        let key = (died, UtcDay::of_ms(part.scope.start_ms), part.id.stream, alone);
        batches.entry(key).or_default().push(part);
    }
    let make = |((_, day, stream, _), mut parts): ((u32, UtcDay, Stream, String), Vec<Part>)| {
        parts.sort_by(|a, b| (a.scope, &a.id.name).cmp(&(b.scope, &b.id.name)));
        Batch { account: account.clone(), stream, day, parts }
    };
    batches.into_iter().map(make).collect()
}

/// Leaves only parts that are named for their account and stream.
pub fn keep_chosen(parts: &mut Vec<Part>, chosen: &[PlannedBatch]) {
    let names: HashSet<(&str, &str, &str)> = chosen
        .iter()
        .flat_map(|batch| {
            batch.parts.iter().map(|name| (batch.account.as_str(), batch.stream.as_str(), name.as_str()))
        })
        .collect();
    parts.retain(|part| {
        names.contains(&(part.id.account.as_str(), part.id.stream.resource(), part.id.name.as_str()))
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{PartId, Scope};

    const HOUR: i64 = 3_600_000;

    fn part(stream: Stream, hour: i64, n: u32) -> Part {
        let scope = Scope { start_ms: hour * HOUR, end_ms: (hour + 1) * HOUR };
        let account = AccountId::parse("7").unwrap();
        let name = format!("{}.{}.{}.part-{n:05}-0", stream.file_prefix(), scope.start_ms, scope.end_ms);
        Part { id: PartId { account, stream, name }, scope, location: String::new(), bytes: Some(10) }
    }

    #[test]
    fn oldest_day_first_and_parts_in_order() {
        let account = AccountId::parse("7").unwrap();
        let missing = vec![
            part(Stream::Survey, 25, 0),
            part(Stream::Survey, 23, 1),
            part(Stream::AgentActivity, 24, 0),
            part(Stream::Survey, 23, 0),
        ];
        let batches = plan(&account, missing, &HashMap::new());
        let shown: Vec<_> = batches.iter().map(|b| (b.day.0, b.stream, b.parts.len())).collect();
        assert_eq!(shown, [(0, Stream::Survey, 2), (1, Stream::AgentActivity, 1), (1, Stream::Survey, 1)]);
        let first = PlannedBatch::of(&batches[0]);
        assert_eq!((first.day.as_str(), first.bytes, first.parts.len()), ("1970-01-01", Some(20), 2));
        assert!(first.parts[0].ends_with("part-00000-0"));
        assert_eq!(first.expires, "1970-02-01T00:00:00Z");
        let line = serde_json::to_string(&first).unwrap();
        assert_eq!(serde_json::from_str::<PlannedBatch>(&line).unwrap(), first);
    }

    #[test]
    fn parts_that_killed_a_process_come_last_and_then_alone() {
        let account = AccountId::parse("7").unwrap();
        let parts: Vec<Part> =
            (0..5).map(|n| part(Stream::Survey, 0, n)).chain([part(Stream::Survey, 30, 0)]).collect();
        let deaths = [(1, 1), (2, 1), (3, 2), (4, 7)].map(|(n, died)| (parts[n].id.name.clone(), died));
        let batches = plan(&account, parts, &HashMap::from(deaths));
        let shown: Vec<_> = batches.iter().map(|b| (b.day.0, b.parts.len())).collect();
        assert_eq!(shown, [(0, 1), (1, 1), (0, 2), (0, 1), (0, 1)]);
    }

    #[test]
    fn chosen_parts_only() {
        let account = AccountId::parse("7").unwrap();
        let mut parts = vec![part(Stream::Survey, 0, 0), part(Stream::Survey, 0, 1)];
        let chosen =
            vec![PlannedBatch::of(&plan(&account, vec![part(Stream::Survey, 0, 1)], &HashMap::new())[0])];
        keep_chosen(&mut parts, &chosen);
        assert_eq!(parts, [part(Stream::Survey, 0, 1)]);
    }
}
