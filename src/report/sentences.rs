//! Events as sentences for people: what is said, and how loud it is.

use super::figures::{bytes, counted};
use super::summary::Summary;
use crate::model::{Event, Fault, format_ms};

/// How much a sentence matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Only with `-v`.
    Detail,
    /// Start, progress, end.
    Info,
    /// Nothing is lost, but someone should look.
    Warning,
    /// Something is not archived.
    Error,
}

impl Level {
    /// Stable word for machines.
    pub fn code(self) -> &'static str {
        match self {
            Level::Detail => "debug",
            Level::Info => "info",
            Level::Warning => "warn",
            Level::Error => "error",
        }
    }
}

/// What there is to say about an event.
pub fn sentence(event: &Event) -> (Level, String) {
    match event {
        Event::ListingStarted { account, stream, window } => (
            Level::Detail,
            match window.to_ms {
                i64::MAX => format!("listing {account}/{stream} from {}", format_ms(window.from_ms)),
                to_ms => {
                    format!(
                        "listing {account}/{stream} from {} to {}",
                        format_ms(window.from_ms),
                        format_ms(to_ms)
                    )
                }
            },
        ),
        Event::Listed { account, stream, parts, missing } => (
            Level::Detail,
            format!("{account}/{stream}: {} listed, {missing} not archived yet", counted(*parts, "part")),
        ),
        Event::StreamFailed { fault, .. }
        | Event::PartFailed { fault, .. }
        | Event::BatchFailed { fault, .. } => (Level::Error, fault.to_string()),
        Event::Planned { batches, parts } => {
            (Level::Detail, format!("to do: {} in {}", counted(*parts, "part"), counted(*batches, "batch")))
        }
        Event::BatchStarted { account, stream, day, parts } => {
            (Level::Detail, format!("{account}/{stream} {day}: begins, {}", counted(*parts, "part")))
        }
        Event::Retrying { unit, attempt, pause_ms, reason } => {
            (Level::Detail, format!("{unit}: {reason}; try {attempt} follows in {pause_ms} ms"))
        }
        Event::Fetched { part, bytes: size } => {
            (Level::Detail, format!("{part}: received, {}", bytes(*size)))
        }
        Event::PartDone { part, records, quarantined, .. } => {
            (Level::Detail, format!("{part}: {}, {quarantined} quarantined", counted(*records, "record")))
        }
        Event::Warning { message } => (Level::Warning, message.clone()),
        Event::BatchCommitted { account, stream, day, totals } => {
            (Level::Detail, format!("{account}/{stream} {day}: archived, {}", counted(totals.parts, "part")))
        }
        Event::Unarchived { account, stream, parts, .. } => {
            (Level::Detail, format!("{account}/{stream}: {} not archived", counted(*parts, "listed part")))
        }
        Event::Recovered { attempts, objects_deleted } => (
            Level::Info,
            format!(
                "cleaned up after {} cut short: {} deleted",
                counted(*attempts, "earlier attempt"),
                counted(*objects_deleted, "object")
            ),
        ),
    }
}

/// The fault that an event tells of.
pub fn fault_of(event: &Event) -> Option<&Fault> {
    match event {
        Event::StreamFailed { fault, .. }
        | Event::PartFailed { fault, .. }
        | Event::BatchFailed { fault, .. } => Some(fault),
        _ => None,
    }
}

/// `3 of 12 parts, 1.2 GiB at 12.0 MiB/s, 1 retry` and what else is worth a word.
pub fn progress(summary: &Summary) -> String {
    let per_second = summary.bytes_fetched as f64 / summary.seconds.max(0.001);
    let mut text = format!(
        "{} of {}, {} at {}/s",
        summary.parts_finished,
        counted(summary.parts_planned, "part"),
        bytes(summary.bytes_fetched),
        bytes(per_second as u64)
    );
    if summary.retries > 0 {
        text.push_str(&format!(", {}", counted(summary.retries, "retry")));
    }
    if summary.quarantined_so_far > 0 {
        text.push_str(&format!(", {} quarantined", summary.quarantined_so_far));
    }
    if !summary.failed.is_empty() {
        text.push_str(&format!(", {} failed", summary.failed.len()));
    }
    text
}

/// The stage that an event begins, for the progress display.
pub fn stage(event: &Event) -> Option<String> {
    match event {
        Event::ListingStarted { account, stream, .. } => Some(format!("listing {account}/{stream}")),
        Event::BatchStarted { account, stream, day, .. } => Some(format!("{account}/{stream} {day}")),
        _ => None,
    }
}

/// What a request waits for that is tried again.
pub fn waiting(event: &Event) -> Option<String> {
    match event {
        Event::Retrying { unit, attempt, pause_ms, reason } => {
            Some(format!("{unit}: try {attempt} in {} s ({reason})", pause_ms.div_ceil(1000)))
        }
        _ => None,
    }
}

/// Text without control characters: names come from outside and could steer a terminal or forge a
/// line of a log.
pub fn printable(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() { safe.extend(c.escape_default()) } else { safe.push(c) }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::super::testing::sample_run;
    use super::*;

    #[test]
    fn events_as_sentences() {
        let told: Vec<String> = sample_run()
            .iter()
            .map(|event| {
                let (level, text) = sentence(event);
                format!("{} {text}", level.code())
            })
            .collect();
        assert_eq!(
            told,
            [
                "debug listing 1/survey from 1970-01-01T00:00:00Z to 1970-01-02T00:00:00Z",
                "debug 1/survey: 5 parts listed, 3 not archived yet",
                "error failed to list 1/engagement: the service answers 403; have the data type enabled",
                "debug to do: 3 parts in 2 batches",
                "debug 1/survey 2026-11-01: begins, 2 parts",
                "debug 1/survey/Survey.1.2.part-00000-0: status 503; try 2 follows in 1000 ms",
                "debug 1/survey/Survey.1.2.part-00000-0: received, 100 B",
                "debug 1/survey/Survey.1.2.part-00000-0: 10 records, 1 quarantined",
                "debug 1/survey/Survey.1.2.part-00001-0: received, 200 B",
                "error failed to decode 1/survey/Survey.1.2.part-00001-0: the gzip data ends early",
                "warn a key has expired",
                "debug 1/survey 2026-11-01: archived, 1 part",
            ]
        );
    }

    #[test]
    fn progress_in_one_line() {
        let mut summary = Summary { seconds: 2.0, ..Summary::default() };
        assert_eq!(progress(&summary), "0 of 0 parts, 0 B at 0 B/s");
        sample_run().iter().for_each(|event| summary.add(event));
        assert_eq!(progress(&summary), "2 of 3 parts, 300 B at 150 B/s, 1 retry, 1 quarantined, 2 failed");
    }

    #[test]
    fn what_is_waited_for() {
        let told: Vec<String> = sample_run().iter().filter_map(waiting).collect();
        assert_eq!(told, ["1/survey/Survey.1.2.part-00000-0: try 2 in 1 s (status 503)"]);
    }

    #[test]
    fn names_cannot_steer_a_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\nc é"), "a\\u{1b}[2Jb\\nc é");
    }
}
