//! Which parts an attempt is reading: so that a part that makes the process die (out of memory, say) is
//! found, tried last and in the end alone, and stops the others for one run at most.
//!
//! ```text
//! _lp_archive/reading/<account>/<token>.json   {"version":1,"process":…,"parts":["WebSession.….part-00000-0", …]}
//! ```
//! A marker is written before the first part of an attempt is read and deleted when the attempt has ended
//! in any way but death. A marker whose process is dead makes its parts suspects; two of them make a part
//! go alone. Markers decide about order only: rows never depend on them. So they are not synced to the disk: they
//! outlive the process, and what a loss of power leaves of one is passed over until it is old.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::process::{Liveness, Process};
use super::{Attempt, Lake};
use crate::model::{AccountId, Fault};

/// A marker older than this tells of parts that the service has deleted by now.
const FORGET_MS: i64 = 35 * 86_400_000;

/// Parts that were being read when a process died.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Suspects {
    /// How many processes died while they read a part.
    pub deaths: HashMap<String, u32>,
    markers: Vec<DeadMarker>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct DeadMarker {
    path: String,
    parts: Vec<String>,
    modified_ms: i64,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Marker {
    version: u32,
    process: Process,
    parts: Vec<String>,
}

impl Lake {
    /// Notes that the attempt is about to read these parts.
    ///
    /// # Errors
    /// The store's.
    pub fn mark_reading<'p>(
        &self,
        attempt: &Attempt,
        account: &AccountId,
        parts: impl IntoIterator<Item = &'p str>,
    ) -> Result<(), Fault> {
        let parts = parts.into_iter().map(str::to_owned).collect();
        let marker = Marker { version: 1, process: self.process.clone(), parts };
        let json = serde_json::json!(marker).to_string();
        self.writable()?.put_lightly(&marker_path(account, attempt.token()), json.into())
    }

    /// The attempt with this token has ended alive.
    ///
    /// # Errors
    /// The store's; then its parts count as suspects until they are archived.
    pub fn unmark_reading(&self, account: &AccountId, token: &str) -> Result<(), Fault> {
        self.writable()?.delete_lightly(&marker_path(account, token))
    }

    /// What dead processes were reading.
    ///
    /// # Errors
    /// The store's.
    pub fn suspects(&self, account: &AccountId) -> Result<Suspects, Fault> {
        let mut suspects = Suspects::default();
        let Some(store) = &self.store else { return Ok(suspects) };
        for listed in store.list(&folder(account))? {
            let Some(json) = store.get(&listed.path)? else { continue };
            // One that cannot be understood tells of no part.
            let marker = serde_json::from_slice::<Marker>(&json).unwrap_or_default();
            if !marker.parts.is_empty() && marker.process.liveness() == Liveness::Alive {
                continue;
            }
            for part in &marker.parts {
                *suspects.deaths.entry(part.clone()).or_default() += 1;
            }
            suspects.markers.push(DeadMarker {
                path: listed.path,
                parts: marker.parts,
                modified_ms: listed.modified_ms,
            });
        }
        Ok(suspects)
    }

    /// Forgets the markers all of whose parts are `cleared`: archived, or read by a process that lived on.
    ///
    /// # Errors
    /// The store's.
    pub fn clear_suspects(
        &self,
        suspects: &Suspects,
        cleared: impl Fn(&str) -> bool,
        now_ms: i64,
    ) -> Result<(), Fault> {
        for marker in &suspects.markers {
            let old = now_ms.saturating_sub(marker.modified_ms) > FORGET_MS;
            if old || !marker.parts.is_empty() && marker.parts.iter().all(|part| cleared(part)) {
                self.writable()?.delete(&marker.path)?;
            }
        }
        Ok(())
    }
}

fn folder(account: &AccountId) -> String {
    format!("_lp_archive/reading/{account}")
}

fn marker_path(account: &AccountId, token: &str) -> String {
    format!("{}/{token}.json", folder(account))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lake::Access;
    use crate::model::{LakeOptions, Stream, UtcDay};

    #[test]
    fn the_dead_leave_suspects_and_what_cannot_be_read_goes_when_it_is_old() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let place = tempfile::tempdir().unwrap();
        let out = place.path().to_str().unwrap();
        let mut lake =
            Lake::open(out, LakeOptions::default(), Access::Write, runtime.handle().clone()).unwrap();
        let account = AccountId::parse("1").unwrap();
        let mark = |lake: &Lake, parts: &[&str]| {
            let attempt = lake.begin(&account, Stream::Survey, UtcDay(0), 1).unwrap();
            lake.mark_reading(&attempt, &account, parts.iter().copied()).unwrap();
            attempt.token().to_owned()
        };
        let left = || std::fs::read_dir(place.path().join(folder(&account))).map_or(0, |left| left.count());
        let token = mark(&lake, &["a", "b"]);
        assert_eq!(lake.suspects(&account).unwrap(), Suspects::default());
        lake.unmark_reading(&account, &token).unwrap();
        assert_eq!(left(), 0);

        lake.process.pid = u32::MAX;
        mark(&lake, &["a", "b"]);
        mark(&lake, &["a"]);
        for torn in ["", "\0\0\0\0", r#"{"version":1,"parts":["a"#] {
            let path = place.path().join(folder(&account)).join(format!("{:016x}.json", torn.len()));
            std::fs::write(path, torn).unwrap();
        }
        let suspects = lake.suspects(&account).unwrap();
        assert_eq!(suspects.deaths, HashMap::from([("a".to_owned(), 2), ("b".to_owned(), 1)]));
        let now = suspects.markers.iter().map(|marker| marker.modified_ms).max().unwrap();
        for (cleared, later, stay) in
            [("b", 0, 5), ("a", 0, 4), ("", FORGET_MS / 2, 4), ("", 2 * FORGET_MS, 0)]
        {
            lake.clear_suspects(&suspects, |part| part == cleared, now + later).unwrap();
            assert_eq!(left(), stay);
        }
    }
}
