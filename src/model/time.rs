//! Times: milliseconds since 1970 in UTC, UTC days, and windows of time.

use std::fmt;

use chrono::{DateTime, Datelike, NaiveDate, SecondsFormat};

/// Milliseconds in a UTC day.
const DAY_MS: i64 = 86_400_000;

/// A UTC day, as days since 1970-01-01. Printed and parsed as `YYYY-MM-DD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UtcDay(pub i32);

impl UtcDay {
    /// The day that holds the moment `ms` (milliseconds since 1970, UTC). Saturates far outside of
    /// any real date.
    pub fn of_ms(ms: i64) -> UtcDay {
        UtcDay(ms.div_euclid(DAY_MS).clamp(i32::MIN.into(), i32::MAX.into()) as i32)
    }

    /// First millisecond of the day.
    pub fn start_ms(self) -> i64 {
        i64::from(self.0) * DAY_MS
    }

    /// Parses `YYYY-MM-DD`, and nothing else.
    pub fn parse(text: &str) -> Option<UtcDay> {
        let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
        let day = UtcDay(date.to_epoch_days());
        (day.to_string() == text).then_some(day)
    }

    /// `YYYYMMDD`, as object names carry it.
    pub fn compact(self) -> String {
        match NaiveDate::from_epoch_days(self.0) {
            Some(date) => format!("{:04}{:02}{:02}", date.year(), date.month(), date.day()),
            None => format!("day{}", self.0),
        }
    }
}

impl fmt::Display for UtcDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NaiveDate::from_epoch_days(self.0) {
            Some(date) => write!(f, "{:04}-{:02}-{:02}", date.year(), date.month(), date.day()),
            None => write!(f, "day{}", self.0),
        }
    }
}

/// A half-open span of time, `from_ms <= t < to_ms`, in milliseconds since 1970 (UTC).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub from_ms: i64,
    pub to_ms: i64,
}

impl Window {
    pub fn contains(self, ms: i64) -> bool {
        self.from_ms <= ms && ms < self.to_ms
    }
}

/// Which parts are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Made by the service at or after this moment (milliseconds since 1970): it deletes by this time.
    pub generated_from_ms: i64,
    /// Bounds the parts' scope starts. Wider than the time of generation by default, because a part may
    /// be made long after its scope.
    pub scopes: Window,
}

impl Wanted {
    /// The span of scopes that a listing can be said to cover.
    pub fn span(self) -> Window {
        Window { from_ms: self.scopes.from_ms.max(self.generated_from_ms), to_ms: self.scopes.to_ms }
    }
}

/// Parses what users write for a moment: RFC 3339 (`2026-11-01T13:00:00Z`, with any offset) or a
/// date (`2026-11-01`, meaning its UTC midnight). Milliseconds since 1970.
///
/// # Errors
/// A fragment that names the accepted forms.
pub fn parse_time(text: &str) -> Result<i64, String> {
    if let Some(day) = UtcDay::parse(text) {
        return Ok(day.start_ms());
    }
    DateTime::parse_from_rfc3339(text).map(|t| t.timestamp_millis()).map_err(|_| {
        format!("'{text}' is neither a date (2026-11-01) nor an RFC 3339 time (2026-11-01T13:00:00Z)")
    })
}

/// `2026-11-01T13:00:00Z` (with milliseconds only when there are any), for people and for JSON.
pub fn format_ms(ms: i64) -> String {
    match DateTime::from_timestamp_millis(ms) {
        Some(t) => t.to_rfc3339_opts(SecondsFormat::AutoSi, true),
        None => format!("{ms} ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_moments() {
        assert_eq!(UtcDay::of_ms(0).to_string(), "1970-01-01");
        assert_eq!(UtcDay::of_ms(-1).to_string(), "1969-12-31");
        assert_eq!(UtcDay::of_ms(1_461_387_600_000).to_string(), "2016-04-23");
        assert_eq!(UtcDay::of_ms(1_461_387_600_000).compact(), "20160423");
        assert_eq!(UtcDay::parse("2016-04-23").unwrap().start_ms(), 1_461_369_600_000);
        assert_eq!(UtcDay::parse("2016-4-23"), None);
        assert_eq!(UtcDay::parse("2016-02-30"), None);
        UtcDay::of_ms(i64::MAX).compact();
    }

    #[test]
    fn user_times() {
        assert_eq!(parse_time("1970-01-02"), Ok(DAY_MS));
        assert_eq!(parse_time("1970-01-01T01:00:00+01:00"), Ok(0));
        assert!(parse_time("yesterday").is_err());
        assert_eq!(format_ms(1_461_387_600_000), "2016-04-23T05:00:00Z");
        assert_eq!(format_ms(i64::MIN), format!("{} ms", i64::MIN));
    }
}
