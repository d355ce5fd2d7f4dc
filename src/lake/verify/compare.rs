//! What the ledger says against what is listed. Pure.
//!
//! ```text
//! entry r1 {objects: a (10 bytes), b}   listed: a (9 bytes), c   ->   a changed, b missing, c extra
//! ```

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{Finding, FindingKind, Verified};
use crate::lake::history;
use crate::lake::layout::{self, AttemptName};
use crate::lake::ledger::Entry;
use crate::lake::store::Listed;
use crate::model::{AccountId, Fault, Stream, UtcDay, counted};

/// Name of the table whose objects hold the quarantine.
pub(super) const QUARANTINE: &str = "quarantine";

const RESTORE: &str = "restore it from a backup of the lake";

/// An object as its entry names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Expected {
    pub path: String,
    /// Path of the entry.
    pub entry: String,
    pub table: String,
    pub rows: u64,
    pub bytes: u64,
    /// Empty where the entry does not tell.
    pub sha256: String,
    /// Of the entry that replaced its own: it should be gone.
    pub replaced: bool,
    /// What its footer must tell.
    pub footer: BTreeMap<&'static str, String>,
}

/// What the ledger knows.
#[derive(Default)]
pub(super) struct Known {
    /// By path, once sorted.
    pub expected: Vec<Expected>,
    /// What the names of objects of unreadable entries hold: `webSession-20261101-r1-`, or the quarantine's.
    pub unreadable: Vec<String>,
}

impl Known {
    pub fn add_unreadable(&mut self, path: String, fault: Fault, verified: &mut Verified) {
        if let Some(name) = attempt_of(&path, "") {
            let objects = format!("/{}-{}-r{}-", name.stream, name.day.compact(), name.number);
            self.unreadable.push(objects);
            self.unreadable.push(format!("{}-", name.quarantine_object().trim_end_matches('-')));
        }
        verified.findings.push(Finding {
            path,
            kind: FindingKind::Entry,
            expected: "a ledger entry of a known version".to_owned(),
            found: fault.message,
            advice: fault.advice.unwrap_or_else(|| RESTORE.to_owned()),
        });
    }

    /// Takes the readable entries of one day of a stream, lying in `folder`.
    pub fn add_day(&mut self, folder: &str, entries: &[(UtcDay, u32, Entry)], verified: &mut Verified) {
        let replaced = history::replaced(entries);
        let mut met: HashMap<&str, u32> = HashMap::new();
        for (day, number, entry) in entries.iter().filter(|(_, _, entry)| !entry.void) {
            let path = format!("{folder}/r{number}.json");
            let Some(name) = attempt_of(&path, &entry.token).filter(|name| tells_itself(entry, name)) else {
                verified.findings.push(Finding {
                    path,
                    kind: FindingKind::Entry,
                    expected: "account, stream, day and number as its path tells".to_owned(),
                    found: format!("{}/{}/{} r{}", entry.account, entry.stream, entry.day, entry.number),
                    advice: RESTORE.to_owned(),
                });
                continue;
            };
            let replaced = replaced.contains(&(*day, *number));
            if !replaced {
                verified.entries += 1;
                verified.parts += entry.parts.len() as u64;
                verified.findings.extend(counts(&path, entry));
                for part in &entry.parts {
                    if let Some(first) = met.insert(&part.name, *number) {
                        verified.findings.push(Finding {
                            path: path.clone(),
                            kind: FindingKind::Twice,
                            expected: format!("the part {} in one entry", part.name),
                            found: format!("it is in r{first}, too"),
                            advice: "archive the day anew with --redo".to_owned(),
                        });
                    }
                }
            }
            for object in &entry.objects {
                self.expected.push(Expected {
                    path: object.path.clone(),
                    entry: path.clone(),
                    table: object.table.clone(),
                    rows: object.rows,
                    bytes: object.bytes,
                    sha256: object.sha256.clone(),
                    replaced,
                    footer: footer(&name),
                });
                let base = match object.table.as_str() {
                    QUARANTINE => Some(name.quarantine_object()),
                    table => UtcDay::parse(&object.date).map(|date| name.table_object(table, date)),
                };
                if base.is_none_or(|base| !object.path.starts_with(&base)) {
                    verified.findings.push(Finding {
                        path: path.clone(),
                        kind: FindingKind::Entry,
                        expected: format!("an object of table {} and date {}", object.table, object.date),
                        found: object.path.clone(),
                        advice: RESTORE.to_owned(),
                    });
                }
            }
        }
    }
}

/// Account, stream, day and number of an entry's path.
fn attempt_of(path: &str, token: &str) -> Option<AttemptName> {
    let (day, number) = layout::parse_ledger_entry(path)?;
    let mut segments = path.strip_prefix(layout::LEDGER)?.trim_start_matches('/').split('/');
    let account = AccountId::parse(segments.next()?).ok()?;
    let stream = Stream::from_resource(segments.next()?)?;
    Some(AttemptName { account, stream, day, number, token: token.to_owned() })
}

fn tells_itself(entry: &Entry, name: &AttemptName) -> bool {
    entry.account == name.account.as_str()
        && entry.stream == name.stream.resource()
        && entry.day == name.day.to_string()
        && entry.number == name.number
}

fn footer(name: &AttemptName) -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        ("account", name.account.to_string()),
        ("stream", name.stream.to_string()),
        ("day", name.day.to_string()),
        ("batch", format!("r{}", name.number)),
        ("token", name.token.clone()),
    ])
}

/// I5 and the sums of an entry.
fn counts(path: &str, entry: &Entry) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut differ = |what: &str, expected: u64, found: u64| {
        if expected != found {
            findings.push(Finding {
                path: path.to_owned(),
                kind: FindingKind::Counts,
                expected: format!("{expected} {what}"),
                found: found.to_string(),
                advice: "archive the day anew with --redo, and report it if it happens again".to_owned(),
            });
        }
    };
    for part in &entry.parts {
        let kept = part.records_in_tables.saturating_add(part.rejects);
        differ(&format!("records in tables and quarantine of {}", part.name), part.records, kept);
    }
    let sum = |of: fn(&super::super::PartEntry) -> u64| entry.parts.iter().map(of).sum::<u64>();
    let rejects = sum(|part| part.rejects);
    differ("parts in its totals", entry.parts.len() as u64, entry.totals.parts);
    differ("records in its totals", sum(|part| part.records), entry.totals.records);
    differ("quarantined records in its totals", rejects, entry.totals.quarantined);
    differ("objects in its totals", entry.objects.len() as u64, entry.totals.objects);
    let bytes = entry.objects.iter().map(|object| object.bytes).sum();
    differ("bytes written in its totals", bytes, entry.totals.bytes_written);
    let mut rows: BTreeMap<&str, (u64, u64)> =
        entry.totals.rows.iter().map(|(table, rows)| (table.as_str(), (0, *rows))).collect();
    for object in &entry.objects {
        rows.entry(&object.table).or_default().0 += object.rows;
    }
    let (quarantined, _) = rows.remove(QUARANTINE).unwrap_or_default();
    differ("rows in objects of the quarantine", rejects, quarantined);
    for (table, (of_objects, of_totals)) in rows {
        differ(&format!("rows of {table} in its totals"), of_objects, of_totals);
    }
    findings
}

/// Compares by path (both sorted by it). What is there as named, as far as a listing tells.
pub(super) fn compare<'k>(
    known: &'k Known,
    listed: &[Listed],
    pending: &HashSet<String>,
    findings: &mut Vec<Finding>,
) -> Vec<&'k Expected> {
    let mut present = Vec::new();
    let there: HashMap<&str, u64> =
        listed.iter().map(|object| (object.path.as_str(), object.bytes)).collect();
    let mut named: HashSet<&str> = HashSet::new();
    for expected in &known.expected {
        let path = expected.path.as_str();
        if !named.insert(path) {
            findings.push(finding(expected, FindingKind::Twice, "to be named by one entry", "two name it"));
            continue;
        }
        match (there.get(path), expected.replaced) {
            (None, true) => {}
            (None, false) => {
                let what = format!(
                    "{} of {}, {}",
                    counted(expected.rows, "row"),
                    expected.table,
                    counted(expected.bytes, "byte")
                );
                findings.push(finding(expected, FindingKind::Missing, &what, "nothing"));
            }
            (Some(_), true) if pending.contains(path) => {}
            (Some(_), true) => {
                let mut left =
                    finding(expected, FindingKind::Extra, "nothing: its entry was replaced", "an object");
                left.advice = "delete it: a later entry of the same day holds its rows".to_owned();
                findings.push(left);
            }
            (Some(bytes), false) if *bytes != expected.bytes => {
                let (expected_bytes, bytes) = (counted(expected.bytes, "byte"), counted(*bytes, "byte"));
                findings.push(finding(expected, FindingKind::Changed, &expected_bytes, &bytes));
            }
            (Some(_), false) => present.push(expected),
        }
    }
    for object in listed {
        let path = object.path.as_str();
        let unsure = known.unreadable.iter().any(|name| path.contains(name.as_str()));
        if !named.contains(path) && !pending.contains(path) && !unsure {
            findings.push(Finding {
                path: path.to_owned(),
                kind: FindingKind::Extra,
                expected: "nothing: no ledger entry names it".to_owned(),
                found: format!("an object of {}", counted(object.bytes, "byte")),
                advice: "move it out of the lake: readers see its rows beside those that the ledger knows"
                    .to_owned(),
            });
        }
    }
    present
}

/// A finding about an object, with the usual advice.
pub(super) fn finding(object: &Expected, kind: FindingKind, expected: &str, found: &str) -> Finding {
    let advice = match kind {
        FindingKind::Twice => "look at both entries".to_owned(),
        _ => {
            let day = object.footer.get("day").map_or("", String::as_str);
            format!(
                "{RESTORE}, or archive {day} anew: `sync --redo --from {day}` while the service lists its parts, \
                 `convert --redo` from files that were kept"
            )
        }
    };
    Finding {
        path: object.path.clone(),
        kind,
        expected: expected.to_owned(),
        found: found.to_owned(),
        advice,
    }
}
