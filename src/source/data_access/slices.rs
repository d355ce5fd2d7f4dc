//! Cuts the time of a listing into slices, and slices into halves. Pure.
//!
//! ```text
//! 2026-11-20T00:00 .. 2026-11-22T12:00 -> [20T00:00, 21T00:00] [20T23:55, 21T23:55] [21T23:50, 22T12:00]
//! ```
//!
//! Whether the service counts `startTime` and `endTime` themselves in is not documented, so that
//! neighbours overlap and nothing falls between them; parts listed twice are joined by name.

/// Bounds of `startTime` and `endTime`, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slice {
    pub(super) start_ms: i64,
    pub(super) end_ms: i64,
}

/// The vendor asks for narrow windows "to reduce timeouts".
const WIDTH_MS: i64 = 24 * 3_600_000;
const OVERLAP_MS: i64 = 5 * 60_000;
/// A slice is halved while its halves are at least so wide.
const MIN_HALF_MS: i64 = 15 * 60_000;
/// Enough for both bounds to be exclusive, in a service that counts seconds.
const HALVES_OVERLAP_MS: i64 = 1000;
/// A start in another decade makes wider slices instead of more.
const MAX_SLICES: i64 = 400;

/// Slices from `from_ms` until `now_ms`, oldest first; none when nothing lies between.
pub(super) fn slices(from_ms: i64, now_ms: i64) -> Vec<Slice> {
    let mut start_ms = from_ms.max(0);
    let step = (now_ms.saturating_sub(start_ms) / MAX_SLICES).max(WIDTH_MS - OVERLAP_MS);
    let mut slices = Vec::new();
    while start_ms < now_ms {
        let end_ms = start_ms.saturating_add(step + OVERLAP_MS).min(now_ms);
        slices.push(Slice { start_ms, end_ms });
        if end_ms == now_ms {
            break;
        }
        start_ms += step;
    }
    slices
}

impl Slice {
    /// The two halves, unless they would be too narrow to be worth a request.
    pub(super) fn halves(self) -> Option<[Slice; 2]> {
        let half = (self.end_ms - self.start_ms) / 2;
        let middle = self.start_ms + half;
        (half >= MIN_HALF_MS).then_some([
            Slice { start_ms: self.start_ms, end_ms: middle },
            Slice { start_ms: middle - HALVES_OVERLAP_MS, end_ms: self.end_ms },
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    #[test]
    fn slices_cover_the_time_and_overlap() {
        let now = 1_700_000_000_000;
        for span in
            [1, HOUR, WIDTH_MS - 1, WIDTH_MS, WIDTH_MS + 1, 32 * WIDTH_MS, 4000 * WIDTH_MS, now, now + HOUR]
        {
            let slices = slices(now - span, now);
            assert_eq!(slices.first().unwrap().start_ms, (now - span).max(0));
            assert_eq!(slices.last().unwrap().end_ms, now);
            assert!(slices.len() <= MAX_SLICES as usize + 1, "{span}: {}", slices.len());
            for pair in slices.windows(2) {
                assert_eq!(pair[0].end_ms - pair[1].start_ms, OVERLAP_MS);
            }
        }
        assert_eq!(slices(now - 32 * WIDTH_MS, now)[0].end_ms - (now - 32 * WIDTH_MS), WIDTH_MS);
    }

    #[test]
    fn no_time_makes_no_slices() {
        assert_eq!(slices(5, 5), []);
        assert_eq!(slices(6, 5), []);
        assert_eq!(slices(i64::MAX, 5), []);
        assert_eq!(slices(i64::MIN, 5), [Slice { start_ms: 0, end_ms: 5 }]);
    }

    #[test]
    fn halves_cover_the_slice_and_end() {
        let mut slice = Slice { start_ms: 7, end_ms: 7 + WIDTH_MS };
        let mut times = 0;
        while let Some([first, second]) = slice.halves() {
            assert_eq!((first.start_ms, second.end_ms), (slice.start_ms, slice.end_ms));
            assert!(first.end_ms > second.start_ms);
            slice = second;
            times += 1;
        }
        assert_eq!(times, 6);
    }
}
