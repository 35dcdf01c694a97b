//! L1, whose codes are bytes on a grid, and Poincaré's distance, whose codes are of points on the
//! hyperboloid, find as much as the others.

use cvx_core::{Composite, Decay, Metric, ValidTime};

use super::*;
use crate::segment::{BuildOptions, Lead, sketch_block};
use crate::trial::{Chosen, Measured, Rows, cloud, cloud_of, indexed, measure, request, standard};
use crate::{Quantization, SegmentIndex, trial};

fn index(rows: &Rows, metric: Metric, quantization: Quantization) -> SegmentIndex {
    let options = BuildOptions { parallel: true, quantization, ..standard() };
    trial::index(&rows.block(), metric, &options).unwrap()
}

/// Into the unit ball: each vector as long as this, its own length deciding between the ends.
fn into_ball(vectors: &mut [f32], dim: usize, ends: (f64, f64)) {
    for vector in vectors.chunks_exact_mut(dim) {
        let norm = cvx_core::distance::norm(vector);
        let radius = ends.0 + (ends.1 - ends.0) * (norm.fract() + 0.01).min(1.0);
        vector.iter_mut().for_each(|x| *x = (f64::from(*x) / norm * radius) as f32);
    }
}

/// Walks and sifts, all rows and a fifth of them, with time and without.
fn serves(rows: &Rows, index: &SegmentIndex, queries: &[Vec<f32>], most: usize) {
    let what = format!("{:?} of {} dimensions", index.metric(), rows.dim);
    for roads in [Roads::Walk, Roads::Sift] {
        let search = StHnsw { roads, ..StHnsw::default() };
        let found = measure(&search, rows, index, queries, None);
        let Measured { recall, scores, distances, .. } = found;
        assert!(recall >= 0.95, "{what} by {roads:?}: recall {recall} for {scores} scores");
        assert!(distances <= most, "{what} by {roads:?}: {distances} compared");
    }
    let count = rows.ts.len() as u32;
    let fifth = (0..count).filter(|row| row % 5 == 0).collect();
    let some = Rows { chosen: Chosen::List(fifth), ..rows.clone() };
    let search = StHnsw { roads: Roads::Codes, ..StHnsw::default() };
    let filtered = measure(&search, &some, index, queries, None);
    assert!(filtered.recall >= 0.95, "{what}, a fifth: recall {}", filtered.recall);
    let composite = Composite::new(0.5, ValidTime(2_500_000), 1e6, Decay::Linear).unwrap();
    let timed = measure(&search, rows, index, queries, Some(composite));
    assert!(timed.recall >= 0.95, "{what}, with time: recall {}", timed.recall);
}

#[test]
fn l1_is_found_by_bytes_that_are_not_rotated() {
    for (dim, centres, width) in [(96, 50, 0.15), (384, 60, 0.5)] {
        let (rows, queries) = cloud_of(41, 6_000, dim, centres, width);
        let index = index(&rows, Metric::L1, Quantization::Int8);
        assert_eq!((index.lead(), index.codes().bits.len()), (Lead::Bytes, 0));
        serves(&rows, &index, &queries, 60);
    }
}

/// So many rows as a merged index has, of few coordinates: whatever is built for many rows is built
/// of codes that have no bits, or none around a centre, too.
#[test]
fn many_rows_are_one_index_by_any_metric() {
    let (mut rows, mut queries) = cloud_of(47, 100_500, 8, 2_000, 0.1);
    into_ball(&mut rows.vectors, 8, (0.1, 0.9));
    queries.iter_mut().for_each(|query| into_ball(query, 8, (0.1, 0.9)));
    let options = BuildOptions { degree: 6, ef_construction: 24, parallel: true, ..standard() };
    for metric in [Metric::L1, Metric::Poincare] {
        let index = trial::index(&rows.block(), metric, &options).unwrap();
        let search = StHnsw { roads: Roads::Codes, ..StHnsw::default() };
        let Measured { recall, .. } = measure(&search, &rows, &index, &queries, None);
        assert!(recall >= 0.95, "{metric:?}: recall {recall}");
    }
}

/// Of rows without structure a wider walk finds as much.
#[test]
fn l1_of_rows_without_structure_wants_a_wider_walk() {
    let (rows, queries) = cloud(42, 6_000, 96, 0);
    let index = index(&rows, Metric::L1, Quantization::Int8);
    let search = StHnsw { ef: 160, roads: Roads::Walk, ..StHnsw::default() };
    let Measured { recall, scores, .. } = measure(&search, &rows, &index, &queries, None);
    assert!(recall >= 0.95, "recall {recall} for {scores} scores");
}

/// One row that is a million times longer than the others, and a coordinate that is a hundred times
/// larger: neither takes the grid from the rest.
#[test]
fn a_few_large_numbers_leave_l1_its_grid() {
    let (mut rows, mut queries) = cloud(43, 4_000, 96, 40);
    rows.vectors[17 * 96..18 * 96].iter_mut().for_each(|x| *x *= 1e6);
    for vectors in std::iter::once(&mut rows.vectors).chain(&mut queries) {
        vectors.iter_mut().step_by(96).for_each(|x| *x *= 100.0);
    }
    let index = index(&rows, Metric::L1, Quantization::Int8);
    for roads in [Roads::Walk, Roads::Sift] {
        let search = StHnsw { roads, ..StHnsw::default() };
        let Measured { recall, distances, .. } = measure(&search, &rows, &index, &queries, None);
        assert!(recall >= 0.95, "by {roads:?}: recall {recall}, {distances} compared");
    }
    // And the row that lies beyond is found where it is.
    let far: Vec<f32> = rows.vectors[17 * 96..18 * 96].to_vec();
    let parts = [rows.under(&index)];
    for roads in [Roads::Walk, Roads::Sift] {
        let request = request(&far, Metric::L1, 1);
        let search = StHnsw { roads, ..StHnsw::default() };
        let hits = search.search(&request, &parts).unwrap().hits;
        assert_eq!((hits[0].row, hits[0].distance), (17, Some(0.0)), "{roads:?}");
    }
}

/// Fresh rows that lie elsewhere, or spread further or less than those that the first sketch was
/// made of, get a grid of their own, and are found by it.
#[test]
fn fresh_rows_by_l1_have_a_grid_that_fits() {
    let (rows, queries) = cloud(46, 3_000, 96, 30);
    let far = |change: fn(f32) -> f32| {
        let vectors = rows.vectors.iter().map(|x| change(*x)).collect();
        Rows { vectors, ..rows.clone() }
    };
    let firsts = [far(|_| 1.0), far(|x| x * 1e3), far(|x| x * 1e-3), far(|x| x + 1e3)];
    for (at, first) in firsts.iter().chain([&rows]).enumerate() {
        let like = sketch_block(&first.block(), Metric::L1, None).unwrap();
        let sketch = sketch_block(&rows.block(), Metric::L1, Some(&like)).unwrap();
        assert_eq!(sketch.codes().centre == like.codes().centre, at == firsts.len());
        let search = StHnsw { roads: Roads::Codes, ..StHnsw::default() };
        let Measured { recall, distances, .. } = measure(&search, &rows, &sketch, &queries, None);
        assert!(recall >= 0.99 && distances <= 60, "after {at}: {recall}, {distances} compared");
    }
}

/// In the middle of the ball and near to its boundary, in few dimensions and many.
#[test]
fn the_ball_is_searched_by_its_hyperboloid() {
    for (dim, ends) in [(16, (0.1, 0.9)), (96, (0.3, 0.95)), (384, (0.5, 0.99))] {
        let (mut rows, mut queries) = cloud_of(44, 4_000, dim, 50, 0.4);
        into_ball(&mut rows.vectors, dim, ends);
        queries.iter_mut().for_each(|query| into_ball(query, dim, ends));
        let kinds = if dim == 96 { &Quantization::ALL[..] } else { &Quantization::ALL[..1] };
        for quantization in kinds.iter().copied() {
            let index = index(&rows, Metric::Poincare, quantization);
            let most = if quantization == Quantization::Pq { 3_000 } else { 400 };
            serves(&rows, &index, &queries, most);
        }
    }
}

/// A row outside of the ball has no distance, whatever road a search takes; one that is left out
/// does no harm.
#[test]
fn rows_outside_of_the_ball_are_an_error_by_any_road() {
    let (mut rows, mut queries) = cloud(45, 2_000, 96, 20);
    into_ball(&mut rows.vectors, 96, (0.2, 0.8));
    into_ball(&mut queries[0], 96, (0.2, 0.8));
    rows.vectors[500 * 96..501 * 96].fill(1.0);
    let metric = Metric::Poincare;
    let request = request(&queries[0], metric, 5);
    let sketch = sketch_block(&rows.block(), metric, None).unwrap();
    let all = [Some(index(&rows, metric, Quantization::Int8)), Some(sketch), None];
    for index in &all {
        let index = std::slice::from_ref(index);
        let outside = Err(Error::Distance(cvx_core::DistanceError::OutsideBall));
        let whole = indexed(std::slice::from_ref(&rows), index);
        assert_eq!(StHnsw::default().search(&request, &whole), outside);
        let before = Rows { chosen: Chosen::Range(0..500), ..rows.clone() };
        let parts = indexed(std::slice::from_ref(&before), index);
        assert_eq!(StHnsw::default().search(&request, &parts).unwrap().hits.len(), 5);
    }
}
