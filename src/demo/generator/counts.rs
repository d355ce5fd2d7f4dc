//! The truth about generated data: rows per table and day and simple sums, counted while the text is
//! written, so that a test can compare them with what a reader of the lake finds.
//!
//! ```text
//! a page is written -> row("navigation", Some(its timestamp)) -> dated[("navigation", 2026-11-01)] += 1
//! ```
//! The dates follow DESIGN.md section 4: the row's own time, else the envelope's start, else the scope's
//! start; a date far outside the scope counts for the scope's start.

use std::collections::BTreeMap;

use crate::model::{Scope, UtcDay};

const DAY_MS: i64 = 86_400_000;

/// What generated files hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub files: u64,
    /// Top-level JSON values.
    pub records: u64,
    /// Bytes of JSON before encryption of whole files and before gzip.
    pub bytes_json: u64,
    /// Rows by table and partition date.
    pub dated: BTreeMap<(&'static str, UtcDay), u64>,
    /// Sums by `table.column`: of milliseconds or numbers for times and integers, of UTF-8 bytes (once
    /// unescaped and decrypted) for texts. Nulls add nothing.
    pub sums: BTreeMap<&'static str, i128>,
    /// Fields written that no page of the service documents, each time they occur.
    pub unknown_fields: u64,
    /// Bodies written under a type name that no page documents.
    pub unknown_bodies: u64,
    /// Rows whose own date is out of bounds.
    pub misdated: u64,
    /// Messages encrypted inside the JSON.
    pub messages: u64,
}

impl Counts {
    /// Rows by table, over all dates.
    pub fn rows(&self) -> BTreeMap<&'static str, u64> {
        let mut rows = BTreeMap::new();
        for ((table, _), n) in &self.dated {
            *rows.entry(*table).or_default() += n;
        }
        rows
    }

    /// Joins the counts of several files.
    pub fn add(&mut self, other: &Counts) {
        self.files += other.files;
        self.records += other.records;
        self.bytes_json += other.bytes_json;
        self.unknown_fields += other.unknown_fields;
        self.unknown_bodies += other.unknown_bodies;
        self.misdated += other.misdated;
        self.messages += other.messages;
        for (key, n) in &other.dated {
            *self.dated.entry(*key).or_default() += n;
        }
        for (key, n) in &other.sums {
            *self.sums.entry(*key).or_default() += n;
        }
    }

    /// The same as one JSON object: `rows`, `dated` (table -> date -> rows), `sums` and the totals.
    pub fn to_json(&self) -> serde_json::Value {
        let mut dated: BTreeMap<&str, BTreeMap<String, u64>> = BTreeMap::new();
        for ((table, day), n) in &self.dated {
            dated.entry(table).or_default().insert(day.to_string(), *n);
        }
        let sums: BTreeMap<&str, String> = self.sums.iter().map(|(k, n)| (*k, n.to_string())).collect();
        serde_json::json!({
            "files": self.files,
            "records": self.records,
            "bytes_json": self.bytes_json,
            "rows": self.rows(),
            "dated": dated,
            "sums": sums,
            "unknown_fields": self.unknown_fields,
            "unknown_bodies": self.unknown_bodies,
            "misdated": self.misdated,
            "messages": self.messages,
        })
    }

    pub(super) fn row(&mut self, table: &'static str, own: Option<i64>, start: Option<i64>, scope: Scope) {
        let ms = own.or(start).unwrap_or(scope.start_ms);
        let fits = (scope.start_ms - 400 * DAY_MS..=scope.end_ms + 2 * DAY_MS).contains(&ms);
        if !fits {
            self.misdated += 1;
        }
        let day = UtcDay::of_ms(if fits { ms } else { scope.start_ms });
        *self.dated.entry((table, day)).or_default() += 1;
    }

    pub(super) fn sum(&mut self, column: &'static str, value: i64) {
        *self.sums.entry(column).or_default() += i128::from(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_follow_own_time_then_envelope_then_scope() {
        let scope = Scope { start_ms: 1000 * DAY_MS + 5, end_ms: 1000 * DAY_MS + 3_600_005 };
        let mut counts = Counts::default();
        counts.row("a", Some(999 * DAY_MS), Some(0), scope);
        counts.row("a", None, Some(998 * DAY_MS), scope);
        counts.row("a", None, None, scope);
        counts.row("a", Some(0), Some(998 * DAY_MS), scope);
        assert_eq!(counts.misdated, 1);
        assert_eq!(counts.rows()["a"], 4);
        assert_eq!(counts.dated[&("a", UtcDay(999))], 1);
        assert_eq!(counts.dated[&("a", UtcDay(998))], 1);
        assert_eq!(counts.dated[&("a", UtcDay(1000))], 2);
    }
}
