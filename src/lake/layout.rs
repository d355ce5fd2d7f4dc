//! Where things lie in the lake: pure functions from words to paths relative to its root.
//!
//! ```text
//! navigation/account_id=1/date=2026-11-01/webSession-20261101-r1-0123456789abcdef.parquet
//! _lp_archive/ledger/v1/1/webSession/2026-11-01/r1.json
//! ```
//! Every segment is made of letters, digits and `=`, `-`, `_`, `.`; names from outside enter only
//! through [`safe_name`].

use crate::model::{AccountId, PartId, Scope, Stream, UtcDay};

/// Format version of the lake and, in the ledger, `{"format":1}`.
pub(super) const LAKE: &str = "_lp_archive/lake.json";

/// Folder in which a local lake stages files before they are renamed into place.
pub(super) const STAGING: &str = "_lp_archive/staging";

/// Folder of parts kept as received.
pub(super) const RAW: &str = "_lp_archive/raw/";
/// Folder of the ledger: a folder per account in it.
pub(super) const LEDGER: &str = "_lp_archive/ledger/v1";

/// Folder of pending notes: a folder per account in it.
pub(super) const PENDING: &str = "_lp_archive/pending";

/// Folder of quarantine objects: a folder per account in it.
pub(super) const QUARANTINE: &str = "_lp_archive/quarantine";

/// Folder of the records of runs: a folder per day in it.
pub(super) const RUNS: &str = "_lp_archive/runs";

/// What the names of an attempt's objects are made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AttemptName {
    pub account: AccountId,
    pub stream: Stream,
    pub day: UtcDay,
    pub number: u32,
    pub token: String,
}

impl AttemptName {
    /// Path of a table's object, without what tells several of one date apart and the extension.
    pub fn table_object(&self, table: &str, date: UtcDay) -> String {
        format!(
            "{table}/account_id={}/date={date}/{}-{}-r{}-{}",
            self.account,
            self.stream,
            self.day.compact(),
            self.number,
            self.token
        )
    }

    /// The same for the objects of the quarantine.
    pub fn quarantine_object(&self) -> String {
        format!("{QUARANTINE}/{}/{}/{}/r{}-{}", self.account, self.stream, self.day, self.number, self.token)
    }

    /// The ledger entry that commits the attempt.
    pub fn entry(&self) -> String {
        ledger_entry(&self.account, self.stream, self.day, self.number)
    }

    /// The note that names the attempt's objects while it is not committed.
    pub fn note(&self) -> String {
        format!("{}/{}.json", pending_folder(&self.account), self.token)
    }
}

/// The `k`-th object (1 is the first) of a path made by [`AttemptName`].
pub(super) fn numbered(base: &str, k: u32) -> String {
    if k <= 1 { format!("{base}.parquet") } else { format!("{base}-p{k}.parquet") }
}

pub(super) fn ledger_entry(account: &AccountId, stream: Stream, day: UtcDay, number: u32) -> String {
    format!("{}/{day}/r{number}.json", ledger_folder(account, stream))
}

pub(super) fn ledger_folder(account: &AccountId, stream: Stream) -> String {
    format!("{LEDGER}/{account}/{stream}")
}

/// Day and number of a ledger entry's path; `None` for anything else.
pub(super) fn parse_ledger_entry(path: &str) -> Option<(UtcDay, u32)> {
    let (folder, file) = path.rsplit_once('/')?;
    let day = UtcDay::parse(folder.rsplit('/').next()?)?;
    let digits = file.strip_prefix('r')?.strip_suffix(".json")?;
    let number: u32 = digits.parse().ok()?;
    (number > 0 && number.to_string() == digits).then_some((day, number))
}

pub(super) fn pending_folder(account: &AccountId) -> String {
    format!("{PENDING}/{account}")
}

/// Path of a part kept as received, without extension: `.bin` holds its bytes, `.json` the reason.
pub(super) fn raw(part: &PartId, scope: Scope) -> String {
    let day = UtcDay::of_ms(scope.start_ms);
    format!("{RAW}{}/{}/{day}/{}", part.account, part.stream, safe_name(&part.name))
}

/// Day of a run's record; `None` for anything else.
pub(super) fn parse_run(path: &str) -> Option<UtcDay> {
    let (folder, file) = path.rsplit_once('/')?;
    file.ends_with(".json").then(|| UtcDay::parse(folder.rsplit('/').next()?))?
}

/// Path of the record that a run leaves behind.
pub(super) fn run(started_ms: i64, token: &str) -> String {
    let day = UtcDay::of_ms(started_ms);
    let second = started_ms.saturating_sub(day.start_ms()) / 1000;
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{RUNS}/{day}/{hour:02}{minute:02}{second:02}-{token}.json")
}

/// A name from outside as one path segment: what is not a letter, digit, `-`, `_` or `.` becomes `_`,
/// and a hash of the whole name keeps different names apart.
pub(super) fn safe_name(name: &str) -> String {
    let mut safe: String = name
        .chars()
        .take(80)
        .map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' })
        .collect();
    if safe.starts_with('.') {
        safe.replace_range(..1, "_");
    }
    format!("{safe}-{:032x}", fnv1a(name.as_bytes()))
}

/// FNV-1a, 128 bits: stable for ever, unlike the standard library's hash. Not against collisions made
/// on purpose: those only let a service overwrite its own files under `raw/`.
pub(super) fn fnv1a(bytes: &[u8]) -> u128 {
    bytes.iter().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d, |hash, byte| {
        (hash ^ u128::from(*byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> AttemptName {
        AttemptName {
            account: AccountId::parse("1").unwrap(),
            stream: Stream::WebSession,
            day: UtcDay::parse("2026-11-01").unwrap(),
            number: 2,
            token: "0123456789abcdef".into(),
        }
    }

    #[test]
    fn paths_are_those_of_the_contract() {
        let date = UtcDay::parse("2026-10-31").unwrap();
        let base = name().table_object("navigation", date);
        assert_eq!(
            numbered(&base, 1),
            "navigation/account_id=1/date=2026-10-31/webSession-20261101-r2-0123456789abcdef.parquet"
        );
        assert!(numbered(&base, 3).ends_with("-0123456789abcdef-p3.parquet"));
        assert_eq!(
            numbered(&name().quarantine_object(), 1),
            "_lp_archive/quarantine/1/webSession/2026-11-01/r2-0123456789abcdef.parquet"
        );
        assert_eq!(name().entry(), "_lp_archive/ledger/v1/1/webSession/2026-11-01/r2.json");
        assert_eq!(name().note(), "_lp_archive/pending/1/0123456789abcdef.json");
        assert_eq!(run(1_461_387_605_000, "ab"), "_lp_archive/runs/2016-04-23/050005-ab.json");
    }

    #[test]
    fn only_ledger_entries_parse_as_such() {
        assert_eq!(parse_ledger_entry(&name().entry()), Some((name().day, 2)));
        for other in
            ["a/2026-11-01/r0.json", "a/2026-11-01/r01.json", "a/2026-11-01/r1.json#1", "a/b/r1.json"]
        {
            assert_eq!(parse_ledger_entry(other), None, "{other}");
        }
    }

    #[test]
    fn names_from_outside_stay_one_segment() {
        for hostile in ["../../etc/passwd", "/abs", "a\0b", "..", "", "ü/ß", &"x".repeat(5000), "a\\b:c"] {
            let safe = safe_name(hostile);
            assert!(safe.len() < 128 && !safe.starts_with('.'), "{safe}");
            assert!(safe.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)), "{safe}");
        }
        assert_ne!(safe_name("a/b"), safe_name("a_b"));
    }
}
