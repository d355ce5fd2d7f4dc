//! CPU time of this process, all threads: what other programs on the machine do hardly shows in it.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Spent so far.
pub fn cpu_time() -> Duration {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(spent.tv_sec.cast_unsigned(), u32::try_from(spent.tv_nsec).unwrap_or_default())
}
