//! Ledger entries: JSON that says which parts are archived in which objects.
//!
//! ```text
//! {"version":1,"token":"0123456789abcdef","account":"1","stream":"webSession","day":"2026-11-01","number":1,
//!  "parts":[{"name":"WebSession.1.2.part-00000-0",…}],"objects":[{"path":"navigation/…parquet",…}],…}
//! {"version":1,"token":"…","void":true,"reason":"…"}        the attempt can never commit; archives nothing
//! ```
//! Unknown keys are ignored, an unknown version is refused: what it archives cannot be guessed.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::model::{Fault, FaultKind, RunTotals, Scope, Stage};

/// The version that this program writes.
const VERSION: u32 = 1;

/// One part as the ledger names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartEntry {
    /// Listed name without `.gz`.
    pub name: String,
    #[serde(flatten, with = "FlatScope")]
    pub scope: Scope,
    /// Bytes as received.
    pub bytes: u64,
    /// SHA-256 of the bytes as received, in hexadecimal.
    pub sha256: String,
    /// Top-level values framed.
    pub records: u64,
    /// Distinct source records that the tables counted.
    pub records_in_tables: u64,
    /// Records kept in quarantine.
    pub rejects: u64,
    /// Only what could be read of a damaged part is archived.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub salvaged: bool,
    /// What the damage is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// One object as the ledger names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ObjectEntry {
    pub path: String,
    pub table: String,
    /// `YYYY-MM-DD`.
    pub date: String,
    pub rows: u64,
    pub bytes: u64,
    /// SHA-256 of its bytes, in hexadecimal; entries of old programs have none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sha256: String,
}

/// A whole entry. A void one has no parts and no objects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub version: u32,
    pub token: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub void: bool,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    #[serde(default)]
    pub account: String,
    #[serde(default)]
    pub stream: String,
    #[serde(default)]
    pub day: String,
    #[serde(default)]
    pub number: u32,
    /// Version of the program.
    #[serde(default)]
    pub program: String,
    /// RFC 3339.
    #[serde(default)]
    pub created: String,
    #[serde(default)]
    pub parts: Vec<PartEntry>,
    #[serde(default)]
    pub objects: Vec<ObjectEntry>,
    /// Numbers of entries of the same day that do not count any more since this one does. Every part of
    /// theirs is a part of this one.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub replaces: BTreeSet<u32>,
    #[serde(default)]
    pub schema_versions: BTreeSet<String>,
    #[serde(default, with = "Totals")]
    pub totals: RunTotals,
}

impl Entry {
    /// An entry that archives nothing; the caller fills it.
    pub fn new(name: &super::layout::AttemptName) -> Entry {
        Entry {
            version: VERSION,
            token: name.token.clone(),
            void: false,
            reason: String::new(),
            account: name.account.to_string(),
            stream: name.stream.to_string(),
            day: name.day.to_string(),
            number: name.number,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            created: String::new(),
            parts: Vec::new(),
            objects: Vec::new(),
            replaces: BTreeSet::new(),
            schema_versions: BTreeSet::new(),
            totals: RunTotals::default(),
        }
    }

    /// An entry that keeps the attempt from ever committing.
    pub fn void(name: &super::layout::AttemptName, reason: &str) -> Entry {
        Entry { void: true, reason: reason.to_owned(), ..Entry::new(name) }
    }

    pub fn to_json(&self) -> Result<bytes::Bytes, Fault> {
        serde_json::to_vec(self).map(Into::into).map_err(|error| {
            Fault::new(FaultKind::Internal, Stage::Commit, format!("the ledger entry is no JSON: {error}"))
        })
    }

    /// # Errors
    /// Not an entry, or one of a newer version: the lake must not be touched then.
    pub fn parse(path: &str, json: &[u8]) -> Result<Entry, Fault> {
        let refuse = |message: String, advice: &str| {
            Fault::new(FaultKind::Destination, Stage::List, message).of(path).advise(advice)
        };
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let damaged = |error: serde_json::Error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            refuse(format!("not a ledger entry ({place})"), "restore this file from a backup of the lake")
        };
        let Version { version } = serde_json::from_slice(json).map_err(damaged)?;
        if version > VERSION {
            let message =
                format!("ledger version {version} is newer than this program, which knows {VERSION}");
            return Err(refuse(message, "run a newer lp-archive"));
        }
        serde_json::from_slice(json).map_err(damaged)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Scope")]
struct FlatScope {
    #[serde(rename = "scope_start_ms")]
    start_ms: i64,
    #[serde(rename = "scope_end_ms")]
    end_ms: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "RunTotals")]
struct Totals {
    #[serde(default)]
    parts: u64,
    #[serde(default)]
    bytes_downloaded: u64,
    #[serde(default)]
    bytes_json: u64,
    #[serde(default)]
    records: u64,
    #[serde(default)]
    quarantined: u64,
    #[serde(default)]
    mistyped: u64,
    #[serde(default)]
    unknown_fields: u64,
    #[serde(default)]
    unknown_bodies: u64,
    #[serde(default)]
    misdated: u64,
    #[serde(default)]
    foreign_accounts: u64,
    #[serde(default)]
    salvaged: u64,
    #[serde(default)]
    bytes_written: u64,
    #[serde(default)]
    objects: u64,
    #[serde(default)]
    rows: BTreeMap<String, u64>,
}

#[cfg(test)]
mod tests {
    use super::super::layout::AttemptName;
    use super::*;
    use crate::model::{AccountId, Stream, UtcDay};

    fn entry() -> Entry {
        let name = AttemptName {
            account: AccountId::parse("1").unwrap(),
            stream: Stream::Survey,
            day: UtcDay(0),
            number: 3,
            token: "ab".into(),
        };
        let mut entry = Entry::new(&name);
        entry.parts.push(PartEntry {
            name: "Survey.1.2.part-00000-0".into(),
            scope: Scope { start_ms: 1, end_ms: 2 },
            bytes: 9,
            sha256: "00".into(),
            records: 2,
            records_in_tables: 1,
            rejects: 1,
            salvaged: false,
            reason: String::new(),
        });
        entry.totals.rows.insert("surveys".into(), 1);
        entry
    }

    #[test]
    fn an_entry_reads_back_and_unknown_keys_do_not_matter() {
        let json = entry().to_json().unwrap();
        assert_eq!(Entry::parse("x", &json).unwrap(), entry());
        let mut value: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(value["parts"][0]["scope_start_ms"], 1);
        assert_eq!(value["day"], "1970-01-01");
        assert_eq!(value.get("void"), None);
        value["later"] = 1.into();
        value["parts"][0]["later"] = 1.into();
        assert_eq!(Entry::parse("x", value.to_string().as_bytes()).unwrap(), entry());
    }

    #[test]
    fn what_cannot_be_understood_is_refused() {
        for (json, message) in [
            (r#"{"version":2,"parts":7}"#, "newer"),
            ("{", "not a ledger entry"),
            (r#"{"version":1}"#, "not a ledger"),
        ] {
            let fault = Entry::parse("x", json.as_bytes()).unwrap_err();
            assert_eq!(fault.kind, FaultKind::Destination);
            assert!(fault.message.contains(message), "{fault}");
        }
    }
}
