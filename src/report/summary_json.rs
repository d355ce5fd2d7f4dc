//! The summary for machines. Fields are only ever added; a change of meaning raises `version`.

use serde_json::{Value, json};

use super::summary::Summary;

/// One object with the figures of [`Summary`]; `failed` and `streams` are lists.
pub fn summary_json(summary: &Summary) -> Value {
    let totals = &summary.totals;
    let failed: Vec<Value> = summary
        .failed
        .iter()
        .map(|failure| {
            json!({
                "unit": failure.unit.code(),
                "name": failure.name,
                "kind": failure.fault.kind.code(),
                "stage": failure.fault.stage.code(),
                "message": failure.fault.to_string(),
            })
        })
        .collect();
    let streams: Vec<Value> = summary
        .streams
        .iter()
        .map(|((account, stream), figures)| {
            json!({
                "account": account,
                "stream": stream.resource(),
                "listed": figures.listed,
                "missing": figures.missing,
                "archived": figures.archived,
                "complete": figures.complete,
            })
        })
        .collect();
    json!({
        "version": 1,
        "batches": summary.batches,
        "parts": totals.parts,
        "bytes_downloaded": totals.bytes_downloaded,
        "bytes_json": totals.bytes_json,
        "records": totals.records,
        "rows": totals.rows,
        "quarantined": totals.quarantined,
        "mistyped": totals.mistyped,
        "unknown_fields": totals.unknown_fields,
        "unknown_bodies": totals.unknown_bodies,
        "misdated": totals.misdated,
        "foreign_accounts": totals.foreign_accounts,
        "salvaged": totals.salvaged,
        "bytes_written": totals.bytes_written,
        "objects": totals.objects,
        "retries": summary.retries,
        "recovered_attempts": summary.recovered_attempts,
        "failed": failed,
        "streams": streams,
        "warnings": summary.warnings,
        "seconds": (summary.seconds * 1000.0).round() / 1000.0,
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::sample_run;
    use super::*;

    #[test]
    fn the_shape() {
        let mut summary = Summary { seconds: 1.23456, ..Summary::default() };
        sample_run().iter().for_each(|event| summary.add(event));
        assert_eq!(
            summary_json(&summary),
            json!({
                "version": 1, "batches": 1, "parts": 1, "bytes_downloaded": 100, "bytes_json": 1000, "records": 10,
                "rows": {"survey_answers": 1200, "surveys": 9},
                "quarantined": 1, "mistyped": 2, "unknown_fields": 3, "unknown_bodies": 0, "misdated": 0,
                "foreign_accounts": 0, "salvaged": 0, "bytes_written": 400, "objects": 2, "retries": 1, "recovered_attempts": 0,
                "failed": [
                    {
                        "unit": "stream", "name": "1/engagement", "kind": "forbidden", "stage": "list",
                        "message": "failed to list 1/engagement: the service answers 403; have the data type enabled",
                    },
                    {
                        "unit": "part", "name": "1/survey/Survey.1.2.part-00001-0", "kind": "damaged", "stage": "decode",
                        "message": "failed to decode 1/survey/Survey.1.2.part-00001-0: the gzip data ends early",
                    },
                ],
                "streams": [
                    {"account": "1", "stream": "engagement", "listed": 0, "missing": 0, "archived": 0, "complete": false},
                    {"account": "1", "stream": "survey", "listed": 5, "missing": 3, "archived": 1, "complete": true},
                ],
                "warnings": ["a key has expired"],
                "seconds": 1.235,
            })
        );
    }
}
