use proptest::prelude::*;

use super::*;
use crate::{Block, Seqs, Vectors};
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
            vectors: Vectors::Floats(&self.vectors),
            present: None,
            entities: &self.entities,
            ts: &self.ts,
            seqs: Seqs::One(1),
            time_ordered: true,
        }
    }

    fn image(&self, parallel: bool) -> Vec<u8> {
        self.image_of(parallel, Quantization::default())
    }

    fn image_of(&self, parallel: bool, quantization: Quantization) -> Vec<u8> {
        let standard = BuildOptions::standard(&|| true);
        let (cells_from, cells_anyway) = (1, true);
        let options = BuildOptions {
            parallel,
            degree: 6,
            quantization,
            cells_from,
            cells_anyway,
            ..standard
        };
        build_index(&self.block(), Metric::L2, &options).unwrap()
    }

    /// The image by L1, whose codes have no bits.
    fn image_of_l1(&self, parallel: bool) -> Vec<u8> {
        let options = BuildOptions { parallel, degree: 6, ..BuildOptions::standard(&|| true) };
        build_index(&self.block(), Metric::L1, &options).unwrap()
    }
}

#[test]
fn threads_change_nothing() {
    let rows = Owned::new(3_000, 20);
    for kind in Quantization::ALL {
        let [shared, alone] = [true, false].map(|parallel| rows.image_of(parallel, kind));
        assert!(shared == alone, "an image of {kind:?} depends on who built it");
    }
    let [shared, alone] = [true, false].map(|parallel| rows.image_of_l1(parallel));
    assert!(shared == alone, "an image by L1 depends on who built it");
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
    let times = [0, 1, 5, 20].into_iter().zip(Quantization::ALL);
    for (patience, quantization) in times {
        asked.store(0, Ordering::Relaxed);
        let go_on = || asked.fetch_add(1, Ordering::Relaxed) < patience;
        let options = BuildOptions { quantization, ..BuildOptions::standard(&go_on) };
        let stopped = build_index(&rows.block(), Metric::L2, &options);
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

/// The same of the other kinds, here and there; and a kind that nobody knows.
#[test]
fn damaged_images_of_every_kind_are_refused() {
    for kind in Quantization::ALL {
        let image = Owned::new(40, 3).image_of(false, kind);
        assert_eq!(SegmentIndex::open(image.clone()).unwrap().quantization(), kind);
        for at in (0..image.len()).step_by(1 + image.len() / 400) {
            let mut flipped = image.clone();
            flipped[at] ^= 1 << (at % 8);
            assert!(SegmentIndex::open(flipped).is_err(), "{kind:?}: byte {at}");
            assert!(SegmentIndex::open(image[..at].to_vec()).is_err(), "{kind:?}: cut at {at}");
        }
        // Whole, but of another kind: its arrays are not as long.
        for number in 0..6u32 {
            let mut other = image.clone();
            other[92..96].copy_from_slice(&number.to_le_bytes());
            image::reseal(&mut other);
            let opened = SegmentIndex::open(other).map(|index| index.quantization());
            let right = (number == kind.number()).then_some(kind);
            assert_eq!(opened.ok(), right, "{kind:?} as {number}");
        }
    }
}

/// An image by L1 that says of itself what its codes cannot be: led by bits, or of another kind;
/// and one that has bits, as if it were by L1.
#[test]
fn codes_without_bits_are_bytes_that_lead() {
    let rows = Owned::new(40, 3);
    let image = rows.image_of_l1(false);
    assert_eq!(SegmentIndex::open(image.clone()).unwrap().metric(), Metric::L1);
    for at in (0..image.len()).step_by(5) {
        let mut flipped = image.clone();
        flipped[at] ^= 1 << (at % 8);
        assert!(SegmentIndex::open(flipped).is_err(), "byte {at}");
    }
    let with = |image: &[u8], at: usize, number: u32| {
        let mut other = image.to_vec();
        other[at..at + 4].copy_from_slice(&number.to_le_bytes());
        image::reseal(&mut other);
        SegmentIndex::open(other).map(|index| index.metric())
    };
    assert_eq!(with(&image, 12, 3), Ok(Metric::L1));
    for (at, number) in [(88, 1), (88, 2), (92, 1), (92, 3), (12, 0), (12, 4), (12, 5)] {
        assert!(with(&image, at, number).is_err(), "{number} at {at}");
    }
    assert!(with(&rows.image(false), 12, 3).is_err());
}

/// What kinds are called.
#[test]
fn the_default_kind_is_no_news() {
    let image = Owned::new(40, 3).image(false);
    assert_eq!(image[8..12], 5u32.to_le_bytes());
    assert_eq!(image[92..96], [0; 4]);
    for kind in Quantization::ALL {
        assert_eq!(Quantization::named(kind.name()), Some(kind));
        assert_eq!(Quantization::numbered(kind.number()), Some(kind));
    }
    assert_eq!((Quantization::named("int4"), Quantization::numbered(4)), (None, None));
}

proptest! {
    /// A file whose checksums are right but whose places are not, as a bug of ours would write it.
    #[test]
    fn places_are_checked(
        section in 2..19usize,
        at in 0..64usize,
        roads in prop::sample::select(&[crate::Roads::Walk, crate::Roads::Cells][..]),
        value: u32,
        kind in prop::option::of(prop::sample::select(&Quantization::ALL[..])),
    ) {
        let rows = Owned::new(60, 3);
        let metric = if kind.is_some() { Metric::L2 } else { Metric::L1 };
        let image = kind.map_or_else(|| rows.image_of_l1(false), |kind| rows.image_of(false, kind));
        let table = 128 + 16 * section;
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
                metric,
                k: 5,
                composite: None,
                cancel: &cvx_core::CancelToken::default(),
            };
            let all = crate::Selection::all(60);
            let index = Some(crate::Indexed::alone(&index));
            let part = crate::Part { block: rows.block(), rows: all, index };
            let search = crate::StHnsw { roads, ..Default::default() };
            let answer = crate::Search::search(&search, &request, &[part]).unwrap();
            prop_assert_eq!(answer.hits.len(), 5);
        }
    }
}

/// Rows with the numbers of others, in an order.
fn gathered(blocks: &[Owned], order: &[(usize, usize)]) -> Owned {
    let dim = blocks[0].dim;
    let vector = |(block, row): &(usize, usize)| &blocks[*block].vectors[row * dim..][..dim];
    let count = order.len();
    Owned {
        dim,
        vectors: order.iter().flat_map(vector).copied().collect(),
        ts: (0..count as i64).collect(),
        entities: (0..count as u64).collect(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Copied codes are those that the rows would get where they went.
    #[test]
    fn sketches_are_gathered(
        sizes in prop::collection::vec(1..200usize, 1..4),
        dim in 1..140usize,
        zeros in any::<bool>(),
        mix in any::<u64>(),
        metric in prop::sample::select(&[Metric::Cosine, Metric::L1, Metric::Poincare][..]),
    ) {
        let mut blocks: Vec<_> = sizes.iter().map(|rows| Owned::new(*rows, dim)).collect();
        if zeros {
            blocks[0].vectors[..dim].fill(0.0);
        }
        if metric == Metric::Poincare {
            let shorter = |block: &mut Owned| block.vectors.iter_mut().for_each(|x| *x *= 0.1);
            blocks.iter_mut().for_each(shorter);
        }
        let mut sketches: Vec<SegmentIndex> = Vec::new();
        for block in &blocks {
            let like = sketches.first();
            sketches.push(sketch_block(&block.block(), metric, like).unwrap());
        }
        let rows = |(block, rows): (usize, &usize)| (0..*rows).map(move |row| (block, row));
        let mut order: Vec<_> = sizes.iter().enumerate().flat_map(rows).collect();
        order.sort_by_key(|(block, row)| mix.rotate_left((block * 200 + row) as u32 % 64));
        // Of L1, rows that want another grid get one, and do not go together with the others.
        let first = sketches[0].codes();
        let alike = |sketch: &SegmentIndex| sketch.codes().centre == first.centre;
        let copied = gather_sketch(&sketches, &order);
        prop_assert_eq!(copied.is_some(), sketches.iter().all(alike));
        prop_assert!(copied.is_some() || metric == Metric::L1);
        let Some(copied) = copied else { return Ok(()) };
        let rows = gathered(&blocks, &order);
        let made = sketch_block(&rows.block(), metric, Some(&sketches[0])).unwrap();
        prop_assert_eq!(copied.codes().bits, made.codes().bits);
        prop_assert_eq!(copied.codes().bytes, made.codes().bytes);
        prop_assert_eq!(copied.codes().blocks, made.codes().blocks);
        prop_assert_eq!(copied.loose(), made.loose());
    }
}

#[test]
fn sketches_of_other_rows_do_not_go_together() {
    let (rows, other) = (Owned::new(40, 8), Owned::new(50, 8));
    let sketch = |rows: &Owned| sketch_block(&rows.block(), Metric::L2, None).unwrap();
    let (sketch, other) = (sketch(&rows), sketch(&other));
    let graph = SegmentIndex::open(rows.image(false)).unwrap();
    assert!(gather_sketch(&[sketch.clone(), other], &[(0, 0), (1, 0)]).is_none());
    assert!(gather_sketch(&[graph], &[(0, 0)]).is_none());
    assert!(gather_sketch(&[sketch], &[(0, 40)]).is_none());
}
