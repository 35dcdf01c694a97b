//! Populations and pairs of paths, on one thread: the two-sample test on 10,000 against 10,000
//! rows, the warped distance of two paths of 2,000 points, and the turn between two models of 768
//! dimensions.
//!
//! numpy on the first, for comparison: its kernel matrix alone takes the product
//! `python3 -m timeit -n 1 -r 1 -s 'import numpy as n; m=n.random.rand(20000,768).astype("f4")' 'm@m.T'`

use criterion::{Criterion, criterion_group, criterion_main};
use cvx_analytics::{Band, Cohort, Origin, Rows, Trajectory, classifier_auc, dtw, mmd, procrustes};
use cvx_core::{CancelToken, Metric};

const DIM: usize = 768;
const ROWS: usize = 10_000;
const POINTS: usize = 2_000;

fn cohort(c: &mut Criterion) {
    let (before, after) = (vectors(1, ROWS), vectors(2, ROWS));
    let (before, after) = (rows(&before), rows(&after));
    let cohort = Cohort::new(before, after, ROWS).expect("as many rows on both sides");
    let stop = CancelToken::default();
    let mut group = c.benchmark_group("cohort/10000x10000x768");
    group.sample_size(10);
    group.bench_function("mmd, 199 permutations", |b| {
        b.iter(|| mmd(&cohort, 199, 1, &stop).expect("a test"));
    });
    group.bench_function("classifier auc", |b| {
        b.iter(|| classifier_auc(&cohort, 1).expect("an area"));
    });
    group.bench_function("procrustes", |b| {
        b.iter(|| procrustes(&before, &after, Origin::Moved, &stop).expect("a map"));
    });
    group.finish();
}

fn warped(c: &mut Criterion) {
    let ts: Vec<i64> = (0..POINTS as i64).collect();
    let (a, b) = (vectors(3, POINTS), vectors(4, POINTS));
    let a = Trajectory::new(&ts, &a, DIM).expect("a trajectory");
    let b = Trajectory::new(&ts, &b, DIM).expect("a trajectory");
    let stop = CancelToken::default();
    let mut group = c.benchmark_group("dtw/2000x2000x768");
    group.sample_size(10);
    for (name, band) in [("all", Band::All), ("a tenth", Band::Share(0.1))] {
        group.bench_function(name, |bench| {
            bench.iter(|| dtw(&a, &b, Metric::L2, band, &stop).expect("a distance"));
        });
    }
    group.finish();
}

fn vectors(seed: u64, rows: usize) -> Vec<f32> {
    cvx_benches::vectors(seed, rows, DIM)
}

fn rows(values: &[f32]) -> Rows<'_> {
    Rows::new(values, DIM).expect("whole rows")
}

criterion_group!(benches, cohort, warped);
criterion_main!(benches);
