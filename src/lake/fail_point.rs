//! For tests alone: ends the process the hard way at a step of the write order, so that what the next run
//! must cope with can be made at will.
//!
//! ```text
//! LP_ARCHIVE_FAIL_AT=object:3   the third time that an object is about to appear, the process kills itself
//! ```
//! Steps, in the order in which a run may pass them: `claim`, `recover`, `fenced`, `cleared` (recovery),
//! `fetched`, `read`, `kept`, `raw` (parts), `note`, `noted`, `upload`, `piece`, `staged`, `object`, `placed`,
//! `entry`, `committed`, `uncommitted`, `replace` (redo), `record`. Without the variable each is one comparison.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Hidden: no setting, never in a configuration file.
const VARIABLE: &str = "LP_ARCHIVE_FAIL_AT";

struct Point {
    step: String,
    /// How often the step is still passed unharmed.
    left: AtomicU64,
}

/// Size of the pieces of large objects, when a test wants little data to make large objects.
pub(super) fn piece_bytes() -> Option<usize> {
    std::env::var("LP_ARCHIVE_PIECE_BYTES").ok()?.parse().ok()
}

/// Dies here, without any clean-up, when a test asked for it.
pub fn fail_point(step: &str) {
    static POINT: OnceLock<Option<Point>> = OnceLock::new();
    let Some(point) = POINT.get_or_init(|| parse(&std::env::var(VARIABLE).ok()?)) else { return };
    // The count goes below zero when other threads pass while this process dies.
    if point.step == step && point.left.fetch_sub(1, Ordering::Relaxed) == 0 {
        die();
    }
}

/// `step` or `step:n`, n counting from 1.
fn parse(text: &str) -> Option<Point> {
    let (step, n) = text.split_once(':').unwrap_or((text, "1"));
    let left = n.parse::<u64>().ok()?.checked_sub(1)?;
    Some(Point { step: step.to_owned(), left: AtomicU64::new(left) })
}

fn die() {
    #[cfg(unix)]
    {
        use rustix::process::{Signal, getpid, kill_process};
        let _ = kill_process(getpid(), Signal::KILL);
    }
    std::process::abort();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_with_and_without_a_number() {
        let left = |text| parse(text).map(|point| (point.step, point.left.into_inner()));
        assert_eq!(left("entry"), Some(("entry".into(), 0)));
        assert_eq!(left("piece:3"), Some(("piece".into(), 2)));
        assert_eq!(left("piece:0"), None);
        assert_eq!(left("piece:x"), None);
    }
}
