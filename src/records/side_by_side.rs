//! Work on the messages of a text, shared out over the threads of the current rayon pool.
//!
//! A thread that waits for others begins whatever else is to be done, such as the next chunk, and there it would wait again:
//! each chunk so begun holds its text and a reader. Therefore work of a level is shared out below it only.

use std::cell::Cell;

use rayon::prelude::*;

/// Records of a chunk.
pub const RECORDS: u8 = 1;
/// Strings of a record.
pub(super) const STRINGS: u8 = 2;

thread_local! {
    static LEVEL: Cell<u8> = const { Cell::new(0) };
}

/// Level of the current thread, for as long as it lives.
struct Entered {
    before: u8,
}

impl Entered {
    fn at(level: u8) -> Entered {
        let before = LEVEL.get();
        LEVEL.set(before.max(level));
        Entered { before }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        LEVEL.set(self.before);
    }
}

/// What `work` makes of each item, in their order. On this thread alone where it is none of a pool, or works at this
/// `level` already. The caller must hold no lock.
pub fn side_by_side<T: Sync, U: Send>(level: u8, items: &[T], work: impl Fn(&T) -> U + Sync) -> Vec<U> {
    let alone = items.len() < 2 || rayon::current_thread_index().is_none() || LEVEL.get() >= level;
    if alone {
        return items.iter().map(work).collect();
    }
    let _entered = Entered::at(level);
    let one = |item| {
        let _entered = Entered::at(level);
        work(item)
    };
    items.par_iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// What waits below the records of a chunk: chunks, of which each has records with several strings.
    #[test]
    fn what_is_begun_while_waiting_does_not_wait_for_more_of_its_kind() {
        thread_local! {
            static CHUNKS: Cell<usize> = const { Cell::new(0) };
        }
        let deepest = AtomicUsize::new(0);
        let done = AtomicUsize::new(0);
        let chunk = || {
            deepest.fetch_max(CHUNKS.replace(CHUNKS.get() + 1) + 1, Ordering::Relaxed);
            side_by_side(RECORDS, &[0; 16], |_| {
                side_by_side(STRINGS, &[0; 4], |_| {
                    std::thread::sleep(std::time::Duration::from_micros(20));
                    done.fetch_add(1, Ordering::Relaxed)
                })
            });
            CHUNKS.set(CHUNKS.get() - 1);
        };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(8).build().unwrap();
        pool.scope(|scope| (0..200).for_each(|_| scope.spawn(|_| chunk())));
        assert_eq!(done.into_inner(), 200 * 16 * 4);
        let deepest = deepest.into_inner();
        assert!(deepest <= 3, "{deepest} chunks on one thread");
    }
}
