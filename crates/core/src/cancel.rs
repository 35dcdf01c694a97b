//! Stopping work that runs: a flag and a deadline, polled by whoever computes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

/// Asks running work to stop. Clones share the flag; polling is one or two relaxed loads.
#[derive(Clone, Debug, Default)]
pub struct CancelToken(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    cancelled: AtomicBool,
    timed_out: AtomicBool,
    exhausted: AtomicBool,
    generation: AtomicI64,
}

/// Why work was asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Somebody asked.
    Cancelled,
    /// `statement_timeout` passed.
    TimedOut,
    /// The process is short of memory, and this work holds most.
    OutOfMemory,
}

impl CancelToken {
    pub fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::Release);
    }

    /// Ends the running statement for the memory it holds.
    pub fn exhaust(&self) {
        self.0.exhausted.store(true, Ordering::Release);
    }

    /// Ends the statement of `generation` for its time is up; a later statement is left alone.
    pub fn time_out(&self, generation: i64) {
        if self.0.generation.load(Ordering::Acquire) == generation {
            self.0.timed_out.store(true, Ordering::Release);
        }
    }

    /// A new statement begins: forgets old requests and says its generation.
    pub fn start(&self) -> i64 {
        let generation = self.0.generation.fetch_add(1, Ordering::AcqRel) + 1;
        self.0.cancelled.store(false, Ordering::Release);
        self.0.timed_out.store(false, Ordering::Release);
        self.0.exhausted.store(false, Ordering::Release);
        generation
    }

    /// Whether to stop, and why. Poll it every few thousand steps.
    #[must_use]
    pub fn stopped(&self) -> Option<Stop> {
        if self.0.cancelled.load(Ordering::Relaxed) {
            Some(Stop::Cancelled)
        } else if self.0.timed_out.load(Ordering::Relaxed) {
            Some(Stop::TimedOut)
        } else if self.0.exhausted.load(Ordering::Relaxed) {
            Some(Stop::OutOfMemory)
        } else {
            None
        }
    }
}
