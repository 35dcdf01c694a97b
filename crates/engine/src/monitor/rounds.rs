//! What the writer, the monitor's thread and those who wait for it share.

use crate::engine::Engine;
use crate::{Error, Result};
use cvx_core::SpaceId;
use parking_lot::{Condvar, Mutex, MutexGuard};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// How long the thread waits before it tries again what failed.
const AGAIN: Duration = Duration::from_millis(500);
/// How long it lets commits gather once there are some.
const GATHER: Duration = Duration::from_millis(10);

/// The monitors of an open database.
#[derive(Debug, Default)]
pub(crate) struct Monitors {
    /// The marks of all commits up to this one are in their tables.
    marked: AtomicU64,
    /// Whether there is something that the thread has not begun to look at.
    pending: AtomicBool,
    stop: AtomicBool,
    rounds: Mutex<Rounds>,
    changed: Condvar,
    /// How often something was erased or dropped.
    removals: Mutex<u64>,
    pub(super) positions: Mutex<HashMap<SpaceId, Position>>,
}

/// Rounds are numbered; a round looks at all that is marked when it begins.
#[derive(Debug, Default)]
struct Rounds {
    asked: u64,
    begun: u64,
    done: u64,
    /// Why the last one came to nothing, if it did.
    failed: Option<String>,
}

/// How far a table's monitor has come.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Position {
    pub(crate) seen: u64,
    pub(crate) due: usize,
    pub(crate) states: usize,
    pub(crate) bytes: usize,
}

impl Monitors {
    pub(crate) fn new(seq: u64) -> Self {
        Self { marked: AtomicU64::new(seq), ..Self::default() }
    }

    /// The writer has marked all up to a commit. `news` is whether there is anything to look at.
    pub(crate) fn marked_up_to(&self, seq: u64, news: bool) {
        self.marked.store(seq, Ordering::Release);
        if news && !self.pending.swap(true, Ordering::AcqRel) {
            let _rounds = self.rounds.lock();
            self.changed.notify_all();
        }
    }

    pub(super) fn marked(&self) -> u64 {
        self.marked.load(Ordering::Acquire)
    }

    /// Held by whoever erases, drops, or writes what a monitor found, while it does. Who erased or
    /// dropped adds one when nothing of it is read any more.
    pub(crate) fn removals(&self) -> MutexGuard<'_, u64> {
        self.removals.lock()
    }

    pub(super) fn stopping(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Waits for the next round; `None` when told to stop.
    pub(super) fn begin(&self) -> Option<u64> {
        let mut rounds = self.rounds.lock();
        let asked = |rounds: &Rounds| rounds.asked > rounds.begun;
        while rounds.begun > 0 && !asked(&rounds) && !self.stopping() {
            let pending = || self.pending.load(Ordering::Acquire);
            if pending() {
                self.changed.wait_for(&mut rounds, GATHER);
                break;
            }
            if rounds.failed.is_some() {
                self.changed.wait_for(&mut rounds, AGAIN);
                break;
            }
            self.changed.wait(&mut rounds);
        }
        if self.stopping() {
            return None;
        }
        self.pending.store(false, Ordering::Release);
        rounds.begun += 1;
        Some(rounds.begun)
    }

    pub(super) fn finish(&self, round: u64, failed: Option<String>) {
        let mut rounds = self.rounds.lock();
        (rounds.done, rounds.failed) = (round, failed);
        self.changed.notify_all();
    }

    pub(crate) fn stop(&self) {
        let _rounds = self.rounds.lock();
        self.stop.store(true, Ordering::Release);
        self.changed.notify_all();
    }

    /// Waits until all that is committed now has been looked at.
    fn wait(&self) -> Result<()> {
        let mut rounds = self.rounds.lock();
        let target = rounds.begun + 1;
        rounds.asked = rounds.asked.max(target);
        self.changed.notify_all();
        while rounds.done < target {
            if self.stopping() {
                return Err(Error::ShutDown);
            }
            self.changed.wait(&mut rounds);
        }
        match &rounds.failed {
            Some(reason) => Err(Error::Invalid(format!("a monitor: {reason}"))),
            None => Ok(()),
        }
    }
}

impl Engine {
    /// Waits until every monitor has seen all commits up to this call.
    pub fn wait_for_monitors(&self) -> Result<()> {
        self.core().monitors.wait()
    }
}
