//! The start of the merged indexes: their files are opened, and each byte of them looked at.
//!
//! That takes seconds where they come from disk. Whoever compared the rows themselves meanwhile
//! would read more than the indexes are, from the same disk, and hold them up. So a search of many
//! rows waits.

use cvx_core::CancelToken;
use parking_lot::{Condvar, Mutex};
use std::time::Duration;

/// How often a search that waits looks whether it is to stop.
const POLL: Duration = Duration::from_millis(5);

/// Whether files are being opened.
#[derive(Debug, Default)]
pub(crate) struct Opening {
    under_way: Mutex<bool>,
    over: Condvar,
}

/// Ends it, come what may.
pub(super) struct Ends<'a>(&'a Opening);

impl Opening {
    pub(super) fn begin(&self) {
        *self.under_way.lock() = true;
    }

    /// It is over when what this answers is dropped.
    pub(super) fn ends(&self) -> Ends<'_> {
        Ends(self)
    }

    /// Waits until it is over, or the search is to stop.
    pub(crate) fn wait(&self, cancel: &CancelToken) {
        let mut under_way = self.under_way.lock();
        while *under_way && cancel.stopped().is_none() {
            self.over.wait_for(&mut under_way, POLL);
        }
    }
}

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        *self.0.under_way.lock() = false;
        self.0.over.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[test]
    fn a_search_waits_for_the_end() {
        let (opening, over) = (Opening::default(), AtomicBool::new(false));
        opening.wait(&CancelToken::default());
        opening.begin();
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| {
                opening.wait(&CancelToken::default());
                over.load(Ordering::Acquire)
            });
            let ends = opening.ends();
            std::thread::sleep(4 * POLL);
            over.store(true, Ordering::Release);
            drop(ends);
            assert!(waiter.join().unwrap(), "a search went on before the end");
        });
    }

    #[test]
    fn a_search_that_is_cancelled_waits_no_longer() {
        let (opening, cancel) = (Opening::default(), CancelToken::default());
        opening.begin();
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| opening.wait(&cancel));
            cancel.cancel();
            waiter.join().unwrap();
        });
    }
}
