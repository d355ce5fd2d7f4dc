//! The record that a run leaves: what was listed whole, and what of it is not archived and why.
//!
//! ```text
//! {"version":2,"account":"1","service":true,"complete":true,"started":"2026-11-20T03:00:00Z",…,
//!  "listing":{"began":"2026-11-20T03:00:01Z","ended":"2026-11-20T03:00:09Z"},
//!  "window":{"from":"2026-10-19T03:00:00Z","to":"2026-11-20T03:00:01Z"},
//!  "streams":{"survey":{"whole":true,"listed":48,"not_archived":1,
//!                       "failed":[{"name":"Survey.…","scope_start_ms":…,"scope_end_ms":…,"reason":"damaged"}]},
//!             "webSession":{"whole":false,"reason":"forbidden"}}}
//! ```
//! Only whole listings of the service prove coverage (`coverage`). A record that cannot be read proves
//! nothing and stops nothing.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::{Run, now_ms};
use crate::lake::fail_point;
use crate::model::{
    Event, EventSink, Fault, FaultKind, Part, Scope, Stage, Stream, UtcDay, Window, format_ms, parse_time,
};

/// Version 1 told the number of parts per stream in place of an object, and only of whole listings.
const VERSION: u32 = 2;

/// Parts that a record names one by one, per stream.
const MAX_NAMED: usize = 1000;

/// A run as recorded, as far as it concerns the service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Record {
    pub version: u32,
    pub account: String,
    #[serde(default)]
    pub program: String,
    /// Whether the service was listed, not files on disk.
    #[serde(default)]
    pub service: bool,
    /// Whether the run came to its end.
    #[serde(default)]
    pub complete: bool,
    pub started: String,
    #[serde(default)]
    pub ended: String,
    pub listing: Span,
    pub window: FromTo,
    pub streams: BTreeMap<String, StreamRecord>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Span {
    pub began: String,
    pub ended: String,
}

/// Bounds of scope starts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct FromTo {
    pub from: String,
    pub to: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct StreamRecord {
    /// Whether it was listed whole and without unusable entries.
    pub whole: bool,
    /// Why it was not: the fault's word.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    pub listed: u64,
    /// Listed parts that were not archived when the run ended.
    pub not_archived: u64,
    /// These parts by name, oldest first; of very many only the oldest.
    pub failed: Vec<FailedPart>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FailedPart {
    pub name: String,
    pub scope_start_ms: i64,
    pub scope_end_ms: i64,
    /// The fault's word, or [`NOT_TRIED`].
    pub reason: String,
}

impl FailedPart {
    pub fn scope(&self) -> Scope {
        Scope { start_ms: self.scope_start_ms, end_ms: self.scope_end_ms }
    }
}

/// Reason of a part that no run has tried to archive yet.
pub(super) const NOT_TRIED: &str = "not_tried";

impl Record {
    /// A record of this version from the service; `None` for others, and for what is no record.
    pub fn parse(json: &[u8]) -> Option<Record> {
        let record: Record = serde_json::from_slice(json).ok()?;
        (record.version == VERSION && record.service).then_some(record)
    }

    /// Beginning and end of the listing, and the scope starts it was asked for.
    pub fn listing(&self) -> Option<(i64, i64, Window)> {
        let time = |text: &str| parse_time(text).ok();
        let window = Window { from_ms: time(&self.window.from)?, to_ms: time(&self.window.to)? };
        Some((time(&self.listing.began)?, time(&self.listing.ended)?, window))
    }
}

/// When things happened, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Times {
    pub started_ms: i64,
    pub listing_began_ms: i64,
    pub listing_ended_ms: i64,
}

/// A stream's listing, for the record.
#[derive(Debug)]
pub(super) struct Listed {
    stream: Stream,
    record: StreamRecord,
    /// Entries that cannot be used; `None`: it could not be listed.
    unusable: Option<u64>,
    /// Listed and not archived when the run began.
    missing: Vec<(String, Scope)>,
}

impl Listed {
    pub fn new(stream: Stream, listed: u64, bad_entries: usize, missing: &[Part]) -> Listed {
        let whole = bad_entries == 0;
        let reason = if whole { String::new() } else { FaultKind::BadListing.code().to_owned() };
        let missing = missing.iter().map(|part| (part.id.name.clone(), part.scope)).collect();
        let record = StreamRecord { whole, reason, listed, ..StreamRecord::default() };
        Listed { stream, record, unusable: Some(bad_entries as u64), missing }
    }

    pub fn failed(stream: Stream, fault: &Fault) -> Listed {
        let record = StreamRecord { reason: fault.kind.code().to_owned(), ..StreamRecord::default() };
        Listed { stream, record, unusable: None, missing: Vec::new() }
    }
}

/// Passes events on and notes why parts were not archived.
pub(super) struct Noted {
    inner: Arc<dyn EventSink>,
    reasons: Mutex<Reasons>,
}

#[derive(Default)]
struct Reasons {
    parts: HashMap<String, &'static str>,
    batches: HashMap<(Stream, String), &'static str>,
}

impl Noted {
    pub fn new(inner: Arc<dyn EventSink>) -> Noted {
        Noted { inner, reasons: Mutex::default() }
    }

    fn reason(&self, stream: Stream, name: &str, scope: Scope) -> &'static str {
        let reasons = self.reasons.lock().unwrap_or_else(PoisonError::into_inner);
        let day = UtcDay::of_ms(scope.start_ms).to_string();
        let of_part = reasons.parts.get(name);
        of_part.or_else(|| reasons.batches.get(&(stream, day))).copied().unwrap_or(NOT_TRIED)
    }
}

impl EventSink for Noted {
    fn emit(&self, event: Event) {
        {
            let mut reasons = self.reasons.lock().unwrap_or_else(PoisonError::into_inner);
            match &event {
                Event::PartFailed { part, fault } => {
                    reasons.parts.insert(part.clone(), fault.kind.code());
                }
                Event::BatchFailed { stream, day, fault, .. } => {
                    reasons.batches.insert((*stream, day.clone()), fault.kind.code());
                }
                _ => {}
            }
        }
        self.inner.emit(event);
    }
}

impl Run<'_> {
    /// Leaves the record of a run that listed.
    pub(super) fn record(
        &self,
        times: &Times,
        listed: &[Listed],
        noted: &Noted,
        complete: bool,
    ) -> Result<(), Fault> {
        let mut streams = BTreeMap::new();
        for one in listed {
            streams.insert(one.stream.to_string(), self.stream_record(one, noted)?);
        }
        let window = self.options.wanted.span();
        let record = Record {
            version: VERSION,
            account: self.source.account().to_string(),
            program: env!("CARGO_PKG_VERSION").to_owned(),
            service: self.source.lists_all(),
            complete,
            started: format_ms(times.started_ms),
            ended: format_ms(now_ms()),
            listing: Span {
                began: format_ms(times.listing_began_ms),
                ended: format_ms(times.listing_ended_ms),
            },
            window: FromTo {
                from: format_ms(window.from_ms),
                to: format_ms(window.to_ms.min(times.listing_began_ms)),
            },
            streams,
        };
        let json = serde_json::to_value(&record).map_err(|error| {
            Fault::new(
                FaultKind::Internal,
                Stage::Commit,
                format!("the record of the run is no JSON: {error}"),
            )
        })?;
        fail_point("record");
        self.lake.store_run(times.started_ms, &json)
    }

    fn stream_record(&self, listed: &Listed, noted: &Noted) -> Result<StreamRecord, Fault> {
        let days = || listed.missing.iter().map(|(_, scope)| UtcDay::of_ms(scope.start_ms));
        let (Some(first), Some(last)) = (days().min(), days().max()) else {
            self.tell_unarchived(listed, &[]);
            return Ok(listed.record.clone());
        };
        let archived = self.lake.archived(self.source.account(), listed.stream, first, last)?.parts;
        let left: Vec<_> = listed.missing.iter().filter(|(name, _)| !archived.contains_key(name)).collect();
        self.tell_unarchived(listed, &left);
        let failed = left.iter().take(MAX_NAMED).map(|(name, scope)| FailedPart {
            name: name.clone(),
            scope_start_ms: scope.start_ms,
            scope_end_ms: scope.end_ms,
            reason: noted.reason(listed.stream, name, *scope).to_owned(),
        });
        let (failed, not_archived) = (failed.collect(), left.len() as u64);
        Ok(StreamRecord { not_archived, failed, ..listed.record.clone() })
    }

    fn tell_unarchived(&self, listed: &Listed, left: &[&(String, Scope)]) {
        if let Some(unusable) = listed.unusable {
            self.events.emit(Event::Unarchived {
                account: self.source.account().to_string(),
                stream: listed.stream,
                parts: left.len() as u64 + unusable,
                oldest_end_ms: left.iter().map(|(_, scope)| scope.end_ms).min(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SilentSink;

    #[test]
    fn reasons_come_from_the_part_or_its_batch() {
        let noted = Noted::new(Arc::new(SilentSink));
        let fault = |kind| Fault::new(kind, Stage::Fetch, "x");
        noted.emit(Event::PartFailed { part: "A".into(), fault: fault(FaultKind::Gone) });
        noted.emit(Event::BatchFailed {
            account: "1".into(),
            stream: Stream::Survey,
            day: "1970-01-02".into(),
            fault: fault(FaultKind::Unavailable),
        });
        let at = |day: i64| Scope { start_ms: day * 86_400_000, end_ms: 0 };
        assert_eq!(noted.reason(Stream::Survey, "A", at(1)), "gone");
        assert_eq!(noted.reason(Stream::Survey, "B", at(1)), "unavailable");
        assert_eq!(noted.reason(Stream::Engagement, "B", at(1)), NOT_TRIED);
    }

    #[test]
    fn only_records_of_the_service_are_taken() {
        let record = |version: u32, service: bool| {
            format!(
                r#"{{"version":{version},"account":"1","service":{service},"complete":true,"started":"2026-11-20",
                "listing":{{"began":"2026-11-20","ended":"2026-11-20T00:00:01Z"}},
                "window":{{"from":"2026-10-19","to":"2026-11-20"}},"later":1,
                "streams":{{"survey":{{"whole":true,"listed":2,"later":1}}}}}}"#
            )
        };
        let read = Record::parse(record(2, true).as_bytes()).unwrap();
        assert_eq!(read.streams["survey"], StreamRecord { whole: true, listed: 2, ..Default::default() });
        let (began, ended, window) = read.listing().unwrap();
        assert_eq!((ended - began, window.to_ms - window.from_ms), (1000, 32 * 86_400_000));
        for other in [record(2, false), record(3, true), "{".into(), r#"{"version":1,"streams":{}}"#.into()] {
            assert!(Record::parse(other.as_bytes()).is_none(), "{other}");
        }
    }
}
