//! A run as its events tell it, for the tests of this room.

use std::collections::BTreeMap;

use crate::model::{Event, Fault, FaultKind, RunTotals, Stage, Stream, Window};

/// One stream listed, one refused; two parts fetched, one of them damaged; one batch committed.
pub fn sample_run() -> Vec<Event> {
    let account = || "1".to_owned();
    let part = |n: u32| format!("1/survey/Survey.1.2.part-0000{n}-0");
    let stream = Stream::Survey;
    vec![
        Event::ListingStarted {
            account: account(),
            stream,
            window: Window { from_ms: 0, to_ms: 86_400_000 },
        },
        Event::Listed { account: account(), stream, parts: 5, missing: 3 },
        Event::StreamFailed {
            account: account(),
            stream: Stream::Engagement,
            fault: Fault::new(FaultKind::Forbidden, Stage::List, "the service answers 403")
                .of("1/engagement")
                .advise("have the data type enabled"),
        },
        Event::Planned { batches: 2, parts: 3 },
        Event::BatchStarted { account: account(), stream, day: "2026-11-01".into(), parts: 2 },
        Event::Retrying { unit: part(0), attempt: 2, pause_ms: 1000, reason: "status 503".into() },
        Event::Fetched { part: part(0), bytes: 100 },
        Event::PartDone { part: part(0), bytes_json: 1000, records: 10, quarantined: 1 },
        Event::Fetched { part: part(1), bytes: 200 },
        Event::PartFailed {
            part: part(1),
            fault: Fault::new(FaultKind::Damaged, Stage::Decode, "the gzip data ends early").of(part(1)),
        },
        Event::Warning { message: "a key has expired".into() },
        Event::BatchCommitted {
            account: account(),
            stream,
            day: "2026-11-01".into(),
            totals: RunTotals {
                parts: 1,
                bytes_downloaded: 100,
                bytes_json: 1000,
                records: 10,
                quarantined: 1,
                mistyped: 2,
                unknown_fields: 3,
                bytes_written: 400,
                objects: 2,
                rows: BTreeMap::from([("surveys".to_owned(), 9), ("survey_answers".to_owned(), 1200)]),
                ..RunTotals::default()
            },
        },
    ]
}
