//! Events as JSON objects, one per line, with stable keys: `ts`, `level`, `event`, `message`, and
//! the event's own fields.

use serde_json::{Map, Value, json};

use super::sentences::{Level, printable};
use crate::model::{Event, Fault, format_ms};

/// One line's object. `fields` are the event's own.
pub fn line(ts_ms: i64, level: Level, event: &str, message: &str, fields: Value) -> Value {
    let mut object = Map::new();
    object.insert("ts".into(), format_ms(ts_ms).into());
    object.insert("level".into(), level.code().into());
    object.insert("event".into(), event.into());
    object.insert("message".into(), message.into());
    if let Value::Object(fields) = fields {
        object.extend(fields);
    }
    Value::Object(object)
}

/// The stable name of an event and its fields.
pub fn event_fields(event: &Event) -> (&'static str, Value) {
    match event {
        Event::ListingStarted { account, stream, window } => (
            "listing_started",
            json!({
                "account": account, "stream": stream.resource(),
                "from": format_ms(window.from_ms), "to": format_ms(window.to_ms),
            }),
        ),
        Event::Listed { account, stream, parts, missing } => (
            "listed",
            json!({"account": account, "stream": stream.resource(), "parts": parts, "missing": missing}),
        ),
        Event::StreamFailed { account, stream, fault } => {
            ("stream_failed", with_fault(json!({"account": account, "stream": stream.resource()}), fault))
        }
        Event::Planned { batches, parts } => ("planned", json!({"batches": batches, "parts": parts})),
        Event::BatchStarted { account, stream, day, parts } => (
            "batch_started",
            json!({"account": account, "stream": stream.resource(), "day": day, "parts": parts}),
        ),
        Event::Retrying { unit, attempt, pause_ms, reason } => {
            ("retrying", json!({"unit": unit, "attempt": attempt, "pause_ms": pause_ms, "reason": reason}))
        }
        Event::Fetched { part, bytes } => ("fetched", json!({"part": part, "bytes": bytes})),
        Event::PartDone { part, bytes_json, records, quarantined } => (
            "part_done",
            json!({"part": part, "bytes_json": bytes_json, "records": records, "quarantined": quarantined}),
        ),
        Event::PartFailed { part, fault } => ("part_failed", with_fault(json!({"part": part}), fault)),
        Event::Warning { .. } => ("warning", json!({})),
        Event::BatchCommitted { account, stream, day, totals } => (
            "batch_committed",
            json!({
                "account": account, "stream": stream.resource(), "day": day, "parts": totals.parts,
                "records": totals.records, "objects": totals.objects, "rows": totals.rows,
            }),
        ),
        Event::BatchFailed { account, stream, day, fault } => (
            "batch_failed",
            with_fault(json!({"account": account, "stream": stream.resource(), "day": day}), fault),
        ),
        Event::Unarchived { account, stream, parts, oldest_end_ms } => (
            "unarchived",
            json!({
                "account": account,
                "stream": stream.resource(),
                "parts": parts,
                "oldest_scope_end": oldest_end_ms.map(format_ms),
            }),
        ),
        Event::Recovered { attempts, objects_deleted } => {
            ("recovered", json!({"attempts": attempts, "objects_deleted": objects_deleted}))
        }
    }
}

/// The line of a fault that ended a command before its work began.
pub fn fault_line(ts_ms: i64, fault: &Fault) -> Value {
    line(ts_ms, Level::Error, "run_failed", &printable(&fault.to_string()), with_fault(json!({}), fault))
}

/// Adds `kind` and `stage` of a fault.
pub fn with_fault(mut fields: Value, fault: &Fault) -> Value {
    if let Value::Object(fields) = &mut fields {
        fields.insert("kind".into(), fault.kind.code().into());
        fields.insert("stage".into(), fault.stage.code().into());
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::super::sentences::sentence;
    use super::super::testing::sample_run;
    use super::*;

    #[test]
    fn every_line_has_the_stable_keys() {
        for event in sample_run() {
            let ((level, message), (name, fields)) = (sentence(&event), event_fields(&event));
            let value = line(0, level, name, &message, fields);
            let keys: Vec<_> = value.as_object().unwrap().keys().cloned().collect();
            for key in ["ts", "level", "event", "message"] {
                assert!(keys.contains(&key.to_owned()), "{value}");
            }
        }
        let failed = sample_run().into_iter().find(|e| matches!(e, Event::PartFailed { .. })).unwrap();
        let (name, fields) = event_fields(&failed);
        assert_eq!(
            line(0, Level::Error, name, "m", fields),
            json!({
                "ts": "1970-01-01T00:00:00Z", "level": "error", "event": "part_failed", "message": "m",
                "part": "1/survey/Survey.1.2.part-00001-0", "kind": "damaged", "stage": "decode",
            })
        );
    }
}
