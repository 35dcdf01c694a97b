//! What is expected, and how often it was.

use chrono::{DateTime, TimeDelta, TimeZone as _, Utc};
use std::fmt::Debug;
use std::sync::atomic::{AtomicUsize, Ordering};

pub type Failure = Box<dyn std::error::Error + Send + Sync>;

static CHECKS: AtomicUsize = AtomicUsize::new(0);

pub fn count() -> usize {
    CHECKS.load(Ordering::Relaxed)
}

/// Both are the same.
#[track_caller]
pub fn same<T: PartialEq<U> + Debug, U: Debug>(found: T, expected: U) {
    CHECKS.fetch_add(1, Ordering::Relaxed);
    assert!(found == expected, "found {found:?}, expected {expected:?}");
}

/// Midnight so many days into 2024.
pub fn day(n: i64) -> DateTime<Utc> {
    Utc.timestamp_opt(1_704_067_200, 0).unwrap() + TimeDelta::days(n)
}

/// Runs long enough to be stopped.
pub const SLOW: &str = "SELECT count(*) FROM generate_series(1, 200000::bigint) AS a(x),
    generate_series(1, 200000::bigint) AS b(y)";
