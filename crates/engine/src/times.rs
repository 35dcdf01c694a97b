//! Commit sequences as they are given out, and the fence that keeps reads repeatable.
//!
//! A commit's sequence is `max(last + 1, wall clock, fence + 1)`. Somebody who reads the state of
//! moment s raises the fence to s: no later commit gets a sequence at or below it. A group that
//! had its sequences before and is still on its way to disk is waited for, since it will be part
//! of that state.

use parking_lot::{Condvar, Mutex};

/// Gives sequences to groups of commits, one group at a time.
#[derive(Debug)]
pub(crate) struct Times {
    state: Mutex<State>,
    settled: Condvar,
}

#[derive(Debug)]
struct State {
    last: u64,
    fence: u64,
    /// The first sequence of the group on its way to disk.
    in_flight: Option<u64>,
}

impl Times {
    pub(crate) fn new(last: u64) -> Self {
        let state = State { last, fence: 0, in_flight: None };
        Self { state: Mutex::new(state), settled: Condvar::new() }
    }

    /// The first of `count` sequences for a group.
    pub(crate) fn assign(&self, count: u64, now: u64) -> u64 {
        let mut state = self.state.lock();
        let first = now.max(state.last + 1).max(state.fence + 1);
        state.last = first + count.max(1) - 1;
        state.in_flight = Some(first);
        first
    }

    /// The group is visible, or will never be.
    pub(crate) fn settle(&self) {
        self.state.lock().in_flight = None;
        self.settled.notify_all();
    }

    /// Keeps later commits above `moment`, or above `now` if that is earlier.
    pub(crate) fn raise_fence(&self, moment: u64, now: u64) {
        let mut state = self.state.lock();
        let now = now.max(state.last);
        state.fence = state.fence.max(moment.min(now));
    }

    /// As `raise_fence`, and waits until what has a sequence up to `moment` is visible.
    pub(crate) fn fence(&self, moment: u64, now: u64) {
        self.raise_fence(moment, now);
        let mut state = self.state.lock();
        while state.in_flight.is_some_and(|first| first <= moment) {
            self.settled.wait(&mut state);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_follow_the_clock_and_never_repeat() {
        let times = Times::new(100);
        assert_eq!(times.assign(3, 50), 101);
        times.settle();
        assert_eq!(times.assign(1, 50), 104);
        times.settle();
        assert_eq!(times.assign(1, 1_000), 1_000);
    }

    #[test]
    fn commits_after_a_read_lie_above_its_moment() {
        let times = Times::new(100);
        times.fence(500, 500);
        assert_eq!(times.assign(1, 400), 501);
        times.settle();
        // The future is nobody's to claim.
        times.fence(u64::MAX, 600);
        assert_eq!(times.assign(1, 0), 601);
    }

    #[test]
    fn a_read_waits_for_the_group_that_belongs_to_it() {
        let times = Times::new(100);
        let first = times.assign(1, 200);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| times.fence(first, 300));
            times.settle();
            assert!(reader.join().is_ok());
        });
    }
}
