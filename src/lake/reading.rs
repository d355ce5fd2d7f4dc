//! Which parts an attempt is reading: so that a part that makes the process die (out of memory, say) is
//! found, tried last and in the end alone, and stops the others for one run at most.
//!
//! ```text
//! _lp_archive/reading/<account>/<token>.json   {"version":1,"process":…,"parts":["WebSession.….part-00000-0", …]}
//! ```
//! A marker is written before the first part of an attempt is read and deleted when the attempt has ended
//! in any way but death. A marker whose process is dead makes its parts suspects; two of them make a part
//! go alone. Markers decide about order only: rows never depend on them.

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
        self.writable()?.put(&marker_path(account, attempt.token()), json.into())
    }

    /// The attempt with this token has ended alive.
    ///
    /// # Errors
    /// The store's; then its parts count as suspects until they are archived.
    pub fn unmark_reading(&self, account: &AccountId, token: &str) -> Result<(), Fault> {
        self.writable()?.delete(&marker_path(account, token))
    }

    /// What dead processes were reading.
    ///
    /// # Errors
    /// The store's. A marker that cannot be understood is passed over.
    pub fn suspects(&self, account: &AccountId) -> Result<Suspects, Fault> {
        let mut suspects = Suspects::default();
        let Some(store) = &self.store else { return Ok(suspects) };
        for listed in store.list(&folder(account))? {
            let Some(json) = store.get(&listed.path)? else { continue };
            let Ok(marker) = serde_json::from_slice::<Marker>(&json) else { continue };
            if marker.process.liveness() == Liveness::Alive {
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
            if old || marker.parts.iter().all(|part| cleared(part)) {
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
