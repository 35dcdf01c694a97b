//! The k nearest of a stream, in one order everybody agrees on.
//!
//! The order is product.md's: numbers ascending, then NaN (a zero vector under cosine), then NULL
//! (no vector), ties by the caller's key. It is a total order if the keys are distinct, so the
//! answer does not depend on the order of arrival, on threads, or on how parts were merged.
//!
//! A bounded max-heap: the root is the worst kept, and most candidates are turned away by one
//! comparison with it. I did consider a buffer of 2k cut back by selection: faster for k beyond
//! some thousands, slower where k is 10 and nearly every candidate is refused.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// A distance as it ranks: numbers, then NaN, then NULL (`None`). `-0.0` and `0.0` rank alike.
#[derive(Clone, Copy, Debug)]
pub struct Rank(pub Option<f64>);

impl Ord for Rank {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.0, other.0) {
            (Some(a), Some(b)) => a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan())),
            (a, b) => a.is_none().cmp(&b.is_none()),
        }
    }
}

impl PartialOrd for Rank {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Rank {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Rank {}

/// Keeps the `k` smallest of what is pushed, by (distance, key).
#[derive(Clone, Debug)]
pub struct TopK<K> {
    k: usize,
    heap: BinaryHeap<(Rank, K)>,
}

impl<K: Ord> TopK<K> {
    /// Room grows with what is kept, so a `k` beyond all rows costs nothing.
    #[must_use]
    pub fn new(k: usize) -> Self {
        Self { k, heap: BinaryHeap::new() }
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// The worst distance kept once there are k: nothing beyond it can enter any more.
    #[inline]
    #[must_use]
    pub fn worst(&self) -> Option<Rank> {
        if self.heap.len() < self.k { None } else { self.heap.peek().map(|(rank, _)| *rank) }
    }

    /// Whether a candidate at this distance could enter, its key permitting. Ask it before a key
    /// is made.
    #[inline]
    #[must_use]
    pub fn accepts(&self, distance: Option<f64>) -> bool {
        if self.heap.len() < self.k {
            return true;
        }
        self.heap.peek().is_some_and(|(worst, _)| Rank(distance) <= *worst)
    }

    /// Offers a candidate; returns whether it was kept.
    pub fn push(&mut self, distance: Option<f64>, key: K) -> bool {
        let candidate = (Rank(distance), key);
        if self.heap.len() < self.k {
            self.heap.push(candidate);
            return true;
        }
        match self.heap.peek_mut() {
            Some(mut worst) if candidate < *worst => {
                *worst = candidate;
                true
            }
            _ => false,
        }
    }

    /// Takes over another's candidates.
    pub fn merge(&mut self, other: Self) {
        for (rank, key) in other.heap {
            self.push(rank.0, key);
        }
    }

    /// What was kept, nearest first.
    #[must_use]
    pub fn into_sorted(self) -> Vec<(Option<f64>, K)> {
        self.heap.into_sorted_vec().into_iter().map(|(rank, key)| (rank.0, key)).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn distance() -> impl Strategy<Value = Option<f64>> {
        prop_oneof![
            6 => (-3..3i8).prop_map(|d| Some(f64::from(d) * 0.5)),
            1 => Just(Some(-0.0)),
            1 => Just(Some(f64::NAN)),
            1 => Just(Some(f64::INFINITY)),
            1 => Just(None),
        ]
    }

    /// The order spelled out: class, number, key.
    fn sorted(mut all: Vec<(Option<f64>, u16)>) -> Vec<(Option<f64>, u16)> {
        let class = |d: Option<f64>| match d {
            Some(d) if !d.is_nan() => 0,
            Some(_) => 1,
            None => 2,
        };
        let number = |d: Option<f64>| d.filter(|d| !d.is_nan()).unwrap_or(0.0);
        all.sort_by(|a, b| {
            (class(a.0).cmp(&class(b.0)))
                .then(number(a.0).partial_cmp(&number(b.0)).expect("no NaN left"))
                .then(a.1.cmp(&b.1))
        });
        all
    }

    fn bits(all: Vec<(Option<f64>, u16)>) -> Vec<(Option<u64>, u16)> {
        all.into_iter().map(|(d, key)| (d.map(f64::to_bits), key)).collect()
    }

    proptest! {
        #[test]
        fn keeps_what_sorting_would(distances in prop::collection::vec(distance(), 0..60),
                                    k in 0..70usize, cut in 0..60usize) {
            let all: Vec<_> = distances.into_iter().zip(0..).collect();
            let (left, right) = all.split_at(cut.min(all.len()));
            let mut top = TopK::new(k);
            let mut other = TopK::new(k);
            for (top, part) in [(&mut top, right), (&mut other, left)] {
                for (distance, key) in part {
                    let accepted = top.accepts(*distance);
                    let kept = top.push(*distance, *key);
                    prop_assert!(accepted || !kept);
                }
            }
            top.merge(other);
            let mut expected = sorted(all);
            expected.truncate(k);
            prop_assert_eq!(bits(top.into_sorted()), bits(expected));
        }

        #[test]
        fn worst_is_the_kth(
            distances in prop::collection::vec(distance(), 0..40), k in 1..20usize
        ) {
            let all: Vec<_> = distances.into_iter().zip(0u16..).collect();
            let mut top = TopK::new(k);
            for (distance, key) in &all {
                top.push(*distance, *key);
            }
            let expected = sorted(all).get(k - 1).map(|(d, _)| Rank(*d));
            prop_assert_eq!(top.worst(), expected);
        }
    }
}
