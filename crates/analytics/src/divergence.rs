//! How far apart two entities were, as time went.
//!
//! ```text
//!   a   a0--------a1-----------a2------        a point is in force until the next
//!   b         b0---------b1--------b2--
//!             |   |      |     |   |           a distance at every time at which one of them
//!             d   d      d     d   d           moved, from the later birth on
//! ```
//!
//! The series says all there is: between two of its times nothing changes. Its change points are
//! those of a trajectory in one dimension ([`Apart::values`]).

use cvx_core::{Metric, distance};

use crate::{Error, Trajectory};

/// A series of distances; as many times as distances.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Apart {
    /// Microseconds, growing.
    pub ts_us: Vec<i64>,
    /// The metric's, from that time to the next.
    pub distances: Vec<f64>,
}

/// The distances between two entities' points in force. Each needs a point.
pub fn divergence(a: &Trajectory<'_>, b: &Trajectory<'_>, metric: Metric) -> Result<Apart, Error> {
    let mut apart = Apart::default();
    let (Some(a_born), Some(b_born)) = (a.times_us().first(), b.times_us().first()) else {
        return Err(Error::InsufficientData { needed: 1, have: 0 });
    };
    let both = *a_born.max(b_born);
    for ts in merged(a.times_us(), b.times_us()).skip_while(|ts| *ts < both) {
        let (Some(of_a), Some(of_b)) = (a.in_force(ts), b.in_force(ts)) else {
            continue;
        };
        let distance = distance::distance(metric, a.vector(of_a), b.vector(of_b))?;
        if distance.is_nan() {
            return Err(Error::Undetermined("a zero vector has no direction"));
        }
        apart.ts_us.push(ts);
        apart.distances.push(distance);
    }
    Ok(apart)
}

impl Apart {
    /// The distances as vectors of one dimension, for a trajectory over `ts_us`.
    #[must_use]
    pub fn values(&self) -> Vec<f32> {
        self.distances.iter().map(|distance| *distance as f32).collect()
    }
}

/// The times of both, in order, each once.
fn merged<'a>(a: &'a [i64], b: &'a [i64]) -> impl Iterator<Item = i64> + 'a {
    let (mut of_a, mut of_b) = (a.iter().copied().peekable(), b.iter().copied().peekable());
    std::iter::from_fn(move || {
        let next = match (of_a.peek(), of_b.peek()) {
            (Some(a), Some(b)) => *a.min(b),
            (Some(one), None) | (None, Some(one)) => *one,
            (None, None) => return None,
        };
        of_a.next_if_eq(&next);
        of_b.next_if_eq(&next);
        Some(next)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against two maps from time to value and the last entry at or before each time.
        #[test]
        fn it_is_the_distance_of_what_was_in_force(
            a in prop::collection::btree_map(-20..20i64, -5..5i8, 1..10),
            b in prop::collection::btree_map(-20..20i64, -5..5i8, 1..10),
        ) {
            let parts = |map: &BTreeMap<i64, i8>| -> (Vec<i64>, Vec<f32>) {
                map.iter().map(|(ts, value)| (*ts, f32::from(*value))).unzip()
            };
            let ((a_ts, a_values), (b_ts, b_values)) = (parts(&a), parts(&b));
            let one = Trajectory::new(&a_ts, &a_values, 1).unwrap();
            let other = Trajectory::new(&b_ts, &b_values, 1).unwrap();
            let found = divergence(&one, &other, Metric::L2).unwrap();
            let times: BTreeSet<i64> = a.keys().chain(b.keys()).copied().collect();
            let at = |map: &BTreeMap<i64, i8>, ts| map.range(..=ts).next_back().map(|(_, v)| *v);
            let expected: Vec<(i64, f64)> = times
                .into_iter()
                .filter_map(|ts| Some((ts, f64::from(at(&a, ts)? - at(&b, ts)?).abs())))
                .collect();
            let found: Vec<(i64, f64)> = found.ts_us.into_iter().zip(found.distances).collect();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn what_has_no_distance_is_an_error() {
        let some = Trajectory::new(&[0], &[0.0, 0.0], 2).unwrap();
        let none = Trajectory::new(&[], &[], 2).unwrap();
        let lacking = Error::InsufficientData { needed: 1, have: 0 };
        assert_eq!(divergence(&some, &none, Metric::L2), Err(lacking));
        let directionless = divergence(&some, &some, Metric::Cosine);
        assert!(matches!(directionless, Err(Error::Undetermined(_))));
    }
}
