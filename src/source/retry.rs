//! When a request is tried again, and after which pause. Pure, but for [`persist`], which sleeps.
//!
//! ```text
//! try 1 fails (503) -> 1.0 s .. 1.25 s -> try 2 fails (429, Retry-After: 7) -> 7 s -> try 3 …
//! ```
//!
//! Bounded by the number of tries and by the time from the first try to the start of the last. A
//! pause is never shorter than its base: the service asks for at least 1 s after a 429.

use std::future::Future;
use std::time::{Duration, Instant};

use chrono::DateTime;

use crate::model::{Event, EventSink, Fault, RetryOptions};

/// Pauses grow to this many times their base by chance, so that clients do not march in step.
const JITTER: f64 = 0.25;

/// Why one try failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The service answered with this status.
    Status(u16),
    /// No connection: DNS, TCP, proxy.
    Connect,
    /// Connected, then silent for too long.
    Stalled,
    /// The connection broke in the middle, or the body is shorter than declared.
    Broken,
    /// Something that the same request would meet again.
    Settled,
}

/// One failed try.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) fault: Fault,
    pub(super) cause: Cause,
    /// What the service asked to wait.
    pub(super) wait: Option<Duration>,
    given_up: bool,
}

impl Failure {
    pub(super) fn new(cause: Cause, fault: Fault) -> Failure {
        Failure { fault, cause, wait: None, given_up: false }
    }

    pub(super) fn after(mut self, wait: Option<Duration>) -> Failure {
        self.wait = wait;
        self
    }

    /// The same failure, not to be tried again by whoever sees it next.
    pub(super) fn given_up(mut self) -> Failure {
        self.given_up = true;
        self
    }

    /// Another try of the same request may succeed.
    fn is_transient(&self) -> bool {
        match self.cause {
            _ if self.given_up => false,
            Cause::Status(code) => matches!(code, 408 | 429 | 500..=599),
            Cause::Connect | Cause::Stalled | Cause::Broken => true,
            Cause::Settled => false,
        }
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Failure {
        Failure::new(Cause::Settled, fault)
    }
}

/// Runs `attempt` until it succeeds or trying again is pointless. Each retry emits
/// [`Event::Retrying`] with `unit`.
pub(super) async fn persist<T, F>(
    options: &RetryOptions,
    events: &dyn EventSink,
    unit: &str,
    mut attempt: impl FnMut() -> F,
) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    let begun = Instant::now();
    let mut tries = 0;
    loop {
        let failure = match attempt().await {
            Ok(value) => return Ok(value),
            Err(failure) => failure,
        };
        tries += 1;
        if !failure.is_transient() {
            return Err(failure);
        }
        let Some(pause) = next_pause(options, tries, begun.elapsed(), rand::random(), failure.wait) else {
            return Err(with_tries(failure, tries));
        };
        events.emit(Event::Retrying {
            unit: unit.to_owned(),
            attempt: tries + 1,
            pause_ms: u64::try_from(pause.as_millis()).unwrap_or(u64::MAX),
            reason: failure.fault.message,
        });
        tokio::time::sleep(pause).await;
    }
}

/// The pause after `tries` failed tries, or `None` when there is to be no other try: the tries are
/// used up, or the next would begin after the total timeout. `chance` is in 0..1; `wait` is what
/// the service asked for.
fn next_pause(
    options: &RetryOptions,
    tries: u32,
    elapsed: Duration,
    chance: f64,
    wait: Option<Duration>,
) -> Option<Duration> {
    if tries >= options.max_tries {
        return None;
    }
    let doublings = tries.saturating_sub(1).min(30);
    let base =
        options.first_pause.saturating_mul(1 << doublings).min(options.max_pause.div_f64(1.0 + JITTER));
    let pause = base.mul_f64(1.0 + JITTER * chance.clamp(0.0, 1.0)).max(wait.unwrap_or_default());
    (elapsed.saturating_add(pause) <= options.total_timeout).then_some(pause)
}

/// `Retry-After` in either form: seconds, or a date (compared with `now_ms`, milliseconds since
/// 1970). Source: RFC 9110, 10.2.3.
pub(super) fn parse_retry_after(value: &str, now_ms: i64) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        // More digits than fit mean longer than anyone waits.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let ms = DateTime::parse_from_rfc2822(value).ok()?.timestamp_millis().saturating_sub(now_ms);
    Some(Duration::from_millis(u64::try_from(ms).unwrap_or(0)))
}

fn with_tries(mut failure: Failure, tries: u32) -> Failure {
    let asked = match failure.wait {
        Some(wait) if !wait.is_zero() => format!(", and the service asks to wait {} s", wait.as_secs()),
        _ => String::new(),
    };
    if tries > 1 {
        failure.fault.message = format!("{} (after {tries} tries{asked})", failure.fault.message);
    } else if !asked.is_empty() {
        failure.fault.message.push_str(&asked);
    }
    failure
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_cap() {
        let options = RetryOptions { max_tries: 9, ..RetryOptions::default() };
        let pauses = |chance: f64| -> Vec<u128> {
            (1..=6)
                .map(|n| next_pause(&options, n, Duration::ZERO, chance, None).unwrap().as_millis())
                .collect()
        };
        assert_eq!(pauses(0.0), [1000, 2000, 4000, 8000, 12000, 12000]);
        assert_eq!(pauses(1.0), [1250, 2500, 5000, 10000, 15000, 15000]);
    }

    #[test]
    fn tries_and_total_time_are_bounded() {
        let options = RetryOptions::default();
        let seconds = Duration::from_secs;
        for (tries, elapsed, wait, expected) in [
            (4, 0, None, Some(8)),
            (5, 0, None, None),
            (1, 119, None, Some(1)),
            (1, 120, None, None),
            (1, 0, Some(7), Some(7)),
            (4, 0, Some(2), Some(8)),
            (1, 0, Some(120), Some(120)),
            (1, 1, Some(120), None),
            (1, 0, Some(u64::MAX), None),
        ] {
            let pause = next_pause(&options, tries, seconds(elapsed), 0.0, wait.map(seconds));
            assert_eq!(pause, expected.map(seconds), "{tries} tries, {elapsed} s, wait {wait:?}");
        }
    }

    #[test]
    fn retry_after_in_both_forms() {
        let now = DateTime::parse_from_rfc3339("2026-11-01T00:00:00Z").unwrap().timestamp_millis();
        for (text, expected) in [
            ("7", Some(7)),
            (" 0 ", Some(0)),
            ("Sun, 01 Nov 2026 00:00:09 GMT", Some(9)),
            ("Sat, 31 Oct 2026 00:00:09 GMT", Some(0)),
            ("99999999999999999999999", Some(u64::MAX)),
            ("-1", None),
            ("", None),
            ("soon", None),
        ] {
            assert_eq!(parse_retry_after(text, now), expected.map(Duration::from_secs), "{text:?}");
        }
    }

    #[test]
    fn only_what_can_pass_is_tried_again() {
        let fault = || Fault::new(crate::model::FaultKind::Unavailable, crate::model::Stage::Fetch, "x");
        for (cause, transient) in [
            (Cause::Status(429), true),
            (Cause::Status(503), true),
            (Cause::Status(408), true),
            (Cause::Status(400), false),
            (Cause::Status(404), false),
            (Cause::Connect, true),
            (Cause::Stalled, true),
            (Cause::Broken, true),
            (Cause::Settled, false),
        ] {
            assert_eq!(Failure::new(cause, fault()).is_transient(), transient, "{cause:?}");
        }
    }
}
