use proptest::prelude::*;

use super::*;
use crate::{Block, Seqs};
use std::sync::atomic::{AtomicUsize, Ordering};

struct Owned {
    dim: usize,
    vectors: Vec<f32>,
    ts: Vec<i64>,
    entities: Vec<u64>,
}

impl Owned {
    fn new(rows: usize, dim: usize) -> Self {
        let mut state = rows as u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 40) as f32 / (1u32 << 24) as f32 - 0.5
        };
        let vectors = (0..rows * dim).map(|_| next()).collect();
        Self { dim, vectors, ts: (0..rows as i64).collect(), entities: (0..rows as u64).collect() }
    }

    fn block(&self) -> Block<'_> {
        Block {
            dim: self.dim,
            vectors: &self.vectors,
            present: None,
            entities: &self.entities,
            ts: &self.ts,
            seqs: Seqs::One(1),
            time_ordered: true,
        }
    }

    fn image(&self, parallel: bool) -> Vec<u8> {
        let options = BuildOptions { parallel, degree: 6, ..BuildOptions::standard(&|| true) };
        build_index(&self.block(), Metric::L2, &options).unwrap()
    }
}

#[test]
fn threads_change_nothing() {
    let rows = Owned::new(3_000, 20);
    assert!(rows.image(true) == rows.image(false), "an image depends on who built it");
}

/// The graph's promises: bounded degree, no link to nowhere or to oneself or twice, all reached.
#[test]
fn every_row_is_reached() {
    let rows = Owned::new(2_500, 12);
    let index = SegmentIndex::open(rows.image(true)).unwrap();
    let lowest = index.graph().lowest().unwrap();
    assert_eq!((index.nodes(), index.layers()), (2_500, 5));
    let (mut reached, mut left) = (vec![false; 2_500], vec![index.0.header().entry]);
    reached[left[0] as usize] = true;
    while let Some(node) = left.pop() {
        let mut links: Vec<u32> = lowest.of(node).collect();
        assert!(links.len() <= 12 && !links.contains(&node));
        links.sort_unstable();
        assert!(links.windows(2).all(|pair| pair[0] < pair[1]), "a link twice");
        for link in links {
            if !std::mem::replace(&mut reached[link as usize], true) {
                left.push(link);
            }
        }
    }
    let lost = reached.iter().filter(|reached| !**reached).count();
    assert_eq!(lost, index.unreachable());
    assert!(lost < 5, "{lost} rows are not reached");
}

#[test]
fn building_stops_when_told() {
    let rows = Owned::new(3_000, 20);
    let asked = AtomicUsize::new(0);
    for patience in [0, 1, 5, 20] {
        asked.store(0, Ordering::Relaxed);
        let go_on = || asked.fetch_add(1, Ordering::Relaxed) < patience;
        let stopped = build_index(&rows.block(), Metric::L2, &BuildOptions::standard(&go_on));
        assert_eq!(stopped, Err(BuildError::Stopped));
    }
}

#[test]
fn no_rows_are_an_index_too() {
    let index = SegmentIndex::open(Owned::new(0, 3).image(false)).unwrap();
    assert_eq!((index.rows(), index.nodes(), index.layers()), (0, 0, 0));
    let index = SegmentIndex::open(Owned::new(1, 3).image(false)).unwrap();
    assert_eq!((index.rows(), index.nodes(), index.edges()), (1, 1, 0));
}

/// Whatever bit flips, and wherever the file ends: an error, since checksums cover every byte
/// that is read.
#[test]
fn damaged_images_are_refused() {
    let image = Owned::new(40, 3).image(false);
    assert!(SegmentIndex::open(image.clone()).is_ok());
    for at in 0..image.len() {
        let mut flipped = image.clone();
        flipped[at] ^= 1 << (at % 8);
        assert!(SegmentIndex::open(flipped).is_err(), "byte {at}");
    }
    for end in (0..image.len()).step_by(7) {
        assert!(SegmentIndex::open(image[..end].to_vec()).is_err(), "cut at {end}");
    }
}

proptest! {
    /// A file whose checksums are right but whose places are not, as a bug of ours would write it.
    #[test]
    fn places_are_checked(section in 4..11usize, at in 0..64usize, value: u32) {
        let image = Owned::new(60, 3).image(false);
        let table = 96 + 16 * section;
        let long = |at: usize| u64::from_le_bytes(image[at..at + 8].try_into().unwrap()) as usize;
        let (start, length) = (long(table), long(table + 8));
        prop_assume!(length >= 4);
        let mut image = image;
        let place = start + at * 4 % length / 4 * 4;
        image[place..place + 4].copy_from_slice(&value.to_le_bytes());
        image::reseal(&mut image);
        if let Ok(index) = SegmentIndex::open(image) {
            let request = crate::Request {
                query: &[0.1, 0.2, 0.3],
                metric: Metric::L2,
                k: 5,
                composite: None,
                cancel: &cvx_core::CancelToken::default(),
            };
            let rows = Owned::new(60, 3);
            let all = crate::Selection::all(60);
            let index = Some(crate::Indexed::alone(&index));
            let part = crate::Part { block: rows.block(), rows: all, index };
            let search = crate::StHnsw { roads: crate::Roads::Walk, ..Default::default() };
            let answer = crate::Search::search(&search, &request, &[part]).unwrap();
            prop_assert_eq!(answer.hits.len(), 5);
        }
    }
}
