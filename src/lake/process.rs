//! Which process wrote something, and whether it still lives: decides whose left-overs recovery may
//! finish. Linux tells through `/proc`; elsewhere other processes count as unknown.
//!
//! Nothing here decides about rows: an attempt that is wrongly taken for dead is fenced by its ledger
//! entry and loses the race (see the module head of `lake`).

use std::fs;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use super::layout::fnv1a;

/// A process, told apart from every other one of any machine and boot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Process {
    pub host: String,
    /// Boot id of the kernel; empty where there is none.
    pub boot: String,
    /// Process id namespace: containers on one machine have one each.
    pub namespace: String,
    pub pid: u32,
    /// Start in clock ticks since boot; 0 where unknown. A process id is used again, this pair is not.
    pub start: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Liveness {
    Alive,
    Dead,
    /// On another machine or in another container.
    Unknown,
}

impl Process {
    /// This process.
    pub fn own() -> &'static Process {
        static OWN: OnceLock<Process> = OnceLock::new();
        OWN.get_or_init(|| {
            let read = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
            let pid = std::process::id();
            Process {
                host: read("/proc/sys/kernel/hostname"),
                boot: read("/proc/sys/kernel/random/boot_id"),
                namespace: fs::read_link("/proc/self/ns/pid")
                    .map(|link| link.to_string_lossy().into_owned())
                    .unwrap_or_default(),
                pid,
                start: start_of(pid).unwrap_or(0),
            }
        })
    }

    pub fn liveness(&self) -> Liveness {
        let own = Process::own();
        if self == own {
            Liveness::Alive
        } else {
            judge(
                self.host == own.host,
                self.boot == own.boot,
                self.namespace == own.namespace,
                self.pid,
                self.start,
            )
        }
    }

    /// The same as a file name prefix: `host-boot-namespace-pid-start`, texts as hashes.
    pub fn tag(&self) -> String {
        let hash = |text: &str| fnv1a(text.as_bytes()) as u64;
        format!(
            "{:016x}-{:016x}-{:016x}-{}-{}",
            hash(&self.host),
            hash(&self.boot),
            hash(&self.namespace),
            self.pid,
            self.start
        )
    }
}

/// Liveness of the process whose [`Process::tag`] a file name begins with; `None` for other names.
pub(super) fn liveness_of_tag(name: &str) -> Option<Liveness> {
    let own = Process::own().tag();
    let mut own = own.split('-');
    let mut segments = name.split('-');
    let mut same = || Some(segments.next()? == own.next()?);
    let (host, boot, namespace) = (same()?, same()?, same()?);
    let pid = segments.next()?.parse().ok()?;
    let start = segments.next()?.parse().ok()?;
    Some(judge(host, boot, namespace, pid, start))
}

fn judge(same_host: bool, same_boot: bool, same_namespace: bool, pid: u32, start: u64) -> Liveness {
    let known = Process::own().start != 0;
    match (known && same_host, same_boot, same_namespace) {
        (false, _, _) | (true, true, false) => Liveness::Unknown,
        (true, false, _) => Liveness::Dead,
        (true, true, true) if start_of(pid) == Some(start) => Liveness::Alive,
        (true, true, true) => Liveness::Dead,
    }
}

/// Start time of a running process: field 22 of `/proc/<pid>/stat`, counted after the program's name,
/// which stands in parentheses and may hold anything. Zombies count as gone.
fn start_of(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = fields.next()?;
    if state == "Z" || state == "X" {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn own_process_lives_and_others_are_judged() {
        let own = Process::own();
        assert_eq!(own.liveness(), Liveness::Alive);
        assert_eq!(Process { start: own.start + 1, ..own.clone() }.liveness(), Liveness::Dead);
        assert_eq!(Process { pid: u32::MAX, ..own.clone() }.liveness(), Liveness::Dead);
        assert_eq!(Process { boot: "x".into(), ..own.clone() }.liveness(), Liveness::Dead);
        assert_eq!(Process { host: "x".into(), ..own.clone() }.liveness(), Liveness::Unknown);
        assert_eq!(Process { namespace: "x".into(), ..own.clone() }.liveness(), Liveness::Unknown);
    }

    #[test]
    fn tags_tell_the_same() {
        let own = Process::own();
        assert_eq!(liveness_of_tag(&format!("{}-7", own.tag())), Some(Liveness::Alive));
        let dead = Process { pid: u32::MAX, ..own.clone() };
        assert_eq!(liveness_of_tag(&format!("{}-7", dead.tag())), Some(Liveness::Dead));
        assert_eq!(liveness_of_tag("notes.txt"), None);
    }
}
