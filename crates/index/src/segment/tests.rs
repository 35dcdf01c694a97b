use proptest::prelude::*;

use super::*;
use crate::trial::{Rows, in_cells, request, standard};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Rows of numbers between -0.5 and 0.5.
fn uniform(rows: usize, dim: usize) -> Rows {
    let mut state = rows as u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 40) as f32 / (1u32 << 24) as f32 - 0.5
    };
    Rows::of(dim, (0..rows * dim).map(|_| next()).collect())
}

fn image(rows: &Rows, parallel: bool) -> Vec<u8> {
    image_of(rows, parallel, Quantization::default())
}

fn image_of(rows: &Rows, parallel: bool, quantization: Quantization) -> Vec<u8> {
    let options = BuildOptions { parallel, degree: 6, quantization, ..in_cells() };
    build_index(&rows.block(), Metric::L2, &options).unwrap()
}

/// The image by L1, whose codes have no bits.
fn image_of_l1(rows: &Rows, parallel: bool) -> Vec<u8> {
    let options = BuildOptions { parallel, degree: 6, ..standard() };
    build_index(&rows.block(), Metric::L1, &options).unwrap()
}

#[test]
fn threads_change_nothing() {
    let rows = uniform(3_000, 20);
    for kind in Quantization::ALL {
        let [shared, alone] = [true, false].map(|parallel| image_of(&rows, parallel, kind));
        assert!(shared == alone, "an image of {kind:?} depends on who built it");
    }
    let [shared, alone] = [true, false].map(|parallel| image_of_l1(&rows, parallel));
    assert!(shared == alone, "an image by L1 depends on who built it");
}

/// The graph's promises: bounded degree, no link to nowhere or to oneself or twice, all reached.
#[test]
fn every_row_is_reached() {
    let rows = uniform(2_500, 12);
    let index = SegmentIndex::open(image(&rows, true)).unwrap();
    let lowest = index.graph().lowest().unwrap();
    assert_eq!((index.nodes(), index.layers()), (2_500, 5));
    let (mut reached, mut left) = (vec![false; 2_500], vec![index.0.header().entry]);
    reached[left[0] as usize] = true;
    while let Some(node) = left.pop() {
        let mut links = lowest.of(node).to_vec();
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
    let rows = uniform(3_000, 20);
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
    let index = SegmentIndex::open(image(&uniform(0, 3), false)).unwrap();
    assert_eq!((index.rows(), index.nodes(), index.layers()), (0, 0, 0));
    let index = SegmentIndex::open(image(&uniform(1, 3), false)).unwrap();
    assert_eq!((index.rows(), index.nodes(), index.edges()), (1, 1, 0));
}

/// Whatever bit flips, and wherever the file ends: an error, since checksums cover every byte
/// that is read.
#[test]
fn damaged_images_are_refused() {
    let image = image(&uniform(40, 3), false);
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
        let image = image_of(&uniform(40, 3), false, kind);
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
    let rows = uniform(40, 3);
    let built = image_of_l1(&rows, false);
    assert_eq!(SegmentIndex::open(built.clone()).unwrap().metric(), Metric::L1);
    for at in (0..built.len()).step_by(5) {
        let mut flipped = built.clone();
        flipped[at] ^= 1 << (at % 8);
        assert!(SegmentIndex::open(flipped).is_err(), "byte {at}");
    }
    let with = |image: &[u8], at: usize, number: u32| {
        let mut other = image.to_vec();
        other[at..at + 4].copy_from_slice(&number.to_le_bytes());
        image::reseal(&mut other);
        SegmentIndex::open(other).map(|index| index.metric())
    };
    assert_eq!(with(&built, 12, 3), Ok(Metric::L1));
    for (at, number) in [(88, 1), (88, 2), (92, 1), (92, 3), (12, 0), (12, 4), (12, 5)] {
        assert!(with(&built, at, number).is_err(), "{number} at {at}");
    }
    assert!(with(&image(&rows, false), 12, 3).is_err());
}

/// What kinds are called.
#[test]
fn the_default_kind_is_no_news() {
    let image = image(&uniform(40, 3), false);
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
        let rows = uniform(60, 3);
        let metric = if kind.is_some() { Metric::L2 } else { Metric::L1 };
        let by_l1 = || image_of_l1(&rows, false);
        let image = kind.map_or_else(by_l1, |kind| image_of(&rows, false, kind));
        let table = 128 + 16 * section;
        let long = |at: usize| u64::from_le_bytes(image[at..at + 8].try_into().unwrap()) as usize;
        let (start, length) = (long(table), long(table + 8));
        prop_assume!(length >= 4);
        let mut image = image;
        let place = start + at * 4 % length / 4 * 4;
        image[place..place + 4].copy_from_slice(&value.to_le_bytes());
        image::reseal(&mut image);
        if let Ok(index) = SegmentIndex::open(image) {
            let request = request(&[0.1, 0.2, 0.3], metric, 5);
            let part = rows.under(&index);
            let search = crate::StHnsw { roads, ..Default::default() };
            let answer = crate::Search::search(&search, &request, &[part]).unwrap();
            prop_assert_eq!(answer.hits.len(), 5);
        }
    }
}

/// Rows with the numbers of others, in an order.
fn gathered(blocks: &[Rows], order: &[(usize, usize)]) -> Rows {
    let dim = blocks[0].dim;
    let vector = |(block, row): &(usize, usize)| &blocks[*block].vectors[row * dim..][..dim];
    Rows::of(dim, order.iter().flat_map(vector).copied().collect())
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
        let mut blocks: Vec<_> = sizes.iter().map(|rows| uniform(*rows, dim)).collect();
        if zeros {
            blocks[0].vectors[..dim].fill(0.0);
        }
        if metric == Metric::Poincare {
            let shorter = |block: &mut Rows| block.vectors.iter_mut().for_each(|x| *x *= 0.1);
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
    let (rows, other) = (uniform(40, 8), uniform(50, 8));
    let sketch = |rows: &Rows| sketch_block(&rows.block(), Metric::L2, None).unwrap();
    let (sketch, other) = (sketch(&rows), sketch(&other));
    let graph = SegmentIndex::open(image(&rows, false)).unwrap();
    assert!(gather_sketch(&[sketch.clone(), other], &[(0, 0), (1, 0)]).is_none());
    assert!(gather_sketch(&[graph], &[(0, 0)]).is_none());
    assert!(gather_sketch(&[sketch], &[(0, 40)]).is_none());
}
