//! The law of [`Search`](crate::Search), asked of what a search found.

use super::Rows;
use crate::{Hit, Request};
use cvx_core::Rank;
use proptest::prelude::*;

/// Whatever a row is ranked by, in the order of the law.
fn key(hit: &Hit) -> impl Ord + use<> {
    (Rank(hit.distance), hit.entity, hit.ts, hit.seq, hit.part, hit.row)
}

/// The answer: all rows compared, and put in order.
pub(crate) fn brute_force(request: &Request<'_>, blocks: &[Rows]) -> Vec<Hit> {
    let blocks = blocks.iter().enumerate();
    let mut all: Vec<Hit> =
        blocks.flat_map(|(number, rows)| rows.candidates(request, number)).collect();
    if request.k < all.len() {
        all.select_nth_unstable_by_key(request.k, key);
        all.truncate(request.k);
    }
    all.sort_by_key(key);
    all
}

/// A distance as it compares: ranks alike, looks alike.
fn bits(distance: Option<f64>) -> Option<u64> {
    distance.map(|d| if d.is_nan() { u64::MAX } else { (d + 0.0).to_bits() })
}

/// How near the rows are that were found.
pub(crate) fn distances(hits: &[Hit]) -> Vec<Option<u64>> {
    hits.iter().map(|hit| bits(hit.distance)).collect()
}

/// The law, whatever was missed: in order, nothing twice, nothing made up.
pub(crate) fn lawful(
    hits: &[Hit],
    blocks: &[Rows],
    request: &Request<'_>,
) -> Result<(), TestCaseError> {
    let all = brute_force(&Request { k: usize::MAX, ..*request }, blocks);
    prop_assert_eq!(hits.len(), all.len().min(request.k));
    prop_assert!(hits.windows(2).all(|pair| key(&pair[0]) < key(&pair[1])));
    for hit in hits {
        let twin = all.iter().find(|other| (other.part, other.row) == (hit.part, hit.row));
        prop_assert_eq!(twin.map(|twin| bits(twin.distance)), Some(bits(hit.distance)));
    }
    Ok(())
}

/// The law, and nothing missed: which of those equally near came is open.
pub(crate) fn complete(
    hits: &[Hit],
    blocks: &[Rows],
    request: &Request<'_>,
) -> Result<(), TestCaseError> {
    lawful(hits, blocks, request)?;
    prop_assert_eq!(distances(hits), distances(&brute_force(request, blocks)));
    Ok(())
}
